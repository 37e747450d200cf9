//! Termination protection is a change like any other: shown, asked for, made.

use crate::project::Project;

#[test]
fn a_plan_that_only_switches_protection_shows_it() {
    let project = Project::small();
    project.mlinfra("apply dev --sandbox --yes").exits(0);
    project.edit("environments/dev.toml", "region ", "protect = true\nregion ");
    // Its bucket goes with its stack, which the policy refuses in a protected environment.
    let next_month = jiff::Zoned::now().date() + jiff::Span::new().days(40);
    let waiver =
        format!("\n[[waivers]]\nrule = \"stateful-deletion-policy\"\nreason = \"a test\"\nexpires = {next_month}\n");
    project.write(
        "environments/dev.toml",
        &(project.read("environments/dev.toml") + &waiver),
    );
    project
        .mlinfra("plan dev --sandbox --detailed-exitcode")
        .exits(2)
        .says("termination protection is switched on")
        .says("3 to switch the protection of");
    project.mlinfra("apply dev --sandbox --yes").exits(0);
    project.mlinfra("plan dev --sandbox --detailed-exitcode").exits(0);
    project.mlinfra("destroy dev --sandbox --yes").exits(5);
    project
        .mlinfra("destroy dev --sandbox --yes --confirm=dev")
        .exits(0)
        .says("termination protection is on: it is switched off first");
}
