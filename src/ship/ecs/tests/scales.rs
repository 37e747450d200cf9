//! Services whose number follows the load.

use std::time::Duration;

use serde_json::json;

use super::super::super::ObjectFate;
use super::super::PATIENCE;
use super::*;
use crate::aws::scaling;
use crate::workload::scaling::Scaled;

/// The workload of the other tests, with as many tasks as these settings say.
fn with(settings: &str) -> String {
    API.replace("replicas = 2", settings)
}

fn scaled(settings: &str) -> String {
    with(&format!("autoscaling = {settings}"))
}

/// Between two and four tasks.
fn usual() -> String {
    scaled("{ min = 2, max = 4, target_requests = 50 }")
}

fn fixed() -> String {
    with("replicas = 3")
}

impl Stage {
    /// The bounds and the policies, as AWS describes them.
    async fn scaling(&self) -> (Option<(i64, i64)>, Vec<Json>) {
        let asked = Scaled::service(CLUSTER, "scorer").asked();
        let target = scaling::target(&self.session, &asked, PATIENCE).await.unwrap();
        let bound = |target: &Json, member: &str| target[member].as_i64().unwrap();
        let bounds = target.map(|target| (bound(&target, "MinCapacity"), bound(&target, "MaxCapacity")));
        (
            bounds,
            scaling::policies(&self.session, &asked, PATIENCE).await.unwrap(),
        )
    }

    /// The load has grown, and so has the number of tasks.
    async fn grow(&self, tasks: i32) {
        let update = self.session.ecs().update_service().cluster(CLUSTER).service("scorer");
        update.desired_count(tasks).send().await.unwrap();
        self.session.clock.sleep(Duration::from_secs(120)).await;
    }

    fn changing_scaling(&self) -> Vec<String> {
        let calls = self.sandbox.calls().into_iter();
        calls
            .filter(|call| call.service == "application-autoscaling" && !call.action.starts_with("Describe"))
            .map(|call| call.action)
            .collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_begins_with_the_least_and_is_scaled_from_then_on() {
    let stage = Stage::new(&usual(), "").await;
    let first = stage.release(&digest('1'));
    let changes = super::super::review(&stage.scene(&Tell::nobody()), &first, None)
        .await
        .unwrap();
    assert_eq!(changes[2].object, format!("Scaling service/{CLUSTER}/scorer"));
    assert_eq!(changes[2].fate, ObjectFate::Create);
    let (rolled, told) = stage.ship_told(&first, None).await;
    assert_eq!(rolled.unwrap(), RolledOut::Done);
    let note = "scorer is scaled between 2 and 4";
    assert!(
        told.iter()
            .any(|event| matches!(event, Event::Note(text) if text == note)),
        "{told:#?}"
    );
    stage.assert_serves(&first, 2).await;
    let (bounds, policies) = stage.scaling().await;
    assert_eq!(bounds, Some((2, 4)));
    assert_eq!(policies.len(), 1);
    // A load balancer counts the requests of a minute, and has to be named in this form.
    assert_eq!(
        policies[0]["TargetTrackingScalingPolicyConfiguration"],
        json!({
            "TargetValue": 3000.0,
            "ScaleOutCooldown": 60,
            "ScaleInCooldown": 300,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "ALBRequestCountPerTarget",
                "ResourceLabel": "app/tasks/1/targetgroup/tasks/2",
            },
        })
    );

    stage.sandbox.clear_calls();
    assert_eq!(stage.ship(&first, Some(&first)).await.unwrap(), RolledOut::Unchanged);
    assert!(stage.changing_calls().is_empty() && stage.changing_scaling().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_new_version_keeps_the_number_that_the_load_has_made() {
    let stage = Stage::new(&usual(), "").await;
    let first = stage.release(&digest('1'));
    stage.ship(&first, None).await.unwrap();
    stage.grow(4).await;
    let changes = super::super::review(&stage.scene(&Tell::nobody()), &first, Some(&first))
        .await
        .unwrap();
    let fates: Vec<ObjectFate> = changes.iter().map(|change| change.fate).collect();
    assert_eq!(fates, [ObjectFate::Unchanged; 3], "{changes:#?}");
    let second = stage.release(&digest('2'));
    assert_eq!(stage.ship(&second, Some(&first)).await.unwrap(), RolledOut::Done);
    stage.assert_serves(&second, 4).await;
}

#[tokio::test(start_paused = true)]
async fn other_bounds_are_no_deployment() {
    let mut stage = Stage::new(&usual(), "").await;
    let first = stage.release(&digest('1'));
    stage.ship(&first, None).await.unwrap();
    stage.edit(&scaled("{ min = 2, max = 8, target_cpu = 60 }"));
    let second = stage.release(&digest('1'));
    let changes = super::super::review(&stage.scene(&Tell::nobody()), &second, Some(&first))
        .await
        .unwrap();
    assert_eq!(changes[1].fate, ObjectFate::Unchanged, "{changes:#?}");
    assert_eq!(changes[2].fate, ObjectFate::Update);
    let paths: Vec<&str> = changes[2].fields.iter().map(|field| field.path.as_str()).collect();
    assert!(
        paths.contains(&"MaxCapacity") && !paths.contains(&"MinCapacity"),
        "{paths:?}"
    );
    stage.sandbox.clear_calls();
    assert_eq!(stage.ship(&second, Some(&first)).await.unwrap(), RolledOut::Done);
    assert!(stage.changing_calls().is_empty(), "{:?}", stage.changing_calls());
    let (bounds, policies) = stage.scaling().await;
    assert_eq!((bounds, policies.len()), (Some((2, 8)), 1));
    let metric = policies[0].pointer("/TargetTrackingScalingPolicyConfiguration/PredefinedMetricSpecification");
    assert_eq!(
        metric,
        Some(&json!({ "PredefinedMetricType": "ECSServiceAverageCPUUtilization" }))
    );

    // More than run at the moment: they come at once.
    stage.edit(&scaled("{ min = 3, max = 8, target_cpu = 60 }"));
    let third = stage.release(&digest('1'));
    assert_eq!(stage.ship(&third, Some(&second)).await.unwrap(), RolledOut::Done);
    stage.session.clock.sleep(Duration::from_secs(120)).await;
    stage.assert_serves(&third, 3).await;
}

#[tokio::test(start_paused = true)]
async fn a_fixed_number_ends_the_scaling_and_a_rollout_that_fails_brings_it_back() {
    let fault = "[[fault]]\nworkload = \"scorer\"\nfails = \"image-pull\"\nimage = \"sha256:2222\"\n";
    let mut stage = Stage::new(&usual(), fault).await;
    let first = stage.release(&digest('1'));
    stage.ship(&first, None).await.unwrap();
    stage.edit(&fixed());
    let bad = stage.release(&digest('2'));
    failed_and_restored(stage.ship(&bad, Some(&first)).await);
    let (bounds, policies) = stage.scaling().await;
    assert_eq!((bounds, policies.len()), (Some((2, 4)), 1));

    let third = stage.release(&digest('3'));
    let changes = super::super::review(&stage.scene(&Tell::nobody()), &third, Some(&first))
        .await
        .unwrap();
    assert_eq!(changes[2].fate, ObjectFate::Delete);
    assert_eq!(stage.ship(&third, Some(&first)).await.unwrap(), RolledOut::Done);
    assert_eq!(stage.scaling().await, (None, Vec::new()));
    stage.assert_serves(&third, 3).await;
}

#[tokio::test(start_paused = true)]
async fn without_the_right_to_scale_the_new_version_runs_and_the_failure_is_told() {
    let refusal = "[[fault]]\nservice = \"application-autoscaling\"\naction = \"PutScalingPolicy\"\ntimes = 1\nerror = { code = \"AccessDeniedException\", message = \"no\" }\n";
    let stage = Stage::new(&usual(), refusal).await;
    let first = stage.release(&digest('1'));
    let failure = stage.ship(&first, None).await.unwrap_err();
    assert!(matches!(failure.restored, Restored::Unneeded), "{failure:#?}");
    assert!(
        failure
            .problem
            .notes
            .iter()
            .any(|note| note.contains("does not follow the load")),
        "{failure:#?}"
    );
    stage.assert_serves(&first, 2).await;
    // The same again does what is missing, and no more.
    stage.sandbox.clear_calls();
    assert_eq!(stage.ship(&first, Some(&first)).await.unwrap(), RolledOut::Done);
    assert!(stage.changing_calls().is_empty());
    assert_eq!(stage.changing_scaling(), ["PutScalingPolicy"]);
}

#[tokio::test(start_paused = true)]
async fn without_the_right_to_look_nothing_is_touched() {
    let refusal = "[[fault]]\nservice = \"application-autoscaling\"\naction = \"DescribeScalableTargets\"\nerror = { code = \"AccessDeniedException\", message = \"no\" }\n";
    let stage = Stage::new(&usual(), refusal).await;
    let failure = stage.ship(&stage.release(&digest('1')), None).await.unwrap_err();
    assert!(matches!(failure.restored, Restored::Untouched), "{failure:#?}");
    assert!(stage.changing_calls().is_empty(), "{:?}", stage.changing_calls());
}

#[tokio::test(start_paused = true)]
async fn a_removed_workload_is_scaled_no_more_and_what_others_scale_is_left_alone() {
    let stage = Stage::new(&usual(), "").await;
    let first = stage.release(&digest('1'));
    stage.ship(&first, None).await.unwrap();
    super::super::remove(&stage.scene(&Tell::nobody()), &first)
        .await
        .unwrap();
    assert_eq!(stage.scaling().await, (None, Vec::new()));

    let stage = Stage::new(&fixed(), "").await;
    let first = stage.release(&digest('1'));
    stage.ship(&first, None).await.unwrap();
    let mut theirs = Scaled::service(CLUSTER, "scorer").asked();
    for (member, value) in [("MinCapacity", json!(1)), ("MaxCapacity", json!(9))] {
        theirs.as_object_mut().unwrap().insert(member.to_owned(), value);
    }
    scaling::call(&stage.session, scaling::Action::RegisterScalableTarget, &theirs)
        .await
        .unwrap();
    let second = stage.release(&digest('2'));
    assert_eq!(stage.ship(&second, Some(&first)).await.unwrap(), RolledOut::Done);
    assert_eq!(stage.scaling().await.0, Some((1, 9)));
}

/// Scaling that somebody has set up under this name, following this metric.
async fn set_up(stage: &Stage, policy: &str, metric: &str) {
    let with = |members: Json| {
        let mut request = Scaled::service(CLUSTER, "scorer").asked();
        request
            .as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        request
    };
    let target = with(json!({ "MinCapacity": 1, "MaxCapacity": 9 }));
    scaling::call(&stage.session, scaling::Action::RegisterScalableTarget, &target)
        .await
        .unwrap();
    let policy = with(json!({
        "PolicyName": policy,
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 50,
            "PredefinedMetricSpecification": { "PredefinedMetricType": metric },
        },
    }));
    scaling::call(&stage.session, scaling::Action::PutScalingPolicy, &policy)
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_policy_of_somebody_elses_that_follows_the_same_is_refused_before_anything_is_changed() {
    let mut stage = Stage::new(&fixed(), "").await;
    let first = stage.release(&digest('1'));
    stage.ship(&first, None).await.unwrap();
    set_up(&stage, "by-hand", "ECSServiceAverageCPUUtilization").await;
    stage.sandbox.clear_calls();
    stage.edit(&scaled("{ min = 2, max = 8, target_cpu = 60 }"));
    let second = stage.release(&digest('2'));
    let failure = stage.ship(&second, Some(&first)).await.unwrap_err();
    assert!(matches!(failure.restored, Restored::Untouched), "{failure:#?}");
    assert_eq!(failure.problem.code, crate::diagnostic::codes::SCALED_ELSEWHERE);
    assert!(
        failure.problem.hints[0].contains("delete-scaling-policy --policy-name by-hand"),
        "{failure:#?}"
    );
    assert!(stage.changing_calls().is_empty() && stage.changing_scaling().is_empty());
    let refused = super::super::review(&stage.scene(&Tell::nobody()), &second, Some(&first))
        .await
        .unwrap_err();
    assert_eq!(refused.code, crate::diagnostic::codes::SCALED_ELSEWHERE);

    // One that follows something else goes along with ours.
    let mut stage = Stage::new(&fixed(), "").await;
    stage.ship(&first, None).await.unwrap();
    set_up(&stage, "by-hand", "ECSServiceAverageMemoryUtilization").await;
    stage.edit(&scaled("{ min = 2, max = 8, target_cpu = 60 }"));
    let second = stage.release(&digest('2'));
    assert_eq!(stage.ship(&second, Some(&first)).await.unwrap(), RolledOut::Done);
    let (bounds, policies) = stage.scaling().await;
    assert_eq!((bounds, policies.len()), (Some((2, 8)), 2));
}

#[tokio::test(start_paused = true)]
async fn scaling_that_a_run_set_up_before_it_died_ends_with_a_fixed_number() {
    let stage = Stage::new(&fixed(), "").await;
    let first = stage.release(&digest('1'));
    stage.ship(&first, None).await.unwrap();
    // All that is left of a run whose release was never recorded.
    set_up(&stage, "mlinfra", "ECSServiceAverageCPUUtilization").await;
    let changes = super::super::review(&stage.scene(&Tell::nobody()), &first, Some(&first))
        .await
        .unwrap();
    assert_eq!(changes[2].fate, ObjectFate::Delete);
    assert_eq!(stage.ship(&first, Some(&first)).await.unwrap(), RolledOut::Done);
    assert_eq!(stage.scaling().await, (None, Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn a_version_is_not_judged_by_no_tasks_at_all() {
    let mut stage = Stage::new(&with("replicas = 0"), "").await;
    let first = stage.release(&digest('1'));
    stage.ship(&first, None).await.unwrap();
    stage.edit(&usual());
    let second = stage.release(&digest('2'));
    let changes = super::super::review(&stage.scene(&Tell::nobody()), &second, Some(&first))
        .await
        .unwrap();
    assert!(
        changes[1].fields.iter().any(|field| field.path == "desiredCount"),
        "{changes:#?}"
    );
    assert_eq!(stage.ship(&second, Some(&first)).await.unwrap(), RolledOut::Done);
    stage.assert_serves(&second, 2).await;
    // Somebody has stopped all of them by hand.
    stage.grow(0).await;
    assert_eq!(stage.ship(&second, Some(&second)).await.unwrap(), RolledOut::Done);
    stage.assert_serves(&second, 2).await;
}

#[tokio::test(start_paused = true)]
async fn what_comes_back_comes_back_with_as_many_as_the_load_had_made() {
    let fault = "[[fault]]\nworkload = \"scorer\"\nfails = \"image-pull\"\nimage = \"sha256:2222\"\n";
    let mut stage = Stage::new(&usual(), fault).await;
    let first = stage.release(&digest('1'));
    stage.ship(&first, None).await.unwrap();
    stage.grow(4).await;
    stage.edit(&fixed());
    let bad = stage.release(&digest('2'));
    failed_and_restored(stage.ship(&bad, Some(&first)).await);
    stage.assert_serves(&first, 4).await;
    // Again, after a run that ended the scaling and died: it comes back all the same.
    let asked = Scaled::service(CLUSTER, "scorer").asked();
    scaling::end(&stage.session, &asked, PATIENCE).await.unwrap();
    failed_and_restored(stage.ship(&bad, Some(&first)).await);
    let (bounds, policies) = stage.scaling().await;
    assert_eq!((bounds, policies.len()), (Some((2, 4)), 1));
}

#[tokio::test(start_paused = true)]
async fn an_update_that_is_not_done_yet_is_waited_for() {
    let pending = "[[fault]]\nservice = \"application-autoscaling\"\naction = \"PutScalingPolicy\"\ntimes = 4\nerror = { code = \"ConcurrentUpdateException\", message = \"You already have a pending update to an Auto Scaling resource.\" }\n";
    let stage = Stage::new(&usual(), pending).await;
    let first = stage.release(&digest('1'));
    assert_eq!(stage.ship(&first, None).await.unwrap(), RolledOut::Done);
    assert_eq!(stage.scaling().await.1.len(), 1);
}
