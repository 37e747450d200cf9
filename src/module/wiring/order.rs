//! In which order stacks can be deployed.

use std::collections::BTreeSet;

use super::WiredStack;
use crate::diagnostic::{Problem, Problems, codes};

/// Indices of `stacks`, dependencies first; of those that are free the earliest in the file.
pub(super) fn order(stacks: &[WiredStack<'_>], problems: &mut Problems) -> Vec<usize> {
    let depends: Vec<BTreeSet<usize>> = stacks
        .iter()
        .map(|stack| {
            stack
                .wires()
                .filter_map(|wire| stacks.iter().position(|other| other.spec.name.value == wire.stack))
                .collect()
        })
        .collect();
    let mut order: Vec<usize> = Vec::new();
    while order.len() < stacks.len() {
        let free = depends
            .iter()
            .enumerate()
            .find(|(index, needs)| !order.contains(index) && needs.iter().all(|need| order.contains(need)));
        match free {
            Some((index, _)) => order.push(index),
            None => {
                problems.push(cycle(stacks, &depends, &order));
                break;
            }
        }
    }
    order
}

/// Walks from a stack that cannot be ordered until one comes again: that is a cycle.
fn cycle(stacks: &[WiredStack<'_>], depends: &[BTreeSet<usize>], ordered: &[usize]) -> Problem {
    let next = |index: usize| depends.get(index)?.iter().copied().find(|need| !ordered.contains(need));
    let mut path: Vec<usize> = Vec::new();
    let mut at = (0..stacks.len()).find(|index| !ordered.contains(index));
    while let Some(index) = at {
        if let Some(start) = path.iter().position(|earlier| *earlier == index) {
            path = path.split_off(start);
            break;
        }
        path.push(index);
        at = next(index);
    }
    let cycle: Vec<&WiredStack<'_>> = path.iter().filter_map(|index| stacks.get(*index)).collect();
    let names: Vec<&str> = cycle.iter().map(|stack| stack.spec.name.value.as_str()).collect();
    let closed = [names.as_slice(), names.get(..1).unwrap_or_default()]
        .concat()
        .join(" -> ");
    let message = match names.as_slice() {
        [one] => format!("the stack `{one}` needs its own output"),
        _ => format!("stacks need each other in a cycle: {closed}"),
    };
    let mut problem = Problem::error(codes::WIRE_CYCLE, message);
    for (position, stack) in cycle.iter().enumerate() {
        let needed = names
            .get((position + 1) % names.len().max(1))
            .copied()
            .unwrap_or_default();
        if let Some(wire) = stack.wires().find(|wire| wire.stack == needed) {
            let text = format!(
                "`{}` of `{}` needs {}.{}",
                wire.input, stack.spec.name.value, wire.stack, wire.output
            );
            problem = problem.at(wire.span.clone(), text);
        }
    }
    problem.hint("give one of these inputs a value that is known, or split the stack that both sides need")
}
