//! Templates evaluated: conditions and intrinsic functions against parameters and what resources answer.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::function::{self, UNKNOWN, scalar, unknown};
use super::state::{Configuration, Parameter};
use super::template::{placeholders, section};
use super::world::{Lookup, World};

/// What resources answer to `Ref` (no attribute) and to `Fn::GetAtt`; `Ok(None)`: not known yet.
pub(super) type Answers<'a> = dyn Fn(&str, Option<&str>) -> Result<Option<Value>, String> + 'a;

/// Where values come from.
pub(super) struct Scope<'a> {
    pub template: &'a Value,
    pub parameters: &'a IndexMap<String, Parameter>,
    pub conditions: BTreeMap<String, bool>,
    pub account: String,
    pub region: String,
    pub stack_name: String,
    pub stack_id: String,
    pub notification_arns: &'a [String],
    pub resource: &'a Answers<'a>,
    pub exports: &'a BTreeMap<String, String>,
    /// The exports that were asked for.
    pub imported: BTreeSet<String>,
    pub world: &'a mut dyn World,
}

/// `aws`, `aws-cn`, `aws-us-gov`.
pub(super) fn partition(region: &str) -> &'static str {
    match region.split('-').next() {
        Some("cn") => "aws-cn",
        Some("us") if region.starts_with("us-gov") => "aws-us-gov",
        _ => "aws",
    }
}

impl<'a> Scope<'a> {
    pub(super) fn new(
        (account, region): (&str, &str),
        (stack_name, stack_id): (&str, &str),
        configuration: &'a Configuration,
        resource: &'a Answers<'a>,
        exports: &'a BTreeMap<String, String>,
        world: &'a mut dyn World,
    ) -> Result<Self, String> {
        let mut scope = Self {
            template: &configuration.template,
            parameters: &configuration.parameters,
            conditions: BTreeMap::new(),
            account: account.to_owned(),
            region: region.to_owned(),
            stack_name: stack_name.to_owned(),
            stack_id: stack_id.to_owned(),
            notification_arns: &configuration.notification_arns,
            resource,
            exports,
            imported: BTreeSet::new(),
            world,
        };
        let names: Vec<&str> = section(scope.template, "Conditions").map(|(name, _)| name).collect();
        for name in names {
            scope.condition(name, 0)?;
        }
        Ok(scope)
    }

    /// The value, everything in it evaluated; none where it is `AWS::NoValue`.
    pub(super) fn resolve(&mut self, value: &Value) -> Result<Option<Value>, String> {
        match value {
            Value::Array(items) => {
                let mut resolved = Vec::with_capacity(items.len());
                for item in items {
                    resolved.extend(self.resolve(item)?);
                }
                Ok(Some(Value::Array(resolved)))
            }
            Value::Object(entries) => {
                if let (1, Some((key, argument))) = (entries.len(), entries.iter().next())
                    && (key == "Ref" || key == "Condition" && argument.is_string() || key.starts_with("Fn::"))
                {
                    return self.call(key, argument);
                }
                let mut resolved = Map::new();
                for (key, inner) in entries {
                    if let Some(inner) = self.resolve(inner)? {
                        resolved.insert(key.clone(), inner);
                    }
                }
                Ok(Some(Value::Object(resolved)))
            }
            Value::Null => {
                Err("Template format error: [/Resources] 'null' values are not allowed in templates".to_owned())
            }
            other => Ok(Some(other.clone())),
        }
    }

    /// The value as one string.
    pub(super) fn text(&mut self, value: &Value) -> Result<String, String> {
        let resolved = self.resolve(value)?.unwrap_or(Value::Null);
        scalar(&resolved).ok_or_else(|| format!("Template error: a string was expected, not {resolved}"))
    }

    fn call(&mut self, name: &str, argument: &Value) -> Result<Option<Value>, String> {
        let known = match name {
            "Ref" => return self.reference(argument.as_str().unwrap_or_default()),
            "Condition" => json!(self.condition(argument.as_str().unwrap_or_default(), 0)?),
            "Fn::GetAtt" => self.attribute(argument)?,
            "Fn::Sub" => self.substitute(argument)?,
            "Fn::Join" => {
                let (delimiter, items) = self.pair(name, argument)?;
                function::join(&scalar(&delimiter).unwrap_or_default(), &items)?
            }
            "Fn::Select" => {
                let (index, items) = self.pair(name, argument)?;
                function::select(&index, &items)?
            }
            "Fn::Split" => {
                let (delimiter, text) = self.pair(name, argument)?;
                function::split(&scalar(&delimiter).unwrap_or_default(), &text)?
            }
            "Fn::If" => {
                let [condition, yes, no] = argument.as_array().map(Vec::as_slice).unwrap_or_default() else {
                    return Err("Template error: Fn::If requires a list argument with three parameters".to_owned());
                };
                let holds = self.condition(condition.as_str().unwrap_or_default(), 0)?;
                return self.resolve(if holds { yes } else { no });
            }
            "Fn::Equals" | "Fn::And" | "Fn::Or" | "Fn::Not" => {
                let holds = self.holds(&json!({ name: argument }), 0)?;
                json!(holds)
            }
            "Fn::FindInMap" => self.find_in_map(argument)?,
            "Fn::Base64" => {
                let text = self.resolve(argument)?.unwrap_or(Value::Null);
                function::base64(&text)?
            }
            "Fn::Cidr" => {
                let resolved = self.resolve(argument)?.unwrap_or(Value::Null);
                let parts = resolved.as_array().map(Vec::as_slice).unwrap_or_default();
                let null = Value::Null;
                function::cidr(
                    parts.first().unwrap_or(&null),
                    parts.get(1).unwrap_or(&null),
                    parts.get(2),
                )?
            }
            "Fn::GetAZs" => {
                let wanted = self.text(argument)?;
                let region = if wanted.is_empty() { self.region.clone() } else { wanted };
                json!(self.world.availability_zones(&region))
            }
            "Fn::ImportValue" => {
                let wanted = self.text(argument)?;
                if wanted.contains(UNKNOWN) {
                    json!(UNKNOWN)
                } else {
                    let value = self.exports.get(&wanted).cloned();
                    self.imported.insert(wanted.clone());
                    json!(value.ok_or_else(|| format!("No export named {wanted} found."))?)
                }
            }
            "Fn::Length" => {
                self.extension(name)?;
                let list = self.resolve(argument)?.unwrap_or(Value::Null);
                if unknown(&list) {
                    json!(UNKNOWN)
                } else {
                    json!(list.as_array().map_or(0, Vec::len))
                }
            }
            "Fn::ToJsonString" => {
                self.extension(name)?;
                let value = self.resolve(argument)?.unwrap_or(Value::Null);
                json!(value.to_string())
            }
            other => return Err(format!("Template error: {other} is not supported here")),
        };
        Ok(Some(known))
    }

    fn extension(&self, name: &str) -> Result<(), String> {
        let transform = self.template.get("Transform");
        if transform.is_some_and(|transform| transform.to_string().contains("AWS::LanguageExtensions")) {
            return Ok(());
        }
        Err(format!(
            "Template format error: {name} needs the transform AWS::LanguageExtensions"
        ))
    }

    fn reference(&mut self, name: &str) -> Result<Option<Value>, String> {
        let known = match name {
            "AWS::NoValue" => return Ok(None),
            "AWS::AccountId" => json!(self.account),
            "AWS::Region" => json!(self.region),
            "AWS::Partition" => json!(partition(&self.region)),
            "AWS::StackName" => json!(self.stack_name),
            "AWS::StackId" => json!(self.stack_id),
            "AWS::URLSuffix" => json!(if partition(&self.region) == "aws-cn" {
                "amazonaws.com.cn"
            } else {
                "amazonaws.com"
            }),
            "AWS::NotificationARNs" => json!(self.notification_arns),
            _ => match self.parameters.get(name) {
                Some(parameter) => {
                    let text = parameter.resolved.as_ref().unwrap_or(&parameter.value);
                    if parameter.list {
                        let items = text.split(',').map(|item| json!(item.trim()));
                        Value::Array(if text.is_empty() { Vec::new() } else { items.collect() })
                    } else {
                        json!(text)
                    }
                }
                None => (self.resource)(name, None)?.unwrap_or_else(|| json!(UNKNOWN)),
            },
        };
        Ok(Some(known))
    }

    fn attribute(&mut self, argument: &Value) -> Result<Value, String> {
        let (name, attribute) = match argument {
            Value::String(path) => path.split_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())),
            Value::Array(parts) => match parts.as_slice() {
                [Value::String(name), attribute] => Some((name.clone(), self.text(attribute)?)),
                _ => None,
            },
            _ => None,
        }
        .ok_or("Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute")?;
        Ok((self.resource)(&name, Some(&attribute))?.unwrap_or_else(|| json!(UNKNOWN)))
    }

    fn substitute(&mut self, argument: &Value) -> Result<Value, String> {
        let nothing = Map::new();
        let (text, own) = match argument {
            Value::String(text) => (text.as_str(), &nothing),
            Value::Array(parts) => match parts.as_slice() {
                [Value::String(text), Value::Object(own)] => (text.as_str(), own),
                _ => {
                    return Err(
                        "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments."
                            .to_owned(),
                    );
                }
            },
            _ => {
                return Err(
                    "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments."
                        .to_owned(),
                );
            }
        };
        let mut result = String::new();
        let mut from = 0;
        for (name, range) in placeholders(text) {
            result.push_str(text.get(from..range.start).unwrap_or_default());
            let value = match own.get(name) {
                Some(value) => self.text(value)?,
                None => match name.split_once('.') {
                    Some((resource, attribute)) => {
                        let value = self.attribute(&json!([resource, attribute]))?;
                        scalar(&value).ok_or_else(|| format!("Template error: {name} is not a string in Fn::Sub"))?
                    }
                    None => {
                        let value = self.reference(name)?.unwrap_or(Value::Null);
                        scalar(&value).ok_or_else(|| {
                            format!(
                                "Template error: variable {name} in Fn::Sub expression does not resolve to a string"
                            )
                        })?
                    }
                },
            };
            result.push_str(&value);
            from = range.end;
        }
        result.push_str(text.get(from..).unwrap_or_default());
        Ok(json!(result.replace("${!", "${")))
    }

    fn find_in_map(&mut self, argument: &Value) -> Result<Value, String> {
        let parts = argument.as_array().map(Vec::as_slice).unwrap_or_default();
        let [map, top, second, rest @ ..] = parts else {
            return Err("Template error: every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value".to_owned());
        };
        let (map, top, second) = (self.text(map)?, self.text(top)?, self.text(second)?);
        let found = self
            .template
            .get("Mappings")
            .and_then(|maps| maps.get(&map)?.get(&top)?.get(&second))
            .cloned();
        match (found, rest.first().and_then(|options| options.get("DefaultValue"))) {
            (Some(found), _) => Ok(found),
            (None, Some(default)) => Ok(self.resolve(&default.clone())?.unwrap_or(Value::Null)),
            (None, None) => Err(format!(
                "Template error: Unable to get mapping for {map}::{top}::{second}"
            )),
        }
    }

    fn pair(&mut self, name: &str, argument: &Value) -> Result<(Value, Value), String> {
        let [first, second] = argument.as_array().map(Vec::as_slice).unwrap_or_default() else {
            return Err(format!("Template error: every {name} object requires two parameters"));
        };
        let first = self.resolve(first)?.unwrap_or(Value::Null);
        let second = self.resolve(second)?.unwrap_or(Value::Null);
        Ok((first, second))
    }

    fn condition(&mut self, name: &str, depth: usize) -> Result<bool, String> {
        if let Some(known) = self.conditions.get(name) {
            return Ok(*known);
        }
        let declared = self
            .template
            .get("Conditions")
            .and_then(|conditions| conditions.get(name));
        let declared = declared.ok_or_else(|| format!("Template error: unresolved condition dependency: {name}"))?;
        if depth > 50 {
            return Err(format!(
                "Template error: Circular dependency between conditions: [{name}]"
            ));
        }
        let holds = self.holds(declared, depth + 1)?;
        self.conditions.insert(name.to_owned(), holds);
        Ok(holds)
    }

    fn holds(&mut self, expression: &Value, depth: usize) -> Result<bool, String> {
        let entries = expression.as_object();
        let Some((key, argument)) = entries.and_then(|entries| entries.iter().next()) else {
            return Ok(expression == &json!(true) || expression == &json!("true"));
        };
        let items = argument.as_array().map(Vec::as_slice).unwrap_or_default();
        match key.as_str() {
            "Condition" => self.condition(argument.as_str().unwrap_or_default(), depth),
            "Fn::Equals" => {
                let [left, right] = items else {
                    return Err("Template error: Fn::Equals cannot be partially collapsed".to_owned());
                };
                let (left, right) = (self.resolve(left)?, self.resolve(right)?);
                Ok(left.as_ref().and_then(scalar) == right.as_ref().and_then(scalar)
                    && (left == right || left.as_ref().and_then(scalar).is_some()))
            }
            "Fn::And" | "Fn::Or" => {
                if !(2..=10).contains(&items.len()) {
                    return Err(format!(
                        "Template error: every {key} object requires a list of at least 2 and at most 10 boolean parameters."
                    ));
                }
                let mut results = Vec::new();
                for item in items {
                    results.push(self.holds(item, depth)?);
                }
                Ok(if key == "Fn::And" {
                    results.iter().all(|one| *one)
                } else {
                    results.iter().any(|one| *one)
                })
            }
            "Fn::Not" => match items {
                [only] => Ok(!self.holds(only, depth)?),
                _ => Err("Template error: every Fn::Not object requires one boolean parameter.".to_owned()),
            },
            other => Err(format!("Template error: {other} cannot be used as a condition")),
        }
    }
}

/// `{{resolve:…}}` replaced by what stands behind it. The stored properties keep the reference, as AWS's do.
pub(super) fn dynamic(value: &Value, world: &mut dyn World) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => Value::String(dynamic_text(text, world)?),
        Value::Array(items) => Value::Array(
            items
                .iter()
                .map(|item| dynamic(item, world))
                .collect::<Result<_, _>>()?,
        ),
        Value::Object(entries) => {
            let mut resolved = Map::new();
            for (key, inner) in entries {
                resolved.insert(key.clone(), dynamic(inner, world)?);
            }
            Value::Object(resolved)
        }
        other => other.clone(),
    })
}

fn dynamic_text(text: &str, world: &mut dyn World) -> Result<String, String> {
    let mut result = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{resolve:") {
        let Some(end) = rest.get(start..).and_then(|tail| tail.find("}}")).map(|at| start + at) else {
            break;
        };
        result.push_str(rest.get(..start).unwrap_or_default());
        let reference = rest.get(start + 10..end).unwrap_or_default();
        result.push_str(&world.lookup(&parse(reference)?)?);
        rest = rest.get(end + 2..).unwrap_or_default();
    }
    result.push_str(rest);
    Ok(result)
}

fn parse(reference: &str) -> Result<Lookup, String> {
    let (service, rest) = reference.split_once(':').unwrap_or((reference, ""));
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    match service {
        "ssm" | "ssm-secure" => {
            let (name, version) = rest.split_once(':').unwrap_or((rest, ""));
            Ok(Lookup::Parameter {
                name: name.to_owned(),
                version: some(version),
                secure: service == "ssm-secure",
            })
        }
        "secretsmanager" => {
            // An ARN has seven parts of its own.
            let parts: Vec<&str> = rest.split(':').collect();
            let own = if rest.starts_with("arn:") {
                7.min(parts.len())
            } else {
                1
            };
            let (id, options) = parts.split_at(own);
            Ok(Lookup::Secret {
                id: id.join(":"),
                key: options.get(1).and_then(|key| some(key)),
                version: options
                    .get(2)
                    .and_then(|stage| some(stage))
                    .or_else(|| options.get(3).and_then(|id| some(id))),
            })
        }
        other => Err(format!("Invalid dynamic reference: unknown service {other}")),
    }
}
