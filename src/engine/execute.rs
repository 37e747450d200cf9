//! The run itself: starts what is ready, takes in what ended, stops when told to.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use super::event::{Event, Outcome};
use super::journal::Journal;
use super::run::Ended;
use super::schedule::{Fate, Schedule};
use super::watch::Watch;
use super::{Context, Templates, delete, run};
use crate::aws::session::Session;
use crate::diagnostic::Problem;
use crate::module::RenderedEnvironment;
use crate::plan::{Action, Deployed, LiveStack, Plan, StackPlan, output_sources};
use crate::spec::OnFailure;
use crate::state::DeployedStack;

/// How long the state may still be written when the user leaves at once.
const HURRY: Duration = Duration::from_secs(3);

/// What is executed, and with what.
#[derive(Debug)]
pub struct Execution<'a> {
    /// The way into AWS.
    pub session: &'a Session,
    /// The plan.
    pub plan: &'a Plan,
    /// The environment that it was made from; none if only the state was left.
    pub rendered: Option<&'a RenderedEnvironment>,
    /// What was read when the plan was made, or read again and compared since.
    pub deployed: &'a Deployed,
    /// The operation's id; client tokens are derived from it.
    pub operation: &'a str,
    /// How to go about it.
    pub options: &'a Options,
    /// How large templates get to CloudFormation.
    pub templates: &'a Templates<'a>,
    /// Where finished stacks are remembered.
    pub journal: &'a Journal<'a>,
    /// Who listens.
    pub events: &'a UnboundedSender<Event>,
    /// Who stops it.
    pub stop: &'a Stop,
    /// Fires when the lock's lease is lost: nothing new is begun from then on.
    pub lost: &'a CancellationToken,
}

/// How to go about it.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many stacks at most are worked on at the same time.
    pub parallelism: usize,
    /// What becomes of a stack that fails.
    pub on_failure: OnFailure,
    /// Whether buckets that hold objects may be emptied to be deleted; never done in a protected environment.
    pub empty_buckets: bool,
}

/// How a run is stopped. Both are level-triggered and stay.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Start nothing new and finish what runs: the first Ctrl-C, or a lost lease.
    pub nothing_new: CancellationToken,
    /// Leave at once; what runs in AWS goes on: the second Ctrl-C.
    pub now: CancellationToken,
}

/// How one stack ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// The stack's name in the environment.
    pub stack: String,
    /// What was planned.
    pub action: Action,
    /// How it ended.
    pub outcome: Outcome,
    /// Simulated time from its start to its end; zero if it did not start.
    pub elapsed: Duration,
}

/// How a run ended.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Every stack of the plan, in the plan's order.
    pub stacks: Vec<Finished>,
    /// Outputs of the stacks that are as they should be: stack, contract's name, value.
    pub outputs: BTreeMap<String, BTreeMap<String, String>>,
    /// Whether the run was stopped before its end.
    pub stopped: bool,
    /// What kept the state from being written, or the stacks from being watched.
    pub problems: Vec<Problem>,
}

impl Summary {
    /// Whether everything is as planned.
    pub fn is_complete(&self) -> bool {
        self.problems.is_empty()
            && self
                .stacks
                .iter()
                .all(|stack| matches!(stack.outcome, Outcome::Done | Outcome::Unchanged))
    }

    /// Whether something was changed although not everything was: exit code 6.
    pub fn is_partial(&self) -> bool {
        !self.is_complete() && self.stacks.iter().any(|stack| stack.outcome == Outcome::Done)
    }
}

/// Carries out a plan. Stacks whose inputs are known start at once, up to the options' number; a failure keeps back only
/// what depends on it. Ends when nothing runs any more, or at once when told to.
pub async fn execute(execution: Execution<'_>) -> Summary {
    let clock = execution.session.clock;
    let context = Context {
        session: execution.session,
        plan: execution.plan,
        environment: execution.rendered,
        deployed: execution.deployed,
        operation: execution.operation,
        options: execution.options,
        stop: execution.stop,
        templates: execution.templates,
        journal: execution.journal,
        watch: Watch::new(execution.session, execution.events),
        events: execution.events,
        outputs: std::sync::Mutex::default(),
    };
    for (name, live) in &execution.deployed.stacks {
        context.know_outputs(name, &live.outputs);
    }
    let mut schedule = Schedule::new(execution.plan, execution.options.parallelism);
    let mut began: BTreeMap<String, Duration> = BTreeMap::new();
    let mut finished: BTreeMap<String, Finished> = BTreeMap::new();
    let mut summary = Summary::default();
    let writer = execution.journal.run();
    tokio::pin!(writer);
    let mut writing = true;
    {
        let mut running = FuturesUnordered::new();
        let poller = context.watch.run();
        tokio::pin!(poller);
        loop {
            for name in schedule.start() {
                if let Some(planned) = execution.plan.stack(&name) {
                    began.insert(name, clock.elapsed());
                    let work = one(&context, planned);
                    running.push(async move { (planned, work.await) });
                }
            }
            if running.is_empty() {
                break;
            }
            tokio::select! {
                biased;
                () = execution.stop.now.cancelled() => {
                    summary.stopped = true;
                    break;
                }
                () = execution.stop.nothing_new.cancelled(), if !summary.stopped => {
                    summary.stopped = true;
                    schedule.stop("the run was stopped");
                    context.tell(Event::Interrupted);
                }
                () = execution.lost.cancelled(), if !summary.stopped => {
                    summary.stopped = true;
                    schedule.stop("the lock was lost");
                    execution.stop.nothing_new.cancel();
                    context.tell(Event::Note("the lock was lost: nothing new is started, what runs is waited for".to_owned()));
                }
                Some((planned, ended)) = running.next() => {
                    let elapsed = began.get(&planned.name).map_or(Duration::ZERO, |at| clock.elapsed().saturating_sub(*at));
                    let one = take_in(&context, &mut schedule, planned, ended, elapsed);
                    finished.insert(one.stack.clone(), one);
                }
                problem = &mut writer, if writing => {
                    // The state belongs to someone else now: what runs is finished, nothing more is begun.
                    writing = false;
                    summary.stopped = true;
                    schedule.stop("another run has taken over");
                    execution.stop.nothing_new.cancel();
                    context.tell(Event::Note(format!("{}: nothing new is started, what runs is waited for", problem.message)));
                    summary.problems.push(problem);
                }
                error = &mut poller => {
                    summary.problems.push(error.problem());
                    break;
                }
            }
        }
    }
    for planned in &execution.plan.stacks {
        let one = finished.remove(&planned.name).unwrap_or_else(|| {
            let fate = schedule
                .fates()
                .find(|(name, _)| *name == planned.name)
                .map(|(_, fate)| fate.clone());
            let one = left(planned, fate);
            context.journal.finished(&one.stack, one.action, &one.outcome, None);
            context.tell(Event::StackFinished {
                stack: one.stack.clone(),
                outcome: one.outcome.clone(),
                elapsed: one.elapsed,
            });
            one
        });
        summary.stacks.push(one);
    }
    // The writer goes on meanwhile: a write that is let go half-way may be carried out all the same, and the next one would
    // find a state that it does not know.
    let ending = async {
        let end = execution.journal.end(&summary);
        tokio::pin!(end);
        loop {
            tokio::select! {
                biased;
                _ = &mut writer, if writing => writing = false,
                ended = &mut end => return ended,
            }
        }
    };
    let ended = if execution.stop.now.is_cancelled() {
        clock.timeout(HURRY, ending).await.unwrap_or(Ok(()))
    } else {
        ending.await
    };
    if let Err(problem) = ended
        && !summary.problems.contains(&problem)
    {
        summary.problems.push(problem);
    }
    summary.outputs = outputs(&context, &summary.stacks);
    summary
}

async fn one(context: &Context<'_>, planned: &StackPlan) -> Ended {
    match planned.action {
        Action::Delete => delete::remove(context, planned).await,
        Action::Create | Action::Update | Action::Unchanged => run::bring(context, planned).await,
    }
}

fn take_in(
    context: &Context<'_>,
    schedule: &mut Schedule,
    planned: &StackPlan,
    ended: Ended,
    elapsed: Duration,
) -> Finished {
    let mut written = None;
    match &ended.outcome {
        Outcome::Done | Outcome::Unchanged => {
            schedule.done(&planned.name);
            if let Some(live) = &ended.live {
                context.know_outputs(&planned.name, &live.outputs);
                written = record(context, planned, live, ended.parameters);
            }
        }
        Outcome::NotStarted { .. } => schedule.stop("the run was stopped"),
        Outcome::Failed(_) | Outcome::LeftRunning => schedule.failed(&planned.name),
    }
    context
        .journal
        .finished(&planned.name, planned.action, &ended.outcome, written);
    context.tell(Event::StackFinished {
        stack: planned.name.clone(),
        outcome: ended.outcome.clone(),
        elapsed,
    });
    Finished {
        stack: planned.name.clone(),
        action: planned.action,
        outcome: ended.outcome,
        elapsed,
    }
}

/// What the state remembers of a stack that is as it should be.
fn record(
    context: &Context<'_>,
    planned: &StackPlan,
    live: &LiveStack,
    parameters: BTreeMap<String, String>,
) -> Option<DeployedStack> {
    let stack = context.rendered(&planned.name)?;
    Some(DeployedStack {
        stack_name: live.stack_name.clone(),
        stack_id: live.stack_id.clone(),
        module: stack.module.clone(),
        template_sha256: stack.digest.clone(),
        parameters,
        tags: stack.tags.clone(),
        change_set_id: live.change_set_id.clone(),
        updated: live.updated.clone(),
        after: stack.depends_on.iter().cloned().collect(),
        outputs: stack.outputs.clone(),
        output_sources: output_sources(&stack.document),
    })
}

/// A stack that was not taken in: it never started, or nobody watches it any longer.
fn left(planned: &StackPlan, fate: Option<Fate>) -> Finished {
    let outcome = match fate {
        // Nothing was to be done about it, so nothing was kept back.
        _ if planned.action == Action::Unchanged && planned.set_protection.is_none() => Outcome::Unchanged,
        Some(Fate::Running) => Outcome::LeftRunning,
        Some(Fate::NotStarted(because)) => Outcome::NotStarted { because },
        _ => Outcome::NotStarted {
            because: "the run was stopped".to_owned(),
        },
    };
    Finished {
        stack: planned.name.clone(),
        action: planned.action,
        outcome,
        elapsed: Duration::ZERO,
    }
}

fn outputs(context: &Context<'_>, stacks: &[Finished]) -> BTreeMap<String, BTreeMap<String, String>> {
    let known = context
        .outputs
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    stacks
        .iter()
        .filter(|stack| stack.action != Action::Delete && matches!(stack.outcome, Outcome::Done | Outcome::Unchanged))
        .filter_map(|stack| {
            let values = known.get(&stack.stack)?;
            let promised = &context.rendered(&stack.stack)?.outputs;
            let named = promised
                .iter()
                .filter_map(|(name, key)| Some((name.clone(), values.get(key)?.clone())));
            Some((stack.stack.clone(), named.collect()))
        })
        .collect()
}
