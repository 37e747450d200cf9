//! One resource's part in an operation: announced, worked on by its service, over.

use std::collections::BTreeMap;

use serde_json::Value;

use super::decide::{decide, taken, undeclared};
use super::durations::{creation_millis, deletion_millis, update_millis};
use super::execute::record;
use super::faults::{FaultTask, strike};
use super::state::{Phase, Resource, Stack, Stage, Step, Task};
use super::world::{ResourceRequest, World};
use super::{CloudFormation, Millis, boot, diff, evaluate as evaluation, rollback, signals, template};

/// From a resource's announcement to the request to its service.
const ANNOUNCEMENT: Millis = 700;

/// A step's turn has come: it is announced, or found to have nothing to do.
pub(super) fn start(service: &mut CloudFormation, stack: &mut Stack, index: usize, at: Millis, world: &mut dyn World) {
    let Some(current) = step(stack, index) else { return };
    current.started = at;
    let (task, logical_id, subject) = (current.task, current.logical_id.clone(), current.subject.clone());
    match (task, subject) {
        (Task::Apply, _) => {
            if let Err(reason) = decide(service, stack, index, &logical_id, at, world) {
                fail(service, stack, index, at, reason, world);
            }
        }
        (Task::Delete, Some(resource)) => start_deletion(service, stack, index, &resource, at),
        (Task::Restore, Some(resource)) => {
            announce(service, stack, index, at, &resource, "UPDATE_IN_PROGRESS", None);
            status(stack, &logical_id, "UPDATE_IN_PROGRESS", None, at);
        }
        (Task::Reinstate, Some(mut resource)) => {
            resource.status = "UPDATE_COMPLETE".to_owned();
            resource.updated = at;
            event(service, stack, at, &resource, "UPDATE_COMPLETE", None);
            stack.resources.insert(logical_id, resource);
            set_stage(stack, index, Stage::Done);
        }
        _ => set_stage(stack, index, Stage::Done),
    }
}

/// A running step is due: its service is asked, or has finished.
pub(super) fn turn(service: &mut CloudFormation, stack: &mut Stack, index: usize, at: Millis, world: &mut dyn World) {
    let Some(current) = step(stack, index) else { return };
    let result = match current.stage {
        Stage::Started => work(service, stack, index, at, world),
        _ => complete(service, stack, index, at, world),
    };
    if let Err(reason) = result {
        fail(service, stack, index, at, reason, world);
    }
}

/// Marks a step and its resource as failed; in the forward phase the whole operation gives up.
fn fail(
    service: &mut CloudFormation,
    stack: &mut Stack,
    index: usize,
    at: Millis,
    reason: String,
    world: &mut dyn World,
) {
    let Some(current) = step(stack, index) else { return };
    if current.task == Task::Delete {
        fail_deletion(service, stack, index, at, reason);
        return;
    }
    let logical_id = current.logical_id.clone();
    let verb = verb(current.task);
    current.stage = Stage::Failed;
    let resource = current.made.clone().or_else(|| current.subject.clone());
    let resource = resource.unwrap_or_else(|| undeclared(stack, &logical_id));
    let failed = format!("{verb}_FAILED");
    stack
        .resources
        .entry(logical_id.clone())
        .or_insert_with(|| resource.clone());
    event(service, stack, at, &resource, &failed, Some(reason.clone()));
    status(stack, &logical_id, &failed, Some(reason.clone()), at);
    let Some(operation) = stack.operation.as_mut() else {
        return;
    };
    operation.failed.push((logical_id, reason));
    if operation.phase == Phase::Forward {
        rollback::give_up(service, stack, at, None, world);
    }
}

/// A deletion that a service refuses. A forced deletion of the stack goes on without it.
fn fail_deletion(service: &mut CloudFormation, stack: &mut Stack, index: usize, at: Millis, reason: String) {
    let forced = stack.operation.as_ref().is_some_and(|operation| operation.force);
    let Some(current) = step(stack, index) else { return };
    current.stage = if forced { Stage::Done } else { Stage::Failed };
    let Some(resource) = current.subject.clone() else {
        return;
    };
    event(service, stack, at, &resource, "DELETE_FAILED", Some(reason.clone()));
    if forced {
        rollback::gone(stack, &resource, "DELETE_SKIPPED", at);
    } else {
        rollback::mark(stack, &resource, "DELETE_FAILED", Some(reason), at);
    }
}

/// What a cancelled step leaves behind in the events.
pub(super) fn cancel(service: &mut CloudFormation, stack: &mut Stack, index: usize, at: Millis) {
    let Some(current) = step(stack, index) else { return };
    let was_running = current.running();
    current.stage = Stage::Cancelled;
    let (verb, made, logical_id) = (verb(current.task), current.made.clone(), current.logical_id.clone());
    if let (true, Some(made)) = (was_running, made) {
        let what = if verb == "UPDATE" { "update" } else { "creation" };
        let reason = format!("Resource {what} cancelled");
        let failed = format!("{verb}_FAILED");
        event(service, stack, at, &made, &failed, Some(reason.clone()));
        status(stack, &logical_id, &failed, Some(reason), at);
    }
}

/// Asks the service.
fn work(
    service: &mut CloudFormation,
    stack: &mut Stack,
    index: usize,
    at: Millis,
    world: &mut dyn World,
) -> Result<(), String> {
    let Some(current) = step(stack, index) else {
        return Ok(());
    };
    let (task, logical_id) = (current.task, current.logical_id.clone());
    let (made, subject) = (current.made.clone(), current.subject.clone());
    let phase_made = match task {
        Task::Restore | Task::Delete => subject.clone(),
        _ => made,
    };
    let Some(mut resource) = phase_made else { return Ok(()) };
    let fault = match task {
        Task::Update => Some(FaultTask::Update),
        Task::Restore => Some(FaultTask::Restore),
        Task::Delete => Some(FaultTask::Delete),
        Task::Import => None,
        _ => Some(FaultTask::Create),
    };
    let kind = resource.resource_type.clone();
    if let Some(message) =
        fault.and_then(|fault| strike(&mut service.faults, (&stack.name, &logical_id, &kind), fault, false))
    {
        return Err(message);
    }
    let resolved = match task {
        Task::Delete => resource.properties.clone(),
        _ => evaluation::dynamic(&resource.properties, world)?,
    };
    let seed = service.seed(&logical_id);
    let tags = all_tags(stack, &logical_id);
    let none = Value::Null;
    let running = stack.resources.get(&logical_id).cloned();
    let previous = match task {
        Task::Update => subject.as_ref().map_or(&none, |old| &old.properties),
        Task::Restore => running.as_ref().map_or(&none, |now| &now.properties),
        _ => &none,
    };
    if matches!(task, Task::Create | Task::Replace) {
        taken(service, stack, &resource, &resolved)?;
    }
    let empty = BTreeMap::new();
    let request = ResourceRequest {
        stack_id: &stack.id,
        stack_name: &stack.name,
        logical_id: &logical_id,
        resource_type: &kind,
        physical_id: match task {
            Task::Create | Task::Replace => None,
            _ => resource.physical_id.as_deref(),
        },
        properties: &resolved,
        previous,
        attributes: if matches!(task, Task::Create | Task::Replace) {
            &empty
        } else {
            &resource.attributes
        },
        tags: &tags,
        account: &service.account,
        region: &service.region,
        partition: evaluation::partition(&service.region),
        at,
        seed: &seed,
        leaves_snapshot: task == Task::Delete && leaves_snapshot(&resource),
    };
    let (physical, millis) = match task {
        Task::Delete => {
            world.delete(&request)?;
            (None, deletion_millis(&kind))
        }
        Task::Update | Task::Restore => (Some(world.update(&request)?), update_millis(&kind)),
        Task::Import => (Some(world.adopt(&request)?), 2_000),
        _ => (Some(world.create(&request)?), creation_millis(&kind)),
    };
    if let Some(physical) = physical {
        resource.physical_id = Some(physical.id);
        resource.attributes = physical.attributes;
    }
    if matches!(task, Task::Create | Task::Replace) {
        let verb = verb(task);
        let in_progress = format!("{verb}_IN_PROGRESS");
        resource.status.clone_from(&in_progress);
        event(
            service,
            stack,
            at,
            &resource,
            &in_progress,
            Some("Resource creation Initiated".to_owned()),
        );
        stack.resources.insert(logical_id, resource.clone());
    }
    let mut signals = match task {
        Task::Create | Task::Replace => signals::wanted(service, stack, &resource, world)?,
        _ => None,
    };
    if let Some(signals) = &mut signals {
        signals.boot = boot::of(service, stack, &resource);
    }
    if let Some(current) = step(stack, index) {
        current.stage = Stage::Working;
        current.due = at + millis;
        current.signals = signals;
        if task != Task::Delete {
            current.made = Some(resource);
        }
    }
    Ok(())
}

/// The service has finished.
fn complete(
    service: &mut CloudFormation,
    stack: &mut Stack,
    index: usize,
    at: Millis,
    world: &mut dyn World,
) -> Result<(), String> {
    let Some(current) = step(stack, index) else {
        return Ok(());
    };
    let (task, logical_id) = (current.task, current.logical_id.clone());
    let Some(mut resource) = (if task == Task::Delete {
        current.subject.clone()
    } else {
        current.made.clone()
    }) else {
        return Ok(());
    };
    let fault = match task {
        Task::Update => FaultTask::Update,
        Task::Restore => FaultTask::Restore,
        Task::Delete => FaultTask::Delete,
        _ => FaultTask::Create,
    };
    let kind = resource.resource_type.clone();
    let waiting = current
        .signals
        .as_ref()
        .is_some_and(|signals| signals.deadline.is_some());
    if let Some(reason) = current.doomed.take() {
        return Err(reason);
    }
    let started = current.started;
    if !waiting && let Some(message) = strike(&mut service.faults, (&stack.name, &logical_id, &kind), fault, true) {
        let gives_up = started + patience(&resource);
        if at >= gives_up {
            return Err(message);
        }
        if let Some(current) = step(stack, index) {
            current.doomed = Some(message);
            current.due = gives_up;
        }
        return Ok(());
    }
    let boots = boot::signalled(service, stack, index, at, &resource);
    if let Some(awaited) = step(stack, index).and_then(|current| current.signals.as_mut()) {
        if resource.attributes.contains_key("Data") {
            resource.attributes.insert("Data".to_owned(), signals::data(awaited));
        }
        if let signals::Verdict::WaitUntil(deadline) = signals::judge(awaited, at)? {
            if let Some(current) = step(stack, index) {
                current.due = boots.map_or(deadline, |boots| boots.min(deadline));
            }
            return Ok(());
        }
    }
    let done = format!("{}_COMPLETE", verb(task));
    if task == Task::Delete {
        event(service, stack, at, &resource, &done, None);
        rollback::gone(stack, &resource, "DELETE_COMPLETE", at);
    } else {
        resource.status.clone_from(&done);
        resource.reason = None;
        resource.updated = at;
        event(service, stack, at, &resource, &done, None);
        stack.resources.insert(logical_id.clone(), resource.clone());
        if matches!(task, Task::Create | Task::Replace) {
            let tags = all_tags(stack, &logical_id);
            let seed = String::new();
            world.created(&ResourceRequest {
                stack_id: &stack.id,
                stack_name: &stack.name,
                logical_id: &logical_id,
                resource_type: &kind,
                physical_id: resource.physical_id.as_deref(),
                properties: &resource.properties,
                previous: &Value::Null,
                attributes: &resource.attributes,
                tags: &tags,
                account: &service.account,
                region: &service.region,
                partition: evaluation::partition(&service.region),
                at,
                seed: &seed,
                leaves_snapshot: false,
            });
        }
        if task == Task::Replace {
            let old = step(stack, index).and_then(|current| current.subject.clone());
            if let (Some(mut old), Some(operation)) = (old, stack.operation.as_mut()) {
                old.deletion_policy = old.update_replace_policy.clone();
                operation.leftovers.push(old);
            }
        }
    }
    set_stage(stack, index, Stage::Done);
    Ok(())
}

/// Whether a snapshot is to be taken of what is deleted ("DeletionPolicy attribute"): databases are kept so unless
/// their policy says otherwise. Of what never came to be complete there is nothing to keep.
fn leaves_snapshot(resource: &Resource) -> bool {
    let by_default = match resource.resource_type.as_str() {
        "AWS::RDS::DBCluster" => true,
        "AWS::RDS::DBInstance" => resource.properties.get("DBClusterIdentifier").is_none(),
        _ => false,
    };
    let asked = match resource.deletion_policy.as_deref() {
        Some(policy) => policy == "Snapshot",
        None => by_default,
    };
    asked && template::supports_snapshots(&resource.resource_type) && !resource.status.starts_with("CREATE_FAILED")
}

/// How long CloudFormation waits for what does not become stable. Without a deployment circuit breaker an ECS service
/// goes on trying, and CloudFormation gives up after three hours ("Service deployment circuit breaker").
fn patience(resource: &Resource) -> Millis {
    let breaker = "/DeploymentConfiguration/DeploymentCircuitBreaker/Enable";
    let breaks = resource.properties.pointer(breaker);
    let breaks = breaks.is_some_and(|enabled| diff::same(enabled, &Value::Bool(true)));
    match resource.resource_type.as_str() {
        "AWS::ECS::Service" if !breaks => 3 * 60 * 60 * 1_000,
        _ => 0,
    }
}

fn start_deletion(service: &mut CloudFormation, stack: &mut Stack, index: usize, resource: &Resource, at: Millis) {
    let Some(operation) = stack.operation.as_ref() else {
        return;
    };
    let creation_undone = matches!(operation.phase, Phase::Rollback | Phase::RollbackCleanup);
    let retained = operation.retain.contains(&resource.logical_id)
        || match resource.deletion_policy.as_deref() {
            Some("Retain") => !(creation_undone && operation.retain_except_on_create),
            Some("RetainExceptOnCreate") => !creation_undone,
            _ => false,
        };
    if resource.physical_id.is_none() {
        rollback::gone(stack, resource, "DELETE_COMPLETE", at);
        set_stage(stack, index, Stage::Done);
    } else if retained {
        event(service, stack, at, resource, "DELETE_SKIPPED", None);
        rollback::gone(stack, resource, "DELETE_SKIPPED", at);
        set_stage(stack, index, Stage::Done);
    } else {
        announce(service, stack, index, at, resource, "DELETE_IN_PROGRESS", None);
        rollback::mark(stack, resource, "DELETE_IN_PROGRESS", None, at);
    }
}

pub(super) fn announce(
    service: &mut CloudFormation,
    stack: &mut Stack,
    index: usize,
    at: Millis,
    resource: &Resource,
    status: &str,
    reason: Option<String>,
) {
    event(service, stack, at, resource, status, reason);
    if let Some(current) = step(stack, index) {
        current.stage = Stage::Started;
        current.due = at + ANNOUNCEMENT;
    }
}

fn event(
    service: &mut CloudFormation,
    stack: &mut Stack,
    at: Millis,
    resource: &Resource,
    status: &str,
    reason: Option<String>,
) {
    let physical = resource.physical_id.clone().unwrap_or_default();
    let properties = resource.properties.to_string();
    let subject = (
        resource.logical_id.as_str(),
        physical.as_str(),
        resource.resource_type.as_str(),
    );
    record(service, stack, at, subject, status, reason, Some(properties));
}

pub(super) fn status(stack: &mut Stack, logical_id: &str, status: &str, reason: Option<String>, at: Millis) {
    if let Some(resource) = stack.resources.get_mut(logical_id) {
        resource.status = status.to_owned();
        resource.reason = reason;
        resource.updated = at;
    }
}

pub(super) fn step(stack: &mut Stack, index: usize) -> Option<&mut Step> {
    stack
        .operation
        .as_mut()
        .and_then(|operation| operation.steps.get_mut(index))
}

fn set_stage(stack: &mut Stack, index: usize, stage: Stage) {
    if let Some(current) = step(stack, index) {
        current.stage = stage;
    }
}

fn verb(task: Task) -> &'static str {
    match task {
        Task::Create | Task::Apply => "CREATE",
        Task::Update | Task::Replace | Task::Restore | Task::Reinstate => "UPDATE",
        Task::Import => "IMPORT",
        Task::Delete => "DELETE",
    }
}

fn all_tags(stack: &Stack, logical_id: &str) -> Vec<(String, String)> {
    let mut tags = stack.configuration.tags.clone();
    tags.push(("aws:cloudformation:stack-name".to_owned(), stack.name.clone()));
    tags.push(("aws:cloudformation:stack-id".to_owned(), stack.id.clone()));
    tags.push(("aws:cloudformation:logical-id".to_owned(), logical_id.to_owned()));
    tags
}
