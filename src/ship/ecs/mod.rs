//! ECS: a revision of a task definition, rolled out as a service or run as a task.
//! A batch that the clock starts is a schedule of EventBridge Scheduler.
//!
//! [`roll_out`] registers a revision only if no active one is the same, makes or changes the service, and watches the
//! deployment until every task runs it and the old ones are gone. A container that cannot come to run is told in the
//! words of why its tasks stopped, and what served before is put back and watched as well. Each step can be done again:
//! whoever was killed runs the command again.

mod definition;
mod diagnose;
mod difference;
mod job;
mod log;
mod other;
mod read;
mod request;
mod schedule;
mod service;
#[cfg(test)]
mod tests;
mod watch;

use std::time::Duration;

use serde_json::json;

use super::{FieldChange, LogOptions, ObjectChange, ObjectFate, Release, Rolled, Running, Scene, scaling};
use crate::aws::ecs::{Action, call_patiently, list};
use crate::aws::error::AwsError;
use crate::diagnostic::{Problem, codes};
use crate::spec::workload::Platform;
use crate::workload::scaling::Scaled;

pub(super) use difference::differences;
use request::{Run, Wanted};

/// How long throttling and a network that is away are borne, for each call.
const PATIENCE: Duration = Duration::from_secs(600);
/// Between two looks.
const POLL: Duration = Duration::from_secs(6);

/// What shipping `release` would change. Reads, and changes nothing.
///
/// # Errors
/// Whatever keeps ECS from being read.
pub async fn review(
    scene: &Scene<'_>,
    release: &Release,
    serving: Option<&Release>,
) -> Result<Vec<ObjectChange>, Problem> {
    let wanted = Wanted::read(release)?;
    let service = service::find(scene.session, &wanted.cluster, &wanted.name).await;
    let service = service.map_err(|error| told(scene, &error))?;
    let schedule = match &wanted.run {
        Run::Schedule(request) => schedule::find(scene, schedule::group_of(request)).await?,
        Run::Service(_) | Run::Task(_) => None,
    };
    let current = match (&wanted.run, &service) {
        (Run::Service(_), Some(service)) => Some(service.definition.clone()),
        _ => schedule.as_ref().and_then(schedule::revision).map(str::to_owned),
    };
    let definition = definition::review(scene.session, &wanted, current.as_deref()).await;
    let definition = definition.map_err(|error| told(scene, &error))?;
    let run = match &wanted.run {
        Run::Service(settings) => {
            let fields = service
                .as_ref()
                .map(|service| service.differences(&wanted.lifted(settings, service.desired)));
            ObjectChange {
                object: format!("Service {}/{}", wanted.cluster, wanted.name),
                fate: match &fields {
                    None => ObjectFate::Create,
                    Some(fields) if fields.is_empty() && definition.fate == ObjectFate::Unchanged => {
                        ObjectFate::Unchanged
                    }
                    Some(_) => ObjectFate::Update,
                },
                fields: match (fields, &current) {
                    // Nothing else of it differs: it is the version.
                    (Some(fields), Some(before)) if fields.is_empty() && definition.fate != ObjectFate::Unchanged => {
                        vec![FieldChange {
                            path: "taskDefinition".to_owned(),
                            before: Some(json!(before.rsplit('/').next())),
                            after: Some(json!("a new revision")),
                        }]
                    }
                    (fields, _) => fields.unwrap_or_default(),
                },
            }
        }
        Run::Schedule(request) => schedule::review(&wanted, request, schedule.as_ref(), &definition),
        Run::Task(_) => ObjectChange {
            object: format!("Task {}/{}", wanted.cluster, wanted.name),
            // One that is otherwise in anything is another one, and runs.
            fate: match serving.is_some_and(|serving| serving.digest() == release.digest()) {
                true => ObjectFate::Unchanged,
                false => ObjectFate::Create,
            },
            fields: Vec::new(),
        },
    };
    let scaled = Scaled::service(&wanted.cluster, &wanted.name);
    let mut changes = vec![definition, run];
    changes.extend(scaling::review(scene, &scaled, release, serving, false).await?);
    let gone = |kind: &str, name: String| ObjectChange {
        object: format!("{kind} {name}"),
        fate: ObjectFate::Delete,
        fields: Vec::new(),
    };
    if !matches!(wanted.run, Run::Service(_)) && service.is_some() {
        changes.push(gone("Service", format!("{}/{}", wanted.cluster, wanted.name)));
    }
    if !matches!(wanted.run, Run::Schedule(_))
        && let Some(group) = other::schedule(scene, serving).await?
    {
        changes.push(gone("Schedule", format!("{group}/{}", wanted.name)));
    }
    Ok(changes)
}

/// Rolls `release` out, and puts back what served before if it fails: `serving`, or without one what the service was
/// when this began.
///
/// A batch runs once for each release: one that `serving` says has run is not run again, and one that runs already is
/// followed to its end.
///
/// # Errors
/// Why it failed, and what runs now.
pub async fn roll_out(scene: &Scene<'_>, release: &Release, serving: Option<&Release>) -> Rolled {
    let wanted = match Wanted::read(release) {
        Ok(wanted) => wanted,
        Err(problem) => return service::untouched(problem),
    };
    let rolled = match &wanted.run {
        Run::Service(settings) => {
            let rolling = service::roll_out(scene, &wanted, settings, release, serving);
            let scaled = Scaled::service(&wanted.cluster, &wanted.name);
            scaling::around(scene, &scaled, release, serving, false, rolling).await
        }
        Run::Task(request) => job::run(scene, &wanted, request, release, serving).await,
        Run::Schedule(request) => schedule::roll_out(scene, &wanted, request).await,
    };
    other::ends(scene, &wanted, serving, rolled).await
}

/// What runs of the scene's workload; none if there is no service, or no task of a batch that is remembered.
///
/// # Errors
/// Whatever keeps ECS from being read.
pub async fn running(scene: &Scene<'_>) -> Result<Option<Running>, Problem> {
    let cluster = cluster(scene)?;
    match scene.workload.kind {
        crate::spec::workload::Kind::Batch => schedule::running(scene, &cluster).await,
        _ => service::running(scene, &cluster).await,
    }
}

/// Tells the lines of the workload's tasks as [`super::Event::Log`], those that have been printed and, if asked, those
/// that come until `stop`.
///
/// # Errors
/// Whatever keeps ECS or CloudWatch Logs from being read.
pub async fn logs(scene: &Scene<'_>, options: &LogOptions) -> Result<(), Problem> {
    log::tell(scene, &cluster(scene)?, options).await
}

/// Takes the workload away, of which `release` is what ran: its scaling or its schedule, its service or its running tasks,
/// and its active task definitions. Gives whether there was anything. Ends when the service's last task has stopped.
///
/// # Errors
/// Whatever AWS refuses; called again, it goes on.
pub async fn remove(scene: &Scene<'_>, release: &Release) -> Result<bool, Problem> {
    let cluster = cluster(scene)?;
    scaling::remove(scene, &Scaled::service(&cluster, scene.name()), release).await?;
    // First what would start another task.
    let unscheduled = match schedule::group(scene, Some(release)) {
        Some(group) => schedule::remove(scene, &group).await?,
        None => false,
    };
    let removed = service::remove(scene, &cluster).await?;
    let family = scene.environment.stack_name(scene.name());
    let stopped = job::stop_all(scene, &cluster, &family).await?;
    if is_elsewhere(scene) {
        return Ok(removed || stopped || unscheduled);
    }
    let asked = json!({ "familyPrefix": family, "status": "ACTIVE" });
    let arns = list(
        scene.session,
        Action::ListTaskDefinitions,
        &asked,
        "taskDefinitionArns",
        PATIENCE,
    );
    let arns = arns.await.map_err(|error| told(scene, &error))?;
    for arn in &arns {
        let request = json!({ "taskDefinition": arn });
        call_patiently(scene.session, Action::DeregisterTaskDefinition, &request, PATIENCE)
            .await
            .map_err(|error| told(scene, &error))?;
    }
    Ok(removed || stopped || unscheduled || !arns.is_empty())
}

/// Whether the workload goes on to run, on another stack of ECS: its task definitions are the same ones.
fn is_elsewhere(scene: &Scene<'_>) -> bool {
    let now = scene.environment.workloads.get(scene.name());
    now.is_some_and(|now| now.platform == Platform::Ecs && now.on.value != scene.workload.on.value)
}

/// The cluster that the stack has made.
fn cluster(scene: &Scene<'_>) -> Result<String, Problem> {
    scene.output("cluster_name").map(str::to_owned).ok_or_else(|| {
        let stack = &scene.workload.on.value;
        Problem::error(
            codes::ECS_STACK,
            format!("the stack `{stack}` as it is deployed does not give `cluster_name`"),
        )
        .hint(format!("deploy it first: mlinfra apply {}", scene.environment.name))
    })
}

/// What AWS refused, and what to do about it.
fn told(scene: &Scene<'_>, error: &AwsError) -> Problem {
    if error.code.as_deref() != Some("ClusterNotFoundException") {
        return error.problem();
    }
    let stack = &scene.workload.on.value;
    Problem::error(
        codes::ECS_STACK,
        format!("the cluster of the stack `{stack}` is not there"),
    )
    .note(error.to_string())
    .hint(format!("bring it up to date: mlinfra apply {}", scene.environment.name))
}

/// The problem of one who was told to stop.
fn interrupted(name: &str) -> Problem {
    Problem::error(codes::INTERRUPTED, format!("shipping `{name}` was interrupted"))
        .hint("the same command begins again")
}
