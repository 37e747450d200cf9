//! Looks at a lock, and releases somebody else's by hand.

use std::time::Duration;

use super::protocol::{Answer, Change, Death, Guard, Life, Record, Verdict, Watch, Write};
use super::{CALL, LockError, Process, expression, from_table, item_key, persist, process};
use crate::aws::dynamodb;
use crate::aws::error::AwsError;
use crate::aws::session::Session;
use crate::clock::Clock;
use crate::spec::Backend;
use crate::state::Key;

/// How often `status` looks.
const LOOK: Duration = Duration::from_secs(1);

/// What is known about a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockStatus {
    /// Nobody holds it; who held it last, if anybody ever did.
    Free {
        /// The last holder.
        last: Option<Record>,
    },
    /// Somebody holds it.
    Held {
        /// Who.
        record: Record,
        /// Whether it is known to live: a heartbeat was seen while we looked, or its process.
        alive: bool,
    },
    /// Its holder is dead: whoever comes next takes it over.
    Stale {
        /// Who.
        record: Record,
        /// How we know.
        death: Death,
    },
}

/// Looks at a lock, for at most `watch`: until a heartbeat is seen or a whole lease has passed without one. A holder on
/// this machine is judged by its process, at once; `own` is ours. A zero `watch` looks once. A lease and a bit (see
/// [`super::protocol::LEASE`]) always ends in certainty.
pub async fn status(
    session: &Session,
    backend: &Backend,
    key: &Key,
    own: Option<&Process>,
    watch: Duration,
) -> Result<LockStatus, LockError> {
    let item_key = item_key(backend, key);
    let clock = Clock::real();
    let mut seen = Watch::default();
    loop {
        let item = match clock.timeout(CALL, dynamodb::get(session, &item_key)).await {
            Ok(item) => item.map_err(|error| from_table(error, &item_key))?,
            Err(late) => return Err(LockError::Aws(AwsError::deadline("DynamoDB", "GetItem", late.0))),
        };
        let Some(item) = item else {
            return Ok(LockStatus::Free { last: None });
        };
        let record = expression::record(&item).map_err(|what| LockError::Unreadable {
            lock: item_key.value.clone(),
            what,
        })?;
        let life = process::life(&record, own);
        match (seen.observe(&record, clock.elapsed()), life) {
            (Verdict::Free, _) => return Ok(LockStatus::Free { last: Some(record) }),
            (_, Life::Dead { pid }) => {
                let death = Death::Gone { pid };
                return Ok(LockStatus::Stale { record, death });
            }
            (Verdict::Stale, _) => {
                let death = Death::Silent(record.lease);
                return Ok(LockStatus::Stale { record, death });
            }
            (Verdict::Held { renewed: true, .. }, _) | (_, Life::Alive { .. }) => {
                return Ok(LockStatus::Held { record, alive: true });
            }
            (Verdict::Held { dead_in, .. }, Life::Unknown) => {
                let left = watch.saturating_sub(clock.elapsed());
                if left.is_zero() {
                    return Ok(LockStatus::Held { record, alive: false });
                }
                clock.sleep(LOOK.min(left).min(dead_in)).await;
            }
        }
    }
}

/// Releases the acquisition that was seen, and no other: one conditional write on its lease id and generation. Its holder,
/// if it lives, notices with its next heartbeat and starts nothing more.
///
/// # Errors
/// [`LockError::Moved`] if the lock has changed hands or is free.
pub async fn force_release(
    session: &Session,
    backend: &Backend,
    key: &Key,
    lease_id: &str,
    generation: u64,
) -> Result<Record, LockError> {
    let guard = Guard::Exactly {
        lease_id: lease_id.to_owned(),
        generation,
    };
    match persist(
        session,
        &item_key(backend, key),
        &Write {
            guard,
            change: Change::Release,
        },
    )
    .await?
    {
        Answer::Done(record) => Ok(record),
        // Our own success whose answer was lost looks like this; so does the holder's own release. Either way it is done.
        Answer::Refused(Some(record))
            if !record.held && record.lease_id == lease_id && record.generation == generation =>
        {
            Ok(record)
        }
        Answer::Refused(now) => Err(LockError::Moved { now: now.map(Box::new) }),
    }
}
