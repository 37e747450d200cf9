//! CloudFormation: the calls that planning and executing need, each as plain data in and out.
//!
//! Nothing here waits for an end or decides: the engine does. Changes carry client tokens, so that repeating a call whose
//! answer was lost is harmless.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::{
    Capability, ChangeSetType, OnStackFailure, Parameter, ResourceChange as SdkChange, Stack, StackEvent as SdkEvent,
    Tag,
};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use super::changes;
use super::error::{AwsError, Kind};
use super::session::Session;
use crate::plan::{LiveStack, ResourceChange};

const SERVICE: &str = "CloudFormation";

/// Templates up to this size travel in the call itself, larger ones by URL ("CloudFormation quotas").
pub const TEMPLATE_BODY_BYTES: usize = 51_200;

/// No answer of ours has more pages than this; a service that never ends its paging is not followed for ever.
const PAGES: usize = 1_000;

/// The stack with this name or ARN, none if there is none. Deleted stacks are found by ARN only.
pub async fn describe_stack(session: &Session, name_or_arn: &str) -> Result<Option<LiveStack>, AwsError> {
    let answer = session
        .cloudformation()
        .describe_stacks()
        .stack_name(name_or_arn)
        .send()
        .await;
    match answer.map_err(|error| AwsError::of(SERVICE, "DescribeStacks", error)) {
        Ok(answer) => Ok(answer.stacks().first().map(live_stack)),
        Err(error) if error.kind == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The first page of all stacks of the account and region, and whether there are more pages.
pub async fn first_stacks(session: &Session) -> Result<(Vec<LiveStack>, bool), AwsError> {
    let answer = session
        .cloudformation()
        .describe_stacks()
        .send()
        .await
        .map_err(|error| AwsError::of(SERVICE, "DescribeStacks", error))?;
    Ok((
        answer.stacks().iter().map(live_stack).collect(),
        answer.next_token().is_some(),
    ))
}

/// All stacks of the account and region, page by page.
pub async fn describe_stacks(session: &Session) -> Result<Vec<LiveStack>, AwsError> {
    let mut stacks = Vec::new();
    let mut token = None;
    for _ in 0..PAGES {
        let answer = session
            .cloudformation()
            .describe_stacks()
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| AwsError::of(SERVICE, "DescribeStacks", error))?;
        stacks.extend(answer.stacks().iter().map(live_stack));
        token = answer.next_token;
        if token.is_none() {
            break;
        }
    }
    Ok(stacks)
}

/// Where a template is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateSource {
    /// In the call; at most [`TEMPLATE_BODY_BYTES`].
    Body(String),
    /// In S3: an https URL.
    Url(String),
}

/// What a change set is made from.
#[derive(Debug, Clone)]
pub struct ChangeSetRequest {
    /// The stack's name, or its ARN if it exists.
    pub stack_name: String,
    /// Whether the stack is to be created.
    pub create: bool,
    /// The template.
    pub template: TemplateSource,
    /// Parameter values.
    pub parameters: BTreeMap<String, String>,
    /// The stack's tags.
    pub tags: BTreeMap<String, String>,
    /// `CAPABILITY_IAM`, …
    pub capabilities: Vec<String>,
    /// Delete the stack if its creation fails; only for a creation.
    pub delete_on_failure: bool,
    /// Shown in the console.
    pub description: String,
}

/// The ARNs of a change set and of its stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeSetIds {
    /// The change set's ARN.
    pub change_set: String,
    /// The stack's ARN.
    pub stack: String,
}

/// Begins to make a change set. `name` has to be unique, as names are unsafe to use again quickly
/// (aws-cdk-cli issue 1404); it serves as the client token too, so the same call may be repeated.
pub async fn create_change_set(
    session: &Session,
    request: &ChangeSetRequest,
    name: &str,
) -> Result<ChangeSetIds, AwsError> {
    let call = session
        .cloudformation()
        .create_change_set()
        .stack_name(&request.stack_name)
        .change_set_name(name)
        .client_token(name)
        .change_set_type(if request.create {
            ChangeSetType::Create
        } else {
            ChangeSetType::Update
        })
        .description(&request.description)
        .set_parameters(Some(
            request
                .parameters
                .iter()
                .map(|(key, value)| Parameter::builder().parameter_key(key).parameter_value(value).build())
                .collect(),
        ))
        .set_tags(Some(
            request
                .tags
                .iter()
                .map(|(key, value)| Tag::builder().key(key).value(value).build())
                .collect(),
        ))
        .set_capabilities(Some(
            request
                .capabilities
                .iter()
                .map(|name| Capability::from(name.as_str()))
                .collect(),
        ));
    let call = match &request.template {
        TemplateSource::Body(text) => call.template_body(text),
        TemplateSource::Url(url) => call.template_url(url),
    };
    let call = if request.create && request.delete_on_failure {
        call.on_stack_failure(OnStackFailure::Delete)
    } else {
        call
    };
    let answer = call
        .send()
        .await
        .map_err(|error| AwsError::of(SERVICE, "CreateChangeSet", error))?;
    match (answer.id, answer.stack_id) {
        (Some(change_set), Some(stack)) => Ok(ChangeSetIds { change_set, stack }),
        _ => Err(incomplete("CreateChangeSet", "the answer names no change set")),
    }
}

/// A change set as far as it is made.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeSet {
    /// Its ARN.
    pub id: String,
    /// The stack's ARN.
    pub stack_id: String,
    /// How far it is.
    pub progress: Progress,
    /// `AVAILABLE`, `EXECUTE_IN_PROGRESS`, `OBSOLETE`, …
    pub execution_status: String,
    /// What it would do.
    pub changes: Vec<ResourceChange>,
}

/// How far a change set is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Being made.
    Pending,
    /// Complete.
    Ready,
    /// There is nothing to change. CloudFormation calls that a failure.
    Empty,
    /// It cannot be made.
    Failed(String),
}

/// The change set with this ARN. All its pages are read once it is complete.
pub async fn describe_change_set(session: &Session, arn: &str) -> Result<ChangeSet, AwsError> {
    let mut result: Option<ChangeSet> = None;
    let mut token = None;
    for _ in 0..PAGES {
        let answer = session
            .cloudformation()
            .describe_change_set()
            .change_set_name(arn)
            .include_property_values(true)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| AwsError::of(SERVICE, "DescribeChangeSet", error))?;
        let page = answer
            .changes()
            .iter()
            .filter_map(|change| change.resource_change())
            .map(changes::resource_change);
        let set = result.get_or_insert_with(|| ChangeSet {
            id: answer.change_set_id.clone().unwrap_or_else(|| arn.to_owned()),
            stack_id: answer.stack_id.clone().unwrap_or_default(),
            progress: progress(
                answer.status().map_or("", |status| status.as_str()),
                answer.status_reason().unwrap_or_default(),
            ),
            execution_status: answer
                .execution_status()
                .map_or("", |status| status.as_str())
                .to_owned(),
            changes: Vec::new(),
        });
        set.changes.extend(page);
        token = answer.next_token.clone();
        if token.is_none() {
            break;
        }
    }
    result.ok_or_else(|| incomplete("DescribeChangeSet", "the answer is empty"))
}

/// The change sets of a stack with their execution statuses.
pub async fn list_change_sets(session: &Session, stack_arn: &str) -> Result<Vec<(String, String)>, AwsError> {
    let answer = session
        .cloudformation()
        .list_change_sets()
        .stack_name(stack_arn)
        .send()
        .await
        .map_err(|error| AwsError::of(SERVICE, "ListChangeSets", error))?;
    Ok(answer
        .summaries()
        .iter()
        .filter_map(|summary| {
            let status = summary.execution_status().map_or("", |status| status.as_str());
            Some((summary.change_set_id()?.to_owned(), status.to_owned()))
        })
        .collect())
}

/// What CloudFormation does with resources that were made when a later one fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rollback {
    /// Rolls back, or deletes if the change set was made with `delete_on_failure`.
    Yes,
    /// Leaves everything as it is. Excludes `delete_on_failure`.
    No,
}

/// Executes a change set; `token` makes a repetition harmless.
pub async fn execute_change_set(session: &Session, arn: &str, token: &str, rollback: Rollback) -> Result<(), AwsError> {
    let call = session
        .cloudformation()
        .execute_change_set()
        .change_set_name(arn)
        .client_request_token(token);
    let call = match rollback {
        Rollback::Yes => call,
        Rollback::No => call.disable_rollback(true),
    };
    call.send()
        .await
        .map_err(|error| AwsError::of(SERVICE, "ExecuteChangeSet", error))?;
    Ok(())
}

/// Deletes a change set; one that is gone already is fine.
pub async fn delete_change_set(session: &Session, arn: &str) -> Result<(), AwsError> {
    let answer = session
        .cloudformation()
        .delete_change_set()
        .change_set_name(arn)
        .send()
        .await;
    match answer.map_err(|error| AwsError::of(SERVICE, "DeleteChangeSet", error)) {
        Err(error) if error.kind != Kind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// An event of a stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StackEvent {
    /// Unique.
    pub id: String,
    /// The logical id; the stack's own name for events of the stack itself.
    pub logical_id: String,
    /// The physical id; the stack's ARN for events of the stack itself.
    pub physical_id: String,
    /// `AWS::EC2::VPC`.
    pub resource_type: String,
    /// `CREATE_FAILED`, …
    pub status: String,
    /// CloudFormation's or the service's reason.
    pub reason: Option<String>,
    /// RFC 3339.
    pub at: String,
    /// The token of the call that began the operation.
    pub token: Option<String>,
}

impl StackEvent {
    /// Whether the event is of the stack and not of a resource in it.
    pub fn is_of_stack(&self, stack_arn: &str) -> bool {
        self.resource_type == "AWS::CloudFormation::Stack" && self.physical_id == stack_arn
    }
}

/// Up to where events are read backwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since<'a> {
    /// Those after the event with this id.
    Event(&'a str),
    /// Those of the latest operation: back to the event by which the stack itself took one of these statuses.
    Began(&'a [&'a str]),
}

/// Events of a stack, oldest first; reads no page more than needed.
pub async fn events_since(session: &Session, stack_arn: &str, since: Since<'_>) -> Result<Vec<StackEvent>, AwsError> {
    let mut events = Vec::new();
    let mut token = None;
    'pages: for _ in 0..PAGES {
        let answer = session
            .cloudformation()
            .describe_stack_events()
            .stack_name(stack_arn)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| AwsError::of(SERVICE, "DescribeStackEvents", error))?;
        for event in answer.stack_events() {
            let event = stack_event(event);
            if since == Since::Event(&event.id) {
                break 'pages;
            }
            let begins = matches!(since, Since::Began(statuses) if statuses.contains(&event.status.as_str()))
                && event.is_of_stack(stack_arn);
            events.push(event);
            if begins {
                break 'pages;
            }
        }
        token = answer.next_token.clone();
        if token.is_none() {
            break;
        }
    }
    events.reverse();
    Ok(events)
}

/// Begins to delete a stack; `token` makes a repetition harmless.
pub async fn delete_stack(session: &Session, arn: &str, token: &str, retain: &[String]) -> Result<(), AwsError> {
    let retain = (!retain.is_empty()).then(|| retain.to_vec());
    let call = session
        .cloudformation()
        .delete_stack()
        .stack_name(arn)
        .client_request_token(token)
        .set_retain_resources(retain);
    call.send()
        .await
        .map_err(|error| AwsError::of(SERVICE, "DeleteStack", error))?;
    Ok(())
}

/// Continues a rollback that is stuck; `token` makes a repetition harmless.
pub async fn continue_update_rollback(session: &Session, arn: &str, token: &str) -> Result<(), AwsError> {
    let call = session
        .cloudformation()
        .continue_update_rollback()
        .stack_name(arn)
        .client_request_token(token);
    call.send()
        .await
        .map_err(|error| AwsError::of(SERVICE, "ContinueUpdateRollback", error))?;
    Ok(())
}

/// Cancels an update that runs: it is rolled back.
pub async fn cancel_update(session: &Session, arn: &str, token: &str) -> Result<(), AwsError> {
    let call = session
        .cloudformation()
        .cancel_update_stack()
        .stack_name(arn)
        .client_request_token(token);
    call.send()
        .await
        .map_err(|error| AwsError::of(SERVICE, "CancelUpdateStack", error))?;
    Ok(())
}

/// Switches termination protection on or off.
pub async fn set_termination_protection(session: &Session, arn: &str, on: bool) -> Result<(), AwsError> {
    let call = session
        .cloudformation()
        .update_termination_protection()
        .stack_name(arn)
        .enable_termination_protection(on);
    call.send()
        .await
        .map_err(|error| AwsError::of(SERVICE, "UpdateTerminationProtection", error))?;
    Ok(())
}

/// The template that a stack was deployed with, as it was given.
pub async fn get_template(session: &Session, arn: &str) -> Result<String, AwsError> {
    let answer = session.cloudformation().get_template().stack_name(arn).send().await;
    let answer = answer.map_err(|error| AwsError::of(SERVICE, "GetTemplate", error))?;
    Ok(answer.template_body.unwrap_or_default())
}

/// A resource of a stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StackResource {
    /// The logical id.
    pub logical_id: String,
    /// The physical id; empty if it was never made.
    pub physical_id: String,
    /// `AWS::EC2::VPC`.
    pub resource_type: String,
    /// `CREATE_COMPLETE`, …
    pub status: String,
}

/// The resources of a stack that exist.
pub async fn stack_resources(session: &Session, arn: &str) -> Result<Vec<StackResource>, AwsError> {
    let mut resources = Vec::new();
    let mut token = None;
    for _ in 0..PAGES {
        let answer = session
            .cloudformation()
            .list_stack_resources()
            .stack_name(arn)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| AwsError::of(SERVICE, "ListStackResources", error))?;
        resources.extend(answer.stack_resource_summaries().iter().map(|resource| {
            StackResource {
                logical_id: resource.logical_resource_id().unwrap_or_default().to_owned(),
                physical_id: resource.physical_resource_id().unwrap_or_default().to_owned(),
                resource_type: resource.resource_type().unwrap_or_default().to_owned(),
                status: resource
                    .resource_status()
                    .map_or("", |status| status.as_str())
                    .to_owned(),
            }
        }));
        token = answer.next_token;
        if token.is_none() {
            break;
        }
    }
    resources.retain(|resource| resource.status != "DELETE_COMPLETE");
    Ok(resources)
}

/// Both texts by which CloudFormation says that a change set would change nothing.
fn progress(status: &str, reason: &str) -> Progress {
    match status {
        "CREATE_COMPLETE" => Progress::Ready,
        "FAILED" if reason.contains("didn't contain changes") || reason.contains("No updates are to be performed") => {
            Progress::Empty
        }
        "CREATE_PENDING" | "CREATE_IN_PROGRESS" => Progress::Pending,
        _ => Progress::Failed(if reason.is_empty() {
            format!("its status is {status}")
        } else {
            reason.to_owned()
        }),
    }
}

fn live_stack(stack: &Stack) -> LiveStack {
    LiveStack {
        stack_name: stack.stack_name().unwrap_or_default().to_owned(),
        stack_id: stack.stack_id().unwrap_or_default().to_owned(),
        status: stack.stack_status().map_or("", |status| status.as_str()).to_owned(),
        status_reason: stack.stack_status_reason().map(str::to_owned),
        parameters: stack
            .parameters()
            .iter()
            .filter_map(|one| {
                Some((
                    one.parameter_key()?.to_owned(),
                    one.parameter_value().unwrap_or_default().to_owned(),
                ))
            })
            .collect(),
        tags: stack
            .tags()
            .iter()
            .filter_map(|one| Some((one.key()?.to_owned(), one.value().unwrap_or_default().to_owned())))
            .filter(|(key, _)| !key.starts_with("aws:"))
            .collect(),
        outputs: stack
            .outputs()
            .iter()
            .filter_map(|one| {
                Some((
                    one.output_key()?.to_owned(),
                    one.output_value().unwrap_or_default().to_owned(),
                ))
            })
            .collect(),
        change_set_id: stack.change_set_id().map(str::to_owned),
        updated: rfc3339(stack.last_updated_time().or(stack.creation_time())),
        protected: stack.enable_termination_protection().unwrap_or_default(),
    }
}

fn stack_event(event: &SdkEvent) -> StackEvent {
    StackEvent {
        id: event.event_id().unwrap_or_default().to_owned(),
        logical_id: event.logical_resource_id().unwrap_or_default().to_owned(),
        physical_id: event.physical_resource_id().unwrap_or_default().to_owned(),
        resource_type: event.resource_type().unwrap_or_default().to_owned(),
        status: event.resource_status().map_or("", |status| status.as_str()).to_owned(),
        reason: event.resource_status_reason().map(str::to_owned),
        at: rfc3339(event.timestamp()),
        token: event.client_request_token().map(str::to_owned),
    }
}

fn rfc3339(time: Option<&DateTime>) -> String {
    time.and_then(|time| time.fmt(Format::DateTime).ok())
        .unwrap_or_default()
}

fn incomplete(operation: &'static str, message: &str) -> AwsError {
    AwsError {
        service: SERVICE,
        operation,
        code: None,
        message: message.to_owned(),
        request_id: None,
        kind: Kind::Internal,
    }
}

/// The SDK's type for one change, named here so that only this room and its neighbours in `aws` know it.
pub(super) type Change = SdkChange;

#[cfg(test)]
mod tests {
    use super::{Progress, progress};

    #[test]
    fn both_texts_for_nothing_to_change_are_known() {
        for reason in [
            "The submitted information didn't contain changes. Submit different information to create a change set.",
            "No updates are to be performed.",
        ] {
            assert_eq!(progress("FAILED", reason), Progress::Empty);
        }
        assert_eq!(
            progress("FAILED", "Template error"),
            Progress::Failed("Template error".to_owned())
        );
        assert_eq!(progress("CREATE_PENDING", ""), Progress::Pending);
    }
}
