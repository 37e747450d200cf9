//! How a template meets the rest: parameters that carry outputs of other stacks in, and the outputs that are promised.

use std::collections::{BTreeMap, BTreeSet};

use super::super::OutputRef;
use super::super::contract::pascal;
use super::super::typing::{Takes, Wire};
use super::super::wiring::WiredStack;
use crate::diagnostic::{Problem, Problems, Span, closest, codes};
use crate::template::{Document, Node, NodeValue};

/// Declares the parameters that carry deferred values, as far as the document uses them.
pub(super) fn parameters(
    document: &mut Document,
    stack: &WiredStack<'_>,
    all: &[WiredStack<'_>],
    problems: &mut Problems,
) -> BTreeMap<String, OutputRef> {
    let mut used = BTreeSet::new();
    collect_references(&document.root, &mut used);
    let mut wires: BTreeMap<&str, &Wire> = BTreeMap::new();
    for wire in stack.wires().filter(|wire| used.contains(&wire.parameter)) {
        match wires.get(wire.parameter.as_str()) {
            Some(other) if (&other.stack, &other.output) != (&wire.stack, &wire.output) => {
                problems.push(alike(wire, other));
            }
            _ => drop(wires.insert(&wire.parameter, wire)),
        }
    }
    let own: BTreeSet<String> = names(document, "Parameters");
    let resources = names(document, "Resources");
    for (id, key, body) in document.root.get("Parameters").map(Node::entries).unwrap_or_default() {
        if !wires.contains_key(id.as_str()) && body.get("Default").is_none() {
            problems.push(
                Problem::error(
                    codes::PARAMETER_WITHOUT_VALUE,
                    format!("nothing fills the parameter `{id}`"),
                )
                .at(key.clone(), "")
                .note("parameters carry the outputs of other stacks, and mlinfra declares them by itself")
                .hint("give it a Default, or make it an input of the module"),
            );
        }
    }
    let mut declared = Vec::new();
    let mut parameters = BTreeMap::new();
    for (name, wire) in wires {
        if own.contains(name) || resources.contains(name) {
            let kind = if own.contains(name) { "parameter" } else { "resource" };
            let section = if own.contains(name) { "Parameters" } else { "Resources" };
            let key = document.root.get(section).and_then(|section| key_span(section, name));
            let message = format!("the {kind} `{name}` has the name that the input `{}` needs", wire.input);
            let problem = Problem::error(codes::PARAMETER_CONFLICT, message).hint(format!("rename the {kind}"));
            problems.push(match key {
                Some(span) => problem.at(span, ""),
                None => problem,
            });
            continue;
        }
        let span = Span::new(&document.source, 0..0);
        declared.push((name.to_owned(), span.clone(), declaration(wire, &span)));
        let key = all
            .iter()
            .find(|other| other.spec.name.value == wire.stack)
            .and_then(|other| other.contract.outputs.get(&wire.output))
            .map_or_else(|| pascal(&wire.output), |output| output.key.clone());
        parameters.insert(
            name.to_owned(),
            OutputRef {
                stack: wire.stack.clone(),
                output: wire.output.clone(),
                key,
            },
        );
    }
    declare(document, declared);
    parameters
}

/// Two values of other stacks that would be carried by one parameter: entries `a-1` and `a1` of a map.
fn alike(wire: &Wire, other: &Wire) -> Problem {
    let message = format!(
        "{}.{} and {}.{} would come in through one parameter, `{}`",
        other.stack, other.output, wire.stack, wire.output, wire.parameter
    );
    let problem =
        Problem::error(codes::PARAMETER_CONFLICT, message).at(wire.span.clone(), format!("for `{}`", wire.input));
    let problem = match other.span == wire.span {
        true => problem,
        false => problem.at(other.span.clone(), format!("for `{}`", other.input)),
    };
    problem
        .note("a parameter is named after the input and the entry, without hyphens and underscores")
        .hint("give one of them a name that differs in letters or digits")
}

fn declaration(wire: &Wire, span: &Span) -> Node {
    let node = |value: NodeValue| Node {
        value,
        span: span.clone(),
    };
    let ty = match wire.takes {
        Takes::List => "CommaDelimitedList",
        Takes::Number => "Number",
        Takes::Text | Takes::Nothing => "String",
    };
    let text = |text: String| node(NodeValue::String(text));
    let description = format!("{} of {}", wire.output, wire.stack);
    node(NodeValue::Map(vec![
        ("Type".to_owned(), span.clone(), text(ty.to_owned())),
        ("Description".to_owned(), span.clone(), text(description)),
    ]))
}

fn declare(document: &mut Document, declared: Vec<(String, Span, Node)>) {
    if declared.is_empty() {
        return;
    }
    let span = Span::new(&document.source, 0..0);
    let NodeValue::Map(sections) = &mut document.root.value else {
        return;
    };
    match sections.iter_mut().find(|(name, _, _)| name == "Parameters") {
        Some((_, _, section)) => match &mut section.value {
            NodeValue::Map(entries) => entries.extend(declared),
            // An empty section reads as null.
            other => *other = NodeValue::Map(declared),
        },
        None => {
            let section = Node {
                value: NodeValue::Map(declared),
                span: span.clone(),
            };
            sections.push(("Parameters".to_owned(), span, section));
        }
    }
}

fn names(document: &Document, section: &str) -> BTreeSet<String> {
    let entries = document.root.get(section).map(Node::entries).unwrap_or_default();
    entries.iter().map(|(name, _, _)| name.clone()).collect()
}

fn key_span(section: &Node, name: &str) -> Option<Span> {
    section
        .entries()
        .iter()
        .find(|(key, _, _)| key == name)
        .map(|(_, span, _)| span.clone())
}

/// Every name in `Ref` and in the `${…}` of `Fn::Sub`.
fn collect_references(node: &Node, names: &mut BTreeSet<String>) {
    match &node.value {
        NodeValue::List(items) => items.iter().for_each(|item| collect_references(item, names)),
        NodeValue::Map(entries) => {
            for (key, _, value) in entries {
                match (
                    key.as_str(),
                    value.as_str(),
                    value.items().first().and_then(Node::as_str),
                ) {
                    ("Ref", Some(name), _) => {
                        names.insert(name.to_owned());
                    }
                    ("Fn::Sub", Some(text), _) | ("Fn::Sub", None, Some(text)) => {
                        names.extend(
                            text.split("${")
                                .skip(1)
                                .filter_map(|rest| Some(rest.split_once('}')?.0.to_owned())),
                        );
                    }
                    _ => {}
                }
                collect_references(value, names);
            }
        }
        _ => {}
    }
}

/// The name that was probably meant to be `key`; in names of outputs capitals are the commonest slip.
fn misspelt<'m>(key: &str, made: impl Iterator<Item = &'m String> + Clone) -> Option<&'m str> {
    let names = made.map(String::as_str);
    let alike = names.clone().find(|name| name.eq_ignore_ascii_case(key));
    alike.or_else(|| closest(key, names))
}

/// The outputs that the contract promises must stand in the document.
pub(super) fn outputs(
    document: &Document,
    stack: &WiredStack<'_>,
    problems: &mut Problems,
) -> BTreeMap<String, String> {
    let made = names(document, "Outputs");
    let mut outputs = BTreeMap::new();
    for output in stack.contract.outputs.values() {
        if !stack.makes(output.when.as_deref()) {
            continue;
        }
        if !made.contains(&output.key) {
            let section = document.root.entries().iter().find(|(name, _, _)| name == "Outputs");
            let at = section.map_or_else(|| Span::new(&document.source, 0..0), |(_, key, _)| key.clone());
            let key = &output.key;
            let message = format!(
                "`{}`: the template makes no output `{}`, which its contract promises as `{}`",
                stack.spec.name.value, output.key, output.name
            );
            let text = match section {
                Some(_) => "not among these",
                None => "there is no `Outputs`",
            };
            let problem = Problem::error(codes::OUTPUT_MISSING, message)
                .at(at, text)
                .at(output.span.clone(), "promised here");
            let promised: BTreeSet<&str> = stack
                .contract
                .outputs
                .values()
                .map(|output| output.key.as_str())
                .collect();
            let others = made.iter().filter(|made| !promised.contains(made.as_str()));
            let problem = match misspelt(key, others) {
                Some(near) => problem.hint(format!("`{near}` is there; call it `{key}`, if it is the one")),
                None => problem,
            };
            let value = if output.list { "!Join [\",\", [...]]" } else { "..." };
            problems.push(
                problem
                    .hint(format!("below `Outputs` of the template: {key}: {{Value: {value}}}"))
                    .hint(format!(
                        "if only some stacks make it, its contract says with which input: [outputs.{}]  when = \"...\"",
                        output.name
                    )),
            );
        }
        outputs.insert(output.name.clone(), output.key.clone());
    }
    outputs
}
