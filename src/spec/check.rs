//! From a merged table to an [`Environment`]: everything that is wrong, at once.

use std::sync::Arc;

use indexmap::IndexMap;

use super::syntax::Table;
use super::{Entry, Environment, Spanned, StackSpec, field, keys};
use crate::diagnostic::{Problem, Problems, Source, Span, codes};

mod backend;
mod tags;
mod target;
mod waivers;
mod workloads;

use backend::backend;
use tags::tags;
use target::target;
use waivers::waivers;
use workloads::workloads;

pub(super) fn environment(name: &str, table: &Table, sources: Vec<Arc<Source>>) -> Result<Environment, Problems> {
    let mut problems = Problems::default();
    let top = keys::names(keys::FILE);
    for (key, entry) in table {
        if !top.contains(&key.as_str()) {
            let problem = Problem::error(codes::UNKNOWN_KEY, format!("environment files have no key `{key}`"))
                .at(entry.key.clone(), "");
            let table_of = |keys: &[&str]| keys.contains(&key.as_str());
            problems.push(if table_of(&keys::names(keys::ENVIRONMENT)) {
                problem.hint(format!("`{key}` belongs into the table [environment]"))
            } else {
                field::with_suggestion(problem, key, top.iter().copied(), "they have")
            });
        }
    }
    let start = sources.first().map(|source| Span::new(source, 0..0));
    let missing = Missing { start };
    let project = project(table, &missing, &mut problems);
    let target = target(table, &missing, &mut problems);
    let backend = backend(table, project.as_ref(), target.as_ref(), &mut problems);
    let tags = tags(table, &mut problems);
    let stacks = stacks(table, &missing, &mut problems);
    let workloads = workloads(table, &stacks, &mut problems);
    let waivers = waivers(table, &stacks, &mut problems);
    if let Some(project) = &project {
        for stack in stacks.values() {
            check_stack_name(project, name, &stack.name, &mut problems);
        }
    }
    match (project, target, backend) {
        (Some(project), Some(target), Some(backend)) if !problems.has_errors() => Ok(Environment {
            name: name.to_owned(),
            project,
            account: target.account,
            region: target.region,
            role_arn: target.role_arn,
            protect: target.protect,
            on_failure: target.on_failure,
            backend,
            tags,
            stacks,
            workloads,
            waivers,
            sources,
        }),
        _ => Err(problems),
    }
}

/// Whether `name` is lower-case letters, digits and hyphens, beginning with a letter and not ending in a hyphen.
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.ends_with('-')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// Where to point when something is absent: the top of the environment's own file, or the table that lacks it.
struct Missing {
    start: Option<Span>,
}

impl Missing {
    fn problem(&self, message: String, table: Option<&Entry>) -> Problem {
        let problem = Problem::error(codes::MISSING_SETTING, message);
        match table.map(|entry| entry.key.clone()).or_else(|| self.start.clone()) {
            Some(span) => problem.at(span, ""),
            None => problem,
        }
    }
}

fn project(table: &Table, missing: &Missing, problems: &mut Problems) -> Option<Spanned<String>> {
    let section = field::table(table, "project", problems);
    if let Some(section) = section {
        field::unknown_keys(
            section,
            &keys::names(keys::PROJECT),
            "[project]",
            codes::UNKNOWN_KEY,
            problems,
        );
    }
    let Some(name) = section.and_then(|section| field::string(section, "name", problems)) else {
        if !section.is_some_and(|section| section.contains_key("name")) {
            problems.push(
                missing
                    .problem("the project has no name".into(), table.get("project"))
                    .hint("add to this file or to one that it extends:  [project]  name = \"my-project\""),
            );
        }
        return None;
    };
    if !is_name(&name.value) {
        problems.push(bad_name("project", &name));
    }
    Some(name)
}

fn bad_name(what: &str, name: &Spanned<String>) -> Problem {
    let problem = Problem::error(codes::INVALID_NAME, format!("`{}` cannot be the name of a {what}", name.value))
        .at(name.span.clone(), "")
        .note("names are lower-case letters, digits and hyphens, and begin with a letter: they become parts of CloudFormation's");
    let mended: String = name
        .value
        .to_lowercase()
        .chars()
        .map(|c| if c == '_' || c == ' ' || c == '.' { '-' } else { c })
        .collect();
    if is_name(&mended) {
        problem.hint(format!("for example: {mended}"))
    } else {
        problem
    }
}

fn stacks(table: &Table, missing: &Missing, problems: &mut Problems) -> IndexMap<String, StackSpec> {
    let Some(section) = field::table(table, "stacks", problems) else {
        if !table.contains_key("stacks") {
            problems.push(
                missing
                    .problem("the environment has no stacks".into(), None)
                    .hint("add one:  [stacks.network]  module = \"vpc\"")
                    .hint("`mlinfra module list` shows what there is"),
            );
        }
        return IndexMap::new();
    };
    let mut stacks = IndexMap::new();
    for (name, entry) in section {
        let name = Spanned {
            value: name.clone(),
            span: entry.key.clone(),
        };
        if !is_name(&name.value) {
            problems.push(bad_name("stack", &name));
        }
        let Some(body) = field::table(section, &name.value, problems) else {
            continue;
        };
        match field::string(body, "module", problems) {
            Some(module) => {
                let inputs = without(body, &["module"]);
                let key = name.value.clone();
                stacks.insert(key, StackSpec { name, module, inputs });
            }
            None if body.contains_key("module") => {}
            None => problems.push(
                missing
                    .problem(format!("the stack `{}` has no `module`", name.value), Some(entry))
                    .hint("for example: module = \"vpc\"; `mlinfra module list` shows what there is"),
            ),
        }
    }
    stacks
}

/// "CreateStack", CloudFormation API Reference: `[a-zA-Z][-a-zA-Z0-9]*`, at most 128 characters.
fn check_stack_name(project: &Spanned<String>, environment: &str, stack: &Spanned<String>, problems: &mut Problems) {
    let name = format!("{}-{environment}-{}", project.value, stack.value);
    if name.len() > 128 {
        problems.push(
            Problem::error(
                codes::INVALID_NAME,
                format!(
                    "the stack would be called `{name}`, which is {} characters long",
                    name.len()
                ),
            )
            .at(stack.span.clone(), "")
            .at(project.span.clone(), "the project's name is part of it")
            .note("CloudFormation takes 128"),
        );
    }
}

fn without(table: &Table, keys: &[&str]) -> Table {
    let kept = table.iter().filter(|(key, _)| !keys.contains(&key.as_str()));
    kept.map(|(key, entry)| (key.clone(), entry.clone())).collect()
}
