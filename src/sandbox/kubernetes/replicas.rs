//! The controller of ReplicaSets: as many pods as there should be.

use serde_json::{Value, json};

use super::cluster::{Cluster, What};
use super::kinds::key;
use super::object::{
    condition, entries, is_going, is_owned, list, name, namespace, number, owner, set, set_condition, text, uid, unset,
    unset_condition, word,
};
use super::pods;

pub(super) fn reconcile(cluster: &mut Cluster) {
    for key in cluster.keys("replicasets") {
        let Some(set) = cluster.get(&key).cloned() else {
            continue;
        };
        one(cluster, &key, &set);
    }
}

/// Pods of a controller that are not on their way out and have not ended.
pub(super) fn living(cluster: &Cluster, controller: &Value) -> Vec<(String, Value)> {
    let mut pods = cluster.within("pods", namespace(controller));
    pods.retain(|(_, pod)| {
        let ended = matches!(text(pod, "/status/phase"), "Succeeded" | "Failed");
        is_owned(pod, uid(controller)) && !is_going(pod) && !ended
    });
    pods
}

/// Whether a pod answers.
pub(super) fn is_ready(pod: &Value) -> bool {
    condition(pod, "Ready").is_some_and(|condition| text(condition, "/status") == "True")
}

fn one(cluster: &mut Cluster, key: &str, replica_set: &Value) {
    let wanted = number(replica_set, "/spec/replicas").unwrap_or(1).max(0);
    let wanted = usize::try_from(wanted).unwrap_or_default();
    let mut pods = living(cluster, replica_set);
    let mut failure = None;
    if pods.len() < wanted {
        for _ in pods.len()..wanted {
            if let Err(why) = make(cluster, replica_set, &json!({}), "") {
                failure = Some(why);
                break;
            }
        }
    } else if pods.len() > wanted {
        // Those that do not answer go first, then the youngest.
        pods.sort_by_key(|(_, pod)| {
            (
                is_ready(pod),
                std::cmp::Reverse(text(pod, "/metadata/creationTimestamp").to_owned()),
            )
        });
        let surplus = pods.len() - wanted;
        for (pod_key, pod) in pods.iter().take(surplus) {
            pods::end(cluster, pod_key, None);
            let told = format!("Deleted pod: {}", name(pod));
            cluster.event(
                replica_set,
                "Normal",
                "SuccessfulDelete",
                &told,
                "replicaset-controller",
            );
        }
    }
    let pods = living(cluster, replica_set);
    let ready = pods.iter().filter(|(_, pod)| is_ready(pod)).count();
    let now = cluster.at;
    let enough = pods.len() >= wanted;
    cluster.change(key, |object| {
        let generation = object.pointer("/metadata/generation").cloned().unwrap_or_default();
        set(object, "/status/replicas", json!(pods.len()));
        set(object, "/status/fullyLabeledReplicas", json!(pods.len()));
        set(object, "/status/readyReplicas", json!(ready));
        set(object, "/status/availableReplicas", json!(ready));
        set(object, "/status/observedGeneration", generation);
        match failure {
            Some(Some(why)) => set_condition(object, now, "ReplicaFailure", true, "FailedCreate", &why),
            _ if enough => unset_condition(object, "ReplicaFailure"),
            _ => {}
        }
    });
}

/// Makes a pod of a controller's template; `more` is merged into it.
///
/// # Errors
/// Why there is none; nothing while the controller waits before it tries again.
pub(super) fn make(
    cluster: &mut Cluster,
    controller: &Value,
    more: &Value,
    infix: &str,
) -> Result<String, Option<String>> {
    let (next, tries) = cluster.retries.get(uid(controller)).copied().unwrap_or_default();
    if cluster.at < next {
        return Err(None);
    }
    let seed = cluster.fresh();
    let own = format!("{}{infix}-{}", name(controller), word(&seed, 5));
    let mut pod = json!({ "apiVersion": "v1", "kind": "Pod" });
    let template = controller.pointer("/spec/template").cloned().unwrap_or_default();
    set(
        &mut pod,
        "/metadata",
        template.get("metadata").cloned().unwrap_or_else(|| json!({})),
    );
    unset(&mut pod, "/metadata/creationTimestamp");
    set(&mut pod, "/spec", template.get("spec").cloned().unwrap_or_default());
    super::fields::merge(&mut pod, more);
    set(&mut pod, "/metadata/name", json!(own));
    set(
        &mut pod,
        "/metadata/generateName",
        json!(format!("{}{infix}-", name(controller))),
    );
    set(&mut pod, "/metadata/namespace", json!(namespace(controller)));
    set(&mut pod, "/metadata/ownerReferences", owner(controller));
    let component = match text(controller, "/kind") {
        "Job" => "job-controller",
        _ => "replicaset-controller",
    };
    if let Some(why) = refused(cluster, &pod) {
        let wait = (5_000_i64 << tries.min(6)).min(300_000);
        cluster
            .retries
            .insert(uid(controller).to_owned(), (cluster.at + wait, tries + 1));
        cluster.due(wait, What::Look);
        let told = format!("Error creating: {why}");
        cluster.event(controller, "Warning", "FailedCreate", &told, component);
        return Err(Some(why));
    }
    cluster.retries.remove(uid(controller));
    let key = key("pods", namespace(controller), &own);
    cluster.create(&key, pod);
    cluster.event(
        controller,
        "Normal",
        "SuccessfulCreate",
        &format!("Created pod: {own}"),
        component,
    );
    Ok(own)
}

/// Why the API server does not take a controller's pod.
fn refused(cluster: &Cluster, pod: &Value) -> Option<String> {
    let account = match text(pod, "/spec/serviceAccountName") {
        "" => "default",
        account => account,
    };
    let (own, space) = (name(pod), namespace(pod));
    let beginning = text(pod, "/metadata/generateName");
    if cluster.get(&key("serviceaccounts", space, account)).is_none() {
        return Some(format!(
            "pods {beginning:?} is forbidden: error looking up service account {space}/{account}: serviceaccount {account:?} not found"
        ));
    }
    let fault = pods::fault(cluster, pod).filter(|fault| fault.fails == "quota")?;
    let requested: Vec<String> = list(pod, "/spec/containers")
        .iter()
        .flat_map(|container| entries(container, "/resources/requests"))
        .map(|(resource, amount)| format!("requests.{resource}={}", amount.as_str().unwrap_or_default()))
        .collect();
    let requested = match requested.as_slice() {
        [] => "pods=1".to_owned(),
        several => several.join(","),
    };
    Some(fault.message.unwrap_or_else(|| {
        format!(
            "pods {own:?} is forbidden: exceeded quota: compute, requested: {requested}, used: {requested}, limited: {requested}"
        )
    }))
}
