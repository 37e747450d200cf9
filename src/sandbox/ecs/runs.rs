//! Tasks as they are asked for, stopped, listed and described ("RunTask", "StopTask", "ListTasks", "DescribeTasks").

use serde_json::{Value, json};

use super::super::service::Context;
use super::tasks::{Order, arn};
use super::{Answer, Ecs, name, refuse, set, text, texts};

impl Ecs {
    pub(super) fn run_task(&mut self, body: &Value, context: &Context) -> Answer {
        let cluster = self.cluster(body)?;
        let token = text(body, "clientToken").map(|token| format!("{cluster}/{token}"));
        if let Some(before) = token.as_ref().and_then(|token| self.answered.get(token)) {
            return Ok(before.clone());
        }
        let revision = self.runnable(text(body, "taskDefinition").unwrap_or_default())?;
        self.providers_are_there(&cluster, body)?;
        let definition = revision.arn().to_owned();
        let family = name(&definition).split(':').next().unwrap_or_default().to_owned();
        let container = revision.definition.pointer("/containerDefinitions/0").cloned();
        let container = container.unwrap_or_default();
        let fault = context.facts.workload(
            "ecs",
            text(&container, "name").unwrap_or_default(),
            text(&container, "image").unwrap_or_default(),
        );
        if fault.is_some_and(|fault| fault.fails == "unschedulable") {
            let reason = fault.and_then(|fault| fault.message.clone());
            let failure = json!({ "reason": reason.unwrap_or_else(|| "RESOURCE:GPU".to_owned()) });
            return Ok(json!({ "tasks": [], "failures": [failure] }));
        }
        let count = body.get("count").and_then(Value::as_u64).unwrap_or(1).min(10);
        let order = Order {
            cluster: &cluster,
            definition: &definition,
            group: text(body, "group").map_or_else(|| format!("family:{family}"), str::to_owned),
            deployment: None,
            started_by: text(body, "startedBy").unwrap_or_default().to_owned(),
            target_group: None,
            grace: 0,
            provider: provider(body),
            tags: body.get("tags").cloned().unwrap_or_else(|| json!([])),
            overrides: body.get("overrides").cloned().unwrap_or_default(),
            is_job: true,
        };
        let tasks: Vec<Value> = (0..count)
            .map(|_| {
                let id = self.start(&order, context.now, context);
                self.describe_task(&id, context)
            })
            .collect();
        let answer = json!({ "tasks": tasks, "failures": [] });
        if let Some(token) = token {
            self.answered.insert(token, answer.clone());
        }
        Ok(answer)
    }

    pub(super) fn stop_task(&mut self, body: &Value, context: &Context) -> Answer {
        let cluster = self.cluster(body)?;
        let id = name(text(body, "task").unwrap_or_default()).to_owned();
        let reason = text(body, "reason").unwrap_or("Task stopped by user").to_owned();
        match self.tasks.get_mut(&id).filter(|task| task.cluster == cluster) {
            Some(task) => task.stop(context.now, 0, "UserInitiated", &reason),
            None => {
                return refuse("InvalidParameterException", "The referenced task was not found.");
            }
        }
        Ok(json!({ "task": self.describe_task(&id, context) }))
    }

    pub(super) fn describe_tasks(&mut self, body: &Value, context: &Context) -> Answer {
        let cluster = self.cluster(body)?;
        let asked = texts(body, "tasks");
        if asked.is_empty() || asked.len() > 100 {
            return refuse("InvalidParameterException", "Tasks must be between 1 and 100.");
        }
        let is_there = |id: &&str| self.tasks.get(name(id)).is_some_and(|task| task.cluster == cluster);
        let (known, unknown): (Vec<&str>, Vec<&str>) = asked.into_iter().partition(is_there);
        let failures: Vec<Value> = unknown
            .into_iter()
            .map(|id| json!({ "arn": arn(&cluster, name(id), context), "reason": "MISSING" }))
            .collect();
        let tasks: Vec<Value> = known
            .into_iter()
            .map(|id| self.describe_task(name(id), context))
            .collect();
        Ok(json!({ "tasks": tasks, "failures": failures }))
    }

    pub(super) fn list_tasks(&mut self, body: &Value, context: &Context) -> Answer {
        let cluster = self.cluster(body)?;
        let wanted = text(body, "desiredStatus").unwrap_or("RUNNING");
        let service = text(body, "serviceName").map(|service| format!("service:{}", name(service)));
        let family = text(body, "family");
        let started_by = text(body, "startedBy");
        let found: Vec<String> = self
            .tasks
            .iter()
            .filter(|(_, task)| {
                let of_family = |family: &str| name(&task.definition).split(':').next() == Some(family);
                let status = if task.is_live(context.now) {
                    "RUNNING"
                } else {
                    "STOPPED"
                };
                task.cluster == cluster
                    && status == wanted
                    && service.as_ref().is_none_or(|group| task.group == *group)
                    && family.is_none_or(of_family)
                    && started_by.is_none_or(|by| task.started_by == by)
            })
            .map(|(id, _)| arn(&cluster, id, context))
            .collect();
        let from: usize = text(body, "nextToken")
            .and_then(|token| token.parse().ok())
            .unwrap_or(0);
        let mut answer = json!({ "taskArns": found.iter().skip(from).take(100).collect::<Vec<_>>() });
        if from + 100 < found.len() {
            set(&mut answer, "nextToken", json!((from + 100).to_string()));
        }
        Ok(answer)
    }
}

/// The capacity provider that a request names first.
pub(super) fn provider(body: &Value) -> String {
    let first = body.pointer("/capacityProviderStrategy/0/capacityProvider");
    first.and_then(Value::as_str).unwrap_or("FARGATE").to_owned()
}
