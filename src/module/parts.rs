//! The parts of inputs that are tables or lists: so that a problem points at the value in question and not at all of
//! them.

use indexmap::IndexMap;

use super::contract::pascal;
use crate::diagnostic::Span;
use crate::spec::{Data, Entry, Value};

/// One value inside of an input, as the environment file gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// How a person calls it: `node_groups.gpu.min`, `log_types[1]`.
    pub path: String,
    /// The key of the table that it stands in; none for items of lists.
    pub key: Option<String>,
    /// How deep: 1 for the entries of the input itself.
    pub depth: usize,
    /// The value as text, if it is no table and no list.
    pub text: Option<String>,
    /// The value; for a table its key.
    pub span: Span,
}

/// Every part of the input `name`; none if it is one plain value.
pub(super) fn of(name: &str, entry: &Entry) -> Vec<Part> {
    let mut parts = Vec::new();
    inside(name, &entry.value, 1, &mut parts);
    parts
}

fn inside(path: &str, value: &Value, depth: usize, parts: &mut Vec<Part>) {
    match &value.value {
        Data::Table(table) => entries(path, table, depth, parts),
        Data::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                one(format!("{path}[{index}]"), None, &item.span, item, depth, parts);
            }
        }
        _ => {}
    }
}

fn entries(path: &str, table: &IndexMap<String, Entry>, depth: usize, parts: &mut Vec<Part>) {
    for (key, entry) in table {
        let span = match &entry.value.value {
            Data::Table(_) => &entry.key,
            _ => &entry.value.span,
        };
        one(format!("{path}.{key}"), Some(key), span, &entry.value, depth, parts);
    }
}

fn one(path: String, key: Option<&String>, span: &Span, value: &Value, depth: usize, parts: &mut Vec<Part>) {
    let text = match &value.value {
        Data::String(text) => Some(text.clone()),
        Data::Integer(number) => Some(number.to_string()),
        Data::Float(number) => Some(number.to_string()),
        Data::Boolean(value) => Some(value.to_string()),
        Data::Array(_) | Data::Table(_) => None,
    };
    parts.push(Part {
        path: path.clone(),
        key: key.cloned(),
        depth,
        text,
        span: span.clone(),
    });
    inside(&path, value, depth + 1, parts);
}

/// The only part whose value is one of `values`, under one of the keys that the template names there (`rule.status`).
pub(super) fn by_value<'p>(parts: &'p [Part], values: &[String], keys: &[&str]) -> Option<&'p Part> {
    let fits = |part: &&Part| {
        let value = part.text.as_ref().is_some_and(|text| values.contains(text));
        let named = part.key.as_deref().is_none_or(|key| keys.contains(&key));
        value && (named || keys.is_empty())
    };
    only(parts.iter().filter(fits))
}

/// The only entry of the input that is named among `words`: a message of the template's author names what it is about.
pub(super) fn by_name<'p>(parts: &'p [Part], words: &[String]) -> Option<&'p Part> {
    let named = |part: &&Part| {
        let name = part.key.as_ref().or(part.text.as_ref());
        part.depth == 1 && name.is_some_and(|name| words.contains(name))
    };
    only(parts.iter().filter(named))
}

/// The only entry of the input whose name is a part of the logical id that was made for it: `gpu` for `GroupGpu`.
pub(super) fn by_logical_id<'p>(parts: &'p [Part], logical_id: &str) -> Option<&'p Part> {
    let name = |part: &Part| pascal(part.key.as_ref().or(part.text.as_ref()).map_or("", String::as_str));
    let found: Vec<&Part> = parts
        .iter()
        .filter(|part| part.depth == 1 && !name(part).is_empty() && logical_id.contains(&name(part)))
        .collect();
    let longest = found.iter().map(|part| name(part).len()).max()?;
    only(found.into_iter().filter(|part| name(part).len() == longest))
}

fn only<'p>(mut found: impl Iterator<Item = &'p Part>) -> Option<&'p Part> {
    let first = found.next()?;
    found.next().is_none().then_some(first)
}
