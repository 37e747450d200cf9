//! The requests of a release, read back from its record.

use serde_json::{Map, Value as Json, json};

use super::super::{Release, scaling};
use super::difference::differences;
use super::read::text;
use crate::diagnostic::{Problem, codes};

/// What a release asks ECS for.
pub(super) struct Wanted {
    pub(super) cluster: String,
    /// The workload's name, which is the service's and the container's.
    pub(super) name: String,
    pub(super) family: String,
    /// The request that registers its task definition.
    pub(super) definition: Json,
    pub(super) run: Run,
    /// The whole reference of the image; empty if it is not known.
    pub(super) image: String,
    /// Of a service whose number is not fixed, how many run at first.
    pub(super) least: Option<u64>,
}

/// How the task definition is run.
pub(super) enum Run {
    /// As a service: the request that makes it.
    Service(Json),
    /// Once.
    Task(Json),
    /// Whenever the clock says so: the request that makes the schedule.
    Schedule(Json),
}

impl Wanted {
    /// Errors: a record that is not one of ECS.
    pub(super) fn read(release: &Release) -> Result<Self, Problem> {
        let request = |action: &str| {
            let mut found = release
                .objects
                .iter()
                .filter(|object| text(object, "action") == Some(action));
            found.next()?.get("request").cloned()
        };
        let unreadable = || {
            Problem::error(
                codes::STATE_UNREADABLE,
                format!("the record of a release of `{}` is not one of ECS", release.workload),
            )
        };
        let definition = request("RegisterTaskDefinition").ok_or_else(unreadable)?;
        let least = scaling::Wanted::of(release).and_then(scaling::Wanted::least);
        let run = match (request("CreateService"), request("RunTask"), request("CreateSchedule")) {
            (Some(mut service), ..) => {
                // The number is the scaler's, from the first day on.
                if let (Some(_), Some(members)) = (least, service.as_object_mut()) {
                    members.remove("desiredCount");
                }
                Run::Service(service)
            }
            (None, Some(task), _) => Run::Task(task),
            (None, None, Some(schedule)) => Run::Schedule(schedule),
            (None, None, None) => return Err(unreadable()),
        };
        let cluster = match &run {
            Run::Service(settings) | Run::Task(settings) => text(settings, "cluster"),
            Run::Schedule(schedule) => schedule
                .pointer("/Target/Arn")
                .and_then(Json::as_str)
                .and_then(|arn| arn.rsplit('/').next()),
        };
        Ok(Self {
            cluster: cluster.ok_or_else(unreadable)?.to_owned(),
            name: release.workload.clone(),
            family: text(&definition, "family").ok_or_else(unreadable)?.to_owned(),
            image: release.image.reference.clone(),
            definition,
            run,
            least,
        })
    }

    /// What its service is to be: with the least number of tasks where fewer are asked for at present. A version of which
    /// no task runs would look as if all of it did.
    pub(super) fn lifted(&self, settings: &Json, desired: u32) -> Json {
        let mut settings = settings.clone();
        if let Some(least) = self.least.filter(|least| u64::from(desired) < *least) {
            set(&mut settings, "desiredCount", json!(least));
        }
        settings
    }

    /// Log group and the beginning of the names of the streams; a task's id is their end.
    pub(super) fn log(&self) -> Option<(String, String)> {
        let options = self
            .definition
            .pointer("/containerDefinitions/0/logConfiguration/options")?;
        let prefix = text(options, "awslogs-stream-prefix")?;
        let group = text(options, "awslogs-group")?.to_owned();
        Some((group, format!("{prefix}/{}/", self.name)))
    }

    /// The memory of a task in MiB, as it is written.
    pub(super) fn memory(&self) -> &str {
        text(&self.definition, "memory").unwrap_or("?")
    }
}

/// What UpdateService cannot change, or calls otherwise.
const OF_CREATION: [&str; 5] = ["serviceName", "tags", "clientToken", "cluster", "schedulingStrategy"];

/// What UpdateService takes of a service as it is described.
const OF_UPDATE: [&str; 11] = [
    "desiredCount",
    "taskDefinition",
    "capacityProviderStrategy",
    "deploymentConfiguration",
    "networkConfiguration",
    "platformVersion",
    "healthCheckGracePeriodSeconds",
    "enableExecuteCommand",
    "enableECSManagedTags",
    "loadBalancers",
    "propagateTags",
];

/// What UpdateService changes without a new deployment, and what every task has to have all the same.
const QUIET: [&str; 4] = [
    "capacityProviderStrategy",
    "enableECSManagedTags",
    "enableExecuteCommand",
    "propagateTags",
];

fn differs(asked: &Json, found: Option<&Json>) -> bool {
    !differences(&json!({ "it": asked }), &json!({ "it": found })).is_empty()
}

/// The request that makes the service, with the revision in it.
pub(super) fn creation(settings: &Json, definition: &str) -> Json {
    let mut request = settings.clone();
    set(&mut request, "taskDefinition", json!(definition));
    request
}

/// The request that makes an existing service what `settings` say; what they no longer say is taken away.
pub(super) fn update(settings: &Json, definition: &str, found: &Json) -> Json {
    let mut request: Map<String, Json> = settings
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| !OF_CREATION.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    request.insert(
        "cluster".to_owned(),
        settings.get("cluster").cloned().unwrap_or_default(),
    );
    request.insert(
        "service".to_owned(),
        settings.get("serviceName").cloned().unwrap_or_default(),
    );
    request.insert("taskDefinition".to_owned(), json!(definition));
    let has = |member: &str| {
        found
            .get(member)
            .and_then(Json::as_array)
            .is_some_and(|list| !list.is_empty())
    };
    if has("loadBalancers") && !request.contains_key("loadBalancers") {
        request.insert("loadBalancers".to_owned(), json!([]));
    }
    // Tasks that run already would stay as they are.
    if QUIET.iter().any(|member| {
        request
            .get(*member)
            .is_some_and(|value| differs(value, found.get(*member)))
    }) {
        request.insert("forceNewDeployment".to_owned(), json!(true));
    }
    let connected = found.pointer("/serviceConnectConfiguration/enabled") == Some(&json!(true));
    if connected && !request.contains_key("serviceConnectConfiguration") {
        request.insert("serviceConnectConfiguration".to_owned(), json!({ "enabled": false }));
    }
    Json::Object(request)
}

/// The request that makes a service again what it was when it was described as `found`.
pub(super) fn as_found(cluster: &str, name: &str, found: &Json) -> Json {
    let mut request = json!({ "cluster": cluster, "service": name });
    for member in OF_UPDATE {
        if let Some(value) = found.get(member) {
            set(&mut request, member, value.clone());
        }
    }
    let balanced = found
        .get("loadBalancers")
        .and_then(Json::as_array)
        .is_some_and(|list| !list.is_empty());
    if !balanced && let Some(members) = request.as_object_mut() {
        // Only a service behind a load balancer takes it.
        members.remove("healthCheckGracePeriodSeconds");
        members.insert("loadBalancers".to_owned(), json!([]));
    }
    set(
        &mut request,
        "serviceConnectConfiguration",
        match found.get("serviceConnectConfiguration") {
            Some(connect) => connect.clone(),
            None => json!({ "enabled": false }),
        },
    );
    request
}

/// Sets a member of an object; of what is none, nothing.
pub(super) fn set(object: &mut Json, name: &str, value: Json) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}
