//! `[workloads.*]`: what runs on the stacks.

use indexmap::IndexMap;

use super::super::conform::conform;
use super::super::syntax::Table;
use super::super::workload::{Kind, Platform};
use super::super::{Data, Entry, Spanned, StackSpec, Workload, field, keys};
use super::{bad_name, is_name};
use crate::diagnostic::{Problem, Problems, Span, codes};

mod fit;
mod image;
mod neighbours;
mod read;
mod schedule;
mod training;

pub(super) use training::training;

/// "CronJob", Kubernetes: eleven characters of 63 are for what it adds to the names of its jobs.
const LONGEST_NAME: usize = 52;

/// What the workloads of an environment have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) stacks: &'a IndexMap<String, StackSpec>,
    pub(super) protect: bool,
    /// What names in AWS begin with, `PROJECT-ENVIRONMENT`.
    pub(super) prefix: &'a str,
}

/// One workload while it is read: what it is, and what it stands beside.
#[derive(Debug, Clone, Copy)]
struct Subject<'a> {
    name: &'a Spanned<String>,
    body: &'a Table,
    kind: Kind,
    platform: Platform,
    stack: &'a StackSpec,
    around: Around<'a>,
}

impl Subject<'_> {
    /// Where `key` was written; the workload's name if it was not.
    fn span(&self, key: &str) -> Span {
        self.body
            .get(key)
            .map_or_else(|| self.name.span.clone(), |entry| entry.key.clone())
    }
}

pub(super) fn workloads(table: &Table, around: Around<'_>, problems: &mut Problems) -> IndexMap<String, Workload> {
    let mut workloads = IndexMap::new();
    let Some(section) = field::table(table, "workloads", problems) else {
        return workloads;
    };
    let written_stacks: Vec<&str> = match table.get("stacks").map(|entry| &entry.value.value) {
        Some(Data::Table(written)) => written.keys().map(String::as_str).collect(),
        _ => around.stacks.keys().map(String::as_str).collect(),
    };
    for (name, entry) in section {
        let name = Spanned {
            value: name.clone(),
            span: entry.key.clone(),
        };
        check_name(&name, problems);
        let Some(body) = field::table(section, &name.value, problems) else {
            continue;
        };
        let before = problems.0.len();
        let place = format!("the workload `{}`", name.value);
        conform(body, keys::WORKLOAD, &place, &name.span, problems);
        let kind = kind(body);
        let Some(on) = read::text(body, "on") else { continue };
        if !written_stacks.contains(&on.value.as_str()) {
            problems.push(no_such_stack(&on, around.stacks, &written_stacks));
            continue;
        }
        let (Some(kind), Some(stack)) = (kind, around.stacks.get(&on.value)) else {
            continue;
        };
        let Some(platform) = platform(stack, &on, kind, problems) else {
            continue;
        };
        let subject = Subject {
            name: &name,
            body,
            kind,
            platform,
            stack,
            around,
        };
        fit::check(&subject, problems);
        let workload = read::workload(&subject, on, problems);
        if let (Some(workload), true) = (workload, problems.0.len() == before) {
            workloads.insert(name.value.clone(), workload);
        }
    }
    workloads
}

/// Refuses alarms on endpoints that no workload makes: nobody would miss them until a bad version is not taken back.
pub(super) fn alarms(
    stacks: &IndexMap<String, StackSpec>,
    workloads: &IndexMap<String, Workload>,
    problems: &mut Problems,
) {
    // A workload that could not be read is not missing; where there are none, as in the cases of modules, nothing is shipped.
    if problems.has_errors() || workloads.is_empty() {
        return;
    }
    for stack in stacks.values().filter(|stack| stack.module.value == "sagemaker") {
        let Some(Data::Table(named)) = stack.inputs.get("workload_alarms").map(|entry| &entry.value.value) else {
            continue;
        };
        let here = || {
            let served = workloads
                .values()
                .filter(|workload| workload.kind == Kind::Api && workload.on.value == stack.name.value);
            served.map(|workload| workload.name.value.as_str())
        };
        for (name, entry) in named
            .iter()
            .filter(|(name, _)| here().all(|other| other != name.as_str()))
        {
            let message = format!("no `api` called `{name}` runs on `{}`", stack.name.value);
            let problem = Problem::error(codes::WORKLOAD_TARGET, message)
                .at(entry.key.clone(), "")
                .note("`workload_alarms` watch the endpoints of workloads, by their names");
            let known: Vec<&str> = here().collect();
            problems.push(match known.is_empty() {
                true => problem.hint("remove it, or write the workload"),
                false => field::with_suggestion(problem, name, known, "it has"),
            });
        }
    }
}

fn check_name(name: &Spanned<String>, problems: &mut Problems) {
    if !is_name(&name.value) {
        problems.push(bad_name("workload", name));
    } else if name.value.len() > LONGEST_NAME {
        let length = name.value.len();
        let message = format!("the name of this workload is too long: {length} characters");
        problems.push(
            Problem::error(codes::INVALID_NAME, message)
                .at(name.span.clone(), "")
                .note(format!("Kubernetes takes {LONGEST_NAME} where a batch has a schedule")),
        );
    }
}

fn kind(body: &Table) -> Option<Kind> {
    let kinds = [Kind::Api, Kind::Batch, Kind::Stream];
    let written = read::text(body, "kind")?;
    kinds.into_iter().find(|kind| kind.name() == written.value)
}

fn no_such_stack(on: &Spanned<String>, stacks: &IndexMap<String, StackSpec>, written: &[&str]) -> Problem {
    let problem =
        Problem::error(codes::WORKLOAD_TARGET, format!("there is no stack `{}`", on.value)).at(on.span.clone(), "");
    let of_module = stacks.values().find(|stack| stack.module.value == on.value);
    let referred = on
        .value
        .strip_prefix("${")
        .and_then(|rest| rest.split(['.', '}']).next());
    match (of_module, referred) {
        (Some(stack), _) => {
            let name = &stack.name.value;
            problem.hint(format!(
                "`{}` is a module; the stack of that module is `{name}`",
                on.value
            ))
        }
        (None, Some(name)) if written.contains(&name) => problem.hint(format!("write: on = \"{name}\"")),
        _ => field::with_suggestion(problem, &on.value, written.iter().copied(), "there are"),
    }
}

/// What the stack makes of a workload, as far as it runs this kind.
fn platform(stack: &StackSpec, on: &Spanned<String>, kind: Kind, problems: &mut Problems) -> Option<Platform> {
    let module = &stack.module.value;
    let all = [Platform::Eks, Platform::Ecs, Platform::SageMaker];
    let refuse = |message: String| {
        Problem::error(codes::WORKLOAD_PLATFORM, message)
            .at(on.span.clone(), "")
            .at(stack.module.span.clone(), format!("`{}` is made here", on.value))
    };
    let Some(platform) = all.into_iter().find(|platform| platform.module() == module) else {
        problems.push(
            refuse(format!(
                "nothing can run on `{}`, which is of the module `{module}`",
                on.value
            ))
            .hint("workloads run on stacks of the modules `eks`, `ecs` and `sagemaker`"),
        );
        return None;
    };
    if platform == Platform::SageMaker && kind == Kind::Stream {
        problems.push(
            refuse("SageMaker follows no streams".to_owned())
                .note("its endpoints answer requests, and its jobs end")
                .hint("run it on an `eks` or `ecs` stack; it may call the endpoint from there"),
        );
        return None;
    }
    Some(platform)
}

/// The literal table that the file gives the stack as `input`; none if it gives none.
fn table_input<'a>(stack: &'a StackSpec, input: &str) -> Option<&'a IndexMap<String, Entry>> {
    match &stack.inputs.get(input)?.value.value {
        Data::Table(table) => Some(table),
        _ => None,
    }
}

/// The strings that the file gives the stack as `input`; none unless all of them are written out.
fn strings_input<'a>(stack: &'a StackSpec, input: &str) -> Option<Vec<&'a str>> {
    let Data::Array(items) = &stack.inputs.get(input)?.value.value else {
        return None;
    };
    items
        .iter()
        .map(|item| match &item.value {
            Data::String(text) if !text.starts_with("${") => Some(text.as_str()),
            _ => None,
        })
        .collect()
}
