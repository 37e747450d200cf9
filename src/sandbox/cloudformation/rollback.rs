//! Giving up and going back ("Stack failure options", "Continue rolling back an update").

use std::collections::{BTreeMap, BTreeSet};

use super::execute::{BREATH, enter, kept};
use super::state::{OnFailure, OperationKind, Phase, Resource, Stack, Stage, Step, Task};
use super::world::World;
use super::{CloudFormation, Millis, step};

/// The forward phase has failed: what runs is cancelled, and the operation takes the way that its caller chose.
/// `because` is a reason that lies with no resource.
pub(super) fn give_up(
    service: &mut CloudFormation,
    stack: &mut Stack,
    at: Millis,
    because: Option<String>,
    world: &mut dyn World,
) {
    let _ = world;
    let count = stack.operation.as_ref().map_or(0, |operation| operation.steps.len());
    for index in 0..count {
        let over = stack
            .operation
            .as_ref()
            .and_then(|operation| operation.steps.get(index))
            .is_none_or(Step::over);
        if !over {
            step::cancel(service, stack, index, at);
        }
    }
    let Some(operation) = stack.operation.as_mut() else {
        return;
    };
    operation.due = None;
    let (kind, on_failure) = (operation.kind, operation.on_failure);
    let why = because.unwrap_or_else(|| failed_sentence(&operation.steps));
    match (kind, on_failure) {
        (OperationKind::Create, OnFailure::Keep) => enter(service, stack, at, "CREATE_FAILED", Some(why)),
        (OperationKind::Update, OnFailure::Keep) => enter(service, stack, at, "UPDATE_FAILED", Some(why)),
        (OperationKind::Create, OnFailure::Delete) => {
            enter(
                service,
                stack,
                at,
                "DELETE_IN_PROGRESS",
                Some(format!("{why}Delete requested by user.")),
            );
            delete_all(stack, at, Phase::Delete);
        }
        (OperationKind::Update, _) => {
            enter(service, stack, at, "UPDATE_ROLLBACK_IN_PROGRESS", Some(why));
            restore(service, stack, at);
        }
        (OperationKind::Import, _) => {
            enter(service, stack, at, "IMPORT_ROLLBACK_IN_PROGRESS", Some(why));
            forget_imports(stack, at);
        }
        (OperationKind::Create | OperationKind::Delete, _) => {
            enter(
                service,
                stack,
                at,
                "ROLLBACK_IN_PROGRESS",
                Some(format!("{why}Rollback requested by user.")),
            );
            delete_all(stack, at, Phase::Rollback);
        }
    }
}

fn failed_sentence(steps: &[Step]) -> String {
    // Cancelled resources are named too, as in AWS's own sentence.
    let failed = |tasks: &[Task]| -> Vec<&str> {
        steps
            .iter()
            .filter(|step| {
                tasks.contains(&step.task)
                    && (step.stage == Stage::Failed || step.stage == Stage::Cancelled && step.made.is_some())
            })
            .map(|step| step.logical_id.as_str())
            .collect()
    };
    let created = failed(&[Task::Create, Task::Apply]);
    let updated = failed(&[Task::Update, Task::Replace]);
    let imported = failed(&[Task::Import]);
    let mut sentence = String::new();
    for (verb, names) in [("create", created), ("update", updated), ("import", imported)] {
        if !names.is_empty() {
            sentence.push_str(&format!(
                "The following resource(s) failed to {verb}: [{}]. ",
                names.join(", ")
            ));
        }
    }
    sentence
}

/// Deletes everything that the stack holds.
pub(super) fn delete_all(stack: &mut Stack, at: Millis, phase: Phase) {
    let mut resources: Vec<Resource> = stack
        .resources
        .values()
        .filter(|resource| !over(&resource.status))
        .cloned()
        .collect();
    let Some(operation) = stack.operation.as_mut() else {
        return;
    };
    resources.append(&mut operation.leftovers);
    operation.steps = deletions(resources);
    operation.phase = phase;
    operation.due = Some(at + BREATH);
}

fn over(status: &str) -> bool {
    status == "DELETE_COMPLETE" || status == "DELETE_SKIPPED"
}

/// Deletion steps, each after those of the resources that depend on it.
pub(super) fn deletions(resources: Vec<Resource>) -> Vec<Step> {
    let needs: Vec<BTreeSet<usize>> = resources
        .iter()
        .map(|resource| {
            let dependents = resources.iter().enumerate().filter(|(_, other)| {
                other.logical_id != resource.logical_id && other.depends_on.contains(&resource.logical_id)
            });
            dependents.map(|(index, _)| index).collect()
        })
        .collect();
    resources
        .into_iter()
        .zip(needs)
        .map(|(resource, needs)| new_step(Task::Delete, Some(resource), needs))
        .collect()
}

fn new_step(task: Task, subject: Option<Resource>, needs: BTreeSet<usize>) -> Step {
    Step {
        logical_id: subject
            .as_ref()
            .map(|subject| subject.logical_id.clone())
            .unwrap_or_default(),
        task,
        stage: Stage::Waiting,
        due: 0,
        needs,
        subject,
        made: None,
        started: 0,
        signals: None,
        doomed: None,
    }
}

/// Undoes an update: old properties and old physical resources again; what it had made is deleted afterwards.
pub(super) fn restore(service: &CloudFormation, stack: &mut Stack, at: Millis) {
    let _ = service;
    let Some(operation) = stack.operation.as_mut() else {
        return;
    };
    let forward = std::mem::take(&mut operation.steps);
    operation.leftovers.clear();
    let mut steps: Vec<Step> = Vec::new();
    let mut dropped = Vec::new();
    for step in forward.into_iter().filter(|step| step.started > 0) {
        let made = step.made.filter(|made| made.physical_id.is_some());
        match (step.task, step.subject) {
            (Task::Create, _) => match made {
                Some(made) => operation.leftovers.push(made),
                None => dropped.push(step.logical_id),
            },
            (Task::Update, Some(before)) => steps.push(new_step(Task::Restore, Some(before), BTreeSet::new())),
            (Task::Replace, Some(before)) => {
                operation.leftovers.extend(made.map(|made| Resource {
                    deletion_policy: None,
                    ..made
                }));
                steps.push(new_step(Task::Reinstate, Some(before), BTreeSet::new()));
            }
            // Failed before it was decided.
            (Task::Apply, None) => dropped.push(step.logical_id),
            _ => {}
        }
    }
    let index: BTreeMap<String, usize> = steps
        .iter()
        .enumerate()
        .map(|(index, step)| (step.logical_id.clone(), index))
        .collect();
    for step in &mut steps {
        let depends_on = step.subject.iter().flat_map(|subject| &subject.depends_on);
        step.needs = depends_on.filter_map(|name| index.get(name).copied()).collect();
    }
    operation.steps = steps;
    operation.failed.clear();
    operation.phase = Phase::UpdateRollback;
    operation.due = Some(at + BREATH);
    if let Some(previous) = &operation.previous {
        stack.configuration = previous.configuration.clone();
        stack.outputs.clone_from(&previous.outputs);
        stack.imports.clone_from(&previous.imports);
        stack.change_set_id.clone_from(&previous.change_set_id);
        // What CloudFormation itself keeps of resources that needed nothing.
        for (name, before) in &previous.resources {
            if let Some(resource) = stack
                .resources
                .get_mut(name)
                .filter(|now| now.physical_id == before.physical_id)
            {
                resource.depends_on.clone_from(&before.depends_on);
                resource.deletion_policy.clone_from(&before.deletion_policy);
                resource.update_replace_policy.clone_from(&before.update_replace_policy);
                resource.metadata.clone_from(&before.metadata);
            }
        }
    }
    for name in dropped {
        stack.resources.shift_remove(&name);
    }
}

/// The old state is back: what the update had made is deleted.
pub(super) fn begin_cleanup(service: &mut CloudFormation, stack: &mut Stack, at: Millis) {
    enter(service, stack, at, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", None);
    let Some(operation) = stack.operation.as_mut() else {
        return;
    };
    operation.steps = deletions(std::mem::take(&mut operation.leftovers));
    operation.phase = Phase::RollbackCleanup;
    operation.due = Some(at + BREATH);
}

fn forget_imports(stack: &mut Stack, at: Millis) {
    let Some(operation) = stack.operation.as_mut() else {
        return;
    };
    for name in operation.imports.keys() {
        stack.resources.shift_remove(name);
    }
    operation.steps.clear();
    if let Some(previous) = &operation.previous {
        stack.configuration = previous.configuration.clone();
    }
    operation.phase = Phase::Rollback;
    operation.due = Some(at + BREATH);
}

/// A physical resource is no longer the stack's. During a cleanup its entry goes, unless another has its name;
/// otherwise it stays to be listed as deleted.
pub(super) fn gone(stack: &mut Stack, resource: &Resource, status: &str, at: Millis) {
    let phase = stack.operation.as_ref().map(|operation| operation.phase);
    let same = stack
        .resources
        .get(&resource.logical_id)
        .is_some_and(|current| current.physical_id == resource.physical_id);
    if !same {
        return;
    }
    if matches!(phase, Some(Phase::Cleanup | Phase::RollbackCleanup)) {
        stack.resources.shift_remove(&resource.logical_id);
    } else {
        mark(stack, resource, status, None, at);
    }
}

/// Sets the status of a stack's resource, if it still is this physical one.
pub(super) fn mark(stack: &mut Stack, resource: &Resource, status: &str, reason: Option<String>, at: Millis) {
    let current = stack.resources.get_mut(&resource.logical_id);
    if let Some(current) = current.filter(|current| current.physical_id == resource.physical_id) {
        current.status = status.to_owned();
        current.reason = reason;
        current.updated = at;
    }
}

/// The steps of a forward phase: one for every declared resource, after those that it refers to.
pub(super) fn forward(service: &CloudFormation, stack: &Stack) -> Result<Vec<Step>, String> {
    let kept = kept(service, stack)?;
    let declared: Vec<(&str, &serde_json::Value)> =
        super::template::section(&stack.configuration.template, "Resources")
            .filter(|(name, _)| kept.contains(*name))
            .collect();
    let index: BTreeMap<&str, usize> = declared.iter().enumerate().map(|(at, (name, _))| (*name, at)).collect();
    Ok(declared
        .iter()
        .map(|(name, declaration)| {
            let needs = super::template::dependencies(declaration);
            let needs = needs
                .iter()
                .filter_map(|need| index.get(need.as_str()).copied())
                .collect();
            Step {
                logical_id: (*name).to_owned(),
                ..new_step(Task::Apply, None, needs)
            }
        })
        .collect())
}
