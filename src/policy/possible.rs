//! What a place in a template may hold: conditions are followed both ways, and what only AWS knows is told apart.

use crate::template::intrinsic::{self, SubPart};
use crate::template::{Node, NodeValue};

/// One of the things that a place may hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Possible<'a> {
    /// Nothing: it is not given, or given as `AWS::NoValue`.
    Absent,
    /// A value that stands in the template.
    Given(&'a Node),
    /// A value that only AWS knows.
    Unknown(&'a Node),
}

impl<'a> Possible<'a> {
    /// Everything that `node` may be.
    pub(super) fn of(node: Option<&'a Node>) -> Vec<Self> {
        let Some(node) = node else { return vec![Self::Absent] };
        if intrinsic::is_no_value(node) {
            return vec![Self::Absent];
        }
        match intrinsic::call(node) {
            Some(("Fn::If", arguments)) => match arguments.items() {
                [_, yes, no] => {
                    let mut both = Self::of(Some(yes));
                    both.extend(Self::of(Some(no)));
                    both
                }
                _ => vec![Self::Unknown(node)],
            },
            Some(_) => vec![Self::Unknown(node)],
            None if is_dynamic(node) => vec![Self::Unknown(node)],
            None if matches!(node.value, NodeValue::Null) => vec![Self::Absent],
            None => vec![Self::Given(node)],
        }
    }

    /// Everything that may stand under `key`.
    pub(super) fn get(self, key: &str) -> Vec<Self> {
        match self {
            Self::Given(node) if matches!(node.value, NodeValue::Map(_)) => match node.get(key) {
                // A macro may add it.
                None if node.get("Fn::Transform").is_some() => vec![Self::Unknown(node)],
                value => Self::of(value),
            },
            Self::Given(node) => vec![Self::Unknown(node)],
            other => vec![other],
        }
    }

    /// Everything that may stand at the end of `path`.
    pub(super) fn path(self, path: &[&str]) -> Vec<Self> {
        path.iter().fold(vec![self], |found, key| {
            found.into_iter().flat_map(|place| place.get(key)).collect()
        })
    }

    /// Everything that the list may hold; a single value stands for a list of one, as AWS takes it.
    pub(super) fn items(self) -> Vec<Self> {
        match self {
            Self::Absent => Vec::new(),
            Self::Given(node) if matches!(node.value, NodeValue::List(_)) => node
                .items()
                .iter()
                .flat_map(|item| Self::of(Some(item)))
                .filter(|item| *item != Self::Absent)
                .collect(),
            other => vec![other],
        }
    }

    /// The value, if it stands in the template.
    pub(super) fn given(self) -> Option<&'a Node> {
        match self {
            Self::Given(node) => Some(node),
            _ => None,
        }
    }
}

/// The text of a scalar as AWS reads it: `"22"` for 22.
pub(super) fn text(node: &Node) -> Option<String> {
    match &node.value {
        NodeValue::String(text) => Some(text.clone()),
        NodeValue::Number(number) => Some(number.to_string()),
        NodeValue::Boolean(value) => Some(value.to_string()),
        _ => None,
    }
}

/// The whole number, also where it is written as text.
pub(super) fn number(node: &Node) -> Option<i64> {
    text(node)?.trim().parse().ok()
}

/// The boolean, also where it is written as text.
pub(super) fn boolean(node: &Node) -> Option<bool> {
    let text = text(node)?;
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// A text as far as it stands in the template: what `Fn::Sub` and `Fn::Join` fill in shows as `${…}`.
pub(super) fn written(node: &Node) -> Option<String> {
    const HOLE: &str = "${…}";
    match intrinsic::call(node) {
        None => text(node),
        Some(("Fn::Sub", argument)) => {
            let template = argument.as_str().or_else(|| argument.items().first()?.as_str())?;
            let parts = intrinsic::sub_parts(template).into_iter();
            Some(
                parts
                    .map(|part| match part {
                        SubPart::Text(text) => text,
                        SubPart::Variable(_) => HOLE,
                    })
                    .collect(),
            )
        }
        Some(("Fn::Join", argument)) => match argument.items() {
            [separator, list] => {
                let parts: Vec<String> = list
                    .items()
                    .iter()
                    .map(|item| written(item).unwrap_or_else(|| HOLE.to_owned()))
                    .collect();
                (!parts.is_empty()).then(|| parts.join(separator.as_str().unwrap_or_default()))
            }
            _ => None,
        },
        Some(_) => None,
    }
}

/// A dynamic reference: `{{resolve:ssm:…}}`.
fn is_dynamic(node: &Node) -> bool {
    node.as_str()
        .is_some_and(|text| text.contains("{{") && text.contains("resolve:"))
}
