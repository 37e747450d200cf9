//! Jobs: run once, told, failed, run again.

use std::time::Duration;

use serde_json::json;

use super::fake::Fate;
use super::{Stage, api, image, job, said};
use crate::clock::Clock;
use crate::diagnostic::codes;
use crate::ship::kubernetes::{logs, running};
use crate::ship::{Event, LogOptions, Restored, RolledOut};

fn lines(told: &[Event]) -> Vec<String> {
    let line = |event: &Event| match event {
        Event::Log { source, line } => Some(format!("{source}: {line}")),
        _ => None,
    };
    told.iter().filter_map(line).collect()
}

#[tokio::test(start_paused = true)]
async fn a_job_is_watched_to_its_end_and_its_log_is_told_once() {
    let mut stage = Stage::new();
    assert_eq!(stage.roll_out(&job(1), None).await.unwrap(), RolledOut::Done);
    assert_eq!(lines(&stage.told()), ["scorer-1-0: ready"]);
    let runs = running::running(&stage.ground()).await.unwrap().unwrap();
    assert_eq!((runs.ready, runs.wanted, runs.healthy), (1, 1, true));
}

#[tokio::test(start_paused = true)]
async fn a_job_that_has_run_does_not_run_again_and_another_one_does() {
    let stage = Stage::new();
    stage.roll_out(&job(1), None).await.unwrap();
    let before = stage.api.versions();
    assert_eq!(
        stage.roll_out(&job(1), Some(&job(1))).await.unwrap(),
        RolledOut::Unchanged
    );
    assert_eq!(stage.api.versions(), before);
    assert_eq!(stage.roll_out(&job(2), Some(&job(1))).await.unwrap(), RolledOut::Done);
    // The one before stays for its logs.
    assert!(
        stage
            .api
            .object("/apis/batch/v1/namespaces/default/jobs/scorer-1")
            .is_some()
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_that_fails_says_how_and_runs_again_when_it_is_shipped_again() {
    let mut stage = Stage::new();
    stage.roll_out(&job(1), None).await.unwrap();
    stage.api.fate(&image(2), Fate::Crashes(3, "row 17: no such column\n"));
    stage.told();
    let failure = stage.roll_out(&job(2), Some(&job(1))).await.unwrap_err();
    assert_eq!(failure.problem.code, codes::JOB_FAILED);
    let said = said(&failure.problem);
    assert!(
        said.contains("exit code 3") && said.contains("row 17: no such column"),
        "{said}"
    );
    assert!(matches!(failure.restored, Restored::Back), "{:?}", failure.restored);
    assert_eq!(lines(&stage.told()), ["scorer-2-0: row 17: no such column"]);
    // It is kept for its logs, and the one before did not run a second time.
    let failed = stage
        .api
        .object("/apis/batch/v1/namespaces/default/jobs/scorer-2")
        .unwrap();
    assert_eq!(failed["status"]["failed"], json!(1));
    stage.api.heal();
    assert_eq!(stage.roll_out(&job(2), Some(&job(1))).await.unwrap(), RolledOut::Done);
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_image_cannot_be_pulled_does_not_wait_out_its_time_and_is_taken_away() {
    let stage = Stage::new();
    stage.api.fate(
        &image(1),
        Fate::NotPulled("rpc error: code = Unknown desc = no match for platform in manifest: not found"),
    );
    let clock = Clock::real();
    let failure = stage.roll_out(&job(1), None).await.unwrap_err();
    assert_eq!(failure.problem.code, codes::IMAGE_NOT_PULLED);
    assert!(said(&failure.problem).contains("other processors"));
    assert!(clock.elapsed() < Duration::from_secs(15));
    assert!(
        stage
            .api
            .object("/apis/batch/v1/namespaces/default/jobs/scorer-1")
            .is_none()
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_stopped_is_taken_away() {
    let stage = Stage::new();
    let wanted = job(1);
    let rolling = stage.roll_out(&wanted, None);
    let stopping = async {
        Clock::real().sleep(Duration::from_secs(5)).await;
        stage.stop.cancel();
    };
    let (rolled, ()) = tokio::join!(rolling, stopping);
    assert_eq!(rolled.unwrap_err().problem.code, codes::INTERRUPTED);
    assert!(
        stage
            .api
            .object("/apis/batch/v1/namespaces/default/jobs/scorer-1")
            .is_none()
    );
}

#[tokio::test(start_paused = true)]
async fn logs_are_of_all_pods_and_of_those_that_come_while_they_are_followed() {
    let mut stage = Stage::new();
    let options = LogOptions {
        follow: false,
        tail: None,
        since_seconds: None,
        previous: false,
    };
    let problem = logs::logs(&stage.ground(), &options).await.unwrap_err();
    assert_eq!(problem.code, codes::NO_POD);
    stage.roll_out(&api(1), None).await.unwrap();
    stage.told();
    logs::logs(&stage.ground(), &options).await.unwrap();
    assert_eq!(lines(&stage.told()).len(), 2);
    let follow = LogOptions {
        follow: true,
        ..options
    };
    {
        let ground = stage.ground();
        let following = logs::logs(&ground, &follow);
        let (next, serving) = (api(2), api(1));
        let shipping = async {
            Clock::real().sleep(Duration::from_secs(10)).await;
            super::roll::roll_out(&ground, &next, Some(&serving), Default::default())
                .await
                .unwrap();
            Clock::real().sleep(Duration::from_secs(10)).await;
            stage.stop.cancel();
        };
        let (followed, ()) = tokio::join!(following, shipping);
        followed.unwrap();
    }
    // Four pods, each once, however often the connection ended.
    assert_eq!(lines(&stage.told()).len(), 4);
}
