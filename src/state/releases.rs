//! `releases/SHA256.json`: everything that each shipped version of a workload consisted of, under the digest of its bytes.

use super::templates::digest;
use super::{Key, from_bucket, parse};
use crate::aws::s3::{self, Expect, Put};
use crate::aws::session::Session;
use crate::diagnostic::{Problem, codes};
use crate::ship::Release;
use crate::ship::release::RELEASE_VERSION;
use crate::spec::Backend;

/// Keeps a release, unless it is kept already; returns the digest of its bytes.
///
/// # Errors
/// [`codes::STATE_UNREADABLE`] if other bytes lie under its name.
pub async fn put(session: &Session, backend: &Backend, key: &Key, release: &Release) -> Result<String, Problem> {
    let body = super::to_json(release, "a release")?;
    let sha256 = digest(&body);
    let written = s3::put(session, &backend.bucket, &object(key, &sha256), &body, &Expect::Absent)
        .await
        .map_err(|error| from_bucket(&error, backend, key))?;
    if written == Put::Refused {
        get(session, backend, key, &sha256).await?;
    }
    Ok(sha256)
}

/// The release with this digest; none if it was never kept.
///
/// # Errors
/// [`codes::STATE_UNREADABLE`] if the bytes are not those that the digest names, so that nobody who may write to the
/// bucket decides what runs.
pub async fn get(session: &Session, backend: &Backend, key: &Key, sha256: &str) -> Result<Option<Release>, Problem> {
    let object = object(key, sha256);
    let Some(found) = s3::get(session, &backend.bucket, &object)
        .await
        .map_err(|error| from_bucket(&error, backend, key))?
    else {
        return Ok(None);
    };
    if digest(&found.body) != sha256 {
        return Err(Problem::error(
            codes::STATE_UNREADABLE,
            format!("{object} in the state bucket is not what its name says"),
        )
        .note("somebody wrote it who may write to the bucket: what it holds is not what was shipped")
        .hint(format!(
            "look at who wrote it: aws s3api list-object-versions --bucket {} --prefix {object}",
            backend.bucket
        )));
    }
    parse(&found.body, RELEASE_VERSION, &object).map(Some)
}

fn object(key: &Key, sha256: &str) -> String {
    key.object(&format!("releases/{sha256}.json"))
}
