//! ECS: clusters, task definitions, services and tasks, with deployments that take the time that they take.
//!
//! Nothing runs. What would happen is worked out second by second whenever somebody asks ([`life`]), the same each time;
//! faults of workloads decide which containers fail, and how. What containers would print goes to CloudWatch Logs.

mod clusters;
mod definitions;
mod life;
mod runs;
mod services;
mod standing;
mod tasks;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use winterbaume_core::MockResponse;

use self::clusters::Cluster;
use self::definitions::Revision;
use self::services::Service as Running;
use self::standing::Standing;
use self::tasks::Task;
use super::inventory::Item;
use super::reply::{self, ApiError, refuse, seconds};
use super::request::{Name, Request};
use super::service::{Context, Service};

pub(super) use definitions::fits_fargate;

type Answer = Result<Value, ApiError>;

/// The service's whole state.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Ecs {
    /// Until when life has gone on, in milliseconds.
    now: i64,
    /// How many things have got an id.
    made: u64,
    clusters: BTreeMap<String, Cluster>,
    families: BTreeMap<String, Vec<Revision>>,
    /// By `CLUSTER/NAME`.
    services: BTreeMap<String, Running>,
    /// By id.
    tasks: BTreeMap<String, Task>,
    /// What RunTask answered to a client token.
    answered: BTreeMap<String, Value>,
    /// By the name that whoever gave them calls them.
    #[serde(default)]
    standing: BTreeMap<String, Standing>,
    /// Whether standing orders were carried out.
    #[serde(skip)]
    moved: bool,
    /// What goes to other services: log events.
    #[serde(skip)]
    outbox: Vec<Request>,
}

impl Service for Ecs {
    fn handle(&mut self, request: &Request, context: &Context) -> MockResponse {
        let answer = serde_json::from_slice(&request.body)
            .map_err(|error| ApiError::new(400, "SerializationException", error.to_string()))
            .and_then(|body: Value| {
                self.live(context);
                self.call(&request.action, &body, context)
            });
        reply::answered(request, answer)
    }

    fn export(&mut self, _: &Context) -> Result<Vec<u8>, String> {
        serde_json::to_vec(self).map_err(|error| error.to_string())
    }

    fn import(&mut self, state: &[u8], _: &Context) -> Result<(), String> {
        *self = serde_json::from_slice(state).map_err(|error| error.to_string())?;
        Ok(())
    }

    fn inventory(&mut self, context: &Context) -> Vec<Item> {
        self.live(context);
        let services = self.services.iter().filter(|(_, service)| service.status != "INACTIVE");
        let services = services.map(|(key, _)| Item::new("ecs", "service", key));
        let tasks = self.tasks.iter().filter(|(_, task)| !task.is_stopped(context.now));
        services
            .chain(tasks.map(|(id, _)| Item::new("ecs", "task", id)))
            .collect()
    }

    fn has_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    fn outbox(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.outbox)
    }
}

impl Ecs {
    fn call(&mut self, action: &str, body: &Value, context: &Context) -> Answer {
        match action {
            "CreateCluster" => self.create_cluster(body, context),
            "DeleteCluster" => self.delete_cluster(body, context),
            "DescribeClusters" => self.describe_clusters(body, context),
            "ListClusters" => Ok(self.list_clusters(context)),
            "PutClusterCapacityProviders" => self.put_capacity_providers(body, context),
            "RegisterTaskDefinition" => self.register(body, context),
            "DeregisterTaskDefinition" => self.deregister(body, context),
            "DescribeTaskDefinition" => self.describe_definition(body),
            "ListTaskDefinitions" => Ok(self.list_definitions(body)),
            "CreateService" => self.create_service(body, context),
            "UpdateService" => self.update_service(body, context),
            "DeleteService" => self.delete_service(body, context),
            "DescribeServices" => self.describe_services(body, context),
            "ListServices" => self.list_services(body, context),
            "RunTask" => self.run_task(body, context),
            "StopTask" => self.stop_task(body, context),
            "DescribeTasks" => self.describe_tasks(body, context),
            "ListTasks" => self.list_tasks(body, context),
            "PutStandingOrder" => self.put_standing_order(body, context),
            "DropStandingOrder" => self.drop_standing_order(body),
            _ => Err(ApiError::new(
                400,
                "UnknownOperationException",
                format!("the sandbox's ECS does not know {action}"),
            )),
        }
    }

    /// An id that no other thing has, as ECS writes them; the same in the same sandbox each time.
    fn id(&mut self) -> String {
        self.made += 1;
        format!(
            "{:032x}",
            u128::from(self.made).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
        )
    }

    /// Has CloudWatch Logs take lines of a container; a stream is made by the first of them.
    fn log(&mut self, context: &Context, group: &str, stream: &str, at: i64, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        let (stream, events) = (
            json!({ "logGroupName": group, "logStreamName": stream }),
            lines
                .iter()
                .map(|line| json!({ "timestamp": at, "message": line }))
                .collect::<Vec<_>>(),
        );
        let mut put = stream.clone();
        set(&mut put, "logEvents", json!(events));
        let of = |action, body| Request::json(Name::Logs, &context.region, action, body);
        self.outbox.push(of("CreateLogStream", &stream));
        self.outbox.push(of("PutLogEvents", &put));
    }
}

/// A member that is text.
fn text<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    body.get(name).and_then(Value::as_str)
}

/// A member that is a list of texts.
fn texts<'a>(body: &'a Value, name: &str) -> Vec<&'a str> {
    let items = body.get(name).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).collect()
}

/// The name in an ARN, or the name itself.
fn name(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// Sets a member of an object; of what is none, nothing.
pub(super) fn set(object: &mut Value, name: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}
