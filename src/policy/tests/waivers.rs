//! Waivers, on days that the tests choose.

use std::collections::BTreeMap;

use jiff::civil::{Date, date};

use super::super::{Policy, judge};
use super::TODAY;
use crate::diagnostic::Problem;
use crate::module::{self, Catalogue, RenderedEnvironment};
use crate::spec;

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
