//! Services and their deployments, as they are asked for and described ("CreateService", "UpdateService").

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::super::reply::ApiError;
use super::super::service::Context;
use super::clusters::cluster_arn;
use super::{Answer, Ecs, name, refuse, seconds, set, text, texts};

/// A service.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Service {
    pub(super) cluster: String,
    pub(super) name: String,
    /// ACTIVE, DRAINING or INACTIVE.
    pub(super) status: String,
    created: i64,
    /// What it was last asked to be.
    pub(super) settings: Map<String, Value>,
    /// The newest first; that one is PRIMARY.
    pub(super) deployments: Vec<Deployment>,
    /// Id, time and words, the newest first.
    pub(super) events: Vec<(String, i64, String)>,
    tags: Value,
}

/// One version of a service.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Deployment {
    pub(super) id: String,
    pub(super) definition: String,
    created: i64,
    pub(super) updated: i64,
    pub(super) failed: u32,
    /// IN_PROGRESS, COMPLETED or FAILED.
    pub(super) rollout: String,
    pub(super) reason: String,
    /// No task is started before.
    pub(super) not_before: i64,
    /// Settings as they were for it.
    pub(super) settings: Map<String, Value>,
}

impl Service {
    pub(super) fn desired(&self) -> usize {
        let desired = self.settings.get("desiredCount").and_then(Value::as_u64);
        usize::try_from(desired.unwrap_or_default()).unwrap_or_default()
    }

    pub(super) fn say(&mut self, id: String, at: i64, words: &str) {
        let words = format!("(service {}) {words}", self.name);
        self.events.insert(0, (id, at, words));
        self.events.truncate(100);
    }

    pub(super) fn target_group(&self) -> Option<String> {
        let group = self.settings.get("loadBalancers")?.pointer("/0/targetGroupArn")?;
        group.as_str().map(str::to_owned)
    }
}

/// Settings that make another deployment when they change.
const DEPLOYED: [&str; 4] = [
    "taskDefinition",
    "networkConfiguration",
    "loadBalancers",
    "serviceConnectConfiguration",
];

impl Ecs {
    pub(super) fn create_service(&mut self, body: &Value, context: &Context) -> Answer {
        let cluster = self.cluster(body)?;
        let Some(name) = text(body, "serviceName") else {
            return refuse("InvalidParameterException", "Service name cannot be null.");
        };
        let key = format!("{cluster}/{name}");
        match self.services.get(&key).map(|service| service.status.as_str()) {
            Some("ACTIVE") => {
                return refuse("InvalidParameterException", "Creation of service was not idempotent.");
            }
            Some("DRAINING") => {
                return refuse(
                    "InvalidParameterException",
                    "Unable to Start a service that is still Draining.",
                );
            }
            _ => {}
        }
        let definition = self.fits(&cluster, body)?;
        let mut settings = body.as_object().cloned().unwrap_or_default();
        let tags = settings.remove("tags").unwrap_or_else(|| json!([]));
        for gone in ["cluster", "serviceName", "clientToken"] {
            settings.remove(gone);
        }
        settings.insert("taskDefinition".to_owned(), json!(definition));
        settings.entry("desiredCount").or_insert_with(|| json!(1));
        let service = Service {
            cluster,
            name: name.to_owned(),
            status: "ACTIVE".to_owned(),
            created: context.now,
            settings,
            deployments: Vec::new(),
            events: Vec::new(),
            tags,
        };
        self.services.insert(key.clone(), service);
        self.deploy(&key, None, context.now);
        Ok(json!({ "service": self.describe_service(&key, context) }))
    }

    pub(super) fn update_service(&mut self, body: &Value, context: &Context) -> Answer {
        let key = self.service_key(body, "service")?;
        let cluster = self.cluster(body)?;
        let Some(service) = self.services.get(&key).cloned() else {
            return refuse("ServiceNotFoundException", "Service not found.");
        };
        if service.status != "ACTIVE" {
            return refuse("ServiceNotActiveException", "Service was not ACTIVE.");
        }
        let mut settings = service.settings.clone();
        for (member, value) in body.as_object().into_iter().flatten() {
            if !matches!(member.as_str(), "cluster" | "service" | "forceNewDeployment" | "tags") {
                settings.insert(member.clone(), value.clone());
            }
        }
        let definition = self.fits(&cluster, &Value::Object(settings.clone()))?;
        settings.insert("taskDefinition".to_owned(), json!(definition));
        let forced = body.get("forceNewDeployment").and_then(Value::as_bool) == Some(true);
        let differs = DEPLOYED
            .iter()
            .any(|member| settings.get(*member) != service.settings.get(*member));
        if let Some(service) = self.services.get_mut(&key) {
            service.settings = settings.clone();
            if let Some(primary) = service.deployments.first_mut() {
                primary.updated = context.now;
                if primary.rollout == "COMPLETED" && !differs && !forced {
                    primary.settings = settings;
                }
            }
        }
        if differs || forced {
            self.deploy(&key, None, context.now);
        }
        Ok(json!({ "service": self.describe_service(&key, context) }))
    }

    pub(super) fn delete_service(&mut self, body: &Value, context: &Context) -> Answer {
        let key = self.service_key(body, "service")?;
        let forced = body.get("force").and_then(Value::as_bool) == Some(true);
        let Some(service) = self.services.get_mut(&key) else {
            return refuse("ServiceNotFoundException", "Service not found.");
        };
        if service.status != "ACTIVE" {
            return refuse("ServiceNotActiveException", "Service was not ACTIVE.");
        }
        if service.desired() > 0 && !forced {
            return refuse(
                "InvalidParameterException",
                "The service cannot be stopped while it is scaled above 0.",
            );
        }
        service.status = "DRAINING".to_owned();
        service.settings.insert("desiredCount".to_owned(), json!(0));
        Ok(json!({ "service": self.describe_service(&key, context) }))
    }

    pub(super) fn describe_services(&mut self, body: &Value, context: &Context) -> Answer {
        let cluster = self.cluster(body)?;
        let mut services = Vec::new();
        let mut failures = Vec::new();
        for asked in texts(body, "services") {
            let key = format!("{cluster}/{}", name(asked));
            match self.services.contains_key(&key) {
                true => services.push(self.describe_service(&key, context)),
                false => failures.push(json!({
                    "arn": service_arn(&key, context),
                    "reason": "MISSING",
                })),
            }
        }
        Ok(json!({ "services": services, "failures": failures }))
    }

    pub(super) fn list_services(&mut self, body: &Value, context: &Context) -> Answer {
        let cluster = self.cluster(body)?;
        let own = self
            .services
            .iter()
            .filter(|(_, service)| service.cluster == cluster && service.status != "INACTIVE");
        let arns: Vec<String> = own.map(|(key, _)| service_arn(key, context)).collect();
        Ok(json!({ "serviceArns": arns }))
    }

    /// A new PRIMARY deployment of the service as its settings are now; `why` if not because somebody asked for it.
    pub(super) fn deploy(&mut self, key: &str, why: Option<String>, now: i64) {
        let id = format!("ecs-svc/{:019}", self.made.wrapping_mul(7_919).wrapping_add(1_000_003));
        self.made += 1;
        if let Some(service) = self.services.get_mut(key) {
            let settings = service.settings.clone();
            let definition = settings
                .get("taskDefinition")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let reason = why.unwrap_or_else(|| format!("ECS deployment {id} in progress."));
            let deployment = Deployment {
                id,
                definition: definition.to_owned(),
                created: now,
                updated: now,
                failed: 0,
                rollout: "IN_PROGRESS".to_owned(),
                reason,
                not_before: now,
                settings,
            };
            service.deployments.insert(0, deployment);
        }
    }

    /// What a service needs to be deployed; gives the ARN of its task definition.
    fn fits(&mut self, cluster: &str, body: &Value) -> Result<String, ApiError> {
        self.providers_are_there(cluster, body)?;
        let revision = self.runnable(text(body, "taskDefinition").unwrap_or_default())?;
        let containers = revision
            .definition
            .get("containerDefinitions")
            .and_then(Value::as_array);
        let balancers = body.get("loadBalancers").and_then(Value::as_array);
        for balancer in balancers.into_iter().flatten() {
            let wanted = text(balancer, "containerName").unwrap_or_default();
            let port = balancer.get("containerPort");
            let container = containers
                .into_iter()
                .flatten()
                .find(|container| text(container, "name") == Some(wanted));
            let Some(container) = container else {
                return refuse(
                    "InvalidParameterException",
                    format!("The container {wanted} does not exist in the task definition."),
                );
            };
            let ports = container.get("portMappings").and_then(Value::as_array);
            if !ports.into_iter().flatten().any(|one| one.get("containerPort") == port) {
                let port = port.cloned().unwrap_or_default();
                return refuse(
                    "InvalidParameterException",
                    format!(
                        "The container {wanted} did not have a container port {port} defined in the task definition."
                    ),
                );
            }
        }
        if body
            .get("healthCheckGracePeriodSeconds")
            .is_some_and(|grace| !grace.is_null())
            && balancers.is_none_or(Vec::is_empty)
        {
            return refuse(
                "InvalidParameterException",
                "Health check grace period is only valid for services configured to use load balancers",
            );
        }
        Ok(revision.arn().to_owned())
    }

    pub(super) fn providers_are_there(&self, cluster: &str, body: &Value) -> Result<(), ApiError> {
        let known = self.clusters.get(cluster).map(|cluster| cluster.providers.as_slice());
        let strategy = body.get("capacityProviderStrategy").and_then(Value::as_array);
        for item in strategy.into_iter().flatten() {
            let provider = text(item, "capacityProvider").unwrap_or_default();
            if !known.unwrap_or_default().iter().any(|one| one == provider) {
                return refuse(
                    "InvalidParameterException",
                    "The specified capacity provider strategy cannot contain a capacity provider that is not associated with the cluster. Associate the capacity provider with the cluster and try again.",
                );
            }
        }
        Ok(())
    }

    fn service_key(&self, body: &Value, member: &str) -> Result<String, ApiError> {
        let cluster = self.cluster(body)?;
        Ok(format!("{cluster}/{}", name(text(body, member).unwrap_or_default())))
    }

    fn describe_service(&self, key: &str, context: &Context) -> Value {
        let Some(service) = self.services.get(key) else {
            return Value::Null;
        };
        let now = context.now;
        let of = |deployment: Option<&str>, running: bool| {
            let group = format!("service:{}", service.name);
            self.tasks
                .values()
                .filter(|task| {
                    task.cluster == service.cluster
                        && task.group == group
                        && deployment.is_none_or(|id| task.deployment.as_deref() == Some(id))
                        && task.is_live(now)
                        && task.is_running(now) == running
                })
                .count()
        };
        let deployments: Vec<Value> = service
            .deployments
            .iter()
            .enumerate()
            .map(|(index, deployment)| {
                let mut described = json!({
                    "id": deployment.id,
                    "status": if index == 0 { "PRIMARY" } else { "ACTIVE" },
                    "taskDefinition": deployment.definition,
                    "desiredCount": if index == 0 { service.desired() } else { 0 },
                    "runningCount": of(Some(&deployment.id), true),
                    "pendingCount": of(Some(&deployment.id), false),
                    "failedTasks": deployment.failed,
                    "createdAt": seconds(deployment.created),
                    "updatedAt": seconds(deployment.updated),
                    "rolloutState": deployment.rollout,
                    "rolloutStateReason": deployment.reason,
                });
                for member in [
                    "capacityProviderStrategy",
                    "networkConfiguration",
                    "serviceConnectConfiguration",
                ] {
                    if let Some(value) = deployment.settings.get(member) {
                        set(&mut described, member, value.clone());
                    }
                }
                described
            })
            .collect();
        let events: Vec<Value> = service
            .events
            .iter()
            .map(|(id, at, words)| json!({ "id": id, "createdAt": seconds(*at), "message": words }))
            .collect();
        let mut described = service.settings.clone();
        described.remove("serviceConnectConfiguration");
        // What ECS adds to a strategy.
        let strategy = described
            .get_mut("capacityProviderStrategy")
            .and_then(Value::as_array_mut);
        for item in strategy.into_iter().flatten() {
            if item.get("base").is_none() {
                set(item, "base", json!(0));
            }
        }
        let own = json!({
            "serviceArn": service_arn(key, context),
            "serviceName": service.name,
            "clusterArn": cluster_arn(&service.cluster, context),
            "status": service.status,
            "runningCount": of(None, true),
            "pendingCount": of(None, false),
            "deployments": deployments,
            "events": events,
            "createdAt": seconds(service.created),
            "schedulingStrategy": "REPLICA",
            "tags": service.tags,
        });
        described.extend(own.as_object().cloned().unwrap_or_default());
        Value::Object(described)
    }
}

fn service_arn(key: &str, context: &Context) -> String {
    format!("arn:aws:ecs:{}:{}:service/{key}", context.region, context.account)
}
