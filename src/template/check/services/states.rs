//! Step Functions: a definition that is written out ("Amazon States Language").

use super::super::super::{Node, NodeValue};
use super::super::{Template, did_you_mean};
use super::literal;
use crate::diagnostic::{Problem, Problems, Span, codes};

const TYPES: [&str; 8] = ["Choice", "Fail", "Map", "Parallel", "Pass", "Succeed", "Task", "Wait"];

/// `Definition` as a mapping. The text of `DefinitionString` has no positions and is left to AWS.
pub(super) fn machine(_: &Template, properties: &Node, problems: &mut Problems) {
    let definition = properties.entries().iter().find(|(key, _, _)| key == "Definition");
    if let Some((_, span, definition)) = definition
        && matches!(definition.value, NodeValue::Map(_))
    {
        states(definition, span, problems);
    }
}

/// A machine, or a branch of one.
fn states(machine: &Node, span: &Span, problems: &mut Problems) {
    if machine.entries().iter().any(|(key, _, _)| key.starts_with("Fn::")) {
        return;
    }
    for key in ["StartAt", "States"] {
        if machine.get(key).is_none() {
            problems.push(wrong(format!("the state machine has no `{key}`"), span));
        }
    }
    let Some(states) = machine
        .get("States")
        .map(Node::entries)
        .filter(|states| !states.is_empty())
    else {
        return;
    };
    let known = || states.iter().map(|(name, _, _)| name.as_str());
    let goes_to = |target: Option<&Node>, problems: &mut Problems| {
        if let Some(node) = target
            && let Some(name) = literal(node)
            && !name.contains("${")
            && !known().any(|known| known == name)
        {
            let problem = wrong(format!("there is no state `{name}`"), &node.span);
            problems.push(match did_you_mean(name, known()) {
                Some(hint) => problem.hint(hint),
                None => problem,
            });
        }
    };
    goes_to(machine.get("StartAt"), problems);
    for (name, span, state) in states {
        match state.get("Type") {
            None => problems.push(wrong(format!("the state `{name}` has no `Type`"), span)),
            Some(node) => {
                if let Some(kind) = literal(node).filter(|kind| !TYPES.contains(kind) && !kind.contains("${")) {
                    let problem = wrong(format!("`{kind}` is not a type of a state"), &node.span);
                    problems.push(match did_you_mean(kind, TYPES) {
                        Some(hint) => problem.hint(hint),
                        None => problem.note(format!("the types are {}", TYPES.join(", "))),
                    });
                }
            }
        }
        goes_to(state.get("Next"), problems);
        goes_to(state.get("Default"), problems);
        for choice in ["Choices", "Catch"]
            .iter()
            .flat_map(|key| state.get(key).map(Node::items).unwrap_or_default())
        {
            goes_to(choice.get("Next"), problems);
        }
        for branch in state.get("Branches").map(Node::items).unwrap_or_default() {
            self::states(branch, &branch.span, problems);
        }
    }
}

fn wrong(message: String, at: &Span) -> Problem {
    Problem::error(codes::STATE_MACHINE, message).at(at.clone(), "")
}
