//! The corpus below `tests/specs`: what is refused, with the words that a user reads, and what must pass in silence.
//!
//! `tests/specs/README.md` describes the files. `MLINFRA_BLESS=1` writes the `.out` files anew; the difference in git
//! is then read as prose before it is committed.

mod case;
mod difference;
mod prepared;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use mlinfra::diagnostic::codes;

use self::case::Case;
use self::difference::difference;

/// Codes that no input trips here, each with the reason and the test that shows it, if there is one.
const BEYOND_REACH: &[(&str, &str)] = &[
    (
        "MLI0004",
        "the input is made at run time, as one large hole: tests/hostile.rs",
    ),
    ("MLI0006", "a thousand files are made at run time: tests/hostile.rs"),
    (
        "MLI0702",
        "a lease is renewed in real time, three times a minute: src/lock/tests.rs, under a paused clock",
    ),
    (
        "MLI0807",
        "bootstrap waits half an hour of real time for a stack that does not come to an end",
    ),
    (
        "MLI0907",
        "calls have a minute and a half of real time: src/aws/session.rs, under a paused clock",
    ),
    (
        "MLI1007",
        "the answer has to come from a terminal: tests/external/terminal.py",
    ),
    (
        "MLI1405",
        "something has to be fetched for it: tests/external/fetch.py, from a real repository",
    ),
    ("MLI1601", "a cluster has to be missing: src/ship/kubernetes/tests"),
    ("MLI1602", "a cluster has to be out of reach: src/ship/kubernetes/tests"),
    (
        "MLI1603",
        "a cluster has to turn somebody away: src/ship/kubernetes/tests",
    ),
    (
        "MLI1604",
        "a cluster has to refuse an object: src/ship/kubernetes/tests",
    ),
    (
        "MLI1605",
        "somebody else has to be at work in a cluster: src/ship/kubernetes/tests",
    ),
    ("MLI1606", "a cluster has to refuse pods: src/ship/kubernetes/tests"),
    ("MLI1607", "nodes have to pull an image: src/ship/kubernetes/tests"),
    ("MLI1608", "nodes have to run a container: src/ship/kubernetes/tests"),
    ("MLI1609", "a scheduler has to find no node: src/ship/kubernetes/tests"),
    ("MLI1610", "nodes have to start a pod: src/ship/kubernetes/tests"),
    ("MLI1611", "pods have to stay unready: src/ship/kubernetes/tests"),
    ("MLI1612", "a job has to run: src/ship/kubernetes/tests"),
    (
        "MLI1613",
        "somebody else has to be at work in a cluster: src/ship/kubernetes/tests",
    ),
    ("MLI1614", "a cluster has to be there: src/ship/kubernetes/tests"),
    ("MLI1615", "a port has to be taken: src/ship/kubernetes/tests"),
    // Images need repositories, engines and registries: src/ship/image/tests.rs on the sandbox, and src/ship/registry/tests/
    // with a registry that misbehaves.
    (
        "MLI1501",
        "what_the_repository_has_under_the_tag_of_the_content_is_not_built",
    ),
    (
        "MLI1502",
        "a_build_that_fails_shows_its_last_lines_and_how_to_repeat_it",
    ),
    ("MLI1503", "a_context_that_cannot_be_used_is_told_as_such"),
    (
        "MLI1504",
        "a_layout_with_something_wrong_is_refused_before_anything_is_sent",
    ),
    ("MLI1505", "another_architecture_is_refused_naming_both_and_who_says_so"),
    ("MLI1506", "an_image_that_exists_is_pinned_by_its_digest_and_looked_at"),
    ("MLI1507", "a_login_that_is_never_taken_is_not_tried_for_ever"),
    (
        "MLI1508",
        "a_registry_that_stays_broken_is_given_up_and_its_reason_told",
    ),
    (
        "MLI1509",
        "without_its_repository_nothing_is_sent_and_a_plan_says_what_would_be",
    ),
    ("MLI1510", "what_is_too_large_is_refused_once"),
    ("MLI1511", "a_tag_that_cannot_be_moved_is_left_and_its_image_named"),
    (
        "MLI1512",
        "a_registry_that_gives_something_else_than_it_got_is_found_out",
    ),
    (
        "MLI1801",
        "shipping to ECS: src/workload/ecs/tests.rs, what_ecs_has_no_counterpart_for_is_refused_with_what_does_the_same",
    ),
    (
        "MLI1802",
        "shipping to ECS: src/workload/ecs/tests.rs, rounding_is_told_and_what_no_task_has_is_refused",
    ),
    (
        "MLI1803",
        "shipping to ECS: src/workload/ecs/tests.rs, what_the_stack_does_not_fit_is_told_before_anything_is_sent",
    ),
    (
        "MLI1804",
        "a service has to run: src/ship/ecs/tests/fails.rs, each_failure_is_told_by_its_cause_and_the_version_before_serves_again",
    ),
    (
        "MLI1805",
        "a service has to run: src/ship/ecs/tests/fails.rs, each_failure_is_told_by_its_cause_and_the_version_before_serves_again",
    ),
    (
        "MLI1806",
        "a service has to run: src/ship/ecs/tests/fails.rs, each_failure_is_told_by_its_cause_and_the_version_before_serves_again",
    ),
    (
        "MLI1807",
        "a service has to run: src/ship/ecs/tests/fails.rs, each_failure_is_told_by_its_cause_and_the_version_before_serves_again",
    ),
    (
        "MLI1808",
        "a service has to run: src/ship/ecs/tests/fails.rs, each_failure_is_told_by_its_cause_and_the_version_before_serves_again",
    ),
    (
        "MLI1809",
        "a service has to run: src/ship/ecs/tests/fails.rs, each_failure_is_told_by_its_cause_and_the_version_before_serves_again",
    ),
    (
        "MLI1810",
        "a service has to run: src/ship/ecs/tests/fails.rs, tasks_that_never_start_end_the_rollout_after_a_while",
    ),
    (
        "MLI1811",
        "a service has to run: src/ship/ecs/tests/fails.rs, one_who_deploys_something_else_meanwhile_is_noticed",
    ),
    (
        "MLI1812",
        "a job has to run: src/ship/ecs/tests/jobs.rs, a_batch_that_fails_is_told_by_its_exit_code_and_last_lines_and_may_be_tried_again",
    ),
    (
        "MLI1701",
        "only a request of SageMaker shows it: src/workload/sagemaker/tests.rs",
    ),
    (
        "MLI1702",
        "an endpoint has to fail: src/ship/sagemaker/tests/trouble.rs",
    ),
    (
        "MLI1703",
        "an endpoint has to go back: src/ship/sagemaker/tests/trouble.rs",
    ),
    (
        "MLI1704",
        "somebody else's endpoint has to be there: src/ship/sagemaker/tests/trouble.rs",
    ),
    (
        "MLI1705",
        "an endpoint has to be at work for hours: src/ship/sagemaker/tests/trouble.rs",
    ),
    (
        "MLI1706",
        "lines of an endpoint have to be asked for: src/ship/sagemaker/tests/trouble.rs",
    ),
    (
        "MLI1707",
        "a bucket has to be looked into: src/ship/sagemaker/tests/models.rs",
    ),
    (
        "MLI1708",
        "a model registry has to be there: src/ship/sagemaker/tests/models.rs",
    ),
    (
        "MLI1709",
        "a job has to fail: src/ship/sagemaker/tests/batch.rs and src/ship/training/tests.rs",
    ),
    ("MLI1710", "a job has to be stopped: src/ship/training/tests.rs"),
    ("MLI1530", "a stack has to be missing: tests/shipping.rs"),
    ("MLI1531", "something has to be shipped once: tests/shipping.rs"),
    (
        "MLI1532",
        "an object of the state bucket has to be deleted behind mlinfra's back: tests/shipping.rs",
    ),
    ("MLI1533", "something has to be shipped: tests/shipping.rs"),
    ("MLI1535", "somebody else has to scale it: src/ship/ecs/tests/scales.rs"),
    (
        "MLI1534",
        "a model has to be missing when it is shipped: tests/shipping.rs",
    ),
];

#[test]
fn every_bad_input_is_refused_in_the_words_that_were_reviewed() {
    let faults = over(&Case::all("bad"), |case| {
        let out = case.run()?;
        if out.contains("panicked") {
            return Err(format!("panics:\n{out}"));
        }
        if !out.contains(&case.code()) {
            return Err(format!("does not trip {}:\n{out}", case.code()));
        }
        let reviewed = std::fs::read_to_string(case.out()).ok();
        if reviewed.as_deref() == Some(out.as_str()) {
            return Ok(());
        }
        if std::env::var_os("MLINFRA_BLESS").is_some() {
            std::fs::write(case.out(), &out).map_err(|error| error.to_string())?;
            return Ok(());
        }
        Err(match reviewed {
            Some(reviewed) => difference(&reviewed, &out),
            None => format!("has no .out yet; MLINFRA_BLESS=1 writes it:\n{out}"),
        })
    });
    assert_none(&faults);
}

#[test]
fn every_good_input_passes_in_silence() {
    let faults = over(&Case::all("good"), |case| {
        let out = case.run()?;
        let exit = out.lines().last().unwrap_or_default();
        let speaks =
            out.contains("MLI") || out.contains("warning") || out.contains("error") || out.contains("panicked");
        if exit == "[exit 0]" && !speaks {
            Ok(())
        } else {
            Err(format!("does not pass in silence:\n{out}"))
        }
    });
    assert_none(&faults);
}

#[test]
fn every_code_is_tripped() {
    let known: BTreeSet<String> = codes::ALL.iter().map(|(code, _)| code.to_string()).collect();
    let tripped: BTreeSet<String> = Case::all("bad").iter().map(Case::code).collect();
    let prepared: BTreeSet<String> = prepared::TRIPPED.iter().map(ToString::to_string).collect();
    let excused: BTreeSet<String> = BEYOND_REACH.iter().map(|(code, _)| (*code).to_owned()).collect();
    let missing: Vec<String> = codes::ALL
        .iter()
        .filter(|(code, _)| {
            let code = code.to_string();
            !tripped.contains(&code) && !prepared.contains(&code) && !excused.contains(&code)
        })
        .map(|(code, title)| format!("{code} ({title}) has no bad input"))
        .chain(tripped.difference(&known).map(|code| format!("{code} is no code")))
        .chain(
            excused
                .intersection(&tripped)
                .map(|code| format!("{code} is tripped, and needs no excuse")),
        )
        .collect();
    assert_none(&missing);
}

#[test]
fn every_file_of_the_corpus_is_named_as_it_should_be_and_says_something_of_its_own() {
    let bad = regex::Regex::new(r"^MLI\d{4}(-[a-z0-9]+)+\.(toml|yaml|json|case)$").unwrap();
    let good = regex::Regex::new(r"^[a-z0-9]+(-[a-z0-9]+)*\.(toml|yaml|json|case)$").unwrap();
    let mut faults = Vec::new();
    for (folder, form) in [("bad", bad), ("good", good)] {
        let cases = Case::all(folder);
        let mut seen: BTreeMap<(&str, &[u8]), &str> = BTreeMap::new();
        for case in &cases {
            if !form.is_match(&case.file) {
                faults.push(format!("{folder}/{}: the name should match {form}", case.file));
            }
            let ending = case.file.rsplit('.').next().unwrap_or_default();
            if let Some(other) = seen.insert((ending, &case.input), &case.file) {
                faults.push(format!("{folder}/{}: the same input as {other}", case.file));
            }
        }
        let outs: BTreeSet<_> = cases.iter().map(Case::out).collect();
        for out in case::files(folder, "out") {
            if !outs.contains(&out) || folder == "good" {
                faults.push(format!("{}: belongs to no input", out.display()));
            }
        }
        if folder == "bad" && outs.len() != cases.len() {
            faults.push(format!(
                "{folder}: two inputs differ in their ending only and share an .out"
            ));
        }
    }
    assert_none(&faults);
}

/// What `check` finds wrong with the cases, several at once, in the order of the names.
fn over(cases: &[Case], check: impl Fn(&Case) -> Result<(), String> + Sync) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let faults = Mutex::new(BTreeMap::new());
    // Twice the cores, and backwards: some of the last ones wait for answers that do not come.
    let threads = 2 * std::thread::available_parallelism().map_or(2, usize::from);
    let next_case = || {
        let taken = next.fetch_add(1, Ordering::Relaxed);
        cases.iter().rev().nth(taken)
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(case) = next_case() {
                    if let Err(fault) = check(case) {
                        let told = format!("{}: {}", case.file, fault.replace('\n', "\n    "));
                        faults.lock().unwrap().insert(case.file.clone(), told);
                    }
                }
            });
        }
    });
    faults.into_inner().unwrap().into_values().collect()
}

fn assert_none(faults: &[String]) {
    assert!(
        faults.is_empty(),
        "{} of them:\n\n  {}\n",
        faults.len(),
        faults.join("\n\n  ")
    );
}
