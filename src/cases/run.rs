//! Runs the cases of test files, several at the same time.

use std::collections::VecDeque;
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

/// Whoever is told how a run goes on; by one thread at a time.
pub trait Watcher: Sync {
    /// So many cases have been run.
    fn cases(&self, done: usize);
    /// All cases of a module have been run, and those of every module before it.
    fn module(&self, module: &TestedModule);
}

/// Runs every case whose name holds `filter`, `parallelism` at the same time, and tells `watcher`.
pub fn run(
    suites: &[Suite<'_>],
    catalogue: &Catalogue,
    today: jiff::civil::Date,
    filter: Option<&str>,
    parallelism: usize,
    watcher: &dyn Watcher,
) -> Tested {
    let clock = Clock::real();
    let mut jobs: Vec<Job<'_>> = suites
        .iter()
        .enumerate()
        .flat_map(|(number, suite)| jobs(number, suite, filter))
        .collect();
    // One module after the other, so that something can be told soon; of one, what is deployed takes longest, so it
    // begins first.
    jobs.sort_by_key(|job| (job.suite, std::cmp::Reverse(job.weight())));
    let next = AtomicUsize::new(0);
    let running = Mutex::new(Running::new(suites, &jobs));
    std::thread::scope(|scope| {
        for _ in 0..parallelism.clamp(1, jobs.len().max(1)) {
            scope.spawn(|| {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let Some(suite) = suites.get(job.suite) else { continue };
                    let ground = Ground {
                        file: &suite.file,
                        catalogue,
                        policy: suite.policy,
                        today,
                    };
                    let cases = job.run(&ground);
                    let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
                    running.ended(job.suite, cases, watcher);
                }
            });
        }
    });
    let running = running.into_inner().unwrap_or_else(PoisonError::into_inner);
    running.tested(&clock)
}

/// What has been run so far.
struct Running {
    open: VecDeque<OpenModule>,
    /// The number of the first of `open`.
    first: usize,
    done: usize,
    ended: Vec<TestedModule>,
}

/// A module some of whose cases are still to be run, or those of a module before it.
struct OpenModule {
    module: TestedModule,
    /// How many jobs are left.
    jobs: usize,
    /// What was run, and its place.
    cases: Vec<(usize, TestedCase)>,
}

impl Running {
    fn new(suites: &[Suite<'_>], jobs: &[Job<'_>]) -> Self {
        let open = suites.iter().enumerate().map(|(number, suite)| OpenModule {
            module: TestedModule {
                module: suite.file.module.clone(),
                file: suite.file.source.path.clone(),
                cases: Vec::new(),
            },
            jobs: jobs.iter().filter(|job| job.suite == number).count(),
            cases: Vec::new(),
        });
        Self {
            open: open.collect(),
            first: 0,
            done: 0,
            ended: Vec::new(),
        }
    }

    /// Takes the cases of a job in, and tells of the modules that are complete by it.
    fn ended(&mut self, suite: usize, cases: Vec<(usize, TestedCase)>, watcher: &dyn Watcher) {
        self.done += cases.len();
        if let Some(open) = suite.checked_sub(self.first).and_then(|at| self.open.get_mut(at)) {
            open.jobs = open.jobs.saturating_sub(1);
            open.cases.extend(cases);
        }
        while let Some(mut complete) = self.open.pop_front_if(|open| open.jobs == 0) {
            self.first += 1;
            complete.cases.sort_by_key(|(place, _)| *place);
            let mut module = complete.module;
            module.cases = complete.cases.into_iter().map(|(_, case)| case).collect();
            if !module.cases.is_empty() {
                watcher.module(&module);
                self.ended.push(module);
            }
        }
        watcher.cases(self.done);
    }

    fn tested(self, clock: &Clock) -> Tested {
        let counts = self.ended.iter().map(TestedModule::counts);
        let (passed, failed) = counts.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        Tested {
            modules: self.ended,
            passed,
            failed,
            milliseconds: milliseconds(clock),
        }
    }
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
