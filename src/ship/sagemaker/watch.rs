//! Waiting for an endpoint to come to rest.

use std::time::Duration;

use super::super::Scene;
use super::super::event::Event;
use super::{asked, explain};
use crate::aws::sagemaker::endpoints::{self, Endpoint};
use crate::diagnostic::Problem;

/// Between two looks at first, and at most.
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(15);
/// SageMaker itself ends an update after the hour that its request allows; creating has no such limit.
const LIMIT: Duration = Duration::from_secs(3 * 3600);

/// How an endpoint came to rest.
pub(super) enum Settled {
    /// It is in one of the states that last.
    At(Endpoint),
    /// There is none.
    Gone,
    /// It is still at work, after as long as is waited for anything.
    Unfinished,
}

/// Waits until nothing is at work on the endpoint, and tells what it does meanwhile. `config` is where it is led.
///
/// # Errors
/// What keeps the answers away for long; the run was told to stop.
pub(super) async fn settle(scene: &Scene<'_>, name: &str, config: &str) -> Result<Settled, Box<Problem>> {
    let clock = scene.session.clock;
    let began = clock.elapsed();
    let mut pause = FIRST;
    let mut told = String::new();
    // SageMaker says why only while it goes back.
    let mut reason = None;
    loop {
        let Some(mut endpoint) = asked(scene, || endpoints::describe_endpoint(scene.session, name)).await? else {
            return Ok(Settled::Gone);
        };
        let rests = matches!(
            endpoint.status.as_str(),
            "InService" | "Failed" | "OutOfService" | "UpdateRollbackFailed"
        );
        tell(scene, &endpoint, config, rests);
        if endpoint.status == "RollingBack" && told != endpoint.status {
            let why = endpoint.failure.as_deref().unwrap_or("SageMaker does not say why");
            scene
                .tell
                .note(format!("{name} is going back to what it served: {why}"));
        }
        told.clone_from(&endpoint.status);
        reason = endpoint.failure.clone().or(reason);
        if rests {
            if endpoint.config != config {
                endpoint.failure = reason;
            }
            return Ok(Settled::At(endpoint));
        }
        if clock.elapsed().saturating_sub(began) > LIMIT {
            return Ok(Settled::Unfinished);
        }
        tokio::select! {
            () = clock.sleep(pause) => {}
            () = scene.stop.cancelled() => return Err(Box::new(explain::left(scene, name, &endpoint))),
        }
        pause = (pause + Duration::from_secs(2)).min(LONGEST);
    }
}

fn tell(scene: &Scene<'_>, endpoint: &Endpoint, config: &str, rests: bool) {
    let serves = rests && endpoint.status == "InService" && endpoint.config == config;
    let waiting_for = match (serves, endpoint.stages.first()) {
        (true, _) => None,
        (false, Some(stage)) => Some(format!("{}: {stage}", endpoint.status)),
        (false, None) => Some(endpoint.status.clone()),
    };
    scene.tell.event(Event::Rollout {
        workload: scene.name().to_owned(),
        // Instances of the old configuration are none of those that are waited for.
        ready: if serves { endpoint.ready } else { 0 },
        wanted: endpoint.wanted.max(scene.workload.scale.least()),
        waiting_for,
    });
}
