//! In which order stacks can be deployed.

use std::collections::{BTreeMap, BTreeSet};

use super::WiredStack;
use crate::diagnostic::{Problem, Problems, codes};

/// Indices of `stacks`, dependencies first; of those that are free the earliest in the file.
pub(super) fn order(stacks: &[WiredStack<'_>], problems: &mut Problems) -> Vec<usize> {
    let places: BTreeMap<&str, usize> = stacks
        .iter()
        .enumerate()
        .map(|(index, stack)| (stack.spec.name.value.as_str(), index))
        .collect();
    let depends: Vec<BTreeSet<usize>> = stacks
        .iter()
        .map(|stack| {
            stack
                .wires()
                .filter_map(|wire| places.get(wire.stack.as_str()).copied())
                .collect()
        })
        .collect();
    let mut order: Vec<usize> = Vec::new();
    let mut ordered = BTreeSet::new();
    let mut left: Vec<usize> = (0..stacks.len()).collect();
    while !left.is_empty() {
        let is_free = |index: &usize| depends.get(*index).is_some_and(|needs| needs.is_subset(&ordered));
        match left.iter().position(is_free) {
            Some(at) => {
                let index = left.remove(at);
                ordered.insert(index);
                order.push(index);
            }
            None => {
                problems.push(cycle(stacks, &depends, &ordered));
                break;
            }
        }
    }
    order
}

/// Walks from a stack that cannot be ordered until one comes again: that is a cycle.
fn cycle(stacks: &[WiredStack<'_>], depends: &[BTreeSet<usize>], ordered: &BTreeSet<usize>) -> Problem {
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
    let mut gathering = None;
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
            if stack.gathers(&wire.input) {
                gathering.get_or_insert((&wire.input, &stack.spec.name.value));
            }
        }
    }
    if let Some((input, stack)) = gathering {
        problem = problem
            .note(format!("`{input}` gathers from every stack that has something for it"))
            .hint(format!(
                "name the entries that are meant, in [stacks.{stack}]: {input} = {{}} takes none"
            ));
    }
    problem.hint("give one of these inputs a value that is known, or split the stack that both sides need")
}
