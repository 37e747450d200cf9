//! Preflight: whether the account can do what is planned, asked before anybody says yes.

use super::context::Context;
use super::error::{CommandError, Kind};
use super::world::World;
use crate::engine;
use crate::plan::Plan;
use crate::preflight::{self, Preflight, Whereabouts};

/// Looks whether the account can do what `plan` says; none if that is not wanted, or if there is nothing to look at.
pub async fn preflight(
    context: &Context,
    world: &World,
    plan: &Plan,
    unwanted: bool,
) -> Result<Option<Preflight>, CommandError> {
    let Some(rendered) = world.rendered.as_ref().filter(|_| !unwanted) else {
        return Ok(None);
    };
    let at = Whereabouts {
        account: world.session.account.clone(),
        region: world.session.region.clone(),
        partition: world.session.partition().to_owned(),
        caller: world.session.caller.clone(),
        role_arn: plan.role_arn.clone(),
    };
    let needs = preflight::needs(rendered, plan, at);
    if needs.is_empty() {
        return Ok(None);
    }
    let asked = context.unless_stopped(engine::survey(&world.session, &needs)).await;
    let answers = match asked {
        Ok(answers) => answers,
        Err(stopped) => {
            engine::discard(&world.session, plan).await;
            return Err(stopped);
        }
    };
    Ok(Some(preflight::judge(rendered, &needs, &answers)))
}

/// The end of a verb whose preflight found that the plan certainly fails; everything about it was shown with the plan.
pub fn refused(preflight: Option<&Preflight>) -> Option<CommandError> {
    preflight
        .is_some_and(|preflight| preflight.problems.has_errors())
        .then(|| CommandError::told(Kind::Guarded))
}
