//! Remembers in the state what a run does while it does it, so that another run can go on from there.
//!
//! Writing never holds up a stack: what changed is collected and written by one writer, under the lease's generation, so
//! that a holder that was paused and overtaken cannot write at all.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::Summary;
use super::event::Outcome;
use crate::aws::session::Session;
use crate::diagnostic::{Problem, codes};
use crate::plan::{Action, Plan};
use crate::spec::Backend;
use crate::state::{
    self, DeployedStack, ETag, Key, OperationRecord, OperationResult, StackChange, StackOutcome, State,
};

/// How long a failed write waits for the next attempt.
const AGAIN: Duration = Duration::from_secs(15);

/// The state of a running operation.
#[derive(Debug)]
pub struct Journal<'a> {
    session: &'a Session,
    backend: &'a Backend,
    key: &'a Key,
    generation: u64,
    state: Mutex<Noted>,
    stored: tokio::sync::Mutex<Stored>,
    dirty: Notify,
    died: Option<OperationRecord>,
}

#[derive(Debug)]
struct Noted {
    state: State,
    revision: u64,
}

#[derive(Debug)]
struct Stored {
    etag: ETag,
    revision: u64,
}

impl<'a> Journal<'a> {
    /// Makes the state ours and notes that `operation` carries out `plan`.
    ///
    /// # Errors
    /// The state cannot be read or written, or a newer holder of the lock has it.
    pub async fn begin(
        session: &'a Session,
        backend: &'a Backend,
        key: &'a Key,
        generation: u64,
        mut operation: OperationRecord,
        plan: &Plan,
    ) -> Result<Self, Problem> {
        let (mut state, etag) = state::claim(session, backend, key, generation).await?;
        let before = state.operation.take();
        if let Some(before) = &before {
            file(session, backend, key, before).await?;
        }
        let died = before.filter(|before| before.finished.is_none());
        operation.resumes = died.as_ref().map(|died| died.id.clone());
        operation.plan_id = Some(plan.id.clone());
        operation.spec_digest = Some(plan.spec_digest.clone());
        operation.stacks = plan
            .stacks
            .iter()
            .filter(|stack| stack.action != Action::Unchanged)
            .map(|stack| {
                let change = StackChange {
                    action: stack.action,
                    outcome: StackOutcome::Pending,
                    change_set: stack.change_set.clone(),
                    stack_id: stack.stack_id.clone(),
                    cause: None,
                };
                (stack.name.clone(), change)
            })
            .collect();
        state.operation = Some(operation);
        // What is made is known before it exists: a stack that fails, or whose maker dies, is found again even if the file
        // no longer names it then.
        for stack in plan.stacks.iter().filter(|stack| stack.action != Action::Delete) {
            state
                .stacks
                .entry(stack.name.clone())
                .or_insert_with(|| DeployedStack::begun(stack));
        }
        let (state, etag) = state::write(session, backend, key, &state, Some(&etag), generation).await?;
        Ok(Self {
            session,
            backend,
            key,
            generation,
            state: Mutex::new(Noted { state, revision: 0 }),
            stored: tokio::sync::Mutex::new(Stored { etag, revision: 0 }),
            dirty: Notify::new(),
            died,
        })
    }

    /// The operation before this one, if it died.
    pub fn died(&self) -> Option<&OperationRecord> {
        self.died.as_ref()
    }

    /// The state as it is noted now, written or not.
    pub fn state(&self) -> State {
        self.noted().state.clone()
    }

    /// Notes that work on a stack begins.
    pub(super) fn started(&self, stack: &str) {
        self.note(|state| set_outcome(state, stack, StackOutcome::Running, None));
    }

    /// Notes how a stack ended, and what it is now.
    pub(super) fn finished(&self, stack: &str, action: Action, outcome: &Outcome, record: Option<DeployedStack>) {
        self.note(|state| {
            let before = state.clone();
            let good = matches!(outcome, Outcome::Done | Outcome::Unchanged);
            match record {
                Some(record) => drop(state.stacks.insert(stack.to_owned(), record)),
                None if good && action == Action::Delete => {
                    state.stacks.remove(stack);
                    // What was shipped onto it went with it.
                    state.workloads.retain(|_, workload| !workload.is_on(stack));
                }
                None if matches!(outcome, Outcome::NotStarted { .. }) => forget_unmade(state, stack),
                None => {}
            }
            let (outcome, cause) = match outcome {
                Outcome::Done => (StackOutcome::Done, None),
                Outcome::Unchanged => (StackOutcome::Unchanged, None),
                Outcome::Failed(problem) => (StackOutcome::Failed, Some(problem.message.clone())),
                Outcome::NotStarted { because } => (StackOutcome::NotStarted, Some(because.clone())),
                Outcome::LeftRunning => (StackOutcome::Running, None),
            };
            set_outcome(state, stack, outcome, cause) || *state != before
        });
    }

    /// Writes what was noted, for ever; ends only when the state is somebody else's.
    pub(super) async fn run(&self) -> Problem {
        loop {
            self.dirty.notified().await;
            while let Err(problem) = self.flush().await {
                if matches!(problem.code, codes::STATE_FENCED | codes::STATE_MOVED) {
                    return problem;
                }
                tracing::debug!(message = problem.message, "the state is written later");
                self.session.clock.sleep(AGAIN).await;
            }
        }
    }

    /// Notes how the operation ended and writes the state and the operation's record.
    pub(super) async fn end(&self, summary: &Summary) -> Result<(), Problem> {
        let result = match summary {
            _ if summary.stopped => OperationResult::Interrupted,
            _ if summary.is_complete() => OperationResult::Succeeded,
            _ if summary.is_partial() => OperationResult::Partly,
            _ => OperationResult::Failed,
        };
        let mut record = None;
        self.note(|state| {
            if let Some(operation) = &mut state.operation {
                operation.finish(result, &self.session.clock);
                record = Some(operation.clone());
            }
            true
        });
        self.flush().await?;
        match record {
            Some(record) => state::record_history(self.session, self.backend, self.key, &record).await,
            None => Ok(()),
        }
    }

    /// Writes what was noted and not written yet.
    async fn flush(&self) -> Result<(), Problem> {
        let mut stored = self.stored.lock().await;
        let (state, revision) = {
            let noted = self.noted();
            (noted.state.clone(), noted.revision)
        };
        if revision == stored.revision {
            return Ok(());
        }
        let (_, etag) = state::write(
            self.session,
            self.backend,
            self.key,
            &state,
            Some(&stored.etag),
            self.generation,
        )
        .await?;
        *stored = Stored { etag, revision };
        Ok(())
    }

    fn note(&self, change: impl FnOnce(&mut State) -> bool) {
        let mut noted = self.noted();
        if change(&mut noted.state) {
            noted.revision += 1;
            self.dirty.notify_one();
        }
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes sure that the operation before is in the history: it may have died before it wrote its record.
async fn file(session: &Session, backend: &Backend, key: &Key, before: &OperationRecord) -> Result<(), Problem> {
    match state::record_history(session, backend, key, before).await {
        // It is there, and what its own process wrote is the better record.
        Err(problem) if problem.code == codes::RECORD_EXISTS => Ok(()),
        recorded => recorded,
    }
}

/// Drops the record of a stack whose making never began.
fn forget_unmade(state: &mut State, stack: &str) {
    if state
        .stacks
        .get(stack)
        .is_some_and(|one| one.is_begun() && one.stack_id.is_empty())
    {
        state.stacks.remove(stack);
    }
}

/// True if that changed anything.
fn set_outcome(state: &mut State, stack: &str, outcome: StackOutcome, cause: Option<String>) -> bool {
    let stacks: Option<&mut BTreeMap<String, StackChange>> = state.operation.as_mut().map(|one| &mut one.stacks);
    match stacks.and_then(|stacks| stacks.get_mut(stack)) {
        Some(change) if change.outcome != outcome => {
            change.outcome = outcome;
            change.cause = cause;
            true
        }
        _ => false,
    }
}
