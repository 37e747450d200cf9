//! Properties that need or exclude each other, alternatives, and the conditional parts of schemas.

use serde_json::Value;

use super::super::{Node, NodeValue};
use super::properties::{Walk, Within, first_line, strings};
use super::verdict::{Presence, Verdict, distance, presence, repeated, repeated_keys, scalar_text, verdict};
use crate::diagnostic::{Problem, Severity, Span, codes};

impl<'a> Walk<'a> {
    /// Everything in `given` beyond the properties and items themselves.
    pub(super) fn combinations(&mut self, given: &'a Value, node: &Node, holder: &Span) {
        let Some(keywords) = given.as_object() else { return };
        for (key, value) in keywords {
            match key.as_str() {
                "requiredXor" | "requiredOr" => self.required_of(key, value, node, holder),
                "dependentExcluded" => self.excluded(value, node),
                "dependentRequired" | "dependencies" => self.needed(value, node, holder),
                "allOf" => {
                    for part in value.as_array().into_iter().flatten() {
                        self.within(Within::Condition, |walk| walk.value(part, node, holder));
                    }
                }
                "anyOf" | "oneOf" => self.alternatives(key, value, node, holder),
                "not" => self.not(value, node, holder),
                "if" => self.conditional(value, keywords, node, holder),
                "propertyNames" => self.names(value, node),
                "cfnGather" => self.gather(value, node, holder),
                "minProperties" | "maxProperties" => self.counted(key, value, given, node, holder),
                // Whole items that are the same have the same keys, too, and are told about once.
                "uniqueItems" if keywords.contains_key("uniqueKeys") => {}
                "uniqueItems" | "uniqueKeys" | "contains" | "prefixItems" => self.items(key, value, node, holder),
                _ => {}
            }
        }
    }

    /// The conditional schemas that are held against parts of the type.
    pub(super) fn rules(&mut self, properties: &Node, holder: &Span) {
        let rules = self.schema.json().get("rules").and_then(Value::as_array);
        for rule in rules.into_iter().flatten().filter_map(Value::as_array) {
            let [Value::String(path), given, level @ ..] = rule.as_slice() else {
                continue;
            };
            let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
            let before = self.found.0.len();
            self.within(Within::Condition, |walk| walk.at(&segments, given, properties, holder));
            if !level.is_empty() {
                for problem in self.found.0.iter_mut().skip(before) {
                    problem.severity = Severity::Warning;
                }
            }
        }
    }

    fn at(&mut self, segments: &[&str], given: &'a Value, node: &Node, holder: &Span) {
        if let Some(("Fn::If", argument)) = super::intrinsic::call(node) {
            for branch in argument.items().iter().skip(1) {
                self.at(segments, given, branch, holder);
            }
            return;
        }
        match segments {
            [] => self.value(given, node, holder),
            ["*", rest @ ..] => {
                for (index, item) in node.items().iter().enumerate() {
                    self.path.push(index.to_string());
                    self.at(rest, given, item, &first_line(item));
                    self.path.pop();
                }
            }
            [name, rest @ ..] => {
                let entry = node.entries().iter().find(|(key, _, _)| key == name);
                if let Some((key, span, value)) = entry {
                    self.path.push(key.clone());
                    self.at(rest, given, value, span);
                    self.path.pop();
                }
            }
        }
    }

    pub(super) fn within(&mut self, part: Within, walk: impl FnOnce(&mut Self)) {
        let outside = std::mem::replace(&mut self.within, part);
        walk(self);
        self.within = outside;
    }

    fn report(&mut self, message: String, at: &Span) {
        self.push(Problem::error(codes::PROPERTY_COMBINATION, message).at(at.clone(), ""));
    }

    fn required_of(&mut self, key: &str, value: &Value, node: &Node, holder: &Span) {
        let names: Vec<&str> = strings(Some(value)).collect();
        if names.is_empty() || !matches!(node.value, NodeValue::Map(_)) {
            return;
        }
        if names.iter().all(|name| presence(node, name) == Presence::Absent) {
            self.report(format!("{} needs {}", self.place(), one_of(&names)), holder);
        }
        let certain = certain(node, &names);
        if key == "requiredXor" && certain.len() > 1 {
            self.report(format!("{} takes only {}", self.place(), one_of(&certain)), holder);
        }
    }

    fn excluded(&mut self, value: &Value, node: &Node) {
        for (name, others) in value.as_object().into_iter().flatten() {
            if presence(node, name) != Presence::Certain {
                continue;
            }
            for other in strings(Some(others)).filter(|other| presence(node, other) == Presence::Certain) {
                let mutual = value
                    .get(other)
                    .is_some_and(|back| strings(Some(back)).any(|back| back == name));
                if !(mutual && other < name.as_str()) {
                    let message = format!("{} takes either `{name}` or `{other}`, not both", self.place());
                    self.report(message, key_span(node, name));
                }
            }
        }
    }

    fn needed(&mut self, value: &'a Value, node: &Node, holder: &Span) {
        for (name, others) in value.as_object().into_iter().flatten() {
            if presence(node, name) != Presence::Certain {
                continue;
            }
            if others.is_object() {
                self.because(vec![(name.clone(), "given".to_owned())], |walk| {
                    walk.value(others, node, holder)
                });
            }
            for other in strings(Some(others)).filter(|other| presence(node, other) == Presence::Absent) {
                let message = format!("{} needs `{other}` when `{name}` is given", self.place());
                self.report(message, key_span(node, name));
            }
        }
    }

    /// Reports only if the value certainly fits none; then the alternative that it is nearest to says what is wrong.
    fn alternatives(&mut self, key: &str, value: &'a Value, node: &Node, holder: &Span) {
        let Some(alternatives) = value.as_array() else { return };
        if let Some(sets) = self.required_sets(alternatives) {
            let possible = |set: &&Vec<&str>| set.iter().all(|name| presence(node, name) != Presence::Absent);
            let complete = |set: &&Vec<&str>| set.iter().all(|name| presence(node, name) == Presence::Certain);
            let listed = |sets: &[&Vec<&str>]| sets.iter().map(|set| all_of(set)).collect::<Vec<_>>().join(" or ");
            let given: Vec<&Vec<&str>> = sets.iter().filter(complete).collect();
            if !sets.iter().any(|set| possible(&set)) {
                self.report(
                    format!("{} needs {}", self.place(), listed(&sets.iter().collect::<Vec<_>>())),
                    holder,
                );
            } else if key == "oneOf" && given.len() > 1 {
                let message = format!("{} takes either {}, not both", self.place(), listed(&given));
                self.report(message, holder);
            }
            return;
        }
        let fails = |given: &&'a Value| verdict(self.schema, given, node) == Verdict::Fails;
        if alternatives.is_empty() || !alternatives.iter().all(|given| fails(&given)) {
            return;
        }
        let nearest = alternatives
            .iter()
            .min_by_key(|given| distance(self.schema, given, node));
        let before = self.found.0.len();
        if let Some(nearest) = nearest {
            self.within(Within::Condition, |walk| walk.value(nearest, node, holder));
        }
        let count = alternatives.len();
        if self.found.0.len() == before {
            let message = format!("{} fits none of its {count} forms", self.place());
            self.report(message, holder);
        } else if count > 1 {
            for problem in self.found.0.iter_mut().skip(before) {
                problem.notes.push(format!(
                    "it has {count} forms; this is said about the one that is nearest"
                ));
            }
        }
    }

    /// If every alternative says nothing but which properties are required, those.
    fn required_sets(&self, alternatives: &'a [Value]) -> Option<Vec<Vec<&'a str>>> {
        alternatives
            .iter()
            .map(|alternative| {
                let alternative = self.schema.resolve(alternative).as_object()?;
                let required = alternative.get("required");
                (alternative.len() == 1 && required.is_some()).then(|| strings(required).collect())
            })
            .collect()
    }

    fn not(&mut self, value: &'a Value, node: &Node, holder: &Span) {
        if verdict(self.schema, value, node) != Verdict::Fits {
            return;
        }
        let names: Vec<&str> = strings(value.get("required")).collect();
        let (message, at) = match (names.as_slice(), scalar_text(node)) {
            ([only], _) => (
                format!("`{only}` is not allowed in {}", self.place()),
                key_span(node, only),
            ),
            ([_, ..], _) => (
                format!("{} does not take {} together", self.place(), all_of(&names)),
                holder,
            ),
            (_, Some(text)) => (format!("`{}` cannot be `{text}`", self.name()), &node.span),
            _ => (
                format!("{} has a combination of values that is not allowed", self.place()),
                holder,
            ),
        };
        self.report(message, at);
    }

    fn conditional(
        &mut self,
        condition: &'a Value,
        keywords: &'a serde_json::Map<String, Value>,
        node: &Node,
        holder: &Span,
    ) {
        let part = match verdict(self.schema, condition, node) {
            Verdict::Fits => keywords.get("then"),
            Verdict::Fails => keywords.get("else"),
            Verdict::Open => None,
        };
        if let Some(part) = part {
            let facts = self.facts(condition, node);
            self.because(facts, |walk| walk.value(part, node, holder));
        }
    }

    fn names(&mut self, value: &'a Value, node: &Node) {
        for (name, span, _) in node.entries() {
            let key = Node {
                value: NodeValue::String(name.clone()),
                span: span.clone(),
            };
            if verdict(self.schema, value, &key) == Verdict::Fails {
                let problem = Problem::error(
                    codes::PROPERTY_VALUE,
                    format!("`{name}` cannot be a name in {}", self.place()),
                )
                .at(span.clone(), "");
                let problem = match (value.get("pattern"), value.get("not").and_then(|not| not.get("enum"))) {
                    (Some(Value::String(pattern)), _) => problem.note(format!("names must match {pattern}")),
                    (_, Some(_)) => problem.note("the service keeps this name for itself"),
                    _ => problem,
                };
                self.push(problem);
            }
        }
    }

    fn counted(&mut self, key: &str, value: &Value, given: &Value, node: &Node, holder: &Span) {
        let Some(bound) = value.as_u64().filter(|_| matches!(node.value, NodeValue::Map(_))) else {
            return;
        };
        let only = serde_json::json!({ key: bound });
        if verdict(self.schema, &only, node) != Verdict::Fails {
            return;
        }
        let count = node.entries().len();
        let known = given.get("properties").and_then(Value::as_object);
        let names: Vec<&str> = known
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_str())
            .take(8)
            .collect();
        let bound = match key {
            "minProperties" => format!("at least {bound} needed"),
            _ => format!("at most {bound} allowed"),
        };
        let message = format!("{} has {count} properties, {bound}", self.place());
        let problem = Problem::error(codes::PROPERTY_COMBINATION, message).at(holder.clone(), "");
        self.push(if names.is_empty() || key == "maxProperties" {
            problem
        } else {
            problem.note(format!("for example {}", names.join(", ")))
        });
    }

    fn items(&mut self, key: &str, value: &'a Value, node: &Node, holder: &Span) {
        let items = node.items();
        let name = self.name();
        match key {
            "uniqueItems" if value == &Value::Bool(true) => {
                if let Some((first, again)) = repeated(items) {
                    let message = format!("`{name}` lists the same item twice");
                    self.push(twice(message, first, again));
                }
            }
            "uniqueKeys" => {
                if let Some((first, again)) = repeated_keys(value, items) {
                    let keys: Vec<&str> = strings(Some(value)).collect();
                    let message = format!("two items of `{name}` have the same {}", all_of(&keys));
                    self.push(twice(message, first, again));
                }
            }
            "contains" if matches!(node.value, NodeValue::List(_)) => {
                let only = items
                    .iter()
                    .all(|item| verdict(self.schema, value, item) == Verdict::Fails);
                if only {
                    let facts = self.wanted(value);
                    self.report(format!("`{name}` needs an item {facts}"), holder);
                }
            }
            "prefixItems" => {
                for (index, (item, part)) in items.iter().zip(value.as_array().into_iter().flatten()).enumerate() {
                    self.path.push(index.to_string());
                    self.within(Within::Condition, |walk| walk.value(part, item, &first_line(item)));
                    self.path.pop();
                }
            }
            _ => {}
        }
    }

    fn wanted(&self, value: &Value) -> String {
        let value = self.schema.resolve(value);
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let choice = |schema: &Value| {
            let list = schema.get("enum").and_then(Value::as_array);
            let first = schema.get("const").or_else(|| list.and_then(|list| list.first()));
            first.map(text)
        };
        if let Some(value) = choice(value) {
            return format!("`{value}`");
        }
        let properties = value.get("properties").and_then(Value::as_object);
        let pairs: Vec<String> = properties
            .into_iter()
            .flatten()
            .filter_map(|(name, inner)| Some(format!("`{name}` is `{}`", choice(inner)?)))
            .collect();
        match pairs.is_empty() {
            true => "of another form".to_owned(),
            false => format!("whose {}", pairs.join(" and ")),
        }
    }
}

fn twice(message: String, first: &Node, again: &Node) -> Problem {
    Problem::error(codes::PROPERTY_COMBINATION, message)
        .at(first_line(again), "again here")
        .at(first_line(first), "first here")
        .hint("remove one of the two")
}

fn key_span<'n>(node: &'n Node, name: &str) -> &'n Span {
    node.entries()
        .iter()
        .find(|(key, _, _)| key == name)
        .map_or(&node.span, |(_, span, _)| span)
}

fn certain<'n>(node: &Node, names: &[&'n str]) -> Vec<&'n str> {
    names
        .iter()
        .copied()
        .filter(|name| presence(node, name) == Presence::Certain)
        .collect()
}

fn one_of(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    format!("one of {}", names.join(", "))
}

fn all_of(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(" and ")
}
