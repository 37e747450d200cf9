//! IAM policies, and the policies of buckets and other resources.

use super::super::Node;
use super::{Resource, each};
use crate::diagnostic::{Problem, Problems, codes};

pub(super) fn check(resource: &Resource, problems: &mut Problems) {
    match resource.kind {
        "AWS::IAM::Role" | "AWS::IAM::User" | "AWS::IAM::Group" => {
            for policy in each(resource.property("Policies")) {
                wildcards(resource, policy.get("PolicyDocument"), problems);
            }
            trust(resource, resource.property("AssumeRolePolicyDocument"), problems);
        }
        "AWS::IAM::Policy" | "AWS::IAM::ManagedPolicy" | "AWS::IAM::RolePolicy" => {
            wildcards(resource, resource.property("PolicyDocument"), problems);
        }
        "AWS::S3::BucketPolicy" => {
            for statement in statements(resource.property("PolicyDocument")) {
                if allows(statement) && is_everybody(statement) && statement.get("Condition").is_none() {
                    problems.push(
                        Problem::error(
                            codes::PUBLIC_BUCKET,
                            format!("`{}` lets everybody into the bucket", resource.name),
                        )
                        .at(principal_span(resource, statement), ""),
                    );
                }
            }
        }
        _ => {}
    }
}

fn wildcards(resource: &Resource, document: Option<&Node>, problems: &mut Problems) {
    for statement in statements(document) {
        let has_wildcard = |key: &str| {
            each(statement.get(key))
                .into_iter()
                .find(|item| item.as_str() == Some("*"))
        };
        let every_action = each(statement.get("Action"))
            .into_iter()
            .find(|item| matches!(item.as_str(), Some("*" | "*:*")));
        if let (true, Some(action), Some(_)) = (allows(statement), every_action, has_wildcard("Resource"))
            && statement.get("Condition").is_none()
        {
            problems.push(
                Problem::error(
                    codes::WILDCARD_POLICY,
                    format!("`{}` allows every action on every resource", resource.name),
                )
                .at(action.span.clone(), "")
                .hint("list the actions and the resources that are needed"),
            );
        }
    }
}

fn trust(resource: &Resource, document: Option<&Node>, problems: &mut Problems) {
    for statement in statements(document) {
        if allows(statement) && is_everybody(statement) && statement.get("Condition").is_none() {
            problems.push(
                Problem::error(
                    codes::OPEN_TRUST,
                    format!("everybody in every account can assume the role `{}`", resource.name),
                )
                .at(principal_span(resource, statement), "")
                .hint("name the service or the account that assumes it"),
            );
        }
    }
}

fn statements(document: Option<&Node>) -> Vec<&Node> {
    each(document.and_then(|document| document.get("Statement")))
}

fn allows(statement: &Node) -> bool {
    statement.get("Effect").and_then(Node::as_str) == Some("Allow")
}

fn is_everybody(statement: &Node) -> bool {
    let Some(principal) = statement.get("Principal") else {
        return false;
    };
    let star = |node: &Node| node.as_str() == Some("*");
    star(principal) || each(principal.get("AWS")).into_iter().any(star)
}

fn principal_span(resource: &Resource, statement: &Node) -> crate::diagnostic::Span {
    let entry = statement.entries().iter().find(|(key, _, _)| key == "Principal");
    entry.map_or_else(|| resource.place(), |(_, span, _)| span.clone())
}
