//! From a pile of events to the one thing that went wrong, where it was asked for, and what to type next.

use crate::aws::cloudformation::StackEvent;
use crate::diagnostic::{Problem, codes};
use crate::module::RenderedStack;
use crate::plan::{Phase, phase};

/// What is known of a failure when it is told.
#[derive(Debug)]
pub(super) struct Circumstances<'a> {
    /// The stack's name in the environment.
    pub(super) stack: &'a str,
    /// Its ARN.
    pub(super) arn: &'a str,
    /// The environment's name, for the next command.
    pub(super) environment: &'a str,
    /// What was being done: `create`, `update`, `delete`, `continue the rollback of`.
    pub(super) work: &'a str,
    /// The status in which it ended; empty if it is gone.
    pub(super) status: &'a str,
    /// CloudFormation's reason for that status.
    pub(super) reason: Option<&'a str>,
    /// The stack as the files have it, for the places.
    pub(super) rendered: Option<&'a RenderedStack>,
}

/// The problem to show for a stack that failed.
pub(super) fn stack_failed(about: &Circumstances<'_>, events: &[StackEvent]) -> Problem {
    let cause = first_cause(events, about.arn);
    let code = if about.work == "delete" {
        codes::DELETE_FAILED
    } else {
        codes::STACK_FAILED
    };
    let Some(cause) = cause else {
        let reason = about.reason.map_or_else(
            || "CloudFormation gives no reason".to_owned(),
            |reason| unwrapped(reason).message,
        );
        let problem = Problem::error(
            code,
            format!(
                "CloudFormation could not {} stack {}: {reason}",
                about.work, about.stack
            ),
        );
        return with_next_step(problem, about);
    };
    let found = unwrapped(cause.reason.as_deref().unwrap_or("no reason is given"));
    let mut problem = Problem::error(
        code,
        format!(
            "CloudFormation could not {} stack {}: {} ({}): {}",
            about.work, about.stack, cause.logical_id, cause.resource_type, found.message
        ),
    );
    if let Some(rendered) = about.rendered {
        problem.labels = rendered.trace(&cause.logical_id);
    }
    problem = problem.note(format!("{} at {}", cause.status, cause.at));
    if let Some(code) = &found.code {
        problem = problem.note(format!("the service's code is {code}"));
    }
    if let Some(id) = &found.request_id {
        problem = problem.note(format!("request id {id}"));
    }
    for other in other_causes(events, cause, about.arn) {
        let reason = unwrapped(other.reason.as_deref().unwrap_or("no reason is given")).message;
        problem = problem.note(format!(
            "{} ({}) failed too: {reason}",
            other.logical_id, other.resource_type
        ));
    }
    if let Some(hint) = cure(&found) {
        problem = problem.hint(hint);
    }
    with_next_step(problem, about)
}

/// The earliest failure that is not merely a consequence: what is cancelled because of another failure, and the stack's
/// own summary, come after it.
pub(super) fn first_cause<'e>(events: &'e [StackEvent], stack_arn: &str) -> Option<&'e StackEvent> {
    events.iter().find(|event| is_cause(event, stack_arn))
}

fn other_causes<'e>(events: &'e [StackEvent], first: &'e StackEvent, stack_arn: &str) -> Vec<&'e StackEvent> {
    const SHOWN: usize = 4;
    let mut seen = vec![first.logical_id.as_str()];
    let mut others = Vec::new();
    for event in events.iter().filter(|event| is_cause(event, stack_arn)) {
        if !seen.contains(&event.logical_id.as_str()) && others.len() < SHOWN {
            seen.push(&event.logical_id);
            others.push(event);
        }
    }
    others
}

fn is_cause(event: &StackEvent, stack_arn: &str) -> bool {
    let reason = event.reason.as_deref().unwrap_or_default().to_lowercase();
    let cancelled = [
        "resource creation cancelled",
        "resource update cancelled",
        "resource deletion cancelled",
    ]
    .iter()
    .any(|text| reason.contains(text));
    event.status.ends_with("_FAILED") && !cancelled && !event.is_of_stack(stack_arn)
}

/// A reason without its wrappings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unwrapped {
    /// What the service said.
    pub(super) message: String,
    /// `AlreadyExists`, `AccessDenied`, …
    pub(super) code: Option<String>,
    /// What AWS support asks for.
    pub(super) request_id: Option<String>,
}

/// Takes a reason out of what handlers, SDKs and services wrap round it: `Resource handler returned message: "…"`,
/// `(Service: …, Status Code: …, Request ID: …)`, and JSON within the text.
pub(super) fn unwrapped(reason: &str) -> Unwrapped {
    let code = between(reason, "HandlerErrorCode: ", &[')', ','])
        .or_else(|| between(reason, "Error Code: ", &[')', ';', ',']));
    let request_id = between(reason, "Request ID: ", &[')', ';', ',']);
    let mut text = reason;
    if let Some((_, rest)) = text.split_once("returned message: \"") {
        text = rest
            .rsplit_once("\" (RequestToken")
            .map_or_else(|| rest.trim_end_matches('"'), |(inner, _)| inner);
    }
    for wrapping in [" (Service: ", " (SDK Attempt Count"] {
        if let Some((before, _)) = text.rsplit_once(wrapping) {
            text = before;
        }
    }
    let message = inner_message(text).unwrap_or_else(|| text.trim().to_owned());
    Unwrapped {
        message,
        code,
        request_id,
    }
}

/// The message inside a JSON object inside a text, as deep as it goes.
fn inner_message(text: &str) -> Option<String> {
    let start = text.find('{')?;
    let end = text.rfind('}')?;
    let json = text.get(start..=end)?;
    let parsed: serde_json::Value = serde_json::from_str(json)
        .or_else(|_| serde_json::from_str(&json.replace("\\\"", "\"")))
        .ok()?;
    let found = ["message", "Message", "errorMessage", "error", "Error"]
        .iter()
        .find_map(|key| parsed.get(*key))?;
    let message = match found {
        serde_json::Value::String(message) => message.clone(),
        other => return inner_message(&other.to_string()),
    };
    Some(inner_message(&message).unwrap_or(message))
}

fn between(text: &str, start: &str, ends: &[char]) -> Option<String> {
    let (_, rest) = text.split_once(start)?;
    let found = rest.split(ends).next()?.trim();
    (!found.is_empty()).then(|| found.to_owned())
}

fn cure(found: &Unwrapped) -> Option<String> {
    let message = found.message.to_lowercase();
    let any = |words: &[&str]| words.iter().any(|word| message.contains(word));
    match found.code.as_deref() {
        Some("AlreadyExists") => Some("a resource of that name exists outside of this stack: delete or rename one of the two".to_owned()),
        Some("AccessDenied" | "InvalidCredentials") => Some("give the role that deploys the permission that is named".to_owned()),
        Some("ServiceLimitExceeded") => Some("ask for a higher quota in the Service Quotas console, or use fewer or smaller resources".to_owned()),
        Some("Throttling" | "ServiceInternalError" | "NetworkFailure" | "InternalFailure") => {
            Some("this can pass by itself: apply again in a few minutes".to_owned())
        }
        _ if any(&["not authorized to perform", "accessdenied", "access denied"]) => {
            Some("give the role that deploys the permission that is named".to_owned())
        }
        _ if any(&["already exists"]) => Some("a resource of that name exists outside of this stack: delete or rename one of the two".to_owned()),
        _ if any(&["limitexceeded", "limit exceeded", "quota", "maximum number of"]) => {
            Some("ask for a higher quota in the Service Quotas console, or use fewer or smaller resources".to_owned())
        }
        _ if any(&["insufficient capacity", "insufficientinstancecapacity", "do not have sufficient"]) => {
            Some("AWS has no such machine free in that zone now: choose other instance types or zones, or apply again later".to_owned())
        }
        _ => None,
    }
}

fn with_next_step(problem: Problem, about: &Circumstances<'_>) -> Problem {
    let environment = about.environment;
    let again = format!("then: mlinfra apply {environment}");
    if about.work == "delete" {
        return problem.note(format!("the stack is {}", about.status)).hint(format!(
            "remove what holds it, then repeat the command; `mlinfra status {environment}` shows what is left"
        ));
    }
    match (phase(about.status), about.status) {
        (Phase::Absent, _) => problem
            .note("the stack was deleted again; nothing of it is left")
            .hint(again),
        (_, "UPDATE_ROLLBACK_COMPLETE") => problem
            .note("the stack was rolled back to what it was before")
            .hint(again),
        (Phase::NeverWorked, status) => problem
            .note(format!(
                "the stack is {status} and stays to be looked at; the next apply deletes it and creates it anew"
            ))
            .hint(again),
        (Phase::RollbackStuck, status) => problem
            .note(format!(
                "the rollback got stuck ({status}); the next apply continues it before anything else"
            ))
            .hint(again),
        (_, status) => problem.note(format!("the stack is {status}")).hint(again),
    }
}
