//! Batches: processing jobs that run once for each version.

use std::time::Duration;

use super::super::{review, roll_out, running};
use super::{Stage, all_of, failure};
use crate::diagnostic::codes;
use crate::ship::{Event, ObjectFate, Restored, RolledOut};

#[tokio::test(start_paused = true)]
async fn a_batch_runs_once_for_each_version_and_its_lines_are_told() {
    let stage = Stage::new("").await;
    let release = stage.release("nightly", "one", None);
    let scene = stage.scene("nightly");
    assert_eq!(roll_out(&scene, &release, None).await.unwrap(), RolledOut::Done);
    let lines: Vec<String> = stage
        .told()
        .into_iter()
        .filter_map(|event| match event {
            Event::Log { line, .. } => Some(line),
            _ => None,
        })
        .collect();
    assert_eq!(lines, ["working through the batch", "done"]);
    assert_eq!(roll_out(&scene, &release, None).await.unwrap(), RolledOut::Unchanged);
    assert_eq!(stage.calls("CreateProcessingJob"), 1);
    assert_eq!(
        review(&scene, &release, None).await.unwrap()[0].fate,
        ObjectFate::Unchanged
    );
    let running = running(&scene).await.unwrap().unwrap();
    assert!(running.healthy, "{running:?}");
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_fails_says_why_and_may_be_tried_again() {
    let faults = "[[fault]]\nworkload = \"nightly\"\nfails = \"job-fails\"\nmessage = \"KeyError: price\"\n";
    let stage = Stage::new(faults).await;
    let release = stage.release("nightly", "one", None);
    for attempt in 1..=2 {
        let failed = failure(roll_out(&stage.scene("nightly"), &release, None).await);
        assert_eq!(failed.problem.code, codes::SAGEMAKER_JOB_FAILED);
        assert!(matches!(failed.restored, Restored::Untouched));
        assert!(all_of(&failed.problem).contains("KeyError: price"), "{failed:#?}");
        assert_eq!(stage.calls("CreateProcessingJob"), attempt);
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_whose_starter_was_killed_is_followed_and_not_started_again() {
    let stage = Stage::new("").await;
    let release = stage.release("nightly", "one", None);
    let scene = stage.scene("nightly");
    let killed = stage
        .session
        .clock
        .timeout(Duration::from_secs(60), roll_out(&scene, &release, None));
    assert!(killed.await.is_err());
    assert_eq!(roll_out(&scene, &release, None).await.unwrap(), RolledOut::Done);
    assert_eq!(stage.calls("CreateProcessingJob"), 1);
}
