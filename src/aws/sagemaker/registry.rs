//! The model registry: versions of models in groups.

use aws_sdk_sagemaker::types::{
    InferenceSpecification, ModelApprovalStatus, ModelPackageContainerDefinition, ModelPackageType,
};
use serde_json::Value as Json;

use super::super::error::AwsError;
use super::super::session::Session;
use super::{is_absent, items, strings, tag_list, text, texts};

/// A version in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its number.
    pub number: u32,
    /// Its ARN.
    pub arn: String,
    /// `Approved`, `Rejected`, `PendingManualApproval`.
    pub approval: String,
    /// `Completed`, `Failed`, `InProgress`, `Pending`, `Deleting`.
    pub status: String,
}

/// A version, described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its number.
    pub number: u32,
    /// Where its model is; none if it has none.
    pub uri: Option<String>,
    /// What the author wrote about it.
    pub metadata: std::collections::BTreeMap<String, String>,
}

/// The versions of a group, the newest first; none if there is no such group.
///
/// # Errors
/// Whatever keeps the answer away.
pub async fn versions(session: &Session, group: &str) -> Result<Option<Vec<Version>>, AwsError> {
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let call = session
            .sagemaker()
            .list_model_packages()
            .model_package_group_name(group)
            // Without it, only packages that are in no group are listed ("ListModelPackages", SageMaker API Reference).
            .model_package_type(ModelPackageType::Versioned)
            .max_results(100)
            .set_next_token(token);
        let page = match call.send().await {
            Ok(page) => page,
            Err(error) => {
                let error = AwsError::of("SageMaker", "ListModelPackages", error);
                return if is_absent(&error) { Ok(None) } else { Err(error) };
            }
        };
        token = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        for one in page.model_package_summary_list() {
            let number = one
                .model_package_version()
                .and_then(|number| u32::try_from(number).ok());
            found.push(Version {
                number: number.unwrap_or_default(),
                arn: one.model_package_arn().unwrap_or_default().to_owned(),
                approval: one
                    .model_approval_status()
                    .map(|status| status.as_str().to_owned())
                    .unwrap_or_default(),
                status: one
                    .model_package_status()
                    .map(|status| status.as_str().to_owned())
                    .unwrap_or_default(),
            });
        }
        if token.is_none() {
            found.sort_by_key(|version| std::cmp::Reverse(version.number));
            return Ok(Some(found));
        }
    }
}

/// Describes a version by its ARN; none if there is none.
///
/// # Errors
/// Whatever keeps the answer away.
pub async fn describe(session: &Session, arn: &str) -> Result<Option<Package>, AwsError> {
    let call = session.sagemaker().describe_model_package().model_package_name(arn);
    let found = match call.send().await {
        Ok(found) => found,
        Err(error) => {
            let error = AwsError::of("SageMaker", "DescribeModelPackage", error);
            return if is_absent(&error) { Ok(None) } else { Err(error) };
        }
    };
    let container = found
        .inference_specification()
        .and_then(|specification| specification.containers().first());
    let uri = container.and_then(|container| {
        let source = container.model_data_source().and_then(|source| source.s3_data_source());
        let uri = source.and_then(|source| source.s3_uri());
        uri.or(container.model_data_url()).map(str::to_owned)
    });
    let number = found
        .model_package_version()
        .and_then(|number| u32::try_from(number).ok());
    let metadata = found.customer_metadata_properties().into_iter().flatten();
    Ok(Some(Package {
        number: number.unwrap_or_default(),
        uri,
        metadata: metadata.map(|(key, value)| (key.clone(), value.clone())).collect(),
    }))
}

/// Registers a version from a request of `CreateModelPackage`, and gives its ARN. The request's `ClientToken` makes that
/// safe to repeat.
///
/// # Errors
/// What SageMaker refuses, and whatever keeps the answer away.
pub async fn register(session: &Session, request: &Json) -> Result<String, AwsError> {
    let containers = items(request, "/InferenceSpecification/Containers").map(|container| {
        ModelPackageContainerDefinition::builder()
            .set_image(text(container, "/Image"))
            .set_model_data_url(text(container, "/ModelDataUrl"))
            .build()
    });
    let specification = InferenceSpecification::builder()
        .set_containers(Some(containers.collect()))
        .set_supported_content_types(texts(request, "/InferenceSpecification/SupportedContentTypes"))
        .set_supported_response_mime_types(texts(request, "/InferenceSpecification/SupportedResponseMIMETypes"))
        .build();
    let approval = text(request, "/ModelApprovalStatus").map(|status| ModelApprovalStatus::from(status.as_str()));
    let call = session
        .sagemaker()
        .create_model_package()
        .set_model_package_group_name(text(request, "/ModelPackageGroupName"))
        .set_model_package_description(text(request, "/ModelPackageDescription"))
        .inference_specification(specification)
        .set_model_approval_status(approval)
        .set_customer_metadata_properties(strings(request, "/CustomerMetadataProperties"))
        .set_client_token(text(request, "/ClientToken"))
        .set_tags(tag_list(request));
    let made = call
        .send()
        .await
        .map_err(|error| AwsError::of("SageMaker", "CreateModelPackage", error))?;
    Ok(made.model_package_arn().unwrap_or_default().to_owned())
}
