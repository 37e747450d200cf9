//! The policy from the outside: who is stopped by it, with which exit code, and what lets them go on.

use crate::project::Project;

/// The small project with a queue that is not encrypted, which is an error wherever it is.
fn with_an_open_queue() -> Project {
    let project = Project::small();
    let queue = "Resources:\n  Jobs:\n    Type: AWS::SQS::Queue\n    Properties:\n      SqsManagedSseEnabled: {{ encrypted }}\n";
    project.write("templates/cloudformation/queue.yaml", queue);
    let contract = "[module]\nname = \"queue\"\nsummary = \"x\"\n[inputs.encrypted]\ntype = \"boolean\"\ndoc = \"x\"\n";
    project.write("modules/queue.toml", contract);
    let stack = "\n[stacks.jobs]\nmodule = \"queue\"\nencrypted = false\n";
    project.write(
        "environments/dev.toml",
        &(project.read("environments/dev.toml") + stack),
    );
    project
}

#[test]
fn plan_and_apply_are_refused_and_validate_fails_and_render_only_warns() {
    let project = with_an_open_queue();
    let finding = "error[MLI0518]: the queue `Jobs` is not encrypted";
    project.mlinfra("validate dev").exits(1).says(finding);
    project.mlinfra("plan dev --sandbox").exits(5).says(finding);
    project.mlinfra("apply dev --sandbox --yes").exits(5).says(finding);
    project.mlinfra("status dev --sandbox").exits(0);
    project
        .mlinfra("render dev jobs")
        .exits(0)
        .says("warning[MLI0518]: the queue `Jobs` is not encrypted");
}

#[test]
fn a_finding_names_the_input_that_led_there() {
    let project = with_an_open_queue();
    project
        .mlinfra("validate dev")
        .says("templates/cloudformation/queue.yaml:5:")
        .says("environments/dev.toml:")
        .says("`encrypted` is given here");
}

#[test]
fn a_waiver_in_the_environment_file_lets_apply_go_on() {
    let project = with_an_open_queue();
    let next_month = jiff::Zoned::now().date() + jiff::Span::new().days(40);
    let waiver = format!(
        "\n[[waivers]]\nrule = \"sqs-encryption\"\nstack = \"jobs\"\nreason = \"numbers only\"\nexpires = {next_month}\n"
    );
    project.write(
        "environments/dev.toml",
        &(project.read("environments/dev.toml") + &waiver),
    );
    project.mlinfra("apply dev --sandbox --yes").exits(0);
    project
        .mlinfra("policy list --env dev")
        .exits(0)
        .says("sqs-encryption")
        .says("1 waiver");
    project
        .mlinfra("policy show MLI0518 --env dev")
        .exits(0)
        .says(&format!("every resource of jobs, until {next_month}: numbers only"));
}

#[test]
fn a_rule_of_the_project_stops_apply_and_a_slip_in_it_is_told_with_its_place() {
    let project = Project::small();
    let rule = "[rules.parameters-are-described]\ntypes = [\"AWS::SSM::Parameter\"]\nmessage = \"the parameter {resource} has no description\"\nfix = \"set `Description`\"\nrequire = { property = \"Description\", exists = true }\n";
    project.write("policy/parameters.toml", rule);
    project
        .mlinfra("apply dev --sandbox --yes")
        .exits(5)
        .says("error[MLI0590]: the parameter `Comment` has no description")
        .says("policy/parameters.toml:1:8");
    project.edit("policy/parameters.toml", "\"Description\"", "\"Descripton\"");
    project
        .mlinfra("plan dev --sandbox")
        .exits(1)
        .says("did you mean `Description`?");
}

#[test]
fn what_the_policy_finds_is_told_beside_what_is_wrong_with_the_same_template() {
    let project = with_an_open_queue();
    project.edit(
        "templates/cloudformation/queue.yaml",
        "    Properties:\n",
        "    Properties:\n      VisibiltyTimeout: 60\n",
    );
    project
        .mlinfra("validate dev")
        .exits(1)
        .says("did you mean `VisibilityTimeout`?")
        .says("error[MLI0518]: the queue `Jobs` is not encrypted")
        .says("waive it in environments/dev.toml");
}
