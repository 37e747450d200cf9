//! Wait conditions and creation policies: a resource is complete when it has been signalled often enough, or fails.
//!
//! "CreationPolicy attribute", "Create wait conditions in a CloudFormation template", SignalResource. Signals come by
//! SignalResource and from instances that boot; the presigned address behind a `WaitConditionHandle` is not served.

use serde_json::{Value, json};

use super::decide::declaration;
use super::execute::{evaluate, record, with_stack};
use super::form::Form;
use super::lifecycle::live;
use super::refusal::{Answer, Refusal};
use super::state::{Resource, Signals, Stack, Stage, Step};
use super::step::step;
use super::world::World;
use super::xml::Xml;
use super::{CloudFormation, Millis};

const WAIT_CONDITION: &str = "AWS::CloudFormation::WaitCondition";
/// The types that a creation policy is for.
const POLICED: [&str; 4] = [
    WAIT_CONDITION,
    "AWS::AutoScaling::AutoScalingGroup",
    "AWS::EC2::Instance",
    "AWS::AppStream::Fleet",
];
/// "CreationPolicy attribute": five minutes unless it says otherwise.
const DEFAULT_TIMEOUT: Millis = 5 * 60 * 1_000;

/// Which signals a resource that is being made waits for, if any.
///
/// # Errors
/// When its count or its timeout cannot be read.
pub(super) fn wanted(
    service: &CloudFormation,
    stack: &Stack,
    resource: &Resource,
    world: &mut dyn World,
) -> Result<Option<Signals>, String> {
    let kind = resource.resource_type.as_str();
    if !POLICED.contains(&kind) {
        return Ok(None);
    }
    let declared = declaration(stack, &resource.logical_id);
    let raw = declared.get("CreationPolicy").cloned().unwrap_or_else(|| json!({}));
    let policy = evaluate(service, stack, world, |scope| scope.resolve(&raw))?.unwrap_or_default();
    let signal = policy.get("ResourceSignal");
    if signal.is_none() && (kind != WAIT_CONDITION || resource.properties.get("Timeout").is_none()) {
        return Ok(None);
    }
    let (count, timeout) = match signal {
        Some(signal) => (signal.get("Count"), duration(signal.get("Timeout"))?),
        None => (
            resource.properties.get("Count"),
            seconds(resource.properties.get("Timeout"))?,
        ),
    };
    let percent = policy.pointer("/AutoScalingCreationPolicy/MinSuccessfulInstancesPercent");
    Ok(Some(Signals {
        count: whole(count, 1)?,
        percent: whole(percent, 100)?.min(100),
        by_policy: signal.is_some(),
        timeout,
        deadline: None,
        received: Default::default(),
        boot: None,
    }))
}

/// What becomes of a resource that its service has made.
pub(super) enum Verdict {
    Complete,
    WaitUntil(Millis),
}

/// Judges what a resource has received by `at`.
///
/// # Errors
/// Why the resource fails: too many failures, or the time is over.
pub(super) fn judge(signals: &mut Signals, at: Millis) -> Result<Verdict, String> {
    let successes = signals.received.values().filter(|success| **success).count() as u64;
    let failures = signals.received.len() as u64 - successes;
    let needed = (signals.count * signals.percent).div_ceil(100);
    let (count, percent) = (signals.count, signals.percent);
    let short = format!("Unable to satisfy {percent}% MinSuccessfulInstancesPercent requirement");
    if failures > count.saturating_sub(needed) {
        return Err(match (signals.by_policy, first_failure(signals)) {
            (false, Some(id)) => format!("WaitCondition received failed message: '' for uniqueId: {id}"),
            _ => format!("Received {failures} FAILURE signal(s) out of {count}.  {short}"),
        });
    }
    if successes >= needed && signals.received.len() as u64 >= count {
        return Ok(Verdict::Complete);
    }
    let deadline = *signals.deadline.get_or_insert(at + signals.timeout);
    if at < deadline {
        return Ok(Verdict::WaitUntil(deadline));
    }
    Err(match signals.by_policy {
        _ if successes >= needed && percent < 100 => return Ok(Verdict::Complete),
        false => format!("WaitCondition timed out. Received {successes} conditions when expecting {count}"),
        true if percent < 100 => format!("Received {successes} SUCCESS signal(s) out of {count}.  {short}"),
        true => format!("Failed to receive {count} resource signal(s) within the specified duration"),
    })
}

pub(super) fn signal_resource(service: &mut CloudFormation, form: &Form<'_>, at: Millis) -> Answer<Option<Xml>> {
    let stack = live(service, form.required("StackName")?)?;
    let logical_id = form.required("LogicalResourceId")?.to_owned();
    let unique = form.required("UniqueId")?.to_owned();
    let success = match form.required("Status")? {
        "SUCCESS" => true,
        "FAILURE" => false,
        other => {
            let enumeration = "Member must satisfy enum value set: [SUCCESS, FAILURE]";
            return Err(Refusal::constraint(other, "status", enumeration));
        }
    };
    let id = stack.id.clone();
    let Some(resource) = stack.resources.get(&logical_id) else {
        return Err(Refusal::validation(format!(
            "Resource {logical_id} does not exist for stack {}",
            stack.name
        )));
    };
    let waits = |step: &Step| step.logical_id == logical_id && step.stage == Stage::Working && step.signals.is_some();
    let index = stack
        .operation
        .as_ref()
        .and_then(|operation| operation.steps.iter().position(waits));
    let Some(index) = index else {
        return Err(Refusal::validation(format!(
            "Resource {logical_id} is in {} state and cannot be signaled",
            resource.status
        )));
    };
    let resource = resource.clone();
    with_stack(service, &id, |service, stack| {
        let Some(step) = step(stack, index) else { return };
        let Some(signals) = step.signals.as_mut() else { return };
        signals.received.insert(unique.clone(), success);
        if signals.deadline.is_some() {
            step.due = at;
        }
        let word = if success { "SUCCESS" } else { "FAILURE" };
        let physical = resource.physical_id.clone().unwrap_or_default();
        let subject = (logical_id.as_str(), physical.as_str(), resource.resource_type.as_str());
        let reason = format!("Received {word} signal with UniqueId {unique}");
        let status = resource.status.clone();
        record(service, stack, at, subject, &status, Some(reason), None);
    });
    Ok(None)
}

/// What `Fn::GetAtt` of a wait condition's `Data` answers: unique ids, and the data of signals, which have none here.
pub(super) fn data(signals: &Signals) -> Value {
    let entries = signals.received.keys().map(|id| (id.clone(), json!("")));
    json!(Value::Object(entries.collect()).to_string())
}

fn first_failure(signals: &Signals) -> Option<&str> {
    let failed = signals.received.iter().find(|(_, success)| !**success);
    failed.map(|(id, _)| id.as_str())
}

fn whole(value: Option<&Value>, default: u64) -> Result<u64, String> {
    let Some(value) = value else { return Ok(default) };
    let read = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    read.ok_or_else(|| format!("Value of property must be a whole number, not {value}"))
}

/// The timeout of a wait condition: seconds, at most twelve hours.
fn seconds(value: Option<&Value>) -> Result<Millis, String> {
    let seconds = whole(value, 0)?;
    if seconds > 43_200 {
        return Err("Timeout must be between 0 and 43200 seconds".to_owned());
    }
    Ok(seconds * 1_000)
}

/// The timeout of a creation policy: ISO 8601, `PT15M`.
fn duration(value: Option<&Value>) -> Result<Millis, String> {
    let Some(value) = value else {
        return Ok(DEFAULT_TIMEOUT);
    };
    let text = value.as_str().unwrap_or_default();
    let read = text.parse::<jiff::SignedDuration>().ok();
    read.and_then(|read| Millis::try_from(read.as_millis()).ok())
        .ok_or_else(|| format!("CreationPolicy: Timeout {value} is not an ISO 8601 duration such as PT15M"))
}
