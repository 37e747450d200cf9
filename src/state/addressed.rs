//! Objects that are named after their bytes: `FOLDER/SHA256.json`. What is there already is what was meant, and whoever may
//! write to the bucket cannot put other bytes under a name that somebody reads.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::{Key, from_bucket};
use crate::aws::s3::{self, Expect, Put};
use crate::aws::session::Session;
use crate::diagnostic::{Problem, codes};
use crate::spec::Backend;

/// Stores `body` in `folder`, unless it is there already; returns its digest.
///
/// # Errors
/// [`codes::STATE_UNREADABLE`] if other bytes lie under its name.
pub(super) async fn put(
    session: &Session,
    backend: &Backend,
    key: &Key,
    folder: &str,
    body: &[u8],
) -> Result<String, Problem> {
    let sha256 = digest(body);
    let object = object(key, folder, &sha256);
    let written = s3::put(session, &backend.bucket, &object, body, &Expect::Absent)
        .await
        .map_err(|error| from_bucket(&error, backend, key))?;
    if written == Put::Refused {
        get(session, backend, key, folder, &sha256).await?;
    }
    Ok(sha256)
}

/// The bytes with this digest in `folder`; none if they were never stored.
///
/// # Errors
/// [`codes::STATE_UNREADABLE`] if they are not those that the digest names.
pub(super) async fn get(
    session: &Session,
    backend: &Backend,
    key: &Key,
    folder: &str,
    sha256: &str,
) -> Result<Option<Vec<u8>>, Problem> {
    let object = object(key, folder, sha256);
    let Some(found) = s3::get(session, &backend.bucket, &object)
        .await
        .map_err(|error| from_bucket(&error, backend, key))?
    else {
        return Ok(None);
    };
    if digest(&found.body) == sha256 {
        return Ok(Some(found.body));
    }
    Err(tampered(&object)
        .note("somebody wrote it who may write to the bucket: what it holds is not what was reviewed")
        .hint(format!(
            "look at it and at who wrote it: aws s3api list-object-versions --bucket {} --prefix {object}",
            backend.bucket
        ))
        .hint("delete it, and run the same command again"))
}

/// The key of an object.
pub(super) fn object(key: &Key, folder: &str, sha256: &str) -> String {
    key.object(&format!("{folder}/{sha256}.json"))
}

/// The problem of an object that cannot be what it was written as.
pub(super) fn tampered(object: &str) -> Problem {
    Problem::error(
        codes::STATE_UNREADABLE,
        format!("{object} in the state bucket is not what its name says"),
    )
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
