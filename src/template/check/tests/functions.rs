//! What functions give, and what stands in texts.

use super::{found, problems, with};
use crate::diagnostic::{Severity, codes};

/// A template with these parameters and one resource with these properties.
fn of(parameters: &str, kind: &str, properties: &str) -> String {
    format!(
        "Parameters: {{{parameters}}}\nResources:\n  R:\n    Type: {kind}\n    Properties:\n      {properties}\nOutputs:\n  All: {{Value: !Join ['', [!Ref R]]}}\n"
    )
}

#[test]
fn a_list_cannot_stand_where_one_value_is_wanted() {
    let text = of(
        "P: {Type: CommaDelimitedList}",
        "AWS::SNS::Topic",
        "{TopicName: !Ref P, DisplayName: !Split [',', a]}",
    );
    assert_eq!(
        found(&text),
        [
            "0470 6:19 `TopicName` must be a string, and `Ref` gives a list; `!Select [0, …]` takes one item, `!Join [',', …]` makes one string of all",
            "0470 6:40 `DisplayName` must be a string, and `Fn::Split` gives a list; `!Select [0, …]` takes one item, `!Join [',', …]` makes one string of all",
        ]
    );
}

#[test]
fn one_value_cannot_stand_where_a_list_is_wanted() {
    let text = of(
        "P: {Type: 'AWS::EC2::Subnet::Id'}",
        "AWS::RDS::DBSubnetGroup",
        "{DBSubnetGroupDescription: x, SubnetIds: !Ref P}",
    );
    assert_eq!(
        found(&text),
        [
            "0470 6:48 `SubnetIds` must be a list, and `Ref` gives a string; `[!Ref P]` is a list of one; for several declare it as `CommaDelimitedList`"
        ]
    );
}

#[test]
fn what_ssm_looks_up_is_what_its_type_says() {
    let with_type = |kind: &str| {
        of(
            &format!("P: {{Type: '{kind}', Default: /p}}"),
            "AWS::RDS::DBSubnetGroup",
            "{DBSubnetGroupDescription: x, SubnetIds: !Ref P}",
        )
    };
    assert!(found(&with_type("AWS::SSM::Parameter::Value<List<AWS::EC2::Subnet::Id>>")).is_empty());
    assert!(found(&with_type("AWS::SSM::Parameter::Value<CommaDelimitedList>")).is_empty());
    assert_eq!(found(&with_type("AWS::SSM::Parameter::Value<String>")).len(), 1);
}

#[test]
fn a_condition_is_no_value() {
    let text = of(
        "P: {Type: String}",
        "AWS::SQS::Queue",
        "{FifoQueue: !Equals [!Ref P, a]}",
    );
    assert_eq!(
        found(&text),
        [
            "0470 6:19 `FifoQueue` must be true or false, and `Fn::Equals` gives the truth of a condition; name the condition in `Conditions` and choose by `!If [Name, true, false]`"
        ]
    );
}

#[test]
fn an_attribute_gives_what_its_schema_says() {
    let text = "Resources:\n  Zone: {Type: AWS::Route53::HostedZone, Properties: {Name: example.com}}\n  T: {Type: AWS::SNS::Topic, Properties: {TopicName: !GetAtt Zone.NameServers, DisplayName: !GetAtt Zone.Id}}\n  N: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Join ['', !GetAtt Zone.NameServers]}}\n";
    assert_eq!(
        found(text),
        [
            "0470 3:54 `TopicName` must be a string, and `Fn::GetAtt` gives a list; `!Select [0, …]` takes one item, `!Join [',', …]` makes one string of all"
        ]
    );
}

#[test]
fn the_arguments_of_functions_are_values_and_lists_as_each_wants_them() {
    let outputs = "Parameters:\n  L: {Type: CommaDelimitedList}\n  S: {Type: String}\nOutputs:\n  A: {Value: !Join [',', !Ref S]}\n  B: {Value: !Join [',', [!Ref L, [x], {y: z}]]}\n  C: {Value: !Select [first, !Ref L]}\n  D: {Value: !Select [0, !Ref S]}\n  E: {Value: !Join ['', !Split [',', !Ref L]]}\n  F: {Value: !Sub ['${V}', {V: !Ref L}]}\n  G: {Value: !Select [0, !Cidr [10.0.0.0, 300, 8]]}\n  H: {Value: !Join [!Ref S, !Ref L]}\n  I: {Value: !Select [-1, !Ref L]}\n";
    assert_eq!(
        found(&with(outputs)),
        [
            "0470 5:26 what `Fn::Join` joins must be a list, and `Ref` gives a string; `[!Ref S]` is a list of one; for several declare it as `CommaDelimitedList`",
            "0470 6:27 an item of `Fn::Join` must be one value, and `Ref` gives a list; `!Select [0, …]` takes one item, `!Join [',', …]` makes one string of all",
            "0470 6:35 an item of `Fn::Join` must be one value, not a list",
            "0470 6:40 an item of `Fn::Join` must be one value, not a mapping",
            "0435 7:23 the index of `Fn::Select` must be a whole number from 0 on",
            "0470 8:26 what `Fn::Select` takes from must be a list, and `Ref` gives a string; `[!Ref S]` is a list of one; for several declare it as `CommaDelimitedList`",
            "0470 9:38 what `Fn::Split` splits must be one value, and `Ref` gives a list; `!Select [0, …]` takes one item, `!Join [',', …]` makes one string of all",
            "0470 10:32 the variable `V` of `Fn::Sub` must be one value, and `Ref` gives a list; `!Select [0, …]` takes one item, `!Join [',', …]` makes one string of all",
            "0435 11:33 `Fn::Cidr` cannot divide `10.0.0.0`; a block has a prefix length, as in `10.0.0.0/16`",
            "0435 11:43 the count of `Fn::Cidr` must be from 1 to 256",
            "0435 12:14 `Fn::Join` needs a delimiter that is written out; write `!Join [delimiter, [value, …]]`",
            "0435 13:23 the index of `Fn::Select` must be a whole number from 0 on",
        ]
    );
}

#[test]
fn a_mapping_is_not_looked_up_by_what_a_resource_gives() {
    let text = "Mappings:\n  M: {a: {b: c}}\nOutputs:\n  A: {Value: !FindInMap [M, !Ref Topic, b]}\n";
    assert_eq!(
        found(&with(text)),
        ["0435 4:29 `Fn::FindInMap` cannot look up what a resource gives"]
    );
}

#[test]
fn the_text_of_a_function_with_keys_beside_it_is_not_told_to_lack_that_function() {
    let text = of(
        "P: {Type: String}",
        "AWS::SNS::Topic",
        "{TopicName: {'Fn::Sub': 'x-${AWS::Region}', Extra: 1}}",
    );
    let found = found(&text);
    let told = |code: &str| found.iter().any(|line| line.starts_with(code));
    assert!(told("0435") && !told("0473"), "{found:?}");
}

#[test]
fn a_variable_in_a_text_needs_sub() {
    let text = of(
        "P: {Type: String}",
        "AWS::SNS::Topic",
        "{TopicName: 'x-${AWS::Region}', DisplayName: 'x ${P} ${other}', Tags: [{Key: a, Value: !Sub '${P}'}]}",
    );
    assert_eq!(
        found(&text),
        [
            "0473 6:19 `${AWS::Region}` stays as it is, because `Fn::Sub` does not read this text; write `!Sub` before it",
            "0473 6:52 `${P}` stays as it is, because `Fn::Sub` does not read this text; write `!Sub` before it",
        ]
    );
}

#[test]
fn a_pseudo_parameter_in_a_text_is_an_error_and_a_declared_name_a_warning() {
    let severity = |text: &str| {
        let all = problems(&of(
            "P: {Type: String}",
            "AWS::SNS::Topic",
            &format!("{{DisplayName: '{text}', TopicName: !Ref P}}"),
        ));
        let found = all.0.into_iter().find(|problem| problem.code == codes::MISSING_SUB);
        found.map(|problem| problem.severity)
    };
    assert_eq!(severity("${AWS::Region}"), Some(Severity::Error));
    assert_eq!(severity("${P}"), Some(Severity::Warning));
    assert_eq!(severity("${other}"), None);
}

#[test]
fn scripts_and_definitions_keep_their_own_variables() {
    let text = "Parameters:\n  P: {Type: String}\nResources:\n  Machine:\n    Type: AWS::StepFunctions::StateMachine\n    Properties:\n      RoleArn: !Ref P\n      DefinitionString: '{\"StartAt\": \"${P}\"}'\n  Template:\n    Type: AWS::EC2::LaunchTemplate\n    Properties:\n      LaunchTemplateData:\n        UserData: !Base64 'echo ${AWS::Region}'\n";
    assert_eq!(found(text), Vec::<String>::new());
}

#[test]
fn what_only_aws_knows_may_be_any_argument() {
    let outputs = "Parameters:\n  P: {Type: String}\nOutputs:\n  A: {Value: !Select ['{{resolve:ssm:/n}}', [a, b]]}\n  B: {Value: !Select [0, !Cidr ['{{resolve:ssm:/block}}', !Ref P, '{{resolve:ssm:/bits}}']]}\n  C: {Value: !Join [',', [!ImportValue x, !Select [!Ref P, [a]], !If [I, a, b]]]}\nConditions:\n  I: !Equals [!Ref P, a]\n";
    assert_eq!(found(&with(outputs)), Vec::<String>::new());
}
