//! What can be said of a stack's changes without asking CloudFormation.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::{Action, ParameterValue, PropertyChange, Recorded, Replacement, ResourceAction, ResourceChange, StackPlan};
use crate::module::RenderedStack;
use crate::template::intrinsic::{self, ReferenceKind};
use crate::template::schema::{self, Update};
use crate::template::{Document, Node, canonical};

/// Every resource of the document as an addition; those behind a condition too, since only CloudFormation evaluates it.
/// `unknown` is as in [`unknown_changes`].
pub(super) fn additions(document: &Document, unknown: &BTreeMap<String, String>) -> Vec<ResourceChange> {
    resources(document)
        .map(|(logical_id, resource_type, node)| ResourceChange {
            logical_id: logical_id.to_owned(),
            physical_id: None,
            resource_type: resource_type.to_owned(),
            action: ResourceAction::Add,
            replacement: Replacement::Never,
            properties: unknown_properties(node, unknown)
                .map(|(property, text, _)| PropertyChange {
                    path: property.to_owned(),
                    before: None,
                    after: None,
                    after_unknown: Some(text.to_owned()),
                    replacement: Replacement::Never,
                    cause: None,
                })
                .collect(),
            leaves: None,
            protection: None,
        })
        .collect()
}

/// The properties of a resource that need a parameter which is known only later: property, text, parameter.
fn unknown_properties<'a>(
    resource: &'a Node,
    unknown: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = (&'a str, &'a str, &'a str)> {
    let properties = resource.get("Properties").map(Node::entries).unwrap_or_default();
    properties.iter().filter_map(|(property, _, value)| {
        let (parameter, text) = references(value)
            .into_iter()
            .find_map(|name| unknown.get_key_value(name.as_str()))?;
        Some((property.as_str(), text.as_str(), parameter.as_str()))
    })
}

/// The properties that take their values from parameters which are known only later, resource by resource, and what
/// follows from them: a resource that may be replaced gets a new identifier, so whatever refers to it changes as well.
/// `unknown` maps a parameter to the text shown in its value's place.
pub(super) fn unknown_changes(document: &Document, unknown: &BTreeMap<String, String>) -> Vec<ResourceChange> {
    let mut moving: BTreeMap<String, Moving> = unknown
        .iter()
        .map(|(parameter, text)| {
            let cause = format!("Parameters.{parameter}");
            (
                parameter.clone(),
                Moving {
                    cause,
                    text: text.clone(),
                },
            )
        })
        .collect();
    loop {
        let changes: Vec<ResourceChange> = resources(document)
            .filter_map(|(logical_id, resource_type, node)| suspected(logical_id, resource_type, node, &moving))
            .collect();
        let before = moving.len();
        for change in changes.iter().filter(|change| change.replacement != Replacement::Never) {
            let text = change
                .properties
                .iter()
                .find_map(|property| property.after_unknown.clone());
            let cause = change.logical_id.clone();
            let text = text.unwrap_or_default();
            moving
                .entry(change.logical_id.clone())
                .or_insert(Moving { cause, text });
        }
        if moving.len() == before {
            return changes;
        }
    }
}

/// A parameter or resource whose value is going to be another one.
struct Moving {
    /// As a property's cause names it.
    cause: String,
    /// What is shown in the value's place.
    text: String,
}

/// What changes in one resource if everything in `moving` does.
fn suspected(
    logical_id: &str,
    resource_type: &str,
    node: &Node,
    moving: &BTreeMap<String, Moving>,
) -> Option<ResourceChange> {
    let mut properties = Vec::new();
    for (property, _, value) in node.get("Properties")?.entries() {
        let names = references(value);
        let Some(source) = names.iter().find_map(|name| moving.get(name.as_str())) else {
            continue;
        };
        properties.push(PropertyChange {
            path: property.clone(),
            before: None,
            after: None,
            after_unknown: Some(source.text.clone()),
            replacement: replacement_of(resource_type, property),
            cause: Some(source.cause.clone()),
        });
    }
    // Whether the value differs at all is open, so no more than "perhaps" can be said of the resource.
    let replacement = properties.iter().map(|change| change.replacement).max()?;
    Some(ResourceChange {
        logical_id: logical_id.to_owned(),
        physical_id: None,
        resource_type: resource_type.to_owned(),
        action: ResourceAction::Modify,
        replacement: replacement.min(Replacement::Conditional),
        properties,
        leaves: None,
        protection: None,
    })
}

/// Adds what is only suspected to what CloudFormation said; where both speak of a resource, the properties are joined.
pub(super) fn joined(mut said: Vec<ResourceChange>, suspected: Vec<ResourceChange>) -> Vec<ResourceChange> {
    for suspicion in suspected {
        match said.iter_mut().find(|change| change.logical_id == suspicion.logical_id) {
            None => said.push(suspicion),
            Some(change) if change.action == ResourceAction::Modify => {
                change.replacement = change.replacement.max(suspicion.replacement);
                for property in suspicion.properties {
                    // Parts of it, and elements of it by name.
                    let known = |other: &PropertyChange| {
                        let rest = other.path.strip_prefix(&property.path);
                        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
                    };
                    if !change.properties.iter().any(known) {
                        change.properties.push(property);
                    }
                }
            }
            Some(_) => {}
        }
    }
    said
}

/// What an output of a producing stack will be once that stack is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Forecast {
    /// This value, as far as the change set shows; confirmed again before it is used.
    Value(String),
    /// It can be known only afterwards.
    Unknown,
}

/// Foretells the output `key` of a stack that is going to be updated.
///
/// An identifier or attribute moves when its resource is added, removed or replaced, or may be. An update in place
/// keeps them; that is a forecast, not a promise, and the engine compares again with the real output before it uses it.
pub(super) fn forecast(
    producer: &RenderedStack,
    planned: &StackPlan,
    recorded: Option<&Recorded>,
    key: &str,
    old: Option<&str>,
    old_parameters: &BTreeMap<String, String>,
) -> Forecast {
    let Some(value) = producer
        .document
        .root
        .get("Outputs")
        .and_then(|outputs| outputs.get(key))
        .and_then(|output| output.get("Value"))
    else {
        return Forecast::Unknown;
    };
    if let Some(literal) = value.as_str() {
        return Forecast::Value(literal.to_owned());
    }
    let Some(old) = old else { return Forecast::Unknown };
    if planned.action != Action::Update {
        return Forecast::Value(old.to_owned());
    }
    // Made from something else than before: the old value says nothing of the new one.
    let same_template = recorded.is_some_and(|recorded| recorded.template_sha256 == producer.digest);
    let same_source =
        || recorded.and_then(|one| one.output_sources.get(key)) == output_sources(&producer.document).get(key);
    if !same_template && !same_source() {
        return Forecast::Unknown;
    }
    let moves = references(value).iter().any(|name| {
        if let Some(parameter) = planned.parameters.get(name) {
            return match parameter {
                ParameterValue::Known(new) => old_parameters.get(name) != Some(new),
                ParameterValue::After(_) => true,
            };
        }
        planned.changes.iter().any(|change| {
            change.logical_id == *name
                && (change.action != ResourceAction::Modify || change.replacement != Replacement::Never)
        })
    });
    if moves {
        Forecast::Unknown
    } else {
        Forecast::Value(old.to_owned())
    }
}

/// A digest, for each output of a template, of what its value is made from: the expression, and the conditions and
/// mappings that it may draw on.
pub fn output_sources(document: &Document) -> BTreeMap<String, String> {
    let around: Vec<String> = ["Conditions", "Mappings"]
        .into_iter()
        .filter_map(|section| document.root.get(section).map(canonical))
        .collect();
    let outputs = document.root.get("Outputs").map(Node::entries).unwrap_or_default();
    outputs
        .iter()
        .map(|(key, _, output)| {
            let text = format!("{}\n{}", canonical(output), around.join("\n"));
            let digest = Sha256::digest(text.as_bytes());
            (key.clone(), digest.iter().map(|byte| format!("{byte:02x}")).collect())
        })
        .collect()
}

/// Names of parameters and resources that a value refers to.
fn references(node: &Node) -> Vec<String> {
    intrinsic::references(node)
        .into_iter()
        .filter(|reference| matches!(reference.kind, ReferenceKind::Ref | ReferenceKind::GetAtt))
        .map(|reference| reference.target)
        .collect()
}

fn resources(document: &Document) -> impl Iterator<Item = (&str, &str, &Node)> {
    document
        .root
        .get("Resources")
        .map(Node::entries)
        .unwrap_or_default()
        .iter()
        .filter_map(|(logical_id, _, node)| {
            let resource_type = node.get("Type").and_then(Node::as_str)?;
            Some((logical_id.as_str(), resource_type, node))
        })
}

/// What changing this property would do to the resource, by its schema; "perhaps" for a type that has none.
pub(super) fn replacement_of(resource_type: &str, property: &str) -> Replacement {
    match schema::get(resource_type).map(|schema| schema.replacement(&[property])) {
        Some(Update::InPlace) => Replacement::Never,
        Some(Update::Replace) => Replacement::Always,
        Some(Update::Conditional) | None => Replacement::Conditional,
    }
}
