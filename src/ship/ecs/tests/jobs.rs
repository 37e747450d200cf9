//! Batches: one task for each release.

use std::time::Duration;

use super::*;
use crate::diagnostic::codes;

#[tokio::test(start_paused = true)]
async fn a_batch_is_followed_to_its_end_with_what_it_prints() {
    let stage = Stage::new(JOB, "").await;
    let release = stage.release(&digest('1'));
    let (rolled, events) = stage.ship_told(&release, None).await;
    assert_eq!(rolled.unwrap(), RolledOut::Done);
    let lines: Vec<&str> = events
        .iter()
        .filter_map(|event| match event {
            Event::Log { line, .. } => Some(line.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(lines, ["nightly is up", "all done"]);
    let running = stage.running().await.unwrap();
    assert_eq!(
        (running.healthy, running.remarks),
        (true, vec!["its task ended well".to_owned()])
    );
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_has_run_is_not_run_again_and_another_version_is() {
    let stage = Stage::new(JOB, "").await;
    let release = stage.release(&digest('1'));
    stage.ship(&release, None).await.unwrap();
    assert_eq!(
        stage.ship(&release, Some(&release)).await.unwrap(),
        RolledOut::Unchanged
    );
    assert_eq!(stage.calls("RunTask"), 1);
    let next = stage.release(&digest('2'));
    assert_eq!(stage.ship(&next, Some(&release)).await.unwrap(), RolledOut::Done);
    assert_eq!(stage.calls("RunTask"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_batch_whose_starter_was_killed_is_followed_and_not_started_twice() {
    let clock = Clock::real();
    for seconds in [0.3, 0.9, 20.0, 70.0, 100.0] {
        let stage = Stage::new(JOB, "[[fault]]\nservice = \"ecs\"\ndelay_seconds = 0.2").await;
        let release = stage.release(&digest('1'));
        let killed = clock
            .timeout(Duration::from_secs_f64(seconds), stage.ship(&release, None))
            .await;
        assert!(killed.is_err(), "{seconds}");
        // Also if its task has come to its end meanwhile.
        clock
            .sleep(Duration::from_secs(if seconds > 90.0 { 60 } else { 0 }))
            .await;
        assert_eq!(stage.ship(&release, None).await.unwrap(), RolledOut::Done);
        assert_eq!(stage.calls("RunTask"), 1, "killed after {seconds} s");
        assert_eq!(stage.revisions().await.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_starts_no_second_task() {
    let stage = Stage::new(
        JOB,
        "[[fault]]\nservice = \"ecs\"\naction = \"RunTask\"\ndrop_answer = 1",
    )
    .await;
    assert_eq!(
        stage.ship(&stage.release(&digest('1')), None).await.unwrap(),
        RolledOut::Done
    );
    let tasks: Vec<_> = stage
        .sandbox
        .inventory()
        .unwrap()
        .into_iter()
        .filter(|item| item.kind == "task")
        .collect();
    assert!(tasks.is_empty(), "{tasks:?}");
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_fails_is_told_by_its_exit_code_and_last_lines_and_may_be_tried_again() {
    let fault = "[[fault]]\nworkload = \"nightly\"\nplatform = \"ecs\"\nfails = \"job-fails\"\nimage = \"sha256:1111\"";
    let stage = Stage::new(JOB, fault).await;
    let release = stage.release(&digest('1'));
    for tries in 1..=2 {
        let failure = stage.ship(&release, None).await.unwrap_err();
        assert_eq!(failure.problem.code, codes::ECS_JOB, "{failure:#?}");
        assert!(failure.problem.message.contains("exit code 1"), "{failure:#?}");
        assert!(
            failure
                .problem
                .notes
                .iter()
                .any(|note| note.contains("unexpected end of file")),
            "{failure:#?}"
        );
        assert_eq!(stage.calls("RunTask"), tries);
    }
    assert!(!stage.running().await.unwrap().healthy);
}

#[tokio::test(start_paused = true)]
async fn a_batch_without_room_or_image_is_told_so() {
    for (fails, code) in [
        ("unschedulable", codes::ECS_PLACEMENT),
        ("image-pull", codes::ECS_IMAGE),
        ("oom", codes::ECS_MEMORY),
    ] {
        let fault = format!("[[fault]]\nworkload = \"nightly\"\nfails = \"{fails}\"");
        let stage = Stage::new(JOB, &fault).await;
        let failure = stage.ship(&stage.release(&digest('1')), None).await.unwrap_err();
        assert_eq!(failure.problem.code, code, "{failure:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_batch_is_stopped() {
    let stage = Stage::new(JOB, "").await;
    let clock = stage.session.clock;
    let release = stage.release(&digest('1'));
    let (rolled, ()) = tokio::join!(stage.ship(&release, None), async {
        clock.sleep(Duration::from_secs(60)).await;
        stage.stop.cancel();
    });
    assert_eq!(rolled.unwrap_err().problem.code, codes::INTERRUPTED);
    let tasks: Vec<_> = stage
        .sandbox
        .inventory()
        .unwrap()
        .into_iter()
        .filter(|item| item.kind == "task")
        .collect();
    assert!(tasks.is_empty(), "{tasks:?}");
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_takes_longer_than_its_timeout_is_stopped() {
    let stage = Stage::new(&format!("{JOB}timeout = \"50s\"\n"), "").await;
    let failure = stage.ship(&stage.release(&digest('1')), None).await.unwrap_err();
    assert_eq!(failure.problem.code, codes::ECS_JOB);
    assert!(
        failure.problem.message.contains("was stopped after 50 s"),
        "{failure:#?}"
    );
    assert_eq!(stage.calls("StopTask"), 1);
}
