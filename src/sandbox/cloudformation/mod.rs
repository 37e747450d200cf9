//! CloudFormation as a machine over simulated time: the wire protocol of the AWS Query API in, XML out.
//!
//! Pure, synchronous, deterministic. A call or [`CloudFormation::advance`] says what time it is; every transition that
//! was due by then happens in the order of its due time, so an operation goes on while nobody looks. Services that hold
//! the resources are behind [`World`]. No runtime, no clock, no AWS client may enter. `docs/SANDBOX.md` lists what is
//! simulated, the AWS page that it follows, and the test that shows it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

mod actions;
mod attributes;
mod boot;
mod changeset;
mod decide;
mod describe;
mod diff;
mod drift;
mod durations;
mod evaluate;
mod execute;
mod faults;
mod form;
mod function;
mod identifiers;
mod lifecycle;
mod listing;
mod naming;
mod parameters;
mod policy;
mod properties;
mod protection;
mod recovery;
mod refusal;
mod resource_types;
mod rollback;
mod shapes;
mod signals;
mod state;
mod step;
mod submit;
mod template;
mod world;
mod xml;

#[cfg(test)]
mod tests;

pub use attributes::{refreshed, synthesise};
pub use durations::creation_millis;
pub use faults::{FaultSpec, FaultTask};
pub use naming::physical_name;
pub use world::{Lookup, Physical, Pretend, ResourceRequest, World};

/// Milliseconds of simulated time since the Unix epoch.
pub type Millis = u64;

/// A stack's name, its status, and the types and physical ids of its resources.
pub type StackSummary = (String, String, Vec<(String, String)>);

/// The service of one account and region. Its whole state serialises.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CloudFormation {
    account: String,
    region: String,
    /// Grows with every id that is made up.
    counter: u64,
    stacks: BTreeMap<String, state::Stack>,
    faults: Vec<faults::Armed>,
    detections: BTreeMap<String, drift::Detection>,
}

/// An answer of the service, ready for the wire (`text/xml`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The XML.
    pub body: String,
}

impl CloudFormation {
    /// A service without stacks.
    pub fn new(account: impl Into<String>, region: impl Into<String>) -> Self {
        Self {
            account: account.into(),
            region: region.into(),
            counter: 0,
            stacks: BTreeMap::new(),
            faults: Vec::new(),
            detections: BTreeMap::new(),
        }
    }

    /// Answers one call of the AWS Query protocol at the time `now`, after everything that was due until then.
    /// `fields` is the decoded form; `Action` and `Version` in it are ignored.
    pub fn call(&mut self, action: &str, fields: &[(String, String)], now: Millis, world: &mut dyn World) -> Reply {
        self.advance(now, world);
        let request_id = self.uuid("request");
        match actions::answer(self, action, &form::Form::new(fields), now, world) {
            Ok(content) => {
                let metadata = xml::Xml::new().text("RequestId", &request_id);
                let result = match content {
                    Some(content) => xml::Xml::new().child(&format!("{action}Result"), content),
                    None => xml::Xml::new(),
                };
                let body = format!(
                    "<{action}Response xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">{}</{action}Response>",
                    result.child("ResponseMetadata", metadata).finish()
                );
                Reply { status: 200, body }
            }
            Err(refusal) => {
                let error = xml::Xml::new()
                    .text("Type", if refusal.status < 500 { "Sender" } else { "Receiver" })
                    .text("Code", refusal.code)
                    .text("Message", &refusal.message);
                let body = format!(
                    "<ErrorResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">{}</ErrorResponse>",
                    xml::Xml::new()
                        .child("Error", error)
                        .text("RequestId", &request_id)
                        .finish()
                );
                Reply {
                    status: refusal.status,
                    body,
                }
            }
        }
    }

    /// Runs every transition that is due at `now` or before, in the order of the due times.
    pub fn advance(&mut self, now: Millis, world: &mut dyn World) {
        while let Some(at) = self.next_due().filter(|at| *at <= now) {
            execute::turn(self, at, world);
        }
    }

    /// When the next transition is due, if anything is under way.
    pub fn next_due(&self) -> Option<Millis> {
        self.stacks.values().filter_map(execute::next_due).min()
    }

    /// The faults from now on. One that was there before keeps its count.
    pub fn set_faults(&mut self, faults: Vec<FaultSpec>) {
        let armed = std::mem::take(&mut self.faults);
        self.faults = faults
            .into_iter()
            .map(|spec| {
                let seen = armed
                    .iter()
                    .find(|armed| armed.spec == spec)
                    .map_or(0, |armed| armed.seen);
                faults::Armed { spec, seen }
            })
            .collect();
    }

    /// Names, states and live resources of all stacks that are not deleted, for listings and tests.
    pub fn inventory(&self) -> Vec<StackSummary> {
        let live = self.stacks.values().filter(|stack| stack.live());
        live.map(|stack| {
            let resources = stack.resources.values().filter_map(|resource| {
                resource
                    .physical_id
                    .clone()
                    .map(|id| (resource.resource_type.clone(), id))
            });
            (stack.name.clone(), stack.status.clone(), resources.collect())
        })
        .collect()
    }

    /// The physical ids of what is being made and is not complete yet.
    pub fn making(&self) -> Vec<String> {
        let operations = self.stacks.values().filter_map(|stack| stack.operation.as_ref());
        let steps = operations.flat_map(|operation| &operation.steps);
        let making = steps.filter(|step| {
            step.stage == state::Stage::Working && matches!(step.task, state::Task::Create | state::Task::Replace)
        });
        making
            .filter_map(|step| step.made.as_ref()?.physical_id.clone())
            .collect()
    }

    /// Hexadecimal that has not been seen before.
    fn seed(&mut self, purpose: &str) -> String {
        self.counter += 1;
        naming::digest(&format!("{}/{}/{}/{purpose}", self.account, self.region, self.counter))
    }

    fn uuid(&mut self, purpose: &str) -> String {
        naming::uuid(&self.seed(purpose))
    }
}
