//! Shipping carried out: under the lock, one workload after the other, each step written down before the next.

use std::borrow::Cow;
use std::time::Duration;

use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

use super::record::Log;
use super::release::{Materials, release};
use super::withdraw::recorded;
use super::{Dock, platform};
use crate::commands::context::Context;
use crate::commands::error::{CommandError, Kind};
use crate::commands::locked::{Told, locked};
use crate::commands::{Done, Outcome};
use crate::diagnostic::{Problem, Problems, codes};
use crate::lock::Lease;
use crate::ship::{Event, Phase, Release, Restored, RolledOut, Scene, ShipFailure, Tell, image, model, sagemaker};
use crate::spec::Workload;
use crate::spec::workload::Platform;
use crate::state::{OperationKind, OperationResult, WorkloadOutcome};
use crate::view::progress::show;
use crate::view::report::{Ending, ShipSummary, WorkloadEnding, WorkloadResult};

/// What is to be done with one workload.
#[derive(Debug, Clone)]
pub struct Order {
    /// Its name.
    pub workload: String,
    /// What is to run.
    pub what: What,
    /// Build the image although the registry has one of the same content.
    pub rebuild: bool,
    /// Take over fields that somebody else manages.
    pub take_ownership: bool,
}

/// What is to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// What the file says.
    File,
    /// What ran before.
    Previous,
    /// What runs already: its image is built and pushed.
    Image,
    /// Nothing: the file no longer has it.
    Nothing,
}

/// How shipping went; all of it was shown.
pub struct Carried(Result<Ending, CommandError>, Kind);

impl Carried {
    /// As a verb ends.
    pub fn outcome(self) -> Outcome {
        match self.0? {
            Ending::Done | Ending::NothingToDo => Ok(Done::Fine),
            Ending::Interrupted | Ending::Failed | Ending::Partial => Err(CommandError::told(self.1)),
        }
    }
}

/// Carries out `orders` and shows how it goes and ends.
pub async fn carry_out(context: &Context, dock: &Dock, kind: OperationKind, orders: &[Order]) -> Carried {
    let clock = dock.world.session.clock;
    let began = clock.elapsed();
    let (events, heard) = unbounded_channel();
    let verb = match kind {
        OperationKind::Rollback => "rollback",
        _ => "ship",
    };
    let title = match kind {
        OperationKind::Rollback => format!("Rolling back in {}", dock.world.environment.name),
        _ => format!("Shipping to {}", dock.world.environment.name),
    };
    let work = async {
        let tell = Tell::to(events);
        let told = |told: Told| match told {
            Told::Waiting(holder) => tell.note(format!("waiting for the lock: {holder}")),
            Told::Acquired(generation) => tell.note(format!("lock taken (generation {generation})")),
            Told::Note(text) => tell.note(text),
        };
        let work = async |lease: &Lease| under_lock(context, dock, kind, orders, &tell, lease).await;
        locked(context, &dock.world, verb, &told, work).await
    };
    let progress = context.view().shipping(&title);
    let (result, ()) = tokio::join!(work, show(progress, clock, heard, |_: Event| ()));
    match result {
        Err(error) => Carried(Err(error), Kind::Failed),
        Ok(run) => report(context, dock, verb, run, clock.elapsed().saturating_sub(began)),
    }
}

struct Run {
    operation: String,
    endings: Vec<WorkloadEnding>,
    interrupted: bool,
    problems: Problems,
}

async fn under_lock(
    context: &Context,
    dock: &Dock,
    kind: OperationKind,
    orders: &[Order],
    tell: &Tell,
    lease: &Lease,
) -> Result<Run, CommandError> {
    // The question was asked without the lock: an apply may have come in between.
    let reading = context.unless_stopped(dock.world.read()).await??;
    if dock.world.outputs(&reading) != dock.outputs {
        let verb = format!("ship {}", dock.world.environment.name);
        return Err(Problem::error(
            codes::PLAN_STALE,
            "the stacks changed since they were read; nothing was shipped",
        )
        .hint(format!("{} goes by what they are now", context.command(&verb)))
        .into());
    }
    let names = orders.iter().map(|order| order.workload.as_str());
    let mut log = Log::begin(context, &dock.world, lease, kind, names).await?;
    if let Some(died) = &log.died {
        tell.note(format!(
            "going on from where the {} of {}, begun {}, died",
            died.kind, died.actor, died.started
        ));
    }
    // Whoever loses the lock starts nothing more, as if the user had stopped.
    let stop = stop(context, lease);
    let clock = dock.world.session.clock;
    let mut run = Run {
        operation: log.operation(),
        endings: Vec::new(),
        interrupted: false,
        problems: Problems::default(),
    };
    for order in orders {
        if stop.cancelled_now() || lease.check().is_err() {
            run.endings.push(ending(order, WorkloadResult::NotStarted));
            continue;
        }
        if order.what == What::Nothing {
            run.endings
                .push(take_away(dock, order, tell, &stop.token, &mut log, &mut run.problems).await?);
            continue;
        }
        let workload = dock.workload(&order.workload)?;
        let began = clock.elapsed();
        let scene = dock.scene(workload, tell, &stop.token);
        let step = Step {
            context,
            dock,
            order,
            workload,
            scene,
        };
        let (mut one, problem) = step.take(&mut log).await?;
        one.seconds = clock.elapsed().saturating_sub(began).as_secs();
        run.problems.extend(problem.into_iter().collect());
        run.endings.push(one);
    }
    if let Err(problem) = lease.check() {
        run.problems.push(problem);
    }
    run.interrupted = context.stop().is_cancelled();
    log.end(result(&run)).await?;
    Ok(run)
}

/// Takes a workload away that the file no longer has.
async fn take_away(
    dock: &Dock,
    order: &Order,
    tell: &Tell,
    stop: &CancellationToken,
    log: &mut Log<'_>,
    problems: &mut Problems,
) -> Result<WorkloadEnding, Problem> {
    let name = &order.workload;
    log.started(name).await?;
    let taken = async {
        let Some(release) = log.newest(name).await? else {
            return Ok(());
        };
        tell.event(Event::Phase {
            workload: name.clone(),
            phase: Phase::CleanUp,
            subject: format!("what was shipped onto {}", release.stack),
        });
        let workload = recorded(name, &release);
        platform::remove(&dock.scene(&workload, tell, stop), &release).await
    };
    match taken.await {
        Ok(()) => {
            log.removed(name).await?;
            Ok(ending(order, WorkloadResult::Removed))
        }
        Err(problem) => {
            log.failed(name, WorkloadOutcome::Failed, &problem.message).await?;
            problems.push(problem.clone());
            Ok(with_problem(ending(order, WorkloadResult::Failed), &problem))
        }
    }
}

/// A token that the user's stop and the loss of the lock cancel.
struct Stop {
    token: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Stop {
    fn cancelled_now(&self) -> bool {
        self.token.is_cancelled()
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn stop(context: &Context, lease: &Lease) -> Stop {
    let token = context.stop().child_token();
    let (lost, cancel) = (lease.lost(), token.clone());
    let task = tokio::spawn(async move {
        lost.cancelled().await;
        cancel.cancel();
    });
    Stop { token, task }
}

/// One workload's turn.
struct Step<'a> {
    context: &'a Context,
    dock: &'a Dock,
    order: &'a Order,
    workload: &'a Workload,
    scene: Scene<'a>,
}

impl Step<'_> {
    /// Ships it; the error is what makes going on with others pointless.
    async fn take(&self, log: &mut Log<'_>) -> Result<(WorkloadEnding, Option<Problem>), Problem> {
        let name = &self.order.workload;
        log.started(name).await?;
        let release = match self.prepare(log).await {
            Ok(Prepared::Image(image)) => {
                log.pushed(name, &image).await?;
                let mut end = ending(self.order, WorkloadResult::Pushed);
                end.image = Some(image);
                return Ok((end, None));
            }
            Ok(Prepared::Release(release)) => *release,
            Err(problem) => {
                let cause = &problem.message;
                log.failed(name, WorkloadOutcome::Failed, cause).await?;
                return Ok((
                    with_problem(ending(self.order, WorkloadResult::Untouched), &problem),
                    Some(problem),
                ));
            }
        };
        let serving = match log.serving(name).await {
            Ok(serving) => serving,
            Err(problem) => {
                // The rollout can go well all the same; only what is to be put back if not is unknown.
                self.scene.tell.note(format!(
                    "{}; if this rollout fails, nothing can be put back",
                    problem.message
                ));
                None
            }
        };
        // What runs on another stack is neither compared with nor put back here; it goes once this one runs.
        let (serving, elsewhere) = match serving {
            Some(serving) if is_in_place(&serving, &release) => (Some(serving), None),
            elsewhere => (None, elsewhere),
        };
        log.attempts(self.context, &release).await?;
        // What goes back may do so while an alarm still rings.
        let asked = match self.order.what {
            What::Previous => Cow::Owned(sagemaker::without_alarms(&release)),
            _ => Cow::Borrowed(&release),
        };
        let rolled = platform::roll_out(&self.scene, &asked, serving.as_ref(), self.order.take_ownership).await;
        let mut end = ending(self.order, WorkloadResult::Shipped);
        end.image = Some(release.image.reference.clone());
        end.model_version = release.model.as_ref().and_then(|model| model.version.clone());
        match rolled {
            Ok(rolled) => {
                let (result, outcome) = match rolled {
                    RolledOut::Unchanged => (WorkloadResult::Unchanged, WorkloadOutcome::Unchanged),
                    RolledOut::Done => (WorkloadResult::Shipped, WorkloadOutcome::Done),
                };
                // What was there before is recorded until it is gone: whoever ships again goes on here.
                if let Some(elsewhere) = elsewhere
                    && let Err(problem) = self.leave(&elsewhere).await
                {
                    log.failed(name, WorkloadOutcome::Failed, &problem.message).await?;
                    end.outcome = WorkloadResult::Failed;
                    return Ok((with_problem(end, &problem), Some(problem)));
                }
                log.serves(name, outcome).await?;
                end.outcome = result;
                end.address = self.address().await;
                Ok((end, None))
            }
            Err(failure) => {
                let ShipFailure { mut problem, restored } = *failure;
                if matches!(restored, Restored::Unneeded) {
                    let left = match &elsewhere {
                        Some(elsewhere) => self.leave(elsewhere).await,
                        None => Ok(()),
                    };
                    match left {
                        // It is what serves, whatever else is missing.
                        Ok(()) => log.serves(name, WorkloadOutcome::Failed).await?,
                        Err(other) => problem = problem.note(other.message),
                    }
                }
                let (result, outcome, problem) = judged(problem, restored);
                log.failed(name, outcome, &problem.message).await?;
                if matches!(result, WorkloadResult::Restored | WorkloadResult::Untouched) {
                    // The summary names what runs, and not what failed.
                    end.image = serving.map(|serving| serving.image.reference);
                    end.model_version = None;
                }
                end.outcome = result;
                Ok((with_problem(end, &problem), Some(problem)))
            }
        }
    }

    /// Takes away what ran on the stack that the workload was moved from.
    async fn leave(&self, elsewhere: &Release) -> Result<(), Problem> {
        let tell = self.scene.tell;
        let before = recorded(&self.order.workload, elsewhere);
        let scene = self.dock.scene(&before, tell, self.scene.stop);
        let (name, stack) = (&self.order.workload, &elsewhere.stack);
        match platform::remove(&scene, elsewhere).await {
            Ok(()) => {
                tell.note(format!("{name}: taken away from {stack}"));
                Ok(())
            }
            Err(mut problem) => {
                problem.message = format!(
                    "{name} cannot be taken away from {stack}, where it ran before: {}",
                    problem.message
                );
                Err(problem.note(format!("the new version runs on {}", self.scene.workload.on.value)))
            }
        }
    }

    /// Where it answers, if its platform says so at once.
    async fn address(&self) -> Option<String> {
        let running = platform::running(&self.scene).await.ok()??;
        running.address
    }

    async fn prepare(&self, log: &Log<'_>) -> Result<Prepared, Problem> {
        if self.order.what == What::Previous {
            return Ok(Prepared::Release(Box::new(log.previous(&self.order.workload).await?)));
        }
        // What is missing is told before an image is built for minutes.
        if self.order.what != What::Image {
            model::look(&self.scene).await?;
        }
        let options = super::image_options(self.context, self.order.rebuild);
        let image = image::deliver(&self.scene, &options).await?;
        if self.order.what == What::Image {
            return Ok(Prepared::Image(image.reference));
        }
        let materials = Materials {
            image: Some(image),
            model: model::deliver(&self.scene).await?,
            commit: self.context.commit(),
        };
        let made = release(self.dock, self.workload, &materials).map_err(first)?;
        Ok(Prepared::Release(Box::new(made)))
    }
}

/// Whether `release` takes the place of what serves: on the same stack, or on another of SageMaker, whose endpoints are
/// called after the workload alone.
fn is_in_place(serving: &Release, release: &Release) -> bool {
    let is_sagemaker = |release: &Release| release.platform == Platform::SageMaker;
    serving.stack == release.stack || is_sagemaker(serving) && is_sagemaker(release)
}

enum Prepared {
    Image(String),
    Release(Box<Release>),
}

/// The first of several problems, with the others' messages beside it.
fn first(problems: Problems) -> Problem {
    let mut all = problems.0.into_iter();
    let Some(mut first) = all.next() else {
        return Problem::error(codes::MANIFEST_INVALID, "the manifests cannot be rendered");
    };
    for other in all {
        first = first.note(other.message);
    }
    first
}

/// How a failed rollout is told and recorded.
fn judged(problem: Problem, restored: Restored) -> (WorkloadResult, WorkloadOutcome, Problem) {
    match restored {
        Restored::Untouched => (
            WorkloadResult::Untouched,
            WorkloadOutcome::Restored,
            problem.note("nothing was changed"),
        ),
        Restored::Back => (
            WorkloadResult::Restored,
            WorkloadOutcome::Restored,
            problem.note("what ran before was put back, and runs"),
        ),
        Restored::NothingBefore => (
            WorkloadResult::Failed,
            WorkloadOutcome::Failed,
            problem.note("nothing ran before; what was made is left, so that it can be looked at"),
        ),
        Restored::Unneeded => (WorkloadResult::Failed, WorkloadOutcome::Failed, problem),
        Restored::Not(why) => (
            WorkloadResult::Failed,
            WorkloadOutcome::Failed,
            problem.note(format!("what ran before could not be put back: {}", why.message)),
        ),
    }
}

fn ending(order: &Order, outcome: WorkloadResult) -> WorkloadEnding {
    WorkloadEnding {
        workload: order.workload.clone(),
        outcome,
        image: None,
        model_version: None,
        seconds: 0,
        address: None,
        problem: None,
    }
}

fn with_problem(mut ending: WorkloadEnding, problem: &Problem) -> WorkloadEnding {
    ending.problem = Some(problem.clone());
    ending
}

fn good(ending: &WorkloadEnding) -> bool {
    matches!(
        ending.outcome,
        WorkloadResult::Shipped | WorkloadResult::Unchanged | WorkloadResult::Pushed | WorkloadResult::Removed
    )
}

/// Whether something was set going and did not come out as it should. What is missing, or refused before anything is
/// changed, is none of that.
fn rolled_out_badly(ending: &WorkloadEnding) -> bool {
    let job = ending.problem.as_ref().is_some_and(|problem| {
        matches!(
            problem.code,
            codes::JOB_FAILED | codes::ECS_JOB | codes::SAGEMAKER_JOB_FAILED
        )
    });
    job || matches!(ending.outcome, WorkloadResult::Failed | WorkloadResult::Restored)
}

fn result(run: &Run) -> OperationResult {
    if run.endings.iter().all(good) {
        OperationResult::Succeeded
    } else if run.interrupted {
        OperationResult::Interrupted
    } else if run.endings.iter().any(good) {
        OperationResult::Partly
    } else {
        OperationResult::Failed
    }
}

/// Whose lines show why a rollout failed: on ECS those of tasks that have stopped.
fn of_the_failed(dock: &Dock, workload: &str) -> &'static str {
    let workload = dock.world.environment.workloads.get(workload);
    match workload.map(|workload| workload.platform) {
        Some(Platform::Ecs) => " --previous",
        _ => "",
    }
}

fn report(context: &Context, dock: &Dock, verb: &'static str, run: Run, passed: Duration) -> Carried {
    let environment = &dock.world.environment.name;
    let ending = match result(&run) {
        OperationResult::Succeeded
            if run
                .endings
                .iter()
                .all(|ending| ending.outcome == WorkloadResult::Unchanged) =>
        {
            Ending::NothingToDo
        }
        OperationResult::Succeeded => Ending::Done,
        OperationResult::Interrupted => Ending::Interrupted,
        OperationResult::Partly => Ending::Partial,
        OperationResult::Failed => Ending::Failed,
    };
    if !run.problems.0.is_empty() {
        context.view().problems(&run.problems);
    }
    let mut next = Vec::new();
    for ending in run.endings.iter().filter(|ending| !good(ending)) {
        if matches!(ending.outcome, WorkloadResult::Failed | WorkloadResult::Restored) {
            next.push(format!(
                "To see what it printed: {}",
                context.command(&format!(
                    "logs {environment} {}{}",
                    ending.workload,
                    of_the_failed(dock, &ending.workload)
                ))
            ));
        }
    }
    if verb == "rollback" && matches!(ending, Ending::Done) {
        next.push(format!(
            "The files say what they said: {} rolls that out",
            context.command(&format!("ship {environment}"))
        ));
    }
    if !matches!(ending, Ending::Done | Ending::NothingToDo) {
        next.push(format!(
            "When it is mended: {}",
            context.command(&format!("{verb} {environment}"))
        ));
    }
    let kind = match ending {
        Ending::Interrupted => context.interrupted_kind(),
        _ if run.endings.iter().any(rolled_out_badly) => Kind::Rollout,
        _ => CommandError::from(run.problems).kind,
    };
    for ending in run
        .endings
        .iter()
        .filter(|ending| ending.outcome == WorkloadResult::Pushed)
    {
        if let Some(image) = &ending.image {
            context.view().output(image);
        }
    }
    context.view().ship_summary(&ShipSummary {
        operation: run.operation,
        kind: verb,
        environment: environment.clone(),
        result: ending,
        seconds: passed.as_secs(),
        workloads: run.endings,
        next,
    });
    Carried(Ok(ending), kind)
}
