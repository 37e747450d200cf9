//! What single keywords say about scalars, lists and mappings.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::super::super::schema::ResourceSchema;
use super::super::super::{Node, NodeValue, intrinsic};
use super::super::properties::strings;
use super::super::{formats, is_unknown, pattern};
use super::Verdict::{self, Fails, Fits, Open};
use super::{Presence, all, any, certain, presence, value_presence, verdict};

/// A scalar as text; CloudFormation turns strings into numbers and booleans and back.
pub(in super::super) fn scalar_text(node: &Node) -> Option<String> {
    match &node.value {
        NodeValue::String(text) => Some(text.clone()),
        NodeValue::Number(number) => Some(number.to_string()),
        NodeValue::Boolean(value) => Some(value.to_string()),
        _ => None,
    }
}

pub(super) fn scalar(key: &str, value: &Value, node: &Node) -> Verdict {
    let Some(text) = scalar_text(node) else {
        return if matches!(key, "enum" | "const") { Open } else { Fits };
    };
    let number = text.trim().parse::<f64>().ok();
    let same = |allowed: &Value, loose: bool| match allowed {
        Value::String(allowed) => *allowed == text || (loose && allowed.eq_ignore_ascii_case(&text)),
        Value::Number(allowed) => number.is_some() && allowed.as_f64() == number,
        Value::Bool(allowed) => text.eq_ignore_ascii_case(&allowed.to_string()),
        _ => false,
    };
    let length = || text.chars().count() as u64;
    let bounded = |holds: fn(f64, f64) -> bool| match (number, value.as_f64()) {
        (Some(number), Some(bound)) => certain(holds(number, bound)),
        (None, _) => Fits,
        // `$data`: the bound is another property.
        _ => Open,
    };
    match key {
        "enum" | "enumCaseInsensitive" => {
            let loose = key == "enumCaseInsensitive";
            value
                .as_array()
                .map_or(Open, |list| certain(list.iter().any(|allowed| same(allowed, loose))))
        }
        "const" => certain(same(value, false)),
        "pattern" => value
            .as_str()
            .and_then(|form| pattern::matches(form, &text))
            .map_or(Open, certain),
        "format" => value
            .as_str()
            .and_then(|form| formats::literal_fits(form, &text))
            .map_or(Open, certain),
        "minLength" => value.as_u64().map_or(Open, |least| certain(length() >= least)),
        "maxLength" => value.as_u64().map_or(Open, |most| certain(length() <= most)),
        "minimum" => bounded(|number, bound| number >= bound),
        "maximum" => bounded(|number, bound| number <= bound),
        "exclusiveMinimum" => bounded(|number, bound| number > bound),
        "exclusiveMaximum" => bounded(|number, bound| number < bound),
        _ => Open,
    }
}

pub(super) fn list(schema: &ResourceSchema, key: &str, value: &Value, items: &[Node]) -> Verdict {
    // An item under a condition may vanish, and a function may give several: only certain counts are judged.
    let certain_items: Vec<&Node> = items.iter().filter(|item| intrinsic::call(item).is_none()).collect();
    let open = items
        .iter()
        .any(|item| intrinsic::call(item).is_some_and(|(name, _)| name != "Ref"));
    match key {
        "minItems" => match value.as_u64() {
            Some(least) if certain_items.len() as u64 >= least => Fits,
            Some(least) if !open && (items.len() as u64) < least => Fails,
            _ => Open,
        },
        "maxItems" => match value.as_u64() {
            Some(most) if certain_items.len() as u64 > most => Fails,
            Some(most) if !open && items.len() as u64 <= most => Fits,
            _ => Open,
        },
        "uniqueItems" => match value {
            Value::Bool(true) if repeated(items).is_some() => Fails,
            Value::Bool(true) if certain_items.len() < items.len() => Open,
            _ => Fits,
        },
        "uniqueKeys" => match repeated_keys(value, items) {
            Some(_) => Fails,
            None if certain_items.len() < items.len() => Open,
            None => Fits,
        },
        "items" if value.is_object() => all(items.iter().map(|item| verdict(schema, value, item))),
        "items" | "prefixItems" => match value.as_array() {
            Some(parts) if !open => all(items.iter().zip(parts).map(|(item, part)| verdict(schema, part, item))),
            _ => Open,
        },
        "contains" => any(items.iter().map(|item| verdict(schema, value, item))),
        _ => Open,
    }
}

/// The first item that stands twice: the same text, or the same call of a function.
pub(in super::super) fn repeated(items: &[Node]) -> Option<(&Node, &Node)> {
    let mut seen: Vec<(String, &Node)> = Vec::with_capacity(items.len());
    let mut known = HashSet::new();
    for item in items {
        if intrinsic::is_no_value(item) || item.value == NodeValue::Null {
            continue;
        }
        let text = item.to_json().to_string();
        if !known.insert(text.clone()) {
            let first = seen.iter().find(|(earlier, _)| *earlier == text)?;
            return Some((first.1, item));
        }
        seen.push((text, item));
    }
    None
}

/// The first two items whose keys named in `keys` have the same scalars.
pub(in super::super) fn repeated_keys<'a>(keys: &Value, items: &'a [Node]) -> Option<(&'a Node, &'a Node)> {
    let keys: Vec<&str> = strings(Some(keys)).collect();
    let mut seen: Vec<(Vec<String>, &Node)> = Vec::with_capacity(items.len());
    for item in items {
        let texts: Option<Vec<String>> = keys
            .iter()
            .map(|key| item.get(key).filter(|value| !is_unknown(value)).and_then(scalar_text))
            .collect();
        let Some(texts) = texts.filter(|texts| !texts.is_empty()) else {
            continue;
        };
        if let Some((_, first)) = seen.iter().find(|(earlier, _)| *earlier == texts) {
            return Some((first, item));
        }
        seen.push((texts, item));
    }
    None
}

pub(super) fn mapping(
    schema: &ResourceSchema,
    key: &str,
    value: &Value,
    all_of: &Map<String, Value>,
    node: &Node,
) -> Verdict {
    let sure = |names: &[&str], wanted: Presence| names.iter().filter(|name| presence(node, name) == wanted).count();
    let properties = all_of.get("properties").and_then(Value::as_object);
    match key {
        "required" => all(strings(Some(value)).map(|name| match presence(node, name) {
            Presence::Absent => Fails,
            Presence::Possible => Open,
            Presence::Certain => Fits,
        })),
        "properties" => all(value.as_object().into_iter().flatten().map(|(name, inner)| {
            let Some(given) = node.get(name) else { return Fits };
            match (value_presence(given), inner) {
                (Presence::Absent, _) => Fits,
                (Presence::Certain, Value::Bool(false)) => Fails,
                (Presence::Certain, inner) => verdict(schema, inner, given),
                (Presence::Possible, Value::Bool(true)) => Fits,
                (Presence::Possible, _) => Open,
            }
        })),
        "additionalProperties" => match value {
            Value::Bool(true) => Fits,
            _ => all(node.entries().iter().filter_map(|(name, _, given)| {
                if properties.is_some_and(|own| own.contains_key(name)) || value_presence(given) == Presence::Absent {
                    return None;
                }
                let patterns = all_of.get("patternProperties").and_then(Value::as_object);
                let mut matched = patterns
                    .into_iter()
                    .flatten()
                    .map(|(form, _)| pattern::matches(form, name));
                if matched.any(|matched| matched != Some(false)) {
                    return Some(Open);
                }
                Some(verdict(schema, value, given))
            })),
        },
        "patternProperties" => match node.entries().is_empty() {
            true => Fits,
            false => Open,
        },
        "propertyNames" => all(node.entries().iter().map(|(name, span, _)| {
            let name = Node {
                value: NodeValue::String(name.clone()),
                span: span.clone(),
            };
            verdict(schema, value, &name)
        })),
        "minProperties" | "maxProperties" => {
            let names: Vec<&str> = node.entries().iter().map(|(name, _, _)| name.as_str()).collect();
            let (least, most) = (
                sure(&names, Presence::Certain),
                names.len() - sure(&names, Presence::Absent),
            );
            match (key, value.as_u64()) {
                ("minProperties", Some(bound)) => range(least as u64 >= bound, (most as u64) < bound),
                (_, Some(bound)) => range(most as u64 <= bound, least as u64 > bound),
                _ => Open,
            }
        }
        "requiredOr" | "requiredXor" => {
            let names: Vec<&str> = strings(Some(value)).collect();
            let (certain, absent) = (sure(&names, Presence::Certain), sure(&names, Presence::Absent));
            let only_one = key == "requiredXor";
            match (certain, absent == names.len()) {
                (_, true) => Fails,
                (2.., _) if only_one => Fails,
                (1, _) if !only_one || absent + 1 == names.len() => Fits,
                (2.., _) => Fits,
                _ => Open,
            }
        }
        "dependentRequired" | "dependentExcluded" | "dependencies" => {
            let excluded = key == "dependentExcluded";
            all(value
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, others)| match presence(node, name) {
                    Presence::Absent => Fits,
                    Presence::Possible => Open,
                    Presence::Certain if others.is_object() => verdict(schema, others, node),
                    Presence::Certain => {
                        all(
                            strings(Some(others)).map(|other| match (presence(node, other), excluded) {
                                (Presence::Possible, _) => Open,
                                (Presence::Certain, true) | (Presence::Absent, false) => Fails,
                                _ => Fits,
                            }),
                        )
                    }
                }))
        }
        _ => Open,
    }
}

fn range(fits: bool, fails: bool) -> Verdict {
    match (fits, fails) {
        (true, _) => Fits,
        (_, true) => Fails,
        _ => Open,
    }
}
