//! `templates/SHA256.json`: every template that was ever deployed, under the digest of its bytes.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::{Key, from_bucket};
use crate::aws::s3::{self, Expect, Put};
use crate::aws::session::{Endpoint, Session};
use crate::diagnostic::{Problem, codes};
use crate::spec::Backend;

/// Stores a template, unless it is there already; returns its digest.
///
/// # Errors
/// [`codes::STATE_UNREADABLE`] if other bytes lie under its name: whoever may add templates could have put them there
/// before, and CloudFormation would read them.
pub async fn put(session: &Session, backend: &Backend, key: &Key, template: &str) -> Result<String, Problem> {
    let digest = digest(template.as_bytes());
    let written = s3::put(
        session,
        &backend.bucket,
        &object(key, &digest),
        template.as_bytes(),
        &Expect::Absent,
    )
    .await
    .map_err(|error| from_bucket(&error, backend, key))?;
    if written == Put::Refused {
        get(session, backend, key, &digest).await?;
    }
    Ok(digest)
}

/// The template with this digest; none if it was never stored.
///
/// # Errors
/// [`codes::STATE_UNREADABLE`] if the bytes are not those that the digest names.
pub async fn get(session: &Session, backend: &Backend, key: &Key, sha256: &str) -> Result<Option<String>, Problem> {
    let object = object(key, sha256);
    let Some(found) = s3::get(session, &backend.bucket, &object)
        .await
        .map_err(|error| from_bucket(&error, backend, key))?
    else {
        return Ok(None);
    };
    let tampered = || {
        Problem::error(
            codes::STATE_UNREADABLE,
            format!("{object} in the state bucket is not what its name says"),
        )
    };
    if digest(&found.body) != sha256 {
        return Err(tampered()
            .note("somebody wrote it who may write to the bucket: what it holds is not what was reviewed")
            .hint(format!(
                "look at it and at who wrote it: aws s3api list-object-versions --bucket {} --prefix {object}",
                backend.bucket
            ))
            .hint("delete it, and run the same command again"));
    }
    String::from_utf8(found.body).map(Some).map_err(|_| tampered())
}

/// Where CloudFormation reads it (`TemplateURL`).
pub fn url(session: &Session, backend: &Backend, key: &Key, sha256: &str) -> String {
    let (bucket, object, region) = (&backend.bucket, object(key, sha256), &session.region);
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

fn object(key: &Key, sha256: &str) -> String {
    key.object(&format!("templates/{sha256}.json"))
}

/// SHA-256 in hex.
pub(super) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
