//! Endpoints: made and changed in minutes, blue/green, with the ways in which that fails.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::super::reply::ApiError;
use super::{Answer, Asked, State, check_name, invalid, missing, page, seconds, text};

const SECOND: i64 = 1_000;
/// Instances, image, model and the first answer to /ping.
const CREATION: i64 = 240 * SECOND;
/// How long a container is asked in vain, above the time in which it comes up.
const GIVING_UP: i64 = 480 * SECOND;
const ROLLBACK: i64 = 90 * SECOND;
const DELETION: i64 = 30 * SECOND;
/// Instances of what serves already.
const SCALING: i64 = 180 * SECOND;

/// An endpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Endpoint {
    pub(super) arn: String,
    config: String,
    status: String,
    #[serde(default)]
    failure: Option<String>,
    created: i64,
    modified: i64,
    /// How many instances run, where somebody has scaled them; otherwise as the configuration says.
    #[serde(default)]
    count: Option<i64>,
    /// Until when instances come or go.
    #[serde(default)]
    scaling: Option<i64>,
    #[serde(default)]
    deployment: Option<Deployment>,
    #[serde(default)]
    deleted: Option<i64>,
}

/// A configuration on its way into service.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Deployment {
    config: String,
    began: i64,
    /// From when on it is being taken back.
    #[serde(default)]
    turns: Option<i64>,
    ends: i64,
    outcome: Outcome,
    /// The number of instances that is kept.
    #[serde(default)]
    retained: Option<i64>,
    #[serde(default)]
    reason: Option<String>,
    first: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Outcome {
    Serves,
    Fails,
    RolledBack,
    RollbackFails,
}

impl Endpoint {
    pub(super) fn settle(&mut self, now: i64) {
        let Some(deployment) = self.deployment.take_if(|deployment| now >= deployment.ends) else {
            return;
        };
        self.modified = deployment.ends;
        self.failure = None;
        let status = match deployment.outcome {
            Outcome::Serves => {
                self.config = deployment.config;
                self.count = deployment.retained;
                "InService"
            }
            Outcome::Fails => {
                self.failure = deployment.reason;
                "Failed"
            }
            Outcome::RolledBack => "InService",
            Outcome::RollbackFails => {
                self.failure = deployment.reason;
                "UpdateRollbackFailed"
            }
        };
        status.clone_into(&mut self.status);
    }

    pub(super) fn is_gone(&self, now: i64) -> bool {
        self.deleted.is_some_and(|at| now >= at + DELETION)
    }

    fn status(&self, now: i64) -> &str {
        match &self.deployment {
            _ if self.deleted.is_some() => "Deleting",
            Some(deployment) if deployment.first => "Creating",
            Some(deployment) if deployment.turns.is_some_and(|turns| now >= turns) => "RollingBack",
            Some(_) => "Updating",
            None if self.scaling.is_some_and(|until| now < until) => "Updating",
            None => &self.status,
        }
    }
}

impl State {
    pub(super) fn create_endpoint(&mut self, asked: Asked<'_>) -> Answer {
        let name = asked.text("EndpointName");
        check_name("EndpointName", &name)?;
        let arn = asked.arn("endpoint", &name);
        if self.endpoints.contains_key(&name) {
            return Err(invalid(format!("Cannot create already existing endpoint \"{arn}\".")));
        }
        let config = self.known_config(asked)?;
        self.keep_tags(asked, &arn);
        let now = asked.context.now;
        let mut endpoint = Endpoint {
            arn: arn.clone(),
            config: config.clone(),
            status: "InService".to_owned(),
            failure: None,
            created: now,
            modified: now,
            count: None,
            scaling: None,
            deployment: None,
            deleted: None,
        };
        if !asked.by_stack {
            endpoint.deployment = Some(self.deploy(asked, &name, &arn, config, true));
        }
        self.endpoints.insert(name, endpoint);
        Ok(json!({ "EndpointArn": arn }))
    }

    pub(super) fn update_endpoint(&mut self, asked: Asked<'_>) -> Answer {
        let name = asked.text("EndpointName");
        let arn = asked.arn("endpoint", &name);
        let now = asked.context.now;
        let endpoint = self.endpoints.get(&name);
        let endpoint = endpoint.ok_or_else(|| missing("endpoint", &arn))?;
        match endpoint.status(now) {
            "Creating" | "Updating" | "RollingBack" | "Deleting" => {
                return Err(invalid(format!("Cannot update in-progress endpoint \"{arn}\".")));
            }
            "Failed" => {
                return Err(invalid(format!(
                    "Cannot update endpoint \"{arn}\" in status Failed: it can only be deleted."
                )));
            }
            _ => {}
        }
        let config = self.known_config(asked)?;
        let retains = asked.body.get("RetainAllVariantProperties").and_then(Value::as_bool) == Some(true);
        let retained = endpoint.count.or_else(|| self.initial_count(&endpoint.config));
        let mut deployment = (!asked.by_stack).then(|| self.deploy(asked, &name, &arn, config.clone(), false));
        if let Some(deployment) = &mut deployment {
            deployment.retained = retained.filter(|_| retains);
        }
        if let Some(endpoint) = self.endpoints.get_mut(&name) {
            endpoint.modified = now;
            if deployment.is_none() {
                endpoint.config = config;
            }
            endpoint.deployment = deployment;
        }
        Ok(json!({ "EndpointArn": arn }))
    }

    fn known_config(&self, asked: Asked<'_>) -> Result<String, ApiError> {
        let config = asked.text("EndpointConfigName");
        if !asked.by_stack && !self.configs.contains_key(&config) {
            return Err(missing(
                "endpoint configuration",
                &asked.arn("endpoint-config", &config),
            ));
        }
        Ok(config)
    }

    /// What will become of `config`, and what its containers print on the way.
    fn deploy(&mut self, asked: Asked<'_>, name: &str, arn: &str, config: String, first: bool) -> Deployment {
        let now = asked.context.now;
        let workload = self.tags.get(arn).and_then(|tags| tags.get("mlinfra:workload"));
        let workload = workload.map_or(name, String::as_str).to_owned();
        let image = self.image_of(&config);
        let fault = asked.context.facts.workload("sagemaker", &workload, &image).cloned();
        let policy = |pointer: &str| {
            let value = asked
                .body
                .pointer(&format!("/DeploymentConfig/BlueGreenUpdatePolicy{pointer}"));
            value.and_then(Value::as_i64).unwrap_or_default() * SECOND
        };
        let up = now + CREATION;
        let baked = up + policy("/TrafficRoutingConfiguration/WaitIntervalInSeconds");
        let done = baked + policy("/TerminationWaitInSeconds");
        let group = format!("/aws/sagemaker/Endpoints/{name}");
        let stream = format!("AllTraffic/i-{:017x}", now.unsigned_abs());
        let mut deployment = Deployment {
            config,
            began: now,
            turns: None,
            ends: if first { up } else { done },
            outcome: Outcome::Serves,
            retained: None,
            reason: None,
            first,
        };
        self.print(up - 30 * SECOND, &group, &stream, "loading /opt/ml/model");
        let Some(fault) = fault else {
            self.print(up - 10 * SECOND, &group, &stream, "listening on 0.0.0.0:8080");
            return deployment;
        };
        let usual = "The primary container for production variant AllTraffic did not pass the ping health check. Please check CloudWatch logs for this endpoint.";
        let reason = fault.message.clone().unwrap_or_else(|| usual.to_owned());
        deployment.reason = Some(reason);
        match fault.fails.as_str() {
            // Alarms ring once traffic is there: the containers themselves are well.
            "rollback" | "silent-rollback" if !first => {
                self.print(up - 10 * SECOND, &group, &stream, "listening on 0.0.0.0:8080");
                self.print(
                    up + SECOND,
                    &group,
                    &stream,
                    "500 POST /invocations: the model answers with NaN",
                );
                deployment.outcome = Outcome::RolledBack;
                deployment.ends = baked.max(up + 60 * SECOND) + ROLLBACK;
                deployment.turns = (fault.fails == "rollback").then_some(deployment.ends - ROLLBACK);
            }
            fails => {
                let why = match fails {
                    "oom" => "MemoryError: cannot allocate 4096 MiB",
                    _ => "error: the model cannot be read: model.json is missing",
                };
                self.print(up - 20 * SECOND, &group, &stream, why);
                let given_up = up + GIVING_UP;
                if first {
                    deployment.outcome = Outcome::Fails;
                    deployment.ends = given_up;
                } else {
                    deployment.outcome = match fails {
                        "rollback-fails" => Outcome::RollbackFails,
                        _ => Outcome::RolledBack,
                    };
                    deployment.turns = Some(given_up);
                    deployment.ends = given_up + ROLLBACK;
                }
            }
        }
        deployment
    }

    fn image_of(&self, config: &str) -> String {
        let variants = self
            .configs
            .get(config)
            .and_then(|config| config.body.get("ProductionVariants"));
        let model = variants.and_then(|variants| variants.pointer("/0/ModelName"));
        let model = model.and_then(Value::as_str).and_then(|model| self.models.get(model));
        let container = model.and_then(|model| model.body.get("PrimaryContainer"));
        container.map(|container| text(container, "Image")).unwrap_or_default()
    }

    pub(super) fn describe_endpoint(&self, asked: Asked<'_>) -> Answer {
        let name = asked.text("EndpointName");
        let endpoint = self.endpoints.get(&name);
        let endpoint = endpoint.ok_or_else(|| missing("endpoint", &asked.arn("endpoint", &name)))?;
        let status = endpoint.status(asked.context.now);
        let mut answer = json!({
            "EndpointName": name,
            "EndpointArn": endpoint.arn,
            "EndpointConfigName": endpoint.config,
            "EndpointStatus": status,
            "CreationTime": seconds(endpoint.created),
            "LastModifiedTime": seconds(endpoint.modified),
        });
        let Some(fields) = answer.as_object_mut() else {
            return Ok(answer);
        };
        if !matches!(status, "Creating" | "Failed") {
            let variants = self.variants(&endpoint.config, endpoint.count);
            fields.insert("ProductionVariants".to_owned(), variants);
        }
        let pending = endpoint.deployment.as_ref().filter(|deployment| !deployment.first);
        if let Some(deployment) = pending {
            let summary = json!({
                "EndpointConfigName": deployment.config,
                "StartTime": seconds(deployment.began),
            });
            fields.insert("PendingDeploymentSummary".to_owned(), summary);
        }
        let reason = match pending {
            Some(deployment) if status == "RollingBack" => deployment.reason.as_ref(),
            _ => endpoint.failure.as_ref(),
        };
        if let Some(reason) = reason {
            fields.insert("FailureReason".to_owned(), json!(reason));
        }
        Ok(answer)
    }

    /// How many instances the first variant of a configuration begins with.
    fn initial_count(&self, config: &str) -> Option<i64> {
        let variants = self.configs.get(config)?.body.get("ProductionVariants")?;
        variants.pointer("/0/InitialInstanceCount")?.as_i64()
    }

    /// "UpdateEndpointWeightsAndCapacities", of an endpoint with one variant.
    pub(super) fn scale_endpoint(&mut self, asked: Asked<'_>) -> Answer {
        let name = asked.text("EndpointName");
        let arn = asked.arn("endpoint", &name);
        let now = asked.context.now;
        let endpoint = self.endpoints.get_mut(&name);
        let endpoint = endpoint.ok_or_else(|| missing("endpoint", &arn))?;
        if endpoint.status(now) != "InService" {
            return Err(invalid(format!("Cannot update in-progress endpoint \"{arn}\".")));
        }
        let count = asked
            .body
            .pointer("/DesiredWeightsAndCapacities/0/DesiredInstanceCount");
        endpoint.count = count.and_then(Value::as_i64).or(endpoint.count);
        endpoint.scaling = Some(now + SCALING);
        Ok(json!({ "EndpointArn": arn }))
    }

    fn variants(&self, config: &str, scaled: Option<i64>) -> Value {
        let variants = self
            .configs
            .get(config)
            .and_then(|config| config.body.get("ProductionVariants"));
        let variants = variants.and_then(Value::as_array).into_iter().flatten();
        let image = self.image_of(config);
        variants
            .map(|variant| {
                let initial = variant.get("InitialInstanceCount").and_then(Value::as_i64);
                let count = scaled.or(initial).unwrap_or(1);
                json!({
                    "VariantName": text(variant, "VariantName"),
                    "DeployedImages": [{ "SpecifiedImage": image, "ResolvedImage": image }],
                    "CurrentWeight": 1.0,
                    "DesiredWeight": 1.0,
                    "CurrentInstanceCount": count,
                    "DesiredInstanceCount": count,
                })
            })
            .collect()
    }

    pub(super) fn delete_endpoint(&mut self, asked: Asked<'_>) -> Answer {
        let name = asked.text("EndpointName");
        let arn = asked.arn("endpoint", &name);
        let now = asked.context.now;
        let endpoint = self.endpoints.get_mut(&name);
        let endpoint = endpoint.ok_or_else(|| missing("endpoint", &arn))?;
        if endpoint.deployment.is_some() {
            return Err(invalid(format!("Cannot update in-progress endpoint \"{arn}\".")));
        }
        if asked.by_stack {
            self.endpoints.remove(&name);
            self.tags.remove(&arn);
        } else {
            endpoint.deleted = Some(now);
        }
        Ok(json!({}))
    }

    pub(super) fn list_endpoints(&self, asked: Asked<'_>) -> Answer {
        let items = self.endpoints.iter().map(|(name, endpoint)| {
            let summary = json!({
                "EndpointName": name,
                "EndpointArn": endpoint.arn,
                "CreationTime": seconds(endpoint.created),
                "LastModifiedTime": seconds(endpoint.modified),
                "EndpointStatus": endpoint.status(asked.context.now),
            });
            (name.clone(), endpoint.created, summary)
        });
        Ok(page(asked, "Endpoints", items))
    }
}
