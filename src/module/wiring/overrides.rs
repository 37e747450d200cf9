//! A project's own contract in place of a built-in one: it must still fit those that use the module.
//!
//! Only stacks count that the environment has: an own `vpc` need not have what a module takes that nobody uses.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::super::catalogue::{Misfit, built_in, misfit, top};
use super::super::contract::{Contract, Field, Provider};
use super::TypedStack;
use super::unfilled::listed;
use crate::diagnostic::{Problem, Problems, closest, codes};

/// Reports outputs that inputs are wired to and that an overriding contract has lost.
pub(super) fn check(stacks: &[TypedStack<'_>], problems: &mut Problems) {
    let mut groups: IndexMap<(&str, &str), Vec<Lost<'_>>> = IndexMap::new();
    for stack in stacks {
        for input in stack.typed.contract.inputs.values() {
            if stack.typed.values.contains_key(&input.name) || stack.refused.contains(&input.name) {
                continue;
            }
            for lost in lost(stack, input, stacks) {
                let key = (lost.from.module.as_str(), lost.from.output.as_str());
                groups.entry(key).or_default().push(lost);
            }
        }
    }
    problems.0.extend(groups.values().filter_map(|lost| problem(lost)));
}

/// Whether one of the outputs that `input` is wired to was lost.
pub(super) fn is_lost(stack: &TypedStack<'_>, input: &Field, stacks: &[TypedStack<'_>]) -> bool {
    lost(stack, input, stacks).next().is_some()
}

struct Lost<'a> {
    user: &'a TypedStack<'a>,
    input: &'a Field,
    from: &'a Provider,
    provider: &'a Contract,
    why: Misfit,
}

fn lost<'a>(
    stack: &'a TypedStack<'a>,
    input: &'a Field,
    stacks: &'a [TypedStack<'a>],
) -> impl Iterator<Item = Lost<'a>> {
    input.from.iter().filter_map(move |from| {
        let is_other = |other: &&TypedStack<'_>| other.typed.spec.name.value != stack.typed.spec.name.value;
        let mut others = stacks.iter().filter(is_other).map(|other| other.typed.contract);
        let provider = others.find(|contract| contract.name == from.module)?;
        let why = misfit(input, from, provider)?;
        // What does without a provider does without an output too.
        let needed = !input.from_optional && !input.optional && !input.gathers() && input.default.is_none();
        (needed || matches!(why, Misfit::Kind(_))).then_some(Lost {
            user: stack,
            input,
            from,
            provider,
            why,
        })
    })
}

fn problem(lost: &[Lost<'_>]) -> Option<Problem> {
    let Lost {
        from, provider, why, ..
    } = lost.first()?;
    let output = &from.output;
    let users: BTreeSet<String> = lost
        .iter()
        .map(|lost| format!("`{}`", lost.user.typed.contract.name))
        .collect();
    let takes = if users.len() == 1 { "takes" } else { "take" };
    let users = listed(users.into_iter().collect(), "and");
    let own = &provider.source;
    let (what, place) = match why {
        Misfit::Missing => {
            let first = provider.outputs.values().next();
            (
                format!("has no output `{output}`"),
                first.map_or_else(|| top(own), |first| first.span.clone()),
            )
        }
        Misfit::Kind(kind) => {
            let span = provider.outputs.get(output).map(|output| output.span.clone());
            (format!("makes `{output}` a `{kind}`"), span.unwrap_or_else(|| top(own)))
        }
    };
    let message = format!(
        "the project's own `{}` {what}, which {users} {takes} from it",
        provider.name
    );
    let text = match why {
        Misfit::Missing => "not among these",
        Misfit::Kind(_) => "",
    };
    let mut problem = Problem::error(codes::OVERRIDE_UNFIT, message).at(place, text);
    for lost in lost {
        problem = problem.at(lost.from.span.clone(), format!("for `{}`", lost.input.name));
    }
    problem = overrides(problem, provider);
    let original = built_in(&provider.name);
    if let Some(made) = original.as_ref().and_then(|original| original.outputs.get(output)) {
        problem = problem.at(made.span.clone(), "the built-in module makes it");
    }
    let list = original
        .as_ref()
        .and_then(|original| original.outputs.get(output))
        .is_some_and(|output| output.list);
    let ty = if list { "list<string>" } else { "string" };
    problem = problem.hint(format!("in {}: [outputs.{output}]  type = \"{ty}\"", own.path));
    let given: Vec<String> = lost
        .iter()
        .map(|lost| format!("`{}` of `{}`", lost.input.name, lost.user.typed.spec.name.value))
        .collect();
    problem = problem.hint(format!("or give a value to {}", listed(given, "and")));
    // Last: what has nearly this name may well be something else.
    let names = provider.outputs.keys().map(String::as_str);
    if let (Misfit::Missing, Some(near)) = (why, closest(output, names)) {
        problem = problem.hint(format!("did you mean `{near}`?"));
    }
    Some(problem)
}

/// Says that the contract stands in place of a built-in one.
pub(super) fn overrides(problem: Problem, contract: &Contract) -> Problem {
    overridden(problem, &contract.name, &contract.source.path)
}

fn overridden(problem: Problem, module: &str, path: &str) -> Problem {
    problem.note(format!("{path} overrides the module `{module}` that is built in"))
}

/// Says that the built-in module has the input or output `name`, if this contract stands in its place and does not.
pub(in crate::module) fn had(problem: Problem, contract: &Contract, what: &str, name: &str) -> Problem {
    if contract.is_built_in() {
        return problem;
    }
    had_by(problem, &contract.name, &contract.source.path, what, name)
}

/// The same of the contract of `module` at `path`, which may not be read yet.
pub(in crate::module) fn had_by(problem: Problem, module: &str, path: &str, what: &str, name: &str) -> Problem {
    let Some(original) = built_in(module) else {
        return problem;
    };
    let span = match what {
        "input" => original.inputs.get(name).map(|input| &input.span),
        _ => original.outputs.get(name).map(|output| &output.span),
    };
    match span {
        Some(span) => overridden(problem, module, path)
            .at(span.clone(), "the built-in module has it")
            .hint(format!("declare it in {path}: [{what}s.{name}]")),
        None => problem,
    }
}
