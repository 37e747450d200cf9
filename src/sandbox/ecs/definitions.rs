//! Task definitions: families of revisions that never change ("RegisterTaskDefinition", "DeregisterTaskDefinition").

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::service::Context;
use super::{Answer, ApiError, Ecs, name, refuse, seconds, set, text};

/// One revision of a family.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Revision {
    pub(super) definition: Value,
    tags: Value,
    active: bool,
}

impl Revision {
    pub(super) fn arn(&self) -> &str {
        text(&self.definition, "taskDefinitionArn").unwrap_or_default()
    }

    fn described(&self) -> Value {
        let mut described = self.definition.clone();
        set(
            &mut described,
            "status",
            json!(if self.active { "ACTIVE" } else { "INACTIVE" }),
        );
        described
    }
}

impl Ecs {
    pub(super) fn register(&mut self, body: &Value, context: &Context) -> Answer {
        let Some(family) = text(body, "family") else {
            return refuse("ClientException", "Family should not be null or empty.");
        };
        let containers = body.get("containerDefinitions").and_then(Value::as_array);
        let Some(containers) = containers.filter(|containers| !containers.is_empty()) else {
            return refuse("ClientException", "Container list cannot be empty.");
        };
        let number = |member: &str| text(body, member).and_then(|text| text.parse::<u64>().ok());
        let fargate = super::texts(body, "requiresCompatibilities").contains(&"FARGATE");
        if fargate {
            let (Some(cpu), Some(memory)) = (number("cpu"), number("memory")) else {
                return refuse(
                    "ClientException",
                    "Fargate requires task definition to have cpu and memory at the task level.",
                );
            };
            if !fits_fargate(cpu, memory) {
                return refuse("ClientException", no_fargate_size(cpu, memory));
            }
            if body.get("executionRoleArn").is_none() {
                return refuse(
                    "ClientException",
                    "Fargate requires task definition to have execution role ARN to support ECR images.",
                );
            }
        }
        for container in containers {
            let stop = container.get("stopTimeout").and_then(Value::as_u64).unwrap_or_default();
            if fargate && stop > 120 {
                return refuse(
                    "ClientException",
                    "The stopTimeout parameter must be less than or equal to 120 on Fargate.",
                );
            }
        }
        let revisions = self.families.entry(family.to_owned()).or_default();
        let revision = revisions.len() + 1;
        let mut definition = body.clone();
        let tags = match definition.as_object_mut() {
            Some(members) => members.remove("tags").unwrap_or_else(|| json!([])),
            None => json!([]),
        };
        defaults(&mut definition);
        let arn = format!(
            "arn:aws:ecs:{}:{}:task-definition/{family}:{revision}",
            context.region, context.account
        );
        set(&mut definition, "taskDefinitionArn", json!(arn));
        set(&mut definition, "revision", json!(revision));
        set(
            &mut definition,
            "compatibilities",
            match fargate {
                true => json!(["EC2", "FARGATE"]),
                false => json!(["EC2"]),
            },
        );
        set(&mut definition, "registeredAt", seconds(context.now));
        let registered = Revision {
            definition,
            tags: tags.clone(),
            active: true,
        };
        let described = registered.described();
        revisions.push(registered);
        Ok(json!({ "taskDefinition": described, "tags": tags }))
    }

    pub(super) fn deregister(&mut self, body: &Value, context: &Context) -> Answer {
        let asked = text(body, "taskDefinition").unwrap_or_default().to_owned();
        if !name(&asked).contains(':') {
            return refuse("ClientException", "Revision is missing.");
        }
        let Some(revision) = self.revision_mut(&asked) else {
            return refuse(
                "ClientException",
                "The specified task definition does not exist. Specify a valid account, family, revision and try again.",
            );
        };
        revision.active = false;
        set(&mut revision.definition, "deregisteredAt", seconds(context.now));
        Ok(json!({ "taskDefinition": revision.described() }))
    }

    pub(super) fn describe_definition(&mut self, body: &Value) -> Answer {
        let asked = text(body, "taskDefinition").unwrap_or_default().to_owned();
        let tagged = super::texts(body, "include").contains(&"TAGS");
        let Some(revision) = self.revision_mut(&asked) else {
            return refuse("ClientException", "Unable to describe task definition.");
        };
        let mut answer = json!({ "taskDefinition": revision.described() });
        if tagged {
            set(&mut answer, "tags", revision.tags.clone());
        }
        Ok(answer)
    }

    pub(super) fn list_definitions(&self, body: &Value) -> Value {
        let active = text(body, "status").is_none_or(|status| status == "ACTIVE");
        let family = text(body, "familyPrefix");
        let families = self
            .families
            .iter()
            .filter(|(name, _)| family.is_none_or(|wanted| wanted == name.as_str()));
        let mut arns: Vec<&str> = families
            .flat_map(|(_, revisions)| revisions)
            .filter(|revision| revision.active == active)
            .map(Revision::arn)
            .collect();
        if text(body, "sort") == Some("DESC") {
            arns.reverse();
        }
        let most = body.get("maxResults").and_then(Value::as_u64).unwrap_or(100);
        let from: usize = text(body, "nextToken")
            .and_then(|token| token.parse().ok())
            .unwrap_or(0);
        let most = usize::try_from(most).unwrap_or(100).max(1);
        let mut answer = json!({ "taskDefinitionArns": arns.iter().skip(from).take(most).collect::<Vec<_>>() });
        if from + most < arns.len() {
            set(&mut answer, "nextToken", json!((from + most).to_string()));
        }
        answer
    }

    /// The revision that a service or a task may run.
    pub(super) fn runnable(&mut self, asked: &str) -> Result<Revision, ApiError> {
        match self.revision_mut(asked) {
            Some(revision) if revision.active => Ok(revision.clone()),
            Some(_) => refuse("InvalidParameterException", "TaskDefinition is inactive"),
            None => refuse("ClientException", "TaskDefinition not found."),
        }
    }

    pub(super) fn definition(&self, arn: &str) -> Value {
        let family = name(arn).split(':').next().unwrap_or_default();
        let revisions = self.families.get(family).into_iter().flatten();
        let mut found = revisions.filter(|revision| revision.arn() == arn);
        found
            .next()
            .map(|revision| revision.definition.clone())
            .unwrap_or_default()
    }

    /// By ARN, by `FAMILY:REVISION`, or the newest active one of a family.
    fn revision_mut(&mut self, asked: &str) -> Option<&mut Revision> {
        let own = name(asked);
        match own.split_once(':') {
            Some((family, number)) => {
                let number: usize = number.parse().ok()?;
                self.families.get_mut(family)?.get_mut(number.checked_sub(1)?)
            }
            None => {
                let revisions = self.families.get_mut(own)?;
                revisions.iter_mut().rev().find(|revision| revision.active)
            }
        }
    }
}

/// What ECS writes into a definition that does not say it.
fn defaults(definition: &mut Value) {
    let Some(containers) = definition.get_mut("containerDefinitions").and_then(Value::as_array_mut) else {
        return;
    };
    for container in containers {
        let Some(members) = container.as_object_mut() else {
            continue;
        };
        members.entry("cpu").or_insert_with(|| json!(0));
        for list in [
            "environment",
            "mountPoints",
            "portMappings",
            "systemControls",
            "volumesFrom",
        ] {
            members.entry(list).or_insert_with(|| json!([]));
        }
        // The order of variables is not kept.
        if let Some(variables) = members.get_mut("environment").and_then(Value::as_array_mut) {
            variables.reverse();
        }
        let ports = members.get_mut("portMappings").and_then(Value::as_array_mut);
        for port in ports.into_iter().flatten() {
            if port.get("hostPort").is_none() {
                let container_port = port.get("containerPort").cloned().unwrap_or_default();
                set(port, "hostPort", container_port);
            }
        }
    }
}

/// "Task CPU and memory" of "Amazon ECS task definition parameters for Fargate".
pub(crate) fn fits_fargate(cpu: u64, memory: u64) -> bool {
    match cpu {
        256 => matches!(memory, 512 | 1_024 | 2_048),
        512 => (1_024..=4_096).contains(&memory) && memory.is_multiple_of(1_024),
        1_024 => (2_048..=8_192).contains(&memory) && memory.is_multiple_of(1_024),
        2_048 => (4_096..=16_384).contains(&memory) && memory.is_multiple_of(1_024),
        4_096 => (8_192..=30_720).contains(&memory) && memory.is_multiple_of(1_024),
        8_192 => (16_384..=61_440).contains(&memory) && memory.is_multiple_of(4_096),
        16_384 => (32_768..=122_880).contains(&memory) && memory.is_multiple_of(8_192),
        _ => false,
    }
}

fn no_fargate_size(cpu: u64, memory: u64) -> String {
    format!(
        "No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. See the Amazon ECS documentation for the valid values."
    )
}
