//! A small API server behind the client's seam, with controllers and nodes that do as they are told: server-side apply with
//! owners of fields, Deployments, Jobs, events and logs. In memory, by tokio's paused clock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::{Value as Json, json};

use super::super::api::Api;
use super::super::cluster::Cluster;
use crate::clock::Clock;

/// What becomes of pods with an image.
#[derive(Debug, Clone)]
pub(crate) enum Fate {
    /// They cannot pull it, in these words.
    NotPulled(&'static str),
    /// They end with this code, after these lines.
    Crashes(i64, &'static str),
    /// They run, and never become ready.
    NeverReady,
    /// No node takes them, in these words.
    Unscheduled(&'static str),
    /// They cannot be made, in these words.
    Refused(&'static str),
}

/// What goes wrong with calls: those whose `METHOD path` begins so, for so many times.
struct Refusal {
    begins: String,
    left: usize,
    answer: Option<(u16, Json)>,
}

pub(crate) struct World {
    pub(crate) objects: BTreeMap<String, Json>,
    applied: BTreeMap<(String, String), Json>,
    fates: Vec<(String, Fate)>,
    foreign: Vec<(String, String, String)>,
    refusals: Vec<Refusal>,
    /// Every call, without parameters.
    pub(crate) calls: Vec<String>,
    born: BTreeMap<String, Duration>,
    version: u64,
    clock: Clock,
}

/// The server. Cheap to clone.
#[derive(Clone)]
pub(crate) struct FakeApi(pub(crate) Arc<Mutex<World>>);

impl FakeApi {
    pub(crate) fn new() -> Self {
        let mut objects = BTreeMap::new();
        let default = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "default" }, "status": { "phase": "Active" } });
        objects.insert("/api/v1/namespaces/default".to_owned(), default);
        Self(Arc::new(Mutex::new(World {
            objects,
            applied: BTreeMap::new(),
            fates: Vec::new(),
            foreign: Vec::new(),
            refusals: Vec::new(),
            calls: Vec::new(),
            born: BTreeMap::new(),
            version: 1,
            clock: Clock::real(),
        })))
    }

    /// A cluster behind it.
    pub(crate) fn cluster(&self) -> Cluster {
        let world = self.clone();
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let world = world.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect().await?.to_bytes();
                let path_query = parts.uri.to_string();
                world.0.lock().unwrap().serve(parts.method.as_str(), &path_query, &body)
            }
        });
        Cluster {
            name: "shop-dev-cluster".to_owned(),
            api: Api::new(kube::Client::new(service, "default"), Clock::real()),
            is_simulated: false,
        }
    }

    pub(crate) fn fate(&self, image: &str, fate: Fate) {
        self.0.lock().unwrap().fates.push((image.to_owned(), fate));
    }

    pub(crate) fn heal(&self) {
        let mut world = self.0.lock().unwrap();
        world.fates.clear();
        world.refusals.clear();
    }

    /// Lets `manager` own the field at `pointer` of the object at `path`, with `value`.
    pub(crate) fn edit(&self, manager: &str, path: &str, pointer: &str, value: Json) {
        let mut world = self.0.lock().unwrap();
        let object = world.objects.get_mut(path).unwrap();
        *object.pointer_mut(pointer).unwrap() = value;
        let generation = object["metadata"]["generation"].as_i64().unwrap_or_default();
        object["metadata"]["generation"] = json!(generation + 1);
        world
            .foreign
            .push((path.to_owned(), pointer.to_owned(), manager.to_owned()));
    }

    /// Lets calls that begin so break (`None`), or be answered with a status.
    pub(crate) fn refuse(&self, begins: &str, times: usize, answer: Option<(u16, Json)>) {
        self.0.lock().unwrap().refusals.push(Refusal {
            begins: begins.to_owned(),
            left: times,
            answer,
        });
    }

    pub(crate) fn object(&self, path: &str) -> Option<Json> {
        self.0.lock().unwrap().objects.get(path).cloned()
    }

    /// Paths and versions of all that somebody applied.
    pub(crate) fn versions(&self) -> BTreeMap<String, Json> {
        let world = self.0.lock().unwrap();
        let made = |path: &&String| world.applied.keys().any(|(applied, _)| applied == *path);
        let kept = world.objects.keys().filter(made);
        kept.map(|path| (path.clone(), world.objects[path]["metadata"]["resourceVersion"].clone()))
            .collect()
    }

    pub(crate) fn forget_calls(&self) {
        self.0.lock().unwrap().calls.clear();
    }

    /// How many calls changed something, or would have.
    pub(crate) fn count(&self, begins: &str) -> usize {
        let world = self.0.lock().unwrap();
        world.calls.iter().filter(|call| call.starts_with(begins)).count()
    }
}

type Answer = Result<Response<Full<bytes::Bytes>>, Box<dyn std::error::Error + Send + Sync>>;

impl World {
    fn serve(&mut self, method: &str, uri: &str, body: &[u8]) -> Answer {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let query: BTreeMap<String, String> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), decoded(value)))
            .collect();
        let dry = query.contains_key("dryRun");
        self.calls
            .push(format!("{method}{} {path}", if dry { " dry" } else { "" }));
        let call = format!("{method} {path}");
        if let Some(refusal) = self
            .refusals
            .iter_mut()
            .find(|one| one.left > 0 && call.starts_with(&one.begins))
        {
            refusal.left -= 1;
            return match refusal.answer.clone() {
                Some((status, body)) => answer(status, body.to_string()),
                None => Err("connection reset by peer".into()),
            };
        }
        self.control();
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let rest = if parts[0] == "api" { &parts[2..] } else { &parts[3..] };
        match (method, rest) {
            ("GET", ["namespaces", _, "pods", pod, "log"]) => {
                let of = self
                    .objects
                    .values()
                    .find(|object| object["metadata"]["name"] == json!(pod))
                    .cloned();
                let said = of.map(|pod| pod["log"].as_str().unwrap_or("ready\n").to_owned());
                answer(200, said.unwrap_or_default())
            }
            ("GET", ["namespaces", _]) | ("GET", ["namespaces", _, _, _]) => self.get(path),
            ("GET", _) => self.list(path, &query),
            ("PATCH", _) => self.apply(path, &query, body, dry),
            ("DELETE", _) => self.delete(path),
            other => panic!("{other:?}"),
        }
    }

    fn get(&self, path: &str) -> Answer {
        match self.objects.get(path) {
            Some(object) => answer(200, object.to_string()),
            None => missing("the object"),
        }
    }

    fn list(&self, path: &str, query: &BTreeMap<String, String>) -> Answer {
        let labels = query.get("labelSelector").cloned().unwrap_or_default();
        let of = query
            .get("fieldSelector")
            .and_then(|field| field.strip_prefix("involvedObject.name="))
            .map(str::to_owned);
        let fits = |object: &Json| {
            labels.split(',').filter(|pair| !pair.is_empty()).all(|pair| {
                let (key, value) = pair.split_once('=').unwrap();
                object["metadata"]["labels"][key] == json!(value)
            }) && of
                .as_ref()
                .is_none_or(|of| object["involvedObject"]["name"] == json!(of))
        };
        let below = format!("{path}/");
        let items: Vec<&Json> = self
            .objects
            .iter()
            .filter(|(at, object)| at.strip_prefix(&below).is_some_and(|rest| !rest.contains('/')) && fits(object))
            .map(|(_, object)| object)
            .collect();
        answer(200, json!({ "items": items, "metadata": {} }).to_string())
    }

    fn apply(&mut self, path: &str, query: &BTreeMap<String, String>, body: &[u8], dry: bool) -> Answer {
        let new: Json = serde_json::from_slice(body).unwrap();
        let manager = query["fieldManager"].clone();
        let force = query["force"] == "true";
        if let Some((home, _)) = path.strip_prefix("/").and_then(|_| in_namespace(path)) {
            match self.objects.get(&format!("/api/v1/namespaces/{home}")) {
                None => return missing(&format!("namespaces \"{home}\"")),
                Some(namespace) if namespace["status"]["phase"] == "Terminating" => {
                    let message = format!(
                        "x is forbidden: unable to create new content in namespace {home} because it is being terminated"
                    );
                    return status(
                        403,
                        "Forbidden",
                        &message,
                        json!([{ "reason": "NamespaceTerminating" }]),
                    );
                }
                Some(_) => {}
            }
        }
        let before = self.objects.get(path).cloned();
        let key = (path.to_owned(), manager.clone());
        let previous = self.applied.get(&key).cloned().unwrap_or_default();
        if let Some(before) = &before {
            let immutable = ["/spec/selector/matchLabels", "/spec/completions"];
            if let Some(field) = immutable.iter().find(|field| {
                before.pointer(field).is_some()
                    && new.pointer(field).is_some()
                    && before.pointer(field) != new.pointer(field)
            }) {
                let field = field.trim_start_matches('/').replace('/', ".");
                let message = format!("Deployment.apps \"x\" is invalid: {field}: Invalid value: field is immutable");
                return status(
                    422,
                    "Invalid",
                    &message,
                    json!([{ "reason": "FieldValueInvalid", "message": "Invalid value: field is immutable", "field": field }]),
                );
            }
            let conflicts: Vec<Json> = self
                .foreign
                .iter()
                .filter(|(at, pointer, owner)| at == path && *owner != manager && new.pointer(pointer).is_some() && new.pointer(pointer) != before.pointer(pointer))
                .map(|(_, pointer, owner)| json!({ "reason": "FieldManagerConflict", "message": format!("conflict with \"{owner}\" using apps/v1"), "field": pointer.replace('/', ".") }))
                .collect();
            if !conflicts.is_empty() && !force {
                return status(409, "Conflict", "Apply failed with 1 conflict", Json::Array(conflicts));
            }
        }
        let mut object = before.clone().unwrap_or_else(|| json!({ "metadata": {} }));
        let others: Vec<&Json> = self
            .applied
            .iter()
            .filter(|((at, who), _)| at == path && *who != manager)
            .map(|(_, given)| given)
            .collect();
        drop_given_up(&mut object, &previous, &new, &others);
        merge(&mut object, &new);
        if new["kind"] == "Deployment" && object["spec"].get("replicas").is_none() {
            object["spec"]["replicas"] = json!(1);
        }
        let mut managers: Vec<(String, Json)> = self
            .applied
            .iter()
            .filter(|((at, who), _)| at == path && *who != manager)
            .map(|((_, who), given)| (who.clone(), given.clone()))
            .collect();
        managers.push((manager, new.clone()));
        managers.sort_by(|one, other| one.0.cmp(&other.0));
        object["metadata"]["managedFields"] = managers
            .iter()
            .map(|(who, given)| json!({ "manager": who, "operation": "Apply", "fieldsV1": fields(given) }))
            .collect();
        if before.as_ref() != Some(&object) {
            self.version += 1;
            object["metadata"]["resourceVersion"] = json!(self.version.to_string());
            if before.as_ref().is_none_or(|before| before["spec"] != object["spec"]) {
                let generation = object["metadata"]["generation"].as_i64().unwrap_or_default();
                object["metadata"]["generation"] = json!(generation + 1);
            }
            if before.is_none() {
                object["metadata"]["uid"] = json!(format!("uid-{}", self.version));
                object["metadata"]["creationTimestamp"] = json!("2026-11-01T10:00:00Z");
            }
        }
        if !dry {
            if force {
                self.foreign
                    .retain(|(at, pointer, _)| at != path || new.pointer(pointer).is_none());
            }
            self.applied.insert(key, new);
            self.objects.insert(path.to_owned(), object.clone());
        }
        answer(200, object.to_string())
    }

    fn delete(&mut self, path: &str) -> Answer {
        let Some(gone) = self.objects.remove(path) else {
            return missing("the object");
        };
        self.applied.retain(|(at, _), _| at != path);
        self.born.remove(path);
        let uid = gone["metadata"]["uid"].clone();
        let mut owners = vec![uid];
        while let Some(uid) = owners.pop().filter(|uid| !uid.is_null()) {
            let owned: Vec<String> = self
                .objects
                .iter()
                .filter(|(_, object)| object["metadata"]["ownerReferences"][0]["uid"] == uid)
                .map(|(at, _)| at.clone())
                .collect();
            for at in owned {
                owners.extend(self.objects.remove(&at).map(|object| object["metadata"]["uid"].clone()));
            }
        }
        answer(200, json!({ "kind": "Status", "status": "Success" }).to_string())
    }

    /// What controllers and nodes have done until now.
    fn control(&mut self) {
        let made: Vec<(String, Json)> = self.objects.clone().into_iter().collect();
        for (path, object) in made {
            match object["kind"].as_str() {
                Some("Namespace") if object["status"].is_null() => {
                    self.objects.get_mut(&path).unwrap()["status"] = json!({ "phase": "Active" })
                }
                Some("Deployment") => self.deployment(&path, object),
                Some("Job") => self.job(&path, object),
                _ => {}
            }
        }
    }

    fn fate(&self, image: &str) -> Option<Fate> {
        self.fates
            .iter()
            .find(|(of, _)| image.contains(of))
            .map(|(_, fate)| fate.clone())
    }

    fn age(&mut self, path: &str) -> Duration {
        let now = self.clock.elapsed();
        now.saturating_sub(*self.born.entry(path.to_owned()).or_insert(now))
    }

    fn deployment(&mut self, path: &str, mut object: Json) {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let (namespace, name) = in_namespace(path).unwrap();
        let mut hasher = DefaultHasher::new();
        object["spec"]["template"].to_string().hash(&mut hasher);
        let hash = format!("{:08x}", hasher.finish() as u32);
        let set_path = format!("/apis/apps/v1/namespaces/{namespace}/replicasets/{name}-{hash}");
        let uid = object["metadata"]["uid"].clone();
        let sets: Vec<String> = self
            .objects
            .iter()
            .filter(|(at, set)| at.contains("/replicasets/") && set["metadata"]["ownerReferences"][0]["uid"] == uid)
            .map(|(at, _)| at.clone())
            .collect();
        let newest = sets
            .iter()
            .filter_map(|at| {
                self.objects[at]["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
                    .as_str()?
                    .parse::<u64>()
                    .ok()
            })
            .max()
            .unwrap_or_default();
        let known = self.objects.get(&set_path).and_then(|set| {
            set["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
                .as_str()?
                .parse::<u64>()
                .ok()
        });
        let revision = known.filter(|known| *known == newest).unwrap_or(newest + 1);
        let labels = {
            let mut labels = object["spec"]["template"]["metadata"]["labels"].clone();
            labels["pod-template-hash"] = json!(hash);
            labels
        };
        if known != Some(revision) {
            self.born.remove(&set_path);
        }
        self.objects.insert(
            set_path.clone(),
            json!({ "metadata": { "name": format!("{name}-{hash}"), "uid": format!("set-{hash}"), "labels": labels, "ownerReferences": [{ "uid": uid }],
                "annotations": { "deployment.kubernetes.io/revision": revision.to_string() } } }),
        );
        let since = self.age(&set_path);
        let wanted = object["spec"]["replicas"].as_u64().unwrap_or(1);
        let image = object["spec"]["template"]["spec"]["containers"][0]["image"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let fate = self.fate(&image);
        let mut ready = 0;
        let mut updated = 0;
        for number in 0..wanted {
            if matches!(fate, Some(Fate::Refused(_))) {
                break;
            }
            let pod = format!("{name}-{hash}-{number}");
            let at = format!("/api/v1/namespaces/{namespace}/pods/{pod}");
            let state = self.pod(
                &pod,
                &at,
                namespace,
                &labels,
                &format!("set-{hash}"),
                &object["spec"]["template"]["spec"],
                fate.as_ref(),
                false,
            );
            ready += u64::from(state);
            updated += 1;
        }
        // Old pods go once the new ones are ready, and surplus ones at once.
        let pods: Vec<String> = self
            .objects
            .iter()
            .filter(|(at, pod)| {
                at.contains("/pods/")
                    && pod["metadata"]["labels"]["app"] == labels["app"]
                    && at.contains(&format!("/{name}-"))
            })
            .map(|(at, _)| at.clone())
            .collect();
        let mut old = 0;
        for at in pods {
            let number: u64 = at.rsplit('-').next().unwrap().parse().unwrap_or_default();
            let is_new = self.objects[&at]["metadata"]["labels"]["pod-template-hash"] == json!(hash);
            if is_new && number >= wanted || !is_new && ready >= wanted {
                self.objects.remove(&at);
                self.born.remove(&at);
            } else if !is_new {
                old += 1;
            }
        }
        let deadline = object["spec"]["progressDeadlineSeconds"].as_u64().unwrap_or(600);
        let late = ready < wanted && since >= Duration::from_secs(deadline);
        let mut conditions = vec![if late {
            json!({ "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": format!("ReplicaSet \"{name}-{hash}\" has timed out progressing.") })
        } else {
            json!({ "type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated" })
        }];
        if let Some(Fate::Refused(words)) = fate {
            conditions.push(
                json!({ "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": words }),
            );
        }
        object["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = json!(revision.to_string());
        object["status"] = json!({ "observedGeneration": object["metadata"]["generation"], "replicas": old + updated, "updatedReplicas": updated,
            "readyReplicas": ready + old, "availableReplicas": ready + old, "conditions": conditions });
        self.objects.insert(path.to_owned(), object);
    }

    fn job(&mut self, path: &str, mut object: Json) {
        let (namespace, name) = in_namespace(path).unwrap();
        if !object["status"]["conditions"].is_null() {
            return;
        }
        let image = object["spec"]["template"]["spec"]["containers"][0]["image"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let fate = self.fate(&image);
        let mut labels = object["spec"]["template"]["metadata"]["labels"].clone();
        labels["job-name"] = json!(name);
        let pod = format!("{name}-0");
        let at = format!("/api/v1/namespaces/{namespace}/pods/{pod}");
        let uid = object["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        let running = self.pod(
            &pod,
            &at,
            namespace,
            &labels,
            &uid,
            &object["spec"]["template"]["spec"],
            fate.as_ref(),
            true,
        );
        let age = self.age(&at);
        if running && age >= Duration::from_secs(8)
            || matches!(fate, Some(Fate::Crashes(..))) && age >= Duration::from_secs(8)
        {
            let failed = matches!(fate, Some(Fate::Crashes(..)));
            object["status"] = if failed {
                json!({ "failed": 1, "conditions": [{ "type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "Job has reached the specified backoff limit" }] })
            } else {
                json!({ "succeeded": 1, "conditions": [{ "type": "Complete", "status": "True" }] })
            };
        } else {
            object["status"] = json!({ "active": 1 });
        }
        self.objects.insert(path.to_owned(), object);
    }

    /// A pod as it is now; whether it is ready.
    #[expect(clippy::too_many_arguments, reason = "a pod is all of this")]
    fn pod(
        &mut self,
        name: &str,
        at: &str,
        namespace: &str,
        labels: &Json,
        owner: &str,
        spec: &Json,
        fate: Option<&Fate>,
        is_job: bool,
    ) -> bool {
        let age = self.age(at).as_secs();
        let container = &spec["containers"][0];
        let image = container["image"].as_str().unwrap_or_default();
        let digest = image.split_once('@').map_or("sha256:none", |(_, digest)| digest);
        let mut status = json!({ "name": container["name"], "image": image, "ready": false, "restartCount": 0 });
        let mut event = None;
        let (mut phase, mut ready, mut log) = ("Pending", false, "ready\n");
        let mut scheduled = json!({ "type": "PodScheduled", "status": "True" });
        match fate {
            Some(Fate::NotPulled(words)) => {
                let backs_off = age % 4 >= 2;
                status["state"] = if backs_off {
                    json!({ "waiting": { "reason": "ImagePullBackOff", "message": format!("Back-off pulling image \"{image}\"") } })
                } else {
                    json!({ "waiting": { "reason": "ErrImagePull", "message": words } })
                };
                event = Some(("Failed", format!("Failed to pull image \"{image}\": {words}")));
            }
            Some(Fate::Crashes(code, lines)) => {
                log = lines;
                let ended = json!({ "terminated": { "exitCode": code, "reason": "Error" } });
                if is_job {
                    phase = if age >= 8 { "Failed" } else { "Running" };
                    status["state"] = if age >= 8 { ended } else { json!({ "running": {} }) };
                } else {
                    phase = "Running";
                    status["restartCount"] = json!(2);
                    status["lastState"] = ended;
                    status["state"] = json!({ "waiting": { "reason": "CrashLoopBackOff" } });
                }
            }
            Some(Fate::Unscheduled(words)) => {
                scheduled =
                    json!({ "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": words });
            }
            Some(Fate::NeverReady) => {
                phase = "Running";
                status["state"] = json!({ "running": {} });
                event = Some((
                    "Unhealthy",
                    "Readiness probe failed: HTTP probe failed with statuscode: 503".to_owned(),
                ));
            }
            _ if age >= 3 => {
                phase = if is_job && age >= 8 { "Succeeded" } else { "Running" };
                status["state"] = if phase == "Running" {
                    json!({ "running": {} })
                } else {
                    json!({ "terminated": { "exitCode": 0 } })
                };
                status["imageID"] = json!(format!("{}@{digest}", image.split('@').next().unwrap()));
                ready = true;
            }
            _ => status["state"] = json!({ "waiting": { "reason": "ContainerCreating" } }),
        }
        status["ready"] = json!(ready);
        if let Some((reason, message)) = event {
            let path = format!("/api/v1/namespaces/{namespace}/events/{name}-{reason}");
            self.objects.insert(path, json!({ "involvedObject": { "name": name, "kind": "Pod" }, "reason": reason, "message": message, "lastTimestamp": "2026-11-01T10:00:00Z" }));
        }
        let conditions = json!([scheduled, { "type": "Ready", "status": if ready { "True" } else { "False" } }]);
        self.objects.insert(
            at.to_owned(),
            json!({ "log": log, "metadata": { "name": name, "namespace": namespace, "labels": labels, "ownerReferences": [{ "uid": owner }], "uid": format!("pod-{name}") },
                "spec": spec, "status": { "phase": phase, "conditions": conditions, "containerStatuses": [status] } }),
        );
        ready
    }
}

/// Namespace and name of an object's path.
fn in_namespace(path: &str) -> Option<(&'static str, &'static str)> {
    let (_, rest) = path.split_once("/namespaces/")?;
    let (namespace, rest) = rest.split_once('/')?;
    let name = rest.split('/').nth(1)?;
    // Tests are short, and so are their names.
    Some((
        Box::leak(namespace.to_owned().into_boxed_str()),
        Box::leak(name.to_owned().into_boxed_str()),
    ))
}

fn merge(into: &mut Json, new: &Json) {
    match (into, new) {
        (Json::Object(into), Json::Object(new)) => {
            for (key, value) in new {
                merge(into.entry(key.clone()).or_insert(Json::Null), value);
            }
        }
        (into, new) => *into = new.clone(),
    }
}

/// Removes what a manager applied before and applies no more, unless another one applies it too.
fn drop_given_up(object: &mut Json, previous: &Json, new: &Json, others: &[&Json]) {
    let (Some(object), Some(previous)) = (object.as_object_mut(), previous.as_object()) else {
        return;
    };
    for (key, value) in previous {
        let others: Vec<&Json> = others.iter().filter_map(|other| other.get(key)).collect();
        match new.get(key) {
            None if others.is_empty() => {
                object.remove(key);
            }
            None => {}
            Some(new) => drop_given_up(object.get_mut(key).unwrap_or(&mut Json::Null), value, new, &others),
        }
    }
}

fn fields(given: &Json) -> Json {
    match given.as_object() {
        Some(map) => Json::Object(
            map.iter()
                .map(|(key, value)| (format!("f:{key}"), fields(value)))
                .collect(),
        ),
        None => json!({}),
    }
}

fn answer(status: u16, body: String) -> Answer {
    Ok(Response::builder()
        .status(status)
        .body(Full::new(bytes::Bytes::from(body)))?)
}

pub(crate) fn status_body(code: u16, reason: &str, message: &str, causes: Json) -> Json {
    json!({ "kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message, "details": { "causes": causes } })
}

fn status(code: u16, reason: &str, message: &str, causes: Json) -> Answer {
    answer(code, status_body(code, reason, message, causes).to_string())
}

fn missing(what: &str) -> Answer {
    status(404, "NotFound", &format!("{what} not found"), json!([]))
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        if *first == b'%' {
            let hex = std::str::from_utf8(&tail[..2]).unwrap();
            bytes.push(u8::from_str_radix(hex, 16).unwrap());
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).unwrap()
}
