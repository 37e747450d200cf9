//! A cluster: its objects, and what is to happen in it.
//!
//! Nothing runs. Whoever asks first lets everything happen that was due until now, each at its own moment and in order, so
//! that it does not matter how often somebody looks.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::faults::Facts;
use super::kinds::{Kind, key};
use super::object::{digest, each, is_going, made_up_uid, millis, name, namespace, set, text, time, uid};
use super::pods::Life;
use super::{autoscaling, deployments, jobs, pods, replicas};

/// How long events are kept: `--event-ttl` of kube-apiserver.
const EVENTS_LAST: i64 = 60 * 60 * 1000;
/// How long a namespace takes to end.
const NAMESPACE_ENDS: i64 = 8_000;
/// How long a load balancer takes to come.
const LOAD_BALANCER_COMES: i64 = 90_000;

/// A cluster.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Cluster {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) host: String,
    pub(super) region: String,
    /// Until when everything has happened; simulated milliseconds since 1970.
    pub(super) at: i64,
    /// The last resource version that was given.
    pub(super) revision: u64,
    /// How much was made: what names and uids are made up from.
    made: u64,
    objects: BTreeMap<String, Value>,
    /// What the kubelets know about their pods, by uid.
    pub(super) lives: BTreeMap<String, Life>,
    timers: Vec<Timer>,
    /// Node and image: what need not be pulled again.
    pub(super) pulled: BTreeSet<String>,
    /// Controllers by uid: when they try again to make a pod, and how often they have tried.
    pub(super) retries: BTreeMap<String, (i64, u32)>,
    /// Deployments by uid: how far they were, and since when.
    pub(super) progress: BTreeMap<String, deployments::Progress>,
    /// Until when everything is to happen.
    #[serde(skip)]
    until: i64,
    /// What goes wrong.
    #[serde(skip)]
    pub(super) facts: Facts,
}

/// Something that is due.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Timer {
    due: i64,
    what: What,
}

/// What is due.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum What {
    /// The next step of the pod of this uid.
    Pod(String),
    /// The object at this key is gone, if it still is the one of this uid.
    Gone(String, String),
    /// The Job at this key has been over for long enough, if it still is the one of this uid.
    Collect(String, String),
    /// All that is in this namespace, and then the namespace.
    Namespace(String),
    /// The Ingress or Service at this key has a load balancer.
    LoadBalancer(String),
    /// A controller looks again.
    Look,
}

impl Cluster {
    /// A new cluster, with what every cluster begins with.
    pub(super) fn begin(host: &str, region: &str, now: i64) -> Self {
        let mut cluster = Self {
            host: host.to_owned(),
            region: region.to_owned(),
            at: now,
            revision: 1000,
            ..Self::default()
        };
        for namespace in ["default", "kube-system", "kube-public", "kube-node-lease"] {
            let object = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } });
            cluster.create(&format!("namespaces||{namespace}"), object);
        }
        for (index, zone) in ["a", "b"].into_iter().enumerate() {
            cluster.node(index, &format!("{region}{zone}"));
        }
        cluster
    }

    /// A node, as EKS would start one.
    fn node(&mut self, index: usize, zone: &str) {
        let seed = format!("{}/node/{index}", self.host);
        let node = format!("i-0{}", digest(&seed).get(..16).unwrap_or_default());
        let capacity = json!({ "cpu": "16", "memory": "64Gi", "pods": "110", "ephemeral-storage": "80Gi" });
        let object = json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": { "name": node, "labels": {
                "kubernetes.io/hostname": node, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
                "node.kubernetes.io/instance-type": "m6i.4xlarge",
                "topology.kubernetes.io/region": self.region, "topology.kubernetes.io/zone": zone,
            }},
            "spec": { "providerID": format!("aws:///{zone}/{node}") },
            "status": {
                "capacity": capacity, "allocatable": capacity,
                "addresses": [{ "type": "InternalIP", "address": node_address(index) }],
                "conditions": [{
                    "type": "Ready", "status": "True", "reason": "KubeletReady",
                    "message": "kubelet is posting ready status", "lastTransitionTime": time(self.at),
                }],
                "nodeInfo": {
                    "architecture": "amd64", "operatingSystem": "linux", "containerRuntimeVersion": "containerd://2.1.5",
                },
            },
        });
        self.create(&format!("nodes||{node}"), object);
    }

    /// Lets everything happen that is due until `now`.
    pub(super) fn advance(&mut self, now: i64) {
        self.until = self.at.max(now);
        while let Some(timer) = self.next_due() {
            self.at = self.at.max(timer.due);
            self.fire(timer.what);
            self.reconcile();
        }
        self.at = self.until;
        let old = self.at - EVENTS_LAST;
        self.objects.retain(|key, object| {
            !key.starts_with("events|") || millis(text(object, "/lastTimestamp")).is_none_or(|last| last > old)
        });
    }

    fn next_due(&mut self) -> Option<Timer> {
        let due = self
            .timers
            .iter()
            .enumerate()
            .filter(|(_, timer)| timer.due <= self.until);
        // The earliest, and of those at one moment the one that was set first.
        let (index, _) = due.min_by_key(|(index, timer)| (timer.due, *index))?;
        Some(self.timers.remove(index))
    }

    fn fire(&mut self, what: What) {
        match what {
            What::Pod(uid) => pods::step(self, &uid),
            What::Gone(key, of) => {
                if self.objects.get(&key).is_some_and(|object| uid(object) == of) {
                    self.remove(&key);
                }
                self.lives.remove(&of);
            }
            What::Collect(key, of) => {
                if self.objects.get(&key).is_some_and(|object| uid(object) == of) {
                    self.delete(&key);
                }
            }
            What::Namespace(namespace) => self.empty(&namespace),
            What::LoadBalancer(key) => self.balance(&key),
            What::Look => {}
        }
    }

    /// Lets the controllers do what there is to do until there is nothing left.
    pub(super) fn reconcile(&mut self) {
        // Each finds its end after a few rounds; the bound only keeps a mistake from going on for ever.
        for _ in 0..100 {
            let before = self.revision;
            autoscaling::reconcile(self);
            deployments::reconcile(self);
            replicas::reconcile(self);
            jobs::reconcile(self);
            if self.revision == before {
                return;
            }
        }
    }

    /// Has something happen `after` milliseconds from the moment that it is.
    ///
    /// What goes wrong again and again is not gone through for all the time that nobody looked.
    pub(super) fn due(&mut self, after: i64, what: What) {
        const LOOKED_BACK: i64 = 60 * 60 * 1000;
        let due = (self.at + after).max(self.until - LOOKED_BACK);
        if !self.timers.iter().any(|timer| timer.due == due && timer.what == what) {
            self.timers.push(Timer { due, what });
        }
    }

    /// How much is due; together with the revision it says whether anything has happened.
    pub(super) fn waiting(&self) -> usize {
        self.timers.len()
    }

    /// A seed that was not given before.
    pub(super) fn fresh(&mut self) -> String {
        self.made += 1;
        format!("{}/{}", self.host, self.made)
    }

    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.objects.get(key)
    }

    /// All objects of a resource, of one namespace or (empty) of all.
    pub(super) fn list<'a>(&'a self, kind: &Kind, namespace: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
        let prefix = if namespace.is_empty() {
            kind.prefix()
        } else {
            format!("{}{namespace}|", kind.prefix())
        };
        let found = self.objects.range(prefix.clone()..);
        found
            .take_while(move |(key, _)| key.starts_with(&prefix))
            .map(|(_, object)| object)
    }

    /// Keys of all objects of a plural.
    pub(super) fn keys(&self, plural: &str) -> Vec<String> {
        let prefix = key(plural, "", "");
        let prefix = prefix.trim_end_matches('|').to_owned() + "|";
        let found = self.objects.range(prefix.clone()..);
        found
            .take_while(|(key, _)| key.starts_with(&prefix))
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// All objects of a plural in a namespace, with their keys.
    pub(super) fn within(&self, plural: &str, namespace: &str) -> Vec<(String, Value)> {
        let prefix = key(plural, namespace, "");
        let found = self.objects.range(prefix.clone()..);
        found
            .take_while(|(key, _)| key.starts_with(&prefix))
            .map(|(key, object)| (key.clone(), object.clone()))
            .collect()
    }

    /// Objects that somebody made, and not the cluster itself: key and object.
    pub(super) fn all(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.objects.iter()
    }

    /// Puts an object where it belongs, as a new version unless nothing has changed.
    pub(super) fn put(&mut self, key: &str, mut object: Value) -> Value {
        if let Some(there) = self.objects.get(key) {
            let version = there.pointer("/metadata/resourceVersion").cloned().unwrap_or_default();
            set(&mut object, "/metadata/resourceVersion", version);
            if *there == object {
                return object;
            }
        }
        self.revision += 1;
        set(
            &mut object,
            "/metadata/resourceVersion",
            json!(self.revision.to_string()),
        );
        self.objects.insert(key.to_owned(), object.clone());
        object
    }

    /// Changes an object, if it is there.
    pub(super) fn change(&mut self, key: &str, how: impl FnOnce(&mut Value)) {
        if let Some(mut object) = self.objects.get(key).cloned() {
            how(&mut object);
            self.put(key, object);
        }
    }

    /// Puts an object that is new: with uid and times, and whatever else an object begins with.
    pub(super) fn create(&mut self, key: &str, object: Value) -> Value {
        let object = self.newborn(object);
        let object = self.put(key, object);
        match text(&object, "/kind") {
            "Namespace" => {
                let namespace = name(&object).to_owned();
                let account = json!({
                    "apiVersion": "v1", "kind": "ServiceAccount",
                    "metadata": { "name": "default", "namespace": namespace },
                });
                self.create(&super::kinds::key("serviceaccounts", &namespace, "default"), account);
            }
            "Pod" => pods::begin(self, key, &object),
            "Ingress" => self.due(LOAD_BALANCER_COMES, What::LoadBalancer(key.to_owned())),
            "Service" if text(&object, "/spec/type") == "LoadBalancer" => {
                self.due(LOAD_BALANCER_COMES, What::LoadBalancer(key.to_owned()));
            }
            _ => {}
        }
        self.objects.get(key).cloned().unwrap_or(object)
    }

    /// The object as it would begin.
    pub(super) fn newborn(&mut self, mut object: Value) -> Value {
        let seed = self.fresh();
        set(&mut object, "/metadata/uid", json!(made_up_uid(&seed)));
        set(&mut object, "/metadata/creationTimestamp", json!(time(self.at)));
        match text(&object, "/kind") {
            "Namespace" => {
                let own = name(&object).to_owned();
                set(&mut object, "/metadata/labels/kubernetes.io~1metadata.name", json!(own));
                set(&mut object, "/spec/finalizers", json!(["kubernetes"]));
                set(&mut object, "/status/phase", json!("Active"));
            }
            "Pod" => {
                set(&mut object, "/status/phase", json!("Pending"));
                set(&mut object, "/status/qosClass", json!("Burstable"));
            }
            "Service" => address(&mut object, &seed),
            "Ingress" => set(&mut object, "/status/loadBalancer", json!({})),
            _ => {}
        }
        if text(&object, "/apiVersion").contains('/') && object.get("spec").is_some() {
            set(&mut object, "/metadata/generation", json!(1));
        }
        object
    }

    /// Takes an object away, and what only was there for it.
    pub(super) fn remove(&mut self, key: &str) -> Option<Value> {
        let gone = self.objects.remove(key)?;
        self.revision += 1;
        self.lives.remove(uid(&gone));
        self.progress.remove(uid(&gone));
        self.retries.remove(uid(&gone));
        Some(gone)
    }

    /// Takes away an object, and what its controller made for it; pods take their time to end.
    pub(super) fn delete(&mut self, key: &str) -> Option<Value> {
        let gone = self.remove(key)?;
        let owned: Vec<String> = self
            .objects
            .iter()
            .filter(|(_, object)| super::object::is_owned(object, uid(&gone)))
            .map(|(key, _)| key.clone())
            .collect();
        for key in owned {
            if key.starts_with("pods|") {
                pods::end(self, &key, None);
            } else {
                self.delete(&key);
            }
        }
        Some(gone)
    }

    /// Lets go of what the object's controller made for it.
    pub(super) fn orphan(&mut self, owner: &str) {
        for object in self.objects.values_mut() {
            if super::object::is_owned(object, owner) {
                super::object::unset(object, "/metadata/ownerReferences");
            }
        }
    }

    /// A namespace begins to end: nothing new comes into it.
    pub(super) fn end_namespace(&mut self, key: &str) {
        let stamp = time(self.at);
        let Some(namespace) = self.objects.get(key).filter(|one| !is_going(one)) else {
            return;
        };
        let namespace = name(namespace).to_owned();
        self.change(key, |object| {
            set(object, "/metadata/deletionTimestamp", json!(stamp));
            set(object, "/status/phase", json!("Terminating"));
        });
        self.due(NAMESPACE_ENDS, What::Namespace(namespace));
    }

    fn empty(&mut self, namespace_name: &str) {
        let inside: Vec<String> = self
            .objects
            .iter()
            .filter(|(_, object)| namespace(object) == namespace_name)
            .map(|(key, _)| key.clone())
            .collect();
        for key in inside {
            self.remove(&key);
        }
        self.remove(&format!("namespaces||{namespace_name}"));
    }

    /// The controller of load balancers has made one.
    fn balance(&mut self, key: &str) {
        let Some(object) = self.objects.get(key).cloned() else {
            return;
        };
        let short = digest(&format!("{}/{key}", self.host));
        let named = format!("{}-{}", namespace(&object), name(&object));
        let named: String = named.chars().take(20).collect();
        let host = format!(
            "k8s-{named}-{}.{}.elb.amazonaws.com",
            short.get(..10).unwrap_or_default(),
            self.region
        );
        self.change(key, |object| {
            set(object, "/status/loadBalancer/ingress", json!([{ "hostname": host }]))
        });
        self.event(
            &object,
            "Normal",
            "SuccessfullyReconciled",
            "Successfully reconciled",
            "ingress",
        );
    }

    /// Records an event about an object; the same one again only counts.
    pub(super) fn event(&mut self, about: &Value, severity: &str, reason: &str, message: &str, component: &str) {
        let namespace = match namespace(about) {
            "" => "default",
            namespace => namespace,
        };
        let seed = format!("{}/{reason}/{message}", uid(about));
        let own = format!("{}.{}", name(about), digest(&seed).get(..16).unwrap_or_default());
        let key = key("events", namespace, &own);
        let stamp = time(self.at);
        if let Some(mut event) = self.objects.get(&key).cloned() {
            let count = event.get("count").and_then(Value::as_i64).unwrap_or(1);
            set(&mut event, "/count", json!(count + 1));
            set(&mut event, "/lastTimestamp", json!(stamp));
            self.put(&key, event);
            return;
        }
        let seed = self.fresh();
        let event = json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {
                "name": own, "namespace": namespace, "uid": made_up_uid(&seed), "creationTimestamp": stamp,
            },
            "involvedObject": {
                "apiVersion": text(about, "/apiVersion"), "kind": text(about, "/kind"),
                "name": name(about), "namespace": super::object::namespace(about), "uid": uid(about),
                "resourceVersion": text(about, "/metadata/resourceVersion"),
            },
            "type": severity, "reason": reason, "message": message, "count": 1,
            "firstTimestamp": stamp, "lastTimestamp": stamp, "eventTime": null,
            "source": { "component": component }, "reportingComponent": component, "reportingInstance": "",
        });
        self.put(&key, event);
    }

    /// The node for a pod: name and address. They take turns.
    pub(super) fn place(&self, seed: &str) -> (String, String) {
        let nodes = self.keys("nodes");
        let count = u64::try_from(nodes.len()).unwrap_or_default();
        let index = usize::try_from(super::object::pick(seed, count)).unwrap_or_default();
        let node = nodes.get(index).and_then(|key| self.objects.get(key));
        node.map_or_else(Default::default, |node| {
            let address = super::object::list(node, "/status/addresses").first();
            let address = address.map(|address| text(address, "/address")).unwrap_or_default();
            (name(node).to_owned(), address.to_owned())
        })
    }
}

fn node_address(index: usize) -> String {
    format!("10.0.{}.10", 64 + index * 16)
}

/// The address of a Service, from the range that EKS takes where the VPC lies in 10.0.0.0/8.
fn address(service: &mut Value, seed: &str) {
    if text(service, "/spec/type") == "ExternalName" {
        return;
    }
    let number = super::object::pick(seed, 65_000) + 10;
    let address = match text(service, "/spec/clusterIP") {
        "" => format!("172.20.{}.{}", number / 254, number % 254 + 1),
        chosen => chosen.to_owned(),
    };
    super::object::default(service, "/spec/clusterIP", json!(address));
    super::object::default(service, "/spec/clusterIPs", json!([address]));
    super::object::default(service, "/spec/ipFamilies", json!(["IPv4"]));
    super::object::default(service, "/spec/ipFamilyPolicy", json!("SingleStack"));
    set(service, "/status/loadBalancer", json!({}));
    let kind = text(service, "/spec/type").to_owned();
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
        for port in each(service, "/spec/ports") {
            super::object::default(port, "/nodePort", json!(30_000 + number % 2_768));
        }
    }
}
