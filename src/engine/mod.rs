//! Executes a plan: schedule, observe, recover, resume.
//!
//! [`read_deployed`] and [`complete`] make a plan with what only CloudFormation knows; [`execute()`] carries it out. What
//! happens is told as [`event::Event`]s: the engine knows no view. It decides nothing that the plan left open, except to stop.

pub mod event;

mod change_set;
mod delete;
mod execute;
mod failure;
mod journal;
mod observe;
mod pace;
mod preflight;
mod run;
mod schedule;
mod templates;
#[cfg(test)]
mod tests;
mod watch;

pub use execute::{Execution, Finished, Options, Stop, Summary, execute};
pub use journal::Journal;
pub use observe::{complete, deployed_of, discard, read_deployed};
pub use preflight::survey;
pub use templates::Templates;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc::UnboundedSender;

use crate::aws::error::AwsError;
use crate::aws::retry::patiently;
use crate::aws::session::Session;
use crate::diagnostic::{Problem, codes};
use crate::module::{RenderedEnvironment, RenderedStack};
use crate::plan::{Deployed, Plan, StackPlan};

/// What every step of a run needs.
#[derive(Debug)]
struct Context<'a> {
    session: &'a Session,
    plan: &'a Plan,
    environment: Option<&'a RenderedEnvironment>,
    deployed: &'a Deployed,
    operation: &'a str,
    options: &'a Options,
    stop: &'a Stop,
    templates: &'a Templates<'a>,
    journal: &'a Journal<'a>,
    watch: watch::Watch<'a>,
    events: &'a UnboundedSender<event::Event>,
    /// Outputs by stack and template key, as soon as a stack is what it should be.
    outputs: Mutex<BTreeMap<String, BTreeMap<String, String>>>,
}

impl Context<'_> {
    fn rendered(&self, name: &str) -> Option<&RenderedStack> {
        self.environment.and_then(|environment| environment.stacks.get(name))
    }

    /// The parameters' real values; everything that they come from is done.
    fn parameters(&self, stack: &RenderedStack) -> Result<BTreeMap<String, String>, Problem> {
        let outputs = self.outputs.lock().unwrap_or_else(PoisonError::into_inner);
        stack
            .parameters
            .iter()
            .map(|(name, output)| {
                let value = outputs.get(&output.stack).and_then(|outputs| outputs.get(&output.key));
                let value = value.ok_or_else(|| {
                    Problem::error(
                        codes::STACK_OUTPUT_MISSING,
                        format!(
                            "stack {} needs {} of stack {}, which has no such output",
                            stack.name, output.output, output.stack
                        ),
                    )
                    .note(format!("the template's output would be {}", output.key))
                    .hint(format!(
                        "apply {} too, so that its template's outputs are brought up to date",
                        output.stack
                    ))
                })?;
                Ok((name.clone(), value.clone()))
            })
            .collect()
    }

    fn know_outputs(&self, stack: &str, outputs: &BTreeMap<String, String>) {
        let mut known = self.outputs.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(stack.to_owned(), outputs.clone());
    }

    /// Nothing new is begun once the user or a lost lease stopped the run.
    fn may_begin(&self) -> Result<(), run::Halt> {
        if self.stop.nothing_new.is_cancelled() {
            Err(run::Halt::Stopped)
        } else {
            Ok(())
        }
    }

    /// A client token that names the step: repeating the step in this operation does nothing twice.
    fn token(&self, planned: &StackPlan, step: &str) -> String {
        const LONGEST: usize = 128;
        let text = format!("mlinfra-{}-{step}-{}", self.operation, planned.name);
        text.chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .take(LONGEST)
            .collect()
    }

    /// A call that may be repeated, with patience for throttling and broken connections.
    async fn call<T, F>(&self, call: impl FnMut() -> F) -> Result<T, run::Halt>
    where
        F: Future<Output = Result<T, AwsError>>,
    {
        patiently(self.session.clock, change_set::PATIENCE, call)
            .await
            .map_err(|error| error.problem().into())
    }

    fn tell(&self, event: event::Event) {
        // Nobody listening is no reason to stop.
        drop(self.events.send(event));
    }
}
