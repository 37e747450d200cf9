use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::civil::{Date, date};

use super::{Policy, Scope, Setting, check_document, find, judge, rules};
use crate::diagnostic::{Problem, Problems, Severity, Source};
use crate::module::{self, Catalogue, RenderedEnvironment};
use crate::spec;
use crate::template::{self, schema};

const PROTECTED: Setting<'static> = Setting {
    environment: None,
    protect: true,
};

/// Name and text of every file below `tests/specs/FOLDER` that is about the policy.
#[expect(clippy::disallowed_methods, reason = "the corpus is read where it lies")]
fn corpus(folder: &str, prefix: &str) -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/specs").join(folder);
    let files = std::fs::read_dir(path).expect("the corpus is there");
    files
        .map(|file| file.expect("listed").path())
        .map(|path| (path.file_name().expect("named").to_string_lossy().into_owned(), path))
        .filter(|(name, _)| name.starts_with(prefix) && !name.ends_with(".out"))
        .map(|(name, path)| (name, std::fs::read_to_string(path).expect("text")))
        .collect()
}

/// The template of a case: the whole text, or the part that stands for one.
fn template_of<'a>(name: &str, text: &'a str) -> &'a str {
    if !name.ends_with(".case") {
        return text;
    }
    let (_, template) = text
        .split_once("-- templates/cloudformation/store.yaml --\n")
        .expect("a template");
    template
}

fn source(text: &str) -> Arc<Source> {
    Arc::new(Source {
        path: "t.yaml".to_owned(),
        text: text.to_owned(),
    })
}

fn checked(text: &str, setting: Setting) -> Problems {
    let document = template::read(&source(text)).unwrap_or_else(|problems| panic!("{problems:#?}"));
    check_document(&document, &Policy::built_in(), setting)
}

/// `0503 error 5:7 message`, one a finding in an environment that is not protected.
fn found(text: &str) -> Vec<String> {
    checked(text, Setting::default()).0.iter().map(tell).collect()
}

fn tell(problem: &Problem) -> String {
    let (line, column) = problem.labels[0].span.line_column();
    let severity = match problem.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    format!("{:04} {severity} {line}:{column} {}", problem.code.0, problem.message)
}

#[test]
fn every_rule_has_an_id_a_code_and_a_source_of_its_own() {
    assert!(rules().len() >= 45, "{}", rules().len());
    for pair in rules().windows(2) {
        assert!(pair[0].code < pair[1].code, "{} and {}", pair[0].id, pair[1].id);
    }
    let mut ids: Vec<&str> = rules().iter().map(|rule| rule.id).collect();
    ids.sort_unstable();
    let all = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), all, "an id stands twice");
    for rule in rules() {
        assert!(spec::is_name(rule.id), "{}", rule.id);
        assert!(!rule.sources.is_empty() && !rule.types.is_empty(), "{}", rule.id);
        for sentence in [rule.reason, rule.fix] {
            assert!(
                !sentence.is_empty() && !sentence.ends_with('.'),
                "{}: {sentence}",
                rule.id
            );
            assert!(!sentence.starts_with(char::is_uppercase), "{}: {sentence}", rule.id);
        }
        for kind in rule.types {
            assert!(schema::get(kind).is_some(), "{}: {kind}", rule.id);
        }
        assert_eq!(find(rule.id).map(|found| found.code), Some(rule.code));
        assert_eq!(find(&rule.code.to_string()).map(|found| found.id), Some(rule.id));
    }
}

#[test]
fn every_rule_has_a_bad_case_and_every_bad_case_breaks_its_rule() {
    let cases = corpus("bad", "MLI05");
    let mut wrong = Vec::new();
    for rule in rules() {
        let own: Vec<_> = cases
            .iter()
            .filter(|(name, _)| name.starts_with(&rule.code.to_string()))
            .collect();
        if own.is_empty() {
            wrong.push(format!("{} {}: no case", rule.code, rule.id));
        }
        for (name, text) in own {
            let is_case = name.ends_with(".case");
            if is_case != (rule.scope == Scope::Protected) {
                wrong.push(format!(
                    "{name}: a rule for protected environments needs a .case, others a template"
                ));
            }
            let template = template_of(name, text);
            let setting = if is_case { PROTECTED } else { Setting::default() };
            let found = checked(template, setting);
            if !found.0.iter().any(|problem| problem.code == rule.code) {
                wrong.push(format!("{name}: {:?}", found.0.iter().map(tell).collect::<Vec<_>>()));
            }
            let document = template::read(&source(template)).expect("reads");
            for problem in template::check(&document).0 {
                wrong.push(format!("{name}: {}", tell(&problem)));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_bad_case_says_nothing_that_is_beside_the_point() {
    let mut wrong = Vec::new();
    for (name, text) in corpus("bad", "MLI05") {
        if text.contains("-- policy/") || text.starts_with("$ mlinfra policy") {
            continue;
        }
        let setting = if name.ends_with(".case") {
            PROTECTED
        } else {
            Setting::default()
        };
        for problem in checked(template_of(&name, &text), setting).0 {
            if !name.starts_with(&problem.code.to_string()) {
                wrong.push(format!("{name}: {}", tell(&problem)));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn good_templates_pass_even_in_a_protected_environment() {
    let cases = corpus("good", "policy-");
    assert!(cases.len() >= 5);
    for (name, text) in cases {
        let told: Vec<String> = checked(&text, PROTECTED).0.iter().map(tell).collect();
        assert_eq!(told, Vec::<String>::new(), "{name}");
        let document = template::read(&source(&text)).expect("reads");
        assert_eq!(template::check(&document), Problems::default(), "{name}");
    }
}

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

const TOPIC: &str = "Resources:\n  Alarms:\n    Type: AWS::SNS::Topic\n    Properties: {DisplayName: {{ stack }}}\n";

/// An environment of one stack with one topic, which is not encrypted.
fn environment(waivers: &str) -> RenderedEnvironment {
    let text = format!(
        "[project]\nname = \"acme\"\n[environment]\naccount = \"111122223333\"\nregion = \"us-east-1\"\n[stacks.store]\nmodule = \"store\"\n{waivers}"
    );
    let environment = spec::load("dev", &mut |_| Ok(text.clone())).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let files = BTreeMap::from([
        (
            "modules/store.toml".to_owned(),
            "[module]\nname = \"store\"\nsummary = \"x\"\n".to_owned(),
        ),
        ("templates/cloudformation/store.yaml".to_owned(), TOPIC.to_owned()),
    ]);
    let catalogue = Catalogue::with_overrides(files).unwrap_or_else(|problems| panic!("{problems:#?}"));
    module::render(&environment, &catalogue)
        .unwrap_or_else(|problems| panic!("{problems:#?}"))
        .0
}

fn waiver(rest: &str) -> String {
    format!("[[waivers]]\nrule = \"sns-encryption\"\nreason = \"numbers only\"\n{rest}")
}

/// `MLI0519 warning place: message`, one a problem.
fn judged(waivers: &str, today: Date) -> Vec<String> {
    let problems = judge(&environment(waivers), &Policy::built_in(), today);
    let line = |problem: &Problem| {
        let severity = format!("{:?}", problem.severity).to_lowercase();
        format!(
            "{} {severity} {}: {}",
            problem.code,
            problem.labels[0].span.place(),
            problem.message
        )
    };
    problems.0.iter().map(line).collect()
}

const TODAY: Date = date(2026, 11, 20);

#[test]
fn a_finding_points_at_the_template_line_and_says_how_it_is_waived() {
    let problems = judge(&environment(""), &Policy::built_in(), TODAY);
    let [problem] = problems.0.as_slice() else {
        panic!("{problems:#?}")
    };
    assert_eq!(
        problem.labels[0].span.place(),
        "templates/cloudformation/store.yaml:2:3"
    );
    assert_eq!(problem.labels[0].text, "`KmsMasterKeyId` is missing");
    let hint = problem.hints.last().expect("a hint");
    assert!(
        hint.contains("rule = \"sns-encryption\", stack = \"store\", resource = \"Alarms\""),
        "{hint}"
    );
}

#[test]
fn a_waiver_holds_until_the_end_of_its_last_day_and_warns_two_weeks_before() {
    let held = waiver("expires = 2027-01-31\n");
    assert_eq!(judged(&held, TODAY), Vec::<String>::new());
    assert_eq!(judged(&held, date(2027, 1, 16)), Vec::<String>::new());
    let soon = ["MLI0120 warning environments/dev.toml:11:11: the waiver of `sns-encryption` expires on 2027-01-31"];
    assert_eq!(judged(&held, date(2027, 1, 17)), soon);
    assert_eq!(judged(&held, date(2027, 1, 31)), soon);
    assert_eq!(
        judged(&held, date(2027, 2, 1)),
        [
            "MLI0120 error environments/dev.toml:11:11: the waiver of `sns-encryption` expired on 2027-01-31",
            "MLI0519 warning templates/cloudformation/store.yaml:2:3: the topic `Alarms` is not encrypted",
        ]
    );
}

#[test]
fn a_waiver_is_for_a_year_at_most() {
    assert_eq!(judged(&waiver("expires = 2027-11-20\n"), TODAY), Vec::<String>::new());
    assert_eq!(
        judged(&waiver("expires = 2027-11-21\n"), TODAY),
        [
            "MLI0119 error environments/dev.toml:11:11: the waiver of `sns-encryption` runs until 2027-11-21, which is more than a year ahead"
        ]
    );
}

#[test]
fn a_waiver_can_be_narrowed_to_a_stack_and_to_resources_by_pattern() {
    for narrowed in [
        "stack = \"store\"\n",
        "resource = \"Alarms\"\n",
        "resource = \"Al*\"\nstack = \"store\"\n",
    ] {
        let waivers = waiver(&format!("{narrowed}expires = 2027-06-30\n"));
        assert_eq!(judged(&waivers, TODAY), Vec::<String>::new(), "{narrowed}");
    }
    let by_code = waiver("expires = 2027-06-30\n").replace("sns-encryption", "MLI0519");
    assert_eq!(judged(&by_code, TODAY), Vec::<String>::new());
}

#[test]
fn a_waiver_of_nothing_and_one_of_something_unknown_are_told() {
    let finding = "MLI0519 warning templates/cloudformation/store.yaml:2:3: the topic `Alarms` is not encrypted";
    let other = waiver("expires = 2027-06-30\n").replace("sns-encryption", "sqs-public");
    assert_eq!(
        judged(&other, TODAY),
        [
            "MLI0121 warning environments/dev.toml:9:8: the waiver of `sqs-public` waives nothing",
            finding
        ]
    );
    let misspelt = waiver("expires = 2027-06-30\n").replace("sns-encryption", "sns-encrypton");
    let problems = judge(&environment(&misspelt), &Policy::built_in(), TODAY);
    assert_eq!(problems.0[0].hints, ["did you mean `sns-encryption`?"]);
    assert_eq!(
        judged(&waiver("resource = \"Alarm\"\nexpires = 2027-06-30\n"), TODAY),
        [
            "MLI0118 error environments/dev.toml:11:12: this environment has no resource `Alarm`",
            finding
        ]
    );
}

#[test]
fn the_example_environments_pass_without_a_waiver() {
    #[expect(clippy::disallowed_methods, reason = "the example is read where it lies")]
    let read = |path: &str| {
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).map_err(|error| error.to_string())
    };
    for name in ["dev", "test", "prod"] {
        let environment = spec::load(name, &mut |path| read(path)).expect("the example is right");
        assert!(environment.waivers.is_empty());
        let (rendered, _) = module::render(&environment, &Catalogue::built_in()).expect("the example renders");
        let problems = judge(&rendered, &Policy::built_in(), TODAY);
        let told: Vec<String> = problems.0.iter().map(tell).collect();
        assert_eq!(told, Vec::<String>::new(), "{name}");
    }
}
