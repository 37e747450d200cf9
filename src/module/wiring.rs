//! From the stacks of an environment to typed inputs and the order in which they can be deployed.

use std::collections::{BTreeMap, BTreeSet};

use super::catalogue::Catalogue;
use super::contract::{Contract, Field, pascal};
use super::typing::{self, Resolved, Takes, Wire};
use crate::diagnostic::{Problem, Problems, Span, closest, codes};
use crate::spec::{Environment, StackSpec, field, is_name};

mod order;
mod overrides;
mod references;
mod unfilled;

pub(super) use overrides::{had, had_by};
use unfilled::Lack;

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

    /// Whether the input takes what it gathers: the file gives it no value.
    pub(super) fn gathers(&self, input: &str) -> bool {
        !self.given.contains_key(input) && self.contract.inputs.get(input).is_some_and(Field::gathers)
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
    let mut meant = Vec::new();
    for spec in environment.stacks.values() {
        match catalogue.get(&spec.module.value) {
            Some(contract) => stacks.push(typed(spec, contract, &mut problems)),
            None => {
                meant.extend(closest(&spec.module.value, catalogue.names()));
                problems.push(unknown_module(spec, catalogue));
            }
        }
    }
    let known = Known {
        stacks: &stacks,
        meant: &meant,
        environment,
        catalogue,
    };
    overrides::check(&stacks, &mut problems);
    let automatic: Vec<Vec<(String, Resolved)>> =
        stacks.iter().map(|stack| fill(stack, &known, &mut problems)).collect();
    for (stack, values) in stacks.iter_mut().zip(automatic) {
        stack.typed.values.extend(values);
    }
    let stacks: Vec<WiredStack<'a>> = stacks.into_iter().map(|stack| stack.typed).collect();
    references::check(&stacks, environment, &mut problems);
    let order = order::order(&stacks, &mut problems);
    if problems.has_errors() {
        return Err(problems.sorted());
    }
    let mut slots: Vec<Option<WiredStack<'a>>> = stacks.into_iter().map(Some).collect();
    Ok(order
        .into_iter()
        .filter_map(|index| slots.get_mut(index)?.take())
        .collect())
}

fn unknown_module(spec: &StackSpec, catalogue: &Catalogue) -> Problem {
    let name = &spec.module.value;
    let problem =
        Problem::error(codes::UNKNOWN_MODULE, format!("there is no module `{name}`")).at(spec.module.span.clone(), "");
    let problem = field::with_suggestion(problem, name, catalogue.names(), "there are");
    if closest(name, catalogue.names()).is_some() || !is_name(name) {
        return problem;
    }
    problem.hint(format!(
        "a module of your own is modules/{name}.toml with templates/cloudformation/{name}.yaml"
    ))
}

/// What automatic wires are drawn between.
struct Known<'a> {
    stacks: &'a [TypedStack<'a>],
    /// Modules that misspelt names were probably meant to be: whoever needs a stack of theirs lacks nothing else.
    meant: &'a [&'a str],
    environment: &'a Environment,
    /// The modules that there are, with and without stacks.
    catalogue: &'a Catalogue,
}

/// A stack with what its file gives, and the inputs whose values or names were refused: those are not missing.
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
            if let Some(near) = closest(name, names.clone()).filter(|near| !spec.inputs.contains_key(*near)) {
                stack.refused.insert(near.to_owned());
            }
            let problem = overrides::had(problem, contract, "input", name);
            let problem = if name == "tags" {
                problem.hint("[tags] at the top of the file is put on every stack and on what is in it")
            } else {
                field::with_suggestion(problem, name, names, "its inputs are")
            };
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
fn fill(stack: &TypedStack<'_>, known: &Known<'_>, problems: &mut Problems) -> Vec<(String, Resolved)> {
    let mut values = Vec::new();
    let mut lacks = Vec::new();
    for (name, input) in &stack.typed.contract.inputs {
        if stack.typed.values.contains_key(name) || stack.refused.contains(name) {
            continue;
        }
        if overrides::is_lost(stack, input, known.stacks) {
            continue;
        }
        let candidates = candidates(stack, input, known.stacks);
        let (made, absent): (Vec<_>, Vec<_>) = candidates.into_iter().partition(|candidate| candidate.made);
        if input.gathers() {
            match gathered(stack, input, &made) {
                Ok(value) => values.push((name.clone(), value)),
                Err(_)
                    if input
                        .from
                        .iter()
                        .any(|from| known.meant.contains(&from.module.as_str())) => {}
                Err(lack) => lacks.push((input, lack)),
            }
            continue;
        }
        match made.as_slice() {
            [one] => values.push((name.clone(), Resolved::Deferred(one.wire(stack, input)))),
            [] => match without_wire(stack, input, &absent) {
                Ok(value) => values.push((name.clone(), value)),
                Err(Lack::Stack(modules)) if modules.iter().any(|module| known.meant.contains(&module.as_str())) => {}
                Err(lack) => lacks.push((input, lack)),
            },
            several => {
                let named = several
                    .iter()
                    .map(|candidate| (candidate.stack.to_owned(), candidate.output.to_owned()));
                lacks.push((input, Lack::Choice(named.collect())));
            }
        }
    }
    unfilled::report(stack, lacks, known, problems);
    values
}

/// An entry for every stack that makes one of the outputs; without any, the default or an empty map.
fn gathered(stack: &TypedStack<'_>, input: &Field, made: &[Candidate<'_>]) -> Result<Resolved, Lack> {
    if made.is_empty() && input.default.is_some() {
        return without_wire(stack, input, &[]);
    }
    let entries: BTreeMap<String, Resolved> = made
        .iter()
        .map(|candidate| {
            (
                candidate.stack.to_owned(),
                Resolved::Deferred(candidate.wire(stack, input)),
            )
        })
        .collect();
    let count = typing::count(entries.len());
    let too_few = input.min.is_some_and(|min| count < min);
    if too_few || input.max.is_some_and(|max| count > max) {
        return Err(Lack::Count(entries.into_keys().collect()));
    }
    Ok(Resolved::Map(entries))
}

/// The default, or that there is none.
fn without_wire(stack: &TypedStack<'_>, input: &Field, absent: &[Candidate<'_>]) -> Result<Resolved, Lack> {
    if let Some(default) = &input.default {
        // A contract whose default does not fit is refused when it is read.
        let mut ignored = Problems::default();
        return typing::resolve(input, default, stack.typed.contract, &mut ignored).ok_or(Lack::Value);
    }
    if input.optional || input.from_optional {
        return Ok(Resolved::None);
    }
    match (absent.first(), input.from.as_slice()) {
        (Some(candidate), _) => Err(Lack::Output {
            stack: candidate.stack.to_owned(),
            output: candidate.output.to_owned(),
        }),
        (None, []) => Err(Lack::Value),
        (None, from) => Err(Lack::Stack(from.iter().map(|from| from.module.clone()).collect())),
    }
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
            parameter: match input.gathers() {
                true => pascal(&format!("{}.{}", input.name, self.stack)),
                false => pascal(&input.name),
            },
            takes: Takes::of(input.provided()),
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
    // Once it is mended it may be; that it is not would be a second message for one mistake.
    if stack.refused.contains(name) {
        return true;
    }
    if let Some(value) = stack.typed.values.get(name) {
        return value.is_true();
    }
    let Some(input) = stack.typed.contract.inputs.get(name) else {
        return false;
    };
    let is_other = |other: &TypedStack<'_>| other.typed.spec.name.value != stack.typed.spec.name.value;
    let wired = input.from.iter().any(|from| {
        all.iter()
            .any(|other| is_other(other) && other.typed.spec.module.value == from.module)
    });
    let default = input.default.as_ref().and_then(|value| {
        let mut ignored = Problems::default();
        typing::resolve(input, value, stack.typed.contract, &mut ignored)
    });
    wired || default.is_some_and(|value| value.is_true())
}
