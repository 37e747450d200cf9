//! The services with plain JSON: ECR, KMS, Logs, SageMaker and Systems Manager.

use serde_json::{Map, Value, json};

use super::super::cloudformation::{Physical, ResourceRequest};
use super::super::house::Desk;
use super::super::request::{Name, Request};
use super::{Made, document, lower_camel, name_of, set, tags, text};

/// How a type is made and deleted.
struct Kind {
    resource_type: &'static str,
    service: Name,
    create: &'static str,
    delete: &'static str,
    /// The property that names it.
    name: &'static str,
    /// What the API calls that.
    field: &'static str,
    /// Where the answer has the ARN, and which attribute that is.
    arn: (&'static str, &'static str),
}

#[rustfmt::skip]
const KINDS: [Kind; 10] = [
    Kind { resource_type: "AWS::ECR::Repository", service: Name::Ecr, create: "CreateRepository", delete: "DeleteRepository", name: "RepositoryName", field: "repositoryName", arn: ("/repository/repositoryArn", "Arn") },
    Kind { resource_type: "AWS::Logs::LogGroup", service: Name::Logs, create: "CreateLogGroup", delete: "DeleteLogGroup", name: "LogGroupName", field: "logGroupName", arn: ("", "") },
    Kind { resource_type: "AWS::KMS::Key", service: Name::Kms, create: "CreateKey", delete: "ScheduleKeyDeletion", name: "", field: "KeyId", arn: ("/KeyMetadata/Arn", "Arn") },
    Kind { resource_type: "AWS::KMS::Alias", service: Name::Kms, create: "CreateAlias", delete: "DeleteAlias", name: "AliasName", field: "AliasName", arn: ("", "") },
    Kind { resource_type: "AWS::SageMaker::Model", service: Name::SageMaker, create: "CreateModel", delete: "DeleteModel", name: "ModelName", field: "ModelName", arn: ("/ModelArn", "") },
    Kind { resource_type: "AWS::SageMaker::EndpointConfig", service: Name::SageMaker, create: "CreateEndpointConfig", delete: "DeleteEndpointConfig", name: "EndpointConfigName", field: "EndpointConfigName", arn: ("/EndpointConfigArn", "") },
    Kind { resource_type: "AWS::SageMaker::Endpoint", service: Name::SageMaker, create: "CreateEndpoint", delete: "DeleteEndpoint", name: "EndpointName", field: "EndpointName", arn: ("/EndpointArn", "") },
    Kind { resource_type: "AWS::SageMaker::ModelPackageGroup", service: Name::SageMaker, create: "CreateModelPackageGroup", delete: "DeleteModelPackageGroup", name: "ModelPackageGroupName", field: "ModelPackageGroupName", arn: ("/ModelPackageGroupArn", "ModelPackageGroupArn") },
    Kind { resource_type: "AWS::SageMaker::Domain", service: Name::SageMaker, create: "CreateDomain", delete: "DeleteDomain", name: "", field: "DomainId", arn: ("/DomainArn", "DomainArn") },
    Kind { resource_type: "AWS::SSM::Parameter", service: Name::Ssm, create: "PutParameter", delete: "DeleteParameter", name: "Name", field: "Name", arn: ("", "") },
];

pub(super) fn knows(resource_type: &str) -> bool {
    kind(resource_type).is_some()
}

pub(super) fn create(
    desk: &mut Desk<'_>,
    request: &ResourceRequest<'_>,
    mut planned: Physical,
) -> Made<Option<Physical>> {
    let Some(kind) = kind(request.resource_type) else {
        return Ok(None);
    };
    let mut body = body(kind, request);
    let name = name_of(request, kind.name, &planned.id);
    if !kind.name.is_empty() {
        body.insert(kind.field.to_owned(), json!(name));
    }
    let made = desk.ask_json(kind.service, kind.create, &Value::Object(body))?;
    let arn = made.pointer(kind.arn.0).filter(|_| !kind.arn.0.is_empty());
    if !kind.arn.1.is_empty() {
        set(&mut planned, kind.arn.1, arn);
    }
    match request.resource_type {
        "AWS::ECR::Repository" => {
            set(&mut planned, "RepositoryUri", made.pointer("/repository/repositoryUri"));
            repository_policies(desk, request, &name)?;
        }
        "AWS::Logs::LogGroup" => retention(desk, request, &name)?,
        "AWS::KMS::Key" => {
            let id = made
                .pointer("/KeyMetadata/KeyId")
                .and_then(Value::as_str)
                .unwrap_or_default();
            id.clone_into(&mut planned.id);
            set(&mut planned, "KeyId", made.pointer("/KeyMetadata/KeyId"));
        }
        "AWS::SageMaker::Domain" => {
            if let Some(id) = arn.and_then(Value::as_str).and_then(|arn| arn.rsplit('/').next()) {
                id.clone_into(&mut planned.id);
                set(&mut planned, "DomainId", Some(&json!(id)));
            }
        }
        "AWS::SageMaker::Model" | "AWS::SageMaker::EndpointConfig" | "AWS::SageMaker::Endpoint" => {
            if let Some(arn) = arn.and_then(Value::as_str) {
                arn.clone_into(&mut planned.id);
            }
        }
        _ => {}
    }
    Ok(Some(planned))
}

pub(super) fn update(desk: &mut Desk<'_>, request: &ResourceRequest<'_>) -> Made<()> {
    let id = request.physical_id.unwrap_or_default();
    match request.resource_type {
        "AWS::ECR::Repository" => repository_policies(desk, request, id),
        "AWS::Logs::LogGroup" => retention(desk, request, id),
        "AWS::SageMaker::Endpoint" => {
            let name = name_of(request, "EndpointName", id);
            let config = last_part(&text(request.properties, "EndpointConfigName").unwrap_or_default());
            let body = json!({ "EndpointName": name, "EndpointConfigName": config });
            desk.ask_json(Name::SageMaker, "UpdateEndpoint", &body).map(drop)
        }
        "AWS::SSM::Parameter" => {
            let body = json!({
                "Name": id,
                "Type": text(request.properties, "Type"),
                "Tier": text(request.properties, "Tier"),
                "Value": text(request.properties, "Value"),
                "Overwrite": true,
            });
            desk.ask_json(Name::Ssm, "PutParameter", &body).map(drop)
        }
        "AWS::KMS::Key" => match text(request.properties, "Description") {
            Some(description) => {
                let body = json!({ "KeyId": id, "Description": description });
                desk.ask_json(Name::Kms, "UpdateKeyDescription", &body).map(drop)
            }
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

pub(super) fn delete(desk: &mut Desk<'_>, request: &ResourceRequest<'_>, id: &str) -> Made<()> {
    let Some(kind) = kind(request.resource_type) else {
        return Ok(());
    };
    let name = if kind.name.is_empty() {
        id.to_owned()
    } else {
        name_of(request, kind.name, id)
    };
    let mut body = json!({ kind.field: if kind.service == Name::Logs { id.to_owned() } else { name } });
    if let Value::Object(body) = &mut body {
        match request.resource_type {
            "AWS::ECR::Repository" => {
                body.insert(kind.field.to_owned(), json!(id));
                let force = text(request.properties, "EmptyOnDelete").as_deref() == Some("true");
                body.insert("force".to_owned(), json!(force));
            }
            "AWS::KMS::Key" => {
                let days = text(request.properties, "PendingWindowInDays").and_then(|text| text.parse().ok());
                body.insert("PendingWindowInDays".to_owned(), json!(days.unwrap_or(30_u8)));
            }
            _ => {}
        }
    }
    let gone = Request::json(kind.service, request.region, kind.delete, &body);
    desk.remove(&gone)
}

fn kind(resource_type: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.resource_type == resource_type)
}

fn body(kind: &Kind, request: &ResourceRequest<'_>) -> Map<String, Value> {
    let pascal = || {
        let mut properties = request.properties.clone();
        if let Value::Object(properties) = &mut properties {
            properties.shift_remove("Tags");
        }
        properties
    };
    let tags = tags(request);
    let list = |key: &str, value: &str| -> Value {
        tags.iter()
            .map(|(name, text)| json!({ key: name, value: text }))
            .collect()
    };
    let (body, tag_field, tags) = match kind.resource_type {
        "AWS::ECR::Repository" => (lower_camel(request.properties), "tags", list("Key", "Value")),
        "AWS::Logs::LogGroup" => (lower_camel(request.properties), "tags", json!(tags)),
        "AWS::KMS::Key" => (pascal(), "Tags", list("TagKey", "TagValue")),
        "AWS::KMS::Alias" => (pascal(), "", Value::Null),
        _ => (pascal(), "Tags", list("Key", "Value")),
    };
    let mut body = match body {
        Value::Object(body) => body,
        _ => Map::new(),
    };
    if !tag_field.is_empty() {
        body.insert(tag_field.to_owned(), tags);
    }
    // These are requests of their own, or documents that the API takes as text.
    for key in [
        "lifecyclePolicy",
        "repositoryPolicyText",
        "emptyOnDelete",
        "retentionInDays",
    ] {
        body.shift_remove(key);
    }
    if let Some(policy) = body.get_mut("KeyPolicy").map(Value::take) {
        body.shift_remove("KeyPolicy");
        body.insert("Policy".to_owned(), json!(document(&policy)));
    }
    // `Ref` of an endpoint configuration is its ARN; the API takes names.
    if let Some(Value::String(config)) = body.get_mut("EndpointConfigName") {
        *config = last_part(config);
    }
    if let Some(Value::Array(variants)) = body.get_mut("ProductionVariants") {
        for variant in variants {
            if let Some(Value::String(model)) = variant.get_mut("ModelName") {
                *model = last_part(model);
            }
        }
    }
    body
}

fn last_part(arn_or_name: &str) -> String {
    arn_or_name.rsplit('/').next().unwrap_or(arn_or_name).to_owned()
}

fn repository_policies(desk: &mut Desk<'_>, request: &ResourceRequest<'_>, name: &str) -> Made<()> {
    if let Some(policy) = request
        .properties
        .pointer("/LifecyclePolicy/LifecyclePolicyText")
        .and_then(Value::as_str)
    {
        let body = json!({ "repositoryName": name, "lifecyclePolicyText": policy });
        desk.ask_json(Name::Ecr, "PutLifecyclePolicy", &body)?;
    }
    if let Some(policy) = request.properties.get("RepositoryPolicyText") {
        let body = json!({ "repositoryName": name, "policyText": document(policy) });
        desk.ask_json(Name::Ecr, "SetRepositoryPolicy", &body)?;
    }
    Ok(())
}

fn retention(desk: &mut Desk<'_>, request: &ResourceRequest<'_>, name: &str) -> Made<()> {
    let days = text(request.properties, "RetentionInDays").and_then(|text| text.parse::<u32>().ok());
    let Some(days) = days else {
        if request.previous.get("RetentionInDays").is_some() {
            let body = json!({ "logGroupName": name });
            desk.ask_json(Name::Logs, "DeleteRetentionPolicy", &body)?;
        }
        return Ok(());
    };
    let body = json!({ "logGroupName": name, "retentionInDays": days });
    desk.ask_json(Name::Logs, "PutRetentionPolicy", &body).map(drop)
}
