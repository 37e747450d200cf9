//! What happens by itself: services start and stop tasks until they are as they were asked to be, second by second.
//!
//! After "Amazon ECS service deployment", "How the Amazon ECS deployment circuit breaker detects failures" and "Amazon
//! ECS service event messages".

use serde_json::{Map, Value};

use super::super::service::Context;
use super::Ecs;
use super::runs::provider;
use super::tasks::Order;

const SECOND: i64 = 1_000;
/// What happened longer ago is not worked out second by second.
const LONGEST: i64 = 2 * 3_600 * SECOND;
/// How long the load balancer lets a task finish: `drain_seconds` of a stack, as it is by default.
const DRAIN: i64 = 30 * SECOND;
/// Between one try to place a task and the next.
const PLACEMENT: i64 = 30 * SECOND;

impl Ecs {
    /// Goes on until now.
    pub(super) fn live(&mut self, context: &Context) {
        self.now = self.now.max(context.now - LONGEST);
        self.skip_orders(context);
        while self.now < context.now {
            self.carry_out(context);
            if self.is_quiet() {
                let due = self.next_order().unwrap_or(context.now);
                self.now = due.clamp(self.now + 1, context.now);
                continue;
            }
            self.now = (self.now + SECOND).min(context.now);
            self.second(context);
        }
        self.carry_out(context);
        let now = self.now;
        self.tasks.retain(|_, task| !task.forgotten(now));
    }

    /// Whether nothing is going to change by itself.
    fn is_quiet(&self) -> bool {
        let now = self.now;
        let settled = self.services.values().all(|service| {
            let done = service
                .deployments
                .first()
                .is_none_or(|primary| primary.rollout != "IN_PROGRESS");
            service.status == "INACTIVE" || service.status == "ACTIVE" && done && service.deployments.len() < 2
        });
        let calm = self
            .tasks
            .values()
            .all(|task| task.is_stopped(now) || task.is_healthy(now) && task.ends.is_none() && task.says.is_empty());
        settled && calm && self.services.values().all(|service| self.has_what_it_wants(service))
    }

    fn has_what_it_wants(&self, service: &super::services::Service) -> bool {
        let group = format!("service:{}", service.name);
        let live = self
            .tasks
            .values()
            .filter(|task| task.cluster == service.cluster && task.group == group && task.is_live(self.now))
            .count();
        let stalled = service
            .deployments
            .first()
            .is_some_and(|primary| primary.rollout == "FAILED");
        service.status != "ACTIVE" || stalled || live == service.desired()
    }

    fn second(&mut self, context: &Context) {
        let now = self.now;
        let ids: Vec<String> = self.tasks.keys().cloned().collect();
        for id in ids {
            self.print(&id, now, context);
            let Some(task) = self.tasks.get_mut(&id) else { continue };
            let due = task.ends.filter(|at| *at <= now && task.stopping.is_none());
            let Some(at) = due else { continue };
            task.ended(at);
            let failed = !task.counted && !task.was_healthy();
            let unhealthy = task.end.reason.contains("ELB health checks");
            task.counted = true;
            let (deployment, cluster) = (task.deployment.clone(), task.cluster.clone());
            let group = task.group.trim_start_matches("service:").to_owned();
            let event = self.id();
            let Some(service) = self.services.get_mut(&format!("{cluster}/{group}")) else {
                continue;
            };
            if unhealthy && let Some(target) = service.target_group() {
                let port = service
                    .settings
                    .get("loadBalancers")
                    .and_then(|all| all.pointer("/0/containerPort"));
                let port = port.cloned().unwrap_or_default();
                service.say(event, now, &format!("(port {port}) is unhealthy in (target-group {target}) due to (reason Health checks failed with these codes: [503])."));
            }
            let own = service
                .deployments
                .iter_mut()
                .find(|one| Some(&one.id) == deployment.as_ref());
            if let Some(own) = own.filter(|_| failed) {
                own.failed += 1;
                // Starting again and again slows down.
                own.not_before = now + i64::from(own.failed.min(6)) * 10 * SECOND;
            }
        }
        let keys: Vec<String> = self.services.keys().cloned().collect();
        for key in keys {
            self.reconcile(&key, context);
        }
    }

    fn reconcile(&mut self, key: &str, context: &Context) {
        let now = self.now;
        let Some(service) = self.services.get(key).cloned() else {
            return;
        };
        if service.status == "INACTIVE" {
            return;
        }
        let group = format!("service:{}", service.name);
        let of_service = |id: &String, ecs: &Self| {
            ecs.tasks
                .get(id)
                .is_some_and(|task| task.cluster == service.cluster && task.group == group)
        };
        let ids: Vec<String> = self.tasks.keys().filter(|id| of_service(id, self)).cloned().collect();
        let Some(primary) = service.deployments.first().cloned() else {
            return;
        };
        let (mut own, mut old) = (Vec::new(), Vec::new());
        for id in &ids {
            let Some(task) = self.tasks.get(id).filter(|task| task.is_live(now)) else {
                continue;
            };
            match task.deployment.as_deref() == Some(primary.id.as_str()) {
                true => own.push(id.clone()),
                false => old.push(id.clone()),
            }
        }
        let desired = service.desired();
        if service.status == "DRAINING" {
            self.drain(key, &own, own.len());
            self.drain(key, &old, old.len());
            if ids
                .iter()
                .all(|id| self.tasks.get(id).is_none_or(|task| task.is_stopped(now)))
                && let Some(service) = self.services.get_mut(key)
            {
                service.status = "INACTIVE".to_owned();
                service.deployments.clear();
            }
            return;
        }
        if own.len() < desired && primary.rollout != "FAILED" && now >= primary.not_before {
            self.fill(key, desired - own.len(), context);
        }
        if own.len() > desired {
            self.drain(key, &own, own.len() - desired);
        }
        let healthy = own
            .iter()
            .filter(|id| self.tasks.get(*id).is_some_and(|task| task.is_healthy(now)))
            .count();
        let least = (desired * percent(&service.settings, "minimumHealthyPercent", 100)).div_ceil(100);
        let spare = old.len().saturating_sub(least.saturating_sub(healthy));
        if spare > 0 {
            self.drain(key, &old, spare);
        }
        self.conclude(key, healthy, desired, old.is_empty(), &ids);
    }

    /// Starts tasks of the PRIMARY deployment, unless there is no room.
    fn fill(&mut self, key: &str, count: usize, context: &Context) {
        let now = self.now;
        let Some(service) = self.services.get(key).cloned() else {
            return;
        };
        let Some(primary) = service.deployments.first() else {
            return;
        };
        let definition = self.definition(&primary.definition);
        let part = |member: &str| {
            let value = definition.pointer(&format!("/containerDefinitions/0/{member}"));
            value.and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let fault = context.facts.workload("ecs", &part("name"), &part("image"));
        let no_room = fault.and_then(|fault| match fault.fails.as_str() {
            "unschedulable" => Some(fault.message.clone().unwrap_or_else(|| {
                "was unable to place a task because no container instance met all of its requirements. The closest matching container-instance 1f2e3d4c5b6a79888796a5b4c3d2e1f0 has insufficient memory available. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.".to_owned()
            })),
            "quota" => Some(fault.message.clone().unwrap_or_else(|| {
                "was unable to place a task. Reason: You've reached the limit on the number of vCPUs you can run concurrently.".to_owned()
            })),
            _ => None,
        });
        if let Some(words) = no_room {
            let event = self.id();
            if let Some(service) = self.services.get_mut(key) {
                service.say(event, now, &words);
                if let Some(primary) = service.deployments.first_mut() {
                    primary.not_before = now + PLACEMENT;
                }
            }
            return;
        }
        let grace = service
            .settings
            .get("healthCheckGracePeriodSeconds")
            .and_then(Value::as_i64);
        let settings = Value::Object(primary.settings.clone());
        let order = Order {
            cluster: &service.cluster,
            definition: &primary.definition,
            group: format!("service:{}", service.name),
            deployment: Some(primary.id.clone()),
            started_by: primary.id.clone(),
            target_group: service.target_group(),
            grace: grace.unwrap_or_default() * SECOND,
            provider: provider(&settings),
            tags: Value::Array(Vec::new()),
            overrides: Value::Null,
            is_job: false,
        };
        let started: Vec<String> = (0..count).map(|_| self.start(&order, now, context)).collect();
        let tasks: Vec<String> = started.iter().map(|id| format!("(task {id})")).collect();
        let event = self.id();
        if let Some(service) = self.services.get_mut(key) {
            service.say(event, now, &format!("has started {count} tasks: {}.", tasks.join(" ")));
        }
    }

    /// Stops some tasks.
    fn drain(&mut self, key: &str, ids: &[String], count: usize) {
        let now = self.now;
        let drain = match self.services.get(key).and_then(|service| service.target_group()) {
            Some(_) => DRAIN,
            None => 0,
        };
        let mut stopped = Vec::new();
        for id in ids.iter().take(count) {
            if let Some(task) = self.tasks.get_mut(id).filter(|task| task.is_live(now)) {
                let reason = format!("Scaling activity initiated by (deployment {})", task.started_by);
                task.stop(now, drain, "ServiceSchedulerInitiated", &reason);
                stopped.push(format!("(task {id})"));
            }
        }
        if stopped.is_empty() {
            return;
        }
        let event = self.id();
        if let Some(service) = self.services.get_mut(key) {
            let (count, tasks) = (stopped.len(), stopped.join(" "));
            service.say(event, now, &format!("has stopped {count} running tasks: {tasks}."));
        }
    }

    /// Ends a deployment that is complete, or that the circuit breaker gives up.
    fn conclude(&mut self, key: &str, healthy: usize, desired: usize, alone: bool, ids: &[String]) {
        let now = self.now;
        let gone = |ecs: &Self| {
            ids.iter().all(|id| {
                ecs.tasks
                    .get(id)
                    .is_none_or(|task| task.is_live(now) || task.is_stopped(now))
            })
        };
        let all_gone = gone(self);
        let (first, second) = (self.id(), self.id());
        let Some(service) = self.services.get_mut(key) else {
            return;
        };
        let breaker = service.settings.get("deploymentConfiguration");
        let breaker = breaker
            .and_then(|all| all.get("deploymentCircuitBreaker"))
            .cloned()
            .unwrap_or_default();
        let flag = |name: &str| breaker.get(name).and_then(Value::as_bool) == Some(true);
        let (enabled, rolls_back) = (flag("enable"), flag("rollback"));
        let Some(primary) = service.deployments.first_mut() else {
            return;
        };
        if primary.rollout != "IN_PROGRESS" {
            if alone && all_gone && primary.rollout == "COMPLETED" {
                service.deployments.truncate(1);
            }
            return;
        }
        if healthy >= desired && alone && all_gone {
            let id = primary.id.clone();
            primary.rollout = "COMPLETED".to_owned();
            primary.reason = format!("ECS deployment {id} completed.");
            primary.updated = now;
            service.deployments.truncate(1);
            service.say(first, now, &format!("(deployment {id}) deployment completed."));
            service.say(second, now, "has reached a steady state.");
            return;
        }
        // "Failure threshold": half of what is desired, at least 3 and at most 200.
        let threshold = u32::try_from(desired.div_ceil(2).clamp(3, 200)).unwrap_or(3);
        if !enabled || primary.failed < threshold {
            return;
        }
        let id = primary.id.clone();
        primary.rollout = "FAILED".to_owned();
        primary.reason = "ECS deployment circuit breaker: tasks failed to start.".to_owned();
        primary.updated = now;
        service.say(
            first,
            now,
            &format!("(deployment {id}) deployment failed: tasks failed to start."),
        );
        let before = service
            .deployments
            .iter()
            .find(|one| one.rollout == "COMPLETED")
            .cloned();
        let (Some(before), true) = (before, rolls_back) else {
            return;
        };
        service.say(second, now, &format!("rolled back to (deployment {}).", before.id));
        let mut settings = before.settings;
        if let Some(desired) = service.settings.get("desiredCount") {
            settings.insert("desiredCount".to_owned(), desired.clone());
        }
        service.settings = settings;
        let why = format!(
            "ECS deployment circuit breaker: rolling back to deploymentId {}.",
            before.id
        );
        self.deploy(key, Some(why), now);
    }
}

fn percent(settings: &Map<String, Value>, member: &str, usual: usize) -> usize {
    let configuration = settings.get("deploymentConfiguration");
    let value = configuration.and_then(|all| all.get(member)).and_then(Value::as_u64);
    value.and_then(|value| usize::try_from(value).ok()).unwrap_or(usual)
}
