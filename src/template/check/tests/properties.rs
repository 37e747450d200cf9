//! Types, properties and values.

use super::super::super::schema;
use super::{found, problems, resource};
use crate::diagnostic::Severity;

#[test]
fn unknown_types_are_found_and_private_ones_are_left_alone() {
    assert_eq!(
        resource("AWS::S3::Bukcet", "A: b"),
        ["0420 3:11 there is no resource type `AWS::S3::Bukcet`; did you mean `AWS::S3::Bucket`?"]
    );
    assert_eq!(resource("Custom::Thing", "A: b"), Vec::<String>::new());
    assert_eq!(resource("MyCompany::Net::Thing", "A: b"), Vec::<String>::new());
    assert_eq!(resource("MyOrg::S3::Bucket::MODULE", "A: b"), Vec::<String>::new());
}

#[test]
fn unknown_properties_are_found_at_every_depth() {
    assert_eq!(
        resource(
            "AWS::S3::Bucket",
            "BucketNam: x\nVersioningConfiguration: {State: Enabled, Status: Enabled}\nLifecycleConfiguration:\n  Rules:\n    - {Status: Enabled, ExpirationInDay: 3}"
        ),
        [
            "0421 5:7 `AWS::S3::Bucket` has no property `BucketNam`; did you mean `BucketName`?",
            "0421 6:33 `VersioningConfiguration` of `AWS::S3::Bucket` has no property `State`; did you mean `Status`?",
            "0421 9:31 `LifecycleConfiguration.Rules.0` of `AWS::S3::Bucket` has no property `ExpirationInDay`; did you mean `ExpirationInDays`?",
        ]
    );
}

#[test]
fn required_properties_are_missed_and_no_value_counts_as_missing() {
    assert_eq!(
        resource(
            "AWS::EC2::SecurityGroup",
            "GroupDescription: !Ref AWS::NoValue\nSecurityGroupIngress: [{CidrIp: 10.0.0.0/8}]"
        ),
        [
            "0422 4:5 `AWS::EC2::SecurityGroup` needs `GroupDescription`",
            "0422 6:30 `SecurityGroupIngress.0` of `AWS::EC2::SecurityGroup` needs `IpProtocol`",
        ]
    );
    assert_eq!(
        found("Resources:\n  R: {Type: AWS::EC2::SecurityGroup}\n"),
        ["0422 2:3 `AWS::EC2::SecurityGroup` needs `GroupDescription`"]
    );
}

#[test]
fn scalars_are_converted_as_cloudformation_does_and_what_cannot_be_is_wrong() {
    assert_eq!(
        resource(
            "AWS::SQS::Queue",
            "DelaySeconds: '5'\nFifoQueue: 'false'\nQueueName: 12345"
        ),
        Vec::<String>::new()
    );
    assert_eq!(
        resource(
            "AWS::SQS::Queue",
            "DelaySeconds: soon\nFifoQueue: yes\nQueueName: [a]\nTags: {Key: a}\nRedriveAllowPolicy: text\nKmsDataKeyReusePeriodSeconds: 1.5"
        ),
        [
            "0423 5:21 `DelaySeconds` must be an integer, not `soon`",
            "0423 6:18 `FifoQueue` must be true or false, not `yes`; write `true`",
            "0423 7:7 `QueueName` must be a string, not a list",
            "0423 8:7 `Tags` must be a list, not a mapping",
            "0423 10:37 `KmsDataKeyReusePeriodSeconds` must be an integer, not `1.5`",
        ]
    );
    assert_eq!(
        resource(
            "AWS::IAM::Role",
            "AssumeRolePolicyDocument: text\nManagedPolicyArns: arn:aws:iam::aws:policy/x"
        ),
        ["0423 6:26 `ManagedPolicyArns` must be a list, not a string; put `- ` before it to make it a list"]
    );
}

#[test]
fn values_are_checked_against_enumeration_pattern_length_and_range() {
    assert_eq!(
        resource(
            "AWS::S3::Bucket",
            "VersioningConfiguration: {Status: enabled}\nBucketName: My_Bucket"
        ),
        [
            "0424 5:41 `VersioningConfiguration.Status` cannot be `enabled`; did you mean `Enabled`?",
            "0438 6:19 `BucketName` must be the name of a bucket, not `My_Bucket`; for example `my-bucket`",
        ]
    );
    assert_eq!(
        resource("AWS::EC2::VPCEndpoint", "VpcId: vpc-12345678\nVpcEndpointType: Gatway"),
        ["0424 6:24 `VpcEndpointType` cannot be `Gatway`; did you mean `Gateway`?"]
    );
    assert_eq!(
        resource(
            "AWS::SageMaker::NotebookInstance",
            "InstanceType: ml.t3.medium\nRoleArn: arn:aws:iam::123456789012:role/x\nNotebookInstanceName: a-b"
        ),
        Vec::<String>::new(),
    );
    assert_eq!(
        resource(
            "AWS::EC2::SecurityGroup",
            "GroupDescription: é\nSecurityGroupIngress: [{IpProtocol: tcp, CidrIp: 10.0.0.0/64, FromPort: -2, ToPort: 3}]"
        ),
        [
            "0425 5:25 `GroupDescription` cannot be `é`",
            "0425 6:56 `SecurityGroupIngress.0.CidrIp` must be a CIDR block, not `10.0.0.0/64`; for example `10.0.0.0/16`",
            "0426 6:79 `SecurityGroupIngress.0.FromPort` must be at least -1, not -2",
        ]
    );
}

#[test]
fn a_value_that_a_long_enumeration_lacks_is_only_a_warning() {
    let all = problems(
        "Resources:\n  R:\n    Type: AWS::Lambda::Function\n    Properties: {Role: 'arn:aws:iam::123456789012:role/x', Code: {ZipFile: x}, Handler: a.b, Runtime: python3.99}\n",
    );
    assert_eq!(all.0.len(), 1, "{all:?}");
    assert_eq!((all.0[0].code.0, all.0[0].severity), (424, Severity::Warning));
}

#[test]
fn lists_have_as_many_items_as_allowed() {
    let too_many = resource(
        "AWS::EC2::LaunchTemplate",
        "LaunchTemplateData: {ImageId: ami-12345678, InstanceType: m5.large}\nTagSpecifications: []",
    );
    assert_eq!(too_many, Vec::<String>::new());
    assert_eq!(
        resource(
            "AWS::S3::Bucket",
            "BucketEncryption: {ServerSideEncryptionConfiguration: []}\nLifecycleConfiguration: {Rules: []}"
        )
        .len(),
        0,
        "neither has a minimum"
    );
}

#[test]
fn what_only_aws_sets_has_no_effect_when_given() {
    assert_eq!(
        resource("AWS::S3::Bucket", "Arn: arn:aws:s3:::x"),
        ["0427 5:7 `Arn` has no effect: only AWS sets it; to use its value write `!GetAtt R.Arn`"]
    );
    assert_eq!(
        resource("AWS::SageMaker::Endpoint", "EndpointName: x\nEndpointConfigName: y"),
        Vec::<String>::new(),
        "read-only in the schema, but also create-only"
    );
}

#[test]
fn properties_that_need_or_exclude_each_other() {
    assert_eq!(
        resource(
            "AWS::EC2::SecurityGroup",
            "GroupDescription: x\nSecurityGroupIngress:\n  - {IpProtocol: -1, CidrIp: 10.0.0.0/8, CidrIpv6: 'fd00::/8'}\n  - {IpProtocol: -1}"
        ),
        [
            "0428 7:11 `SecurityGroupIngress.0` of `AWS::EC2::SecurityGroup` takes only one of `CidrIp`, `CidrIpv6`",
            "0428 8:11 `SecurityGroupIngress.1` of `AWS::EC2::SecurityGroup` needs one of `CidrIp`, `CidrIpv6`, `SourcePrefixListId`, `SourceSecurityGroupId`, `SourceSecurityGroupName`",
        ]
    );
}

#[test]
fn functions_and_dynamic_references_fit_everything_and_both_branches_of_if_are_checked() {
    let text = "Conditions: {C: !Equals [!Ref AWS::Region, x]}\nResources:\n  R:\n    Type: AWS::S3::Bucket\n    Properties:\n      BucketName: '{{resolve:ssm:/My_Name}}'\n      VersioningConfiguration: !If [C, {Status: Enabeld}, !Ref AWS::NoValue]\n      Tags: !Split [',', x]\n";
    assert_eq!(
        found(text),
        ["0424 7:49 `VersioningConfiguration.Status` cannot be `Enabeld`; did you mean `Enabled`?"]
    );
}

#[test]
fn null_is_refused_with_its_key() {
    assert_eq!(
        resource("AWS::S3::Bucket", "BucketName:"),
        ["0406 5:7 `BucketName` has no value; remove the key, or use `!Ref AWS::NoValue` in `!If` to leave it out"]
    );
}

#[test]
fn nearly_every_pattern_of_every_type_compiles() {
    let mut patterns = std::collections::BTreeSet::new();
    for name in schema::type_names() {
        if let Some(schema) = schema::get(name) {
            collect(schema.json(), &mut patterns);
        }
    }
    let refused = patterns
        .iter()
        .filter(|pattern| super::super::pattern::matches(pattern, "x").is_none())
        .count();
    assert!(patterns.len() > 2_000, "{}", patterns.len());
    assert!(refused * 50 < patterns.len(), "{refused} of {}", patterns.len());
}

fn collect(value: &serde_json::Value, patterns: &mut std::collections::BTreeSet<String>) {
    match value {
        serde_json::Value::Object(map) => {
            patterns.extend(
                map.get("pattern")
                    .and_then(|pattern| pattern.as_str())
                    .map(str::to_owned),
            );
            map.values().for_each(|inner| collect(inner, patterns));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|inner| collect(inner, patterns)),
        _ => {}
    }
}
