//! Types of services that AWS has ended, and values that a service does not take any more.
//!
//! Only what was over on the day of the embedded data counts, so no clock is needed and nothing is held against a
//! template because time goes by.

use serde_json::Value;

use super::super::schema;
use super::Template;
use crate::diagnostic::{Problem, Problems, codes};

pub(super) fn check(template: &Template, problems: &mut Problems) {
    for (_, _, resource) in template.resources.entries {
        let Some(kind) = resource.get("Type") else { continue };
        let Some(schema) = kind.as_str().and_then(schema::get) else {
            continue;
        };
        if let Some(day) = schema.json().get("shutDown").and_then(Value::as_str) {
            let message = format!("AWS shut the service of `{}` down on {day}", schema.name());
            problems.push(Problem::error(codes::RETIRED, message).at(kind.span.clone(), ""));
        }
        let retired = schema.json().get("retired").and_then(Value::as_object);
        for (property, values) in retired.into_iter().flatten() {
            let Some(given) = resource
                .get("Properties")
                .and_then(|properties| properties.get(property))
            else {
                continue;
            };
            let about = given
                .as_str()
                .and_then(|text| values.get(text))
                .and_then(Value::as_array);
            let Some([Value::String(day), successor]) = about.map(Vec::as_slice) else {
                continue;
            };
            let text = given.as_str().unwrap_or_default();
            let message = format!("`{property}` `{text}` is not accepted any more since {day}");
            let problem = Problem::error(codes::RETIRED, message).at(given.span.clone(), "");
            problems.push(match successor.as_str() {
                Some(successor) => problem.hint(format!("its successor is `{successor}`")),
                None => problem,
            });
        }
    }
}
