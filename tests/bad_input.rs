//! Everything that a user can get wrong: a clear message with its place and the next step, the right exit code,
//! nothing touched, no panic.

use crate::project::Project;

const ENVIRONMENT: &str = "environments/dev.toml";

#[test]
fn broken_toml_is_shown_where_it_breaks() {
    let project = Project::small();
    project.edit(ENVIRONMENT, "[stacks.store]", "[stacks.store");
    project
        .mlinfra("validate")
        .exits(1)
        .says("environments/dev.toml:")
        .never_says("panicked");
}

#[test]
fn an_unknown_module_gets_a_suggestion() {
    let project = Project::small();
    project.edit(ENVIRONMENT, "\"topic\"", "\"topik\"");
    project
        .mlinfra("validate")
        .exits(1)
        .says("topik")
        .says("did you mean")
        .says("environments/dev.toml:");
}

#[test]
fn a_missing_input_is_named() {
    let project = Project::small();
    project.edit(ENVIRONMENT, "comment = \"first\"", "");
    project
        .mlinfra("validate")
        .exits(1)
        .says("comment")
        .says("environments/dev.toml:");
}

#[test]
fn a_wrong_type_is_named_with_what_is_wanted() {
    let project = Project::small();
    project.edit(ENVIRONMENT, "comment = \"first\"", "comment = 3");
    project.mlinfra("validate").exits(1).says("comment").says("string");
}

#[test]
fn an_ambiguous_wire_names_both_candidates() {
    let project = Project::small();
    project.edit(
        ENVIRONMENT,
        "[stacks.topic]",
        "[stacks.second]\nmodule = \"store\"\ncomment = \"x\"\n\n[stacks.topic]",
    );
    project
        .mlinfra("validate")
        .exits(1)
        .says("store")
        .says("second")
        .says("bucket_name");
}

#[test]
fn a_cycle_is_named() {
    let project = Project::small();
    project.edit(ENVIRONMENT, "comment = \"first\"", "comment = \"${reader.role_arn}\"");
    project.mlinfra("validate").exits(1).says("cycle");
}

#[test]
fn all_problems_come_at_once() {
    let project = Project::small();
    project.edit(ENVIRONMENT, "comment = \"first\"", "comment = 3\ncommand = \"x\"");
    project.edit(ENVIRONMENT, "\"topic\"", "\"topik\"");
    project
        .mlinfra("validate")
        .exits(1)
        .says("topik")
        .says("command")
        .says("string");
}

#[test]
fn no_credentials_is_said_with_the_next_step() {
    let project = Project::small();
    project
        .mlinfra("plan dev")
        .exits(1)
        .says("credentials")
        .never_says("panicked");
}

#[test]
fn an_unreachable_endpoint_is_said() {
    let project = Project::small()
        .with("AWS_ACCESS_KEY_ID", "test")
        .with("AWS_SECRET_ACCESS_KEY", "test");
    project
        .mlinfra("plan dev --endpoint-url http://127.0.0.1:9")
        .exits(1)
        .says("127.0.0.1:9");
}

#[test]
fn a_plan_of_an_older_state_is_refused_and_the_lock_is_free_again() {
    let project = Project::small();
    project.mlinfra("apply dev --sandbox --yes").exits(0);
    project.edit(ENVIRONMENT, "first", "second");
    project.mlinfra("plan dev --sandbox --out saved.plan").exits(0);
    project.edit(ENVIRONMENT, "second", "third");
    project.mlinfra("apply dev --sandbox --yes").exits(0);
    project.mlinfra("apply saved.plan --sandbox --yes").exits(4);
    project.mlinfra("lock status dev --sandbox").exits(0).says("free");
}

#[test]
fn a_plan_is_applied_once() {
    let project = Project::small();
    project.mlinfra("apply dev --sandbox --yes").exits(0);
    project.edit(ENVIRONMENT, "first", "second");
    project.mlinfra("plan dev --sandbox --out saved.plan").exits(0);
    project.mlinfra("apply saved.plan --sandbox --yes").exits(0);
    project.mlinfra("apply saved.plan --sandbox --yes").exits(4);
}

#[test]
fn a_plan_that_was_edited_is_refused() {
    let project = Project::small();
    project.mlinfra("plan dev --sandbox --out saved.plan").exits(0);
    project.edit("saved.plan", "us-east-1", "us-west-1");
    project
        .mlinfra("apply saved.plan --sandbox --yes")
        .exits(1)
        .says("changed after it was saved");
}

#[test]
fn names_that_cloudformation_refuses_are_refused_before() {
    let project = Project::small();
    project.edit(ENVIRONMENT, "[stacks.topic]", "[stacks.my_topic]");
    project
        .mlinfra("validate")
        .exits(1)
        .says("my_topic")
        .says("environments/dev.toml:");
}

#[test]
fn an_environment_that_is_not_there_lists_those_that_are() {
    let project = Project::small();
    project.mlinfra("plan prd --sandbox").exits(1).says("prd").says("dev");
    project.mlinfra("plna dev").exits(64);
}

#[test]
fn a_failed_resource_is_reported_with_its_first_cause_and_where_it_comes_from() {
    let project = Project::small();
    project.mlinfra("apply dev --sandbox --yes").exits(0);
    project.edit(ENVIRONMENT, "comment = \"first\"", "comment = \"other\"\nfail = true");
    project
        .mlinfra("apply dev --sandbox --yes")
        .exits(6)
        .says("Gate")
        .says("templates/cloudformation/store.yaml:")
        .never_says("panicked");
    project.mlinfra("lock status dev --sandbox").exits(0).says("free");
}
