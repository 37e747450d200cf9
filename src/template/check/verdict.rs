//! Whether a value certainly fits a schema, certainly does not, or cannot be judged offline.
//!
//! Conditions and alternatives of schemas need this third answer: `if` may only count once its schema certainly fits,
//! and a list of alternatives is only exhausted when the value certainly fits none of them. Nothing is reported here.

use serde_json::{Map, Value};

use super::super::schema::ResourceSchema;
use super::super::{Node, NodeValue, intrinsic};
use super::is_unknown;
use super::properties::strings;

mod keywords;

use keywords::{list, mapping, scalar};
pub(super) use keywords::{repeated, repeated_keys, scalar_text};

/// What is certain about a value and a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Fits,
    /// It depends on what only AWS knows, or on a keyword that is not understood here.
    Open,
    Fails,
}

use Verdict::{Fails, Fits, Open};

/// How sure it is that a property has a value when the template is deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Absent,
    /// `Fn::If`, one of whose branches is `AWS::NoValue`.
    Possible,
    Certain,
}

/// Whether the property `name` of the mapping `node` will have a value.
pub(super) fn presence(node: &Node, name: &str) -> Presence {
    node.get(name).map_or(Presence::Absent, value_presence)
}

/// The same for a value that stands there.
pub(super) fn value_presence(value: &Node) -> Presence {
    if intrinsic::is_no_value(value) {
        return Presence::Absent;
    }
    match intrinsic::call(value) {
        Some(("Fn::If", argument)) => match argument.items() {
            [_, yes, no] => match (value_presence(yes), value_presence(no)) {
                (yes, no) if yes == no => yes,
                _ => Presence::Possible,
            },
            _ => Presence::Possible,
        },
        // A macro may make anything of its place.
        Some(("Fn::Transform", _)) => Presence::Possible,
        _ => Presence::Certain,
    }
}

/// The verdict on `node` by the schema `given`, a part of `schema`.
pub(super) fn verdict(schema: &ResourceSchema, given: &Value, node: &Node) -> Verdict {
    let given = schema.resolve(given);
    let keywords = match given {
        Value::Bool(true) => return Fits,
        Value::Bool(false) => return Fails,
        Value::Object(keywords) => keywords,
        _ => return Open,
    };
    if let Some(("Fn::If", argument)) = intrinsic::call(node) {
        return match argument.items() {
            [_, yes, no] if value_presence(yes) == Presence::Certain && value_presence(no) == Presence::Certain => {
                match (verdict(schema, given, yes), verdict(schema, given, no)) {
                    (yes, no) if yes == no => yes,
                    _ => Open,
                }
            }
            _ => Open,
        };
    }
    let has_function = node.entries().iter().any(|(key, _, _)| key.starts_with("Fn::"));
    if is_unknown(node) || node.value == NodeValue::Null || has_function {
        let says_nothing = keywords.keys().all(|key| is_annotation(key));
        return if says_nothing { Fits } else { Open };
    }
    all(keywords
        .iter()
        .map(|(key, value)| keyword(schema, key, value, keywords, node)))
}

/// How far the value is from an alternative that it does not fit; the smallest distance is the alternative that was
/// probably meant. Wrong kinds and missing parts weigh more than wrong values deeper down.
pub(super) fn distance(schema: &ResourceSchema, given: &Value, node: &Node) -> usize {
    let given = schema.resolve(given);
    let Some(keywords) = given.as_object() else { return 100 };
    let mut distance = 0;
    for (key, value) in keywords {
        if keyword(schema, key, value, keywords, node) != Fails {
            continue;
        }
        distance += match key.as_str() {
            "type" => 50,
            "required" => {
                3 * strings(Some(value))
                    .filter(|name| presence(node, name) == Presence::Absent)
                    .count()
            }
            "additionalProperties" => {
                let known = |name: &str| keywords.get("properties").is_some_and(|own| own.get(name).is_some());
                3 * node.entries().iter().filter(|(name, _, _)| !known(name)).count()
            }
            "enum" | "const" => 4,
            "properties" => value
                .as_object()
                .into_iter()
                .flatten()
                .filter_map(|(name, inner)| Some((schema.resolve(inner), node.get(name)?)))
                .filter(|(inner, value)| verdict(schema, inner, value) == Fails)
                .map(
                    |(inner, _)| match inner.get("const").is_some() || inner.get("enum").is_some() {
                        true => 4,
                        false => 1,
                    },
                )
                .sum(),
            "allOf" => value
                .as_array()
                .into_iter()
                .flatten()
                .map(|part| distance_if_failing(schema, part, node))
                .sum(),
            "anyOf" | "oneOf" => {
                let parts = value.as_array().into_iter().flatten();
                parts
                    .map(|part| distance_if_failing(schema, part, node))
                    .min()
                    .unwrap_or(1)
            }
            _ => 1,
        };
    }
    distance
}

fn distance_if_failing(schema: &ResourceSchema, given: &Value, node: &Node) -> usize {
    match verdict(schema, given, node) {
        Fails => distance(schema, given, node),
        _ => 0,
    }
}

fn keyword(schema: &ResourceSchema, key: &str, value: &Value, all_of: &Map<String, Value>, node: &Node) -> Verdict {
    let of = |given: &Value, node: &Node| verdict(schema, given, node);
    let alternatives = || value.as_array().map(Vec::as_slice).unwrap_or_default();
    match key {
        "type" => kind(all_of, node),
        "allOf" => all(alternatives().iter().map(|part| of(part, node))),
        "anyOf" => any(alternatives().iter().map(|part| of(part, node))),
        "oneOf" => one(alternatives().iter().map(|part| of(part, node))),
        "not" => opposite(of(value, node)),
        "if" => match of(value, node) {
            Fits => all_of.get("then").map_or(Fits, |then| of(then, node)),
            Fails => all_of.get("else").map_or(Fits, |otherwise| of(otherwise, node)),
            Open => Open,
        },
        "then" | "else" | "definitions" => Fits,
        "enum"
        | "enumCaseInsensitive"
        | "const"
        | "pattern"
        | "format"
        | "minLength"
        | "maxLength"
        | "minimum"
        | "maximum"
        | "exclusiveMinimum"
        | "exclusiveMaximum"
        | "multipleOf" => scalar(key, value, node),
        "minItems" | "maxItems" | "uniqueItems" | "uniqueKeys" | "items" | "prefixItems" | "contains" => {
            match &node.value {
                NodeValue::List(items) => list(schema, key, value, items),
                _ => Fits,
            }
        }
        _ if is_annotation(key) => Fits,
        _ => match &node.value {
            NodeValue::Map(_) => mapping(schema, key, value, all_of, node),
            _ if is_for_mappings(key) => Fits,
            _ => Open,
        },
    }
}

fn is_annotation(key: &str) -> bool {
    matches!(
        key,
        "title"
            | "description"
            | "default"
            | "examples"
            | "$comment"
            | "$id"
            | "$schema"
            | "cfnLint"
            | "definitions"
            | "insertionOrder"
            | "arrayType"
            | "readOnly"
            | "deprecated"
            | "attributes"
            | "rules"
            | "tagging"
            | "primaryIdentifier"
            | "readOnlyProperties"
            | "writeOnlyProperties"
            | "createOnlyProperties"
            | "conditionalCreateOnlyProperties"
            | "deprecatedProperties"
            | "replacementStrategy"
    )
}

fn is_for_mappings(key: &str) -> bool {
    matches!(
        key,
        "properties"
            | "required"
            | "additionalProperties"
            | "patternProperties"
            | "propertyNames"
            | "minProperties"
            | "maxProperties"
            | "dependencies"
            | "dependentRequired"
            | "dependentExcluded"
            | "requiredXor"
            | "requiredOr"
    )
}

fn kind(keywords: &Map<String, Value>, node: &Node) -> Verdict {
    let names: Vec<&str> = match keywords.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => return Open,
    };
    let text = scalar_text(node);
    let fits = names.iter().any(|name| match (*name, &node.value) {
        ("object", NodeValue::Map(_)) | ("array", NodeValue::List(_)) => true,
        ("string", _) => text.is_some(),
        ("boolean", _) => text.as_deref().is_some_and(is_boolean),
        ("integer" | "number", _) => text.as_deref().is_some_and(|text| text.trim().parse::<f64>().is_ok()),
        _ => false,
    });
    match fits {
        true => Fits,
        // A mapping without declared keys is JSON, which CloudFormation also takes as text, and the reverse.
        false if names.contains(&"object") && text.is_some() && keywords.get("properties").is_none() => Open,
        false if keywords.get("format").and_then(Value::as_str) == Some("json") => Open,
        false => Fails,
    }
}

fn is_boolean(text: &str) -> bool {
    text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false")
}

fn certain(fits: bool) -> Verdict {
    if fits { Fits } else { Fails }
}

fn opposite(verdict: Verdict) -> Verdict {
    match verdict {
        Fits => Fails,
        Open => Open,
        Fails => Fits,
    }
}

fn all(verdicts: impl Iterator<Item = Verdict>) -> Verdict {
    let mut found = Fits;
    for verdict in verdicts {
        match verdict {
            Fails => return Fails,
            Open => found = Open,
            Fits => {}
        }
    }
    found
}

fn any(verdicts: impl Iterator<Item = Verdict>) -> Verdict {
    opposite(all(verdicts.map(opposite)))
}

fn one(verdicts: impl Iterator<Item = Verdict>) -> Verdict {
    let verdicts: Vec<Verdict> = verdicts.collect();
    let fitting = verdicts.iter().filter(|verdict| **verdict == Fits).count();
    let open = verdicts.contains(&Open);
    match fitting {
        0 if !open => Fails,
        1 if !open => Fits,
        // Alternatives of schemas overlap more often than their authors meant: that more than one fits proves nothing.
        _ => Open,
    }
}
