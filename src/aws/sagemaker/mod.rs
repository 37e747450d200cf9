//! SageMaker: which names are taken, endpoints, jobs and the model registry.
//!
//! Requests come in, and descriptions go out, as JSON in the words of SageMaker's API reference: what was shipped is
//! recorded so, and can be sent again.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_sagemaker::types::{Tag, VpcConfig};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::Value as Json;

use super::error::AwsError;
use super::session::Session;

pub mod endpoints;
pub mod jobs;
pub mod registry;

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

/// The tags of the resource with this ARN.
///
/// # Errors
/// Whatever keeps the answer away.
pub async fn tags(session: &Session, arn: &str) -> Result<BTreeMap<String, String>, AwsError> {
    let mut found = BTreeMap::new();
    let mut token = None;
    loop {
        let call = session.sagemaker().list_tags().resource_arn(arn).set_next_token(token);
        let page = call
            .send()
            .await
            .map_err(|error| AwsError::of("SageMaker", "ListTags", error))?;
        token = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        let tags = page.tags.unwrap_or_default().into_iter();
        found.extend(tags.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default())));
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// Whether an error says that there is no such thing: SageMaker calls that a request that is not valid.
pub(super) fn is_absent(error: &AwsError) -> bool {
    let says = |part: &str| error.message.contains(part);
    error.code.as_deref().is_some_and(|code| code.contains("NotFound"))
        || says("Could not find")
        || says("Requested resource not found")
        || says("does not exist")
}

/// Whether an error says that a thing of this name is there already.
pub(super) fn is_taken(error: &AwsError) -> bool {
    let says = |part: &str| error.message.contains(part);
    says("already existing") || says("already exists") || error.code.as_deref() == Some("ResourceInUse")
}

/// The text at `pointer` of a request.
fn text(request: &Json, pointer: &str) -> Option<String> {
    request.pointer(pointer).and_then(Json::as_str).map(str::to_owned)
}

/// The whole number at `pointer` of a request.
fn number(request: &Json, pointer: &str) -> Option<i32> {
    let number = request.pointer(pointer).and_then(Json::as_i64)?;
    i32::try_from(number).ok()
}

fn flag(request: &Json, pointer: &str) -> Option<bool> {
    request.pointer(pointer).and_then(Json::as_bool)
}

/// The items of the list at `pointer` of a request.
fn items<'a>(request: &'a Json, pointer: &str) -> impl Iterator<Item = &'a Json> {
    request.pointer(pointer).and_then(Json::as_array).into_iter().flatten()
}

fn texts(request: &Json, pointer: &str) -> Option<Vec<String>> {
    let all: Vec<String> = items(request, pointer)
        .filter_map(Json::as_str)
        .map(str::to_owned)
        .collect();
    (!all.is_empty()).then_some(all)
}

fn strings(request: &Json, pointer: &str) -> Option<HashMap<String, String>> {
    let table = request.pointer(pointer)?.as_object()?;
    let text = |(name, value): (&String, &Json)| Some((name.clone(), value.as_str()?.to_owned()));
    Some(table.iter().filter_map(text).collect())
}

fn tag_list(request: &Json) -> Option<Vec<Tag>> {
    let tag = |tag: &Json| {
        Tag::builder()
            .set_key(text(tag, "/Key"))
            .set_value(text(tag, "/Value"))
            .build()
    };
    Some(items(request, "/Tags").map(tag).collect())
}

fn vpc(request: &Json, pointer: &str) -> Option<VpcConfig> {
    let vpc = request.pointer(pointer)?;
    Some(
        VpcConfig::builder()
            .set_security_group_ids(texts(vpc, "/SecurityGroupIds"))
            .set_subnets(texts(vpc, "/Subnets"))
            .build(),
    )
}

/// A moment as RFC 3339.
fn moment(at: Option<&DateTime>) -> Option<String> {
    at?.fmt(Format::DateTime).ok()
}
