//! What keeps pods from running, out of what the cluster says of them. Pure: states in, a finding out.

use std::time::Duration;

use serde_json::Value as Json;

use super::read::{condition, count, is_leaving, list, name, number, text};

/// The kinds of trouble that do not end by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Pods cannot even be made.
    PodsRefused,
    /// The image is not to be had.
    ImagePull,
    /// The image is for other processors.
    Architecture,
    /// The container could not be made or started.
    NotStarted,
    /// A volume could not be mounted: a secret, a config map, a disk.
    Mount,
    /// The container ends again and again.
    Crash,
    /// It needs more memory than it has.
    OutOfMemory,
    /// It is killed because a probe fails.
    Probe,
    /// No node takes the pod.
    Unschedulable,
    /// Nothing is wrong that can be seen, and nothing goes on.
    Stalled,
}

/// What is wrong with some of the pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// What.
    pub(super) trouble: Trouble,
    /// The pods that have it; none if they do not exist.
    pub(super) pods: Vec<String>,
    /// How many pods there are, or should be.
    pub(super) of: usize,
    /// The container that has it, if it is one's.
    pub(super) container: String,
    /// The words of whoever refuses: registry, scheduler, kubelet.
    pub(super) said: String,
    /// How its last run ended.
    pub(super) exit: Option<i64>,
    /// How long it has to last until it is believed.
    pub(super) patience: Duration,
}

/// What decides whether pods that end are in trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// They should run for ever.
    Deployment,
    /// They should end, and whoever made them counts how often they fail.
    Job,
}

const SOON: Duration = Duration::from_secs(3);
/// Volumes and sandboxes are tried again by the kubelet, often with success.
const MOUNT: Duration = Duration::from_secs(8);
/// For what a registry, a network or a node that has just started gets over.
const PASSING: Duration = Duration::from_secs(60);
/// A new node takes a minute or two, if something makes one.
const NODES: Duration = Duration::from_secs(5 * 60);
/// A node that is on its way, with GPU and drivers, may take this long.
const NODE_COMES: Duration = Duration::from_secs(15 * 60);

/// The first trouble of `owner`'s pods that lets waiting look useless; `events` are those of the pods.
pub(super) fn diagnose(owner: &Json, pods: &[Json], events: &[Json], wanted: usize, of: Of) -> Option<Finding> {
    let live: Vec<&Json> = pods.iter().filter(|pod| !is_leaving(pod)).collect();
    let total = wanted.max(live.len());
    let late = match condition(owner, "Progressing") {
        Some(("False", "ProgressDeadlineExceeded", message)) => Some(message.to_owned()),
        _ => None,
    };
    let mut found: Option<Finding> = None;
    for pod in &live {
        let Some(one) = of_pod(pod, events, of) else { continue };
        match &mut found {
            None => found = Some(Finding { of: total, ..one }),
            Some(first) if first.trouble == one.trouble => first.pods.extend(one.pods),
            // Not yet scheduled is what can still pass: what cannot is told in its place.
            Some(first) if first.trouble == Trouble::Unschedulable => *first = Finding { of: total, ..one },
            Some(_) => {}
        }
    }
    if found.is_none() && live.len() < wanted {
        found = pods_refused(owner, events, total);
    }
    match (found, late) {
        // The controller has given up: there is nothing more to wait for.
        (Some(found), Some(_)) => Some(Finding {
            patience: Duration::ZERO,
            ..found
        }),
        (None, Some(message)) => {
            let said = live
                .iter()
                .filter(|pod| !is_ready(pod))
                .find_map(|pod| last(events, name(pod), &["Unhealthy"]))
                .unwrap_or(message);
            Some(Finding {
                trouble: Trouble::Stalled,
                pods: live
                    .iter()
                    .filter(|pod| !is_ready(pod))
                    .map(|pod| name(pod).to_owned())
                    .collect(),
                of: total,
                container: String::new(),
                said,
                exit: None,
                patience: Duration::ZERO,
            })
        }
        (found, None) => found,
    }
}

/// Whether a pod is ready.
pub(super) fn is_ready(pod: &Json) -> bool {
    matches!(condition(pod, "Ready"), Some(("True", ..)))
}

fn of_pod(pod: &Json, events: &[Json], of: Of) -> Option<Finding> {
    let finding = |trouble, container: &str, said: String, patience| Finding {
        trouble,
        pods: vec![name(pod).to_owned()],
        of: 1,
        container: container.to_owned(),
        said,
        exit: None,
        patience,
    };
    let statuses = list(pod, "/status/initContainerStatuses")
        .iter()
        .chain(list(pod, "/status/containerStatuses"));
    for status in statuses {
        let container = text(status, "/name");
        let reason = text(status, "/state/waiting/reason");
        let message = text(status, "/state/waiting/message");
        match reason {
            "ErrImagePull"
            | "ImagePullBackOff"
            | "InvalidImageName"
            | "ErrImageNeverPull"
            | "ImageInspectError"
            | "RegistryUnavailable"
            | "SignatureValidationFailed" => {
                let said = pull_message(pod, reason, message, events);
                let (trouble, patience) = match Pull::of(&said) {
                    Pull::Architecture => (Trouble::Architecture, SOON),
                    Pull::Passing => (Trouble::ImagePull, PASSING),
                    Pull::NotFound | Pull::NotAllowed | Pull::Other => (Trouble::ImagePull, SOON),
                };
                return Some(finding(trouble, container, said, patience));
            }
            "CreateContainerConfigError"
            | "CreateContainerError"
            | "RunContainerError"
            | "PreCreateHookError"
            | "PreStartHookError"
            | "PostStartHookError"
            | "StartError"
            | "ContainerCannotRun" => {
                let trouble = if message.contains("exec format error") {
                    Trouble::Architecture
                } else {
                    Trouble::NotStarted
                };
                let said = format!("{reason}: {message}");
                return Some(finding(trouble, container, said, SOON));
            }
            _ => {}
        }
        if of == Of::Deployment
            && let Some(found) = crash(pod, status, events)
        {
            return Some(Finding {
                pods: vec![name(pod).to_owned()],
                ..found
            });
        }
    }
    if let Some(("False", "Unschedulable", message)) = condition(pod, "PodScheduled") {
        let coming = last(events, name(pod), &["TriggeredScaleUp", "Nominated"]);
        let patience = if coming.is_some() { NODE_COMES } else { NODES };
        return Some(finding(Trouble::Unschedulable, "", message.to_owned(), patience));
    }
    if text(pod, "/status/phase") == "Pending" {
        if let Some(said) = last(events, name(pod), &["FailedMount", "FailedAttachVolume"]) {
            // On a node that has just started, the driver's own pod may not be there yet.
            let patience = if said.contains("registered CSI drivers") {
                PASSING
            } else {
                MOUNT
            };
            return Some(finding(Trouble::Mount, "", said, patience));
        }
        if let Some(said) = last(events, name(pod), &["FailedCreatePodSandBox"]) {
            return Some(finding(Trouble::NotStarted, "", said, PASSING));
        }
    }
    None
}

/// What a container that ended tells.
fn crash(pod: &Json, status: &Json, events: &[Json]) -> Option<Finding> {
    let restarts = number(status, "/restartCount");
    let ended = match (
        status.pointer("/lastState/terminated"),
        status.pointer("/state/terminated"),
    ) {
        (_, Some(now)) => now,
        (Some(last), None) => last,
        (None, None) => return None,
    };
    let waits = text(status, "/state/waiting/reason") == "CrashLoopBackOff";
    let is_ready = status.get("ready").and_then(Json::as_bool).unwrap_or_default();
    let reason = text(ended, "/reason");
    let exit = number(ended, "/exitCode");
    let unhealthy = last(events, name(pod), &["Unhealthy"]);
    let found = |trouble, said: String| Finding {
        trouble,
        pods: Vec::new(),
        of: 1,
        container: text(status, "/name").to_owned(),
        said,
        exit: Some(exit),
        patience: SOON,
    };
    if is_ready || restarts == 0 && !waits {
        return None;
    }
    if reason == "OOMKilled" {
        return Some(found(Trouble::OutOfMemory, String::new()));
    }
    if text(ended, "/message").contains("exec format error") {
        return Some(found(Trouble::Architecture, text(ended, "/message").to_owned()));
    }
    // Ended by a signal while a probe fails: it did not crash, it was killed.
    if let (137 | 143, Some(said)) = (exit, unhealthy) {
        return Some(found(Trouble::Probe, said));
    }
    (waits || restarts >= 2).then(|| {
        let words = text(ended, "/message");
        found(Trouble::Crash, if words.is_empty() { reason } else { words }.to_owned())
    })
}

/// Pods that are wanted and cannot be made: a quota, an admission webhook, a service account that is missing.
fn pods_refused(owner: &Json, events: &[Json], of: usize) -> Option<Finding> {
    let said = match condition(owner, "ReplicaFailure") {
        Some(("True", _, message)) => message.to_owned(),
        _ => last(events, name(owner), &["FailedCreate"])?,
    };
    Some(Finding {
        trouble: Trouble::PodsRefused,
        pods: Vec::new(),
        of,
        container: String::new(),
        said,
        exit: None,
        patience: SOON,
    })
}

/// The message of the newest event about `object` with one of `reasons`.
pub(super) fn last(events: &[Json], object: &str, reasons: &[&str]) -> Option<String> {
    events
        .iter()
        .filter(|event| text(event, "/involvedObject/name") == object && reasons.contains(&text(event, "/reason")))
        .max_by_key(|event| {
            [
                "/lastTimestamp",
                "/series/lastObservedTime",
                "/eventTime",
                "/firstTimestamp",
            ]
            .iter()
            .map(|at| text(event, at))
            .find(|at| !at.is_empty())
            .unwrap_or_default()
        })
        .map(|event| text(event, "/message").to_owned())
}

/// What kind of refusal a registry's words are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pull {
    /// No such repository, tag or digest.
    NotFound,
    /// The nodes may not pull it.
    NotAllowed,
    /// None of it is for the node's processors.
    Architecture,
    /// The registry or the way to it has trouble of its own.
    Passing,
    /// Anything else.
    Other,
}

impl Pull {
    /// What containerd's words mean.
    pub(super) fn of(said: &str) -> Self {
        let said = said.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
        if has(&[
            "no match for platform",
            "no matching manifest",
            "does not match the specified platform",
        ]) {
            Self::Architecture
        } else if has(&[
            "429",
            "toomanyrequests",
            "i/o timeout",
            "tls handshake timeout",
            "deadline exceeded",
            "connection refused",
            "connection reset",
            "unexpected eof",
            " 500 ",
            " 502 ",
            " 503 ",
            "no such host",
            "server misbehaving",
        ]) {
            Self::Passing
        } else if has(&[
            "401",
            "403",
            "unauthorized",
            "authorization failed",
            "denied",
            "no basic auth",
            "forbidden",
        ]) {
            Self::NotAllowed
        } else if has(&[
            "not found",
            "manifest unknown",
            "manifest_unknown",
            "name unknown",
            "does not exist",
        ]) {
            Self::NotFound
        } else {
            Self::Other
        }
    }
}

/// The registry's words: later the kubelet only says that it backs off, but the event of the first try is still there.
fn pull_message(pod: &Json, reason: &str, message: &str, events: &[Json]) -> String {
    let backs_off = message.starts_with("Back-off") && !message.contains("rpc error") && !message.contains(": ");
    let words = if backs_off || message.is_empty() {
        let failed: Vec<Json> = events
            .iter()
            .filter(|event| {
                text(event, "/message").starts_with("Failed to pull") || text(event, "/message").contains("rpc error")
            })
            .cloned()
            .collect();
        last(&failed, name(pod), &["Failed"]).unwrap_or_else(|| message.to_owned())
    } else {
        message.to_owned()
    };
    let words = if words.is_empty() { reason.to_owned() } else { words };
    // `rpc error: code = NotFound desc = ` is how kubelet and containerd speak with each other.
    match words.rsplit_once(" desc = ") {
        Some((_, words)) => words.to_owned(),
        None => words,
    }
}

/// What is waited for, in a few words, if that can be said: `a node for 1 of 2`.
pub(super) fn waiting_for(pods: &[Json], events: &[Json], wanted: usize) -> Option<String> {
    let live: Vec<&Json> = pods.iter().filter(|pod| !is_leaving(pod) && !is_ready(pod)).collect();
    let of = wanted.max(1);
    let missing = wanted.saturating_sub(pods.iter().filter(|pod| !is_leaving(pod)).count());
    let counted = |what: &str, of_these: &dyn Fn(&Json) -> bool| {
        let count = live.iter().filter(|pod| of_these(pod)).count();
        (count > 0).then(|| format!("{what} {count} of {of}"))
    };
    let reason = |pod: &Json| {
        list(pod, "/status/containerStatuses")
            .iter()
            .map(|status| text(status, "/state/waiting/reason").to_owned())
            .find(|reason| !reason.is_empty())
            .unwrap_or_default()
    };
    let pulls = |pod: &Json| {
        reason(pod) == "ContainerCreating"
            && last(events, name(pod), &["Pulling"]).is_some()
            && last(events, name(pod), &["Pulled"]).is_none()
    };
    let unscheduled = |pod: &Json| matches!(condition(pod, "PodScheduled"), Some(("False", ..)));
    counted("a node for", &unscheduled)
        .or_else(|| counted("the image on", &|pod| reason(pod).contains("Image") || pulls(pod)))
        .or_else(|| counted("a container that crashed on", &|pod| reason(pod) == "CrashLoopBackOff"))
        .or_else(|| counted("the start of", &|pod| !reason(pod).is_empty()))
        .or_else(|| {
            let running = live.iter().find(|pod| text(pod, "/status/phase") == "Running")?;
            let said = last(events, name(running), &["Unhealthy"]);
            counted("the readiness of", &|pod| text(pod, "/status/phase") == "Running").map(|what| match said {
                Some(said) => format!("{what}: {said}"),
                None => what,
            })
        })
        .or_else(|| (missing > 0).then(|| format!("{missing} of {of} pods to be made")))
}

/// How often containers of a pod were started again.
pub(super) fn restarts(pod: &Json) -> u32 {
    list(pod, "/status/containerStatuses")
        .iter()
        .map(|status| count(status, "/restartCount"))
        .sum()
}

/// What a pod is in trouble with, in a word, as `kubectl get pods` has it: `CrashLoopBackOff`, `Unschedulable`.
pub(super) fn word(pod: &Json) -> Option<String> {
    if is_leaving(pod) {
        return Some("Terminating".to_owned());
    }
    let statuses = list(pod, "/status/initContainerStatuses")
        .iter()
        .chain(list(pod, "/status/containerStatuses"));
    for status in statuses {
        let waits = text(status, "/state/waiting/reason");
        if !waits.is_empty() && waits != "PodInitializing" {
            return Some(waits.to_owned());
        }
    }
    match condition(pod, "PodScheduled") {
        Some(("False", reason, _)) if !reason.is_empty() => return Some(reason.to_owned()),
        _ => {}
    }
    match text(pod, "/status/phase") {
        "Failed" => Some(match text(pod, "/status/reason") {
            "" => "Failed".to_owned(),
            reason => reason.to_owned(),
        }),
        "Running" if !is_ready(pod) => Some("NotReady".to_owned()),
        "Pending" => Some("Pending".to_owned()),
        _ => None,
    }
}
