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
    let name = resource.name;
    let lost = |when: &str| format!("`{name}` is deleted {when}, and with it what it holds");
    let (with_stack, replaced) = ("with its stack", "when a change replaces it");
    let is_absent = |attribute: &str| {
        let places = Possible::of(resource.node.get(attribute));
        places.contains(&Possible::Absent) && !SNAPSHOT_BY_DEFAULT.contains(&kind)
    };
    let mut found = match (is_absent("DeletionPolicy"), is_absent("UpdateReplacePolicy")) {
        (true, true) => {
            let finding = Finding::at(resource.span, lost("with its stack or when a change replaces it"));
            vec![finding.saying("`DeletionPolicy` and `UpdateReplacePolicy` are missing")]
        }
        (true, false) => vec![resource.missing("DeletionPolicy", lost(with_stack))],
        (false, true) => vec![resource.missing("UpdateReplacePolicy", lost(replaced))],
        (false, false) => Vec::new(),
    };
    for (attribute, when) in [("DeletionPolicy", with_stack), ("UpdateReplacePolicy", replaced)] {
        let given = Possible::of(resource.node.get(attribute))
            .into_iter()
            .filter_map(Possible::given);
        let deleted = given.filter(|node| node.as_str() == Some("Delete"));
        found.extend(deleted.map(|node| Finding::at(&node.span, lost(when)).saying(format!("`{attribute}`"))));
    }
    once(found)
}
