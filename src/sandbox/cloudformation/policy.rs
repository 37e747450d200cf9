//! Stack policies ("Prevent updates to stack resources"): which updates of which resources are allowed.

use serde_json::Value;

use super::refusal::{Answer, Refusal};

/// Reads a policy.
pub(super) fn read(text: &str) -> Answer<Value> {
    let refuse = |why: &str| Refusal::validation(format!("Error validating stack policy: {why}"));
    let policy: Value = serde_json::from_str(text).map_err(|_| refuse("Invalid stack policy"))?;
    match policy.get("Statement") {
        Some(Value::Array(_) | Value::Object(_)) => Ok(policy),
        _ => Err(refuse("Policy must contain a Statement")),
    }
}

/// Whether `action` (`Update:Modify`, `Update:Replace`, `Update:Delete`) of a resource is refused. With a policy, what
/// is not allowed is denied; a denial overrides.
pub(super) fn denies(policy: Option<&Value>, action: &str, logical_id: &str, resource_type: &str) -> bool {
    let Some(policy) = policy else { return false };
    let statements = match policy.get("Statement") {
        Some(Value::Array(list)) => list.iter().collect(),
        Some(single) => vec![single],
        None => Vec::new(),
    };
    let resource = format!("LogicalResourceId/{logical_id}");
    let mut allowed = false;
    for statement in statements {
        let actions = matches(statement, "Action", "NotAction", action);
        let resources = matches(statement, "Resource", "NotResource", &resource);
        if actions && resources && condition(statement, resource_type) {
            match statement.get("Effect").and_then(Value::as_str) {
                Some("Deny") => return true,
                Some("Allow") => allowed = true,
                _ => {}
            }
        }
    }
    !allowed
}

fn matches(statement: &Value, key: &str, not_key: &str, actual: &str) -> bool {
    let one = |value: &Value| texts(value).iter().any(|pattern| wildcard(pattern, actual));
    match (statement.get(key), statement.get(not_key)) {
        (Some(value), _) => one(value),
        (None, Some(value)) => !one(value),
        (None, None) => false,
    }
}

fn condition(statement: &Value, resource_type: &str) -> bool {
    let Some(condition) = statement.get("Condition").and_then(Value::as_object) else {
        return true;
    };
    condition.iter().all(|(operator, keys)| {
        let wanted = keys.get("ResourceType").map(texts).unwrap_or_default();
        match operator.as_str() {
            "StringEquals" => wanted.iter().any(|wanted| wanted == resource_type),
            "StringLike" => wanted.iter().any(|wanted| wildcard(wanted, resource_type)),
            _ => false,
        }
    })
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

fn wildcard(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => text.strip_prefix(head).is_some_and(|rest| {
            rest.char_indices()
                .map(|(at, _)| at)
                .chain(std::iter::once(rest.len()))
                .any(|at| wildcard(tail, rest.get(at..).unwrap_or_default()))
        }),
    }
}
