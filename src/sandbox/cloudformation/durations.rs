//! How long resources take, in simulated milliseconds.
//!
//! From AWS's documentation where it says so ("Getting started with Amazon EKS": about 10 minutes for a cluster;
//! "Create a NAT gateway"; "Create and deploy endpoints"), otherwise what events of public deployments show. IAM
//! resources carry CloudFormation's wait for eventual consistency.

use super::Millis;

const SECOND: Millis = 1_000;
const MINUTE: Millis = 60 * SECOND;

/// From "Resource creation Initiated" to CREATE_COMPLETE.
pub fn creation_millis(resource_type: &str) -> Millis {
    match resource_type {
        "AWS::EKS::Cluster" => 9 * MINUTE,
        "AWS::EKS::Nodegroup" => 3 * MINUTE,
        "AWS::EKS::FargateProfile" => 2 * MINUTE,
        "AWS::EKS::Addon" => 40 * SECOND,
        "AWS::EKS::AccessEntry" | "AWS::EKS::PodIdentityAssociation" => 3 * SECOND,
        "AWS::SageMaker::Endpoint" => 5 * MINUTE,
        "AWS::SageMaker::Domain" => 6 * MINUTE,
        "AWS::SageMaker::NotebookInstance" => 4 * MINUTE,
        "AWS::SageMaker::UserProfile" | "AWS::SageMaker::Space" => 20 * SECOND,
        "AWS::SageMaker::InferenceComponent" => 4 * MINUTE,
        "AWS::RDS::DBInstance" => 8 * MINUTE,
        "AWS::RDS::DBCluster" => 5 * MINUTE,
        "AWS::ElastiCache::ReplicationGroup" | "AWS::ElastiCache::CacheCluster" => 8 * MINUTE,
        "AWS::EFS::MountTarget" => 90 * SECOND,
        "AWS::CloudFront::Distribution" => 5 * MINUTE,
        "AWS::ECS::Service" => 2 * MINUTE,
        "AWS::ECS::Cluster" | "AWS::ECS::CapacityProvider" => 6 * SECOND,
        "AWS::ECS::ClusterCapacityProviderAssociations" => 12 * SECOND,
        "AWS::Grafana::Workspace" => 2 * MINUTE,
        "AWS::APS::Workspace" => 15 * SECOND,
        "AWS::SNS::Topic" | "AWS::SNS::TopicPolicy" => 11 * SECOND,
        "AWS::AutoScaling::AutoScalingGroup" => 45 * SECOND,
        "AWS::Scheduler::ScheduleGroup" => 5 * SECOND,
        "AWS::ElasticLoadBalancingV2::LoadBalancer" => 150 * SECOND,
        "AWS::EC2::NatGateway" => 105 * SECOND,
        "AWS::EC2::VPCEndpoint" => 60 * SECOND,
        "AWS::EC2::TransitGateway" => 90 * SECOND,
        "AWS::EC2::TransitGatewayAttachment" => 60 * SECOND,
        "AWS::EC2::Instance" => 35 * SECOND,
        "AWS::EC2::Volume" => 8 * SECOND,
        "AWS::EC2::VolumeAttachment" => 20 * SECOND,
        "AWS::EC2::InternetGateway" | "AWS::EC2::VPCGatewayAttachment" | "AWS::EC2::EIP" => 16 * SECOND,
        "AWS::EC2::VPC" => 12 * SECOND,
        "AWS::EC2::Subnet" => 4 * SECOND,
        "AWS::EC2::SecurityGroup" => 6 * SECOND,
        "AWS::EC2::RouteTable" | "AWS::EC2::FlowLog" => 11 * SECOND,
        "AWS::IAM::Role" | "AWS::IAM::ManagedPolicy" => 17 * SECOND,
        "AWS::IAM::InstanceProfile" => 120 * SECOND,
        "AWS::IAM::Policy" | "AWS::IAM::RolePolicy" => 16 * SECOND,
        "AWS::KMS::Key" => 20 * SECOND,
        "AWS::S3::Bucket" => 21 * SECOND,
        "AWS::DynamoDB::Table" => 31 * SECOND,
        "AWS::OpenSearchService::Domain" | "AWS::MSK::Cluster" => 15 * MINUTE,
        _ => 3 * SECOND,
    }
}

/// How long an update in place takes.
pub(super) fn update_millis(resource_type: &str) -> Millis {
    match resource_type {
        "AWS::EKS::Cluster" => 4 * MINUTE,
        "AWS::EKS::Nodegroup" => 5 * MINUTE,
        "AWS::SageMaker::Endpoint" => 6 * MINUTE,
        "AWS::RDS::DBInstance" => 4 * MINUTE,
        "AWS::EC2::Instance" => 90 * SECOND,
        "AWS::ECS::Service" => 3 * MINUTE,
        "AWS::EC2::NatGateway" | "AWS::EC2::VPCEndpoint" => 20 * SECOND,
        other => (creation_millis(other) / 3).clamp(2 * SECOND, 2 * MINUTE),
    }
}

/// How long a deletion takes.
pub(super) fn deletion_millis(resource_type: &str) -> Millis {
    match resource_type {
        "AWS::EKS::Cluster" => 3 * MINUTE,
        "AWS::EKS::Nodegroup" => 4 * MINUTE,
        "AWS::SageMaker::Endpoint" => 3 * SECOND,
        "AWS::SageMaker::Domain" => 3 * MINUTE,
        "AWS::SageMaker::NotebookInstance" => 2 * MINUTE,
        "AWS::RDS::DBInstance" => 6 * MINUTE,
        "AWS::RDS::DBCluster" => 2 * MINUTE,
        // Connections are drained first.
        "AWS::ECS::Service" => 90 * SECOND,
        "AWS::AutoScaling::AutoScalingGroup" => 2 * MINUTE,
        "AWS::ElasticLoadBalancingV2::LoadBalancer" => 10 * SECOND,
        // What is in it is deleted first.
        "AWS::Scheduler::ScheduleGroup" => 30 * SECOND,
        "AWS::EC2::NatGateway" => 50 * SECOND,
        "AWS::EC2::Instance" => 40 * SECOND,
        "AWS::EC2::VPCEndpoint" => 40 * SECOND,
        "AWS::IAM::Role" | "AWS::IAM::ManagedPolicy" | "AWS::IAM::InstanceProfile" => 2 * SECOND,
        other => (creation_millis(other) / 3).clamp(SECOND, 2 * MINUTE),
    }
}
