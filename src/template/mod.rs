//! The CloudFormation document: reading with positions, intrinsics, resource schemas, checks, canonical JSON.
//!
//! Pure. Knows CloudFormation and nothing about mlinfra's modules.

use std::sync::Arc;

use crate::diagnostic::{Source, Span};

mod canonical;
mod capabilities;
pub mod check;
pub mod intrinsic;
pub mod read;
pub mod schema;

pub use canonical::canonical;
pub use capabilities::capabilities;
pub use check::check;
pub use read::read;

/// A CloudFormation template that was read, each node with its position.
#[derive(Debug, Clone)]
pub struct Document {
    /// The text that it was read from.
    pub source: Arc<Source>,
    /// The top mapping.
    pub root: Node,
}

impl Document {
    /// How many resources it declares.
    pub fn resource_count(&self) -> usize {
        self.root.get("Resources").map_or(0, |section| section.entries().len())
    }
}

/// A value in a document. Short tags (`!Ref x`) are already in their long form (`{"Ref": "x"}`).
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it holds.
    pub value: NodeValue,
    /// Where it stands.
    pub span: Span,
}

/// What a [`Node`] holds: JSON's data model, keys in the order of the text.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeValue {
    /// null
    Null,
    /// true or false
    Boolean(bool),
    /// A number, kept as written where JSON can hold it.
    Number(serde_json::Number),
    /// A string.
    String(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping: key, where the key stands, value.
    Map(Vec<(String, Span, Node)>),
}

impl Node {
    /// The value of `key`, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries()
            .iter()
            .find(|(name, _, _)| name == key)
            .map(|(_, _, node)| node)
    }

    /// The entries of a mapping; empty for anything else.
    pub fn entries(&self) -> &[(String, Span, Node)] {
        match &self.value {
            NodeValue::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; empty for anything else.
    pub fn items(&self) -> &[Node] {
        match &self.value {
            NodeValue::List(items) => items,
            _ => &[],
        }
    }

    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            NodeValue::String(text) => Some(text),
            _ => None,
        }
    }

    /// The same value as JSON, without positions.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value;
        match &self.value {
            NodeValue::Null => Value::Null,
            NodeValue::Boolean(value) => Value::Bool(*value),
            NodeValue::Number(value) => Value::Number(value.clone()),
            NodeValue::String(value) => Value::String(value.clone()),
            NodeValue::List(items) => Value::Array(items.iter().map(Node::to_json).collect()),
            NodeValue::Map(entries) => entries
                .iter()
                .map(|(key, _, node)| (key.clone(), node.to_json()))
                .collect(),
        }
    }
}
