//! What can go wrong with a lock, and what to do then.

use std::time::Duration;

use super::protocol::Record;
use crate::aws::error::AwsError;
use crate::diagnostic::{Problem, codes};
use crate::state::Key;

/// A sign that the holder of a lock lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// It renewed the lock while we watched.
    Renewed,
    /// It took the lock while we watched.
    New,
    /// Its process runs on this machine.
    Runs {
        /// The process's id.
        pid: u32,
    },
}

/// Why a lock could not be taken, read or released.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LockError {
    /// Somebody else holds it (exit code 3).
    #[error("the lock of {key} is held by {}", .holder.holder)]
    Held {
        /// Who.
        holder: Box<Record>,
        /// Of which environment.
        key: Key,
        /// How long we waited.
        waited: Duration,
        /// How we know that the holder lives, if we do.
        sign: Option<Sign>,
    },
    /// The wait was interrupted; nothing is held.
    #[error("waiting for the lock was interrupted")]
    Interrupted,
    /// It is not the acquisition that was to be released.
    #[error("the lock changed hands")]
    Moved {
        /// What there is now.
        now: Option<Box<Record>>,
    },
    /// The table is not there.
    #[error("the lock table {table} does not exist")]
    NoTable {
        /// Its name.
        table: String,
        /// `PROJECT/ENV`.
        lock: String,
    },
    /// The item is not ours to understand.
    #[error("the item {lock} of the lock table cannot be understood: {what}")]
    Unreadable {
        /// `PROJECT/ENV`.
        lock: String,
        /// What is wrong with it.
        what: String,
    },
    /// No answer came, so it may be either way.
    #[error("whether the lock was written is not known: {0}")]
    Uncertain(AwsError),
    /// The call failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl LockError {
    /// The problem that a person reads.
    pub fn problem(&self) -> Problem {
        match self {
            Self::Held {
                holder,
                key,
                waited,
                sign,
            } => held(holder, key, *waited, *sign),
            Self::Interrupted => Problem::error(codes::LOCK_INTERRUPTED, self.to_string())
                .note("nothing was started and no lock is held"),
            Self::Moved { now } => {
                let problem = Problem::error(
                    codes::LOCK_MOVED,
                    "the lock is no longer held by the run that was to be released",
                );
                match now {
                    Some(record) if record.held => problem.note(format!(
                        "it is now held by {} since {}",
                        record.holder, record.acquired_at
                    )),
                    _ => problem.note("it is free"),
                }
                .hint("look again with `mlinfra lock status`; nothing was changed")
            }
            Self::NoTable { table, lock } => Problem::error(
                codes::LOCK_TABLE_MISSING,
                format!("the lock table {table} does not exist"),
            )
            .hint(format!(
                "`mlinfra bootstrap {}` makes the bucket and the table, once",
                lock.rsplit('/').next().unwrap_or(lock)
            )),
            Self::Unreadable { lock, what } => Problem::error(
                codes::LOCK_UNREADABLE,
                format!("the item {lock} of the lock table cannot be understood: {what}"),
            )
            .note("another program wrote it, or a newer mlinfra did")
            .hint("update mlinfra; if nothing runs, delete the item by hand"),
            Self::Uncertain(error) => {
                let problem = Problem::error(
                    codes::LOCK_UNCERTAIN,
                    "whether the lock was written is not known: the table does not answer",
                );
                problem
                    .note(error.to_string())
                    .note("if it is held by this run, it can be taken over a minute from now")
                    .hint("`mlinfra lock status` tells; then repeat the command with `--lock-timeout 2m`")
            }
            Self::Aws(error) => error.problem(),
        }
    }
}

fn held(holder: &Record, key: &Key, waited: Duration, sign: Option<Sign>) -> Problem {
    let environment = &key.environment;
    let mut problem = Problem::error(
        codes::LOCK_HELD,
        format!("{environment} is locked by {}", holder.holder),
    )
    .note(format!(
        "since {}, lease {}, generation {}",
        holder.acquired_at, holder.lease_id, holder.generation
    ));
    if waited.as_secs() > 0 {
        problem = problem.note(format!("we waited {} s", waited.as_secs()));
    }
    match sign {
        Some(Sign::Renewed) => problem.note("it renewed the lock while we waited: it is alive"),
        Some(Sign::New) => problem.note("it took the lock while we waited: it is alive"),
        Some(Sign::Runs { pid }) => problem.note(format!("it is alive: process {pid} on this machine")),
        None => problem
            .note("whether it is alive was not waited for")
            .hint(format!("`mlinfra lock status {environment}` says whether it is alive")),
    }
    .hint("to wait until it is done: `--lock-timeout 30m`; a holder that dies meanwhile is taken over")
}

impl From<LockError> for Problem {
    fn from(error: LockError) -> Self {
        error.problem()
    }
}
