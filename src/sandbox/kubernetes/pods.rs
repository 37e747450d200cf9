//! Scheduler and kubelet: what becomes of a pod, step by step.
//!
//! "Pod Lifecycle"; reasons and words are those of the scheduler, of the kubelet and of containerd. A pod does what it
//! should unless a fault says otherwise, or something that it names is not there.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::faults::WorkloadFault;
use super::cluster::{Cluster, What};
use super::deployments::images;
use super::kinds::key;
use super::logs::{self, Line};
use super::object::{
    digest, entries, is_going, list, name, namespace, number, pick, set, set_condition, text, time, uid, word,
};

/// How long a container takes until it answers, after the delay that its probe asks for.
const LOADS: i64 = 3_000;
/// How long a batch takes.
const BATCH_TAKES: i64 = 20_000;

/// What the kubelet knows about a pod.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Life {
    key: String,
    step: Step,
    /// How often the image was asked for in vain.
    tries: u32,
    pub(super) restarts: u32,
    /// When the container started last.
    started: i64,
    fault: Option<WorkloadFault>,
    /// What the container has printed, and what the one before it had.
    pub(super) log: Vec<Line>,
    pub(super) previous: Vec<Line>,
}

/// What comes next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Step {
    #[default]
    Schedule,
    Mount,
    Pull,
    Pulled,
    BackOff,
    Start,
    Answer,
    Probe,
    Exit,
    Restart,
    Nothing,
}

/// The fault that meets a pod, if one does.
pub(super) fn fault(cluster: &Cluster, pod: &Value) -> Option<WorkloadFault> {
    let image = images(pod);
    workload_names(pod)
        .into_iter()
        .find_map(|workload| cluster.facts.workload("eks", &workload, &image).cloned())
}

/// By which names an object's workload may be called.
pub(super) fn workload_names(object: &Value) -> Vec<String> {
    let label = |key: &str| text(object, &format!("/metadata/labels/{key}")).to_owned();
    let mut names = vec![
        label("app.kubernetes.io~1name"),
        label("mlinfra~1workload"),
        name(object).to_owned(),
    ];
    let containers = list(object, "/spec/containers").iter();
    names.extend(containers.map(|container| text(container, "/name").to_owned()));
    names.retain(|name| !name.is_empty());
    names
}

/// A pod was made.
pub(super) fn begin(cluster: &mut Cluster, key: &str, pod: &Value) {
    let life = Life {
        key: key.to_owned(),
        fault: fault(cluster, pod),
        ..Life::default()
    };
    cluster.lives.insert(uid(pod).to_owned(), life);
    cluster.due(100, What::Pod(uid(pod).to_owned()));
}

/// A pod is told to end: it answers until load balancers know, then finishes, then is gone.
pub(super) fn end(cluster: &mut Cluster, key: &str, grace: Option<i64>) {
    let Some(pod) = cluster.get(key).filter(|pod| !is_going(pod)).cloned() else {
        return;
    };
    let grace = grace
        .or_else(|| number(&pod, "/spec/terminationGracePeriodSeconds"))
        .unwrap_or(30);
    let runs = text(&pod, "/status/phase") == "Running";
    if grace == 0
        || text(&pod, "/spec/nodeName").is_empty()
        || matches!(text(&pod, "/status/phase"), "Succeeded" | "Failed")
    {
        cluster.remove(key);
        return;
    }
    let containers = list(&pod, "/spec/containers").iter();
    let sleeps = containers
        .filter_map(|container| number(container, "/lifecycle/preStop/sleep/seconds"))
        .max()
        .unwrap_or_default();
    let takes = if runs { (sleeps + 2).min(grace) } else { 1 };
    let stamp = time(cluster.at + grace * 1000);
    cluster.change(key, |object| {
        set(object, "/metadata/deletionTimestamp", json!(stamp));
        set(object, "/metadata/deletionGracePeriodSeconds", json!(grace));
    });
    for container in list(&pod, "/spec/containers").iter().filter(|_| runs) {
        let told = format!("Stopping container {}", text(container, "/name"));
        cluster.event(&pod, "Normal", "Killing", &told, "kubelet");
    }
    cluster.due(takes * 1000, What::Gone(key.to_owned(), uid(&pod).to_owned()));
}

/// The next step of a pod.
pub(super) fn step(cluster: &mut Cluster, of: &str) {
    let Some(life) = cluster.lives.get(of).cloned() else {
        return;
    };
    let Some(pod) = cluster.get(&life.key).cloned() else {
        return;
    };
    if uid(&pod) != of || is_going(&pod) {
        return;
    }
    let mut turn = Turn { cluster, pod, life };
    match turn.life.step {
        Step::Schedule => turn.schedule(),
        Step::Mount => turn.mount(),
        Step::Pull => turn.pull(),
        Step::Pulled => turn.pulled(),
        Step::BackOff => turn.back_off(),
        Step::Start => turn.start(),
        Step::Answer => turn.answer(),
        Step::Probe => turn.probe(),
        Step::Exit => turn.exit(),
        Step::Restart => turn.restart(),
        Step::Nothing => {}
    }
    let Turn { cluster, pod, life } = turn;
    cluster.put(&life.key, pod);
    cluster.lives.insert(of.to_owned(), life);
}

/// A pod while something happens to it.
struct Turn<'a> {
    cluster: &'a mut Cluster,
    pod: Value,
    life: Life,
}

impl Turn<'_> {
    fn next(&mut self, step: Step, after: i64) {
        self.life.step = step;
        self.cluster.due(after, What::Pod(uid(&self.pod).to_owned()));
    }

    fn event(&mut self, severity: &str, reason: &str, message: &str) {
        let component = if reason.ends_with("cheduled") || reason == "FailedScheduling" {
            "default-scheduler"
        } else {
            "kubelet"
        };
        self.cluster.event(&self.pod, severity, reason, message, component);
    }

    fn fails(&self, how: &str) -> bool {
        self.life.fault.as_ref().is_some_and(|fault| fault.fails == how)
    }

    /// What the fault says, or else the usual words.
    fn words(&self, usual: String) -> String {
        let said = self.life.fault.as_ref().and_then(|fault| fault.message.clone());
        said.unwrap_or(usual)
    }

    fn condition(&mut self, kind: &str, status: bool, reason: &str, message: &str) {
        let now = self.cluster.at;
        set_condition(&mut self.pod, now, kind, status, reason, message);
    }

    fn is_batch(&self) -> bool {
        text(&self.pod, "/spec/restartPolicy") != "Always"
    }

    fn first(&self, pointer: &str) -> String {
        let container = list(&self.pod, "/spec/containers").first();
        container
            .map(|container| text(container, pointer).to_owned())
            .unwrap_or_default()
    }

    /// Says of all containers how they are.
    fn containers(&mut self, state: &Value, ready: bool) {
        let before = list(&self.pod, "/status/containerStatuses").to_vec();
        let started = state.get("running").is_some();
        let statuses: Vec<Value> = list(&self.pod, "/spec/containers")
            .iter()
            .enumerate()
            .map(|(index, container)| {
                let image = text(container, "/image");
                let pulled = started || state.get("terminated").is_some() || self.life.restarts > 0;
                let last = before.get(index).and_then(|status| status.get("lastState")).cloned();
                let mut status = json!({
                    "name": text(container, "/name"),
                    "image": image,
                    "imageID": if pulled { image_id(image) } else { String::new() },
                    "ready": ready, "started": started && (ready || !has(container, "startupProbe")),
                    "restartCount": self.life.restarts,
                    "state": state,
                    "lastState": last.unwrap_or_else(|| json!({})),
                });
                if pulled {
                    let seed = format!("{}/{index}/{}", uid(&self.pod), self.life.restarts);
                    set(
                        &mut status,
                        "/containerID",
                        json!(format!("containerd://{}", digest(&seed))),
                    );
                }
                status
            })
            .collect();
        set(&mut self.pod, "/status/containerStatuses", json!(statuses));
        let unready: Vec<String> = list(&self.pod, "/spec/containers")
            .iter()
            .map(|container| text(container, "/name").to_owned())
            .collect();
        let (reason, words) = if ready {
            ("", String::new())
        } else if state.pointer("/terminated/exitCode") == Some(&json!(0)) {
            ("PodCompleted", String::new())
        } else {
            (
                "ContainersNotReady",
                format!("containers with unready status: [{}]", unready.join(" ")),
            )
        };
        self.condition("Ready", ready, reason, &words);
        self.condition("ContainersReady", ready, reason, &words);
    }

    fn waits(&mut self, reason: &str, message: &str) {
        let mut state = json!({ "waiting": { "reason": reason } });
        if !message.is_empty() {
            set(&mut state, "/waiting/message", json!(message));
        }
        self.containers(&state, false);
    }

    fn schedule(&mut self) {
        if self.fails("unschedulable") {
            let asks = |resource: &str| {
                list(&self.pod, "/spec/containers").iter().any(|container| {
                    let mut wanted =
                        entries(container, "/resources/requests").chain(entries(container, "/resources/limits"));
                    wanted.any(|(key, _)| key == resource)
                })
            };
            let missing = if asks("nvidia.com/gpu") {
                "nvidia.com/gpu"
            } else {
                "cpu"
            };
            let words = self.words(format!(
                "0/2 nodes are available: 2 Insufficient {missing}. preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod."
            ));
            self.condition("PodScheduled", false, "Unschedulable", &words);
            self.event("Warning", "FailedScheduling", &words);
            self.next(Step::Schedule, 60_000);
            return;
        }
        let (node, address) = self.cluster.place(uid(&self.pod));
        set(&mut self.pod, "/spec/nodeName", json!(node));
        let stamp = time(self.cluster.at);
        set(&mut self.pod, "/status/hostIP", json!(address));
        set(&mut self.pod, "/status/startTime", json!(stamp));
        self.condition("PodScheduled", true, "", "");
        self.condition("Initialized", true, "", "");
        self.waits("ContainerCreating", "");
        let told = format!(
            "Successfully assigned {}/{} to {node}",
            namespace(&self.pod),
            name(&self.pod)
        );
        self.event("Normal", "Scheduled", &told);
        self.next(Step::Mount, 400);
    }

    /// Volumes and everything else that the pod refers to.
    fn mount(&mut self) {
        let space = namespace(&self.pod).to_owned();
        let own = name(&self.pod).to_owned();
        let volumes = list(&self.pod, "/spec/volumes").to_vec();
        let driver = "secrets-store.csi.k8s.io";
        let secrets = volumes.iter().find(|volume| text(volume, "/csi/driver") == driver);
        if let Some(volume) = secrets {
            let class = text(volume, "/csi/volumeAttributes/secretProviderClass");
            let there = self.cluster.get(&key("secretproviderclasses", &space, class)).is_some();
            let why = if self.fails("missing-secret") {
                let usual = "Failed to fetch secret from all regions: ResourceNotFoundException: Secrets Manager can't find the specified secret.";
                Some(format!(
                    "failed to mount secrets store objects for pod {space}/{own}, err: rpc error: code = Unknown desc = {}",
                    self.words(usual.to_owned())
                ))
            } else if there {
                None
            } else {
                Some(format!(
                    "failed to get secretproviderclass {space}/{class}, error: SecretProviderClass.secrets-store.csi.x-k8s.io {class:?} not found"
                ))
            };
            if let Some(why) = why {
                let told = format!(
                    "MountVolume.SetUp failed for volume {:?} : rpc error: code = Unknown desc = {why}",
                    text(volume, "/name")
                );
                self.wait_for_mount(&told);
                return;
            }
        }
        for volume in &volumes {
            for (pointer, plural, singular) in [
                ("/secret/secretName", "secrets", "secret"),
                ("/configMap/name", "configmaps", "configmap"),
            ] {
                let wanted = text(volume, pointer);
                if !wanted.is_empty() && self.cluster.get(&key(plural, &space, wanted)).is_none() {
                    let told = format!(
                        "MountVolume.SetUp failed for volume {:?} : {singular} {wanted:?} not found",
                        text(volume, "/name")
                    );
                    self.wait_for_mount(&told);
                    return;
                }
            }
        }
        self.next(Step::Pull, 300);
    }

    fn wait_for_mount(&mut self, told: &str) {
        self.event("Warning", "FailedMount", told);
        self.life.tries += 1;
        let wait = (500_i64 << self.life.tries.min(10)).min(122_000);
        self.next(Step::Mount, wait);
    }

    /// The secret or configuration that a variable is taken from and that is not there.
    fn missing_source(&self) -> Option<String> {
        let space = namespace(&self.pod);
        let referred = list(&self.pod, "/spec/containers").iter().flat_map(|container| {
            let variables = list(container, "/env").iter().flat_map(|variable| {
                [
                    ("secrets", "secret", text(variable, "/valueFrom/secretKeyRef/name")),
                    (
                        "configmaps",
                        "configmap",
                        text(variable, "/valueFrom/configMapKeyRef/name"),
                    ),
                ]
            });
            let sources = list(container, "/envFrom").iter().flat_map(|source| {
                [
                    ("secrets", "secret", text(source, "/secretRef/name")),
                    ("configmaps", "configmap", text(source, "/configMapRef/name")),
                ]
            });
            variables.chain(sources).collect::<Vec<_>>()
        });
        let mut absent = referred.filter(|(plural, _, wanted)| {
            !wanted.is_empty() && self.cluster.get(&key(plural, space, wanted)).is_none()
        });
        let (_, singular, wanted) = absent.next()?;
        Some(format!("{singular} {wanted:?} not found"))
    }

    fn pull(&mut self) {
        let image = self.first("/image");
        let node = text(&self.pod, "/spec/nodeName").to_owned();
        if self.cluster.pulled.contains(&format!("{node} {image}")) && !self.fails("image-pull") {
            let told = format!("Container image {image:?} already present on machine");
            self.event("Normal", "Pulled", &told);
            self.next(Step::Start, 300);
            return;
        }
        self.event("Normal", "Pulling", &format!("Pulling image {image:?}"));
        let takes = if self.fails("image-pull") {
            1_000
        } else {
            5_000 + i64::try_from(pick(&format!("{node} {image}"), 15_000)).unwrap_or_default()
        };
        self.next(Step::Pulled, takes);
    }

    /// containerd's words for an image that is not there.
    fn pull_error(&self) -> String {
        let image = self.first("/image");
        let usual = format!(
            "rpc error: code = NotFound desc = failed to pull and unpack image {image:?}: failed to resolve reference {image:?}: {image}: not found"
        );
        self.words(usual)
    }

    fn pulled(&mut self) {
        let image = self.first("/image");
        if self.fails("image-pull") {
            let why = self.pull_error();
            self.event("Warning", "Failed", &format!("Failed to pull image {image:?}: {why}"));
            self.event("Warning", "Failed", "Error: ErrImagePull");
            self.waits("ErrImagePull", &why);
            self.next(Step::BackOff, 2_000);
            return;
        }
        let node = text(&self.pod, "/spec/nodeName").to_owned();
        self.cluster.pulled.insert(format!("{node} {image}"));
        let size = 20_000_000 + pick(&image, 60_000_000);
        let told = format!(
            "Successfully pulled image {image:?} in 7.412s (7.412s including waiting). Image size: {size} bytes."
        );
        self.event("Normal", "Pulled", &told);
        self.next(Step::Start, 300);
    }

    fn back_off(&mut self) {
        let image = self.first("/image");
        let why = self.pull_error();
        self.event("Normal", "BackOff", &format!("Back-off pulling image {image:?}"));
        self.event("Warning", "Failed", "Error: ImagePullBackOff");
        self.waits(
            "ImagePullBackOff",
            &format!("Back-off pulling image {image:?}: ErrImagePull: {why}"),
        );
        let wait = (10_000_i64 << self.life.tries.min(6)).min(300_000);
        self.life.tries += 1;
        self.next(Step::Pull, wait);
    }

    fn start(&mut self) {
        let missing = match self.missing_source() {
            None if self.fails("missing-secret") && !self.has_secrets_volume() => {
                let secret = format!("secret {:?} not found", format!("{}-secrets", self.first("/name")));
                Some(self.words(secret))
            }
            missing => missing,
        };
        if let Some(missing) = missing {
            self.event("Warning", "Failed", &format!("Error: {missing}"));
            self.waits("CreateContainerConfigError", &missing);
            self.next(Step::Start, 12_000);
            return;
        }
        let now = self.cluster.at;
        let containers: Vec<String> = list(&self.pod, "/spec/containers")
            .iter()
            .map(|container| text(container, "/name").to_owned())
            .collect();
        for container in containers {
            self.event("Normal", "Created", &format!("Created container: {container}"));
            self.event("Normal", "Started", &format!("Started container {container}"));
        }
        self.life.started = now;
        self.life.previous = std::mem::take(&mut self.life.log);
        let seed = format!("{}/{}", self.cluster.host, uid(&self.pod));
        let number = pick(&seed, 50_000);
        let address = format!("10.0.{}.{}", 64 + number / 250 % 60, number % 250 + 4);
        set(&mut self.pod, "/status/phase", json!("Running"));
        set(&mut self.pod, "/status/podIP", json!(address));
        set(&mut self.pod, "/status/podIPs", json!([{ "ip": address }]));
        let probed = self.probed();
        let state = json!({ "running": { "startedAt": time(now) } });
        let dies = ["crash", "oom", "job-fails"].iter().any(|how| self.fails(how));
        let ready = !probed && !dies && !self.is_batch();
        self.containers(&state, ready || self.is_batch() && !dies);
        self.life.log = logs::begins(now, &self.pod);
        if dies {
            let takes = if self.fails("job-fails") {
                BATCH_TAKES / 4
            } else {
                1_500
            };
            self.next(Step::Exit, takes);
        } else if self.is_batch() {
            self.next(Step::Exit, BATCH_TAKES);
        } else if self.fails("never-ready") {
            self.next(Step::Probe, self.period());
        } else if probed {
            self.next(Step::Answer, self.delay() + LOADS);
        } else {
            self.life.log.extend(logs::is_ready(now, &self.pod));
            self.life.step = Step::Nothing;
        }
    }

    fn has_secrets_volume(&self) -> bool {
        let volumes = list(&self.pod, "/spec/volumes");
        volumes.iter().any(|volume| has(volume, "csi"))
    }

    fn probed(&self) -> bool {
        let containers = list(&self.pod, "/spec/containers");
        containers
            .iter()
            .any(|container| has(container, "readinessProbe") || has(container, "startupProbe"))
    }

    fn most(&self, pointers: [&str; 2]) -> i64 {
        let containers = list(&self.pod, "/spec/containers");
        let found = containers
            .iter()
            .flat_map(|container| pointers.iter().filter_map(|pointer| number(container, pointer)));
        found.max().unwrap_or_default()
    }

    /// How long nobody asks, in milliseconds.
    fn delay(&self) -> i64 {
        self.most([
            "/readinessProbe/initialDelaySeconds",
            "/startupProbe/initialDelaySeconds",
        ]) * 1000
    }

    fn period(&self) -> i64 {
        self.most(["/readinessProbe/periodSeconds", "/startupProbe/periodSeconds"])
            .max(1)
            * 1000
    }

    fn answer(&mut self) {
        let now = self.cluster.at;
        self.life.log.extend(logs::is_ready(now, &self.pod));
        let state = json!({ "running": { "startedAt": time(self.life.started) } });
        self.containers(&state, true);
        self.life.step = Step::Nothing;
    }

    /// It is asked, and is not ready. Who has a startup probe is started again when its time is over.
    fn probe(&mut self) {
        let first = list(&self.pod, "/spec/containers").first().cloned().unwrap_or_default();
        let starting = has(&first, "startupProbe");
        let kind = if starting { "Startup" } else { "Readiness" };
        let words = self.words("HTTP probe failed with statuscode: 503".to_owned());
        self.event("Warning", "Unhealthy", &format!("{kind} probe failed: {words}"));
        let period = number(&first, "/startupProbe/periodSeconds").unwrap_or(10);
        let allowed = number(&first, "/startupProbe/failureThreshold").unwrap_or(3) * period * 1000;
        if starting && self.cluster.at - self.life.started >= allowed + self.delay() {
            let told = format!(
                "Container {} failed startup probe, will be restarted",
                text(&first, "/name")
            );
            self.event("Normal", "Killing", &told);
            self.life.step = Step::Exit;
            self.exit();
            return;
        }
        self.next(Step::Probe, self.period());
    }

    fn exit(&mut self) {
        let now = self.cluster.at;
        let (code, reason) = if self.fails("oom") {
            (137, "OOMKilled")
        } else if self.fails("crash") || self.fails("job-fails") {
            (1, "Error")
        } else if !self.is_batch() {
            (137, "Error")
        } else {
            (0, "Completed")
        };
        if code == 1 {
            let usual = "the model cannot be read: /opt/ml/model/model.json: No such file or directory (os error 2)";
            let words = self.words(usual.to_owned());
            self.life
                .log
                .push(logs::line(now, "ERROR", &words, &json!({ "exit_code": 1 })));
        } else if code == 0 {
            self.life.log.extend(logs::is_done(now, &self.pod));
        }
        let ended = json!({
            "exitCode": code, "reason": reason,
            "startedAt": time(self.life.started), "finishedAt": time(now),
            "containerID": format!("containerd://{}", digest(&format!("{}/0/{}", uid(&self.pod), self.life.restarts))),
        });
        self.containers(&json!({ "terminated": ended }), false);
        if self.is_batch() {
            let phase = if code == 0 { "Succeeded" } else { "Failed" };
            set(&mut self.pod, "/status/phase", json!(phase));
            self.life.step = Step::Nothing;
            return;
        }
        // The first time it is started again at once.
        if self.life.restarts == 0 {
            self.next(Step::Restart, 500);
            return;
        }
        let wait = (10_000_i64 << (self.life.restarts - 1).min(6)).min(300_000);
        self.last_was(&ended);
        let whole = format!("{}_{}({})", name(&self.pod), namespace(&self.pod), uid(&self.pod));
        let container = self.first("/name");
        let shown = match wait / 1000 {
            300 => "5m0s".to_owned(),
            seconds if seconds >= 60 => format!("{}m{}s", seconds / 60, seconds % 60),
            seconds => format!("{seconds}s"),
        };
        self.waits(
            "CrashLoopBackOff",
            &format!("back-off {shown} restarting failed container={container} pod={whole}"),
        );
        let told = format!("Back-off restarting failed container {container} in pod {whole}");
        self.event("Warning", "BackOff", &told);
        self.next(Step::Restart, wait);
    }

    fn last_was(&mut self, ended: &Value) {
        for status in super::object::each(&mut self.pod, "/status/containerStatuses") {
            set(status, "/lastState", json!({ "terminated": ended }));
        }
    }

    fn restart(&mut self) {
        let ended = list(&self.pod, "/status/containerStatuses")
            .first()
            .and_then(|status| status.pointer("/state/terminated").cloned());
        if let Some(ended) = ended {
            self.last_was(&ended);
        }
        self.life.restarts += 1;
        let image = self.first("/image");
        self.event(
            "Normal",
            "Pulled",
            &format!("Container image {image:?} already present on machine"),
        );
        self.start();
    }
}

fn has(object: &Value, key: &str) -> bool {
    object.get(key).is_some_and(|value| !value.is_null())
}

/// The image as the container runtime knows it: with the digest of what was pulled.
fn image_id(image: &str) -> String {
    if image.contains('@') {
        return image.to_owned();
    }
    let bare = match image.rsplit_once(':') {
        Some((bare, tag)) if !tag.contains('/') => bare,
        _ => image,
    };
    format!("{bare}@sha256:{}", digest(&format!("image {image} {}", word(image, 4))))
}
