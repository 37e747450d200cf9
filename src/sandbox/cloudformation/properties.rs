//! Properties held against the resource provider schemas: unknown ones, missing ones, values outside an enumeration.
//!
//! CloudFormation coerces scalars freely, so types of scalars are not compared. Whatever the deployment only learns
//! later passes.

use serde_json::Value;

use super::function::{UNKNOWN, scalar};
use super::resource_types::{self, ResourceType};

/// Something wrong: a JSON pointer under the properties, and the message of the schema validator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub path: String,
    pub message: String,
}

/// All that is wrong with the properties of a resource.
pub(super) fn check(resource_type: &str, properties: &Value) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    if let Some(schema) = resource_types::get(resource_type) {
        object(&schema, schema.json(), properties, "", 0, &mut wrong);
        let read_only = schema.set_by_aws_alone();
        for key in properties.as_object().into_iter().flat_map(|map| map.keys()) {
            if read_only.contains(key) {
                let message = format!("#: extraneous key [{key}] is not permitted");
                wrong.push(Wrong {
                    path: String::new(),
                    message,
                });
            }
        }
    }
    wrong
}

/// The message of a failed resource, as the registry words it.
pub(super) fn sentence(logical_id: &str, wrong: &[Wrong]) -> String {
    let messages: Vec<&str> = wrong.iter().map(|wrong| wrong.message.as_str()).collect();
    format!(
        "Properties validation failed for resource {logical_id} with message:\n[{}]",
        messages.join(", ")
    )
}

fn object(root: &ResourceType, schema: &Value, value: &Value, path: &str, depth: usize, wrong: &mut Vec<Wrong>) {
    let Some(entries) = value.as_object() else { return };
    let declared = schema.get("properties").and_then(Value::as_object);
    let place = if path.is_empty() {
        "#".to_owned()
    } else {
        format!("#{path}")
    };
    for key in schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        if !entries.contains_key(key) {
            let message = format!("{place}: required key [{key}] not found");
            wrong.push(Wrong {
                path: path.to_owned(),
                message,
            });
        }
    }
    let Some(declared) = declared else { return };
    let open = schema.get("patternProperties").is_some()
        || schema
            .get("additionalProperties")
            .is_some_and(|additional| additional != &Value::Bool(false));
    for (key, inner) in entries {
        let inner_path = format!("{path}/{key}");
        match declared.get(key) {
            Some(inner_schema) => any(root, inner_schema, inner, &inner_path, depth + 1, wrong),
            None if open && depth > 0 => {}
            None => {
                let message = format!("{place}: extraneous key [{key}] is not permitted");
                wrong.push(Wrong {
                    path: inner_path,
                    message,
                });
            }
        }
    }
}

fn any(root: &ResourceType, schema: &Value, value: &Value, path: &str, depth: usize, wrong: &mut Vec<Wrong>) {
    if depth > 40 {
        return;
    }
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let target = reference
            .strip_prefix('#')
            .and_then(|pointer| root.json().pointer(pointer));
        if let Some(target) = target {
            any(root, target, value, path, depth + 1, wrong);
        }
        return;
    }
    match value {
        Value::Object(_) => object(root, schema, value, path, depth, wrong),
        Value::Array(items) => {
            if let Some(item_schema) = schema.get("items") {
                for (index, item) in items.iter().enumerate() {
                    any(root, item_schema, item, &format!("{path}/{index}"), depth + 1, wrong);
                }
            }
        }
        other => {
            let Some(text) = scalar(other).filter(|text| !text.contains(UNKNOWN) && !text.contains("{{resolve:"))
            else {
                return;
            };
            if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
                && !allowed
                    .iter()
                    .any(|one| scalar(one).is_some_and(|one| one.eq_ignore_ascii_case(&text)))
            {
                let message = format!("#{path}: {text} is not a valid enum value");
                wrong.push(Wrong {
                    path: path.to_owned(),
                    message,
                });
            }
            let structured = matches!(schema.get("type").and_then(Value::as_str), Some("array"))
                || schema.get("type") == Some(&Value::from("object")) && schema.get("properties").is_some();
            if structured {
                let kind = schema.get("type").and_then(Value::as_str).unwrap_or_default();
                let expected = if kind == "array" { "JSONArray" } else { "JSONObject" };
                let message = format!("#{path}: expected type: {expected}, found: String");
                wrong.push(Wrong {
                    path: path.to_owned(),
                    message,
                });
            }
        }
    }
}
