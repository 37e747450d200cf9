//! What calls of functions give: one value, a list, or the truth of a condition.
//!
//! Only where it is certain: the result of `Fn::If`, `Fn::Select`, `Fn::FindInMap` and `Fn::ImportValue` depends on
//! values that are not looked at here.

use serde_json::Value;

use super::super::read::describe;
use super::super::{Node, NodeValue, intrinsic, schema};
use super::{Template, Transforms};
use crate::diagnostic::{Problem, Problems, Span, codes};

/// The kind of value that a call gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A string, number or boolean.
    Scalar,
    /// A list.
    List,
    /// What only a condition can be.
    Truth,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Scalar => "a string",
            Self::List => "a list",
            Self::Truth => "the truth of a condition",
        }
    }
}

/// The kind of what `node` gives, if it is a call and that is certain.
pub(super) fn kind(template: &Template, node: &Node) -> Option<Kind> {
    if template.transforms != Transforms::None {
        return None;
    }
    let (name, argument) = intrinsic::call(node)?;
    match name {
        "Ref" => of_ref(template, argument.as_str()?),
        "Fn::GetAtt" => of_attribute(template, argument),
        "Fn::Base64" | "Fn::Join" | "Fn::Sub" => Some(Kind::Scalar),
        "Fn::Cidr" | "Fn::GetAZs" | "Fn::Split" => Some(Kind::List),
        "Fn::And" | "Fn::Equals" | "Fn::Not" | "Fn::Or" => Some(Kind::Truth),
        _ => None,
    }
}

fn of_ref(template: &Template, target: &str) -> Option<Kind> {
    match target {
        "AWS::NoValue" => return None,
        "AWS::NotificationARNs" => return Some(Kind::List),
        _ if target.starts_with("AWS::") => return Some(Kind::Scalar),
        _ => {}
    }
    if let Some(parameter) = template.parameters.get(target) {
        let kind = parameter.get("Type")?.as_str()?;
        let is_list = kind.contains("CommaDelimitedList") || kind.contains("List<");
        return Some(if is_list { Kind::List } else { Kind::Scalar });
    }
    template.resources.get(target).map(|_| Kind::Scalar)
}

/// By the attribute's type in the schema of the resource.
fn of_attribute(template: &Template, argument: &Node) -> Option<Kind> {
    let (target, attribute) = match (argument.as_str(), argument.items()) {
        (Some(text), _) => text.split_once('.')?,
        (None, [target, attribute]) => (target.as_str()?, attribute.as_str()?),
        _ => return None,
    };
    let schema = schema::get(template.resources.get(target)?.get("Type")?.as_str()?)?;
    let mut at = schema.json();
    for step in attribute.split('.') {
        at = schema.resolve(schema.resolve(at).get("properties")?.get(step)?);
    }
    match at.get("type").and_then(Value::as_str)? {
        "array" => Some(Kind::List),
        "string" | "integer" | "number" | "boolean" => Some(Kind::Scalar),
        _ => None,
    }
}

/// Whether a call that gives `kind` can stand where a schema allows `types`.
pub(super) fn fits(kind: Kind, types: &[&str]) -> bool {
    match kind {
        _ if types.is_empty() => kind != Kind::Truth,
        Kind::Truth => false,
        Kind::List => types.contains(&"array"),
        // A mapping may be given as the text of its JSON.
        Kind::Scalar => types.iter().any(|name| *name != "array"),
    }
}

/// That the call `node`, which gives `kind`, cannot be the value of `what`.
pub(super) fn misfit(template: &Template, kind: Kind, node: &Node, what: &str, wanted: &str) -> Problem {
    let name = intrinsic::call(node).map_or("", |(name, _)| name);
    let at = node.entries().first().map_or(&node.span, |(_, span, _)| span);
    let problem = Problem::error(
        codes::FUNCTION_RESULT,
        format!("{what} must be {wanted}, and `{name}` gives {}", kind.name()),
    )
    .at(at.clone(), "");
    match (kind, wanted) {
        (Kind::Truth, _) => problem.hint("name the condition in `Conditions` and choose by `!If [Name, true, false]`"),
        (Kind::List, _) => problem.hint("`!Select [0, …]` takes one item, `!Join [',', …]` makes one string of all"),
        (Kind::Scalar, "a list") => match reference(template, node) {
            Some(parameter) => problem.hint(format!(
                "`[!Ref {parameter}]` is a list of one; for several declare it as `CommaDelimitedList`"
            )),
            None => problem.hint("put `- ` before it to make it a list"),
        },
        (Kind::Scalar, _) => problem,
    }
}

/// The parameter that `node` refers to.
fn reference<'n>(template: &Template, node: &'n Node) -> Option<&'n str> {
    let ("Ref", argument) = intrinsic::call(node)? else {
        return None;
    };
    argument.as_str().filter(|name| template.parameters.get(name).is_some())
}

/// Whether `node` is one value: a literal scalar, or a call that may give one. Reports what is not.
pub(super) fn one_value(template: &Template, node: &Node, at: &Span, what: &str, problems: &mut Problems) {
    let call = intrinsic::call(node).is_some();
    match (&node.value, kind(template, node)) {
        (_, Some(kind @ (Kind::List | Kind::Truth))) => {
            problems.push(misfit(template, kind, node, what, "one value"));
        }
        (NodeValue::List(_) | NodeValue::Map(_), _) if !call && template.transforms == Transforms::None => {
            problems.push(
                Problem::error(
                    codes::FUNCTION_RESULT,
                    format!("{what} must be one value, not {}", describe(&node.value)),
                )
                .at(at.clone(), ""),
            );
        }
        _ => {}
    }
}

/// Whether `node` is a list, or a call that may give one. Reports calls that cannot; literals are checked elsewhere.
pub(super) fn list(template: &Template, node: &Node, what: &str, problems: &mut Problems) {
    if let Some(kind @ (Kind::Scalar | Kind::Truth)) = kind(template, node) {
        problems.push(misfit(template, kind, node, what, "a list"));
    }
}
