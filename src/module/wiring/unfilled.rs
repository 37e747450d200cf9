//! Inputs that nothing fills. Inputs of a stack that lack the same thing are one problem, not one each.

use indexmap::IndexMap;

use super::super::contract::Field;
use super::super::typing::{self, first_line};
use super::{Known, TypedStack};
use crate::diagnostic::{Problem, Problems, codes};
use crate::spec::Environment;

/// Why an input has no value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Lack {
    /// The file must give it.
    Value,
    /// Several stacks could provide it, through these outputs.
    Choice(Vec<(String, String)>),
    /// There is no stack of these modules.
    Stack(Vec<String>),
    /// It gathers from these stacks, and they are too few or too many.
    Count(Vec<String>),
    /// The stack does not make the output as it is configured.
    Output { stack: String, output: String },
}

/// One problem for each thing that is lacking; `lacks` in the order of the contract.
pub(super) fn report(stack: &TypedStack<'_>, lacks: Vec<(&Field, Lack)>, known: &Known<'_>, problems: &mut Problems) {
    let environment = known.environment;
    let mut groups: IndexMap<Lack, Vec<&Field>> = IndexMap::new();
    for (input, lack) in lacks {
        // Each choice names outputs of its own; what is one question is between which stacks.
        let same = groups.iter_mut().find(|(other, _)| lack.is_same_question(other));
        match same {
            Some((_, inputs)) => inputs.push(input),
            None => drop(groups.insert(lack, vec![input])),
        }
    }
    for (lack, inputs) in &groups {
        match lack {
            Lack::Value => inputs.iter().for_each(|input| problems.push(missing(stack, input))),
            Lack::Choice(candidates) => problems.push(ambiguous(stack, inputs, candidates, environment)),
            Lack::Stack(modules) => problems.push(no_stack(stack, inputs, modules, known)),
            Lack::Count(found) => inputs
                .iter()
                .for_each(|input| problems.push(miscounted(stack, input, found, known))),
            Lack::Output { stack: from, output } => {
                problems.push(absent(stack, inputs, from, output, environment));
            }
        }
    }
}

impl Lack {
    fn is_same_question(&self, other: &Self) -> bool {
        let stacks = |candidates: &[(String, String)]| -> Vec<String> {
            candidates.iter().map(|(stack, _)| stack.clone()).collect()
        };
        match (self, other) {
            (Self::Choice(one), Self::Choice(other)) => stacks(one) == stacks(other),
            _ => self == other,
        }
    }
}

fn missing(stack: &TypedStack<'_>, input: &Field) -> Problem {
    let spec = stack.typed.spec;
    Problem::error(
        codes::MISSING_INPUT,
        format!("the stack `{}` has no `{}`", spec.name.value, input.name),
    )
    .at(spec.name.span.clone(), "")
    .note(about(input))
    .hint(format!("for example: {} = {}", input.name, input.sample()))
}

fn no_stack(stack: &TypedStack<'_>, inputs: &[&Field], modules: &[String], known: &Known<'_>) -> Problem {
    let quoted: Vec<String> = modules.iter().map(|module| format!("`{module}`")).collect();
    let message = format!(
        "{} of `{}` {} from a stack of module {}, and there is none",
        names(inputs),
        stack.typed.spec.name.value,
        if inputs.len() == 1 { "comes" } else { "come" },
        quoted.join(" or ")
    );
    let mut problem = Problem::error(codes::WIRE_NO_STACK, message).at(stack.typed.spec.name.span.clone(), "");
    for input in inputs {
        problem = problem.note(about(input));
    }
    problem = add_one(problem, modules.iter().map(String::as_str), known);
    let values: Vec<String> = inputs
        .iter()
        .map(|input| format!("{} = {}", input.name, input.sample()))
        .collect();
    let what = if inputs.len() == 1 { "the value" } else { "the values" };
    problem.hint(format!("or give {what} here: {}", values.join("  ")))
}

/// Proposes a stack of the first of these modules that there is. Who brings a module brings its contract here.
fn add_one<'m>(problem: Problem, modules: impl Iterator<Item = &'m str> + Clone, known: &Known<'_>) -> Problem {
    let exists = |module: &&str| known.catalogue.get(module).is_some();
    match modules.clone().find(exists) {
        Some(module) => problem.hint(format!(
            "add one:  [stacks.{}]  module = \"{module}\"",
            if module == "vpc" { "network" } else { module }
        )),
        None => {
            let absent = listed(modules.map(|module| format!("`{module}`")).collect(), "or");
            problem.hint(format!(
                "no module {absent} exists here: bring it into modules/, or name another in `from` of the contract"
            ))
        }
    }
}

/// A gathering input with fewer or more entries than the contract takes.
fn miscounted(stack: &TypedStack<'_>, input: &Field, found: &[String], known: &Known<'_>) -> Problem {
    let (name, spec) = (&input.name, stack.typed.spec);
    let quoted =
        |names: &mut dyn Iterator<Item = &str>| -> Vec<String> { names.map(|name| format!("`{name}`")).collect() };
    let modules = quoted(&mut input.from.iter().map(|from| from.module.as_str())).join(" or ");
    let stacks = quoted(&mut found.iter().map(String::as_str));
    let told = match stacks.len() {
        0 => "there is none".to_owned(),
        count if input.min.is_some_and(|min| typing::count(count) < min) => {
            format!("there is only {}", stacks.join(", "))
        }
        count => format!("there are {count}: {}", stacks.join(", ")),
    };
    let wanted = match (input.min, input.max) {
        (Some(min), _) if typing::count(stacks.len()) < min => format!("at least {min}"),
        (_, max) => format!("at most {}", max.unwrap_or_default()),
    };
    let entries = if wanted.ends_with(" 1") { "entry" } else { "entries" };
    let message = format!(
        "`{name}` of `{}` takes {wanted} {entries}, one from each stack of module {modules}, and {told}",
        spec.name.value
    );
    let problem = Problem::error(codes::WIRE_NO_STACK, message)
        .at(spec.name.span.clone(), "")
        .note(about(input));
    let problem = match stacks.is_empty() {
        true => add_one(problem, input.from.iter().map(|from| from.module.as_str()), known),
        false => problem,
    };
    problem.hint(format!("or give the entries here: {name} = {}", input.sample()))
}

fn absent(stack: &TypedStack<'_>, inputs: &[&Field], from: &str, output: &str, environment: &Environment) -> Problem {
    let message = format!(
        "{} of `{}` {} {from}.{output}, which `{from}` does not make as it is configured",
        names(inputs),
        stack.typed.spec.name.value,
        if inputs.len() == 1 { "needs" } else { "need" },
    );
    let problem =
        Problem::error(codes::WIRE_OUTPUT_ABSENT, message).at(stack.typed.spec.name.span.clone(), "needed here");
    match environment.stacks.get(from) {
        Some(other) => problem.at(other.name.span.clone(), "not made here"),
        None => problem,
    }
}

/// How many candidates a message names: beyond that, one is chosen by what it is for and not from a list.
const MOST_CANDIDATES: usize = 8;

fn ambiguous(
    stack: &TypedStack<'_>,
    inputs: &[&Field],
    candidates: &[(String, String)],
    environment: &Environment,
) -> Problem {
    let more = match candidates.len().saturating_sub(MOST_CANDIDATES) {
        0 => String::new(),
        more => format!(" or {more} more"),
    };
    let candidates = candidates.get(..MOST_CANDIDATES).unwrap_or(candidates);
    let stacks: Vec<String> = candidates.iter().map(|(stack, _)| format!("`{stack}`")).collect();
    let message = format!(
        "{} of `{}` could come from {}{more}",
        names(inputs),
        stack.typed.spec.name.value,
        stacks.join(" or ")
    );
    let mut problem =
        Problem::error(codes::WIRE_AMBIGUOUS, message).at(stack.typed.spec.name.span.clone(), "needed here");
    for (name, output) in candidates {
        if let Some(other) = environment.stacks.get(name) {
            problem = problem.at(other.name.span.clone(), format!("has `{output}`"));
        }
    }
    for (name, _) in candidates {
        let lines: Vec<String> = inputs
            .iter()
            .filter_map(|input| {
                let output = output_of(input, name, environment)?;
                Some(format!("{} = \"${{{name}.{output}}}\"", input.name))
            })
            .collect();
        problem = problem.hint(format!("to take `{name}`: {}", lines.join("  ")));
    }
    problem
}

/// The output of the stack `name` that `input` would be wired to.
fn output_of<'a>(input: &'a Field, name: &str, environment: &Environment) -> Option<&'a str> {
    let module = &environment.stacks.get(name)?.module.value;
    let from = input.from.iter().find(|from| from.module == *module)?;
    Some(&from.output)
}

fn names(inputs: &[&Field]) -> String {
    listed(inputs.iter().map(|input| format!("`{}`", input.name)).collect(), "and")
}

/// `a`, `b` and `c`.
pub(super) fn listed(names: Vec<String>, word: &str) -> String {
    match names.as_slice() {
        [first @ .., last] if !first.is_empty() => format!("{} {word} {last}", first.join(", ")),
        _ => names.concat(),
    }
}

fn about(input: &Field) -> String {
    format!("`{}` ({}): {}", input.name, input.ty, first_line(&input.doc))
}
