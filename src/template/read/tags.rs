//! Short tags and their long forms ("Intrinsic function reference").

use super::super::{Node, NodeValue};
use crate::diagnostic::{Span, closest};

/// Short tag without `!`, long form.
const TAGS: &[(&str, &str)] = &[
    ("And", "Fn::And"),
    ("Base64", "Fn::Base64"),
    ("Cidr", "Fn::Cidr"),
    ("Condition", "Condition"),
    ("Contains", "Fn::Contains"),
    ("EachMemberEquals", "Fn::EachMemberEquals"),
    ("EachMemberIn", "Fn::EachMemberIn"),
    ("Equals", "Fn::Equals"),
    ("FindInMap", "Fn::FindInMap"),
    ("GetAZs", "Fn::GetAZs"),
    ("GetAtt", "Fn::GetAtt"),
    ("GetStackOutput", "Fn::GetStackOutput"),
    ("If", "Fn::If"),
    ("ImportValue", "Fn::ImportValue"),
    ("Join", "Fn::Join"),
    ("Length", "Fn::Length"),
    ("Not", "Fn::Not"),
    ("Or", "Fn::Or"),
    ("Ref", "Ref"),
    ("RefAll", "Fn::RefAll"),
    ("Select", "Fn::Select"),
    ("Split", "Fn::Split"),
    ("Sub", "Fn::Sub"),
    ("ToJsonString", "Fn::ToJsonString"),
    ("Transform", "Fn::Transform"),
    ("ValueOf", "Fn::ValueOf"),
    ("ValueOfAll", "Fn::ValueOfAll"),
];

/// The long form of the short tag `name` (`Ref`, `GetAtt`).
pub(super) fn long_form(name: &str) -> Option<&'static str> {
    TAGS.iter().find(|(short, _)| *short == name).map(|(_, long)| *long)
}

/// The short tag that `name` was probably meant to be.
pub(super) fn suggest(name: &str) -> Option<&'static str> {
    closest(name, TAGS.iter().map(|(short, _)| *short))
}

/// `inner` as the argument of `function`: `!GetAtt A.B.C` becomes `{"Fn::GetAtt": ["A", "B.C"]}`.
pub(super) fn wrap(function: &str, span: Span, mut inner: Node) -> Node {
    if function == "Fn::GetAtt"
        && let NodeValue::String(text) = &inner.value
        && let Some((resource, attribute)) = text.split_once('.')
    {
        let items = [resource, attribute].map(|part| Node {
            value: NodeValue::String(part.to_owned()),
            span: inner.span.clone(),
        });
        inner.value = NodeValue::List(items.into());
    }
    let end = inner.span.bytes.end;
    let whole = Span::new(&span.source, span.bytes.start..end.max(span.bytes.end));
    Node {
        value: NodeValue::Map(vec![(function.to_owned(), span, inner)]),
        span: whole,
    }
}
