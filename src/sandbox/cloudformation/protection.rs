//! Termination protection and stack policies: set and shown.

use super::form::Form;
use super::lifecycle::{live, live_mut};
use super::refusal::{Answer, Refusal};
use super::world::World;
use super::xml::Xml;
use super::{CloudFormation, policy};

pub(super) fn update_termination_protection(service: &mut CloudFormation, form: &Form<'_>) -> Answer<Option<Xml>> {
    let name = form.required("StackName")?;
    let enable = form
        .required("EnableTerminationProtection")?
        .eq_ignore_ascii_case("true");
    let stack = live_mut(service, name)?;
    stack.termination_protection = enable;
    Ok(Some(Xml::new().text("StackId", &stack.id)))
}

pub(super) fn set_stack_policy(
    service: &mut CloudFormation,
    form: &Form<'_>,
    world: &mut dyn World,
) -> Answer<Option<Xml>> {
    let name = form.required("StackName")?;
    let text = match (form.owned("StackPolicyBody"), form.get("StackPolicyURL")) {
        (Some(body), None) => body,
        (None, Some(url)) => world.fetch(url).map_err(Refusal::validation)?,
        _ => {
            return Err(Refusal::validation(
                "You must specify either StackPolicyBody or StackPolicyURL",
            ));
        }
    };
    let policy = policy::read(&text)?;
    live_mut(service, name)?.policy = Some(policy);
    Ok(None)
}

pub(super) fn get_stack_policy(service: &CloudFormation, form: &Form<'_>) -> Answer<Option<Xml>> {
    let stack = live(service, form.required("StackName")?)?;
    Ok(Some(Xml::new().maybe(
        "StackPolicyBody",
        stack.policy.as_ref().map(ToString::to_string),
    )))
}
