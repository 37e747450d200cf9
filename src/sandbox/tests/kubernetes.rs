//! The API servers of clusters, asked as a client asks them: over HTTP, with a token of EKS.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use k8s_openapi::List;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Event, Pod};
use serde_json::{Value, json};
use winterbaume_core::MockRequest;

use super::super::{Sandbox, parse_faults};
use super::{config, open};
use crate::clock::Clock;

const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
const PODS: &str = "/api/v1/namespaces/default/pods";
const JOBS: &str = "/apis/batch/v1/namespaces/default/jobs";

/// A cluster, and a client of it.
struct Api {
    sandbox: Arc<Sandbox>,
    host: String,
    token: String,
}

impl Api {
    async fn new() -> Self {
        Self::with("").await
    }

    /// With faults, as TOML.
    async fn with(faults: &str) -> Self {
        let sandbox = open(None, Clock::real(), parse_faults(faults).unwrap()).await;
        let eks = aws_sdk_eks::Client::new(&config(&sandbox));
        let network = aws_sdk_eks::types::VpcConfigRequest::builder().build();
        let create = eks.create_cluster().name("shop").version("1.34");
        let create = create.role_arn("arn:aws:iam::111122223333:role/cluster");
        create.resources_vpc_config(network).send().await.unwrap();
        Self::of(sandbox).await
    }

    /// The cluster that is there already.
    async fn of(sandbox: Arc<Sandbox>) -> Self {
        let eks = aws_sdk_eks::Client::new(&config(&sandbox));
        let described = eks.describe_cluster().name("shop").send().await.unwrap();
        let endpoint = described.cluster().unwrap().endpoint().unwrap().to_owned();
        Self {
            sandbox,
            host: endpoint.strip_prefix("https://").unwrap().to_owned(),
            token: token("sts.us-east-1.amazonaws.com", "host%3Bx-k8s-aws-id", "60"),
        }
    }

    async fn send(&self, method: &str, path: &str, kind: &str, body: &str) -> (u16, Bytes) {
        let mut headers = http::HeaderMap::new();
        headers.insert("content-type", kind.parse().unwrap());
        headers.insert("user-agent", "kubectl/v1.34.1 (linux/amd64)".parse().unwrap());
        headers.insert("authorization", format!("Bearer {}", self.token).parse().unwrap());
        let answer = self
            .sandbox
            .handle(MockRequest {
                method: method.to_owned(),
                uri: format!("https://{}{path}", self.host),
                headers,
                body: Bytes::copy_from_slice(body.as_bytes()),
            })
            .await;
        (answer.status, answer.body)
    }

    async fn json(&self, method: &str, path: &str, kind: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let (status, answer) = self.send(method, path, kind, &body).await;
        (status, serde_json::from_slice(&answer).unwrap())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.json("GET", path, "application/json", &Value::Null).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    async fn missing(&self, path: &str) -> Value {
        let (status, answer) = self.json("GET", path, "application/json", &Value::Null).await;
        assert_eq!(status, 404, "{path}: {answer}");
        answer
    }

    /// Server-side apply; `more` is added to the address.
    async fn apply(&self, object: &Value, more: &str) -> (u16, Value) {
        let path = format!("{}?fieldManager=mlinfra{more}", path(object));
        self.json("PATCH", &path, "application/apply-patch+yaml", object).await
    }

    async fn applied(&self, object: &Value) -> Value {
        let (status, answer) = self.apply(object, "").await;
        assert!(status < 300, "{status} {answer}");
        answer
    }

    async fn refused(&self, object: &Value) -> (u16, String) {
        let (status, answer) = self.apply(object, "").await;
        assert_eq!(answer["kind"], "Status", "{answer}");
        (status, answer["message"].as_str().unwrap().to_owned())
    }

    async fn list<T: serde::de::DeserializeOwned + k8s_openapi::ListableResource>(&self, path: &str) -> Vec<T> {
        let list: List<T> = serde_json::from_value(self.get(path).await).unwrap();
        list.items
    }

    async fn deployment(&self) -> Deployment {
        serde_json::from_value(self.get(&format!("{DEPLOYMENTS}/scorer")).await).unwrap()
    }

    async fn pods(&self) -> Vec<Pod> {
        self.list(PODS).await
    }

    /// Reasons and messages of the events about pods, Deployments and ReplicaSets.
    async fn events(&self) -> String {
        let events: Vec<Event> = self.list("/api/v1/namespaces/default/events").await;
        let told = events
            .into_iter()
            .map(|event| format!("{}: {}", event.reason.unwrap(), event.message.unwrap()));
        told.collect::<Vec<_>>().join("\n")
    }

    /// Ready, updated and all replicas, and the condition of progress.
    async fn status(&self) -> (i32, i32, i32, String) {
        let status = self.deployment().await.status.unwrap();
        let conditions = status.conditions.unwrap_or_default();
        let progressing = conditions.iter().find(|one| one.type_ == "Progressing");
        (
            status.ready_replicas.unwrap_or_default(),
            status.updated_replicas.unwrap_or_default(),
            status.replicas.unwrap_or_default(),
            progressing.and_then(|one| one.reason.clone()).unwrap_or_default(),
        )
    }
}

fn path(object: &Value) -> String {
    let version = object["apiVersion"].as_str().unwrap();
    let base = if version.contains('/') { "apis" } else { "api" };
    let plural = match object["kind"].as_str().unwrap() {
        "Ingress" => "ingresses".to_owned(),
        kind => format!("{}s", kind.to_lowercase()),
    };
    let space = match object["metadata"]["namespace"].as_str() {
        Some(space) => format!("namespaces/{space}/"),
        None => String::new(),
    };
    format!(
        "/{base}/{version}/{space}{plural}/{}",
        object["metadata"]["name"].as_str().unwrap()
    )
}

fn token(host: &str, signed: &str, expires: &str) -> String {
    let address = format!(
        "https://{host}/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F20261126%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date=20261126T000000Z&X-Amz-Expires={expires}&X-Amz-SignedHeaders={signed}&X-Amz-Signature=00"
    );
    format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(address))
}

fn image(version: u32) -> String {
    format!("111122223333.dkr.ecr.us-east-1.amazonaws.com/scorer@sha256:{version:064x}")
}

fn scorer(version: u32) -> Value {
    let labels = json!({ "app.kubernetes.io/name": "scorer", "app.kubernetes.io/managed-by": "mlinfra" });
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": "scorer", "namespace": "default", "labels": labels },
        "spec": {
            "replicas": 2, "progressDeadlineSeconds": 300,
            "selector": { "matchLabels": { "app.kubernetes.io/name": "scorer" } },
            "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": 0, "maxSurge": "25%" } },
            "template": {
                "metadata": { "labels": labels },
                "spec": { "containers": [{
                    "name": "scorer", "image": image(version),
                    "env": [{ "name": "A", "value": "1" }, { "name": "B", "value": "2" }],
                    "ports": [{ "name": "http", "containerPort": 8080 }],
                    "resources": { "requests": { "cpu": 1, "memory": "2Gi" }, "limits": { "memory": "2Gi" } },
                    "readinessProbe": { "httpGet": { "path": "/ping", "port": "http" }, "periodSeconds": 5 },
                }]},
            },
        },
    })
}

fn job(name: &str, version: u32) -> Value {
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": name, "namespace": "default" },
        "spec": {
            "completionMode": "Indexed", "completions": 2, "parallelism": 2, "backoffLimit": 1,
            "template": {
                "metadata": { "labels": { "app.kubernetes.io/name": "nightly" } },
                "spec": { "restartPolicy": "Never", "containers": [{ "name": "nightly", "image": image(version) }] },
            },
        },
    })
}

async fn wait(seconds: u64) {
    Clock::real().sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn a_cluster_answers_at_its_endpoint_to_those_with_a_token_of_eks() {
    let api = Api::new().await;
    let eks = aws_sdk_eks::Client::new(&config(&api.sandbox));
    let described = eks.describe_cluster().name("shop").send().await.unwrap();
    let cluster = described.cluster().unwrap();
    let (id, rest) = api.host.split_once('.').unwrap();
    assert_eq!((id.len(), rest), (32, "gr7.us-east-1.eks.amazonaws.com"));
    let certificates = STANDARD.decode(cluster.certificate_authority().unwrap().data().unwrap());
    assert!(certificates.unwrap().starts_with(b"-----BEGIN CERTIFICATE-----\n"));
    let version = api.get("/version").await;
    assert_eq!((&version["major"], &version["minor"]), (&json!("1"), &json!("34")));

    for wrong in [
        String::new(),
        "k8s-aws-v1.not base64".to_owned(),
        token("sts.us-east-1.amazonaws.com", "host", "60"),
        token("sts.us-east-1.amazonaws.com", "host%3Bx-k8s-aws-id", "3600"),
        token("example.com", "host%3Bx-k8s-aws-id", "60"),
    ] {
        let host = api.host.clone();
        let stranger = Api {
            sandbox: Arc::clone(&api.sandbox),
            host,
            token: wrong,
        };
        let (status, answer) = stranger.json("GET", PODS, "application/json", &Value::Null).await;
        assert_eq!(
            (status, &answer["reason"]),
            (401, &json!("Unauthorized")),
            "{}",
            stranger.token
        );
        stranger.get("/version").await;
    }
    let nobody = Api {
        sandbox: Arc::clone(&api.sandbox),
        host: "0123.gr7.us-east-1.eks.amazonaws.com".to_owned(),
        token: api.token.clone(),
    };
    let (status, _) = nobody.json("GET", "/version", "application/json", &Value::Null).await;
    assert_eq!(status, 503);
}

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
async fn applying_the_same_changes_nothing_and_a_dry_run_neither() {
    let api = Api::new().await;
    api.applied(&scorer(1)).await;
    wait(60).await;
    let before = api.get(&format!("{DEPLOYMENTS}/scorer")).await;
    assert_eq!(api.apply(&scorer(1), "").await, (200, before.clone()));
    let (status, would_be) = api.apply(&scorer(2), "&dryRun=All").await;
    assert_eq!((status, &would_be["metadata"]["generation"]), (200, &json!(2)));
    assert_eq!(would_be["spec"]["template"]["spec"]["containers"][0]["image"], image(2));
    let mut other = scorer(1);
    other["metadata"]["name"] = json!("other");
    assert_eq!(api.apply(&other, "&dryRun=All").await.0, 201);
    api.missing(&format!("{DEPLOYMENTS}/other")).await;
    assert_eq!(api.get(&format!("{DEPLOYMENTS}/scorer")).await, before);
    // What is filled in is nobody's, and amounts are written in one way.
    assert_eq!(before["spec"]["template"]["spec"]["restartPolicy"], "Always");
    assert_eq!(
        before["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"],
        "1"
    );
    let owned = before["metadata"]["managedFields"].to_string();
    assert!(
        owned.contains(r#"k:{\"name\":\"scorer\"}"#) && !owned.contains("restartPolicy"),
        "{owned}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_field_of_somebody_else_is_a_conflict_unless_it_is_forced_or_the_same() {
    let api = Api::new().await;
    api.applied(&scorer(1)).await;
    let merge = "application/merge-patch+json";
    let scorer_path = format!("{DEPLOYMENTS}/scorer");
    let wanted = json!({ "spec": { "replicas": 3 } });
    let (status, changed) = api.json("PATCH", &scorer_path, merge, &wanted).await;
    assert_eq!((status, &changed["metadata"]["generation"]), (200, &json!(2)));
    let (status, words) = api.refused(&scorer(1)).await;
    let expected = "Apply failed with 1 conflict: conflict with \"kubectl\" using apps/v1: .spec.replicas";
    assert_eq!((status, words.as_str()), (409, expected));

    let wanted = json!({ "metadata": { "labels": { "app.kubernetes.io/managed-by": "hand" } } });
    api.json("PATCH", &scorer_path, merge, &wanted).await;
    let (_, words) = api.refused(&scorer(1)).await;
    let expected = "Apply failed with 2 conflicts: conflicts with \"kubectl\" using apps/v1:\n- .metadata.labels.app.kubernetes.io/managed-by\n- .spec.replicas";
    assert_eq!(words, expected);

    let mut same = scorer(1);
    same["spec"]["replicas"] = json!(3);
    same["metadata"]["labels"]["app.kubernetes.io/managed-by"] = json!("hand");
    api.applied(&same).await;
    let (status, forced) = api.apply(&scorer(1), "&force=true").await;
    assert_eq!((status, &forced["spec"]["replicas"]), (200, &json!(2)));
    api.applied(&scorer(1)).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_no_longer_applied_goes_and_what_others_added_stays() {
    let api = Api::new().await;
    api.applied(&scorer(1)).await;
    let added = json!({ "metadata": { "annotations": { "note": "mine" } } });
    let path = format!("{DEPLOYMENTS}/scorer");
    api.json("PATCH", &path, "application/merge-patch+json", &added).await;
    let mut less = scorer(1);
    less["spec"]["template"]["spec"]["containers"][0]["env"] = json!([{ "name": "B", "value": "3" }]);
    less["metadata"]["labels"]
        .as_object_mut()
        .unwrap()
        .remove("app.kubernetes.io/managed-by");
    let applied = api.applied(&less).await;
    assert_eq!(
        applied["spec"]["template"]["spec"]["containers"][0]["env"],
        json!([{ "name": "B", "value": "3" }])
    );
    assert_eq!(
        applied["metadata"]["labels"],
        json!({ "app.kubernetes.io/name": "scorer" })
    );
    assert_eq!(applied["metadata"]["annotations"]["note"], "mine");
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
        wait(90).await;
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
        wait(220).await;
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
}

#[tokio::test(start_paused = true)]
async fn a_namespace_has_to_be_there_and_takes_nothing_while_it_ends() {
    let api = Api::new().await;
    let mut elsewhere = scorer(1);
    elsewhere["metadata"]["namespace"] = json!("shop");
    assert_eq!(
        api.refused(&elsewhere).await,
        (404, "namespaces \"shop\" not found".to_owned())
    );
    let space = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop" } });
    api.applied(&space).await;
    api.applied(&elsewhere).await;
    wait(60).await;
    let (status, ending) = api.json("DELETE", "/api/v1/namespaces/shop", "", &Value::Null).await;
    assert_eq!((status, &ending["status"]["phase"]), (200, &json!("Terminating")));
    elsewhere["metadata"]["name"] = json!("late");
    let (status, words) = api.refused(&elsewhere).await;
    let expected = "deployments.apps \"late\" is forbidden: unable to create new content in namespace shop because it is being terminated";
    assert_eq!((status, words.as_str()), (403, expected));
    wait(10).await;
    api.missing("/api/v1/namespaces/shop").await;
    let pods: Vec<Pod> = api.list("/api/v1/pods").await;
    assert!(pods.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_no_api_server_takes_is_refused_in_its_words() {
    let api = Api::new().await;
    api.applied(&scorer(1)).await;
    let changed = |pointer: &str, value: Value| {
        let mut object = scorer(1);
        *object.pointer_mut(pointer).unwrap() = value;
        object
    };
    let other = json!({ "matchLabels": { "app": "other" } });
    for (object, status, words) in [
        (
            changed("/spec/selector", other),
            422,
            "spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"other\"}}: field is immutable",
        ),
        (
            changed("/spec/template/metadata/labels", json!({ "a": "b" })),
            422,
            "`selector` does not match template `labels`",
        ),
        (
            changed("/metadata/name", json!("Scorer")),
            422,
            "a lowercase RFC 1123 subdomain must consist of",
        ),
        (
            changed("/spec/template/spec/containers", json!([])),
            422,
            "spec.template.spec.containers: Required value",
        ),
        (
            changed("/spec/strategy", json!({ "typ": "x" })),
            500,
            ".spec.strategy.typ: field not declared in schema",
        ),
        (
            changed("/spec/replicas", json!("two")),
            500,
            "failed to create typed patch object (default/scorer; apps/v1, Kind=Deployment): ",
        ),
    ] {
        let (was, said) = api.refused(&object).await;
        assert!(was == status && said.contains(words), "{was} {said}");
    }
    let unknown = api
        .missing("/apis/keda.sh/v1alpha1/namespaces/default/scaledobjects")
        .await;
    assert_eq!(unknown["message"], "the server could not find the requested resource");
    let gone = api.missing(&format!("{DEPLOYMENTS}/nothing")).await;
    assert_eq!(gone["message"], "deployments.apps \"nothing\" not found");
    let nobody = format!("{DEPLOYMENTS}/scorer");
    let (status, _) = api
        .json("PATCH", &nobody, "application/apply-patch+yaml", &scorer(1))
        .await;
    assert_eq!(status, 422, "an apply has a field manager");
    let (status, _) = api.json("POST", DEPLOYMENTS, "application/json", &scorer(1)).await;
    assert_eq!(status, 409);
}

#[tokio::test(start_paused = true)]
async fn an_admission_webhook_refuses_when_a_fault_says_so_in_a_dry_run_too() {
    let api = Api::with("[[fault]]\nworkload = 'scorer'\nfails = 'admission'\nmessage = 'no signature'").await;
    for more in ["", "&dryRun=All"] {
        let (status, answer) = api.apply(&scorer(1), more).await;
        assert_eq!(status, 403);
        let words = "admission webhook \"policies.sandbox.internal\" denied the request: no signature";
        assert_eq!(answer["message"], words);
    }
}

#[tokio::test(start_paused = true)]
async fn an_autoscaler_keeps_the_least_and_owns_the_number() {
    let api = Api::new().await;
    let mut scaled = scorer(1);
    scaled["spec"].as_object_mut().unwrap().remove("replicas");
    api.applied(&scaled).await;
    let autoscaler = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": { "name": "scorer", "namespace": "default" },
        "spec": {
            "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "scorer" },
            "minReplicas": 3, "maxReplicas": 5,
            "metrics": [{ "type": "Resource", "resource": { "name": "cpu", "target": { "type": "Utilization", "averageUtilization": 70 } } }],
        },
    });
    api.applied(&autoscaler).await;
    wait(90).await;
    assert_eq!(api.status().await.0, 3);
    let before = api.deployment().await;
    api.applied(&scaled).await;
    assert_eq!(api.deployment().await, before);
    let (status, words) = api.refused(&scorer(1)).await;
    let expected = "Apply failed with 1 conflict: conflict with \"kube-controller-manager\" with subresource \"scale\" using apps/v1: .spec.replicas";
    assert_eq!((status, words.as_str()), (409, expected));
}

#[tokio::test(start_paused = true)]
async fn services_have_addresses_and_ingresses_get_a_load_balancer() {
    let api = Api::new().await;
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "scorer", "namespace": "default" },
        "spec": { "selector": { "app.kubernetes.io/name": "scorer" }, "ports": [{ "name": "http", "port": 80, "targetPort": "http", "protocol": "TCP" }] },
    });
    let made = api.applied(&service).await;
    assert!(
        made["spec"]["clusterIP"].as_str().unwrap().starts_with("172.20."),
        "{made}"
    );
    assert_eq!(api.applied(&service).await, made);
    let ingress = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": { "name": "scorer", "namespace": "default" },
        "spec": { "rules": [{ "host": "a.example", "http": { "paths": [{ "path": "/", "pathType": "Prefix", "backend": { "service": { "name": "scorer", "port": { "name": "http" } } } }] } }] },
    });
    let made = api.applied(&ingress).await;
    assert!(made["status"]["loadBalancer"]["ingress"].is_null());
    wait(100).await;
    let later = api.applied(&ingress).await;
    let host = later["status"]["loadBalancer"]["ingress"][0]["hostname"]
        .as_str()
        .unwrap();
    assert!(host.ends_with(".us-east-1.elb.amazonaws.com"), "{host}");
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
async fn faults_of_the_service_are_met_by_method_and_path() {
    let faults = "[[fault]]\nservice = 'kubernetes'\naction = 'PATCH /apis/apps/*'\nthrottle = 1";
    let api = Api::with(faults).await;
    assert_eq!(api.apply(&scorer(1), "").await.0, 429);
    api.applied(&scorer(1)).await;
}

#[tokio::test(start_paused = true)]
async fn an_api_server_can_be_outside_of_the_sandbox() {
    let fault = "[[fault]]\ncluster = 'sh*'\nendpoint = 'https://127.0.0.1:6443'\ncertificate_authority = 'Q0E='";
    let api = Api::with(fault).await;
    assert_eq!(api.host, "127.0.0.1:6443");
    let eks = aws_sdk_eks::Client::new(&config(&api.sandbox));
    let described = eks.describe_cluster().name("shop").send().await.unwrap();
    let authority = described
        .cluster()
        .unwrap()
        .certificate_authority()
        .unwrap()
        .data()
        .map(str::to_owned);
    assert_eq!(authority.as_deref(), Some("Q0E="));
}

#[tokio::test]
async fn what_is_in_a_cluster_is_there_again_and_goes_on_in_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    // A second is an hour.
    let clock = || Clock::scaled(3600.0);
    let sandbox = open(Some(folder.path()), clock(), Vec::new()).await;
    let eks = aws_sdk_eks::Client::new(&config(&sandbox));
    let network = aws_sdk_eks::types::VpcConfigRequest::builder().build();
    let create = eks
        .create_cluster()
        .name("shop")
        .role_arn("arn:aws:iam::111122223333:role/cluster");
    create.resources_vpc_config(network).send().await.unwrap();
    let api = Api::of(sandbox).await;
    let made = api.applied(&scorer(1)).await;
    drop(api);
    let api = Api::of(open(Some(folder.path()), clock(), Vec::new()).await).await;
    Clock::scaled(3600.0).sleep(Duration::from_secs(600)).await;
    let found = api.deployment().await;
    assert_eq!(found.metadata.uid.as_deref(), made["metadata"]["uid"].as_str());
    assert_eq!(api.status().await.0, 2);
    // Who only looked has told the others what has happened.
    let other = Api::of(open(Some(folder.path()), clock(), Vec::new()).await).await;
    assert_eq!(other.pods().await, api.pods().await);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_is_deleted_leaves_nothing() {
    let trial = super::Trial::new().await;
    let template = r#"Resources:
  Cluster:
    Type: AWS::EKS::Cluster
    Properties: {Name: shop, RoleArn: "arn:aws:iam::111122223333:role/c", ResourcesVpcConfig: {SubnetIds: [subnet-1, subnet-2]}}
Outputs: {Endpoint: {Value: !GetAtt Cluster.Endpoint}}"#;
    trial.make("cluster", template).await;
    let api = Api::of(Arc::clone(&trial.sandbox)).await;
    assert_eq!(
        trial.output("cluster", "Endpoint").await,
        format!("https://{}", api.host)
    );
    api.applied(&scorer(1)).await;
    let listed = trial.existing("kubernetes");
    assert_eq!(listed, [("deployment".to_owned(), "shop/default/scorer".to_owned())]);
    trial.destroy("cluster").await;
    assert_eq!(trial.sandbox.inventory().unwrap(), []);
    let (status, _) = api.json("GET", "/version", "", &Value::Null).await;
    assert_eq!(status, 503);
}
