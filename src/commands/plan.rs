//! `mlinfra plan`.

use super::context::Context;
use super::error::CommandError;
use super::preflight::{preflight, refused};
use super::project::reason;
use super::ship;
use super::world::{Need, World};
use super::{Done, Outcome};
use crate::cli::PlanArgs;
use crate::diagnostic::{Problem, codes};
use crate::engine;
use crate::plan::{self, Consents, Kind};

/// Plans, shows, and saves where asked to. Nothing is changed.
pub async fn run(context: &Context, args: &PlanArgs) -> Outcome {
    let (kind, need) = if args.destroy {
        (Kind::Destroy, Need::WhateverIsThere)
    } else {
        (Kind::Apply, Need::Rendered)
    };
    let world = World::open(context, &args.environment, need).await?;
    let reading = context.unless_stopped(world.read()).await??;
    let plan = world.plan(context, kind, &args.targets, &reading).await?;
    let changes = plan.changes_anything();
    let verb = if args.destroy { "destroy" } else { "apply" };
    let preflight = preflight(context, &world, &plan, args.no_preflight).await?;
    if let Some(refused) = refused(preflight.as_ref()) {
        // A plan that certainly fails is not to be kept.
        engine::discard(&world.session, &plan).await;
        let again = context.command(&format!("plan {}", args.environment));
        let mut next = vec![format!("When it is mended: {again}")];
        if let Some(path) = &args.out {
            next.insert(0, format!("{} is not written: the plan would fail.", path.display()));
        }
        context.view().plan(&plan, preflight.as_ref(), &next);
        return Err(refused);
    }
    let mut next = Vec::new();
    match &args.out {
        Some(path) => {
            let shown = path.display().to_string();
            if let Err(error) = fs_err::write(context.path(path), plan::seal(&plan)) {
                engine::discard(&world.session, &plan).await;
                let message = format!("cannot write {shown}: {}", reason(&error));
                return Err(CommandError::from(Problem::error(codes::FILE_UNWRITABLE, message)));
            }
            next.push(format!(
                "To do exactly this: {}",
                context.command(&format!("apply {shown}"))
            ));
        }
        None => {
            // Nobody can execute a plan that was not saved: its change sets would only be in the way.
            engine::discard(&world.session, &plan).await;
            next.push(format!(
                "To do this: {}",
                context.command(&format!("{verb} {}", args.environment))
            ));
        }
    }
    // What apply would refuse is told now, as warnings: planning refuses nothing.
    let mut guards = plan::guards(&plan, &Consents::default());
    for problem in &mut guards.0 {
        problem.severity = crate::diagnostic::Severity::Warning;
    }
    context.view().plan(&plan, preflight.as_ref(), &next);
    ship::withdraw::announce(context, &reading, &plan);
    context.warn(&guards);
    let changes = if args.ship {
        ship::beside_plan(context, &args.environment).await? || changes
    } else {
        changes
    };
    Ok(if changes && args.detailed_exitcode {
        Done::ChangesPresent
    } else {
        Done::Fine
    })
}
