//! What is found in states of pods, as kubelet, scheduler and controllers write them.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::ship::kubernetes::diagnose::{Finding, Of, Pull, Trouble, diagnose, waiting_for, word};
use crate::ship::kubernetes::finding::{self, About, missing};
use crate::ship::kubernetes::watch::believed;

fn pod(status: Json) -> Json {
    json!({ "metadata": { "name": "scorer-1" }, "spec": { "restartPolicy": "Always" }, "status": status })
}

fn waiting(reason: &str, message: &str) -> Json {
    pod(
        json!({ "phase": "Pending", "containerStatuses": [{ "name": "scorer", "ready": false, "restartCount": 0, "state": { "waiting": { "reason": reason, "message": message } } }] }),
    )
}

fn event(reason: &str, message: &str) -> Json {
    json!({ "involvedObject": { "name": "scorer-1" }, "reason": reason, "message": message, "lastTimestamp": "2026-11-01T10:00:00Z" })
}

fn found(pod: &Json, events: &[Json]) -> Option<Finding> {
    diagnose(&json!({}), std::slice::from_ref(pod), events, 1, Of::Deployment)
}

fn trouble(pod: &Json, events: &[Json]) -> Option<Trouble> {
    found(pod, events).map(|finding| finding.trouble)
}

fn text(finding: &Finding, lines: &[&str]) -> String {
    let about = About {
        environment: "dev",
        workload: "scorer",
        namespace: "ml",
        image: "registry/scorer@sha256:1",
        architecture: "amd64",
    };
    let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
    super::said(&finding::problem(finding, about, &lines))
}

#[test]
fn the_registrys_words_outlive_the_kubelets_backing_off() {
    let backs_off = waiting(
        "ImagePullBackOff",
        "Back-off pulling image \"registry/scorer@sha256:1\"",
    );
    let first = event(
        "Failed",
        "Failed to pull image \"registry/scorer@sha256:1\": rpc error: code = NotFound desc = registry/scorer@sha256:1: not found",
    );
    let second = json!({ "involvedObject": { "name": "scorer-1" }, "reason": "Failed", "message": "Error: ImagePullBackOff", "lastTimestamp": "2026-11-01T10:00:09Z" });
    let finding = found(&backs_off, &[first, second]).unwrap();
    assert_eq!(finding.trouble, Trouble::ImagePull);
    assert_eq!(finding.said, "registry/scorer@sha256:1: not found");
    // Newer kubelets repeat them.
    let newer = waiting(
        "ImagePullBackOff",
        "Back-off pulling image \"registry/scorer@sha256:1\": ErrImagePull: rpc error: code = NotFound desc = gone: not found",
    );
    assert_eq!(found(&newer, &[]).unwrap().said, "gone: not found");
}

#[test]
fn refusals_of_registries_are_of_four_kinds() {
    for (words, kind) in [
        ("failed to resolve reference \"x\": x: not found", Pull::NotFound),
        ("manifest unknown: Requested image not found", Pull::NotFound),
        (
            "pulling from host x failed with status code [manifests 1]: 403 Forbidden",
            Pull::NotAllowed,
        ),
        (
            "failed to authorize: failed to fetch anonymous token: unexpected status: 401 Unauthorized",
            Pull::NotAllowed,
        ),
        (
            "pull access denied, repository does not exist or may require authorization",
            Pull::NotAllowed,
        ),
        (
            "no match for platform in manifest sha256:1: not found",
            Pull::Architecture,
        ),
        ("dial tcp 1.2.3.4:443: i/o timeout", Pull::Passing),
        ("toomanyrequests: Rate exceeded", Pull::Passing),
        ("something else", Pull::Other),
    ] {
        assert_eq!(Pull::of(words), kind, "{words}");
    }
}

#[test]
fn what_a_registry_gets_over_has_more_time_than_what_stays() {
    let passing = found(&waiting("ErrImagePull", "dial tcp: i/o timeout"), &[]).unwrap();
    let staying = found(&waiting("ErrImagePull", "x: not found"), &[]).unwrap();
    assert!(passing.patience > Duration::from_secs(30) && staying.patience <= Duration::from_secs(5));
}

#[test]
fn one_look_is_not_enough_and_what_goes_away_is_forgotten() {
    let finding = found(&waiting("ErrImagePull", "x: not found"), &[]).unwrap();
    let at = Duration::from_secs;
    let mut held = None;
    assert_eq!(believed(&mut held, Some(finding.clone()), at(0)), None);
    assert_eq!(believed(&mut held, Some(finding.clone()), at(1)), None);
    // In between the kubelet tries again, and it looks well for a moment.
    assert_eq!(believed(&mut held, None, at(2)), None);
    assert!(believed(&mut held, Some(finding.clone()), at(4)).is_some());
    let mut held = None;
    believed(&mut held, Some(finding.clone()), at(0));
    believed(&mut held, None, at(60));
    assert_eq!(believed(&mut held, Some(finding), at(61)), None);
}

fn ended(exit: i64, reason: &str, restarts: u32, state: Json) -> Json {
    pod(
        json!({ "phase": "Running", "containerStatuses": [{ "name": "scorer", "ready": false, "restartCount": restarts, "state": state,
        "lastState": { "terminated": { "exitCode": exit, "reason": reason } } }] }),
    )
}

#[test]
fn a_crash_memory_and_a_probe_that_kills_are_told_apart() {
    let loops =
        json!({ "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container" } });
    assert_eq!(trouble(&ended(1, "Error", 1, loops.clone()), &[]), Some(Trouble::Crash));
    assert_eq!(
        trouble(&ended(137, "OOMKilled", 1, loops.clone()), &[]),
        Some(Trouble::OutOfMemory)
    );
    let killed = event(
        "Unhealthy",
        "Liveness probe failed: HTTP probe failed with statuscode: 404",
    );
    assert_eq!(
        trouble(&ended(137, "Error", 1, loops.clone()), std::slice::from_ref(&killed)),
        Some(Trouble::Probe)
    );
    assert_eq!(
        trouble(&ended(143, "Error", 1, json!({ "running": {} })), &[killed]),
        Some(Trouble::Probe)
    );
    // Once is a mishap: it has been started again, and runs.
    assert_eq!(trouble(&ended(1, "Error", 1, json!({ "running": {} })), &[]), None);
    let crash = found(&ended(127, "Error", 2, loops), &[]).unwrap();
    let said = text(&crash, &["a", "b: command not found"]);
    assert!(
        said.contains("exit code 127, on 1 of 1")
            && said.contains("  b: command not found")
            && said.contains("mlinfra logs dev scorer --previous"),
        "{said}"
    );
}

#[test]
fn a_container_that_was_ready_after_a_crash_is_well() {
    let mut pod = ended(1, "Error", 4, json!({ "running": {} }));
    pod["status"]["containerStatuses"][0]["ready"] = json!(true);
    assert_eq!(trouble(&pod, &[]), None);
}

#[test]
fn what_keeps_a_container_from_being_made_is_said() {
    let missing = found(&waiting("CreateContainerConfigError", "secret \"db\" not found"), &[]).unwrap();
    assert_eq!(missing.trouble, Trouble::NotStarted);
    assert!(text(&missing, &[]).contains("CreateContainerConfigError: secret \"db\" not found"));
    let format = waiting(
        "RunContainerError",
        "failed to create containerd task: exec /scorer: exec format error",
    );
    assert_eq!(trouble(&format, &[]), Some(Trouble::Architecture));
}

#[test]
fn secrets_that_cannot_be_mounted_are_told_with_what_the_driver_says() {
    let creating = waiting("ContainerCreating", "");
    let words = "MountVolume.SetUp failed for volume \"secrets\" : rpc error: code = Unknown desc = failed to mount secrets store objects for pod default/scorer-1, err: failed to get secretproviderclass default/scorer, error: SecretProviderClass not found";
    let finding = found(&creating, &[event("FailedMount", words)]).unwrap();
    assert_eq!(finding.trouble, Trouble::Mount);
    assert!(finding.patience < Duration::from_secs(10));
    assert!(text(&finding, &[]).contains("GetSecretValue"));
    // A node that has just started has no driver yet.
    let fresh = "MountVolume.SetUp failed: driver name secrets-store.csi.k8s.io not found in the list of registered CSI drivers";
    let finding = found(&creating, &[event("FailedMount", fresh)]).unwrap();
    assert!(finding.patience >= Duration::from_secs(60));
    assert!(text(&finding, &[]).contains("aws-secrets-store-csi-driver-provider"));
}

#[test]
fn the_schedulers_words_are_turned_into_what_is_missing() {
    for (words, expected) in [
        (
            "0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: 3 No preemption victims found",
            "too little cpu",
        ),
        (
            "0/5 nodes are available: 2 Insufficient memory, 3 node(s) had untolerated taint {nvidia.com/gpu: true}",
            "too little memory, taints that it does not tolerate",
        ),
        (
            "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.",
            "no node with the labels that it asks for",
        ),
        ("no nodes available to schedule pods", "there are no nodes"),
        ("0/1 nodes are available: 1 Too many pods.", "nodes that are full"),
    ] {
        assert_eq!(missing(words), expected, "{words}");
    }
}

#[test]
fn a_node_that_is_on_its_way_has_more_time() {
    let unscheduled = pod(
        json!({ "phase": "Pending", "conditions": [{ "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available: 1 Insufficient cpu." }] }),
    );
    let alone = found(&unscheduled, &[]).unwrap();
    let coming = found(
        &unscheduled,
        &[event("Nominated", "Pod should schedule on: nodeclaim/gpu-x")],
    )
    .unwrap();
    assert_eq!(alone.patience, Duration::from_secs(300));
    assert_eq!(coming.patience, Duration::from_secs(900));
    // What the controller has given up is not waited for.
    let late = json!({ "status": { "conditions": [{ "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "" }] } });
    let given_up = diagnose(&late, std::slice::from_ref(&unscheduled), &[], 1, Of::Deployment).unwrap();
    assert_eq!(
        (given_up.trouble, given_up.patience),
        (Trouble::Unschedulable, Duration::ZERO)
    );
    assert_eq!(
        waiting_for(&[unscheduled], &[], 1).as_deref(),
        Some("a node for 1 of 1")
    );
}

#[test]
fn pods_that_are_refused_are_counted_by_what_is_missing() {
    let owner = json!({ "status": { "conditions": [{ "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "pods \"x\" is forbidden: error looking up service account ml/scorer: serviceaccount \"scorer\" not found" }] } });
    let finding = diagnose(&owner, &[], &[], 3, Of::Deployment).unwrap();
    assert_eq!((finding.trouble, finding.of), (Trouble::PodsRefused, 3));
    let said = text(&finding, &[]);
    assert!(
        said.contains("for 3 of them") && said.contains("the service account is missing"),
        "{said}"
    );
}

#[test]
fn one_that_cannot_pass_is_told_before_one_that_can() {
    let unscheduled = pod(
        json!({ "phase": "Pending", "conditions": [{ "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes" }] }),
    );
    let pulling = waiting("ErrImagePull", "x: not found");
    let finding = diagnose(&json!({}), &[unscheduled, pulling], &[], 2, Of::Deployment).unwrap();
    assert_eq!(
        (finding.trouble, finding.pods.len(), finding.of),
        (Trouble::ImagePull, 1, 2)
    );
}

#[test]
fn a_word_for_each_pod_is_what_kubectl_has() {
    let ready = pod(json!({ "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] }));
    assert_eq!(word(&ready), None);
    assert_eq!(
        word(&waiting("CrashLoopBackOff", "")).as_deref(),
        Some("CrashLoopBackOff")
    );
    assert_eq!(
        word(&pod(json!({ "phase": "Failed", "reason": "Evicted" }))).as_deref(),
        Some("Evicted")
    );
    assert_eq!(word(&pod(json!({ "phase": "Running" }))).as_deref(), Some("NotReady"));
}
