//! From the stacks of an environment to typed inputs and the order in which they can be deployed.

use std::collections::{BTreeMap, BTreeSet};

use super::catalogue::Catalogue;
use super::contract::{Contract, Field, pascal};
use super::typing::{self, Resolved, Takes, Wire, first_line};
use crate::diagnostic::{Problem, Problems, Span, codes};
use crate::spec::{Environment, StackSpec, field};

/// A stack whose every input has a value or comes from another stack.
#[derive(Debug)]
pub(super) struct WiredStack<'a> {
    pub(super) spec: &'a StackSpec,
    pub(super) contract: &'a Contract,
    /// Every input of the contract.
    pub(super) values: BTreeMap<String, Resolved>,
    /// Where the file gives a value; for automatic wires nothing.
    pub(super) given: BTreeMap<String, Span>,
}

impl WiredStack<'_> {
    /// Every reference to another stack.
    pub(super) fn wires(&self) -> impl Iterator<Item = &Wire> {
        self.values.values().flat_map(Resolved::wires)
    }

    /// Whether the output exists with these inputs.
    pub(super) fn makes(&self, when: Option<&str>) -> bool {
        when.is_none_or(|input| self.values.get(input).is_some_and(Resolved::is_true))
    }
}

/// Types and wires all stacks; dependencies come before dependents, ties in the order of the file.
pub(super) fn wire<'a>(
    environment: &'a Environment,
    catalogue: &'a Catalogue,
) -> Result<Vec<WiredStack<'a>>, Problems> {
    let mut problems = catalogue.problems.clone();
    let mut stacks = Vec::new();
    for spec in environment.stacks.values() {
        match catalogue.get(&spec.module.value) {
            Some(contract) => stacks.push(typed(spec, contract, &mut problems)),
            None => {
                let name = &spec.module.value;
                let problem = Problem::error(codes::UNKNOWN_MODULE, format!("there is no module `{name}`"))
                    .at(spec.module.span.clone(), "")
                    .hint(format!(
                        "a module of your own is modules/{name}.toml with templates/cloudformation/{name}.yaml"
                    ));
                problems.push(field::with_suggestion(problem, name, catalogue.names(), "there are"));
            }
        }
    }
    let automatic: Vec<Vec<(String, Resolved)>> = stacks
        .iter()
        .map(|stack| fill(stack, &stacks, environment, &mut problems))
        .collect();
    for (stack, values) in stacks.iter_mut().zip(automatic) {
        stack.typed.values.extend(values);
    }
    let stacks: Vec<WiredStack<'a>> = stacks.into_iter().map(|stack| stack.typed).collect();
    check_references(&stacks, environment, &mut problems);
    let order = order(&stacks, &mut problems);
    if problems.has_errors() {
        return Err(problems.sorted());
    }
    let mut slots: Vec<Option<WiredStack<'a>>> = stacks.into_iter().map(Some).collect();
    Ok(order
        .into_iter()
        .filter_map(|index| slots.get_mut(index)?.take())
        .collect())
}

/// A stack with what its file gives, and the inputs whose values were refused: those are not missing.
struct TypedStack<'a> {
    typed: WiredStack<'a>,
    refused: BTreeSet<String>,
}

fn typed<'a>(spec: &'a StackSpec, contract: &'a Contract, problems: &mut Problems) -> TypedStack<'a> {
    let mut stack = TypedStack {
        typed: WiredStack {
            spec,
            contract,
            values: BTreeMap::new(),
            given: BTreeMap::new(),
        },
        refused: BTreeSet::new(),
    };
    for (name, entry) in &spec.inputs {
        let Some(input) = contract.inputs.get(name) else {
            let message = format!("the module `{}` has no input `{name}`", contract.name);
            let problem = Problem::error(codes::UNKNOWN_INPUT, message)
                .at(entry.key.clone(), "")
                .at(spec.module.span.clone(), "this module");
            let names = contract.inputs.keys().map(String::as_str);
            let problem = field::with_suggestion(problem, name, names, "its inputs are");
            problems.push(problem.hint(format!("`mlinfra module show {}` explains them", contract.name)));
            continue;
        };
        match typing::resolve(input, &entry.value, contract, problems) {
            Some(value) => {
                stack.typed.values.insert(name.clone(), value);
                stack.typed.given.insert(name.clone(), super::contract::whole(entry));
            }
            None => {
                stack.refused.insert(name.clone());
            }
        }
    }
    stack
}

/// Values for the inputs that the file does not give: wired, by default, or none.
fn fill(
    stack: &TypedStack<'_>,
    all: &[TypedStack<'_>],
    environment: &Environment,
    problems: &mut Problems,
) -> Vec<(String, Resolved)> {
    let mut values = Vec::new();
    for (name, input) in &stack.typed.contract.inputs {
        if stack.typed.values.contains_key(name) || stack.refused.contains(name) {
            continue;
        }
        let candidates = candidates(stack, input, all);
        let (made, absent): (Vec<_>, Vec<_>) = candidates.into_iter().partition(|candidate| candidate.made);
        match made.as_slice() {
            [one] => values.push((name.clone(), Resolved::Deferred(one.wire(stack, input)))),
            [] => match without_wire(stack, input, &absent, environment) {
                Ok(value) => values.push((name.clone(), value)),
                Err(problem) => problems.push(problem),
            },
            several => problems.push(ambiguous(stack, input, several, all)),
        }
    }
    values
}

struct Candidate<'a> {
    stack: &'a str,
    output: &'a str,
    /// Whether the stack makes the output as it is configured.
    made: bool,
}

impl Candidate<'_> {
    fn wire(&self, stack: &TypedStack<'_>, input: &Field) -> Wire {
        Wire {
            input: input.name.clone(),
            stack: self.stack.to_owned(),
            output: self.output.to_owned(),
            parameter: pascal(&input.name),
            takes: Takes::of(&input.ty),
            span: stack.typed.spec.name.span.clone(),
        }
    }
}

fn candidates<'a>(stack: &TypedStack<'_>, input: &'a Field, all: &'a [TypedStack<'_>]) -> Vec<Candidate<'a>> {
    let mut found = Vec::new();
    for from in &input.from {
        for other in all {
            let spec = other.typed.spec;
            if spec.module.value != from.module || spec.name.value == stack.typed.spec.name.value {
                continue;
            }
            if let Some(output) = other.typed.contract.outputs.get(&from.output) {
                let made = output.when.as_deref().is_none_or(|when| will_be_true(other, when, all));
                found.push(Candidate {
                    stack: &spec.name.value,
                    output: &from.output,
                    made,
                });
            }
        }
    }
    found
}

/// Whether the input `name` of `stack` will be true, before automatic wires are drawn.
fn will_be_true(stack: &TypedStack<'_>, name: &str, all: &[TypedStack<'_>]) -> bool {
    if let Some(value) = stack.typed.values.get(name) {
        return value.is_true();
    }
    let Some(input) = stack.typed.contract.inputs.get(name) else {
        return false;
    };
    let wired = input
        .from
        .iter()
        .any(|from| all.iter().any(|other| other.typed.spec.module.value == from.module));
    let default = input.default.as_ref().and_then(|value| {
        let mut ignored = Problems::default();
        typing::resolve(input, value, stack.typed.contract, &mut ignored)
    });
    wired || default.is_some_and(|value| value.is_true())
}

fn without_wire(
    stack: &TypedStack<'_>,
    input: &Field,
    absent: &[Candidate<'_>],
    environment: &Environment,
) -> Result<Resolved, Problem> {
    if let Some(default) = &input.default {
        let mut found = Problems::default();
        return match typing::resolve(input, default, stack.typed.contract, &mut found) {
            Some(value) => Ok(value),
            None => Err(found.into_iter().next().unwrap_or_else(|| missing(stack, input))),
        };
    }
    if input.optional || input.from_optional {
        return Ok(Resolved::None);
    }
    if let Some(candidate) = absent.first() {
        let message = format!(
            "`{}` of `{}` needs {}.{}, which `{}` does not make as it is configured",
            input.name, stack.typed.spec.name.value, candidate.stack, candidate.output, candidate.stack
        );
        let problem =
            Problem::error(codes::WIRE_OUTPUT_ABSENT, message).at(stack.typed.spec.name.span.clone(), "needed here");
        return Err(match environment.stacks.get(candidate.stack) {
            Some(other) => problem.at(other.name.span.clone(), "not made here"),
            None => problem,
        });
    }
    if input.from.is_empty() {
        return Err(missing(stack, input));
    }
    let modules: Vec<_> = input.from.iter().map(|from| format!("`{}`", from.module)).collect();
    let first = input.from.first().map(|from| from.module.clone()).unwrap_or_default();
    let message = format!(
        "`{}` of `{}` comes from a stack of module {}, and there is none",
        input.name,
        stack.typed.spec.name.value,
        modules.join(" or ")
    );
    Err(Problem::error(codes::WIRE_NO_STACK, message)
        .at(stack.typed.spec.name.span.clone(), "")
        .note(format!("`{}` ({}): {}", input.name, input.ty, first_line(&input.doc)))
        .hint(format!(
            "add one:  [stacks.{}]  module = \"{first}\"",
            if first == "vpc" { "network" } else { &first }
        ))
        .hint(format!("or give the value here: {} = {}", input.name, sample(input))))
}

fn missing(stack: &TypedStack<'_>, input: &Field) -> Problem {
    let spec = stack.typed.spec;
    Problem::error(
        codes::MISSING_INPUT,
        format!("the stack `{}` has no `{}`", spec.name.value, input.name),
    )
    .at(spec.name.span.clone(), "")
    .note(format!("`{}` ({}): {}", input.name, input.ty, first_line(&input.doc)))
    .hint(format!("for example: {} = {}", input.name, sample(input)))
}

fn sample(input: &Field) -> String {
    match &input.example {
        Some(example) => example.span.text().to_owned(),
        None => match input.values.first() {
            Some(value) => value.span.text().to_owned(),
            None => "...".to_owned(),
        },
    }
}

/// How many candidates a message names: beyond that, one is chosen by what it is for and not from a list.
const MOST_CANDIDATES: usize = 8;

fn ambiguous(stack: &TypedStack<'_>, input: &Field, candidates: &[Candidate<'_>], all: &[TypedStack<'_>]) -> Problem {
    let more = candidates.len().saturating_sub(MOST_CANDIDATES);
    let candidates = candidates.get(..MOST_CANDIDATES).unwrap_or(candidates);
    let more = if more > 0 {
        format!(" or {more} more")
    } else {
        String::new()
    };
    let names: Vec<_> = candidates
        .iter()
        .map(|candidate| format!("`{}`", candidate.stack))
        .collect();
    let message = format!(
        "`{}` of `{}` could come from {}{more}",
        input.name,
        stack.typed.spec.name.value,
        names.join(" or ")
    );
    let mut problem =
        Problem::error(codes::WIRE_AMBIGUOUS, message).at(stack.typed.spec.name.span.clone(), "needed here");
    for candidate in candidates {
        if let Some(other) = all.iter().find(|other| other.typed.spec.name.value == candidate.stack) {
            problem = problem.at(
                other.typed.spec.name.span.clone(),
                format!("has `{}`", candidate.output),
            );
        }
    }
    let choices: Vec<_> = candidates
        .iter()
        .map(|candidate| format!("{} = \"${{{}.{}}}\"", input.name, candidate.stack, candidate.output))
        .collect();
    problem.hint(format!("choose: {}", choices.join("  or  ")))
}

/// Explicit references: the stack, the output and its type must exist.
fn check_references(stacks: &[WiredStack<'_>], environment: &Environment, problems: &mut Problems) {
    for stack in stacks {
        for wire in stack.wires() {
            // An automatic wire was chosen among what exists.
            if stack.given.contains_key(&wire.input) {
                check_reference(wire, stacks, environment, problems);
            }
        }
    }
}

fn check_reference(wire: &Wire, stacks: &[WiredStack<'_>], environment: &Environment, problems: &mut Problems) {
    let Some(target) = stacks.iter().find(|stack| stack.spec.name.value == wire.stack) else {
        // A stack with an unknown module was reported already.
        if !environment.stacks.contains_key(&wire.stack) {
            let message = format!("there is no stack `{}`", wire.stack);
            let problem = Problem::error(codes::WIRE_UNKNOWN_STACK, message).at(wire.span.clone(), "");
            let names = environment.stacks.keys().map(String::as_str);
            problems.push(field::with_suggestion(problem, &wire.stack, names, "there are"));
        }
        return;
    };
    let module = &target.contract.name;
    let Some(output) = target.contract.outputs.get(&wire.output) else {
        let message = format!(
            "the stack `{}` (module `{module}`) has no output `{}`",
            wire.stack, wire.output
        );
        let problem = Problem::error(codes::WIRE_UNKNOWN_OUTPUT, message)
            .at(wire.span.clone(), "")
            .at(target.spec.name.span.clone(), "this stack");
        let names = target.contract.outputs.keys().map(String::as_str);
        problems.push(field::with_suggestion(problem, &wire.output, names, "it has"));
        return;
    };
    if let Some(when) = output.when.as_deref().filter(|when| !target.makes(Some(when))) {
        let message = format!("`{}` does not make `{}` as it is configured", wire.stack, wire.output);
        problems.push(
            Problem::error(codes::WIRE_OUTPUT_ABSENT, message)
                .at(wire.span.clone(), "")
                .at(target.spec.name.span.clone(), format!("`{when}` is not set here"))
                .hint(format!("set `{when}` of `{}`, or take another output", wire.stack)),
        );
    }
    let problem = |message: String| Problem::error(codes::WIRE_TYPE, message).at(wire.span.clone(), "");
    match (wire.takes, output.list) {
        (Takes::List, false) => problems.push(
            problem(format!(
                "`{}` takes a list, {}.{} is one string",
                wire.input, wire.stack, wire.output
            ))
            .hint(format!("put it in brackets: [\"${{{}.{}}}\"]", wire.stack, wire.output)),
        ),
        (Takes::Text | Takes::Number, true) => {
            let singles: Vec<_> = target.contract.outputs.values().filter(|output| !output.list).collect();
            let base = problem(format!(
                "this place takes one value, {}.{} is a list",
                wire.stack, wire.output
            ))
            .note(format!("it belongs to the input `{}`", wire.input));
            let names: Vec<_> = singles.iter().map(|output| format!("`{}`", output.name)).collect();
            problems.push(if names.is_empty() {
                base
            } else {
                base.hint(format!(
                    "outputs of `{}` that are one value: {}",
                    wire.stack,
                    names.join(", ")
                ))
            });
        }
        _ => {}
    }
}

/// Indices of `stacks`, dependencies first; of those that are free the earliest in the file.
fn order(stacks: &[WiredStack<'_>], problems: &mut Problems) -> Vec<usize> {
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
