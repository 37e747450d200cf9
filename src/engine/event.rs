//! What the engine tells while it works. Views turn these into lines and bars; the engine knows none of them.

use std::time::Duration;

use serde::Serialize;

use crate::diagnostic::Problem;

/// One thing that happened. Times are simulated time since the operation began.
#[derive(Debug, Clone)]
pub enum Event {
    /// The lock is held by somebody else; told once, 400 ms after the first refusal.
    LockWaiting {
        /// Who holds it, since when, for what: a sentence.
        holder: String,
    },
    /// The lock is ours.
    LockAcquired {
        /// The fencing token.
        generation: u64,
    },
    /// A stack's turn has come.
    StackStarted {
        /// The stack's name in the environment.
        stack: String,
        /// What is being done to it.
        work: Work,
        /// How many resources it will touch, where known.
        resources: usize,
    },
    /// A resource changed its status.
    Resource {
        /// The stack's name in the environment.
        stack: String,
        /// The logical id.
        logical_id: String,
        /// `AWS::EC2::VPC`.
        resource_type: String,
        /// `CREATE_IN_PROGRESS`, …
        status: String,
        /// CloudFormation's reason, if it gave one.
        reason: Option<String>,
    },
    /// A stack came to an end.
    StackFinished {
        /// The stack's name in the environment.
        stack: String,
        /// How.
        outcome: Outcome,
        /// How long it took.
        elapsed: Duration,
    },
    /// Polling fails or is throttled; the deployment itself goes on.
    PollTrouble {
        /// What the last answer was.
        message: String,
    },
    /// The user asked to stop.
    Interrupted,
    /// Something worth a line.
    Note(String),
}

/// What is being done to a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// It is created.
    Create,
    /// It is updated.
    Update,
    /// It is deleted.
    Delete,
    /// A stuck rollback is continued.
    ContinueRollback,
    /// An operation that somebody else started is waited for.
    Attach,
}

/// How a stack ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// As planned.
    Done,
    /// Nothing was to be done after all.
    Unchanged,
    /// It failed; the problem carries the first cause.
    Failed(Box<Problem>),
    /// It was not started, because of the stack named or because the user stopped the run.
    NotStarted {
        /// Why.
        because: String,
    },
    /// It still runs in AWS; we no longer watch.
    LeftRunning,
}
