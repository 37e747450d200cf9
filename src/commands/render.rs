//! `mlinfra render`: the templates that would be deployed.

use serde_json::{Map, Value};

use super::context::Context;
use super::error::CommandError;
use super::project::reason;
use super::{Done, Outcome};
use crate::cli::RenderArgs;
use crate::clock::Clock;
use crate::diagnostic::{Problem, Severity, closest, codes};
use crate::module::{self, RenderedEnvironment, RenderedStack};
use crate::policy;

/// Prints one template, or all by stack name, or writes them into a folder.
pub fn run(context: &Context, args: &RenderArgs) -> Outcome {
    let project = context.project()?;
    let environment = project.environment(&args.environment)?;
    let (rendered, mut warnings) = module::render(&environment, &project.catalogue_of(&environment)?)?;
    // What the policy refuses can be looked at; applying it is what is refused.
    let findings = policy::judge(&rendered, &project.policy()?, Clock::real().today());
    warnings.extend(findings.into_iter().map(as_warning).collect());
    context.warn(&warnings.sorted());
    let chosen: Vec<&RenderedStack> = match &args.stack {
        Some(name) => vec![stack(&rendered, name)?],
        None => rendered.stacks.values().collect(),
    };
    if let Some(folder) = &args.out {
        let folder = context.path(folder);
        for stack in chosen {
            let path = folder.join(format!("{}.json", stack.name));
            fs_err::create_dir_all(&folder)
                .and_then(|()| fs_err::write(&path, readable(&document(stack))))
                .map_err(|error| {
                    let message = format!("cannot write {}: {}", path.display(), reason(&error));
                    Problem::error(codes::FILE_UNWRITABLE, message)
                })?;
            context.view().note(&format!("Wrote {}", path.display()));
        }
        return Ok(Done::Fine);
    }
    let text = match (&args.stack, chosen.as_slice()) {
        (Some(_), [only]) => readable(&document(only)),
        _ => {
            let all: Map<String, Value> = chosen
                .iter()
                .map(|stack| (stack.name.clone(), document(stack)))
                .collect();
            readable(&Value::Object(all))
        }
    };
    context.view().raw(text.as_bytes());
    Ok(Done::Fine)
}

fn as_warning(mut problem: Problem) -> Problem {
    problem.severity = Severity::Warning;
    problem
}

/// The stack `name` of the environment; else an error that names those that there are.
pub fn stack<'a>(rendered: &'a RenderedEnvironment, name: &str) -> Result<&'a RenderedStack, CommandError> {
    rendered
        .stacks
        .get(name)
        .ok_or_else(|| unknown(&rendered.environment.name, name, rendered.stacks.keys()).into())
}

/// The problem of a stack that the environment does not have.
pub fn unknown<'a>(environment: &str, name: &str, known: impl Iterator<Item = &'a String> + Clone) -> Problem {
    let mut problem = Problem::error(codes::UNKNOWN_STACK, format!("{environment} has no stack `{name}`"));
    let names: Vec<&str> = known.map(String::as_str).collect();
    if !names.is_empty() {
        problem = problem.note(format!("its stacks: {}", names.join(", ")));
    }
    match closest(name, names) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem,
    }
}

/// What is deployed, as JSON. The rendered text is JSON by construction.
fn document(stack: &RenderedStack) -> Value {
    serde_json::from_str(&stack.template).unwrap_or_else(|_| Value::String(stack.template.clone()))
}

fn readable(value: &Value) -> String {
    format!("{value:#}\n")
}
