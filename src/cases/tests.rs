//! What the words of a test file mean.

use std::sync::Arc;

use super::compare::differences;
use super::path::{Reach, follow};
use super::{Suite, TestFile, TestedModule, Watcher, read, run};
use crate::diagnostic::{Problems, Source};
use crate::module::Catalogue;
use crate::policy::Policy;
use crate::spec::{Data, Value, syntax};
use crate::template::{self, Node};

/// The differences between what `expected` (TOML) says and what `found` (YAML) is, as a person reads them.
fn compared(expected: &str, found: &str) -> Vec<String> {
    let source = source("x.test.toml", &format!("expected = {{ {expected} }}"));
    let table = syntax::parse(&source).unwrap();
    differences(&table["expected"].value, &node(found), "")
        .into_iter()
        .map(|one| format!("{}: {}", one.path, one.says))
        .collect()
}

fn node(text: &str) -> Node {
    let indented: String = text.lines().map(|line| format!("  {line}\n")).collect();
    let document = template::read(&source("x.yaml", &format!("Metadata:\n{indented}Resources: {{}}\n"))).unwrap();
    document.root.get("Metadata").unwrap().clone()
}

fn source(path: &str, text: &str) -> Arc<Source> {
    Arc::new(Source {
        path: path.to_owned(),
        text: text.to_owned(),
    })
}

fn fits(expected: &str, found: &str) {
    assert_eq!(
        compared(expected, found),
        Vec::<String>::new(),
        "{expected} against\n{found}"
    );
}

#[test]
fn only_what_is_named_is_compared() {
    fits("A = 1", "A: 1\nB: 2");
    fits("A = { B = true }", "A:\n  B: true\n  C: x");
    fits("A = {}", "A:\n  B: 1");
    assert_eq!(compared("A = 1", "B: 1"), ["A: expected 1, is not there"]);
    assert_eq!(compared("A = {}", "A: []"), ["A: expected {}, is []"]);
}

#[test]
fn lists_are_as_long_as_they_are_and_their_items_are_subsets() {
    fits("A = [{ B = 1 }, 2]", "A:\n  - B: 1\n    C: 2\n  - 2");
    assert_eq!(compared("A = [1]", "A: [1, 2]"), ["A: expected 1 element, there are 2"]);
    assert_eq!(
        compared("A = [2, 1]", "A: [1, 2]"),
        ["A[0]: expected 2, is 1", "A[1]: expected 1, is 2"]
    );
}

#[test]
fn a_number_is_no_text() {
    fits("A = 443", "A: 443");
    fits("A = 0.5", "A: 0.5");
    assert_eq!(
        compared("A = 443", "A: \"443\""),
        ["A: expected 443 (a whole number), is \"443\" (a string)"]
    );
    assert_eq!(
        compared("A = \"true\"", "A: true"),
        ["A: expected \"true\" (a string), is true (a boolean)"]
    );
}

#[test]
fn a_key_may_be_a_path() {
    let found = "A:\n  B:\n    - C: 1\n    - C: 2\n      D: 3";
    fits("\"A.B[1].C\" = 2", found);
    fits("\"A.B[*].C\" = 2", found);
    fits("\"A.B[*]\" = { C = 2, D = 3 }", found);
    assert_eq!(
        compared("\"A.B[*]\" = { C = 1, D = 3 }", found),
        ["A.B[*]: no element is {\"C\":1,\"D\":3}"]
    );
    assert_eq!(
        compared("\"A.B[2].C\" = 2", found),
        ["A.B[2].C: expected 2, the list has 2 elements"]
    );
    assert_eq!(compared("\"A.X.C\" = 2", found), ["A.X.C: expected 2, is not there"]);
}

#[test]
fn a_key_that_holds_dots_is_taken_as_a_whole_if_it_is_there() {
    fits("\"a.b\" = 1", "a.b: 1\na:\n  b: 2");
    fits(
        "\"A.oidc.example.com:sub.x\" = 1",
        "A:\n  oidc.example.com:sub:\n    x: 1",
    );
    let found = node("A:\n  s3.amazonaws.com: [7]");
    assert!(matches!(follow(&found, "A.s3.amazonaws.com[0]"), Reach::There(found) if found.len() == 1));
}

#[test]
fn both_notations_of_an_attribute_mean_the_same() {
    fits("A = { \"Fn::GetAtt\" = \"Vpc.CidrBlock\" }", "A: !GetAtt Vpc.CidrBlock");
    fits(
        "A = { \"Fn::GetAtt\" = [\"Vpc\", \"CidrBlock\"] }",
        "A: !GetAtt Vpc.CidrBlock",
    );
    assert_eq!(
        compared("A = { \"Fn::GetAtt\" = \"Vpc.Id\" }", "A: !GetAtt Vpc.CidrBlock"),
        ["A.Fn::GetAtt: expected \"Vpc.Id\", is [\"Vpc\",\"CidrBlock\"]"]
    );
}

fn file(text: &str) -> Result<TestFile, Problems> {
    let catalogue = Catalogue::built_in();
    read(catalogue.get("vpc").unwrap(), &source("modules/vpc.test.toml", text))
}

#[test]
fn a_default_is_laid_under_every_case_and_an_array_replaces_one() {
    let file = file(
        "[defaults]\ninputs = { public_ports = [80, 443], availability_zones = 3 }\n[cases.a]\ninputs = { public_ports = [8080] }\n",
    )
    .unwrap();
    let case = &file.cases[0];
    let layers = [&file.defaults, &case.setting];
    let environment = super::compose::environment("vpc", &layers, &case.name.span, &file.source).unwrap();
    let inputs = &environment.stacks["vpc"].inputs;
    assert!(matches!(&inputs["public_ports"].value.value, Data::Array(ports) if ports.len() == 1));
    assert_eq!(inputs["availability_zones"].value.value, Data::Integer(3));
    assert_eq!(environment.stack_name("vpc"), "shop-dev-vpc");
}

#[test]
fn mistakes_are_told_all_at_once_each_at_its_place() {
    let problems =
        file("[cases.a]\ninput = {}\n[cases.b.expect]\noutputs = [\"vpcid\"]\ncount = { \"AWS::EC2::Vpc\" = 1 }\n")
            .unwrap_err();
    let told: Vec<String> = problems
        .0
        .iter()
        .map(|problem| {
            format!(
                "{} {} {:?}",
                problem.labels[0].span.place(),
                problem.message,
                problem.hints
            )
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    modules/vpc.test.toml:2:1 [cases.a] has no key `input` ["did you mean `inputs`?"]
    modules/vpc.test.toml:4:12 the module `vpc` has no output `vpcid` ["did you mean `vpc_id`?"]
    modules/vpc.test.toml:5:11 CloudFormation has no type `AWS::EC2::Vpc` ["did you mean `AWS::EC2::VPC`?"]
    "#);
}

/// Watches nothing.
struct Nobody;

impl Watcher for Nobody {
    fn cases(&self, _: usize) {}
    fn module(&self, _: &TestedModule) {}
}

/// Runs the cases of a test file of the built-in `vpc`, and gives what is told of those that fail.
fn failures(text: &str) -> Vec<String> {
    let catalogue = Catalogue::built_in();
    let policy = Policy::built_in();
    let suite = Suite {
        file: file(text).unwrap(),
        policy: &policy,
    };
    let tested = run(&[suite], &catalogue, jiff::civil::date(2026, 1, 1), None, 2, &Nobody);
    let cases = tested.modules.into_iter().flat_map(|module| module.cases);
    cases
        .flat_map(|case| case.failures)
        .map(|failure| failure.message)
        .collect()
}

#[test]
fn what_a_step_touches_is_judged_by_what_is_there() {
    let text = "[cases.a]\ninputs = { nat_gateways = \"none\" }\n[[cases.a.steps]]\ninputs = { flow_logs_retention_days = 7 }\n";
    assert_eq!(
        failures(text),
        ["step 1: expected to be left alone, was updated: FlowLogGroup"]
    );
    assert_eq!(
        failures(&format!("{text}updated = [\"FlowLogGroup\"]\n")),
        Vec::<String>::new()
    );
    assert_eq!(
        failures(&format!("{text}replaced = [\"FlowLogGroup\"]\n")),
        ["step 1: FlowLogGroup: expected to be replaced, was updated"]
    );
    assert_eq!(
        failures(&format!("{text}updated = [\"FlowLogGroup\"]\nadded = [\"Vpc\"]\n")),
        ["step 1: Vpc: expected to be added, was left alone"]
    );
}

#[test]
fn what_outlives_the_stack_has_to_be_named() {
    let text =
        "[cases.a]\ninputs = { flow_logs_kms = false }\nkept = [\"Vpc\"]\n[cases.a.environment]\nprotect = true\n";
    assert_eq!(
        failures(&format!("{text}[cases.a.expect]\nerrors = []\n")),
        [
            "Vpc: expected to outlive the stack, was deleted with it",
            "FlowLogGroup: expected to be deleted with the stack, outlives it"
        ]
    );
}

#[test]
fn every_expected_error_needs_one_of_its_own() {
    let text = "[cases.a]\ninputs = { cidr = \"10.0.0.0/28\", flow_logs = \"some\" }\n[cases.a.expect]\n";
    let both = "errors = [{ code = \"MLI0207\" }, { input = \"cidr\" }]\n";
    assert_eq!(
        failures(&format!("{text}{both}")),
        Vec::<String>::new(),
        "the broader one yields"
    );
    let twice = "errors = [{ input = \"cidr\" }, { input = \"cidr\" }]\n";
    let told = failures(&format!("{text}{twice}"));
    assert!(
        told[0].starts_with("expected an error about the input cidr, nobody told it"),
        "{told:?}"
    );
    assert!(told[1].starts_with("not expected: MLI0207: `flow_logs`"), "{told:?}");
}

#[test]
fn combinations_leave_out_what_is_omitted_and_never_make_what_is_excluded() {
    let file = file(
        "[pairwise]\nomit = [\"flow_logs\"]\nexclude = [{ flow_logs = {}, nat_gateways = \"none\" }]\n[pairwise.inputs]\nflow_logs = [\"all\"]\nnat_gateways = [\"none\", \"single\"]\n",
    )
    .unwrap();
    let names: Vec<String> = super::rows::combinations(&file)
        .into_iter()
        .map(|one| one.name)
        .collect();
    assert_eq!(
        names,
        [
            "pairwise 1: flow_logs=all, nat_gateways=none",
            "pairwise 2: flow_logs=all, nat_gateways=single",
            "pairwise 3: no flow_logs, nat_gateways=single"
        ]
    );
}

#[test]
fn the_same_value_is_the_same_wherever_it_stands() {
    let table = syntax::parse(&source("x.toml", "a = [{ b = 1 }]\nc = [{ b = 1 }]\nd = [{ b = 2 }]\n")).unwrap();
    let value = |name: &str| -> &Value { &table[name].value };
    assert!(super::read::same(&value("a").value, &value("c").value));
    assert!(!super::read::same(&value("a").value, &value("d").value));
}

#[test]
fn what_cloudformation_cannot_replace_is_deployed_afresh_and_said() {
    let catalogue = Catalogue::built_in();
    let policy = Policy::built_in();
    let text = "[defaults]\ninputs = { repositories = [\"scorer\"] }\n[pairwise]\ninputs = { kms = [true, false] }\n";
    let suite = Suite {
        file: read(catalogue.get("ecr").unwrap(), &source("modules/ecr.test.toml", text)).unwrap(),
        policy: &policy,
    };
    let tested = run(&[suite], &catalogue, jiff::civil::date(2026, 1, 1), None, 1, &Nobody);
    assert_eq!((tested.passed, tested.failed), (2, 0), "{tested:#?}");
    let notes = &tested.modules[0].cases[1].notes;
    assert!(
        notes.len() == 1 && notes[0].starts_with("deployed afresh, not updated: "),
        "{notes:?}"
    );
}
