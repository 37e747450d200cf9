//! What a caller submits about a stack: template, parameters, tags, capabilities, held against the limits.

use serde_json::{Value, json};

use super::evaluate::Scope;
use super::form::Form;
use super::parameters;
use super::refusal::{Answer, Refusal};
use super::state::{Configuration, Stack};
use super::template::{self, resource_type, section};
use super::world::World;

/// `TemplateBody` may have so many bytes; through S3 it may have [`TEMPLATE_IN_S3`] ("CloudFormation quotas").
const TEMPLATE_IN_CALL: usize = 51_200;
const TEMPLATE_IN_S3: usize = 1_048_576;

/// Reads the submission. `stack` is the stack that is updated, none for a new one.
pub(super) fn read(form: &Form<'_>, stack: Option<&Stack>, world: &mut dyn World) -> Answer<Configuration> {
    let previous = stack.map(|stack| &stack.configuration);
    let (body, template) = template_of(form, previous, world)?;
    let parameters = parameters::resolve(&template, form, previous.map(|previous| &previous.parameters), world)?;
    let tags = match previous {
        Some(previous) if !form.has_list("Tags") => previous.tags.clone(),
        _ => tags(form)?,
    };
    let capabilities = form.strings("Capabilities");
    acknowledge(&template, &capabilities)?;
    let notification_arns = match previous {
        Some(previous) if !form.has_list("NotificationARNs") => previous.notification_arns.clone(),
        _ => form.strings("NotificationARNs"),
    };
    Ok(Configuration {
        body,
        template,
        parameters,
        tags,
        capabilities,
        notification_arns,
        role_arn: form
            .owned("RoleARN")
            .or_else(|| previous.and_then(|previous| previous.role_arn.clone())),
        timeout_minutes: form.owned("TimeoutInMinutes"),
    })
}

/// The template: in the call, behind a URL, or the one that is deployed.
pub(super) fn template_of(
    form: &Form<'_>,
    previous: Option<&Configuration>,
    world: &mut dyn World,
) -> Answer<(String, Value)> {
    match (form.get("TemplateBody"), form.get("TemplateURL")) {
        (Some(_), Some(_)) => Err(Refusal::validation(
            "Only one of TemplateBody or TemplateURL may be specified",
        )),
        (Some(body), None) => {
            if body.len() > TEMPLATE_IN_CALL {
                let constraint = format!("Member must have length less than or equal to {TEMPLATE_IN_CALL}");
                return Err(Refusal::constraint(body, "templateBody", &constraint));
            }
            if body.is_empty() {
                let constraint = "Member must have length greater than or equal to 1";
                return Err(Refusal::constraint("", "templateBody", constraint));
            }
            Ok((body.to_owned(), template::read(body)?))
        }
        (None, Some(url)) => {
            let body = world.fetch(url).map_err(Refusal::validation)?;
            if body.len() > TEMPLATE_IN_S3 {
                return Err(Refusal::validation(format!(
                    "Template may not exceed {TEMPLATE_IN_S3} bytes in size."
                )));
            }
            let template = template::read(&body)?;
            Ok((body, template))
        }
        (None, None) => match previous {
            Some(previous) if form.flag("UsePreviousTemplate") => {
                Ok((previous.body.clone(), previous.template.clone()))
            }
            _ => Err(Refusal::validation(
                "Either Template URL or Template Body must be specified.",
            )),
        },
    }
}

fn tags(form: &Form<'_>) -> Answer<Vec<(String, String)>> {
    let mut tags: Vec<(String, String)> = Vec::new();
    for item in form.items("Tags") {
        let item = Form::new(&item);
        let (key, value) = (item.required("Key")?, item.get("Value").unwrap_or_default());
        if key.to_lowercase().starts_with("aws:") {
            return Err(Refusal::validation(format!(
                "aws: prefixed tag key names are not allowed for external use: {key}"
            )));
        }
        if key.chars().count() > 128 || value.chars().count() > 256 {
            return Err(Refusal::validation(format!("Tag key or value too long: {key}")));
        }
        if tags.iter().any(|(known, _)| known == key) {
            return Err(Refusal::validation(format!("Duplicate tag key: {key}")));
        }
        tags.push((key.to_owned(), value.to_owned()));
    }
    if tags.len() > 50 {
        return Err(Refusal::constraint(
            "[...]",
            "tags",
            "Member must have length less than or equal to 50",
        ));
    }
    Ok(tags)
}

/// The capabilities that a template needs ("Acknowledging IAM resources in CloudFormation templates").
pub(super) fn needed_capabilities(template: &Value) -> Vec<&'static str> {
    let mut iam = false;
    let mut named = false;
    for (_, declaration) in section(template, "Resources") {
        let kind = resource_type(declaration);
        let name = match kind {
            "AWS::IAM::Role" => "RoleName",
            "AWS::IAM::User" => "UserName",
            "AWS::IAM::Group" => "GroupName",
            "AWS::IAM::ManagedPolicy" => "ManagedPolicyName",
            "AWS::IAM::InstanceProfile" => "InstanceProfileName",
            "AWS::IAM::Policy" | "AWS::IAM::AccessKey" | "AWS::IAM::UserToGroupAddition" | "AWS::IAM::RolePolicy" => "",
            _ => continue,
        };
        iam = true;
        named |= declaration
            .get("Properties")
            .and_then(|properties| properties.get(name))
            .is_some();
    }
    let mut needed = Vec::new();
    if iam {
        needed.push(if named {
            "CAPABILITY_NAMED_IAM"
        } else {
            "CAPABILITY_IAM"
        });
    }
    if template.get("Transform").is_some() {
        needed.push("CAPABILITY_AUTO_EXPAND");
    }
    needed
}

fn acknowledge(template: &Value, given: &[String]) -> Answer<()> {
    let known = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"];
    if let Some(stranger) = given.iter().find(|one| !known.contains(&one.as_str())) {
        let constraint =
            "Member must satisfy enum value set: [CAPABILITY_IAM, CAPABILITY_NAMED_IAM, CAPABILITY_AUTO_EXPAND]";
        return Err(Refusal::constraint(stranger, "capabilities", constraint));
    }
    let has = |name: &str| given.iter().any(|one| one == name);
    let missing: Vec<&str> = needed_capabilities(template)
        .into_iter()
        .filter(|needed| !(has(needed) || *needed == "CAPABILITY_IAM" && has("CAPABILITY_NAMED_IAM")))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!("Requires capabilities : [{}]", missing.join(", "));
    Err(Refusal::new("InsufficientCapabilitiesException", 400, message))
}

/// A stack's name must be a letter, then letters, digits and hyphens, 128 at most.
pub(super) fn check_name(name: &str, field: &str) -> Answer<()> {
    let mut characters = name.chars();
    let first = characters.next().is_some_and(|first| first.is_ascii_alphabetic());
    if !first || !characters.all(|one| one.is_ascii_alphanumeric() || one == '-') {
        return Err(Refusal::constraint(
            name,
            field,
            "Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*",
        ));
    }
    if name.len() > 128 {
        return Err(Refusal::constraint(
            name,
            field,
            "Member must have length less than or equal to 128",
        ));
    }
    Ok(())
}

/// The outputs, evaluated: key, value, description, export.
pub(super) fn outputs(scope: &mut Scope<'_>) -> Result<Vec<super::state::Output>, String> {
    let template = scope.template;
    let mut outputs = Vec::new();
    for (key, declaration) in section(template, "Outputs") {
        let condition = declaration.get("Condition").and_then(Value::as_str);
        if condition.is_some_and(|name| scope.conditions.get(name) == Some(&false)) {
            continue;
        }
        let null = json!(null);
        let Some(value) = scope.resolve(declaration.get("Value").unwrap_or(&null))? else {
            continue;
        };
        let value = match &value {
            Value::Array(items) => items.iter().filter_map(super::function::scalar).collect::<Vec<_>>().join(","),
            other => super::function::scalar(other).ok_or_else(|| {
                format!("Template format error: Output {key} is malformed. The Value field of every Outputs member must evaluate to a String.")
            })?,
        };
        let export = match declaration.get("Export").and_then(|export| export.get("Name")) {
            Some(name) => Some(scope.text(name)?),
            None => None,
        };
        let description = declaration
            .get("Description")
            .and_then(Value::as_str)
            .map(str::to_owned);
        outputs.push(super::state::Output {
            key: key.to_owned(),
            value,
            description,
            export,
        });
    }
    Ok(outputs)
}
