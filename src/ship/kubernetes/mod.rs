//! Kubernetes: a release applied, watched, explained and put back.
//!
//! Everything is rehearsed first, so that what the cluster would refuse is refused while nothing has been changed. Then it
//! is applied as one field manager, and looked at again and again until all of it runs what was asked for or until it can
//! be said why it will not; then what served before is put back in full. Nothing here watches a stream of the API: an API
//! server may start anew in the middle of a rollout.

use std::net::SocketAddr;

use super::{LogOptions, ObjectChange, ObjectFate, Release, Restored, Rolled, Running, Scene, ShipFailure};
use crate::diagnostic::Problem;

mod api;
mod cluster;
mod diagnose;
mod difference;
mod finding;
mod forward;
mod ground;
mod job;
mod kind;
mod logs;
mod objects;
mod platform;
mod problem;
mod read;
mod roll;
mod running;
#[cfg(test)]
mod tests;
mod watch;

use ground::Ground;
pub use objects::Apply;

/// What rolling `release` out would do to each object, by the cluster's own word; nothing is changed. `serving` is what is
/// recorded as running: what only it has would be deleted.
///
/// # Errors
/// No way into the cluster, or an object that it would refuse.
pub async fn review(
    scene: &Scene<'_>,
    release: &Release,
    serving: Option<&Release>,
    apply: Apply,
) -> Result<Vec<ObjectChange>, Problem> {
    let cluster = cluster::open(scene).await?;
    reviewed(&Ground::of(scene, &cluster), release, serving, apply).await
}

async fn reviewed(
    ground: &Ground<'_>,
    release: &Release,
    serving: Option<&Release>,
    apply: Apply,
) -> Result<Vec<ObjectChange>, Problem> {
    let placed = ground.placed(release).await?;
    let missing = objects::missing_namespaces(ground, &placed).await?;
    let mut changes = objects::rehearse(ground, &placed, &missing, apply).await?;
    let left_over = objects::left_over(ground, &placed, serving).await?;
    changes.extend(left_over.iter().map(|at| ObjectChange {
        object: at.to_string(),
        fate: ObjectFate::Delete,
        fields: Vec::new(),
    }));
    Ok(changes)
}

/// Rolls `release` out in place of `serving`, which is put back if that fails. Safe to be repeated after any kind of death:
/// what is done already is seen and not done again.
///
/// A stop (`scene.stop`) is a failure like any other: what served before is put back before this returns.
pub async fn roll_out(scene: &Scene<'_>, release: &Release, serving: Option<&Release>, apply: Apply) -> Rolled {
    let untouched = |problem| {
        Box::new(ShipFailure {
            problem,
            restored: Restored::Untouched,
        })
    };
    let cluster = cluster::open(scene).await.map_err(untouched)?;
    platform::apply(scene, &cluster).await.map_err(untouched)?;
    roll::roll_out(&Ground::of(scene, &cluster), release, serving, apply).await
}

/// What runs of the workload; none if nothing of it is in the cluster.
///
/// # Errors
/// No way into the cluster.
pub async fn running(scene: &Scene<'_>) -> Result<Option<Running>, Problem> {
    let cluster = cluster::open(scene).await?;
    running::running(&Ground::of(scene, &cluster)).await
}

/// Tells what the workload's containers print, as [`super::Event::Log`]; with `follow` until the stop, also of pods that
/// come later.
///
/// # Errors
/// No way into the cluster, or nothing that runs.
pub async fn logs(scene: &Scene<'_>, options: &LogOptions) -> Result<(), Problem> {
    let cluster = cluster::open(scene).await?;
    logs::logs(&Ground::of(scene, &cluster), options).await
}

/// Lets port `local` of 127.0.0.1 (any free one if 0) answer as port `remote` of a ready pod does, until the stop. `ready`
/// is told the address once it answers.
///
/// # Errors
/// No way into the cluster, no pod that is ready, a port that is taken. The sandbox's clusters forward nothing.
pub async fn port_forward(
    scene: &Scene<'_>,
    local: u16,
    remote: u16,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), Problem> {
    let cluster = cluster::open(scene).await?;
    forward::port_forward(&Ground::of(scene, &cluster), local, remote, ready).await
}

/// Takes the workload out of its cluster: all objects of `release`, and all others that carry its labels.
///
/// # Errors
/// No way into the cluster, or an object that cannot be deleted.
pub async fn remove(scene: &Scene<'_>, release: &Release) -> Result<(), Problem> {
    let cluster = cluster::open(scene).await?;
    roll::remove(&Ground::of(scene, &cluster), release).await
}
