//! Properties that need or exclude each other.

use serde_json::Value;

use super::super::schema::ResourceSchema;
use super::super::{Node, intrinsic};
use super::properties::strings;
use crate::diagnostic::{Problem, Problems, Span, codes};

/// How sure it is that a property has a value when the template is deployed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    Absent,
    /// `Fn::If`, which may give `AWS::NoValue`.
    Possible,
    Certain,
}

/// Checks the mapping `node` against the combination rules of its schema.
pub(super) fn check(
    schema: &ResourceSchema,
    given: &Value,
    node: &Node,
    holder: &Span,
    place: &str,
    problems: &mut Problems,
) {
    let presence = |name: &str| match node.get(name) {
        None => Presence::Absent,
        Some(value) if intrinsic::is_no_value(value) => Presence::Absent,
        Some(value) if matches!(intrinsic::call(value), Some(("Fn::If", _))) => Presence::Possible,
        Some(_) => Presence::Certain,
    };
    let mut report = |message: String, at: &Span| {
        problems.push(Problem::error(codes::PROPERTY_COMBINATION, message).at(at.clone(), ""));
    };
    for (key, at_most_one) in [("requiredXor", true), ("requiredOr", false)] {
        let names: Vec<&str> = strings(given.get(key)).collect();
        if names.is_empty() {
            continue;
        }
        if names.iter().all(|name| presence(name) == Presence::Absent) {
            report(format!("{place} needs {}", list("one of", &names)), holder);
        }
        let certain: Vec<&str> = names
            .iter()
            .copied()
            .filter(|name| presence(name) == Presence::Certain)
            .collect();
        if at_most_one && certain.len() > 1 {
            report(format!("{place} takes only {}", list("one of", &certain)), holder);
        }
    }
    for (key, excluded) in [
        ("dependentExcluded", true),
        ("dependentRequired", false),
        ("dependencies", false),
    ] {
        for (name, others) in given.get(key).and_then(Value::as_object).into_iter().flatten() {
            let Some((_, span, _)) = node.entries().iter().find(|(key, _, _)| key == name) else {
                continue;
            };
            if presence(name) != Presence::Certain {
                continue;
            }
            for other in strings(Some(others)) {
                match presence(other) {
                    Presence::Certain if excluded && name.as_str() < other => {
                        report(format!("{place} takes either `{name}` or `{other}`, not both"), span);
                    }
                    Presence::Absent if !excluded => {
                        report(format!("{place} needs `{other}` when `{name}` is given"), span);
                    }
                    _ => {}
                }
            }
        }
    }
    for key in ["oneOf", "anyOf"] {
        if let Some(sets) = required_sets(schema, given.get(key)) {
            let possible = |set: &Vec<&str>| set.iter().all(|name| presence(name) != Presence::Absent);
            if !sets.iter().any(possible) {
                let alternatives: Vec<String> = sets.iter().map(|set| list("", set)).collect();
                report(format!("{place} needs {}", alternatives.join(" or ")), holder);
            }
        }
    }
}

/// If every alternative says nothing but which properties are required, those; otherwise the alternatives are left to
/// AWS.
fn required_sets<'a>(schema: &'a ResourceSchema, alternatives: Option<&'a Value>) -> Option<Vec<Vec<&'a str>>> {
    let alternatives = alternatives?.as_array()?;
    alternatives
        .iter()
        .map(|alternative| {
            let alternative = schema.resolve(alternative).as_object()?;
            let required = alternative.get("required");
            (alternative.len() == 1 && required.is_some()).then(|| strings(required).collect())
        })
        .collect()
}

fn list(before: &str, names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let joined = names.join(if before.is_empty() { " and " } else { ", " });
    format!("{before} {joined}").trim_start().to_owned()
}
