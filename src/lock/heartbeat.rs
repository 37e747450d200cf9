//! Keeps a lease alive, and says in time when it cannot.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::protocol::{Change, Guard, Renewed, Tenure, Write, settle_renew};
use super::{LockError, Reason, write_once};
use crate::aws::dynamodb::ItemKey;
use crate::aws::session::Session;
use crate::clock::Clock;

/// The wait after a heartbeat that failed.
const RETRY: Duration = Duration::from_secs(1);

/// The task that renews; it ends with the lease.
#[derive(Debug)]
pub(super) struct Heart {
    pub(super) lost: CancellationToken,
    reason: Reason,
    task: JoinHandle<()>,
}

impl Heart {
    /// Renews a lease from now on; `tenure` counts on `clock`.
    pub(super) fn start(
        session: &Session,
        key: &ItemKey,
        lease_id: &str,
        version: u64,
        tenure: Tenure,
        clock: Clock,
    ) -> Self {
        let lost = CancellationToken::new();
        let reason = Reason::default();
        let beating = beat(
            session.clone(),
            key.clone(),
            lease_id.to_owned(),
            version,
            tenure,
            clock,
        );
        let (token, slot) = (lost.clone(), Arc::clone(&reason));
        let task = tokio::spawn(async move {
            let why = beating.await;
            tracing::warn!(%why, "the lock is lost");
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
            token.cancel();
        });
        Self { lost, reason, task }
    }

    /// Why the lease is lost, if it is.
    pub(super) fn lost_because(&self) -> Option<String> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends no more heartbeats. One that is on its way is harmless: it renews only what is still held.
    pub(super) fn stop(&self) {
        self.task.abort();
    }
}

impl Drop for Heart {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Renews until it no longer can; returns why.
async fn beat(
    session: Session,
    key: ItemKey,
    lease_id: String,
    mut version: u64,
    mut tenure: Tenure,
    clock: Clock,
) -> String {
    loop {
        let end = tenure.ends_at();
        clock.sleep(tenure.heartbeat_at().saturating_sub(clock.elapsed())).await;
        version += 1;
        let write = Write {
            guard: Guard::Mine {
                lease_id: lease_id.clone(),
                version,
            },
            change: Change::Renew { version },
        };
        let renewal = renew(&session, &key, &write, &lease_id, version, clock);
        // Whatever hangs, the holder hears of it before its lease ends.
        match clock.timeout(end.saturating_sub(clock.elapsed()), renewal).await {
            Ok(Ok(sent)) => tenure.renewed(sent),
            Ok(Err(why)) => return why,
            Err(_) => {
                return "it could not be renewed in time: the lock table did not answer, or this process was stopped"
                    .to_owned();
            }
        }
    }
}

/// Sends one heartbeat until it arrives; when it was sent, or why the lease is lost.
async fn renew(
    session: &Session,
    key: &ItemKey,
    write: &Write,
    lease_id: &str,
    version: u64,
    clock: Clock,
) -> Result<Duration, String> {
    // The first sending counts: if its answer was lost, the table's lease runs from then.
    let sent = clock.elapsed();
    loop {
        match write_once(session, key, write)
            .await
            .map(|answer| settle_renew(answer, lease_id, version))
        {
            Ok(Renewed::Yes) => return Ok(sent),
            Ok(Renewed::Lost(Some(record))) if record.held && record.lease_id != lease_id => {
                return Err(format!(
                    "{} took it over after it had not been renewed for a whole lease",
                    record.holder
                ));
            }
            Ok(Renewed::Lost(_)) => return Err("it was released by hand (`mlinfra lock release`)".to_owned()),
            Err(LockError::NoTable { table, .. }) => return Err(format!("the lock table {table} no longer exists")),
            Err(error) => {
                tracing::debug!(%error, "a heartbeat failed");
                clock.sleep(RETRY).await;
            }
        }
    }
}
