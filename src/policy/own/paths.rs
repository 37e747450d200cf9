//! Paths of properties, held against the schema of a resource type.

use serde_json::Value;

use crate::template::schema::{self, ResourceSchema};

/// What is wrong with a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// There is no such property; those that there are.
    Unknown { segment: String, known: Vec<String> },
    /// A list is entered without `*`.
    List { before: String },
    /// `*` stands where there is no list.
    NoList { before: String },
}

/// Follows `path` through the schema of `kind`. Where the schema leaves open what comes, everything is right.
pub(super) fn fault(kind: &str, path: &[String]) -> Option<Fault> {
    let schema = schema::get(kind)?;
    let mut places: Vec<&Value> = vec![schema.json()];
    for (index, segment) in path.iter().enumerate() {
        let before = || path.get(..index).unwrap_or_default().join(".");
        let forms = forms(&schema, &places);
        let is_list = |form: &&&Value| form.get("items").is_some();
        let lists: Vec<&Value> = forms
            .iter()
            .filter(is_list)
            .filter_map(|form| form.get("items"))
            .collect();
        if segment == "*" {
            if lists.is_empty() {
                return (!forms.iter().any(|form| is_open(form))).then(|| Fault::NoList { before: before() });
            }
            places = lists;
            continue;
        }
        let named: Vec<&Value> = forms
            .iter()
            .filter_map(|form| form.get("properties")?.get(segment))
            .collect();
        if !named.is_empty() {
            places = named;
            continue;
        }
        if !lists.is_empty() {
            return Some(Fault::List { before: before() });
        }
        if forms.iter().any(|form| is_open(form)) {
            return None;
        }
        let known = forms.iter().filter_map(|form| form.get("properties")?.as_object());
        return Some(Fault::Unknown {
            segment: segment.clone(),
            known: known.flat_map(|properties| properties.keys().cloned()).collect(),
        });
    }
    None
}

/// The schemas themselves and their alternatives, references resolved.
fn forms<'a>(schema: &'a ResourceSchema, places: &[&'a Value]) -> Vec<&'a Value> {
    let mut found = Vec::new();
    let mut open: Vec<(&'a Value, usize)> = places.iter().map(|place| (*place, 0)).collect();
    while let Some((place, depth)) = open.pop() {
        let place = schema.resolve(place);
        found.push(place);
        if depth < 4 {
            let alternatives = ["allOf", "anyOf", "oneOf"]
                .into_iter()
                .filter_map(|key| place.get(key)?.as_array());
            open.extend(alternatives.flatten().map(|inner| (inner, depth + 1)));
        }
    }
    found
}

/// Whether it takes names that it does not list, or says nothing about its parts.
fn is_open(form: &Value) -> bool {
    let closed = form.get("additionalProperties") == Some(&Value::Bool(false));
    let is_scalar = form
        .get("type")
        .and_then(Value::as_str)
        .is_some_and(|kind| ["string", "boolean", "integer", "number"].contains(&kind));
    form.get("patternProperties").is_some()
        || (form.get("properties").is_none() && !is_scalar && !closed && is_typed(form))
}

/// Alternatives that only say what is required describe no form of their own.
fn is_typed(form: &Value) -> bool {
    form.get("type").is_some() || form.as_object().is_some_and(serde_json::Map::is_empty)
}
