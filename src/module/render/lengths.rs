//! How many items lists have that other stacks make: as many as their templates join.

use std::collections::{BTreeMap, BTreeSet};

use super::super::RenderedStack;
use super::super::typing::Wire;
use crate::template::Node;

/// What is known of the stacks that were rendered so far; those that a stack needs come before it.
#[derive(Debug, Default)]
pub(super) struct Lengths {
    rendered: BTreeSet<String>,
    /// By stack and output.
    known: BTreeMap<(String, String), usize>,
}

impl Lengths {
    /// How many items `wire` brings, if its list has a length that is known.
    pub(super) fn of(&self, wire: &Wire) -> Option<usize> {
        self.length(&wire.stack, &wire.output)
    }

    /// Whether the stack that `wire` comes from was rendered: if not, its own mistake is told.
    pub(super) fn is_rendered(&self, wire: &Wire) -> bool {
        self.rendered.contains(&wire.stack)
    }

    /// Notes the lists that a stack makes.
    pub(super) fn note(&mut self, stack: &RenderedStack) {
        self.rendered.insert(stack.name.clone());
        let Some(section) = stack.document.root.get("Outputs") else {
            return;
        };
        for (name, key) in &stack.outputs {
            let value = section.get(key).and_then(|output| output.get("Value"));
            if let Some(length) = value.and_then(|value| self.joined(value, stack)) {
                self.known.insert((stack.name.clone(), name.clone()), length);
            }
        }
    }

    fn length(&self, stack: &str, output: &str) -> Option<usize> {
        self.known.get(&(stack.to_owned(), output.to_owned())).copied()
    }

    /// How many items a value has whose items are joined with commas.
    fn joined(&self, value: &Node, stack: &RenderedStack) -> Option<usize> {
        if value.as_str().is_some() {
            return items(value);
        }
        let list = match value.get("Fn::Join").map(Node::items) {
            Some([separator, list]) if separator.as_str() == Some(",") => list,
            Some(_) => return None,
            None => value,
        };
        // A list that came from another stack is passed on.
        if let Some(name) = list.get("Ref").and_then(Node::as_str) {
            let from = stack.parameters.get(name)?;
            return self.length(&from.stack, &from.output);
        }
        match list.value {
            crate::template::NodeValue::List(ref parts) => parts.iter().map(items).sum(),
            _ => None,
        }
    }
}

/// How many items one part of a joined list becomes; none if that shows only after a deployment.
fn items(part: &Node) -> Option<usize> {
    let count = |text: &str| if text.is_empty() { 0 } else { text.split(',').count() };
    if let Some(text) = part.as_str() {
        return Some(count(text));
    }
    let [(function, _, argument)] = part.entries() else {
        return None;
    };
    match function.as_str() {
        "Ref" if argument.as_str() == Some("AWS::NoValue") => Some(0),
        "Ref" | "Fn::GetAtt" | "Fn::Select" => Some(1),
        "Fn::Sub" => {
            let text = argument.as_str().or_else(|| argument.items().first()?.as_str())?;
            (!text.contains(',')).then_some(1)
        }
        _ => None,
    }
}
