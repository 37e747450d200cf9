//! Services, deployments and tasks as ECS describes them.

use serde_json::{Value as Json, json};

use super::super::FieldChange;
use super::difference::differences;
use super::request::set;

/// A service.
#[derive(Debug, Clone)]
pub(super) struct Service {
    /// ACTIVE, DRAINING or INACTIVE.
    pub(super) status: String,
    pub(super) desired: u32,
    /// The ARN of the revision that it is to run.
    pub(super) definition: String,
    pub(super) deployments: Vec<Deployment>,
    /// The newest first.
    pub(super) events: Vec<Event>,
    /// All of it, with the Service Connect of its newest deployment.
    pub(super) found: Json,
}

/// One version of a service.
#[derive(Debug, Clone)]
pub(super) struct Deployment {
    pub(super) id: String,
    pub(super) is_primary: bool,
    pub(super) definition: String,
    pub(super) running: u32,
    pub(super) pending: u32,
    /// COMPLETED, FAILED or IN_PROGRESS.
    pub(super) rollout: String,
    pub(super) reason: String,
    /// Milliseconds since 1970.
    pub(super) created: i64,
}

/// What happened to a service.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) at: i64,
    pub(super) message: String,
}

/// A task.
#[derive(Debug, Clone)]
pub(super) struct Task {
    pub(super) arn: String,
    pub(super) definition: String,
    pub(super) started_by: String,
    /// PROVISIONING, PENDING, ACTIVATING, RUNNING, …, STOPPED.
    pub(super) status: String,
    pub(super) stop_code: String,
    pub(super) reason: String,
    pub(super) created: i64,
    pub(super) started: Option<i64>,
    /// Of the workload's own container.
    pub(super) container: Container,
}

/// A container of a task.
#[derive(Debug, Clone, Default)]
pub(super) struct Container {
    pub(super) image: String,
    pub(super) digest: Option<String>,
    pub(super) reason: String,
    pub(super) exit: Option<i64>,
}

impl Service {
    pub(super) fn read(json: &Json) -> Self {
        let items = |member: &str| json.get(member).and_then(Json::as_array).into_iter().flatten();
        let mut found = json.clone();
        let primary = items("deployments").find(|one| text(one, "status") == Some("PRIMARY"));
        if let Some(connect) = primary.and_then(|one| one.get("serviceConnectConfiguration")) {
            set(&mut found, "serviceConnectConfiguration", connect.clone());
        }
        Self {
            status: owned(json, "status"),
            desired: count(json, "desiredCount"),
            definition: owned(json, "taskDefinition"),
            deployments: items("deployments").map(Deployment::read).collect(),
            events: items("events")
                .map(|event| Event {
                    at: time(event, "createdAt").unwrap_or_default(),
                    message: owned(event, "message"),
                })
                .collect(),
            found,
        }
    }

    pub(super) fn primary(&self) -> Option<&Deployment> {
        self.deployments.iter().find(|one| one.is_primary)
    }

    /// In what it is not as `settings` want it, its task definition aside.
    pub(super) fn differences(&self, settings: &Json) -> Vec<FieldChange> {
        let mut asked = settings.clone();
        if let Some(members) = asked.as_object_mut() {
            for member in ["cluster", "serviceName", "taskDefinition", "tags", "clientToken"] {
                members.remove(member);
            }
            // What it has and is no longer wanted.
            let has = |member: &str| {
                self.found
                    .get(member)
                    .and_then(Json::as_array)
                    .is_some_and(|list| !list.is_empty())
            };
            if has("loadBalancers") {
                members.entry("loadBalancers").or_insert_with(|| json!([]));
            }
            if self.found.pointer("/serviceConnectConfiguration/enabled") == Some(&json!(true)) {
                members
                    .entry("serviceConnectConfiguration")
                    .or_insert_with(|| json!({ "enabled": false }));
            }
        }
        differences(&asked, &self.found)
    }

    /// Whether one deployment is complete and all there is.
    pub(super) fn is_settled(&self) -> bool {
        let primary = self.primary();
        self.deployments.len() == 1
            && primary.is_some_and(|one| one.rollout == "COMPLETED" && one.running == self.desired)
    }
}

impl Deployment {
    fn read(json: &Json) -> Self {
        Self {
            id: owned(json, "id"),
            is_primary: text(json, "status") == Some("PRIMARY"),
            definition: owned(json, "taskDefinition"),
            running: count(json, "runningCount"),
            pending: count(json, "pendingCount"),
            rollout: owned(json, "rolloutState"),
            reason: owned(json, "rolloutStateReason"),
            created: time(json, "createdAt").unwrap_or_default(),
        }
    }
}

impl Task {
    /// A task, with its container `name`; others in it are of ECS's own.
    pub(super) fn read(json: &Json, name: &str) -> Self {
        let containers = json.get("containers").and_then(Json::as_array);
        let own = containers
            .into_iter()
            .flatten()
            .find(|container| text(container, "name") == Some(name));
        let container = own.map(|container| Container {
            image: owned(container, "image"),
            digest: text(container, "imageDigest").map(str::to_owned),
            reason: owned(container, "reason"),
            exit: container.get("exitCode").and_then(Json::as_i64),
        });
        Self {
            arn: owned(json, "taskArn"),
            definition: owned(json, "taskDefinitionArn"),
            started_by: owned(json, "startedBy"),
            status: owned(json, "lastStatus"),
            stop_code: owned(json, "stopCode"),
            reason: owned(json, "stoppedReason"),
            created: time(json, "createdAt").unwrap_or_default(),
            started: time(json, "startedAt"),
            container: container.unwrap_or_default(),
        }
    }

    /// The last part of its ARN, by which its log stream is called.
    pub(super) fn id(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or(&self.arn)
    }
}

/// A member that is text.
pub(super) fn text<'a>(json: &'a Json, member: &str) -> Option<&'a str> {
    json.get(member).and_then(Json::as_str)
}

fn owned(json: &Json, member: &str) -> String {
    text(json, member).unwrap_or_default().to_owned()
}

fn count(json: &Json, member: &str) -> u32 {
    let count = json.get(member).and_then(Json::as_u64).unwrap_or_default();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// A time, which the protocol writes in seconds with a fraction, in milliseconds.
/// A moment in milliseconds since 1970.
pub(super) fn time(json: &Json, member: &str) -> Option<i64> {
    let seconds = json.get(member)?.as_f64()?;
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970 fit")]
    let millis = (seconds * 1000.0).round() as i64;
    Some(millis)
}
