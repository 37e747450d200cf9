use super::*;
use crate::template::canonical;

fn source(text: &str) -> Arc<Source> {
    Arc::new(Source {
        path: "t.yaml".to_owned(),
        text: text.to_owned(),
    })
}

fn json(text: &str) -> String {
    match read(&source(text)) {
        Ok(document) => canonical(&document.root),
        Err(problems) => panic!("{problems:#?}"),
    }
}

/// Code, line, column and message of every problem.
fn refused(text: &str) -> Vec<(u16, usize, usize, String)> {
    let problems = read(&source(text)).expect_err("it must be refused");
    problems
        .0
        .into_iter()
        .map(|problem| {
            let (line, column) = problem.labels[0].span.line_column();
            (problem.code.0, line, column, problem.message)
        })
        .collect()
}

fn place(text: &str) -> Vec<(u16, usize, usize)> {
    refused(text)
        .into_iter()
        .map(|(code, line, column, _)| (code, line, column))
        .collect()
}

#[test]
fn short_tags_become_their_long_forms() {
    let text = "a: !Ref X\nb: !GetAtt A.B.C\nc: !Sub '${X}-y'\nd: !Join [',', [!Ref X, b]]\ne: !If [C, 1, !Ref AWS::NoValue]\n\
                f: !GetAtt [A, B]\ng: !Base64\n  Fn::Sub: x\nh: !Condition C\ni: !Select\n  - 0\n  - !GetAZs ''\nj: !Transform {Name: M}\n";
    assert_eq!(
        json(text),
        r#"{"a":{"Ref":"X"},"b":{"Fn::GetAtt":["A","B.C"]},"c":{"Fn::Sub":"${X}-y"},"d":{"Fn::Join":[",",[{"Ref":"X"},"b"]]},"e":{"Fn::If":["C",1,{"Ref":"AWS::NoValue"}]},"f":{"Fn::GetAtt":["A","B"]},"g":{"Fn::Base64":{"Fn::Sub":"x"}},"h":{"Condition":"C"},"i":{"Fn::Select":[0,{"Fn::GetAZs":""}]},"j":{"Fn::Transform":{"Name":"M"}}}"#
    );
}

#[test]
fn every_short_tag_has_a_long_form() {
    for tag in [
        "Ref",
        "GetAtt",
        "Sub",
        "Join",
        "Select",
        "Split",
        "If",
        "Equals",
        "And",
        "Or",
        "Not",
        "FindInMap",
        "Base64",
        "Cidr",
        "GetAZs",
        "ImportValue",
        "Condition",
        "Transform",
        "Length",
        "ToJsonString",
    ] {
        assert!(read(&source(&format!("a: !{tag} [x, y]\n"))).is_ok(), "{tag}");
    }
}

#[test]
fn scalars_keep_what_was_written() {
    let text = "AWSTemplateFormatVersion: 2010-09-09\na: 1.10\nb: 0123\nc: yes\nd: 22:22\ne: '5'\nf: 5\ng: 1.5\nh: True\ni: ~\nj: 0x1F\nk: -3\nl: 99999999999999999999\nm: |\n  x\n  y\nn: >-\n  x\n  y\n";
    assert_eq!(
        json(text),
        r#"{"AWSTemplateFormatVersion":"2010-09-09","a":"1.10","b":"0123","c":"yes","d":"22:22","e":"5","f":5,"g":1.5,"h":true,"i":null,"j":"0x1F","k":-3,"l":"99999999999999999999","m":"x\ny\n","n":"x y"}"#
    );
}

#[test]
fn yaml_and_json_of_the_same_meaning_have_the_same_canonical_bytes() {
    let yaml = "Resources:\n  B:\n    Type: AWS::S3::Bucket\n    Properties: {Tags: [{Key: ü, Value: \"1\"}]}\n";
    let other =
        r#" { "Resources": {"B": {"Properties": {"Tags": [{"Value":"1","Key":"\u00fc"}]}, "Type":"AWS::S3::Bucket"}}}"#;
    assert_eq!(json(yaml), json(other));
}

#[test]
fn positions_are_those_of_the_text_also_behind_wide_characters_and_windows_line_ends() {
    for text in [
        "# ünïcödé 🦀\nA:\n  B: !Sub hello\n",
        "# x\r\nA:\r\n  B: !Sub hello\r\n",
        "\u{feff}# x\nA:\n  B: !Sub hello\n",
    ] {
        let document = read(&source(text)).expect("reads");
        let value = document.root.get("A").and_then(|a| a.get("B")).expect("there");
        assert_eq!(value.span.text(), "!Sub hello", "{text:?}");
        assert_eq!(value.span.line_column(), (3, 6), "{text:?}");
        let (_, key, _) = &document.root.get("A").expect("there").entries()[0];
        assert_eq!(key.text(), "B", "{text:?}");
    }
}

#[test]
fn a_mapping_ends_where_its_last_value_ends() {
    let document = read(&source("A:\n  B: 1\n  C: [1, 2]\n\n# end\nD: {x: y}\n")).expect("reads");
    assert_eq!(document.root.get("A").expect("there").span.text(), "B: 1\n  C: [1, 2]");
    assert_eq!(document.root.get("D").expect("there").span.text(), "{x: y}");
}

#[test]
fn duplicate_keys_are_refused_in_both_notations_and_all_are_listed() {
    assert_eq!(place("a: 1\nb: 2\na: 3\nb: 4\n"), [(404, 3, 1), (404, 4, 1)]);
    assert_eq!(place("{\"a\": 1,\n \"a\": 2}"), [(404, 2, 2)]);
}

#[test]
fn unknown_tags_are_refused_with_a_suggestion() {
    assert_eq!(place("a: !Reff X\nb: !Nope y\n"), [(403, 1, 4), (403, 2, 4)]);
    let problems = read(&source("a: !Reff X\n")).expect_err("refused");
    assert_eq!(problems.0[0].hints, ["did you mean `!Ref`?"]);
    assert_eq!(place("a: !!binary aGk=\n")[0].0, 403);
}

#[test]
fn aliases_merges_and_second_documents_are_refused() {
    assert_eq!(place("a: &x [1]\nb: *x\n"), [(405, 2, 4)]);
    assert_eq!(place("a:\n  <<: {b: 1}\n"), [(405, 2, 3)]);
    assert_eq!(place("a: 1\n---\nb: 1\n")[0].0, 405);
}

#[test]
fn depth_and_size_are_bounded() {
    let deep = format!("a: {}{}\n", "[".repeat(150), "]".repeat(150));
    assert_eq!(place(&deep)[0].0, 402);
    let deep = format!("{{\"a\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(place(&deep)[0].0, 402);
    assert_eq!(place(&format!("a: {}", "x".repeat(MAXIMUM_BYTES)))[0], (401, 1, 1));
}

#[test]
fn syntax_errors_say_where() {
    assert_eq!(place("a: 1\n b: 2\n")[0].0, 3);
    assert_eq!(place("a: [1, 2\nb: 3\n")[0].0, 3);
    assert_eq!(place("{\"a\": 1,,}"), [(3, 1, 9)]);
    assert_eq!(place("{\"a\": 01 1}]"), [(3, 1, 7)]);
    assert_eq!(place("{\"a\": \"x}"), [(3, 1, 7)]);
    assert_eq!(place(""), [(3, 1, 1)]);
    assert_eq!(place("- a\n")[0].0, 3);
    assert_eq!(place("? [a]\n: b\n")[0].0, 3);
}

#[test]
fn what_is_nearly_json_is_read_as_yaml_as_cloudformation_does() {
    for text in ["{\"a\": [1, 2,],}", "{'a': [1, 2]}", "{a: [1, 2]}"] {
        assert_eq!(json(text), json("a: [1, 2]"), "{text}");
    }
}

#[test]
fn what_is_neither_json_nor_yaml_is_told_as_json() {
    let found = refused("{\"a\": 1 \"b\": 2}");
    assert!(found[0].3.contains("not valid JSON"), "{found:?}");
    assert_eq!(place("{\"a\": 1, \"a\": 2}"), [(404, 1, 10)]);
}
