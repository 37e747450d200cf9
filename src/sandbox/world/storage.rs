//! S3 buckets, their policies, and DynamoDB tables.

use serde_json::{Value, json};

use super::super::cloudformation::{Physical, ResourceRequest};
use super::super::house::Desk;
use super::super::request::{Name, Request, encode};
use super::{Made, document, list, name_of, set, tags, text};

pub(super) fn create(
    desk: &mut Desk<'_>,
    request: &ResourceRequest<'_>,
    mut planned: Physical,
) -> Made<Option<Physical>> {
    match request.resource_type {
        "AWS::S3::Bucket" => {
            let name = planned.id.clone();
            let exists = rest(desk, "HEAD", &name, "", String::new());
            let there = desk.send(&exists).map_err(|error| error.to_string())?.status < 400;
            if there {
                return Err(format!("{name} already exists"));
            }
            let body = if request.region == "us-east-1" {
                String::new()
            } else {
                format!(
                    "<CreateBucketConfiguration><LocationConstraint>{}</LocationConstraint></CreateBucketConfiguration>",
                    request.region
                )
            };
            let made = rest(desk, "PUT", &name, "", body);
            desk.ask(&made)?;
            bucket_settings(desk, request, &name)?;
        }
        "AWS::S3::BucketPolicy" => put_policy(desk, request)?,
        _ => {
            let name = name_of(request, "TableName", &planned.id);
            let mut body = request.properties.clone();
            if let Value::Object(body) = &mut body {
                body.insert("TableName".to_owned(), json!(name));
                let tags: Vec<Value> = tags(request)
                    .into_iter()
                    .map(|(key, value)| json!({ "Key": key, "Value": value }))
                    .collect();
                body.insert("Tags".to_owned(), json!(tags));
            }
            let made = desk.ask_json(Name::DynamoDb, "CreateTable", &body)?;
            set(&mut planned, "Arn", made.pointer("/TableDescription/TableArn"));
            table_settings(desk, request, &name)?;
        }
    }
    Ok(Some(planned))
}

pub(super) fn update(desk: &mut Desk<'_>, request: &ResourceRequest<'_>) -> Made<()> {
    let id = request.physical_id.unwrap_or_default();
    match request.resource_type {
        "AWS::S3::Bucket" => bucket_settings(desk, request, id),
        "AWS::S3::BucketPolicy" => put_policy(desk, request),
        _ => {
            let mut body = json!({ "TableName": id });
            for key in ["BillingMode", "DeletionProtectionEnabled", "SSESpecification"] {
                if let (Some(value), Value::Object(body)) = (request.properties.get(key), &mut body) {
                    body.insert(key.to_owned(), value.clone());
                }
            }
            desk.ask_json(Name::DynamoDb, "UpdateTable", &body)?;
            table_settings(desk, request, id)
        }
    }
}

pub(super) fn delete(desk: &mut Desk<'_>, request: &ResourceRequest<'_>, id: &str) -> Made<()> {
    match request.resource_type {
        "AWS::S3::Bucket" => {
            let gone = rest(desk, "DELETE", id, "", String::new());
            desk.remove(&gone)
        }
        "AWS::S3::BucketPolicy" => {
            let bucket = text(request.properties, "Bucket").unwrap_or_else(|| id.to_owned());
            let gone = rest(desk, "DELETE", &bucket, "policy", String::new());
            desk.remove(&gone)
        }
        _ => {
            let gone = Request::json(
                Name::DynamoDb,
                request.region,
                "DeleteTable",
                &json!({ "TableName": id }),
            );
            desk.remove(&gone)
        }
    }
}

pub(super) fn rest(desk: &Desk<'_>, method: &str, bucket: &str, part: &str, body: String) -> Request {
    let query = if part.is_empty() {
        String::new()
    } else {
        format!("?{part}")
    };
    let path = format!("/{}{query}", encode(bucket));
    Request::rest(Name::S3, &desk.context.region, method, &path, body.into_bytes())
}

fn put_policy(desk: &mut Desk<'_>, request: &ResourceRequest<'_>) -> Made<()> {
    let bucket = text(request.properties, "Bucket").unwrap_or_default();
    let policy = document(request.properties.get("PolicyDocument").unwrap_or(&Value::Null));
    let put = rest(desk, "PUT", &bucket, "policy", policy);
    desk.ask(&put).map(drop)
}

fn bucket_settings(desk: &mut Desk<'_>, request: &ResourceRequest<'_>, name: &str) -> Made<()> {
    let properties = request.properties;
    let at = |pointer: &str| properties.pointer(pointer).and_then(super::scalar);
    let mut settings: Vec<(&str, String)> = Vec::new();
    // Versioning that was on can be suspended only.
    let was_versioned = request.previous.get("VersioningConfiguration").is_some();
    let suspended = || was_versioned.then(|| "Suspended".to_owned());
    if let Some(status) = at("/VersioningConfiguration/Status").or_else(suspended) {
        settings.push((
            "versioning",
            format!("<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>"),
        ));
    }
    if let Some(block) = properties.get("PublicAccessBlockConfiguration") {
        let flag = |name: &str| {
            format!(
                "<{name}>{}</{name}>",
                text(block, name).unwrap_or_else(|| "false".to_owned())
            )
        };
        let flags: String = [
            "BlockPublicAcls",
            "IgnorePublicAcls",
            "BlockPublicPolicy",
            "RestrictPublicBuckets",
        ]
        .iter()
        .map(|name| flag(name))
        .collect();
        settings.push((
            "publicAccessBlock",
            format!("<PublicAccessBlockConfiguration>{flags}</PublicAccessBlockConfiguration>"),
        ));
    }
    let rule = "/BucketEncryption/ServerSideEncryptionConfiguration/0/ServerSideEncryptionByDefault";
    if let Some(algorithm) = at(&format!("{rule}/SSEAlgorithm")) {
        let key = at(&format!("{rule}/KMSMasterKeyID"))
            .map(|key| format!("<KMSMasterKeyID>{key}</KMSMasterKeyID>"))
            .unwrap_or_default();
        let bucket_key = at("/BucketEncryption/ServerSideEncryptionConfiguration/0/BucketKeyEnabled")
            .unwrap_or_else(|| "false".to_owned());
        settings.push((
            "encryption",
            format!(
                "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>\
                 <SSEAlgorithm>{algorithm}</SSEAlgorithm>{key}</ApplyServerSideEncryptionByDefault>\
                 <BucketKeyEnabled>{bucket_key}</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>"
            ),
        ));
    }
    let tags: String = tags(request)
        .iter()
        .map(|(key, value)| {
            let escape = winterbaume_core::xml_escape;
            format!("<Tag><Key>{}</Key><Value>{}</Value></Tag>", escape(key), escape(value))
        })
        .collect();
    if !tags.is_empty() {
        settings.push(("tagging", format!("<Tagging><TagSet>{tags}</TagSet></Tagging>")));
    }
    let rules: String = list(
        properties.get("LifecycleConfiguration").unwrap_or(&Value::Null),
        "Rules",
    )
    .iter()
    .map(lifecycle_rule)
    .collect();
    if !rules.is_empty() {
        settings.push((
            "lifecycle",
            format!("<LifecycleConfiguration>{rules}</LifecycleConfiguration>"),
        ));
    }
    for (part, body) in settings {
        let put = rest(desk, "PUT", name, part, body);
        desk.ask(&put)?;
    }
    for (property, part) in REMOVABLE {
        if request.previous.get(property).is_some() && properties.get(property).is_none() {
            let gone = rest(desk, "DELETE", name, part, String::new());
            desk.remove(&gone)?;
        }
    }
    Ok(())
}

/// Properties of a bucket that an update may take away, and what S3 calls them.
const REMOVABLE: [(&str, &str); 3] = [
    ("BucketEncryption", "encryption"),
    ("LifecycleConfiguration", "lifecycle"),
    ("PublicAccessBlockConfiguration", "publicAccessBlock"),
];

fn lifecycle_rule(rule: &Value) -> String {
    let part = |name: &str, inner: Option<String>| {
        inner
            .map(|inner| format!("<{name}>{inner}</{name}>"))
            .unwrap_or_default()
    };
    let days = |name: &str, outer: &str, element: &str| {
        let inner = text(rule, name).map(|days| format!("<{element}>{days}</{element}>"));
        part(outer, inner)
    };
    format!(
        "<Rule>{}<Filter><Prefix>{}</Prefix></Filter>{}{}{}{}</Rule>",
        part("ID", text(rule, "Id")),
        text(rule, "Prefix").unwrap_or_default(),
        part("Status", text(rule, "Status")),
        days("ExpirationInDays", "Expiration", "Days"),
        part(
            "NoncurrentVersionExpiration",
            rule.pointer("/NoncurrentVersionExpiration/NoncurrentDays")
                .and_then(super::scalar)
                .map(|days| format!("<NoncurrentDays>{days}</NoncurrentDays>"))
        ),
        part(
            "AbortIncompleteMultipartUpload",
            rule.pointer("/AbortIncompleteMultipartUpload/DaysAfterInitiation")
                .and_then(super::scalar)
                .map(|days| format!("<DaysAfterInitiation>{days}</DaysAfterInitiation>"))
        ),
    )
}

fn table_settings(desk: &mut Desk<'_>, request: &ResourceRequest<'_>, name: &str) -> Made<()> {
    if let Some(wanted) = request.properties.get("TimeToLiveSpecification") {
        let body = json!({ "TableName": name, "TimeToLiveSpecification": wanted });
        desk.ask_json(Name::DynamoDb, "UpdateTimeToLive", &body)?;
    }
    if let Some(wanted) = request.properties.get("PointInTimeRecoverySpecification") {
        let body = json!({ "TableName": name, "PointInTimeRecoverySpecification": wanted });
        desk.ask_json(Name::DynamoDb, "UpdateContinuousBackups", &body)?;
    }
    Ok(())
}
