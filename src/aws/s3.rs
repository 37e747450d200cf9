//! S3: small objects with conditions on their writes, and emptying buckets that have to go.

use std::time::Duration;

use aws_sdk_s3::operation::head_bucket::HeadBucketError;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration, Delete, ObjectIdentifier,
    VersioningConfiguration,
};

use super::error::{AwsError, Kind};
use super::retry::{Patience, patiently};
use super::session::Session;
use crate::preflight::Taken;

/// How long a conditional write is tried again on 409s and lost answers.
const WRITE_PATIENCE: Duration = Duration::from_secs(60);

/// The version of an object's content, opaque.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ETag(pub String);

/// An object's content and version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The bytes.
    pub body: Vec<u8>,
    /// The version.
    pub etag: ETag,
}

/// What has to hold for a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// Nothing.
    Anything,
    /// There is no such object.
    Absent,
    /// The object is still this one.
    Unchanged(ETag),
}

/// How a write ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    /// The object holds our bytes.
    Written(ETag),
    /// What was expected does not hold (412): somebody else was faster.
    Refused,
}

/// Reads an object; none if there is none. A bucket that does not exist is an error.
pub async fn get(session: &Session, bucket: &str, key: &str) -> Result<Option<Object>, AwsError> {
    patiently(session.clock, WRITE_PATIENCE, || get_once(session, bucket, key)).await
}

async fn get_once(session: &Session, bucket: &str, key: &str) -> Result<Option<Object>, AwsError> {
    let answer = match session.s3().get_object().bucket(bucket).key(key).send().await {
        Ok(answer) => answer,
        Err(error) => {
            let error = AwsError::of("S3", "GetObject", error);
            return if error.code.as_deref() == Some("NoSuchKey") {
                Ok(None)
            } else {
                Err(error)
            };
        }
    };
    let etag = ETag(answer.e_tag.unwrap_or_default());
    let body = answer.body.collect().await.map_err(|error| AwsError {
        service: "S3",
        operation: "GetObject",
        code: None,
        message: format!("the answer broke off: {error}"),
        request_id: None,
        kind: Kind::Unreachable,
    })?;
    Ok(Some(Object {
        body: body.to_vec(),
        etag,
    }))
}

/// Writes an object if what is expected holds.
///
/// Repeats on 409 (a conflicting write was under way; S3 says to try again) and when no answer came. A 412 may be our own
/// earlier attempt whose answer got lost: then the object holds exactly our bytes, and the write counts as done.
pub async fn put(session: &Session, bucket: &str, key: &str, body: &[u8], expect: &Expect) -> Result<Put, AwsError> {
    let mut patience = Patience::new(session.clock, Some(WRITE_PATIENCE));
    loop {
        let error = match put_once(session, bucket, key, body, expect).await {
            Ok(etag) => return Ok(Put::Written(etag)),
            Err(error) => error,
        };
        let refused = error.code.as_deref() == Some("PreconditionFailed")
            // If-Match on an object that somebody deleted is answered with 404.
            || (error.code.as_deref() == Some("NoSuchKey") && matches!(expect, Expect::Unchanged(_)));
        if refused {
            let there = get(session, bucket, key).await?;
            return Ok(match there {
                Some(object) if object.body == body => Put::Written(object.etag),
                _ => Put::Refused,
            });
        }
        let conflict = matches!(
            error.code.as_deref(),
            Some("ConditionalRequestConflict" | "OperationAborted")
        );
        if !(conflict || error.is_transient()) || !patience.wait().await {
            return Err(error);
        }
    }
}

/// The largest object that one request takes, in bytes ("Uploading objects", Amazon S3).
pub const MOST_AT_ONCE: u64 = 5 << 30;

/// Uploads a file of at most [`MOST_AT_ONCE`] bytes in one request, without reading it into memory.
///
/// # Errors
/// The file cannot be read, or S3 refuses it.
pub async fn upload(session: &Session, bucket: &str, key: &str, path: &std::path::Path) -> Result<(), AwsError> {
    // Sending a gigabyte takes longer than a call may take otherwise.
    let bytes = fs_err::metadata(path).map_or(0, |file| file.len());
    let deadline = super::session::CALL + std::time::Duration::from_secs(bytes >> 20);
    let timeouts = aws_smithy_types::timeout::TimeoutConfig::builder()
        .operation_timeout(deadline)
        .operation_attempt_timeout(deadline)
        .build();
    let body = ByteStream::from_path(path)
        .await
        .map_err(|error| AwsError::file("S3", "PutObject", &error))?;
    let call = session.s3().put_object().bucket(bucket).key(key).body(body).customize();
    let call = call.config_override(aws_sdk_s3::config::Config::builder().timeout_config(timeouts));
    call.send()
        .await
        .map(drop)
        .map_err(|error| AwsError::of("S3", "PutObject", error))
}

async fn put_once(session: &Session, bucket: &str, key: &str, body: &[u8], expect: &Expect) -> Result<ETag, AwsError> {
    let call = session
        .s3()
        .put_object()
        .bucket(bucket)
        .key(key)
        .content_type("application/json")
        .body(ByteStream::from(body.to_vec()));
    let call = match expect {
        Expect::Anything => call,
        Expect::Absent => call.if_none_match("*"),
        Expect::Unchanged(etag) => call.if_match(&etag.0),
    };
    let answer = call
        .send()
        .await
        .map_err(|error| AwsError::of("S3", "PutObject", error))?;
    Ok(ETag(answer.e_tag.unwrap_or_default()))
}

/// Whether writes under `prefix` of `bucket` honour `If-None-Match`: some stores that resemble S3 ignore it.
///
/// Tries it on an object of its own, which stays: the second probe needs one call.
pub async fn conditional_writes_hold(session: &Session, bucket: &str, prefix: &str) -> Result<bool, AwsError> {
    let key = format!("{prefix}/conditional-writes");
    for attempt in ["first", "second"] {
        // Different bytes each time, so that a refusal cannot pass for a lost answer.
        let body = format!("{attempt} {}", fastrand::u64(..));
        match put(session, bucket, &key, body.as_bytes(), &Expect::Absent).await {
            Ok(Put::Refused) => return Ok(true),
            Ok(Put::Written(_)) => {}
            Err(error) if error.code.as_deref() == Some("NotImplemented") => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// The keys under `prefix`, in ascending order.
pub async fn list(session: &Session, bucket: &str, prefix: &str) -> Result<Vec<String>, AwsError> {
    let mut keys = Vec::new();
    let mut token = None;
    loop {
        let page = session
            .s3()
            .list_objects_v2()
            .bucket(bucket)
            .prefix(prefix)
            .set_continuation_token(token)
            .send()
            .await
            .map_err(|error| AwsError::of("S3", "ListObjectsV2", error))?;
        token = page.next_continuation_token().map(str::to_owned);
        keys.extend(
            page.contents
                .unwrap_or_default()
                .into_iter()
                .filter_map(|object| object.key),
        );
        if token.is_none() {
            return Ok(keys);
        }
    }
}

/// Makes a versioned bucket, unless we own it already.
pub async fn make_bucket(session: &Session, bucket: &str) -> Result<(), AwsError> {
    let call = session.s3().create_bucket().bucket(bucket);
    // us-east-1 is the one region that may not be named.
    let call = match session.region.as_str() {
        "us-east-1" => call,
        region => call.create_bucket_configuration(
            CreateBucketConfiguration::builder()
                .location_constraint(BucketLocationConstraint::from(region))
                .build(),
        ),
    };
    match call
        .send()
        .await
        .map_err(|error| AwsError::of("S3", "CreateBucket", error))
    {
        Ok(_) => {}
        Err(error) if error.code.as_deref() == Some("BucketAlreadyOwnedByYou") => return Ok(()),
        Err(error) => return Err(error),
    }
    session
        .s3()
        .put_bucket_versioning()
        .bucket(bucket)
        .versioning_configuration(
            VersioningConfiguration::builder()
                .status(BucketVersioningStatus::Enabled)
                .build(),
        )
        .send()
        .await
        .map_err(|error| AwsError::of("S3", "PutBucketVersioning", error))?;
    Ok(())
}

/// Deletes every object, every version and every delete marker; returns how many. A bucket that is gone counts as empty.
///
/// Always lists from the start, because what is deleted moves the pages; ends when a listing comes back empty.
///
/// # Errors
/// The first object that S3 refuses to delete (object lock, a policy), by name.
pub async fn empty_bucket(session: &Session, bucket: &str) -> Result<u64, AwsError> {
    let mut deleted = 0;
    loop {
        let batch = match versions(session, bucket).await {
            Ok(batch) => batch,
            Err(error) if error.code.as_deref() == Some("NoSuchBucket") => return Ok(deleted),
            Err(error) => return Err(error),
        };
        if batch.is_empty() {
            return Ok(deleted);
        }
        let count = batch.len() as u64;
        delete(session, bucket, batch).await?;
        deleted += count;
    }
}

/// One page: up to 1,000 versions and delete markers.
async fn versions(session: &Session, bucket: &str) -> Result<Vec<(String, Option<String>)>, AwsError> {
    let page = patiently(session.clock, WRITE_PATIENCE, || async {
        session
            .s3()
            .list_object_versions()
            .bucket(bucket)
            .send()
            .await
            .map_err(|error| AwsError::of("S3", "ListObjectVersions", error))
    })
    .await?;
    let versions = page
        .versions
        .unwrap_or_default()
        .into_iter()
        .filter_map(|version| Some((version.key?, version.version_id)));
    let markers = page
        .delete_markers
        .unwrap_or_default()
        .into_iter()
        .filter_map(|marker| Some((marker.key?, marker.version_id)));
    Ok(versions.chain(markers).collect())
}

async fn delete(session: &Session, bucket: &str, batch: Vec<(String, Option<String>)>) -> Result<(), AwsError> {
    let refused = |code: Option<String>, message: String| AwsError {
        service: "S3",
        operation: "DeleteObjects",
        kind: if code.as_deref() == Some("AccessDenied") {
            Kind::Denied
        } else {
            Kind::Other
        },
        code,
        message,
        request_id: None,
    };
    let objects = batch
        .into_iter()
        .map(|(key, version)| ObjectIdentifier::builder().key(key).set_version_id(version).build())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| refused(None, error.to_string()))?;
    let request = Delete::builder()
        .set_objects(Some(objects))
        .quiet(true)
        .build()
        .map_err(|error| refused(None, error.to_string()))?;
    let answer = patiently(session.clock, WRITE_PATIENCE, || async {
        session
            .s3()
            .delete_objects()
            .bucket(bucket)
            .delete(request.clone())
            .send()
            .await
            .map_err(|error| AwsError::of("S3", "DeleteObjects", error))
    })
    .await?;
    match answer.errors.unwrap_or_default().into_iter().next() {
        None => Ok(()),
        Some(error) => Err(refused(
            error.code,
            format!(
                "{}: {}",
                error.key.unwrap_or_default(),
                error.message.unwrap_or_default()
            ),
        )),
    }
}

/// Whether the name of a bucket is taken, and by whom.
///
/// A bucket that refuses to be looked at is another account's, or one of ours that hides itself: in both cases the name is
/// taken. One in another region answers with a redirection. But whoever may look at no bucket at all is refused for free
/// names too ("HeadBucket", Amazon S3 API Reference: 400, 403 or 404), so a refusal counts only where a name that nobody
/// has is answered otherwise. Errors: the refusal, where it says nothing.
pub async fn taken(session: &Session, bucket: &str) -> Result<Taken, AwsError> {
    let Err(refusal) = looked_at(session, bucket).await else {
        return Ok(Taken::Here);
    };
    match status(&refusal) {
        404 => Ok(Taken::Free),
        301 | 307 => Ok(Taken::Here),
        403 => {
            // Begins like the name in question, because permissions often go by the beginning of names.
            let stem: String = bucket.chars().take(30).collect();
            let stem = stem.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            let nobodys = format!("{stem}-{}", uuid::Uuid::new_v4().simple());
            match looked_at(session, &nobodys).await {
                Err(other) if status(&other) == 404 => Ok(Taken::Elsewhere),
                _ => Err(AwsError::of("S3", "HeadBucket", refusal)),
            }
        }
        _ => Err(AwsError::of("S3", "HeadBucket", refusal)),
    }
}

type Refusal = aws_sdk_s3::error::SdkError<HeadBucketError>;

async fn looked_at(session: &Session, bucket: &str) -> Result<(), Refusal> {
    let call = session.s3().head_bucket().bucket(bucket);
    call.expected_bucket_owner(&session.account).send().await.map(drop)
}

fn status(refusal: &Refusal) -> u16 {
    refusal.raw_response().map_or(0, |raw| raw.status().as_u16())
}

/// How many buckets the account has.
pub async fn bucket_count(session: &Session) -> Result<u64, AwsError> {
    let mut count = 0;
    let mut token = None;
    loop {
        let page = session
            .s3()
            .list_buckets()
            .set_continuation_token(token)
            .send()
            .await
            .map_err(|error| AwsError::of("S3", "ListBuckets", error))?;
        count += page.buckets().len() as u64;
        token = page
            .continuation_token()
            .filter(|token| !token.is_empty())
            .map(str::to_owned);
        if token.is_none() {
            return Ok(count);
        }
    }
}
