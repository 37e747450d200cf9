//! CloudFormation before a deployment: what its own validation found, how many stacks there may be, whose a thing is.

use aws_sdk_cloudformation::types::{EventFilter, EventType, HookFailureMode, StackStatus};

use super::error::{AwsError, Kind};
use super::session::Session;
use crate::preflight::Validation;

const SERVICE: &str = "CloudFormation";

/// What the validation of a change set found ("Validate stack deployments"). It stays readable as long as the change set.
pub async fn validations(session: &Session, change_set: &str) -> Result<Vec<Validation>, AwsError> {
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let page = session
            .cloudformation()
            .describe_events()
            .change_set_name(change_set)
            .filters(EventFilter::builder().failed_events(true).build())
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| AwsError::of(SERVICE, "DescribeEvents", error))?;
        token = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        let events = page.operation_events.unwrap_or_default();
        let events = events
            .into_iter()
            .filter(|event| event.event_type() == Some(&EventType::ValidationError));
        found.extend(events.map(|event| Validation {
            stops: event.validation_failure_mode() != Some(&HookFailureMode::Warn),
            logical_id: event.logical_resource_id.unwrap_or_default(),
            resource_type: event.resource_type.unwrap_or_default(),
            path: event.validation_path.unwrap_or_default(),
            name: event.validation_name.unwrap_or_default(),
            reason: event.validation_status_reason.unwrap_or_default(),
        }));
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// How many stacks the account may have in the region; none if CloudFormation does not say.
pub async fn stack_limit(session: &Session) -> Result<Option<u64>, AwsError> {
    let answer = session
        .cloudformation()
        .describe_account_limits()
        .send()
        .await
        .map_err(|error| AwsError::of(SERVICE, "DescribeAccountLimits", error))?;
    let limit = answer
        .account_limits()
        .iter()
        .find(|limit| limit.name() == Some("StackLimit"));
    Ok(limit.and_then(|limit| u64::try_from(limit.value()?).ok()))
}

/// How many stacks there are. Deleted ones, which are listed for 90 days, do not count.
pub async fn stack_count(session: &Session) -> Result<u64, AwsError> {
    let there: Vec<StackStatus> = StackStatus::values()
        .iter()
        .filter(|status| **status != "DELETE_COMPLETE")
        .map(|status| StackStatus::from(*status))
        .collect();
    let mut count = 0;
    let mut token = None;
    loop {
        let page = session
            .cloudformation()
            .list_stacks()
            .set_stack_status_filter(Some(there.clone()))
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| AwsError::of(SERVICE, "ListStacks", error))?;
        token = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        count += page.stack_summaries().len() as u64;
        if token.is_none() {
            return Ok(count);
        }
    }
}

/// The name of the stack that made the thing with this physical id; none if no stack of the region did.
pub async fn owner(session: &Session, physical_id: &str) -> Result<Option<String>, AwsError> {
    let answer = session
        .cloudformation()
        .describe_stack_resources()
        .physical_resource_id(physical_id)
        .send()
        .await;
    match answer.map_err(|error| AwsError::of(SERVICE, "DescribeStackResources", error)) {
        Ok(answer) => Ok(answer.stack_resources().first().and_then(|one| one.stack_name.clone())),
        Err(error) if error.kind == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
