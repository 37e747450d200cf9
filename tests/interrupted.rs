//! Runs that die or are stopped: what comes after must end as if nothing had happened.
//!
//! Nothing here waits for a time: a run is stopped when it tells that it has come so far, and slow enough that it cannot
//! have come much further.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStderr, Command};

use serde_json::Value;

use crate::project::Project;

/// A minute of AWS in half a second: what was begun still needs seconds when the signal comes.
pub const SLOW: &str = "120";
/// Fast enough not to be noticed.
pub const FAST: &str = "100000";

/// A run whose stderr is read as it comes.
pub struct Run {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
    said: Vec<String>,
}

impl Run {
    pub fn start(project: &Project, arguments: &str) -> Self {
        let mut child = project.start(arguments);
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let said = Vec::new();
        Self { child, lines, said }
    }

    /// Reads until a line holds `text`.
    #[track_caller]
    pub fn until(mut self, text: &str) -> Self {
        loop {
            let line = self.lines.next().and_then(Result::ok);
            let Some(line) = line else {
                panic!("the run ended without saying {text:?}:\n{}", self.said.join("\n"));
            };
            self.said.push(line);
            if self.said.last().is_some_and(|line| line.contains(text)) {
                return self;
            }
        }
    }

    /// Kills it without a chance to clean up.
    pub fn killed(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends `INT`, `TERM`, `STOP` or `CONT`.
    pub fn signalled(self, name: &str) -> Self {
        let id = self.child.id();
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -{name} {id}")])
            .status()
            .unwrap();
        assert!(sent.success());
        self
    }

    /// Reads to the end: the exit code, and everything that was said.
    pub fn ended(mut self) -> (Option<i32>, String) {
        self.said.extend(self.lines.by_ref().map_while(Result::ok));
        (self.child.wait().unwrap().code(), self.said.join("\n"))
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // A test that failed leaves nothing running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What an undisturbed apply of `project` leaves.
fn undisturbed(project: &Project) -> BTreeMap<String, usize> {
    project.mlinfra("apply dev --sandbox --yes").exits(0);
    inventory(project)
}

#[test]
fn a_killed_apply_is_taken_up_where_it_was_and_ends_as_an_undisturbed_one() {
    let wanted = undisturbed(&Project::example());
    for moment in [
        "lock taken",
        "network: creating",
        "network: Vpc (AWS::EC2::VPC) CREATE_",
        "cluster: creating",
    ] {
        let project = Project::example().with("MLINFRA_SANDBOX_TIME_SCALE", SLOW);
        Run::start(&project, "apply dev --sandbox --yes -v")
            .until(moment)
            .killed();
        let project = project.with("MLINFRA_SANDBOX_TIME_SCALE", FAST);
        project
            .mlinfra("lock status dev --sandbox")
            .exits(0)
            .says("stale")
            .says("on this machine is gone");
        project
            .mlinfra("apply dev --sandbox --yes")
            .exits(0)
            .says("on this machine is gone: taken over");
        is_as_undisturbed(&project, &wanted, moment);
        let history = history(&project);
        let last = history.last().unwrap();
        assert_eq!(last["result"], "succeeded", "killed at {moment}");
        if moment != "lock taken" {
            let died = &history[0];
            assert_eq!(
                (history.len(), &died["finished"]),
                (2, &Value::Null),
                "killed at {moment}"
            );
            assert_eq!(last["resumes"], died["id"], "killed at {moment}");
        }
    }
}

#[test]
fn a_killed_destroy_is_taken_up_and_leaves_nothing() {
    for moment in [
        "lock taken",
        "reader: deleting",
        "✓ reader",
        "store: Bucket (AWS::S3::Bucket) DELETE_IN_PROGRESS",
    ] {
        let project = Project::small();
        project.mlinfra("apply dev --sandbox --yes").exits(0);
        let project = project.with("MLINFRA_SANDBOX_TIME_SCALE", SLOW);
        Run::start(&project, "destroy dev --sandbox --yes -v")
            .until(moment)
            .killed();
        let project = project.with("MLINFRA_SANDBOX_TIME_SCALE", FAST);
        project.mlinfra("destroy dev --sandbox --yes").exits(0);
        let left = inventory(&project);
        assert!(
            left.keys().all(|kind| !kind.starts_with("cloudformation")),
            "killed at {moment}: {left:?}"
        );
        project.mlinfra("lock status dev --sandbox").exits(0).says("free");
    }
}

#[test]
fn the_first_interrupt_lets_finish_what_runs_starts_nothing_new_and_releases_the_lock() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let project = Project::example().with("MLINFRA_SANDBOX_TIME_SCALE", SLOW);
        let (exit, said) = Run::start(&project, "apply dev --sandbox --yes -v")
            .until("network: Vpc (AWS::EC2::VPC) CREATE_")
            .signalled(signal)
            .ended();
        assert_eq!(exit, Some(code), "{said}");
        assert!(
            said.contains("✓ network") && !said.contains("cluster: creating"),
            "{said}"
        );
        assert!(
            said.contains("was interrupted") && said.contains("cluster (the run was stopped)"),
            "{said}"
        );
        let project = project.with("MLINFRA_SANDBOX_TIME_SCALE", FAST);
        project.mlinfra("lock status dev --sandbox").exits(0).says("free");
        let history = history(&project);
        assert_eq!(
            (history.len(), &history[0]["result"]),
            (1, &"interrupted".into()),
            "{history:#?}"
        );
        project
            .mlinfra("apply dev --sandbox --yes")
            .exits(0)
            .never_says("taken over")
            .never_says("died");
        project.mlinfra("plan dev --sandbox --detailed-exitcode").exits(0);
    }
}

#[test]
fn the_second_interrupt_leaves_at_once_and_says_what_still_runs() {
    // The network needs ten seconds more: whoever waited for it would tell that it is done.
    let project = Project::example().with("MLINFRA_SANDBOX_TIME_SCALE", "20");
    let (exit, said) = Run::start(&project, "apply dev --sandbox --yes -v")
        .until("network: Vpc (AWS::EC2::VPC) CREATE_")
        .signalled("INT")
        .until("Ctrl-C again leaves at once")
        .signalled("INT")
        .ended();
    assert_eq!(exit, Some(130), "{said}");
    assert!(
        said.contains("still running in AWS: ") && !said.contains("✓ network"),
        "{said}"
    );
    let project = project.with("MLINFRA_SANDBOX_TIME_SCALE", FAST);
    project.mlinfra("lock status dev --sandbox").exits(0).says("free");
    project.mlinfra("apply dev --sandbox --yes").exits(0);
    project.mlinfra("plan dev --sandbox --detailed-exitcode").exits(0);
}

#[test]
fn two_runs_at_once_do_not_meet_and_the_second_is_told_at_once_who_works() {
    let project = Project::small().with("MLINFRA_SANDBOX_TIME_SCALE", "10");
    let first = Run::start(&project, "apply dev --sandbox --yes").until("lock taken");
    let id = first.child.id();
    project
        .mlinfra("apply dev --sandbox --yes")
        .exits(3)
        .says("dev is locked by ada@")
        .says(&format!("it is alive: process {id} on this machine"));
    first.killed();
}

#[test]
fn an_interrupt_while_waiting_for_the_lock_leaves_at_once_and_nothing_behind() {
    let project = Project::small().with("MLINFRA_SANDBOX_TIME_SCALE", "10");
    let first = Run::start(&project, "apply dev --sandbox --yes").until("lock taken");
    let (exit, said) = Run::start(&project, "apply dev --sandbox --yes --lock-timeout 30m")
        .until("waiting for the lock")
        .signalled("INT")
        .ended();
    assert_eq!(exit, Some(130), "{said}");
    assert!(said.contains("MLI0705") && said.contains("no lock is held"), "{said}");
    let (exit, said) = first.signalled("INT").ended();
    assert_eq!(exit, Some(130), "{said}");
    project.mlinfra("lock status dev --sandbox").exits(0).says("free");
}

#[test]
fn an_interrupt_before_anything_began_says_that_nothing_was_changed() {
    let project = Project::small().with("MLINFRA_SANDBOX_FAULTS", "faults.toml");
    project.write("faults.toml", "[[fault]]\nservice = \"sts\"\ndelay_seconds = 1e9\n");
    let (exit, said) = Run::start(&project, "plan dev --sandbox -vv")
        .until("beginning attempt #1")
        .signalled("INT")
        .ended();
    assert_eq!(exit, Some(130), "{said}");
    assert!(said.contains("MLI1008") && said.contains("no lock is held"), "{said}");
}

#[test]
fn the_second_interrupt_ends_even_a_call_that_never_returns() {
    let project = Project::small().with("MLINFRA_SANDBOX_FAULTS", "faults.toml");
    project.write(
        "faults.toml",
        "[[fault]]\nservice = \"dynamodb\"\ndelay_seconds = 1e9\n",
    );
    let (exit, said) = Run::start(&project, "plan dev --sandbox -vv")
        .until("dynamodb.us-east-1.amazonaws.com")
        .signalled("INT")
        .signalled("TERM")
        .ended();
    assert!(matches!(exit, Some(130 | 143)), "{exit:?} {said}");
    assert!(said.contains("MLI1013"), "{said}");
}

/// The same things are there, each stack was made once, nothing is left to do, and the lock is free.
#[track_caller]
fn is_as_undisturbed(project: &Project, wanted: &BTreeMap<String, usize>, moment: &str) {
    assert_eq!(&inventory(project), wanted, "killed at {moment}");
    let made = stacks_ever_made(project);
    assert!(made.values().all(|count| *count == 1), "killed at {moment}: {made:?}");
    project.mlinfra("plan dev --sandbox --detailed-exitcode").exits(0);
    project.mlinfra("lock status dev --sandbox").exits(0).says("free");
}

/// How many things of each kind the sandbox holds, apart from the records.
fn inventory(project: &Project) -> BTreeMap<String, usize> {
    let list = project.mlinfra("sandbox list --format json").exits(0).json();
    let mut kinds = BTreeMap::new();
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
    kinds
}

/// How many stacks of each name CloudFormation ever had, the deleted ones counted. A process that was killed while it
/// saved leaves a second file behind, so stacks are told apart by their ARNs.
fn stacks_ever_made(project: &Project) -> BTreeMap<String, usize> {
    let mut arns = BTreeMap::new();
    for state in files(&project.path(".mlinfra/sandbox"), &|path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("cloudformation."))
    }) {
        for (arn, stack) in state["stacks"].as_object().unwrap() {
            arns.insert(arn.clone(), stack["name"].as_str().unwrap().to_owned());
        }
    }
    let mut made = BTreeMap::new();
    for name in arns.into_values() {
        *made.entry(name).or_insert(0) += 1;
    }
    made
}

/// The records of operations, oldest first.
fn history(project: &Project) -> Vec<Value> {
    let bodies = files(&project.path(".mlinfra/sandbox"), &|path| {
        path.parent().is_some_and(|folder| folder.ends_with("bodies"))
    });
    let mut records: Vec<Value> = bodies.into_iter().filter(|body| body["started"].is_string()).collect();
    records.sort_by_key(|record| record["id"].to_string());
    records
}

/// What JSON is in the files below `folder`.
fn files(folder: &Path, wanted: &dyn Fn(&Path) -> bool) -> Vec<Value> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, wanted));
        } else if wanted(&path) {
            found.extend(serde_json::from_slice::<Value>(&std::fs::read(&path).unwrap()).ok());
        }
    }
    found
}
