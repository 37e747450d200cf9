//! Which function answers which action.

use super::form::Form;
use super::refusal::{Answer, Refusal};
use super::world::World;
use super::xml::Xml;
use super::{CloudFormation, Millis, changeset, describe, drift, lifecycle, listing, protection, recovery, signals};

/// The content of the answer; none for actions whose answer has no result element.
pub(super) fn answer(
    service: &mut CloudFormation,
    action: &str,
    form: &Form<'_>,
    at: Millis,
    world: &mut dyn World,
) -> Answer<Option<Xml>> {
    match action {
        "CreateChangeSet" => changeset::create(service, form, at, world),
        "DescribeChangeSet" => changeset::describe(service, form),
        "ExecuteChangeSet" => changeset::execute(service, form, at, world),
        "DeleteChangeSet" => changeset::delete(service, form),
        "ListChangeSets" => changeset::list(service, form),
        "CreateStack" => lifecycle::create_stack(service, form, at, world),
        "UpdateStack" => lifecycle::update_stack(service, form, at, world),
        "DeleteStack" => lifecycle::delete_stack(service, form, at, world),
        "UpdateTerminationProtection" => protection::update_termination_protection(service, form),
        "SetStackPolicy" => protection::set_stack_policy(service, form, world),
        "GetStackPolicy" => protection::get_stack_policy(service, form),
        "CancelUpdateStack" => recovery::cancel_update_stack(service, form, at, world),
        "ContinueUpdateRollback" => recovery::continue_update_rollback(service, form, at),
        "RollbackStack" => recovery::rollback_stack(service, form, at),
        "SignalResource" => signals::signal_resource(service, form, at),
        "DescribeStacks" => describe::stacks(service, form),
        "DescribeStackEvents" => describe::events(service, form),
        "DescribeEvents" => describe::operation_events(service, form),
        "DescribeStackResources" => describe::resources(service, form),
        "DescribeStackResource" => describe::resource(service, form),
        "ListStackResources" => describe::resource_summaries(service, form),
        "GetTemplate" => describe::template(service, form),
        "ListStacks" => listing::stacks(service, form),
        "ListExports" => listing::list_exports(service, form),
        "ListImports" => listing::list_imports(service, form),
        "GetTemplateSummary" => listing::template_summary(service, form, world),
        "ValidateTemplate" => listing::validate(form, world),
        "DescribeAccountLimits" => listing::account_limits(),
        "DetectStackDrift" => drift::detect(service, form, at, world),
        "DescribeStackDriftDetectionStatus" => drift::status(service, form, at),
        "DescribeStackResourceDrifts" => drift::resource_drifts(service, form),
        other => Err(Refusal::new(
            "InvalidAction",
            400,
            format!("The sandbox does not simulate the CloudFormation action {other}."),
        )),
    }
}
