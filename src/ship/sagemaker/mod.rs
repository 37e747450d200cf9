//! SageMaker: endpoints that serve, and jobs that end.
//!
//! Models and configurations never change and are named after their content, so making them again is harmless, and
//! leading the endpoint from one to another is all that a rollout is. SageMaker may go back to the old configuration by
//! itself and call that `InService`: what counts is which configuration serves in the end.

mod clean;
mod endpoint;
mod explain;
mod job;
mod log;
mod look;
mod model;
mod watch;

#[cfg(test)]
pub(super) mod tests;

use std::time::Duration;

use serde_json::Value as Json;

use super::event::{Event, Phase};
use super::{LogOptions, ObjectChange, Release, Restored, Rolled, Running, Scene, ShipFailure, scaling};
use crate::aws::error::AwsError;
use crate::aws::retry;
use crate::aws::sagemaker::endpoints;
use crate::diagnostic::{Problem, codes};
use crate::spec::workload::Kind;
use crate::workload::sagemaker as requests;

pub(super) use job::{Ended, JobKind, ended_badly, follow};
pub use model::resolve_model;

/// How long one question may be repeated while SageMaker throttles or does not answer.
const PATIENCE: Duration = Duration::from_secs(600);

/// What shipping `release` would change. Nothing is changed.
///
/// # Errors
/// Whatever keeps SageMaker's answers away.
pub async fn review(
    scene: &Scene<'_>,
    release: &Release,
    serving: Option<&Release>,
) -> Result<Vec<ObjectChange>, Problem> {
    let mut changes = look::review(scene, release).await?;
    if let Some(endpoint) = requests::name(&release.objects, "Endpoint") {
        let anew = is_another_type(scene, endpoint, release).await?;
        changes.extend(scaling::review(scene, &requests::scaled(endpoint), release, serving, anew).await?);
    }
    Ok(changes)
}

/// Ships `release` and waits until it serves, or until a batch has ended. `serving` is what the records say that served
/// before, with which configuration a failed rollout ends.
///
/// Run again after any kind of death it goes on where it was: an update that is under way is waited for and not begun
/// twice.
///
/// # Errors
/// Why it does not serve, and what does.
pub async fn roll_out(scene: &Scene<'_>, release: &Release, serving: Option<&Release>) -> Rolled {
    if release
        .objects
        .iter()
        .any(|object| object.to_string().contains("(known "))
    {
        let output = match scene.workload.kind {
            Kind::Batch => "training_role_arn",
            Kind::Api | Kind::Stream => "execution_role_arn",
        };
        return Err(untouched(lacks(
            &scene.workload.on.value,
            output,
            &scene.environment.name,
        )));
    }
    match scene.workload.kind {
        Kind::Batch => job::roll_out(scene, release).await,
        Kind::Api | Kind::Stream => {
            let name = requests::name(&release.objects, "Endpoint").unwrap_or_default();
            let anew = is_another_type(scene, name, release).await.map_err(untouched)?;
            let rolling = endpoint::roll_out(scene, release, serving);
            scaling::around(scene, &requests::scaled(name), release, serving, anew, rolling).await
        }
    }
}

/// "Update endpoints that use auto scaling", SageMaker Developer Guide: an update to another instance type is refused as
/// long as the endpoint is scaled. Whether this is one; what has no scaling asks nothing.
async fn is_another_type(scene: &Scene<'_>, name: &str, release: &Release) -> Result<bool, Problem> {
    if scaling::Wanted::of(release).is_none() {
        return Ok(false);
    }
    let session = scene.session;
    let Some(endpoint) = asked(scene, || endpoints::describe_endpoint(session, name)).await? else {
        return Ok(false);
    };
    // Nothing of somebody else's endpoint is touched, its scaling neither.
    endpoint::own(scene, name, &endpoint).await?;
    let serves = asked(scene, || endpoints::describe_endpoint_config(session, &endpoint.config)).await?;
    let wanted = requests::request(&release.objects, "EndpointConfig");
    Ok(serves.as_ref().and_then(instance_type) != wanted.and_then(instance_type))
}

/// The instance type of a configuration.
fn instance_type(config: &Json) -> Option<&str> {
    config.pointer("/ProductionVariants/0/InstanceType")?.as_str()
}

/// `release`, switched to at once and whatever alarms say: what serves is why they ring ("Auto-Rollback Configuration",
/// SageMaker Developer Guide: an alarm that rings before an update ends it).
pub fn without_alarms(release: &Release) -> Release {
    let mut release = release.clone();
    let endpoints = release.objects.iter_mut();
    let endpoints = endpoints.filter(|object| object.get("kind").and_then(Json::as_str) == Some("Endpoint"));
    for request in endpoints.filter_map(|object| object.get_mut("request")?.as_object_mut()) {
        request.insert("DeploymentConfig".to_owned(), requests::all_at_once());
    }
    release
}

/// What runs of the workload; none if nothing was ever shipped.
///
/// # Errors
/// Whatever keeps SageMaker's answers away.
pub async fn running(scene: &Scene<'_>) -> Result<Option<Running>, Problem> {
    look::running(scene).await
}

/// Tells the workload's lines as [`super::Event::Log`], until `stop` where they are to be followed.
///
/// # Errors
/// There is no endpoint or job, or CloudWatch Logs does not answer.
pub async fn logs(scene: &Scene<'_>, options: &LogOptions) -> Result<(), Problem> {
    log::logs(scene, options).await
}

/// Deletes the endpoint of the workload with all of its configurations and models, and tells what it deleted; a batch that
/// runs is stopped. What is not there is fine.
///
/// # Errors
/// What SageMaker refuses.
pub async fn remove(scene: &Scene<'_>, release: &Release) -> Result<(), Problem> {
    let deleted = match scene.workload.kind {
        Kind::Batch => job::remove(scene).await?,
        Kind::Api | Kind::Stream => clean::remove(scene, release).await?,
    };
    if !deleted.is_empty() {
        scene.tell.event(Event::Phase {
            workload: scene.name().to_owned(),
            phase: Phase::CleanUp,
            subject: deleted.join(", "),
        });
    }
    Ok(())
}

/// Asks until there is an answer: throttling and lost connections are outlasted for ten minutes.
async fn asked<T, F>(scene: &Scene<'_>, call: impl FnMut() -> F) -> Result<T, Problem>
where
    F: Future<Output = Result<T, AwsError>>,
{
    let answer = retry::patiently(scene.session.clock, PATIENCE, call).await;
    answer.map_err(|error| refused(&error))
}

/// What SageMaker refuses, with what helps against what it refuses most.
pub(super) fn refused(error: &AwsError) -> Problem {
    let problem = error.problem();
    let quota = error.code.as_deref().is_some_and(|code| code.contains("LimitExceeded"));
    if quota {
        return problem
            .hint("SageMaker counts each instance type for each use: ask for more in Service Quotas, or take another type")
            .hint("`mlinfra plan` checks quotas before anything is made");
    }
    problem
}

/// A stack that does not give what is needed.
pub(super) fn lacks(stack: &str, output: &str, environment: &str) -> Problem {
    Problem::error(
        codes::STACK_OUTPUT_MISSING,
        format!("the stack `{stack}` has no output `{output}`"),
    )
    .hint(format!(
        "`mlinfra apply {environment}` makes the stack, or brings it up to date"
    ))
}

/// A rollout that failed before anything was changed.
fn untouched(problem: Problem) -> Box<ShipFailure> {
    Box::new(ShipFailure {
        problem,
        restored: Restored::Untouched,
    })
}

/// The run was told to stop before it began something.
fn interrupted(what: &str) -> Problem {
    Problem::error(codes::INTERRUPTED, format!("stopped before {what}"))
}
