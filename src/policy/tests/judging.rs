//! What is judged, and what is not.

use super::found;

#[test]
fn both_branches_of_a_condition_are_looked_at() {
    let volume = |encrypted: &str| {
        found(&format!(
            "Resources:\n  V:\n    Type: AWS::EC2::Volume\n    Properties:\n      AvailabilityZone: a\n      Encrypted: {encrypted}\n"
        ))
    };
    assert_eq!(volume("!If [C, true, true]"), Vec::<String>::new());
    assert_eq!(
        volume("!If [C, true, !If [D, 'false', true]]"),
        ["0505 error 6:40 the volume `V` is not encrypted"]
    );
    assert_eq!(
        volume("!If [C, true, !Ref AWS::NoValue]"),
        ["0505 error 2:3 the volume `V` is not encrypted"]
    );
}

#[test]
fn what_only_aws_knows_is_not_judged() {
    let volume = |encrypted: &str| {
        found(&format!(
            "Resources:\n  V:\n    Type: AWS::EC2::Volume\n    Properties:\n      AvailabilityZone: a\n      Encrypted: {encrypted}\n"
        ))
    };
    for unknown in [
        "!Ref P",
        "!ImportValue x",
        "!FindInMap [a, b, c]",
        "'{{resolve:ssm:x}}'",
    ] {
        assert_eq!(volume(unknown), Vec::<String>::new(), "{unknown}");
    }
    let group = "Resources:\n  G:\n    Type: AWS::EC2::SecurityGroup\n    Properties:\n      GroupDescription: x\n      SecurityGroupIngress: [{IpProtocol: tcp, FromPort: !Ref P, ToPort: !Ref P, CidrIp: 0.0.0.0/0}]\n";
    assert_eq!(found(group), Vec::<String>::new());
    let properties =
        "Resources:\n  V:\n    Type: AWS::EC2::Volume\n    Properties: {'Fn::Transform': {Name: M}, Size: 1}\n";
    assert_eq!(found(properties), Vec::<String>::new());
}

#[test]
fn what_inherits_from_another_resource_is_not_judged_by_itself() {
    let database = |properties: &str| {
        found(&format!(
            "Resources:\n  D:\n    Type: AWS::RDS::DBInstance\n    Properties: {{{properties}}}\n"
        ))
    };
    assert_eq!(database("Engine: postgres").len(), 1);
    for inherited in [
        "Engine: aurora-postgresql, DBClusterIdentifier: c",
        "DBSnapshotIdentifier: s",
        "SourceDBInstanceIdentifier: d",
    ] {
        assert_eq!(database(inherited), Vec::<String>::new(), "{inherited}");
    }
}

#[test]
fn a_bucket_policy_may_refuse_everybody_and_let_in_some_under_a_condition() {
    let policy = |statement: &str| {
        found(&format!(
            "Resources:\n  P:\n    Type: AWS::S3::BucketPolicy\n    Properties:\n      Bucket: x\n      PolicyDocument:\n        Statement: {{{statement}}}\n"
        ))
    };
    assert_eq!(
        policy("Effect: Allow, Principal: '*', Action: 's3:GetObject', Resource: x").len(),
        1
    );
    assert_eq!(
        policy("Effect: Allow, Principal: {AWS: ['*']}, Action: 's3:*', Resource: x").len(),
        1
    );
    assert_eq!(
        policy("Effect: Deny, Principal: '*', Action: 's3:*', Resource: x").len(),
        0
    );
    let condition = "Effect: Allow, Principal: '*', Action: 's3:*', Resource: x, Condition: {StringEquals: {aws:PrincipalOrgID: o}}";
    assert_eq!(policy(condition).len(), 0);
}

#[test]
fn a_port_is_told_once_and_by_the_rule_that_knows_it_best() {
    let group = |rule: &str| {
        found(&format!(
            "Resources:\n  G:\n    Type: AWS::EC2::SecurityGroup\n    Properties:\n      GroupDescription: x\n      SecurityGroupIngress: [{{{rule}}}]\n"
        ))
    };
    let codes = |rule: &str| -> Vec<String> { group(rule).iter().map(|line| line[..4].to_owned()).collect() };
    assert_eq!(
        codes("IpProtocol: tcp, FromPort: 20, ToPort: 25, CidrIp: 0.0.0.0/0"),
        ["0509"]
    );
    assert_eq!(
        codes("IpProtocol: tcp, FromPort: 22, ToPort: 3306, CidrIp: 0.0.0.0/0"),
        ["0509"]
    );
    assert_eq!(
        codes("IpProtocol: tcp, FromPort: 3300, ToPort: 3310, CidrIp: 0.0.0.0/0"),
        ["0510"]
    );
    assert_eq!(
        codes("IpProtocol: tcp, FromPort: 0, ToPort: 65535, CidrIp: 0.0.0.0/0"),
        ["0503"]
    );
    assert_eq!(codes("IpProtocol: -1, CidrIpv6: '::/0'"), ["0503"]);
    for fine in [
        "IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 0.0.0.0/0",
        "IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 10.0.0.0/8",
        "IpProtocol: icmp, FromPort: -1, ToPort: -1, CidrIp: 0.0.0.0/0",
    ] {
        assert_eq!(codes(fine), Vec::<String>::new(), "{fine}");
    }
}

#[test]
fn a_role_may_trust_a_provider_of_ones_own_without_naming_a_subject() {
    let role = |federated: &str, key: &str| {
        found(&format!(
            "Resources:\n  R:\n    Type: AWS::IAM::Role\n    Properties:\n      AssumeRolePolicyDocument:\n        Statement:\n          - Effect: Allow\n            Principal: {{Federated: {federated}}}\n            Action: sts:AssumeRoleWithWebIdentity\n            Condition: {{StringEquals: {{'{key}': x}}}}\n"
        ))
        .len()
    };
    let github = "token.actions.githubusercontent.com";
    assert_eq!(
        role(
            &format!("arn:aws:iam::1:oidc-provider/{github}"),
            &format!("{github}:aud")
        ),
        1
    );
    assert_eq!(role("!GetAtt Provider.Arn", &format!("{github}:aud")), 1);
    assert_eq!(role("!GetAtt Provider.Arn", &format!("{github}:sub")), 0);
    assert_eq!(
        role("arn:aws:iam::1:oidc-provider/acme.okta.com", "acme.okta.com:aud"),
        0
    );
    assert_eq!(
        role("cognito-identity.amazonaws.com", "cognito-identity.amazonaws.com:aud"),
        0
    );
}

#[test]
fn actions_count_only_for_the_resources_that_they_are_about() {
    let policy = |statement: &str| {
        found(&format!(
            "Resources:\n  P:\n    Type: AWS::IAM::ManagedPolicy\n    Properties:\n      PolicyDocument:\n        Statement: [{{Effect: Allow, {statement}}}]\n"
        ))
    };
    assert_eq!(
        policy("Action: ['iam:PassRole'], Resource: ['arn:aws:logs:*:*:*']"),
        Vec::<String>::new()
    );
    assert_eq!(policy("Action: ['iam:Pass*'], Resource: ['arn:aws:iam::1:*']").len(), 1);
    assert_eq!(
        policy("Action: ['iam:PutRolePolicy'], Resource: ['arn:aws:iam::1:role/app']"),
        Vec::<String>::new()
    );
    let bounded =
        "Action: ['iam:PutRolePolicy'], Resource: '*', Condition: {StringEquals: {'iam:PermissionsBoundary': x}}";
    assert_eq!(policy(bounded), Vec::<String>::new());
    assert_eq!(policy("Action: '*', Resource: '*'").len(), 1, "told once");
}

#[test]
fn what_a_macro_may_add_is_not_missed() {
    let topic = |transform: &str| found(&format!("{transform}Resources:\n  T: {{Type: AWS::SNS::Topic}}\n")).len();
    assert_eq!(topic(""), 1);
    assert_eq!(topic("Transform: AWS::Serverless-2016-10-31\n"), 1);
    assert_eq!(topic("Transform: [AWS::Serverless-2016-10-31, EncryptEverything]\n"), 0);
}
