//! Whether the account can do what is planned is asked before anybody says yes.

use crate::project::Project;

const FAULTS: &str = "[[fault]]\ndeny = \"s3:CreateBucket\"\n";

fn denied() -> Project {
    let project = Project::small().with("MLINFRA_SANDBOX_FAULTS", "faults.toml");
    project.write("faults.toml", FAULTS);
    project
}

#[test]
fn a_plan_that_certainly_fails_is_shown_and_not_written() {
    let project = denied();
    project
        .mlinfra("plan dev --sandbox --out dev.plan")
        .exits(5)
        .says("MLI1201")
        .says("s3:CreateBucket")
        .says("dev.plan is not written")
        .says("found something (permissions)");
    assert!(!project.path("dev.plan").exists());
    project
        .mlinfra("plan dev --sandbox --out dev.plan --no-preflight")
        .exits(0)
        .never_says("Preflight");
    assert!(project.path("dev.plan").exists());
}

#[test]
fn apply_stops_before_it_asks_and_nothing_is_made() {
    let project = denied();
    // Without a terminal the question itself would be an error with exit code 64.
    project.mlinfra("apply dev --sandbox").exits(5).never_says("--yes");
    project.mlinfra("apply dev --sandbox --yes").exits(5);
    project
        .mlinfra("sandbox list --sandbox")
        .exits(0)
        .never_says("CREATE_COMPLETE");
    let without = denied().with("MLINFRA_NO_PREFLIGHT", "1");
    without
        .mlinfra("apply dev --sandbox --yes")
        .exits(0)
        .never_says("Preflight");
}

#[test]
fn machines_read_what_was_looked_at_in_the_plans_own_document() {
    let plan = denied().mlinfra("plan dev --sandbox --format json").exits(5).json();
    assert_eq!(plan["type"], "plan");
    assert_eq!(plan["preflight"][0]["code"], "MLI1201");
    let checks = plan["checks"].as_array().unwrap();
    let state = |name: &str| {
        let check = checks.iter().find(|check| check["name"] == name).unwrap();
        check["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(state("permissions"), "found");
    assert_eq!(state("quotas"), "passed");
    let project = Project::small();
    project.mlinfra("apply dev --sandbox --yes").exits(0);
    let unchanged = project.mlinfra("plan dev --sandbox --format json").exits(0).json();
    assert!(
        unchanged.get("checks").is_none(),
        "nothing is asked where nothing changes"
    );
}
