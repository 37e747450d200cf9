//! The records: plain data with a format version each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::plan::{Action, StackPlan};
use crate::ship::{ImageAt, ModelAt};
use crate::spec::workload::Platform;

/// The newest format of [`State`] that this program reads, and the one it writes.
pub(super) const STATE_VERSION: u32 = 1;
/// The same for [`OperationRecord`].
pub(super) const RECORD_VERSION: u32 = 1;
/// The same for [`AppliedPlan`].
pub(super) const APPLIED_VERSION: u32 = 1;

/// `state.json`: what mlinfra last did to each stack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The format's version.
    pub version: u32,
    /// The fencing token of the lease under which it was written.
    pub generation: u64,
    /// By the stack's name in the environment.
    pub stacks: BTreeMap<String, DeployedStack>,
    /// By the workload's name in the environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub workloads: BTreeMap<String, ShippedWorkload>,
    /// The operation that wrote it last; unfinished if it still runs or died.
    #[serde(default)]
    pub operation: Option<OperationRecord>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            version: STATE_VERSION,
            generation: 0,
            stacks: BTreeMap::new(),
            workloads: BTreeMap::new(),
            operation: None,
        }
    }
}

/// A workload as mlinfra left it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShippedWorkload {
    /// What serves: the last release whose rollout ended well.
    #[serde(default)]
    pub serving: Option<Shipped>,
    /// What served before it: where `rollback` goes to.
    #[serde(default)]
    pub previous: Option<Shipped>,
    /// The release whose rollout began and has not ended: what runs may be parts of it.
    #[serde(default)]
    pub attempted: Option<Shipped>,
}

impl ShippedWorkload {
    /// Whether all that is known of it is on this stack.
    pub fn is_on(&self, stack: &str) -> bool {
        let known = [&self.serving, &self.attempted];
        known.into_iter().flatten().all(|shipped| shipped.stack == stack)
    }
}

/// A release that was rolled out, or was to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipped {
    /// The digest under which the whole of it is kept.
    pub release: String,
    /// What it runs on.
    pub platform: Platform,
    /// The stack that it runs on.
    pub stack: String,
    /// The image.
    pub image: ImageAt,
    /// The model.
    #[serde(default)]
    pub model: Option<ModelAt>,
    /// The commit of the project's checkout.
    #[serde(default)]
    pub commit: Option<String>,
    /// When it was rolled out; RFC 3339.
    pub at: String,
    /// Who.
    pub actor: String,
    /// The operation.
    pub operation: String,
}

/// What an operation did to one workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadChange {
    /// How it ended.
    pub outcome: WorkloadOutcome,
    /// The digest of the release.
    #[serde(default)]
    pub release: Option<String>,
    /// The image, pinned by its digest.
    #[serde(default)]
    pub image: Option<String>,
    /// The version of the model.
    #[serde(default)]
    pub model_version: Option<String>,
    /// The first cause, if it failed: one sentence.
    #[serde(default)]
    pub cause: Option<String>,
}

/// How it ended for one workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkloadOutcome {
    /// Its turn has not come.
    Pending,
    /// Its image is being made ready, or it is being rolled out.
    Running,
    /// It is what was asked for.
    Done,
    /// It was that already.
    Unchanged,
    /// The file no longer has it, and it was taken away.
    Removed,
    /// It failed, and what ran before runs again, or still.
    Restored,
    /// It failed.
    Failed,
    /// It was never started.
    NotStarted,
}

/// A stack as mlinfra left it. If the stack still shows the same change set and time, nobody has touched it since.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployedStack {
    /// `PROJECT-ENV-STACK`.
    pub stack_name: String,
    /// The ARN.
    pub stack_id: String,
    /// The module.
    pub module: String,
    /// The digest of its template; empty as long as no operation has seen the stack's creation end well.
    pub template_sha256: String,
    /// Parameter values as they were given.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// Tags as they were given.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The change set that was executed last.
    #[serde(default)]
    pub change_set_id: Option<String>,
    /// LastUpdatedTime, or CreationTime of a stack that was never updated; RFC 3339.
    #[serde(default)]
    pub updated: String,
    /// The stacks that it takes values from: they are deleted after it.
    #[serde(default)]
    pub after: Vec<String>,
    /// Output by the contract's name to output by the template's.
    #[serde(default)]
    pub outputs: BTreeMap<String, String>,
    /// Digests of what the template makes each output from, by the template's name ([`crate::plan::output_sources`]).
    #[serde(default)]
    pub output_sources: BTreeMap<String, String>,
}

impl DeployedStack {
    /// A stack that is about to be made: known from here on, so that it is found again whatever becomes of it.
    pub fn begun(planned: &StackPlan) -> Self {
        Self {
            stack_name: planned.stack_name.clone(),
            stack_id: planned.stack_id.clone().unwrap_or_default(),
            module: planned.module.clone(),
            after: planned.after.clone(),
            ..Self::default()
        }
    }

    /// Whether no operation has seen its creation end well.
    pub fn is_begun(&self) -> bool {
        self.template_sha256.is_empty()
    }
}

/// One operation that changed things, or tried to: `history/ID.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperationRecord {
    /// The format's version.
    pub version: u32,
    /// UUID version 7: sorts by time.
    pub id: String,
    /// What it was.
    pub kind: OperationKind,
    /// `user@host`.
    pub actor: String,
    /// The page of the CI run.
    #[serde(default)]
    pub run_url: Option<String>,
    /// The commit of the project's checkout.
    #[serde(default)]
    pub commit: Option<String>,
    /// RFC 3339.
    pub started: String,
    /// RFC 3339; none while it runs, or if it died.
    #[serde(default)]
    pub finished: Option<String>,
    /// How it ended; none while it runs, or if it died.
    #[serde(default)]
    pub result: Option<OperationResult>,
    /// The fencing token of its lease.
    #[serde(default)]
    pub generation: u64,
    /// The stacks that it set out to change, by name.
    #[serde(default)]
    pub stacks: BTreeMap<String, StackChange>,
    /// The workloads that it set out to ship, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub workloads: BTreeMap<String, WorkloadChange>,
    /// The plan that it executed.
    #[serde(default)]
    pub plan_id: Option<String>,
    /// The digest of the environment's texts, contracts and templates.
    #[serde(default)]
    pub spec_digest: Option<String>,
    /// The operation before it, if that one died: this one goes on from there.
    #[serde(default)]
    pub resumes: Option<String>,
}

impl OperationRecord {
    /// A record of an operation that begins now.
    pub fn begin(kind: OperationKind, actor: impl Into<String>, generation: u64, clock: &Clock) -> Self {
        Self {
            version: RECORD_VERSION,
            id: new_id(clock),
            kind,
            actor: actor.into(),
            run_url: None,
            commit: None,
            started: clock.wall().to_string(),
            finished: None,
            result: None,
            generation,
            stacks: BTreeMap::new(),
            workloads: BTreeMap::new(),
            plan_id: None,
            spec_digest: None,
            resumes: None,
        }
    }

    /// Notes that it ended now.
    pub fn finish(&mut self, result: OperationResult, clock: &Clock) {
        self.finished = Some(clock.wall().to_string());
        self.result = Some(result);
    }
}

/// What an operation was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// `apply`
    Apply,
    /// `destroy`
    Destroy,
    /// `ship`
    Ship,
    /// `rollback`
    Rollback,
    /// `train`
    Train,
}

impl std::fmt::Display for OperationKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Apply => "apply",
            Self::Destroy => "destroy",
            Self::Ship => "ship",
            Self::Rollback => "rollback",
            Self::Train => "train",
        })
    }
}

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationResult {
    /// Everything as planned.
    Succeeded,
    /// Some stacks as planned, others not.
    Partly,
    /// Nothing came of it.
    Failed,
    /// The user stopped it.
    Interrupted,
}

/// What an operation did to one stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackChange {
    /// What was planned.
    pub action: Action,
    /// How it ended.
    pub outcome: StackOutcome,
    /// The change set that was executed.
    #[serde(default)]
    pub change_set: Option<String>,
    /// The stack's ARN.
    #[serde(default)]
    pub stack_id: Option<String>,
    /// The first cause, if it failed: one sentence.
    #[serde(default)]
    pub cause: Option<String>,
}

/// How it ended for one stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StackOutcome {
    /// Its turn has not come.
    Pending,
    /// CloudFormation works on it.
    Running,
    /// As planned.
    Done,
    /// There was nothing to do after all.
    Unchanged,
    /// It failed.
    Failed,
    /// It was never started.
    NotStarted,
}

/// The mark that a saved plan has been applied: `plans/ID.applied`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedPlan {
    /// The format's version.
    pub version: u32,
    /// The plan.
    pub plan_id: String,
    /// The operation that applied it.
    pub operation_id: String,
    /// Who.
    pub actor: String,
    /// When it began; RFC 3339.
    pub at: String,
}

/// A fresh id that sorts by the clock's wall time: UUID version 7.
pub fn new_id(clock: &Clock) -> String {
    let now = clock.wall();
    let seconds = u64::try_from(now.as_second()).unwrap_or_default();
    let nanoseconds = u32::try_from(now.subsec_nanosecond()).unwrap_or_default();
    uuid::Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanoseconds)).to_string()
}
