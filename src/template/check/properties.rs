//! Resource types and properties against the schemas.
//!
//! A call of an intrinsic function has a value that only AWS knows: it fits everything, and its references are checked
//! elsewhere. Both branches of `Fn::If` are checked.

use std::collections::HashSet;

use serde_json::Value;

use super::super::read::describe;
use super::super::schema::ResourceSchema;
use super::super::{Node, NodeValue, intrinsic, schema};
use super::declared::{Declared, Found};
use super::verdict::{Presence, presence, value_presence};
use super::{MOST_FINDINGS, Template, Transforms, did_you_mean, formats, is_unknown, results, values};
use crate::diagnostic::{Problem, Problems, Span, closest, codes};

pub(super) fn check(template: &Template, problems: &mut Problems) {
    let found = problems.0.len();
    for (name, span, resource) in template.resources.entries {
        if problems.0.len() > found + MOST_FINDINGS {
            return;
        }
        let Some(kind) = resource.get("Type").filter(|kind| kind.as_str().is_some()) else {
            continue;
        };
        let type_name = kind.as_str().unwrap_or_default();
        match schema::get(type_name) {
            None => unknown_type(template, type_name, kind, problems),
            Some(schema) => {
                let given = resource.entries().iter().find(|(key, _, _)| key == "Properties");
                let empty = Node {
                    value: NodeValue::Map(Vec::new()),
                    span: span.clone(),
                };
                let (holder, properties) = match given {
                    Some((_, holder, node)) if node.value != NodeValue::Null => (holder, node),
                    _ => (span, &empty),
                };
                if intrinsic::call(properties).is_none() && matches!(properties.value, NodeValue::Map(_)) {
                    let mut walk = Walk {
                        template,
                        schema: &schema,
                        path: Vec::new(),
                        owner: name,
                        found: Problems::default(),
                        told: HashSet::new(),
                        within: Within::Declaration,
                    };
                    walk.value(schema.json(), properties, holder);
                    walk.rules(properties, holder);
                    problems.extend(walk.found);
                }
            }
        }
    }
}

/// Types outside of `AWS::` may be registered privately; `AWS::Serverless::` is what the SAM transform takes away.
fn unknown_type(template: &Template, type_name: &str, kind: &Node, problems: &mut Problems) {
    let elsewhere = type_name.starts_with("AWS::Serverless::") && template.transforms != Transforms::None;
    let well_formed = type_name.split("::").count() >= 2;
    let foreign = well_formed && !type_name.to_ascii_uppercase().starts_with("AWS::");
    if elsewhere || foreign || type_name.ends_with("::MODULE") || type_name == "AWS::CDK::Metadata" {
        return;
    }
    let mut problem = Problem::error(
        codes::UNKNOWN_RESOURCE_TYPE,
        format!("there is no resource type `{type_name}`"),
    )
    .at(kind.span.clone(), "");
    if let Some(hint) = did_you_mean(type_name, schema::type_names()) {
        problem = problem.hint(hint);
    } else {
        problem = problem.note(format!("known are the types of {}", schema::origin()));
    }
    problems.push(problem);
}

/// A walk over one resource's properties.
pub(super) struct Walk<'a> {
    pub(super) template: &'a Template<'a>,
    pub(super) schema: &'a ResourceSchema,
    /// Where the walk is, `["BucketEncryption", "0", "SSEAlgorithm"]`.
    pub(super) path: Vec<String>,
    /// The logical id.
    pub(super) owner: &'a str,
    pub(super) found: Problems,
    /// Where something begins that was told about, with what was told.
    pub(super) told: HashSet<(usize, String)>,
    pub(super) within: Within,
}

/// What part of the schema the walk is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Within {
    /// What the type declares about its properties.
    Declaration,
    /// An alternative, a conditional part or a rule: the properties have been looked at already.
    Condition,
}

impl<'a> Walk<'a> {
    /// A walk over an attribute of the resource `owner`, beside its properties.
    pub(super) fn of_attribute(
        template: &'a Template<'a>,
        schema: &'a ResourceSchema,
        owner: &'a str,
        attribute: &str,
    ) -> Self {
        Self {
            template,
            schema,
            path: vec![attribute.to_owned()],
            owner,
            found: Problems::default(),
            told: HashSet::new(),
            within: Within::Condition,
        }
    }

    pub(super) fn value(&mut self, given: &'a Value, node: &Node, holder: &Span) {
        let given = self.schema.resolve(given);
        if let Some(("Fn::If", argument)) = intrinsic::call(node) {
            if let [_, yes, no] = argument.items() {
                self.value(given, yes, holder);
                self.value(given, no, holder);
            }
            return;
        }
        if let Some(problem) = formats::check(self.template, given, node, || self.name()) {
            self.push(problem);
            return;
        }
        let types = types(given);
        if let Some(kind) = results::kind(self.template, node).filter(|kind| !results::fits(*kind, &types)) {
            let wanted: Vec<&str> = types.iter().map(|name| article(name)).collect();
            let what = format!("`{}`", self.name());
            self.push(results::misfit(self.template, kind, node, &what, &wanted.join(" or ")));
            return;
        }
        if is_unknown(node) || node.value == NodeValue::Null {
            return;
        }
        match &node.value {
            NodeValue::Map(_) if types.contains(&"object") || types.is_empty() => self.object(given, node, holder),
            NodeValue::List(_) if types.contains(&"array") || types.is_empty() => self.list(given, node, holder),
            NodeValue::Map(_) | NodeValue::List(_) => {
                if given.get("format").and_then(Value::as_str) != Some("json") {
                    self.wrong_type(&types, node, holder);
                }
                return;
            }
            _ if types.is_empty() || types.iter().any(|name| !matches!(*name, "object" | "array")) => {
                if let Some(problem) = values::check(given, &types, node, &self.name()) {
                    self.push(problem);
                    return;
                }
            }
            // A mapping without declared keys is JSON, which CloudFormation also takes as text.
            NodeValue::String(_) if types.contains(&"object") && given.get("properties").is_none() => return,
            _ => {
                self.wrong_type(&types, node, holder);
                return;
            }
        }
        self.combinations(given, node, holder);
    }

    /// Problems of one place are told once, whichever part of the schema finds them.
    pub(super) fn push(&mut self, problem: Problem) {
        let at = problem.labels.first().map_or(0, |label| label.span.bytes.start);
        if self.told.insert((at, problem.message.clone())) {
            self.found.push(problem);
        }
    }

    fn object(&mut self, given: &'a Value, node: &Node, holder: &Span) {
        if node.entries().iter().any(|(key, _, _)| key.starts_with("Fn::")) {
            return;
        }
        let closed = given.get("additionalProperties") == Some(&Value::Bool(false));
        let declared = Declared::of(self.schema, given);
        // What unknown keys were meant to be: that is not missing as well.
        let mut meant = Vec::new();
        for (key, span, value) in node.entries() {
            self.path.push(key.clone());
            match declared.find(key) {
                Found::Schema(Value::Bool(false)) => self.not_allowed(key, value, span),
                Found::Schema(inner) => {
                    self.read_only(value, span);
                    self.value(inner, value, span);
                }
                Found::Elsewhere => {}
                Found::Nothing if closed => {
                    self.unknown(key, span, &declared);
                    meant.extend(closest(key, declared.names()).map(str::to_owned));
                }
                Found::Nothing => {
                    if let Some(inner @ Value::Object(_)) = given.get("additionalProperties") {
                        self.value(inner, value, span);
                    }
                }
            }
            self.path.pop();
        }
        let where_to = self.place();
        for name in strings(given.get("required")) {
            if presence(node, name) == Presence::Absent && !meant.iter().any(|meant| meant == name) {
                self.push(
                    Problem::error(codes::MISSING_PROPERTY, format!("{where_to} needs `{name}`"))
                        .at(holder.clone(), format!("`{name}` is missing here")),
                );
            }
        }
    }

    fn not_allowed(&mut self, key: &str, value: &Node, span: &Span) {
        let given = value_presence(value);
        if given == Presence::Certain {
            let message = format!("`{}` is not allowed", self.name());
            self.push(
                Problem::error(codes::PROPERTY_COMBINATION, message)
                    .at(span.clone(), "")
                    .hint(format!("take `{key}` out")),
            );
        }
    }

    fn list(&mut self, given: &'a Value, node: &Node, holder: &Span) {
        let items = node.items();
        // An item under a condition may vanish, and a function may give several: only certain counts are judged.
        let certain = items.iter().filter(|item| intrinsic::call(item).is_none()).count();
        let open = items
            .iter()
            .any(|item| intrinsic::call(item).is_some_and(|(name, _)| name != "Ref"));
        let most = given.get("maxItems").and_then(Value::as_u64);
        let fewest = given.get("minItems").and_then(Value::as_u64);
        let name = self.name();
        if let Some(most) = most.filter(|most| certain as u64 > *most) {
            self.push(
                Problem::error(
                    codes::PROPERTY_RANGE,
                    format!("`{name}` has {certain} items; at most {most} are allowed"),
                )
                .at(holder.clone(), ""),
            );
        }
        if let Some(fewest) = fewest.filter(|fewest| !open && (items.len() as u64) < *fewest) {
            self.push(
                Problem::error(
                    codes::PROPERTY_RANGE,
                    format!("`{name}` has {} items; at least {fewest} are needed", items.len()),
                )
                .at(holder.clone(), ""),
            );
        }
        if let Some(inner @ Value::Object(_)) = given.get("items") {
            for (index, item) in items.iter().enumerate() {
                self.path.push(index.to_string());
                self.value(inner, item, &first_line(item));
                self.path.pop();
            }
        }
    }

    fn unknown(&mut self, key: &str, span: &Span, declared: &Declared) {
        let place = match self.path.split_last() {
            Some((_, holder)) => self.describe(holder),
            None => self.place(),
        };
        let problem =
            Problem::error(codes::UNKNOWN_PROPERTY, format!("{place} has no property `{key}`")).at(span.clone(), "");
        let problem = match did_you_mean(key, declared.names()) {
            Some(hint) => problem.hint(hint),
            None if declared.names().count() <= 12 => {
                problem.note(format!("it has {}", declared.names().collect::<Vec<_>>().join(", ")))
            }
            None => problem,
        };
        self.push(problem);
    }

    /// What only AWS sets cannot be given. Some schemas list a property both as read-only and as create-only or
    /// required; those can.
    fn read_only(&mut self, value: &Node, span: &Span) {
        if self.within == Within::Condition {
            return;
        }
        let here = |key: &str| {
            self.schema
                .pointers(key)
                .any(|pointer| pointer.iter().copied().eq(self.path.iter().map(String::as_str)))
        };
        let read_only = here("readOnlyProperties")
            && !here("createOnlyProperties")
            && !here("conditionalCreateOnlyProperties")
            && !here("writeOnlyProperties");
        let required = matches!(self.path.as_slice(), [name] if self.schema.required().contains(name));
        if read_only && !required && !intrinsic::is_no_value(value) {
            let name = self.name();
            self.push(
                // CloudFormation leaves it out silently (cloudformation-resource-schema#102): nothing fails, and nothing
                // is set.
                Problem::warning(
                    codes::READ_ONLY_PROPERTY,
                    format!("`{name}` has no effect: only AWS sets it"),
                )
                .at(span.clone(), "")
                .hint(format!("to use its value write `!GetAtt {}.{name}`", self.owner)),
            );
        }
    }

    fn wrong_type(&mut self, types: &[&str], node: &Node, holder: &Span) {
        let wanted: Vec<&str> = types.iter().map(|name| article(name)).collect();
        let message = format!(
            "`{}` must be {}, not {}",
            self.name(),
            wanted.join(" or "),
            describe(&node.value)
        );
        let at = if matches!(node.value, NodeValue::Map(_) | NodeValue::List(_)) {
            holder
        } else {
            &node.span
        };
        let problem = Problem::error(codes::PROPERTY_TYPE, message).at(at.clone(), "");
        let wants_list = types == ["array"] && !matches!(node.value, NodeValue::Map(_));
        self.push(if wants_list {
            problem.hint("put `- ` before it to make it a list")
        } else {
            problem
        });
    }

    pub(super) fn name(&self) -> String {
        self.path.join(".")
    }

    pub(super) fn place(&self) -> String {
        self.describe(&self.path)
    }

    fn describe(&self, path: &[String]) -> String {
        match path {
            [] => format!("`{}`", self.schema.name()),
            path => format!("`{}` of `{}`", path.join("."), self.schema.name()),
        }
    }
}

/// The names under `type`, or what the other keywords imply.
pub(super) fn types(given: &Value) -> Vec<&str> {
    match given.get("type") {
        Some(Value::String(name)) => vec![name.as_str()],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

pub(super) fn strings(list: Option<&Value>) -> impl Iterator<Item = &str> {
    list.and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

fn article(type_name: &str) -> &str {
    match type_name {
        "array" => "a list",
        "object" => "a mapping",
        "string" => "a string",
        "integer" => "an integer",
        "number" => "a number",
        "boolean" => "true or false",
        other => other,
    }
}

/// The place of a list item: its first line, since the whole may be long.
pub(super) fn first_line(item: &Node) -> Span {
    let length = item.span.text().lines().next().unwrap_or_default().len();
    Span::new(&item.span.source, item.span.bytes.start..item.span.bytes.start + length)
}
