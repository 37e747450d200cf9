//! What the services hold of a resource, for drift detection: whether it is there, and the properties that people change
//! by hand. A property that is not looked up counts as unchanged.

use serde_json::{Value, json};

use super::super::cloudformation::ResourceRequest;
use super::super::house::Desk;
use super::super::request::{Name, Request, encode};
use super::{name_of, refusal, says_gone, storage, text_between};

/// A property by its pointer, and what it is now; none: it is gone.
type Found = Vec<(&'static str, Option<Value>)>;

/// The actual properties: `Some(None)` if the resource is gone, `None` if its service cannot say.
pub(super) fn observe(desk: &mut Desk<'_>, request: &ResourceRequest<'_>) -> Option<Option<Value>> {
    let id = request.physical_id?;
    let found = match request.resource_type {
        "AWS::S3::Bucket" => bucket(desk, id)?,
        "AWS::Logs::LogGroup" => log_group(desk, id)?,
        "AWS::DynamoDB::Table" => table(desk, id)?,
        "AWS::ECR::Repository" => repository(desk, id)?,
        "AWS::IAM::Role" => role(desk, id)?,
        "AWS::EKS::Cluster" => cluster(desk, id)?,
        "AWS::SageMaker::Endpoint" => endpoint(desk, &name_of(request, "EndpointName", id))?,
        "AWS::EC2::VPC" => described(desk, "DescribeVpcs", ("VpcId.1", id))?,
        "AWS::EC2::Subnet" => subnet(desk, id)?,
        "AWS::EC2::SecurityGroup" => described(desk, "DescribeSecurityGroups", ("GroupId.1", id))?,
        "AWS::EC2::InternetGateway" => described(desk, "DescribeInternetGateways", ("InternetGatewayId.1", id))?,
        "AWS::EC2::RouteTable" => described(desk, "DescribeRouteTables", ("RouteTableId.1", id))?,
        _ => return None,
    };
    let Seen::There(found) = found else { return Some(None) };
    let mut actual = request.properties.clone();
    for (pointer, value) in found {
        put(&mut actual, pointer, value);
    }
    Some(Some(actual))
}

enum Seen {
    Gone,
    There(Found),
}

/// Changes a property that the template sets; others are of no concern.
fn put(actual: &mut Value, pointer: &str, value: Option<Value>) {
    match value {
        Some(value) => {
            if let Some(slot) = actual.pointer_mut(pointer).filter(|slot| !same_set(slot, &value)) {
                *slot = value;
            }
        }
        None => {
            let (parent, key) = pointer.rsplit_once('/').unwrap_or_default();
            if let Some(Value::Object(parent)) = actual.pointer_mut(parent) {
                parent.shift_remove(key);
            }
        }
    }
}

/// Lists whose order means nothing.
fn same_set(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().all(|element| other.contains(element))
        }
        _ => false,
    }
}

/// The text of an answer; `Some(None)` says that there is no such thing.
fn look(desk: &mut Desk<'_>, request: &Request) -> Option<Option<String>> {
    let response = desk.send(request).ok()?;
    if response.status < 400 {
        return Some(Some(String::from_utf8_lossy(&response.body).into_owned()));
    }
    let (code, message) = refusal(request, &response);
    says_gone(response.status, &code, &message).then_some(None)
}

fn look_json(desk: &mut Desk<'_>, service: Name, action: &str, body: &Value) -> Option<Option<Value>> {
    let request = Request::json(service, &desk.context.region, action, body);
    Some(match look(desk, &request)? {
        Some(text) => Some(serde_json::from_str(&text).ok()?),
        None => None,
    })
}

fn look_query(desk: &mut Desk<'_>, service: Name, action: &str, field: (&str, &str)) -> Option<Option<String>> {
    let parameters = [(field.0.to_owned(), field.1.to_owned())];
    let request = Request::query(service, &desk.context.region, action, &parameters);
    look(desk, &request)
}

fn bucket(desk: &mut Desk<'_>, name: &str) -> Option<Seen> {
    let head = storage::rest(desk, "HEAD", name, "", String::new());
    if look(desk, &head)?.is_none() {
        return Some(Seen::Gone);
    }
    let mut found: Found = Vec::new();
    let mut part = |part: &str| {
        let request = storage::rest(desk, "GET", name, part, String::new());
        look(desk, &request).flatten().unwrap_or_default()
    };
    let versioning = part("versioning");
    let status = text_between(&versioning, "Status").map(|status| json!(status));
    found.push(("/VersioningConfiguration/Status", status));
    let block = part("publicAccessBlock");
    for (flag, pointer) in [
        ("BlockPublicAcls", "/PublicAccessBlockConfiguration/BlockPublicAcls"),
        ("IgnorePublicAcls", "/PublicAccessBlockConfiguration/IgnorePublicAcls"),
        ("BlockPublicPolicy", "/PublicAccessBlockConfiguration/BlockPublicPolicy"),
        (
            "RestrictPublicBuckets",
            "/PublicAccessBlockConfiguration/RestrictPublicBuckets",
        ),
    ] {
        found.push((pointer, text_between(&block, flag).map(|set| json!(set == "true"))));
    }
    if part("encryption").is_empty() {
        found.push(("/BucketEncryption", None));
    }
    if part("lifecycle").is_empty() {
        found.push(("/LifecycleConfiguration", None));
    }
    Some(Seen::There(found))
}

fn log_group(desk: &mut Desk<'_>, name: &str) -> Option<Seen> {
    let listed = look_json(
        desk,
        Name::Logs,
        "DescribeLogGroups",
        &json!({ "logGroupNamePrefix": name }),
    )??;
    let groups = listed.get("logGroups")?.as_array()?;
    let group = groups
        .iter()
        .find(|group| group.get("logGroupName") == Some(&json!(name)));
    Some(match group {
        None => Seen::Gone,
        Some(group) => Seen::There(vec![("/RetentionInDays", group.get("retentionInDays").cloned())]),
    })
}

fn table(desk: &mut Desk<'_>, name: &str) -> Option<Seen> {
    let described = look_json(desk, Name::DynamoDb, "DescribeTable", &json!({ "TableName": name }))?;
    Some(described.map_or(Seen::Gone, |described| {
        let protection = described.pointer("/Table/DeletionProtectionEnabled").cloned();
        Seen::There(
            protection
                .map(|now| ("/DeletionProtectionEnabled", Some(now)))
                .into_iter()
                .collect(),
        )
    }))
}

fn repository(desk: &mut Desk<'_>, name: &str) -> Option<Seen> {
    let described = look_json(
        desk,
        Name::Ecr,
        "DescribeRepositories",
        &json!({ "repositoryNames": [name] }),
    )?;
    Some(described.map_or(Seen::Gone, |described| {
        let mutability = described.pointer("/repositories/0/imageTagMutability").cloned();
        Seen::There(
            mutability
                .map(|now| ("/ImageTagMutability", Some(now)))
                .into_iter()
                .collect(),
        )
    }))
}

fn role(desk: &mut Desk<'_>, name: &str) -> Option<Seen> {
    let field = ("RoleName", name);
    if look_query(desk, Name::Iam, "GetRole", field)?.is_none() {
        return Some(Seen::Gone);
    }
    let attached = look_query(desk, Name::Iam, "ListAttachedRolePolicies", field).flatten()?;
    let arns: Vec<Value> = attached
        .split("<PolicyArn>")
        .skip(1)
        .filter_map(|rest| rest.split_once("</PolicyArn>").map(|(arn, _)| json!(arn)))
        .collect();
    Some(Seen::There(vec![("/ManagedPolicyArns", Some(json!(arns)))]))
}

fn cluster(desk: &mut Desk<'_>, name: &str) -> Option<Seen> {
    let path = format!("/clusters/{}", encode(name));
    let request = Request::rest(Name::Eks, &desk.context.region, "GET", &path, Vec::new());
    Some(match look(desk, &request)? {
        None => Seen::Gone,
        Some(text) => {
            let described: Value = serde_json::from_str(&text).ok()?;
            Seen::There(vec![("/Version", described.pointer("/cluster/version").cloned())])
        }
    })
}

fn endpoint(desk: &mut Desk<'_>, name: &str) -> Option<Seen> {
    let described = look_json(
        desk,
        Name::SageMaker,
        "DescribeEndpoint",
        &json!({ "EndpointName": name }),
    )?;
    Some(described.map_or(Seen::Gone, |_| Seen::There(Vec::new())))
}

fn subnet(desk: &mut Desk<'_>, id: &str) -> Option<Seen> {
    Some(
        match look_query(desk, Name::Ec2, "DescribeSubnets", ("SubnetId.1", id))? {
            None => Seen::Gone,
            Some(text) => {
                let public = text_between(&text, "mapPublicIpOnLaunch").map(|set| json!(set == "true"));
                Seen::There(vec![("/MapPublicIpOnLaunch", public)])
            }
        },
    )
}

fn described(desk: &mut Desk<'_>, action: &str, field: (&str, &str)) -> Option<Seen> {
    let seen = look_query(desk, Name::Ec2, action, field)?;
    Some(seen.map_or(Seen::Gone, |_| Seen::There(Vec::new())))
}
