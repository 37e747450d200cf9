//! What stacks make is found in the services, and gone when they are gone.

#![expect(clippy::disallowed_methods, reason = "paused time is read and waited for here")]

use std::time::Duration;

use aws_sdk_cloudformation::types::{Capability, StackStatus};
use aws_sdk_s3::primitives::ByteStream;

use super::super::parse_faults;
use super::{config, open};
use crate::clock::Clock;

const TEMPLATE: &str = r#"
Resources:
  Vpc: {Type: "AWS::EC2::VPC", Properties: {CidrBlock: 10.0.0.0/16, EnableDnsHostnames: true}}
  Gateway: {Type: "AWS::EC2::InternetGateway"}
  Attachment: {Type: "AWS::EC2::VPCGatewayAttachment", Properties: {VpcId: !Ref Vpc, InternetGatewayId: !Ref Gateway}}
  SubnetA: {Type: "AWS::EC2::Subnet", Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24, AvailabilityZone: us-east-1a}}
  SubnetB: {Type: "AWS::EC2::Subnet", Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.1.0/24, AvailabilityZone: us-east-1b}}
  Address: {Type: "AWS::EC2::EIP", Properties: {Domain: vpc}}
  Nat: {Type: "AWS::EC2::NatGateway", Properties: {SubnetId: !Ref SubnetA, AllocationId: !GetAtt Address.AllocationId}}
  Routes: {Type: "AWS::EC2::RouteTable", Properties: {VpcId: !Ref Vpc}}
  Out:
    Type: AWS::EC2::Route
    DependsOn: Attachment
    Properties: {RouteTableId: !Ref Routes, DestinationCidrBlock: 0.0.0.0/0, GatewayId: !Ref Gateway}
  RoutesA: {Type: "AWS::EC2::SubnetRouteTableAssociation", Properties: {SubnetId: !Ref SubnetA, RouteTableId: !Ref Routes}}
  Group:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: nodes
      VpcId: !Ref Vpc
      SecurityGroupIngress: [{IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 10.0.0.0/16}]
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {Service: eks.amazonaws.com}, Action: sts:AssumeRole}]}
      ManagedPolicyArns: ["arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"]
      Policies: [{PolicyName: inline, PolicyDocument: {Version: "2012-10-17", Statement: []}}]
  Profile: {Type: "AWS::IAM::InstanceProfile", Properties: {Roles: [!Ref Role]}}
  Cluster:
    Type: AWS::EKS::Cluster
    Properties: {Name: demo, Version: "1.34", RoleArn: !GetAtt Role.Arn, ResourcesVpcConfig: {SubnetIds: [!Ref SubnetA, !Ref SubnetB]}}
  Rule:
    Type: AWS::EC2::SecurityGroupIngress
    Properties: {GroupId: !GetAtt Cluster.ClusterSecurityGroupId, IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 10.9.0.0/16}
  Nodes:
    Type: AWS::EKS::Nodegroup
    Properties: {ClusterName: !Ref Cluster, NodegroupName: general, NodeRole: !GetAtt Role.Arn, Subnets: [!Ref SubnetA], ScalingConfig: {MinSize: 1, MaxSize: 3, DesiredSize: 2}}
  Repository: {Type: "AWS::ECR::Repository", Properties: {RepositoryName: scorer, ImageTagMutability: IMMUTABLE}}
  Data:
    Type: AWS::S3::Bucket
    Properties: {BucketName: demo-data, VersioningConfiguration: {Status: Enabled}}
  Policy:
    Type: AWS::S3::BucketPolicy
    Properties: {Bucket: !Ref Data, PolicyDocument: {Version: "2012-10-17", Statement: []}}
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: demo-locks
      BillingMode: PAY_PER_REQUEST
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
  Logs: {Type: "AWS::Logs::LogGroup", Properties: {LogGroupName: /demo, RetentionInDays: 7}}
  Key: {Type: "AWS::KMS::Key", Properties: {KeyPolicy: {Version: "2012-10-17", Statement: []}}}
  Alias: {Type: "AWS::KMS::Alias", Properties: {AliasName: alias/demo, TargetKeyId: !Ref Key}}
  Model: {Type: "AWS::SageMaker::Model", Properties: {ModelName: m, ExecutionRoleArn: !GetAtt Role.Arn, PrimaryContainer: {Image: i}}}
  Config:
    Type: AWS::SageMaker::EndpointConfig
    Properties:
      EndpointConfigName: c1
      ProductionVariants: [{ModelName: !GetAtt Model.ModelName, VariantName: a, InitialInstanceCount: 1, InstanceType: ml.m5.large, InitialVariantWeight: 1}]
  Endpoint: {Type: "AWS::SageMaker::Endpoint", Properties: {EndpointConfigName: !GetAtt Config.EndpointConfigName}}
Outputs:
  VpcId: {Value: !Ref Vpc}
  SubnetA: {Value: !Ref SubnetA}
  GroupId: {Value: !GetAtt Group.GroupId}
  RepositoryUri: {Value: !GetAtt Repository.RepositoryUri}
  ClusterArn: {Value: !GetAtt Cluster.Arn}
  ClusterGroupId: {Value: !GetAtt Cluster.ClusterSecurityGroupId}
"#;

pub(super) async fn settled(client: &aws_sdk_cloudformation::Client, id: &str) -> StackStatus {
    loop {
        let stacks = client.describe_stacks().stack_name(id).send().await.unwrap();
        let status = stacks.stacks()[0].stack_status().unwrap().clone();
        if !status.as_str().ends_with("_IN_PROGRESS") {
            return status;
        }
        tokio::time::sleep(Duration::from_secs(15)).await;
    }
}

pub(super) async fn explain(client: &aws_sdk_cloudformation::Client, id: &str) -> String {
    let events = client.describe_stack_events().stack_name(id).send().await.unwrap();
    let failed = events
        .stack_events()
        .iter()
        .filter(|event| event.resource_status_reason().is_some());
    failed
        .map(|event| {
            format!(
                "{:?} {:?}: {:?}\n",
                event.logical_resource_id(),
                event.resource_status(),
                event.resource_status_reason()
            )
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn what_a_stack_makes_is_found_in_the_services_and_gone_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = open(Some(folder.path()), Clock::real(), Vec::new()).await;
    let config = config(&sandbox);
    let cloudformation = aws_sdk_cloudformation::Client::new(&config);
    let begin = tokio::time::Instant::now();
    let created = cloudformation
        .create_stack()
        .stack_name("demo")
        .template_body(TEMPLATE)
        .capabilities(Capability::CapabilityIam)
        .send()
        .await
        .unwrap();
    let id = created.stack_id().unwrap();
    let eks = aws_sdk_eks::Client::new(&config);
    tokio::time::sleep(Duration::from_secs(120)).await;
    let making = eks.describe_cluster().name("demo").send().await.unwrap();
    let status = making.cluster().unwrap().status().unwrap().as_str();
    assert_eq!(status, "CREATING", "EKS says what CloudFormation says");
    let status = settled(&cloudformation, id).await;
    assert_eq!(
        status,
        StackStatus::CreateComplete,
        "{}",
        explain(&cloudformation, id).await
    );
    assert!(
        begin.elapsed() > Duration::from_secs(480),
        "a cluster takes its time: {:?}",
        begin.elapsed()
    );
    let stacks = cloudformation.describe_stacks().stack_name(id).send().await.unwrap();
    let output = |key: &str| {
        let outputs = stacks.stacks()[0].outputs();
        outputs
            .iter()
            .find(|output| output.output_key() == Some(key))
            .unwrap()
            .output_value()
            .unwrap()
            .to_owned()
    };
    let ec2 = aws_sdk_ec2::Client::new(&config);
    let vpcs = ec2.describe_vpcs().vpc_ids(output("VpcId")).send().await.unwrap();
    assert_eq!(vpcs.vpcs()[0].cidr_block(), Some("10.0.0.0/16"));
    let tags = vpcs.vpcs()[0].tags();
    assert!(
        tags.iter()
            .any(|tag| tag.key() == Some("aws:cloudformation:stack-name") && tag.value() == Some("demo"))
    );
    let subnets = ec2
        .describe_subnets()
        .subnet_ids(output("SubnetA"))
        .send()
        .await
        .unwrap();
    assert_eq!(subnets.subnets()[0].vpc_id(), Some(output("VpcId").as_str()));
    let groups = ec2
        .describe_security_groups()
        .group_ids(output("GroupId"))
        .send()
        .await
        .unwrap();
    assert_eq!(groups.security_groups()[0].ip_permissions()[0].from_port(), Some(443));
    let groups = ec2
        .describe_security_groups()
        .group_ids(output("ClusterGroupId"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        groups.security_groups()[0].vpc_id(),
        Some(output("VpcId").as_str()),
        "EKS makes the cluster's group in the network of its subnets"
    );
    let cluster = aws_sdk_eks::Client::new(&config)
        .describe_cluster()
        .name("demo")
        .send()
        .await
        .unwrap();
    let cluster = cluster.cluster().unwrap();
    assert_eq!(cluster.status().unwrap().as_str(), "ACTIVE");
    assert_eq!(
        (cluster.arn(), cluster.version()),
        (Some(output("ClusterArn").as_str()), Some("1.34"))
    );
    let nodes = aws_sdk_eks::Client::new(&config)
        .list_nodegroups()
        .cluster_name("demo")
        .send()
        .await
        .unwrap();
    assert_eq!(nodes.nodegroups(), ["general"]);
    let ecr = aws_sdk_ecr::Client::new(&config)
        .describe_repositories()
        .repository_names("scorer")
        .send()
        .await
        .unwrap();
    assert_eq!(
        ecr.repositories()[0].repository_uri(),
        Some(output("RepositoryUri").as_str())
    );
    assert_eq!(
        output("RepositoryUri"),
        "111122223333.dkr.ecr.us-east-1.amazonaws.com/scorer"
    );
    let s3 = aws_sdk_s3::Client::new(&config);
    let versioning = s3.get_bucket_versioning().bucket("demo-data").send().await.unwrap();
    assert_eq!(versioning.status().map(|status| status.as_str()), Some("Enabled"));
    let sagemaker = aws_sdk_sagemaker::Client::new(&config);
    let endpoints = sagemaker.list_endpoints().send().await.unwrap();
    let name = endpoints.endpoints()[0].endpoint_name().unwrap();
    let endpoint = sagemaker.describe_endpoint().endpoint_name(name).send().await.unwrap();
    assert_eq!(endpoint.endpoint_config_name(), Some("c1"));
    assert_eq!(endpoint.endpoint_status().unwrap().as_str(), "InService");
    let arn = format!("arn:aws:sagemaker:us-east-1:111122223333:endpoint/{name}");
    assert_eq!(endpoint.endpoint_arn(), Some(arn.as_str()));
    aws_sdk_dynamodb::Client::new(&config)
        .describe_table()
        .table_name("demo-locks")
        .send()
        .await
        .unwrap();

    s3.put_object()
        .bucket("demo-data")
        .key("k")
        .body(ByteStream::from_static(b"x"))
        .send()
        .await
        .unwrap();
    cloudformation.delete_stack().stack_name(id).send().await.unwrap();
    assert_eq!(settled(&cloudformation, id).await, StackStatus::DeleteFailed);
    let reasons = explain(&cloudformation, id).await;
    assert!(
        reasons.contains("The bucket you tried to delete is not empty"),
        "{reasons}"
    );
    let versions = s3.list_object_versions().bucket("demo-data").send().await.unwrap();
    let version = versions.versions()[0].version_id().unwrap();
    s3.delete_object()
        .bucket("demo-data")
        .key("k")
        .version_id(version)
        .send()
        .await
        .unwrap();
    cloudformation.delete_stack().stack_name(id).send().await.unwrap();
    assert_eq!(
        settled(&cloudformation, id).await,
        StackStatus::DeleteComplete,
        "{}",
        explain(&cloudformation, id).await
    );
    assert_eq!(sandbox.inventory().unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_fails_the_stack_with_the_services_text() {
    let sandbox = open(None, Clock::real(), Vec::new()).await;
    let config = config(&sandbox);
    aws_sdk_s3::Client::new(&config)
        .create_bucket()
        .bucket("taken")
        .send()
        .await
        .unwrap();
    let cloudformation = aws_sdk_cloudformation::Client::new(&config);
    let template = r#"{"Resources": {"Data": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "taken"}}}}"#;
    let created = cloudformation
        .create_stack()
        .stack_name("s")
        .template_body(template)
        .send()
        .await
        .unwrap();
    assert_eq!(
        settled(&cloudformation, created.stack_id().unwrap()).await,
        StackStatus::RollbackComplete
    );
    let reasons = explain(&cloudformation, "s").await;
    assert!(reasons.contains("taken already exists"), "{reasons}");
    aws_sdk_s3::Client::new(&config)
        .head_bucket()
        .bucket("taken")
        .send()
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_resource_fails_when_a_fault_says_so() {
    let faults = parse_faults("[[fault]]\nresource = 'Data'\non = 'create'\nmessage = 'not tonight'").unwrap();
    let sandbox = open(None, Clock::real(), faults).await;
    let cloudformation = aws_sdk_cloudformation::Client::new(&config(&sandbox));
    let template = r#"{"Resources": {"Data": {"Type": "AWS::S3::Bucket"}}}"#;
    let created = cloudformation
        .create_stack()
        .stack_name("s")
        .template_body(template)
        .send()
        .await
        .unwrap();
    assert_eq!(
        settled(&cloudformation, created.stack_id().unwrap()).await,
        StackStatus::RollbackComplete
    );
    assert!(explain(&cloudformation, "s").await.contains("not tonight"));
}
