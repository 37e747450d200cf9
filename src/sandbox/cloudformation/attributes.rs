//! Physical ids and `Fn::GetAtt` attributes, made up in the shapes that AWS documents.
//!
//! The user guide's "Resource and property types" says for each type what `Ref` and `Fn::GetAtt` answer. Mostly `Ref` is
//! the schema's primary identifier and the attributes are its read-only properties; [`special`] holds the exceptions.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::function::scalar;
use super::identifiers::{address, byte, identifier, name_property};
use super::naming::{digest, hex, suffix, uuid};
use super::world::{Physical, ResourceRequest};
use super::{resource_types, shapes};

/// A new resource: its id and its attributes.
pub fn synthesise(request: &ResourceRequest<'_>) -> Physical {
    let id = identifier(request);
    let attributes = attributes(request, &id);
    Physical { id, attributes }
}

/// A resource that exists: the same id, the attributes of its new properties; what was made up once stays.
pub fn refreshed(request: &ResourceRequest<'_>) -> Physical {
    let id = request.physical_id.map_or_else(|| identifier(request), str::to_owned);
    let mut attributes = attributes(request, &id);
    let properties = request.properties.as_object();
    for (name, value) in request.attributes {
        if !properties.is_some_and(|properties| properties.contains_key(name)) {
            attributes.insert(name.clone(), value.clone());
        }
    }
    if let Some((name, value)) = next_version(request) {
        attributes.insert(name.to_owned(), value);
    }
    Physical { id, attributes }
}

/// The attribute that counts the versions of a launch template; the service makes one for each change of its data.
pub(super) const LATEST_VERSION: &str = "LatestVersionNumber";

fn next_version(request: &ResourceRequest<'_>) -> Option<(&'static str, Value)> {
    let data = |properties: &Value| properties.get("LaunchTemplateData").cloned();
    if request.resource_type != "AWS::EC2::LaunchTemplate" || data(request.previous) == data(request.properties) {
        return None;
    }
    let latest: u64 = scalar(request.attributes.get(LATEST_VERSION)?)?.parse().ok()?;
    Some((LATEST_VERSION, json!((latest + 1).to_string())))
}

fn attributes(request: &ResourceRequest<'_>, id: &str) -> BTreeMap<String, Value> {
    let mut found: BTreeMap<String, Value> = BTreeMap::new();
    let name = request
        .properties
        .get(name_property(request.resource_type).unwrap_or_default())
        .and_then(scalar)
        .unwrap_or_else(|| id.rsplit(['/', '|']).next().unwrap_or(id).to_owned());
    if let Some(schema) = resource_types::get(request.resource_type) {
        let identifier = schema.primary_identifier();
        for path in schema.read_only().into_iter().chain(schema.attributes()) {
            if request.properties.get(&path).is_some() {
                continue;
            }
            let value = match identifier.as_slice() {
                [only] if *only == path => id.to_owned(),
                _ => made_up(request, &path, &name),
            };
            found.insert(path, Value::String(value));
        }
        // Since 2023 GetAtt also answers properties for many types; those that the template sets are known.
        if let Some(properties) = request.properties.as_object() {
            for (property, value) in properties {
                found.entry(property.clone()).or_insert_with(|| value.clone());
            }
        }
        if let [only] = identifier.as_slice() {
            found
                .entry(only.clone())
                .or_insert_with(|| Value::String(id.to_owned()));
        }
    }
    let known = special(request, id, &name).into_iter();
    for (attribute, value) in known.chain(shapes::attributes(request, id)) {
        found.insert(attribute.to_owned(), value);
    }
    // What this very resource does not have.
    found.retain(|_, value| !value.is_null());
    found
}

/// A value for an attribute of which only the name is known.
pub(super) fn made_up(request: &ResourceRequest<'_>, attribute: &str, name: &str) -> String {
    let ResourceRequest {
        account,
        region,
        partition,
        resource_type,
        ..
    } = request;
    let seed = digest(&format!("{}/{attribute}", request.seed));
    let mut parts = resource_type.split("::").skip(1);
    let service = parts.next().unwrap_or_default().to_lowercase();
    let kind = parts.next().unwrap_or_default().to_lowercase();
    let last = attribute.rsplit('.').next().unwrap_or(attribute);
    match last {
        _ if last.ends_with("Arn") || last.ends_with("ARN") => {
            format!("arn:{partition}:{service}:{region}:{account}:{kind}/{name}")
        }
        _ if last.contains("Endpoint") || last.contains("DNSName") || last.contains("DnsName") => {
            format!("{}.{service}.{region}.amazonaws.com", hex(&seed, 0, 12))
        }
        _ if last.ends_with("Url") || last.ends_with("URL") || last.ends_with("Uri") => {
            format!("https://{service}.{region}.amazonaws.com/{name}")
        }
        _ if last.ends_with("Name") => name.to_owned(),
        _ if last.ends_with("Port") => "443".to_owned(),
        _ if last.ends_with("Time") || last.ends_with("At") || last.ends_with("Date") => super::xml::iso(request.at),
        _ if last.contains("Version") => "1".to_owned(),
        _ if last.ends_with("Status") || last.ends_with("State") => "ACTIVE".to_owned(),
        _ => hex(&seed, 0, 17).to_owned(),
    }
}

/// What types answer that their schemas do not say.
fn special(request: &ResourceRequest<'_>, id: &str, name: &str) -> Vec<(&'static str, Value)> {
    let ResourceRequest {
        account,
        region,
        partition,
        seed,
        ..
    } = request;
    let property = |name: &str| request.properties.get(name).cloned();
    let short =
        |prefix: &str, salt: &str| json!(format!("{prefix}-0{}", hex(&digest(&format!("{seed}/{salt}")), 0, 16)));
    let arn = |service: &str, rest: String| json!(format!("arn:{partition}:{service}:{region}:{account}:{rest}"));
    let global = |service: &str, rest: String| json!(format!("arn:{partition}:{service}::{account}:{rest}"));
    match request.resource_type {
        "AWS::EC2::VPC" => vec![
            ("VpcId", json!(id)),
            (
                "CidrBlock",
                property("CidrBlock").unwrap_or_else(|| json!("10.0.0.0/16")),
            ),
            ("DefaultSecurityGroup", short("sg", "default")),
            ("DefaultNetworkAcl", short("acl", "default")),
            (
                "CidrBlockAssociations",
                json!([format!("vpc-cidr-assoc-0{}", hex(seed, 16, 16))]),
            ),
            ("Ipv6CidrBlocks", json!([])),
        ],
        "AWS::EC2::Subnet" => vec![
            ("SubnetId", json!(id)),
            (
                "AvailabilityZone",
                property("AvailabilityZone").unwrap_or_else(|| json!(format!("{region}a"))),
            ),
            ("NetworkAclAssociationId", short("aclassoc", "acl")),
            ("Ipv6CidrBlocks", json!([])),
        ],
        "AWS::EC2::EIP" => vec![
            ("PublicIp", json!(id)),
            ("AllocationId", short("eipalloc", "allocation")),
        ],
        "AWS::EC2::SecurityGroup" => vec![
            ("GroupId", json!(id)),
            ("Id", json!(id)),
            ("VpcId", property("VpcId").unwrap_or_else(|| json!("vpc-default"))),
        ],
        "AWS::EC2::Instance" => vec![
            ("PrivateIp", json!(format!("10.0.{}.{}", byte(seed, 0), byte(seed, 1)))),
            (
                "PrivateDnsName",
                json!(format!("ip-10-0-{}-{}.ec2.internal", byte(seed, 0), byte(seed, 1))),
            ),
            ("PublicIp", json!(address(seed))),
            (
                "AvailabilityZone",
                property("AvailabilityZone").unwrap_or_else(|| json!(format!("{region}a"))),
            ),
        ],
        "AWS::EC2::LaunchTemplate" => vec![(LATEST_VERSION, json!("1")), ("DefaultVersionNumber", json!("1"))],
        "AWS::EC2::VPCEndpoint" => {
            let entry = format!("Z7HUB22UULQXV:{id}-{}.vpce.amazonaws.com", hex(seed, 20, 8));
            vec![
                ("DnsEntries", json!([entry])),
                ("NetworkInterfaceIds", json!([])),
                ("CreationTimestamp", json!(super::xml::iso(request.at))),
            ]
        }
        "AWS::S3::Bucket" => vec![
            ("Arn", json!(format!("arn:{partition}:s3:::{id}"))),
            ("DomainName", json!(format!("{id}.s3.amazonaws.com"))),
            ("RegionalDomainName", json!(format!("{id}.s3.{region}.amazonaws.com"))),
            (
                "DualStackDomainName",
                json!(format!("{id}.s3.dualstack.{region}.amazonaws.com")),
            ),
            (
                "WebsiteURL",
                json!(format!("http://{id}.s3-website-{region}.amazonaws.com")),
            ),
        ],
        "AWS::IAM::Role" => {
            let path = property("Path")
                .and_then(|path| scalar(&path))
                .unwrap_or_else(|| "/".to_owned());
            vec![
                ("Arn", global("iam", format!("role{path}{id}"))),
                ("RoleId", json!(format!("AROA{}", suffix(seed, 17)))),
            ]
        }
        "AWS::IAM::InstanceProfile" => vec![("Arn", global("iam", format!("instance-profile/{id}")))],
        "AWS::IAM::User" => vec![("Arn", global("iam", format!("user/{id}")))],
        "AWS::IAM::ManagedPolicy" => vec![
            ("PolicyArn", json!(id)),
            ("PolicyId", json!(format!("ANPA{}", suffix(seed, 17)))),
        ],
        "AWS::IAM::OIDCProvider" => vec![("Arn", json!(id))],
        "AWS::KMS::Key" => vec![("Arn", arn("kms", format!("key/{id}"))), ("KeyId", json!(id))],
        "AWS::Logs::LogGroup" => vec![("Arn", arn("logs", format!("log-group:{id}:*")))],
        "AWS::ECR::Repository" => vec![
            ("Arn", arn("ecr", format!("repository/{id}"))),
            (
                "RepositoryUri",
                json!(format!("{account}.dkr.ecr.{region}.amazonaws.com/{id}")),
            ),
        ],
        "AWS::DynamoDB::Table" => vec![("Arn", arn("dynamodb", format!("table/{id}")))],
        "AWS::SNS::Topic" => vec![("TopicArn", json!(id)), ("TopicName", json!(name))],
        "AWS::SQS::Queue" => vec![
            ("Arn", arn("sqs", name.to_owned())),
            ("QueueName", json!(name)),
            ("QueueUrl", json!(id)),
        ],
        "AWS::Lambda::Function" => vec![("Arn", arn("lambda", format!("function:{id}")))],
        "AWS::SecretsManager::Secret" => vec![("Id", json!(id))],
        "AWS::ECS::Cluster" => vec![("Arn", arn("ecs", format!("cluster/{id}")))],
        "AWS::ECS::Service" => vec![("ServiceArn", json!(id)), ("Name", json!(name))],
        "AWS::EKS::Cluster" => eks_cluster(request, id),
        "AWS::EKS::Nodegroup" => {
            let (cluster, own) = id.split_once('/').unwrap_or(("", id));
            vec![
                ("Arn", arn("eks", format!("nodegroup/{cluster}/{own}/{}", uuid(seed)))),
                ("ClusterName", json!(cluster)),
                ("NodegroupName", json!(own)),
                ("Id", json!(id)),
            ]
        }
        "AWS::EKS::PodIdentityAssociation" => {
            vec![("AssociationArn", json!(id)), ("AssociationId", json!(name))]
        }
        "AWS::SageMaker::Endpoint" => vec![("EndpointName", json!(name)), ("EndpointArn", json!(id))],
        "AWS::SageMaker::EndpointConfig" => vec![("EndpointConfigName", json!(name)), ("EndpointConfigArn", json!(id))],
        "AWS::SageMaker::Model" => vec![("ModelName", json!(name)), ("ModelArn", json!(id))],
        "AWS::SageMaker::NotebookInstance" => vec![("NotebookInstanceName", json!(name))],
        "AWS::SageMaker::ModelPackageGroup" => vec![("ModelPackageGroupArn", json!(id))],
        "AWS::SageMaker::Domain" => vec![
            ("DomainId", json!(id)),
            ("DomainArn", arn("sagemaker", format!("domain/{id}"))),
            ("Url", json!(format!("https://{id}.studio.{region}.sagemaker.aws"))),
            ("HomeEfsFileSystemId", json!(format!("fs-0{}", hex(seed, 8, 16)))),
        ],
        "AWS::CloudWatch::Alarm" => vec![("Arn", arn("cloudwatch", format!("alarm:{id}")))],
        _ => Vec::new(),
    }
}

fn eks_cluster(request: &ResourceRequest<'_>, id: &str) -> Vec<(&'static str, Value)> {
    use base64::Engine as _;
    let ResourceRequest {
        account,
        region,
        partition,
        seed,
        ..
    } = request;
    let oidc = hex(seed, 16, 32).to_uppercase();
    let certificate = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        hex(seed, 0, 64)
    );
    vec![
        (
            "Arn",
            json!(format!("arn:{partition}:eks:{region}:{account}:cluster/{id}")),
        ),
        (
            "Endpoint",
            json!(format!("https://{oidc}.gr7.{region}.eks.amazonaws.com")),
        ),
        (
            "CertificateAuthorityData",
            json!(base64::engine::general_purpose::STANDARD.encode(certificate)),
        ),
        (
            "ClusterSecurityGroupId",
            json!(format!("sg-0{}", hex(&digest(seed), 0, 16))),
        ),
        ("EncryptionConfigKeyArn", json!("")),
        ("KubernetesNetworkConfig.ServiceIpv6Cidr", json!("")),
        (
            "OpenIdConnectIssuerUrl",
            json!(format!("https://oidc.eks.{region}.amazonaws.com/id/{oidc}")),
        ),
    ]
}
