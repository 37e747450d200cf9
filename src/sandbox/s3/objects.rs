//! Objects: putting, getting, copying, deleting, under conditions.

use std::collections::BTreeMap;

use bytes::Bytes;
use winterbaume_core::MockResponse;

use super::super::reply::{self, ApiError};
use super::super::request::{Request, decode};
use super::super::service::Context;
use super::{Bucket, Content, S3, Version, set_header, with_headers, xml};

/// Headers that an object keeps and gives back.
const KEPT: [&str; 8] = [
    "cache-control",
    "content-disposition",
    "content-language",
    "content-type",
    "expires",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-storage-class",
];

impl S3 {
    pub(super) fn put_object(
        &mut self,
        bucket: &str,
        key: &str,
        request: &Request,
        context: &Context,
    ) -> Result<MockResponse, ApiError> {
        check_key(key)?;
        check_write(self.bucket(bucket)?.current(key), request)?;
        let expected = request
            .header("x-amz-decoded-content-length")
            .and_then(|text| text.parse::<usize>().ok());
        if expected.is_some_and(|expected| expected != request.body.len()) {
            return Err(ApiError::new(
                400,
                "IncompleteBody",
                "You did not provide the number of bytes specified by the Content-Length HTTP header",
            ));
        }
        let mut content = self.keep(&request.body)?;
        content.headers = kept_headers(request);
        content.tagging = request.header("x-amz-tagging").map(tagging_document);
        self.store(bucket, key, content, context)
    }

    pub(super) fn copy_object(
        &mut self,
        bucket: &str,
        key: &str,
        request: &Request,
        context: &Context,
    ) -> Result<MockResponse, ApiError> {
        let source = decode(request.header("x-amz-copy-source").unwrap_or_default(), false);
        let (source, version) = match source.split_once("?versionId=") {
            Some((path, version)) => (path.to_owned(), Some(version.to_owned())),
            None => (source, None),
        };
        let (from_bucket, from_key) = source.trim_start_matches('/').split_once('/').ok_or_else(|| {
            ApiError::new(
                400,
                "InvalidArgument",
                "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
            )
        })?;
        check_write(self.bucket(bucket)?.current(key), request)?;
        let found = self.bucket(from_bucket)?.version(from_key, version.as_deref())?;
        let mut content = found.content.clone().ok_or_else(no_such_key)?;
        if request.header("x-amz-metadata-directive") == Some("REPLACE") {
            content.headers = kept_headers(request);
        }
        let etag = content.etag.clone();
        let mut response = self.store(bucket, key, content, context)?;
        let document = format!(
            "<CopyObjectResult><ETag>{}</ETag><LastModified>{}</LastModified></CopyObjectResult>",
            xml::escape(&etag),
            xml::iso_time(context.now)
        );
        response.body = reply::xml(200, document).body;
        Ok(response)
    }

    /// Makes `content` the newest version of `key`.
    pub(super) fn store(
        &mut self,
        bucket: &str,
        key: &str,
        content: Content,
        context: &Context,
    ) -> Result<MockResponse, ApiError> {
        let bucket = self.bucket_mut(bucket)?;
        let encryption = match content.headers.get("x-amz-server-side-encryption") {
            Some(asked) => asked.clone(),
            None => bucket.encryption(),
        };
        let mut response = with_headers(
            200,
            [("etag", &content.etag), ("x-amz-server-side-encryption", &encryption)],
        );
        let mut content = content;
        content
            .headers
            .insert("x-amz-server-side-encryption".to_owned(), encryption);
        let id = bucket.new_version_id();
        let dropped = bucket.add(
            key,
            Version {
                id: id.clone(),
                modified: context.now,
                content: Some(content),
            },
        );
        if bucket.versioning.is_some() {
            set_header(&mut response, "x-amz-version-id", &id);
        }
        self.loose.extend(dropped);
        Ok(response)
    }

    pub(super) fn keep(&mut self, body: &Bytes) -> Result<Content, ApiError> {
        let digest = self
            .blobs
            .put(body)
            .map_err(|reason| ApiError::new(500, "InternalError", reason))?;
        Ok(Content {
            digest,
            etag: format!("\"{}\"", winterbaume_s3::state::compute_etag_raw(body)),
            size: body.len(),
            headers: BTreeMap::new(),
            tagging: None,
        })
    }

    pub(super) fn get_object(&mut self, bucket: &str, key: &str, request: &Request) -> Result<MockResponse, ApiError> {
        let bucket_state = self.bucket(bucket)?;
        let asked = request.param("versionId");
        let version = bucket_state.version(key, asked)?;
        let Some(content) = &version.content else {
            let error = match asked {
                Some(_) => ApiError::new(
                    405,
                    "MethodNotAllowed",
                    "The specified method is not allowed against this resource.",
                ),
                None => no_such_key(),
            };
            let mut response = error.to_response(request);
            set_header(&mut response, "x-amz-delete-marker", "true");
            set_header(&mut response, "x-amz-version-id", &version.id);
            return Ok(response);
        };
        if request
            .header("if-match")
            .is_some_and(|wanted| !matches(wanted, &content.etag))
        {
            return Err(precondition_failed());
        }
        if request
            .header("if-none-match")
            .is_some_and(|known| matches(known, &content.etag))
        {
            return Ok(with_headers(304, [("etag", &content.etag)]));
        }
        let body = self
            .blobs
            .get(&content.digest)
            .map_err(|reason| ApiError::new(500, "InternalError", reason))?;
        let mut response = with_headers(200, [("etag", &content.etag)]);
        for (name, value) in &content.headers {
            set_header(&mut response, name, value);
        }
        if !content.headers.contains_key("content-type") {
            set_header(&mut response, "content-type", "binary/octet-stream");
        }
        set_header(&mut response, "accept-ranges", "bytes");
        set_header(&mut response, "last-modified", &xml::http_time(version.modified));
        if bucket_state.versioning.is_some() {
            set_header(&mut response, "x-amz-version-id", &version.id);
        }
        response.body = body;
        if let Some(range) = request.header("range") {
            cut(&mut response, range)?;
        }
        if request.method == "HEAD" {
            let length = response.body.len().to_string();
            set_header(&mut response, "content-length", &length);
        }
        Ok(response)
    }

    pub(super) fn delete_object(
        &mut self,
        bucket: &str,
        key: &str,
        request: &Request,
        context: &Context,
    ) -> Result<MockResponse, ApiError> {
        if let Some(wanted) = request.header("if-match") {
            let current = self.bucket(bucket)?.current(key).ok_or_else(no_such_key)?;
            if !matches(wanted, &current.etag) {
                return Err(precondition_failed());
            }
        }
        let (id, marker) = self.delete_one(bucket, key, request.param("versionId"), context)?;
        let mut response = reply::empty(204);
        if let Some(id) = id {
            set_header(&mut response, "x-amz-version-id", &id);
        }
        if marker {
            set_header(&mut response, "x-amz-delete-marker", "true");
        }
        Ok(response)
    }

    pub(super) fn delete_objects(
        &mut self,
        bucket: &str,
        request: &Request,
        context: &Context,
    ) -> Result<MockResponse, ApiError> {
        self.bucket(bucket)?;
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let wanted = xml::blocks(&body, "Object");
        if wanted.is_empty() || wanted.len() > 1000 {
            return Err(ApiError::new(
                400,
                "MalformedXML",
                "The XML you provided was not well-formed or did not validate against our published schema",
            ));
        }
        let quiet = xml::texts(&body, "Quiet").first().is_some_and(|text| text == "true");
        let mut document = String::from("<DeleteResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
        for object in wanted {
            let first = |tag: &str| xml::texts(object, tag).into_iter().next();
            let (key, version) = (first("Key").unwrap_or_default(), first("VersionId"));
            let (id, marker) = self.delete_one(bucket, &key, version.as_deref(), context)?;
            if quiet {
                continue;
            }
            document.push_str(&format!("<Deleted><Key>{}</Key>", xml::escape(&key)));
            if let Some(version) = version {
                document.push_str(&format!("<VersionId>{}</VersionId>", xml::escape(&version)));
            }
            if let (true, Some(id)) = (marker, id) {
                document.push_str(&format!(
                    "<DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>{id}</DeleteMarkerVersionId>"
                ));
            }
            document.push_str("</Deleted>");
        }
        document.push_str("</DeleteResult>");
        Ok(reply::xml(200, document))
    }

    /// Deletes a version, or hides the newest behind a marker; gives the version id concerned and whether it is a marker.
    fn delete_one(
        &mut self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        context: &Context,
    ) -> Result<(Option<String>, bool), ApiError> {
        let bucket = self.bucket_mut(bucket)?;
        let (dropped, outcome) = match version {
            Some(id) => {
                let gone = bucket.take(key, id);
                let marker = gone.as_ref().is_some_and(|version| version.content.is_none());
                (gone.into_iter().collect(), (Some(id.to_owned()), marker))
            }
            None if bucket.versioning.is_some() => {
                let id = bucket.new_version_id();
                let dropped = bucket.add(
                    key,
                    Version {
                        id: id.clone(),
                        modified: context.now,
                        content: None,
                    },
                );
                self.loose.extend(dropped);
                return Ok((Some(id), true));
            }
            None => (bucket.keys.remove(key).unwrap_or_default(), (None, false)),
        };
        self.loose
            .extend(dropped.into_iter().filter_map(|version| Some(version.content?.digest)));
        Ok(outcome)
    }

    pub(super) fn object_tagging(
        &mut self,
        bucket: &str,
        key: &str,
        request: &Request,
    ) -> Result<MockResponse, ApiError> {
        let asked = request.param("versionId").map(str::to_owned);
        let bucket = self.bucket_mut(bucket)?;
        let id = bucket.version(key, asked.as_deref())?.id.clone();
        let found = bucket
            .keys
            .get_mut(key)
            .into_iter()
            .flatten()
            .find(|version| version.id == id);
        let content = found
            .and_then(|version| version.content.as_mut())
            .ok_or_else(no_such_key)?;
        match request.method.as_str() {
            "PUT" => content.tagging = Some(String::from_utf8_lossy(&request.body).into_owned()),
            "DELETE" => {
                content.tagging = None;
                return Ok(reply::empty(204));
            }
            _ => {
                let document = content
                    .tagging
                    .clone()
                    .unwrap_or_else(|| "<Tagging><TagSet/></Tagging>".to_owned());
                let mut response = reply::xml(200, String::new());
                response.body = Bytes::from(document);
                return Ok(response);
            }
        }
        Ok(reply::empty(200))
    }
}

impl Bucket {
    /// The newest version, unless it is a delete marker.
    pub(super) fn current(&self, key: &str) -> Option<&Content> {
        self.keys.get(key)?.first()?.content.as_ref()
    }

    pub(super) fn version(&self, key: &str, id: Option<&str>) -> Result<&Version, ApiError> {
        let versions = self.keys.get(key);
        match id {
            None => versions.and_then(|versions| versions.first()).ok_or_else(no_such_key),
            Some(id) => versions
                .into_iter()
                .flatten()
                .find(|version| version.id == id)
                .ok_or_else(|| ApiError::new(404, "NoSuchVersion", "The specified version does not exist.")),
        }
    }

    /// Puts a version in front; without versioning it takes the place of the version `null`. Gives digests let go.
    fn add(&mut self, key: &str, version: Version) -> Vec<String> {
        let versions = self.keys.entry(key.to_owned()).or_default();
        let mut dropped = Vec::new();
        if version.id == "null" {
            versions.retain(|old| {
                let stays = old.id != "null";
                if !stays {
                    dropped.extend(old.content.as_ref().map(|content| content.digest.clone()));
                }
                stays
            });
        }
        versions.insert(0, version);
        dropped
    }

    fn take(&mut self, key: &str, id: &str) -> Option<Version> {
        let versions = self.keys.get_mut(key)?;
        let at = versions.iter().position(|version| version.id == id)?;
        let taken = versions.remove(at);
        if versions.is_empty() {
            self.keys.remove(key);
        }
        Some(taken)
    }

    fn new_version_id(&self) -> String {
        match self.versioning.as_deref() {
            Some("Enabled") => uuid::Uuid::new_v4().simple().to_string(),
            _ => "null".to_owned(),
        }
    }

    fn encryption(&self) -> String {
        let set = self
            .settings
            .get("encryption")
            .map(|document| xml::texts(document, "SSEAlgorithm"));
        set.and_then(|algorithms| algorithms.into_iter().next())
            .unwrap_or_else(|| "AES256".to_owned())
    }
}

/// `If-Match` and `If-None-Match` on writes, as in "Add preconditions to S3 operations with conditional requests".
pub(super) fn check_write(current: Option<&Content>, request: &Request) -> Result<(), ApiError> {
    if let Some(condition) = request.header("if-none-match") {
        if condition != "*" {
            return Err(super::not_implemented());
        }
        if current.is_some() {
            return Err(precondition_failed());
        }
    }
    if let Some(wanted) = request.header("if-match") {
        let current = current.ok_or_else(no_such_key)?;
        if !matches(wanted, &current.etag) {
            return Err(precondition_failed());
        }
    }
    Ok(())
}

fn matches(condition: &str, etag: &str) -> bool {
    let bare = etag.trim_matches('"');
    condition
        .split(',')
        .map(str::trim)
        .any(|wanted| wanted == "*" || wanted.trim_matches('"') == bare)
}

pub(super) fn kept_headers(request: &Request) -> BTreeMap<String, String> {
    let mut kept: BTreeMap<String, String> = request
        .headers
        .iter()
        .filter(|(name, _)| KEPT.contains(&name.as_str()) || name.as_str().starts_with("x-amz-meta-"))
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    let encodings: Vec<&str> = request
        .header("content-encoding")
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|encoding| !encoding.is_empty() && *encoding != "aws-chunked")
        .collect();
    if !encodings.is_empty() {
        kept.insert("content-encoding".to_owned(), encodings.join(","));
    }
    kept
}

fn tagging_document(header: &str) -> String {
    let tags: String = super::super::request::parse_query(header)
        .iter()
        .map(|(key, value)| {
            format!(
                "<Tag><Key>{}</Key><Value>{}</Value></Tag>",
                xml::escape(key),
                xml::escape(value)
            )
        })
        .collect();
    format!("<Tagging><TagSet>{tags}</TagSet></Tagging>")
}

fn cut(response: &mut MockResponse, range: &str) -> Result<(), ApiError> {
    let total = response.body.len();
    let unsatisfiable = || ApiError::new(416, "InvalidRange", "The requested range is not satisfiable");
    let Some((from, to)) = range.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Ok(());
    };
    let (start, end) = match (from.parse::<usize>(), to.parse::<usize>()) {
        (Ok(start), Ok(end)) => (start, end.saturating_add(1).min(total)),
        (Ok(start), Err(_)) => (start, total),
        (Err(_), Ok(last)) => (total.saturating_sub(last), total),
        _ => return Ok(()),
    };
    if start >= end {
        return Err(unsatisfiable());
    }
    response.body = response.body.slice(start..end);
    response.status = 206;
    set_header(response, "content-range", &format!("bytes {start}-{}/{total}", end - 1));
    Ok(())
}

fn check_key(key: &str) -> Result<(), ApiError> {
    if key.len() > 1024 {
        return Err(ApiError::new(400, "KeyTooLongError", "Your key is too long"));
    }
    Ok(())
}

fn no_such_key() -> ApiError {
    ApiError::new(404, "NoSuchKey", "The specified key does not exist.")
}

fn precondition_failed() -> ApiError {
    ApiError::new(
        412,
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
    )
}
