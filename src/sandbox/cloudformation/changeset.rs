//! Change sets: created while the caller waits, described page by page, executed once.

use super::execute::{exports, with_stack};
use super::form::Form;
use super::lifecycle::{self, Beginning, find_live};
use super::refusal::{Answer, Refusal};
use super::state::{Change, ChangeSet, ImportedResource, Kind, OnFailure, OperationKind, Stack};
use super::world::World;
use super::xml::Xml;
use super::{CloudFormation, Millis, describe, diff, evaluate, submit};

/// CREATE_PENDING lasts this long.
const PENDING: Millis = 400;
/// DescribeStacks shows an executed creation only after this long (aws-cdk-cli#1848).
const OPENING: Millis = 400;
/// Changes on a page of DescribeChangeSet.
const PAGE: usize = 100;

const NOTHING: &str =
    "The submitted information didn't contain changes. Submit different information to create a change set.";

pub(super) fn create(
    service: &mut CloudFormation,
    form: &Form<'_>,
    at: Millis,
    world: &mut dyn World,
) -> Answer<Option<Xml>> {
    let stack_name = form.required("StackName")?;
    let name = form.required("ChangeSetName")?;
    submit::check_name(name, "changeSetName")?;
    if !stack_name.starts_with("arn:") {
        submit::check_name(stack_name, "stackName")?;
    }
    let kind = match form.get("ChangeSetType") {
        None | Some("UPDATE") => Kind::Update,
        Some("CREATE") => Kind::Create,
        Some("IMPORT") => Kind::Import,
        Some(other) => {
            return Err(Refusal::constraint(
                other,
                "changeSetType",
                "Member must satisfy enum value set: [CREATE, UPDATE, IMPORT]",
            ));
        }
    };
    let on_failure = form.owned("OnStackFailure");
    check_on_failure(on_failure.as_deref(), kind)?;
    let token = form.owned("ClientToken");
    let existing = find_live(service, stack_name);
    if let Some(known) = existing.and_then(|stack| stack.change_sets.iter().find(|one| one.name == name)) {
        let stack_id = existing.map(|stack| stack.id.clone()).unwrap_or_default();
        if token.is_some() && known.client_token == token {
            return Ok(Some(Xml::new().text("Id", &known.id).text("StackId", stack_id)));
        }
        return Err(Refusal::already_exists(format!("ChangeSet [{name}] already exists")));
    }
    let imports = imports(form, kind)?;
    let mut made = None;
    let stack_id = match (existing, kind) {
        (Some(stack), Kind::Create) if stack.status == "REVIEW_IN_PROGRESS" && !stack.busy() => stack.id.clone(),
        (Some(_), Kind::Create) => {
            return Err(Refusal::validation(format!(
                "Stack [{stack_name}] already exists and cannot be created again with the changeSet [{name}]."
            )));
        }
        (Some(stack), _) if stack.status == "REVIEW_IN_PROGRESS" && kind == Kind::Import => stack.id.clone(),
        (Some(stack), _) => {
            lifecycle::check_updatable(stack)?;
            stack.id.clone()
        }
        (None, Kind::Update) => return Err(Refusal::validation(format!("Stack [{stack_name}] does not exist"))),
        (None, _) => {
            let stack = lifecycle::new_stack(service, stack_name, at);
            let id = stack.id.clone();
            made = Some(stack);
            id
        }
    };
    let current = service
        .stacks
        .get(&stack_id)
        .filter(|stack| stack.status != "REVIEW_IN_PROGRESS");
    let configuration = submit::read(form, current, world)?;
    let uuid = service.uuid(name);
    let partition = evaluate::partition(&service.region);
    let id = format!(
        "arn:{partition}:cloudformation:{}:{}:changeSet/{name}/{uuid}",
        service.region, service.account
    );
    let operation = service.uuid("change set");
    if let Some(mut stack) = made {
        super::execute::enter(
            service,
            &mut stack,
            at,
            "REVIEW_IN_PROGRESS",
            Some("User Initiated".to_owned()),
        );
        service.stacks.insert(stack_id.clone(), stack);
    }
    let change_set = ChangeSet {
        id: id.clone(),
        name: name.to_owned(),
        kind,
        description: form.owned("Description"),
        created: at,
        status: "CREATE_PENDING".to_owned(),
        reason: None,
        execution: "UNAVAILABLE".to_owned(),
        configuration,
        changes: Vec::new(),
        on_failure,
        import_existing: form.flag("ImportExistingResources"),
        validate: !form.flag("DisableValidation"),
        imports,
        client_token: token,
        due: Some(at + PENDING),
        findings: Vec::new(),
        operation,
    };
    if let Some(stack) = service.stacks.get_mut(&stack_id) {
        stack.change_sets.push(change_set);
    }
    Ok(Some(Xml::new().text("Id", id).text("StackId", stack_id)))
}

fn check_on_failure(on_failure: Option<&str>, kind: Kind) -> Answer<()> {
    match on_failure {
        None | Some("ROLLBACK" | "DO_NOTHING") => Ok(()),
        Some("DELETE") if kind == Kind::Create => Ok(()),
        Some("DELETE") => Err(Refusal::validation(
            "OnStackFailure DELETE is only supported for change sets with the type CREATE",
        )),
        Some(other) => Err(Refusal::constraint(
            other,
            "onStackFailure",
            "Member must satisfy enum value set: [DO_NOTHING, ROLLBACK, DELETE]",
        )),
    }
}

fn imports(form: &Form<'_>, kind: Kind) -> Answer<std::collections::BTreeMap<String, ImportedResource>> {
    let mut found = std::collections::BTreeMap::new();
    for item in form.items("ResourcesToImport") {
        let item = Form::new(&item);
        let mut identifier = std::collections::BTreeMap::new();
        for index in 1.. {
            let Some(key) = item.get(&format!("ResourceIdentifier.entry.{index}.key")) else {
                break;
            };
            let value = item
                .get(&format!("ResourceIdentifier.entry.{index}.value"))
                .unwrap_or_default();
            identifier.insert(key.to_owned(), value.to_owned());
        }
        let logical_id = item.required("LogicalResourceId")?.to_owned();
        let resource_type = item.required("ResourceType")?.to_owned();
        found.insert(
            logical_id,
            ImportedResource {
                resource_type,
                identifier,
            },
        );
    }
    if (kind == Kind::Import) == found.is_empty() {
        return Err(Refusal::validation(if found.is_empty() {
            "ResourcesToImport must be specified for change sets with the type IMPORT"
        } else {
            "ResourcesToImport can only be specified for change sets with the type IMPORT"
        }));
    }
    Ok(found)
}

/// A change set's next status is due.
pub(super) fn settle(service: &mut CloudFormation, stack: &mut Stack, index: usize, at: Millis, world: &mut dyn World) {
    let Some(change_set) = stack.change_sets.get_mut(index) else {
        return;
    };
    if change_set.status == "CREATE_PENDING" {
        change_set.status = "CREATE_IN_PROGRESS".to_owned();
        // Two seconds, and more for large templates.
        change_set.due = Some(at + 1_600 + 12 * lifecycle::size(&change_set.configuration).min(250));
        return;
    }
    change_set.due = None;
    let (configuration, imports) = (change_set.configuration.clone(), change_set.imports.clone());
    let (kind, import_only, validate) = (change_set.kind, change_set.kind == Kind::Import, change_set.validate);
    let place = diff::Place {
        account: &service.account,
        region: &service.region,
        exports: &exports(service),
    };
    let result = diff::compare(&place, stack, &configuration, &imports, world);
    let same =
        configuration.body == stack.configuration.body && configuration.parameters == stack.configuration.parameters;
    let tags = configuration.tags != stack.configuration.tags;
    let Some(change_set) = stack.change_sets.get_mut(index) else {
        return;
    };
    let failure = match result {
        Err(reason) => Some(reason),
        Ok(comparison) => {
            let strangers: Vec<&str> = comparison
                .changes
                .iter()
                .filter(|change| import_only && change.action != "Import")
                .map(|change| change.logical_id.as_str())
                .collect();
            let failure = if validate && !comparison.findings.is_empty() {
                let checks = [("PropertyValidation", false), ("ResourceExistenceCheck", true)];
                let failed: Vec<String> = checks
                    .into_iter()
                    .filter(|(_, conflict)| comparison.findings.iter().any(|one| one.conflict == *conflict))
                    .map(|(check, _)| format!("AWS::EarlyValidation::{check}"))
                    .collect();
                Some(format!(
                    "The following hook(s)/validation failed: [{}]. To troubleshoot Early Validation errors, use the DescribeEvents API for detailed failure information.",
                    failed.join(", ")
                ))
            } else if !strangers.is_empty() {
                Some(format!(
                    "As part of the import operation, you cannot modify or add [{}]",
                    strangers.join(", ")
                ))
            } else if kind == Kind::Update && comparison.changes.is_empty() && !comparison.outputs && !tags {
                Some(
                    if same {
                        NOTHING
                    } else {
                        "No updates are to be performed."
                    }
                    .to_owned(),
                )
            } else {
                None
            };
            change_set.changes = comparison.changes;
            change_set.findings = comparison.findings;
            failure
        }
    };
    match failure {
        Some(reason) => {
            change_set.status = "FAILED".to_owned();
            change_set.reason = Some(reason);
        }
        None => {
            change_set.status = "CREATE_COMPLETE".to_owned();
            change_set.execution = "AVAILABLE".to_owned();
        }
    }
}

pub(super) fn describe(service: &CloudFormation, form: &Form<'_>) -> Answer<Option<Xml>> {
    let (stack, change_set) = find(service, form)?;
    let values = form.flag("IncludePropertyValues");
    let (page, next) = describe::page(&change_set.changes, form, PAGE)?;
    let configuration = &change_set.configuration;
    let xml = Xml::new()
        .text("ChangeSetName", &change_set.name)
        .text("ChangeSetId", &change_set.id)
        .text("StackId", &stack.id)
        .text("StackName", &stack.name)
        .maybe("Description", change_set.description.as_deref())
        .list("Parameters", describe::parameters(configuration))
        .time("CreationTime", change_set.created)
        .text("ExecutionStatus", &change_set.execution)
        .text("Status", &change_set.status)
        .maybe("StatusReason", change_set.reason.as_deref())
        .strings("NotificationARNs", &configuration.notification_arns)
        .child("RollbackConfiguration", Xml::new())
        .strings("Capabilities", &configuration.capabilities)
        .list("Tags", describe::tags(&configuration.tags))
        .list("Changes", page.iter().map(|change| change_xml(change, values)))
        .maybe("NextToken", next)
        .flag("IncludeNestedStacks", false)
        .maybe("OnStackFailure", change_set.on_failure.as_deref())
        .flag("ImportExistingResources", change_set.import_existing);
    Ok(Some(xml))
}

fn change_xml(change: &Change, values: bool) -> Xml {
    let details = change.details.iter().map(|detail| {
        let target = Xml::new()
            .text("Attribute", &detail.attribute)
            .maybe("Name", detail.name.as_deref())
            .maybe("Path", detail.path.as_deref().filter(|_| values))
            .text("RequiresRecreation", &detail.recreation)
            .maybe("BeforeValue", detail.before.as_deref().filter(|_| values))
            .maybe("AfterValue", detail.after.as_deref().filter(|_| values))
            .maybe("AttributeChangeType", detail.change_type.as_deref().filter(|_| values));
        Xml::new()
            .child("Target", target)
            .text("Evaluation", &detail.evaluation)
            .text("ChangeSource", &detail.source)
            .maybe("CausingEntity", detail.entity.as_deref())
    });
    let resource = Xml::new()
        .maybe("PolicyAction", change.policy_action.as_deref())
        .text("Action", &change.action)
        .text("LogicalResourceId", &change.logical_id)
        .maybe("PhysicalResourceId", change.physical_id.as_deref())
        .text("ResourceType", &change.resource_type)
        .maybe("Replacement", change.replacement.as_deref())
        .strings("Scope", &change.scope)
        .list("Details", details)
        .maybe("BeforeContext", change.before.as_deref().filter(|_| values))
        .maybe("AfterContext", change.after.as_deref().filter(|_| values));
    Xml::new().text("Type", "Resource").child("ResourceChange", resource)
}

pub(super) fn execute(
    service: &mut CloudFormation,
    form: &Form<'_>,
    at: Millis,
    world: &mut dyn World,
) -> Answer<Option<Xml>> {
    let token = form.owned("ClientRequestToken");
    let (stack, change_set) = find(service, form)?;
    let kind = match change_set.kind {
        Kind::Create => OperationKind::Create,
        Kind::Update => OperationKind::Update,
        Kind::Import => OperationKind::Import,
    };
    if lifecycle::repeated(stack, token.as_deref(), kind)? {
        return Ok(Some(Xml::new()));
    }
    if change_set.execution != "AVAILABLE" {
        let shown = if change_set.status == "CREATE_COMPLETE" {
            &change_set.execution
        } else {
            &change_set.status
        };
        return Err(Refusal::new(
            "InvalidChangeSetStatus",
            400,
            format!(
                "ChangeSet [{}] cannot be executed in its current status of [{shown}]",
                change_set.id
            ),
        ));
    }
    if stack.status != "REVIEW_IN_PROGRESS" {
        lifecycle::check_updatable(stack)?;
    } else if stack.busy() {
        return Err(Refusal::validation(format!(
            "Stack:{} is in {} state and can not be updated.",
            stack.id, stack.status
        )));
    }
    let disable = form.get("DisableRollback").is_some();
    if disable && change_set.on_failure.is_some() {
        return Err(Refusal::validation(
            "DisableRollback cannot be specified when OnStackFailure was specified for the change set",
        ));
    }
    let keep = form.flag("DisableRollback");
    let on_failure = match change_set.on_failure.as_deref() {
        Some("DELETE") => OnFailure::Delete,
        Some("DO_NOTHING") => OnFailure::Keep,
        _ if keep => OnFailure::Keep,
        _ => OnFailure::Rollback,
    };
    let beginning = Beginning {
        kind,
        configuration: change_set.configuration.clone(),
        on_failure,
        retain_except_on_create: form.flag("RetainExceptOnCreate"),
        token,
        change_set_id: Some(change_set.id.clone()),
        imports: change_set.imports.clone(),
        policy: None,
        delay: (stack.status == "REVIEW_IN_PROGRESS").then_some(OPENING),
    };
    let (stack_id, change_set_id) = (stack.id.clone(), change_set.id.clone());
    with_stack(service, &stack_id, |service, stack| {
        stack.disable_rollback = on_failure == OnFailure::Keep;
        // The others are not valid for what the stack becomes, and go (ExecuteChangeSet in the API reference).
        stack.change_sets.retain(|one| one.id == change_set_id);
        for one in &mut stack.change_sets {
            one.execution = "EXECUTE_IN_PROGRESS".to_owned();
        }
        lifecycle::begin(service, stack, beginning, at, world);
    });
    Ok(Some(Xml::new()))
}

pub(super) fn delete(service: &mut CloudFormation, form: &Form<'_>) -> Answer<Option<Xml>> {
    let name = form.required("ChangeSetName")?;
    let found = match find(service, form) {
        Ok((stack, change_set)) => {
            if change_set.execution == "EXECUTE_IN_PROGRESS" {
                return Err(Refusal::new(
                    "InvalidChangeSetStatus",
                    400,
                    format!("ChangeSet [{name}] cannot be deleted in its current status of [EXECUTE_IN_PROGRESS]"),
                ));
            }
            Some((stack.id.clone(), change_set.id.clone()))
        }
        // Deleting what is not there succeeds, as long as the stack is.
        Err(refusal) if refusal.code == "ChangeSetNotFound" => None,
        Err(refusal) => return Err(refusal),
    };
    if let Some((stack_id, id)) = found
        && let Some(stack) = service.stacks.get_mut(&stack_id)
    {
        stack.change_sets.retain(|one| one.id != id);
    }
    Ok(Some(Xml::new()))
}

pub(super) fn list(service: &CloudFormation, form: &Form<'_>) -> Answer<Option<Xml>> {
    let stack = lifecycle::live(service, form.required("StackName")?)?;
    let (page, next) = describe::page(&stack.change_sets, form, PAGE)?;
    let summaries = page.iter().map(|one| {
        Xml::new()
            .text("StackId", &stack.id)
            .text("StackName", &stack.name)
            .text("ChangeSetId", &one.id)
            .text("ChangeSetName", &one.name)
            .text("ExecutionStatus", &one.execution)
            .text("Status", &one.status)
            .maybe("StatusReason", one.reason.as_deref())
            .time("CreationTime", one.created)
            .maybe("Description", one.description.as_deref())
            .flag("IncludeNestedStacks", false)
            .flag("ImportExistingResources", one.import_existing)
    });
    Ok(Some(Xml::new().list("Summaries", summaries).maybe("NextToken", next)))
}

/// The change set by ARN, or by name with its stack.
pub(super) fn find<'a>(service: &'a CloudFormation, form: &Form<'_>) -> Answer<(&'a Stack, &'a ChangeSet)> {
    let name = form.required("ChangeSetName")?;
    let stacks: Vec<&Stack> = match form.get("StackName") {
        Some(stack) => vec![
            lifecycle::find_live(service, stack)
                .ok_or_else(|| Refusal::validation(format!("Stack [{stack}] does not exist")))?,
        ],
        None if name.starts_with("arn:") => service.stacks.values().collect(),
        None => {
            return Err(Refusal::validation(
                "StackName must be specified if ChangeSetName is not specified as an ARN.",
            ));
        }
    };
    for stack in stacks {
        if let Some(found) = stack.change_sets.iter().find(|one| one.id == name || one.name == name) {
            return Ok((stack, found));
        }
    }
    Err(Refusal::change_set_not_found(name))
}
