//! Plans: what would change, property by property, and why. Data and pure functions; no I/O, no clock, no AWS.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::module::OutputRef;

mod decide;
mod deployed;
mod fate;
mod guard;
mod lists;
mod local;
mod order;
mod review;
mod saved;
#[cfg(test)]
mod tests;
mod values;

pub use decide::{About, Draft, Drawn, Inputs, Wanted, What, plan};
pub use deployed::{Deployed, LiveStack, Phase, Recorded, phase, recovery_of};
pub use fate::foretell;
pub use guard::{Consents, guards, is_stateful};
pub use lists::{Part, by_element, parts};
pub use local::output_sources;
pub use order::{dependents_of, with_dependencies, with_dependents};
pub use review::{Unseen, unseen};
pub use saved::{Current, Moved, Unreadable, open, seal, verify_against};
pub use values::{Side, fill_in, lacks_values};

/// What would be done to one environment, sealed with everything that it was derived from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The format's version, 1.
    pub version: u32,
    /// A unique id; a plan can be applied once.
    pub id: String,
    /// Apply or destroy.
    pub kind: Kind,
    /// The project's name.
    pub project: String,
    /// The environment's name.
    pub environment: String,
    /// The account that it was made for and in.
    pub account: String,
    /// The region.
    pub region: String,
    /// The role that was assumed, if any.
    pub role_arn: Option<String>,
    /// RFC 3339, for people.
    pub created: String,
    /// Who made it: `user@host` or the run's URL.
    pub actor: String,
    /// The commit of the project's checkout, if there is one, with `-dirty` behind it if it was changed.
    pub commit: Option<String>,
    /// The state's generation that the plan started from; 0 if there was no state.
    pub base_generation: u64,
    /// SHA-256 of the environment's texts, contracts and templates.
    pub spec_digest: String,
    /// Whether the environment is protected.
    pub protect: bool,
    /// The stacks, in an order in which they could be executed one by one.
    pub stacks: Vec<StackPlan>,
}

/// What a plan is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Bring the environment to what the file says.
    Apply,
    /// Take all of it away.
    Destroy,
}

/// What would be done to one stack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StackPlan {
    /// The name in the environment file.
    pub name: String,
    /// The CloudFormation name.
    pub stack_name: String,
    /// The stack's ARN, if it exists.
    pub stack_id: Option<String>,
    /// The module; empty if only the state knows the stack.
    pub module: String,
    /// What to do.
    pub action: Action,
    /// What has to be done first because the stack is stuck.
    pub recovery: Option<Recovery>,
    /// Why, in sentences for people.
    pub reasons: Vec<String>,
    /// Resource by resource.
    pub changes: Vec<ResourceChange>,
    /// The parameters' values.
    pub parameters: BTreeMap<String, ParameterValue>,
    /// The stack's tags.
    pub tags: BTreeMap<String, String>,
    /// The template's digest; none for a deletion.
    pub template_sha256: Option<String>,
    /// The change set that shows the changes, if CloudFormation made one.
    pub change_set: Option<String>,
    /// The stacks that have to be done before this one (in a deletion: those that use it).
    pub after: Vec<String>,
    /// What CloudFormation said of the stack when it was read; none if it did not exist.
    #[serde(default)]
    pub seen: Option<Seen>,
    /// Termination protection has to be switched on or off.
    #[serde(default)]
    pub set_protection: Option<bool>,
}

/// The marks by which a stack that moved since the plan is recognised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The stack's ARN: a stack that was deleted and made anew has another one.
    pub stack_id: String,
    /// `CREATE_COMPLETE`, …
    pub status: String,
    /// The change set that was executed last.
    pub change_set_id: Option<String>,
    /// LastUpdatedTime, or CreationTime of a stack that was never updated; RFC 3339.
    pub updated: String,
    /// Whether termination protection is on; switching it moves no time.
    #[serde(default)]
    pub protected: bool,
}

/// What to do with a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It is as it should be.
    Unchanged,
    /// It does not exist.
    Create,
    /// It differs.
    Update,
    /// It is no longer wanted.
    Delete,
}

/// How a stuck stack gets free (DESIGN §5.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recovery {
    /// ROLLBACK_COMPLETE, ROLLBACK_FAILED, CREATE_FAILED: nothing in it ever worked; delete, then create.
    DeleteFirst,
    /// UPDATE_ROLLBACK_FAILED: continue the rollback, then update.
    ContinueRollback,
    /// DELETE_FAILED: delete again, then go on.
    DeleteAgain,
    /// *_IN_PROGRESS: an operation runs; attach to it, wait for its end, then look again.
    Attach,
}

/// The value of a stack parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterValue {
    /// Known now.
    Known(String),
    /// Known after another stack is done.
    After(OutputRef),
}

/// What would happen to one resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResourceChange {
    /// The logical id.
    pub logical_id: String,
    /// The physical id, if it exists.
    pub physical_id: Option<String>,
    /// `AWS::EC2::VPC`.
    pub resource_type: String,
    /// What happens.
    pub action: ResourceAction,
    /// Whether it gets replaced by a new one.
    pub replacement: Replacement,
    /// Property by property; of an addition only those whose values are not known yet, of a removal none.
    pub properties: Vec<PropertyChange>,
    /// What a removal or replacement leaves behind, by the policy of the template that is deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaves: Option<Leaves>,
    /// What forbids its removal, by the template that is deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protection: Option<Protection>,
}

/// What stays of a resource that leaves its stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Leaves {
    /// All of it: it outlives the stack, and no stack manages it any more.
    Resource,
    /// A snapshot of its data.
    Snapshot,
}

/// A switch on a resource by which its service refuses to delete it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protection {
    /// The property that is on: `DeletionProtection`.
    pub property: String,
    /// The module's input that sets it, if the files still say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
}

/// What happens to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResourceAction {
    /// It is made.
    Add,
    /// It is changed or replaced.
    Modify,
    /// It is removed.
    Remove,
    /// It is adopted.
    Import,
    /// CloudFormation can tell only while executing.
    Dynamic,
}

/// Whether a change makes a new resource in the old one's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Replacement {
    /// Changed in place.
    Never,
    /// Depends on values that are known only while executing.
    Conditional,
    /// A new one is made and the old one deleted.
    Always,
}

/// A property before and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PropertyChange {
    /// `CidrBlock`, `Tags.0.Value`; `Policies[shipping].PolicyDocument` where elements of a list are told by name.
    pub path: String,
    /// The value before, none if there was none.
    pub before: Option<String>,
    /// The value after; none if it is removed.
    pub after: Option<String>,
    /// Text in place of a value that is not known yet: `known after network`.
    pub after_unknown: Option<String>,
    /// Whether this property forces a replacement.
    pub replacement: Replacement,
    /// What makes it change, where CloudFormation tells: `Parameters.VpcId`, `Network.VpcId`.
    pub cause: Option<String>,
}

impl ResourceChange {
    /// Whether it only leaves its stack, and goes on to exist.
    pub fn stays(&self) -> bool {
        self.action == ResourceAction::Remove && self.leaves == Some(Leaves::Resource)
    }

    /// Whether what exists now certainly goes on to exist outside of its stack: by a removal, or beside its replacement.
    pub fn leaves_it_behind(&self) -> bool {
        self.stays() || self.leaves == Some(Leaves::Resource) && self.replacement == Replacement::Always
    }
}

impl Plan {
    /// Whether executing it would change anything.
    pub fn changes_anything(&self) -> bool {
        self.stacks.iter().any(|stack| {
            stack.action != Action::Unchanged || stack.recovery.is_some() || stack.set_protection.is_some()
        })
    }

    /// Whether only the state has to learn something: a stack turned out to be what it should be although the state did
    /// not say so.
    pub fn records_anything(&self) -> bool {
        self.stacks
            .iter()
            .any(|stack| stack.action == Action::Unchanged && !stack.reasons.is_empty())
    }

    /// The plan of one stack, by its name in the environment.
    pub fn stack(&self, name: &str) -> Option<&StackPlan> {
        self.stacks.iter().find(|stack| stack.name == name)
    }
}
