//! `mlinfra destroy`.

use super::apply::{died, refuse};
use super::context::Context;
use super::error::CommandError;
use super::operation::carry_out;
use super::prompt::{Question, ask};
use super::ship;
use super::world::{Need, World};
use super::{Done, Outcome};
use crate::cli::DestroyArgs;
use crate::diagnostic::{Problem, Severity, codes};
use crate::engine::{self, Options};
use crate::plan::{self, Consents, Kind, Plan};

/// Plans the deletion, shows it, asks, and executes it.
pub async fn run(context: &Context, args: &DestroyArgs) -> Outcome {
    let world = World::open(context, &args.environment, Need::WhateverIsThere).await?;
    let reading = context.unless_stopped(world.read()).await??;
    let plan = world.plan(context, Kind::Destroy, &[], &reading).await?;
    context.view().plan(&plan, None, &[]);
    ship::withdraw::announce(context, &reading, &plan);
    let options = Options {
        parallelism: usize::from(args.parallelism),
        on_failure: world.environment.on_failure,
        empty_buckets: args.empty_buckets,
    };
    if !plan.changes_anything() {
        return if died(&reading) {
            carry_out(context, &world, &plan, options).await
        } else {
            Ok(Done::Fine)
        };
    }
    if let Err(error) = consent(context, args, &plan).await {
        engine::discard(&world.session, &plan).await;
        return Err(error);
    }
    carry_out(context, &world, &plan, options).await
}

/// A protected environment wants its name, typed or given; any other wants `yes`.
async fn consent(context: &Context, args: &DestroyArgs, plan: &Plan) -> Result<(), CommandError> {
    let given = Consents {
        confirm: args.confirm.clone(),
        ..Consents::default()
    };
    let guards = plan::guards(plan, &given);
    let unconfirmed = guards
        .0
        .iter()
        .any(|problem| problem.code == codes::DESTROY_UNCONFIRMED);
    // What cannot be agreed to is told before anything is asked, and together with what else is missing.
    let refused = |problem: &Problem| problem.severity == Severity::Error && problem.code != codes::DESTROY_UNCONFIRMED;
    if guards.0.iter().any(refused) {
        return refuse(context, guards);
    }
    if unconfirmed && !args.yes && args.confirm.is_none() {
        let flag = format!("--confirm={} --yes", plan.environment);
        let question = Question {
            text: format!(
                "\n{} is protected. Delete everything in it (account {})? Only its name, `{}`, deletes it:",
                plan.environment, plan.account, plan.environment
            ),
            expected: &plan.environment,
            flag: &flag,
        };
        return ask(context, question).await;
    }
    refuse(context, guards)?;
    if args.yes {
        return Ok(());
    }
    let question = Question {
        text: format!(
            "\nDelete all of {} (account {})? Only `yes` deletes it:",
            plan.environment, plan.account
        ),
        expected: "yes",
        flag: "--yes",
    };
    ask(context, question).await
}
