//! IAM policy documents, wherever a template holds one: their grammar, and what the kind of policy allows in it.
//!
//! From "IAM JSON policy element reference", "Grammar of the IAM JSON policy language" and "IAM and AWS STS quotas".
//! What only AWS knows is not judged: calls of functions fit everywhere.

mod actions;
mod condition;
mod principal;
mod resource;
mod size;
mod statement;

use super::super::read::describe;
use super::super::{Node, NodeValue, intrinsic};
use super::{Template, did_you_mean, is_unknown};
use crate::diagnostic::{Problem, Problems, Span, codes};

/// What a policy is attached to decides which elements it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Attached to a user, group or role: never names a principal.
    Identity,
    /// Says who may assume a role: names no resource.
    Trust,
    /// Attached to a resource, and says for which resource and whom.
    Resource,
    /// Attached to a resource that it means without naming it.
    Attached,
}

struct Place {
    type_name: &'static str,
    /// Below `Properties`.
    path: &'static [&'static str],
    kind: Kind,
}

const fn place(type_name: &'static str, path: &'static [&'static str], kind: Kind) -> Place {
    Place { type_name, path, kind }
}

const PLACES: &[Place] = &[
    place("AWS::IAM::Group", &["Policies", "*", "PolicyDocument"], Kind::Identity),
    place("AWS::IAM::GroupPolicy", &["PolicyDocument"], Kind::Identity),
    place("AWS::IAM::ManagedPolicy", &["PolicyDocument"], Kind::Identity),
    place("AWS::IAM::Policy", &["PolicyDocument"], Kind::Identity),
    place("AWS::IAM::Role", &["Policies", "*", "PolicyDocument"], Kind::Identity),
    place("AWS::IAM::Role", &["AssumeRolePolicyDocument"], Kind::Trust),
    place("AWS::IAM::RolePolicy", &["PolicyDocument"], Kind::Identity),
    place("AWS::IAM::User", &["Policies", "*", "PolicyDocument"], Kind::Identity),
    place("AWS::IAM::UserPolicy", &["PolicyDocument"], Kind::Identity),
    place("AWS::SSO::PermissionSet", &["InlinePolicy"], Kind::Identity),
    place("AWS::S3::BucketPolicy", &["PolicyDocument"], Kind::Resource),
    place("AWS::S3::AccessPoint", &["Policy"], Kind::Resource),
    place("AWS::S3Express::BucketPolicy", &["PolicyDocument"], Kind::Resource),
    place("AWS::SNS::TopicPolicy", &["PolicyDocument"], Kind::Resource),
    place("AWS::SNS::TopicInlinePolicy", &["PolicyDocument"], Kind::Resource),
    place("AWS::SQS::QueuePolicy", &["PolicyDocument"], Kind::Resource),
    place("AWS::SQS::QueueInlinePolicy", &["PolicyDocument"], Kind::Resource),
    place("AWS::KMS::Key", &["KeyPolicy"], Kind::Resource),
    place("AWS::KMS::ReplicaKey", &["KeyPolicy"], Kind::Resource),
    place(
        "AWS::SecretsManager::ResourcePolicy",
        &["ResourcePolicy"],
        Kind::Resource,
    ),
    place("AWS::OpenSearchService::Domain", &["AccessPolicies"], Kind::Resource),
    place("AWS::Elasticsearch::Domain", &["AccessPolicies"], Kind::Resource),
    place("AWS::EC2::VPCEndpoint", &["PolicyDocument"], Kind::Attached),
    place("AWS::ECR::Repository", &["RepositoryPolicyText"], Kind::Attached),
    place("AWS::ECR::PublicRepository", &["RepositoryPolicyText"], Kind::Attached),
    place("AWS::ECR::RegistryPolicy", &["PolicyText"], Kind::Attached),
    place("AWS::EFS::FileSystem", &["FileSystemPolicy"], Kind::Attached),
    place("AWS::Backup::BackupVault", &["AccessPolicy"], Kind::Attached),
    place("AWS::ApiGateway::RestApi", &["Policy"], Kind::Attached),
    place(
        "AWS::CodeArtifact::Domain",
        &["PermissionsPolicyDocument"],
        Kind::Attached,
    ),
    place(
        "AWS::CodeArtifact::Repository",
        &["PermissionsPolicyDocument"],
        Kind::Attached,
    ),
    place(
        "AWS::DynamoDB::Table",
        &["ResourcePolicy", "PolicyDocument"],
        Kind::Attached,
    ),
    place("AWS::Kinesis::ResourcePolicy", &["ResourcePolicy"], Kind::Attached),
];

pub(super) fn check(template: &Template, problems: &mut Problems) {
    for (_, _, resource) in template.resources.entries {
        let Some(type_name) = resource.get("Type").and_then(Node::as_str) else {
            continue;
        };
        let Some(properties) = resource.get("Properties") else {
            continue;
        };
        let mut found = Vec::new();
        for place in PLACES.iter().filter(|place| place.type_name == type_name) {
            collect(properties, place.path, &properties.span, &mut |node, holder| {
                let policy = Policy {
                    type_name: place.type_name,
                    kind: place.kind,
                };
                policy.check(node, holder, problems);
                found.push((place.kind, node));
            });
        }
        size::check(type_name, &found, problems);
    }
}

/// Calls `visit` with everything at `path` below `node`, through lists and both branches of `Fn::If`.
fn collect<'a>(node: &'a Node, path: &[&str], holder: &'a Span, visit: &mut impl FnMut(&'a Node, &'a Span)) {
    if let Some(("Fn::If", argument)) = intrinsic::call(node) {
        for branch in argument.items().iter().skip(1) {
            collect(branch, path, holder, visit);
        }
        return;
    }
    match path {
        [] => visit(node, holder),
        ["*", rest @ ..] => {
            for item in node.items() {
                collect(item, rest, &item.span, visit);
            }
        }
        [name, rest @ ..] => {
            let entry = node.entries().iter().find(|(key, _, _)| key == name);
            if let Some((_, span, value)) = entry {
                collect(value, rest, span, visit);
            }
        }
    }
}

/// One policy document.
#[derive(Clone, Copy)]
struct Policy {
    type_name: &'static str,
    kind: Kind,
}

impl Policy {
    fn check(self, node: &Node, holder: &Span, problems: &mut Problems) {
        // A text holds JSON that was written elsewhere; the property's own checks say whether text is allowed.
        if is_open(node) || !matches!(node.value, NodeValue::Map(_)) {
            return;
        }
        keys(node, &["Version", "Id", "Statement"], "a policy document", problems);
        if let Some(version) = node.get("Version") {
            self.version(version, problems);
        }
        let Some((_, span, statements)) = node.entries().iter().find(|(key, _, _)| key == "Statement") else {
            problems.push(
                Problem::error(codes::POLICY_FORM, "a policy document needs `Statement`")
                    .at(holder.clone(), "`Statement` is missing here"),
            );
            return;
        };
        match &statements.value {
            _ if is_open(statements) && intrinsic::call(statements).is_none_or(|(name, _)| name != "Fn::If") => {}
            NodeValue::List(items) if items.is_empty() => problems.push(
                Problem::error(codes::POLICY_FORM, "`Statement` is empty; a policy needs at least one")
                    .at(span.clone(), ""),
            ),
            NodeValue::List(_) | NodeValue::Map(_) => statement::check(self, statements, problems),
            other => problems.push(
                Problem::error(
                    codes::POLICY_FORM,
                    format!("`Statement` must be a list of statements, not {}", describe(other)),
                )
                .at(span.clone(), ""),
            ),
        }
    }

    fn version(self, version: &Node, problems: &mut Problems) {
        const VERSIONS: [&str; 2] = ["2012-10-17", "2008-10-17"];
        if is_open(version) || version.as_str().is_some_and(|text| VERSIONS.contains(&text)) {
            return;
        }
        let written = version
            .as_str()
            .map_or_else(|| describe(&version.value).to_owned(), |text| format!("`{text}`"));
        problems.push(
            Problem::error(codes::POLICY_FORM, format!("`Version` of a policy cannot be {written}"))
                .at(version.span.clone(), "")
                .note("it names the version of the policy language, not of this policy")
                .hint("write `2012-10-17`"),
        );
    }
}

/// Whether only AWS knows the value.
fn is_open(node: &Node) -> bool {
    is_unknown(node)
        || node.value == NodeValue::Null
        || node.entries().iter().any(|(key, _, _)| key.starts_with("Fn::"))
}

/// Reports keys that the grammar does not have.
fn keys(node: &Node, known: &[&str], what: &str, problems: &mut Problems) {
    for (key, span, _) in node.entries() {
        if known.contains(&key.as_str()) || key.starts_with("Fn::") {
            continue;
        }
        let problem = Problem::error(codes::POLICY_FORM, format!("{what} has no element `{key}`")).at(span.clone(), "");
        problems.push(match did_you_mean(key, known.iter().copied()) {
            Some(hint) => problem.hint(hint),
            None => problem.note(format!("it has {}", known.join(", "))),
        });
    }
}

/// The single values of an element that takes one or a list of them, through `Fn::If`; calls of functions included.
fn each<'a>(node: &'a Node, visit: &mut impl FnMut(&'a Node)) {
    match (intrinsic::call(node), &node.value) {
        (Some(("Fn::If", argument)), _) => argument.items().iter().skip(1).for_each(|branch| each(branch, visit)),
        (None, NodeValue::List(items)) => items.iter().for_each(|item| each(item, visit)),
        _ => visit(node),
    }
}
