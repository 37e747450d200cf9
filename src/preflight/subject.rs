//! A resource of a rendered template, as the preflight asks about it.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;

use super::Place;
use super::literal::Known;
use crate::diagnostic::Span;
use crate::module::RenderedStack;
use crate::plan::ResourceChange;
use crate::template::Node;

/// A resource of a template.
pub(super) struct Subject<'a> {
    pub(super) known: &'a Known<'a>,
    pub(super) logical_id: &'a str,
    pub(super) resource_type: &'a str,
    resources: Option<&'a Node>,
    properties: Option<&'a Node>,
    key: Option<&'a Span>,
    physical_id: Option<&'a str>,
    pub(super) conditional: bool,
}

/// All resources of a stack, by logical id.
pub(super) fn subjects<'a>(stack: &'a RenderedStack, known: &'a Known<'a>) -> BTreeMap<&'a str, Subject<'a>> {
    let resources = stack.document.root.get("Resources");
    let entries = resources.map(Node::entries).unwrap_or_default();
    entries
        .iter()
        .filter_map(|(logical_id, key, body)| {
            let subject = Subject {
                known,
                logical_id,
                resource_type: body.get("Type")?.as_str()?,
                resources,
                properties: body.get("Properties"),
                key: Some(key),
                physical_id: None,
                conditional: body.get("Condition").is_some(),
            };
            Some((logical_id.as_str(), subject))
        })
        .collect()
}

impl<'a> Subject<'a> {
    /// A resource that is in the account and no longer in the template.
    pub(super) fn gone(known: &'a Known<'a>, change: &'a ResourceChange) -> Self {
        Self {
            known,
            logical_id: &change.logical_id,
            resource_type: &change.resource_type,
            resources: None,
            properties: None,
            key: None,
            physical_id: change.physical_id.as_deref(),
            conditional: false,
        }
    }

    pub(super) fn property(&self, name: &str) -> Option<&'a Node> {
        self.properties.and_then(|properties| properties.get(name))
    }

    pub(super) fn literal(&self, property: &str) -> Option<(String, Span)> {
        let node = self.property(property)?;
        Some((self.known.text(node)?, node.span.clone()))
    }

    pub(super) fn network(&self) -> Option<(Ipv4Net, Span)> {
        let (text, span) = self.literal("CidrBlock")?;
        Some((text.parse().ok()?, span))
    }

    /// The name that the template gives, or one like those that CloudFormation makes up.
    pub(super) fn name(&self) -> String {
        if let Some(id) = self.physical_id {
            // Some types have an ARN for an id, with the name behind its last slash.
            let is_arn = id.starts_with("arn:");
            return id.rsplit('/').next().filter(|_| is_arn).unwrap_or(id).to_owned();
        }
        name_property(self.resource_type)
            .and_then(|property| self.literal(property))
            .map_or_else(|| self.made_up(self.logical_id, self.resource_type), |(name, _)| name)
    }

    /// The name of the resource that a value refers to.
    pub(super) fn name_behind(&self, value: &Node) -> Option<String> {
        self.known
            .text(value)
            .or_else(|| self.name_of(value.get("Ref")?.as_str()?))
    }

    /// The name of another resource of the template.
    pub(super) fn name_of(&self, logical_id: &str) -> Option<String> {
        let body = self.resources?.get(logical_id)?;
        let resource_type = body.get("Type")?.as_str()?;
        let given = name_property(resource_type).and_then(|property| body.get("Properties")?.get(property));
        match given {
            Some(node) => self.known.text(node),
            None => Some(self.made_up(logical_id, resource_type)),
        }
    }

    fn made_up(&self, logical_id: &str, resource_type: &str) -> String {
        let name = format!("{}-{logical_id}-1A2B3C4D5E6F", self.known.stack_name);
        match resource_type {
            "AWS::S3::Bucket" => name.to_ascii_lowercase(),
            _ => name,
        }
    }

    pub(super) fn place(&self, stack: &str) -> Place {
        Place {
            stack: stack.to_owned(),
            logical_id: self.logical_id.to_owned(),
            resource_type: self.resource_type.to_owned(),
            span: self.key.cloned(),
            is_value: false,
        }
    }
}

/// The property that names a resource of a type.
pub(super) fn name_property(resource_type: &str) -> Option<&'static str> {
    Some(match resource_type {
        "AWS::AutoScaling::AutoScalingGroup" => "AutoScalingGroupName",
        "AWS::CloudWatch::Alarm" | "AWS::CloudWatch::CompositeAlarm" => "AlarmName",
        "AWS::DynamoDB::Table" => "TableName",
        "AWS::ECR::Repository" => "RepositoryName",
        "AWS::ECS::CapacityProvider" => "Name",
        "AWS::ECS::Cluster" => "ClusterName",
        "AWS::ECS::Service" => "ServiceName",
        "AWS::EKS::Cluster" => "Name",
        "AWS::ElasticLoadBalancingV2::TargetGroup" => "Name",
        "AWS::IAM::InstanceProfile" => "InstanceProfileName",
        "AWS::IAM::ManagedPolicy" => "ManagedPolicyName",
        "AWS::IAM::Role" => "RoleName",
        "AWS::Logs::LogGroup" => "LogGroupName",
        "AWS::RDS::DBCluster" => "DBClusterIdentifier",
        "AWS::RDS::DBClusterParameterGroup" => "DBClusterParameterGroupName",
        "AWS::RDS::DBInstance" => "DBInstanceIdentifier",
        "AWS::RDS::DBParameterGroup" => "DBParameterGroupName",
        "AWS::RDS::DBSubnetGroup" => "DBSubnetGroupName",
        "AWS::S3::Bucket" => "BucketName",
        "AWS::SNS::Topic" => "TopicName",
        "AWS::SageMaker::InferenceComponent" => "InferenceComponentName",
        "AWS::SQS::Queue" => "QueueName",
        "AWS::SageMaker::Endpoint" => "EndpointName",
        "AWS::SageMaker::EndpointConfig" => "EndpointConfigName",
        "AWS::SageMaker::Model" => "ModelName",
        "AWS::SageMaker::ModelPackageGroup" => "ModelPackageGroupName",
        "AWS::SageMaker::NotebookInstance" => "NotebookInstanceName",
        "AWS::SecretsManager::Secret" => "Name",
        _ => return None,
    })
}
