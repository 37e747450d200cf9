//! Parameters, mappings, conditions, outputs, rules and metadata.

use super::{found, problems, with};

#[test]
fn constraints_fit_the_type_of_a_parameter() {
    let text = "Parameters:\n  A: {Type: Number, MinLength: 1, Default: 5}\n  B: {Type: String, MaxValue: 1}\n  C: {Type: String, AllowedValues: 'a,b'}\n  D: {Type: String, MinLength: many, NoEcho: always}\n  E: {Type: String, MinLength: 5, MaxLength: 2}\n  F: {Type: CommaDelimitedList, AllowedValues: [a, b], Default: 'a, c'}\n  G: {Type: List<Number>, Default: '80,x'}\n  H: {Type: String, Default: [a]}\nOutputs:\n  O: {Value: !Sub '${A}${B}${C}${D}${E}${H}'}\n  P: {Value: !Join ['', !Ref F]}\n  Q: {Value: !Join ['', !Ref G]}\n";
    assert_eq!(
        found(&with(text)),
        [
            "0413 2:21 `MinLength` is for texts, and `A` is a `Number`; `MinValue` bounds a number",
            "0413 3:21 `MaxValue` is for numbers, and `B` is a `String`; `MaxLength` bounds a text",
            "0413 4:36 `AllowedValues` of `C` must be a list, not a string; for example `[dev, prod]`",
            "0413 5:32 `MinLength` of `D` must be a number",
            "0413 5:46 `NoEcho` of `D` must be true or false",
            "0413 6:46 `MinLength` of `E` is above its `MaxLength`",
            "0413 7:65 the default of `F` is not one of its `AllowedValues`",
            "0413 8:36 the default of `G` is not a number",
            "0413 9:30 the default of `H` must be a string, not a list",
        ]
    );
}

#[test]
fn types_of_parameters_are_those_that_cloudformation_knows() {
    let declared = |kind: &str| {
        found(&with(&format!(
            "Parameters:\n  A: {{Type: '{kind}', Default: a}}\nOutputs:\n  O: {{Value: !Sub '${{A}}'}}\n"
        )))
    };
    for kind in [
        "AWS::EC2::VPC::Id",
        "AWS::SSM::Parameter::Name",
        "AWS::SSM::Parameter::Value<String>",
        "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>",
    ] {
        assert_eq!(declared(kind), Vec::<String>::new(), "{kind}");
    }
    assert_eq!(
        declared("AWS::EC2::Vpc::Id"),
        ["0413 2:13 `AWS::EC2::Vpc::Id` is not a type of a parameter; did you mean `AWS::EC2::VPC::Id`?"]
    );
    assert_eq!(declared("AWS::SSM::Parameter::Value<Text>").len(), 1);
    assert_eq!(declared("Boolean").len(), 1);
}

#[test]
fn a_mapping_holds_no_null() {
    assert_eq!(
        found(&with(
            "Mappings:\n  M: {a: {b: }}\nOutputs:\n  O: {Value: !FindInMap [M, a, b]}\n"
        )),
        ["0406 2:11 `b` in the mapping `M` has no value"]
    );
}

#[test]
fn conditions_are_made_by_condition_functions() {
    let text = "Parameters:\n  P: {Type: String}\nConditions:\n  A: yes\n  B: !Join ['', [!Ref P]]\n  C: !If [A, !Condition A, !Condition B]\n  D: !And [!Condition A, text]\n  E: !Equals [!Equals [a, b], c]\n  F: !Not [!Condition D]\n  G: !Or [!Condition E, !Equals [!Ref P, a], !Condition F]\nOutputs:\n  O: {Value: x, Condition: G}\n  Q: {Value: x, Condition: C}\n  R: {Value: x, Condition: B}\n";
    assert_eq!(
        found(&with(text)),
        [
            "0417 4:3 the condition `A` must be a condition function, not a string; another condition is used as `!Condition Name`",
            "0417 5:6 the condition `B` cannot be made by `Fn::Join`",
            "0417 6:6 the condition `C` cannot be made by `Fn::If`; `!And [!Condition A, …]` and `!Or` combine conditions",
            "0417 7:26 an argument of `Fn::And` must be a condition function, not a string; another condition is used as `!Condition Name`",
            "0470 8:15 an argument of `Fn::Equals` must be a value, and `Fn::Equals` gives the truth of a condition; name the condition in `Conditions` and choose by `!If [Name, true, false]`",
        ]
    );
}

#[test]
fn outputs_are_strings_and_exports_have_a_name() {
    let text = "Parameters:\n  L: {Type: CommaDelimitedList}\nOutputs:\n  A: {Value: !Ref L}\n  B: {Value: !GetAZs ''}\n  C: {Value: x, Export: name}\n  D: {Value: x, Export: {}}\n  E: {Value: x, Export: {Name: [a]}}\n  F: {Value: x, Export: {Name: a, Region: b}}\n  G: {Value: x, Description: !Ref AWS::Region}\n";
    assert_eq!(
        found(&with(text)),
        [
            "0470 4:14 the value of the output `A` must be a string, and `Ref` gives a list; `!Select [0, …]` takes one item, `!Join [',', …]` makes one string of all",
            "0470 5:14 the value of the output `B` must be a string, and `Fn::GetAZs` gives a list; `!Select [0, …]` takes one item, `!Join [',', …]` makes one string of all",
            "0414 6:17 `Export` of the output `C` must be a mapping, not a string",
            "0414 7:17 `Export` of the output `D` has no `Name`",
            "0414 8:32 the export name of the output `E` must be a string, not a list; `!Join` turns a list into a string",
            "0414 9:35 `Export` of the output `F` cannot have `Region`",
            "0414 10:30 `Description` of the output `G` must be a text without functions",
        ]
    );
}

#[test]
fn rules_have_assertions_about_parameters() {
    let text = "Parameters:\n  P: {Type: String}\nRules:\n  A: {Assertions: [{Assert: !Contains [[a], !Ref P]}]}\n  B: {RuleCondition: !Equals [!Ref P, a]}\n  C: {Assertions: [{AssertDescription: x}], Message: x}\n  D: {Assertions: [{Assert: !Equals [!Ref Topic, a]}]}\n  E: {Assertions: [{Assert: {Fn::Contain: [[a], b]}}]}\n  F: {Assertions: {Assert: x}}\n";
    assert_eq!(
        found(&with(text)),
        [
            "0471 5:3 the rule `B` has no `Assertions`; write `Assertions:` and under it `- Assert: !Equals [!Ref Stage, prod]`",
            "0471 6:20 an assertion of the rule `C` has no `Assert`",
            "0471 6:45 the rule `C` cannot have `Message`",
            "0430 7:43 `Topic` is no parameter of this template, and rules know nothing else",
            "0471 8:30 a rule cannot use `Fn::Contain`; did you mean `Fn::Contains`?",
            "0471 9:3 `Assertions` of the rule `F` must be a list, not a mapping",
        ]
    );
}

#[test]
fn metadata_is_a_mapping_and_its_interface_names_parameters() {
    let text = "Metadata:\n  Anything: [1]\n  AWS::CloudFormation::Interface:\n    ParameterGroup: []\n    ParameterLabels: {Nope: {default: x}}\nParameters:\n  P: {Type: String}\nOutputs:\n  O: {Value: !Ref P}\n";
    assert_eq!(
        found(&with(text)),
        [
            "0472 4:5 `AWS::CloudFormation::Interface` cannot have `ParameterGroup`; did you mean `ParameterGroups`?",
            "0472 5:23 there is no parameter `Nope` to show",
        ]
    );
    assert!(
        !problems(&with(
            "Metadata: {AWS::CloudFormation::Interface: {ParameterLabels: {X: {default: x}}}}\n"
        ))
        .has_errors()
    );
    assert_eq!(
        found("Metadata: [a]\nResources:\n  T: {Type: AWS::SNS::Topic, Metadata: text}\n"),
        [
            "0472 1:1 `Metadata` must be a mapping, not a list",
            "0472 3:30 `Metadata` of `T` must be a mapping, not a string",
        ]
    );
}

#[test]
fn a_transform_that_is_a_mapping_has_a_name() {
    assert_eq!(
        found("Transform: {Parameters: {A: b}}\nResources:\n  T: {Type: AWS::SNS::Topic}\n"),
        ["0410 1:12 a transform that is a mapping needs `Name`, the macro to run"]
    );
}
