//! Buckets and what is set on them.

use winterbaume_core::MockResponse;

use super::super::reply::{self, ApiError};
use super::super::request::Request;
use super::super::service::Context;
use super::{Bucket, S3, no_such_bucket, not_implemented, with_headers, xml};

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

impl S3 {
    pub(super) fn list_buckets(&self, context: &Context) -> MockResponse {
        let buckets: String = self
            .buckets
            .iter()
            .map(|(name, bucket)| {
                let created = xml::iso_time(bucket.created);
                format!("<Bucket><Name>{name}</Name><CreationDate>{created}</CreationDate></Bucket>")
            })
            .collect();
        reply::xml(
            200,
            format!(
                "<ListAllMyBucketsResult xmlns=\"{NAMESPACE}\"><Owner><ID>{}</ID></Owner><Buckets>{buckets}</Buckets>\
                 </ListAllMyBucketsResult>",
                context.account
            ),
        )
    }

    pub(super) fn create_bucket(
        &mut self,
        name: &str,
        request: &Request,
        context: &Context,
    ) -> Result<MockResponse, ApiError> {
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
        let edges = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if !(3..=63).contains(&name.len())
            || !name.chars().all(legal)
            || !name.starts_with(edges)
            || !name.ends_with(edges)
            || name.contains("..")
        {
            return Err(ApiError::new(
                400,
                "InvalidBucketName",
                "The specified bucket is not valid.",
            ));
        }
        if context.facts.is_foreign(name) {
            return Err(ApiError::new(
                409,
                "BucketAlreadyExists",
                "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.",
            ));
        }
        let body = String::from_utf8_lossy(&request.body);
        let constraint = xml::texts(&body, "LocationConstraint").into_iter().next();
        let home_is_default = context.region == "us-east-1";
        match &constraint {
            Some(region) if home_is_default || *region != context.region => {
                return Err(ApiError::new(
                    400,
                    "InvalidLocationConstraint",
                    "The specified location-constraint is not valid",
                ));
            }
            None if !home_is_default => {
                return Err(ApiError::new(
                    400,
                    "IllegalLocationConstraintException",
                    "The unspecified location constraint is incompatible for the region specific endpoint this request \
                     was sent to.",
                ));
            }
            _ => {}
        }
        // In us-east-1 alone, creating a bucket that one owns succeeds and changes nothing.
        if self.buckets.contains_key(name) && !home_is_default {
            return Err(ApiError::new(
                409,
                "BucketAlreadyOwnedByYou",
                "Your previous request to create the named bucket succeeded and you already own it.",
            ));
        }
        self.buckets.entry(name.to_owned()).or_insert_with(|| Bucket {
            created: context.now,
            ..Bucket::default()
        });
        Ok(with_headers(200, [("location", &format!("/{name}"))]))
    }

    pub(super) fn delete_bucket(&mut self, name: &str) -> Result<MockResponse, ApiError> {
        let bucket = self.bucket(name)?;
        if !bucket.keys.is_empty() {
            let message = if bucket.versioning.is_some() {
                "The bucket you tried to delete is not empty. You must delete all versions in the bucket."
            } else {
                "The bucket you tried to delete is not empty"
            };
            return Err(ApiError::new(409, "BucketNotEmpty", message));
        }
        self.buckets.remove(name);
        Ok(reply::empty(204))
    }

    /// Puts, gives or deletes a sub-resource of a bucket.
    pub(super) fn setting(
        &mut self,
        name: &str,
        request: &Request,
        context: &Context,
    ) -> Result<MockResponse, ApiError> {
        let known = |key: &str| DEFAULTS.iter().find(|(setting, ..)| *setting == key);
        let Some((setting, otherwise)) = request.query.iter().find_map(|(key, _)| known(key)) else {
            return Err(not_implemented());
        };
        let bucket = self.buckets.get_mut(name).ok_or_else(no_such_bucket)?;
        let body = String::from_utf8_lossy(&request.body).into_owned();
        match request.method.as_str() {
            "GET" if *setting == "location" => Ok(reply::xml(200, location(&context.region))),
            "GET" => match (bucket.settings.get(*setting).map(String::as_str), otherwise) {
                (Some(text), _) if !text.is_empty() => Ok(as_put(setting, text)),
                (None, Otherwise::Document(text)) => Ok(reply::xml(200, text.replace("{ns}", NAMESPACE))),
                (_, Otherwise::Missing(code, message)) => Err(ApiError::new(404, *code, *message)),
                (_, Otherwise::Document(_)) => Err(ApiError::new(
                    404,
                    format!("NoSuch{}", request.action.trim_start_matches("Get")),
                    "The configuration was not found",
                )),
            },
            "PUT" => {
                if *setting == "versioning" {
                    bucket.versioning = xml::texts(&body, "Status").into_iter().next();
                }
                if *setting == "policy" && serde_json::from_str::<serde_json::Value>(&body).is_err() {
                    return Err(ApiError::new(
                        400,
                        "MalformedPolicy",
                        "This policy contains invalid Json",
                    ));
                }
                bucket.settings.insert((*setting).to_owned(), body);
                Ok(reply::empty(if *setting == "policy" { 204 } else { 200 }))
            }
            "DELETE" => {
                bucket.settings.insert((*setting).to_owned(), String::new());
                Ok(reply::empty(204))
            }
            _ => Err(not_implemented()),
        }
    }
}

fn as_put(setting: &str, text: &str) -> MockResponse {
    let mut response = reply::xml(200, String::new());
    response.body = bytes::Bytes::from(text.to_owned());
    if setting == "policy" {
        super::set_header(&mut response, "content-type", "application/json");
    }
    response
}

fn location(region: &str) -> String {
    let region = if region == "us-east-1" { "" } else { region };
    format!("<LocationConstraint xmlns=\"{NAMESPACE}\">{region}</LocationConstraint>")
}

/// What a bucket says of a setting that nobody made.
enum Otherwise {
    Document(&'static str),
    Missing(&'static str, &'static str),
}

const DEFAULTS: [(&str, Otherwise); 14] = [
    (
        "versioning",
        Otherwise::Document("<VersioningConfiguration xmlns=\"{ns}\"/>"),
    ),
    (
        "encryption",
        Otherwise::Document(
            "<ServerSideEncryptionConfiguration xmlns=\"{ns}\"><Rule><ApplyServerSideEncryptionByDefault>\
             <SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault>\
             <BucketKeyEnabled>false</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>",
        ),
    ),
    (
        "publicAccessBlock",
        Otherwise::Document(
            "<PublicAccessBlockConfiguration xmlns=\"{ns}\"><BlockPublicAcls>true</BlockPublicAcls>\
             <IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy>\
             <RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>",
        ),
    ),
    (
        "ownershipControls",
        Otherwise::Document(
            "<OwnershipControls xmlns=\"{ns}\"><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule>\
             </OwnershipControls>",
        ),
    ),
    (
        "acl",
        Otherwise::Document(
            "<AccessControlPolicy xmlns=\"{ns}\"><Owner><ID>sandbox</ID></Owner><AccessControlList/>\
             </AccessControlPolicy>",
        ),
    ),
    ("logging", Otherwise::Document("<BucketLoggingStatus xmlns=\"{ns}\"/>")),
    (
        "notification",
        Otherwise::Document("<NotificationConfiguration xmlns=\"{ns}\"/>"),
    ),
    ("location", Otherwise::Document("")),
    (
        "policyStatus",
        Otherwise::Document("<PolicyStatus xmlns=\"{ns}\"><IsPublic>FALSE</IsPublic></PolicyStatus>"),
    ),
    (
        "policy",
        Otherwise::Missing("NoSuchBucketPolicy", "The bucket policy does not exist"),
    ),
    (
        "tagging",
        Otherwise::Missing("NoSuchTagSet", "The TagSet does not exist"),
    ),
    (
        "lifecycle",
        Otherwise::Missing(
            "NoSuchLifecycleConfiguration",
            "The lifecycle configuration does not exist",
        ),
    ),
    (
        "cors",
        Otherwise::Missing("NoSuchCORSConfiguration", "The CORS configuration does not exist"),
    ),
    (
        "replication",
        Otherwise::Missing(
            "ReplicationConfigurationNotFoundError",
            "The replication configuration was not found",
        ),
    ),
];
