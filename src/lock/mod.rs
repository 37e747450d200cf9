//! The lock of an environment: one DynamoDB item, a lease with heartbeats, and a fencing token (`docs/locking.md`).
//!
//! The rules are in [`protocol`]; here they meet the network and the clock. Leases are measured in real time whatever the
//! session's clock says, because other processes hold them too.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::aws::dynamodb::{self, ItemKey};
use crate::aws::error::{AwsError, Kind};
use crate::aws::retry::Patience;
use crate::aws::session::Session;
use crate::clock::Clock;
use crate::diagnostic::{Problem, codes};
use crate::spec::Backend;
use crate::state::Key;

mod error;
mod expression;
mod heartbeat;
#[cfg(test)]
mod model;
mod process;
pub mod protocol;
mod status;
#[cfg(test)]
mod tests;

pub use error::{LockError, Sign};
use heartbeat::Heart;
pub use process::this as this_process;
use protocol::{
    Acquired, Answer, Change, Guard, LEASE, Life, Tenure, Verdict, Watch, Write, settle_acquire, settle_release,
};
pub use protocol::{Death, Holder, Process, Record, Released};
pub use status::{LockStatus, force_release, status};

/// How long one call to the table may take with the SDK's retries; a fraction of a lease.
const CALL: Duration = Duration::from_secs(10);
/// How long a waiter is silent.
const SILENCE: Duration = Duration::from_millis(400);
/// How often a waiter looks.
const POLL: Duration = Duration::from_secs(2);
/// How long a release or an uncertain acquisition is tried again.
const PERSISTENCE: Duration = Duration::from_secs(30);

/// A lock that is ours until it is released or lost.
#[derive(Debug)]
pub struct Lease {
    session: Session,
    key: ItemKey,
    lease_id: String,
    generation: u64,
    heart: Heart,
    released: bool,
}

/// How long to wait for a lock that somebody else holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Until it is clear whether the holder lives. If it does, the wait ends without the lock.
    UntilCertain,
    /// For so long, whether the holder lives or not.
    AtMost(Duration),
}

/// What happens while a lock is being taken.
#[derive(Debug, Clone, Copy)]
pub enum News<'a> {
    /// We wait for this holder; told once for each, after 400 ms.
    Waiting(&'a Record),
    /// The lock is ours, and was this dead holder's.
    TookOver(&'a Record, Death),
}

/// Takes the lock of an environment.
///
/// A lease whose holder died is taken over: at once if it was a process of this machine (`who.process` says which machine
/// that is), else once it has been watched unchanged for as long as it lives. Else it is waited for as `wait` says.
///
/// # Errors
/// [`LockError::Held`] if somebody else holds it, [`LockError::Interrupted`] if `cancel` fires meanwhile; then nothing is held.
pub async fn acquire(
    session: &Session,
    backend: &Backend,
    key: &Key,
    who: &Holder,
    mut tell: impl FnMut(News<'_>) + Send,
    wait: Wait,
    cancel: &CancellationToken,
) -> Result<Lease, LockError> {
    let item_key = item_key(backend, key);
    let clock = Clock::real();
    let mut lease_id = fresh_id();
    let mut watch = Watch::default();
    let mut first: Option<String> = None;
    let mut told: Option<String> = None;
    let mut dead: Option<(Record, Death)> = None;
    loop {
        let guard = match &dead {
            Some((seen, _)) => Guard::Unchanged {
                lease_id: seen.lease_id.clone(),
                version: seen.version,
            },
            None => Guard::Free {
                lease_id: lease_id.clone(),
            },
        };
        let change = Change::Acquire {
            lease_id: lease_id.clone(),
            lease: LEASE,
            holder: who.clone(),
            acquired_at: session.clock.wall().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        };
        let attempt = Attempt {
            session,
            key: &item_key,
            lease_id: &lease_id,
        };
        let tried = tokio::select! {
            tried = attempt.send(Write { guard, change }) => tried?,
            () = cancel.cancelled() => {
                attempt.give_back().await;
                return Err(LockError::Interrupted);
            }
        };
        let taken_over = dead.take();
        let mut pause = SILENCE;
        match tried {
            Tried::Ours(lease) => {
                if let Some((record, death)) = &taken_over {
                    tell(News::TookOver(record, *death));
                }
                return Ok(*lease);
            }
            // Whoever was in the way is gone; or our own acquisition was released by hand before we heard of it.
            Tried::Again => lease_id = fresh_id(),
            Tried::Taken(record) => {
                let verdict = watch.observe(&record, clock.elapsed());
                let life = process::life(&record, who.process.as_ref());
                let death = match (life, verdict) {
                    (Life::Dead { pid }, _) => Some(Death::Gone { pid }),
                    (_, Verdict::Stale) => Some(Death::Silent(record.lease)),
                    _ => None,
                };
                if let Some(death) = death {
                    dead = Some((record, death));
                    continue;
                }
                let sign = match (life, verdict) {
                    (_, Verdict::Held { renewed: true, .. }) => Some(Sign::Renewed),
                    (Life::Alive { pid }, _) => Some(Sign::Runs { pid }),
                    _ if *first.get_or_insert_with(|| record.lease_id.clone()) != record.lease_id => Some(Sign::New),
                    _ => None,
                };
                let left = match wait {
                    Wait::AtMost(time) => time.saturating_sub(clock.elapsed()),
                    Wait::UntilCertain if sign.is_some() => Duration::ZERO,
                    Wait::UntilCertain => Duration::MAX,
                };
                if left.is_zero() {
                    return Err(LockError::Held {
                        holder: Box::new(record),
                        key: key.clone(),
                        waited: clock.elapsed(),
                        sign,
                    });
                }
                if clock.elapsed() >= SILENCE {
                    pause = POLL.mul_f64(0.75 + fastrand::f64() / 2.0);
                    if told.as_ref() != Some(&record.lease_id) {
                        tell(News::Waiting(&record));
                        told = Some(record.lease_id);
                    }
                }
                if let Verdict::Held { dead_in, .. } = verdict {
                    pause = pause.min(dead_in);
                }
                pause = pause.min(left);
            }
        }
        tokio::select! {
            () = clock.sleep(pause) => {}
            () = cancel.cancelled() => return Err(LockError::Interrupted),
        }
    }
}

impl Lease {
    /// The fencing token: every write of the state carries it, and none of an older generation goes through.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The id of this acquisition.
    pub fn id(&self) -> &str {
        &self.lease_id
    }

    /// Fires when the lease can no longer be relied on: before it runs out, or as soon as it is seen to be somebody
    /// else's. Whoever works under it starts nothing more.
    pub fn lost(&self) -> CancellationToken {
        self.heart.lost.clone()
    }

    /// The problem if the lease is lost; asked before each step that changes something.
    pub fn check(&self) -> Result<(), Problem> {
        match self.heart.lost_because() {
            None => Ok(()),
            Some(reason) => Err(Problem::error(codes::LOCK_LOST, "the lock was lost while working")
                .note(reason)
                .note("nothing new was started since; what AWS was already doing goes on")
                .hint("repeat the command: it looks at what there is and goes on from it")),
        }
    }

    /// Lets go, whatever becomes of the work. Tries for half a minute.
    ///
    /// # Errors
    /// [`LockError::Uncertain`] if the table cannot be reached: the lease then runs out by itself.
    pub async fn release(mut self) -> Result<Released, LockError> {
        self.heart.stop();
        self.released = true;
        let write = Write {
            guard: Guard::Exactly {
                lease_id: self.lease_id.clone(),
                generation: self.generation,
            },
            change: Change::Release,
        };
        let answer = persist(&self.session, &self.key, &write).await?;
        Ok(settle_release(answer, &self.lease_id))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.released {
            tracing::warn!(
                lock = %self.key.value,
                lease = %self.lease_id,
                "the lock was not released; others can take it over when it was unchanged for {} s",
                LEASE.as_secs()
            );
        }
    }
}

struct Attempt<'a> {
    session: &'a Session,
    key: &'a ItemKey,
    lease_id: &'a str,
}

enum Tried {
    Ours(Box<Lease>),
    Taken(Record),
    Again,
}

impl Attempt<'_> {
    /// One acquisition, seen through to a certain end.
    async fn send(&self, write: Write) -> Result<Tried, LockError> {
        let clock = Clock::real();
        // The first sending counts: if its answer gets lost, the table's lease runs from then.
        let sent = clock.elapsed();
        let answer = match persist(self.session, self.key, &write).await {
            Ok(answer) => answer,
            Err(error) => {
                // It may be ours after all. Nobody would know, so it is given back if it is.
                self.give_back().await;
                return Err(error);
            }
        };
        let tenure = Tenure::new(sent, LEASE);
        match settle_acquire(answer, self.lease_id, &tenure, clock.elapsed()) {
            Acquired::Taken(record) => Ok(Tried::Taken(record)),
            Acquired::Again => Ok(Tried::Again),
            Acquired::Late => {
                self.give_back().await;
                Ok(Tried::Again)
            }
            Acquired::Ours { generation, version } => Ok(Tried::Ours(Box::new(Lease {
                session: self.session.clone(),
                key: self.key.clone(),
                lease_id: self.lease_id.to_owned(),
                generation,
                heart: Heart::start(self.session, self.key, self.lease_id, version, tenure, clock),
                released: false,
            }))),
        }
    }

    async fn give_back(&self) {
        let found = Clock::real().timeout(CALL, dynamodb::get(self.session, self.key)).await;
        if let Ok(Ok(Some(item))) = found
            && let Ok(record) = expression::record(&item)
            && record.held
            && record.lease_id == self.lease_id
        {
            let guard = Guard::Exactly {
                lease_id: record.lease_id,
                generation: record.generation,
            };
            let released = write_once(
                self.session,
                self.key,
                &Write {
                    guard,
                    change: Change::Release,
                },
            )
            .await;
            tracing::debug!(?released, "gave back a lock whose acquisition was uncertain");
        }
    }
}

fn fresh_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// The key of the environment's item: `LockId = "PROJECT/ENV"`.
fn item_key(backend: &Backend, key: &Key) -> ItemKey {
    ItemKey {
        table: backend.table.clone(),
        name: crate::aws::backend::LOCK_KEY.to_owned(),
        value: key.to_string(),
    }
}

/// Sends a write until there is an answer. Repeating is safe: each write is settled by its lease id.
async fn persist(session: &Session, key: &ItemKey, write: &Write) -> Result<Answer, LockError> {
    let mut patience = Patience::new(Clock::real(), Some(PERSISTENCE));
    let mut ambiguous = false;
    loop {
        match write_once(session, key, write).await {
            Err(LockError::Aws(error)) if error.is_transient() => {
                ambiguous |= error.is_ambiguous();
                if patience.wait().await {
                    continue;
                }
                return Err(if ambiguous {
                    LockError::Uncertain(error)
                } else {
                    LockError::Aws(error)
                });
            }
            other => return other,
        }
    }
}

/// One call under its deadline.
async fn write_once(session: &Session, key: &ItemKey, write: &Write) -> Result<Answer, LockError> {
    let update = expression::update(write);
    let written = match Clock::real()
        .timeout(CALL, dynamodb::update(session, key, &update))
        .await
    {
        Ok(Ok(written)) => written,
        Ok(Err(error)) => return Err(from_table(error, key)),
        Err(late) => return Err(LockError::Aws(AwsError::deadline("DynamoDB", "UpdateItem", late.0))),
    };
    expression::answer(written).map_err(|what| LockError::Unreadable {
        lock: key.value.clone(),
        what,
    })
}

fn from_table(error: AwsError, key: &ItemKey) -> LockError {
    match error.kind {
        Kind::NotFound => LockError::NoTable {
            table: key.table.clone(),
            lock: key.value.clone(),
        },
        _ => LockError::Aws(error),
    }
}

/// Shared between the lease and its heartbeat.
type Reason = Arc<Mutex<Option<String>>>;
