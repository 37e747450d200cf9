//! Tags of resources that exist already: the stack's and the resource's own, put again; its own that are gone, taken off.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::cloudformation::ResourceRequest;
use super::super::house::Desk;
use super::super::request::{Name, Request, encode};
use super::{Made, ec2, scalar, tags, text};

/// Brings the tags of an updated resource up to date, where its service holds tags. S3's are among a bucket's settings.
pub(super) fn update(desk: &mut Desk<'_>, request: &ResourceRequest<'_>) -> Made<()> {
    let now = tags(request);
    let before = own(request.previous);
    let gone: Vec<&String> = before.keys().filter(|key| !now.contains_key(*key)).collect();
    let id = request.physical_id.unwrap_or_default();
    let arn = request.attributes.get("Arn").and_then(scalar).unwrap_or_default();
    let listed = |key: &str, value: &str| -> Value {
        let pairs = now.iter().map(|(name, text)| json!({ key: name, value: text }));
        pairs.collect()
    };
    match request.resource_type {
        kind if ec2::carries_tags(kind) => {
            let allocation = request.attributes.get("AllocationId").and_then(scalar);
            let id = allocation.as_deref().filter(|_| kind == "AWS::EC2::EIP").unwrap_or(id);
            query(
                desk,
                Name::Ec2,
                ("CreateTags", "DeleteTags"),
                ("ResourceId.1", id),
                "Tag",
                &now,
                &gone,
            )
        }
        "AWS::IAM::Role" => query(
            desk,
            Name::Iam,
            ("TagRole", "UntagRole"),
            ("RoleName", id),
            "Tags.member",
            &now,
            &gone,
        ),
        "AWS::ECR::Repository" => pair(
            desk,
            Name::Ecr,
            (
                "TagResource",
                json!({ "resourceArn": arn, "tags": listed("Key", "Value") }),
            ),
            ("UntagResource", json!({ "resourceArn": arn, "tagKeys": gone })),
            &gone,
        ),
        "AWS::Logs::LogGroup" => pair(
            desk,
            Name::Logs,
            ("TagLogGroup", json!({ "logGroupName": id, "tags": now })),
            ("UntagLogGroup", json!({ "logGroupName": id, "tags": gone })),
            &gone,
        ),
        "AWS::KMS::Key" => pair(
            desk,
            Name::Kms,
            (
                "TagResource",
                json!({ "KeyId": id, "Tags": listed("TagKey", "TagValue") }),
            ),
            ("UntagResource", json!({ "KeyId": id, "TagKeys": gone })),
            &gone,
        ),
        "AWS::SageMaker::Model" | "AWS::SageMaker::EndpointConfig" | "AWS::SageMaker::Endpoint" => pair(
            desk,
            Name::SageMaker,
            ("AddTags", json!({ "ResourceArn": id, "Tags": listed("Key", "Value") })),
            ("DeleteTags", json!({ "ResourceArn": id, "TagKeys": gone })),
            &gone,
        ),
        "AWS::DynamoDB::Table" => pair(
            desk,
            Name::DynamoDb,
            (
                "TagResource",
                json!({ "ResourceArn": arn, "Tags": listed("Key", "Value") }),
            ),
            ("UntagResource", json!({ "ResourceArn": arn, "TagKeys": gone })),
            &gone,
        ),
        "AWS::EKS::Cluster" | "AWS::EKS::Nodegroup" => {
            let path = format!("/tags/{}", encode(&arn));
            let body = json!({ "tags": now }).to_string().into_bytes();
            let put = Request::rest(Name::Eks, request.region, "POST", &path, body);
            desk.ask(&put)?;
            if gone.is_empty() {
                return Ok(());
            }
            let keys: Vec<String> = gone.iter().map(|key| format!("tagKeys={}", encode(key))).collect();
            let path = format!("{path}?{}", keys.join("&"));
            let removed = Request::rest(Name::Eks, request.region, "DELETE", &path, Vec::new());
            desk.remove(&removed)
        }
        _ => Ok(()),
    }
}

/// The tags that the properties themselves name.
pub(super) fn own(properties: &Value) -> BTreeMap<String, String> {
    match properties.get("Tags") {
        Some(Value::Array(own)) => own
            .iter()
            .filter_map(|tag| Some((text(tag, "Key")?, text(tag, "Value").unwrap_or_default())))
            .collect(),
        Some(Value::Object(own)) => own
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), scalar(value)?)))
            .collect(),
        _ => BTreeMap::new(),
    }
}

fn pair(
    desk: &mut Desk<'_>,
    service: Name,
    (put, body): (&str, Value),
    (take, without): (&str, Value),
    gone: &[&String],
) -> Made<()> {
    desk.ask_json(service, put, &body)?;
    if gone.is_empty() {
        return Ok(());
    }
    desk.ask_json(service, take, &without).map(drop)
}

fn query(
    desk: &mut Desk<'_>,
    service: Name,
    (put, take): (&str, &str),
    (field, id): (&str, &str),
    list: &str,
    now: &BTreeMap<String, String>,
    gone: &[&String],
) -> Made<()> {
    let mut parameters = vec![(field.to_owned(), id.to_owned())];
    for (index, (key, value)) in now.iter().enumerate() {
        parameters.push((format!("{list}.{}.Key", index + 1), key.clone()));
        parameters.push((format!("{list}.{}.Value", index + 1), value.clone()));
    }
    desk.ask_query(service, put, &parameters)?;
    if gone.is_empty() {
        return Ok(());
    }
    let mut parameters = vec![(field.to_owned(), id.to_owned())];
    for (index, key) in gone.iter().enumerate() {
        let name = match service {
            Name::Iam => format!("TagKeys.member.{}", index + 1),
            _ => format!("{list}.{}.Key", index + 1),
        };
        parameters.push((name, (*key).clone()));
    }
    desk.ask_query(service, take, &parameters).map(drop)
}
