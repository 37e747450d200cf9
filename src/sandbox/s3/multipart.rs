//! Uploads in parts, which clients use for large bodies.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use winterbaume_core::MockResponse;

use super::super::reply::{self, ApiError};
use super::super::request::Request;
use super::super::service::Context;
use super::objects::{check_write, kept_headers};
use super::{S3, Upload, with_headers, xml};

impl S3 {
    pub(super) fn create_upload(&mut self, name: &str, key: &str, request: &Request) -> Result<MockResponse, ApiError> {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let upload = Upload {
            key: key.to_owned(),
            headers: kept_headers(request),
            parts: BTreeMap::new(),
        };
        self.bucket_mut(name)?.uploads.insert(id.clone(), upload);
        Ok(reply::xml(
            200,
            format!(
                "<InitiateMultipartUploadResult><Bucket>{name}</Bucket><Key>{}</Key><UploadId>{id}</UploadId>\
                 </InitiateMultipartUploadResult>",
                xml::escape(key)
            ),
        ))
    }

    pub(super) fn upload_part(&mut self, name: &str, key: &str, request: &Request) -> Result<MockResponse, ApiError> {
        let id = request.param("uploadId").unwrap_or_default().to_owned();
        let number = request
            .param("partNumber")
            .and_then(|text| text.parse::<u32>().ok())
            .unwrap_or_default();
        if !(1..=10_000).contains(&number) {
            return Err(ApiError::new(
                400,
                "InvalidArgument",
                "Part number must be an integer between 1 and 10000, inclusive",
            ));
        }
        self.bucket(name)?
            .uploads
            .get(&id)
            .filter(|upload| upload.key == key)
            .ok_or_else(no_such_upload)?;
        let content = self.keep(&request.body)?;
        let response = with_headers(200, [("etag", &content.etag)]);
        let upload = self.bucket_mut(name)?.uploads.get_mut(&id).ok_or_else(no_such_upload)?;
        let replaced = upload.parts.insert(number, content);
        self.loose.extend(replaced.map(|part| part.digest));
        Ok(response)
    }

    pub(super) fn complete_upload(
        &mut self,
        name: &str,
        key: &str,
        request: &Request,
        context: &Context,
    ) -> Result<MockResponse, ApiError> {
        let id = request.param("uploadId").unwrap_or_default().to_owned();
        let bucket = self.bucket(name)?;
        let upload = bucket
            .uploads
            .get(&id)
            .filter(|upload| upload.key == key)
            .ok_or_else(no_such_upload)?
            .clone();
        check_write(bucket.current(key), request)?;
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let mut whole = BytesMut::new();
        let mut count = 0_usize;
        for part in xml::blocks(&body, "Part") {
            let first = |tag: &str| xml::texts(part, tag).into_iter().next().unwrap_or_default();
            let stored = first("PartNumber")
                .parse::<u32>()
                .ok()
                .and_then(|number| upload.parts.get(&number));
            let invalid = || {
                ApiError::new(
                    400,
                    "InvalidPart",
                    "One or more of the specified parts could not be found. The part may not have been uploaded, or \
                     the specified entity tag may not match the part's entity tag.",
                )
            };
            let stored = stored.filter(|part| part.etag.trim_matches('"') == first("ETag").trim_matches('"'));
            let stored = stored.ok_or_else(invalid)?;
            let bytes = self
                .blobs
                .get(&stored.digest)
                .map_err(|reason| ApiError::new(500, "InternalError", reason))?;
            whole.extend_from_slice(&bytes);
            count += 1;
        }
        let mut content = self.keep(&Bytes::from(whole))?;
        content.etag = format!("\"{}-{count}\"", content.etag.trim_matches('"'));
        content.headers = upload.headers;
        let etag = content.etag.clone();
        let mut response = self.store(name, key, content, context)?;
        self.bucket_mut(name)?.uploads.remove(&id);
        self.loose.extend(upload.parts.into_values().map(|part| part.digest));
        response.body = reply::xml(
            200,
            format!(
                "<CompleteMultipartUploadResult><Bucket>{name}</Bucket><Key>{}</Key><ETag>{}</ETag>\
                 </CompleteMultipartUploadResult>",
                xml::escape(key),
                xml::escape(&etag)
            ),
        )
        .body;
        Ok(response)
    }

    pub(super) fn abort_upload(&mut self, name: &str, request: &Request) -> Result<MockResponse, ApiError> {
        let id = request.param("uploadId").unwrap_or_default().to_owned();
        let upload = self.bucket_mut(name)?.uploads.remove(&id).ok_or_else(no_such_upload)?;
        self.loose.extend(upload.parts.into_values().map(|part| part.digest));
        Ok(reply::empty(204))
    }

    pub(super) fn list_uploads(&self, name: &str) -> Result<MockResponse, ApiError> {
        let uploads: String = self
            .bucket(name)?
            .uploads
            .iter()
            .map(|(id, upload)| {
                format!(
                    "<Upload><Key>{}</Key><UploadId>{id}</UploadId></Upload>",
                    xml::escape(&upload.key)
                )
            })
            .collect();
        Ok(reply::xml(
            200,
            format!(
                "<ListMultipartUploadsResult><Bucket>{name}</Bucket><IsTruncated>false</IsTruncated>{uploads}\
                 </ListMultipartUploadsResult>"
            ),
        ))
    }
}

fn no_such_upload() -> ApiError {
    ApiError::new(
        404,
        "NoSuchUpload",
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or \
         completed.",
    )
}
