//! How mappings, outputs and resources are declared (their attributes, not their properties).

use super::super::read::describe;
use super::super::{Node, NodeValue, intrinsic};
use super::results::{self, Kind};
use super::{Template, Transforms, did_you_mean};
use crate::diagnostic::{Code, Problem, Problems, Span, codes};

pub(super) fn check(template: &Template, problems: &mut Problems) {
    mappings(template, problems);
    for (name, span, node) in template.resources.entries {
        if !name.starts_with("Fn::") {
            resource(template, name, span, node, problems);
        }
    }
    for (name, span, node) in template.outputs.entries {
        if !name.starts_with("Fn::") {
            output(template, name, span, node, problems);
        }
    }
}

fn mappings(template: &Template, problems: &mut Problems) {
    for (name, span, node) in template.mappings.entries {
        if template.transforms != Transforms::None && name.starts_with("Fn::") {
            continue;
        }
        let two_levels = matches!(node.value, NodeValue::Map(_))
            && node
                .entries()
                .iter()
                .all(|(_, _, inner)| matches!(inner.value, NodeValue::Map(_)));
        if !two_levels || node.entries().is_empty() {
            problems.push(
                Problem::error(
                    codes::MAPPING_DECLARATION,
                    format!("the mapping `{name}` must have two levels of keys"),
                )
                .at(span.clone(), ""),
            );
            continue;
        }
        let deep = || node.entries().iter().flat_map(|(_, _, inner)| inner.entries());
        for (second, key, _) in deep().filter(|(_, _, value)| value.value == NodeValue::Null) {
            problems.push(
                Problem::error(
                    codes::NULL_VALUE,
                    format!("`{second}` in the mapping `{name}` has no value"),
                )
                .at(key.clone(), "values are strings, numbers or lists"),
            );
        }
        for (_, key, value) in deep().filter(|(_, _, value)| matches!(value.value, NodeValue::Map(_))) {
            if template.transforms == Transforms::None || intrinsic::call(value).is_none() {
                problems.push(
                    Problem::error(
                        codes::MAPPING_DECLARATION,
                        format!("the mapping `{name}` has a third level of keys"),
                    )
                    .at(key.clone(), "values are strings, numbers or lists"),
                );
            }
        }
    }
}

const RESOURCE_KEYS: &[&str] = &[
    "Condition",
    "CreationPolicy",
    "DeletionPolicy",
    "DependsOn",
    "Metadata",
    "Properties",
    "Type",
    "UpdatePolicy",
    "UpdateReplacePolicy",
];

/// "DeletionPolicy attribute", resources that support snapshots.
const SNAPSHOT_TYPES: &[&str] = &[
    "AWS::DocDB::DBCluster",
    "AWS::EC2::Volume",
    "AWS::ElastiCache::CacheCluster",
    "AWS::ElastiCache::ReplicationGroup",
    "AWS::Neptune::DBCluster",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::Redshift::Cluster",
];

fn resource(template: &Template, name: &str, span: &Span, node: &Node, problems: &mut Problems) {
    let code = codes::RESOURCE_ATTRIBUTE;
    let kind = node.get("Type").and_then(Node::as_str);
    let mut known = RESOURCE_KEYS.to_vec();
    if template.transforms != Transforms::None {
        known.extend(["Connectors", "IgnoreGlobals"]);
    }
    if kind.is_some_and(|kind| kind.starts_with("Custom::") || kind == "AWS::CloudFormation::CustomResource") {
        known.push("Version");
    }
    if !keys(node, &known, code, &format!("the resource `{name}`"), span, problems) {
        return;
    }
    if let Some(given) = node.get("Type").filter(|given| given.as_str().is_none()) {
        problems.push(
            Problem::error(
                code,
                format!("`Type` of `{name}` must be a string, not {}", describe(&given.value)),
            )
            .at(given.span.clone(), ""),
        );
    }
    for attribute in ["CreationPolicy", "UpdatePolicy"] {
        if let Some(policy) = node
            .get(attribute)
            .filter(|policy| !matches!(policy.value, NodeValue::Map(_)))
        {
            problems.push(
                Problem::error(
                    code,
                    format!(
                        "`{attribute}` of `{name}` must be a mapping, not {}",
                        describe(&policy.value)
                    ),
                )
                .at(policy.span.clone(), ""),
            );
        }
    }
    if node.get("Type").is_none() {
        problems.push(
            Problem::error(code, format!("the resource `{name}` has no `Type`"))
                .at(span.clone(), "")
                .hint("for example `Type: AWS::S3::Bucket`"),
        );
    }
    if let Some(properties) = node.get("Properties")
        && !matches!(properties.value, NodeValue::Map(_) | NodeValue::Null)
    {
        problems.push(
            Problem::error(
                code,
                format!(
                    "`Properties` of `{name}` must be a mapping, not {}",
                    describe(&properties.value)
                ),
            )
            .at(properties.span.clone(), ""),
        );
    }
    for (attribute, values) in [
        (
            "DeletionPolicy",
            &["Delete", "Retain", "RetainExceptOnCreate", "Snapshot"][..],
        ),
        ("UpdateReplacePolicy", &["Delete", "Retain", "Snapshot"][..]),
    ] {
        let Some(policy) = node.get(attribute) else { continue };
        // The language extensions allow functions here.
        let Some(text) = policy.as_str() else {
            if template.transforms == Transforms::None {
                problems.push(
                    Problem::error(code, format!("`{attribute}` of `{name}` must be a string"))
                        .at(policy.span.clone(), ""),
                );
            }
            continue;
        };
        if !values.contains(&text) {
            let mut problem = Problem::error(code, format!("`{attribute}` cannot be `{text}`"))
                .at(policy.span.clone(), "")
                .note(format!("allowed are {}", values.join(", ")));
            if let Some(hint) = did_you_mean(text, values.iter().copied()) {
                problem = problem.hint(hint);
            }
            problems.push(problem);
        } else if text == "Snapshot"
            && let Some(kind) = kind.filter(|kind| kind.starts_with("AWS::") && !SNAPSHOT_TYPES.contains(kind))
        {
            problems.push(
                Problem::error(code, format!("`{kind}` cannot be kept as a snapshot"))
                    .at(policy.span.clone(), "")
                    .hint("use `Retain` to keep the resource itself"),
            );
        }
    }
    names(node.get("DependsOn"), "DependsOn", name, true, problems);
    names(node.get("Condition"), "Condition", name, false, problems);
}

/// `Condition` is a name, `DependsOn` one or a list of them.
fn names(node: Option<&Node>, attribute: &str, name: &str, list: bool, problems: &mut Problems) {
    let Some(node) = node else { return };
    let good = match &node.value {
        NodeValue::String(_) => true,
        NodeValue::List(items) => list && items.iter().all(|item| item.as_str().is_some()),
        _ => false,
    };
    if !good {
        let wanted = if list {
            "a logical id or a list of them"
        } else {
            "the name of a condition"
        };
        problems.push(
            Problem::error(
                codes::RESOURCE_ATTRIBUTE,
                format!("`{attribute}` of `{name}` must be {wanted}"),
            )
            .at(node.span.clone(), ""),
        );
    }
}

fn output(template: &Template, name: &str, span: &Span, node: &Node, problems: &mut Problems) {
    let code = codes::OUTPUT_DECLARATION;
    let what = format!("the output `{name}`");
    if !keys(
        node,
        &["Condition", "Description", "Export", "Value"],
        code,
        &what,
        span,
        problems,
    ) {
        return;
    }
    if let Some(description) = node.get("Description")
        && !is_scalar(description)
    {
        let problem = Problem::error(
            code,
            format!("`Description` of {what} must be a text without functions"),
        );
        problems.push(problem.at(description.span.clone(), ""));
    }
    match node.get("Value") {
        None => problems.push(Problem::error(code, format!("{what} has no `Value`")).at(span.clone(), "")),
        Some(value) => output_value(template, value, &format!("the value of {what}"), problems),
    }
    let Some((_, at, export)) = node.entries().iter().find(|(key, _, _)| key == "Export") else {
        return;
    };
    if keys(export, &["Name"], code, &format!("`Export` of {what}"), at, problems) {
        match export.get("Name") {
            None => problems.push(Problem::error(code, format!("`Export` of {what} has no `Name`")).at(at.clone(), "")),
            Some(value) => output_value(template, value, &format!("the export name of {what}"), problems),
        }
    }
}

/// Outputs and the names of exports are strings.
fn output_value(template: &Template, value: &Node, what: &str, problems: &mut Problems) {
    if let Some(kind @ (Kind::List | Kind::Truth)) = results::kind(template, value) {
        problems.push(results::misfit(template, kind, value, what, "a string"));
    } else if intrinsic::call(value).is_none() && !is_scalar(value) {
        problems.push(
            Problem::error(
                codes::OUTPUT_DECLARATION,
                format!("{what} must be a string, not {}", describe(&value.value)),
            )
            .at(value.span.clone(), "")
            .hint("`!Join` turns a list into a string"),
        );
    }
}

fn is_scalar(node: &Node) -> bool {
    matches!(
        node.value,
        NodeValue::String(_) | NodeValue::Number(_) | NodeValue::Boolean(_)
    )
}

/// Whether `node` is a mapping; reports keys that are not in `known`.
fn keys(node: &Node, known: &[&str], code: Code, what: &str, span: &Span, problems: &mut Problems) -> bool {
    let NodeValue::Map(entries) = &node.value else {
        problems.push(
            Problem::error(code, format!("{what} must be a mapping, not {}", describe(&node.value)))
                .at(span.clone(), ""),
        );
        return false;
    };
    for (key, at, _) in entries.iter().filter(|(key, _, _)| !known.contains(&key.as_str())) {
        if key.starts_with("Fn::") {
            continue;
        }
        let mut problem = Problem::error(code, format!("{what} cannot have `{key}`")).at(at.clone(), "");
        problem = match did_you_mean(key, known.iter().copied()) {
            Some(hint) => problem.hint(hint),
            None => problem.note(format!("allowed are {}", known.join(", "))),
        };
        problems.push(problem);
    }
    true
}
