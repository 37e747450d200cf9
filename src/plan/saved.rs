//! Saved plans: sealed with a digest, opened again, and compared with the world as it is now.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::deployed::{Deployed, LiveStack};
use super::{Plan, Recovery, Seen};

const FORMAT: &str = "mlinfra plan";

/// The plan as a file: JSON with a digest over its content.
pub fn seal(plan: &Plan) -> String {
    let content = serde_json::to_value(plan).unwrap_or_default();
    let digest = digest(&content);
    let mut text = format!("{:#}", json!({ "format": FORMAT, "sha256": digest, "plan": content }));
    text.push('\n');
    text
}

/// Why a text is no plan that can be applied.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It is no JSON, or other JSON.
    #[error("this is no saved plan")]
    NotAPlan(#[source] Option<serde_json::Error>),
    /// A format of another time.
    #[error("the plan's format is version {0}; this mlinfra reads version 1")]
    Version(u64),
    /// The digest does not fit.
    #[error("the plan was changed after it was saved: its digest does not match")]
    Altered,
}

/// Reads what [`seal`] wrote.
pub fn open(text: &str) -> Result<Plan, Unreadable> {
    let file: Value = serde_json::from_str(text).map_err(|error| Unreadable::NotAPlan(Some(error)))?;
    let content = match (file.get("format").and_then(Value::as_str), file.get("plan")) {
        (Some(FORMAT), Some(content)) => content,
        _ => return Err(Unreadable::NotAPlan(None)),
    };
    match content.get("version").and_then(Value::as_u64) {
        Some(1) => {}
        other => return Err(Unreadable::Version(other.unwrap_or_default())),
    }
    if file.get("sha256").and_then(Value::as_str) != Some(digest(content).as_str()) {
        return Err(Unreadable::Altered);
    }
    serde_json::from_value(content.clone()).map_err(|error| Unreadable::NotAPlan(Some(error)))
}

/// The world as it is when a saved plan is about to be applied.
#[derive(Debug, Clone)]
pub struct Current<'a> {
    /// The project's name.
    pub project: &'a str,
    /// The environment's name.
    pub environment: &'a str,
    /// The account of the session.
    pub account: &'a str,
    /// The region of the session.
    pub region: &'a str,
    /// The role of the environment's file.
    pub role_arn: Option<&'a str>,
    /// The digest of the environment's texts, contracts and templates.
    pub spec_digest: &'a str,
    /// The digests of the rendered templates, by stack.
    pub templates: BTreeMap<String, String>,
    /// The stacks and the state's generation.
    pub deployed: &'a Deployed,
    /// Whether the state says that this plan was applied before.
    pub applied: bool,
}

/// Something that is no longer what it was when the plan was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// What: `the account`, `stack network`.
    pub what: String,
    /// What it was.
    pub planned: String,
    /// What it is.
    pub now: String,
}

/// Everything that moved between the plan and now; the plan may be applied only if that is nothing.
pub fn verify_against(plan: &Plan, current: &Current<'_>) -> Vec<Moved> {
    let mut moved = Vec::new();
    let mut compare = |what: &str, planned: &str, now: &str| {
        if planned != now {
            moved.push(Moved {
                what: what.to_owned(),
                planned: planned.to_owned(),
                now: now.to_owned(),
            });
        }
    };
    if current.applied {
        compare(
            "the plan",
            "not applied yet",
            "applied already; a plan can be applied once",
        );
    }
    compare("the project", &plan.project, current.project);
    compare("the environment", &plan.environment, current.environment);
    compare("the account", &plan.account, current.account);
    compare("the region", &plan.region, current.region);
    compare(
        "the role",
        plan.role_arn.as_deref().unwrap_or("none"),
        current.role_arn.unwrap_or("none"),
    );
    compare("the project's files (digest)", &plan.spec_digest, current.spec_digest);
    compare(
        "the state's generation",
        &plan.base_generation.to_string(),
        &current.deployed.generation.to_string(),
    );
    for stack in &plan.stacks {
        if let Some(planned) = &stack.template_sha256 {
            let now = current
                .templates
                .get(&stack.name)
                .map_or("no such stack", String::as_str);
            compare(&format!("the template of stack {}", stack.name), planned, now);
        }
        let mut now = current.deployed.stacks.get(&stack.name).map(LiveStack::seen);
        if stack.recovery == Some(Recovery::Attach) {
            now = as_waited_for(stack.seen.as_ref(), now);
        }
        let (planned, now) = marks(stack.seen.as_ref(), now.as_ref());
        compare(&format!("stack {}", stack.name), &planned, &now);
    }
    moved
}

/// What is there now, as the plan has it if it is only the end of the operation that the plan says is waited for.
fn as_waited_for(planned: Option<&Seen>, now: Option<Seen>) -> Option<Seen> {
    let Some(planned) = planned else { return now };
    match now {
        Some(now) => Some(Seen {
            status: planned.status.clone(),
            ..now
        }),
        // A creation that fails, its rollback and a deletion may end with no stack at all.
        None => ["CREATE_", "ROLLBACK_", "DELETE_"]
            .iter()
            .any(|work| planned.status.starts_with(work))
            .then(|| planned.clone()),
    }
}

/// What differs between two looks at a stack, and nothing else; the same text twice if nothing does.
pub(super) fn marks(planned: Option<&Seen>, now: Option<&Seen>) -> (String, String) {
    let (Some(planned), Some(now)) = (planned, now) else {
        let text = |seen: Option<&Seen>| seen.map_or("does not exist".to_owned(), |seen| seen.status.clone());
        return (text(planned), text(now));
    };
    let protection = |seen: &Seen| format!("termination protection {}", if seen.protected { "on" } else { "off" });
    let change_set = |seen: &Seen| seen.change_set_id.clone().unwrap_or("no change set".to_owned());
    let marks = |seen: &Seen| {
        [
            seen.stack_id.clone(),
            seen.status.clone(),
            format!("of {}", seen.updated),
            protection(seen),
            change_set(seen),
        ]
    };
    let differing = marks(planned)
        .into_iter()
        .zip(marks(now))
        .filter(|(planned, now)| planned != now)
        // What comes first says more, and a stack that moved has another change set anyway.
        .take(2);
    let (planned, now): (Vec<String>, Vec<String>) = differing.unzip();
    (planned.join(" "), now.join(" "))
}

/// SHA-256, lower-case hex, of the JSON with sorted keys and no white space.
fn digest(content: &Value) -> String {
    let bytes = Sha256::digest(canonical(content).to_string().as_bytes());
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(entries) => {
            let sorted: BTreeMap<&String, Value> = entries.iter().map(|(key, value)| (key, canonical(value))).collect();
            sorted.into_iter().map(|(key, value)| (key.clone(), value)).collect()
        }
        Value::Array(items) => items.iter().map(canonical).collect(),
        other => other.clone(),
    }
}
