//! What a workload becomes on ECS: the request that registers its task definition, and the one that runs it, as a
//! service, once as a task, or as a task whenever the clock says so.
//!
//! From "RegisterTaskDefinition", "CreateService" and "RunTask", Amazon ECS API Reference, and "CreateSchedule", Amazon
//! EventBridge Scheduler API Reference. What only a deployed stack
//! knows stands as a phrase in brackets until its outputs are given.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use super::scaling::{self, Scaled};
use super::{Facts, values};
use crate::diagnostic::{Problem, Problems, Span, codes};
use crate::spec::workload::{Architecture, Kind, Scale, Secret, Target};
use crate::spec::{Data, Environment, StackSpec, Workload};

mod cron;
mod fit;
mod size;

use size::{decimal, fargate, units};

/// The label of a container that holds the digest of all else in its task definition: by it a revision is found again.
pub const LABEL: &str = "mlinfra.definition";

/// Who runs in the container; nobody in particular, and not root.
const USER: &str = "65532:65532";

/// "Container timeouts", task definition parameters for Fargate: the shortest and the longest, in seconds.
const SHORTEST_GRACE: u32 = 2;
const LONGEST_GRACE: u32 = 120;

/// What a stack gives, by its contract's names; lists are JSON arrays, or joined with commas.
pub type Given = BTreeMap<String, String>;

/// Where a task runs, as far as it can be known.
struct Capacity {
    /// The capacity provider's name, or a phrase.
    provider: String,
    fargate: bool,
}

/// The requests that `workload` becomes, in the order in which they are made, each as `{action, request}`.
///
/// The second names the task definition by its family; the revision is put in when it is registered. `given` are the
/// outputs of its stack, or none when they are not known.
///
/// # Errors
/// Settings that ECS has no counterpart for, sizes that Fargate does not have, and what the stack lacks.
pub fn objects(
    environment: &Environment,
    workload: &Workload,
    facts: &Facts,
    given: Option<&Given>,
) -> Result<Vec<Json>, Problems> {
    let mut problems = Problems::default();
    let Some(stack) = environment.stacks.get(&workload.on.value) else {
        return Ok(Vec::new());
    };
    let asked = Asked {
        environment,
        workload,
        facts,
        given,
        stack,
    };
    asked.unsupported(&mut problems);
    asked.fits_stack(&mut problems);
    let capacity = asked.capacity(&mut problems);
    let definition = asked.definition(&capacity, &mut problems);
    let (action, run) = match workload.kind {
        Kind::Batch => match &workload.batch.schedule {
            Some(schedule) => ("CreateSchedule", asked.schedule(schedule, &capacity, &mut problems)),
            None => ("RunTask", asked.task(&capacity, &mut problems)),
        },
        Kind::Api | Kind::Stream => ("CreateService", asked.service(&capacity, &mut problems)),
    };
    let scaling = asked.scaling(&mut problems);
    if problems.has_errors() {
        return Err(problems.sorted());
    }
    let mut requests = vec![("RegisterTaskDefinition", labelled(definition)), (action, run)];
    requests.extend(scaling);
    let written = requests.into_iter();
    Ok(written
        .map(|(action, request)| json!({ "action": action, "request": request }))
        .collect())
}

/// What is worth a line about how a workload fits ECS: sizes that were rounded up, a path that nobody asks.
pub fn notes(environment: &Environment, workload: &Workload, given: Option<&Given>) -> Vec<String> {
    let mut notes = Vec::new();
    let Some(stack) = environment.stacks.get(&workload.on.value) else {
        return notes;
    };
    let facts = Facts::default();
    let asked = Asked {
        environment,
        workload,
        facts: &facts,
        given,
        stack,
    };
    let name = &workload.name.value;
    let capacity = asked.capacity(&mut Problems::default());
    if capacity.fargate {
        let units = units(workload.milli_cpu);
        if let Some((cpu, memory)) = fargate(units, workload.memory_mib)
            && (cpu, memory) != (units, workload.memory_mib)
        {
            notes.push(format!(
                "{name} asks for {} processors and {} MiB; the next size of Fargate has {} and {memory} MiB",
                decimal(workload.milli_cpu),
                workload.memory_mib,
                decimal(cpu.saturating_mul(1000) / 1024),
            ));
        }
        if workload.grace_seconds > LONGEST_GRACE {
            notes.push(format!(
                "{name} asks for {} s to finish; Fargate gives {LONGEST_GRACE} s",
                workload.grace_seconds
            ));
        }
    }
    if workload.batch.schedule.is_some() {
        notes.push(format!(
            "{name} is started when it is due even while the one before still runs, and nothing stops a task that takes long"
        ));
    }
    let path = match text(stack, "health_check_path") {
        Input::Is(path) => Some(path),
        Input::Absent => Some("/ping"),
        Input::Later => None,
    };
    if let (Kind::Api, true, Some(path), Some(probes)) = (workload.kind, asked.has_balancer(), path, &workload.probes)
        && probes.path != path
    {
        notes.push(format!(
            "the load balancer of {} asks {name} for {path}, as `health_check_path` says, and not for {}",
            stack.name.value, probes.path
        ));
    }
    notes
}

/// An input as the file gives it.
enum Input<'a> {
    Is(&'a str),
    Absent,
    /// It comes from another stack.
    Later,
}

fn text<'a>(stack: &'a StackSpec, input: &str) -> Input<'a> {
    match stack.inputs.get(input).map(|entry| &entry.value.value) {
        None => Input::Absent,
        Some(Data::String(text)) if !text.contains("${") => Input::Is(text),
        Some(_) => Input::Later,
    }
}

/// A literal table among the inputs, its keys in alphabetical order: as the stack's outputs list them.
fn table<'a>(stack: &'a StackSpec, input: &str) -> BTreeMap<&'a str, &'a Data> {
    match stack.inputs.get(input).map(|entry| &entry.value.value) {
        Some(Data::Table(table)) => table
            .iter()
            .map(|(key, entry)| (key.as_str(), &entry.value.value))
            .collect(),
        _ => BTreeMap::new(),
    }
}

fn flag(stack: &StackSpec, input: &str, usual: bool) -> bool {
    match stack.inputs.get(input).map(|entry| &entry.value.value) {
        Some(Data::Boolean(flag)) => *flag,
        _ => usual,
    }
}

/// A workload with all that decides what it becomes.
#[derive(Clone, Copy)]
struct Asked<'a> {
    environment: &'a Environment,
    workload: &'a Workload,
    facts: &'a Facts,
    given: Option<&'a Given>,
    stack: &'a StackSpec,
}

impl Asked<'_> {
    fn span(&self, key: &str) -> Span {
        let written = self.workload.written.get(key);
        written.unwrap_or(&self.workload.name.span).clone()
    }

    fn name(&self) -> &str {
        &self.workload.name.value
    }

    /// A value of the stack's outputs, which has to be there once it is deployed as the file says.
    fn need(&self, value: Option<String>, output: &str, problems: &mut Problems) -> String {
        value.filter(|value| !value.is_empty()).unwrap_or_else(|| {
            let stack = &self.stack.name.value;
            problems.push(
                Problem::error(
                    codes::ECS_STACK,
                    format!("the stack `{stack}` as it is deployed does not give `{output}`"),
                )
                .at(self.workload.on.span.clone(), "")
                .hint(format!("bring it up to date: mlinfra apply {}", self.environment.name)),
            );
            String::new()
        })
    }

    /// An output, or the phrase that it is known later.
    fn output(&self, output: &str, problems: &mut Problems) -> String {
        match self.given {
            Some(given) => self.need(given.get(output).cloned(), output, problems),
            None => format!("(known after {})", self.stack.name.value),
        }
    }

    fn outputs(&self, output: &str, problems: &mut Problems) -> Vec<String> {
        let Some(given) = self.given else {
            return vec![format!("(known after {})", self.stack.name.value)];
        };
        let found = listed(given, output);
        if found.is_empty() {
            self.need(None, output, problems);
        }
        found
    }

    fn role(&self, problems: &mut Problems) -> Option<String> {
        let roles = table(self.stack, "task_roles");
        let index = roles.keys().position(|role| *role == self.name())?;
        Some(match self.given {
            Some(given) => self.need(
                listed(given, "task_role_arns").get(index).cloned(),
                "task_role_arns",
                problems,
            ),
            None => format!("(known after {})", self.stack.name.value),
        })
    }

    fn definition(&self, capacity: &Capacity, problems: &mut Problems) -> Map<String, Json> {
        let workload = self.workload;
        let (cpu, memory) = self.size(capacity, problems);
        let grace = match capacity.fargate {
            true => workload.grace_seconds.clamp(SHORTEST_GRACE, LONGEST_GRACE),
            false => workload.grace_seconds,
        };
        let image = self.facts.image.clone();
        let mut container = json!({
            "name": self.name(),
            "image": image.unwrap_or_else(|| values::image(self.environment, workload)),
            "essential": true,
            "environment": self.variables(),
            "user": USER,
            "readonlyRootFilesystem": true,
            "linuxParameters": {
                "capabilities": { "drop": ["ALL"] },
                // In memory, of which it takes what is written; everybody may write there.
                "tmpfs": [{ "containerPath": "/tmp", "size": memory / 2 }],
            },
            "stopTimeout": grace,
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": self.output("log_group", problems),
                    "awslogs-region": self.environment.region.value,
                    "awslogs-stream-prefix": self.name(),
                    // A full buffer loses lines rather than holding up answers.
                    "mode": "non-blocking",
                    "max-buffer-size": "25m",
                },
            },
        });
        if !workload.args.is_empty() {
            set(&mut container, "command", json!(workload.args));
        }
        if workload.kind != Kind::Batch {
            set(
                &mut container,
                "portMappings",
                json!([
                    { "name": "http", "containerPort": workload.port, "protocol": "tcp", "appProtocol": "http" }
                ]),
            );
        }
        if !workload.secrets.is_empty() {
            set(&mut container, "secrets", self.secrets());
        }
        if workload.gpu > 0 {
            set(
                &mut container,
                "resourceRequirements",
                json!([{ "type": "GPU", "value": workload.gpu.to_string() }]),
            );
        }
        let mut definition = json!({
            "family": self.environment.stack_name(self.name()),
            "networkMode": "awsvpc",
            "requiresCompatibilities": [if capacity.fargate { "FARGATE" } else { "EC2" }],
            "cpu": cpu.to_string(),
            "memory": memory.to_string(),
            "runtimePlatform": {
                "cpuArchitecture": match workload.architecture {
                    Architecture::X86_64 => "X86_64",
                    Architecture::Arm64 => "ARM64",
                },
                "operatingSystemFamily": "LINUX",
            },
            "executionRoleArn": self.output("execution_role_arn", problems),
            "containerDefinitions": [container],
            "tags": self.tags(),
        });
        if let Some(role) = self.role(problems) {
            set(&mut definition, "taskRoleArn", json!(role));
        }
        match definition {
            Json::Object(definition) => definition,
            _ => Map::new(),
        }
    }

    fn service(&self, capacity: &Capacity, problems: &mut Problems) -> Json {
        let workload = self.workload;
        let mut service = json!({
            "cluster": self.output("cluster_name", problems),
            "serviceName": self.name(),
            "taskDefinition": self.environment.stack_name(self.name()),
            "desiredCount": workload.scale.least(),
            "capacityProviderStrategy": [{ "capacityProvider": capacity.provider, "weight": 1 }],
            // The breaker puts the last good deployment back even if nobody watches any more.
            "deploymentConfiguration": {
                "minimumHealthyPercent": 100,
                "maximumPercent": 200,
                "deploymentCircuitBreaker": { "enable": true, "rollback": true },
            },
            "networkConfiguration": self.network(problems),
            "enableExecuteCommand": flag(self.stack, "exec", false) && self.role(&mut Problems::default()).is_some(),
            "enableECSManagedTags": true,
            "propagateTags": "SERVICE",
            "tags": self.tags(),
        });
        if self.has_balancer() {
            set(
                &mut service,
                "loadBalancers",
                json!([{
                    "targetGroupArn": self.output("target_group_arn", problems),
                    "containerName": self.name(),
                    "containerPort": workload.port,
                }]),
            );
            let grace = workload
                .probes
                .as_ref()
                .map_or(0, |probes| probes.startup.saturating_add(probes.initial_delay));
            set(&mut service, "healthCheckGracePeriodSeconds", json!(grace));
        }
        let connects = match self.given {
            Some(given) => given.contains_key("namespace_arn"),
            None => flag(self.stack, "service_connect", false),
        };
        if connects {
            let mut connect = json!({ "enabled": true, "namespace": self.output("namespace_arn", problems) });
            if workload.kind == Kind::Api {
                set(
                    &mut connect,
                    "services",
                    json!([{
                        "portName": "http",
                        "discoveryName": self.name(),
                        "clientAliases": [{ "port": workload.port, "dnsName": self.name() }],
                    }]),
                );
            }
            set(&mut service, "serviceConnectConfiguration", connect);
        }
        service
    }

    /// Its bounds, and what its number follows; nothing where that is fixed.
    fn scaling(&self, problems: &mut Problems) -> Vec<(&'static str, Json)> {
        let Scale::Automatic { min, max, target } = self.workload.scale else {
            return Vec::new();
        };
        let scaled = Scaled::service(&self.output("cluster_name", problems), self.name());
        let (metric, value) = match target {
            Target::Cpu(percent) => ("ECSServiceAverageCPUUtilization", f64::from(percent)),
            // It counts a minute's.
            Target::Requests(each_second) => ("ALBRequestCountPerTarget", each_second * 60.0),
            Target::Lag(_) => return Vec::new(),
        };
        let counts = matches!(target, Target::Requests(_)) && self.has_balancer();
        let label = counts.then(|| {
            let balancer = self.output("load_balancer_arn_suffix", problems);
            format!("{balancer}/{}", self.output("target_group_arn_suffix", problems))
        });
        let tags = self.all_tags().into_iter().map(|(key, value)| (key, json!(value)));
        vec![
            (
                "RegisterScalableTarget",
                scaling::target(&scaled, min, max, tags.collect()),
            ),
            (
                "PutScalingPolicy",
                scaling::policy(&scaled, scaling::predefined(metric, label), value),
            ),
        ]
    }

    fn task(&self, capacity: &Capacity, problems: &mut Problems) -> Json {
        json!({
            "cluster": self.output("cluster_name", problems),
            "taskDefinition": self.environment.stack_name(self.name()),
            "count": 1,
            "capacityProviderStrategy": [{ "capacityProvider": capacity.provider, "weight": 1 }],
            "networkConfiguration": self.network(problems),
            "enableECSManagedTags": true,
            "propagateTags": "TASK_DEFINITION",
        })
    }

    /// What starts the task by the clock, with the stack's role. One that could not be started is tried again for an hour.
    fn schedule(&self, schedule: &str, capacity: &Capacity, problems: &mut Problems) -> Json {
        if !self.has_schedules() {
            return Json::Null;
        }
        json!({
            "Name": self.name(),
            "GroupName": self.output("schedule_group", problems),
            "Description": format!(
                "{} of {} {}",
                self.name(), self.environment.project.value, self.environment.name
            ),
            "State": "ENABLED",
            "ScheduleExpression": cron::expression(schedule).unwrap_or_default(),
            "ScheduleExpressionTimezone": self.workload.batch.time_zone,
            "FlexibleTimeWindow": { "Mode": "OFF" },
            "Target": {
                "Arn": self.output("cluster_arn", problems),
                "RoleArn": self.output("schedule_role_arn", problems),
                "RetryPolicy": { "MaximumRetryAttempts": 20, "MaximumEventAgeInSeconds": 3600 },
                "EcsParameters": {
                    "TaskDefinitionArn": self.environment.stack_name(self.name()),
                    "TaskCount": 1,
                    "CapacityProviderStrategy": [{ "capacityProvider": capacity.provider, "weight": 1 }],
                    "NetworkConfiguration": {
                        "awsvpcConfiguration": {
                            "Subnets": self.outputs("subnet_ids", problems),
                            "SecurityGroups": [self.output("service_security_group_id", problems)],
                            "AssignPublicIp": "DISABLED",
                        },
                    },
                    "EnableECSManagedTags": true,
                    "PropagateTags": "TASK_DEFINITION",
                },
            },
        })
    }

    fn network(&self, problems: &mut Problems) -> Json {
        json!({
            "awsvpcConfiguration": {
                "subnets": self.outputs("subnet_ids", problems),
                "securityGroups": [self.output("service_security_group_id", problems)],
                "assignPublicIp": "DISABLED",
            },
        })
    }

    fn variables(&self) -> Json {
        let mut all = values::told(self.environment, self.workload, self.facts);
        all.extend(self.workload.env.clone());
        all.into_iter()
            .map(|(name, value)| json!({ "name": name, "value": value }))
            .collect()
    }

    /// "Pass sensitive data to an Amazon ECS container": ARNs, and for one key of a secret `ARN:KEY::`.
    fn secrets(&self) -> Json {
        let environment = self.environment;
        let prefix = |service: &str| {
            let (partition, region) = (environment.partition(), &environment.region.value);
            format!("arn:{partition}:{service}:{region}:{}", environment.account.value)
        };
        let secrets = self.workload.secrets.iter().map(|(name, secret)| {
            let from = match secret {
                Secret::SecretsManager { id, key } => {
                    let arn = match id.starts_with("arn:") {
                        true => id.clone(),
                        false => format!("{}:secret:{id}", prefix("secretsmanager")),
                    };
                    match key {
                        Some(key) => format!("{arn}:{key}::"),
                        None => arn,
                    }
                }
                Secret::Parameter(parameter) if parameter.starts_with("arn:") => parameter.clone(),
                Secret::Parameter(parameter) => {
                    format!("{}:parameter/{}", prefix("ssm"), parameter.trim_start_matches('/'))
                }
            };
            json!({ "name": name, "valueFrom": from })
        });
        secrets.collect()
    }

    /// The environment's tags, and where it comes from in mlinfra's words.
    fn tags(&self) -> Json {
        self.all_tags()
            .into_iter()
            .map(|(key, value)| json!({ "key": key, "value": value }))
            .collect()
    }

    fn all_tags(&self) -> BTreeMap<String, String> {
        let mut tags = self.environment.tags.clone();
        let own = [
            ("mlinfra:project", &self.environment.project.value),
            ("mlinfra:environment", &self.environment.name),
            ("mlinfra:stack", &self.stack.name.value),
            ("mlinfra:workload", &self.workload.name.value),
        ];
        tags.extend(own.map(|(key, value)| (key.to_owned(), value.clone())));
        tags
    }
}

/// Puts the digest of the whole into the label of its first container.
fn labelled(definition: Map<String, Json>) -> Json {
    let mut definition = Json::Object(definition);
    let digest = Sha256::digest(definition.to_string().as_bytes());
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    if let Some(container) = definition.pointer_mut("/containerDefinitions/0") {
        set(container, "dockerLabels", json!({ LABEL: digest }));
    }
    definition
}

fn listed(given: &Given, output: &str) -> Vec<String> {
    let text = given.get(output).map(String::as_str).unwrap_or_default();
    // As CloudFormation has them, they are joined with commas.
    serde_json::from_str(text).unwrap_or_else(|_| {
        let parts = text.split(',').filter(|part| !part.is_empty());
        parts.map(str::to_owned).collect()
    })
}

#[cfg(test)]
mod tests;

/// Sets a member of an object; of what is none, nothing.
fn set(object: &mut Json, name: &str, value: Json) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}
