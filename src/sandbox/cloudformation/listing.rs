//! Lists over all stacks, template summaries, exports, imports, limits.

use std::collections::BTreeSet;

use serde_json::Value;

use super::describe::{PAGE, page};
use super::execute::{exports, importers};
use super::form::Form;
use super::function::scalar;
use super::lifecycle::live;
use super::refusal::{Answer, Refusal};
use super::state::Stack;
use super::template::{resource_type, section};
use super::world::World;
use super::xml::Xml;
use super::{CloudFormation, submit};

pub(super) fn stacks(service: &CloudFormation, form: &Form<'_>) -> Answer<Option<Xml>> {
    let filter = form.strings("StackStatusFilter");
    let mut found: Vec<&Stack> = service
        .stacks
        .values()
        .filter(|stack| filter.is_empty() || filter.contains(&stack.status))
        .collect();
    found.sort_by(|left, right| right.created.cmp(&left.created).then(left.name.cmp(&right.name)));
    let (page, next) = page(&found, form, PAGE)?;
    let summaries = page.iter().map(|stack| {
        let description = stack.configuration.template.get("Description").and_then(Value::as_str);
        let drift = match &stack.drift {
            Some((status, at)) => Xml::new()
                .text("StackDriftStatus", status)
                .time("LastCheckTimestamp", *at),
            None => Xml::new().text("StackDriftStatus", "NOT_CHECKED"),
        };
        Xml::new()
            .text("StackId", &stack.id)
            .text("StackName", &stack.name)
            .maybe("TemplateDescription", description)
            .time("CreationTime", stack.created)
            .maybe_time("LastUpdatedTime", stack.updated)
            .maybe_time("DeletionTime", stack.deleted)
            .text("StackStatus", &stack.status)
            .maybe("StackStatusReason", stack.reason.as_deref())
            .child("DriftInformation", drift)
    });
    Ok(Some(
        Xml::new().list("StackSummaries", summaries).maybe("NextToken", next),
    ))
}

pub(super) fn list_exports(service: &CloudFormation, form: &Form<'_>) -> Answer<Option<Xml>> {
    let owner = |name: &str| {
        let owns = |stack: &&Stack| stack.live() && stack.outputs.iter().any(|one| one.export.as_deref() == Some(name));
        service
            .stacks
            .values()
            .find(owns)
            .map(|stack| stack.id.clone())
            .unwrap_or_default()
    };
    let all: Vec<(String, String)> = exports(service).into_iter().collect();
    let (page, next) = page(&all, form, PAGE)?;
    let listed = page.iter().map(|(name, value)| {
        Xml::new()
            .text("ExportingStackId", owner(name))
            .text("Name", name)
            .text("Value", value)
    });
    Ok(Some(Xml::new().list("Exports", listed).maybe("NextToken", next)))
}

pub(super) fn list_imports(service: &CloudFormation, form: &Form<'_>) -> Answer<Option<Xml>> {
    let name = form.required("ExportName")?;
    let users = importers(service, name);
    if users.is_empty() {
        return Err(Refusal::validation(format!(
            "Export '{name}' is not imported by any stack."
        )));
    }
    let (page, next) = page(&users, form, PAGE)?;
    Ok(Some(Xml::new().strings("Imports", page).maybe("NextToken", next)))
}

pub(super) fn template_summary(
    service: &CloudFormation,
    form: &Form<'_>,
    world: &mut dyn World,
) -> Answer<Option<Xml>> {
    let template = match form.get("StackName") {
        Some(name) => live(service, name)?.configuration.template.clone(),
        None => submit::template_of(form, None, world)?.1,
    };
    let parameters = section(&template, "Parameters").map(|(name, declaration)| {
        let allowed = declaration.get("AllowedValues").and_then(Value::as_array);
        let allowed: Vec<String> = allowed.into_iter().flatten().filter_map(scalar).collect();
        Xml::new()
            .text("ParameterKey", name)
            .maybe("DefaultValue", declaration.get("Default").and_then(scalar))
            .text(
                "ParameterType",
                declaration.get("Type").and_then(Value::as_str).unwrap_or("String"),
            )
            .flag("NoEcho", no_echo(declaration))
            .maybe("Description", declaration.get("Description").and_then(Value::as_str))
            .child("ParameterConstraints", Xml::new().strings("AllowedValues", allowed))
    });
    let types: BTreeSet<&str> = section(&template, "Resources")
        .map(|(_, one)| resource_type(one))
        .collect();
    let needed = submit::needed_capabilities(&template);
    let reason = (!needed.is_empty()).then(|| {
        let iam: Vec<&str> = types
            .iter()
            .copied()
            .filter(|name| name.starts_with("AWS::IAM::"))
            .collect();
        format!("The following resource(s) require capabilities: [{}]", iam.join(", "))
    });
    let xml = Xml::new()
        .list("Parameters", parameters.collect::<Vec<_>>())
        .maybe("Description", template.get("Description").and_then(Value::as_str))
        .strings("Capabilities", needed)
        .maybe("CapabilitiesReason", reason)
        .strings("ResourceTypes", types)
        .maybe(
            "Version",
            template.get("AWSTemplateFormatVersion").and_then(Value::as_str),
        )
        .maybe("Metadata", template.get("Metadata").map(ToString::to_string))
        .strings("DeclaredTransforms", template.get("Transform").and_then(Value::as_str));
    Ok(Some(xml))
}

pub(super) fn validate(form: &Form<'_>, world: &mut dyn World) -> Answer<Option<Xml>> {
    let (_, template) = submit::template_of(form, None, world)?;
    let parameters = section(&template, "Parameters").map(|(name, declaration)| {
        Xml::new()
            .text("ParameterKey", name)
            .maybe("DefaultValue", declaration.get("Default").and_then(scalar))
            .flag("NoEcho", no_echo(declaration))
            .maybe("Description", declaration.get("Description").and_then(Value::as_str))
    });
    let needed = submit::needed_capabilities(&template);
    let xml = Xml::new()
        .list("Parameters", parameters.collect::<Vec<_>>())
        .maybe("Description", template.get("Description").and_then(Value::as_str))
        .strings("Capabilities", needed)
        .strings("DeclaredTransforms", template.get("Transform").and_then(Value::as_str));
    Ok(Some(xml))
}

pub(super) fn account_limits() -> Answer<Option<Xml>> {
    let limits = [
        ("StackLimit", "2000"),
        ("StackOutputsLimit", "200"),
        ("ConcurrentResourcesLimit", "2500"),
    ];
    let limits = limits
        .iter()
        .map(|(name, value)| Xml::new().text("Name", name).text("Value", value));
    Ok(Some(Xml::new().list("AccountLimits", limits)))
}

fn no_echo(declaration: &Value) -> bool {
    declaration
        .get("NoEcho")
        .and_then(scalar)
        .is_some_and(|flag| flag == "true")
}
