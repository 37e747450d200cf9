//! Which calls CloudFormation makes, as the caller, for a resource: those without which it certainly fails.
//!
//! From the `handlers` of the public resource schemas, reduced: a handler lists whatever it may ever call, and most of it
//! depends on properties. Here stands what the creation, change or deletion of a resource always needs, or needs because
//! of a property. A type that is not in the table is not judged. ARNs as in the Service Authorization Reference; where
//! AWS makes the id, any id stands for it, since no policy can name what does not exist yet.

use super::needs::{Subject, Whereabouts};
use crate::template::Node;

/// When a call is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    Create,
    Update,
    Delete,
}

use When::{Create, Delete, Update};

/// Type, when, action, what it is made on, and the property that makes it necessary (empty: always).
///
/// On: `*` for an action that knows no resources; `SERVICE:REST` for an ARN of the account and region, in which
/// `{name}` is the resource's name and `{of:P}` the name of the resource that property P refers to; `@P` for the role
/// that property P names.
type Row = (&'static str, When, &'static str, &'static str, &'static str);

const EKS: &str = "eks:cluster/{of:ClusterName}";

const TABLE: &[Row] = &[
    (
        "AWS::CloudWatch::Alarm",
        Create,
        "cloudwatch:PutMetricAlarm",
        "cloudwatch:alarm:{name}",
        "",
    ),
    (
        "AWS::CloudWatch::Alarm",
        Delete,
        "cloudwatch:DeleteAlarms",
        "cloudwatch:alarm:{name}",
        "",
    ),
    (
        "AWS::DynamoDB::Table",
        Create,
        "dynamodb:CreateTable",
        "dynamodb:table/{name}",
        "",
    ),
    (
        "AWS::DynamoDB::Table",
        Delete,
        "dynamodb:DeleteTable",
        "dynamodb:table/{name}",
        "",
    ),
    (
        "AWS::EC2::EIP",
        Create,
        "ec2:AllocateAddress",
        "ec2:elastic-ip/eipalloc-1",
        "",
    ),
    (
        "AWS::EC2::EIP",
        Delete,
        "ec2:ReleaseAddress",
        "ec2:elastic-ip/eipalloc-1",
        "",
    ),
    (
        "AWS::EC2::FlowLog",
        Create,
        "ec2:CreateFlowLogs",
        "ec2:vpc-flow-log/fl-1",
        "",
    ),
    (
        "AWS::EC2::FlowLog",
        Create,
        "iam:PassRole",
        "@DeliverLogsPermissionArn",
        "DeliverLogsPermissionArn",
    ),
    (
        "AWS::EC2::FlowLog",
        Delete,
        "ec2:DeleteFlowLogs",
        "ec2:vpc-flow-log/fl-1",
        "",
    ),
    ("AWS::EC2::Instance", Create, "ec2:RunInstances", "ec2:instance/i-1", ""),
    (
        "AWS::EC2::Instance",
        Delete,
        "ec2:TerminateInstances",
        "ec2:instance/i-1",
        "",
    ),
    (
        "AWS::EC2::InternetGateway",
        Create,
        "ec2:CreateInternetGateway",
        "ec2:internet-gateway/igw-1",
        "",
    ),
    (
        "AWS::EC2::InternetGateway",
        Delete,
        "ec2:DeleteInternetGateway",
        "ec2:internet-gateway/igw-1",
        "",
    ),
    (
        "AWS::EC2::LaunchTemplate",
        Create,
        "ec2:CreateLaunchTemplate",
        "ec2:launch-template/lt-1",
        "",
    ),
    (
        "AWS::EC2::LaunchTemplate",
        Delete,
        "ec2:DeleteLaunchTemplate",
        "ec2:launch-template/lt-1",
        "",
    ),
    (
        "AWS::EC2::LaunchTemplate",
        Update,
        "ec2:CreateLaunchTemplateVersion",
        "ec2:launch-template/lt-1",
        "LaunchTemplateData",
    ),
    (
        "AWS::EC2::NatGateway",
        Create,
        "ec2:CreateNatGateway",
        "ec2:natgateway/nat-1",
        "",
    ),
    (
        "AWS::EC2::NatGateway",
        Delete,
        "ec2:DeleteNatGateway",
        "ec2:natgateway/nat-1",
        "",
    ),
    (
        "AWS::EC2::NetworkAcl",
        Create,
        "ec2:CreateNetworkAcl",
        "ec2:network-acl/acl-1",
        "",
    ),
    (
        "AWS::EC2::NetworkAcl",
        Delete,
        "ec2:DeleteNetworkAcl",
        "ec2:network-acl/acl-1",
        "",
    ),
    (
        "AWS::EC2::NetworkAclEntry",
        Create,
        "ec2:CreateNetworkAclEntry",
        "ec2:network-acl/acl-1",
        "",
    ),
    (
        "AWS::EC2::NetworkAclEntry",
        Delete,
        "ec2:DeleteNetworkAclEntry",
        "ec2:network-acl/acl-1",
        "",
    ),
    (
        "AWS::EC2::Route",
        Create,
        "ec2:CreateRoute",
        "ec2:route-table/rtb-1",
        "",
    ),
    (
        "AWS::EC2::Route",
        Delete,
        "ec2:DeleteRoute",
        "ec2:route-table/rtb-1",
        "",
    ),
    (
        "AWS::EC2::RouteTable",
        Create,
        "ec2:CreateRouteTable",
        "ec2:route-table/rtb-1",
        "",
    ),
    (
        "AWS::EC2::RouteTable",
        Delete,
        "ec2:DeleteRouteTable",
        "ec2:route-table/rtb-1",
        "",
    ),
    (
        "AWS::EC2::SecurityGroup",
        Create,
        "ec2:AuthorizeSecurityGroupEgress",
        "ec2:security-group/sg-1",
        "SecurityGroupEgress",
    ),
    (
        "AWS::EC2::SecurityGroup",
        Create,
        "ec2:AuthorizeSecurityGroupIngress",
        "ec2:security-group/sg-1",
        "SecurityGroupIngress",
    ),
    (
        "AWS::EC2::SecurityGroup",
        Create,
        "ec2:CreateSecurityGroup",
        "ec2:security-group/sg-1",
        "",
    ),
    (
        "AWS::EC2::SecurityGroup",
        Delete,
        "ec2:DeleteSecurityGroup",
        "ec2:security-group/sg-1",
        "",
    ),
    (
        "AWS::EC2::SecurityGroupEgress",
        Create,
        "ec2:AuthorizeSecurityGroupEgress",
        "ec2:security-group/sg-1",
        "",
    ),
    (
        "AWS::EC2::SecurityGroupIngress",
        Create,
        "ec2:AuthorizeSecurityGroupIngress",
        "ec2:security-group/sg-1",
        "",
    ),
    (
        "AWS::EC2::Subnet",
        Create,
        "ec2:CreateSubnet",
        "ec2:subnet/subnet-1",
        "",
    ),
    (
        "AWS::EC2::Subnet",
        Delete,
        "ec2:DeleteSubnet",
        "ec2:subnet/subnet-1",
        "",
    ),
    (
        "AWS::EC2::SubnetNetworkAclAssociation",
        Create,
        "ec2:ReplaceNetworkAclAssociation",
        "ec2:network-acl/acl-1",
        "",
    ),
    (
        "AWS::EC2::SubnetRouteTableAssociation",
        Create,
        "ec2:AssociateRouteTable",
        "ec2:route-table/rtb-1",
        "",
    ),
    (
        "AWS::EC2::SubnetRouteTableAssociation",
        Delete,
        "ec2:DisassociateRouteTable",
        "ec2:route-table/rtb-1",
        "",
    ),
    ("AWS::EC2::VPC", Create, "ec2:CreateVpc", "ec2:vpc/vpc-1", ""),
    (
        "AWS::EC2::VPC",
        Create,
        "ec2:ModifyVpcAttribute",
        "ec2:vpc/vpc-1",
        "EnableDnsHostnames",
    ),
    ("AWS::EC2::VPC", Delete, "ec2:DeleteVpc", "ec2:vpc/vpc-1", ""),
    (
        "AWS::EC2::VPCEndpoint",
        Create,
        "ec2:CreateVpcEndpoint",
        "ec2:vpc-endpoint/vpce-1",
        "",
    ),
    (
        "AWS::EC2::VPCEndpoint",
        Delete,
        "ec2:DeleteVpcEndpoints",
        "ec2:vpc-endpoint/vpce-1",
        "",
    ),
    (
        "AWS::EC2::VPCGatewayAttachment",
        Create,
        "ec2:AttachInternetGateway",
        "ec2:internet-gateway/igw-1",
        "InternetGatewayId",
    ),
    (
        "AWS::EC2::VPCGatewayAttachment",
        Delete,
        "ec2:DetachInternetGateway",
        "ec2:internet-gateway/igw-1",
        "",
    ),
    (
        "AWS::EC2::VPCPeeringConnection",
        Create,
        "ec2:CreateVpcPeeringConnection",
        "ec2:vpc-peering-connection/pcx-1",
        "",
    ),
    (
        "AWS::ECR::Repository",
        Create,
        "ecr:CreateRepository",
        "ecr:repository/{name}",
        "",
    ),
    (
        "AWS::ECR::Repository",
        Create,
        "ecr:PutLifecyclePolicy",
        "ecr:repository/{name}",
        "LifecyclePolicy",
    ),
    (
        "AWS::ECR::Repository",
        Create,
        "ecr:SetRepositoryPolicy",
        "ecr:repository/{name}",
        "RepositoryPolicyText",
    ),
    (
        "AWS::ECR::Repository",
        Delete,
        "ecr:DeleteRepository",
        "ecr:repository/{name}",
        "",
    ),
    (
        "AWS::ECR::Repository",
        Update,
        "ecr:PutImageTagMutability",
        "ecr:repository/{name}",
        "ImageTagMutability",
    ),
    (
        "AWS::ECR::Repository",
        Update,
        "ecr:PutLifecyclePolicy",
        "ecr:repository/{name}",
        "LifecyclePolicy",
    ),
    (
        "AWS::ECS::Cluster",
        Create,
        "ecs:CreateCluster",
        "ecs:cluster/{name}",
        "",
    ),
    (
        "AWS::ECS::Cluster",
        Delete,
        "ecs:DeleteCluster",
        "ecs:cluster/{name}",
        "",
    ),
    (
        "AWS::ECS::TaskDefinition",
        Create,
        "ecs:RegisterTaskDefinition",
        "*",
        "",
    ),
    ("AWS::EKS::AccessEntry", Create, "eks:CreateAccessEntry", EKS, ""),
    ("AWS::EKS::Addon", Create, "eks:CreateAddon", EKS, ""),
    (
        "AWS::EKS::Cluster",
        Create,
        "eks:CreateCluster",
        "eks:cluster/{name}",
        "",
    ),
    ("AWS::EKS::Cluster", Create, "iam:PassRole", "@RoleArn", "RoleArn"),
    (
        "AWS::EKS::Cluster",
        Delete,
        "eks:DeleteCluster",
        "eks:cluster/{name}",
        "",
    ),
    (
        "AWS::EKS::Cluster",
        Update,
        "eks:UpdateClusterVersion",
        "eks:cluster/{name}",
        "Version",
    ),
    ("AWS::EKS::Nodegroup", Create, "eks:CreateNodegroup", EKS, ""),
    ("AWS::EKS::Nodegroup", Create, "iam:PassRole", "@NodeRole", "NodeRole"),
    (
        "AWS::EKS::PodIdentityAssociation",
        Create,
        "eks:CreatePodIdentityAssociation",
        EKS,
        "",
    ),
    (
        "AWS::EKS::PodIdentityAssociation",
        Create,
        "iam:PassRole",
        "@RoleArn",
        "RoleArn",
    ),
    (
        "AWS::IAM::InstanceProfile",
        Create,
        "iam:CreateInstanceProfile",
        "iam:instance-profile/{name}",
        "",
    ),
    (
        "AWS::IAM::ManagedPolicy",
        Create,
        "iam:CreatePolicy",
        "iam:policy/{name}",
        "",
    ),
    (
        "AWS::IAM::Role",
        Create,
        "iam:AttachRolePolicy",
        "iam:role/{name}",
        "ManagedPolicyArns",
    ),
    ("AWS::IAM::Role", Create, "iam:CreateRole", "iam:role/{name}", ""),
    (
        "AWS::IAM::Role",
        Create,
        "iam:PutRolePolicy",
        "iam:role/{name}",
        "Policies",
    ),
    ("AWS::IAM::Role", Delete, "iam:DeleteRole", "iam:role/{name}", ""),
    (
        "AWS::IAM::Role",
        Update,
        "iam:PutRolePolicy",
        "iam:role/{name}",
        "Policies",
    ),
    (
        "AWS::IAM::Role",
        Update,
        "iam:UpdateAssumeRolePolicy",
        "iam:role/{name}",
        "AssumeRolePolicyDocument",
    ),
    ("AWS::KMS::Key", Create, "kms:CreateKey", "*", ""),
    (
        "AWS::Logs::LogGroup",
        Create,
        "logs:CreateLogGroup",
        "logs:log-group:{name}",
        "",
    ),
    (
        "AWS::Logs::LogGroup",
        Create,
        "logs:PutRetentionPolicy",
        "logs:log-group:{name}",
        "RetentionInDays",
    ),
    (
        "AWS::Logs::LogGroup",
        Delete,
        "logs:DeleteLogGroup",
        "logs:log-group:{name}",
        "",
    ),
    (
        "AWS::Logs::LogGroup",
        Update,
        "logs:PutRetentionPolicy",
        "logs:log-group:{name}",
        "RetentionInDays",
    ),
    (
        "AWS::RDS::DBCluster",
        Create,
        "rds:CreateDBCluster",
        "rds:cluster:{name}",
        "",
    ),
    (
        "AWS::RDS::DBInstance",
        Create,
        "rds:CreateDBInstance",
        "rds:db:{name}",
        "",
    ),
    (
        "AWS::RDS::DBSubnetGroup",
        Create,
        "rds:CreateDBSubnetGroup",
        "rds:subgrp:{name}",
        "",
    ),
    ("AWS::S3::Bucket", Create, "s3:CreateBucket", "s3:{name}", ""),
    (
        "AWS::S3::Bucket",
        Create,
        "s3:PutBucketLogging",
        "s3:{name}",
        "LoggingConfiguration",
    ),
    (
        "AWS::S3::Bucket",
        Create,
        "s3:PutBucketOwnershipControls",
        "s3:{name}",
        "OwnershipControls",
    ),
    (
        "AWS::S3::Bucket",
        Create,
        "s3:PutBucketPublicAccessBlock",
        "s3:{name}",
        "PublicAccessBlockConfiguration",
    ),
    (
        "AWS::S3::Bucket",
        Create,
        "s3:PutBucketVersioning",
        "s3:{name}",
        "VersioningConfiguration",
    ),
    (
        "AWS::S3::Bucket",
        Create,
        "s3:PutEncryptionConfiguration",
        "s3:{name}",
        "BucketEncryption",
    ),
    (
        "AWS::S3::Bucket",
        Create,
        "s3:PutLifecycleConfiguration",
        "s3:{name}",
        "LifecycleConfiguration",
    ),
    ("AWS::S3::Bucket", Delete, "s3:DeleteBucket", "s3:{name}", ""),
    (
        "AWS::S3::Bucket",
        Update,
        "s3:PutBucketVersioning",
        "s3:{name}",
        "VersioningConfiguration",
    ),
    (
        "AWS::S3::Bucket",
        Update,
        "s3:PutEncryptionConfiguration",
        "s3:{name}",
        "BucketEncryption",
    ),
    (
        "AWS::S3::Bucket",
        Update,
        "s3:PutLifecycleConfiguration",
        "s3:{name}",
        "LifecycleConfiguration",
    ),
    (
        "AWS::S3::BucketPolicy",
        Create,
        "s3:PutBucketPolicy",
        "s3:{of:Bucket}",
        "",
    ),
    ("AWS::SNS::Topic", Create, "sns:CreateTopic", "sns:{name}", ""),
    ("AWS::SQS::Queue", Create, "sqs:CreateQueue", "sqs:{name}", ""),
    (
        "AWS::SageMaker::Domain",
        Create,
        "sagemaker:CreateDomain",
        "sagemaker:domain/d-1",
        "",
    ),
    (
        "AWS::SageMaker::Domain",
        Delete,
        "sagemaker:DeleteDomain",
        "sagemaker:domain/d-1",
        "",
    ),
    (
        "AWS::SageMaker::Endpoint",
        Create,
        "sagemaker:CreateEndpoint",
        "sagemaker:endpoint/{name}",
        "",
    ),
    (
        "AWS::SageMaker::Endpoint",
        Delete,
        "sagemaker:DeleteEndpoint",
        "sagemaker:endpoint/{name}",
        "",
    ),
    (
        "AWS::SageMaker::Endpoint",
        Update,
        "sagemaker:UpdateEndpoint",
        "sagemaker:endpoint/{name}",
        "EndpointConfigName",
    ),
    (
        "AWS::SageMaker::EndpointConfig",
        Create,
        "sagemaker:CreateEndpointConfig",
        "sagemaker:endpoint-config/{name}",
        "",
    ),
    (
        "AWS::SageMaker::Model",
        Create,
        "iam:PassRole",
        "@ExecutionRoleArn",
        "ExecutionRoleArn",
    ),
    (
        "AWS::SageMaker::Model",
        Create,
        "sagemaker:CreateModel",
        "sagemaker:model/{name}",
        "",
    ),
    (
        "AWS::SageMaker::ModelPackageGroup",
        Create,
        "sagemaker:CreateModelPackageGroup",
        "sagemaker:model-package-group/{name}",
        "",
    ),
    (
        "AWS::SageMaker::NotebookInstance",
        Create,
        "iam:PassRole",
        "@RoleArn",
        "RoleArn",
    ),
    (
        "AWS::SageMaker::NotebookInstance",
        Create,
        "sagemaker:CreateNotebookInstance",
        "sagemaker:notebook-instance/{name}",
        "",
    ),
    (
        "AWS::SecretsManager::Secret",
        Create,
        "secretsmanager:CreateSecret",
        "secretsmanager:secret:{name}-1A2b3C",
        "",
    ),
];

/// The calls for a resource of a stack, each with what it is made on. `changed` says whether a property changes.
pub(super) fn of(subject: &Subject<'_>, when: When, changed: &dyn Fn(&str) -> bool) -> Vec<(String, Option<String>)> {
    TABLE
        .iter()
        .filter(|(kind, needed, _, _, property)| {
            let meant = match when {
                Create => property.is_empty() || subject.property(property).is_some(),
                Update => changed(property),
                Delete => true,
            };
            *kind == subject.resource_type && *needed == when && meant
        })
        .filter_map(|(_, _, action, on, _)| Some(((*action).to_owned(), resource(subject, on)?)))
        .collect()
}

/// The ARN, `Some(None)` where the action knows none; none where it cannot be told.
#[expect(clippy::option_option, reason = "that there is no resource is an answer of its own")]
fn resource(subject: &Subject<'_>, on: &str) -> Option<Option<String>> {
    if on == "*" {
        return Some(None);
    }
    if let Some(property) = on.strip_prefix('@') {
        return Some(Some(role(subject, subject.property(property)?)?));
    }
    let (service, rest) = on.split_once(':')?;
    let rest = match rest.split_once("{of:") {
        Some((before, after)) => {
            let (property, tail) = after.split_once('}')?;
            format!("{before}{}{tail}", subject.name_behind(subject.property(property)?)?)
        }
        None => rest.replace("{name}", &subject.name()),
    };
    Some(Some(arn(subject.known.at, service, &rest)))
}

/// The role that a property names, by its ARN or as another resource's.
fn role(subject: &Subject<'_>, value: &Node) -> Option<String> {
    if let Some(text) = subject.known.text(value) {
        return text.starts_with("arn:").then_some(text);
    }
    let argument = value.get("Fn::GetAtt")?;
    let logical_id = match argument.items() {
        [] => argument.as_str()?.split('.').next()?,
        [id, ..] => id.as_str()?,
    };
    let name = subject.name_of(logical_id)?;
    Some(arn(subject.known.at, "iam", &format!("role/{name}")))
}

/// An ARN of the account and region; IAM's have no region, a bucket's has neither.
pub(super) fn arn(at: &Whereabouts, service: &str, rest: &str) -> String {
    let Whereabouts {
        partition,
        region,
        account,
        ..
    } = at;
    match service {
        "s3" => format!("arn:{partition}:s3:::{rest}"),
        "iam" => format!("arn:{partition}:iam::{account}:{rest}"),
        _ => format!("arn:{partition}:{service}:{region}:{account}:{rest}"),
    }
}
