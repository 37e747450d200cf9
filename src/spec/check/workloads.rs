//! `[workloads.*]`: what runs on the stacks.

use indexmap::IndexMap;

use super::super::syntax::Table;
use super::super::{Data, Spanned, StackSpec, WorkloadSpec, field, keys};
use super::{bad_name, is_name, without};
use crate::diagnostic::{Problem, Problems, codes};

pub(super) fn workloads(
    table: &Table,
    stacks: &IndexMap<String, StackSpec>,
    problems: &mut Problems,
) -> IndexMap<String, WorkloadSpec> {
    let Some(section) = field::table(table, "workloads", problems) else {
        return IndexMap::new();
    };
    let written_stacks: Vec<&str> = match table.get("stacks").map(|entry| &entry.value.value) {
        Some(Data::Table(written)) => written.keys().map(String::as_str).collect(),
        _ => stacks.keys().map(String::as_str).collect(),
    };
    let kinds = keys::choices(keys::WORKLOAD, "kind");
    let mut workloads = IndexMap::new();
    for (name, entry) in section {
        let name = Spanned {
            value: name.clone(),
            span: entry.key.clone(),
        };
        if !is_name(&name.value) {
            problems.push(bad_name("workload", &name));
        }
        let Some(body) = field::table(section, &name.value, problems) else {
            continue;
        };
        for (key, hint) in [
            ("kind", "kind = \"api\", \"batch\" or \"stream\""),
            ("on", "on = \"cluster\": the stack that it runs on"),
        ] {
            if field::lacks(body, key, &["kind", "on"]) {
                let problem = Problem::error(
                    codes::MISSING_SETTING,
                    format!("the workload `{}` has no `{key}`", name.value),
                );
                problems.push(problem.at(entry.key.clone(), "").hint(hint));
            }
        }
        let kind = field::string(body, "kind", problems);
        if let Some(kind) = &kind
            && !kinds.contains(&kind.value.as_str())
        {
            let problem = Problem::error(codes::INVALID_CHOICE, format!("a workload cannot be `{}`", kind.value))
                .at(kind.span.clone(), "");
            problems.push(field::with_suggestion(
                problem,
                &kind.value,
                kinds.iter().copied(),
                "it can be",
            ));
        }
        let on = field::string(body, "on", problems);
        if let Some(on) = &on
            && !written_stacks.contains(&on.value.as_str())
        {
            let problem = Problem::error(codes::WORKLOAD_TARGET, format!("there is no stack `{}`", on.value))
                .at(on.span.clone(), "");
            let of_module = stacks.values().find(|stack| stack.module.value == on.value);
            let referred = on
                .value
                .strip_prefix("${")
                .and_then(|rest| rest.split(['.', '}']).next());
            problems.push(match (of_module, referred) {
                (Some(stack), _) => {
                    let name = &stack.name.value;
                    problem.hint(format!(
                        "`{}` is a module; the stack of that module is `{name}`",
                        on.value
                    ))
                }
                (None, Some(name)) if written_stacks.contains(&name) => problem.hint(format!("write: on = \"{name}\"")),
                _ => field::with_suggestion(problem, &on.value, written_stacks.iter().copied(), "there are"),
            });
        }
        if let (Some(kind), Some(on)) = (kind, on) {
            let settings = without(body, &["kind", "on"]);
            let key = name.value.clone();
            workloads.insert(
                key,
                WorkloadSpec {
                    name,
                    kind,
                    on,
                    settings,
                },
            );
        }
    }
    workloads
}
