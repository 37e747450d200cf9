//! `mlinfra apply ENV` and `mlinfra apply FILE`.

use std::path::Path;

use super::context::Context;
use super::error::CommandError;
use super::files;
use super::operation::{carry_out, moved, stale};
use super::preflight::{preflight, refused};
use super::prompt::{Question, ask};
use super::ship;
use super::world::{Need, Reading, World};
use super::{Done, Outcome};
use crate::cli::ApplyArgs;
use crate::diagnostic::{Problem, Problems, Severity, codes};
use crate::engine::{self, Options};
use crate::plan::{self, Consents, Kind, Plan};
use crate::state;

/// Plans, shows, asks and executes; or executes a saved plan.
pub async fn run(context: &Context, args: &ApplyArgs) -> Outcome {
    let (environment, done) = if names_a_file(&args.subject) {
        saved(context, args).await?
    } else {
        (args.subject.clone(), fresh(context, args).await?)
    };
    if args.ship {
        return ship::after_apply(context, &environment).await;
    }
    Ok(done)
}

/// Names of environments hold neither dots nor slashes.
fn names_a_file(subject: &str) -> bool {
    subject.contains(['.', '/', '\\'])
}

async fn fresh(context: &Context, args: &ApplyArgs) -> Outcome {
    let world = World::open(context, &args.subject, Need::Rendered).await?;
    let reading = context.unless_stopped(world.read()).await??;
    let plan = world.plan(context, Kind::Apply, &args.targets, &reading).await?;
    let preflight = preflight(context, &world, &plan, args.no_preflight).await?;
    context.view().plan(&plan, preflight.as_ref(), &[]);
    ship::withdraw::announce(context, &reading, &plan);
    if let Some(refused) = refused(preflight.as_ref()) {
        engine::discard(&world.session, &plan).await;
        return Err(refused);
    }
    if !plan.changes_anything() {
        return if died(&reading) {
            // Nothing is to be done in AWS; what a run that died did there is still to be recorded.
            carry_out(context, &world, &plan, options(&world, args)).await
        } else {
            only_record(context, &world, &plan, args).await
        };
    }
    let consented = async {
        refuse(context, plan::guards(&plan, &consents(args)))?;
        if args.yes {
            return Ok(());
        }
        let question = Question {
            text: format!(
                "\nApply this to {} (account {}){}? Only `yes` applies it:",
                plan.environment,
                plan.account,
                if args.ship { ", then ship its workloads" } else { "" }
            ),
            expected: "yes",
            flag: "--yes",
        };
        ask(context, question).await
    };
    if let Err(error) = consented.await {
        engine::discard(&world.session, &plan).await;
        return Err(error);
    }
    carry_out(context, &world, &plan, options(&world, args)).await
}

/// Whether the operation before never recorded its end.
pub fn died(reading: &Reading) -> bool {
    reading
        .state
        .as_ref()
        .and_then(|(state, _)| state.operation.as_ref())
        .is_some_and(|operation| operation.finished.is_none())
}

/// Exactly the plan in the file, once. It was reviewed when it was made: there is no question.
async fn saved(context: &Context, args: &ApplyArgs) -> Result<(String, Done), CommandError> {
    let plan = open(context, Path::new(&args.subject))?;
    if !args.targets.is_empty() {
        let problem = Problem::error(codes::NEEDS_ANSWER, "--target does not go with a saved plan")
            .hint("plan again with --target and --out, then apply that file");
        return Err(problem.into());
    }
    let need = match plan.kind {
        Kind::Apply => Need::Rendered,
        Kind::Destroy => Need::WhateverIsThere,
    };
    let world = World::open(context, &plan.environment, need).await?;
    let backend = &world.environment.backend;
    let applied = state::plan_applied(&world.session, backend, &world.key, &plan.id);
    let (reading, applied) = context
        .unless_stopped(futures::future::try_join(world.read(), applied))
        .await??;
    let moved = moved(&world, &plan, &reading, applied.is_some());
    if !moved.is_empty() {
        return Err(stale(context, &plan, &moved));
    }
    context.view().plan(&plan, None, &[]);
    ship::withdraw::announce(context, &reading, &plan);
    let done = if plan.changes_anything() {
        refuse(context, plan::guards(&plan, &consents(args)))?;
        carry_out(context, &world, &plan, options(&world, args)).await?
    } else {
        only_record(context, &world, &plan, args).await?
    };
    Ok((plan.environment, done))
}

/// Nothing in AWS changes; where the state was lost or is behind, it learns what is there, and that needs no question.
async fn only_record(context: &Context, world: &World, plan: &Plan, args: &ApplyArgs) -> Outcome {
    if !plan.records_anything() {
        return Ok(Done::Fine);
    }
    context
        .view()
        .note("The state is behind what is deployed; it is brought up to date.\n");
    carry_out(context, world, plan, options(world, args)).await
}

fn open(context: &Context, path: &Path) -> Result<Plan, CommandError> {
    let shown = path.display();
    let text = files::text(&context.path(path), files::MOST_PLAN).map_err(|unread| {
        Problem::error(
            codes::PLAN_UNREADABLE,
            format!("cannot read the plan {shown}: {}", unread.why),
        )
        .hint("an environment's name has no dots and no slashes: `mlinfra apply dev`")
    })?;
    Ok(plan::open(&text).map_err(|error| {
        Problem::error(codes::PLAN_UNREADABLE, format!("{shown}: {error}"))
            .hint("`mlinfra plan ENV --out FILE` makes one")
    })?)
}

/// Shows the warnings; the errors are the reason not to go on.
pub fn refuse(context: &Context, guards: Problems) -> Result<(), CommandError> {
    let (errors, warnings): (Vec<Problem>, Vec<Problem>) = guards
        .0
        .into_iter()
        .partition(|problem| problem.severity == Severity::Error);
    context.warn(&Problems(warnings));
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Problems(errors).into())
    }
}

fn consents(args: &ApplyArgs) -> Consents {
    Consents {
        confirm: args.confirm.clone(),
        allow_replacement: args.allow_replacement.iter().cloned().collect(),
    }
}

fn options(world: &World, args: &ApplyArgs) -> Options {
    Options {
        parallelism: usize::from(args.parallelism),
        on_failure: world.environment.on_failure,
        empty_buckets: false,
    }
}

#[cfg(test)]
mod tests {
    use super::names_a_file;

    #[test]
    fn a_plan_file_is_told_from_an_environment_by_its_dot_or_slash() {
        assert!(names_a_file("prod.plan") && names_a_file("./plan") && !names_a_file("prod-eu"));
    }
}
