//! Offline checks of a template: everything that CloudFormation would refuse and that can be known without asking it.
//!
//! A finding must be certain: where a value is only known to AWS, or a schema is unclear, a check is silent.
//! One file a group of checks; each is a function from the template's parts to problems.

use std::collections::HashMap;

use super::{Document, Node, NodeValue, intrinsic};
use crate::diagnostic::{Problems, Span, closest};

mod combinations;
mod conditions;
mod cycles;
mod declarations;
mod declared;
mod deployment;
mod dynamic;
mod embedded;
mod facts;
mod formats;
mod functions;
mod gather;
mod metadata;
mod names;
mod network;
mod parameters;
mod pattern;
mod policies;
mod properties;
mod references;
mod results;
mod retired;
mod rules;
mod schedule;
mod sections;
mod services;
mod tags;
#[cfg(test)]
mod tests;
mod values;
mod verdict;

/// Checks `document` offline for what CloudFormation would refuse: sections, limits, resource types and properties
/// against the embedded schemas, references and cycles. Problems come in the order of the text.
pub fn check(document: &Document) -> Problems {
    let template = Template::of(document);
    let mut problems = Problems::default();
    sections::check(&template, &mut problems);
    parameters::check(&template, &mut problems);
    declarations::check(&template, &mut problems);
    metadata::check(&template, &mut problems);
    conditions::check(&template, &mut problems);
    rules::check(&template, &mut problems);
    functions::check(&template, &mut problems);
    references::check(&template, &mut problems);
    cycles::check(&template, &mut problems);
    embedded::check(&template, &mut problems);
    if template.transforms != Transforms::Macros {
        properties::check(&template, &mut problems);
        deployment::check(&template, &mut problems);
        dynamic::check(&template, &mut problems);
        names::check(&template, &mut problems);
        schedule::check(&template, &mut problems);
        services::check(&template, &mut problems);
        tags::check(&template, &mut problems);
        network::check(&template, &mut problems);
        policies::check(&template, &mut problems);
        retired::check(&template, &mut problems);
    }
    problems
        .0
        .sort_by_key(|problem| problem.labels.first().map_or(0, |label| label.span.bytes.start));
    problems
}

/// A template's sections, by name.
struct Template<'a> {
    root: &'a Node,
    parameters: Section<'a>,
    mappings: Section<'a>,
    conditions: Section<'a>,
    resources: Section<'a>,
    outputs: Section<'a>,
    transforms: Transforms,
}

/// What may rewrite a template before CloudFormation checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transforms {
    /// Nothing: the text is what is checked.
    None,
    /// AWS's own transforms, which add functions and types but leave resources as they are.
    Aws,
    /// Macros: anything may come out.
    Macros,
}

/// The entries of one section.
#[derive(Default)]
struct Section<'a> {
    entries: &'a [(String, Span, Node)],
    by_name: HashMap<&'a str, usize>,
}

impl<'a> Section<'a> {
    fn of(root: &'a Node, name: &str) -> Self {
        let entries = root.get(name).map(Node::entries).unwrap_or_default();
        let by_name = entries
            .iter()
            .enumerate()
            .map(|(at, (name, _, _))| (name.as_str(), at))
            .collect();
        Self { entries, by_name }
    }

    fn get(&self, name: &str) -> Option<&'a Node> {
        self.entry(name).map(|(_, _, node)| node)
    }

    fn entry(&self, name: &str) -> Option<&'a (String, Span, Node)> {
        self.by_name.get(name).and_then(|at| self.entries.get(*at))
    }

    fn names(&self) -> impl Iterator<Item = &'a str> {
        self.entries.iter().map(|(name, _, _)| name.as_str())
    }
}

impl<'a> Template<'a> {
    fn of(document: &'a Document) -> Self {
        let root = &document.root;
        let section = |name| Section::of(root, name);
        Self {
            root,
            parameters: section("Parameters"),
            mappings: section("Mappings"),
            conditions: section("Conditions"),
            resources: section("Resources"),
            outputs: section("Outputs"),
            transforms: transforms(root),
        }
    }
}

/// `Fn::Transform` inside a section runs a macro too.
fn transforms(root: &Node) -> Transforms {
    let listed = root.get("Transform");
    let names: Vec<_> = listed
        .into_iter()
        .chain(listed.map(Node::items).unwrap_or_default())
        .collect();
    let mut found = Transforms::None;
    for name in names {
        found = match (&name.value, found) {
            (NodeValue::List(_), found) => found,
            (_, Transforms::Macros) => Transforms::Macros,
            (NodeValue::String(name), _) if name.starts_with("AWS::") => Transforms::Aws,
            _ => Transforms::Macros,
        };
    }
    if found != Transforms::Macros && contains_transform(root) {
        Transforms::Macros
    } else {
        found
    }
}

fn contains_transform(node: &Node) -> bool {
    node.items().iter().any(contains_transform)
        || node
            .entries()
            .iter()
            .any(|(key, _, value)| key == "Fn::Transform" || contains_transform(value))
}

/// Whether something is wrong at `span` already; what the schema says about a value need not be said again.
fn is_told(problems: &Problems, span: &Span) -> bool {
    let place = |problem: &crate::diagnostic::Problem| problem.labels.first().map(|label| label.span.bytes.clone());
    problems
        .0
        .iter()
        .any(|problem| place(problem).as_ref() == Some(&span.bytes))
}

/// "did you mean `x`?", if one of `known` is near.
fn did_you_mean<'b>(typed: &str, known: impl IntoIterator<Item = &'b str>) -> Option<String> {
    closest(typed, known).map(|name| format!("did you mean `{name}`?"))
}

/// Whether the value is known only to AWS: a call of an intrinsic, or a dynamic reference in a text.
fn is_unknown(node: &Node) -> bool {
    intrinsic::call(node).is_some()
        || node
            .as_str()
            .is_some_and(|text| text.contains("{{") && text.contains("resolve:"))
}
