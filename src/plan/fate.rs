//! What becomes of a resource that leaves its stack: whether it stays, leaves a snapshot, or refuses to go.
//!
//! CloudFormation acts by the template that is deployed, so that one is read, not the one that the files make now.

use std::collections::BTreeMap;

use serde_json::Value;

use super::values::with_values;
use super::{Leaves, Protection, ResourceAction, ResourceChange};
use crate::template::{Document, Node};

/// Says of each removal what it leaves behind and what forbids it. What CloudFormation said itself stays.
pub fn foretell(changes: &mut [ResourceChange], deployed: &Document, parameters: &BTreeMap<String, String>) {
    let removals = changes
        .iter_mut()
        // What was never made can neither stay nor be protected.
        .filter(|change| change.action == ResourceAction::Remove && change.physical_id.is_some());
    for change in removals {
        let resources = deployed.root.get("Resources");
        let Some(node) = resources.and_then(|resources| resources.get(&change.logical_id)) else {
            continue;
        };
        let resource = with_values(node.to_json(), parameters);
        change.leaves = change.leaves.or_else(|| leaves(&change.resource_type, &resource));
        if change.leaves != Some(Leaves::Resource) {
            change.protection = protection(&change.resource_type, &resource).map(|property| Protection {
                property: property.to_owned(),
                input: None,
            });
        }
    }
}

/// By the policy, or by the default that some types have ("DeletionPolicy attribute").
fn leaves(resource_type: &str, resource: &Value) -> Option<Leaves> {
    match resource.get("DeletionPolicy").and_then(Value::as_str) {
        Some("Retain" | "RetainExceptOnCreate") => Some(Leaves::Resource),
        Some("Snapshot") => Some(Leaves::Snapshot),
        Some(_) => None,
        None => {
            let snapshot = match resource_type {
                "AWS::RDS::DBCluster" => true,
                "AWS::RDS::DBInstance" => resource.pointer("/Properties/DBClusterIdentifier").is_none(),
                _ => false,
            };
            snapshot.then_some(Leaves::Snapshot)
        }
    }
}

/// The attribute of a load balancer that keeps it from being deleted.
const LOAD_BALANCER: &str = "deletion_protection.enabled";

/// The property by which the service refuses to delete the resource, if it is certainly on.
fn protection(resource_type: &str, resource: &Value) -> Option<&'static str> {
    let property = protecting_property(resource_type)?;
    let properties = resource.get("Properties")?;
    let value = if property == LOAD_BALANCER {
        let attributes = properties.get("LoadBalancerAttributes")?.as_array()?;
        attributes
            .iter()
            .find(|one| one.get("Key").and_then(Value::as_str) == Some(LOAD_BALANCER))?
            .get("Value")?
    } else {
        properties.get(property)?
    };
    let on = match value {
        Value::Bool(on) => *on,
        Value::String(text) => text == "ACTIVE" || text.eq_ignore_ascii_case("true"),
        _ => false,
    };
    on.then_some(property)
}

/// Where a template sets the protection of a resource.
pub(super) fn protecting_node<'a>(document: &'a Document, logical_id: &str, property: &str) -> Option<&'a Node> {
    let resource = document.root.get("Resources")?.get(logical_id)?;
    let properties = resource.get("Properties")?;
    if property != LOAD_BALANCER {
        return properties.get(property);
    }
    let attributes = properties.get("LoadBalancerAttributes")?.items().iter();
    let mut named = attributes.filter(|one| one.get("Key").and_then(Node::as_str) == Some(LOAD_BALANCER));
    named.next()?.get("Value")
}

/// The name of the property that protects resources of this type.
fn protecting_property(resource_type: &str) -> Option<&'static str> {
    Some(match resource_type {
        "AWS::Cognito::UserPool"
        | "AWS::DocDB::DBCluster"
        | "AWS::EKS::Cluster"
        | "AWS::Neptune::DBCluster"
        | "AWS::RDS::DBCluster"
        | "AWS::RDS::DBInstance"
        | "AWS::RDS::GlobalCluster" => "DeletionProtection",
        "AWS::DynamoDB::Table" => "DeletionProtectionEnabled",
        "AWS::EC2::Instance" => "DisableApiTermination",
        "AWS::ElasticLoadBalancingV2::LoadBalancer" => LOAD_BALANCER,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::diagnostic::Source;
    use crate::plan::Replacement;

    fn told(resource_type: &str, resource: Value) -> ResourceChange {
        let mut resource = resource;
        resource["Type"] = json!(resource_type);
        let text = json!({
            "Parameters": { "Protect": { "Type": "String" } },
            "Resources": { "One": resource },
        });
        let source = Arc::new(Source {
            path: "deployed".to_owned(),
            text: text.to_string(),
        });
        let mut changes = [ResourceChange {
            logical_id: "One".to_owned(),
            physical_id: Some("one".to_owned()),
            resource_type: resource_type.to_owned(),
            action: ResourceAction::Remove,
            replacement: Replacement::Never,
            properties: Vec::new(),
            leaves: None,
            protection: None,
        }];
        let parameters = BTreeMap::from([("Protect".to_owned(), "true".to_owned())]);
        foretell(&mut changes, &crate::template::read(&source).unwrap(), &parameters);
        changes[0].clone()
    }

    #[test]
    fn the_policy_says_what_stays() {
        let bucket = |policy: &str| told("AWS::S3::Bucket", json!({ "DeletionPolicy": policy })).leaves;
        assert_eq!(bucket("Retain"), Some(Leaves::Resource));
        assert_eq!(bucket("RetainExceptOnCreate"), Some(Leaves::Resource));
        assert_eq!(bucket("Delete"), None);
        assert_eq!(told("AWS::S3::Bucket", json!({})).leaves, None);
        let volume = told("AWS::EC2::Volume", json!({ "DeletionPolicy": "Snapshot" }));
        assert_eq!(volume.leaves, Some(Leaves::Snapshot));
    }

    #[test]
    fn a_database_without_a_policy_leaves_a_snapshot_unless_it_belongs_to_a_cluster() {
        let instance = |properties| told("AWS::RDS::DBInstance", json!({ "Properties": properties })).leaves;
        assert_eq!(instance(json!({})), Some(Leaves::Snapshot));
        assert_eq!(instance(json!({ "DBClusterIdentifier": "x" })), None);
        assert_eq!(told("AWS::RDS::DBCluster", json!({})).leaves, Some(Leaves::Snapshot));
    }

    #[test]
    fn protection_is_found_where_it_is_certainly_on() {
        let property = |resource_type: &str, properties: Value| {
            let change = told(resource_type, json!({ "Properties": properties }));
            change.protection.map(|protection| protection.property)
        };
        let on = Some("DeletionProtection".to_owned());
        let database = |value: Value| property("AWS::RDS::DBInstance", json!({ "DeletionProtection": value }));
        assert_eq!(database(json!(true)), on);
        assert_eq!(database(json!({ "Ref": "Protect" })), on);
        assert_eq!(database(json!(false)), None);
        assert_eq!(database(json!({ "Fn::If": ["Prod", true, false] })), None);
        assert_eq!(property("AWS::RDS::DBInstance", json!({})), None);
        assert_eq!(
            property("AWS::Cognito::UserPool", json!({ "DeletionProtection": "ACTIVE" })),
            on
        );
        assert_eq!(
            property("AWS::EC2::Instance", json!({ "DisableApiTermination": true })).as_deref(),
            Some("DisableApiTermination")
        );
        let balancer = |value: &str| {
            let attributes =
                json!([{ "Key": "idle_timeout", "Value": "true" }, { "Key": LOAD_BALANCER, "Value": value }]);
            let properties = json!({ "LoadBalancerAttributes": attributes });
            property("AWS::ElasticLoadBalancingV2::LoadBalancer", properties)
        };
        assert_eq!(balancer("true").as_deref(), Some(LOAD_BALANCER));
        assert_eq!(balancer("false"), None);
    }

    #[test]
    fn what_stays_is_not_deleted_so_nothing_forbids_it() {
        let kept = told(
            "AWS::RDS::DBInstance",
            json!({ "DeletionPolicy": "Retain", "Properties": { "DeletionProtection": true } }),
        );
        assert!(kept.stays());
        assert_eq!(kept.protection, None);
    }
}
