//! `mlinfra render`: the templates that would be deployed.

use std::path::Path;

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
use crate::spec::Environment;
use crate::spec::workload::Platform;
use crate::workload::{self, Facts, Templates};

/// Prints one template, or all by stack name, or writes them into a folder.
pub fn run(context: &Context, args: &RenderArgs) -> Outcome {
    let project = context.project()?;
    let environment = project.environment(&args.environment)?;
    if let Some(name) = &args.workload {
        return manifests(context, args, &environment, name, &project.manifests()?);
    }
    let (rendered, mut warnings) = module::render(&environment, &project.catalogue_of(&environment)?)?;
    // What the policy refuses can be looked at; applying it is what is refused.
    let findings = policy::judge(&rendered, &project.policy()?, Clock::real().today());
    warnings.extend(findings.into_iter().map(as_warning).collect());
    context.warn(&warnings.sorted());
    let chosen: Vec<&RenderedStack> = match &args.stack {
        Some(name) if is_workload_alone(&environment, name) => {
            let problem = unknown(&environment.name, name, rendered.stacks.keys());
            return Err(problem
                .hint(format!(
                    "`{name}` is a workload: mlinfra render {} --workload {name}",
                    environment.name
                ))
                .into());
        }
        Some(name) => vec![stack(&rendered, name)?],
        None => rendered.stacks.values().collect(),
    };
    if let Some(folder) = &args.out {
        let folder = context.path(folder);
        for stack in chosen {
            write(context, &folder, &stack.name, &document(stack))?;
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

/// Prints the manifests or requests of a workload, or writes them into a folder.
fn manifests(
    context: &Context,
    args: &RenderArgs,
    environment: &Environment,
    name: &str,
    templates: &Templates,
) -> Outcome {
    let Some(workload) = environment.workloads.get(name) else {
        return Err(no_workload(environment, name).into());
    };
    let list = if workload.platform == Platform::Eks {
        workload::list(&workload::manifests(
            environment,
            workload,
            templates,
            &Facts::default(),
        )?)
    } else {
        Value::from(workload::objects(
            environment,
            workload,
            templates,
            &Facts::default(),
            None,
            None,
        )?)
    };
    match &args.out {
        Some(folder) => write(context, &context.path(folder), name, &list)?,
        None => context.view().raw(readable(&list).as_bytes()),
    }
    Ok(Done::Fine)
}

fn write(context: &Context, folder: &Path, name: &str, value: &Value) -> Result<(), Problem> {
    let path = folder.join(format!("{name}.json"));
    fs_err::create_dir_all(folder)
        .and_then(|()| fs_err::write(&path, readable(value)))
        .map_err(|error| {
            let message = format!("cannot write {}: {}", path.display(), reason(&error));
            Problem::error(codes::FILE_UNWRITABLE, message)
        })?;
    context.view().note(&format!("Wrote {}", path.display()));
    Ok(())
}

fn is_workload_alone(environment: &Environment, name: &str) -> bool {
    environment.workloads.contains_key(name) && !environment.stacks.contains_key(name)
}

/// The problem of a workload that the environment does not have.
pub fn no_workload(environment: &Environment, name: &str) -> Problem {
    let message = format!("{} has no workload `{name}`", environment.name);
    let problem = Problem::error(codes::UNKNOWN_WORKLOAD, message);
    let names: Vec<&str> = environment.workloads.keys().map(String::as_str).collect();
    let problem = match names.as_slice() {
        [] => problem.note("it has none"),
        names => problem.note(format!("its workloads: {}", names.join(", "))),
    };
    match closest(name, names) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None if environment.stacks.contains_key(name) => problem.hint(format!(
            "`{name}` is a stack: mlinfra render {} {name}",
            environment.name
        )),
        None => problem,
    }
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
