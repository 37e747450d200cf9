//! What can go wrong with a lock, and what to do then.

use std::time::Duration;

use super::protocol::{Record, Verdict};
use crate::aws::error::AwsError;
use crate::diagnostic::{Problem, codes};
use crate::state::Key;

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
        /// What was seen of the holder meanwhile.
        verdict: Verdict,
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
                verdict,
            } => held(holder, key, *waited, *verdict),
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

fn held(holder: &Record, key: &Key, waited: Duration, verdict: Verdict) -> Problem {
    let environment = &key.environment;
    let problem = Problem::error(
        codes::LOCK_HELD,
        format!("{environment} is locked by {}", holder.holder),
    )
    .note(format!(
        "since {}, lease {}, generation {}",
        holder.acquired_at, holder.lease_id, holder.generation
    ));
    let problem = match verdict {
        Verdict::Held { renewed: true, .. } => problem.note("it renewed the lock while we waited: it is alive"),
        _ if waited.as_secs() > 0 => problem.note(format!("we waited {} s", waited.as_secs())),
        _ => problem,
    };
    problem
        .hint(format!(
            "wait for it: `--lock-timeout 10m`; if its run is dead, the lock is taken over {} s after its last sign of life",
            holder.lease.as_secs()
        ))
        .hint(format!("`mlinfra lock status {environment}` says whether it is alive"))
}

impl From<LockError> for Problem {
    fn from(error: LockError) -> Self {
        error.problem()
    }
}
