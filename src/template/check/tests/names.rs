//! Names, tags, dynamic references, schedules.

use super::{found, resource};

#[test]
fn names_that_a_service_would_refuse() {
    for (kind, properties, why) in [
        (
            "AWS::S3::Bucket",
            "BucketName: 192.168.0.1",
            "must not look like an address",
        ),
        ("AWS::S3::Bucket", "BucketName: data--x-s3", "for itself"),
        (
            "AWS::EC2::SecurityGroup",
            "GroupDescription: x\nGroupName: sg-web",
            "`sg-`",
        ),
        (
            "AWS::KMS::Alias",
            "AliasName: alias/aws/mine\nTargetKeyId: x",
            "belong to AWS",
        ),
        (
            "AWS::SSM::Parameter",
            "Name: /aws/mine\nType: String\nValue: x",
            "belong to AWS",
        ),
        (
            "AWS::SNS::Topic",
            "TopicName: orders\nFifoTopic: true",
            "ends with `.fifo`",
        ),
        ("AWS::SNS::Topic", "TopicName: orders.fifo", "FifoTopic: true"),
    ] {
        let found = resource(kind, properties);
        let named: Vec<&String> = found.iter().filter(|line| line.starts_with("0452")).collect();
        assert!(named.len() == 1 && named[0].contains(why), "{properties}: {found:?}");
    }
    let role = format!(
        "AssumeRolePolicyDocument: {{Statement: [{{Effect: Allow, Principal: '*', Action: 'sts:AssumeRole'}}]}}\nRoleName: {}",
        "r".repeat(65)
    );
    assert!(resource("AWS::IAM::Role", &role)[0].contains("64"));
    assert_eq!(
        resource("AWS::SSM::Parameter", "Name: /awesome/x\nType: String\nValue: x"),
        Vec::<String>::new()
    );
}

#[test]
fn two_resources_do_not_have_one_name() {
    let queues = |second: &str| {
        format!(
            "Resources:\n  A: {{Type: AWS::S3::Bucket, Properties: {{BucketName: !Sub '${{AWS::Region}}-data'}}}}\n  B: {{Type: AWS::S3::Bucket, Properties: {{BucketName: !Sub '{second}'}}}}\n"
        )
    };
    assert_eq!(found(&queues("${AWS::Region}-logs")), Vec::<String>::new());
    assert_eq!(
        found(&queues("${AWS::Region}-data")),
        ["0455 3:55 `A` and `B` have the same `BucketName`"]
    );
}

#[test]
fn tags_are_not_given_twice_and_leave_aws_its_own() {
    assert_eq!(
        resource(
            "AWS::SNS::Topic",
            "Tags: [{Key: aws:x, Value: a}, {Key: team, Value: a}, {Key: team, Value: b}, {Key: Team, Value: b}]"
        ),
        [
            "0451 5:20 the tag `aws:x` begins with `aws:`, which AWS keeps for itself",
            "0451 5:67 the tag `team` is given twice",
        ]
    );
    let many: String = (0..51).map(|n| format!("- {{Key: k{n}, Value: v}}\n")).collect();
    assert_eq!(
        resource("AWS::SNS::Topic", &format!("Tags:\n{many}")),
        ["0451 5:7 a resource has at most 50 tags; this one has 51"]
    );
    let long = format!("Tags: [{{Key: {}, Value: {}}}]", "k".repeat(129), "v".repeat(257));
    assert_eq!(resource("AWS::SNS::Topic", &long).len(), 2);
}

#[test]
fn dynamic_references_name_a_service_and_all_parts() {
    for (reference, why) in [
        ("{{resolve:smm:/a}}", "values come from"),
        ("{{resolve:ssm:}}", "missing"),
        ("{{resolve:ssm:/a:latest}}", "is a number"),
        ("{{resolve:ssm-secure:/a:1:x}}", "nothing follows"),
        ("{{resolve:secretsmanager:db:Secret:password}}", "SecretString"),
        (
            "{{resolve:secretsmanager:db:SecretString:password:AWSCURRENT:id}}",
            "one of them",
        ),
    ] {
        let found = resource("AWS::IAM::User", &format!("LoginProfile: {{Password: '{reference}'}}"));
        assert!(
            found.len() == 1 && found[0].starts_with("0454") && found[0].contains(why),
            "{reference}: {found:?}"
        );
    }
    for good in [
        "{{resolve:ssm:/a/b}}",
        "{{resolve:ssm:a:3}}",
        "x{{resolve:secretsmanager:arn:aws:secretsmanager:us-east-1:111122223333:secret:db-a1:SecretString:password}}",
        "{{resolve:secretsmanager:db:SecretString:password::}}",
        "{{resolve:secretsmanager:db}}",
    ] {
        assert_eq!(
            resource("AWS::IAM::User", &format!("LoginProfile: {{Password: '{good}'}}")),
            Vec::<String>::new(),
            "{good}"
        );
    }
}

#[test]
fn schedules_follow_the_grammar_of_eventbridge() {
    for (schedule, why) in [
        ("rate(1 minutes)", "after 1 the unit is"),
        ("rate(5 minute)", "after more than 1"),
        ("rate(0 days)", "whole and positive"),
        ("cron(0 12 * *)", "six fields"),
        ("cron(0 12 * * * *)", "is `?`"),
    ] {
        let found = resource("AWS::Events::Rule", &format!("ScheduleExpression: {schedule}"));
        assert!(
            found.len() == 1 && found[0].starts_with("0457") && found[0].contains(why),
            "{schedule}: {found:?}"
        );
    }
    for good in ["rate(1 minute)", "rate(12 hours)", "cron(0/15 8 ? * MON-FRI *)"] {
        assert_eq!(
            resource("AWS::Events::Rule", &format!("ScheduleExpression: {good}")),
            Vec::<String>::new()
        );
    }
}
