//! Runs the cases of test files, several at the same time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::apply;
use super::model::{Case, TestFile};
use super::outcome::{CaseKind, Tested, TestedCase, TestedModule};
use super::render::Ground;
use super::rows::{self, Combination};
use crate::clock::Clock;
use crate::diagnostic::Span;
use crate::module::Catalogue;
use crate::policy::Policy;

/// A test file, and what it is held against.
#[derive(Debug)]
pub struct Suite<'a> {
    /// The file.
    pub file: TestFile,
    /// The policy that its environments have to keep.
    pub policy: &'a Policy,
}

/// The names of the cases that `filter` lets through, in the order in which they are shown.
pub fn names(suite: &Suite<'_>, filter: Option<&str>) -> Vec<String> {
    jobs(0, suite, filter).iter().flat_map(Job::names).collect()
}

/// Runs every case whose name holds `filter`, `parallelism` at the same time.
pub fn run(
    suites: &[Suite<'_>],
    catalogue: &Catalogue,
    today: jiff::civil::Date,
    filter: Option<&str>,
    parallelism: usize,
) -> Tested {
    let clock = Clock::real();
    let jobs: Vec<Job<'_>> = suites
        .iter()
        .enumerate()
        .flat_map(|(number, suite)| jobs(number, suite, filter))
        .collect();
    // What is deployed takes longest, so it begins first.
    let mut order: Vec<&Job<'_>> = jobs.iter().collect();
    order.sort_by_key(|job| std::cmp::Reverse(job.weight()));
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, usize, TestedCase)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..parallelism.clamp(1, order.len().max(1)) {
            scope.spawn(|| {
                while let Some(job) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let Some(suite) = suites.get(job.suite) else { continue };
                    let ground = Ground {
                        file: &suite.file,
                        catalogue,
                        policy: suite.policy,
                        today,
                    };
                    let cases = job.run(&ground);
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    let placed = cases.into_iter().map(|(place, case)| (job.suite, place, case));
                    done.extend(placed);
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(suite, place, _)| (*suite, *place));
    gathered(suites, done, &clock)
}

fn gathered(suites: &[Suite<'_>], done: Vec<(usize, usize, TestedCase)>, clock: &Clock) -> Tested {
    let mut tested = Tested::default();
    let mut modules: Vec<TestedModule> = suites
        .iter()
        .map(|suite| TestedModule {
            module: suite.file.module.clone(),
            file: suite.file.source.path.clone(),
            cases: Vec::new(),
        })
        .collect();
    for (suite, _, case) in done {
        if case.holds() {
            tested.passed += 1;
        } else {
            tested.failed += 1;
        }
        if let Some(module) = modules.get_mut(suite) {
            module.cases.push(case);
        }
    }
    modules.retain(|module| !module.cases.is_empty());
    tested.modules = modules;
    tested.milliseconds = milliseconds(clock);
    tested
}

/// Something that one thread does.
struct Job<'a> {
    /// Which file.
    suite: usize,
    /// The place of its first case among those of the file.
    place: usize,
    work: Work<'a>,
}

enum Work<'a> {
    Case(&'a Case),
    /// Combinations that follow each other in one account.
    Combinations(Vec<Combination<'a>>),
}

/// How many combinations follow each other in one account: long enough to see updates, short enough that several
/// processors have something to do.
const CHAIN: usize = 6;

fn jobs<'a>(number: usize, suite: &'a Suite<'_>, filter: Option<&str>) -> Vec<Job<'a>> {
    let wanted = |name: &str| filter.is_none_or(|filter| name.contains(filter));
    let cases = suite.file.cases.iter().enumerate();
    let mut jobs: Vec<Job<'a>> = cases
        .filter(|(_, case)| wanted(&case.name.value))
        .map(|(place, case)| Job {
            suite: number,
            place,
            work: Work::Case(case),
        })
        .collect();
    let mut combinations = rows::combinations(&suite.file);
    combinations.retain(|combination| wanted(&combination.name));
    for (chain, some) in combinations.chunks(CHAIN).enumerate() {
        jobs.push(Job {
            suite: number,
            place: suite.file.cases.len() + chain * CHAIN,
            work: Work::Combinations(some.to_vec()),
        });
    }
    jobs
}

impl Job<'_> {
    fn names(&self) -> Vec<String> {
        match &self.work {
            Work::Case(case) => vec![case.name.value.clone()],
            Work::Combinations(some) => some.iter().map(|one| one.name.clone()).collect(),
        }
    }

    /// Roughly how long it takes.
    fn weight(&self) -> usize {
        match &self.work {
            Work::Case(case) => case.apply.as_ref().map_or(0, |apply| apply.steps.len() + 2),
            Work::Combinations(some) => some.len() + 1,
        }
    }

    fn run(&self, ground: &Ground<'_>) -> Vec<(usize, TestedCase)> {
        match &self.work {
            Work::Case(case) => vec![(self.place, one(ground, case))],
            Work::Combinations(some) => {
                let tested = rows::run(ground, some);
                tested
                    .into_iter()
                    .enumerate()
                    .map(|(at, case)| (self.place + at, case))
                    .collect()
            }
        }
    }
}

fn one(ground: &Ground<'_>, case: &Case) -> TestedCase {
    let clock = Clock::real();
    let layers = [&ground.file.defaults, &case.setting];
    let (rendered, mut failures) = ground.render(&layers, &case.expect, &case.name.span);
    if let (Some(apply), Some(rendered)) = (&case.apply, &rendered) {
        failures.extend(apply::case(ground, case, apply, rendered));
    }
    TestedCase {
        name: case.name.value.clone(),
        kind: if case.apply.is_some() {
            CaseKind::Apply
        } else {
            CaseKind::Render
        },
        line: line(&case.name.span),
        milliseconds: milliseconds(&clock),
        failures,
        notes: Vec::new(),
    }
}

pub(super) fn line(span: &Span) -> usize {
    span.line_column().0
}

pub(super) fn milliseconds(clock: &Clock) -> u64 {
    u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX)
}
