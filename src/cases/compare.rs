//! Whether a part of a template is what a test expects of it: tables as subsets, lists exactly, scalars as they are.

use super::path::{self, Reach};
use crate::diagnostic::{Span, closest};
use crate::spec::{Data, Value};
use crate::template::{Node, NodeValue};

/// One place that is otherwise than expected.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Difference {
    /// `Tags[0].Value`, from where the comparison began.
    pub(super) path: String,
    /// `expected true, is false`.
    pub(super) says: String,
    /// What else helps: the elements of a list of which none fits.
    pub(super) more: Vec<String>,
    /// Where the expectation stands.
    pub(super) expected: Span,
    /// Where the value stands in the rendered text.
    pub(super) found: Span,
}

/// How far a value is written out.
const WIDEST: usize = 100;
/// How many elements of a list are shown.
const MOST_ELEMENTS: usize = 12;

/// Every difference between what is expected at `path` and what is there.
pub(super) fn differences(expected: &Value, found: &Node, path: &str) -> Vec<Difference> {
    let mut differences = Vec::new();
    compare(expected, found, path, &mut differences);
    differences
}

fn compare(expected: &Value, found: &Node, path: &str, differences: &mut Vec<Difference>) {
    let mut differs = |says: String| {
        differences.push(Difference {
            path: path.to_owned(),
            says,
            more: Vec::new(),
            expected: expected.span.clone(),
            found: found.span.clone(),
        });
    };
    match (&expected.value, &found.value) {
        (Data::Table(table), NodeValue::Map(_) | NodeValue::List(_)) => {
            if table.is_empty() && !matches!(found.value, NodeValue::Map(_)) {
                differs(otherwise(expected, found));
            }
            for (key, entry) in table {
                member(key, &entry.value, &entry.key, found, path, differences);
            }
        }
        // `!GetAtt A.B` is a list in its long form; both ways of writing it mean the same.
        (Data::String(text), NodeValue::List(items)) if path.ends_with("Fn::GetAtt") => {
            let parts: Vec<&str> = items.iter().filter_map(Node::as_str).collect();
            if parts.join(".") != *text {
                differs(otherwise(expected, found));
            }
        }
        (Data::Array(values), NodeValue::List(items)) => {
            if values.len() != items.len() {
                differences.push(Difference {
                    path: path.to_owned(),
                    says: format!("expected {}, there {}", elements(values.len()), are(items.len())),
                    more: lists(values, items),
                    expected: expected.span.clone(),
                    found: found.span.clone(),
                });
                return;
            }
            for (at, (value, item)) in values.iter().zip(items).enumerate() {
                compare(value, item, &path::joined(path, &format!("[{at}]")), differences);
            }
        }
        (Data::String(text), NodeValue::String(found)) if text == found => {}
        (Data::Boolean(value), NodeValue::Boolean(found)) if value == found => {}
        (Data::Integer(value), NodeValue::Number(number)) if number.as_i64() == Some(*value) => {}
        (Data::Integer(value), NodeValue::Number(number))
            if number
                .as_f64()
                .is_some_and(|number| number.to_string() == value.to_string()) => {}
        (Data::Float(value), NodeValue::Number(number))
            if number
                .as_f64()
                .is_some_and(|number| number.to_string() == value.to_string()) => {}
        _ => differs(otherwise(expected, found)),
    }
}

/// What is expected at a key or path below `found`.
fn member(key: &str, expected: &Value, at: &Span, found: &Node, path: &str, differences: &mut Vec<Difference>) {
    let here = path::joined(path, key);
    if let Some(value) = found.get(key) {
        return compare(expected, value, &here, differences);
    }
    match path::follow(found, key) {
        Reach::There(places) if path::is_any(key) => {
            let mut nearest: Option<Vec<Difference>> = None;
            for place in &places {
                let found = self::differences(expected, place, &here);
                if found.is_empty() {
                    return;
                }
                if nearest.as_ref().is_none_or(|nearest| found.len() < nearest.len()) {
                    nearest = Some(found);
                }
            }
            differences.push(Difference {
                path: here,
                says: format!("no element is {}", written(expected)),
                more: places
                    .iter()
                    .take(MOST_ELEMENTS)
                    .map(|place| format!("there is {}", text(place)))
                    .collect(),
                expected: expected.span.clone(),
                found: places.first().map_or(&found.span, |place| &place.span).clone(),
            });
        }
        Reach::There(places) => {
            for place in places {
                compare(expected, place, &here, differences);
            }
        }
        Reach::Ends(walked, node) => {
            let mut says = format!("expected {}, is not there", written(expected));
            let mut more = Vec::new();
            let names: Vec<&str> = node.entries().iter().map(|(name, _, _)| name.as_str()).collect();
            let missing = key.get(walked.len()..).unwrap_or(key).trim_start_matches('.');
            let missing = missing.split(['.', '[']).next().unwrap_or(missing);
            if let Some(near) = closest(missing, names.iter().copied()) {
                more.push(format!("did you mean {near}?"));
            } else if !names.is_empty() {
                more.push(format!(
                    "{} has {}",
                    named(&path::joined(path, &walked)),
                    cut(&names.join(", "))
                ));
            } else if let NodeValue::List(items) = &node.value {
                says = format!("expected {}, the list has {}", written(expected), elements(items.len()));
            }
            differences.push(Difference {
                path: here,
                says,
                more,
                expected: at.clone(),
                found: node.span.clone(),
            });
        }
    }
}

fn named(path: &str) -> &str {
    if path.is_empty() { "it" } else { path }
}

fn otherwise(expected: &Value, found: &Node) -> String {
    let (wanted, is) = (written(expected), text(found));
    let bare = |text: &str| text.trim_matches('"').to_owned();
    if bare(&wanted) == bare(&is) {
        let kind = match &found.value {
            NodeValue::String(_) => "a string",
            NodeValue::Number(_) => "a number",
            NodeValue::Boolean(_) => "a boolean",
            _ => "something else",
        };
        return format!("expected {wanted} ({}), is {is} ({kind})", expected.value.kind());
    }
    format!("expected {wanted}, is {is}")
}

fn lists(values: &[Value], items: &[Node]) -> Vec<String> {
    let fits = |value: &Value, item: &Node| differences(value, item, "").is_empty();
    let mut lines = Vec::new();
    let mut taken = vec![false; items.len()];
    for value in values {
        let found = items
            .iter()
            .zip(&mut taken)
            .find(|(item, taken)| !**taken && fits(value, item));
        match found {
            Some((_, taken)) => *taken = true,
            None => lines.push(format!("- {}", written(value))),
        }
    }
    let spare = items.iter().zip(&taken).filter(|(_, taken)| !**taken);
    lines.extend(spare.map(|(item, _)| format!("+ {}", text(item))));
    lines.truncate(MOST_ELEMENTS);
    lines
}

fn elements(number: usize) -> String {
    match number {
        0 => "no element".to_owned(),
        1 => "1 element".to_owned(),
        _ => format!("{number} elements"),
    }
}

fn are(number: usize) -> String {
    match number {
        0 => "is none".to_owned(),
        1 => "is 1".to_owned(),
        _ => format!("are {number}"),
    }
}

/// What is expected, on one line as JSON.
pub(super) fn written(value: &Value) -> String {
    cut(&json(&value.value).to_string())
}

/// What is there, on one line as JSON.
pub(super) fn text(node: &Node) -> String {
    cut(&node.to_json().to_string())
}

fn json(data: &Data) -> serde_json::Value {
    match data {
        Data::String(text) => text.as_str().into(),
        Data::Integer(number) => (*number).into(),
        Data::Float(number) => (*number).into(),
        Data::Boolean(value) => (*value).into(),
        Data::Array(items) => items.iter().map(|item| json(&item.value)).collect(),
        Data::Table(table) => table
            .iter()
            .map(|(key, entry)| (key.clone(), json(&entry.value.value)))
            .collect(),
    }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= WIDEST {
        return text.to_owned();
    }
    let head: String = text.chars().take(WIDEST).collect();
    format!("{head}…")
}
