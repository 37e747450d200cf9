use std::sync::Arc;

use super::super::{check, read};
use crate::diagnostic::{Severity, Source};

/// `0503 error 5:7`, one a finding of the baseline.
fn found(text: &str) -> Vec<String> {
    let source = Arc::new(Source {
        path: "t.yaml".to_owned(),
        text: text.to_owned(),
    });
    let document = read(&source).expect("reads");
    let listed = check(&document).0.into_iter().filter(|problem| problem.code.0 >= 500);
    listed
        .map(|problem| {
            let (line, column) = problem.labels[0].span.line_column();
            let severity = if problem.severity == Severity::Error {
                "error"
            } else {
                "warning"
            };
            format!("{:04} {severity} {line}:{column}", problem.code.0)
        })
        .collect()
}

fn resource(kind: &str, properties: &str) -> Vec<String> {
    let indented: String = properties.lines().map(|line| format!("      {line}\n")).collect();
    found(&format!(
        "Resources:\n  R:\n    Type: {kind}\n    Properties:\n{indented}"
    ))
}

#[test]
fn buckets_are_private_encrypted_and_say_so() {
    assert_eq!(
        resource("AWS::S3::Bucket", "BucketName: x"),
        ["0502 warning 2:3", "0505 warning 2:3"]
    );
    let good = "BucketEncryption: {ServerSideEncryptionConfiguration: []}\nPublicAccessBlockConfiguration: {BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: 'true'}";
    assert_eq!(resource("AWS::S3::Bucket", good), Vec::<String>::new());
    let open = "AccessControl: PublicRead\nBucketEncryption: {ServerSideEncryptionConfiguration: []}\nPublicAccessBlockConfiguration: {BlockPublicAcls: false, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true}";
    assert_eq!(
        resource("AWS::S3::Bucket", open),
        ["0501 error 5:22", "0502 error 7:40"]
    );
}

#[test]
fn a_bucket_policy_does_not_let_everybody_in_but_may_refuse_everybody() {
    let policy = |statement: &str| {
        resource(
            "AWS::S3::BucketPolicy",
            &format!("Bucket: x\nPolicyDocument:\n  Statement: {{{statement}}}"),
        )
    };
    assert_eq!(
        policy("Effect: Allow, Principal: '*', Action: 's3:GetObject', Resource: x"),
        ["0501 error 7:36"]
    );
    assert_eq!(
        policy("Effect: Allow, Principal: {AWS: ['*']}, Action: 's3:GetObject', Resource: x"),
        ["0501 error 7:36"]
    );
    assert_eq!(
        policy("Effect: Deny, Principal: '*', Action: 's3:*', Resource: x"),
        Vec::<String>::new()
    );
    assert_eq!(
        policy(
            "Effect: Allow, Principal: '*', Action: 's3:GetObject', Resource: x, Condition: {StringEquals: {aws:PrincipalOrgID: o}}"
        ),
        Vec::<String>::new()
    );
}

#[test]
fn only_web_ports_are_open_to_the_internet() {
    let group = |rule: &str| {
        resource(
            "AWS::EC2::SecurityGroup",
            &format!("GroupDescription: x\nSecurityGroupIngress: [{{{rule}}}]"),
        )
    };
    assert_eq!(
        group("IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0"),
        ["0503 error 6:82"]
    );
    assert_eq!(group("IpProtocol: -1, CidrIpv6: '::/0'").len(), 1);
    assert_eq!(
        group("IpProtocol: tcp, FromPort: 0, ToPort: 65535, CidrIp: 0.0.0.0/0").len(),
        1
    );
    assert_eq!(
        group("IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 0.0.0.0/0"),
        Vec::<String>::new()
    );
    assert_eq!(
        group("IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 10.0.0.0/8"),
        Vec::<String>::new()
    );
    assert_eq!(
        group("IpProtocol: icmp, FromPort: -1, ToPort: -1, CidrIp: 0.0.0.0/0"),
        Vec::<String>::new()
    );
    assert_eq!(
        resource(
            "AWS::EC2::SecurityGroupIngress",
            "GroupId: x\nIpProtocol: tcp\nFromPort: 5432\nToPort: 5432\nCidrIp: 0.0.0.0/0"
        ),
        ["0503 error 9:15"]
    );
}

#[test]
fn policies_do_not_allow_everything_on_everything() {
    let role = |statement: &str| {
        resource(
            "AWS::IAM::Policy",
            &format!("PolicyName: x\nRoles: [r]\nPolicyDocument:\n  Statement: [{{{statement}}}]"),
        )
    };
    assert_eq!(role("Effect: Allow, Action: ['*'], Resource: '*'"), ["0504 error 8:46"]);
    assert_eq!(
        role("Effect: Allow, Action: 's3:*', Resource: '*'"),
        Vec::<String>::new()
    );
    assert_eq!(
        role("Effect: Allow, Action: '*', Resource: 'arn:x'"),
        Vec::<String>::new()
    );
    assert_eq!(role("Effect: Deny, Action: '*', Resource: '*'"), Vec::<String>::new());
    assert_eq!(
        resource(
            "AWS::IAM::Role",
            "AssumeRolePolicyDocument:\n  Statement: [{Effect: Allow, Principal: {AWS: '*'}, Action: 'sts:AssumeRole'}]"
        ),
        ["0508 error 6:37"]
    );
}

#[test]
fn volumes_file_systems_and_databases_are_encrypted() {
    assert_eq!(resource("AWS::EC2::Volume", "AvailabilityZone: a"), ["0505 error 2:3"]);
    assert_eq!(
        resource("AWS::EC2::Volume", "AvailabilityZone: a\nEncrypted: false"),
        ["0505 error 6:18"]
    );
    assert_eq!(
        resource("AWS::EC2::Volume", "AvailabilityZone: a\nEncrypted: 'true'"),
        Vec::<String>::new()
    );
    assert_eq!(
        resource("AWS::EFS::FileSystem", "Encrypted: !Ref AWS::NoValue"),
        ["0505 error 5:18"]
    );
    assert_eq!(resource("AWS::RDS::DBInstance", "Engine: postgres"), ["0505 error 2:3"]);
    assert_eq!(
        resource(
            "AWS::RDS::DBInstance",
            "Engine: aurora-postgresql\nDBClusterIdentifier: c"
        ),
        Vec::<String>::new()
    );
    assert_eq!(
        resource(
            "AWS::EC2::LaunchTemplate",
            "LaunchTemplateData: {BlockDeviceMappings: [{Ebs: {VolumeSize: 8}}]}"
        ),
        ["0505 error 2:3"]
    );
}

#[test]
fn databases_are_neither_public_nor_carry_their_password() {
    assert_eq!(
        resource(
            "AWS::RDS::DBInstance",
            "StorageEncrypted: true\nPubliclyAccessible: true\nMasterUserPassword: hunter22"
        ),
        ["0506 error 6:27", "0507 error 7:27"]
    );
    assert_eq!(
        resource(
            "AWS::RDS::DBInstance",
            "StorageEncrypted: true\nMasterUserPassword: '{{resolve:secretsmanager:x}}'"
        ),
        Vec::<String>::new()
    );
}

#[test]
fn a_finding_is_accepted_with_a_reason_and_only_that_one() {
    let text = |accept: &str| {
        format!(
            "Resources:\n  R:\n    Type: AWS::EC2::SecurityGroup\n    Metadata: {{mlinfra: {{accept: {{{accept}}}}}}}\n    Properties: {{GroupDescription: x, SecurityGroupIngress: [{{IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0}}]}}\n"
        )
    };
    assert_eq!(found(&text("MLI0503: bastion for the auditors")), Vec::<String>::new());
    assert_eq!(found(&text("MLI0503: ''")).len(), 1);
    assert_eq!(found(&text("MLI0505: other")).len(), 1);
}
