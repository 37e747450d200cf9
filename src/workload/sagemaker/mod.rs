//! What a workload becomes on SageMaker: a model, a configuration and an endpoint, or a processing job.
//!
//! Each is a request in the words of SageMaker's API reference, and is named after everything in it: what has the same
//! name is the same. SageMaker changes neither models nor configurations, so a new version is a new name, and going back is
//! leading the endpoint to the old one.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use super::Facts;
use super::scaling::{self, Scaled};
use super::values;
use crate::diagnostic::{Problem, Problems, codes};
use crate::spec::workload::{Kind, Platform, Scale, Target};
use crate::spec::{Environment, Workload};

mod training;

pub use training::{Buckets, TRAINING_TAG, TrainingFacts, job_name, model_group, model_package, training_job};

/// "CreateEndpoint", SageMaker API Reference: the same for models, configurations and jobs.
const LONGEST_NAME: usize = 63;
/// The digits of a digest in a name.
const DIGITS: usize = 10;
/// The only variant of an endpoint.
const VARIANT: &str = "AllTraffic";
/// What says whose a thing of SageMaker is.
pub const WORKLOAD_TAG: &str = "mlinfra:workload";

/// What the stack gives to what runs on it. What is not known yet stands in requests as a phrase.
#[derive(Debug, Clone, Default)]
struct Host {
    /// The role of models.
    execution_role_arn: Option<String>,
    /// The role of jobs.
    job_role_arn: Option<String>,
    /// The subnets of both; outside of any VPC if there are none.
    subnets: Vec<String>,
    /// The security group of models.
    security_group_id: Option<String>,
    /// The security group of jobs.
    job_security_group_id: Option<String>,
    /// Alarms that make SageMaker go back to the version before.
    alarms: Vec<String>,
}

impl Host {
    fn of(outputs: &BTreeMap<String, String>, workload: &str) -> Self {
        let text = |name: &str| outputs.get(name).cloned();
        let list = |name: &str| list(outputs.get(name).map(String::as_str));
        Self {
            execution_role_arn: text("execution_role_arn"),
            job_role_arn: text("training_role_arn"),
            // The module has one set of subnets, for models and jobs alike.
            subnets: list("training_subnet_ids"),
            security_group_id: text("security_group_id"),
            job_security_group_id: text("training_security_group_id"),
            alarms: list("endpoint_alarm_names")
                .into_iter()
                .filter_map(|alarm| match alarm.split_once('=') {
                    Some((other, alarm)) => (other == workload).then(|| alarm.to_owned()),
                    // Of a module of one's own: for all of them.
                    None => Some(alarm),
                })
                .collect(),
        }
    }
}

/// The items of an output that is a list: a JSON array, or CloudFormation's own form with commas.
pub fn list(output: Option<&str>) -> Vec<String> {
    let text = output.unwrap_or_default();
    serde_json::from_str(text).unwrap_or_else(|_| {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        items.map(str::to_owned).collect()
    })
}

/// The requests that `workload` becomes, in the order in which they are sent, each as `{ kind, name, request }`; none if
/// it does not run on SageMaker. `kind` is `Model`, `EndpointConfig`, `Endpoint` or `ProcessingJob`.
///
/// `package` is the ARN of the model's version in the registry, and `outputs` what the stack gives, once it is deployed.
///
/// # Errors
/// Everything that SageMaker cannot do for it.
pub fn objects(
    environment: &Environment,
    workload: &Workload,
    facts: &Facts,
    package: Option<&str>,
    outputs: Option<&BTreeMap<String, String>>,
) -> Result<Vec<Json>, Problems> {
    if workload.platform != Platform::SageMaker {
        return Ok(Vec::new());
    }
    let problems = refused(workload);
    if problems.has_errors() {
        return Err(problems);
    }
    let host = outputs
        .map(|outputs| Host::of(outputs, &workload.name.value))
        .unwrap_or_default();
    let scene = Scene {
        environment,
        workload,
        facts,
        package,
        host: &host,
    };
    Ok(match workload.kind {
        Kind::Batch => vec![scene.processing_job()],
        Kind::Api | Kind::Stream => scene.endpoint(),
    })
}

/// The name of the endpoint of a workload.
pub fn endpoint_name(environment: &Environment, workload: &str) -> String {
    fitted(&base(environment, workload), LONGEST_NAME)
}

/// A `DeploymentConfig` that switches all traffic at once, keeps nothing standing by, and asks no alarm.
pub fn all_at_once() -> Json {
    blue_green(&at_once(), 0)
}

fn at_once() -> Json {
    json!({ "Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0 })
}

fn blue_green(traffic: &Json, standing_by_seconds: u32) -> Json {
    json!({
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": traffic,
            "TerminationWaitInSeconds": standing_by_seconds,
            "MaximumExecutionTimeoutInSeconds": 3600,
        },
    })
}

/// What is scaled of an endpoint of this name.
pub fn scaled(endpoint: &str) -> Scaled {
    Scaled::variant(endpoint, VARIANT)
}

/// What the names of all models, configurations and jobs of a workload begin with; ten hexadecimal digits follow.
pub fn prefix(environment: &Environment, workload: &str) -> String {
    format!("{}-", fitted(&base(environment, workload), LONGEST_NAME - DIGITS - 1))
}

/// Whether `name` is one that a workload with this [`prefix`] gives, and not that of a longer named one.
pub fn is_named_by(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix)
        .is_some_and(|rest| rest.len() == DIGITS && rest.chars().all(|c| c.is_ascii_hexdigit()))
}

/// The request of an object that [`objects`] gave, if it is of this kind.
pub fn request<'a>(objects: &'a [Json], kind: &str) -> Option<&'a Json> {
    let found = objects
        .iter()
        .find(|object| object.get("kind").and_then(Json::as_str) == Some(kind))?;
    found.get("request")
}

/// The name of an object that [`objects`] gave, if there is one of this kind.
pub fn name<'a>(objects: &'a [Json], kind: &str) -> Option<&'a str> {
    let found = objects
        .iter()
        .find(|object| object.get("kind").and_then(Json::as_str) == Some(kind))?;
    found.get("name").and_then(Json::as_str)
}

fn refused(workload: &Workload) -> Problems {
    let mut problems = Problems::default();
    let name = &workload.name.value;
    let refuse = |key: &str, message: String| {
        let span = workload.written.get(key).unwrap_or(&workload.name.span).clone();
        Problem::error(codes::SAGEMAKER_SETTING, message).at(span, "")
    };
    if workload.kind == Kind::Api && !workload.args.is_empty() {
        let problem = refuse(
            "args",
            format!("`{name}`: SageMaker starts containers of endpoints with `serve` alone"),
        );
        problems.push(
            problem
                .note("\"Use Your Own Inference Code with Hosting Services\", Amazon SageMaker Developer Guide")
                .hint("remove `args`; variables in `env` reach the container"),
        );
    }
    if let (
        Scale::Automatic {
            target: Target::Cpu(_), ..
        },
        Some(instance),
    ) = (workload.scale, &workload.instance_type)
        && scaling::processors(instance).is_none()
    {
        let problem = refuse(
            "autoscaling",
            format!("`{name}`: how many processors {instance} has is not known, so `target_cpu` cannot be followed"),
        );
        problems.push(problem.hint("follow requests: `target_requests = 50`"));
    }
    if workload.kind == Kind::Api && workload.scale.least() == 0 {
        let problem = refuse("replicas", format!("`{name}`: an endpoint has at least one instance"));
        problems.push(
            problem.hint("`replicas = 1`; an endpoint of the `sagemaker` module can sleep: give it a `component`"),
        );
    }
    problems
}

fn base(environment: &Environment, workload: &str) -> String {
    format!("{}-{}-{workload}", environment.project.value, environment.name)
}

/// A name of at most `room` characters; what is cut ends in a digest, so that two names stay two.
fn fitted(name: &str, room: usize) -> String {
    if name.len() <= room {
        return name.to_owned();
    }
    let cut: String = name.chars().take(room.saturating_sub(9)).collect();
    let short: String = digest(name).chars().take(8).collect();
    format!("{}-{short}", cut.trim_end_matches('-'))
}

fn digest(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A workload with all that is known of where it goes.
#[derive(Clone, Copy)]
struct Scene<'a> {
    environment: &'a Environment,
    workload: &'a Workload,
    facts: &'a Facts,
    package: Option<&'a str>,
    host: &'a Host,
}

impl Scene<'_> {
    fn endpoint(self) -> Vec<Json> {
        let model = self.named("ModelName", self.model());
        let model_name = model.0.clone();
        let config = json!({
            "ProductionVariants": [{
                "VariantName": VARIANT,
                "ModelName": model_name,
                "InstanceType": self.workload.instance_type,
                "InitialInstanceCount": self.workload.scale.least(),
            }],
        });
        let config = self.named("EndpointConfigName", config);
        let name = endpoint_name(self.environment, &self.workload.name.value);
        let endpoint = json!({
            "EndpointName": name,
            "EndpointConfigName": config.0,
            "DeploymentConfig": self.deployment(),
            "Tags": self.tags(),
        });
        let mut objects = vec![
            object("Model", &model.0, &model.1),
            object("EndpointConfig", &config.0, &config.1),
            object("Endpoint", &name, &endpoint),
        ];
        objects.extend(self.scaling(&name));
        objects
    }

    /// Its bounds, and what its number of instances follows; nothing where that is fixed.
    fn scaling(self, endpoint: &str) -> Vec<Json> {
        let Scale::Automatic { min, max, target } = self.workload.scale else {
            return Vec::new();
        };
        let scaled = scaled(endpoint);
        let (metric, value) = match target {
            // A minute's.
            Target::Requests(each_second) => (
                scaling::predefined("SageMakerVariantInvocationsPerInstance", None),
                each_second * 60.0,
            ),
            // A stream's, and none runs here.
            Target::Lag(_) => return Vec::new(),
            Target::Cpu(percent) => {
                // "Metrics for Monitoring Amazon SageMaker AI": the sum of all processors, each from 0 to 100.
                let instance = self.workload.instance_type.as_deref();
                let processors = instance.and_then(scaling::processors).unwrap_or(1);
                let metric = json!({
                    "Namespace": "/aws/sagemaker/Endpoints",
                    "MetricName": "CPUUtilization",
                    "Dimensions": [
                        { "Name": "EndpointName", "Value": endpoint },
                        { "Name": "VariantName", "Value": VARIANT },
                    ],
                    "Statistic": "Average",
                    "Unit": "Percent",
                });
                (
                    ("CustomizedMetricSpecification", metric),
                    f64::from(percent) * f64::from(processors),
                )
            }
        };
        let own = self.own_tags();
        let tags = all_tags(self.environment, &own).map(|(key, value)| (key.to_owned(), json!(value)));
        let target = scaling::target(&scaled, min, max, tags.collect());
        vec![
            object("ScalableTarget", scaled.resource(), &target),
            object(
                "ScalingPolicy",
                scaling::POLICY,
                &scaling::policy(&scaled, metric, value),
            ),
        ]
    }

    fn model(self) -> Json {
        let mut container = Map::new();
        container.insert("Image".to_owned(), json!(self.image()));
        let mut variables = self.variables();
        if let Some(model) = &self.workload.model {
            let uri = values::model_uri(model, self.facts);
            // "Uncompressed model artifacts", SageMaker Developer Guide: archives are unpacked, all else is laid as it is.
            if uri.ends_with(".tar.gz") || uri.ends_with(".tgz") {
                container.insert("ModelDataUrl".to_owned(), json!(uri));
            } else {
                let kind = if uri.ends_with('/') { "S3Prefix" } else { "S3Object" };
                let source = json!({ "S3Uri": uri, "S3DataType": kind, "CompressionType": "None" });
                container.insert("ModelDataSource".to_owned(), json!({ "S3DataSource": source }));
            }
            if let Some(version) = &self.facts.model_version {
                variables
                    .entry("INFERENCE_MODEL_VERSION")
                    .or_insert_with(|| json!(version));
            }
        }
        container.insert("Environment".to_owned(), Json::Object(variables));
        let mut model = json!({
            "ExecutionRoleArn": self.role(self.host.execution_role_arn.as_deref()),
            "PrimaryContainer": container,
        });
        let vpc = self.vpc(self.host.security_group_id.as_deref());
        if let (Some(vpc), Some(model)) = (vpc, model.as_object_mut()) {
            model.insert("VpcConfig".to_owned(), vpc);
        }
        model
    }

    fn processing_job(self) -> Json {
        let workload = self.workload;
        let mut variables = self.variables();
        if let Some(model) = &workload.model {
            let uri = values::model_uri(model, self.facts);
            variables.entry("INFERENCE_MODEL").or_insert_with(|| json!(uri));
            if let Some(version) = &self.facts.model_version {
                variables
                    .entry("INFERENCE_MODEL_VERSION")
                    .or_insert_with(|| json!(version));
            }
        }
        let mut app = json!({ "ImageUri": self.image() });
        if let (false, Some(app)) = (workload.args.is_empty(), app.as_object_mut()) {
            app.insert("ContainerArguments".to_owned(), json!(workload.args));
        }
        let mut job = json!({
            "AppSpecification": app,
            "Environment": variables,
            "ProcessingResources": {
                "ClusterConfig": {
                    "InstanceCount": 1,
                    "InstanceType": workload.instance_type,
                    "VolumeSizeInGB": 30,
                },
            },
            "RoleArn": self.role(self.host.job_role_arn.as_deref()),
            "StoppingCondition": { "MaxRuntimeInSeconds": workload.batch.timeout_seconds },
        });
        if let (Some(vpc), Some(job)) = (
            self.vpc(self.host.job_security_group_id.as_deref()),
            job.as_object_mut(),
        ) {
            let network = json!({ "EnableInterContainerTrafficEncryption": true, "VpcConfig": vpc });
            job.insert("NetworkConfig".to_owned(), network);
        }
        let (name, job) = self.named("ProcessingJobName", job);
        object("ProcessingJob", &name, &job)
    }

    fn image(self) -> String {
        let known = self.facts.image.clone();
        known.unwrap_or_else(|| values::image(self.environment, self.workload))
    }

    /// SageMaker lays the model into a folder and chooses the port: the container is told neither.
    fn variables(self) -> Map<String, Json> {
        let mut variables = Map::new();
        variables.insert("AWS_REGION".to_owned(), json!(self.environment.region.value));
        for (name, value) in &self.workload.env {
            variables.insert(name.clone(), json!(value));
        }
        variables.sort_keys();
        variables
    }

    fn role(self, known: Option<&str>) -> String {
        match known {
            Some(arn) => arn.to_owned(),
            None => format!("(known after {})", self.workload.on.value),
        }
    }

    fn vpc(self, group: Option<&str>) -> Option<Json> {
        let group = group?;
        let subnets = &self.host.subnets;
        (!subnets.is_empty()).then(|| json!({ "SecurityGroupIds": [group], "Subnets": subnets }))
    }

    /// "Blue/Green Deployments", SageMaker Developer Guide. With alarms and more than one instance a canary goes first;
    /// with alarms the old instances stand by until they have had time to ring.
    fn deployment(self) -> Json {
        let watched = !self.host.alarms.is_empty();
        let many = self.workload.scale.least() > 1 || matches!(self.workload.scale, Scale::Automatic { min: 2.., .. });
        let traffic = if watched && many {
            json!({
                "Type": "CANARY",
                "CanarySize": { "Type": "INSTANCE_COUNT", "Value": 1 },
                "WaitIntervalInSeconds": 300,
            })
        } else {
            at_once()
        };
        let mut deployment = blue_green(&traffic, if watched { 300 } else { 0 });
        if let (true, Some(deployment)) = (watched, deployment.as_object_mut()) {
            let alarms = self.host.alarms.iter().map(|name| json!({ "AlarmName": name }));
            let alarms = json!({ "Alarms": alarms.collect::<Json>() });
            deployment.insert("AutoRollbackConfiguration".to_owned(), alarms);
        }
        deployment
    }

    /// A request named after its content, with its tags, which are no part of that.
    fn named(self, field: &str, request: Json) -> (String, Json) {
        let content = request.to_string();
        let prefix = prefix(self.environment, &self.workload.name.value);
        // What stands in brackets is not known yet, and so neither is the name.
        let suffix = if content.contains("(known ") {
            "(known when it is shipped)".to_owned()
        } else {
            digest(&content).chars().take(DIGITS).collect()
        };
        let name = format!("{prefix}{suffix}");
        let mut whole = Map::new();
        whole.insert(field.to_owned(), json!(name));
        if let Json::Object(request) = request {
            whole.extend(request);
        }
        whole.insert("Tags".to_owned(), self.tags());
        (name, Json::Object(whole))
    }

    fn tags(self) -> Json {
        let mut own = self.own_tags();
        own.extend(self.package.map(|package| ("mlinfra:model-package", package)));
        tag_list(self.environment, &own)
    }

    fn own_tags(&self) -> Vec<(&'static str, &str)> {
        vec![
            ("mlinfra:project", self.environment.project.value.as_str()),
            ("mlinfra:environment", self.environment.name.as_str()),
            ("mlinfra:stack", self.workload.on.value.as_str()),
            (WORKLOAD_TAG, self.workload.name.value.as_str()),
        ]
    }
}

/// The environment's tags and `own`.
fn all_tags<'a>(
    environment: &'a Environment,
    own: &'a [(&'a str, &'a str)],
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let given = environment
        .tags
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()));
    given.chain(own.iter().copied())
}

/// The same, as SageMaker takes them.
fn tag_list(environment: &Environment, own: &[(&str, &str)]) -> Json {
    let all = all_tags(environment, own);
    all.map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

fn object(kind: &str, name: &str, request: &Json) -> Json {
    json!({ "kind": kind, "name": name, "request": request })
}

#[cfg(test)]
mod tests;
