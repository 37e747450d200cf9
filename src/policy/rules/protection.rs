//! What outlives its stack.

use super::super::possible::Possible;
use super::super::rule::{Finding, Rule, Scope};
use super::super::subject::{Resource, once};
use crate::diagnostic::{Severity, codes};

pub(super) const RULES: &[Rule] = &[Rule {
    code: codes::STATEFUL_DELETED,
    id: "stateful-deletion-policy",
    severity: Severity::Error,
    scope: Scope::Protected,
    reason: "a stack that is deleted, or a change that replaces the resource, takes the data with it",
    fix: "set `DeletionPolicy` and `UpdateReplacePolicy` to `Retain`, or to `Snapshot` where the type knows it",
    sources: &["AWS CloudFormation User Guide, DeletionPolicy attribute"],
    types: STATEFUL,
    check: deletion_policy,
}];

/// The types whose deletion loses data that cannot be made again.
const STATEFUL: &[&str] = &[
    "AWS::DocDB::DBCluster",
    "AWS::DynamoDB::GlobalTable",
    "AWS::DynamoDB::Table",
    "AWS::EC2::Volume",
    "AWS::ECR::Repository",
    "AWS::EFS::FileSystem",
    "AWS::KMS::Key",
    "AWS::Neptune::DBCluster",
    "AWS::OpenSearchService::Domain",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::Redshift::Cluster",
    "AWS::S3::Bucket",
];

/// Without a policy CloudFormation takes a snapshot of these, and of instances that belong to no cluster.
const SNAPSHOT_BY_DEFAULT: &[&str] = &["AWS::RDS::DBCluster", "AWS::RDS::DBInstance"];

fn deletion_policy(resource: &Resource<'_>) -> Vec<Finding> {
    let kind = resource.kind;
    // An instance of a cluster holds no data.
    if kind == "AWS::RDS::DBInstance" && !resource.lacks(&["DBClusterIdentifier"]) {
        return Vec::new();
    }
    let message = format!(
        "`{}` is deleted with its stack, and with it what it holds",
        resource.name
    );
    let replaced = format!(
        "`{}` is deleted when a change replaces it, and with it what it holds",
        resource.name
    );
    let mut found = Vec::new();
    for (attribute, message) in [("DeletionPolicy", message), ("UpdateReplacePolicy", replaced)] {
        for place in Possible::of(resource.node.get(attribute)) {
            match place {
                Possible::Absent if !SNAPSHOT_BY_DEFAULT.contains(&kind) => {
                    found.push(resource.missing(attribute, message.clone()));
                }
                Possible::Given(node) if node.as_str() == Some("Delete") => {
                    found.push(Finding::at(&node.span, message.clone()).saying(format!("`{attribute}`")));
                }
                _ => {}
            }
        }
    }
    once(found)
}
