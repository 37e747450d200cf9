//! CancelUpdateStack, ContinueUpdateRollback, RollbackStack: out of the states in which a stack is stuck.

use super::execute::{BREATH, enter, record, with_stack};
use super::form::Form;
use super::lifecycle::live;
use super::refusal::{Answer, Refusal};
use super::rollback;
use super::state::{OnFailure, Operation, OperationKind, Phase, Stack, Stage, Step};
use super::world::World;
use super::xml::Xml;
use super::{CloudFormation, Millis, step};

pub(super) fn cancel_update_stack(
    service: &mut CloudFormation,
    form: &Form<'_>,
    at: Millis,
    world: &mut dyn World,
) -> Answer<Option<Xml>> {
    let stack = live(service, form.required("StackName")?)?;
    if stack.status != "UPDATE_IN_PROGRESS" {
        return Err(Refusal::validation(
            "CancelUpdateStack cannot be called from current stack status",
        ));
    }
    let id = stack.id.clone();
    with_stack(service, &id, |service, stack| {
        if let Some(operation) = stack.operation.as_mut() {
            operation.on_failure = OnFailure::Rollback;
        }
        rollback::give_up(service, stack, at, Some("User Initiated".to_owned()), world);
    });
    Ok(None)
}

pub(super) fn continue_update_rollback(
    service: &mut CloudFormation,
    form: &Form<'_>,
    at: Millis,
) -> Answer<Option<Xml>> {
    let stack = live(service, form.required("StackName")?)?;
    if stack.status != "UPDATE_ROLLBACK_FAILED" {
        return Err(Refusal::validation(format!(
            "Stack:{} is in {} state and can not be continued to rollback.",
            stack.id, stack.status
        )));
    }
    let skip = form.strings("ResourcesToSkip");
    let steps = stack
        .operation
        .as_ref()
        .map(|operation| operation.steps.as_slice())
        .unwrap_or_default();
    for name in &skip {
        let failed = steps
            .iter()
            .any(|step| &step.logical_id == name && step.stage == Stage::Failed);
        if !failed {
            return Err(Refusal::validation(format!(
                "Resources [{name}] can not be skipped. Only resources in UPDATE_FAILED state because of the rollback can be skipped."
            )));
        }
    }
    let id = stack.id.clone();
    let token = form.owned("ClientRequestToken");
    with_stack(service, &id, |service, stack| {
        if let Some(operation) = stack.operation.as_mut() {
            operation.token = token;
        }
        enter(
            service,
            stack,
            at,
            "UPDATE_ROLLBACK_IN_PROGRESS",
            Some("User Initiated".to_owned()),
        );
        let skipped: Vec<_> = stack
            .operation
            .iter_mut()
            .flat_map(|operation| operation.steps.iter_mut())
            .filter(|step| step.stage == Stage::Failed)
            .filter_map(|step| {
                if skip.contains(&step.logical_id) {
                    step.stage = Stage::Done;
                    step.subject.clone()
                } else {
                    step.stage = Stage::Waiting;
                    None
                }
            })
            .collect();
        for resource in skipped {
            let physical = resource.physical_id.clone().unwrap_or_default();
            let subject = (
                resource.logical_id.as_str(),
                physical.as_str(),
                resource.resource_type.as_str(),
            );
            record(
                service,
                stack,
                at,
                subject,
                "UPDATE_COMPLETE",
                Some("Resource skipped during rollback".to_owned()),
                None,
            );
            let mut resource = resource.clone();
            resource.status = "UPDATE_COMPLETE".to_owned();
            resource.updated = at;
            stack.resources.insert(resource.logical_id.clone(), resource);
        }
        if let Some(operation) = stack.operation.as_mut() {
            operation.due = Some(at + BREATH);
        }
    });
    Ok(Some(Xml::new()))
}

/// RollbackStack: from CREATE_FAILED everything is deleted, from UPDATE_FAILED the last good state comes back.
pub(super) fn rollback_stack(service: &mut CloudFormation, form: &Form<'_>, at: Millis) -> Answer<Option<Xml>> {
    let stack = live(service, form.required("StackName")?)?;
    let (id, status) = (stack.id.clone(), stack.status.clone());
    let token = form.owned("ClientRequestToken");
    let retain_except_on_create = form.flag("RetainExceptOnCreate");
    if !matches!(status.as_str(), "CREATE_FAILED" | "UPDATE_FAILED") {
        return Err(Refusal::validation(format!(
            "Stack:{id} is in {status} state and can not be rolled back."
        )));
    }
    with_stack(service, &id, |service, stack| {
        if let Some(operation) = stack.operation.as_mut() {
            operation.token = token;
            operation.retain_except_on_create = retain_except_on_create;
        }
        let reason = Some("User Initiated".to_owned());
        if status == "CREATE_FAILED" {
            enter(service, stack, at, "ROLLBACK_IN_PROGRESS", reason);
            rollback::delete_all(stack, at, Phase::Rollback);
        } else {
            enter(service, stack, at, "UPDATE_ROLLBACK_IN_PROGRESS", reason);
            rollback::restore(service, stack, at);
        }
    });
    Ok(Some(Xml::new().text("StackId", id)))
}

/// Stops all steps that are under way.
pub(super) fn cancel_running(service: &mut CloudFormation, stack: &mut Stack, at: Millis) {
    let open: Vec<usize> = stack
        .operation
        .iter()
        .flat_map(|operation| operation.steps.iter().enumerate())
        .filter(|(_, step): &(usize, &Step)| !step.over())
        .map(|(index, _)| index)
        .collect();
    for index in open {
        step::cancel(service, stack, index, at);
    }
}

/// An operation without steps.
pub(super) fn empty_operation(
    service: &mut CloudFormation,
    kind: OperationKind,
    token: Option<String>,
    at: Millis,
) -> Operation {
    Operation {
        id: service.uuid("operation"),
        token,
        kind,
        phase: Phase::Delete,
        steps: Vec::new(),
        due: None,
        on_failure: OnFailure::Rollback,
        retain_except_on_create: false,
        previous: None,
        leftovers: Vec::new(),
        retain: Default::default(),
        force: false,
        skip: Default::default(),
        imports: Default::default(),
        failed: Vec::new(),
        started: at,
        opening: None,
        policy: None,
    }
}
