//! What a workload was before it became of another kind under the same name: a service, or a batch that the clock starts.

use super::super::{Release, Restored, Rolled, RolledOut, Scene, ShipFailure, scaling};
use super::request::{Run, Wanted};
use super::{schedule, service, told};
use crate::diagnostic::Problem;
use crate::workload::scaling::Scaled;

/// The group of the schedule that starts the workload; none if there is no schedule.
pub(super) async fn schedule(scene: &Scene<'_>, serving: Option<&Release>) -> Result<Option<String>, Problem> {
    let Some(group) = schedule::group(scene, serving) else {
        return Ok(None);
    };
    let found = schedule::find(scene, &group).await?;
    Ok(found.map(|_| group))
}

/// Once `wanted` has been rolled out, ends what the workload was before, if that was of another kind. If it failed, that
/// goes on.
pub(super) async fn ends(scene: &Scene<'_>, wanted: &Wanted, serving: Option<&Release>, rolled: Rolled) -> Rolled {
    let there = match look(scene, wanted, serving).await {
        Ok(there) => there,
        Err(problem) => return not_ended(problem, rolled),
    };
    match rolled {
        rolled if there.is_nothing() => rolled,
        Ok(_) => match end(scene, wanted, serving, &there).await {
            Ok(()) => Ok(RolledOut::Done),
            Err(problem) => not_ended(problem, Ok(RolledOut::Done)),
        },
        Err(mut failure) => {
            if matches!(failure.restored, Restored::NothingBefore) {
                failure.restored = Restored::Back;
            }
            Err(failure)
        }
    }
}

struct There {
    service: bool,
    group: Option<String>,
}

impl There {
    fn is_nothing(&self) -> bool {
        !self.service && self.group.is_none()
    }
}

async fn look(scene: &Scene<'_>, wanted: &Wanted, serving: Option<&Release>) -> Result<There, Problem> {
    let group = match wanted.run {
        Run::Schedule(_) => None,
        Run::Service(_) | Run::Task(_) => schedule(scene, serving).await?,
    };
    let service = match wanted.run {
        Run::Service(_) => false,
        Run::Schedule(_) | Run::Task(_) => service::find(scene.session, &wanted.cluster, &wanted.name)
            .await
            .map_err(|error| told(scene, &error))?
            .is_some(),
    };
    Ok(There { service, group })
}

async fn end(scene: &Scene<'_>, wanted: &Wanted, serving: Option<&Release>, there: &There) -> Result<(), Problem> {
    if let Some(group) = &there.group {
        schedule::remove(scene, group).await?;
        scene
            .tell
            .note(format!("`{}` is no longer started by the clock", wanted.name));
    }
    if there.service {
        if let Some(serving) = serving {
            scaling::remove(scene, &Scaled::service(&wanted.cluster, &wanted.name), serving).await?;
        }
        service::remove(scene, &wanted.cluster).await?;
        scene
            .tell
            .note(format!("the service of `{}` is taken away", wanted.name));
    }
    Ok(())
}

/// The new version runs; what it was before may, too.
fn not_ended(problem: Problem, rolled: Rolled) -> Rolled {
    rolled.and_then(|_| {
        Err(Box::new(ShipFailure {
            problem: problem.note("the new version runs; what ran before, as another kind of workload, was not ended"),
            restored: Restored::Unneeded,
        }))
    })
}
