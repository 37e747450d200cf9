//! What is refused, and in which words.

use super::*;

fn refusal(template: &str) -> String {
    Account::new()
        .refused("CreateStack", &[("StackName", "s"), ("TemplateBody", template)])
        .1
}

#[test]
fn an_action_that_is_not_simulated_is_refused_by_name() {
    let refused = Account::new().refused("CreateStackSet", &[]);
    assert!(refused.1.contains("CreateStackSet"), "{refused:?}");
}

#[test]
fn templates_that_cannot_be_are_refused_in_cloudformations_words() {
    for (template, message) in [
        (
            r#"{"Resources":{"A":{"Type":"AWS::No::Such"}}}"#,
            "Template format error: Unrecognized resource types: [AWS::No::Such]",
        ),
        (
            r#"{"Resources":{}}"#,
            "Template format error: At least one Resources member must be defined.",
        ),
        (
            r#"{"Resource":{},"Resources":{"A":{"Type":"AWS::SNS::Topic"}}}"#,
            "Invalid template property or properties [Resource]",
        ),
        (
            r#"{"Resources":{"A":{"Type":"AWS::SNS::Topic","Properties":{"DisplayName":{"Ref":"B"}}}}}"#,
            "Template format error: Unresolved resource dependencies [B] in the Resources block of the template",
        ),
        (
            r#"{"Resources":{"A":{"Type":"AWS::SNS::Topic","Colour":1}}}"#,
            "Invalid template resource property 'Colour'",
        ),
        (
            r#"{"Resources":{"A":{"Type":"AWS::SNS::Topic","DependsOn":"B"},"B":{"Type":"AWS::SNS::Topic","DependsOn":"A"}}}"#,
            "Circular dependency between resources: [A, B]",
        ),
        (
            r#"{"Resources":{"A":{"Type":"AWS::SNS::Topic"}},"Outputs":{"O":{"Value":{"Fn::GetAtt":["A","Colour"]}}}}"#,
            "Template error: resource A does not support attribute type Colour in Fn::GetAtt",
        ),
        (
            r#"{"Transform":"Own::Macro","Resources":{"A":{"Type":"AWS::SNS::Topic"}}}"#,
            "No transform named Own::Macro found.",
        ),
    ] {
        assert_eq!(refusal(template), message, "{template}");
    }
}

#[test]
fn parameters_are_held_against_their_declarations() {
    let template = |declaration: &str| {
        format!(
            r#"{{"Parameters":{{"P":{declaration}}},"Resources":{{"A":{{"Type":"AWS::SNS::Topic","Properties":{{"DisplayName":{{"Ref":"P"}}}}}}}}}}"#
        )
    };
    let refused = |declaration: &str, value: Option<&str>| {
        let template = template(declaration);
        let mut fields = vec![("StackName", "s"), ("TemplateBody", template.as_str())];
        if let Some(value) = value {
            fields.extend([
                ("Parameters.member.1.ParameterKey", "P"),
                ("Parameters.member.1.ParameterValue", value),
            ]);
        }
        Account::new().refused("CreateStack", &fields).1
    };
    assert_eq!(
        refused(r#"{"Type":"String"}"#, None),
        "Parameters: [P] must have values"
    );
    assert_eq!(
        refused(r#"{"Type":"Number"}"#, Some("x")),
        "Parameter 'P' must be a number."
    );
    assert_eq!(
        refused(r#"{"Type":"String","AllowedValues":["a","b"]}"#, Some("c")),
        "Parameter 'P' must be one of AllowedValues [a, b]"
    );
    assert_eq!(
        refused(r#"{"Type":"String","AllowedPattern":"[a-z]+"}"#, Some("C")),
        "Parameter 'P' must match pattern [a-z]+"
    );
    assert_eq!(
        refused(
            r#"{"Type":"String","MinLength":3,"ConstraintDescription":"three letters"}"#,
            Some("C")
        ),
        "Parameter P failed to satisfy constraint: three letters"
    );
    assert!(refused(r#"{"Type":"String"}"#, Some(&"x".repeat(4097))).contains("4096"));
    let unknown = Account::new().refused(
        "CreateStack",
        &[
            ("StackName", "s"),
            ("TemplateBody", BUCKET),
            ("Parameters.member.1.ParameterKey", "Q"),
            ("Parameters.member.1.ParameterValue", "1"),
        ],
    );
    assert_eq!(unknown.1, "Parameters: [Q] do not exist in the template");
}

#[test]
fn a_template_over_51200_bytes_goes_through_s3_only() {
    let mut account = Account::new();
    let big = format!("{BUCKET}{}", " ".repeat(60_000));
    let refused = account.refused("CreateStack", &[("StackName", "s"), ("TemplateBody", &big)]);
    assert!(
        refused.1.ends_with(
            "'templateBody' failed to satisfy constraint: Member must have length less than or equal to 51200"
        ),
        "{refused:?}"
    );
    account.ok(
        "CreateStack",
        &[
            ("StackName", "s"),
            ("TemplateURL", "https://bucket.s3.amazonaws.com/big.json"),
        ],
    );
}

#[test]
fn more_than_500_resources_are_refused() {
    let resources: Vec<String> = (0..501)
        .map(|i| format!(r#""T{i}":{{"Type":"AWS::SNS::Topic"}}"#))
        .collect();
    let message = refusal(&format!(r#"{{"Resources":{{{}}}}}"#, resources.join(",")));
    assert_eq!(
        message,
        "Template format error: Number of resources, 501, is greater than maximum allowed, 500"
    );
}

#[test]
fn names_and_tags_have_limits() {
    let mut account = Account::new();
    let refused = account.refused("CreateStack", &[("StackName", "1st"), ("TemplateBody", BUCKET)]);
    assert!(
        refused
            .1
            .contains("'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern"),
        "{refused:?}"
    );
    let refused = account.refused(
        "CreateStack",
        &[
            ("StackName", "s"),
            ("TemplateBody", BUCKET),
            ("Tags.member.1.Key", "aws:x"),
            ("Tags.member.1.Value", "1"),
        ],
    );
    assert!(refused.1.contains("aws: prefixed"), "{refused:?}");
    let refused = account.refused("CreateStack", &[("TemplateBody", BUCKET)]);
    assert!(
        refused
            .1
            .contains("'stackName' failed to satisfy constraint: Member must not be null"),
        "{refused:?}"
    );
}

#[test]
fn an_error_answer_has_the_shape_of_the_query_protocol() {
    let reply = Account::new().call("DescribeStacks", &[("StackName", "<x>")]);
    assert_eq!(reply.status, 400);
    assert!(reply.body.starts_with(r#"<ErrorResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id &lt;x&gt; does not exist</Message></Error><RequestId>"#), "{}", reply.body);
}

#[test]
fn snapshots_are_taken_of_what_has_them_only() {
    for (policy, words) in [
        ("DeletionPolicy", "deletion policy"),
        ("UpdateReplacePolicy", "update replace policy"),
    ] {
        let with = |kind: &str| format!(r#"{{"Resources":{{"A":{{"Type":"{kind}","{policy}":"Snapshot"}}}}}}"#);
        assert_eq!(
            refusal(&with("AWS::S3::Bucket")),
            format!("Template error: resource type AWS::S3::Bucket does not support {words} Snapshot")
        );
        for kind in ["AWS::EC2::Volume", "AWS::RDS::DBInstance", "AWS::RDS::DBCluster"] {
            Account::new().create("s", &with(kind));
        }
    }
}
