//! The `format` of strings in the schemas: ids, ARNs and names of other resources.
//!
//! A literal that cannot be such an id is wrong, and so is a `Ref` or `Fn::GetAtt` that gives an id of something else.

use serde_json::Value;

use super::super::Node;
use super::Template;
use crate::diagnostic::Problem;

/// What is wrong with `node` where the schema wants the format of `given`.
pub(super) fn check(_template: &Template, _given: &Value, _node: &Node, _path: &[String]) -> Option<Problem> {
    None
}

/// Whether `text` can be of `format`; none for formats that are not known here.
pub(super) fn literal_fits(_format: &str, _text: &str) -> Option<bool> {
    None
}
