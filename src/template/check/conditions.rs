//! The conditions of a template: what they are made of ("Condition functions").

use super::super::read::describe;
use super::super::{Node, NodeValue, intrinsic};
use super::{Template, Transforms, did_you_mean, results};
use crate::diagnostic::{Problem, Problems, Span, codes};

const FUNCTIONS: [&str; 4] = ["Fn::And", "Fn::Equals", "Fn::Not", "Fn::Or"];

pub(super) fn check(template: &Template, problems: &mut Problems) {
    if template.transforms != Transforms::None {
        return;
    }
    for (name, span, node) in template.conditions.entries {
        condition(template, node, span, &format!("the condition `{name}`"), problems);
    }
}

/// A condition: a condition function, or `{Condition: Name}`. Whether the name is declared is checked elsewhere.
pub(super) fn condition(template: &Template, node: &Node, at: &Span, what: &str, problems: &mut Problems) {
    if let [(key, _, name)] = node.entries()
        && key == "Condition"
    {
        if name.as_str().is_none() {
            let message = format!("`Condition` in {what} must be the name of a condition");
            problems.push(Problem::error(codes::CONDITION_DECLARATION, message).at(at.clone(), ""));
        }
        return;
    }
    let Some((function, argument)) = intrinsic::call(node) else {
        not_one(&node.value, at, what, problems);
        return;
    };
    match function {
        "Fn::And" | "Fn::Or" | "Fn::Not" => {
            for item in argument.items() {
                condition(
                    template,
                    item,
                    &item.span,
                    &format!("an argument of `{function}`"),
                    problems,
                );
            }
        }
        "Fn::Equals" => {
            for item in argument.items() {
                compared(template, item, problems);
            }
        }
        // An unknown function has its own finding.
        _ if !is_function(function) => {}
        _ => {
            let span = node.entries().first().map_or(at, |(_, span, _)| span);
            let mut problem = Problem::error(
                codes::CONDITION_DECLARATION,
                format!("{what} cannot be made by `{function}`"),
            )
            .at(span.clone(), "")
            .note(format!("conditions are made by {}", FUNCTIONS.join(", ")));
            if function == "Fn::If" {
                problem = problem.hint("`!And [!Condition A, …]` and `!Or` combine conditions");
            }
            problems.push(problem);
        }
    }
}

fn is_function(name: &str) -> bool {
    name == "Ref" || super::functions::names().any(|known| known == name)
}

fn not_one(value: &NodeValue, at: &Span, what: &str, problems: &mut Problems) {
    let mut problem = Problem::error(
        codes::CONDITION_DECLARATION,
        format!("{what} must be a condition function, not {}", describe(value)),
    )
    .at(at.clone(), "");
    if let NodeValue::String(text) = value {
        problem = match did_you_mean(text, FUNCTIONS) {
            Some(hint) => problem.hint(hint),
            None => problem.hint("another condition is used as `!Condition Name`"),
        };
    } else {
        problem = problem.hint("for example `!Equals [!Ref Stage, prod]`");
    }
    problems.push(problem);
}

/// `Fn::Equals` compares values, and a condition is none.
fn compared(template: &Template, item: &Node, problems: &mut Problems) {
    if let Some(kind @ results::Kind::Truth) = results::kind(template, item) {
        problems.push(results::misfit(
            template,
            kind,
            item,
            "an argument of `Fn::Equals`",
            "a value",
        ));
    }
}
