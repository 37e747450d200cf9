//! `mlinfra lock status` and `mlinfra lock release`.

use std::time::Duration;

use super::context::Context;
use super::error::{CommandError, Kind};
use super::prompt::{Question, ask};
use super::world::{Need, World};
use super::{Done, Outcome};
use crate::cli::{LockReleaseArgs, LockStatusArgs};
use crate::lock::protocol::LEASE;
use crate::lock::{LockError, LockStatus, Record};
use crate::plan::Deployed;
use crate::view::report::{LockReport, LockState};

/// A lease and a bit: after watching for so long it is certain whether the holder lives.
const CERTAINTY: Duration = Duration::from_secs(LEASE.as_secs() + 5);

/// Says whether the lock is held, stale or free, and what CloudFormation works on.
pub async fn status(context: &Context, args: &LockStatusArgs) -> Outcome {
    let world = World::open(context, &args.environment, Need::WhateverIsThere).await?;
    let first = context
        .unless_stopped(look(&world, Duration::ZERO))
        .await?
        .map_err(|error| error.problem())?;
    if matches!(first, LockStatus::Held { alive: false, .. }) {
        context
            .view()
            .note("The lock is held; watching whether its holder lives (a minute at most)...");
    }
    let looking = futures::future::try_join(world.read(), async {
        look(&world, CERTAINTY).await.map_err(|error| error.problem())
    });
    let (reading, locked) = context.unless_stopped(looking).await??;
    context.view().lock(&report(&locked, &reading.deployed));
    Ok(Done::Fine)
}

/// Releases a lock whose holder is gone, after saying what that means.
pub async fn release(context: &Context, args: &LockReleaseArgs) -> Outcome {
    let world = World::open(context, &args.environment, Need::WhateverIsThere).await?;
    let looking = futures::future::try_join(world.read(), async {
        look(&world, Duration::ZERO).await.map_err(|error| error.problem())
    });
    let (reading, locked) = context.unless_stopped(looking).await??;
    let (LockStatus::Held { record, .. } | LockStatus::Stale { record, .. }) = &locked else {
        context.view().note("The lock is free: there is nothing to release");
        return Ok(Done::Fine);
    };
    if !args.yes {
        context.view().lock(&report(&locked, &reading.deployed));
        context.view().note(
            "\nReleasing is safe when that run is gone. If it still lives, it starts nothing more and fails; it cannot \
             overwrite the state. What CloudFormation is doing goes on, and the next apply attaches to it.",
        );
        let question = Question {
            text: format!(
                "Release the lock of {}? Only `yes` releases it:",
                world.environment.name
            ),
            expected: "yes",
            flag: "--yes",
        };
        ask(context, question).await?;
    }
    free(&world, record).await?;
    context
        .view()
        .note(&format!("Released the lock of {}", world.environment.name));
    Ok(Done::Fine)
}

/// Releases exactly the acquisition that was shown, and no other.
async fn free(world: &World, record: &Record) -> Result<(), CommandError> {
    let backend = &world.environment.backend;
    let released =
        crate::lock::force_release(&world.session, backend, &world.key, &record.lease_id, record.generation).await;
    match released {
        Ok(_) => Ok(()),
        Err(error) => {
            let kind = if matches!(error, LockError::Moved { .. }) {
                Kind::LockHeld
            } else {
                Kind::Failed
            };
            Err(CommandError::from(error.problem()).of_kind(kind))
        }
    }
}

/// Looks at the lock for at most `watch`.
pub async fn look(world: &World, watch: Duration) -> Result<LockStatus, LockError> {
    let own = crate::lock::this_process();
    crate::lock::status(
        &world.session,
        &world.environment.backend,
        &world.key,
        own.as_ref(),
        watch,
    )
    .await
}

/// The lock as it is shown, beside what CloudFormation works on.
pub fn report(status: &LockStatus, deployed: &Deployed) -> LockReport {
    let (state, record) = match status {
        LockStatus::Free { last } => (LockState::Free, last.as_ref()),
        LockStatus::Held { record, .. } => (LockState::Held, Some(record)),
        LockStatus::Stale { record, .. } => (LockState::Stale, Some(record)),
    };
    let because = match status {
        LockStatus::Stale { death, .. } => Some(death.to_string()),
        LockStatus::Free { .. } | LockStatus::Held { .. } => None,
    };
    let holder = record.filter(|_| state != LockState::Free);
    LockReport {
        status: state,
        because,
        holder: holder.map(|record| {
            record
                .holder
                .run_url
                .clone()
                .unwrap_or_else(|| record.holder.who.clone())
        }),
        operation: holder.map(|record| record.holder.operation.clone()),
        lease_id: holder.map(|record| record.lease_id.clone()),
        since: holder.map(|record| record.acquired_at.clone()),
        generation: record.map_or(0, |record| record.generation),
        in_flight: deployed
            .stacks
            .values()
            .filter(|stack| stack.status.ends_with("_IN_PROGRESS") && stack.status != "REVIEW_IN_PROGRESS")
            .map(|stack| (stack.stack_name.clone(), stack.status.clone()))
            .collect(),
    }
}
