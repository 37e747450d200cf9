//! The controller of Deployments: from one ReplicaSet to the next, never with more or fewer pods than is allowed.
//!
//! "Deployments", Rolling Update Deployment and Deployment status; the reasons and words are the deployment controller's.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cluster::{Cluster, What};
use super::kinds::key;
use super::object::{
    condition, is_owned, list, name, namespace, number, owner, set, set_condition, text, uid, unset, unset_condition,
    word,
};
use super::replicas::living;

const REVISION: &str = "/metadata/annotations/deployment.kubernetes.io~1revision";
const HASH: &str = "/metadata/labels/pod-template-hash";
const CONTROLLER: &str = "deployment-controller";

/// How far a rollout is, and since when.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Progress {
    since: i64,
    set: String,
    counts: Counts,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Counts {
    total: i64,
    updated: i64,
    ready: i64,
}

impl Counts {
    fn old(self) -> i64 {
        self.total - self.updated
    }
}

pub(super) fn reconcile(cluster: &mut Cluster) {
    for key in cluster.keys("deployments") {
        if let Some(deployment) = cluster.get(&key).cloned() {
            one(cluster, &key, &deployment);
        }
    }
}

fn one(cluster: &mut Cluster, own_key: &str, deployment: &Value) {
    let hash = hash(deployment);
    let mut sets = owned(cluster, deployment);
    let highest = sets
        .iter()
        .filter_map(|(_, set)| revision(set))
        .max()
        .unwrap_or_default();
    let current = sets.iter().find(|(_, set)| text(set, HASH) == hash).cloned();
    let paused = deployment.pointer("/spec/paused") == Some(&json!(true));
    let current = match current {
        Some((key, found)) => {
            // What runs again is the newest again.
            if revision(&found) != Some(highest) && !paused {
                cluster.change(&key, |object| set(object, REVISION, json!((highest + 1).to_string())));
            }
            (key, found)
        }
        None if paused => return,
        None => {
            let made = make(cluster, deployment, &hash, highest + 1);
            sets.push(made.clone());
            let words = format!("Created new replica set {:?}", name(&made.1));
            let now = cluster.at;
            cluster.change(own_key, |object| {
                set_condition(object, now, "Progressing", true, "NewReplicaSetCreated", &words);
            });
            made
        }
    };
    let wanted = number(deployment, "/spec/replicas").unwrap_or(1).max(0);
    let old: Vec<(String, Value)> = sets.into_iter().filter(|(key, _)| *key != current.0).collect();
    if text(deployment, "/spec/strategy/type") == "Recreate" {
        recreate(cluster, deployment, &current, &old, wanted);
    } else {
        roll(cluster, deployment, &current, &old, wanted);
    }
    forget(cluster, deployment, old);
    status(cluster, own_key, &current.0, wanted);
}

/// The ReplicaSets of a Deployment.
fn owned(cluster: &Cluster, deployment: &Value) -> Vec<(String, Value)> {
    let mut sets = cluster.within("replicasets", namespace(deployment));
    sets.retain(|(_, set)| is_owned(set, uid(deployment)));
    sets
}

/// What pods of the same template have in common.
fn hash(deployment: &Value) -> String {
    let template = deployment.pointer("/spec/template").cloned().unwrap_or_default();
    word(&sorted(&template), 10)
}

/// JSON whose keys are in order, so that the same says the same.
pub(super) fn sorted(value: &Value) -> String {
    match value {
        Value::Object(entries) => {
            let mut entries: Vec<(&String, &Value)> = entries.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            let inside: Vec<String> = entries
                .into_iter()
                .map(|(key, value)| format!("{key:?}:{}", sorted(value)))
                .collect();
            format!("{{{}}}", inside.join(","))
        }
        Value::Array(elements) => {
            let inside: Vec<String> = elements.iter().map(sorted).collect();
            format!("[{}]", inside.join(","))
        }
        other => other.to_string(),
    }
}

fn revision(set: &Value) -> Option<i64> {
    text(set, REVISION).parse().ok()
}

fn make(cluster: &mut Cluster, deployment: &Value, hash: &str, revision: i64) -> (String, Value) {
    let own = format!("{}-{hash}", name(deployment));
    let mut template = deployment.pointer("/spec/template").cloned().unwrap_or_default();
    set(&mut template, HASH, json!(hash));
    let mut selector = deployment.pointer("/spec/selector").cloned().unwrap_or_default();
    set(&mut selector, "/matchLabels/pod-template-hash", json!(hash));
    let labels = template.pointer("/metadata/labels").cloned().unwrap_or_default();
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": own, "namespace": namespace(deployment), "labels": labels, "annotations": {},
            "ownerReferences": owner(deployment),
        },
        "spec": { "replicas": 0, "selector": selector, "template": template },
        "status": { "replicas": 0 },
    });
    set(&mut object, REVISION, json!(revision.to_string()));
    let key = key("replicasets", namespace(deployment), &own);
    let object = cluster.create(&key, object);
    (key, object)
}

fn scale(cluster: &mut Cluster, deployment: &Value, (key, replica_set): &(String, Value), to: i64) {
    let now = cluster
        .get(key)
        .and_then(|set| number(set, "/spec/replicas"))
        .unwrap_or_default();
    if now == to {
        return;
    }
    cluster.change(key, |object| {
        let generation = number(object, "/metadata/generation").unwrap_or(1);
        set(object, "/metadata/generation", json!(generation + 1));
        set(object, "/spec/replicas", json!(to));
    });
    let direction = if to > now { "up" } else { "down" };
    let told = format!(
        "Scaled {direction} replica set {} from {now} to {to}",
        name(replica_set)
    );
    cluster.event(deployment, "Normal", "ScalingReplicaSet", &told, CONTROLLER);
    super::replicas::reconcile(cluster);
}

fn count(cluster: &Cluster, key: &str, what: &str) -> i64 {
    cluster.get(key).and_then(|set| number(set, what)).unwrap_or_default()
}

fn roll(cluster: &mut Cluster, deployment: &Value, current: &(String, Value), old: &[(String, Value)], wanted: i64) {
    let surge = share(deployment, "/spec/strategy/rollingUpdate/maxSurge", wanted, true);
    let mut missing = share(deployment, "/spec/strategy/rollingUpdate/maxUnavailable", wanted, false);
    if surge == 0 && missing == 0 {
        missing = 1;
    }
    let sum = |cluster: &Cluster, what: &str| {
        let old: i64 = old.iter().map(|(key, _)| count(cluster, key, what)).sum();
        old + count(cluster, &current.0, what)
    };
    let replicas = "/spec/replicas";
    let now = count(cluster, &current.0, replicas);
    if now > wanted {
        scale(cluster, deployment, current, wanted);
    } else if now < wanted {
        let room = wanted + surge - sum(cluster, replicas);
        scale(cluster, deployment, current, now + room.clamp(0, wanted - now));
    }
    // Old ones go as far as enough answer without them; those that do not answer first.
    let least = wanted - missing;
    let available = "/status/availableReplicas";
    let late = count(cluster, &current.0, replicas) - count(cluster, &current.0, available);
    let mut may_go = sum(cluster, replicas) - least - late.max(0);
    for one in old {
        let (have, answering) = (count(cluster, &one.0, replicas), count(cluster, &one.0, available));
        let ill = (have - answering).min(may_go).max(0);
        if ill > 0 {
            scale(cluster, deployment, one, have - ill);
            may_go -= ill;
        }
    }
    for one in old {
        let spare = (sum(cluster, available) - least).min(may_go).max(0);
        let have = count(cluster, &one.0, replicas);
        let goes = have.min(spare);
        if goes > 0 {
            scale(cluster, deployment, one, have - goes);
            may_go -= goes;
        }
    }
}

/// Nothing of the new before nothing is left of the old.
fn recreate(
    cluster: &mut Cluster,
    deployment: &Value,
    current: &(String, Value),
    old: &[(String, Value)],
    wanted: i64,
) {
    for one in old {
        scale(cluster, deployment, one, 0);
    }
    let left = cluster.within("pods", namespace(deployment));
    let left = left
        .iter()
        .any(|(_, pod)| old.iter().any(|(_, set)| is_owned(pod, uid(set))));
    if !left {
        scale(cluster, deployment, current, wanted);
    }
}

/// A number, or a share of the replicas in percent.
fn share(deployment: &Value, pointer: &str, of: i64, up: bool) -> i64 {
    let percent = match deployment.pointer(pointer) {
        Some(Value::Number(number)) => return number.as_i64().unwrap_or_default(),
        Some(Value::String(share)) => share.trim_end_matches('%').parse().unwrap_or(25),
        _ => 25_i64,
    };
    let exact = of * percent;
    if up {
        (exact + 99).div_euclid(100)
    } else {
        exact.div_euclid(100)
    }
}

/// Old ReplicaSets without pods go, but for as many as the history keeps.
fn forget(cluster: &mut Cluster, deployment: &Value, mut old: Vec<(String, Value)>) {
    let kept = number(deployment, "/spec/revisionHistoryLimit").unwrap_or(10).max(0);
    let kept = usize::try_from(kept).unwrap_or_default();
    old.retain(|(key, _)| {
        ["/spec/replicas", "/status/replicas"]
            .iter()
            .all(|what| count(cluster, key, what) == 0)
    });
    old.sort_by_key(|(_, set)| std::cmp::Reverse(revision(set).unwrap_or_default()));
    for (key, _) in old.iter().skip(kept) {
        cluster.delete(key);
    }
}

fn status(cluster: &mut Cluster, own_key: &str, current: &str, wanted: i64) {
    let Some(deployment) = cluster.get(own_key).cloned() else {
        return;
    };
    let sets = owned(cluster, &deployment);
    let sum = |what: &str| -> i64 { sets.iter().filter_map(|(_, set)| number(set, what)).sum() };
    let counts = Counts {
        total: sum("/status/replicas"),
        updated: count(cluster, current, "/status/replicas"),
        ready: sum("/status/readyReplicas"),
    };
    let newest = cluster.get(current).cloned().unwrap_or_default();
    let updated_ready = count(cluster, current, "/status/readyReplicas");
    let complete = counts.updated == wanted && counts.total == wanted && updated_ready == wanted;
    let set_name = name(&newest).to_owned();
    let before = cluster.progress.get(uid(&deployment)).cloned();
    let moved = before.as_ref().is_none_or(|before| {
        before.set != set_name
            || counts.updated > before.counts.updated
            || counts.old() < before.counts.old()
            || counts.ready > before.counts.ready
    });
    let since = before.filter(|_| !moved).map_or(cluster.at, |before| before.since);
    let progress = Progress {
        since,
        set: set_name.clone(),
        counts,
    };
    cluster.progress.insert(uid(&deployment).to_owned(), progress);
    let deadline = number(&deployment, "/spec/progressDeadlineSeconds").unwrap_or(600) * 1000;
    let words = format!("ReplicaSet {set_name:?} has successfully progressed.");
    let was_complete = condition(&deployment, "Progressing")
        .is_some_and(|was| text(was, "/reason") == "NewReplicaSetAvailable" && text(was, "/message") == words);
    let late = cluster.at >= since + deadline;
    let progressing = if complete || was_complete {
        Some((true, "NewReplicaSetAvailable", words))
    } else if late {
        Some((
            false,
            "ProgressDeadlineExceeded",
            format!("ReplicaSet {set_name:?} has timed out progressing."),
        ))
    } else {
        cluster.due(since + deadline - cluster.at, What::Look);
        let begun = counts.updated > 0 || counts.old() > 0 && moved;
        begun.then(|| {
            (
                true,
                "ReplicaSetUpdated",
                format!("ReplicaSet {set_name:?} is progressing."),
            )
        })
    };
    let missing = share(
        &deployment,
        "/spec/strategy/rollingUpdate/maxUnavailable",
        wanted,
        false,
    );
    let least = if text(&deployment, "/spec/strategy/type") == "Recreate" {
        wanted
    } else {
        wanted - missing
    };
    let failure = sets.iter().find_map(|(_, set)| {
        let failed = condition(set, "ReplicaFailure")?;
        Some(text(failed, "/message").to_owned())
    });
    let now = cluster.at;
    cluster.change(own_key, |object| {
        let generation = object.pointer("/metadata/generation").cloned().unwrap_or_default();
        set(object, "/status/observedGeneration", generation);
        for (pointer, count) in [
            ("/status/replicas", counts.total),
            ("/status/updatedReplicas", counts.updated),
            ("/status/readyReplicas", counts.ready),
            ("/status/availableReplicas", counts.ready),
            (
                "/status/unavailableReplicas",
                (counts.total.max(wanted) - counts.ready).max(0),
            ),
        ] {
            // Zeros are left out.
            if count == 0 {
                unset(object, pointer);
            } else {
                set(object, pointer, json!(count));
            }
        }
        if let Some(revision) = newest.pointer(REVISION).cloned() {
            set(object, REVISION, revision);
        }
        if counts.ready >= least {
            let words = "Deployment has minimum availability.";
            set_condition(object, now, "Available", true, "MinimumReplicasAvailable", words);
        } else {
            let words = "Deployment does not have minimum availability.";
            set_condition(object, now, "Available", false, "MinimumReplicasUnavailable", words);
        }
        if let Some((going, reason, words)) = progressing {
            set_condition(object, now, "Progressing", going, reason, &words);
        }
        match failure {
            Some(words) => set_condition(object, now, "ReplicaFailure", true, "FailedCreate", &words),
            None => unset_condition(object, "ReplicaFailure"),
        }
    });
}

/// Where pods of the Deployment stand that are alive, for the autoscaler.
pub(super) fn pods(cluster: &Cluster, deployment: &Value) -> usize {
    let sets = owned(cluster, deployment);
    sets.iter().map(|(_, set)| living(cluster, set).len()).sum()
}

/// The first image of a pod template, for messages and faults.
pub(super) fn images(template: &Value) -> String {
    let images = list(template, "/spec/containers").iter();
    images
        .map(|container| text(container, "/image"))
        .collect::<Vec<_>>()
        .join(" ")
}
