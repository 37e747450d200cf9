//! What is sent to ECS, Application Auto Scaling and EventBridge Scheduler in the life of a workload.

use std::collections::BTreeSet;

use super::*;
use crate::aws::json::sent;
use crate::workload::tests::golden;

/// The members of a request, at any depth.
fn members(request: &Json, path: &str, found: &mut BTreeSet<String>) {
    match request {
        Json::Object(fields) => {
            for (name, value) in fields {
                members(value, &format!("{path}/{name}"), found);
            }
        }
        Json::Array(items) => items.iter().for_each(|item| members(item, path, found)),
        _ => {
            found.insert(path.to_owned());
        }
    }
}

async fn ships(stage: &Stage, version: char, serving: Option<&Release>) -> Release {
    let release = stage.release(&digest(version));
    stage
        .ship(&release, serving)
        .await
        .unwrap_or_else(|failure| panic!("{failure:#?}"));
    release
}

/// Held against AWS's own model of the API by `tests/external/platforms.py`.
#[tokio::test(start_paused = true)]
async fn every_request_is_one_that_was_held_against_awss_model() {
    let scaled = API.replace(
        "replicas = 2",
        "autoscaling = { min = 2, max = 4, target_requests = 50 }",
    );
    let fault = "[[fault]]\nworkload = \"scorer\"\nfails = \"crash\"\nimage = \"sha256:3333\"\n";
    let mut stage = Stage::new(&scaled, fault).await;
    sent::take();
    let first = ships(&stage, '1', None).await;
    let second = ships(&stage, '2', Some(&first)).await;
    stage
        .ship(&stage.release(&digest('3')), Some(&second))
        .await
        .unwrap_err();
    stage.edit(API);
    let fixed = ships(&stage, '4', Some(&second)).await;
    stage.running().await.unwrap();
    stage.logged(false).await;
    super::super::remove(&stage.scene(&Tell::nobody()), &fixed)
        .await
        .unwrap();
    let stage = Stage::new(JOB, "").await;
    let job = stage.release(&digest('1'));
    let clock = Clock::real();
    assert!(
        clock
            .timeout(std::time::Duration::from_secs(50), stage.ship(&job, None))
            .await
            .is_err()
    );
    super::super::remove(&stage.scene(&Tell::nobody()), &job).await.unwrap();
    let by_the_clock = format!("{JOB}schedule = \"15 2 * * *\"\n");
    let stage = Stage::by_the_clock(&by_the_clock, "").await;
    let first = ships(&stage, '1', None).await;
    let second = ships(&stage, '2', Some(&first)).await;
    super::super::remove(&stage.scene(&Tell::nobody()), &second)
        .await
        .unwrap();

    let mut shapes = BTreeSet::new();
    let mut kept = Vec::new();
    for (service, action, request) in sent::take() {
        let mut found = BTreeSet::new();
        members(&request, "", &mut found);
        if shapes.insert((action, found)) {
            kept.push(serde_json::json!({ "service": service, "action": action, "request": request }));
        }
    }
    let actions: BTreeSet<&str> = shapes.iter().map(|(action, _)| *action).collect();
    assert_eq!(
        actions.into_iter().collect::<Vec<_>>(),
        [
            "CreateSchedule",
            "CreateService",
            "DeleteSchedule",
            "DeleteService",
            "DeregisterScalableTarget",
            "DeregisterTaskDefinition",
            "DescribeScalableTargets",
            "DescribeScalingPolicies",
            "DescribeServices",
            "DescribeTaskDefinition",
            "DescribeTasks",
            "GetSchedule",
            "ListTaskDefinitions",
            "ListTasks",
            "PutScalingPolicy",
            "RegisterScalableTarget",
            "RegisterTaskDefinition",
            "RunTask",
            "StopTask",
            "UpdateSchedule",
            "UpdateService",
        ]
    );
    golden("ecs-calls.json", &kept);
}
