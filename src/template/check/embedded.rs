//! `${Name}` in a text that `Fn::Sub` does not read: CloudFormation leaves it as it is.

use super::super::intrinsic::{PSEUDO_PARAMETERS, SubPart, sub_parts};
use super::super::{Node, NodeValue, intrinsic};
use super::{Template, Transforms};
use crate::diagnostic::{Problem, Problems, codes};

/// Properties that hold templates or scripts, in which a service or a shell replaces `${…}` later.
const REPLACED_LATER: &[&str] = &[
    "BuildSpec",
    "Data",
    "Definition",
    "DefinitionBody",
    "DefinitionString",
    "DefinitionSubstitutions",
    "Metadata",
    "TemplateBody",
    "UserData",
    "ZipFile",
];

pub(super) fn check(template: &Template, problems: &mut Problems) {
    if template.transforms != Transforms::None {
        return;
    }
    for (_, _, resource) in template.resources.entries {
        if let Some(properties) = resource.get("Properties") {
            walk(template, properties, problems);
        }
    }
    for (_, _, output) in template.outputs.entries {
        if let Some(value) = output.get("Value") {
            walk(template, value, problems);
        }
    }
}

fn walk(template: &Template, node: &Node, problems: &mut Problems) {
    match (&node.value, intrinsic::call(node)) {
        (_, Some(("Fn::Sub", argument))) => {
            // The text itself is read; the values of its variables are not.
            for (_, _, value) in argument.items().iter().skip(1).flat_map(Node::entries) {
                walk(template, value, problems);
            }
        }
        // A script.
        (_, Some(("Fn::Base64", _))) => {}
        (NodeValue::String(text), _) => of_text(template, text, node, problems),
        (NodeValue::List(items), _) => items.iter().for_each(|item| walk(template, item, problems)),
        (NodeValue::Map(entries), _) => entries
            .iter()
            // A function with keys beside it is told as that.
            .filter(|(key, _, _)| key != "Fn::Sub" && !REPLACED_LATER.contains(&key.as_str()))
            .for_each(|(_, _, value)| walk(template, value, problems)),
        _ => {}
    }
}

/// No service knows pseudo parameters, so one in a text is a mistake; a declared name may mean something to a service.
fn of_text(template: &Template, text: &str, node: &Node, problems: &mut Problems) {
    let mut variables = sub_parts(text).into_iter().filter_map(|part| match part {
        SubPart::Variable(name) => Some(name),
        SubPart::Text(_) => None,
    });
    let declared = |name: &str| {
        let target = name.split('.').next().unwrap_or(name);
        template.parameters.get(target).is_some() || template.resources.get(target).is_some()
    };
    let Some(name) = variables.find(|name| PSEUDO_PARAMETERS.contains(name) || declared(name)) else {
        return;
    };
    let message = format!("`${{{name}}}` stays as it is, because `Fn::Sub` does not read this text");
    let problem = if name.starts_with("AWS::") {
        Problem::error(codes::MISSING_SUB, message)
    } else {
        Problem::warning(codes::MISSING_SUB, message)
    };
    problems.push(problem.at(node.span.clone(), "").hint("write `!Sub` before it"));
}
