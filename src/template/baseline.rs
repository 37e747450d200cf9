//! The security baseline: what should not reach an account without somebody having said so.
//!
//! Only what stands in the template is judged; a value that AWS computes, or a parameter, is not.
//! A resource accepts a finding with a reason: `Metadata: {mlinfra: {accept: {MLI0503: "public load balancer"}}}`.

use super::{Document, Node, NodeValue, intrinsic};
use crate::diagnostic::{Problem, Problems, Span, codes};

mod network;
mod policies;
mod storage;
#[cfg(test)]
mod tests;

/// Checks all resources of `document`.
pub fn check(document: &Document, problems: &mut Problems) {
    for (name, span, node) in document.root.get("Resources").map(Node::entries).unwrap_or_default() {
        let Some(kind) = node.get("Type").and_then(Node::as_str) else {
            continue;
        };
        let resource = Resource {
            name,
            span,
            kind,
            node,
            properties: node.get("Properties"),
        };
        let mut found = Problems::default();
        storage::check(&resource, &mut found);
        network::check(&resource, &mut found);
        policies::check(&resource, &mut found);
        problems.0.extend(found.0.into_iter().filter(|problem| !resource.accepts(problem)).map(|problem| {
            let hint = format!(
                "if it is meant to be so, say why: `Metadata: {{mlinfra: {{accept: {{{}: reason}}}}}}` on `{name}`",
                problem.code
            );
            problem.hint(hint)
        }));
    }
}

struct Resource<'a> {
    name: &'a str,
    span: &'a Span,
    kind: &'a str,
    node: &'a Node,
    properties: Option<&'a Node>,
}

impl<'a> Resource<'a> {
    fn property(&self, name: &str) -> Option<&'a Node> {
        self.properties.and_then(|properties| properties.get(name))
    }

    /// Where a missing property would stand.
    fn place(&self) -> Span {
        self.span.clone()
    }

    fn accepts(&self, problem: &Problem) -> bool {
        let accepted = self
            .node
            .get("Metadata")
            .and_then(|metadata| metadata.get("mlinfra")?.get("accept"));
        accepted
            .and_then(|accepted| accepted.get(&problem.code.to_string()))
            .and_then(Node::as_str)
            .is_some_and(|reason| !reason.trim().is_empty())
    }
}

/// A switch in a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Switch {
    On,
    Off,
    /// Not given.
    Absent,
    /// Only AWS knows.
    Unknown,
}

fn switch(node: Option<&Node>) -> Switch {
    let Some(node) = node else { return Switch::Absent };
    if intrinsic::is_no_value(node) {
        return Switch::Absent;
    }
    match &node.value {
        NodeValue::Boolean(true) => Switch::On,
        NodeValue::Boolean(false) => Switch::Off,
        NodeValue::String(text) if text.eq_ignore_ascii_case("true") => Switch::On,
        NodeValue::String(text) if text.eq_ignore_ascii_case("false") => Switch::Off,
        _ => Switch::Unknown,
    }
}

/// A list's items, or the node itself where a single value may stand for a list.
fn each(node: Option<&Node>) -> Vec<&Node> {
    match node {
        Some(node) if matches!(node.value, NodeValue::List(_)) => node.items().iter().collect(),
        Some(node) => vec![node],
        None => Vec::new(),
    }
}

fn unencrypted(what: &str, property: &str, span: Span) -> Problem {
    Problem::error(codes::UNENCRYPTED_STORAGE, format!("{what} is not encrypted"))
        .at(span, format!("`{property}` is not true"))
}
