//! Parameter Store: what stacks write down for other tools.

use super::error::AwsError;
use super::session::Session;

/// All parameters below `path`, names with values, sorted by name; values of secure ones are decrypted.
pub async fn below(session: &Session, path: &str) -> Result<Vec<(String, String)>, AwsError> {
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let page = session
            .ssm()
            .get_parameters_by_path()
            .path(path)
            .recursive(true)
            .with_decryption(true)
            // The most that the service gives at once.
            .max_results(10)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| AwsError::of("Systems Manager", "GetParametersByPath", error))?;
        token = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        let parameters = page.parameters.unwrap_or_default().into_iter();
        found.extend(parameters.filter_map(|one| Some((one.name?, one.value?))));
        if token.is_none() {
            found.sort();
            return Ok(found);
        }
    }
}
