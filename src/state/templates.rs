//! `templates/SHA256.json`: every template that was ever deployed, under the digest of its bytes.

use super::{Key, addressed};
use crate::aws::session::{Endpoint, Session};
use crate::diagnostic::Problem;
use crate::spec::Backend;

const FOLDER: &str = "templates";

/// Stores a template, unless it is there already; returns its digest.
///
/// # Errors
/// [`crate::diagnostic::codes::STATE_UNREADABLE`] if other bytes lie under its name: whoever may add templates could have
/// put them there before, and CloudFormation would read them.
pub async fn put(session: &Session, backend: &Backend, key: &Key, template: &str) -> Result<String, Problem> {
    addressed::put(session, backend, key, FOLDER, template.as_bytes()).await
}

/// The template with this digest; none if it was never stored.
///
/// # Errors
/// [`crate::diagnostic::codes::STATE_UNREADABLE`] if the bytes are not those that the digest names.
pub async fn get(session: &Session, backend: &Backend, key: &Key, sha256: &str) -> Result<Option<String>, Problem> {
    let Some(body) = addressed::get(session, backend, key, FOLDER, sha256).await? else {
        return Ok(None);
    };
    String::from_utf8(body)
        .map(Some)
        .map_err(|_| addressed::tampered(&addressed::object(key, FOLDER, sha256)))
}

/// Where CloudFormation reads it (`TemplateURL`).
pub fn url(session: &Session, backend: &Backend, key: &Key, sha256: &str) -> String {
    let (bucket, object, region) = (&backend.bucket, addressed::object(key, FOLDER, sha256), &session.region);
    match &session.endpoint {
        Endpoint::Url(url) => format!("{}/{bucket}/{object}", url.trim_end_matches('/')),
        Endpoint::Aws | Endpoint::Sandbox(_) => {
            let domain = if session.partition() == "aws-cn" {
                "amazonaws.com.cn"
            } else {
                "amazonaws.com"
            };
            format!("https://{bucket}.s3.{region}.{domain}/{object}")
        }
    }
}
