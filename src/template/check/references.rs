//! Whether what is referred to is declared: resources, parameters, attributes, conditions, mappings; and the reverse,
//! whether what is declared is used.

use std::collections::HashSet;

use super::super::intrinsic::{PSEUDO_PARAMETERS, Reference, ReferenceKind, condition_references, references};
use super::super::{Node, intrinsic, schema};
use super::{Template, Transforms, did_you_mean};
use crate::diagnostic::{Problem, Problems, codes};

pub(super) fn check(template: &Template, problems: &mut Problems) {
    // A macro or `Fn::ForEach` may declare anything.
    if template.transforms != Transforms::None {
        return;
    }
    let mut used = HashSet::new();
    for (_, _, resource) in template.resources.entries {
        gather(template, references(resource), &mut used, problems);
        mapping_keys(template, resource, problems);
    }
    for (_, _, output) in template.outputs.entries {
        gather(template, references(output), &mut used, problems);
        mapping_keys(template, output, problems);
    }
    for (_, _, condition) in template.conditions.entries {
        let found = condition_references(condition);
        for reference in &found {
            not_in_conditions(template, reference, problems);
        }
        gather(template, found, &mut used, problems);
        mapping_keys(template, condition, problems);
    }
    if let Some(rules) = template.root.get("Rules") {
        used.extend(
            references(rules)
                .into_iter()
                .map(|reference| (Namespace::Value, reference.target)),
        );
    }
    unused(template, &used, problems);
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Namespace {
    Value,
    Condition,
    Mapping,
}

fn gather(
    template: &Template,
    found: Vec<Reference>,
    used: &mut HashSet<(Namespace, String)>,
    problems: &mut Problems,
) {
    for reference in found {
        let problem = match reference.kind {
            ReferenceKind::Ref => value(template, &reference),
            ReferenceKind::GetAtt => attribute(template, &reference),
            ReferenceKind::DependsOn => resource(template, &reference, "`DependsOn` names"),
            ReferenceKind::Condition => (template.conditions.get(&reference.target).is_none()).then(|| {
                unknown(
                    codes::UNKNOWN_CONDITION,
                    format!("the condition `{}` is not declared", reference.target),
                    &reference,
                    template.conditions.names(),
                )
            }),
            ReferenceKind::Mapping => (template.mappings.get(&reference.target).is_none()).then(|| {
                unknown(
                    codes::UNKNOWN_MAPPING,
                    format!("the mapping `{}` is not declared", reference.target),
                    &reference,
                    template.mappings.names(),
                )
            }),
        };
        if let Some(problem) = problem {
            problems.push(problem);
        }
        let namespace = match reference.kind {
            ReferenceKind::Condition => Namespace::Condition,
            ReferenceKind::Mapping => Namespace::Mapping,
            _ => Namespace::Value,
        };
        used.insert((namespace, reference.target));
    }
}

fn value(template: &Template, reference: &Reference) -> Option<Problem> {
    let name = reference.target.as_str();
    if is_resource(template, name) || template.parameters.get(name).is_some() {
        return None;
    }
    if name.starts_with("AWS::") {
        return (!PSEUDO_PARAMETERS.contains(&name)).then(|| {
            unknown(
                codes::UNRESOLVED_REFERENCE,
                format!("there is no pseudo parameter `{name}`"),
                reference,
                PSEUDO_PARAMETERS.iter().copied(),
            )
        });
    }
    let known = template.resources.names().chain(template.parameters.names());
    let problem = unknown(
        codes::UNRESOLVED_REFERENCE,
        format!("`{name}` is neither a resource nor a parameter of this template"),
        reference,
        known,
    );
    let in_sub = reference.span.text().starts_with("${");
    Some(if in_sub {
        problem.hint(format!("for the literal text write `${{!{name}}}`"))
    } else {
        problem
    })
}

fn attribute(template: &Template, reference: &Reference) -> Option<Problem> {
    if let Some(problem) = resource(template, reference, "`Fn::GetAtt` names") {
        return Some(problem);
    }
    let attribute = reference.attribute.as_deref()?;
    let kind = template.resources.get(&reference.target)?.get("Type")?.as_str()?;
    let schema = schema::get(kind)?;
    if schema.has_attribute(attribute) || kind == "AWS::CloudFormation::CustomResource" {
        return None;
    }
    let attributes = schema.attributes();
    let problem = Problem::error(
        codes::UNKNOWN_ATTRIBUTE,
        format!("`{kind}` has no attribute `{attribute}`"),
    )
    .at(reference.span.clone(), "");
    Some(match did_you_mean(attribute, attributes.iter().map(String::as_str)) {
        Some(hint) => problem.hint(hint),
        None if attributes.is_empty() => problem.note("it has no attributes at all".to_owned()),
        None => problem.note(format!("it has {}", attributes.join(", "))),
    })
}

fn resource(template: &Template, reference: &Reference, what: &str) -> Option<Problem> {
    let name = reference.target.as_str();
    if is_resource(template, name) {
        return None;
    }
    let is_parameter = template.parameters.get(name).is_some();
    let suffix = if is_parameter {
        ", which is a parameter"
    } else {
        ", which this template does not declare"
    };
    Some(unknown(
        codes::UNRESOLVED_REFERENCE,
        format!("{what} the resource `{name}`{suffix}"),
        reference,
        template.resources.names(),
    ))
}

/// A module's resources are named after it: `NetworkVpc` for `Vpc` in the module `Network` ("Reference module resources").
fn is_resource(template: &Template, name: &str) -> bool {
    let is_module = |node: &Node| {
        node.get("Type")
            .and_then(Node::as_str)
            .is_some_and(|kind| kind.ends_with("::MODULE"))
    };
    template.resources.get(name).is_some()
        || template
            .resources
            .entries
            .iter()
            .any(|(module, _, node)| name.starts_with(module) && is_module(node))
}

/// "Conditions": only parameters, mappings and other conditions are known when conditions are evaluated.
fn not_in_conditions(template: &Template, reference: &Reference, problems: &mut Problems) {
    let is_resource = template.resources.get(&reference.target).is_some();
    if is_resource && matches!(reference.kind, ReferenceKind::Ref | ReferenceKind::GetAtt) {
        problems.push(
            Problem::error(
                codes::CONDITION_DECLARATION,
                format!("a condition cannot depend on the resource `{}`", reference.target),
            )
            .at(reference.span.clone(), "")
            .note("conditions are decided before any resource exists; they can use parameters and mappings"),
        );
    }
}

/// "Fn::FindInMap", supported functions: mappings are looked up before any resource exists.
fn resource_in_map(template: &Template, arguments: &[Node], problems: &mut Problems) {
    for argument in arguments {
        let refers = match intrinsic::call(argument) {
            Some(("Fn::GetAtt", _)) => true,
            Some(("Ref", name)) => name.as_str().is_some_and(|name| template.resources.get(name).is_some()),
            _ => false,
        };
        if refers {
            problems.push(
                Problem::error(
                    codes::INTRINSIC_FORM,
                    "`Fn::FindInMap` cannot look up what a resource gives",
                )
                .at(argument.span.clone(), "")
                .note("mappings are looked up before any resource exists; parameters can be used"),
            );
        }
    }
}

/// The keys of `Fn::FindInMap`, where they are literal.
fn mapping_keys(template: &Template, node: &Node, problems: &mut Problems) {
    if let Some(("Fn::FindInMap", argument)) = intrinsic::call(node) {
        resource_in_map(template, argument.items(), problems);
    }
    if let Some(("Fn::FindInMap", argument)) = intrinsic::call(node)
        && let [name, first, second] = argument.items()
        && let Some(mapping) = name.as_str().and_then(|name| template.mappings.get(name))
    {
        let outer = first.as_str().map(|key| (key, mapping.get(key)));
        if let Some((key, None)) = outer {
            problems.push(missing_key(key, first, mapping));
        }
        let candidates: Vec<&Node> = match outer {
            Some((_, found)) => found.into_iter().collect(),
            None => mapping.entries().iter().map(|(_, _, node)| node).collect(),
        };
        if let Some(key) = second.as_str()
            && let [candidate, ..] = candidates.as_slice()
            && !candidates.iter().any(|candidate| candidate.get(key).is_some())
        {
            problems.push(missing_key(key, second, candidate));
        }
    }
    node.items()
        .iter()
        .for_each(|item| mapping_keys(template, item, problems));
    node.entries()
        .iter()
        .for_each(|(_, _, value)| mapping_keys(template, value, problems));
}

fn missing_key(key: &str, at: &Node, mapping: &Node) -> Problem {
    let problem =
        Problem::error(codes::UNKNOWN_MAPPING, format!("the mapping has no key `{key}`")).at(at.span.clone(), "");
    match did_you_mean(key, mapping.entries().iter().map(|(name, _, _)| name.as_str())) {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

fn unused(template: &Template, used: &HashSet<(Namespace, String)>, problems: &mut Problems) {
    for (what, namespace, section) in [
        ("parameter", Namespace::Value, &template.parameters),
        ("condition", Namespace::Condition, &template.conditions),
        ("mapping", Namespace::Mapping, &template.mappings),
    ] {
        // A mapping's name may be computed from parameters; then any may be in use.
        if namespace == Namespace::Mapping && computed(template.root) {
            continue;
        }
        for (name, span, _) in section.entries {
            if !used.contains(&(namespace, name.clone())) {
                problems.push(
                    Problem::warning(codes::UNUSED_DECLARATION, format!("the {what} `{name}` is never used"))
                        .at(span.clone(), ""),
                );
            }
        }
    }
}

fn computed(node: &Node) -> bool {
    matches!(intrinsic::call(node), Some(("Fn::FindInMap", argument))
        if argument.items().first().is_some_and(|name| name.as_str().is_none()))
        || node.items().iter().any(computed)
        || node.entries().iter().any(|(_, _, value)| computed(value))
}

fn unknown<'b>(
    code: crate::diagnostic::Code,
    message: String,
    reference: &Reference,
    known: impl Iterator<Item = &'b str>,
) -> Problem {
    let problem = Problem::error(code, message).at(reference.span.clone(), "");
    match did_you_mean(&reference.target, known) {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}
