//! Intrinsic functions: recognising calls, what they refer to, and the parts of an `Fn::Sub` text.
//!
//! Evaluation is not here: only CloudFormation, or the sandbox in its place, knows the values.

use std::collections::HashSet;

use super::{Node, NodeValue};
use crate::diagnostic::Span;

/// The parameters that CloudFormation provides ("Get AWS values using pseudo parameters").
pub const PSEUDO_PARAMETERS: &[&str] = &[
    "AWS::AccountId",
    "AWS::NotificationARNs",
    "AWS::NoValue",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
];

/// A use of something that is declared elsewhere in the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// How it is used.
    pub kind: ReferenceKind,
    /// The name: a logical id, parameter, pseudo parameter, condition or mapping.
    pub target: String,
    /// The attribute, for [`ReferenceKind::GetAtt`] with a literal one.
    pub attribute: Option<String>,
    /// Where the name stands; inside the text for a variable of `Fn::Sub`.
    pub span: Span,
}

/// The ways to refer to something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReferenceKind {
    /// `Ref`, or `${Name}` in `Fn::Sub`: a resource, a parameter or a pseudo parameter.
    Ref,
    /// `Fn::GetAtt`, or `${Name.Attribute}` in `Fn::Sub`: a resource.
    GetAtt,
    /// `DependsOn`: a resource.
    DependsOn,
    /// `Condition`, or the first argument of `Fn::If`: a condition.
    Condition,
    /// The first argument of `Fn::FindInMap`: a mapping.
    Mapping,
}

/// The function and its argument, if `node` is a call of `Ref` or of an `Fn::` function (known or not).
pub fn call(node: &Node) -> Option<(&str, &Node)> {
    match node.entries() {
        [(name, _, argument)] if name == "Ref" || name.starts_with("Fn::") => Some((name, argument)),
        _ => None,
    }
}

/// Whether `node` is `{"Ref": "AWS::NoValue"}`, which removes the property that it is the value of.
pub fn is_no_value(node: &Node) -> bool {
    matches!(call(node), Some(("Ref", argument)) if argument.as_str() == Some("AWS::NoValue"))
}

/// Every reference in `node`, in the order of the text. If `node` is a resource or an output (a mapping with `Type` or
/// `Value`), its `Condition` and `DependsOn` count too.
pub fn references(node: &Node) -> Vec<Reference> {
    let mut found = Vec::new();
    if node.get("Type").and_then(Node::as_str).is_some() || node.get("Value").is_some() {
        if let Some(condition) = node.get("Condition") {
            push(&mut found, ReferenceKind::Condition, condition);
        }
        if let Some(depends_on) = node.get("DependsOn") {
            push(&mut found, ReferenceKind::DependsOn, depends_on);
            for item in depends_on.items() {
                push(&mut found, ReferenceKind::DependsOn, item);
            }
        }
    }
    walk(node, &mut found);
    found
}

/// Every reference in a condition's definition, where `{"Condition": "Name"}` is one.
pub fn condition_references(node: &Node) -> Vec<Reference> {
    let mut found = Vec::new();
    condition(node, &mut found);
    found
}

/// A part of the text of `Fn::Sub`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubPart<'a> {
    /// Text as it is; `${!Name}` was turned into the pieces `${` and `Name}`.
    Text(&'a str),
    /// `${Name}` or `${Name.Attribute}`, without the braces.
    Variable(&'a str),
}

/// Splits the text of `Fn::Sub` into literal text and variables.
pub fn sub_parts(text: &str) -> Vec<SubPart<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if !before.is_empty() {
            parts.push(SubPart::Text(before));
        }
        let Some((name, tail)) = after.split_once('}') else {
            // No brace closes behind here: all of it is text.
            parts.push(SubPart::Text("${"));
            rest = after;
            break;
        };
        if let Some(literal) = after.strip_prefix('!') {
            parts.push(SubPart::Text("${"));
            rest = literal;
        } else {
            parts.push(SubPart::Variable(name.trim()));
            rest = tail;
        }
    }
    if !rest.is_empty() {
        parts.push(SubPart::Text(rest));
    }
    parts
}

fn walk(node: &Node, found: &mut Vec<Reference>) {
    match call(node) {
        Some(("Ref", argument)) => push(found, ReferenceKind::Ref, argument),
        Some(("Fn::GetAtt", argument)) => get_att(argument, found),
        Some(("Fn::Sub", argument)) => sub(argument, found),
        Some(("Fn::If", argument)) => {
            if let [name, values @ ..] = argument.items() {
                push(found, ReferenceKind::Condition, name);
                values.iter().for_each(|value| walk(value, found));
            }
        }
        Some(("Fn::FindInMap", argument)) => {
            if let [name, keys @ ..] = argument.items() {
                push(found, ReferenceKind::Mapping, name);
                walk(name, found);
                keys.iter().for_each(|key| walk(key, found));
            }
        }
        Some(("Fn::And" | "Fn::Or" | "Fn::Not" | "Fn::Equals", _)) => condition(node, found),
        _ => {
            node.items().iter().for_each(|item| walk(item, found));
            node.entries().iter().for_each(|(_, _, value)| walk(value, found));
        }
    }
}

fn condition(node: &Node, found: &mut Vec<Reference>) {
    match (node.entries(), call(node)) {
        ([(key, _, name)], _) if key == "Condition" => push(found, ReferenceKind::Condition, name),
        (_, Some(("Fn::And" | "Fn::Or" | "Fn::Not", argument))) => {
            argument.items().iter().for_each(|item| condition(item, found));
        }
        (_, Some(("Fn::Equals", argument))) => argument.items().iter().for_each(|item| walk(item, found)),
        _ => walk(node, found),
    }
}

fn push(found: &mut Vec<Reference>, kind: ReferenceKind, name: &Node) {
    if let Some(target) = name.as_str() {
        found.push(Reference {
            kind,
            target: target.to_owned(),
            attribute: None,
            span: name.span.clone(),
        });
    }
}

fn get_att(argument: &Node, found: &mut Vec<Reference>) {
    let (target, attribute, span) = match (&argument.value, argument.items()) {
        (NodeValue::String(text), _) => match text.split_once('.') {
            Some((target, attribute)) => (target, Some(attribute), &argument.span),
            None => (text.as_str(), None, &argument.span),
        },
        (_, [name, attributes @ ..]) => {
            attributes.iter().for_each(|attribute| walk(attribute, found));
            let Some(target) = name.as_str() else { return };
            let joined: Option<Vec<_>> = attributes.iter().map(Node::as_str).collect();
            let attribute = joined.filter(|parts| !parts.is_empty()).map(|parts| parts.join("."));
            found.push(Reference {
                kind: ReferenceKind::GetAtt,
                target: target.to_owned(),
                attribute,
                span: name.span.clone(),
            });
            return;
        }
        _ => return,
    };
    found.push(Reference {
        kind: ReferenceKind::GetAtt,
        target: target.to_owned(),
        attribute: attribute.map(str::to_owned),
        span: span.clone(),
    });
}

fn sub(argument: &Node, found: &mut Vec<Reference>) {
    let (text, own) = match argument.items() {
        [text, values, ..] => (text, values.entries()),
        [text] => (text, Default::default()),
        [] => (argument, Default::default()),
    };
    let own_names: HashSet<&str> = own.iter().map(|(key, _, _)| key.as_str()).collect();
    let mut searched = 0;
    for part in sub_parts(text.as_str().unwrap_or_default()) {
        let SubPart::Variable(name) = part else { continue };
        let span = variable_span(text, name, &mut searched);
        if own_names.contains(name) {
            continue;
        }
        let (kind, target, attribute) = match name.split_once('.') {
            Some((target, attribute)) => (ReferenceKind::GetAtt, target, Some(attribute.to_owned())),
            None => (ReferenceKind::Ref, name, None),
        };
        found.push(Reference {
            kind,
            target: target.to_owned(),
            attribute,
            span,
        });
    }
    own.iter().for_each(|(_, _, value)| walk(value, found));
}

/// Where `${name}` stands in the source: in the text as written, from `searched` on; the whole text if escapes hide it.
fn variable_span(text: &Node, name: &str, searched: &mut usize) -> Span {
    let written = text.span.text();
    let mut rest = written.get(*searched..).unwrap_or_default();
    while let Some((_, behind)) = rest.split_once("${") {
        let start = written.len() - behind.len() - 2;
        rest = behind;
        if let Some((inner, tail)) = behind.split_once('}')
            && inner.trim() == name
        {
            *searched = written.len() - tail.len();
            let base = text.span.bytes.start;
            return Span::new(&text.span.source, base + start..base + *searched);
        }
    }
    // Hidden by escapes; looking again for each of the variables behind it would take the square of the time.
    *searched = written.len();
    text.span.clone()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::diagnostic::Source;

    fn listed(text: &str) -> Vec<String> {
        let source = Arc::new(Source {
            path: "t.yaml".to_owned(),
            text: text.to_owned(),
        });
        let document = super::super::read(&source).expect("reads");
        let found = references(&document.root).into_iter();
        found
            .map(|it| {
                let attribute = it.attribute.map(|name| format!(".{name}")).unwrap_or_default();
                format!("{:?} {}{attribute} = {}", it.kind, it.target, it.span.text())
            })
            .collect()
    }

    #[test]
    fn every_kind_of_reference_of_a_resource_is_found_in_order_and_in_its_place() {
        let text = "Type: AWS::X::Y\nDependsOn: [A, B]\nCondition: C\nProperties:\n  a: !Ref D\n  b: !GetAtt E.F.G\n  \
                    c: !Sub ['${H}-${I.J}-${!K}-${L}', {L: !Ref M}]\n  d: !If [N, !Ref O, {p: !FindInMap [Q, !Ref R, s]}]\n";
        assert_eq!(
            listed(text),
            [
                "Condition C = C",
                "DependsOn A = A",
                "DependsOn B = B",
                "Ref D = D",
                "GetAtt E.F.G = E.F.G",
                "Ref H = ${H}",
                "GetAtt I.J = ${I.J}",
                "Ref M = M",
                "Condition N = N",
                "Ref O = O",
                "Mapping Q = Q",
                "Ref R = R",
            ]
        );
    }

    #[test]
    fn the_condition_of_a_policy_statement_is_no_reference() {
        assert!(listed("Properties: {Statement: [{Condition: x}]}").is_empty());
    }

    #[test]
    fn the_parts_of_a_sub_text_are_variables_and_literal_text() {
        use SubPart::{Text, Variable};
        assert_eq!(
            sub_parts("a${B}c${!D}${E.F}$G${"),
            [
                Text("a"),
                Variable("B"),
                Text("c"),
                Text("${"),
                Text("D}"),
                Variable("E.F"),
                Text("$G"),
                Text("${")
            ]
        );
    }
}
