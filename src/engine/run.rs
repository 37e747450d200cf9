//! Brings one stack to what is wanted, from whatever it is now.
//!
//! A loop over what CloudFormation shows: each round takes the step that the stack's phase calls for, until the stack is
//! what was asked for or one step failed. The same loop serves a first run, a run after a failure and a run that finds an
//! operation of a killed one in flight.

use std::collections::BTreeMap;

use super::Context;
use super::change_set::{self, PATIENCE};
use super::event::{Event, Outcome, Work};
use super::failure::{self, Circumstances};
use super::observe::refused;
use super::watch::Until;
use crate::aws::cloudformation::{self, ChangeSet, ChangeSetRequest, Progress, Rollback, Since};
use crate::aws::error::{AwsError, Kind};
use crate::aws::retry::patiently;
use crate::diagnostic::{Problem, codes};
use crate::module::RenderedStack;
use crate::plan::{Action, LiveStack, ParameterValue, Phase, StackPlan, phase, unseen};
use crate::spec::OnFailure;

/// How a stack ended, and as what.
#[derive(Debug)]
pub(super) struct Ended {
    /// Done, unchanged, failed or not started.
    pub(super) outcome: Outcome,
    /// The stack as it is now; none if it is gone.
    pub(super) live: Option<LiveStack>,
    /// The parameters that it was deployed with.
    pub(super) parameters: BTreeMap<String, String>,
}

/// Why a step does not lead on.
#[derive(Debug)]
pub(super) enum Halt {
    /// Something failed.
    Failed(Box<Problem>),
    /// The run is being stopped, and nothing was begun.
    Stopped,
}

impl From<Problem> for Halt {
    fn from(problem: Problem) -> Self {
        Halt::Failed(Box::new(problem))
    }
}

/// Creates, updates or leaves alone.
pub(super) async fn bring(context: &Context<'_>, planned: &StackPlan) -> Ended {
    let mut parameters = BTreeMap::new();
    let result = async {
        let stack = context.rendered(&planned.name).ok_or_else(|| {
            Problem::error(
                codes::STACK_STUCK,
                format!("stack {} is planned but not in the file", planned.name),
            )
        })?;
        parameters = context.parameters(stack)?;
        let live = context.deployed.stacks.get(&planned.name).cloned();
        if planned.action == Action::Unchanged && planned.recovery.is_none() && as_planned(planned, &parameters) {
            return protect(context, planned, live, Outcome::Unchanged).await;
        }
        let (live, outcome) = advance(context, planned, stack, &parameters, live).await?;
        protect(context, planned, live, outcome).await
    }
    .await;
    match result {
        Ok((live, outcome)) => Ended {
            outcome,
            live,
            parameters,
        },
        Err(halt) => Ended {
            outcome: halt.outcome(),
            live: None,
            parameters,
        },
    }
}

impl Halt {
    /// The outcome to tell.
    pub(super) fn outcome(self) -> Outcome {
        match self {
            Halt::Failed(problem) => Outcome::Failed(problem),
            Halt::Stopped => Outcome::NotStarted {
                because: "the run was stopped".to_owned(),
            },
        }
    }
}

/// Whether the values are those that the plan was made with; what was left open counts as different.
fn as_planned(planned: &StackPlan, parameters: &BTreeMap<String, String>) -> bool {
    planned.parameters.len() == parameters.len()
        && planned
            .parameters
            .iter()
            .all(|(name, value)| matches!(value, ParameterValue::Known(value) if parameters.get(name) == Some(value)))
}

async fn advance(
    context: &Context<'_>,
    planned: &StackPlan,
    stack: &RenderedStack,
    parameters: &BTreeMap<String, String>,
    mut live: Option<LiveStack>,
) -> Result<(Option<LiveStack>, Outcome), Halt> {
    let (mut deletions, mut continued) = (0, false);
    let mut told = false;
    loop {
        let now = live.as_ref().map_or(Phase::Absent, |live| phase(&live.status));
        let Some(current) = live.clone() else {
            context.started(planned, Work::Create, &mut told);
            return create(context, planned, stack, parameters).await;
        };
        match now {
            Phase::Absent => live = None,
            Phase::Advancing => {
                context.started(planned, Work::Attach, &mut told);
                live = context
                    .watch
                    .end_of(&planned.name, &current.stack_id, Until::Settled)
                    .await;
                if !arrived(live.as_ref()) {
                    let work = if current.status.starts_with("CREATE") {
                        Verb::Create
                    } else {
                        Verb::Update
                    };
                    return Err(
                        failed(context, planned, &current.stack_id, work, live.as_ref(), Some(stack))
                            .await
                            .into(),
                    );
                }
            }
            Phase::Retreating => {
                context.started(planned, Work::Attach, &mut told);
                live = context
                    .watch
                    .end_of(&planned.name, &current.stack_id, Until::Settled)
                    .await;
            }
            Phase::Review if is_executing(context, &current.stack_id).await? => {
                context.started(planned, Work::Attach, &mut told);
                live = context
                    .watch
                    .end_of(&planned.name, &current.stack_id, Until::Created)
                    .await;
                if !arrived(live.as_ref()) {
                    return Err(failed(
                        context,
                        planned,
                        &current.stack_id,
                        Verb::Create,
                        live.as_ref(),
                        Some(stack),
                    )
                    .await
                    .into());
                }
            }
            // A run that died, or a plan made by hand, left an empty draft: another change set creates the stack in it.
            Phase::Review => {
                context.started(planned, Work::Create, &mut told);
                return create(context, planned, stack, parameters).await;
            }
            Phase::NeverWorked | Phase::DeleteFailed => {
                if deletions == 2 {
                    return Err(failed(
                        context,
                        planned,
                        &current.stack_id,
                        Verb::Delete,
                        Some(&current),
                        Some(stack),
                    )
                    .await
                    .into());
                }
                deletions += 1;
                context.started(planned, Work::Delete, &mut told);
                live = super::delete::delete(context, planned, current, deletions).await?;
            }
            Phase::RollbackStuck if continued => {
                return Err(failed(
                    context,
                    planned,
                    &current.stack_id,
                    Verb::Continue,
                    Some(&current),
                    Some(stack),
                )
                .await
                .into());
            }
            Phase::RollbackStuck => {
                continued = true;
                context.may_begin()?;
                context.started(planned, Work::ContinueRollback, &mut told);
                let token = context.token(planned, "continue");
                let arn = &current.stack_id;
                context
                    .call(|| cloudformation::continue_update_rollback(context.session, arn, &token))
                    .await?;
                live = context
                    .watch
                    .end_of(&planned.name, arn, Until::Updated(current.seen()))
                    .await;
            }
            Phase::Settled => return update(context, planned, stack, parameters, current, &mut told).await,
        }
    }
}

async fn create(
    context: &Context<'_>,
    planned: &StackPlan,
    stack: &RenderedStack,
    parameters: &BTreeMap<String, String>,
) -> Result<(Option<LiveStack>, Outcome), Halt> {
    context.may_begin()?;
    let request = request(context, stack, parameters, None).await?;
    let (set, kept) = futures::join!(
        change_set::draw(context.session, &request),
        context.templates.keep(context.session, stack)
    );
    let set = match set {
        Ok(set) => set,
        Err(undrawn) => {
            clear_away(context, &stack.stack_name).await;
            return Err(refused(&undrawn, stack).into());
        }
    };
    if let Err(halt) = kept.map_err(Halt::from).and_then(|()| context.may_begin()) {
        clear_away(context, &stack.stack_name).await;
        return Err(halt);
    }
    let token = context.token(planned, "create");
    execute(context, planned, &set.id, &token).await?;
    let live = context.watch.end_of(&planned.name, &set.stack_id, Until::Created).await;
    if !arrived(live.as_ref()) {
        return Err(failed(
            context,
            planned,
            &set.stack_id,
            Verb::Create,
            live.as_ref(),
            Some(stack),
        )
        .await
        .into());
    }
    Ok((live, Outcome::Done))
}

async fn update(
    context: &Context<'_>,
    planned: &StackPlan,
    stack: &RenderedStack,
    parameters: &BTreeMap<String, String>,
    live: LiveStack,
    told: &mut bool,
) -> Result<(Option<LiveStack>, Outcome), Halt> {
    context.may_begin()?;
    let reviewed = match &planned.change_set {
        Some(arn) if as_planned(planned, parameters) => still_good(context, arn).await?,
        _ => None,
    };
    let set = match reviewed {
        Some(set) => set,
        None => {
            let request = request(context, stack, parameters, Some(&live)).await?;
            let set = change_set::draw(context.session, &request)
                .await
                .map_err(|undrawn| refused(&undrawn, stack))?;
            if set.progress == Progress::Empty {
                let outcome = if *told { Outcome::Done } else { Outcome::Unchanged };
                return Ok((Some(live), outcome));
            }
            let surprises = unseen(&planned.changes, &set.changes);
            if !surprises.is_empty() {
                change_set::discard(context.session, &set.id).await;
                let mut problem = Problem::error(
                    codes::UNSEEN_CHANGE,
                    format!("stack {} would lose something that the plan did not show", planned.name),
                )
                .note("the values that became known only now make the difference; this stack was left as it was")
                .hint(format!(
                    "look at it with `mlinfra plan {}` and apply again",
                    context.plan.environment
                ));
                for surprise in surprises {
                    problem = problem.note(format!(
                        "{} ({}) {}",
                        surprise.logical_id, surprise.resource_type, surprise.what
                    ));
                }
                return Err(problem.into());
            }
            set
        }
    };
    if let Err(halt) = context.may_begin() {
        change_set::discard(context.session, &set.id).await;
        return Err(halt);
    }
    context.started(planned, Work::Update, told);
    if let Err(problem) = context.templates.keep(context.session, stack).await {
        change_set::discard(context.session, &set.id).await;
        return Err(problem.into());
    }
    let token = context.token(planned, "update");
    execute(context, planned, &set.id, &token).await?;
    let end = context
        .watch
        .end_of(&planned.name, &live.stack_id, Until::Updated(live.seen()))
        .await;
    if !arrived(end.as_ref()) {
        return Err(failed(
            context,
            planned,
            &live.stack_id,
            Verb::Update,
            end.as_ref(),
            Some(stack),
        )
        .await
        .into());
    }
    Ok((end, Outcome::Done))
}

/// The reviewed change set, if it can still be executed.
async fn still_good(context: &Context<'_>, arn: &str) -> Result<Option<ChangeSet>, Halt> {
    match context
        .call(|| cloudformation::describe_change_set(context.session, arn))
        .await
    {
        Ok(set) if set.progress == Progress::Ready && set.execution_status == "AVAILABLE" => Ok(Some(set)),
        Ok(_) => Ok(None),
        Err(Halt::Failed(problem)) if problem.code == codes::AWS_NOT_FOUND => Ok(None),
        Err(halt) => Err(halt),
    }
}

async fn request(
    context: &Context<'_>,
    stack: &RenderedStack,
    parameters: &BTreeMap<String, String>,
    live: Option<&LiveStack>,
) -> Result<ChangeSetRequest, Halt> {
    Ok(ChangeSetRequest {
        stack_name: live.map_or(&stack.stack_name, |live| &live.stack_id).clone(),
        create: live.is_none(),
        template: context.templates.source(context.session, stack).await?,
        parameters: parameters.clone(),
        tags: stack.tags.clone(),
        capabilities: stack.capabilities.clone(),
        delete_on_failure: context.options.on_failure == OnFailure::Delete,
        description: format!("mlinfra apply {}", context.operation),
    })
}

/// Begins the execution. If the answer to an earlier attempt was lost, CloudFormation says that the change set runs or ran,
/// and that is what was wanted.
async fn execute(context: &Context<'_>, planned: &StackPlan, arn: &str, token: &str) -> Result<(), Halt> {
    let rollback = if context.options.on_failure == OnFailure::Keep {
        Rollback::No
    } else {
        Rollback::Yes
    };
    let answer = patiently(context.session.clock, PATIENCE, || {
        cloudformation::execute_change_set(context.session, arn, token, rollback)
    })
    .await;
    let Err(error) = answer else { return Ok(()) };
    if matches!(error.kind, Kind::Conflict | Kind::Validation) {
        let set = context
            .call(|| cloudformation::describe_change_set(context.session, arn))
            .await?;
        if matches!(
            set.execution_status.as_str(),
            "EXECUTE_IN_PROGRESS" | "EXECUTE_COMPLETE"
        ) {
            return Ok(());
        }
    }
    let mut problem = error.problem();
    problem.notes.insert(
        0,
        format!("it was asked to execute the change set of stack {}", planned.name),
    );
    Err(problem.into())
}

/// Whether a change set of a stack that shows REVIEW_IN_PROGRESS is at work: the status can lag (aws-cdk-cli issue 1848).
async fn is_executing(context: &Context<'_>, arn: &str) -> Result<bool, Halt> {
    let sets = context
        .call(|| cloudformation::list_change_sets(context.session, arn))
        .await?;
    Ok(sets.iter().any(|(_, status)| status == "EXECUTE_IN_PROGRESS"))
}

/// Deletes the empty shell that a change set for a new stack leaves behind. It holds nothing; a failure is only a trace.
async fn clear_away(context: &Context<'_>, stack_name: &str) {
    let result: Result<(), AwsError> = async {
        if let Some(live) = cloudformation::describe_stack(context.session, stack_name).await?
            && phase(&live.status) == Phase::Review
        {
            cloudformation::delete_stack(
                context.session,
                &live.stack_id,
                &format!("mlinfra-{}", uuid::Uuid::new_v4()),
                &[],
            )
            .await?;
        }
        Ok(())
    }
    .await;
    if let Err(error) = result {
        tracing::debug!(%error, stack_name, "an empty stack stays behind");
    }
}

/// Switches termination protection to what the file says, once the stack is what it should be.
async fn protect(
    context: &Context<'_>,
    planned: &StackPlan,
    live: Option<LiveStack>,
    outcome: Outcome,
) -> Result<(Option<LiveStack>, Outcome), Halt> {
    let Some(mut live) = live else {
        return Ok((None, outcome));
    };
    let Some(wanted) = planned.set_protection.filter(|wanted| *wanted != live.protected) else {
        return Ok((Some(live), outcome));
    };
    context.may_begin()?;
    context
        .call(|| cloudformation::set_termination_protection(context.session, &live.stack_id, wanted))
        .await?;
    live.protected = wanted;
    Ok((Some(live), Outcome::Done))
}

/// Whether a stack that was going forward arrived.
fn arrived(live: Option<&LiveStack>) -> bool {
    live.is_some_and(|live| {
        matches!(
            live.status.as_str(),
            "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE"
        )
    })
}

/// What was being done, for sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    /// create
    Create,
    /// update
    Update,
    /// delete
    Delete,
    /// continue the rollback of
    Continue,
}

/// The problem of a stack that ended badly, from its events.
pub(super) async fn failed(
    context: &Context<'_>,
    planned: &StackPlan,
    arn: &str,
    verb: Verb,
    live: Option<&LiveStack>,
    rendered: Option<&RenderedStack>,
) -> Problem {
    let (work, beginnings): (_, &[&str]) = match verb {
        Verb::Create => ("create", &["CREATE_IN_PROGRESS", "REVIEW_IN_PROGRESS"]),
        Verb::Update => ("update", &["UPDATE_IN_PROGRESS"]),
        Verb::Delete => ("delete", &["DELETE_IN_PROGRESS"]),
        Verb::Continue => ("continue the rollback of", &["UPDATE_ROLLBACK_IN_PROGRESS"]),
    };
    let events = patiently(context.session.clock, PATIENCE, || {
        cloudformation::events_since(context.session, arn, Since::Began(beginnings))
    })
    .await;
    let about = Circumstances {
        stack: &planned.name,
        arn,
        environment: &context.plan.environment,
        work,
        status: live.map_or("", |live| live.status.as_str()),
        reason: live.and_then(|live| live.status_reason.as_deref()),
        rendered,
    };
    match events {
        Ok(events) => failure::stack_failed(&about, &events),
        Err(error) => failure::stack_failed(&about, &[]).note(format!("its events could not be read: {error}")),
    }
}

impl Context<'_> {
    /// Tells that the stack's turn has come, once.
    pub(super) fn started(&self, planned: &StackPlan, work: Work, told: &mut bool) {
        if !std::mem::replace(told, true) {
            self.journal.started(&planned.name);
            self.tell(Event::StackStarted {
                stack: planned.name.clone(),
                work,
                resources: planned.changes.len(),
            });
        }
    }
}
