//! Intrinsic functions, conditions, parameters, dynamic references.

use super::*;

/// The value that an output gets.
fn value(expression: &str) -> String {
    let mut account = Account::new();
    let template = format!(
        r#"
Transform: AWS::LanguageExtensions
Parameters:
  List: {{Type: CommaDelimitedList, Default: "a, b,c"}}
  Size: {{Type: Number, Default: 3}}
  Image: {{Type: 'AWS::SSM::Parameter::Value<String>', Default: /ami}}
Mappings:
  Regions: {{us-east-1: {{Zone: Z1, Many: [x, y]}}}}
Conditions:
  Big: !Not [!Equals [!Ref Size, 3]]
  Small: !And [!Equals [!Ref Size, '3'], !Not [!Condition Big]]
Resources:
  Topic: {{Type: AWS::SNS::Topic, Properties: {{TopicName: news}}}}
  Never: {{Type: AWS::SNS::Topic, Condition: Big}}
Outputs:
  Value: {{Value: {expression}}}
"#
    );
    account.ok(
        "CreateStack",
        &[
            ("StackName", "s"),
            ("TemplateBody", &template),
            ("Capabilities.member.1", "CAPABILITY_AUTO_EXPAND"),
        ],
    );
    account.settle();
    assert_eq!(account.status("s"), "CREATE_COMPLETE", "{:#?}", account.events("s"));
    account.output("s", "Value")
}

#[test]
fn every_intrinsic_function_gives_what_its_page_says() {
    for (expression, expected) in [
        ("!Ref Topic", "arn:aws:sns:us-east-1:111122223333:news"),
        ("!GetAtt Topic.TopicName", "news"),
        (
            "!Sub '${AWS::Region}/${Topic.TopicName}/${!Literal}'",
            "us-east-1/news/${Literal}",
        ),
        ("!Sub ['${X}-${AWS::StackName}', {X: !Ref Size}]", "3-s"),
        ("!Join ['-', !Ref List]", "a-b-c"),
        ("!Select [1, !Ref List]", "b"),
        ("!Select [1, !Split ['/', a/b/c]]", "b"),
        ("!If [Small, yes, no]", "yes"),
        (
            "!If [Big, !Ref Size, !Join ['', [x, !If [Big, y, !Ref 'AWS::NoValue']]]]",
            "x",
        ),
        ("!FindInMap [Regions, !Ref 'AWS::Region', Zone]", "Z1"),
        ("!FindInMap [Regions, mars, Zone, {DefaultValue: none}]", "none"),
        ("!Select [1, !FindInMap [Regions, us-east-1, Many]]", "y"),
        ("!Base64 hello", "aGVsbG8="),
        ("!Select [2, !Cidr [10.0.0.0/16, 3, 8]]", "10.0.2.0/24"),
        ("!Select [0, !GetAZs '']", "us-east-1a"),
        (
            "!Sub '${AWS::AccountId}.${AWS::Partition}.${AWS::URLSuffix}'",
            "111122223333.aws.amazonaws.com",
        ),
        ("{'Fn::Length': !Ref List}", "3"),
        ("{'Fn::ToJsonString': {a: 1}}", r#"{"a":1}"#),
        ("!Ref Image", "ami-0123456789abcdef0"),
    ] {
        assert_eq!(value(expression), expected, "{expression}");
    }
}

#[test]
fn a_condition_decides_whether_a_resource_exists() {
    let mut account = Account::new();
    let template = "Parameters: {On: {Type: String, Default: 'no'}}\nConditions: {Yes: !Equals [!Ref On, 'yes']}\nResources:\n  A: {Type: AWS::SNS::Topic}\n  B: {Type: AWS::SNS::Topic, Condition: Yes}\n";
    account.create("s", template);
    assert_eq!(
        all(
            &account.ok("ListStackResources", &[("StackName", "s")]),
            "LogicalResourceId"
        ),
        ["A"]
    );
    account.ok(
        "UpdateStack",
        &[
            ("StackName", "s"),
            ("UsePreviousTemplate", "true"),
            ("Parameters.member.1.ParameterKey", "On"),
            ("Parameters.member.1.ParameterValue", "yes"),
        ],
    );
    account.settle();
    assert_eq!(
        all(
            &account.ok("ListStackResources", &[("StackName", "s")]),
            "LogicalResourceId"
        ),
        ["A", "B"]
    );
}

#[test]
fn dynamic_references_reach_the_service_and_never_the_answers() {
    struct Ear(Vec<String>);
    impl World for Ear {
        fn lookup(&mut self, lookup: &Lookup) -> Result<String, String> {
            Shelf.lookup(lookup)
        }
        fn create(
            &mut self,
            request: &crate::sandbox::cloudformation::ResourceRequest<'_>,
        ) -> Result<crate::sandbox::cloudformation::Physical, String> {
            self.0.push(request.properties.to_string());
            Pretend.create(request)
        }
    }
    let mut ear = Ear(Vec::new());
    let mut account = Account::new();
    let template = r#"{"Resources":{"T":{"Type":"AWS::SNS::Topic","Properties":{"DisplayName":"{{resolve:secretsmanager:db:SecretString:password}}/{{resolve:ssm:/ami}}"}}}}"#;
    account.ok("CreateStack", &[("StackName", "s"), ("TemplateBody", template)]);
    account.service.advance(account.now + MINUTE, &mut ear);
    assert_eq!(ear.0, [r#"{"DisplayName":"hunter2/ami-0123456789abcdef0"}"#]);
    let events = account.ok("DescribeStackEvents", &[("StackName", "s")]);
    assert!(!events.contains("hunter2") && events.contains("{{resolve:secretsmanager"));
}

#[test]
fn a_property_that_does_not_exist_fails_the_resource() {
    let mut account = Account::new();
    account.create(
        "s",
        r#"{"Resources":{"A":{"Type":"AWS::SNS::Topic","Properties":{"Colour":"red"}}}}"#,
    );
    assert_eq!(account.status("s"), "ROLLBACK_COMPLETE");
    let events = account.events("s");
    assert!(events.iter().any(|event| event == "A CREATE_FAILED Properties validation failed for resource A with message:\n[#: extraneous key [Colour] is not permitted]"), "{events:#?}");
}

#[test]
fn previous_values_and_the_previous_template_are_used_when_asked_for() {
    let mut account = Account::new();
    let template = r#"{"Parameters":{"P":{"Type":"String"},"Q":{"Type":"String","Default":"q"}},"Resources":{"A":{"Type":"AWS::SNS::Topic","Properties":{"DisplayName":{"Fn::Sub":"${P}-${Q}"}}}}}"#;
    account.ok(
        "CreateStack",
        &[
            ("StackName", "s"),
            ("TemplateBody", template),
            ("Parameters.member.1.ParameterKey", "P"),
            ("Parameters.member.1.ParameterValue", "kept"),
        ],
    );
    account.settle();
    account.ok(
        "UpdateStack",
        &[
            ("StackName", "s"),
            ("UsePreviousTemplate", "true"),
            ("Parameters.member.1.ParameterKey", "P"),
            ("Parameters.member.1.UsePreviousValue", "true"),
            ("Parameters.member.2.ParameterKey", "Q"),
            ("Parameters.member.2.ParameterValue", "new"),
        ],
    );
    account.settle();
    let events = account.ok("DescribeStackEvents", &[("StackName", "s")]);
    assert!(events.contains("kept-new"), "{events}");
}
