//! How large policies may be ("IAM and AWS STS quotas"; white space does not count).

use super::super::super::{Node, NodeValue, intrinsic};
use super::Kind;
use crate::diagnostic::{Problem, Problems, codes};

pub(super) fn check(type_name: &str, found: &[(Kind, &Node)], problems: &mut Problems) {
    let identity: Vec<&Node> = found
        .iter()
        .filter(|(kind, _)| *kind == Kind::Identity)
        .map(|(_, node)| *node)
        .collect();
    let rest = found.iter().filter(|(kind, _)| *kind != Kind::Identity);
    let (most, what) = match type_name {
        "AWS::IAM::ManagedPolicy" => (6_144, "a managed policy"),
        "AWS::IAM::Role" => (10_240, "the inline policies of a role together"),
        "AWS::IAM::User" => (2_048, "the inline policies of a user together"),
        "AWS::IAM::Group" => (5_120, "the inline policies of a group together"),
        _ => (usize::MAX, ""),
    };
    report(&identity, most, what, problems);
    for (kind, node) in rest {
        let (most, what) = match (type_name, kind) {
            // 2,048 at first; 4,096 is as far as it can be raised.
            (_, Kind::Trust) => (4_096, "a trust policy"),
            ("AWS::S3::BucketPolicy", _) => (20_480, "a bucket policy"),
            ("AWS::KMS::Key" | "AWS::KMS::ReplicaKey", _) => (32_768, "a key policy"),
            _ => continue,
        };
        report(&[node], most, what, problems);
    }
}

fn report(nodes: &[&Node], most: usize, what: &str, problems: &mut Problems) {
    let size: usize = nodes.iter().map(|node| least_size(node)).sum();
    let Some(first) = nodes.first().filter(|_| size > most) else {
        return;
    };
    let line = super::super::properties::first_line(first);
    problems.push(
        Problem::error(
            codes::POLICY_SIZE,
            format!("{what} may have {most} characters; this has at least {size}"),
        )
        .at(line, "")
        .note("white space is not counted, nor what functions give")
        .hint("join statements that have the same effect and resources, or use wildcards in actions"),
    );
}

/// The characters of the document as JSON without white space; what functions give counts nothing.
fn least_size(node: &Node) -> usize {
    if intrinsic::call(node).is_some() {
        return 2;
    }
    let text = |text: &str| text.chars().filter(|letter| !letter.is_whitespace()).count() + 2;
    match &node.value {
        NodeValue::Null => 4,
        NodeValue::Boolean(value) => value.to_string().len(),
        NodeValue::Number(number) => number.to_string().len(),
        NodeValue::String(value) => text(value),
        NodeValue::List(items) => items.iter().map(least_size).sum::<usize>() + items.len().max(1) + 1,
        NodeValue::Map(entries) => {
            let members: usize = entries
                .iter()
                .map(|(key, _, value)| text(key) + 1 + least_size(value))
                .sum();
            members + entries.len().max(1) + 1
        }
    }
}
