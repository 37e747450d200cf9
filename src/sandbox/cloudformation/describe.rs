//! DescribeStacks, DescribeStackEvents, DescribeStackResources and their pages.

use super::CloudFormation;
use super::form::Form;
use super::lifecycle::any;
use super::refusal::{Answer, Refusal};
use super::state::{Configuration, Resource, Stack, StackEvent};
use super::xml::Xml;

/// Events, stacks or resources on one page.
pub(super) const PAGE: usize = 100;

pub(super) fn stacks(service: &CloudFormation, form: &Form<'_>) -> Answer<Option<Xml>> {
    let found: Vec<&Stack> = match form.get("StackName") {
        Some(name) => vec![any(service, name)?],
        None => {
            let mut live: Vec<&Stack> = service.stacks.values().filter(|stack| stack.live()).collect();
            live.sort_by(|left, right| right.created.cmp(&left.created).then(left.name.cmp(&right.name)));
            live
        }
    };
    let (page, next) = page(&found, form, PAGE)?;
    let described = page.iter().map(|stack| stack_xml(stack));
    Ok(Some(Xml::new().list("Stacks", described).maybe("NextToken", next)))
}

fn stack_xml(stack: &Stack) -> Xml {
    let configuration = &stack.configuration;
    let drift = match &stack.drift {
        Some((status, at)) => Xml::new()
            .text("StackDriftStatus", status)
            .time("LastCheckTimestamp", *at),
        None => Xml::new().text("StackDriftStatus", "NOT_CHECKED"),
    };
    let outputs = stack.outputs.iter().map(|output| {
        Xml::new()
            .text("OutputKey", &output.key)
            .text("OutputValue", &output.value)
            .maybe("Description", output.description.as_deref())
            .maybe("ExportName", output.export.as_deref())
    });
    let description = configuration
        .template
        .get("Description")
        .and_then(serde_json::Value::as_str);
    Xml::new()
        .text("StackId", &stack.id)
        .text("StackName", &stack.name)
        .maybe("ChangeSetId", stack.change_set_id.as_deref())
        .maybe("Description", description)
        .list("Parameters", parameters(configuration))
        .time("CreationTime", stack.created)
        .maybe_time("DeletionTime", stack.deleted)
        .maybe_time("LastUpdatedTime", stack.updated)
        .child("RollbackConfiguration", Xml::new())
        .text("StackStatus", &stack.status)
        .maybe(
            "StackStatusReason",
            stack
                .reason
                .as_deref()
                .filter(|reason| *reason != "User Initiated" || stack.status == "REVIEW_IN_PROGRESS"),
        )
        .flag("DisableRollback", stack.disable_rollback)
        .strings("NotificationARNs", &configuration.notification_arns)
        .maybe("TimeoutInMinutes", configuration.timeout_minutes.as_deref())
        .strings("Capabilities", &configuration.capabilities)
        .list("Outputs", outputs)
        .maybe("RoleARN", configuration.role_arn.as_deref())
        .list("Tags", tags(&configuration.tags))
        .flag("EnableTerminationProtection", stack.termination_protection)
        .child("DriftInformation", drift)
}

/// Parameters as callers may see them.
pub(super) fn parameters(configuration: &Configuration) -> Vec<Xml> {
    let parameters = configuration.parameters.iter().map(|(key, parameter)| {
        let value = if parameter.no_echo { "****" } else { &parameter.value };
        Xml::new()
            .text("ParameterKey", key)
            .text("ParameterValue", value)
            .maybe("ResolvedValue", parameter.resolved.as_deref())
    });
    parameters.collect()
}

pub(super) fn tags(tags: &[(String, String)]) -> Vec<Xml> {
    tags.iter()
        .map(|(key, value)| Xml::new().text("Key", key).text("Value", value))
        .collect()
}

/// Newest first. A token names the event after which the page begins, so new events do not shift the pages.
pub(super) fn events(service: &CloudFormation, form: &Form<'_>) -> Answer<Option<Xml>> {
    let name = form.required("StackName")?;
    let stack = any(service, name).map_err(|_| Refusal::validation(format!("Stack [{name}] does not exist")))?;
    let end = match form.get("NextToken") {
        Some(token) => decode(token)?,
        None => stack.events.len(),
    };
    let start = end.saturating_sub(PAGE);
    let shown = stack.events.get(start..end).unwrap_or_default();
    let events = shown
        .iter()
        .rev()
        .map(|event| event_xml(stack, event).text("StackName", &stack.name));
    let next = (start > 0).then(|| encode(start));
    Ok(Some(Xml::new().list("StackEvents", events).maybe("NextToken", next)))
}

fn event_xml(stack: &Stack, event: &StackEvent) -> Xml {
    Xml::new()
        .text("StackId", &stack.id)
        .text("EventId", &event.id)
        .maybe("OperationId", Some(&event.operation).filter(|id| !id.is_empty()))
        .text("LogicalResourceId", &event.logical_id)
        .text("PhysicalResourceId", &event.physical_id)
        .text("ResourceType", &event.resource_type)
        .time("Timestamp", event.at)
        .text("ResourceStatus", &event.status)
        .maybe("ResourceStatusReason", event.reason.as_deref())
        .maybe("ResourceProperties", event.properties.as_deref())
        .maybe("ClientRequestToken", event.token.as_deref())
}

/// DescribeEvents: what happened in an operation or to a change set, failures of the early validation among it.
pub(super) fn operation_events(service: &CloudFormation, form: &Form<'_>) -> Answer<Option<Xml>> {
    let only_failed = form.flag("Filters.FailedEvents");
    let mut found: Vec<Xml> = Vec::new();
    match (
        form.get("ChangeSetName"),
        form.get("StackName"),
        form.get("OperationId"),
    ) {
        (Some(_), _, _) => {
            let (stack, change_set) = super::changeset::find(service, form)?;
            for (index, finding) in change_set.findings.iter().enumerate() {
                found.push(
                    Xml::new()
                        .text("EventId", format!("{}-{index}", change_set.operation))
                        .text("StackId", &stack.id)
                        .text("OperationId", &change_set.operation)
                        .text("OperationType", "CREATE_CHANGESET")
                        .text("EventType", "VALIDATION_ERROR")
                        .text("LogicalResourceId", &finding.logical_id)
                        .text("PhysicalResourceId", "")
                        .text("ResourceType", &finding.resource_type)
                        .time("Timestamp", change_set.created)
                        .text("ValidationFailureMode", "FAIL")
                        .text(
                            "ValidationName",
                            if finding.conflict {
                                "NAME_CONFLICT_VALIDATION"
                            } else {
                                "PROPERTY_VALIDATION"
                            },
                        )
                        .text("ValidationStatus", "FAILED")
                        .text("ValidationStatusReason", &finding.message)
                        .text("ValidationPath", &finding.path),
                );
            }
        }
        (None, None, None) => {
            return Err(Refusal::validation(
                "One of ChangeSetName, OperationId or StackName must be specified",
            ));
        }
        (None, stack, operation) => {
            let stacks: Vec<&Stack> = match stack {
                Some(name) => vec![any(service, name)?],
                None => service.stacks.values().collect(),
            };
            for stack in stacks {
                let events = stack.events.iter().rev().filter(|event| {
                    operation.is_none_or(|wanted| event.operation == wanted)
                        && (!only_failed || event.status.ends_with("_FAILED"))
                });
                found.extend(events.map(|event| {
                    let kind = match event.resource_type.as_str() {
                        _ if event.status.ends_with("_FAILED") => "PROVISIONING_ERROR",
                        "AWS::CloudFormation::Stack" => "STACK_EVENT",
                        _ => "PROGRESS_EVENT",
                    };
                    event_xml(stack, event).text("EventType", kind)
                }));
            }
        }
    }
    let (shown, next) = page(&found, form, PAGE)?;
    let events = shown.iter().map(|event| Xml::new().raw(event));
    Ok(Some(
        Xml::new().list("OperationEvents", events).maybe("NextToken", next),
    ))
}

pub(super) fn resources(service: &CloudFormation, form: &Form<'_>) -> Answer<Option<Xml>> {
    let wanted = form.get("LogicalResourceId");
    let stack = match (form.get("StackName"), form.get("PhysicalResourceId")) {
        (Some(name), _) => any(service, name)?,
        (None, Some(id)) => service
            .stacks
            .values()
            .find(|stack| {
                stack.live()
                    && stack
                        .resources
                        .values()
                        .any(|one| one.physical_id.as_deref() == Some(id))
            })
            .ok_or_else(|| Refusal::validation(format!("Stack for {id} does not exist")))?,
        (None, None) => {
            return Err(Refusal::validation("StackName or PhysicalResourceId must be specified"));
        }
    };
    let found = stack
        .resources
        .values()
        .filter(|one| wanted.is_none_or(|name| one.logical_id == name));
    let described = found
        .take(PAGE)
        .map(|resource| resource_xml(stack, resource, "Timestamp"));
    Ok(Some(Xml::new().list("StackResources", described)))
}

pub(super) fn resource(service: &CloudFormation, form: &Form<'_>) -> Answer<Option<Xml>> {
    let name = form.required("StackName")?;
    let logical_id = form.required("LogicalResourceId")?;
    let stack = any(service, name).map_err(|_| Refusal::validation(format!("Stack '{name}' does not exist")))?;
    let resource = stack
        .resources
        .get(logical_id)
        .ok_or_else(|| Refusal::validation(format!("Resource {logical_id} does not exist for stack {}", stack.name)))?;
    let metadata = resource.metadata.as_ref().map(ToString::to_string);
    let detail = resource_xml(stack, resource, "LastUpdatedTimestamp").maybe("Metadata", metadata);
    Ok(Some(Xml::new().child("StackResourceDetail", detail)))
}

pub(super) fn resource_summaries(service: &CloudFormation, form: &Form<'_>) -> Answer<Option<Xml>> {
    let stack = any(service, form.required("StackName")?)?;
    let all: Vec<&Resource> = stack.resources.values().collect();
    let (page, next) = page(&all, form, PAGE)?;
    let summaries = page.iter().map(|resource| {
        Xml::new()
            .text("LogicalResourceId", &resource.logical_id)
            .maybe("PhysicalResourceId", resource.physical_id.as_deref())
            .text("ResourceType", &resource.resource_type)
            .time("LastUpdatedTimestamp", resource.updated)
            .text("ResourceStatus", &resource.status)
            .maybe("ResourceStatusReason", resource.reason.as_deref())
            .child("DriftInformation", drift_xml(resource))
    });
    Ok(Some(
        Xml::new()
            .list("StackResourceSummaries", summaries)
            .maybe("NextToken", next),
    ))
}

fn resource_xml(stack: &Stack, resource: &Resource, time: &str) -> Xml {
    Xml::new()
        .text("StackName", &stack.name)
        .text("StackId", &stack.id)
        .text("LogicalResourceId", &resource.logical_id)
        .maybe("PhysicalResourceId", resource.physical_id.as_deref())
        .text("ResourceType", &resource.resource_type)
        .time(time, resource.updated)
        .text("ResourceStatus", &resource.status)
        .maybe("ResourceStatusReason", resource.reason.as_deref())
        .child("DriftInformation", drift_xml(resource))
}

fn drift_xml(resource: &Resource) -> Xml {
    match &resource.drift {
        Some(drift) => Xml::new()
            .text("StackResourceDriftStatus", &drift.status)
            .time("LastCheckTimestamp", drift.at),
        None => Xml::new().text("StackResourceDriftStatus", "NOT_CHECKED"),
    }
}

pub(super) fn template(service: &CloudFormation, form: &Form<'_>) -> Answer<Option<Xml>> {
    let (body, processed) = if form.get("ChangeSetName").is_some() {
        let (_, change_set) = super::changeset::find(service, form)?;
        (&change_set.configuration.body, &change_set.configuration.template)
    } else {
        let stack = any(service, form.required("StackName")?)?;
        (&stack.configuration.body, &stack.configuration.template)
    };
    let text = match form.get("TemplateStage") {
        Some("Processed") => processed.to_string(),
        _ => body.clone(),
    };
    Ok(Some(
        Xml::new()
            .text("TemplateBody", text)
            .strings("StagesAvailable", ["Original", "Processed"]),
    ))
}

/// A page of a list and the token of the next.
pub(super) fn page<'a, T>(items: &'a [T], form: &Form<'_>, size: usize) -> Answer<(&'a [T], Option<String>)> {
    let start = match form.get("NextToken") {
        Some(token) => decode(token)?,
        None => 0,
    };
    let wanted = form.get("MaxResults").and_then(|text| text.parse::<usize>().ok());
    let end = start
        .saturating_add(wanted.unwrap_or(size).clamp(1, size))
        .min(items.len());
    let page = items.get(start..end).unwrap_or_default();
    Ok((page, (end < items.len()).then(|| encode(end))))
}

fn encode(position: usize) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE.encode(format!("position/{position:08}"))
}

fn decode(token: &str) -> Answer<usize> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::URL_SAFE
        .decode(token)
        .unwrap_or_default();
    let text = String::from_utf8(bytes).unwrap_or_default();
    let position = text.strip_prefix("position/").and_then(|digits| digits.parse().ok());
    position.ok_or_else(|| Refusal::validation("Token is invalid or has expired"))
}
