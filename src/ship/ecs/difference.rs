//! What was asked for beside what is described: ECS adds members of its own and keeps no order, so only what was asked
//! for is looked at.

use serde_json::Value as Json;

use super::super::FieldChange;

/// What identifies an element of a list, best first.
const KEYS: [&str; 5] = ["name", "key", "capacityProvider", "containerPath", "containerName"];

/// Everything of `asked` that `found` does not have just so. Absent, false and empty are the same.
pub(in crate::ship) fn differences(asked: &Json, found: &Json) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    compare(asked, Some(found), "", &mut changes);
    changes
}

fn compare(asked: &Json, found: Option<&Json>, path: &str, changes: &mut Vec<FieldChange>) {
    match (asked, found) {
        (Json::Object(members), Some(found @ Json::Object(_))) => {
            for (key, value) in members {
                let inner = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                compare(value, found.get(key), &inner, changes);
            }
        }
        (Json::Array(items), Some(Json::Array(others))) => lists(items, others, path, changes),
        _ if is_nothing(asked) && found.is_none_or(is_nothing) => {}
        (asked, Some(found)) if asked == found || is_same_number(asked, found) => {}
        _ => changes.push(FieldChange {
            path: path.to_owned(),
            before: found.cloned(),
            after: Some(asked.clone()),
        }),
    }
}

/// 70 and 70.0 are written by different hands.
fn is_same_number(one: &Json, other: &Json) -> bool {
    matches!((one.as_f64(), other.as_f64()), (Some(one), Some(other)) if one.total_cmp(&other).is_eq())
}

fn lists(items: &[Json], others: &[Json], path: &str, changes: &mut Vec<FieldChange>) {
    let key_of = |item: &Json| {
        let mut keys = KEYS
            .into_iter()
            .filter(|key| item.get(*key).is_some_and(Json::is_string));
        keys.next()
    };
    let keyed: Option<&str> = items.iter().chain(others).find_map(key_of);
    if let Some(key) = keyed {
        let named = |name: &Json| format!("{path}[{key}={}]", name.as_str().unwrap_or_default());
        for item in items {
            let Some(name) = item.get(key) else { continue };
            let other = others.iter().find(|other| other.get(key) == Some(name));
            compare(item, other, &named(name), changes);
        }
        for other in others {
            let Some(name) = other.get(key) else { continue };
            if !items.iter().any(|item| item.get(key) == Some(name)) {
                changes.push(FieldChange {
                    path: named(name),
                    before: Some(other.clone()),
                    after: None,
                });
            }
        }
        return;
    }
    let sorted = |list: &[Json]| {
        let mut texts: Vec<String> = list.iter().map(Json::to_string).collect();
        texts.sort();
        texts
    };
    if items.iter().any(Json::is_object) && items.len() == others.len() {
        for (index, (item, other)) in items.iter().zip(others).enumerate() {
            compare(item, Some(other), &format!("{path}[{index}]"), changes);
        }
    } else if sorted(items) != sorted(others) {
        changes.push(FieldChange {
            path: path.to_owned(),
            before: Some(Json::Array(others.to_vec())),
            after: Some(Json::Array(items.to_vec())),
        });
    }
}

/// Absent, false and empty are the same.
pub(super) fn is_nothing(value: &Json) -> bool {
    match value {
        Json::Null | Json::Bool(false) => true,
        Json::Array(items) => items.is_empty(),
        Json::Object(members) => members.values().all(is_nothing),
        _ => false,
    }
}
