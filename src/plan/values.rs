//! Values before and after, read from the two templates, for endpoints whose change sets name properties but no values.
//!
//! CloudFormation itself gives them (`IncludePropertyValues` of DescribeChangeSet); implementations of its API beside AWS's
//! own may not, and a plan that says only "Value changes" cannot be reviewed. What is filled in is what the templates say:
//! parameters are put in, other references stay as they are written.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::local::replacement_of;
use super::{PropertyChange, ResourceAction, ResourceChange};
use crate::template::Document;

/// A template and the values of its parameters.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// The template.
    pub document: &'a Document,
    /// The values that its parameters have.
    pub parameters: &'a BTreeMap<String, String>,
}

/// Whether there is a change in which no property has a value.
pub fn lacks_values(changes: &[ResourceChange]) -> bool {
    changes
        .iter()
        .any(|change| is_modified(change) && change.properties.iter().all(is_bare))
}

/// Gives the properties without values those that the templates have, and adds the properties that differ in the templates
/// but are not named. What CloudFormation said itself stays.
pub fn fill_in(changes: &mut [ResourceChange], before: Side<'_>, after: Side<'_>) {
    let changes = changes
        .iter_mut()
        .filter(|change| is_modified(change) && change.properties.iter().all(is_bare));
    for change in changes {
        let old = properties(before, &change.logical_id);
        let new = properties(after, &change.logical_id);
        let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for name in names {
            let (old, new) = (old.get(name), new.get(name));
            if old == new {
                continue;
            }
            let (old, new) = (old.map(text), new.map(text));
            let within = format!("{name}.");
            let named = |one: &&mut PropertyChange| one.path == *name || one.path.starts_with(&within);
            if let Some(property) = change.properties.iter_mut().find(named) {
                property.path.clone_from(name);
                property.before = old;
                property.after = new;
                continue;
            }
            change.properties.push(PropertyChange {
                path: name.clone(),
                before: old,
                after: new,
                after_unknown: None,
                // Whether the resource is replaced was CloudFormation's to say; a property cannot do more than that.
                replacement: replacement_of(&change.resource_type, name).min(change.replacement),
                cause: None,
            });
        }
    }
}

fn is_modified(change: &ResourceChange) -> bool {
    change.action == ResourceAction::Modify
}

pub(super) fn is_bare(property: &PropertyChange) -> bool {
    property.before.is_none() && property.after.is_none() && property.after_unknown.is_none()
}

fn properties(side: Side<'_>, logical_id: &str) -> Map<String, Value> {
    let node = side
        .document
        .root
        .get("Resources")
        .and_then(|resources| resources.get(logical_id))
        .and_then(|resource| resource.get("Properties"));
    match node.map(|node| with_values(node.to_json(), side.parameters)) {
        Some(Value::Object(properties)) => properties,
        _ => Map::new(),
    }
}

/// The value with `{"Ref": "Parameter"}` replaced by what the parameter is.
pub(super) fn with_values(value: Value, parameters: &BTreeMap<String, String>) -> Value {
    match value {
        Value::Object(map) => {
            if let (1, Some(Value::String(name))) = (map.len(), map.get("Ref"))
                && let Some(value) = parameters.get(name)
            {
                return Value::String(value.clone());
            }
            let entries = map
                .into_iter()
                .map(|(key, value)| (key, with_values(value, parameters)));
            Value::Object(entries.collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(|item| with_values(item, parameters)).collect()),
        other => other,
    }
}

pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::diagnostic::Source;
    use crate::plan::Replacement;

    fn document(properties: Value) -> Document {
        let template = json!({"Resources": {"Group": {"Type": "AWS::EC2::SecurityGroup", "Properties": properties}}});
        let source = Arc::new(Source {
            path: "t".to_owned(),
            text: template.to_string(),
        });
        crate::template::read(&source).unwrap()
    }

    fn modified(properties: Vec<PropertyChange>) -> Vec<ResourceChange> {
        vec![ResourceChange {
            logical_id: "Group".to_owned(),
            physical_id: None,
            resource_type: "AWS::EC2::SecurityGroup".to_owned(),
            action: ResourceAction::Modify,
            replacement: Replacement::Always,
            properties,
            leaves: None,
            protection: None,
        }]
    }

    fn named(path: &str, after: Option<&str>) -> PropertyChange {
        PropertyChange {
            path: path.to_owned(),
            before: None,
            after: after.map(str::to_owned),
            after_unknown: None,
            replacement: Replacement::Always,
            cause: None,
        }
    }

    #[test]
    fn a_property_without_values_gets_those_of_the_templates_with_parameters_put_in() {
        let (old, new) = (
            document(json!({"GroupDescription": "a", "VpcId": {"Ref": "Vpc"}, "SecurityGroupIngress": [1]})),
            document(json!({"GroupDescription": "b", "VpcId": {"Ref": "Vpc"}, "SecurityGroupIngress": [2]})),
        );
        let parameters = |vpc: &str| BTreeMap::from([("Vpc".to_owned(), vpc.to_owned())]);
        let (vpc_1, vpc_2) = (parameters("vpc-1"), parameters("vpc-2"));
        let mut changes = modified(vec![named("GroupDescription", None)]);
        assert!(lacks_values(&changes));
        let side = |document, parameters| Side { document, parameters };
        fill_in(&mut changes, side(&old, &vpc_1), side(&new, &vpc_2));
        let seen: Vec<_> = changes[0]
            .properties
            .iter()
            .map(|one| {
                let values = (one.before.as_deref().unwrap(), one.after.as_deref().unwrap());
                (one.path.as_str(), values, one.replacement)
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("GroupDescription", ("a", "b"), Replacement::Always),
                ("SecurityGroupIngress", ("[1]", "[2]"), Replacement::Never),
                ("VpcId", ("vpc-1", "vpc-2"), Replacement::Always),
            ]
        );
        assert!(!lacks_values(&changes));
    }

    #[test]
    fn what_cloudformation_said_stays_as_it_is() {
        let (old, new) = (
            document(json!({"GroupDescription": "a"})),
            document(json!({"GroupDescription": "b"})),
        );
        let mut changes = modified(vec![named("GroupDescription", Some("c"))]);
        let (said, none) = (changes.clone(), BTreeMap::new());
        assert!(!lacks_values(&changes));
        let side = |document| Side {
            document,
            parameters: &none,
        };
        fill_in(&mut changes, side(&old), side(&new));
        assert_eq!(changes, said);
    }
}
