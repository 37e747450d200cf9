//! Rollouts that fail, are killed, or meet somebody else.

use std::time::Duration;

use super::super::{logs, roll_out};
use super::{ENDPOINT, Stage, all_of, failure};
use crate::diagnostic::codes;
use crate::ship::{Event, LogOptions, Restored, RolledOut};

fn fault(fails: &str) -> String {
    format!("[[fault]]\nworkload = \"scorer\"\nplatform = \"sagemaker\"\nimage = \"/bad@\"\nfails = \"{fails}\"\n")
}

#[tokio::test(start_paused = true)]
async fn a_silent_rollback_is_a_failure_although_the_endpoint_is_in_service() {
    let stage = Stage::new(&fault("silent-rollback")).await;
    let good = stage.serves("good", None).await;
    let (_, rolled) = stage.ship("bad", Some(&good)).await;
    let failure = failure(rolled);
    assert_eq!(failure.problem.code, codes::ENDPOINT_ROLLED_BACK);
    assert!(matches!(failure.restored, Restored::Back), "{failure:?}");
    assert!(
        all_of(&failure.problem).contains("the model answers with NaN"),
        "{failure:#?}"
    );
    let endpoint = stage.endpoint().await;
    assert_eq!(
        (endpoint.status.as_str(), endpoint.images),
        ("InService", vec![good.image.reference])
    );
}

#[tokio::test(start_paused = true)]
async fn a_rollback_is_told_when_it_begins_and_explained_when_it_ends() {
    let stage = Stage::new(&fault("create")).await;
    let good = stage.serves("good", None).await;
    let (_, rolled) = stage.ship("bad", Some(&good)).await;
    let failure = failure(rolled);
    assert_eq!(failure.problem.code, codes::ENDPOINT_ROLLED_BACK);
    assert!(matches!(failure.restored, Restored::Back), "{failure:?}");
    assert!(
        all_of(&failure.problem).contains("model.json is missing"),
        "{failure:#?}"
    );
    let notes = stage.notes();
    assert!(
        notes
            .iter()
            .any(|note| note.contains("going back") && note.contains("ping")),
        "{notes:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_first_rollout_that_fails_leaves_the_endpoint_to_be_looked_at_and_the_next_one_replaces_it() {
    let stage = Stage::new(&fault("create")).await;
    let (_, rolled) = stage.ship("bad", None).await;
    let failure = failure(rolled);
    assert_eq!(failure.problem.code, codes::ENDPOINT_FAILED);
    assert!(matches!(failure.restored, Restored::NothingBefore), "{failure:?}");
    let said = all_of(&failure.problem);
    for part in [
        "ping health check",
        "model.json is missing",
        "delete-endpoint --endpoint-name shop-dev-scorer",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(stage.endpoint().await.status, "Failed");
    stage.serves("good", None).await;
    assert_eq!(stage.endpoint().await.status, "InService");
}

#[tokio::test(start_paused = true)]
async fn a_mix_of_both_versions_is_led_back_to_the_old_one() {
    let stage = Stage::new(&fault("rollback-fails")).await;
    let good = stage.serves("good", None).await;
    let (_, rolled) = stage.ship("bad", Some(&good)).await;
    let failure = failure(rolled);
    assert_eq!(failure.problem.code, codes::ENDPOINT_ROLLED_BACK);
    assert!(matches!(failure.restored, Restored::Back), "{failure:?}");
    let endpoint = stage.endpoint().await;
    assert_eq!(
        (endpoint.status.as_str(), endpoint.images),
        ("InService", vec![good.image.reference])
    );
    assert_eq!(stage.calls("UpdateEndpoint"), 2);
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_moment_and_run_again_it_ends_as_if_nothing_had_happened() {
    for seconds in [1, 100, 200, 239] {
        let stage = Stage::new("").await;
        stage.killed_after(seconds, "one", None).await;
        let one = stage.serves("one", None).await;
        stage.killed_after(seconds, "two", Some(&one)).await;
        let two = stage.serves("two", Some(&one)).await;
        assert_eq!(stage.endpoint().await.images, [two.image.reference.as_str()]);
        assert_eq!(
            (stage.calls("CreateEndpoint"), stage.calls("UpdateEndpoint")),
            (1, 1),
            "{seconds}"
        );
        assert_eq!(stage.existing("model").len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn killed_while_sagemaker_went_on_the_next_run_finds_it_done() {
    let stage = Stage::new("").await;
    stage.killed_after(100, "one", None).await;
    stage.session.clock.sleep(Duration::from_secs(3600)).await;
    let (_, rolled) = stage.ship("one", None).await;
    assert_eq!(rolled.unwrap(), RolledOut::Unchanged);
}

#[tokio::test(start_paused = true)]
async fn lost_answers_and_throttling_make_nothing_twice() {
    for action in [
        "CreateModel",
        "CreateEndpointConfig",
        "CreateEndpoint",
        "UpdateEndpoint",
        "DescribeEndpoint",
    ] {
        let faults = format!(
            "[[fault]]\nservice = \"sagemaker\"\naction = \"{action}\"\ndrop_answer = 1\n\
             [[fault]]\nservice = \"sagemaker\"\nthrottle = {{ every = 3 }}\n"
        );
        let stage = Stage::new(&faults).await;
        let one = stage.serves("one", None).await;
        let two = stage.serves("two", Some(&one)).await;
        assert_eq!(
            stage.endpoint().await.images,
            [two.image.reference.as_str()],
            "{action}"
        );
        assert_eq!(stage.existing("model").len(), 2, "{action}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_by_somebody_else_is_waited_for() {
    let stage = Stage::new("").await;
    let one = stage.serves("one", None).await;
    stage.killed_after(60, "two", Some(&one)).await;
    let three = stage.serves("three", Some(&one)).await;
    assert_eq!(stage.endpoint().await.images, [three.image.reference.as_str()]);
    let notes = stage.notes();
    assert!(
        notes.iter().any(|note| note.contains("is updating: waiting")),
        "{notes:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_at_work_for_hours_is_told_and_left_alone() {
    use aws_sdk_sagemaker::types::{BlueGreenUpdatePolicy, DeploymentConfig};
    let stage = Stage::new("").await;
    let one = stage.serves("one", None).await;
    let two = stage.serves("two", Some(&one)).await;
    // Somebody leads it back by hand, and lets the old instances stand by for a day.
    let policy = BlueGreenUpdatePolicy::builder()
        .termination_wait_in_seconds(86_400)
        .build();
    let deployment = DeploymentConfig::builder().blue_green_update_policy(policy).build();
    let config = one.objects[1]["name"].as_str().unwrap();
    let update = stage.session.sagemaker().update_endpoint().endpoint_name(ENDPOINT);
    let update = update.endpoint_config_name(config).deployment_config(deployment);
    update.send().await.unwrap();
    let (_, rolled) = stage.ship("three", Some(&two)).await;
    let failure = failure(rolled);
    assert_eq!(failure.problem.code, codes::ENDPOINT_UNFINISHED);
    assert!(matches!(failure.restored, Restored::Untouched), "{failure:?}");
    assert_eq!(stage.calls("CreateModel"), 2);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_not_the_workloads_is_left_alone() {
    let stage = Stage::new("").await;
    let other = stage.session.sagemaker();
    let container = aws_sdk_sagemaker::types::ContainerDefinition::builder()
        .image("i")
        .build();
    other
        .create_model()
        .model_name("m")
        .primary_container(container)
        .send()
        .await
        .unwrap();
    let variant = aws_sdk_sagemaker::types::ProductionVariant::builder()
        .variant_name("v")
        .model_name("m");
    let config = other.create_endpoint_config().endpoint_config_name("c");
    config.production_variants(variant.build()).send().await.unwrap();
    let endpoint = other
        .create_endpoint()
        .endpoint_name(ENDPOINT)
        .endpoint_config_name("c");
    endpoint.send().await.unwrap();
    let (_, rolled) = stage.ship("one", None).await;
    let failure = failure(rolled);
    assert_eq!(failure.problem.code, codes::ENDPOINT_FOREIGN);
    assert!(matches!(failure.restored, Restored::Untouched));
    assert_eq!(stage.existing("model"), ["m"]);
}

#[tokio::test(start_paused = true)]
async fn stopped_before_it_began_it_begins_nothing_and_while_it_waits_it_says_what_goes_on() {
    let stage = Stage::new("").await;
    let release = stage.release("scorer", "one", None);
    let scene = stage.scene("scorer");
    let stopping = async {
        stage.session.clock.sleep(Duration::from_secs(90)).await;
        stage.stop.cancel();
    };
    let (rolled, ()) = tokio::join!(roll_out(&scene, &release, None), stopping);
    let stopped = failure(rolled);
    assert_eq!(stopped.problem.code, codes::INTERRUPTED);
    assert!(matches!(stopped.restored, Restored::Not(_)));
    assert!(stage.session.clock.elapsed() < Duration::from_secs(120));
    stage.session.clock.sleep(Duration::from_secs(600)).await;
    let (_, rolled) = stage.ship("two", Some(&release)).await;
    let stopped = failure(rolled);
    assert!(matches!(stopped.restored, Restored::Untouched), "{stopped:?}");
    assert_eq!(stage.calls("UpdateEndpoint"), 0);
}

#[tokio::test(start_paused = true)]
async fn lines_of_an_endpoint_are_told_once_each_while_it_is_followed() {
    let stage = Stage::new("").await;
    let one = stage.serves("one", None).await;
    stage.told();
    let scene = stage.scene("scorer");
    let options = LogOptions {
        follow: true,
        tail: None,
        since_seconds: None,
        previous: false,
    };
    let shipping = async {
        let two = stage.release("scorer", "two", None);
        // Shipped with a stop of its own: following ends when shipping has.
        let own = tokio_util::sync::CancellationToken::new();
        let scene = crate::ship::Scene {
            stop: &own,
            ..stage.scene("scorer")
        };
        roll_out(&scene, &two, Some(&one)).await.unwrap();
        stage.session.clock.sleep(Duration::from_secs(30)).await;
        stage.stop.cancel();
    };
    let (followed, ()) = tokio::join!(logs(&scene, &options), shipping);
    followed.unwrap();
    let lines: Vec<String> = stage
        .told()
        .into_iter()
        .filter_map(|event| match event {
            Event::Log { line, .. } => Some(line),
            _ => None,
        })
        .collect();
    let each = ["loading /opt/ml/model", "listening on 0.0.0.0:8080"];
    assert_eq!(lines, [each, each].concat());
}

#[tokio::test(start_paused = true)]
async fn logs_of_what_was_never_shipped_are_a_problem_with_the_command_that_ships() {
    let stage = Stage::new("").await;
    let options = LogOptions {
        follow: false,
        tail: Some(10),
        since_seconds: None,
        previous: false,
    };
    let problem = logs(&stage.scene("scorer"), &options).await.unwrap_err();
    assert_eq!(problem.code, codes::ENDPOINT_MISSING);
    assert!(all_of(&problem).contains("mlinfra ship dev scorer"));
}

#[tokio::test(start_paused = true)]
async fn why_sagemaker_went_back_is_told_although_it_says_so_only_meanwhile() {
    let stage = Stage::new(&fault("crash")).await;
    let good = stage.serves("good", None).await;
    let (_, rolled) = stage.ship("bad", Some(&good)).await;
    let told = all_of(&failure(rolled).problem);
    assert!(told.contains("did not pass the ping health check"), "{told}");
    assert!(told.contains("GET /ping on port 8080"), "{told}");
    assert!(!told.contains("gives no reason"), "{told}");
}
