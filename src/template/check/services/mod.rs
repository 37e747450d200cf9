//! What single services ask for beyond their schemas: values in one resource that have to go together.
//!
//! Each rule looks at literals only. Where a function may give the value, the rule is silent.

use super::super::{Node, intrinsic};
use super::{Template, Transforms, is_unknown};
use crate::diagnostic::{Problem, Problems, codes};

mod records;
mod secure;
mod states;
mod tables;
mod together;

type Rule = fn(&Template, &Node, &mut Problems);

/// Type, rule. Sources stand at the rules.
const RULES: &[(&str, Rule)] = &[
    ("AWS::AutoScaling::AutoScalingGroup", together::group_sizes),
    ("AWS::Backup::BackupPlan", together::cold_storage),
    ("AWS::CloudFront::Distribution", together::origins),
    ("AWS::CodePipeline::Pipeline", together::stages),
    ("AWS::DynamoDB::GlobalTable", tables::keys),
    ("AWS::DynamoDB::Table", tables::keys),
    ("AWS::ECS::Service", together::task_network),
    ("AWS::Route53::RecordSet", records::addresses),
    ("AWS::Route53::RecordSetGroup", records::group),
    ("AWS::StepFunctions::StateMachine", states::machine),
];

pub(super) fn check(template: &Template, problems: &mut Problems) {
    for (_, _, resource) in template.resources.entries {
        let (Some(kind), Some(properties)) = (resource.get("Type").and_then(Node::as_str), resource.get("Properties"))
        else {
            continue;
        };
        for (_, rule) in RULES.iter().filter(|(type_name, _)| *type_name == kind) {
            rule(template, properties, problems);
        }
        if template.transforms == Transforms::None {
            secure::check(kind, properties, problems);
        }
    }
}

/// The text of `node`, if it is one that AWS does not replace.
fn literal(node: &Node) -> Option<&str> {
    node.as_str().filter(|_| !is_unknown(node))
}

/// The items of a list, if none of them is a call, which may give nothing or anything.
fn written_out(node: &Node) -> Option<&[Node]> {
    let items = node.items();
    (!items.is_empty() && items.iter().all(|item| intrinsic::call(item).is_none())).then_some(items)
}

fn apart(message: String, at: &Node) -> Problem {
    Problem::error(codes::VALUES_APART, message).at(at.span.clone(), "")
}
