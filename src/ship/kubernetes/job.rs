//! Jobs: run once, watched to their end, their logs told as they come.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value as Json;
use tokio::task::JoinSet;

use super::diagnose::{self, Of};
use super::ground::{Ground, Placed};
use super::kind::{Address, collection};
use super::logs;
use super::problem;
use super::read::{condition, count, list, name, number, text};
use super::roll::completions;
use super::watch::{self, AWAY, Ended, LOOK};
use crate::clock::Clock;
use crate::diagnostic::{Problem, codes};
use crate::ship::{Event, Release};

/// How long the last lines of a job are waited for after its end, in real time.
const LAST_LINES: Duration = Duration::from_secs(5);

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// It goes on.
    Running,
    /// It came to its end.
    Complete,
    /// It has failed: reason and message.
    Failed(String, String),
}

impl State {
    pub(super) fn is_finished(&self) -> bool {
        *self != Self::Running
    }

    pub(super) fn is_failed(&self) -> bool {
        matches!(self, Self::Failed(..))
    }

    pub(super) fn word(&self) -> &str {
        match self {
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Failed(..) => "failed",
        }
    }
}

/// How far `job` is.
pub(super) fn state(job: &Json) -> State {
    // What has failed is marked before its last pods are gone ("Jobs", "Terminal Job conditions").
    for kind in ["Failed", "FailureTarget"] {
        if let Some(("True", reason, message)) = condition(job, kind) {
            return State::Failed(reason.to_owned(), message.to_owned());
        }
    }
    match condition(job, "Complete") {
        Some(("True", ..)) => State::Complete,
        _ => State::Running,
    }
}

/// Takes away a job that failed under the same name: what failed is run again, and what ran is not.
pub(super) async fn clear(ground: &Ground<'_>, one: &Placed<'_>) -> Result<(), Problem> {
    let path = one.at.path();
    let api = ground.api();
    let begun = api.clock.elapsed();
    loop {
        let found = api.get_patiently(&path).await.map_err(|error| one.refused(&error))?;
        match found {
            Some(job) if state(&job).is_failed() || super::read::is_leaving(&job) => {
                if !super::read::is_leaving(&job) {
                    api.delete(&one.at).await.map_err(|error| one.refused(&error))?;
                }
                if api.clock.elapsed().saturating_sub(begun) >= AWAY {
                    return Err(Problem::error(
                        codes::ROLLOUT_DISTURBED,
                        format!(
                            "`{}`: {} of the last run is still being deleted",
                            ground.workload, one.at
                        ),
                    )
                    .hint("run the same command again in a minute"));
                }
                api.clock.sleep(LOOK).await;
            }
            _ => return Ok(()),
        }
    }
}

/// Watches a job to its end.
pub(super) async fn watch(ground: &Ground<'_>, release: &Release, at: &Address) -> Ended {
    let clock = ground.api().clock;
    let namespace = at.namespace.as_deref().unwrap_or(ground.namespace);
    let mut followed: BTreeSet<(String, String)> = BTreeSet::new();
    let mut logs = JoinSet::new();
    let mut last_answer = clock.elapsed();
    let mut told = None;
    let mut held = None;
    let ended = loop {
        let looked = tokio::select! {
            looked = look(ground, at) => looked,
            () = ground.stop.cancelled() => break Ended::Stopped,
        };
        let now = clock.elapsed();
        match looked {
            Ok(Some(seen)) => {
                last_answer = now;
                follow(ground, namespace, &seen.pods, &mut followed, &mut logs);
                let wanted = completions(&seen.job);
                let done = count(&seen.job, "/status/succeeded");
                let waiting = diagnose::waiting_for(
                    &live(&seen.pods),
                    &seen.events,
                    count(&seen.job, "/status/active") as usize,
                );
                let tell = (done, wanted, waiting);
                if told.as_ref() != Some(&tell) {
                    ground.tell(Event::Rollout {
                        workload: ground.workload.to_owned(),
                        ready: tell.0,
                        wanted: tell.1,
                        waiting_for: tell.2.clone(),
                    });
                    told = Some(tell);
                }
                match state(&seen.job) {
                    State::Complete => break Ended::Complete,
                    State::Failed(reason, message) => {
                        break Ended::Failed(why(ground, namespace, &seen, &reason, &message).await);
                    }
                    State::Running => {}
                }
                let active = live(&seen.pods);
                let wanted = number(&seen.job, "/spec/parallelism").max(1) as usize;
                let expected = if active.is_empty() && done == 0 && count(&seen.job, "/status/failed") == 0 {
                    wanted
                } else {
                    0
                };
                let found = diagnose::diagnose(&seen.job, &active, &seen.events, expected, Of::Job);
                if let Some(found) = watch::believed(&mut held, found, now) {
                    break Ended::Failed(watch::explained(ground, release, at, &found).await);
                }
            }
            Ok(None) => {
                break Ended::Overtaken(
                    Problem::error(
                        codes::ROLLOUT_DISTURBED,
                        format!("`{}`: somebody has deleted {at} while it ran", ground.workload),
                    )
                    .hint(format!("mlinfra ship {} {}", ground.environment, ground.workload)),
                );
            }
            Err(error) if error.is_transient() && now.saturating_sub(last_answer) < AWAY => {}
            Err(error) => break Ended::Failed(problem::refused(at, &error)),
        }
        if ground.stop.is_cancelled() {
            break Ended::Stopped;
        }
        tokio::select! {
            () = clock.sleep(LOOK) => {}
            () = ground.stop.cancelled() => break Ended::Stopped,
        }
    };
    if !matches!(ended, Ended::Stopped) {
        drain(&mut logs).await;
    }
    ended
}

struct Seen {
    job: Json,
    pods: Vec<Json>,
    events: Vec<Json>,
}

async fn look(ground: &Ground<'_>, at: &Address) -> Result<Option<Seen>, super::api::ApiError> {
    let api = ground.api();
    let Some(job) = api.get_patiently(&at.path()).await? else {
        return Ok(None);
    };
    let namespace = at.namespace.as_deref();
    let picked = format!("job-name={}", at.name);
    let pods = api
        .list_patiently(&collection("v1", "pods", namespace), &[("labelSelector", &picked)])
        .await?;
    let mut events = Vec::new();
    let troubled = pods
        .iter()
        .filter(|pod| text(pod, "/status/phase") == "Pending")
        .take(3);
    for object in troubled.chain(pods.is_empty().then_some(&job)) {
        let field = format!("involvedObject.name={}", name(object));
        let found = api
            .list(&collection("v1", "events", namespace), &[("fieldSelector", &field)])
            .await;
        events.extend(found.unwrap_or_default());
    }
    Ok(Some(Seen { job, pods, events }))
}

/// Pods that have not ended.
fn live(pods: &[Json]) -> Vec<Json> {
    let ended = |pod: &&Json| matches!(text(pod, "/status/phase"), "Succeeded" | "Failed");
    pods.iter().filter(|pod| !ended(pod)).cloned().collect()
}

/// Begins to tell the logs of containers that have begun to run.
fn follow(
    ground: &Ground<'_>,
    namespace: &str,
    pods: &[Json],
    followed: &mut BTreeSet<(String, String)>,
    logs: &mut JoinSet<()>,
) {
    for pod in pods {
        let statuses = list(pod, "/status/containerStatuses");
        for status in statuses {
            let began = status.pointer("/state/running").is_some() || status.pointer("/state/terminated").is_some();
            let key = (name(pod).to_owned(), text(status, "/name").to_owned());
            if began && followed.insert(key.clone()) {
                let source = logs::source(&key.0, &key.1, statuses.len());
                let stream = logs::Stream::new(ground.api().clone(), namespace, key, source, ground.tell.clone());
                logs.spawn(stream.whole());
            }
        }
    }
}

async fn drain(logs: &mut JoinSet<()>) {
    let all = async { while logs.join_next().await.is_some() {} };
    // Lines that do not come in time can be had with `mlinfra logs`.
    let _late = Clock::real().timeout(LAST_LINES, all).await;
    logs.abort_all();
}

/// Why a job failed, with what its last pod said.
async fn why(ground: &Ground<'_>, namespace: &str, seen: &Seen, reason: &str, message: &str) -> Problem {
    let what = match reason {
        "DeadlineExceeded" => "the job took longer than it may",
        "BackoffLimitExceeded" => "the job failed as often as it may",
        _ => "the job failed",
    };
    let mut problem = Problem::error(codes::JOB_FAILED, format!("`{}`: {what}", ground.workload));
    if !message.is_empty() {
        problem = problem.note(message.to_owned());
    }
    let failed: Vec<&Json> = seen
        .pods
        .iter()
        .filter(|pod| text(pod, "/status/phase") == "Failed")
        .collect();
    let last = failed.iter().max_by_key(|pod| text(pod, "/metadata/creationTimestamp"));
    if let Some(pod) = last {
        let ended = list(pod, "/status/containerStatuses").iter().find_map(|status| {
            let ended = status.pointer("/state/terminated")?;
            Some((
                text(status, "/name"),
                number(ended, "/exitCode"),
                text(ended, "/reason"),
            ))
        });
        let (container, exit, reason) = ended.unwrap_or_default();
        problem = match (reason, text(pod, "/status/reason")) {
            ("OOMKilled", _) => problem
                .note(format!("{} needed more memory than it has, and was killed", name(pod)))
                .hint("raise `memory` of the workload"),
            (_, reason) if !reason.is_empty() => {
                problem.note(format!("{}: {reason} {}", name(pod), text(pod, "/status/message")))
            }
            _ => problem.note(format!("{} ended with exit code {exit}", name(pod))),
        };
        let lines = watch::last_lines(ground, namespace, name(pod), container).await;
        if !lines.is_empty() {
            let shown: Vec<String> = lines.iter().map(|line| format!("  {line}")).collect();
            problem = problem.note(format!("its last lines:\n{}", shown.join("\n")));
        }
    }
    if reason == "DeadlineExceeded" {
        problem = problem.hint("raise `timeout` of the workload, or `parallelism`");
    }
    problem.hint(format!("mlinfra logs {} {}", ground.environment, ground.workload))
}
