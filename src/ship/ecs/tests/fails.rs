//! Rollouts that fail: the cause is told, and what served before serves again.

use std::time::Duration;

use super::super::request::Wanted;
use super::super::watch::Watch;
use super::*;
use crate::diagnostic::codes;

/// The second version goes wrong.
fn fault(fails: &str) -> String {
    format!("[[fault]]\nworkload = \"scorer\"\nfails = \"{fails}\"\nimage = \"sha256:2222\"\n")
}

#[tokio::test(start_paused = true)]
async fn each_failure_is_told_by_its_cause_and_the_version_before_serves_again() {
    let cases = [
        (
            "image-pull",
            codes::ECS_IMAGE,
            "does not exist",
            "CannotPullContainerError",
            60,
        ),
        (
            "crash",
            codes::ECS_EXITED,
            "exit code 1",
            "it printed: error: the model cannot be read",
            150,
        ),
        (
            "oom",
            codes::ECS_MEMORY,
            "more than its 2048 MiB",
            "OutOfMemoryError",
            180,
        ),
        (
            "missing-secret",
            codes::ECS_START,
            "a secret of `scorer` cannot be read",
            "ResourceNotFoundException",
            60,
        ),
        (
            "never-ready",
            codes::ECS_UNHEALTHY,
            "fail the load balancer's health checks",
            "codes: [503]",
            900,
        ),
        (
            "unschedulable",
            codes::ECS_PLACEMENT,
            "not enough memory is free",
            "unable to place a task",
            400,
        ),
        (
            "quota",
            codes::ECS_PLACEMENT,
            "no more processors at once",
            "limit on the number of vCPUs",
            400,
        ),
    ];
    for (fails, code, message, note, within) in cases {
        let stage = Stage::new(API, &fault(fails)).await;
        let clock = stage.session.clock;
        let (first, second) = (stage.release(&digest('1')), stage.release(&digest('2')));
        stage.ship(&first, None).await.unwrap();
        let before = clock.elapsed();
        let (rolled, events) = stage.ship_told(&second, Some(&first)).await;
        let problem = failed_and_restored(rolled).problem;
        assert_eq!(problem.code, code, "{fails}: {problem:#?}");
        assert!(problem.message.contains(message), "{fails}: {problem:#?}");
        assert!(
            problem.notes.iter().any(|line| line.contains(note)),
            "{fails}: {problem:#?}"
        );
        assert!(!problem.hints.is_empty(), "{fails}: {problem:#?}");
        assert!(!problem.message.contains("circuit breaker"), "{fails}: {problem:#?}");
        stage.assert_serves(&first, 2).await;
        // The old tasks answered all the time.
        let told = clock.elapsed() - before;
        assert!(told < Duration::from_secs(within + 300), "{fails}: {told:?}");
        assert!(
            events.iter().any(|event| matches!(
                event,
                Event::Phase {
                    phase: crate::ship::event::Phase::Restore,
                    ..
                }
            )),
            "{fails}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn words_of_aws_that_say_more_are_understood() {
    let cases = [
        (
            "image-pull",
            "CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/amd64'",
            codes::ECS_IMAGE,
            "is not one for x86_64",
        ),
        (
            "image-pull",
            "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref: dial tcp 10.0.0.1:443: i/o timeout",
            codes::ECS_IMAGE,
            "cannot reach the registry",
        ),
        (
            "image-pull",
            "CannotPullContainerError: failed to resolve ref: pulling from host failed with status code: 403 Forbidden",
            codes::ECS_IMAGE,
            "may not pull",
        ),
        (
            "crash",
            "exec /inference: exec format error",
            codes::ECS_IMAGE,
            "is not one for x86_64",
        ),
        (
            "missing-secret",
            "ResourceInitializationError: unable to pull secrets or registry auth: unable to retrieve secret from asm: AccessDeniedException: not authorized to perform: secretsmanager:GetSecretValue",
            codes::ECS_START,
            "may not read a secret",
        ),
        (
            "missing-secret",
            "ResourceInitializationError: unable to pull secrets or registry auth: The task cannot pull registry auth from Amazon ECR: There is a connection issue between the task and Amazon ECR",
            codes::ECS_START,
            "cannot reach what they need",
        ),
        (
            "unschedulable",
            "was unable to place a task. Reason: Capacity is unavailable at this time. Please try again later or in a different availability zone.",
            codes::ECS_PLACEMENT,
            "AWS has none left",
        ),
    ];
    for (fails, said, code, message) in cases {
        let stage = Stage::new(API, &format!("{}message = \"\"\"{said}\"\"\"", fault(fails))).await;
        let (first, second) = (stage.release(&digest('1')), stage.release(&digest('2')));
        stage.ship(&first, None).await.unwrap();
        let problem = failed_and_restored(stage.ship(&second, Some(&first)).await).problem;
        assert_eq!(problem.code, code, "{said}: {problem:#?}");
        assert!(problem.message.contains(message), "{said}: {problem:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_put_back_is_put_back_in_full() {
    let mut stage = Stage::new(API, &fault("crash")).await;
    let first = stage.release(&digest('1'));
    stage.ship(&first, None).await.unwrap();
    let before = stage.service().await;
    stage.edit(&API.replace("replicas = 2", "replicas = 3\nprobes = { startup = \"9m\" }"));
    let second = stage.release(&digest('2'));
    failed_and_restored(stage.ship(&second, Some(&first)).await);
    stage.assert_serves(&first, 2).await;
    let after = stage.service().await;
    assert_eq!(after.definition, before.definition);
    for member in ["desiredCount", "healthCheckGracePeriodSeconds", "networkConfiguration"] {
        assert_eq!(after.found[member], before.found[member], "{member}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_record_the_service_becomes_again_what_it_was() {
    let stage = Stage::new(API, &fault("crash")).await;
    let (first, second) = (stage.release(&digest('1')), stage.release(&digest('2')));
    stage.ship(&first, None).await.unwrap();
    failed_and_restored(stage.ship(&second, None).await);
    stage.assert_serves(&first, 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_record_is_put_back_even_if_its_revision_is_gone() {
    let stage = Stage::new(API, &fault("image-pull")).await;
    let (first, second) = (stage.release(&digest('1')), stage.release(&digest('2')));
    stage.ship(&first, None).await.unwrap();
    let revision = stage.service().await.definition;
    let deregister = stage
        .session
        .ecs()
        .deregister_task_definition()
        .task_definition(&revision);
    deregister.send().await.unwrap();
    failed_and_restored(stage.ship(&second, Some(&first)).await);
    stage.assert_serves(&first, 2).await;
    assert_ne!(stage.service().await.definition, revision);
}

#[tokio::test(start_paused = true)]
async fn a_first_version_that_fails_has_nothing_before_it() {
    let stage = Stage::new(API, &fault("image-pull")).await;
    let second = stage.release(&digest('2'));
    let failure = stage.ship(&second, None).await.unwrap_err();
    assert!(matches!(failure.restored, Restored::NothingBefore), "{failure:#?}");
    assert_eq!(failure.problem.code, codes::ECS_IMAGE);
}

#[tokio::test(start_paused = true)]
async fn a_version_that_failed_is_tried_again_when_it_is_shipped_again() {
    let stage = Stage::new(API, &fault("crash")).await;
    let second = stage.release(&digest('2'));
    stage.ship(&second, None).await.unwrap_err();
    // Long enough for the circuit breaker, which has nothing to go back to.
    stage.session.clock.sleep(Duration::from_secs(1200)).await;
    assert_eq!(stage.service().await.primary().unwrap().rollout, "FAILED");
    stage.sandbox.clear_calls();
    let problem = stage.ship(&second, None).await.unwrap_err().problem;
    assert_eq!(problem.code, codes::ECS_EXITED, "{problem:#?}");
    assert_eq!(stage.calls("UpdateService"), 1);
    let third = stage.release(&digest('3'));
    assert_eq!(stage.ship(&third, None).await.unwrap(), RolledOut::Done);
    stage.assert_serves(&third, 2).await;
}

#[tokio::test(start_paused = true)]
async fn where_nobody_watches_the_circuit_breaker_puts_the_old_version_back_and_its_cause_can_be_told() {
    let stage = Stage::new(API, &fault("crash")).await;
    let clock = stage.session.clock;
    let (first, second) = (stage.release(&digest('1')), stage.release(&digest('2')));
    stage.ship(&first, None).await.unwrap();
    let killed = clock
        .timeout(Duration::from_secs(10), stage.ship(&second, Some(&first)))
        .await;
    assert!(killed.is_err());
    let failing = stage.service().await.definition;
    clock.sleep(Duration::from_secs(1800)).await;
    stage.assert_serves(&first, 2).await;
    assert!(
        stage
            .service()
            .await
            .events
            .iter()
            .any(|event| event.message.contains("rolled back to"))
    );

    // One who still looked for the second version would not take the first for it.
    let tell = Tell::nobody();
    let scene = stage.scene(&tell);
    let wanted = Wanted::read(&second).unwrap();
    let watch = Watch {
        scene: &scene,
        wanted: &wanted,
        definition: &failing,
        deployment: None,
        stop: None,
    };
    let problem = watch.until_settled().await.unwrap_err();
    assert_eq!(problem.code, codes::ECS_ROLLED_BACK, "{problem:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_circuit_breaker_that_is_quicker_is_told_by_the_cause_of_its_tasks() {
    let stage = Stage::new(API, &fault("crash")).await;
    let clock = stage.session.clock;
    let (first, second) = (stage.release(&digest('1')), stage.release(&digest('2')));
    stage.ship(&first, None).await.unwrap();
    clock
        .timeout(Duration::from_secs(10), stage.ship(&second, Some(&first)))
        .await
        .unwrap_err();
    let failing = stage.service().await.definition;
    // Until it trips, and not until the old version is back.
    loop {
        let service = stage.service().await;
        if service.primary().unwrap().definition != failing {
            break;
        }
        clock.sleep(Duration::from_secs(1)).await;
    }
    let tell = Tell::nobody();
    let scene = stage.scene(&tell);
    let wanted = Wanted::read(&second).unwrap();
    let watch = Watch {
        scene: &scene,
        wanted: &wanted,
        definition: &failing,
        deployment: None,
        stop: None,
    };
    let problem = watch.until_settled().await.unwrap_err();
    assert_eq!(problem.code, codes::ECS_EXITED, "{problem:#?}");
    assert!(
        problem
            .notes
            .iter()
            .any(|note| note.contains("put shop-dev-scorer:1 back")),
        "{problem:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn one_who_deploys_something_else_meanwhile_is_noticed() {
    let stage = Stage::new(API, "").await;
    let clock = stage.session.clock;
    let (first, second) = (stage.release(&digest('1')), stage.release(&digest('2')));
    stage.ship(&first, None).await.unwrap();
    let old = stage.service().await.definition;
    let (rolled, ()) = tokio::join!(stage.ship(&second, Some(&first)), async {
        clock.sleep(Duration::from_secs(20)).await;
        let update = stage.session.ecs().update_service().cluster(CLUSTER).service("scorer");
        update.task_definition(&old).send().await.unwrap();
    });
    let problem = failed_and_restored(rolled).problem;
    assert_eq!(problem.code, codes::ECS_ROLLED_BACK, "{problem:#?}");
    stage.assert_serves(&first, 2).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_is_interrupted_puts_back_what_served() {
    let stage = Stage::new(API, "").await;
    let clock = stage.session.clock;
    let (first, second) = (stage.release(&digest('1')), stage.release(&digest('2')));
    stage.ship(&first, None).await.unwrap();
    let (rolled, ()) = tokio::join!(stage.ship(&second, Some(&first)), async {
        clock.sleep(Duration::from_secs(20)).await;
        stage.stop.cancel();
    });
    assert_eq!(failed_and_restored(rolled).problem.code, codes::INTERRUPTED);
    stage.assert_serves(&first, 2).await;
    let failure = stage.ship(&second, Some(&first)).await.unwrap_err();
    assert!(matches!(failure.restored, Restored::Untouched), "{failure:#?}");
}

#[tokio::test(start_paused = true)]
async fn what_aws_refuses_changes_nothing() {
    let refusal = "[[fault]]\nservice = \"ecs\"\naction = \"UpdateService\"\nerror = { code = \"AccessDeniedException\", message = \"User: arn:aws:iam::111122223333:user/ci is not authorized to perform: ecs:UpdateService\" }";
    let stage = Stage::new(API, refusal).await;
    let (first, second) = (stage.release(&digest('1')), stage.release(&digest('2')));
    stage.ship(&first, None).await.unwrap();
    let failure = stage.ship(&second, Some(&first)).await.unwrap_err();
    assert!(matches!(failure.restored, Restored::Untouched), "{failure:#?}");
    assert_eq!(failure.problem.code, codes::ACCESS_DENIED, "{failure:#?}");
    stage.assert_serves(&first, 2).await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_put_back_is_said() {
    let refusal = "[[fault]]\nservice = \"ecs\"\naction = \"UpdateService\"\nnth = 2\nerror = { code = \"AccessDeniedException\", message = \"no\" }\n";
    let stage = Stage::new(API, &format!("{refusal}{}", fault("image-pull"))).await;
    let (first, second) = (stage.release(&digest('1')), stage.release(&digest('2')));
    stage.ship(&first, None).await.unwrap();
    let failure = stage.ship(&second, Some(&first)).await.unwrap_err();
    assert_eq!(failure.problem.code, codes::ECS_IMAGE);
    match &failure.restored {
        Restored::Not(problem) => assert_eq!(problem.code, codes::ACCESS_DENIED),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn tasks_that_never_start_end_the_rollout_after_a_while() {
    let stream = "[workloads.scorer]\nkind = \"stream\"\non = \"tasks\"\nimage = { reference = \"example.com/scorer:1\" }\nstream = { brokers = [\"b:9098\"], topic = \"orders\" }\nreplicas = 2\n";
    let stage = Stage::new(stream, &fault("never-ready")).await;
    let clock = stage.session.clock;
    let (first, second) = (stage.release(&digest('1')), stage.release(&digest('2')));
    stage.ship(&first, None).await.unwrap();
    let before = clock.elapsed();
    let problem = failed_and_restored(stage.ship(&second, Some(&first)).await).problem;
    assert_eq!(problem.code, codes::ECS_STALLED, "{problem:#?}");
    assert!(problem.message.contains("0 of 2 tasks run"), "{problem:#?}");
    assert!(clock.elapsed() - before < Duration::from_secs(1800));
    stage.assert_serves(&first, 2).await;
}
