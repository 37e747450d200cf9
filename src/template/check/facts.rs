//! Why a conditional part of a schema holds: what the template says about the properties that its condition asks about.

use serde_json::Value;

use super::super::Node;
use super::properties::{Walk, Within, strings};
use super::verdict::scalar_text;
use crate::diagnostic::codes;

impl Walk<'_> {
    /// Problems that hold under a condition say which one it is: names with what they are.
    pub(super) fn because(&mut self, facts: Vec<(String, String)>, walk: impl FnOnce(&mut Self)) {
        const MOST: usize = 3;
        let before = self.found.0.len();
        self.within(Within::Condition, walk);
        for problem in self.found.0.iter_mut().skip(before) {
            problem.code = codes::PROPERTY_COMBINATION;
            let told = |name: &str| problem.message.contains(&format!("`{name}`"));
            let new = facts.iter().filter(|(name, _)| !told(name)).take(MOST);
            let new: Vec<String> = new.map(|(name, is)| format!("`{name}` is {is}")).collect();
            if !new.is_empty() {
                let joint = if problem.message.contains(" when ") {
                    "and"
                } else {
                    "when"
                };
                problem.message = format!("{} {joint} {}", problem.message, new.join(" and "));
            }
        }
    }

    /// What the template says about the properties that a condition asks about.
    pub(super) fn facts(&self, condition: &Value, node: &Node) -> Vec<(String, String)> {
        let mut names = Vec::new();
        self.asked(condition, &mut Vec::new(), &mut names);
        let mut facts: Vec<(String, String)> = Vec::new();
        for path in &names {
            let mut at = Some(node);
            for segment in path {
                at = at.and_then(|node| node.get(segment));
            }
            let is = match at.map(scalar_text) {
                None => "not given".to_owned(),
                Some(Some(text)) => format!("`{text}`"),
                Some(None) => "given".to_owned(),
            };
            let fact = (path.join("."), is);
            if !facts.contains(&fact) {
                facts.push(fact);
            }
        }
        facts
    }

    fn asked(&self, condition: &Value, path: &mut Vec<String>, names: &mut Vec<Vec<String>>) {
        const DEEPEST: usize = 6;
        let condition = self.schema.resolve(condition);
        let properties = condition.get("properties").and_then(Value::as_object);
        for (name, inner) in properties.into_iter().flatten() {
            path.push(name.clone());
            let before = names.len();
            if path.len() < DEEPEST {
                self.asked(inner, path, names);
            }
            if names.len() == before {
                names.push(path.clone());
            }
            path.pop();
        }
        for name in strings(condition.get("required")) {
            let known = names
                .iter()
                .any(|known| known.get(path.len()).is_some_and(|segment| segment == name));
            if !known {
                names.push(path.iter().cloned().chain([name.to_owned()]).collect());
            }
        }
        let parts = ["allOf", "anyOf", "oneOf"]
            .into_iter()
            .filter_map(|key| condition.get(key)?.as_array());
        for part in parts.flatten().chain(condition.get("not")) {
            if path.len() < DEEPEST {
                self.asked(part, path, names);
            }
        }
    }
}
