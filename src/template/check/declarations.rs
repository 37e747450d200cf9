//! How parameters, mappings, conditions, outputs and resources are declared (their attributes, not their properties).

use regex::Regex;

use super::super::read::describe;
use super::super::{Node, NodeValue, intrinsic};
use super::{Template, Transforms, did_you_mean};
use crate::diagnostic::{Code, Problem, Problems, Span, codes};

pub(super) fn check(template: &Template, problems: &mut Problems) {
    parameters(template, problems);
    mappings(template, problems);
    for (name, span, node) in template.resources.entries {
        if !name.starts_with("Fn::") {
            resource(template, name, span, node, problems);
        }
    }
    for (name, span, node) in template.outputs.entries {
        if !name.starts_with("Fn::") {
            output(name, span, node, problems);
        }
    }
}

const PARAMETER_KEYS: &[&str] = &[
    "AllowedPattern",
    "AllowedValues",
    "ConstraintDescription",
    "Default",
    "Description",
    "MaxLength",
    "MaxValue",
    "MinLength",
    "MinValue",
    "NoEcho",
    "Type",
];

fn parameters(template: &Template, problems: &mut Problems) {
    for (name, span, node) in template.parameters.entries {
        let code = codes::PARAMETER_DECLARATION;
        if !keys(
            node,
            PARAMETER_KEYS,
            code,
            &format!("the parameter `{name}`"),
            span,
            problems,
        ) {
            continue;
        }
        let Some(kind) = node.get("Type") else {
            problems.push(
                Problem::error(code, format!("the parameter `{name}` has no `Type`"))
                    .at(span.clone(), "")
                    .hint("`String` takes any value"),
            );
            continue;
        };
        let Some(kind) = kind.as_str().filter(|kind| is_parameter_type(kind)) else {
            let known = ["String", "Number", "CommaDelimitedList", "List<Number>"];
            let typed = kind.as_str().unwrap_or_default();
            let mut problem = Problem::error(code, format!("`{typed}` is not a type of a parameter"))
                .at(kind.span.clone(), "")
                .note("the basic types are `String`, `Number`, `List<Number>` and `CommaDelimitedList`");
            if let Some(hint) = did_you_mean(typed, known) {
                problem = problem.hint(hint);
            }
            problems.push(problem);
            continue;
        };
        default(name, kind, node, problems);
    }
}

/// "Parameters": basic, AWS-specific and Systems Manager types. AWS-specific ones have at least two `::`.
fn is_parameter_type(kind: &str) -> bool {
    let inner = kind.strip_prefix("List<").and_then(|rest| rest.strip_suffix('>'));
    match (kind, inner) {
        ("String" | "Number" | "CommaDelimitedList", _) => true,
        (_, Some(inner)) => matches!(inner, "Number" | "String") || inner.starts_with("AWS::"),
        (kind, None) => kind.starts_with("AWS::") && kind.matches("::").count() >= 2,
    }
}

/// A default has to satisfy what is asked of values. Types that are looked up in SSM are left alone.
fn default(name: &str, kind: &str, node: &Node, problems: &mut Problems) {
    let Some(default) = node.get("Default") else { return };
    let text = match &default.value {
        NodeValue::String(text) => text.clone(),
        NodeValue::Number(number) => number.to_string(),
        NodeValue::Boolean(value) => value.to_string(),
        other => {
            problems.push(
                Problem::error(
                    codes::PARAMETER_DECLARATION,
                    format!("the default of `{name}` must be a string, not {}", describe(other)),
                )
                .at(default.span.clone(), ""),
            );
            return;
        }
    };
    let mut wrong = |why: String| {
        problems.push(
            Problem::error(codes::PARAMETER_DECLARATION, format!("the default of `{name}` {why}"))
                .at(default.span.clone(), ""),
        );
    };
    if kind == "Number" && text.trim().parse::<f64>().is_err() {
        wrong("is not a number".to_owned());
    }
    if kind != "String" && kind != "Number" {
        return;
    }
    let plain = |node: &Node| match &node.value {
        NodeValue::String(text) => text.clone(),
        _ => node.to_json().to_string(),
    };
    if let Some(allowed) = node.get("AllowedValues")
        && !allowed.items().is_empty()
        && !allowed.items().iter().any(|value| plain(value) == text)
    {
        wrong("is not one of its `AllowedValues`".to_owned());
    }
    if let Some(pattern) = node.get("AllowedPattern").and_then(Node::as_str)
        && let Ok(regex) = Regex::new(&format!("^(?:{pattern})$"))
        && !regex.is_match(&text)
    {
        wrong(format!("does not match its `AllowedPattern`, `{pattern}`"));
    }
    let bound = |key: &str| node.get(key).and_then(|bound| plain(bound).parse::<f64>().ok());
    #[expect(clippy::cast_precision_loss, reason = "a text is far shorter than 2^52")]
    let length = text.chars().count() as f64;
    for (value, low, high) in [
        ((kind == "String").then_some(length), "MinLength", "MaxLength"),
        (
            (kind == "Number").then(|| text.trim().parse().ok()).flatten(),
            "MinValue",
            "MaxValue",
        ),
    ] {
        let Some(value) = value else { continue };
        if bound(low).is_some_and(|low| value < low) {
            wrong(format!("is below its `{low}`"));
        }
        if bound(high).is_some_and(|high| value > high) {
            wrong(format!("is above its `{high}`"));
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
        let deep = node.entries().iter().flat_map(|(_, _, inner)| inner.entries());
        for (_, key, value) in deep.filter(|(_, _, value)| matches!(value.value, NodeValue::Map(_))) {
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

fn output(name: &str, span: &Span, node: &Node, problems: &mut Problems) {
    let code = codes::OUTPUT_DECLARATION;
    if !keys(
        node,
        &["Condition", "Description", "Export", "Value"],
        code,
        &format!("the output `{name}`"),
        span,
        problems,
    ) {
        return;
    }
    match node.get("Value") {
        None => problems.push(Problem::error(code, format!("the output `{name}` has no `Value`")).at(span.clone(), "")),
        Some(value) => {
            let kind = match &value.value {
                NodeValue::Map(_) if intrinsic::call(value).is_some() => return,
                NodeValue::String(_) | NodeValue::Number(_) | NodeValue::Boolean(_) => return,
                other => describe(other),
            };
            problems.push(
                Problem::error(
                    code,
                    format!("the value of the output `{name}` must be a string, not {kind}"),
                )
                .at(value.span.clone(), "")
                .hint("`!Join` turns a list into a string"),
            );
        }
    }
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
