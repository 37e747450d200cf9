//! Work under the lock of an environment: taken, told about, and let go whatever becomes of the work.

use super::context::Context;
use super::error::{CommandError, Kind};
use super::world::World;
use crate::lock::{self, Holder, Lease, LockError, News, Wait};

/// What is told about the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Somebody else holds it: who, since when, for what.
    Waiting(String),
    /// It is ours, with this fencing token.
    Acquired(u64),
    /// Something worth a line.
    Note(String),
}

/// Does `work` for `operation` under the lock of `world`; `tell` hears about the lock.
///
/// # Errors
/// What keeps the lock from being taken, of its own kind; or what `work` gives.
pub async fn locked<T>(
    context: &Context,
    world: &World,
    operation: &str,
    tell: &(dyn Fn(Told) + Sync),
    work: impl AsyncFnOnce(&Lease) -> Result<T, CommandError>,
) -> Result<T, CommandError> {
    let holder = Holder {
        who: context.actor(),
        run_url: context.run_url(),
        operation: operation.to_owned(),
        process: context.process(),
    };
    let backend = &world.environment.backend;
    let wait = context.lock_wait();
    let news = |news: News<'_>| {
        tell(match news {
            News::Waiting(record) => Told::Waiting(waited_for(record, wait)),
            News::TookOver(record, death) => Told::Note(format!(
                "the lock was held by {} since {}, and {death}: taken over",
                record.holder, record.acquired_at
            )),
        });
    };
    if world.session.is_sandbox() && world.session.clock.scale() > 1.0 {
        let scale = world.session.clock.scale();
        tell(Told::Note(format!(
            "on the sandbox, where time runs {scale} times as fast"
        )));
    }
    let lease = lock::acquire(
        &world.session,
        backend,
        &world.key,
        &holder,
        news,
        wait,
        &context.stop(),
    )
    .await
    .map_err(|error| not_locked(context, &error))?;
    tell(Told::Acquired(lease.generation()));
    let result = work(&lease).await;
    // Whatever became of the work, the lock is let go; if that fails, it runs out by itself, which is worth a line.
    if let Err(error) = lease.release().await {
        tell(Told::Note(format!(
            "the lock is not released: {error}; it runs out within a minute"
        )));
    }
    result
}

fn waited_for(record: &lock::Record, wait: Wait) -> String {
    let holder = format!("{} since {}", record.holder, record.acquired_at);
    match wait {
        Wait::AtMost(_) => holder,
        Wait::UntilCertain => format!(
            "{holder}; watching whether it lives, {} s at most",
            record.lease.as_secs()
        ),
    }
}

fn not_locked(context: &Context, error: &LockError) -> CommandError {
    let kind = match error {
        LockError::Held { .. } => Kind::LockHeld,
        LockError::Interrupted => context.interrupted_kind(),
        _ => Kind::Failed,
    };
    CommandError::from(error.problem()).of_kind(kind)
}
