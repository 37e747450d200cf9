//! The machine's turns: which transition is next, which steps may start, how a phase ends.

use std::collections::BTreeMap;

use serde_json::Value;

use super::evaluate::Scope;
use super::state::{Operation, OperationKind, Output, Phase, Resource, Stack, StackEvent, Stage};
use super::world::World;
use super::{CloudFormation, Millis, changeset, diff, lifecycle, naming, rollback, step, submit, template, xml};

/// Resources of one stack that are worked on at a time.
const PARALLEL: usize = 50;
/// From the last resource to the stack's own status, and from a stack's status to its first resource.
pub(super) const BREATH: Millis = 900;

/// When something happens next to this stack.
pub(super) fn next_due(stack: &Stack) -> Option<Millis> {
    let change_sets = stack.change_sets.iter().filter_map(|change_set| change_set.due);
    let operation = stack.operation.iter().flat_map(|operation| {
        let steps = operation
            .steps
            .iter()
            .filter(|step| step.running())
            .map(|step| step.due);
        operation.due.into_iter().chain(steps)
    });
    change_sets.chain(operation).min()
}

/// One transition: the first that is due at `at`.
pub(super) fn turn(service: &mut CloudFormation, at: Millis, world: &mut dyn World) {
    let due = |stack: &Stack| next_due(stack) == Some(at);
    let Some(id) = service
        .stacks
        .iter()
        .find(|(_, stack)| due(stack))
        .map(|(id, _)| id.clone())
    else {
        return;
    };
    with_stack(service, &id, |service, stack| {
        if let Some(index) = stack
            .change_sets
            .iter()
            .position(|change_set| change_set.due == Some(at))
        {
            changeset::settle(service, stack, index, at, world);
            return;
        }
        let Some(operation) = stack.operation.as_mut() else {
            return;
        };
        if operation.due == Some(at) {
            operation.due = None;
            if let Some(opening) = operation.opening.take() {
                lifecycle::open(service, stack, opening, at, world);
                return;
            }
            if operation.steps.iter().any(|step| step.stage == Stage::Waiting) && !stuck(operation) {
                schedule(service, stack, at, world);
            } else {
                finish(service, stack, at, world);
            }
            return;
        }
        if let Some(index) = operation.steps.iter().position(|step| step.running() && step.due == at) {
            step::turn(service, stack, index, at, world);
            schedule(service, stack, at, world);
        }
    });
}

/// Works on a stack while the rest of the service stays at hand.
pub(super) fn with_stack<T>(
    service: &mut CloudFormation,
    id: &str,
    work: impl FnOnce(&mut CloudFormation, &mut Stack) -> T,
) -> Option<T> {
    let mut stack = service.stacks.remove(id)?;
    let result = work(service, &mut stack);
    service.stacks.insert(id.to_owned(), stack);
    Some(result)
}

/// Starts every step whose predecessors are done; when nothing runs and nothing can start, the phase is over.
pub(super) fn schedule(service: &mut CloudFormation, stack: &mut Stack, at: Millis, world: &mut dyn World) {
    loop {
        let Some(operation) = stack.operation.as_ref().filter(|operation| operation.due.is_none()) else {
            return;
        };
        let running = operation.steps.iter().filter(|step| step.running()).count();
        let Some(index) = startable(operation).filter(|_| running < PARALLEL) else {
            break;
        };
        step::start(service, stack, index, at, world);
    }
    if !stack.busy() {
        return;
    }
    let Some(operation) = stack.operation.as_mut() else {
        return;
    };
    if !operation.steps.iter().any(super::state::Step::running) && operation.due.is_none() {
        operation.due = Some(at + BREATH);
    }
}

fn startable(operation: &Operation) -> Option<usize> {
    let done = |index: &usize| operation.steps.get(*index).is_none_or(|step| step.stage == Stage::Done);
    operation
        .steps
        .iter()
        .position(|step| step.stage == Stage::Waiting && step.needs.iter().all(done))
}

/// Waiting steps remain, but each waits for something that failed.
fn stuck(operation: &Operation) -> bool {
    startable(operation).is_none()
}

/// Enters a status, with its event.
pub(super) fn enter(service: &mut CloudFormation, stack: &mut Stack, at: Millis, status: &str, reason: Option<String>) {
    stack.status = status.to_owned();
    stack.reason.clone_from(&reason);
    if !status.ends_with("_IN_PROGRESS") {
        let done = matches!(status, "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE");
        for change_set in stack
            .change_sets
            .iter_mut()
            .filter(|one| one.execution == "EXECUTE_IN_PROGRESS")
        {
            change_set.execution = if done { "EXECUTE_COMPLETE" } else { "EXECUTE_FAILED" }.to_owned();
        }
    }
    let (name, id) = (stack.name.clone(), stack.id.clone());
    record(
        service,
        stack,
        at,
        (&name, &id, "AWS::CloudFormation::Stack"),
        status,
        reason,
        None,
    );
}

/// Adds an event.
pub(super) fn record(
    service: &mut CloudFormation,
    stack: &mut Stack,
    at: Millis,
    (logical_id, physical_id, resource_type): (&str, &str, &str),
    status: &str,
    reason: Option<String>,
    properties: Option<String>,
) {
    let id = if resource_type == "AWS::CloudFormation::Stack" && physical_id == stack.id {
        service.uuid("event")
    } else {
        let plain = format!("{logical_id}-{status}-{}", xml::iso(at));
        if stack.events.iter().any(|event| event.id == plain) {
            format!("{logical_id}-{}", naming::uuid(&service.seed("event")))
        } else {
            plain
        }
    };
    let (token, operation) = stack.operation.as_ref().map_or((None, String::new()), |operation| {
        (operation.token.clone(), operation.id.clone())
    });
    stack.events.push(StackEvent {
        id,
        logical_id: logical_id.to_owned(),
        physical_id: physical_id.to_owned(),
        resource_type: resource_type.to_owned(),
        at,
        status: status.to_owned(),
        reason,
        properties,
        token,
        operation,
    });
}

/// All exports of the live stacks: name and value.
pub(super) fn exports(service: &CloudFormation) -> BTreeMap<String, String> {
    let outputs = service
        .stacks
        .values()
        .filter(|stack| stack.live())
        .flat_map(|stack| &stack.outputs);
    outputs
        .filter_map(|output| output.export.clone().map(|name| (name, output.value.clone())))
        .collect()
}

/// Evaluates something against the stack as it stands.
pub(super) fn evaluate<T>(
    service: &CloudFormation,
    stack: &Stack,
    world: &mut dyn World,
    work: impl FnOnce(&mut Scope<'_>) -> Result<T, String>,
) -> Result<T, String> {
    let exports = exports(service);
    let answer = |name: &str, attribute: Option<&str>| match stack.resources.get(name) {
        Some(resource) if resource.physical_id.is_some() => diff::known(resource, attribute),
        _ => Err(format!(
            "Unresolved resource dependencies [{name}] in the Resources block of the template"
        )),
    };
    let here = (service.account.as_str(), service.region.as_str());
    let mut scope = Scope::new(
        here,
        (&stack.name, &stack.id),
        &stack.configuration,
        &answer,
        &exports,
        world,
    )?;
    work(&mut scope)
}

/// The phase is over: on to the next, or to the end.
fn finish(service: &mut CloudFormation, stack: &mut Stack, at: Millis, world: &mut dyn World) {
    let Some(operation) = stack.operation.as_ref() else {
        return;
    };
    let failed: Vec<String> = operation
        .steps
        .iter()
        .filter(|step| step.stage == Stage::Failed)
        .map(|step| step.logical_id.clone())
        .collect();
    let list = failed.join(", ");
    match (operation.phase, operation.kind) {
        (Phase::Forward, kind) => match complete_outputs(service, stack, world) {
            Err(reason) => rollback::give_up(service, stack, at, Some(reason), world),
            Ok(()) if kind == OperationKind::Update => begin_cleanup(service, stack, at),
            Ok(()) => {
                let status = if kind == OperationKind::Import {
                    "IMPORT_COMPLETE"
                } else {
                    "CREATE_COMPLETE"
                };
                end(service, stack, at, status, None);
            }
        },
        (Phase::Cleanup, _) => {
            let reason = (!failed.is_empty())
                .then(|| "Update successful. One or more resources could not be deleted.".to_owned());
            end(service, stack, at, "UPDATE_COMPLETE", reason);
        }
        (Phase::Rollback, kind) => {
            let prefix = if kind == OperationKind::Import { "IMPORT_" } else { "" };
            if failed.is_empty() {
                end(service, stack, at, &format!("{prefix}ROLLBACK_COMPLETE"), None);
            } else {
                let reason = format!("The following resource(s) failed to delete: [{list}]. ");
                end(service, stack, at, &format!("{prefix}ROLLBACK_FAILED"), Some(reason));
            }
        }
        (Phase::UpdateRollback, _) if !failed.is_empty() => {
            // The operation stays, for ContinueUpdateRollback.
            let reason = format!("The following resource(s) failed to update: [{list}]. ");
            enter(service, stack, at, "UPDATE_ROLLBACK_FAILED", Some(reason));
        }
        (Phase::UpdateRollback, _) => rollback::begin_cleanup(service, stack, at),
        (Phase::RollbackCleanup, _) => end(service, stack, at, "UPDATE_ROLLBACK_COMPLETE", None),
        (Phase::Delete, _) if !failed.is_empty() => {
            let reason = format!("The following resource(s) failed to delete: [{list}]. ");
            end(service, stack, at, "DELETE_FAILED", Some(reason));
        }
        (Phase::Delete, _) => {
            stack.outputs.clear();
            stack.imports.clear();
            stack.change_sets.clear();
            stack.deleted = Some(at);
            end(service, stack, at, "DELETE_COMPLETE", None);
        }
    }
}

fn end(service: &mut CloudFormation, stack: &mut Stack, at: Millis, status: &str, reason: Option<String>) {
    enter(service, stack, at, status, reason);
    stack.operation = None;
}

/// Evaluates outputs and imports and takes them over, unless an export stands in the way.
fn complete_outputs(service: &CloudFormation, stack: &mut Stack, world: &mut dyn World) -> Result<(), String> {
    let conditions = evaluate(service, stack, world, |scope| Ok(scope.conditions.clone()))?;
    let (outputs, imports) = evaluate(service, stack, world, |scope| {
        let outputs = submit::outputs(scope)?;
        // Resources have been evaluated one by one; once more, for what they import.
        for (_, declaration) in template::resources(scope.template, &conditions) {
            let _ = scope.resolve(declaration.get("Properties").unwrap_or(&Value::Bool(true)));
        }
        Ok((outputs, scope.imported.clone()))
    })?;
    exports_agree(service, stack, &outputs)?;
    stack.outputs = outputs;
    stack.imports = imports;
    Ok(())
}

fn exports_agree(service: &CloudFormation, stack: &Stack, outputs: &[Output]) -> Result<(), String> {
    for name in outputs.iter().filter_map(|output| output.export.as_deref()) {
        let others = service.stacks.values().filter(|other| other.live());
        let owner = others.into_iter().find(|other| {
            other
                .outputs
                .iter()
                .any(|output| output.export.as_deref() == Some(name))
        });
        if let Some(owner) = owner {
            return Err(format!(
                "Export with name {name} is already exported by stack {}.",
                owner.name
            ));
        }
    }
    for old in &stack.outputs {
        let Some(name) = old.export.as_deref() else { continue };
        let users = importers(service, name);
        let now = outputs.iter().find(|output| output.export.as_deref() == Some(name));
        match now {
            _ if users.is_empty() => {}
            None => {
                return Err(format!(
                    "Export {name} cannot be deleted as it is in use by {}",
                    users.join(" and ")
                ));
            }
            Some(now) if now.value != old.value => {
                return Err(format!(
                    "Export {name} cannot be updated as it is in use by {}",
                    users.join(" and ")
                ));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// The names of the live stacks that import `export`.
pub(super) fn importers(service: &CloudFormation, export: &str) -> Vec<String> {
    let users = service
        .stacks
        .values()
        .filter(|stack| stack.live() && stack.imports.contains(export));
    users.map(|stack| stack.name.clone()).collect()
}

/// After a successful update: what was replaced or removed is deleted.
fn begin_cleanup(service: &mut CloudFormation, stack: &mut Stack, at: Millis) {
    let Ok(kept) = kept(service, stack) else { return };
    enter(service, stack, at, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", None);
    let removed: Vec<Resource> = stack
        .resources
        .values()
        .filter(|one| !kept.contains(&one.logical_id))
        .cloned()
        .collect();
    let Some(operation) = stack.operation.as_mut() else {
        return;
    };
    let mut leftovers = std::mem::take(&mut operation.leftovers);
    leftovers.extend(removed);
    operation.steps = rollback::deletions(leftovers);
    operation.phase = Phase::Cleanup;
    operation.due = Some(at + BREATH);
}

/// The logical ids that the configuration declares, conditions applied.
pub(super) fn kept(service: &CloudFormation, stack: &Stack) -> Result<std::collections::BTreeSet<String>, String> {
    let mut pretend = super::world::Pretend;
    let conditions = evaluate(service, stack, &mut pretend, |scope| Ok(scope.conditions.clone()))?;
    Ok(template::resources(&stack.configuration.template, &conditions)
        .map(|(name, _)| name.to_owned())
        .collect())
}
