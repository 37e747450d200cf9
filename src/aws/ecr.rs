//! ECR: which repositories there are, and the login to its registry.

use std::collections::BTreeSet;

use super::error::AwsError;
use super::session::Session;

/// The names of all repositories of the registry. Asking for some by name fails as a whole if one does not exist.
pub async fn repositories(session: &Session) -> Result<BTreeSet<String>, AwsError> {
    let mut found = BTreeSet::new();
    let mut token = None;
    loop {
        let page = session
            .ecr()
            .describe_repositories()
            .max_results(1_000)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| AwsError::of("ECR", "DescribeRepositories", error))?;
        token = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        let names = page.repositories.unwrap_or_default();
        found.extend(names.into_iter().filter_map(|one| one.repository_name));
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// A login to the registry. It says nothing of itself when it is printed.
#[derive(Clone)]
pub struct Login {
    /// The URL of the registry, without a slash at its end: `https://111122223333.dkr.ecr.us-east-1.amazonaws.com`.
    pub endpoint: String,
    /// What follows `Basic` in the header `authorization`.
    pub basic: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// Logs in to the account's registry, for twelve hours (GetAuthorizationToken in the API reference of ECR).
pub async fn login(session: &Session) -> Result<Login, AwsError> {
    let answer = session
        .ecr()
        .get_authorization_token()
        .send()
        .await
        .map_err(|error| AwsError::of("ECR", "GetAuthorizationToken", error))?;
    let found = answer.authorization_data().iter().find_map(|one| {
        Some(Login {
            endpoint: one.proxy_endpoint()?.trim_end_matches('/').to_owned(),
            basic: one.authorization_token()?.to_owned(),
        })
    });
    found.ok_or_else(|| AwsError {
        service: "ECR",
        operation: "GetAuthorizationToken",
        code: None,
        message: "the answer holds no login".to_owned(),
        request_id: None,
        kind: super::error::Kind::Other,
    })
}
