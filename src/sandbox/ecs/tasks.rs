//! One task: what becomes of it when, and how it is described.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::service::Context;
use super::clusters::cluster_arn;
use super::{Ecs, seconds, set, text};

/// From being asked for to having a network interface.
const PROVISIONING: i64 = 10_000;
/// From being asked for to running: the image is pulled.
const STARTING: i64 = 40_000;
/// Two checks of the load balancer.
const HEALTHY: i64 = 30_000;
/// A job's work.
const JOB: i64 = 60_000;
/// From the end of its container to the end of the task.
const STOPPING: i64 = 3_000;

/// A task, with its whole life laid out; all times in milliseconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Task {
    pub(super) cluster: String,
    pub(super) definition: String,
    /// `service:NAME` or `family:NAME`.
    pub(super) group: String,
    pub(super) deployment: Option<String>,
    pub(super) started_by: String,
    pub(super) created: i64,
    /// The name of its first container.
    container: String,
    image: String,
    running: Option<i64>,
    healthy: Option<i64>,
    /// When its container ends by itself.
    pub(super) ends: Option<i64>,
    pub(super) end: End,
    /// When it is told to stop, or has ended.
    pub(super) stopping: Option<i64>,
    stopped: Option<i64>,
    /// Whether its end was counted as a failure of its deployment.
    pub(super) counted: bool,
    /// What it prints when its container runs, and when it ends.
    pub(super) says: Vec<(i64, Vec<String>)>,
    provider: String,
    tags: Value,
    /// In what it is not as its definition says; null if in nothing.
    #[serde(default)]
    overrides: Value,
}

/// How a task ends.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct End {
    pub(super) code: String,
    pub(super) reason: String,
    /// What is said of its container.
    container: Option<String>,
    exit: Option<i64>,
}

impl End {
    fn new(code: &str, reason: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            reason: reason.into(),
            ..Self::default()
        }
    }

    fn exited(code: i64) -> Self {
        Self {
            exit: Some(code),
            ..Self::new("EssentialContainerExited", "Essential container in task exited")
        }
    }
}

/// Whom a task is for, and what it is given.
#[derive(Debug, Clone)]
pub(super) struct Order<'a> {
    pub(super) cluster: &'a str,
    pub(super) definition: &'a str,
    pub(super) group: String,
    pub(super) deployment: Option<String>,
    pub(super) started_by: String,
    /// The target group that asks for its health.
    pub(super) target_group: Option<String>,
    /// How long nobody minds what the load balancer finds.
    pub(super) grace: i64,
    pub(super) provider: String,
    pub(super) tags: Value,
    pub(super) overrides: Value,
    pub(super) is_job: bool,
}

impl Task {
    pub(super) fn is_stopped(&self, now: i64) -> bool {
        self.stopped.is_some_and(|at| at <= now)
    }

    /// Whether it neither stops nor has stopped.
    pub(super) fn is_live(&self, now: i64) -> bool {
        self.stopping.is_none_or(|at| at > now)
    }

    pub(super) fn is_running(&self, now: i64) -> bool {
        self.is_live(now) && self.running.is_some_and(|at| at <= now)
    }

    pub(super) fn is_healthy(&self, now: i64) -> bool {
        self.is_live(now) && self.healthy.is_some_and(|at| at <= now)
    }

    pub(super) fn was_healthy(&self) -> bool {
        self.healthy
            .zip(self.stopping)
            .is_some_and(|(healthy, stopping)| healthy <= stopping)
    }

    pub(super) fn forgotten(&self, now: i64) -> bool {
        self.stopped.is_some_and(|at| at + 3_600_000 < now)
    }

    /// "Amazon ECS task lifecycle".
    pub(super) fn last_status(&self, now: i64) -> &'static str {
        let passed = |at: Option<i64>| at.is_some_and(|at| at <= now);
        if passed(self.stopped) {
            "STOPPED"
        } else if passed(self.stopping) {
            "STOPPING"
        } else if passed(self.running) {
            "RUNNING"
        } else if self.created + PROVISIONING <= now {
            "PENDING"
        } else {
            "PROVISIONING"
        }
    }

    /// Tells it to stop; its load balancer lets it finish for `drain`.
    pub(super) fn stop(&mut self, at: i64, drain: i64, code: &str, reason: &str) {
        if !self.is_live(at) {
            return;
        }
        self.stopping = Some(at);
        self.stopped = Some(at + drain + STOPPING);
        let exit = self.running.is_some_and(|running| running <= at).then_some(0);
        self.end = End {
            exit,
            ..End::new(code, reason)
        };
        self.says.retain(|(when, _)| *when <= at);
        self.counted = true;
    }

    /// Its container has ended.
    pub(super) fn ended(&mut self, at: i64) {
        self.stopping = Some(at);
        self.stopped = Some(at + STOPPING);
    }

    fn describe(&self, id: &str, definition: &Value, now: i64, context: &Context) -> Value {
        let arn = arn(&self.cluster, id, context);
        let status = self.last_status(now);
        let live = self.is_live(now);
        let mut container = json!({
            "containerArn": format!("{}/c", arn.replace(":task/", ":container/")),
            "taskArn": arn,
            "name": self.container,
            "image": self.image,
            "lastStatus": if status == "STOPPED" || status == "RUNNING" { status } else { "PENDING" },
            "healthStatus": "UNKNOWN",
        });
        let mut task = json!({
            "taskArn": arn,
            "clusterArn": cluster_arn(&self.cluster, context),
            "taskDefinitionArn": self.definition,
            "lastStatus": status,
            "desiredStatus": if live { "RUNNING" } else { "STOPPED" },
            "healthStatus": "UNKNOWN",
            "group": self.group,
            "startedBy": self.started_by,
            "createdAt": seconds(self.created),
            "capacityProviderName": self.provider,
            "cpu": definition.get("cpu"),
            "memory": definition.get("memory"),
            "tags": self.tags,
            "version": 1,
        });
        if !self.overrides.is_null() {
            set(&mut task, "overrides", self.overrides.clone());
        }
        if let Some(running) = self.running.filter(|at| *at <= now) {
            set(&mut task, "startedAt", seconds(running));
            if let Some((_, digest)) = self.image.split_once('@') {
                set(&mut container, "imageDigest", json!(digest));
            }
        }
        if !live {
            set(&mut task, "stopCode", json!(self.end.code));
            set(&mut task, "stoppedReason", json!(self.end.reason));
            set(&mut task, "stoppingAt", self.stopping.map(seconds).unwrap_or_default());
            if let Some(reason) = &self.end.container {
                set(&mut container, "reason", json!(reason));
            }
            if let Some(exit) = self.end.exit {
                set(&mut container, "exitCode", json!(exit));
            }
        }
        if let Some(stopped) = self.stopped.filter(|at| *at <= now) {
            set(&mut task, "stoppedAt", seconds(stopped));
        }
        set(&mut task, "containers", json!([container]));
        task
    }
}

impl Ecs {
    /// A task with its whole life laid out, as the faults have it.
    pub(super) fn start(&mut self, order: &Order<'_>, at: i64, context: &Context) -> String {
        let id = self.id();
        let definition = self.definition(order.definition);
        let container = definition
            .pointer("/containerDefinitions/0")
            .cloned()
            .unwrap_or_default();
        let (container_name, image) = (
            text(&container, "name").unwrap_or_default().to_owned(),
            text(&container, "image").unwrap_or_default().to_owned(),
        );
        let running = at + STARTING;
        let mut task = Task {
            cluster: order.cluster.to_owned(),
            definition: order.definition.to_owned(),
            group: order.group.clone(),
            deployment: order.deployment.clone(),
            started_by: order.started_by.clone(),
            created: at,
            running: Some(running),
            healthy: Some(match order.target_group {
                Some(_) => running + HEALTHY,
                None => running,
            }),
            ends: order.is_job.then_some(running + JOB),
            end: End::exited(0),
            stopping: None,
            stopped: None,
            counted: order.deployment.is_none(),
            says: vec![(running, vec![format!("{container_name} is up")])],
            container: container_name,
            image,
            provider: order.provider.clone(),
            tags: order.tags.clone(),
            overrides: order.overrides.clone(),
        };
        if order.is_job {
            task.says.push((running + JOB, vec!["all done".to_owned()]));
        }
        spoil(&mut task, order, &container, context);
        let end = task.ends.map_or(0, |at| at);
        if task.running.is_none() {
            task.says.clear();
        }
        // What was printed before the end is in the log by then.
        task.says.retain(|(when, _)| task.ends.is_none() || *when <= end);
        self.tasks.insert(id.clone(), task);
        id
    }

    pub(super) fn describe_task(&self, id: &str, context: &Context) -> Value {
        let Some(task) = self.tasks.get(id) else {
            return Value::Null;
        };
        let definition = self.definition(&task.definition);
        task.describe(id, &definition, context.now, context)
    }

    /// Sends what a task has printed by now, each line once.
    pub(super) fn print(&mut self, id: &str, at: i64, context: &Context) {
        let Some(task) = self.tasks.get_mut(id) else { return };
        let (due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut task.says)
            .into_iter()
            .partition(|(when, _)| *when <= at);
        task.says = later;
        let (name, definition) = (task.container.clone(), task.definition.clone());
        if due.is_empty() {
            return;
        }
        let definition = self.definition(&definition);
        let options = definition.pointer("/containerDefinitions/0/logConfiguration/options");
        let option = |key: &str| options.and_then(|options| text(options, key)).map(str::to_owned);
        let (Some(group), Some(prefix)) = (option("awslogs-group"), option("awslogs-stream-prefix")) else {
            return;
        };
        let stream = format!("{prefix}/{name}/{id}");
        for (when, lines) in due {
            self.log(context, &group, &stream, when, &lines);
        }
    }
}

/// What the faults make of a task ("Amazon ECS stopped tasks error messages").
fn spoil(task: &mut Task, order: &Order<'_>, container: &Value, context: &Context) {
    let Some(fault) = context.facts.workload("ecs", &task.container, &task.image) else {
        return;
    };
    let running = task.created + STARTING;
    let said = |usual: String| fault.message.clone().unwrap_or(usual);
    let mut never_runs = |after: i64, reason: String| {
        task.running = None;
        task.healthy = None;
        task.ends = Some(task.created + after);
        task.end = End {
            container: Some(reason.clone()),
            ..End::new("TaskFailedToStart", reason)
        };
    };
    match fault.fails.as_str() {
        "image-pull" => {
            let image = &task.image;
            let reason = format!(
                "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {image}: {image}: not found"
            );
            never_runs(25_000, said(reason));
        }
        "missing-secret" => {
            let secret = container.pointer("/secrets/0/valueFrom").and_then(Value::as_str);
            let reason = format!(
                "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret {} from secrets manager: ResourceNotFoundException: Secrets Manager can't find the specified secret.",
                secret.unwrap_or("arn:aws:secretsmanager:us-east-1:111122223333:secret:absent")
            );
            never_runs(20_000, said(reason));
        }
        "crash" | "job-fails" => {
            task.healthy = None;
            task.ends = Some(running + 5_000);
            task.end = End::exited(1);
            let line = said("error: the model cannot be read: unexpected end of file".to_owned());
            task.says.push((running + 4_000, vec![line]));
        }
        "oom" => {
            task.healthy = None;
            task.ends = Some(running + 20_000);
            task.end = End {
                container: Some(said(
                    "OutOfMemoryError: Container killed due to memory usage".to_owned(),
                )),
                ..End::exited(137)
            };
        }
        "never-ready" => match &order.target_group {
            Some(group) => {
                task.healthy = None;
                task.ends = Some(running + order.grace + 45_000);
                let reason = format!("Task failed ELB health checks in (target-group {group})");
                task.end = End::new("ServiceSchedulerInitiated", reason);
            }
            // Nobody asks: it does not even come to run.
            None => {
                task.running = None;
                task.healthy = None;
            }
        },
        _ => {}
    }
}

pub(super) fn arn(cluster: &str, id: &str, context: &Context) -> String {
    format!("arn:aws:ecs:{}:{}:task/{cluster}/{id}", context.region, context.account)
}
