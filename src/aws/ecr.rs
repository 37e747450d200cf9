//! ECR: which repositories there are.

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
