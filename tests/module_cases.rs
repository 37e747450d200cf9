//! `mlinfra module test`: the modules keep what they promise, and a promise that is not kept is told so that it helps.

use crate::project::Project;

#[test]
fn the_built_in_modules_keep_what_they_promise() {
    let tested = Project::empty().mlinfra("module test");
    assert_eq!(tested.code, 0, "\n{tested}");
    assert!(tested.stdout.contains(" passed, 0 failed in "), "\n{tested}");
}

#[test]
fn every_test_file_beside_a_built_in_module_is_built_in() {
    let listed = Project::empty()
        .mlinfra("module test --list --format json")
        .exits(0)
        .json();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("modules");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        if let Some(module) = name.strip_suffix(".test.toml") {
            assert!(
                listed["modules"][module].is_array(),
                "{name} is not in src/module/catalogue.rs"
            );
        }
    }
}

#[test]
fn every_example_of_the_format_runs() {
    let page = include_str!("../docs/module-tests.md");
    let examples: Vec<&str> = page
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(examples.len() > 5);
    for example in examples {
        let path = example.lines().next().unwrap().trim_start_matches("# ");
        let module = path
            .strip_prefix("modules/")
            .unwrap()
            .strip_suffix(".test.toml")
            .unwrap();
        let project = project();
        project.write(path, example);
        project
            .mlinfra(&format!("module test {module}"))
            .exits(0)
            .says(" 0 failed");
    }
}

#[test]
fn what_is_otherwise_is_told_with_its_place_in_test_and_template() {
    let project = project();
    project.write(
        "modules/vpc.test.toml",
        r#"
[cases.names-resolve.expect]
count = { "AWS::EC2::Subnet" = 3 }

[cases.names-resolve.expect.resources.Vpc]
deletion   = "Retain"
properties = { EnableDnsSupport = false, EnableDnsHostname = true, "Tags[*]" = { Key = "Owner" } }
without    = ["CidrBlock"]

[cases.names-resolve.expect.resources.PublicAclInbound300.properties]
Icmp = { Type = 3, Code = "4" }

[cases.fine-after-all]
expect.errors = [{ input = "cidr" }]

[cases.too-small]
inputs = { cidr = "10.0.0.0/28" }

[[cases.a-zone-moves-nobody.steps]]
inputs   = { availability_zones = 1 }
replaced = ["PrivateSubnet1"]
removed  = ["PublicSubnet2"]
"#,
    );
    let tested = project.mlinfra("module test vpc").exits(1);
    let times = regex::Regex::new(r"\d+\.\ds").unwrap();
    insta::assert_snapshot!(times.replace_all(&tested.to_string(), "[time]"), @"");
}

#[test]
fn results_are_xml_that_ci_systems_read() {
    let project = project();
    project.write(
        "modules/vpc.test.toml",
        "[cases.fine]\n[cases.not.expect.resources.Vpc.properties]\nCidrBlock = \"<&>\"\n",
    );
    project.mlinfra("module test vpc --junit results.xml").exits(1);
    let times = regex::Regex::new(r"\d+\.\d{3}").unwrap();
    let results = project.read("results.xml");
    insta::assert_snapshot!(times.replace_all(&results, "[time]"), @"");
}

#[test]
fn a_run_that_tests_nothing_is_no_success() {
    let project = project();
    project
        .mlinfra("module test vpc --case no-such-thing")
        .exits(1)
        .says("no case has `no-such-thing` in its name");
    project
        .mlinfra("module test vcp")
        .exits(1)
        .says("there is no module `vcp`")
        .says("did you mean `vpc`?");
    project.write(
        "modules/own.toml",
        "[module]\nname = \"own\"\nsummary = \"Own\"\ndoc = \"Own.\"\n",
    );
    project.write(
        "templates/cloudformation/own.yaml",
        "Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n",
    );
    project
        .mlinfra("module test own")
        .exits(1)
        .says("write them into modules/own.test.toml");
}

#[test]
fn cases_are_listed_and_run_by_their_names() {
    let project = project();
    project
        .mlinfra("module test s3 --list --case buckets")
        .exits(0)
        .says("three-buckets-each-with-a-policy")
        .never_says("passed");
    let tested = project
        .mlinfra("module test s3 --case three-buckets --format json")
        .exits(0);
    let document = tested.json();
    assert_eq!(
        (
            document["version"].as_u64(),
            document["type"].as_str(),
            document["passed"].as_u64()
        ),
        (Some(1), Some("tested"), Some(1)),
    );
    assert_eq!(document["modules"][0]["cases"][0]["kind"], "render");
}

/// A project that has no module of its own.
fn project() -> Project {
    let project = Project::empty();
    project.mlinfra("init --name shop").exits(0);
    project
}
