//! Alternatives, conditional parts of schemas, rules about parts of a type.

use super::{problems, resource};
use crate::diagnostic::Severity;

#[test]
fn a_condition_of_a_schema_is_told_with_what_it_finds() {
    assert_eq!(
        resource(
            "AWS::Lambda::Function",
            "Role: arn:aws:iam::123456789012:role/x\nCode: {ZipFile: x}"
        ),
        ["0428 4:5 `AWS::Lambda::Function` needs `Runtime` when `Code.ZipFile` is `x`"]
    );
    assert_eq!(
        resource("AWS::SQS::Queue", "FifoQueue: true\nQueueName: jobs"),
        ["0428 6:18 `QueueName` cannot be `jobs` when `FifoQueue` is `true`"]
    );
    assert_eq!(
        resource("AWS::SQS::Queue", "FifoQueue: true\nQueueName: !Ref AWS::StackName"),
        Vec::<String>::new()
    );
    assert_eq!(
        resource(
            "AWS::RDS::DBCluster",
            "EngineMode: serverless\nEngine: aurora-mysql\nServerlessV2ScalingConfiguration: {MinCapacity: 1, MaxCapacity: 2}"
        ),
        [
            "0428 7:7 `ServerlessV2ScalingConfiguration` is not allowed when `EngineMode` is `serverless`; take `ServerlessV2ScalingConfiguration` out"
        ]
    );
}

#[test]
fn a_condition_that_only_aws_can_decide_says_nothing() {
    assert_eq!(
        resource("AWS::SQS::Queue", "FifoQueue: !Ref AWS::Region\nQueueName: jobs"),
        Vec::<String>::new()
    );
}

#[test]
fn of_alternatives_the_nearest_one_says_what_is_wrong() {
    let found = resource(
        "AWS::KMS::Key",
        "KeyPolicy: {Statement: [{Effect: Allow, Principal: '*', Action: 'kms:*', Resource: '*'}]}",
    );
    assert_eq!(found, Vec::<String>::new());
    let text = super::template(
        "AWS::APS::Scraper",
        "ScrapeConfiguration: {ConfigurationBlob: eDox}\nSource: {EksConfiguration: {ClusterArn: 'arn:aws:eks:us-east-1:123456789012:cluster/x'}}\nDestination: {AmpConfiguration: {WorkspaceArn: 'arn:aws:aps:us-east-1:123456789012:workspace/x'}}",
    );
    let all = problems(&text);
    let told: Vec<&str> = all.0.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(
        told,
        ["`Source.EksConfiguration` of `AWS::APS::Scraper` needs `SubnetIds`"],
        "{all:#?}"
    );
}

#[test]
fn items_that_must_be_unique_are() {
    assert_eq!(
        resource(
            "AWS::SageMaker::Model",
            "ExecutionRoleArn: arn:aws:iam::123456789012:role/x\nVpcConfig: {Subnets: [subnet-12345678], SecurityGroupIds: [sg-12345678]}"
        ),
        Vec::<String>::new()
    );
    let found = resource(
        "AWS::RDS::DBSubnetGroup",
        "DBSubnetGroupDescription: x\nSubnetIds: [subnet-12345678, !Ref A, subnet-12345678]",
    );
    let twice: Vec<&String> = found.iter().filter(|line| line.starts_with("0428")).collect();
    assert!(twice.len() <= 1, "{found:?}");
    let found = resource(
        "AWS::DynamoDB::Table",
        "KeySchema: [{AttributeName: a, KeyType: HASH}]\nBillingMode: PAY_PER_REQUEST\nAttributeDefinitions: [{AttributeName: a, AttributeType: S}, {AttributeName: a, AttributeType: S}]",
    );
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("0428 "), "{found:?}");
}

#[test]
fn names_that_a_service_keeps_are_refused() {
    assert_eq!(
        resource(
            "AWS::Lambda::Function",
            "Role: arn:aws:iam::123456789012:role/x\nCode: {ImageUri: x}\nPackageType: Image\nEnvironment: {Variables: {AWS_REGION: x, MINE: y}}"
        ),
        ["0424 8:33 `AWS_REGION` cannot be a name in `Environment.Variables` of `AWS::Lambda::Function`"]
    );
}

#[test]
fn what_a_region_offers_and_versions_are_only_warned_about() {
    let text = super::template("AWS::EC2::Instance", "InstanceType: t3.mircro\nImageId: ami-12345678");
    let all = problems(&text);
    let about: Vec<(u16, Severity)> = all
        .0
        .iter()
        .filter(|problem| problem.code.0 < 500)
        .map(|problem| (problem.code.0, problem.severity))
        .collect();
    assert_eq!(about, [(424, Severity::Warning)]);
    assert_eq!(all.0[0].hints, ["did you mean `t3.micro`?"]);
}

#[test]
fn services_and_runtimes_that_are_over_are_named_with_their_day() {
    assert_eq!(
        resource(
            "AWS::Lambda::Function",
            "Role: arn:aws:iam::123456789012:role/x\nCode: {S3Bucket: bucket, S3Key: k}\nHandler: a.b\nRuntime: nodejs12.x"
        ),
        ["0439 8:16 `Runtime` `nodejs12.x` is not accepted any more since 2023-04-30; its successor is `nodejs24.x`"]
    );
}

#[test]
fn update_and_creation_policies_belong_to_their_types() {
    let with = |kind: &str, attribute: &str| {
        super::found(&format!("Resources:\n  R:\n    Type: {kind}\n    {attribute}\n"))
            .into_iter()
            .filter(|line| !line.starts_with("0422"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        with("AWS::SNS::Topic", "UpdatePolicy: {UseOnlineResharding: true}"),
        ["0453 4:5 `AWS::SNS::Topic` has no `UpdatePolicy`; take it out"]
    );
    assert_eq!(
        with(
            "AWS::ElastiCache::ReplicationGroup",
            "UpdatePolicy: {UseOnlineResharding: maybe, Other: 1}"
        )
        .into_iter()
        .filter(|line| line.starts_with("0453"))
        .collect::<Vec<_>>(),
        [
            "0453 4:41 `UpdatePolicy.UseOnlineResharding` must be true or false, not `maybe`",
            "0453 4:48 `UpdatePolicy` of `AWS::ElastiCache::ReplicationGroup` has no property `Other`",
        ]
    );
    assert_eq!(
        with(
            "AWS::CloudFormation::WaitCondition",
            "CreationPolicy: {ResourceSignal: {Count: 1, Timeout: 15M}}"
        ),
        ["0453 4:58 `CreationPolicy.ResourceSignal.Timeout` cannot be `15M`"]
    );
    assert_eq!(
        with(
            "AWS::CloudFormation::WaitCondition",
            "CreationPolicy: {ResourceSignal: {Count: 1, Timeout: PT15M}}"
        ),
        Vec::<String>::new()
    );
}

#[test]
fn rules_about_two_resources_name_both() {
    let text = |visibility: &str| {
        format!(
            "Resources:\n  Jobs: {{Type: AWS::SQS::Queue, Properties: {{VisibilityTimeout: {visibility}}}}}\n  Work:\n    Type: AWS::Lambda::Function\n    Properties: {{Role: 'arn:aws:iam::123456789012:role/x', Code: {{ImageUri: x}}, PackageType: Image, Timeout: 60}}\n  Feed:\n    Type: AWS::Lambda::EventSourceMapping\n    Properties: {{FunctionName: !Ref Work, EventSourceArn: !GetAtt Jobs.Arn}}\n"
        )
    };
    assert_eq!(
        super::found(&text("30")),
        ["0428 2:65 `Jobs.VisibilityTimeout` must be at least 60, not 30 when `Work.Timeout` is `60`"]
    );
    assert_eq!(super::found(&text("60")), Vec::<String>::new());
    assert_eq!(super::found(&text("!Ref AWS::Region")), Vec::<String>::new());
    let group = |most: &str| {
        resource(
            "AWS::AutoScaling::AutoScalingGroup",
            &format!("MinSize: '3'\nMaxSize: '{most}'\nAvailabilityZones: [us-east-1a]\nLaunchConfigurationName: x"),
        )
    };
    assert_eq!(group("3"), Vec::<String>::new());
    assert_eq!(group("2"), ["0428 6:16 `R.MaxSize` must be at least 3, not 2"]);
}
