//! Shipping: a workload from its image to answering on the cluster that `apply` made, and back when it fails.
//!
//! `image` finds or builds what is shipped and `registry` sends it; `kubernetes`, `ecs` and `sagemaker` each roll a
//! [`Release`] out, watch it, say why it fails and put the one before it back; `training` runs jobs. What happens is told
//! as [`event::Event`]s; nothing here prints, asks or takes the lock: that is for whoever calls.

pub mod ecs;
pub mod event;
pub mod image;
pub mod kubernetes;
pub mod model;
pub mod registry;
pub mod release;
pub mod sagemaker;
mod scaling;
pub mod training;

use std::collections::BTreeMap;
use std::path::Path;

use tokio_util::sync::CancellationToken;

use crate::aws::session::Session;
use crate::spec::{Environment, Workload};

pub use event::{Event, Phase, Tell};
pub use release::{
    FieldChange, ImageAt, LogOptions, ModelAt, ObjectChange, ObjectFate, Release, Restored, Rolled, RolledOut, Running,
    ShipFailure,
};

/// Outputs of the deployed stacks: stack, then output by its contract's name. Lists are JSON arrays.
pub type Outputs = BTreeMap<String, BTreeMap<String, String>>;

/// What all parts of shipping one workload need.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The way into AWS.
    pub session: &'a Session,
    /// The environment.
    pub environment: &'a Environment,
    /// The workload.
    pub workload: &'a Workload,
    /// What its stacks give.
    pub outputs: &'a Outputs,
    /// The project's folder: contexts and layouts are relative to it.
    pub root: &'a Path,
    /// Who is told.
    pub tell: &'a Tell,
    /// Nothing new is started once this is cancelled; what was begun is brought to an end that can be said.
    pub stop: &'a CancellationToken,
}

impl Scene<'_> {
    /// An output of the stack that the workload runs on.
    pub fn output(&self, name: &str) -> Option<&str> {
        self.output_of(&self.workload.on.value, name)
    }

    /// An output of a stack.
    pub fn output_of(&self, stack: &str, name: &str) -> Option<&str> {
        self.outputs.get(stack)?.get(name).map(String::as_str)
    }

    /// The workload's name.
    pub fn name(&self) -> &str {
        &self.workload.name.value
    }
}
