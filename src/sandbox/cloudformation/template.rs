//! Templates: reading, the sections, what refers to what, and what is refused before anything runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::refusal::{Answer, Refusal};
use super::resource_types;
use crate::diagnostic::Source;

const SECTIONS: [&str; 11] = [
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Hooks",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
    "Transform",
];

const ATTRIBUTES: [&str; 11] = [
    "Type",
    "Properties",
    "DependsOn",
    "Condition",
    "Metadata",
    "DeletionPolicy",
    "UpdateReplacePolicy",
    "CreationPolicy",
    "UpdatePolicy",
    "Description",
    "Version",
];

/// Reads a template and refuses what CloudFormation refuses at once: syntax, sections, types, references, limits.
pub(super) fn read(body: &str) -> Answer<Value> {
    let source = Arc::new(Source {
        path: "template".to_owned(),
        text: body.to_owned(),
    });
    let document = crate::template::read(&source).map_err(|problems| {
        let first = problems
            .0
            .first()
            .map(|problem| problem.message.clone())
            .unwrap_or_default();
        Refusal::validation(format!("Template format error: {first}"))
    })?;
    let template = document.root.to_json();
    validate(&template)?;
    Ok(template)
}

/// The resources that the conditions leave, with their declarations.
pub(super) fn resources<'a>(
    template: &'a Value,
    conditions: &'a BTreeMap<String, bool>,
) -> impl Iterator<Item = (&'a str, &'a Value)> {
    section(template, "Resources").filter(|(_, declaration)| {
        let condition = declaration.get("Condition").and_then(Value::as_str);
        condition.is_none_or(|name| conditions.get(name).copied().unwrap_or(true))
    })
}

/// The entries of a section.
pub(super) fn section<'a>(template: &'a Value, name: &str) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
    let entries = template.get(name).and_then(Value::as_object);
    entries
        .into_iter()
        .flat_map(Map::iter)
        .map(|(key, value)| (key.as_str(), value))
}

/// The type of a resource's declaration.
pub(super) fn resource_type(declaration: &Value) -> &str {
    declaration.get("Type").and_then(Value::as_str).unwrap_or_default()
}

/// The names that a declaration refers to by Ref, GetAtt, Sub and DependsOn.
pub(super) fn dependencies(declaration: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    match declaration.get("DependsOn") {
        Some(Value::String(name)) => {
            found.insert(name.clone());
        }
        Some(Value::Array(names)) => found.extend(names.iter().filter_map(Value::as_str).map(str::to_owned)),
        _ => {}
    }
    for part in ["Properties", "Metadata"] {
        if let Some(value) = declaration.get(part) {
            references(value, &mut |name, _| {
                found.insert(name.to_owned());
            });
        }
    }
    found
}

/// Tells every reference in a value: the name and, for GetAtt, the attribute.
pub(super) fn references(value: &Value, tell: &mut dyn FnMut(&str, Option<&str>)) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| references(item, tell)),
        Value::Object(entries) => {
            for (key, inner) in entries {
                match (key.as_str(), inner) {
                    ("Ref", Value::String(name)) => tell(name, None),
                    ("Fn::GetAtt", Value::String(path)) => {
                        let (name, attribute) = path.split_once('.').unwrap_or((path, ""));
                        tell(name, Some(attribute));
                    }
                    ("Fn::GetAtt", Value::Array(parts)) => {
                        let name = parts.first().and_then(Value::as_str).unwrap_or_default();
                        tell(name, Some(parts.get(1).and_then(Value::as_str).unwrap_or_default()));
                        parts.iter().skip(1).for_each(|part| references(part, tell));
                    }
                    ("Fn::Sub", Value::String(text)) => substitutions(text, &[], tell),
                    ("Fn::Sub", Value::Array(parts)) => {
                        let own: Vec<&str> = parts
                            .get(1)
                            .and_then(Value::as_object)
                            .map_or_else(Vec::new, |own| own.keys().map(String::as_str).collect());
                        if let Some(Value::String(text)) = parts.first() {
                            substitutions(text, &own, tell);
                        }
                        parts.iter().skip(1).for_each(|part| references(part, tell));
                    }
                    _ => references(inner, tell),
                }
            }
        }
        _ => {}
    }
}

fn substitutions(text: &str, own: &[&str], tell: &mut dyn FnMut(&str, Option<&str>)) {
    for (name, _) in placeholders(text) {
        if own.contains(&name) {
            continue;
        }
        match name.split_once('.') {
            Some((resource, attribute)) => tell(resource, Some(attribute)),
            None => tell(name, None),
        }
    }
}

/// The `${Name}` of a Fn::Sub text with their byte ranges; `${!Literal}` is left out.
pub(super) fn placeholders(text: &str) -> Vec<(&str, std::ops::Range<usize>)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = text.get(from..).and_then(|rest| rest.find("${")).map(|at| at + from) {
        let Some(end) = text.get(start..).and_then(|rest| rest.find('}')).map(|at| at + start) else {
            break;
        };
        let name = text.get(start + 2..end).unwrap_or_default();
        if !name.starts_with('!') {
            found.push((name.trim(), start..end + 1));
        }
        from = end + 1;
    }
    found
}

/// The types that CloudFormation takes snapshots of ("DeletionPolicy attribute").
pub(super) fn supports_snapshots(resource_type: &str) -> bool {
    matches!(
        resource_type,
        "AWS::DocDB::DBCluster"
            | "AWS::EC2::Volume"
            | "AWS::ElastiCache::CacheCluster"
            | "AWS::ElastiCache::ReplicationGroup"
            | "AWS::Neptune::DBCluster"
            | "AWS::RDS::DBCluster"
            | "AWS::RDS::DBInstance"
            | "AWS::Redshift::Cluster"
    )
}

fn validate(template: &Value) -> Answer<()> {
    let format = |message: String| Err(Refusal::validation(format!("Template format error: {message}")));
    let Some(top) = template.as_object() else {
        return format("unsupported structure.".to_owned());
    };
    let unknown: Vec<&str> = top
        .keys()
        .map(String::as_str)
        .filter(|key| !SECTIONS.contains(key))
        .collect();
    if !unknown.is_empty() {
        return Err(Refusal::validation(format!(
            "Invalid template property or properties [{}]",
            unknown.join(", ")
        )));
    }
    if let Some(version) = top.get("AWSTemplateFormatVersion")
        && version.as_str() != Some("2010-09-09")
    {
        return format("unsupported value for AWSTemplateFormatVersion.".to_owned());
    }
    if let Some(transform) = top.get("Transform") {
        let names: Vec<&str> = transform.as_array().map_or_else(
            || transform.as_str().into_iter().collect(),
            |list| list.iter().filter_map(Value::as_str).collect(),
        );
        if let Some(name) = names.iter().find(|name| **name != "AWS::LanguageExtensions") {
            return Err(Refusal::validation(format!("No transform named {name} found.")));
        }
    }
    let resources: Vec<(&str, &Value)> = section(template, "Resources").collect();
    if resources.is_empty() {
        return format("At least one Resources member must be defined.".to_owned());
    }
    counts(template, resources.len())?;
    let mut unrecognised: BTreeSet<&str> = BTreeSet::new();
    for (name, declaration) in &resources {
        if !name.chars().all(|c| c.is_ascii_alphanumeric()) {
            return format(format!("Resource name {name} is non alphanumeric."));
        }
        let Some(entries) = declaration.as_object() else {
            return format("Any Resources member must be an object.".to_owned());
        };
        if let Some(key) = entries.keys().find(|key| !ATTRIBUTES.contains(&key.as_str())) {
            return Err(Refusal::validation(format!(
                "Invalid template resource property '{key}'"
            )));
        }
        let Some(resource_type) = entries.get("Type").and_then(Value::as_str) else {
            return format(format!(
                "[/Resources/{name}] Every Resources object must contain a Type member."
            ));
        };
        if !resource_types::known(resource_type) {
            unrecognised.insert(resource_type);
        }
        for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
            let value = entries.get(policy);
            let allowed = ["Delete", "Retain", "Snapshot", "RetainExceptOnCreate"];
            if value.is_some_and(|value| value.is_string() && !allowed.iter().any(|known| value == known)) {
                let value = value.and_then(Value::as_str).unwrap_or_default();
                return format(format!("Unrecognized {policy} {value} for resource {name}"));
            }
            if value.is_some_and(|value| value == "Snapshot") && !supports_snapshots(resource_type) {
                let what = match policy {
                    "DeletionPolicy" => "deletion policy",
                    _ => "update replace policy",
                };
                return Err(Refusal::validation(format!(
                    "Template error: resource type {resource_type} does not support {what} Snapshot"
                )));
            }
        }
    }
    if !unrecognised.is_empty() {
        let types: Vec<&str> = unrecognised.into_iter().collect();
        return format(format!("Unrecognized resource types: [{}]", types.join(", ")));
    }
    names(template)?;
    cycles(template)
}

/// "Understand CloudFormation quotas".
fn counts(template: &Value, resources: usize) -> Answer<()> {
    let limits = [
        ("Parameters", 200, "parameters"),
        ("Outputs", 200, "outputs"),
        ("Mappings", 200, "mappings"),
    ];
    for (name, limit, word) in limits {
        let count = section(template, name).count();
        if count > limit {
            return Err(Refusal::validation(format!(
                "Template format error: Number of {word}, {count}, is greater than maximum allowed, {limit}"
            )));
        }
    }
    if resources > 500 {
        return Err(Refusal::validation(format!(
            "Template format error: Number of resources, {resources}, is greater than maximum allowed, 500"
        )));
    }
    Ok(())
}

/// Every reference must have a target.
fn names(template: &Value) -> Answer<()> {
    let resources: BTreeSet<&str> = section(template, "Resources").map(|(name, _)| name).collect();
    let parameters: BTreeSet<&str> = section(template, "Parameters").map(|(name, _)| name).collect();
    let conditions: BTreeSet<&str> = section(template, "Conditions").map(|(name, _)| name).collect();
    for block in ["Resources", "Outputs"] {
        let mut missing: Vec<String> = Vec::new();
        for (owner, declaration) in section(template, block) {
            references(declaration, &mut |name, attribute| {
                let found = resources.contains(name)
                    || (attribute.is_none() && (parameters.contains(name) || name.starts_with("AWS::")));
                if !found && !missing.iter().any(|known| known == name) {
                    missing.push(name.to_owned());
                }
            });
            let condition = declaration.get("Condition").and_then(Value::as_str);
            if let Some(name) = condition.filter(|name| !conditions.contains(name)) {
                return Err(Refusal::validation(format!(
                    "Template format error: Unresolved condition dependency {name} in the {block} block of the template"
                )));
            }
            for name in depends_on(declaration) {
                if !resources.contains(name) {
                    return Err(Refusal::validation(format!(
                        "Template format error: Unresolved resource dependencies [{name}] in the {block} block of the template"
                    )));
                }
            }
            attributes_exist(template, owner, declaration)?;
        }
        if !missing.is_empty() {
            return Err(Refusal::validation(format!(
                "Template format error: Unresolved resource dependencies [{}] in the {block} block of the template",
                missing.join(", ")
            )));
        }
    }
    Ok(())
}

/// GetAtt of an attribute that the type does not have is refused with the template.
fn attributes_exist(template: &Value, owner: &str, declaration: &Value) -> Answer<()> {
    let mut wrong = None;
    references(declaration, &mut |name, attribute| {
        let Some(attribute) = attribute.filter(|attribute| !attribute.is_empty()) else {
            return;
        };
        let target = template.get("Resources").and_then(|resources| resources.get(name));
        let Some(target) = target else { return };
        let Some(schema) = resource_types::get(resource_type(target)) else {
            return;
        };
        if !schema.has_attribute(attribute) && wrong.is_none() {
            wrong = Some(Refusal::validation(format!(
                "Template error: resource {name} does not support attribute type {attribute} in Fn::GetAtt"
            )));
        }
    });
    let _ = owner;
    wrong.map_or(Ok(()), Err)
}

fn depends_on(declaration: &Value) -> Vec<&str> {
    match declaration.get("DependsOn") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn cycles(template: &Value) -> Answer<()> {
    let mut open: BTreeMap<&str, BTreeSet<String>> = section(template, "Resources")
        .map(|(name, declaration)| (name, dependencies(declaration)))
        .collect();
    loop {
        let free: Vec<&str> = open
            .iter()
            .filter(|(_, needs)| !needs.iter().any(|need| open.contains_key(need.as_str())))
            .map(|(name, _)| *name)
            .collect();
        if free.is_empty() {
            break;
        }
        for name in free {
            open.remove(name);
        }
    }
    if open.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = open.into_keys().collect();
    Err(Refusal::validation(format!(
        "Circular dependency between resources: [{}]",
        names.join(", ")
    )))
}
