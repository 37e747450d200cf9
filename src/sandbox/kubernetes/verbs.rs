//! What can be done with objects: read, list, write, apply, delete.
//!
//! "Kubernetes API Concepts". Objects are defaulted, checked and admitted as the API server does it, in that order.

use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::super::request::Request;
use super::apply::{Writer, apply, is_same, own};
use super::cluster::Cluster;
use super::kinds::Target;
use super::object::{default, is_going, name, namespace, number, set, text, uid, unset};
use super::refusal::Refusal;
use super::select::Selector;
use super::{deployments, logs, pods, shape};

/// An answer that is no refusal.
#[derive(Debug)]
pub(super) enum Answer {
    Json(u16, Value),
    Text(String),
}

type Outcome = Result<Answer, Refusal>;

/// Does what is asked with the objects that are meant.
pub(super) fn answer(cluster: &mut Cluster, target: Target, request: &Request) -> Outcome {
    if request
        .param("watch")
        .is_some_and(|value| matches!(value, "1" | "true"))
    {
        return Err(Refusal::bad_request(
            "the sandbox's API server does not serve watches: list again",
        ));
    }
    match (request.method.as_str(), target.name.is_empty(), target.part.as_str()) {
        ("GET" | "HEAD", true, _) => list(cluster, &target, request),
        ("GET", false, "log") if target.kind.kind == "Pod" => {
            let pod = find(cluster, &target)?;
            logs::read(cluster, &target, &pod, request).map(Answer::Text)
        }
        ("GET", false, "scale") if target.kind.kind == "Deployment" => {
            find(cluster, &target).map(|object| Answer::Json(200, scale(&object)))
        }
        ("GET" | "HEAD", false, "" | "status") => find(cluster, &target).map(|object| Answer::Json(200, object)),
        ("POST", false, "eviction") if target.kind.kind == "Pod" => {
            find(cluster, &target)?;
            pods::end(cluster, &target.key(), None);
            cluster.reconcile();
            Ok(Answer::Json(201, success(None)))
        }
        ("POST", true, "") => create(cluster, target, request),
        ("PUT" | "PATCH", false, "scale") if target.kind.kind == "Deployment" => rescale(cluster, &target, request),
        ("PUT" | "PATCH", false, "status") => set_status(cluster, &target, request),
        ("PUT", false, "") => replace(cluster, target, request),
        ("PATCH", false, "") => patch(cluster, target, request),
        ("DELETE", false, "") => delete(cluster, &target, request),
        ("DELETE", true, "") => delete_all(cluster, &target, request),
        (_, false, "exec" | "attach" | "portforward" | "proxy") => Err(Refusal::bad_request(
            "nothing runs in the sandbox's pods: there is nothing to connect to",
        )),
        (_, _, part) if !part.is_empty() => Err(Refusal::nothing()),
        _ => Err(Refusal::new(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )),
    }
}

fn find(cluster: &Cluster, target: &Target) -> Result<Value, Refusal> {
    let found = cluster.get(&target.key()).cloned();
    let mut object = found.ok_or_else(|| Refusal::not_found(target))?;
    set(&mut object, "/apiVersion", json!(target.api_version()));
    Ok(object)
}

fn list(cluster: &Cluster, target: &Target, request: &Request) -> Outcome {
    let selector = Selector::read(
        request.param("labelSelector").unwrap_or_default(),
        request.param("fieldSelector").unwrap_or_default(),
    )?;
    let mut items: Vec<Value> = cluster
        .list(target.kind, &target.namespace)
        .filter(|object| selector.takes(object))
        .cloned()
        .collect();
    let mut metadata = json!({ "resourceVersion": cluster.revision.to_string() });
    let limit = request.param("limit").and_then(|limit| limit.parse::<usize>().ok());
    if let Some(limit) = limit.filter(|limit| *limit > 0) {
        let begin = request
            .param("continue")
            .and_then(|at| at.parse::<usize>().ok())
            .unwrap_or_default();
        let end = begin.saturating_add(limit);
        let left = items.len().saturating_sub(end);
        items = items.into_iter().skip(begin).take(limit).collect();
        if left > 0 {
            set(&mut metadata, "/continue", json!(end.to_string()));
            set(&mut metadata, "/remainingItemCount", json!(left));
        }
    }
    for item in &mut items {
        // The list says what its items are, unless they are of a type that Kubernetes does not have itself.
        if target.kind.is_built_in() {
            unset(item, "/apiVersion");
            unset(item, "/kind");
        }
    }
    Ok(Answer::Json(
        200,
        json!({
            "kind": format!("{}List", target.kind.kind), "apiVersion": target.api_version(),
            "metadata": metadata, "items": items,
        }),
    ))
}

fn body(request: &Request) -> Result<Value, Refusal> {
    let read: Result<Value, _> = serde_json::from_slice(&request.body);
    let object = read.map_err(|error| Refusal::bad_request(format!("the body of the request is not JSON: {error}")))?;
    if object.is_object() {
        return Ok(object);
    }
    Err(Refusal::bad_request("the body of the request is not an object"))
}

/// Whether the request only asks what would happen.
fn is_dry(request: &Request) -> Result<bool, Refusal> {
    match request.param("dryRun") {
        None | Some("") => Ok(false),
        Some("All") => Ok(true),
        Some(other) => Err(Refusal::new(
            422,
            "Invalid",
            format!("Options is invalid: dryRun: Unsupported value: {other:?}: supported values: \"All\""),
        )),
    }
}

/// Who writes: as they say, or else as their program is called.
fn manager(request: &Request) -> String {
    let agent = || {
        let agent = request.header("user-agent").unwrap_or("unknown");
        agent.split('/').next().unwrap_or_default().to_owned()
    };
    request.param("fieldManager").map_or_else(agent, str::to_owned)
}

fn create(cluster: &mut Cluster, mut target: Target, request: &Request) -> Outcome {
    let mut object = body(request)?;
    let beginning = text(&object, "/metadata/generateName").to_owned();
    if name(&object).is_empty() && !beginning.is_empty() {
        let seed = cluster.fresh();
        set(
            &mut object,
            "/metadata/name",
            json!(format!("{beginning}{}", super::object::word(&seed, 5))),
        );
    }
    shape::identified(&mut target, &mut object)?;
    if cluster.get(&target.key()).is_some() {
        let message = format!("{} {:?} already exists", target.kind.resource(), target.name);
        return Err(Refusal::new(409, "AlreadyExists", message).about(&target));
    }
    shape::canonical(&mut object);
    shape::defaults(&mut object);
    own_parts(&mut object, None);
    let manager = manager(request);
    let writer = Writer {
        manager: &manager,
        part: "",
        now: cluster.at,
    };
    own(&Value::Null, &mut object, writer);
    store(cluster, &target, None, object, is_dry(request)?)
}

fn replace(cluster: &mut Cluster, mut target: Target, request: &Request) -> Outcome {
    let mut object = body(request)?;
    shape::identified(&mut target, &mut object)?;
    let live = find(cluster, &target)?;
    is_latest(&target, &live, &object)?;
    shape::canonical(&mut object);
    write(cluster, &target, live, object, request)
}

/// Refuses what was read before somebody else wrote.
fn is_latest(target: &Target, live: &Value, object: &Value) -> Result<(), Refusal> {
    let known = text(object, "/metadata/resourceVersion");
    if known.is_empty() || known == text(live, "/metadata/resourceVersion") {
        return Ok(());
    }
    let message = format!(
        "Operation cannot be fulfilled on {} {:?}: the object has been modified; please apply your changes to the latest version and try again",
        target.kind.resource(),
        target.name
    );
    Err(Refusal::new(409, "Conflict", message).about(target))
}

/// Any write but an apply.
fn write(cluster: &mut Cluster, target: &Target, live: Value, mut object: Value, request: &Request) -> Outcome {
    shape::defaults(&mut object);
    own_parts(&mut object, Some(&live));
    let manager = manager(request);
    let writer = Writer {
        manager: &manager,
        part: "",
        now: cluster.at,
    };
    own(&live, &mut object, writer);
    store(cluster, target, Some(live), object, is_dry(request)?)
}

/// What is not for who writes the object: its status, and what the server keeps about it.
fn own_parts(object: &mut Value, live: Option<&Value>) {
    for pointer in [
        "/status",
        "/metadata/uid",
        "/metadata/creationTimestamp",
        "/metadata/generation",
        "/metadata/resourceVersion",
        "/metadata/managedFields",
        "/metadata/deletionTimestamp",
        "/metadata/deletionGracePeriodSeconds",
    ] {
        match live.and_then(|live| live.pointer(pointer)).cloned() {
            Some(kept) => set(object, pointer, kept),
            None => unset(object, pointer),
        }
    }
}

fn patch(cluster: &mut Cluster, mut target: Target, request: &Request) -> Outcome {
    let given = request.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let given = given
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned();
    match given.as_str() {
        "application/apply-patch+yaml" | "application/apply-patch+json" => {
            let mut object = body(request)?;
            shape::identified(&mut target, &mut object)?;
            apply_patch(cluster, &target, object, request)
        }
        "application/merge-patch+json" => {
            let live = find(cluster, &target)?;
            let changes = body(request)?;
            is_latest(&target, &live, &changes)?;
            let mut object = live.clone();
            merge_patch(&mut object, &changes);
            shape::canonical(&mut object);
            write(cluster, &target, live, object, request)
        }
        "application/strategic-merge-patch+json" if target.kind.is_built_in() => {
            let live = find(cluster, &target)?;
            let changes = body(request)?;
            is_latest(&target, &live, &changes)?;
            let mut object = live.clone();
            super::fields::merge(&mut object, &changes);
            without_nulls(&mut object, &changes);
            shape::canonical(&mut object);
            write(cluster, &target, live, object, request)
        }
        other => Err(Refusal::new(
            415,
            "UnsupportedMediaType",
            format!(
                "the body of the request was in an unknown format - accepted media types include: application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml (it is {other:?})"
            ),
        )),
    }
}

fn apply_patch(cluster: &mut Cluster, target: &Target, mut object: Value, request: &Request) -> Outcome {
    let manager = request.param("fieldManager").unwrap_or_default();
    if manager.is_empty() {
        let message =
            "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch";
        return Err(Refusal::new(422, "Invalid", message));
    }
    if !super::fields::managed(&object).is_empty() {
        return Err(Refusal::bad_request("metadata.managedFields must be nil"));
    }
    shape::canonical(&mut object);
    shape::typed(target, &object)?;
    let live = find(cluster, target).ok();
    if let Some(live) = &live {
        is_latest(target, live, &object)?;
    }
    let force = request.param("force") == Some("true");
    let writer = Writer {
        manager,
        part: "",
        now: cluster.at,
    };
    let skeleton = json!({
        "apiVersion": target.api_version(), "kind": target.kind.kind, "metadata": object_identity(&object),
    });
    let mut merged = apply(live.as_ref().unwrap_or(&skeleton), &object, writer, force)?;
    let managed = merged.pointer("/metadata/managedFields").cloned().unwrap_or_default();
    own_parts(&mut merged, live.as_ref());
    set(&mut merged, "/metadata/managedFields", managed);
    shape::defaults(&mut merged);
    store(cluster, target, live, merged, is_dry(request)?)
}

fn object_identity(object: &Value) -> Value {
    let mut identity = json!({ "name": name(object) });
    if !namespace(object).is_empty() {
        set(&mut identity, "/namespace", json!(namespace(object)));
    }
    identity
}

/// RFC 7386.
fn merge_patch(object: &mut Value, changes: &Value) {
    let Value::Object(wanted) = changes else {
        *object = changes.clone();
        return;
    };
    if !object.is_object() {
        *object = json!({});
    }
    let Value::Object(entries) = object else { return };
    for (key, value) in wanted {
        if value.is_null() {
            entries.shift_remove(key);
        } else {
            merge_patch(entries.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Takes away what a strategic merge patch says is null.
fn without_nulls(object: &mut Value, changes: &Value) {
    let (Value::Object(entries), Value::Object(wanted)) = (object, changes) else {
        return;
    };
    for (key, value) in wanted {
        if value.is_null() {
            entries.shift_remove(key);
        } else if let Some(inside) = entries.get_mut(key) {
            without_nulls(inside, value);
        }
    }
}

/// Checks an object, and keeps it unless it is only asked for.
fn store(cluster: &mut Cluster, target: &Target, live: Option<Value>, mut object: Value, dry: bool) -> Outcome {
    if live.is_none() {
        shape::typed(target, &object)?;
        has_room(cluster, target)?;
    }
    let wrong = shape::wrong(target, &object, live.as_ref());
    if !wrong.is_empty() {
        return Err(Refusal::invalid(target, &wrong));
    }
    admitted(cluster, target, &object)?;
    let key = target.key();
    let Some(live) = live else {
        if dry {
            return Ok(Answer::Json(201, cluster.newborn(object)));
        }
        let made = cluster.create(&key, object);
        cluster.reconcile();
        return Ok(Answer::Json(201, cluster.get(&key).cloned().unwrap_or(made)));
    };
    if is_same(&live, &object) {
        return Ok(Answer::Json(200, live));
    }
    let generation = number(&live, "/metadata/generation");
    if let Some(generation) = generation.filter(|_| live.get("spec") != object.get("spec")) {
        set(&mut object, "/metadata/generation", json!(generation + 1));
    }
    if dry {
        return Ok(Answer::Json(200, object));
    }
    cluster.put(&key, object.clone());
    cluster.reconcile();
    Ok(Answer::Json(200, cluster.get(&key).cloned().unwrap_or(object)))
}

/// Whether the namespace takes something new.
fn has_room(cluster: &Cluster, target: &Target) -> Result<(), Refusal> {
    if !target.kind.namespaced {
        return Ok(());
    }
    let own = &target.namespace;
    let Some(found) = cluster.get(&format!("namespaces||{own}")) else {
        return Err(Refusal::no_namespace(own));
    };
    if !is_going(found) {
        return Ok(());
    }
    let why = format!("unable to create new content in namespace {own} because it is being terminated");
    let cause = json!({
        "reason": "NamespaceTerminating", "field": "metadata.namespace",
        "message": format!("namespace {own} is being terminated"),
    });
    Err(Refusal::forbidden(target, &why).causes(vec![cause]))
}

/// Whether admission webhooks take an object: a fault may say that they do not.
fn admitted(cluster: &Cluster, target: &Target, object: &Value) -> Result<(), Refusal> {
    let template = match target.kind.kind {
        "Deployment" | "Job" | "ReplicaSet" => object.pointer("/spec/template"),
        "CronJob" => object.pointer("/spec/jobTemplate/spec/template"),
        "Pod" => Some(object),
        _ => None,
    };
    let Some(template) = template else { return Ok(()) };
    let image = deployments::images(template);
    let mut names = pods::workload_names(template);
    names.push(name(object).to_owned());
    let faults = names
        .iter()
        .filter_map(|workload| cluster.facts.workload("eks", workload, &image));
    let Some(fault) = faults.into_iter().find(|fault| fault.fails == "admission") else {
        return Ok(());
    };
    let why = fault.message.as_deref().unwrap_or("images have to be signed");
    let message = format!("admission webhook \"policies.sandbox.internal\" denied the request: {why}");
    Err(Refusal::new(403, "Forbidden", message))
}

fn success(of: Option<(&Target, &Value)>) -> Value {
    let mut status = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success" });
    if let Some((target, object)) = of {
        let details = json!({
            "name": target.name, "group": target.kind.group, "kind": target.kind.plural, "uid": uid(object),
        });
        set(&mut status, "/details", details);
    }
    status
}

/// Options of a deletion, from the address or the body.
struct Deletion {
    policy: String,
    grace: Option<i64>,
    dry: bool,
    uid: String,
}

impl Deletion {
    fn read(request: &Request) -> Result<Self, Refusal> {
        let given: Value = if request.body.is_empty() {
            json!({})
        } else {
            body(request)?
        };
        let policy = request
            .param("propagationPolicy")
            .unwrap_or(text(&given, "/propagationPolicy"));
        let grace = request
            .param("gracePeriodSeconds")
            .and_then(|seconds| seconds.parse().ok());
        let asked = super::object::list(&given, "/dryRun").contains(&json!("All"));
        Ok(Self {
            policy: policy.to_owned(),
            grace: grace.or_else(|| number(&given, "/gracePeriodSeconds")),
            dry: asked || is_dry(request)?,
            uid: text(&given, "/preconditions/uid").to_owned(),
        })
    }
}

fn delete(cluster: &mut Cluster, target: &Target, request: &Request) -> Outcome {
    let deletion = Deletion::read(request)?;
    let live = find(cluster, target)?;
    if !deletion.uid.is_empty() && deletion.uid != uid(&live) {
        let message = format!(
            "Operation cannot be fulfilled on {} {:?}: the UID in the precondition ({}) does not match the UID in record ({}). The object might have been deleted and then recreated",
            target.kind.resource(),
            target.name,
            deletion.uid,
            uid(&live)
        );
        return Err(Refusal::new(409, "Conflict", message).about(target));
    }
    if target.kind.kind == "Namespace" && matches!(target.name.as_str(), "default" | "kube-system" | "kube-public") {
        return Err(Refusal::forbidden(target, "this namespace may not be deleted"));
    }
    if deletion.dry {
        return Ok(Answer::Json(200, live));
    }
    remove(cluster, target, &live, &deletion);
    cluster.reconcile();
    Ok(Answer::Json(
        200,
        cluster
            .get(&target.key())
            .cloned()
            .unwrap_or_else(|| success(Some((target, &live)))),
    ))
}

fn remove(cluster: &mut Cluster, target: &Target, live: &Value, deletion: &Deletion) {
    let key = target.key();
    match target.kind.kind {
        "Namespace" => cluster.end_namespace(&key),
        "Pod" => pods::end(cluster, &key, deletion.grace),
        kind => {
            // Deleted without a word about them, a Job leaves its pods: "for back compatibility" (strategy of batch/v1).
            let leaves = deletion.policy == "Orphan" || deletion.policy.is_empty() && kind == "Job";
            if leaves {
                cluster.orphan(uid(live));
            }
            cluster.delete(&key);
        }
    }
}

fn delete_all(cluster: &mut Cluster, target: &Target, request: &Request) -> Outcome {
    let deletion = Deletion::read(request)?;
    let selector = Selector::read(
        request.param("labelSelector").unwrap_or_default(),
        request.param("fieldSelector").unwrap_or_default(),
    )?;
    let meant: Vec<Value> = cluster
        .list(target.kind, &target.namespace)
        .filter(|object| selector.takes(object))
        .cloned()
        .collect();
    for object in meant.iter().filter(|_| !deletion.dry) {
        let one = Target {
            namespace: namespace(object).to_owned(),
            name: name(object).to_owned(),
            ..target.clone()
        };
        remove(cluster, &one, object, &deletion);
    }
    cluster.reconcile();
    Ok(Answer::Json(200, success(None)))
}

/// The scale of a Deployment.
fn scale(object: &Value) -> Value {
    let replicas = number(object, "/spec/replicas").unwrap_or(1);
    let running = number(object, "/status/replicas").unwrap_or_default();
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": name(object), "namespace": namespace(object), "uid": uid(object),
            "resourceVersion": text(object, "/metadata/resourceVersion"),
        },
        "spec": { "replicas": replicas }, "status": { "replicas": running },
    })
}

fn rescale(cluster: &mut Cluster, target: &Target, request: &Request) -> Outcome {
    let wanted = body(request)?;
    let live = find(cluster, target)?;
    let mut object = live.clone();
    if let Some(replicas) = number(&wanted, "/spec/replicas") {
        set(&mut object, "/spec/replicas", json!(replicas));
    }
    let manager = manager(request);
    let writer = Writer {
        manager: &manager,
        part: "scale",
        now: cluster.at,
    };
    own(&live, &mut object, writer);
    match store(cluster, target, Some(live), object, is_dry(request)?)? {
        Answer::Json(status, object) => Ok(Answer::Json(status, scale(&object))),
        text @ Answer::Text(_) => Ok(text),
    }
}

fn set_status(cluster: &mut Cluster, target: &Target, request: &Request) -> Outcome {
    let given = body(request)?;
    let mut object = find(cluster, target)?;
    default(&mut object, "/status", json!({}));
    if let (Some(status), Some(wanted)) = (object.get_mut("status"), given.get("status")) {
        if request.method == "PUT" {
            *status = wanted.clone();
        } else {
            merge_patch(status, wanted);
        }
    }
    if !is_dry(request)? {
        object = cluster.put(&target.key(), object);
        cluster.reconcile();
    }
    Ok(Answer::Json(200, object))
}
