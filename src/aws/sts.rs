//! STS: who we are.

use super::error::AwsError;
use super::session::Session;

/// Who the credentials belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Twelve digits.
    pub account: String,
    /// The ARN of the user or of the assumed role's session.
    pub arn: String,
}

/// Asks who we are; needs no permission.
pub async fn caller_identity(session: &Session) -> Result<Identity, AwsError> {
    let answer = session
        .sts()
        .get_caller_identity()
        .send()
        .await
        .map_err(|error| AwsError::of("STS", "GetCallerIdentity", error))?;
    Ok(Identity {
        account: answer.account.unwrap_or_default(),
        arn: answer.arn.unwrap_or_default(),
    })
}
