//! Metadata that CloudFormation itself reads; everything else in `Metadata` is free.

use super::super::read::describe;
use super::super::{Node, NodeValue};
use super::{Template, Transforms, did_you_mean};
use crate::diagnostic::{Problem, Problems, Span, codes};

const INTERFACE: &str = "AWS::CloudFormation::Interface";

pub(super) fn check(template: &Template, problems: &mut Problems) {
    let section = template.root.entries().iter().find(|(key, _, _)| key == "Metadata");
    if let Some((_, span, metadata)) = section {
        is_mapping(metadata, span, "`Metadata`", problems);
    }
    for (name, _, resource) in template.resources.entries {
        if let Some((_, span, metadata)) = resource.entries().iter().find(|(key, _, _)| key == "Metadata") {
            is_mapping(metadata, span, &format!("`Metadata` of `{name}`"), problems);
        }
    }
    let interface = section.and_then(|(_, _, metadata)| metadata.entries().iter().find(|(key, _, _)| key == INTERFACE));
    if let Some((_, span, interface)) = interface
        && template.transforms == Transforms::None
    {
        of_interface(template, interface, span, problems);
    }
}

/// How the console orders and names parameters ("AWS::CloudFormation::Interface").
fn of_interface(template: &Template, interface: &Node, span: &Span, problems: &mut Problems) {
    if !is_mapping(interface, span, &format!("`{INTERFACE}`"), problems) {
        return;
    }
    let known = ["ParameterGroups", "ParameterLabels"];
    for (key, at, _) in interface
        .entries()
        .iter()
        .filter(|(key, _, _)| !known.contains(&key.as_str()))
    {
        let problem = wrong(format!("`{INTERFACE}` cannot have `{key}`"), at);
        problems.push(match did_you_mean(key, known) {
            Some(hint) => problem.hint(hint),
            None => problem.note("allowed are ParameterGroups, ParameterLabels"),
        });
    }
    let groups = interface.get("ParameterGroups").map(Node::items).unwrap_or_default();
    let listed = groups
        .iter()
        .flat_map(|group| group.get("Parameters").map(Node::items).unwrap_or_default())
        .filter_map(|name| Some((name.as_str()?, &name.span)));
    let labelled = interface.get("ParameterLabels").map(Node::entries).unwrap_or_default();
    for (name, at) in listed.chain(labelled.iter().map(|(name, span, _)| (name.as_str(), span))) {
        if template.parameters.get(name).is_none() {
            // The console leaves it out; nothing fails.
            let problem = Problem::warning(
                codes::METADATA_INVALID,
                format!("there is no parameter `{name}` to show"),
            )
            .at(at.clone(), "");
            problems.push(match did_you_mean(name, template.parameters.names()) {
                Some(hint) => problem.hint(hint),
                None => problem,
            });
        }
    }
}

fn is_mapping(node: &Node, span: &Span, what: &str, problems: &mut Problems) -> bool {
    let good = matches!(node.value, NodeValue::Map(_));
    // A null has its own finding.
    if !good && node.value != NodeValue::Null {
        problems.push(wrong(
            format!("{what} must be a mapping, not {}", describe(&node.value)),
            span,
        ));
    }
    good
}

fn wrong(message: String, at: &Span) -> Problem {
    Problem::error(codes::METADATA_INVALID, message).at(at.clone(), "")
}
