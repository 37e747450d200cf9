//! What was read of the world before planning: the stacks as CloudFormation shows them, and what the state remembers.

use std::collections::BTreeMap;

use super::{Recovery, Seen};

/// Everything that a plan is compared with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deployed {
    /// The stacks that exist, by their names in the environment.
    pub stacks: BTreeMap<String, LiveStack>,
    /// What the state remembers, by the same names.
    pub recorded: BTreeMap<String, Recorded>,
    /// The state's generation; 0 if there is no state.
    pub generation: u64,
}

/// A stack as DescribeStacks shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LiveStack {
    /// The CloudFormation name.
    pub stack_name: String,
    /// The ARN.
    pub stack_id: String,
    /// `CREATE_COMPLETE`, …
    pub status: String,
    /// Why it has this status, if CloudFormation says.
    pub status_reason: Option<String>,
    /// Parameter values by name.
    pub parameters: BTreeMap<String, String>,
    /// Tags, without those that begin with `aws:`.
    pub tags: BTreeMap<String, String>,
    /// Output values by the template's key.
    pub outputs: BTreeMap<String, String>,
    /// The change set that was executed last.
    pub change_set_id: Option<String>,
    /// LastUpdatedTime, or CreationTime of a stack that was never updated; RFC 3339.
    pub updated: String,
    /// Whether termination protection is on.
    pub protected: bool,
}

impl LiveStack {
    /// The marks by which a later reader sees whether the stack moved.
    pub fn seen(&self) -> Seen {
        Seen {
            stack_id: self.stack_id.clone(),
            status: self.status.clone(),
            change_set_id: self.change_set_id.clone(),
            updated: self.updated.clone(),
            protected: self.protected,
        }
    }
}

/// What the state remembers of a stack that mlinfra deployed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// The CloudFormation name.
    pub stack_name: String,
    /// The ARN.
    pub stack_id: String,
    /// The module.
    pub module: String,
    /// The digest of the template that was deployed; empty if nobody saw the stack's creation end well.
    pub template_sha256: String,
    /// The change set that deployed it.
    pub change_set_id: Option<String>,
    /// The stack's update time right after that; RFC 3339.
    pub updated: String,
    /// The stacks that it uses.
    pub after: Vec<String>,
    /// What its outputs were made from ([`super::output_sources`]).
    pub output_sources: BTreeMap<String, String>,
}

/// In which part of its life a stack is, as far as decisions differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It does not exist, or no longer.
    Absent,
    /// Only a change set exists, nothing was ever made.
    Review,
    /// It can be updated and deleted.
    Settled,
    /// Nothing in it ever worked; it can only be deleted.
    NeverWorked,
    /// A rollback of an update is stuck.
    RollbackStuck,
    /// A deletion failed.
    DeleteFailed,
    /// A creation or update runs forward.
    Advancing,
    /// A rollback, clean-up or deletion runs.
    Retreating,
}

/// The phase that belongs to a stack status ("Stack status codes" in the CloudFormation guide).
///
/// A status that is not known counts by its ending: `_IN_PROGRESS` is waited for, anything else can be updated, and
/// CloudFormation itself says so if it cannot.
pub fn phase(status: &str) -> Phase {
    match status {
        "" | "DELETE_COMPLETE" => Phase::Absent,
        "REVIEW_IN_PROGRESS" => Phase::Review,
        "CREATE_FAILED" | "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" => Phase::NeverWorked,
        "UPDATE_ROLLBACK_FAILED" => Phase::RollbackStuck,
        "DELETE_FAILED" => Phase::DeleteFailed,
        "CREATE_IN_PROGRESS" | "UPDATE_IN_PROGRESS" | "IMPORT_IN_PROGRESS" => Phase::Advancing,
        other if other.ends_with("_IN_PROGRESS") => Phase::Retreating,
        _ => Phase::Settled,
    }
}

/// How a stack in this status gets free before it can be brought to what is wanted; none if it is free.
pub fn recovery_of(status: &str) -> Option<Recovery> {
    match phase(status) {
        // Nothing is in a draft, and CloudFormation takes another change set that creates it.
        Phase::Absent | Phase::Settled | Phase::Review => None,
        Phase::NeverWorked => Some(Recovery::DeleteFirst),
        Phase::RollbackStuck => Some(Recovery::ContinueRollback),
        Phase::DeleteFailed => Some(Recovery::DeleteAgain),
        Phase::Advancing | Phase::Retreating => Some(Recovery::Attach),
    }
}
