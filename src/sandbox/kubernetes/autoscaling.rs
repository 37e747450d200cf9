//! The horizontal autoscaler, where there is no load: never fewer than the least, never more than the most.

use serde_json::{Value, json};

use super::apply::{Writer, own};
use super::cluster::Cluster;
use super::kinds::key;
use super::object::{name, namespace, number, set, set_condition, text};

pub(super) fn reconcile(cluster: &mut Cluster) {
    for scaler_key in cluster.keys("horizontalpodautoscalers") {
        let Some(scaler) = cluster.get(&scaler_key).cloned() else {
            continue;
        };
        if text(&scaler, "/spec/scaleTargetRef/kind") != "Deployment" {
            continue;
        }
        let target = text(&scaler, "/spec/scaleTargetRef/name");
        let target = key("deployments", namespace(&scaler), target);
        one(cluster, &scaler_key, &scaler, &target);
    }
}

fn one(cluster: &mut Cluster, scaler_key: &str, scaler: &Value, target: &str) {
    let now = cluster.at;
    let Some(deployment) = cluster.get(target).cloned() else {
        let words = format!(
            "the HPA controller was unable to get the target's current scale: deployments.apps {:?} not found",
            text(scaler, "/spec/scaleTargetRef/name")
        );
        cluster.change(scaler_key, |object| {
            set_condition(object, now, "AbleToScale", false, "FailedGetScale", &words);
        });
        return;
    };
    let least = number(scaler, "/spec/minReplicas").unwrap_or(1);
    let most = number(scaler, "/spec/maxReplicas").unwrap_or(least).max(least);
    let current = number(&deployment, "/spec/replicas").unwrap_or(1);
    let wanted = if current == 0 { 0 } else { current.clamp(least, most) };
    if wanted != current {
        let mut scaled = deployment.clone();
        set(&mut scaled, "/spec/replicas", json!(wanted));
        let generation = number(&scaled, "/metadata/generation").unwrap_or(1);
        set(&mut scaled, "/metadata/generation", json!(generation + 1));
        let writer = Writer {
            manager: "kube-controller-manager",
            part: "scale",
            now,
        };
        own(&deployment, &mut scaled, writer);
        cluster.put(target, scaled);
        let bound = if wanted > current {
            "below spec.minReplicas"
        } else {
            "above spec.maxReplicas"
        };
        let told = format!("New size: {wanted}; reason: Current number of replicas {bound}");
        cluster.event(
            scaler,
            "Normal",
            "SuccessfulRescale",
            &told,
            "horizontal-pod-autoscaler",
        );
    }
    let running = super::deployments::pods(cluster, &deployment);
    cluster.change(scaler_key, |object| {
        set(object, "/status/currentReplicas", json!(running));
        set(object, "/status/desiredReplicas", json!(wanted));
        let words = "recommended size matches current size";
        set_condition(object, now, "AbleToScale", true, "ReadyForNewScale", words);
        let words = format!(
            "the HPA was able to compute the replica count for {}",
            name(&deployment)
        );
        set_condition(object, now, "ScalingActive", true, "ValidMetricFound", &words);
    });
}
