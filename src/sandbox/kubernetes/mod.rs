//! The API servers of the sandbox's clusters: objects, who owns which of their fields, and what the controllers, the
//! scheduler and the kubelets make of them.
//!
//! Nothing runs: a pod is what its timetable says that it is by now. [`verbs`] does what requests ask, with [`apply`] and
//! [`fields`] for server-side apply and [`shape`] for what objects have to look like; [`cluster`] keeps the objects and what
//! is due, and `deployments`, `replicas`, `jobs`, `autoscaling` and `pods` are what happens. Which cluster is meant
//! is for [`front`], which knows what EKS has.

mod apply;
mod autoscaling;
mod cluster;
mod deployments;
mod fields;
mod front;
mod jobs;
mod kinds;
mod logs;
mod object;
mod pods;
mod refusal;
mod replicas;
mod select;
mod shape;
mod token;
mod verbs;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use winterbaume_core::MockResponse;

pub(super) use front::{answer, forget};

use self::cluster::Cluster;
use self::kinds::Asked;
use self::refusal::Refusal;
use self::verbs::Answer;
use super::inventory::Item;
use super::request::Request;
use super::service::{Context, Service};

/// The service: clusters by the host of their endpoint.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Kubernetes {
    clusters: BTreeMap<String, Cluster>,
    /// Whether more has happened than a request that only looks would make one think.
    #[serde(skip)]
    moved: bool,
}

impl Service for Kubernetes {
    fn handle(&mut self, request: &Request, context: &Context) -> MockResponse {
        let Some(meant) = front::Meant::read(request) else {
            // Only the sandbox itself asks without saying which cluster: one is gone.
            self.moved |= self.clusters.remove(&request.host).is_some();
            return respond(Ok(Answer::Json(200, json!({}))));
        };
        let begin = || Cluster::begin(&request.host, &context.region, context.now);
        let cluster = self.clusters.entry(request.host.clone()).or_insert_with(begin);
        let before = (cluster.revision, cluster.waiting());
        cluster.name = meant.name;
        cluster.version = meant.version;
        cluster.absent.retain(|image| !meant.there.contains(image));
        cluster.absent.extend(meant.absent);
        cluster.facts = context.facts.clone();
        cluster.advance(context.now);
        let outcome = serve(cluster, request);
        self.moved |= before != (cluster.revision, cluster.waiting());
        respond(outcome)
    }

    fn export(&mut self, _: &Context) -> Result<Vec<u8>, String> {
        serde_json::to_vec(self).map_err(|error| error.to_string())
    }

    fn import(&mut self, state: &[u8], _: &Context) -> Result<(), String> {
        *self = serde_json::from_slice(state).map_err(|error| error.to_string())?;
        Ok(())
    }

    fn inventory(&mut self, context: &Context) -> Vec<Item> {
        const LISTED: [&str; 7] = [
            "Deployment",
            "Job",
            "CronJob",
            "Service",
            "Ingress",
            "StatefulSet",
            "DaemonSet",
        ];
        let mut items = Vec::new();
        for cluster in self.clusters.values_mut() {
            cluster.facts = context.facts.clone();
            cluster.advance(context.now);
            for (_, object) in cluster.all() {
                let kind = object::text(object, "/kind");
                if LISTED.contains(&kind) {
                    let id = format!(
                        "{}/{}/{}",
                        cluster.name,
                        object::namespace(object),
                        object::name(object)
                    );
                    items.push(Item::new("kubernetes", kind.to_lowercase(), id));
                }
            }
        }
        items
    }

    fn has_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }
}

fn serve(cluster: &mut Cluster, request: &Request) -> Result<Answer, Refusal> {
    match kinds::asked(&request.path) {
        // These are told to anybody: the role `system:public-info-viewer`.
        Asked::Version => Ok(Answer::Json(200, version(cluster))),
        Asked::Health => Ok(Answer::Text("ok".to_owned())),
        _ if token::refusal(request).is_some() => Err(Refusal::new(401, "Unauthorized", "Unauthorized")),
        Asked::Objects(target) => verbs::answer(cluster, target, request),
        Asked::Discovery(of) => kinds::discovery(of.as_ref(), &request.path)
            .map(|found| Answer::Json(200, found))
            .ok_or_else(Refusal::nothing),
        Asked::Review(review) => reviewed(&review, request),
        Asked::Nothing => Err(Refusal::nothing()),
    }
}

fn version(cluster: &Cluster) -> Value {
    let (major, minor) = cluster.version.split_once('.').unwrap_or(("1", "34"));
    json!({
        "major": major, "minor": minor, "gitVersion": format!("v{major}.{minor}.2-eks-3cfe0ce"),
        "gitCommit": "", "gitTreeState": "clean", "buildDate": "2026-01-01T00:00:00Z",
        "goVersion": "go1.24.6", "compiler": "gc", "platform": "linux/amd64",
    })
}

/// Everybody who is let in may do everything.
fn reviewed(review: &str, request: &Request) -> Result<Answer, Refusal> {
    let mut asked: Value = serde_json::from_slice(&request.body).unwrap_or_else(|_| json!({}));
    let status = match review {
        "selfsubjectaccessreviews" | "subjectaccessreviews" => json!({ "allowed": true }),
        "selfsubjectreviews" => json!({
            "userInfo": { "username": "sandbox", "groups": ["system:masters", "system:authenticated"] },
        }),
        _ => return Err(Refusal::nothing()),
    };
    object::set(&mut asked, "/status", status);
    Ok(Answer::Json(201, asked))
}

fn respond(outcome: Result<Answer, Refusal>) -> MockResponse {
    let (status, kind, body) = match outcome {
        Ok(Answer::Json(status, body)) => (status, "application/json", Bytes::from(body.to_string())),
        Ok(Answer::Text(text)) => (200, "text/plain", Bytes::from(text)),
        Err(refusal) => (
            refusal.status,
            "application/json",
            Bytes::from(refusal.body().to_string()),
        ),
    };
    let mut headers = HeaderMap::new();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(kind));
    MockResponse { status, headers, body }
}
