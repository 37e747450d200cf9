//! References that a file gives: the stack, the output and its type must exist.

use super::super::typing::{Takes, Wire};
use super::{WiredStack, overrides};
use crate::diagnostic::{Problem, Problems, codes};
use crate::spec::{Environment, field};

/// Explicit references: the stack, the output and its type must exist.
pub(super) fn check(stacks: &[WiredStack<'_>], environment: &Environment, problems: &mut Problems) {
    for stack in stacks {
        for wire in stack.wires() {
            // An automatic wire was chosen among what exists.
            if stack.given.contains_key(&wire.input) {
                one(wire, stacks, environment, problems);
            }
        }
    }
}

fn one(wire: &Wire, stacks: &[WiredStack<'_>], environment: &Environment, problems: &mut Problems) {
    let Some(target) = stacks.iter().find(|stack| stack.spec.name.value == wire.stack) else {
        // A stack with an unknown module was reported already.
        if !environment.stacks.contains_key(&wire.stack) {
            let message = format!("there is no stack `{}`", wire.stack);
            let problem = Problem::error(codes::WIRE_UNKNOWN_STACK, message).at(wire.span.clone(), "");
            let names = environment.stacks.keys().map(String::as_str);
            let of_module = stacks.iter().find(|stack| stack.contract.name == wire.stack);
            problems.push(match of_module.map(|stack| &stack.spec.name.value) {
                Some(name) => problem
                    .note(format!("`{}` is a module; references name stacks", wire.stack))
                    .hint(format!("did you mean \"${{{name}.{}}}\"?", wire.output)),
                None => field::with_suggestion(problem, &wire.stack, names, "there are"),
            });
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
        let problem = overrides::had(problem, target.contract, "output", &wire.output);
        problems.push(field::with_suggestion(problem, &wire.output, names, "it has"));
        return;
    };
    // An input without any value was refused; whether the output is made will be seen when it is mended.
    let decided = |when: &&str| target.values.contains_key(*when);
    if let Some(when) = output
        .when
        .as_deref()
        .filter(decided)
        .filter(|when| !target.makes(Some(when)))
    {
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
