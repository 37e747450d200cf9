//! Rollouts against a small API server in memory, by tokio's paused clock: what is seen, said, and put back.

mod diagnosing;
mod fake;
mod forwarding;
mod jobs;
mod opening;
mod rolling;
mod simulated;

use serde_json::{Value as Json, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_util::sync::CancellationToken;

use super::cluster::Cluster;
use super::ground::Ground;
use super::objects::Apply;
use super::{reviewed, roll};
use crate::diagnostic::Problem;
use crate::ship::{Event, ImageAt, ObjectChange, Release, Rolled, Tell};
use crate::spec::workload::Platform;
use fake::FakeApi;

pub(super) const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/default/deployments/scorer";
pub(super) const SCALER: &str = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers/scorer";
pub(super) const BUDGET: &str = "/apis/policy/v1/namespaces/default/poddisruptionbudgets/scorer";

/// A cluster, and somebody who ships to it.
pub(super) struct Stage {
    pub(super) api: FakeApi,
    pub(super) stop: CancellationToken,
    cluster: Cluster,
    tell: Tell,
    told: UnboundedReceiver<Event>,
}

impl Stage {
    pub(super) fn new() -> Self {
        let api = FakeApi::new();
        let (listener, told) = unbounded_channel();
        Self {
            cluster: api.cluster(),
            api,
            stop: CancellationToken::new(),
            tell: Tell::to(listener),
            told,
        }
    }

    pub(super) fn ground(&self) -> Ground<'_> {
        Ground {
            cluster: &self.cluster,
            project: "shop",
            environment: "dev",
            workload: "scorer",
            namespace: "default",
            tell: &self.tell,
            stop: &self.stop,
        }
    }

    pub(super) async fn roll_out(&self, release: &Release, serving: Option<&Release>) -> Rolled {
        roll::roll_out(&self.ground(), release, serving, Apply::default()).await
    }

    pub(super) async fn review(
        &self,
        release: &Release,
        serving: Option<&Release>,
    ) -> Result<Vec<ObjectChange>, Problem> {
        reviewed(&self.ground(), release, serving, Apply::default()).await
    }

    /// What was told since this was last asked.
    pub(super) fn told(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.told.try_recv().ok()).collect()
    }

    /// Image and replicas of the Deployment.
    pub(super) fn serves(&self) -> (String, u64) {
        let deployment = self.api.object(DEPLOYMENT).unwrap();
        let image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
            .as_str()
            .unwrap();
        (image.to_owned(), deployment["spec"]["replicas"].as_u64().unwrap())
    }
}

pub(super) fn labels() -> Json {
    json!({ "app": "scorer", "app.kubernetes.io/managed-by": "mlinfra", "mlinfra/project": "shop", "mlinfra/environment": "dev", "mlinfra/workload": "scorer" })
}

pub(super) fn image(version: u32) -> String {
    format!("111122223333.dkr.ecr.us-east-1.amazonaws.com/scorer@sha256:{version:064x}")
}

/// A release of these objects.
pub(super) fn release(version: u32, objects: Vec<Json>) -> Release {
    let reference = image(version);
    Release {
        version: 1,
        workload: "scorer".to_owned(),
        platform: Platform::Eks,
        stack: "cluster".to_owned(),
        image: ImageAt {
            digest: reference.split_once('@').unwrap().1.to_owned(),
            reference,
            tag: Some(format!("v{version}")),
            bytes: 1,
            architecture: "amd64".to_owned(),
        },
        model: None,
        commit: None,
        objects,
    }
}

fn metadata(name: &str) -> Json {
    json!({ "name": name, "namespace": "default", "labels": labels() })
}

pub(super) fn deployment(version: u32, replicas: Option<u32>) -> Json {
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata("scorer"),
        "spec": {
            "progressDeadlineSeconds": 120,
            "selector": { "matchLabels": { "app": "scorer" } },
            "template": { "metadata": { "labels": labels() }, "spec": { "serviceAccountName": "scorer", "containers": [{ "name": "scorer", "image": image(version) }] } },
        },
    });
    object["metadata"]["annotations"] = json!({ "note": "ours" });
    if let Some(replicas) = replicas {
        object["spec"]["replicas"] = json!(replicas);
    }
    object
}

/// An API with two replicas, a Service, a disruption budget.
pub(super) fn api(version: u32) -> Release {
    release(
        version,
        vec![account(), service(), deployment(version, Some(2)), budget()],
    )
}

/// The same, scaled.
pub(super) fn scaled(version: u32) -> Release {
    let scaler = json!({ "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata("scorer"), "spec": { "maxReplicas": 10 } });
    release(
        version,
        vec![account(), service(), deployment(version, None), scaler, budget()],
    )
}

pub(super) fn account() -> Json {
    json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "scorer", "namespace": "default", "labels": { "app.kubernetes.io/managed-by": "mlinfra" } } })
}

fn service() -> Json {
    json!({ "apiVersion": "v1", "kind": "Service", "metadata": metadata("scorer"), "spec": { "selector": { "app": "scorer" } } })
}

fn budget() -> Json {
    json!({ "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata("scorer"), "spec": { "maxUnavailable": 1 } })
}

pub(super) fn job(version: u32) -> Release {
    let object = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": metadata(&format!("scorer-{version}")),
        "spec": { "completions": 1, "parallelism": 1, "template": { "metadata": { "labels": labels() }, "spec": { "restartPolicy": "Never", "containers": [{ "name": "scorer", "image": image(version) }] } } },
    });
    release(version, vec![account(), object])
}

/// All that a problem says.
pub(super) fn said(problem: &Problem) -> String {
    let lines = std::iter::once(&problem.message)
        .chain(&problem.notes)
        .chain(&problem.hints);
    lines.map(|line| format!("{line}\n")).collect()
}
