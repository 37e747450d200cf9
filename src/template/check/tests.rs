use std::sync::Arc;

use super::super::read;
use super::check;
use crate::diagnostic::{Problems, Source};

mod combinations;
mod declarations;
mod formats;
mod functions;
mod names;
mod network;
mod policies;
mod properties;
mod services;

fn problems(text: &str) -> Problems {
    let source = Arc::new(Source {
        path: "t.yaml".to_owned(),
        text: text.to_owned(),
    });
    match read(&source) {
        Ok(document) => check(&document),
        Err(problems) => panic!("{problems:#?}"),
    }
}

/// `0421 5:7 message; hint`, one a problem.
fn found(text: &str) -> Vec<String> {
    let listed = problems(text).0.into_iter().filter(|problem| problem.code.0 < 500);
    listed
        .map(|problem| {
            let (line, column) = problem.labels[0].span.line_column();
            let hints: String = problem.hints.iter().map(|hint| format!("; {hint}")).collect();
            format!("{:04} {line}:{column} {}{hints}", problem.code.0, problem.message)
        })
        .collect()
}

/// What is found in one resource `R` of `kind`; its properties begin on line 5, column 7.
fn resource(kind: &str, properties: &str) -> Vec<String> {
    found(&template(kind, properties))
}

/// The text of a template with one resource `R`.
fn template(kind: &str, properties: &str) -> String {
    let indented: String = properties.lines().map(|line| format!("      {line}\n")).collect();
    format!("Resources:\n  R:\n    Type: {kind}\n    Properties:\n{indented}")
}

/// A template with these sections and one harmless resource, `Topic`, at the end.
fn with(sections: &str) -> String {
    format!("{sections}Resources:\n  Topic: {{Type: AWS::SNS::Topic}}\n")
}

#[test]
fn a_whole_environment_has_no_problems() {
    assert_eq!(problems(include_str!("tests/environment.yaml")), Problems::default());
}

#[test]
fn sections_are_known_and_have_the_right_form() {
    assert_eq!(
        found("Resource: {}\nOutputs: []\nAWSTemplateFormatVersion: '2011'\n"),
        [
            "0410 1:1 a template has no section `Resource`; did you mean `Resources`?",
            "0410 2:1 `Outputs` must be a mapping, not a list",
            "0410 3:27 the only template format version is `2010-09-09`",
        ]
    );
}

#[test]
fn logical_ids_are_letters_and_digits_and_unique() {
    assert_eq!(
        found(
            "Parameters:\n  A: {Type: String}\nResources:\n  my-topic: {Type: AWS::SNS::Topic}\n  A: {Type: AWS::SNS::Topic, Properties: {TopicName: !Ref A}}\n"
        ),
        [
            "0411 4:3 `my-topic` cannot be the name of a resource; `mytopic` would be valid",
            "0411 5:3 `A` names both a parameter and a resource",
            "0434 5:59 resources depend on each other in a cycle: A -> A; take one of these references out; for security groups and routes a separate resource for the rule helps",
        ]
    );
}

#[test]
fn limits_of_cloudformation_hold_and_the_bound_itself_is_allowed() {
    let topics = |count: usize| {
        let resources: String = (0..count)
            .map(|at| format!("  T{at}: {{Type: AWS::SNS::Topic}}\n"))
            .collect();
        format!("Resources:\n{resources}")
    };
    assert!(found(&topics(500)).is_empty());
    assert_eq!(
        found(&topics(501)),
        ["0412 502:3 `Resources` has 501 entries; CloudFormation takes at most 500; split the stack into two modules"]
    );
    let outputs: String = (0..201).map(|at| format!("  O{at}: {{Value: x}}\n")).collect();
    assert_eq!(
        found(&with(&format!("Outputs:\n{outputs}")))[0].split(' ').next(),
        Some("0412")
    );
}

#[test]
fn parameters_are_declared_with_a_type_and_a_fitting_default() {
    assert_eq!(
        found(
            "Parameters:\n  A: {Type: Strng}\n  B: {Default: x}\n  C: {Type: Number, Default: x}\n  D: {Type: String, Default: c, AllowedValues: [a, b]}\n  E: {Type: String, Default: ab, AllowedPattern: '[0-9]+', MaxLength: 1}\n  F: {Type: String, Defualt: x}\nResources:\n  T: {Type: AWS::SNS::Topic, Properties: {TopicName: !Sub '${A}${B}${C}${D}${E}${F}'}}\n"
        ),
        [
            "0413 2:13 `Strng` is not a type of a parameter; did you mean `String`?",
            "0413 3:3 the parameter `B` has no `Type`; `String` takes any value",
            "0413 4:30 the default of `C` is not a number",
            "0413 5:30 the default of `D` is not one of its `AllowedValues`",
            "0413 6:30 the default of `E` does not match its `AllowedPattern`, `[0-9]+`",
            "0413 6:30 the default of `E` is above its `MaxLength`",
            "0413 7:21 the parameter `F` cannot have `Defualt`; did you mean `Default`?",
        ]
    );
}

#[test]
fn outputs_need_a_value_that_is_a_string() {
    assert_eq!(
        found(&with(
            "Outputs:\n  A: {Description: x}\n  B: {Value: [a]}\n  C: {Value: {a: b}}\n  D: {Vlaue: x, Value: y}\n  E: x\n"
        )),
        [
            "0414 2:3 the output `A` has no `Value`",
            "0414 3:14 the value of the output `B` must be a string, not a list; `!Join` turns a list into a string",
            "0414 4:14 the value of the output `C` must be a string, not a mapping; `!Join` turns a list into a string",
            "0414 5:7 the output `D` cannot have `Vlaue`; did you mean `Value`?",
            "0414 6:3 the output `E` must be a mapping, not a string",
        ]
    );
}

#[test]
fn resource_attributes_are_known_and_have_the_right_form() {
    assert_eq!(
        found(
            "Resources:\n  A: {Type: AWS::SNS::Topic, Property: {}}\n  B: {Properties: {}}\n  C: {Type: AWS::SNS::Topic, DeletionPolicy: Retian}\n  D: {Type: AWS::SNS::Topic, DeletionPolicy: Snapshot}\n  E: {Type: AWS::SNS::Topic, DependsOn: {a: b}}\n  F: {Type: AWS::SNS::Topic, UpdateReplacePolicy: RetainExceptOnCreate}\n  G: {Type: [a]}\n  H: {Type: AWS::SNS::Topic, CreationPolicy: x}\n"
        ),
        [
            "0415 2:30 the resource `A` cannot have `Property`; did you mean `Properties`?",
            "0415 3:3 the resource `B` has no `Type`; for example `Type: AWS::S3::Bucket`",
            "0415 4:46 `DeletionPolicy` cannot be `Retian`; did you mean `Retain`?",
            "0415 5:46 `AWS::SNS::Topic` cannot be kept as a snapshot; use `Retain` to keep the resource itself",
            "0415 6:41 `DependsOn` of `E` must be a logical id or a list of them",
            "0415 7:51 `UpdateReplacePolicy` cannot be `RetainExceptOnCreate`",
            "0415 8:13 `Type` of `G` must be a string, not a list",
            "0415 9:46 `CreationPolicy` of `H` must be a mapping, not a string",
        ]
    );
}

#[test]
fn references_name_what_the_template_declares() {
    assert_eq!(
        found(
            "Resources:\n  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}\n  A:\n    Type: AWS::EC2::Subnet\n    DependsOn: Vcp\n    Condition: Nope\n    Properties:\n      VpcId: !Ref Vcp\n      CidrBlock: !GetAtt Vpc.CidrBlok\n      AvailabilityZone: !Sub '${AWS::Region}-${Zone}-${!Home}-${Vpc.VpcId}-${Other.Arn}'\n      OutpostArn: !Ref AWS::Partion\n      Tags: !FindInMap [M, a, b]\n"
        ),
        [
            "0430 5:16 `DependsOn` names the resource `Vcp`, which this template does not declare; did you mean `Vpc`?",
            "0432 6:16 the condition `Nope` is not declared",
            "0430 8:19 `Vcp` is neither a resource nor a parameter of this template; did you mean `Vpc`?",
            "0431 9:26 `AWS::EC2::VPC` has no attribute `CidrBlok`; did you mean `CidrBlock`?",
            "0430 10:46 `Zone` is neither a resource nor a parameter of this template; for the literal text write `${!Zone}`",
            "0430 10:76 `Fn::GetAtt` names the resource `Other`, which this template does not declare",
            "0430 11:24 there is no pseudo parameter `AWS::Partion`; did you mean `AWS::Partition`?",
            "0433 12:25 the mapping `M` is not declared",
        ]
    );
}

#[test]
fn mapping_keys_and_conditions_are_checked_where_they_are_literal() {
    let text = "Mappings:\n  M: {us: {Size: a}, eu: {Size: b}}\n  Deep: {a: {b: {c: d}}}\nConditions:\n  C: !Equals [!Ref Topic, x]\n  D: !Not [!Condition E]\nOutputs:\n  A: {Value: !FindInMap [M, ap, Size]}\n  B: {Value: !FindInMap [M, !Ref AWS::Region, Sise]}\n  C: {Value: !FindInMap [Deep, a, b], Condition: C}\n  D: {Value: x, Condition: D}\n";
    assert_eq!(
        found(&with(text)),
        [
            "0416 3:14 the mapping `Deep` has a third level of keys",
            "0417 5:20 a condition cannot depend on the resource `Topic`",
            "0432 6:23 the condition `E` is not declared; did you mean `C`?",
            "0433 8:29 the mapping has no key `ap`",
            "0433 9:47 the mapping has no key `Sise`; did you mean `Size`?",
        ]
    );
}

#[test]
fn what_is_declared_and_never_used_is_a_warning() {
    let text = "Parameters:\n  P: {Type: String}\nMappings:\n  M: {a: {b: c}}\nConditions:\n  C: !Equals [a, b]\n";
    let all = problems(&with(text));
    assert!(!all.has_errors());
    assert_eq!(
        found(&with(text)),
        [
            "0437 2:3 the parameter `P` is never used",
            "0437 4:3 the mapping `M` is never used",
            "0437 6:3 the condition `C` is never used",
        ]
    );
}

#[test]
fn cycles_are_named_with_every_step() {
    let text = "Resources:\n  A: {Type: AWS::SNS::Topic, Properties: {TopicName: !Ref B}}\n  B: {Type: AWS::SNS::Topic, Properties: {TopicName: !Sub 'x-${C}'}}\n  C: {Type: AWS::SNS::Topic, DependsOn: A}\n  D: {Type: AWS::SNS::Topic, Properties: {TopicName: !Ref A}}\n";
    let all = problems(text);
    let cycles: Vec<_> = all.0.iter().filter(|problem| problem.code.0 == 434).collect();
    assert_eq!(cycles.len(), 1);
    assert_eq!(
        cycles[0].message,
        "resources depend on each other in a cycle: A -> B -> C -> A"
    );
    let labels: Vec<_> = cycles[0]
        .labels
        .iter()
        .map(|label| (label.span.line_column(), label.text.as_str()))
        .collect();
    assert_eq!(
        labels,
        [
            ((2, 59), "`A` needs `B`"),
            ((3, 62), "`B` needs `C`"),
            ((4, 41), "`C` needs `A`")
        ]
    );
    let two = "Resources:\n  A: {Type: AWS::SNS::Topic, DependsOn: B}\n  B: {Type: AWS::SNS::Topic, DependsOn: A}\n  C: {Type: AWS::SNS::Topic, DependsOn: D}\n  D: {Type: AWS::SNS::Topic, DependsOn: C}\n";
    assert_eq!(found(two).len(), 2);
    let conditions = "Conditions:\n  A: !Not [!Condition B]\n  B: !And [!Condition A, !Equals [a, b]]\nOutputs:\n  X: {Value: x, Condition: A}\n";
    assert_eq!(
        found(&with(conditions)),
        ["0434 2:23 conditions depend on each other in a cycle: A -> B -> A"]
    );
}

#[test]
fn functions_are_known_and_have_the_right_arguments() {
    let text = "Outputs:\n  A: {Value: {Fn::Joyn: [a, b]}}\n  B: {Value: !Join [a]}\n  C: {Value: !Join [a, b]}\n  D: {Value: !Select [2, [a, b]]}\n  E: {Value: !If [a, b]}\n  F: {Value: !GetAtt Topic}\n  G: {Value: {Ref: [a]}}\n  H: {Value: {Fn::Sub: x, Other: y}}\n  I: {Value: !Sub [a, b]}\n  J: {Value: !Join [',', !Split [',', x]]}\n";
    assert_eq!(
        found(&with(text)),
        [
            "0436 2:15 there is no function `Fn::Joyn`; did you mean `Fn::Join`?",
            "0435 3:14 `Fn::Join` needs a list of 2; write `!Join [delimiter, [value, …]]`",
            "0435 4:14 `Fn::Join` needs other arguments; write `!Join [delimiter, [value, …]]`",
            "0435 5:23 `Fn::Select` takes item 2, but the list has 2 (counted from 0)",
            "0435 6:14 `Fn::If` needs a list of 3; write `!If [condition, value if true, value if false]`",
            "0432 6:19 the condition `a` is not declared",
            "0435 7:14 `Fn::GetAtt` needs another argument; write `!GetAtt Resource.Attribute`",
            "0435 8:15 `Ref` needs a logical id or a parameter; write `!Ref Name`",
            "0414 9:14 the value of the output `H` must be a string, not a mapping; `!Join` turns a list into a string",
            "0435 9:15 `Fn::Sub` must be alone in its mapping",
            "0435 10:14 `Fn::Sub` needs other arguments; write `!Sub text or !Sub [text, {name: value}]`",
        ]
    );
}

#[test]
fn transforms_make_the_checks_that_they_could_fool_silent() {
    let sam = "Transform: AWS::Serverless-2016-10-31\nGlobals: {}\nResources:\n  F: {Type: AWS::Serverless::Function, Properties: {Handler: x}}\nOutputs:\n  R: {Value: !GetAtt FRole.Arn}\n";
    assert_eq!(found(sam), Vec::<String>::new());
    let each = "Transform: AWS::LanguageExtensions\nResources:\n  Fn::ForEach::T: [N, [A, B], {'${N}': {Type: AWS::SNS::Topic}}]\n";
    assert_eq!(found(each), Vec::<String>::new());
    let macros = "Transform: [Mine]\nResources:\n  A: {Type: AWS::Mine::Thing, Properties: {X: !Ref Y}}\n";
    assert_eq!(found(macros), Vec::<String>::new());
}
