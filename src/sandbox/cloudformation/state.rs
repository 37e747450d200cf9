//! What the service remembers: stacks, resources, change sets, operations under way. All of it is serialisable.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Millis;

/// A stack, live or deleted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Stack {
    pub id: String,
    pub name: String,
    pub status: String,
    pub reason: Option<String>,
    pub created: Millis,
    pub updated: Option<Millis>,
    pub deleted: Option<Millis>,
    pub change_set_id: Option<String>,
    pub termination_protection: bool,
    pub disable_rollback: bool,
    pub policy: Option<Value>,
    /// What is deployed, or being deployed.
    pub configuration: Configuration,
    pub resources: IndexMap<String, Resource>,
    pub outputs: Vec<Output>,
    pub imports: BTreeSet<String>,
    pub events: Vec<StackEvent>,
    pub change_sets: Vec<ChangeSet>,
    pub operation: Option<Operation>,
    /// Client request tokens that were honoured, and the operation each began.
    pub tokens: BTreeMap<String, String>,
    pub drift: Option<(String, Millis)>,
}

/// Everything that a caller submits about a stack.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Configuration {
    /// The template as it was submitted.
    pub body: String,
    /// The template as JSON, short tags expanded.
    pub template: Value,
    pub parameters: IndexMap<String, Parameter>,
    pub tags: Vec<(String, String)>,
    pub capabilities: Vec<String>,
    pub notification_arns: Vec<String>,
    pub role_arn: Option<String>,
    pub timeout_minutes: Option<String>,
}

/// A parameter's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Parameter {
    /// As submitted, or the default.
    pub value: String,
    /// What a parameter of an SSM type stands for.
    pub resolved: Option<String>,
    pub no_echo: bool,
    pub list: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Resource {
    pub logical_id: String,
    pub resource_type: String,
    pub physical_id: Option<String>,
    pub status: String,
    pub reason: Option<String>,
    pub updated: Millis,
    /// Evaluated, dynamic references as written.
    pub properties: Value,
    pub attributes: BTreeMap<String, Value>,
    pub depends_on: BTreeSet<String>,
    pub deletion_policy: Option<String>,
    pub update_replace_policy: Option<String>,
    pub metadata: Option<Value>,
    /// The tags that it carries from the stack.
    pub tags: Vec<(String, String)>,
    pub drift: Option<Drift>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Drift {
    pub status: String,
    pub actual: Value,
    pub differences: Vec<(String, Value, Value, String)>,
    pub at: Millis,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Output {
    pub key: String,
    pub value: String,
    pub description: Option<String>,
    pub export: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct StackEvent {
    pub id: String,
    pub logical_id: String,
    pub physical_id: String,
    pub resource_type: String,
    pub at: Millis,
    pub status: String,
    pub reason: Option<String>,
    pub properties: Option<String>,
    pub token: Option<String>,
    pub operation: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ChangeSet {
    pub id: String,
    pub name: String,
    pub kind: Kind,
    pub description: Option<String>,
    pub created: Millis,
    pub status: String,
    pub reason: Option<String>,
    pub execution: String,
    pub configuration: Configuration,
    pub changes: Vec<Change>,
    pub on_failure: Option<String>,
    pub import_existing: bool,
    /// The validation before deployment can be switched off.
    pub validate: bool,
    pub imports: BTreeMap<String, ImportedResource>,
    pub client_token: Option<String>,
    /// When its status changes next.
    pub due: Option<Millis>,
    /// What the validation before deployment found: logical id, message.
    pub findings: Vec<Finding>,
    pub operation: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Finding {
    pub logical_id: String,
    pub resource_type: String,
    pub path: String,
    pub message: String,
    /// The name is taken; otherwise a property is wrong.
    #[serde(default)]
    pub conflict: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ImportedResource {
    pub resource_type: String,
    pub identifier: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    Create,
    Update,
    Import,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Change {
    pub action: String,
    pub policy_action: Option<String>,
    pub logical_id: String,
    pub physical_id: Option<String>,
    pub resource_type: String,
    pub replacement: Option<String>,
    pub scope: Vec<String>,
    pub details: Vec<Detail>,
    pub before: Option<String>,
    pub after: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Detail {
    pub attribute: String,
    pub name: Option<String>,
    pub path: Option<String>,
    pub recreation: String,
    pub before: Option<String>,
    pub after: Option<String>,
    pub change_type: Option<String>,
    pub source: String,
    pub entity: Option<String>,
    pub evaluation: String,
}

/// One run of the machine over a stack.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Operation {
    pub id: String,
    pub token: Option<String>,
    pub kind: OperationKind,
    pub phase: Phase,
    pub steps: Vec<Step>,
    /// When the stack itself moves on; steps start and end by their own times.
    pub due: Option<Millis>,
    pub on_failure: OnFailure,
    pub retain_except_on_create: bool,
    /// What an update goes back to.
    pub previous: Option<Box<Previous>>,
    /// Resources that are superseded or removed, to be deleted at the end.
    pub leftovers: Vec<Resource>,
    pub retain: BTreeSet<String>,
    pub force: bool,
    pub skip: BTreeSet<String>,
    pub imports: BTreeMap<String, ImportedResource>,
    /// Logical ids whose failure began the rollback.
    pub failed: Vec<(String, String)>,
    pub started: Millis,
    /// The operation is accepted; its first status is yet to show.
    pub opening: Option<Opening>,
    /// The stack policy in force.
    pub policy: Option<Value>,
}

/// An execution that DescribeStacks does not show yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Opening {
    pub configuration: Configuration,
    pub change_set_id: Option<String>,
    pub status: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Previous {
    pub configuration: Configuration,
    pub outputs: Vec<Output>,
    pub imports: BTreeSet<String>,
    pub resources: IndexMap<String, Resource>,
    pub change_set_id: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum OperationKind {
    Create,
    Update,
    Import,
    Delete,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Phase {
    /// Resources are created and updated.
    Forward,
    /// What was replaced or removed is deleted; the stack has succeeded.
    Cleanup,
    /// A failed creation, or a failed import, is undone.
    Rollback,
    /// A failed update is undone.
    UpdateRollback,
    /// After an undone update, what it had created is deleted.
    RollbackCleanup,
    /// The stack is deleted.
    Delete,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum OnFailure {
    Rollback,
    Delete,
    Keep,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Step {
    pub logical_id: String,
    pub task: Task,
    pub stage: Stage,
    pub due: Millis,
    /// Indices of the steps that must be over first.
    pub needs: BTreeSet<usize>,
    /// What is deleted or restored; for a forward step, what was there before.
    pub subject: Option<Resource>,
    /// A physical resource that this step made.
    pub made: Option<Resource>,
    pub started: Millis,
    /// What it waits for besides its service.
    #[serde(default)]
    pub signals: Option<Signals>,
    /// Its service is going to give up, with this reason.
    #[serde(default)]
    pub doomed: Option<String>,
}

/// Signals that a resource waits for before it is complete.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Signals {
    pub count: u64,
    /// How many of a hundred must be successes.
    pub percent: u64,
    /// By a creation policy; otherwise by a wait condition's own properties.
    pub by_policy: bool,
    pub timeout: Millis,
    /// Set once the service has made the resource.
    pub deadline: Option<Millis>,
    /// By unique id: whether it was a success.
    pub received: BTreeMap<String, bool>,
    /// An instance that is starting, and will signal by itself.
    #[serde(default)]
    pub boot: Option<Boot>,
}

/// The boot of an instance whose user data signals.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Boot {
    /// How long it takes once the instance runs.
    pub after: Millis,
    /// When it signals; set once the instance runs.
    pub at: Option<Millis>,
    pub success: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Task {
    /// Forward: whatever the resource needs, decided when its turn comes.
    Apply,
    Create,
    Update,
    Replace,
    Import,
    /// Rollback: the old properties again.
    Restore,
    /// Rollback: the old physical resource again.
    Reinstate,
    Delete,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Stage {
    Waiting,
    /// Announced; the service has not been asked yet.
    Started,
    /// The service works on it.
    Working,
    Done,
    Failed,
    Cancelled,
}

impl Step {
    pub(super) fn running(&self) -> bool {
        matches!(self.stage, Stage::Started | Stage::Working)
    }

    pub(super) fn over(&self) -> bool {
        matches!(self.stage, Stage::Done | Stage::Failed | Stage::Cancelled)
    }
}

impl Stack {
    pub(super) fn live(&self) -> bool {
        self.status != "DELETE_COMPLETE"
    }

    pub(super) fn busy(&self) -> bool {
        let opening = self
            .operation
            .as_ref()
            .is_some_and(|operation| operation.opening.is_some());
        opening || self.operation.is_some() && self.status.ends_with("_IN_PROGRESS")
    }
}
