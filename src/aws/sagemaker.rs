//! SageMaker: which names are taken.

use super::error::AwsError;
use super::session::Session;

/// Whether an endpoint of this name exists.
pub async fn has_endpoint(session: &Session, name: &str) -> Result<bool, AwsError> {
    let mut token = None;
    loop {
        let page = session
            .sagemaker()
            .list_endpoints()
            .name_contains(name)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| AwsError::of("SageMaker", "ListEndpoints", error))?;
        token = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        let found = page.endpoints().iter().any(|one| one.endpoint_name() == Some(name));
        if found || token.is_none() {
            return Ok(found);
        }
    }
}

/// Whether a notebook instance of this name exists.
pub async fn has_notebook(session: &Session, name: &str) -> Result<bool, AwsError> {
    let mut token = None;
    loop {
        let page = session
            .sagemaker()
            .list_notebook_instances()
            .name_contains(name)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| AwsError::of("SageMaker", "ListNotebookInstances", error))?;
        token = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        let notebooks = page.notebook_instances();
        let found = notebooks.iter().any(|one| one.notebook_instance_name() == Some(name));
        if found || token.is_none() {
            return Ok(found);
        }
    }
}

/// Whether a group of the model registry has this name.
pub async fn has_model_group(session: &Session, name: &str) -> Result<bool, AwsError> {
    let mut token = None;
    loop {
        let page = session
            .sagemaker()
            .list_model_package_groups()
            .name_contains(name)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| AwsError::of("SageMaker", "ListModelPackageGroups", error))?;
        token = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        let groups = page.model_package_group_summary_list();
        let found = groups.iter().any(|one| one.model_package_group_name() == Some(name));
        if found || token.is_none() {
            return Ok(found);
        }
    }
}
