//! `{{resolve:ssm-secure:…}}` works in a few properties only ("Get a secure string value from Systems Manager Parameter
//! Store", resources that support it).

use super::super::super::{Node, NodeValue};
use crate::diagnostic::{Problem, Problems, codes};

const BEGINNING: &str = "{{resolve:ssm-secure:";

/// Type, property.
const SUPPORTED: &[(&str, &str)] = &[
    ("AWS::DirectoryService::MicrosoftAD", "Password"),
    ("AWS::DirectoryService::SimpleAD", "Password"),
    ("AWS::ElastiCache::ReplicationGroup", "AuthToken"),
    ("AWS::IAM::User", "Password"),
    ("AWS::KinesisFirehose::DeliveryStream", "Password"),
    ("AWS::OpsWorks::App", "Password"),
    ("AWS::OpsWorks::App", "PrivateKey"),
    ("AWS::OpsWorks::App", "SshKey"),
    ("AWS::OpsWorks::Stack", "DbPassword"),
    ("AWS::OpsWorks::Stack", "Password"),
    ("AWS::OpsWorks::Stack", "SshKey"),
    ("AWS::RDS::DBCluster", "MasterUserPassword"),
    ("AWS::RDS::DBInstance", "MasterUserPassword"),
    ("AWS::Redshift::Cluster", "MasterUserPassword"),
];

pub(super) fn check(type_name: &str, properties: &Node, problems: &mut Problems) {
    if !type_name.starts_with("AWS::CloudFormation::") && type_name.starts_with("AWS::") {
        walk(type_name, "", properties, problems);
    }
}

fn walk(type_name: &str, property: &str, node: &Node, problems: &mut Problems) {
    match &node.value {
        NodeValue::String(text) if text.contains(BEGINNING) && !SUPPORTED.contains(&(type_name, property)) => {
            let message = format!("`{property}` of `{type_name}` cannot take a secure parameter");
            problems.push(
                Problem::error(codes::DYNAMIC_REFERENCE, message)
                    .at(node.span.clone(), "")
                    .hint("`{{resolve:secretsmanager:…}}` works in every property"),
            );
        }
        NodeValue::List(items) => items.iter().for_each(|item| walk(type_name, property, item, problems)),
        NodeValue::Map(entries) => {
            for (key, _, value) in entries {
                // The arguments of a function belong to the property that it is the value of.
                let property = if key == "Ref" || key.starts_with("Fn::") {
                    property
                } else {
                    key
                };
                walk(type_name, property, value, problems);
            }
        }
        _ => {}
    }
}
