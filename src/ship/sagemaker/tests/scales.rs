//! Endpoints whose number of instances follows the load.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::super::{PATIENCE, remove, review};
use super::{ENDPOINT, Stage, failure};
use crate::aws::sagemaker::endpoints;
use crate::aws::scaling;
use crate::ship::{ObjectFate, Restored, RolledOut};
use crate::workload::sagemaker::{self as requests, scaled};

const SCALED: &str = r#"
[workloads.scorer]
kind = "api"
on = "ml"
image = { reference = "ghcr.io/shop/scorer:1" }
instance_type = "ml.m6i.xlarge"
autoscaling = { min = 1, max = 5, target_cpu = 60 }
"#;

impl Stage {
    async fn scaling(&self) -> (Option<(i64, i64)>, Vec<Json>) {
        let asked = scaled(ENDPOINT).asked();
        let target = scaling::target(&self.session, &asked, PATIENCE).await.unwrap();
        let bound = |target: &Json, member: &str| target[member].as_i64().unwrap();
        let bounds = target.map(|target| (bound(&target, "MinCapacity"), bound(&target, "MaxCapacity")));
        (
            bounds,
            scaling::policies(&self.session, &asked, PATIENCE).await.unwrap(),
        )
    }

    /// The load has grown, and so has the number of instances.
    async fn grow(&self, instances: i32) {
        let wanted = aws_sdk_sagemaker::types::DesiredWeightAndCapacity::builder()
            .variant_name("AllTraffic")
            .desired_instance_count(instances)
            .build();
        let update = self.session.sagemaker().update_endpoint_weights_and_capacities();
        let update = update.endpoint_name(ENDPOINT).desired_weights_and_capacities(wanted);
        update.send().await.unwrap();
        self.session.clock.sleep(Duration::from_secs(300)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_is_scaled_and_a_new_version_keeps_the_number_of_instances() {
    let stage = Stage::with("", SCALED).await;
    let one = stage.serves("one", None).await;
    assert_eq!(stage.endpoint().await.wanted, 1);
    let (bounds, policies) = stage.scaling().await;
    assert_eq!((bounds, policies.len()), (Some((1, 5)), 1));
    let tracking = &policies[0]["TargetTrackingScalingPolicyConfiguration"];
    // Of four processors, each counts up to 100.
    assert_eq!(tracking["TargetValue"], json!(240.0));
    assert_eq!(
        tracking["CustomizedMetricSpecification"]["MetricName"],
        "CPUUtilization"
    );

    stage.grow(4).await;
    let two = stage.serves("two", Some(&one)).await;
    assert_eq!(stage.endpoint().await.wanted, 4);
    let changes = review(&stage.scene("scorer"), &two, Some(&two)).await.unwrap();
    assert!(
        changes.iter().all(|change| change.fate == ObjectFate::Unchanged),
        "{changes:#?}"
    );

    remove(&stage.scene("scorer"), &two).await.unwrap();
    assert_eq!(stage.scaling().await, (None, Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn another_instance_type_is_scaled_anew_and_as_before_if_it_fails() {
    let fault = "[[fault]]\nworkload = \"scorer\"\nplatform = \"sagemaker\"\nimage = \"/bad@\"\nfails = \"crash\"\n";
    let mut stage = Stage::with(fault, SCALED).await;
    let one = stage.serves("one", None).await;
    stage.retable(&SCALED.replace("m6i.xlarge", "m6i.2xlarge"));
    let (_, rolled) = stage.ship("bad", Some(&one)).await;
    let failed = failure(rolled);
    assert!(matches!(failed.restored, Restored::Back), "{failed:#?}");
    let (bounds, policies) = stage.scaling().await;
    assert_eq!((bounds, policies.len()), (Some((1, 5)), 1));
    assert_eq!(
        policies[0]["TargetTrackingScalingPolicyConfiguration"]["TargetValue"],
        json!(240.0)
    );

    stage.serves("two", Some(&one)).await;
    let (_, policies) = stage.scaling().await;
    assert_eq!(
        policies[0]["TargetTrackingScalingPolicyConfiguration"]["TargetValue"],
        json!(480.0)
    );
}

/// "Update endpoints that use auto scaling": what the sandbox refuses is what AWS does.
#[tokio::test(start_paused = true)]
async fn another_instance_type_is_refused_as_long_as_it_is_scaled_and_so_scaling_ends_before() {
    let mut stage = Stage::with("", SCALED).await;
    stage.serves("one", None).await;
    stage.retable(&SCALED.replace("m6i.xlarge", "m6i.2xlarge"));
    let two = stage.release("scorer", "two", None);
    super::super::endpoint::ensure(&stage.scene("scorer"), &two.objects)
        .await
        .unwrap();
    let request = requests::request(&two.objects, "Endpoint").unwrap();
    let refused = endpoints::update_endpoint(&stage.session, request).await.unwrap_err();
    assert!(
        refused.message.contains("registered as a scalable target"),
        "{refused:?}"
    );
    // Nothing is remembered of what served before: what serves tells.
    stage.serves("two", None).await;
    assert_eq!(stage.scaling().await.0, Some((1, 5)));
}

#[tokio::test(start_paused = true)]
async fn a_fixed_number_ends_the_scaling() {
    let mut stage = Stage::with("", SCALED).await;
    let one = stage.serves("one", None).await;
    stage.grow(4).await;
    stage.retable(&SCALED.replace("autoscaling = { min = 1, max = 5, target_cpu = 60 }", "replicas = 2"));
    let (_, rolled) = stage.ship("one", Some(&one)).await;
    assert_eq!(rolled.unwrap(), RolledOut::Done);
    assert_eq!(stage.scaling().await, (None, Vec::new()));
    assert_eq!(stage.endpoint().await.wanted, 2);
}

#[tokio::test(start_paused = true)]
async fn the_scaling_of_somebody_elses_endpoint_is_left_alone() {
    let mut stage = Stage::with("", SCALED).await;
    stage.serves("one", None).await;
    // It is not ours any more, and we would have another instance type.
    let arn = format!("arn:aws:sagemaker:us-east-1:111122223333:endpoint/{ENDPOINT}");
    let untag = stage.session.sagemaker().delete_tags().resource_arn(arn);
    untag.tag_keys("mlinfra:workload").send().await.unwrap();
    stage.retable(&SCALED.replace("m6i.xlarge", "m6i.2xlarge"));
    let (_, rolled) = stage.ship("two", None).await;
    let failed = failure(rolled);
    assert_eq!(failed.problem.code, crate::diagnostic::codes::ENDPOINT_FOREIGN);
    assert!(matches!(failed.restored, Restored::Untouched), "{failed:#?}");
    assert_eq!(stage.scaling().await.0, Some((1, 5)));
}

#[tokio::test(start_paused = true)]
async fn more_than_run_at_present_come_with_the_version_that_wants_them() {
    let mut stage = Stage::with("", SCALED).await;
    let one = stage.serves("one", None).await;
    stage.retable(&SCALED.replace("min = 1", "min = 2"));
    let two = stage.release("scorer", "two", None);
    super::super::roll_out(&stage.scene("scorer"), &two, Some(&one))
        .await
        .unwrap();
    // They came with it: the bounds, which were set after, had none to add, and nothing is at work any more.
    let endpoint = stage.endpoint().await;
    assert_eq!((endpoint.wanted, endpoint.status.as_str()), (2, "InService"));
}

#[tokio::test(start_paused = true)]
async fn scaling_that_a_run_ended_before_it_died_comes_back_with_what_served() {
    let fault = "[[fault]]\nworkload = \"scorer\"\nplatform = \"sagemaker\"\nimage = \"/bad@\"\nfails = \"crash\"\n";
    let mut stage = Stage::with(fault, SCALED).await;
    let one = stage.serves("one", None).await;
    stage.retable(&SCALED.replace("m6i.xlarge", "m6i.2xlarge"));
    scaling::end(&stage.session, &scaled(ENDPOINT).asked(), PATIENCE)
        .await
        .unwrap();
    let (_, rolled) = stage.ship("bad", Some(&one)).await;
    assert!(matches!(failure(rolled).restored, Restored::Back));
    let (bounds, policies) = stage.scaling().await;
    assert_eq!((bounds, policies.len()), (Some((1, 5)), 1));
}

#[test]
fn what_goes_back_is_switched_at_once_and_asks_no_alarm() {
    let outputs = [
        ("endpoint_alarm_names", "scorer=errors"),
        ("execution_role_arn", "arn:role"),
    ];
    let outputs = outputs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let environment = super::environment(&SCALED.replace("min = 1", "min = 2"));
    let workload = &environment.workloads["scorer"];
    let facts = crate::workload::Facts::default();
    let objects = requests::objects(&environment, workload, &facts, None, Some(&outputs)).unwrap();
    let watched = crate::ship::Release {
        version: 1,
        workload: "scorer".to_owned(),
        platform: workload.platform,
        stack: "ml".to_owned(),
        image: super::image("one"),
        model: None,
        commit: None,
        objects,
    };
    let config = |release: &crate::ship::Release| {
        let request = requests::request(&release.objects, "Endpoint").unwrap();
        request["DeploymentConfig"].clone()
    };
    let traffic = "/BlueGreenUpdatePolicy/TrafficRoutingConfiguration/Type";
    assert_eq!(config(&watched).pointer(traffic).unwrap(), "CANARY");
    let quiet = super::super::without_alarms(&watched);
    assert_eq!(config(&quiet).pointer(traffic).unwrap(), "ALL_AT_ONCE");
    assert!(config(&quiet).get("AutoRollbackConfiguration").is_none());
    assert_eq!(quiet.objects.len(), watched.objects.len());
}

#[tokio::test(start_paused = true)]
async fn another_instance_type_is_refused_where_it_would_lose_somebody_elses_policy() {
    let mut stage = Stage::with("", SCALED).await;
    let one = stage.serves("one", None).await;
    let mut theirs = scaled(ENDPOINT).asked();
    let members = json!({
        "PolicyName": "by-hand",
        "PolicyType": "StepScaling",
        "StepScalingPolicyConfiguration": { "AdjustmentType": "ChangeInCapacity" },
    });
    theirs
        .as_object_mut()
        .unwrap()
        .extend(members.as_object().unwrap().clone());
    scaling::call(&stage.session, scaling::Action::PutScalingPolicy, &theirs)
        .await
        .unwrap();
    // Of the same type it goes along.
    let two = stage.serves("two", Some(&one)).await;
    stage.retable(&SCALED.replace("m6i.xlarge", "m6i.2xlarge"));
    let three = stage.release("scorer", "three", None);
    let told = review(&stage.scene("scorer"), &three, Some(&two)).await.unwrap_err();
    assert_eq!(told.code, crate::diagnostic::codes::SCALED_ELSEWHERE);
    let (_, rolled) = stage.ship("three", Some(&two)).await;
    let failed = failure(rolled);
    assert_eq!(failed.problem.code, crate::diagnostic::codes::SCALED_ELSEWHERE);
    assert_eq!(stage.scaling().await.1.len(), 2);
}
