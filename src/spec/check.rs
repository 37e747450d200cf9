//! From a merged table to an [`Environment`]: everything that is wrong, at once.

use std::sync::Arc;

use indexmap::IndexMap;

use super::syntax::Table;
use super::{Data, Entry, Environment, Spanned, StackSpec, field, keys};
use crate::diagnostic::{Problem, Problems, Source, Span, closest, codes};

mod backend;
mod modules;
mod tags;
mod target;
mod waivers;
mod workloads;

use backend::backend;
use modules::modules;
use tags::tags;
use target::target;
use waivers::waivers;
use workloads::{Around, alarms, training, workloads};

/// The smallest environment file.
const LEAST: &str = "[project]\nname = \"my-project\"\n\n[environment]\naccount = \"111122223333\"\nregion = \"us-east-1\"\n\n[stacks.network]\nmodule = \"vpc\"";

pub(super) fn environment(name: &str, table: &Table, sources: Vec<Arc<Source>>) -> Result<Environment, Problems> {
    let mut problems = Problems::default();
    let top = keys::names(keys::FILE);
    let mut meant = Vec::new();
    for (key, entry) in table {
        if !top.contains(&key.as_str()) {
            let problem = Problem::error(codes::UNKNOWN_KEY, format!("environment files have no key `{key}`"))
                .at(entry.key.clone(), "");
            problems.push(if keys::names(keys::ENVIRONMENT).contains(&key.as_str()) {
                meant.push(key.as_str());
                problem.hint(format!("`{key}` belongs into the table [environment]"))
            } else {
                meant.extend(closest(key, top.iter().copied()));
                field::with_suggestion(problem, key, top.iter().copied(), "they have")
            });
        }
    }
    let start = sources.first().map(|source| Span::new(source, 0..0));
    let missing = Missing { start, meant };
    if table.is_empty() {
        return Err(missing
            .problem("nothing is said about this environment".into(), None)
            .hint(format!("the least that it needs:\n{LEAST}"))
            .hint("`mlinfra init` writes a whole project")
            .into());
    }
    let project = project(table, &missing, &mut problems);
    let target = target(table, &missing, &mut problems);
    let backend = backend(table, project.as_ref(), target.as_ref(), &mut problems);
    let tags = tags(table, &mut problems);
    let modules = modules(table, &mut problems);
    let stacks = stacks(table, &missing, &mut problems);
    let prefix = format!("{}-{name}", project.as_ref().map_or("", |project| &project.value));
    let around = Around {
        stacks: &stacks,
        protect: target.as_ref().is_some_and(|target| target.protect),
        prefix: &prefix,
    };
    let workloads = workloads(table, around, &mut problems);
    alarms(&stacks, &workloads, &mut problems);
    let training = training(table, around, &mut problems);
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
            permissions_boundary: target.permissions_boundary,
            protect: target.protect,
            on_failure: target.on_failure,
            backend,
            tags,
            modules,
            stacks,
            workloads,
            training,
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
struct Missing<'a> {
    start: Option<Span>,
    /// Keys that are written elsewhere or misspelt, which was told: they are not told again as missing.
    meant: Vec<&'a str>,
}

impl Missing<'_> {
    fn is_told(&self, key: &str) -> bool {
        self.meant.contains(&key)
    }

    fn problem(&self, message: String, table: Option<&Entry>) -> Problem {
        let problem = Problem::error(codes::MISSING_SETTING, message);
        match table.map(|entry| entry.key.clone()).or_else(|| self.start.clone()) {
            Some(span) => problem.at(span, ""),
            None => problem,
        }
    }
}

fn project(table: &Table, missing: &Missing<'_>, problems: &mut Problems) -> Option<Spanned<String>> {
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
        let lacks = match (table.get("project"), section) {
            (None, _) => !missing.is_told("project") && field::lacks(table, "project", &keys::names(keys::FILE)),
            (Some(_), Some(section)) => field::lacks(section, "name", &keys::names(keys::PROJECT)),
            // What stands there is no table, and that was told.
            (Some(_), None) => false,
        };
        if lacks {
            problems.push(
                missing
                    .problem("the project has no name".into(), table.get("project"))
                    .hint("add to this file or to one that it extends:\n[project]\nname = \"my-project\""),
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
    let problem = Problem::error(
        codes::INVALID_NAME,
        format!("`{}` cannot be the name of a {what}", name.value),
    )
    .at(name.span.clone(), "")
    .note("names are lower-case letters, digits and hyphens, begin with a letter and do not end in a hyphen")
    .note("they become parts of the names that CloudFormation gives");
    match mended(&name.value) {
        Some(mended) => problem.hint(format!("for example: {mended}")),
        None => problem,
    }
}

/// The name that `written` was near to: `ShopML` and `shop_ml` become `shop-ml`.
fn mended(written: &str) -> Option<String> {
    let mut name = String::new();
    let mut before = '-';
    for c in written.trim().chars() {
        let hyphen = c.is_ascii_uppercase() && before.is_ascii_lowercase();
        if hyphen && !name.ends_with('-') {
            name.push('-');
        }
        before = c;
        match c {
            '_' | ' ' | '.' | '/' | ':' => name.push('-'),
            c => name.extend(c.to_lowercase()),
        }
    }
    let name = name.trim_matches('-').to_owned();
    is_name(&name).then_some(name)
}

fn stacks(table: &Table, missing: &Missing<'_>, problems: &mut Problems) -> IndexMap<String, StackSpec> {
    let Some(section) = field::table(table, "stacks", problems) else {
        if !missing.is_told("stacks") && field::lacks(table, "stacks", &keys::names(keys::FILE)) {
            problems.push(
                missing
                    .problem("the environment has no stacks".into(), None)
                    .hint("add one:\n[stacks.network]\nmodule = \"vpc\"")
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
        if let Data::String(module) = &entry.value.value {
            let message = format!("the stack `{}` must be a table, this is a string", name.value);
            let problem = Problem::error(codes::WRONG_TYPE, message).at(entry.value.span.clone(), "");
            problems.push(problem.hint(format!("write:\n[stacks.{}]\nmodule = \"{module}\"", name.value)));
            continue;
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
            None => {
                let problem = missing.problem(format!("the stack `{}` has no `module`", name.value), Some(entry));
                let near = body.iter().find(|(key, _)| closest(key, ["module"]).is_some());
                problems.push(match near {
                    Some((key, near)) => problem
                        .at(near.key.clone(), "")
                        .hint(format!("did you mean `module` by `{key}`?")),
                    None => problem.hint("for example: module = \"vpc\"; `mlinfra module list` shows what there is"),
                });
            }
        }
    }
    stacks
}

/// "CreateStack", CloudFormation API Reference: `[a-zA-Z][-a-zA-Z0-9]*`, at most 128 characters.
fn check_stack_name(project: &Spanned<String>, environment: &str, stack: &Spanned<String>, problems: &mut Problems) {
    const LONGEST: usize = 128;
    let before = format!("{}-{environment}-", project.value);
    let length = before.len() + stack.value.len();
    if length > LONGEST {
        problems.push(
            Problem::error(
                codes::INVALID_NAME,
                format!("the name of this stack is too long: {length} characters with `{before}` before it"),
            )
            .at(stack.span.clone(), "")
            .at(project.span.clone(), "the project's name is part of it")
            .note(format!("CloudFormation takes {LONGEST}")),
        );
    }
}

fn without(table: &Table, keys: &[&str]) -> Table {
    let kept = table.iter().filter(|(key, _)| !keys.contains(&key.as_str()));
    kept.map(|(key, entry)| (key.clone(), entry.clone())).collect()
}
