//! What CloudFormation's own validation says about change sets ("Validate stack deployments").

use super::Hearing;
use crate::diagnostic::{Problem, Span, codes};
use crate::module::{RenderedStack, relocate};
use crate::preflight::{Place, Validation};
use crate::template::Node;

pub(super) fn judge(hearing: &mut Hearing<'_>) {
    for stack in hearing.needs.change_sets.keys() {
        let Some(answer) = hearing.answers.validations.get(stack) else {
            continue;
        };
        let Some(found) = hearing.hear(answer) else { continue };
        let root = hearing.environment.stacks.get(stack).map(|stack| &stack.document.root);
        for one in found {
            let place = Place {
                stack: stack.clone(),
                logical_id: one.logical_id.clone(),
                resource_type: one.resource_type.clone(),
                span: root.and_then(|root| span(root, &one.path)),
                is_value: true,
            };
            hearing.find(&place, "", problem(stack, one));
        }
    }
}

/// The problem of a change set of `stack` that validation stopped; `found` holds at least one thing that stops it.
pub fn refusal(stack: &RenderedStack, found: &[Validation]) -> Problem {
    let mut stopping = found.iter().filter(|one| one.stops);
    let Some(first) = stopping.next().or_else(|| found.first()) else {
        return Problem::error(
            codes::VALIDATION_REFUSES,
            format!("CloudFormation's validation stops the changes of stack {}", stack.name),
        );
    };
    let mut whole = problem(&stack.name, first);
    if let Some(span) = span(&stack.document.root, &first.path) {
        whole = whole.at(span, "");
    }
    for other in stopping {
        let reason = other.reason.trim().trim_end_matches('.');
        whole = whole.note(format!("{} ({}): {reason}", other.logical_id, other.resource_type));
        if let Some(span) = span(&stack.document.root, &other.path) {
            whole = whole.at(span, reason);
        }
    }
    relocate(stack, whole.note("nothing was changed"))
}

/// The problem of one finding, without its place.
fn problem(stack: &str, found: &Validation) -> Problem {
    let message = format!(
        "CloudFormation's validation of stack {stack} finds fault with {} ({}): {}",
        found.logical_id,
        found.resource_type,
        found.reason.trim().trim_end_matches('.')
    );
    let problem = if found.stops {
        Problem::error(codes::VALIDATION_REFUSES, message)
    } else {
        Problem::warning(codes::VALIDATION_REFUSES, message)
    };
    let problem = problem.note(format!("the validation is {}, at {}", found.name, found.path));
    match found.name.as_str() {
        "NAME_CONFLICT_VALIDATION" => problem.hint("give it another name, or none; or have CloudFormation import it"),
        _ => problem,
    }
}

/// The deepest part of a path that the template has: the value itself if it is all there, else the key that leads on.
fn span(root: &Node, path: &str) -> Option<Span> {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let mut node = root;
    let mut found = None;
    for (index, segment) in segments.iter().enumerate() {
        let listed = segment.parse::<usize>().ok().and_then(|at| node.items().get(at));
        let next = match listed {
            Some(item) => {
                found = Some(item.span.clone());
                item
            }
            None => {
                let Some((_, key, value)) = node.entries().iter().find(|(name, _, _)| name == segment) else {
                    break;
                };
                let is_last = index + 1 == segments.len() && value.entries().is_empty();
                found = Some(if is_last { value.span.clone() } else { key.clone() });
                value
            }
        };
        node = next;
    }
    found
}
