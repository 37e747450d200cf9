//! Which properties a mapping may have.

use serde_json::{Map, Value};

use super::super::schema::ResourceSchema;
use super::pattern;

/// The properties that a mapping may have: its own, and those of its alternatives.
pub(super) struct Declared<'a> {
    own: Option<&'a Map<String, Value>>,
    alternatives: Vec<&'a Map<String, Value>>,
    patterns: Option<&'a Map<String, Value>>,
}

pub(super) enum Found<'a> {
    Schema(&'a Value),
    /// Known, and looked at where its alternative or part is, or open which schema holds.
    Elsewhere,
    Nothing,
}

impl<'a> Declared<'a> {
    pub(super) fn of(schema: &'a ResourceSchema, given: &'a Value) -> Self {
        let branches = ["oneOf", "anyOf", "allOf"]
            .into_iter()
            .filter_map(|key| given.get(key)?.as_array())
            .flatten();
        Self {
            own: given.get("properties").and_then(Value::as_object),
            alternatives: branches
                .filter_map(|branch| schema.resolve(branch).get("properties")?.as_object())
                .collect(),
            patterns: given.get("patternProperties").and_then(Value::as_object),
        }
    }

    pub(super) fn find(&self, key: &str) -> Found<'a> {
        if let Some(inner) = self.own.and_then(|own| own.get(key)) {
            return Found::Schema(inner);
        }
        if self.alternatives.iter().any(|properties| properties.contains_key(key)) {
            return Found::Elsewhere;
        }
        for (form, inner) in self.patterns.into_iter().flatten() {
            match pattern::matches(form, key) {
                Some(true) => return Found::Schema(inner),
                Some(false) => {}
                None => return Found::Elsewhere,
            }
        }
        Found::Nothing
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        let all: Vec<&Map<String, Value>> = self.own.into_iter().chain(self.alternatives.iter().copied()).collect();
        all.into_iter()
            .flat_map(|properties| properties.keys().map(String::as_str))
    }
}
