//! A project's own rules.

use std::collections::BTreeMap;

use super::super::{Policy, Setting, check_document};
use super::{source, tell};
use crate::diagnostic::Problem;
use crate::template;

/// What an own rule finds in a template in prod; else what is wrong with the rule.
fn own(rule: &str, template: &str) -> Result<Vec<String>, Vec<String>> {
    let files = BTreeMap::from([("policy/own.toml".to_owned(), rule.to_owned())]);
    let environments = ["dev".to_owned(), "prod".to_owned()];
    let policy = Policy::with_own(files, &environments).map_err(|problems| {
        let line = |problem: &Problem| {
            let hints: String = problem.hints.iter().map(|hint| format!(" | {hint}")).collect();
            let (line, column) = problem.labels[0].span.line_column();
            format!("{} {line}:{column} {}{hints}", problem.code, problem.message)
        };
        problems.0.iter().map(line).collect::<Vec<_>>()
    })?;
    let document = template::read(&source(template)).expect("reads");
    let setting = Setting {
        environment: Some("prod"),
        protect: false,
    };
    let found = check_document(&document, &policy, setting).0.into_iter();
    Ok(found
        .filter(|problem| problem.code.0 == 590)
        .map(|problem| format!("{} ({})", tell(&problem), problem.labels[0].text))
        .collect())
}

fn queue(properties: &str) -> String {
    format!("Resources:\n  Q:\n    Type: AWS::SQS::Queue\n    Properties: {{{properties}}}\n")
}

#[test]
fn the_rule_in_the_documentation_is_read_and_finds_what_it_is_for() {
    let page = include_str!("../../../docs/policy.md");
    let rule = page
        .split("```toml\n")
        .find(|block| block.starts_with("[rules"))
        .expect("an example");
    let rule = rule.split("```").next().expect("its end");
    let told = |properties: &str| own(rule, &queue(properties)).expect("the example is right");
    assert_eq!(
        told("VisibilityTimeout: 60"),
        [
            "0590 warning 2:3 the queue `Q` tries a poisonous message for ever (`RedrivePolicy.maxReceiveCount` is missing)"
        ]
    );
    assert_eq!(
        told("RedrivePolicy: {deadLetterTargetArn: x, maxReceiveCount: 50}"),
        ["0590 warning 4:75 the queue `Q` tries a poisonous message for ever (`RedrivePolicy.maxReceiveCount`)"]
    );
    assert_eq!(
        told("RedrivePolicy: {deadLetterTargetArn: x, maxReceiveCount: 5}"),
        Vec::<String>::new()
    );
    assert_eq!(told("FifoQueue: true"), Vec::<String>::new());
    assert_eq!(told("RedrivePolicy: !Ref P"), Vec::<String>::new());
}

#[test]
fn conditions_mean_what_the_documentation_says() {
    let broken = |require: &str, properties: &str| {
        let rule =
            format!("[rules.r]\ntypes = [\"AWS::SQS::Queue\"]\nmessage = \"x\"\nfix = \"y\"\nrequire = {require}\n");
        !own(&rule, &queue(properties))
            .unwrap_or_else(|problems| panic!("{problems:#?}"))
            .is_empty()
    };
    let timeout = "{ property = \"VisibilityTimeout\", at_least = 30, at_most = 60 }";
    assert!(!broken(timeout, "VisibilityTimeout: 30") && broken(timeout, "VisibilityTimeout: 29"));
    assert!(broken(timeout, "VisibilityTimeout: 61") && broken(timeout, "FifoQueue: true"));
    assert!(broken(timeout, "VisibilityTimeout: !If [C, 30, 61]") && !broken(timeout, "VisibilityTimeout: !Ref P"));
    let name = "{ property = \"QueueName\", matches = \"^acme-\" }";
    assert!(
        !broken(name, "QueueName: acme-jobs") && broken(name, "QueueName: jobs") && !broken(name, "QueueName: !Ref P")
    );
    let tags = "{ property = \"Tags.*.Key\", one_of = [\"owner\", \"stage\"] }";
    assert!(!broken(tags, "Tags: [{Key: owner, Value: a}]") && !broken(tags, "Tags: []"));
    assert!(broken(tags, "Tags: [{Key: owner, Value: a}, {Key: other, Value: b}]"));
    let neither = "{ not = { any = [{ property = \"FifoQueue\", equals = true }, { property = \"DelaySeconds\", exists = true }] } }";
    assert!(
        !broken(neither, "VisibilityTimeout: 1")
            && broken(neither, "FifoQueue: 'true'")
            && broken(neither, "DelaySeconds: 3")
    );
    let not_fifo = "{ not = { property = \"FifoQueue\", equals = true } }";
    assert!(broken(not_fifo, "FifoQueue: !If [C, true, false]") && !broken(not_fifo, "FifoQueue: !Ref P"));
    let both =
        "{ all = [{ property = \"FifoQueue\", equals = true }, { property = \"DelaySeconds\", exists = true }] }";
    assert!(broken(both, "FifoQueue: true") && !broken(both, "FifoQueue: true, DelaySeconds: 1"));
}

#[test]
fn slips_in_own_rules_are_told_with_their_place() {
    let slips = "[rules.r]\ntypes = [\"AWS::SQS::Queu\"]\nmessage = \"{resorce} x\"\nrequire = { property = \"A\", equal = 1 }\nseverity = \"eror\"\nenvironments = [\"prd\"]\n\
                 [rules.s3-public]\ntypes = [\"AWS::SQS::Queue\"]\nmessage = \"x\"\nfix = \"y\"\nrequire = { property = \"QueueNam\", exists = true }\nwhen = { property = \"Tags.Key\", exists = true, not = 1 }\n\
                 [rules.t]\ntypes = [\"AWS::SQS::Queue\"]\nmessage = \"x\"\nfix = \"y\"\nrequire = { property = \"Tags.Key\", matches = \"(\" }\n";
    let told = own(slips, &queue("")).expect_err("all of it is wrong");
    insta::assert_snapshot!(told.join("\n"), @r#"
    MLI0591 1:8 the rule `r` has no `fix` | fix = "set `RedrivePolicy`": what to do
    MLI0592 2:10 there is no resource type `AWS::SQS::Queu` | did you mean `AWS::SQS::Queue`?
    MLI0591 3:11 `message` knows no `{resorce}` | `{resource}` stands for the logical id of the resource that breaks the rule
    MLI0591 4:29 a condition has no key `equal` | did you mean `equals`?
    MLI0591 5:12 `severity` cannot be `eror` | did you mean `error`?
    MLI0592 6:17 there is no environment `prd` | did you mean `prod`?
    MLI0591 7:8 there is a rule `s3-public` already, which is built in | choose another name; what is built in is waived, not replaced
    MLI0592 11:24 AWS::SQS::Queue has no property `QueueNam` there | did you mean `QueueName`?
    MLI0591 12:8 a condition is about a property, or joins others | { property = "...", equals = ... }, or one of `not`, `all` and `any`
    MLI0592 17:24 `Tags` of AWS::SQS::Queue is a list | `Tags.*` stands for every item of it
    MLI0591 17:46 not a regular expression: unclosed group
    "#);
}

#[test]
fn an_own_rule_holds_in_its_environments_and_for_its_types_only() {
    let rule = "[rules.r]\ntypes = [\"AWS::SQS::Queue\"]\nmessage = \"x\"\nfix = \"y\"\nenvironments = [\"dev\"]\nrequire = { property = \"QueueName\", exists = true }\n";
    assert_eq!(
        own(rule, &queue("FifoQueue: true")),
        Ok(Vec::new()),
        "it holds in dev only"
    );
    let topic = "Resources:\n  T: {Type: AWS::SNS::Topic}\n";
    assert_eq!(own(&rule.replace("dev", "prod"), topic), Ok(Vec::new()));
}
