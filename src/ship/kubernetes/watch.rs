//! Watching a Deployment until all of it runs what was asked for, or until it can be said why it will not.
//!
//! By looking again and again, not through watches: nothing breaks when the API server starts anew in between.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value as Json;

use super::api::ApiError;
use super::diagnose::{self, Finding, Of, Trouble};
use super::finding;
use super::ground::Ground;
use super::kind::{Address, collection};
use super::problem;
use super::read::{annotation, condition, count, is_leaving, is_owned_by, label, list, name, number, selector, text};
use crate::diagnostic::{Problem, codes};
use crate::ship::{Event, Release};

/// How often is looked: once a second at first, then every two.
pub(super) const LOOK: Duration = Duration::from_secs(1);
const LOOK_LATER: Duration = Duration::from_secs(2);
const FIRST_MINUTE: Duration = Duration::from_secs(60);
/// How long the API may be away: it starts anew while a cluster is updated.
pub(super) const AWAY: Duration = Duration::from_secs(5 * 60);
/// Trouble that was not there for so long is over.
const OVER: Duration = Duration::from_secs(20);
/// The controller tells when nothing goes on for `progressDeadlineSeconds`; where it does not, this much later we do.
const GRACE: Duration = Duration::from_secs(60);

/// How a watch ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// All of it runs what was asked for, and is ready.
    Complete,
    /// It does not come to that.
    Failed(Problem),
    /// Somebody else has changed it since: it is not ours to put back.
    Overtaken(Problem),
    /// Nobody wants to know any more.
    Stopped,
}

/// What was asked for: the image of each container of the pod.
pub(super) type Asked = BTreeMap<String, String>;

/// The images that a Deployment, or any object with a pod in it, asks for.
pub(super) fn asked(object: &Json) -> Asked {
    list(object, "/spec/template/spec/containers")
        .iter()
        .map(|container| (name_of(container), text(container, "/image").to_owned()))
        .collect()
}

fn name_of(container: &Json) -> String {
    text(container, "/name").to_owned()
}

/// Whether a stop ends the watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// It does.
    Heed,
    /// What is put back is put back to the end.
    Ignore,
}

/// What is watched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wait {
    /// The generation that has to run, or a later one.
    pub(super) generation: i64,
    /// Whether a stop ends it.
    pub(super) stop: Stop,
    /// Nothing was changed: what the controller has given up may have been mended outside, and gets its time anew.
    pub(super) is_again: bool,
}

/// Watches the Deployment `at` until `wait` is over.
pub(super) async fn deployment(
    ground: &Ground<'_>,
    release: &Release,
    at: &Address,
    asked: &Asked,
    wait: Wait,
) -> Ended {
    let clock = ground.api().clock;
    let begun = clock.elapsed();
    let mut last_answer = begun;
    let mut last_progress = begun;
    let mut told: Option<(u32, u32, Option<String>)> = None;
    let mut held: Option<Held> = None;
    let mut noted = false;
    loop {
        let looked = match wait.stop {
            Stop::Ignore => look(ground, at).await,
            Stop::Heed => tokio::select! {
                looked = look(ground, at) => looked,
                () = ground.stop.cancelled() => return Ended::Stopped,
            },
        };
        let now = clock.elapsed();
        match looked {
            Ok(Some(seen)) => {
                last_answer = now;
                if let Some(problem) = seen.overtaken(ground, at, asked) {
                    return Ended::Overtaken(problem);
                }
                let state = seen.state(asked, wait.generation);
                if let (Some(odd), false) = (&state.odd, noted) {
                    noted = true;
                    ground.tell.note(format!(
                        "the nodes know the image under another digest too, {odd}; its name in the pods is the one asked for"
                    ));
                }
                let waiting = state
                    .is_observed
                    .then(|| diagnose::waiting_for(&seen.fresh, &seen.events, state.wanted as usize));
                let waiting = waiting.flatten().or_else(|| state.waiting.map(str::to_owned));
                let tell = (state.ready, state.wanted, waiting);
                if told.as_ref() != Some(&tell) {
                    if told
                        .as_ref()
                        .is_none_or(|(ready, wanted, _)| (*ready, *wanted) != (tell.0, tell.1))
                    {
                        last_progress = now;
                    }
                    ground.tell(Event::Rollout {
                        workload: ground.workload.to_owned(),
                        ready: tell.0,
                        wanted: tell.1,
                        waiting_for: tell.2.clone(),
                    });
                    told = Some(tell);
                }
                if state.is_complete {
                    return Ended::Complete;
                }
                let is_early = wait.is_again && now.saturating_sub(begun) < seen.deadline();
                let judged = if is_early {
                    seen.without_verdict()
                } else {
                    seen.deployment.clone()
                };
                let found = state.is_observed.then(|| {
                    diagnose::diagnose(
                        &judged,
                        &seen.fresh,
                        &seen.events,
                        state.wanted as usize,
                        Of::Deployment,
                    )
                });
                let found = found
                    .flatten()
                    .or_else(|| seen.stuck(now.saturating_sub(last_progress)));
                if let Some(found) = believed(&mut held, found, now) {
                    return Ended::Failed(explained(ground, release, at, &found).await);
                }
            }
            Ok(None) => return Ended::Overtaken(gone(ground, at)),
            Err(error) if error.is_transient() && now.saturating_sub(last_answer) < AWAY => {}
            Err(error) => return Ended::Failed(problem::refused(at, &error)),
        }
        let pause = if now.saturating_sub(begun) < FIRST_MINUTE {
            LOOK
        } else {
            LOOK_LATER
        };
        if wait.stop == Stop::Ignore {
            clock.sleep(pause).await;
            continue;
        }
        if ground.stop.is_cancelled() {
            return Ended::Stopped;
        }
        tokio::select! {
            () = clock.sleep(pause) => {}
            () = ground.stop.cancelled() => return Ended::Stopped,
        }
    }
}

/// Whether all of it runs what was asked for already.
pub(super) async fn is_complete(ground: &Ground<'_>, at: &Address, asked: &Asked) -> Result<bool, ApiError> {
    let seen = look(ground, at).await?;
    Ok(seen.is_some_and(|seen| {
        seen.state(asked, number(&seen.deployment, "/metadata/generation"))
            .is_complete
    }))
}

/// Deletes the pods of the current generation that only wait until they are tried again, which may be minutes: their
/// ReplicaSet makes them anew at once.
pub(super) async fn try_again(ground: &Ground<'_>, at: &Address) {
    // What cannot be seen or deleted now is tried again by the kubelet, only later.
    let Ok(Some(seen)) = look(ground, at).await else { return };
    for pod in &seen.fresh {
        let waits = diagnose::word(pod).is_some_and(|word| {
            word.ends_with("BackOff") || matches!(word.as_str(), "ErrImagePull" | "CreateContainerConfigError")
        });
        let at = Address {
            version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            plural: "pods".to_owned(),
            namespace: at.namespace.clone(),
            name: name(pod).to_owned(),
        };
        if waits && ground.api().delete(&at).await.is_ok() {
            ground.tell.note(format!("{at} is tried again at once"));
        }
    }
}

/// Trouble that lasts.
#[derive(Debug, Clone)]
pub(super) struct Held {
    trouble: Trouble,
    since: Duration,
    seen: Duration,
}

/// The finding, once it has lasted for as long as it has to. Looking once is not enough even where it need not last.
pub(super) fn believed(held: &mut Option<Held>, found: Option<Finding>, now: Duration) -> Option<Finding> {
    let Some(found) = found else {
        if held.as_ref().is_some_and(|held| now.saturating_sub(held.seen) > OVER) {
            *held = None;
        }
        return None;
    };
    match held {
        Some(held) if held.trouble == found.trouble => {
            held.seen = now;
            (now.saturating_sub(held.since) >= found.patience).then_some(found)
        }
        _ if found.patience.is_zero() => Some(found),
        _ => {
            *held = Some(Held {
                trouble: found.trouble,
                since: now,
                seen: now,
            });
            None
        }
    }
}

/// A finding in words, with the last lines of the container where they say something.
pub(super) async fn explained(ground: &Ground<'_>, release: &Release, at: &Address, found: &Finding) -> Problem {
    let about = ground.about(release, at);
    let ran = matches!(
        found.trouble,
        Trouble::Crash | Trouble::OutOfMemory | Trouble::Probe | Trouble::Stalled
    );
    let lines = match found.pods.first() {
        Some(pod) if ran => last_lines(ground, about.namespace, pod, &found.container).await,
        _ => Vec::new(),
    };
    finding::problem(found, about, &lines)
}

/// The last lines of the run that ended, or of the one that goes on.
pub(super) async fn last_lines(ground: &Ground<'_>, namespace: &str, pod: &str, container: &str) -> Vec<String> {
    let path = format!("{}/{pod}/log", collection("v1", "pods", Some(namespace)));
    let tail = finding::LINES.to_string();
    for previous in ["true", "false"] {
        let mut query = vec![("tailLines", tail.as_str()), ("previous", previous)];
        if !container.is_empty() {
            query.push(("container", container));
        }
        if let Ok(log) = ground.api().text(&path, &query).await
            && !log.trim().is_empty()
        {
            return log.lines().map(str::to_owned).collect();
        }
    }
    Vec::new()
}

/// A Deployment and what belongs to it, at one moment.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    deployment: Json,
    /// Pods of the generation that is being rolled out.
    fresh: Vec<Json>,
    /// Events of those that are not ready, and of their ReplicaSet.
    events: Vec<Json>,
}

/// How far a Deployment is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    is_observed: bool,
    is_complete: bool,
    ready: u32,
    wanted: u32,
    waiting: Option<&'static str>,
    /// A digest under which a node knows the image beside the one that was asked for.
    odd: Option<String>,
}

/// Each call for itself is tried again: were all of them made again because one was refused, an API server that refuses
/// every third would never be seen.
async fn look(ground: &Ground<'_>, at: &Address) -> Result<Option<Seen>, ApiError> {
    let api = ground.api();
    let Some(deployment) = api.get_patiently(&at.path()).await? else {
        return Ok(None);
    };
    let namespace = at.namespace.as_deref();
    let picked = selector(&deployment);
    let query = [("labelSelector", picked.as_str())];
    let sets = api
        .list_patiently(&collection("apps/v1", "replicasets", namespace), &query)
        .await?;
    let pods = api.list_patiently(&collection("v1", "pods", namespace), &query).await?;
    let set = current_set(&deployment, &sets);
    let fresh = fresh(&deployment, set, pods);
    let mut events = Vec::new();
    let troubled = fresh.iter().filter(|pod| !diagnose::is_ready(pod)).take(3);
    let set_alone = set.filter(|_| fresh.len() < count(&deployment, "/spec/replicas") as usize);
    for object in troubled.chain(set_alone) {
        let field = format!("involvedObject.name={}", name(object));
        let found = api
            .list(&collection("v1", "events", namespace), &[("fieldSelector", &field)])
            .await;
        // What explains is not worth failing for.
        events.extend(found.unwrap_or_default());
    }
    Ok(Some(Seen {
        deployment,
        fresh,
        events,
    }))
}

/// The ReplicaSet of the generation that the controller works on.
fn current_set<'a>(deployment: &Json, sets: &'a [Json]) -> Option<&'a Json> {
    const REVISION: &str = "deployment.kubernetes.io/revision";
    let uid = text(deployment, "/metadata/uid");
    let revision = annotation(deployment, REVISION);
    sets.iter()
        .find(|set| !revision.is_empty() && is_owned_by(set, uid) && annotation(set, REVISION) == revision)
}

fn fresh(deployment: &Json, set: Option<&Json>, pods: Vec<Json>) -> Vec<Json> {
    const HASH: &str = "pod-template-hash";
    let asked = asked(deployment);
    pods.into_iter()
        .filter(
            |pod| match set.map(|set| label(set, HASH)).filter(|hash| !hash.is_empty()) {
                Some(hash) => label(pod, HASH) == hash,
                None => images(pod) == asked,
            },
        )
        .filter(|pod| !is_leaving(pod) && !matches!(text(pod, "/status/phase"), "Failed" | "Succeeded"))
        .collect()
}

fn images(pod: &Json) -> Asked {
    list(pod, "/spec/containers")
        .iter()
        .map(|container| (name_of(container), text(container, "/image").to_owned()))
        .collect()
}

impl Seen {
    fn state(&self, asked: &Asked, generation: i64) -> State {
        let of = |pointer: &str| count(&self.deployment, pointer);
        let wanted = self
            .deployment
            .pointer("/spec/replicas")
            .map_or(1, |_| of("/spec/replicas"));
        let is_observed = number(&self.deployment, "/status/observedGeneration") >= generation;
        let running: Vec<&Json> = self
            .fresh
            .iter()
            .filter(|pod| diagnose::is_ready(pod) && runs(pod, asked))
            .collect();
        let ready = u32::try_from(running.len()).unwrap_or(u32::MAX);
        let old = of("/status/replicas").saturating_sub(of("/status/updatedReplicas"));
        let is_complete = is_observed
            && of("/status/updatedReplicas") >= wanted
            && old == 0
            && of("/status/availableReplicas") >= wanted
            && ready >= wanted;
        let waiting = if !is_observed {
            Some("the controller")
        } else if ready >= wanted && old > 0 {
            Some("the old ones to go")
        } else {
            None
        };
        State {
            is_observed,
            is_complete,
            ready: if is_observed { ready.min(wanted) } else { 0 },
            wanted,
            waiting,
            odd: running.iter().find_map(|pod| odd_digest(pod, asked)),
        }
    }

    /// What an overtaken rollout looks like: the Deployment asks for other images than we did.
    fn overtaken(&self, ground: &Ground<'_>, at: &Address, asked: &Asked) -> Option<Problem> {
        let now = self::asked(&self.deployment);
        let changed = asked
            .iter()
            .any(|(container, image)| !now.get(container).is_some_and(|has| is_same_image(has, image)));
        if !changed && !is_leaving(&self.deployment) {
            return None;
        }
        let who = list(&self.deployment, "/metadata/managedFields")
            .iter()
            .filter(|entry| text(entry, "/subresource").is_empty())
            .max_by_key(|entry| text(entry, "/time"))
            .map(|entry| text(entry, "/manager"));
        let problem = Problem::error(
            codes::ROLLOUT_DISTURBED,
            format!(
                "`{}`: somebody else has changed {at} in the middle of the rollout",
                ground.workload
            ),
        );
        let problem = match who.filter(|who| !who.is_empty()) {
            Some(who) => problem.note(format!("the last to change it was `{who}`")),
            None => problem,
        };
        Some(problem.hint(format!(
            "find out who, then ship again: mlinfra ship {} {}",
            ground.environment, ground.workload
        )))
    }

    /// The Deployment as if its controller had not given it up.
    fn without_verdict(&self) -> Json {
        let mut deployment = self.deployment.clone();
        let conditions = deployment
            .pointer_mut("/status/conditions")
            .and_then(Json::as_array_mut);
        if let Some(conditions) = conditions {
            conditions.retain(|condition| text(condition, "/type") != "Progressing");
        }
        deployment
    }

    /// How long the Deployment may stand still.
    fn deadline(&self) -> Duration {
        let seconds = self.deployment.pointer("/spec/progressDeadlineSeconds");
        Duration::from_secs(seconds.and_then(Json::as_u64).unwrap_or(600))
    }

    /// Nothing has gone on for longer than the controller should have kept still about.
    fn stuck(&self, still: Duration) -> Option<Finding> {
        let unscheduled = self
            .fresh
            .iter()
            .any(|pod| matches!(condition(pod, "PodScheduled"), Some(("False", ..))));
        if still < self.deadline() + GRACE || unscheduled {
            return None;
        }
        let waits: Vec<&Json> = self.fresh.iter().filter(|pod| !diagnose::is_ready(pod)).collect();
        Some(Finding {
            trouble: Trouble::Stalled,
            pods: waits.iter().map(|pod| name(pod).to_owned()).collect(),
            of: count(&self.deployment, "/spec/replicas") as usize,
            container: String::new(),
            said: format!("nothing has gone on for {} s", still.as_secs()),
            exit: None,
            patience: Duration::ZERO,
        })
    }
}

/// Whether a pod's containers have the images that were asked for.
fn runs(pod: &Json, asked: &Asked) -> bool {
    let images = images(pod);
    asked
        .iter()
        .all(|(container, image)| images.get(container).is_some_and(|has| is_same_image(has, image)))
}

/// Whether both are the same image: one digest is one image, from whichever mirror a webhook lets it be pulled.
fn is_same_image(one: &str, other: &str) -> bool {
    one == other
        || matches!((one.split_once('@'), other.split_once('@')), (Some((_, one)), Some((_, other))) if one == other)
}

/// The digest under which a node knows an image, where it is not the one that was asked for.
///
/// That is no sign of something else running: the pod names its image by digest, so the kubelet can start nothing else.
/// Where two digests stand for the same image (two indexes of one manifest), the runtime reports either.
fn odd_digest(pod: &Json, asked: &Asked) -> Option<String> {
    list(pod, "/status/containerStatuses").iter().find_map(|status| {
        let (_, wanted) = asked.get(text(status, "/name"))?.split_once('@')?;
        let (_, has) = text(status, "/imageID").split_once('@')?;
        (has != wanted).then(|| has.to_owned())
    })
}

fn gone(ground: &Ground<'_>, at: &Address) -> Problem {
    Problem::error(
        codes::ROLLOUT_DISTURBED,
        format!(
            "`{}`: somebody has deleted {at} in the middle of the rollout",
            ground.workload
        ),
    )
    .hint(format!(
        "find out who, then ship again: mlinfra ship {} {}",
        ground.environment, ground.workload
    ))
}
