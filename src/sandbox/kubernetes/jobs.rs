//! The controller of Jobs: until as many pods have succeeded as there have to, or too many have failed.
//!
//! "Jobs", Handling Pod and container failures, Job termination and cleanup. A CronJob is taken and kept; nothing starts it.

use serde_json::{Value, json};

use super::cluster::{Cluster, What};
use super::object::{
    condition, is_going, is_owned, list, millis, name, namespace, number, set, set_condition, text, time, uid, unset,
};
use super::{pods, replicas};

const CONTROLLER: &str = "job-controller";

pub(super) fn reconcile(cluster: &mut Cluster) {
    for key in cluster.keys("jobs") {
        if let Some(job) = cluster.get(&key).cloned() {
            one(cluster, &key, &job);
        }
    }
}

/// Whether a Job has ended, either way.
fn is_over(job: &Value) -> bool {
    let is = |kind: &str| condition(job, kind).is_some_and(|condition| text(condition, "/status") == "True");
    is("Complete") || is("Failed")
}

fn index(pod: &Value) -> &str {
    text(pod, "/metadata/annotations/batch.kubernetes.io~1job-completion-index")
}

fn one(cluster: &mut Cluster, key: &str, job: &Value) {
    if is_over(job) || job.pointer("/spec/suspend") == Some(&json!(true)) {
        return;
    }
    let now = cluster.at;
    let started = text(job, "/status/startTime");
    if started.is_empty() {
        cluster.change(key, |object| set(object, "/status/startTime", json!(time(now))));
        if let Some(seconds) = number(job, "/spec/activeDeadlineSeconds") {
            cluster.due(seconds * 1000, What::Look);
        }
    }
    let own: Vec<(String, Value)> = cluster
        .within("pods", namespace(job))
        .into_iter()
        .filter(|(_, pod)| is_owned(pod, uid(job)))
        .collect();
    let in_phase = |phase: &str| -> Vec<&Value> {
        let found = own.iter().map(|(_, pod)| pod);
        found.filter(|pod| text(pod, "/status/phase") == phase).collect()
    };
    let (succeeded, failed) = (in_phase("Succeeded"), in_phase("Failed"));
    let active: Vec<&(String, Value)> = own
        .iter()
        .filter(|(_, pod)| !is_going(pod) && matches!(text(pod, "/status/phase"), "Pending" | "Running"))
        .collect();
    let completions = number(job, "/spec/completions").unwrap_or(1);
    let done = i64::try_from(succeeded.len()).unwrap_or_default();
    let lost = i64::try_from(failed.len()).unwrap_or_default();
    let allowed = number(job, "/spec/backoffLimit").unwrap_or(6);
    let deadline = number(job, "/spec/activeDeadlineSeconds").map(|seconds| seconds * 1000);
    let late = deadline.is_some_and(|deadline| millis(started).is_some_and(|began| now >= began + deadline));
    let end = if done >= completions {
        Some((true, "CompletionsReached", "Reached expected number of succeeded pods"))
    } else if lost > allowed {
        Some((
            false,
            "BackoffLimitExceeded",
            "Job has reached the specified backoff limit",
        ))
    } else if late {
        Some((
            false,
            "DeadlineExceeded",
            "Job was active longer than specified deadline",
        ))
    } else {
        None
    };
    if let Some((well, reason, words)) = end {
        finish(cluster, key, job, (well, reason, words), (done, lost));
        for (pod, _) in active {
            pods::end(cluster, pod, None);
        }
        return;
    }
    let parallel = number(job, "/spec/parallelism").unwrap_or(1);
    let running = i64::try_from(active.len()).unwrap_or_default();
    let missing = parallel.min(completions - done) - running;
    if missing > 0 {
        more(cluster, job, missing, lost, &own);
    }
    let there = cluster.within("pods", namespace(job));
    let (mut active, mut ready) = (0, 0);
    for (_, pod) in &there {
        let runs = matches!(text(pod, "/status/phase"), "Pending" | "Running");
        if is_owned(pod, uid(job)) && !is_going(pod) && runs {
            active += 1;
            ready += i32::from(replicas::is_ready(pod));
        }
    }
    cluster.change(key, |object| {
        for (pointer, count) in [("/status/active", active), ("/status/ready", ready)] {
            set(object, pointer, json!(count));
        }
        tell(object, done, lost);
    });
}

fn tell(object: &mut Value, done: i64, lost: i64) {
    for (pointer, count) in [("/status/succeeded", done), ("/status/failed", lost)] {
        if count > 0 {
            set(object, pointer, json!(count));
        }
    }
}

/// Starts pods: one for each index that is missing, or just as many. A failure is waited after: 10 s, 20 s, 40 s, …
fn more(cluster: &mut Cluster, job: &Value, missing: i64, lost: i64, own: &[(String, Value)]) {
    if lost > 0 {
        let last = own
            .iter()
            .flat_map(|(_, pod)| list(pod, "/status/containerStatuses"))
            .filter_map(|status| millis(text(status, "/state/terminated/finishedAt")))
            .max()
            .unwrap_or_default();
        let wait = 10_000_i64 << (lost - 1).min(6);
        let begins = last + wait.min(360_000);
        if cluster.at < begins {
            cluster.due(begins - cluster.at, What::Look);
            return;
        }
    }
    let indexed = text(job, "/spec/completionMode") == "Indexed";
    let taken: Vec<&str> = own
        .iter()
        .filter(|(_, pod)| text(pod, "/status/phase") != "Failed" && !is_going(pod))
        .map(|(_, pod)| index(pod))
        .collect();
    let completions = number(job, "/spec/completions").unwrap_or(1);
    let free: Vec<String> = (0..completions)
        .map(|index| index.to_string())
        .filter(|index| !indexed || !taken.contains(&index.as_str()))
        .collect();
    for index in free.iter().take(usize::try_from(missing).unwrap_or_default()) {
        let labels = json!({
            "batch.kubernetes.io/job-name": name(job), "job-name": name(job),
            "batch.kubernetes.io/controller-uid": uid(job), "controller-uid": uid(job),
        });
        let mut pod = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "labels": labels } });
        let mut infix = String::new();
        if indexed {
            let annotation = "batch.kubernetes.io/job-completion-index";
            set(&mut pod, "/metadata/annotations", json!({ annotation: index }));
            infix = format!("-{index}");
        }
        if replicas::make(cluster, job, &pod, &infix).is_err() {
            return;
        }
    }
}

fn finish(cluster: &mut Cluster, key: &str, job: &Value, end: (bool, &str, &str), counts: (i64, i64)) {
    let (well, reason, words) = end;
    let now = cluster.at;
    cluster.change(key, |object| {
        unset(object, "/status/active");
        set(object, "/status/ready", json!(0));
        tell(object, counts.0, counts.1);
        if well {
            set_condition(object, now, "SuccessCriteriaMet", true, reason, words);
            set_condition(object, now, "Complete", true, reason, words);
            set(object, "/status/completionTime", json!(time(now)));
        } else {
            set_condition(object, now, "FailureTarget", true, reason, words);
            set_condition(object, now, "Failed", true, reason, words);
        }
    });
    if well {
        cluster.event(job, "Normal", "Completed", "Job completed", CONTROLLER);
    } else {
        cluster.event(job, "Warning", reason, words, CONTROLLER);
    }
    if let Some(seconds) = number(job, "/spec/ttlSecondsAfterFinished") {
        cluster.due(seconds * 1000, What::Collect(key.to_owned(), uid(job).to_owned()));
    }
}
