//! `state.json`: read, claimed by a new holder of the lock, and written only by the newest one.

use super::model::{STATE_VERSION, State};
use super::{Key, from_bucket, parse, to_json};
use crate::aws::s3::{self, ETag, Expect, Put};
use crate::aws::session::{Endpoint, Session};
use crate::diagnostic::{Problem, codes};
use crate::spec::Backend;

const OBJECT: &str = "state.json";

/// A state and the version of the object that holds it.
pub type Stored = (State, ETag);

/// Reads the state; none if nothing was ever deployed.
///
/// # Errors
/// A bucket that is missing, a record that a newer program wrote or that cannot be understood.
pub async fn read(session: &Session, backend: &Backend, key: &Key) -> Result<Option<Stored>, Problem> {
    let object = key.object(OBJECT);
    match s3::get(session, &backend.bucket, &object)
        .await
        .map_err(|error| from_bucket(&error, backend, key))?
    {
        None => Ok(None),
        Some(found) => Ok(Some((parse(&found.body, STATE_VERSION, &object)?, found.etag))),
    }
}

/// Makes the state ours: writes it again, unchanged, under our `generation`. From then on no earlier holder of the lock,
/// however long it was paused, can write it: its ETag is gone and its generation is older. The first thing that a new
/// holder does.
///
/// # Errors
/// [`codes::STATE_FENCED`] if a newer holder was faster; [`codes::NO_CONDITIONAL_WRITES`] if the store ignores conditions.
pub async fn claim(session: &Session, backend: &Backend, key: &Key, generation: u64) -> Result<Stored, Problem> {
    conditional_writes(session, backend, key).await?;
    // An earlier holder may get a last write in between our reading and writing, but not for ever.
    for _ in 0..8 {
        let (state, etag) = match read(session, backend, key).await? {
            None => (State::default(), None),
            Some((state, etag)) if state.generation == generation => return Ok((state, etag)),
            Some((state, etag)) => (state, Some(etag)),
        };
        match write(session, backend, key, &state, etag.as_ref(), generation).await {
            Ok(written) => return Ok(written),
            Err(problem) if problem.code == codes::STATE_MOVED => {}
            Err(problem) => return Err(problem),
        }
    }
    Err(moved(key))
}

/// Writes the state under `generation` if it still is what `etag` names (none: if there is none). Returns what is stored now.
///
/// # Errors
/// [`codes::STATE_FENCED`] if the state carries a newer generation; [`codes::STATE_MOVED`] if somebody wrote since.
pub async fn write(
    session: &Session,
    backend: &Backend,
    key: &Key,
    state: &State,
    etag: Option<&ETag>,
    generation: u64,
) -> Result<Stored, Problem> {
    if state.generation > generation {
        return Err(fenced(key, state.generation, generation));
    }
    let object = key.object(OBJECT);
    let state = State {
        version: STATE_VERSION,
        generation,
        ..state.clone()
    };
    let body = to_json(&state, &object)?;
    let expect = match etag {
        None => Expect::Absent,
        Some(etag) => Expect::Unchanged(etag.clone()),
    };
    match s3::put(session, &backend.bucket, &object, &body, &expect)
        .await
        .map_err(|error| from_bucket(&error, backend, key))?
    {
        Put::Written(etag) => Ok((state, etag)),
        Put::Refused => Err(match read(session, backend, key).await? {
            Some((now, _)) if now.generation > generation => fenced(key, now.generation, generation),
            _ => moved(key),
        }),
    }
}

/// Refuses a store that only resembles S3 and would let a paused holder overwrite the state.
async fn conditional_writes(session: &Session, backend: &Backend, key: &Key) -> Result<(), Problem> {
    let Endpoint::Url(url) = &session.endpoint else {
        return Ok(());
    };
    let hold = s3::conditional_writes_hold(session, &backend.bucket, &key.project)
        .await
        .map_err(|error| from_bucket(&error, backend, key))?;
    if hold {
        return Ok(());
    }
    Err(Problem::error(
        codes::NO_CONDITIONAL_WRITES,
        format!("the object store at {url} ignores conditions on writes (If-None-Match)"),
    )
    .note("two runs could overwrite each other's state there, so nothing was changed")
    .hint("use a store with S3's conditional writes, or the sandbox: `--sandbox`"))
}

fn moved(key: &Key) -> Problem {
    Problem::error(
        codes::STATE_MOVED,
        format!("the state of {} changed since it was read", key.environment),
    )
    .note("another run wrote it; ours was not written, and nothing was lost")
    .hint("repeat the command: it looks at what there is and goes on from it")
}

fn fenced(key: &Key, newer: u64, ours: u64) -> Problem {
    Problem::error(
        codes::STATE_FENCED,
        format!(
            "another run has taken over {}: the state carries generation {newer}, ours is {ours}",
            key.environment
        ),
    )
    .note("this run was paused or cut off for longer than its lease; its record was not written")
    .hint(format!(
        "`mlinfra lock status {}` says who works now; let it end, then repeat the command",
        key.environment
    ))
}
