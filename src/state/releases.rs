//! `releases/SHA256.json`: everything that each shipped version of a workload consisted of, under the digest of its bytes.

use super::{Key, addressed, parse};
use crate::aws::session::Session;
use crate::diagnostic::Problem;
use crate::ship::Release;
use crate::ship::release::RELEASE_VERSION;
use crate::spec::Backend;

const FOLDER: &str = "releases";

/// Keeps a release, unless it is kept already; returns the digest of its bytes.
///
/// # Errors
/// [`crate::diagnostic::codes::STATE_UNREADABLE`] if other bytes lie under its name.
pub async fn put(session: &Session, backend: &Backend, key: &Key, release: &Release) -> Result<String, Problem> {
    let body = super::to_json(release, "a release")?;
    addressed::put(session, backend, key, FOLDER, &body).await
}

/// The release with this digest; none if it was never kept.
///
/// # Errors
/// [`crate::diagnostic::codes::STATE_UNREADABLE`] if the bytes are not those that the digest names, so that nobody who may
/// write to the bucket decides what runs.
pub async fn get(session: &Session, backend: &Backend, key: &Key, sha256: &str) -> Result<Option<Release>, Problem> {
    match addressed::get(session, backend, key, FOLDER, sha256).await? {
        None => Ok(None),
        Some(body) => parse(&body, RELEASE_VERSION, &addressed::object(key, FOLDER, sha256)).map(Some),
    }
}
