//! Rules about several resources: what a property refers to is put beside it, and a schema is held against both.
//!
//! `{"gather": {NAME: {"reference": "/Queue", "filter": {"type": T}, "properties": {P: "/P"}}}, "schema": …}`; a name
//! without a reference is the resource itself. A value in the schema may be `{"$data": "/NAME/P"}`.

use serde_json::{Map, Value};

use super::super::{Node, NodeValue, intrinsic};
use super::properties::{Walk, Within};
use super::verdict::scalar_text;
use crate::diagnostic::{Problems, Span, codes};

impl Walk<'_> {
    /// Checks what the rule `given` gathers around `node`, the properties of one resource.
    pub(super) fn gather(&mut self, given: &Value, node: &Node, holder: &Span) {
        let Some(sources) = given.get("gather").and_then(Value::as_object) else {
            return;
        };
        let mut gathered = Vec::new();
        let mut names: Vec<(String, String)> = Vec::new();
        for (name, source) in sources {
            let Some((owner, properties)) = self.source(source, node) else {
                continue;
            };
            // Inside of the rule a property may go by another name.
            for (alias, about) in source
                .get("properties")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
            {
                let path = about.as_str().or_else(|| about.get("path")?.as_str()).unwrap_or(alias);
                let own = path.rsplit('/').next().unwrap_or(alias);
                names.push((format!("`{name}.{alias}"), format!("`{owner}.{own}")));
            }
            names.push((format!("`{name}` of `{}`", self.schema.name()), format!("`{owner}`")));
            gathered.push((name.clone(), holder.clone(), part(source, properties)));
        }
        let beside = Node {
            value: NodeValue::Map(gathered),
            span: node.span.clone(),
        };
        let Some(schema) = given.get("schema").and_then(|schema| with_data(schema, &beside)) else {
            return;
        };
        let mut walk = Walk {
            template: self.template,
            schema: self.schema,
            path: Vec::new(),
            owner: self.owner,
            found: Problems::default(),
            within: Within::Condition,
        };
        walk.value(&schema, &beside, holder);
        for mut problem in walk.found.0 {
            problem.code = codes::PROPERTY_COMBINATION;
            for (inside, outside) in &names {
                problem.message = problem.message.replace(inside, outside);
            }
            self.push(problem);
        }
    }

    /// The logical id and the properties of what the rule means by `source`.
    fn source<'n>(&'n self, source: &Value, node: &'n Node) -> Option<(&'n str, &'n Node)> {
        let Some(reference) = source.get("reference").and_then(Value::as_str) else {
            return Some((self.owner, node));
        };
        let target = match intrinsic::call(at(node, reference)?)? {
            ("Ref", argument) => argument.as_str()?,
            ("Fn::GetAtt", argument) => match argument.as_str() {
                Some(text) => text.split_once('.')?.0,
                None => argument.items().first()?.as_str()?,
            },
            _ => return None,
        };
        let (name, _, resource) = self.template.resources.entry(target)?;
        let wanted = source
            .get("filter")
            .and_then(|filter| filter.get("type"))
            .and_then(Value::as_str);
        let kind = resource.get("Type")?.as_str()?;
        // Under a condition it may be another resource that is meant in the end.
        let fits = wanted.is_none_or(|wanted| wanted == kind) && resource.get("Condition").is_none();
        let properties = resource.get("Properties").filter(|_| fits)?;
        Some((name, properties))
    }
}

/// The named properties, or their defaults where the resource leaves them out.
fn part(source: &Value, properties: &Node) -> Node {
    let wanted = source.get("properties").and_then(Value::as_object);
    let mut found = Vec::new();
    for (name, about) in wanted.into_iter().flatten() {
        let path = about
            .as_str()
            .or_else(|| about.get("path").and_then(Value::as_str))
            .unwrap_or(name);
        let value = match (at(properties, path), about.get("default")) {
            (Some(value), _) => value.clone(),
            (None, Some(Value::Number(number))) => Node {
                value: NodeValue::Number(number.clone()),
                span: first_line(properties),
            },
            (None, Some(Value::String(text))) => Node {
                value: NodeValue::String(text.clone()),
                span: first_line(properties),
            },
            (None, Some(Value::Bool(value))) => Node {
                value: NodeValue::Boolean(*value),
                span: first_line(properties),
            },
            // What null stands for is left to AWS.
            (None, Some(_)) => Node {
                value: NodeValue::Null,
                span: first_line(properties),
            },
            (None, None) => continue,
        };
        found.push((name.clone(), value.span.clone(), value));
    }
    Node {
        value: NodeValue::Map(found),
        span: properties.span.clone(),
    }
}

fn first_line(node: &Node) -> Span {
    super::properties::first_line(node)
}

fn at<'n>(node: &'n Node, pointer: &str) -> Option<&'n Node> {
    let mut segments = pointer.split('/').filter(|segment| !segment.is_empty());
    segments.try_fold(node, |node, segment| node.get(segment))
}

fn scalar(text: &str) -> Value {
    let number = text.trim().parse::<f64>().ok().and_then(serde_json::Number::from_f64);
    match (number, text.to_ascii_lowercase().as_str()) {
        (Some(number), _) => Value::Number(number),
        (None, "true") => Value::Bool(true),
        (None, "false") => Value::Bool(false),
        (None, _) => Value::String(text.to_owned()),
    }
}

/// The schema with each `$data` replaced by what stands there; none if one of them is not known.
fn with_data(schema: &Value, gathered: &Node) -> Option<Value> {
    match schema {
        Value::Object(members) => {
            if let Some(pointer) = members.get("$data").and_then(Value::as_str) {
                return scalar_text(at(gathered, pointer)?).map(|text| scalar(&text));
            }
            let mut replaced = Map::new();
            for (key, value) in members {
                match with_data(value, gathered) {
                    Some(value) => drop(replaced.insert(key.clone(), value)),
                    // A bound that is not known bounds nothing; anything else would change what the schema says.
                    None if matches!(key.as_str(), "minimum" | "maximum") => {}
                    None => return None,
                }
            }
            Some(Value::Object(replaced))
        }
        Value::Array(items) => items
            .iter()
            .map(|item| with_data(item, gathered))
            .collect::<Option<_>>()
            .map(Value::Array),
        other => Some(other.clone()),
    }
}
