//! What becomes of Deployments, Jobs and their pods.

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::super::config;
use super::{Api, DEPLOYMENTS, JOBS, PODS, image, job, scorer, wait};

#[tokio::test(start_paused = true)]
async fn a_deployment_comes_to_run_and_its_pods_say_what_they_run() {
    let api = Api::new().await;
    let (status, made) = api.apply(&scorer(1), "").await;
    assert_eq!((status, &made["metadata"]["generation"]), (201, &json!(1)));
    assert_eq!(api.status().await, (0, 2, 2, "ReplicaSetUpdated".to_owned()));
    wait(2).await;
    for pod in api.pods().await {
        let status = pod.status.unwrap();
        assert_eq!(status.phase.as_deref(), Some("Pending"));
        let state = status.container_statuses.unwrap()[0].state.clone().unwrap();
        assert_eq!(state.waiting.unwrap().reason.as_deref(), Some("ContainerCreating"));
    }
    wait(60).await;
    assert_eq!(api.status().await, (2, 2, 2, "NewReplicaSetAvailable".to_owned()));
    let pods = api.pods().await;
    assert_eq!(pods.len(), 2);
    for pod in &pods {
        let status = &pod.status.as_ref().unwrap().container_statuses.as_ref().unwrap()[0];
        assert!(status.ready && status.started == Some(true), "{status:?}");
        assert_eq!(status.image_id, image(1));
        let log = format!("{PODS}/{}/log?tailLines=1", pod.metadata.name.as_ref().unwrap());
        let (_, log) = api.send("GET", &log, "", "").await;
        let line: Value = serde_json::from_slice(&log).unwrap();
        assert_eq!(line["message"], "ready");
    }
    let events = api.events().await;
    for told in [
        "ScalingReplicaSet: Scaled up replica set scorer-",
        "SuccessfulCreate: Created pod: scorer-",
        "Scheduled: Successfully assigned default/scorer-",
        &format!("Pulling: Pulling image \"{}\"", image(1)),
        "Started: Started container scorer",
    ] {
        assert!(events.contains(told), "{told} is not in:\n{events}");
    }
    let found = api.get(&format!("{PODS}?labelSelector=app.kubernetes.io/name%3Dscorer,pod-template-hash&fieldSelector=status.phase%3DRunning")).await;
    assert_eq!(found["items"].as_array().unwrap().len(), 2);
    assert_eq!(found["kind"], "PodList");
}

#[tokio::test(start_paused = true)]
async fn a_rollout_replaces_pods_one_by_one_and_keeps_enough_of_them() {
    let api = Api::new().await;
    api.applied(&scorer(1)).await;
    wait(60).await;
    api.applied(&scorer(2)).await;
    let mut seconds = 0;
    loop {
        let (ready, updated, all, reason) = api.status().await;
        assert!(ready >= 2 && all <= 3, "{ready} of {all}");
        let deployment = api.deployment().await;
        let observed = deployment.status.unwrap().observed_generation;
        assert_eq!(observed, deployment.metadata.generation);
        if updated == 2 && all == 2 && reason == "NewReplicaSetAvailable" {
            break;
        }
        seconds += 1;
        assert!(seconds < 120, "{ready} {updated} {all} {reason}");
        wait(1).await;
    }
    assert!(seconds > 10, "{seconds}");
    wait(40).await;
    let pods = api.pods().await;
    assert_eq!(pods.len(), 2);
    for pod in pods {
        assert_eq!(pod.status.unwrap().container_statuses.unwrap()[0].image_id, image(2));
    }
    let sets: Vec<ReplicaSet> = api.list("/apis/apps/v1/namespaces/default/replicasets").await;
    let mut sizes: Vec<Option<i32>> = sets.into_iter().map(|set| set.spec.unwrap().replicas).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [Some(0), Some(2)]);
}

#[tokio::test(start_paused = true)]
async fn a_version_that_fails_says_why_leaves_the_old_one_at_work_and_is_given_up() {
    for (fails, state, told) in [
        ("image-pull", "ImagePullBackOff", "Failed to pull image"),
        (
            "crash",
            "CrashLoopBackOff",
            "Back-off restarting failed container scorer in pod scorer-",
        ),
        ("oom", "CrashLoopBackOff", "BackOff"),
        (
            "never-ready",
            "running",
            "Readiness probe failed: HTTP probe failed with statuscode: 503",
        ),
        (
            "unschedulable",
            "Unschedulable",
            "0/2 nodes are available: 2 Insufficient cpu.",
        ),
        (
            "missing-secret",
            "CreateContainerConfigError",
            "secret \"scorer-secrets\" not found",
        ),
        (
            "quota",
            "",
            "exceeded quota: compute, requested: requests.cpu=1,requests.memory=2Gi",
        ),
    ] {
        let fault = format!(
            "[[fault]]\nworkload = 'scorer'\nfails = '{fails}'\nimage = '{:064x}'",
            2
        );
        let api = Api::with(&fault).await;
        api.applied(&scorer(1)).await;
        wait(60).await;
        assert_eq!(api.status().await.0, 2, "{fails}");
        api.applied(&scorer(2)).await;
        wait(60).await;
        let events = api.events().await;
        assert!(events.contains(told), "{told} is not in:\n{events}");
        let states: Vec<String> = api.pods().await.iter().map(said).collect();
        assert_eq!(
            states.iter().filter(|one| *one == "ready").count(),
            2,
            "{fails}: {states:?}"
        );
        let bad: Vec<&String> = states.iter().filter(|one| *one != "ready").collect();
        let expected: &[&str] = if state.is_empty() { &[] } else { &[state] };
        assert_eq!(bad, expected, "{fails}");
        wait(250).await;
        let (ready, _, _, reason) = api.status().await;
        assert_eq!((ready, reason.as_str()), (2, "ProgressDeadlineExceeded"), "{fails}");
        api.applied(&scorer(1)).await;
        wait(40).await;
        assert_eq!(
            api.status().await,
            (2, 2, 2, "NewReplicaSetAvailable".to_owned()),
            "{fails}"
        );
        assert_eq!(api.pods().await.len(), 2, "{fails}");
    }
}

/// How a pod is, in a word.
fn said(pod: &Pod) -> String {
    let status = pod.status.as_ref().unwrap();
    let conditions = status.conditions.clone().unwrap_or_default();
    if conditions
        .iter()
        .any(|one| one.type_ == "Ready" && one.status == "True")
    {
        return "ready".to_owned();
    }
    let Some(container) = status.container_statuses.as_ref().and_then(|all| all.first()) else {
        return conditions.iter().find_map(|one| one.reason.clone()).unwrap_or_default();
    };
    match container.state.clone().unwrap() {
        state if state.waiting.is_some() => state.waiting.unwrap().reason.unwrap(),
        state if state.running.is_some() => "running".to_owned(),
        state => state.terminated.unwrap().reason.unwrap(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_container_that_crashes_has_a_log_an_exit_code_and_restarts() {
    for (fails, code, reason) in [("crash", 1, "Error"), ("oom", 137, "OOMKilled")] {
        let fault = format!("[[fault]]\nworkload = 'scorer'\nfails = '{fails}'\nmessage = 'no model at all'");
        let api = Api::with(&fault).await;
        api.applied(&scorer(1)).await;
        wait(60).await;
        let pods = api.pods().await;
        let status = pods[0].status.clone().unwrap().container_statuses.unwrap()[0].clone();
        assert!(status.restart_count >= 1, "{status:?}");
        let last = status.last_state.unwrap().terminated.unwrap();
        assert_eq!((last.exit_code, last.reason.as_deref()), (code, Some(reason)));
        let log = format!("{PODS}/{}/log?previous=true", pods[0].metadata.name.as_ref().unwrap());
        let (status, log) = api.send("GET", &log, "", "").await;
        let log = String::from_utf8(log.to_vec()).unwrap();
        assert_eq!(
            (status, log.contains("no model at all")),
            (200, fails == "crash"),
            "{log}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_pod_waits_for_what_it_names_and_needs_its_service_account() {
    let api = Api::new().await;
    let mut needy = scorer(1);
    let template = &mut needy["spec"]["template"]["spec"];
    template["serviceAccountName"] = json!("scorer");
    template["volumes"] = json!([{ "name": "secrets", "csi": {
        "driver": "secrets-store.csi.k8s.io", "readOnly": true, "volumeAttributes": { "secretProviderClass": "scorer" },
    }}]);
    api.applied(&needy).await;
    wait(5).await;
    assert!(api.pods().await.is_empty());
    let words = "error looking up service account default/scorer: serviceaccount \"scorer\" not found";
    assert!(api.events().await.contains(words));
    let conditions = api.deployment().await.status.unwrap().conditions.unwrap();
    assert!(
        conditions
            .iter()
            .any(|one| one.type_ == "ReplicaFailure" && one.reason.as_deref() == Some("FailedCreate"))
    );
    let account = json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "scorer", "namespace": "default" } });
    api.applied(&account).await;
    wait(60).await;
    assert_eq!(api.pods().await.len(), 2);
    assert_eq!(api.status().await.0, 0);
    assert!(
        api.events()
            .await
            .contains("FailedMount: MountVolume.SetUp failed for volume \"secrets\"")
    );
    let class = json!({
        "apiVersion": "secrets-store.csi.x-k8s.io/v1", "kind": "SecretProviderClass",
        "metadata": { "name": "scorer", "namespace": "default" }, "spec": { "provider": "aws" },
    });
    let at = "/apis/secrets-store.csi.x-k8s.io/v1/namespaces/default/secretproviderclasses/scorer?fieldManager=mlinfra";
    let (status, _) = api.json("PATCH", at, "application/apply-patch+yaml", &class).await;
    assert_eq!(status, 201);
    wait(180).await;
    assert_eq!(api.status().await.0, 2);
}

#[tokio::test(start_paused = true)]
async fn a_job_completes_with_a_log_or_fails_when_its_retries_are_used_up() {
    let fault = format!(
        "[[fault]]\nworkload = 'nightly'\nfails = 'job-fails'\nimage = '{:064x}'",
        2
    );
    let api = Api::with(&fault).await;
    api.applied(&job("well", 1)).await;
    api.applied(&job("ill", 2)).await;
    let status =
        async |name: &str| -> Job { serde_json::from_value(api.get(&format!("{JOBS}/{name}")).await).unwrap() };
    assert_eq!(status("well").await.status.unwrap().active, Some(2));
    wait(120).await;
    let ended = |job: Job| {
        let status = job.status.unwrap();
        let conditions = status.conditions.unwrap();
        let last = conditions.last().unwrap().clone();
        (
            last.type_,
            last.reason.unwrap(),
            status.succeeded,
            status.failed.is_some(),
        )
    };
    let (kind, reason, succeeded, failed) = ended(status("well").await);
    assert_eq!(
        (kind.as_str(), reason.as_str(), succeeded, failed),
        ("Complete", "CompletionsReached", Some(2), false)
    );
    let (kind, reason, succeeded, failed) = ended(status("ill").await);
    assert_eq!(
        (kind.as_str(), reason.as_str(), succeeded, failed),
        ("Failed", "BackoffLimitExceeded", None, true)
    );
    let of_job: Vec<Pod> = api.list(&format!("{PODS}?labelSelector=job-name%3Dwell")).await;
    assert_eq!(of_job.len(), 2);
    for pod in of_job {
        assert_eq!(pod.status.unwrap().phase.as_deref(), Some("Succeeded"));
        let log = format!("{PODS}/{}/log", pod.metadata.name.unwrap());
        let (_, log) = api.send("GET", &log, "", "").await;
        assert!(String::from_utf8_lossy(&log).contains("batch done"));
    }
    let (status, words) = api.refused(&job("well", 3)).await;
    assert_eq!(status, 422);
    assert!(
        words.starts_with("Job.batch \"well\" is invalid: spec.template: Invalid value: ")
            && words.ends_with(": field is immutable"),
        "{words}"
    );
    let (status, _) = api
        .json(
            "DELETE",
            &format!("{JOBS}/well?propagationPolicy=Background"),
            "",
            &Value::Null,
        )
        .await;
    assert_eq!(status, 200);
    let left: Vec<Pod> = api.list(&format!("{PODS}?labelSelector=job-name%3Dwell")).await;
    assert!(left.is_empty());
    // Without a word about them they stay.
    api.json("DELETE", &format!("{JOBS}/ill"), "", &Value::Null).await;
    let left: Vec<Pod> = api.list(&format!("{PODS}?labelSelector=job-name%3Dill")).await;
    assert_eq!(left.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn deleting_a_deployment_ends_its_pods_after_their_grace() {
    let api = Api::new().await;
    let mut polite = scorer(1);
    polite["spec"]["template"]["spec"]["containers"][0]["lifecycle"] =
        json!({ "preStop": { "sleep": { "seconds": 15 } } });
    api.applied(&polite).await;
    wait(60).await;
    let (status, gone) = api
        .json("DELETE", &format!("{DEPLOYMENTS}/scorer"), "", &Value::Null)
        .await;
    assert_eq!((status, &gone["status"]), (200, &json!("Success")));
    wait(10).await;
    let pods = api.pods().await;
    assert!(pods.len() == 2 && pods.iter().all(|pod| pod.metadata.deletion_timestamp.is_some()));
    wait(10).await;
    assert!(api.pods().await.is_empty());
    let sets: Vec<ReplicaSet> = api.list("/apis/apps/v1/replicasets").await;
    assert!(sets.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_image_that_ecr_does_not_hold_cannot_be_pulled_until_it_does() {
    let api = Api::new().await;
    let ecr = aws_sdk_ecr::Client::new(&config(&api.sandbox));
    ecr.create_repository().repository_name("scorer").send().await.unwrap();
    let manifest = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","layers":[]}"#;
    let digest: String = Sha256::digest(manifest)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let mut pushed = scorer(1);
    let image = format!("111122223333.dkr.ecr.us-east-1.amazonaws.com/scorer@sha256:{digest}");
    pushed["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
    api.applied(&pushed).await;
    wait(60).await;
    let states: Vec<String> = api.pods().await.iter().map(said).collect();
    assert_eq!(states, ["ImagePullBackOff", "ImagePullBackOff"]);
    assert!(
        api.events()
            .await
            .contains(&format!("failed to resolve reference {image:?}: {image}: not found"))
    );
    let put = ecr
        .put_image()
        .repository_name("scorer")
        .image_tag("1")
        .image_manifest(manifest);
    put.send().await.unwrap();
    api.applied(&pushed).await;
    wait(60).await;
    assert_eq!(api.status().await.0, 2);
}
