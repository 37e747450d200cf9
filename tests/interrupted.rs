//! Runs that die or are stopped: what comes after must end as if nothing had happened.

use std::io::{BufRead, BufReader};

use crate::project::Project;

/// Starts an apply and kills it, without a chance to clean up, as soon as it tells of `line`.
fn kill_apply_at(project: &Project, line: &str) {
    let mut child = project.start("apply dev --sandbox --yes");
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let seen = stderr.lines().map_while(Result::ok).any(|text| text.contains(line));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(seen, "the run ended without saying {line:?}");
}

#[test]
fn a_killed_apply_is_taken_up_where_it_was_and_ends_as_an_undisturbed_one() {
    let undisturbed = Project::example();
    undisturbed.mlinfra("apply dev --sandbox --yes").exits(0);
    let wanted = inventory(&undisturbed);

    for moment in ["network", "cluster"] {
        // Slow enough that the stack is still at work when the process dies.
        let killed = Project::example().with("MLINFRA_SANDBOX_TIME_SCALE", "300");
        kill_apply_at(&killed, moment);
        let again = killed.with("MLINFRA_SANDBOX_TIME_SCALE", "100000");
        again.mlinfra("apply dev --sandbox --yes").exits(0);
        again.mlinfra("plan dev --sandbox --detailed-exitcode").exits(0);
        assert_eq!(inventory(&again), wanted, "killed at {moment}");
        again.mlinfra("lock status dev --sandbox").exits(0).says("free");
    }
}

/// How many things of each kind the sandbox holds: a stack that was started twice would show as one too many.
fn inventory(project: &Project) -> Vec<(String, usize)> {
    let list = project.mlinfra("sandbox list --format json").exits(0).json();
    let mut kinds = std::collections::BTreeMap::new();
    for item in list["items"].as_array().unwrap() {
        let kind = format!(
            "{} {}",
            item["service"].as_str().unwrap(),
            item["kind"].as_str().unwrap()
        );
        if !kind.starts_with("s3 object") {
            *kinds.entry(kind).or_insert(0) += 1;
        }
    }
    kinds.into_iter().collect()
}
