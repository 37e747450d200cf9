//! A plan carried out: the lock taken, the world compared with what was planned, the engine run, the end recorded.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::context::Context;
use super::error::{CommandError, Kind};
use super::locked::{Told, locked};
use super::ship::withdraw;
use super::world::{Reading, World};
use super::{Done, Outcome};
use crate::diagnostic::{Problem, Problems, codes};
use crate::engine::event::{self, Event};
use crate::engine::{self, Execution, Finished, Journal, Options, Stop};
use crate::lock::Lease;
use crate::plan::{Action, Current, Moved, Plan, verify_against};
use crate::state::{self, OperationKind, OperationRecord};
use crate::view::progress::follow;
use crate::view::report::{Ending, StackEnding, Summary, Unmanaged, outcome_name};

/// Carries out `plan` in `world` and shows how it goes and ends.
pub async fn carry_out(context: &Context, world: &World, plan: &Plan, options: Options) -> Outcome {
    let began = world.session.clock.elapsed();
    let (events, heard) = unbounded_channel();
    let work = async {
        let result = under_lock(context, world, plan, &options, &events).await;
        drop(events);
        result
    };
    let (result, _) = tokio::join!(work, follow(context.view(), plan, world.session.clock, heard));
    let run = result?;
    let seconds = world.session.clock.elapsed().saturating_sub(began).as_secs();
    report(context, plan, &run, seconds)
}

/// What came of a run.
struct Run {
    operation: String,
    summary: engine::Summary,
}

async fn under_lock(
    context: &Context,
    world: &World,
    plan: &Plan,
    options: &Options,
    events: &UnboundedSender<Event>,
) -> Result<Run, CommandError> {
    let tell = |told: Told| {
        drop(events.send(match told {
            Told::Waiting(holder) => Event::LockWaiting { holder },
            Told::Acquired(generation) => Event::LockAcquired { generation },
            Told::Note(text) => Event::Note(text),
        }));
    };
    let work = async |lease: &Lease| with_lease(context, world, plan, options, events, lease).await;
    locked(context, world, verb(plan), &tell, work).await
}

async fn with_lease(
    context: &Context,
    world: &World,
    plan: &Plan,
    options: &Options,
    events: &UnboundedSender<Event>,
    lease: &Lease,
) -> Result<Run, CommandError> {
    // The question was asked without the lock, so that nobody is held up by a person who thinks: look again.
    let reading = context.unless_stopped(world.read()).await??;
    refuse_if_moved(context, world, plan, &reading).await?;
    let backend = &world.environment.backend;
    let session = &world.session;
    let record = begin(context, world, plan, lease.generation());
    let operation = record.id.clone();
    let claimed = state::claim_plan(
        session,
        backend,
        &world.key,
        &plan.id,
        &operation,
        &record.actor,
        &session.clock,
    );
    claimed.await?;
    let journal = Journal::begin(session, backend, &world.key, lease.generation(), record, plan).await?;
    if let Some(died) = journal.died() {
        drop(events.send(Event::Note(format!(
            "going on from where the {} of {}, begun {}, died",
            died.kind, died.actor, died.started
        ))));
    }
    let stop = Stop {
        nothing_new: context.stop().child_token(),
        now: context.stop_at_once(),
    };
    if plan.stacks.iter().any(|stack| stack.action == Action::Delete) {
        let note = |text: String| drop(events.send(Event::Note(text)));
        let root = context.project()?.path("");
        withdraw(world, &reading, plan, &root, &stop.nothing_new, &note).await;
    }
    let templates = world.templates();
    let lost = lease.lost();
    let mut summary = engine::execute(Execution {
        session,
        plan,
        rendered: world.rendered.as_ref(),
        deployed: &reading.deployed,
        operation: &operation,
        options,
        templates: &templates,
        journal: &journal,
        events,
        stop: &stop,
        lost: &lost,
    })
    .await;
    if let Err(problem) = lease.check() {
        summary.problems.push(problem);
    }
    Ok(Run { operation, summary })
}

async fn refuse_if_moved(context: &Context, world: &World, plan: &Plan, reading: &Reading) -> Result<(), CommandError> {
    let moved = moved(world, plan, reading, false);
    if moved.is_empty() {
        return Ok(());
    }
    engine::discard(&world.session, plan).await;
    Err(stale(context, plan, &moved))
}

/// What is no longer what it was when `plan` was made.
pub fn moved(world: &World, plan: &Plan, reading: &Reading, applied: bool) -> Vec<Moved> {
    let rendered = world.rendered.iter().flat_map(|rendered| rendered.stacks.values());
    let current = Current {
        project: &world.environment.project.value,
        environment: &world.environment.name,
        account: &world.session.account,
        region: &world.session.region,
        role_arn: world.environment.role_arn.as_ref().map(|role| role.value.as_str()),
        spec_digest: &world.spec_digest,
        templates: rendered
            .map(|stack| (stack.name.clone(), stack.digest.clone()))
            .collect(),
        deployed: &reading.deployed,
        applied,
    };
    verify_against(plan, &current)
}

/// The error of a plan that no longer fits.
pub fn stale(context: &Context, plan: &Plan, moved: &[Moved]) -> CommandError {
    let mut problem = Problem::error(
        codes::PLAN_STALE,
        "something moved since the plan was made; nothing was changed",
    );
    // Of a plan that was applied everything moved: that it was applied says it all.
    let applied = moved.iter().filter(|one| one.what == "the plan");
    let told: Vec<&Moved> = if applied.clone().next().is_some() {
        applied.collect()
    } else {
        moved.iter().collect()
    };
    for one in told {
        problem = problem.note(format!("{}: planned {}, now {}", one.what, one.planned, one.now));
    }
    let verb = format!("plan {}", plan.environment);
    problem
        .hint(format!("{} shows what would change now", context.command(&verb)))
        .into()
}

fn begin(context: &Context, world: &World, plan: &Plan, generation: u64) -> OperationRecord {
    let kind = match plan.kind {
        crate::plan::Kind::Apply => OperationKind::Apply,
        crate::plan::Kind::Destroy => OperationKind::Destroy,
    };
    let mut record = OperationRecord::begin(kind, context.actor(), generation, &world.session.clock);
    record.run_url = context.run_url();
    record.commit = plan.commit.clone();
    record
}

fn ending(context: &Context, summary: &engine::Summary) -> Ending {
    if summary.is_complete() {
        Ending::Done
    } else if summary.stopped && context.stop().is_cancelled() {
        Ending::Interrupted
    } else if summary.stacks.iter().any(touched) {
        Ending::Partial
    } else {
        Ending::Failed
    }
}

/// Whether CloudFormation was set to work: if not all of it came out then, the environment is between two states.
fn touched(stack: &Finished) -> bool {
    match &stack.outcome {
        event::Outcome::Done | event::Outcome::LeftRunning => true,
        event::Outcome::Failed(problem) => !matches!(
            problem.code,
            codes::CHANGE_SET_FAILED | codes::VALIDATION_REFUSES | codes::UNSEEN_CHANGE | codes::STACK_OUTPUT_MISSING
        ),
        event::Outcome::Unchanged | event::Outcome::NotStarted { .. } => false,
    }
}

/// Shows the failures, then the summary; the exit code follows from how it ended.
fn report(context: &Context, plan: &Plan, run: &Run, seconds: u64) -> Outcome {
    let failures = run.summary.stacks.iter().filter_map(|stack| match &stack.outcome {
        event::Outcome::Failed(problem) => Some((**problem).clone()),
        _ => None,
    });
    let problems: Problems = failures.chain(run.summary.problems.iter().cloned()).collect();
    if !problems.0.is_empty() {
        context.view().problems(&problems);
    }
    let result = ending(context, &run.summary);
    let command = context.command(&format!("{} {}", verb(plan), plan.environment));
    let next = match (result, plan.kind) {
        (Ending::Done | Ending::NothingToDo, _) => Vec::new(),
        (Ending::Interrupted, _) => vec![format!("To go on from here: {command}")],
        (Ending::Partial | Ending::Failed, _) => vec![format!("When it is mended: {command}")],
    };
    let stacks = run.summary.stacks.iter().map(|stack| StackEnding {
        stack: stack.stack.clone(),
        outcome: outcome_name(&stack.outcome),
        seconds: stack.elapsed.as_secs(),
        because: match &stack.outcome {
            event::Outcome::NotStarted { because } => Some(because.clone()),
            _ => None,
        },
    });
    let in_order = |outputs: &BTreeMap<String, String>| outputs.clone().into_iter().collect::<IndexMap<_, _>>();
    let outputs = run.summary.stacks.iter().filter_map(|stack| {
        let outputs = run.summary.outputs.get(&stack.stack)?;
        Some((stack.stack.clone(), in_order(outputs)))
    });
    context.view().summary(&Summary {
        operation: run.operation.clone(),
        kind: plan.kind,
        environment: plan.environment.clone(),
        result,
        seconds,
        stacks: stacks.collect(),
        outputs: outputs.collect(),
        unmanaged: unmanaged(plan, &run.summary),
        next,
    });
    match result {
        Ending::Done | Ending::NothingToDo => Ok(Done::Fine),
        Ending::Interrupted => Err(CommandError::told(context.interrupted_kind())),
        Ending::Partial => Err(CommandError::told(Kind::Partial)),
        // A guard that stopped all of it has a code of its own.
        Ending::Failed => Err(CommandError::told(CommandError::from(problems).kind)),
    }
}

/// What the stacks that came out as planned left behind.
fn unmanaged(plan: &Plan, summary: &engine::Summary) -> Vec<Unmanaged> {
    let done = |name: &str| {
        let mut ends = summary.stacks.iter().filter(|stack| stack.stack == name);
        ends.any(|stack| matches!(stack.outcome, event::Outcome::Done))
    };
    let stacks = plan.stacks.iter().filter(|stack| done(&stack.name));
    stacks
        .flat_map(|stack| stack.changes.iter().map(move |change| (stack, change)))
        .filter(|(_, change)| change.leaves_it_behind())
        .map(|(stack, change)| Unmanaged {
            stack: stack.name.clone(),
            logical_id: change.logical_id.clone(),
            resource_type: change.resource_type.clone(),
            physical_id: change.physical_id.clone(),
        })
        .collect()
}

/// What the user typed for this kind of plan.
pub fn verb(plan: &Plan) -> &'static str {
    match plan.kind {
        crate::plan::Kind::Apply => "apply",
        crate::plan::Kind::Destroy => "destroy",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_set_that_was_refused_touched_nothing() {
        let failed = |code| Finished {
            stack: "network".to_owned(),
            action: crate::plan::Action::Update,
            outcome: event::Outcome::Failed(Box::new(Problem::error(code, "x"))),
            elapsed: std::time::Duration::ZERO,
        };
        assert!(touched(&failed(codes::STACK_FAILED)));
        assert!(!touched(&failed(codes::CHANGE_SET_FAILED)));
        assert!(!touched(&failed(codes::UNSEEN_CHANGE)));
        let refused = CommandError::from(Problem::error(codes::UNSEEN_CHANGE, "x"));
        assert_eq!(refused.kind.exit_code(), 5);
    }
}
