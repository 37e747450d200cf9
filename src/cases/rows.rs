//! The combinations of `[pairwise]`: which there are, what each is called, and its environment.

use super::apply;
use super::compare;
use super::compose;
use super::model::{Expect, Pairwise, Setting, TestFile};
use super::outcome::{CaseKind, TestedCase};
use super::pairs::cover;
use super::read::{is_omitted, same};
use super::render::Ground;
use super::run::{line, milliseconds};
use crate::clock::Clock;
use crate::module::RenderedEnvironment;
use crate::spec::syntax::Table;
use crate::spec::{Entry, Value};

/// A combination.
#[derive(Debug, Clone)]
pub(super) struct Combination<'a> {
    pub(super) name: String,
    setting: Setting,
    pairwise: &'a Pairwise,
}

/// A combination that was rendered, if it could be.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) rendered: Option<RenderedEnvironment>,
    /// What the combination before it is called.
    pub(super) before: String,
}

/// All combinations of a file, in an order that is always the same.
pub(super) fn combinations(file: &TestFile) -> Vec<Combination<'_>> {
    let Some(pairwise) = &file.pairwise else {
        return Vec::new();
    };
    let sizes: Vec<usize> = pairwise.inputs.iter().map(|(_, values)| values.len()).collect();
    let allowed = |row: &[Option<usize>]| !pairwise.exclude.iter().any(|excluded| matches(pairwise, row, excluded));
    cover(&sizes, &allowed)
        .into_iter()
        .enumerate()
        .map(|(number, row)| combination(pairwise, number + 1, &row))
        .collect()
}

/// Whether every input that `excluded` names is decided, and has the value that is excluded.
fn matches(pairwise: &Pairwise, row: &[Option<usize>], excluded: &Table) -> bool {
    excluded.iter().all(|(name, entry)| {
        let mut inputs = pairwise.inputs.iter().zip(row);
        let found = inputs.find(|((input, _), _)| input.value == *name);
        let Some(((_, values), Some(chosen))) = found else {
            return false;
        };
        match values.get(*chosen) {
            Some(Some(value)) => same(&value.value, &entry.value.value),
            Some(None) => is_omitted(&entry.value.value),
            None => false,
        }
    })
}

fn combination<'a>(pairwise: &'a Pairwise, number: usize, row: &[usize]) -> Combination<'a> {
    let mut inputs = Table::new();
    let mut named = Vec::new();
    for ((name, values), chosen) in pairwise.inputs.iter().zip(row) {
        match values.get(*chosen) {
            Some(Some(value)) => {
                let entry = Entry {
                    key: name.span.clone(),
                    value: Value::clone(value),
                };
                inputs.insert(name.value.clone(), entry);
                named.push(format!("{}={}", name.value, compare::written(value).trim_matches('"')));
            }
            _ => named.push(format!("no {}", name.value)),
        }
    }
    // What `[defaults]` says of these inputs is replaced, not merged with, and gone where an input is left out.
    let reset = pairwise.inputs.iter().map(|(name, _)| name.clone());
    Combination {
        name: format!("pairwise {number}: {}", named.join(", ")),
        setting: Setting {
            inputs,
            reset: reset.collect(),
            ..Setting::default()
        },
        pairwise,
    }
}

/// Renders and deploys combinations one after the other.
pub(super) fn run(ground: &Ground<'_>, combinations: &[Combination<'_>]) -> Vec<TestedCase> {
    let mut rows = Vec::new();
    let mut tested = Vec::new();
    let mut before = String::new();
    let mut stack = ground.file.module.clone();
    for one in combinations {
        let clock = Clock::real();
        let span = &one.pairwise.span;
        let layers = [&ground.file.defaults, &one.pairwise.setting, &one.setting];
        stack = compose::stack_name(&ground.file.module, &layers).to_owned();
        let (rendered, failures) = ground.render(&layers, &Expect::default(), span);
        rows.push(Row {
            rendered,
            before: before.clone(),
        });
        before = one.name.split(':').next().unwrap_or_default().to_owned();
        tested.push(TestedCase {
            name: one.name.clone(),
            kind: CaseKind::Pairwise,
            line: line(span),
            milliseconds: milliseconds(&clock),
            failures,
            notes: Vec::new(),
        });
    }
    let clock = Clock::real();
    let results = apply::sequence(&rows, &stack);
    let share = milliseconds(&clock) / u64::try_from(tested.len().max(1)).unwrap_or(1);
    for (case, (failures, notes)) in tested.iter_mut().zip(results) {
        case.failures.extend(failures);
        case.notes = notes;
        case.milliseconds += share;
    }
    tested
}
