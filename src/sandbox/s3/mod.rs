//! S3: buckets, versions, conditional writes.
//!
//! State files are fenced by S3's conditional writes, so this service is written here rather than taken from an
//! emulator: the one at hand answers 412 where AWS answers 404 (`If-Match` on a missing key), lists versions without
//! paging, ignores simulated time, and forgets multipart uploads in its snapshots.

mod blobs;
mod buckets;
mod listing;
mod multipart;
mod objects;
mod xml;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use winterbaume_core::MockResponse;

pub(crate) use blobs::Blobs;

use super::inventory::Item;
use super::reply::ApiError;
use super::request::Request;
use super::service::{Context, Service};

/// The service's whole state; bodies are kept apart, by their digest.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct S3 {
    buckets: BTreeMap<String, Bucket>,
    #[serde(skip)]
    blobs: Blobs,
    /// Digests whose last reference may be gone.
    #[serde(skip)]
    loose: Vec<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Bucket {
    created: i64,
    /// `Enabled` or `Suspended`, once it was set.
    versioning: Option<String>,
    /// Sub-resources as they were put: `policy`, `encryption`, …; an empty one was deleted.
    settings: BTreeMap<String, String>,
    /// Newest first.
    keys: BTreeMap<String, Vec<Version>>,
    uploads: BTreeMap<String, Upload>,
}

/// A version of an object, or a delete marker.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Version {
    id: String,
    modified: i64,
    /// `None` in a delete marker.
    content: Option<Content>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Content {
    /// SHA-256 of the body.
    digest: String,
    /// With quotes.
    etag: String,
    size: usize,
    headers: BTreeMap<String, String>,
    tagging: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Upload {
    key: String,
    headers: BTreeMap<String, String>,
    parts: BTreeMap<u32, Content>,
}

impl S3 {
    /// A service without buckets that keeps bodies in `blobs`.
    pub(crate) fn new(blobs: Blobs) -> Self {
        Self {
            blobs,
            ..Self::default()
        }
    }

    fn call(&mut self, request: &Request, context: &Context) -> Result<MockResponse, ApiError> {
        let trimmed = request.path.trim_start_matches('/');
        let (bucket, key) = trimmed.split_once('/').unwrap_or((trimmed, ""));
        match request.action.as_str() {
            "ListBuckets" => Ok(self.list_buckets(context)),
            "CreateBucket" => self.create_bucket(bucket, request, context),
            "DeleteBucket" => self.delete_bucket(bucket),
            _ if context.facts.is_foreign(bucket) && request.action != "CreateBucket" => Err(forbidden()),
            "HeadBucket" => self
                .bucket(bucket)
                .map(|_| with_headers(200, [("x-amz-bucket-region", &context.region)])),
            "ListObjects" | "ListObjectsV2" => self.list_objects(bucket, request),
            "ListObjectVersions" => self.list_versions(bucket, request),
            "ListMultipartUploads" => self.list_uploads(bucket),
            "DeleteObjects" => self.delete_objects(bucket, request, context),
            "GetObject" | "HeadObject" => self.get_object(bucket, key, request),
            "PutObject" => self.put_object(bucket, key, request, context),
            "CopyObject" => self.copy_object(bucket, key, request, context),
            "DeleteObject" => self.delete_object(bucket, key, request, context),
            "GetObjectTagging" | "PutObjectTagging" | "DeleteObjectTagging" => {
                self.object_tagging(bucket, key, request)
            }
            "CreateMultipartUpload" => self.create_upload(bucket, key, request),
            "UploadPart" => self.upload_part(bucket, key, request),
            "CompleteMultipartUpload" => self.complete_upload(bucket, key, request, context),
            "AbortMultipartUpload" => self.abort_upload(bucket, request),
            _ if key.is_empty() && !bucket.is_empty() => self.setting(bucket, request, context),
            _ => Err(not_implemented()),
        }
    }

    fn bucket(&self, name: &str) -> Result<&Bucket, ApiError> {
        self.buckets.get(name).ok_or_else(no_such_bucket)
    }

    fn bucket_mut(&mut self, name: &str) -> Result<&mut Bucket, ApiError> {
        self.buckets.get_mut(name).ok_or_else(no_such_bucket)
    }

    fn referenced(&self) -> BTreeSet<&str> {
        let versions = |bucket: &'_ Bucket| -> Vec<String> {
            let of_keys = bucket
                .keys
                .values()
                .flatten()
                .filter_map(|version| version.content.as_ref());
            let of_parts = bucket.uploads.values().flat_map(|upload| upload.parts.values());
            of_keys.chain(of_parts).map(|content| content.digest.clone()).collect()
        };
        let used: BTreeSet<String> = self.buckets.values().flat_map(versions).collect();
        self.loose
            .iter()
            .map(String::as_str)
            .filter(|digest| used.contains(*digest))
            .collect()
    }
}

impl Service for S3 {
    fn handle(&mut self, request: &Request, context: &Context) -> MockResponse {
        let mut response = self
            .call(request, context)
            .unwrap_or_else(|error| error.to_response(request));
        if request.method == "HEAD" {
            response.body = bytes::Bytes::new();
        }
        response
    }

    fn export(&mut self, _: &Context) -> Result<Vec<u8>, String> {
        serde_json::to_vec(self).map_err(|error| error.to_string())
    }

    fn import(&mut self, state: &[u8], _: &Context) -> Result<(), String> {
        let read: S3 = serde_json::from_slice(state).map_err(|error| error.to_string())?;
        self.buckets = read.buckets;
        self.loose.clear();
        Ok(())
    }

    fn inventory(&mut self, _: &Context) -> Vec<Item> {
        self.buckets
            .keys()
            .map(|name| Item::new("s3", "bucket", name))
            .collect()
    }

    fn committed(&mut self) {
        if self.loose.is_empty() {
            return;
        }
        let used: BTreeSet<String> = self.referenced().into_iter().map(str::to_owned).collect();
        for digest in std::mem::take(&mut self.loose) {
            if !used.contains(&digest) {
                self.blobs.remove(&digest);
            }
        }
    }
}

/// What a bucket of another account says to everything.
fn forbidden() -> ApiError {
    ApiError::new(403, "AccessDenied", "Access Denied")
}

fn no_such_bucket() -> ApiError {
    ApiError::new(404, "NoSuchBucket", "The specified bucket does not exist")
}

fn not_implemented() -> ApiError {
    ApiError::new(
        501,
        "NotImplemented",
        "A header or query you provided implies functionality that is not implemented",
    )
}

/// An answer without a body.
fn with_headers<'a>(status: u16, headers: impl IntoIterator<Item = (&'a str, &'a String)>) -> MockResponse {
    let mut response = super::reply::empty(status);
    for (name, value) in headers {
        set_header(&mut response, name, value);
    }
    response
}

fn set_header(response: &mut MockResponse, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
        response.headers.insert(name, value);
    }
}
