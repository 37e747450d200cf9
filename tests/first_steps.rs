//! What someone does who has never seen the project.

use crate::project::Project;

#[test]
fn each_example_environment_comes_up_is_unchanged_and_goes_away() {
    let project = Project::example();
    for environment in ["dev", "test", "prod"] {
        project
            .mlinfra(&format!("apply {environment} --sandbox --yes"))
            .exits(0);
        project
            .mlinfra(&format!("plan {environment} --sandbox --detailed-exitcode"))
            .exits(0)
            .says("no changes");
    }
    for environment in ["dev", "test"] {
        project
            .mlinfra(&format!("destroy {environment} --sandbox --yes"))
            .exits(0);
        let status = project
            .mlinfra(&format!("status {environment} --sandbox --format json"))
            .exits(0)
            .json();
        for stack in status["stacks"].as_array().unwrap() {
            assert!(stack["status"].is_null(), "{stack}");
        }
    }
    project
        .mlinfra("destroy prod --sandbox --yes")
        .exits(5)
        .says("--confirm");
}

#[test]
fn a_changed_cidr_is_explained_property_by_property() {
    let project = Project::example();
    project.mlinfra("apply dev --sandbox --yes").exits(0);
    project.edit("environments/dev.toml", "10.10.0.0/16", "10.99.0.0/16");
    project
        .mlinfra("plan dev --sandbox --detailed-exitcode")
        .exits(2)
        .says("CidrBlock")
        .says("10.10.0.0/16")
        .says("10.99.0.0/16")
        .says("forces replacement");
    project.mlinfra("apply dev --sandbox --yes").exits(0);
    project.mlinfra("plan dev --sandbox --detailed-exitcode").exits(0);
    project.mlinfra("destroy dev --sandbox --yes").exits(0);
}

#[test]
fn what_init_scaffolds_validates_and_deploys() {
    let project = Project::empty();
    project.mlinfra("init --name shop-ml").exits(0);
    project.mlinfra("validate").exits(0);
    project.mlinfra("apply dev --sandbox --yes").exits(0);
    project.mlinfra("plan dev --sandbox --detailed-exitcode").exits(0);
    project.mlinfra("init --name shop-ml").exits(1).says("already");
}

#[test]
fn nothing_but_data_goes_to_stdout() {
    let project = Project::small();
    let applied = project.mlinfra("apply dev --sandbox --yes --format json").exits(0);
    for line in applied.stdout.lines() {
        let document: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        assert_eq!(document["version"], 1, "{line}");
    }
    let outputs = project.mlinfra("outputs dev --sandbox --format json").exits(0).json();
    assert!(outputs["stacks"]["store"]["bucket_name"].is_string(), "{outputs}");
}

#[test]
fn without_a_terminal_a_prompt_is_an_error_and_nothing_is_touched() {
    let project = Project::small();
    project.mlinfra("apply dev --sandbox").exits(64).says("--yes");
    let status = project.mlinfra("status dev --sandbox --format json").exits(0).json();
    assert!(
        status["stacks"]
            .as_array()
            .unwrap()
            .iter()
            .all(|stack| stack["status"].is_null()),
        "{status}"
    );
}
