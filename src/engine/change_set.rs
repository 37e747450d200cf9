//! Makes change sets and waits until CloudFormation has worked them out.

use std::time::Duration;

use crate::aws::cloudformation::{self, ChangeSet, ChangeSetRequest, Progress};
use crate::aws::early_validation;
use crate::aws::error::{AwsError, Kind};
use crate::aws::retry::patiently;
use crate::aws::session::Session;
use crate::preflight::Validation;

/// How long CloudFormation may take to work out a change set.
const LIMIT: Duration = Duration::from_secs(900);
/// How long a call that changes nothing, or carries a token, is tried again through throttling and broken connections.
pub(super) const PATIENCE: Duration = Duration::from_secs(300);
/// How often a change set is made again that went away while it was made.
const AGAIN: usize = 2;
const FIRST: Duration = Duration::from_millis(50);
const SLOW: Duration = Duration::from_secs(2);

/// Why there is no change set.
#[derive(Debug)]
pub(super) enum Undrawn {
    /// CloudFormation says why it cannot be made.
    Refused(String),
    /// CloudFormation's validation finds fault with what would be made.
    Invalid(Vec<Validation>),
    /// Something else works on the stack.
    Overtaken(String),
    /// A call failed.
    Call(AwsError),
}

/// Makes a change set and waits for it. An empty one is deleted again and comes back with [`Progress::Empty`].
///
/// When a change set is executed, CloudFormation deletes all others of the stack ("Execute a change set"): one that goes
/// away while it is made only says that someone was faster, so it is made again from what there is now.
pub(super) async fn draw(session: &Session, request: &ChangeSetRequest) -> Result<ChangeSet, Undrawn> {
    for _ in 0..AGAIN {
        match draw_once(session, request).await {
            Err(Undrawn::Call(error)) if vanished(&error) => {}
            answer => return answer,
        }
    }
    draw_once(session, request).await.map_err(|undrawn| match undrawn {
        Undrawn::Call(error) if vanished(&error) => Undrawn::Overtaken(error.message),
        other => other,
    })
}

fn vanished(error: &AwsError) -> bool {
    error.operation == "DescribeChangeSet" && error.kind == Kind::NotFound
}

/// A stack on which an operation runs takes no change sets: `… is in UPDATE_IN_PROGRESS state and can not be updated`.
fn not_made(error: AwsError) -> Undrawn {
    match error.kind {
        Kind::Validation | Kind::Conflict if error.message.contains("_IN_PROGRESS state") => {
            Undrawn::Overtaken(error.message)
        }
        _ => Undrawn::Call(error),
    }
}

async fn draw_once(session: &Session, request: &ChangeSetRequest) -> Result<ChangeSet, Undrawn> {
    let name = format!("mlinfra-{}", uuid::Uuid::new_v4());
    let ids = patiently(session.clock, PATIENCE, || {
        cloudformation::create_change_set(session, request, &name)
    })
    .await
    .map_err(not_made)?;
    let deadline = session.clock.elapsed() + LIMIT;
    let mut wait = FIRST;
    loop {
        session.clock.sleep(wait.mul_f64(0.8 + 0.2 * fastrand::f64())).await;
        wait = (wait * 2).min(SLOW);
        let set = patiently(session.clock, PATIENCE, || {
            cloudformation::describe_change_set(session, &ids.change_set)
        })
        .await
        .map_err(Undrawn::Call)?;
        match &set.progress {
            Progress::Ready => return Ok(set),
            Progress::Pending if session.clock.elapsed() < deadline => {}
            Progress::Pending => {
                discard(session, &ids.change_set).await;
                return Err(Undrawn::Refused(format!(
                    "it was not worked out within {} s",
                    LIMIT.as_secs()
                )));
            }
            Progress::Empty => {
                discard(session, &ids.change_set).await;
                return Ok(set);
            }
            Progress::Failed(reason) => {
                let reason = reason.clone();
                // The findings go with the change set. Without the permission to read them the bare reason is told.
                let found = if reason.contains("EarlyValidation") {
                    early_validation::validations(session, &ids.change_set)
                        .await
                        .unwrap_or_default()
                } else {
                    Vec::new()
                };
                discard(session, &ids.change_set).await;
                return Err(if found.is_empty() {
                    Undrawn::Refused(reason)
                } else {
                    Undrawn::Invalid(found)
                });
            }
        }
    }
}

/// Deletes a change set that nobody needs; one that stays is only untidy, so a failure is no more than a trace.
pub(super) async fn discard(session: &Session, arn: &str) {
    if let Err(error) = cloudformation::delete_change_set(session, arn).await {
        tracing::debug!(%error, arn, "a change set stays behind");
    }
}
