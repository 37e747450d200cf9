//! The API servers of clusters, asked as a client asks them: over HTTP, with a token of EKS.

mod applying;
mod rollouts;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use k8s_openapi::List;
use k8s_openapi::api::apps::v1::Deployment;
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
    format!("ghcr.io/acme/scorer@sha256:{version:064x}")
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

#[tokio::test(start_paused = true)]
async fn what_is_in_a_cluster_is_there_again_and_goes_on_in_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::real;
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
    wait(600).await;
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
