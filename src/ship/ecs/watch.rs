//! Watching a deployment until every task runs the revision and the old ones are gone, or until it is plain why not.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::super::{Event, Scene};
use super::diagnose::{self, Cause};
use super::read::{Deployment, Service, Task};
use super::request::Wanted;
use super::{PATIENCE, POLL, interrupted, service, told};
use crate::aws::ecs::{Action, call_patiently, list};
use crate::aws::error::AwsError;
use crate::diagnostic::{Problem, codes};

/// How long there may be no room: instances come in some minutes where a stack may make more.
const PLACEMENT: Duration = Duration::from_secs(300);
/// For so long an answer may still be of before.
const STALE: Duration = Duration::from_secs(30);
/// A cause that may pass is believed when this many tasks have had it.
const OFTEN: usize = 2;

/// What is watched.
pub(super) struct Watch<'a> {
    pub(super) scene: &'a Scene<'a>,
    pub(super) wanted: &'a Wanted,
    /// The ARN of the revision.
    pub(super) definition: &'a str,
    /// The id of the deployment that was begun; none if it is not known, or if none was.
    pub(super) deployment: Option<String>,
    /// Who may end the watching; what is put back is watched to its end.
    pub(super) stop: Option<&'a CancellationToken>,
}

impl Watch<'_> {
    /// Ends when every task runs the revision, is healthy, and no other is left.
    pub(super) async fn until_settled(&self) -> Result<(), Problem> {
        let clock = self.scene.session.clock;
        let began = clock.elapsed();
        let (mut best, mut moved) = ((0, u32::MAX), began);
        // When the deployment that was seen to be ours was made, in AWS's time.
        let mut ours: Option<i64> = None;
        let mut no_room = None;
        loop {
            let service = service::find(self.scene.session, &self.wanted.cluster, &self.wanted.name).await;
            let service = service.map_err(|error| told(self.scene, &error))?;
            let now = clock.elapsed();
            let primary = service.as_ref().and_then(Service::primary);
            let (Some(service), Some(primary)) = (&service, primary) else {
                if now.saturating_sub(began) > STALE {
                    return Err(self.gone());
                }
                self.pause().await?;
                continue;
            };
            let is_current = now.saturating_sub(began) > STALE;
            let is_same = primary.definition == self.definition;
            // The same revision, but in the deployment before: that is not what was begun.
            let is_begun = self.deployment.as_ref().is_none_or(|id| *id == primary.id);
            let is_ours = is_same && (is_begun || is_current);
            if is_ours {
                ours = Some(primary.created);
            }
            if !is_same && (ours.is_some() || is_current) {
                return Err(self.replaced(service, primary, ours).await);
            }
            let waiting_for = waiting_for(service, primary);
            self.scene.tell.event(Event::Rollout {
                workload: self.wanted.name.clone(),
                ready: primary.running.min(service.desired),
                wanted: service.desired,
                waiting_for,
            });
            if is_ours && service.is_settled() && self.runs(service).await.map_err(|error| told(self.scene, &error))? {
                return Ok(());
            }
            if is_ours {
                self.fails(service, primary).await?;
                no_room = self.room(service, primary, no_room, now)?;
            }
            let others: u32 = service
                .deployments
                .iter()
                .filter(|one| !one.is_primary)
                .map(|one| one.running)
                .sum();
            // More of the new, or fewer of the old.
            if primary.running > best.0 || others < best.1 {
                best = (primary.running.max(best.0), others.min(best.1));
                moved = now;
            }
            if now.saturating_sub(moved) > self.longest() {
                return Err(self.stalled(service, primary));
            }
            self.pause().await?;
        }
    }

    /// How long nothing may move: a start as long as its probes allow, pulling a large image, and draining.
    fn longest(&self) -> Duration {
        let workload = self.scene.workload;
        let start = workload
            .probes
            .as_ref()
            .map_or(300, |probes| probes.startup.saturating_add(probes.initial_delay));
        Duration::from_secs(u64::from(start) + u64::from(workload.grace_seconds) + 600)
    }

    async fn pause(&self) -> Result<(), Problem> {
        let clock = self.scene.session.clock;
        match self.stop {
            Some(stop) => tokio::select! {
                () = stop.cancelled() => Err(interrupted(&self.wanted.name)),
                () = clock.sleep(POLL) => Ok(()),
            },
            None => {
                clock.sleep(POLL).await;
                Ok(())
            }
        }
    }

    /// Whether as many tasks as there should be run the revision and the image, and no other runs.
    async fn runs(&self, service: &Service) -> Result<bool, AwsError> {
        let tasks = self.tasks("RUNNING").await?;
        let digest = self.wanted.image.split_once('@').map(|(_, digest)| digest);
        let is_right = |task: &Task| {
            // An index has another digest than the manifest that was pulled by it.
            let image = self.wanted.image.is_empty()
                || task.container.image == self.wanted.image
                || digest.is_some() && task.container.digest.as_deref() == digest;
            task.status == "RUNNING" && task.definition == self.definition && image
        };
        Ok(tasks.len() == usize::try_from(service.desired).unwrap_or(usize::MAX) && tasks.iter().all(is_right))
    }

    /// An error if the deployment cannot come to a good end, or has come to a bad one.
    async fn fails(&self, service: &Service, primary: &Deployment) -> Result<(), Problem> {
        let is_failed = primary.rollout == "FAILED";
        if !is_failed && primary.running >= service.desired {
            return Ok(());
        }
        match self.cause(service, Some(&primary.id), primary.created, is_failed).await {
            Ok(Some(problem)) => Err(problem),
            Ok(None) if is_failed => Err(Problem::error(
                codes::ECS_STALLED,
                format!("the rollout of `{}` failed", self.wanted.name),
            )
            .note(format!("ECS says: {}", primary.reason))
            .hint(format!(
                "what its tasks printed: mlinfra logs {} {}",
                self.scene.environment.name, self.wanted.name
            ))),
            Ok(None) => Ok(()),
            // A look that was refused is taken again with the next one.
            Err(error) if !is_failed && error.is_transient() => Ok(()),
            Err(error) => Err(told(self.scene, &error)),
        }
    }

    /// Why tasks of the revision stopped that the deployment `id` started, or, if that is not known, any since then: a
    /// cause that is certain or was met often, or any if `at_last`.
    async fn cause(
        &self,
        service: &Service,
        id: Option<&str>,
        since: i64,
        at_last: bool,
    ) -> Result<Option<Problem>, AwsError> {
        let mut tasks = self.tasks("STOPPED").await?;
        tasks.retain(|task| {
            let of_this = match id {
                Some(id) if !task.started_by.is_empty() => task.started_by == id,
                _ => task.created >= since,
            };
            task.definition == self.definition && of_this
        });
        tasks.sort_by_key(|task| std::cmp::Reverse(task.created));
        let mut often = Vec::new();
        // The newest few: there may be hundreds of the same.
        for task in tasks.iter().take(OFTEN + 1) {
            let Some(cause) = diagnose::stopped(self.scene, self.wanted, task, Some(service)).await else {
                continue;
            };
            let Cause { problem, is_certain } = cause;
            if is_certain || at_last {
                return Ok(Some(problem));
            }
            often.push(problem);
        }
        Ok(if often.len() >= OFTEN {
            often.into_iter().next()
        } else {
            None
        })
    }

    async fn tasks(&self, desired: &str) -> Result<Vec<Task>, AwsError> {
        let wanted = self.wanted;
        let asked = json!({ "cluster": wanted.cluster, "serviceName": wanted.name, "desiredStatus": desired });
        tasks(self.scene, &wanted.cluster, &wanted.name, &asked).await
    }

    /// Since when there has been no room; an error when that is too long.
    fn room(
        &self,
        service: &Service,
        primary: &Deployment,
        since: Option<Duration>,
        now: Duration,
    ) -> Result<Option<Duration>, Problem> {
        let newest = service.events.first().filter(|event| event.at >= primary.created);
        let Some(event) = newest.filter(|event| diagnose::is_about_room(&event.message)) else {
            return Ok(None);
        };
        let since = since.unwrap_or(now);
        match now.saturating_sub(since) > PLACEMENT {
            true => Err(diagnose::no_room(self.wanted, &event.message)),
            false => Ok(Some(since)),
        }
    }

    fn gone(&self) -> Problem {
        let (cluster, name) = (&self.wanted.cluster, &self.wanted.name);
        Problem::error(codes::ECS_ROLLED_BACK, format!("the service {cluster}/{name} is gone"))
            .note("somebody else has deleted it meanwhile")
    }

    /// Another revision is being rolled out: AWS's circuit breaker or somebody else has taken the place of `ours`.
    async fn replaced(&self, service: &Service, primary: &Deployment, ours: Option<i64>) -> Problem {
        let name = &self.wanted.name;
        // A breaker that was quick may be done with it already, and its deployment gone.
        let still = service.deployments.iter().find(|one| one.definition == self.definition);
        if let Some(since) = still.map(|one| one.created).or(ours)
            && let Ok(Some(problem)) = self.cause(service, still.map(|one| one.id.as_str()), since, true).await
        {
            return problem.note(format!(
                "ECS has begun to put {} back by itself",
                revision(&primary.definition)
            ));
        }
        Problem::error(
            codes::ECS_ROLLED_BACK,
            format!(
                "`{name}` is rolled out as {}, not as {}",
                revision(&primary.definition),
                revision(self.definition)
            ),
        )
        .note(match primary.reason.is_empty() {
            true => "another deployment has taken its place".to_owned(),
            false => format!("ECS says: {}", primary.reason),
        })
        .hint("see who else deploys this service, or which alarm rolls it back")
    }

    fn stalled(&self, service: &Service, primary: &Deployment) -> Problem {
        let problem = Problem::error(
            codes::ECS_STALLED,
            format!(
                "the rollout of `{}` comes to no end: {} of {} tasks run",
                self.wanted.name, primary.running, service.desired
            ),
        );
        let told: BTreeSet<&str> = service
            .events
            .iter()
            .filter(|event| event.at >= primary.created)
            .take(3)
            .map(|event| event.message.as_str())
            .collect();
        let problem = told
            .into_iter()
            .fold(problem, |problem, message| problem.note(format!("ECS says: {message}")));
        problem.hint("if it only takes long to start: probes = { startup = \"15m\" }")
    }
}

/// The tasks that a listing finds, described, with the container `name`.
pub(super) async fn tasks(
    scene: &Scene<'_>,
    cluster: &str,
    name: &str,
    asked: &serde_json::Value,
) -> Result<Vec<Task>, AwsError> {
    let arns = list(scene.session, Action::ListTasks, asked, "taskArns", PATIENCE).await?;
    let mut found = Vec::new();
    for some in arns.chunks(100) {
        let request = json!({ "cluster": cluster, "tasks": some });
        let answer = call_patiently(scene.session, Action::DescribeTasks, &request, PATIENCE).await?;
        let described = answer
            .get("tasks")
            .and_then(serde_json::Value::as_array)
            .into_iter()
            .flatten();
        found.extend(described.map(|task| Task::read(task, name)));
    }
    Ok(found)
}

/// `FAMILY:REVISION` of an ARN.
fn revision(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

fn waiting_for(service: &Service, primary: &Deployment) -> Option<String> {
    let newest = service.events.first().filter(|event| event.at >= primary.created);
    if let Some(event) = newest.filter(|event| diagnose::is_about_room(&event.message)) {
        return Some(format!("room: {}", event.message));
    }
    let missing = service.desired.saturating_sub(primary.running);
    let old: u32 = service
        .deployments
        .iter()
        .filter(|one| !one.is_primary)
        .map(|one| one.running.saturating_add(one.pending))
        .sum();
    if missing > 0 && primary.pending > 0 {
        Some(format!("{} of {} tasks to start", primary.pending, service.desired))
    } else if missing > 0 {
        Some(format!("ECS to start {missing} of {} tasks", service.desired))
    } else if old > 0 {
        Some(format!("health checks, and {old} old tasks to go"))
    } else if primary.rollout == "IN_PROGRESS" {
        Some("health checks".to_owned())
    } else {
        None
    }
}
