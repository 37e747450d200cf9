//! What a change set would change: resource by resource, property by property, and what forces a replacement
//! (ResourceChange, ResourceChangeDetail and ResourceTargetDefinition in the API reference).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::attributes::LATEST_VERSION;
use super::evaluate::Scope;
use super::function::{UNKNOWN, scalar};
use super::resource_types::{self, Recreation};
use super::state::{Change, Configuration, Detail, Finding, ImportedResource, Resource, Stack};
use super::template::{dependencies, references, resource_type, resources, section};
use super::world::{ResourceRequest, World};
use super::{properties, submit};

/// The comparison of a stack with what is submitted.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    pub changes: Vec<Change>,
    pub findings: Vec<Finding>,
    /// Outputs differ; AWS takes that for a change, though no resource is touched.
    pub outputs: bool,
}

/// What an evaluation needs to know about where it takes place.
pub(super) struct Place<'a> {
    pub account: &'a str,
    pub region: &'a str,
    pub exports: &'a BTreeMap<String, String>,
}

/// Compares. Nothing changes; `imports` are the resources that an import takes over.
pub(super) fn compare(
    place: &Place<'_>,
    stack: &Stack,
    after: &Configuration,
    imports: &BTreeMap<String, ImportedResource>,
    world: &mut dyn World,
) -> Result<Comparison, String> {
    let unsettled: std::cell::RefCell<BTreeSet<String>> = Default::default();
    let answer = |name: &str, attribute: Option<&str>| {
        if is_unsettled(&unsettled.borrow(), name, attribute) {
            return Ok(None);
        }
        match stack.resources.get(name) {
            Some(resource) => known(resource, attribute),
            None => Ok(None),
        }
    };
    let here = (place.account, place.region);
    let mut scope = Scope::new(here, (&stack.name, &stack.id), after, &answer, place.exports, world)?;
    let conditions = scope.conditions.clone();
    let wanted: Vec<(&str, &Value)> = in_order(resources(&after.template, &conditions).collect());
    let mut comparison = Comparison::default();
    let mut named = Vec::new();
    for (logical_id, declaration) in &wanted {
        let kind = resource_type(declaration);
        let empty = json!({});
        let raw = declaration.get("Properties").unwrap_or(&empty);
        let evaluated = scope.resolve(raw)?.unwrap_or_else(|| json!({}));
        for wrong in properties::check(kind, &evaluated) {
            comparison.findings.push(Finding {
                logical_id: (*logical_id).to_owned(),
                resource_type: kind.to_owned(),
                path: format!("/Resources/{logical_id}/Properties{}", wrong.path),
                message: wrong.message,
                conflict: false,
            });
        }
        let change = match stack.resources.get(*logical_id).filter(|old| old.physical_id.is_some()) {
            None => {
                unsettled.borrow_mut().insert((*logical_id).to_owned());
                let import = imports.get(*logical_id);
                if let (Some((property, name)), None) = (given_name(kind, &evaluated), import) {
                    named.push((
                        (*logical_id).to_owned(),
                        kind.to_owned(),
                        property,
                        name,
                        evaluated.clone(),
                    ));
                }
                Some(Change {
                    action: if import.is_some() { "Import" } else { "Add" }.to_owned(),
                    physical_id: import.and_then(|import| import.identifier.values().next().cloned()),
                    logical_id: (*logical_id).to_owned(),
                    resource_type: kind.to_owned(),
                    after: Some(context(&evaluated, declaration)),
                    ..Change::default()
                })
            }
            Some(old) => modification(stack, after, old, declaration, &evaluated, &unsettled.borrow()),
        };
        if let Some(change) = change {
            if matches!(change.replacement.as_deref(), Some("True" | "Conditional")) {
                unsettled.borrow_mut().insert((*logical_id).to_owned());
            }
            let is_data = |detail: &Detail| detail.name.as_deref() == Some("LaunchTemplateData");
            if kind == "AWS::EC2::LaunchTemplate" && change.details.iter().any(is_data) {
                unsettled.borrow_mut().insert(format!("{logical_id}.{LATEST_VERSION}"));
            }
            comparison.changes.push(change);
        }
    }
    let outputs = submit::outputs(&mut scope)?;
    comparison.outputs = outputs != stack.outputs;
    let order: Vec<&str> = section(&after.template, "Resources").map(|(name, _)| name).collect();
    comparison
        .changes
        .sort_by_key(|change| order.iter().position(|name| *name == change.logical_id));
    for old in stack.resources.values().filter(|old| old.physical_id.is_some()) {
        if !wanted.iter().any(|(name, _)| *name == old.logical_id) {
            comparison.changes.push(removal(old));
        }
    }
    mask(&mut comparison.changes, after);
    for (logical_id, kind, property, name, properties) in named {
        let request = ResourceRequest {
            stack_id: &stack.id,
            stack_name: &stack.name,
            logical_id: &logical_id,
            resource_type: &kind,
            physical_id: Some(&name),
            properties: &properties,
            previous: &Value::Null,
            attributes: &BTreeMap::new(),
            tags: &[],
            account: place.account,
            region: place.region,
            partition: super::evaluate::partition(place.region),
            at: 0,
            seed: "",
            leaves_snapshot: false,
        };
        if matches!(world.observe(&request), Some(Some(_))) {
            comparison.findings.push(Finding {
                path: format!("/Resources/{logical_id}/Properties/{property}"),
                message: format!("Resource of type '{kind}' with identifier '{name}' already exists."),
                logical_id,
                resource_type: kind,
                conflict: true,
            });
        }
    }
    Ok(comparison)
}

/// Whether only the execution shows what this is: all of a resource that is new, or the one attribute that changes.
fn is_unsettled(unsettled: &BTreeSet<String>, name: &str, attribute: Option<&str>) -> bool {
    let one = attribute.map(|attribute| format!("{name}.{attribute}"));
    unsettled.contains(name) || one.is_some_and(|one| unsettled.contains(&one))
}

/// The name that a template gives to a resource whose service refuses a second one of that name.
fn given_name(kind: &str, properties: &Value) -> Option<(&'static str, String)> {
    let property = match kind {
        "AWS::S3::Bucket" => "BucketName",
        "AWS::Logs::LogGroup" => "LogGroupName",
        "AWS::DynamoDB::Table" => "TableName",
        "AWS::ECR::Repository" => "RepositoryName",
        "AWS::IAM::Role" => "RoleName",
        "AWS::EKS::Cluster" => "Name",
        _ => return None,
    };
    Some((property, properties.get(property)?.as_str()?.to_owned()))
}

/// What a resource answers to Ref and GetAtt.
pub(super) fn known(resource: &Resource, attribute: Option<&str>) -> Result<Option<Value>, String> {
    let Some(attribute) = attribute else {
        return Ok(resource.physical_id.clone().map(Value::String));
    };
    if let Some(value) = resource.attributes.get(attribute) {
        return Ok(Some(value.clone()));
    }
    let pointer = format!("/{}", attribute.replace('.', "/"));
    let value = resource.properties.pointer(&pointer).cloned();
    value.map(Some).ok_or_else(|| {
        format!(
            "Requested attribute {attribute} does not exist in schema for {}",
            resource.resource_type
        )
    })
}

/// The names sorted so that each comes after all that it refers to.
pub(super) fn in_order<'a>(declarations: Vec<(&'a str, &'a Value)>) -> Vec<(&'a str, &'a Value)> {
    let mut open: Vec<(&str, &Value, BTreeSet<String>)> = declarations
        .into_iter()
        .map(|(name, declaration)| (name, declaration, dependencies(declaration)))
        .collect();
    let mut sorted = Vec::with_capacity(open.len());
    while !open.is_empty() {
        let names: BTreeSet<String> = open.iter().map(|(name, _, _)| (*name).to_owned()).collect();
        let (ready, rest): (Vec<_>, Vec<_>) = open.into_iter().partition(|(_, _, needs)| needs.is_disjoint(&names));
        if ready.is_empty() {
            // A cycle; templates with one never come so far.
            break;
        }
        sorted.extend(ready.into_iter().map(|(name, declaration, _)| (name, declaration)));
        open = rest;
    }
    sorted
}

/// Values that are the same for CloudFormation: scalars by their text.
pub(super) fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, value)| right.get(key).is_some_and(|other| same(value, other)))
        }
        (left, right) => match (scalar(left), scalar(right)) {
            (Some(left), Some(right)) => left == right,
            _ => left == right,
        },
    }
}

fn modification(
    stack: &Stack,
    after: &Configuration,
    old: &Resource,
    declaration: &Value,
    evaluated: &Value,
    unsettled: &BTreeSet<String>,
) -> Option<Change> {
    let kind = resource_type(declaration);
    let schema = resource_types::get(kind);
    let old_declaration = section(&stack.configuration.template, "Resources")
        .find(|(name, _)| *name == old.logical_id)
        .map(|(_, declaration)| declaration);
    let mut details = Vec::new();
    let mut leaves = Vec::new();
    leaf_differences("/Properties", Some(&old.properties), Some(evaluated), &mut leaves);
    for (path, before, now) in leaves {
        let segments: Vec<&str> = path.split('/').skip(2).collect();
        let named: Vec<&str> = segments
            .iter()
            .copied()
            .filter(|part| part.parse::<usize>().is_err())
            .collect();
        let recreation = schema
            .as_ref()
            .map_or(Recreation::Never, |schema| schema.recreation(&named));
        let change_type = match (&before, &now) {
            (None, _) => "Add",
            (_, None) => "Remove",
            _ => "Modify",
        };
        let base = Detail {
            attribute: "Properties".to_owned(),
            name: segments.first().map(|name| (*name).to_owned()),
            path: Some(path.clone()),
            recreation: recreation.text().to_owned(),
            before: before.as_ref().map(display),
            after: now.as_ref().map(display),
            change_type: Some(change_type.to_owned()),
            ..Detail::default()
        };
        let raw = declaration.get("Properties").map(|raw| descend(raw, &segments));
        let raw_before = old_declaration
            .and_then(|old| old.get("Properties"))
            .map(|raw| descend(raw, &segments));
        let open = now.as_ref().is_some_and(|now| now.to_string().contains(UNKNOWN));
        for (source, entity, evaluation) in causes(stack, after, raw, raw_before, open, unsettled) {
            details.push(Detail {
                source,
                entity,
                evaluation,
                ..base.clone()
            });
        }
    }
    if kind != old.resource_type {
        details.push(Detail {
            attribute: "Properties".to_owned(),
            recreation: "Always".to_owned(),
            source: "DirectModification".to_owned(),
            evaluation: "Static".to_owned(),
            ..Detail::default()
        });
    }
    for (attribute, before) in [
        ("Metadata", old.metadata.clone()),
        ("DeletionPolicy", old.deletion_policy.clone().map(Value::String)),
        (
            "UpdateReplacePolicy",
            old.update_replace_policy.clone().map(Value::String),
        ),
    ] {
        let now = declaration.get(attribute).cloned();
        if before != now {
            details.push(attribute_detail(
                attribute,
                before.as_ref().map(display),
                now.as_ref().map(display),
            ));
        }
    }
    if old.tags != after.tags && schema.as_ref().is_some_and(|schema| schema.tag_property().is_some()) {
        let shown = |tags: &[(String, String)]| {
            let tags: Vec<Value> = tags
                .iter()
                .map(|(key, value)| json!({"Key": key, "Value": value}))
                .collect();
            Value::Array(tags).to_string()
        };
        details.push(attribute_detail(
            "Tags",
            Some(shown(&old.tags)),
            Some(shown(&after.tags)),
        ));
    }
    if details.is_empty() {
        return None;
    }
    let replacement = details
        .iter()
        .map(
            |detail| match (detail.recreation.as_str(), detail.evaluation.as_str()) {
                ("Always", "Static") => Recreation::Always,
                ("Always" | "Conditionally", _) => Recreation::Conditionally,
                _ => Recreation::Never,
            },
        )
        .max()
        .unwrap_or(Recreation::Never);
    let mut scope: Vec<String> = Vec::new();
    for detail in &details {
        if !scope.contains(&detail.attribute) {
            scope.push(detail.attribute.clone());
        }
    }
    let policy = match old.update_replace_policy.as_deref() {
        Some("Retain") => "ReplaceAndRetain",
        Some("Snapshot") => "ReplaceAndSnapshot",
        _ => "ReplaceAndDelete",
    };
    Some(Change {
        action: "Modify".to_owned(),
        policy_action: (replacement != Recreation::Never).then(|| policy.to_owned()),
        logical_id: old.logical_id.clone(),
        physical_id: old.physical_id.clone(),
        resource_type: kind.to_owned(),
        replacement: Some(replacement.replacement().to_owned()),
        scope,
        details,
        before: Some(context(&old.properties, old_declaration.unwrap_or(&Value::Null))),
        after: Some(context(evaluated, declaration)),
    })
}

/// Why a property changes: source, causing entity, evaluation.
fn causes(
    stack: &Stack,
    after: &Configuration,
    raw: Option<&Value>,
    raw_before: Option<&Value>,
    open: bool,
    unsettled: &BTreeSet<String>,
) -> Vec<(String, Option<String>, String)> {
    let evaluation = if open { "Dynamic" } else { "Static" };
    let mut found: Vec<(String, Option<String>, String)> = Vec::new();
    if raw == raw_before
        && let Some(raw) = raw
    {
        references(raw, &mut |name, attribute| {
            let (source, entity, evaluation) = if after.parameters.contains_key(name) {
                if stack.configuration.parameters.get(name) == after.parameters.get(name) {
                    return;
                }
                ("ParameterReference", name.to_owned(), "Static")
            } else if is_unsettled(unsettled, name, attribute) {
                match attribute {
                    Some(attribute) => ("ResourceAttribute", format!("{name}.{attribute}"), "Dynamic"),
                    None => ("ResourceReference", name.to_owned(), "Dynamic"),
                }
            } else {
                return;
            };
            found.push((source.to_owned(), Some(entity), evaluation.to_owned()));
        });
        found.dedup();
    }
    if found.is_empty() {
        found.push(("DirectModification".to_owned(), None, evaluation.to_owned()));
    }
    found
}

/// The part of a template at a path, as far as there are no functions on the way.
fn descend<'a>(raw: &'a Value, path: &[&str]) -> &'a Value {
    let mut at = raw;
    for segment in path {
        let next = match at {
            Value::Object(entries) => entries.get(*segment),
            Value::Array(items) => segment.parse::<usize>().ok().and_then(|index| items.get(index)),
            _ => None,
        };
        match next {
            Some(next) => at = next,
            None => break,
        }
    }
    at
}

fn leaf_differences(
    path: &str,
    before: Option<&Value>,
    after: Option<&Value>,
    found: &mut Vec<(String, Option<Value>, Option<Value>)>,
) {
    match (before, after) {
        (Some(Value::Object(left)), Some(Value::Object(right))) => {
            let keys: Vec<&String> = left
                .keys()
                .chain(right.keys().filter(|key| !left.contains_key(*key)))
                .collect();
            for key in keys {
                leaf_differences(&format!("{path}/{key}"), left.get(key), right.get(key), found);
            }
        }
        (Some(Value::Array(left)), Some(Value::Array(right))) => {
            for index in 0..left.len().max(right.len()) {
                leaf_differences(&format!("{path}/{index}"), left.get(index), right.get(index), found);
            }
        }
        (Some(left), Some(right)) if same(left, right) => {}
        (left, right) => found.push((path.to_owned(), left.cloned(), right.cloned())),
    }
}

fn attribute_detail(attribute: &str, before: Option<String>, after: Option<String>) -> Detail {
    let change_type = match (&before, &after) {
        (None, _) => "Add",
        (_, None) => "Remove",
        _ => "Modify",
    };
    Detail {
        attribute: attribute.to_owned(),
        path: Some(format!("/{attribute}")),
        recreation: "Never".to_owned(),
        change_type: Some(change_type.to_owned()),
        before,
        after,
        source: "DirectModification".to_owned(),
        evaluation: "Static".to_owned(),
        ..Detail::default()
    }
}

fn removal(old: &Resource) -> Change {
    let policy = match old.deletion_policy.as_deref() {
        Some("Retain" | "RetainExceptOnCreate") => "Retain",
        Some("Snapshot") => "Snapshot",
        _ => "Delete",
    };
    let declaration = old
        .metadata
        .as_ref()
        .map_or(Value::Null, |metadata| json!({"Metadata": metadata}));
    Change {
        action: "Remove".to_owned(),
        policy_action: Some(policy.to_owned()),
        logical_id: old.logical_id.clone(),
        physical_id: old.physical_id.clone(),
        resource_type: old.resource_type.clone(),
        before: Some(context(&old.properties, &declaration)),
        ..Change::default()
    }
}

fn context(properties: &Value, declaration: &Value) -> String {
    let mut context = Map::new();
    context.insert("Properties".to_owned(), properties.clone());
    for key in ["Metadata", "DeletionPolicy", "UpdateReplacePolicy"] {
        if let Some(value) = declaration.get(key) {
            context.insert(key.to_owned(), value.clone());
        }
    }
    Value::Object(context).to_string()
}

fn display(value: &Value) -> String {
    scalar(value).unwrap_or_else(|| value.to_string())
}

/// Values of NoEcho parameters are shown as asterisks.
fn mask(changes: &mut [Change], after: &Configuration) {
    let secrets: Vec<&str> = after
        .parameters
        .values()
        .filter(|parameter| parameter.no_echo && !parameter.value.is_empty())
        .map(|parameter| parameter.value.as_str())
        .collect();
    let hide = |text: &mut Option<String>| {
        for secret in &secrets {
            if let Some(text) = text.as_mut().filter(|text| text.contains(secret)) {
                *text = text.replace(secret, "****");
            }
        }
    };
    for change in changes.iter_mut().filter(|_| !secrets.is_empty()) {
        hide(&mut change.before);
        hide(&mut change.after);
        for detail in &mut change.details {
            hide(&mut detail.before);
            hide(&mut detail.after);
        }
    }
}
