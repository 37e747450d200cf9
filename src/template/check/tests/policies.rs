//! Policy documents.

use super::{found, problems, resource};
use crate::diagnostic::Severity;

/// What is found in an identity policy with these statements, which begin on line 9, column 11.
fn identity(statements: &str) -> Vec<String> {
    let indented: String = statements.lines().map(|line| format!("    {line}\n")).collect();
    resource(
        "AWS::IAM::ManagedPolicy",
        &format!("PolicyDocument:\n  Version: '2012-10-17'\n  Statement:\n{indented}"),
    )
}

fn trust(statement: &str) -> Vec<String> {
    resource(
        "AWS::IAM::Role",
        &format!("AssumeRolePolicyDocument:\n  Statement:\n  - {statement}"),
    )
}

#[test]
fn a_good_policy_of_every_kind_says_nothing() {
    assert_eq!(
        identity(
            "- {Sid: A1, Effect: Allow, Action: ['s3:GetObject', 'ec2:Describe*', sts:AssumeRole], Resource: '*'}\n- Effect: Deny\n  NotAction: iam:*\n  NotResource: [arn:aws:s3:::b/*, !Sub 'arn:${AWS::Partition}:s3:::b', !GetAtt B.Arn]\n  Condition:\n    StringEqualsIfExists: {aws:PrincipalTag/team: [a, b]}\n    ForAnyValue:StringLike: {aws:TagKeys: 'x*'}\n    IpAddress: {aws:SourceIp: [10.0.0.0/8, 'fd00::1']}\n    Bool: {aws:SecureTransport: false}\n    DateLessThan: {aws:CurrentTime: '2030-01-31T00:00:00Z'}\n    NumericLessThan: {s3:max-keys: 10}"
        )
        .into_iter()
        .filter(|line| !line.starts_with("0430"))
        .collect::<Vec<_>>(),
        Vec::<String>::new()
    );
    assert_eq!(
        trust(
            "{Sid: '', Effect: Allow, Principal: {Service: [ec2.amazonaws.com], AWS: [111122223333, !Sub 'arn:aws:iam::${AWS::AccountId}:root']}, Action: ['sts:AssumeRole', 'sts:TagSession']}"
        ),
        Vec::<String>::new()
    );
    assert_eq!(
        resource(
            "AWS::S3::BucketPolicy",
            "Bucket: b\nPolicyDocument:\n  Id: x\n  Version: '2008-10-17'\n  Statement: {Effect: Deny, Principal: '*', Action: 's3:*', Resource: ['arn:aws:s3:::b', 'arn:aws:s3:::b/*']}"
        ),
        Vec::<String>::new()
    );
    assert_eq!(
        resource(
            "AWS::ECR::Repository",
            "RepositoryPolicyText:\n  Statement: [{Effect: Allow, Principal: {AWS: '*'}, Action: ecr:BatchGetImage}]"
        ),
        Vec::<String>::new()
    );
}

#[test]
fn the_document_has_a_version_of_the_language_and_statements() {
    assert_eq!(
        resource(
            "AWS::IAM::ManagedPolicy",
            "PolicyDocument:\n  Version: 2024-01-01\n  Statment: []"
        ),
        [
            "0440 5:7 a policy document needs `Statement`",
            "0440 6:18 `Version` of a policy cannot be `2024-01-01`; write `2012-10-17`",
            "0440 7:9 a policy document has no element `Statment`; did you mean `Statement`?",
        ]
    );
    assert_eq!(
        resource("AWS::IAM::ManagedPolicy", "PolicyDocument: {Statement: []}"),
        ["0440 5:24 `Statement` is empty; a policy needs at least one"]
    );
}

#[test]
fn a_statement_has_what_its_kind_of_policy_allows() {
    assert_eq!(
        identity("- {Effect: allow, Actions: 's3:*', Principal: '*', Resource: '*'}"),
        [
            "0441 8:13 a statement of this policy needs `Action` or `NotAction`",
            "0441 8:22 `Effect` must be `Allow` or `Deny`, not `allow`; did you mean `Allow`?",
            "0440 8:29 a policy statement has no element `Actions`; did you mean `Action`?",
            "0441 8:46 `Principal` does not belong into this policy; take `Principal` out",
        ]
    );
    assert_eq!(
        trust("{Effect: Allow, Action: 'sts:AssumeRole', Resource: '*'}"),
        [
            "0441 7:11 a statement of this policy needs `Principal` or `NotPrincipal`",
            "0441 7:53 `Resource` does not belong into this policy; take `Resource` out",
        ]
    );
    assert_eq!(
        trust("{Effect: Allow, Principal: {Service: ec2}, Action: 's3:GetObject'}"),
        [
            "0442 7:48 `ec2` is not a service principal; did you mean `ec2.amazonaws.com`?",
            "0444 7:62 a trust policy allows only actions of `sts`, not `s3:GetObject`",
        ]
    );
    assert_eq!(
        identity(
            "- {Sid: a-b, Effect: Allow, Action: 's3:*', NotAction: 's3:Get*', Resource: []}\n- {Sid: c, Action: 's3:*', Effect: Deny}\n- {Sid: c, Effect: Deny, Action: 's3:*', Resource: x}"
        ),
        [
            "0441 8:13 a statement has either `Action` or `NotAction`, not both",
            "0441 8:19 `Sid` cannot be `a-b`: it takes letters and digits; for example `ab`",
            "0441 8:77 `Resource` is an empty list",
            "0441 9:13 a statement of this policy needs `Resource` or `NotResource`",
            "0441 10:19 two statements of a policy have the `Sid` `c`",
            "0445 10:62 `x` cannot be a resource of a policy: it is neither an ARN nor `*`",
        ]
    );
}

#[test]
fn statements_under_a_condition_are_checked_too() {
    let text = "Conditions: {C: !Equals [!Ref AWS::Region, x]}\nResources:\n  R:\n    Type: AWS::IAM::ManagedPolicy\n    Properties:\n      PolicyDocument:\n        Statement:\n        - !If [C, {Effect: Alow, Action: 's3:*', Resource: '*'}, !Ref AWS::NoValue]\n";
    assert_eq!(
        found(text),
        ["0441 8:28 `Effect` must be `Allow` or `Deny`, not `Alow`; did you mean `Allow`?"]
    );
}

#[test]
fn unknown_actions_are_warnings_with_a_suggestion() {
    assert_eq!(
        identity(
            "- {Effect: Allow, Action: ['s3:GetObjekt', 's4:GetObject', RunInstances, 'ec2:Descripe*'], Resource: '*'}"
        ),
        [
            "0444 8:38 `s3` has no action that fits `s3:GetObjekt`; did you mean `getobject`?",
            "0444 8:54 no service has the prefix `s4` of the action `s4:GetObject`; did you mean `s3`?",
            "0444 8:70 an action is `service:Action` or `*`, not `RunInstances`; did you mean `ec2:RunInstances`?",
            "0444 8:84 `ec2` has no action that fits `ec2:Descripe*`",
        ]
    );
    let text = super::template(
        "AWS::IAM::ManagedPolicy",
        "PolicyDocument: {Statement: [{Effect: Allow, Action: 's3:GetObjekt', Resource: '*'}]}",
    );
    let all = problems(&text);
    let severities: Vec<Severity> = all
        .0
        .iter()
        .filter(|problem| problem.code.0 < 500)
        .map(|p| p.severity)
        .collect();
    assert_eq!(severities, [Severity::Warning]);
}

#[test]
fn resources_are_arns_with_a_partition_and_an_account() {
    assert_eq!(
        identity(
            "- Effect: Allow\n  Action: s3:GetObject\n  Resource:\n  - arn:aws:s3:::b/*\n  - arn:aws:dynamodb:*:123456789012:table/x\n  - arn:aws:*\n  - arn:aww:s3:::b\n  - arn:aws:sqs:us-east-1:12345:q\n  - !Sub 'bucket/${AWS::Region}'\n  - !Sub '${AWS::Region}'"
        ),
        [
            "0445 14:15 `arn:aww:s3:::b` cannot be a resource of a policy: there is no such partition",
            "0445 15:15 `arn:aws:sqs:us-east-1:12345:q` cannot be a resource of a policy: the account id in its ARN has not 12 digits",
            "0445 16:15 a resource of a policy is an ARN or `*`, not `bucket/…`",
        ]
    );
}

#[test]
fn principals_are_known_kinds_and_whole_arns() {
    let found = resource(
        "AWS::S3::BucketPolicy",
        "Bucket: b\nPolicyDocument:\n  Statement:\n  - {Effect: Allow, Principal: ec2.amazonaws.com, Action: 's3:*', Resource: '*'}\n  - {Effect: Allow, Principal: {Aws: '*'}, Action: 's3:*', Resource: '*'}\n  - {Effect: Allow, Principal: {AWS: 'arn:aws:iam::111122223333:role/*'}, Action: 'sqs:*', Resource: '*'}\n  - {Effect: Allow, Principal: {AWS: 1234}, Action: 's3:*', Resource: '*'}",
    );
    assert_eq!(
        found,
        [
            "0442 8:38 `Principal` must be `*` or a mapping of kinds of principals, not `ec2.amazonaws.com`; write `Principal: {Service: ec2.amazonaws.com}`",
            "0442 9:39 `Aws` is not a kind of principal; did you mean `AWS`?",
            "0442 10:44 `arn:aws:iam::111122223333:role/*` cannot be a principal: a wildcard stands for all principals or for none; a condition on `aws:PrincipalArn` takes patterns",
            "0444 10:89 this policy takes only actions of `s3`, not `sqs:*`",
            "0442 11:44 `1234` cannot be a principal: it is neither an account id nor an ARN nor `*`",
        ]
    );
}

#[test]
fn conditions_have_known_operators_and_values_of_their_kind() {
    assert_eq!(
        identity(
            "- Effect: Allow\n  Action: '*'\n  Resource: '*'\n  Condition:\n    StringEqual: {aws:a: b}\n    StringLike: x\n    Bool: {aws:SecureTransport: maybe, mfa: true}\n    IpAddress: {aws:SourceIp: [10.0.0.0/33, '${aws:x}']}\n    NumericEquals: {s3:max-keys: ten}\n    DateLessThan: {aws:CurrentTime: tomorrow}"
        ),
        [
            "0443 12:15 there is no condition operator `StringEqual`; did you mean `StringEquals`?",
            "0443 13:15 `StringLike` must map keys to values, not be a string; for example `StringLike: {\"aws:PrincipalOrgID\": o-a1b2c3d4e5}`",
            "0443 14:43 `Bool` compares with true or false, not with `maybe`",
            "0443 14:50 `mfa` is not a condition key: it has no prefix; keys begin with `aws:` or the prefix of a service, such as `s3:`",
            "0443 15:42 `IpAddress` compares with an address or a CIDR block, not with `10.0.0.0/33`",
            "0443 16:44 `NumericEquals` compares with a number, not with `ten`",
            "0443 17:47 `DateLessThan` compares with a date such as `2030-01-31T00:00:00Z`, not with `tomorrow`",
        ]
    );
}

#[test]
fn policies_are_not_larger_than_iam_takes() {
    let statement = |count: usize| -> String {
        (0..count)
            .map(|n| format!("- {{Effect: Allow, Action: 's3:*', Resource: 'arn:aws:s3:::{n:040}'}}\n"))
            .collect()
    };
    assert_eq!(identity(&statement(50)), Vec::<String>::new());
    let found = identity(&statement(60));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("a managed policy may have 6144 characters"),
        "{found:?}"
    );
}
