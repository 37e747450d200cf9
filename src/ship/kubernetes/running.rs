//! What runs of a workload, as its cluster says.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::diagnose::{is_ready, restarts, word};
use super::ground::Ground;
use super::job;
use super::kind::collection;
use super::read::{annotation, condition, count, is_leaving, is_owned_by, list, name, number, text};
use super::roll::completions;
use crate::diagnostic::Problem;
use crate::ship::Running;

/// What runs of the workload; none if nothing of it is in the cluster.
pub(super) async fn running(ground: &Ground<'_>) -> Result<Option<Running>, Problem> {
    if let Some(deployment) = all(ground, "apps/v1", "deployments").await?.into_iter().next() {
        let sets = all(ground, "apps/v1", "replicasets").await?;
        let pods = all(ground, "v1", "pods").await?;
        let address = address(ground).await?;
        return Ok(Some(of_deployment(&deployment, &sets, &pods, address)));
    }
    if let Some(schedule) = all(ground, "batch/v1", "cronjobs").await?.into_iter().next() {
        let jobs = all(ground, "batch/v1", "jobs").await?;
        return Ok(Some(of_schedule(&schedule, &jobs)));
    }
    let jobs = all(ground, "batch/v1", "jobs").await?;
    let Some(job) = newest(&jobs) else { return Ok(None) };
    let pods = all(ground, "v1", "pods").await?;
    Ok(Some(of_job(job, &pods)))
}

async fn all(ground: &Ground<'_>, version: &str, plural: &str) -> Result<Vec<Json>, Problem> {
    let selector = ground.selector();
    let path = collection(version, plural, Some(ground.namespace));
    let query = [("labelSelector", selector.as_str())];
    let found = ground.api().list_patiently(&path, &query).await;
    found.map_err(|error| ground.failed(&format!("its {plural}"), &error))
}

/// Where it answers: its host name outside of the cluster, or its Service inside.
async fn address(ground: &Ground<'_>) -> Result<Option<String>, Problem> {
    if let Some(ingress) = all(ground, "networking.k8s.io/v1", "ingresses").await?.first() {
        let rule = list(ingress, "/spec/rules").first();
        let host = rule.map(|rule| text(rule, "/host")).filter(|host| !host.is_empty());
        let balancer = list(ingress, "/status/loadBalancer/ingress")
            .first()
            .map(|one| text(one, "/hostname"));
        let scheme = if list(ingress, "/spec/tls").is_empty() {
            "http"
        } else {
            "https"
        };
        return Ok(host.or(balancer).map(|host| format!("{scheme}://{host}")));
    }
    let services = all(ground, "v1", "services").await?;
    Ok(services.first().map(|service| {
        let port = list(service, "/spec/ports")
            .first()
            .map_or(80, |port| number(port, "/port"));
        let port = if port == 80 { String::new() } else { format!(":{port}") };
        format!("http://{}.{}.svc{port}", name(service), ground.namespace)
    }))
}

fn of_deployment(deployment: &Json, sets: &[Json], pods: &[Json], address: Option<String>) -> Running {
    let wanted = deployment
        .pointer("/spec/replicas")
        .map_or(1, |_| count(deployment, "/spec/replicas"));
    let live: Vec<&Json> = pods
        .iter()
        .filter(|pod| !is_leaving(pod) && !matches!(text(pod, "/status/phase"), "Failed" | "Succeeded"))
        .collect();
    let serving: Vec<&Json> = live.iter().copied().filter(|pod| is_ready(pod)).collect();
    let mut images: Vec<String> = serving.iter().flat_map(|pod| images(pod)).collect();
    if images.is_empty() {
        images = list(deployment, "/spec/template/spec/containers")
            .iter()
            .map(|container| text(container, "/image").to_owned())
            .collect();
    }
    images.sort();
    images.dedup();
    let ready = u32::try_from(serving.len()).unwrap_or(u32::MAX);
    let mut remarks = words(&live);
    if number(deployment, "/status/observedGeneration") < number(deployment, "/metadata/generation")
        || count(deployment, "/status/updatedReplicas") < wanted
    {
        remarks.push("a rollout is under way".to_owned());
    }
    if let Some(("False", reason, _)) = condition(deployment, "Progressing") {
        remarks.push(format!("the rollout has stopped: {reason}"));
    }
    let again: u32 = live.iter().map(|pod| restarts(pod)).sum();
    if again > 0 {
        remarks.push(format!("{again} restarts"));
    }
    let old = count(deployment, "/status/replicas").saturating_sub(count(deployment, "/status/updatedReplicas"));
    let is_current = number(deployment, "/status/observedGeneration") >= number(deployment, "/metadata/generation");
    Running {
        healthy: ready >= wanted && old == 0 && is_current,
        images,
        ready,
        wanted,
        scheduled: false,
        since: since(deployment, sets),
        remarks,
        address,
    }
}

/// Since when the current ReplicaSet is there: it is made with a version, and used again where one is put back.
fn since(deployment: &Json, sets: &[Json]) -> Option<String> {
    const REVISION: &str = "deployment.kubernetes.io/revision";
    let uid = text(deployment, "/metadata/uid");
    let revision = annotation(deployment, REVISION);
    let set = sets
        .iter()
        .find(|set| is_owned_by(set, uid) && annotation(set, REVISION) == revision)
        .unwrap_or(deployment);
    Some(text(set, "/metadata/creationTimestamp").to_owned()).filter(|at| !at.is_empty())
}

/// The images of a pod's containers, each with the digest that the node says.
fn images(pod: &Json) -> Vec<String> {
    list(pod, "/spec/containers")
        .iter()
        .map(|container| {
            let image = text(container, "/image");
            if image.contains('@') {
                return image.to_owned();
            }
            let status = list(pod, "/status/containerStatuses")
                .iter()
                .find(|status| text(status, "/name") == text(container, "/name"));
            let digest = status
                .and_then(|status| text(status, "/imageID").split_once('@'))
                .map(|(_, digest)| digest);
            match digest {
                Some(digest) => format!("{image}@{digest}"),
                None => image.to_owned(),
            }
        })
        .collect()
}

/// `1 pod: CrashLoopBackOff`, for each trouble.
fn words(pods: &[&Json]) -> Vec<String> {
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    for word in pods.iter().filter_map(|pod| word(pod)) {
        *counted.entry(word).or_default() += 1;
    }
    counted
        .into_iter()
        .map(|(word, count)| format!("{count} {}: {word}", if count == 1 { "pod" } else { "pods" }))
        .collect()
}

fn of_schedule(schedule: &Json, jobs: &[Json]) -> Running {
    let mut remarks = vec![format!("runs {}", text(schedule, "/spec/schedule"))];
    if schedule.pointer("/spec/suspend").and_then(Json::as_bool) == Some(true) {
        remarks.push("suspended".to_owned());
    }
    let own: Vec<Json> = jobs
        .iter()
        .filter(|job| is_owned_by(job, text(schedule, "/metadata/uid")))
        .cloned()
        .collect();
    let last = newest(&own);
    if let Some(job) = last {
        remarks.push(format!("the last run, {}, is {}", name(job), job::state(job).word()));
    }
    Running {
        images: list(schedule, "/spec/jobTemplate/spec/template/spec/containers")
            .iter()
            .map(|container| text(container, "/image").to_owned())
            .collect(),
        ready: u32::try_from(list(schedule, "/status/active").len()).unwrap_or_default(),
        wanted: 0,
        healthy: !last.is_some_and(|job| job::state(job).is_failed()),
        scheduled: true,
        since: Some(text(schedule, "/metadata/creationTimestamp").to_owned()).filter(|at| !at.is_empty()),
        remarks,
        address: None,
    }
}

fn of_job(job: &Json, pods: &[Json]) -> Running {
    let state = job::state(job);
    let mut remarks = vec![format!("{} is {}", name(job), state.word())];
    if let job::State::Failed(reason, message) = &state {
        remarks.push(format!("{reason}: {message}"));
    }
    let own: Vec<&Json> = pods
        .iter()
        .filter(|pod| {
            is_owned_by(pod, text(job, "/metadata/uid"))
                && !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed")
        })
        .collect();
    remarks.extend(words(&own));
    Running {
        images: list(job, "/spec/template/spec/containers")
            .iter()
            .map(|container| text(container, "/image").to_owned())
            .collect(),
        ready: count(job, "/status/succeeded"),
        wanted: completions(job),
        healthy: !state.is_failed(),
        scheduled: false,
        since: Some(text(job, "/metadata/creationTimestamp").to_owned()).filter(|at| !at.is_empty()),
        remarks,
        address: None,
    }
}

/// How many nodes there are of each architecture, in OCI's words.
pub(super) async fn architectures(ground: &Ground<'_>) -> Result<BTreeMap<String, usize>, Problem> {
    let nodes = ground.api().list_patiently("/api/v1/nodes", &[]).await;
    let nodes = match nodes {
        Ok(nodes) => nodes,
        // Who may work in a namespace need not see nodes.
        Err(error) if error.status() == Some(403) => Vec::new(),
        Err(error) => return Err(ground.failed("the cluster's nodes", &error)),
    };
    let mut counted = BTreeMap::new();
    for node in &nodes {
        let architecture = text(node, "/status/nodeInfo/architecture");
        if !architecture.is_empty() {
            *counted.entry(architecture.to_owned()).or_default() += 1;
        }
    }
    Ok(counted)
}

fn newest(jobs: &[Json]) -> Option<&Json> {
    jobs.iter().max_by_key(|job| text(job, "/metadata/creationTimestamp"))
}
