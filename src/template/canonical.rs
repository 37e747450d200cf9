//! Canonical JSON: the bytes whose digest names a template.

use super::{Node, NodeValue};

/// Compact JSON with sorted keys; lists keep their order. Same meaning gives the same bytes, whatever the notation.
pub fn canonical(node: &Node) -> String {
    let mut text = String::new();
    write(node, &mut text);
    text
}

fn write(node: &Node, text: &mut String) {
    match &node.value {
        NodeValue::List(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write(item, text);
            }
            text.push(']');
        }
        NodeValue::Map(entries) => {
            let mut sorted: Vec<_> = entries.iter().collect();
            sorted.sort_by(|(left, _, _), (right, _, _)| left.cmp(right));
            text.push('{');
            for (index, (key, _, value)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                text.push_str(&serde_json::Value::from(key.as_str()).to_string());
                text.push(':');
                write(value, text);
            }
            text.push('}');
        }
        _ => text.push_str(&node.to_json().to_string()),
    }
}
