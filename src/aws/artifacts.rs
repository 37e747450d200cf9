//! S3: whether models are where they should be.

use super::error::{AwsError, Kind};
use super::session::Session;

/// An object that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its version id, where the bucket keeps versions.
    pub version: Option<String>,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Looks at an object, or at one version of it; none if it is not there.
///
/// # Errors
/// Whatever keeps the answer away. Who may not list the bucket is denied where an object is missing.
pub async fn look(
    session: &Session,
    bucket: &str,
    key: &str,
    version: Option<&str>,
) -> Result<Option<Found>, AwsError> {
    let call = session.s3().head_object().bucket(bucket).key(key);
    match call.set_version_id(version.map(str::to_owned)).send().await {
        Ok(found) => Ok(Some(Found {
            // Objects from before versions were kept have the id `null`.
            version: found.version_id().filter(|id| *id != "null").map(str::to_owned),
            bytes: found
                .content_length()
                .and_then(|bytes| u64::try_from(bytes).ok())
                .unwrap_or_default(),
        })),
        Err(error) => {
            let error = AwsError::of("S3", "HeadObject", error);
            // A version id that cannot be one is called a bad request.
            let is_absent = error.kind == Kind::NotFound || version.is_some() && error.kind == Kind::Validation;
            if is_absent { Ok(None) } else { Err(error) }
        }
    }
}

/// Whether anything lies below a prefix.
///
/// # Errors
/// Whatever keeps the answer away, also that there is no such bucket.
pub async fn is_anything_below(session: &Session, bucket: &str, prefix: &str) -> Result<bool, AwsError> {
    let call = session.s3().list_objects_v2().bucket(bucket).prefix(prefix).max_keys(1);
    let page = call
        .send()
        .await
        .map_err(|error| AwsError::of("S3", "ListObjectsV2", error))?;
    Ok(!page.contents().is_empty())
}
