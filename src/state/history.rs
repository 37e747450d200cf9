//! `history/ID.json`: one record an operation, never changed once written.

use futures::{StreamExt, TryStreamExt, stream};

use super::model::{OperationRecord, RECORD_VERSION};
use super::{Key, from_bucket, parse, to_json};
use crate::aws::s3::{self, Expect, Put};
use crate::aws::session::Session;
use crate::diagnostic::{Problem, codes};
use crate::spec::Backend;

/// How many records are read at once.
const AT_ONCE: usize = 8;

/// Writes the record of an operation that ended.
///
/// # Errors
/// [`codes::RECORD_EXISTS`] if there is another record of that id; writing the same one again is fine.
pub async fn record(session: &Session, backend: &Backend, key: &Key, record: &OperationRecord) -> Result<(), Problem> {
    let object = object(key, &record.id);
    let body = to_json(record, &object)?;
    match s3::put(session, &backend.bucket, &object, &body, &Expect::Absent)
        .await
        .map_err(|error| from_bucket(&error, backend, key))?
    {
        Put::Written(_) => Ok(()),
        Put::Refused => Err(Problem::error(
            codes::RECORD_EXISTS,
            format!("{object} exists already with other content"),
        )
        .note("records of operations are never changed")),
    }
}

/// The record of one operation; none if there is none.
pub async fn read(
    session: &Session,
    backend: &Backend,
    key: &Key,
    id: &str,
) -> Result<Option<OperationRecord>, Problem> {
    let object = object(key, id);
    match s3::get(session, &backend.bucket, &object)
        .await
        .map_err(|error| from_bucket(&error, backend, key))?
    {
        None => Ok(None),
        Some(found) => parse(&found.body, RECORD_VERSION, &object).map(Some),
    }
}

/// The newest `limit` records, newest first.
pub async fn list(
    session: &Session,
    backend: &Backend,
    key: &Key,
    limit: usize,
) -> Result<Vec<OperationRecord>, Problem> {
    let prefix = key.object("history/");
    let keys = s3::list(session, &backend.bucket, &prefix)
        .await
        .map_err(|error| from_bucket(&error, backend, key))?;
    let ids: Vec<&str> = keys
        .iter()
        .rev()
        .filter_map(|object| object.strip_prefix(&prefix)?.strip_suffix(".json"))
        .take(limit)
        .collect();
    let found: Vec<Option<OperationRecord>> = stream::iter(ids)
        .map(|id| read(session, backend, key, id))
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    Ok(found.into_iter().flatten().collect())
}

fn object(key: &Key, id: &str) -> String {
    key.object(&format!("history/{id}.json"))
}
