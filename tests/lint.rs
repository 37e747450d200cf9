//! `mlinfra lint`: any CloudFormation template, whatever its ending, without a project.

use std::io::Write;

use crate::project::Project;

const GOOD: &str = "Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n    Properties: {KmsMasterKeyId: alias/x}\n";

#[test]
fn good_templates_say_one_line_and_nothing_on_stdout() {
    let project = Project::empty();
    project.write("good.txt", GOOD);
    project.write("good.json", r#"{"Resources": {"Role": {"Type": "AWS::SNS::Topic", "Properties": {"KmsMasterKeyId": "alias/x"}}, "Queue": {"Type": "AWS::SQS::Queue"}}}"#);
    let outcome = project.mlinfra("lint good.txt good.json").exits(0);
    assert_eq!(
        (outcome.stdout.as_str(), outcome.stderr.trim_end()),
        ("", "✓ 2 templates, 3 resources: no problems")
    );
}

#[test]
fn all_problems_of_all_files_come_at_once_and_one_unreadable_file_stops_no_other() {
    let project = Project::empty();
    project.write("a.yaml", "Resources:\n  Topic:\n    Type: AWS::SNS::Topik\n");
    project.write(
        "b.json",
        r#"{"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"DelaySecond": 3}}}}"#,
    );
    project.write("large.yaml", format!("# {}", "x".repeat(1_100_000)));
    project
        .mlinfra("lint a.yaml missing.yaml . large.yaml b.json")
        .exits(1)
        .says("a.yaml:3:11")
        .says("did you mean `AWS::SNS::Topic`?")
        .says("cannot read missing.yaml: it does not exist")
        .says("cannot read .: it is a folder")
        .says("large.yaml is larger than the 1048576 bytes")
        .says("b.json:1:")
        .says("did you mean `DelaySeconds`?")
        .says("5 errors");
}

#[test]
fn json_is_one_document_whether_there_are_problems_or_not() {
    let project = Project::empty();
    project.write("good.yaml", GOOD);
    project.write("bad.yaml", "Resources:\n  Topic:\n    Type: AWS::SNS::Topik\n");
    let document = project
        .mlinfra("lint good.yaml bad.yaml none --format json")
        .exits(1)
        .json();
    assert_eq!((&document["version"], &document["type"]), (&1.into(), &"linted".into()));
    assert_eq!(
        document["files"],
        serde_json::json!([
            {"path": "good.yaml", "resources": 1},
            {"path": "bad.yaml", "resources": 1},
            {"path": "none", "resources": null},
        ])
    );
    assert_eq!(document["problems"][0]["at"]["file"], "bad.yaml");
    let document = project.mlinfra("lint good.yaml --format json").exits(0).json();
    assert_eq!(document["problems"], serde_json::json!([]));
}

#[test]
fn a_dash_reads_stdin() {
    let project = Project::empty();
    let mut child = project.start_with_input("lint - --format json");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"Resources: {T: {Type: AWS::SNS::Topik}}")
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["problems"][0]["at"]["file"], "(stdin)");
}

#[test]
fn the_baseline_can_be_left_out_and_warnings_can_be_made_to_fail() {
    let project = Project::empty();
    project.write("open.yaml", "Resources:\n  Group:\n    Type: AWS::EC2::SecurityGroup\n    Properties:\n      GroupDescription: x\n      VpcId: !ImportValue vpc\n      SecurityGroupIngress:\n      - {IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0}\n");
    project.mlinfra("lint open.yaml").exits(1).says("MLI05");
    project.mlinfra("lint open.yaml --no-policy").exits(0);
    project.write(
        "unused.yaml",
        format!("Parameters:\n  Unused: {{Type: String}}\n{GOOD}"),
    );
    project.mlinfra("lint unused.yaml").exits(0).says("warning");
    project.mlinfra("lint unused.yaml --strict").exits(1).says("warning");
}
