//! The elements of a statement.

use std::collections::HashMap;

use super::super::super::read::describe;
use super::super::super::{Node, NodeValue, intrinsic};
use super::super::verdict::{Presence, presence};
use super::{Kind, Policy, actions, condition, did_you_mean, each, is_open, keys, principal, resource};
use crate::diagnostic::{Problem, Problems, Span, codes};

const ELEMENTS: &[&str] = &[
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

/// Checks one statement or a list of them.
pub(super) fn check(policy: Policy, statements: &Node, problems: &mut Problems) {
    let mut sids = HashMap::new();
    each(statements, &mut |statement| {
        if is_open(statement) {
            return;
        }
        match &statement.value {
            NodeValue::Map(_) => one(policy, statement, &mut sids, problems),
            other => problems.push(
                Problem::error(
                    codes::POLICY_FORM,
                    format!("a statement must be a mapping, not {}", describe(other)),
                )
                .at(statement.span.clone(), ""),
            ),
        }
    });
}

fn one<'a>(policy: Policy, statement: &'a Node, sids: &mut HashMap<&'a str, &'a Span>, problems: &mut Problems) {
    keys(statement, ELEMENTS, "a policy statement", problems);
    sid(policy, statement, sids, problems);
    effect(statement, problems);
    either(statement, ["Action", "NotAction"], problems);
    match policy.kind {
        Kind::Identity => {
            forbidden(
                statement,
                ["Principal", "NotPrincipal"],
                "a policy of a user, group or role applies to whom it is attached to",
                problems,
            );
            either(statement, ["Resource", "NotResource"], problems);
        }
        Kind::Trust => {
            forbidden(
                statement,
                ["Resource", "NotResource"],
                "the role itself is the resource of its trust policy",
                problems,
            );
            either(statement, ["Principal", "NotPrincipal"], problems);
        }
        Kind::Resource => {
            either(statement, ["Principal", "NotPrincipal"], problems);
            either(statement, ["Resource", "NotResource"], problems);
        }
        Kind::Attached => either(statement, ["Principal", "NotPrincipal"], problems),
    }
    for (key, span, value) in statement.entries() {
        match key.as_str() {
            "Action" | "NotAction" => {
                full_list(key, span, value, problems);
                each(value, &mut |action| actions::check(policy, action, problems));
            }
            "Resource" | "NotResource" if policy.kind != Kind::Trust => {
                full_list(key, span, value, problems);
                each(value, &mut |named| resource::check(policy, named, problems));
            }
            "Principal" | "NotPrincipal" if policy.kind != Kind::Identity => {
                principal::check(key, span, value, problems);
            }
            "Condition" => condition::check(span, value, problems),
            _ => {}
        }
    }
}

/// "The Sid element supports ASCII uppercase letters, lowercase letters, and numbers" where IAM itself reads it; other
/// services take more, S3 even the same one twice.
fn sid<'a>(policy: Policy, statement: &'a Node, sids: &mut HashMap<&'a str, &'a Span>, problems: &mut Problems) {
    let Some(node) = statement.get("Sid").filter(|node| !is_open(node)) else {
        return;
    };
    let Some(text) = node.as_str() else { return };
    let letters = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !letters && matches!(policy.kind, Kind::Identity) {
        let better: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
        problems.push(
            Problem::error(
                codes::POLICY_STATEMENT,
                format!("`Sid` cannot be `{text}`: it takes letters and digits"),
            )
            .at(node.span.clone(), "")
            .hint(format!("for example `{better}`")),
        );
    }
    if text.is_empty() || policy.type_name.starts_with("AWS::S3") {
        return;
    }
    match sids.get(text) {
        Some(first) => problems.push(
            Problem::error(
                codes::POLICY_STATEMENT,
                format!("two statements of a policy have the `Sid` `{text}`"),
            )
            .at(node.span.clone(), "again here")
            .at((*first).clone(), "first here"),
        ),
        None => drop(sids.insert(text, &node.span)),
    }
}

fn effect(statement: &Node, problems: &mut Problems) {
    let Some(effect) = statement.get("Effect") else {
        problems.push(
            Problem::error(codes::POLICY_STATEMENT, "a policy statement needs `Effect`")
                .at(first_line(statement), "`Effect` is missing here")
                .hint("`Effect: Allow` or `Effect: Deny`"),
        );
        return;
    };
    if is_open(effect) || effect.as_str().is_some_and(|text| matches!(text, "Allow" | "Deny")) {
        return;
    }
    let written = effect.as_str().unwrap_or(describe(&effect.value));
    let problem = Problem::error(
        codes::POLICY_STATEMENT,
        format!("`Effect` must be `Allow` or `Deny`, not `{written}`"),
    )
    .at(effect.span.clone(), "");
    problems.push(match did_you_mean(written, ["Allow", "Deny"]) {
        Some(hint) => problem.hint(hint),
        None => problem,
    });
}

/// One of the two, and not both.
fn either(statement: &Node, [yes, no]: [&str; 2], problems: &mut Problems) {
    if statement.entries().iter().any(|(key, _, _)| key.starts_with("Fn::")) {
        return;
    }
    match (presence(statement, yes), presence(statement, no)) {
        (Presence::Absent, Presence::Absent) => problems.push(
            Problem::error(
                codes::POLICY_STATEMENT,
                format!("a statement of this policy needs `{yes}` or `{no}`"),
            )
            .at(first_line(statement), ""),
        ),
        (Presence::Certain, Presence::Certain) => problems.push(
            Problem::error(
                codes::POLICY_STATEMENT,
                format!("a statement has either `{yes}` or `{no}`, not both"),
            )
            .at(first_line(statement), ""),
        ),
        _ => {}
    }
}

fn forbidden(statement: &Node, names: [&str; 2], why: &str, problems: &mut Problems) {
    for (key, span, value) in statement.entries() {
        if names.contains(&key.as_str()) && !intrinsic::is_no_value(value) {
            problems.push(
                Problem::error(
                    codes::POLICY_STATEMENT,
                    format!("`{key}` does not belong into this policy"),
                )
                .at(span.clone(), "")
                .note(why)
                .hint(format!("take `{key}` out")),
            );
        }
    }
}

fn full_list(key: &str, span: &Span, value: &Node, problems: &mut Problems) {
    if matches!(&value.value, NodeValue::List(items) if items.is_empty()) {
        problems
            .push(Problem::error(codes::POLICY_STATEMENT, format!("`{key}` is an empty list")).at(span.clone(), ""));
    }
}

fn first_line(node: &Node) -> Span {
    super::super::properties::first_line(node)
}
