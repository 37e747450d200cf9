//! CreateStack, UpdateStack, DeleteStack and what protects a stack.

use indexmap::IndexMap;

use super::execute::{BREATH, enter, importers, with_stack};
use super::form::Form;
use super::refusal::{Answer, Refusal};
use super::state::{
    Configuration, ImportedResource, OnFailure, Opening, Operation, OperationKind, Phase, Previous, Stack,
};
use super::world::World;
use super::xml::Xml;
use super::{CloudFormation, Millis, diff, policy, recovery, rollback, submit, template};

/// Statuses from which an update may begin.
const UPDATABLE: [&str; 7] = [
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
    "CREATE_FAILED",
    "UPDATE_FAILED",
];

/// What an operation begins with.
pub(super) struct Beginning {
    pub kind: OperationKind,
    pub configuration: Configuration,
    pub on_failure: OnFailure,
    pub retain_except_on_create: bool,
    pub token: Option<String>,
    pub change_set_id: Option<String>,
    pub imports: std::collections::BTreeMap<String, ImportedResource>,
    pub policy: Option<serde_json::Value>,
    /// How long the stack's status still shows the old state.
    pub delay: Option<Millis>,
}

pub(super) fn create_stack(
    service: &mut CloudFormation,
    form: &Form<'_>,
    at: Millis,
    world: &mut dyn World,
) -> Answer<Option<Xml>> {
    let name = form.required("StackName")?;
    submit::check_name(name, "stackName")?;
    let token = form.owned("ClientRequestToken");
    if let Some(stack) = find_live(service, name) {
        if repeated(stack, token.as_deref(), OperationKind::Create)? {
            return Ok(Some(Xml::new().text("StackId", &stack.id)));
        }
        return Err(Refusal::already_exists(format!("Stack [{name}] already exists")));
    }
    if form.get("OnFailure").is_some() && form.get("DisableRollback").is_some() {
        return Err(Refusal::validation(
            "Only one of DisableRollback or OnFailure may be specified",
        ));
    }
    let configuration = submit::read(form, None, world)?;
    let mut stack = new_stack(service, name, at);
    stack.termination_protection = form.flag("EnableTerminationProtection");
    stack.policy = form.get("StackPolicyBody").map(policy::read).transpose()?;
    let on_failure = match form.get("OnFailure") {
        Some("DO_NOTHING") => OnFailure::Keep,
        Some("DELETE") => OnFailure::Delete,
        _ if form.flag("DisableRollback") => OnFailure::Keep,
        _ => OnFailure::Rollback,
    };
    stack.disable_rollback = on_failure == OnFailure::Keep;
    let beginning = Beginning {
        kind: OperationKind::Create,
        configuration,
        on_failure,
        retain_except_on_create: form.flag("RetainExceptOnCreate"),
        token,
        change_set_id: None,
        imports: Default::default(),
        policy: None,
        delay: None,
    };
    begin(service, &mut stack, beginning, at, world);
    let id = stack.id.clone();
    service.stacks.insert(id.clone(), stack);
    Ok(Some(Xml::new().text("StackId", id)))
}

pub(super) fn update_stack(
    service: &mut CloudFormation,
    form: &Form<'_>,
    at: Millis,
    world: &mut dyn World,
) -> Answer<Option<Xml>> {
    let name = form.required("StackName")?;
    let stack =
        find_live(service, name).ok_or_else(|| Refusal::validation(format!("Stack [{name}] does not exist")))?;
    let id = stack.id.clone();
    let token = form.owned("ClientRequestToken");
    if repeated(stack, token.as_deref(), OperationKind::Update)? {
        return Ok(Some(Xml::new().text("StackId", id)));
    }
    check_updatable(stack)?;
    let configuration = submit::read(form, Some(stack), world)?;
    let place = diff::Place {
        account: &service.account,
        region: &service.region,
        exports: &super::execute::exports(service),
    };
    let comparison =
        diff::compare(&place, stack, &configuration, &Default::default(), world).map_err(Refusal::validation)?;
    if comparison.changes.is_empty() && !comparison.outputs && configuration.tags == stack.configuration.tags {
        return Err(Refusal::validation("No updates are to be performed."));
    }
    let during = form.get("StackPolicyDuringUpdateBody").map(policy::read).transpose()?;
    let changed_policy = form.get("StackPolicyBody").map(policy::read).transpose()?;
    let disable = form.flag("DisableRollback");
    let retain_except_on_create = form.flag("RetainExceptOnCreate");
    with_stack(service, &id, |service, stack| {
        for change_set in stack.change_sets.iter_mut().filter(|one| one.execution == "AVAILABLE") {
            change_set.execution = "OBSOLETE".to_owned();
        }
        stack.policy = changed_policy.or(stack.policy.take());
        stack.disable_rollback = disable;
        let beginning = Beginning {
            kind: OperationKind::Update,
            configuration,
            on_failure: if disable { OnFailure::Keep } else { OnFailure::Rollback },
            retain_except_on_create,
            token,
            change_set_id: None,
            imports: Default::default(),
            policy: during,
            delay: None,
        };
        begin(service, stack, beginning, at, world);
    });
    Ok(Some(Xml::new().text("StackId", id)))
}

/// Whether a call is a repetition of one that was honoured. The same token on another kind of operation is refused.
pub(super) fn repeated(stack: &Stack, token: Option<&str>, kind: OperationKind) -> Answer<bool> {
    match token.and_then(|token| stack.tokens.get(token)) {
        None => Ok(false),
        Some(status) if status == opening_status(kind) => Ok(true),
        Some(_) => Err(Refusal::new(
            "TokenAlreadyExistsException",
            400,
            format!(
                "A client request token already exists for a different operation on stack {}",
                stack.id
            ),
        )),
    }
}

fn opening_status(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Import => "IMPORT_IN_PROGRESS",
        OperationKind::Update => "UPDATE_IN_PROGRESS",
        _ => "CREATE_IN_PROGRESS",
    }
}

/// Refuses what may not be updated in its state.
pub(super) fn check_updatable(stack: &Stack) -> Answer<()> {
    if UPDATABLE.contains(&stack.status.as_str()) && !stack.busy() {
        return Ok(());
    }
    Err(Refusal::validation(format!(
        "Stack:{} is in {} state and can not be updated.",
        stack.id, stack.status
    )))
}

/// A stack that holds nothing yet.
pub(super) fn new_stack(service: &mut CloudFormation, name: &str, at: Millis) -> Stack {
    let uuid = service.uuid(name);
    let partition = super::evaluate::partition(&service.region);
    Stack {
        id: format!(
            "arn:{partition}:cloudformation:{}:{}:stack/{name}/{uuid}",
            service.region, service.account
        ),
        name: name.to_owned(),
        status: "REVIEW_IN_PROGRESS".to_owned(),
        reason: None,
        created: at,
        updated: None,
        deleted: None,
        change_set_id: None,
        termination_protection: false,
        disable_rollback: false,
        policy: None,
        configuration: Configuration::default(),
        resources: IndexMap::new(),
        outputs: Vec::new(),
        imports: Default::default(),
        events: Vec::new(),
        change_sets: Vec::new(),
        operation: None,
        tokens: Default::default(),
        drift: None,
    }
}

/// Begins an operation: now, or after the delay that its status takes to show.
pub(super) fn begin(
    service: &mut CloudFormation,
    stack: &mut Stack,
    beginning: Beginning,
    at: Millis,
    world: &mut dyn World,
) {
    let Beginning {
        kind,
        configuration,
        change_set_id,
        token,
        ..
    } = beginning;
    let status = opening_status(kind);
    if let Some(token) = &token {
        stack.tokens.insert(token.clone(), status.to_owned());
    }
    // After a failed update that was kept, going back still means the last good state.
    let (kept, leftovers) = match stack.operation.take() {
        Some(operation) if stack.status == "UPDATE_FAILED" => (operation.previous, operation.leftovers),
        _ => (None, Vec::new()),
    };
    let previous = kept.or_else(|| {
        (kind != OperationKind::Create).then(|| {
            Box::new(Previous {
                configuration: stack.configuration.clone(),
                outputs: stack.outputs.clone(),
                imports: stack.imports.clone(),
                resources: stack.resources.clone(),
                change_set_id: stack.change_set_id.clone(),
            })
        })
    });
    let opening = Opening {
        configuration,
        change_set_id,
        status: status.to_owned(),
    };
    stack.operation = Some(Operation {
        id: service.uuid("operation"),
        token,
        kind,
        phase: Phase::Forward,
        steps: Vec::new(),
        due: None,
        on_failure: beginning.on_failure,
        retain_except_on_create: beginning.retain_except_on_create,
        previous,
        leftovers,
        retain: Default::default(),
        force: false,
        skip: Default::default(),
        imports: beginning.imports,
        failed: Vec::new(),
        started: at,
        opening: None,
        policy: beginning.policy.or_else(|| stack.policy.clone()),
    });
    match (beginning.delay, stack.operation.as_mut()) {
        (Some(delay), Some(operation)) => {
            operation.opening = Some(opening);
            operation.due = Some(at + delay);
        }
        _ => open(service, stack, opening, at, world),
    }
}

/// The operation shows: its status, its configuration, its steps.
pub(super) fn open(
    service: &mut CloudFormation,
    stack: &mut Stack,
    opening: Opening,
    at: Millis,
    world: &mut dyn World,
) {
    stack.configuration = opening.configuration;
    if opening.change_set_id.is_some() {
        stack.change_set_id = opening.change_set_id;
    }
    if opening.status != "CREATE_IN_PROGRESS" {
        stack.updated = Some(at);
    } else if stack.status == "REVIEW_IN_PROGRESS" && stack.change_set_id.is_some() {
        // AWS shows when the change set was executed.
        stack.updated = Some(at);
    }
    enter(service, stack, at, &opening.status, Some("User Initiated".to_owned()));
    match rollback::forward(service, stack) {
        Ok(steps) => {
            if let Some(operation) = stack.operation.as_mut() {
                operation.steps = steps;
                operation.due = Some(at + BREATH);
            }
            if let Some(reason) = denied_removal(service, stack) {
                rollback::give_up(service, stack, at, Some(reason), world);
            }
        }
        Err(reason) => rollback::give_up(service, stack, at, Some(reason), world),
    }
}

fn denied_removal(service: &CloudFormation, stack: &Stack) -> Option<String> {
    let policy = stack
        .operation
        .as_ref()
        .and_then(|operation| operation.policy.as_ref())?;
    let kept = super::execute::kept(service, stack).ok()?;
    let removed = stack
        .resources
        .values()
        .filter(|resource| !kept.contains(&resource.logical_id));
    let denied = removed
        .filter(|one| policy::denies(Some(policy), "Update:Delete", &one.logical_id, &one.resource_type))
        .map(|one| format!("LogicalResourceId/{}", one.logical_id))
        .next()?;
    Some(format!(
        "Action denied by stack policy: Statement does not allow [Update:Delete] for resource [{denied}]"
    ))
}

pub(super) fn delete_stack(
    service: &mut CloudFormation,
    form: &Form<'_>,
    at: Millis,
    world: &mut dyn World,
) -> Answer<Option<Xml>> {
    let name = form.required("StackName")?;
    // Deleting what does not exist succeeds.
    let Some(stack) = find_live(service, name) else {
        return Ok(None);
    };
    let id = stack.id.clone();
    if stack.termination_protection {
        return Err(Refusal::validation(format!(
            "Stack [{}] cannot be deleted while TerminationProtection is enabled",
            stack.name
        )));
    }
    let retain = form.strings("RetainResources");
    let force = form.get("DeletionMode") == Some("FORCE_DELETE_STACK");
    if stack.status == "DELETE_IN_PROGRESS" {
        return Ok(None);
    }
    if (!retain.is_empty() || force) && stack.status != "DELETE_FAILED" {
        let what = if force {
            "DeletionMode FORCE_DELETE_STACK"
        } else {
            "Resources to retain"
        };
        return Err(Refusal::validation(format!(
            "Invalid operation on stack [{id}]. {what} can be specified only when the current stack status is DELETE_FAILED"
        )));
    }
    if let Some(stranger) = retain.iter().find(|one| !stack.resources.contains_key(*one)) {
        return Err(Refusal::validation(format!(
            "Resources [{stranger}] do not exist in stack [{}]",
            stack.name
        )));
    }
    let interruptible = matches!(stack.status.as_str(), "CREATE_IN_PROGRESS" | "REVIEW_IN_PROGRESS");
    if stack.busy() && !interruptible {
        return Err(Refusal::validation(format!(
            "Stack [{}] cannot be deleted while in status {}",
            stack.name, stack.status
        )));
    }
    let export_in_use = stack
        .outputs
        .iter()
        .filter_map(|output| output.export.clone())
        .find_map(|export| {
            let users = importers(service, &export);
            (!users.is_empty()).then(|| {
                format!(
                    "Export {export} cannot be deleted as it is in use by {}",
                    users.join(" and ")
                )
            })
        });
    let token = form.owned("ClientRequestToken");
    let role = form.owned("RoleARN");
    with_stack(service, &id, |service, stack| {
        if let Some(reason) = export_in_use {
            // AWS accepts the call and leaves the stack as it was; the reason is in the events.
            let status = stack.status.clone();
            enter(service, stack, at, &status, Some(reason));
            return;
        }
        if stack.operation.is_some() && stack.status == "CREATE_IN_PROGRESS" {
            recovery::cancel_running(service, stack, at);
        }
        stack.configuration.role_arn = role.or(stack.configuration.role_arn.take());
        let leftovers = stack
            .operation
            .take()
            .map(|operation| operation.leftovers)
            .unwrap_or_default();
        stack.operation = Some(Operation {
            leftovers,
            retain: retain.into_iter().collect(),
            force,
            ..recovery::empty_operation(service, OperationKind::Delete, token, at)
        });
        enter(
            service,
            stack,
            at,
            "DELETE_IN_PROGRESS",
            Some("User Initiated".to_owned()),
        );
        rollback::delete_all(stack, at, Phase::Delete);
        let _ = &world;
    });
    Ok(None)
}

/// The live stack of this name or ARN.
pub(super) fn find_live<'a>(service: &'a CloudFormation, name: &str) -> Option<&'a Stack> {
    let named = |stack: &&Stack| stack.live() && (stack.name == name || stack.id == name);
    service.stacks.values().find(named)
}

/// The live stack, or the refusal that most actions give.
pub(super) fn live<'a>(service: &'a CloudFormation, name: &str) -> Answer<&'a Stack> {
    find_live(service, name).ok_or_else(|| Refusal::validation(format!("Stack [{name}] does not exist")))
}

pub(super) fn live_mut<'a>(service: &'a mut CloudFormation, name: &str) -> Answer<&'a mut Stack> {
    let named = |stack: &&mut Stack| stack.live() && (stack.name == name || stack.id == name);
    let missing = || Refusal::validation(format!("Stack [{name}] does not exist"));
    service.stacks.values_mut().find(named).ok_or_else(missing)
}

/// The stack by name while it lives, by ARN for ever.
pub(super) fn any<'a>(service: &'a CloudFormation, name: &str) -> Answer<&'a Stack> {
    let missing = || Refusal::validation(format!("Stack with id {name} does not exist"));
    service
        .stacks
        .get(name)
        .or_else(|| find_live(service, name))
        .ok_or_else(missing)
}

/// The number of resources that a template declares.
pub(super) fn size(configuration: &Configuration) -> u64 {
    template::section(&configuration.template, "Resources").count() as u64
}
