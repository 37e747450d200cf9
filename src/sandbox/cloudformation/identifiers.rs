//! Physical ids, made up in the shapes that AWS documents: what `Ref` answers.

use super::function::scalar;
use super::naming::{hex, physical_name, suffix, uuid};
use super::world::ResourceRequest;
use super::{resource_types, shapes};

/// The properties that name a resource of this type, if the template's author may choose the name.
pub(super) fn name_property(resource_type: &str) -> Option<String> {
    if let Some(name) = match resource_type {
        "AWS::EC2::SecurityGroup" => Some("GroupName"),
        "AWS::ElasticLoadBalancingV2::LoadBalancer" | "AWS::ElasticLoadBalancingV2::TargetGroup" => Some("Name"),
        "AWS::IAM::ManagedPolicy" => Some("ManagedPolicyName"),
        "AWS::SageMaker::Endpoint" => Some("EndpointName"),
        "AWS::SageMaker::EndpointConfig" => Some("EndpointConfigName"),
        "AWS::SageMaker::Model" => Some("ModelName"),
        "AWS::SageMaker::NotebookInstance" => Some("NotebookInstanceName"),
        "AWS::SageMaker::ModelPackageGroup" => Some("ModelPackageGroupName"),
        "AWS::SageMaker::InferenceComponent" => Some("InferenceComponentName"),
        "AWS::ECS::Cluster" => Some("ClusterName"),
        "AWS::SNS::Topic" => Some("TopicName"),
        "AWS::SQS::Queue" => Some("QueueName"),
        "AWS::SecretsManager::Secret" => Some("Name"),
        _ => None,
    } {
        return Some(name.to_owned());
    }
    let schema = resource_types::get(resource_type)?;
    let identifier = schema.primary_identifier();
    match identifier.as_slice() {
        [only] if !schema.read_only().contains(only) && !required_parent(only) => Some(only.clone()),
        _ => None,
    }
}

/// Identifiers that point at something else rather than name the resource.
fn required_parent(property: &str) -> bool {
    matches!(property, "Bucket" | "RepositoryId" | "PolicyArn" | "ResourceArn")
}

pub(super) fn identifier(request: &ResourceRequest<'_>) -> String {
    let ResourceRequest {
        resource_type,
        logical_id,
        seed,
        account,
        region,
        partition,
        ..
    } = request;
    let text = |name: &str| request.properties.get(name).and_then(scalar);
    let name = name_property(resource_type)
        .and_then(|property| text(&property))
        .unwrap_or_else(|| physical_name(resource_type, request.stack_name, logical_id, seed));
    let short = |prefix: &str| format!("{prefix}-0{}", hex(seed, 0, 16));
    let arn = |service: &str, rest: String| format!("arn:{partition}:{service}:{region}:{account}:{rest}");
    if let Some(id) = shapes::identifier(request, &name) {
        return id;
    }
    match *resource_type {
        "AWS::EC2::VPC" => short("vpc"),
        "AWS::EC2::Subnet" => short("subnet"),
        "AWS::EC2::InternetGateway" => short("igw"),
        "AWS::EC2::EgressOnlyInternetGateway" => short("eigw"),
        "AWS::EC2::NatGateway" => short("nat"),
        "AWS::EC2::RouteTable" => short("rtb"),
        "AWS::EC2::NetworkAcl" => short("acl"),
        "AWS::EC2::SecurityGroup" => short("sg"),
        "AWS::EC2::SecurityGroupIngress" | "AWS::EC2::SecurityGroupEgress" => short("sgr"),
        "AWS::EC2::VPCEndpoint" => short("vpce"),
        "AWS::EC2::FlowLog" => short("fl"),
        "AWS::EC2::Instance" => short("i"),
        "AWS::EC2::Volume" => short("vol"),
        "AWS::EC2::LaunchTemplate" => short("lt"),
        "AWS::EC2::NetworkInterface" => short("eni"),
        "AWS::EC2::VPCPeeringConnection" => short("pcx"),
        "AWS::EC2::TransitGateway" => short("tgw"),
        "AWS::EC2::TransitGatewayAttachment" => short("tgw-attach"),
        "AWS::EC2::DHCPOptions" => short("dopt"),
        "AWS::EC2::SubnetRouteTableAssociation" => short("rtbassoc"),
        "AWS::EC2::SubnetNetworkAclAssociation" => short("aclassoc"),
        "AWS::EC2::VPCCidrBlock" => short("vpc-cidr-assoc"),
        "AWS::EC2::PrefixList" => short("pl"),
        "AWS::EC2::EIP" => address(seed),
        "AWS::EC2::Route" => {
            let table = text("RouteTableId").unwrap_or_default();
            let to = [
                "DestinationCidrBlock",
                "DestinationIpv6CidrBlock",
                "DestinationPrefixListId",
            ];
            let to = to.iter().find_map(|name| text(name)).unwrap_or_default();
            format!("{table}|{to}")
        }
        "AWS::EC2::VPCGatewayAttachment" => {
            let vpc = text("VpcId").unwrap_or_default();
            format!(
                "{}|{vpc}",
                if text("InternetGatewayId").is_some() {
                    "IGW"
                } else {
                    "VGW"
                }
            )
        }
        "AWS::EC2::NetworkAclEntry" => name,
        "AWS::KMS::Key" => uuid(seed),
        "AWS::KMS::Alias" => text("AliasName").unwrap_or(name),
        "AWS::IAM::ManagedPolicy" => {
            let path = text("Path").unwrap_or_else(|| "/".to_owned());
            format!("arn:{partition}:iam::{account}:policy{path}{name}")
        }
        "AWS::IAM::Policy" => physical_name(resource_type, request.stack_name, logical_id, seed),
        "AWS::IAM::OIDCProvider" => {
            let url = text("Url").unwrap_or_default();
            format!(
                "arn:{partition}:iam::{account}:oidc-provider/{}",
                url.trim_start_matches("https://")
            )
        }
        "AWS::EKS::Nodegroup" | "AWS::EKS::Addon" | "AWS::EKS::FargateProfile" => {
            let cluster = text("ClusterName").unwrap_or_default();
            let own = ["NodegroupName", "AddonName", "FargateProfileName"]
                .iter()
                .find_map(|name| text(name));
            let own = own.unwrap_or_else(|| physical_name(resource_type, request.stack_name, logical_id, seed));
            let separator = if *resource_type == "AWS::EKS::Nodegroup" {
                '/'
            } else {
                '|'
            };
            format!("{cluster}{separator}{own}")
        }
        "AWS::EKS::AccessEntry" => {
            format!(
                "{}|{}",
                text("PrincipalArn").unwrap_or_default(),
                text("ClusterName").unwrap_or_default()
            )
        }
        "AWS::EKS::PodIdentityAssociation" => {
            let cluster = text("ClusterName").unwrap_or_default();
            arn(
                "eks",
                format!("podidentityassociation/{cluster}/a-{}", hex(seed, 0, 17)),
            )
        }
        "AWS::SageMaker::Endpoint" => arn("sagemaker", format!("endpoint/{}", name.to_lowercase())),
        "AWS::SageMaker::EndpointConfig" => arn("sagemaker", format!("endpoint-config/{}", name.to_lowercase())),
        "AWS::SageMaker::Model" => arn("sagemaker", format!("model/{}", name.to_lowercase())),
        "AWS::SageMaker::NotebookInstance" => arn("sagemaker", format!("notebook-instance/{}", name.to_lowercase())),
        "AWS::SageMaker::ModelPackageGroup" => arn("sagemaker", format!("model-package-group/{name}")),
        "AWS::SageMaker::Domain" => format!("d-{}", hex(seed, 0, 12)),
        "AWS::SageMaker::UserProfile" => {
            format!(
                "{}|{}",
                text("UserProfileName").unwrap_or(name),
                text("DomainId").unwrap_or_default()
            )
        }
        "AWS::SNS::Topic" => arn("sns", name),
        "AWS::SQS::Queue" => format!("https://sqs.{region}.amazonaws.com/{account}/{name}"),
        "AWS::SecretsManager::Secret" => arn("secretsmanager", format!("secret:{name}-{}", suffix(seed, 6))),
        "AWS::ECS::Service" => {
            let cluster = text("Cluster").unwrap_or_else(|| "default".to_owned());
            let own = text("ServiceName").unwrap_or(name);
            arn(
                "ecs",
                format!("service/{}/{own}", cluster.rsplit('/').next().unwrap_or_default()),
            )
        }
        "AWS::ECS::TaskDefinition" => arn(
            "ecs",
            format!("task-definition/{}:1", text("Family").unwrap_or_else(|| name.clone())),
        ),
        "AWS::SSM::Parameter" => text("Name").unwrap_or_else(|| format!("CFN-{logical_id}-{}", suffix(seed, 12))),
        "AWS::CloudFormation::WaitConditionHandle" => {
            format!(
                "https://cloudformation-waitcondition-{region}.s3.amazonaws.com/{}",
                uuid(seed)
            )
        }
        other => {
            if let Some(property) = name_property(other) {
                return text(&property).unwrap_or(name);
            }
            let Some(schema) = resource_types::get(other) else {
                return name;
            };
            let parts = schema
                .primary_identifier()
                .into_iter()
                .map(|part| text(&part).unwrap_or_else(|| super::attributes::made_up(request, &part, &name)));
            parts.collect::<Vec<_>>().join("|")
        }
    }
}

/// A public address from the range that documentation may use freely would not look like AWS; 3.0.0.0/8 does.
pub(super) fn address(seed: &str) -> String {
    format!("3.{}.{}.{}", byte(seed, 2), byte(seed, 3), byte(seed, 4))
}

pub(super) fn byte(seed: &str, index: usize) -> u8 {
    u8::from_str_radix(hex(seed, index * 2, 2), 16)
        .unwrap_or(1)
        .clamp(1, 254)
}
