//! Deployments: first, next, none, failing, disturbed.

use std::time::Duration;

use serde_json::json;

use super::fake::{Fate, status_body};
use super::{BUDGET, DEPLOYMENT, SCALER, Stage, api, image, release, said, scaled};
use crate::clock::Clock;
use crate::diagnostic::codes;
use crate::ship::event::Phase;
use crate::ship::kubernetes::objects::Apply;
use crate::ship::kubernetes::{roll, running};
use crate::ship::{Event, ObjectFate, Restored, RolledOut};

#[tokio::test(start_paused = true)]
async fn a_first_ship_is_done_when_every_replica_runs_the_digest_that_was_asked_for() {
    let mut stage = Stage::new();
    assert_eq!(stage.roll_out(&api(1), None).await.unwrap(), RolledOut::Done);
    assert_eq!(stage.serves(), (image(1), 2));
    let runs = running::running(&stage.ground()).await.unwrap().unwrap();
    assert!(runs.healthy, "{runs:?}");
    assert_eq!((runs.ready, runs.wanted), (2, 2));
    assert_eq!(runs.images, [image(1)]);
    assert_eq!(runs.address.as_deref(), Some("http://scorer.default.svc"));
    let told = stage.told();
    let ready: Vec<(u32, u32)> = told
        .iter()
        .filter_map(|event| match event {
            Event::Rollout { ready, wanted, .. } => Some((*ready, *wanted)),
            _ => None,
        })
        .collect();
    assert_eq!(ready.last(), Some(&(2, 2)), "{told:?}");
    assert!(ready.iter().rev().skip(1).all(|(ready, _)| *ready == 0), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_to_be_done_nothing_is_done() {
    let mut stage = Stage::new();
    stage.roll_out(&api(1), None).await.unwrap();
    let before = stage.api.versions();
    stage.api.forget_calls();
    stage.told();
    assert_eq!(
        stage.roll_out(&api(1), Some(&api(1))).await.unwrap(),
        RolledOut::Unchanged
    );
    assert_eq!(stage.api.versions(), before);
    assert_eq!(stage.api.count("PATCH /"), 0, "only rehearsals");
    assert_eq!(stage.api.count("DELETE"), 0);
    assert_eq!(stage.told(), []);
}

#[tokio::test(start_paused = true)]
async fn an_update_takes_the_place_of_what_served_and_what_it_has_no_more_goes() {
    let mut stage = Stage::new();
    stage.roll_out(&scaled(1), None).await.unwrap();
    assert!(stage.api.object(SCALER).is_some() && stage.api.object(BUDGET).is_some());
    stage.told();
    let next = release(2, vec![super::account(), super::deployment(2, Some(2))]);
    assert_eq!(stage.roll_out(&next, Some(&scaled(1))).await.unwrap(), RolledOut::Done);
    assert_eq!(stage.serves(), (image(2), 2));
    // autoscaling/v2 and policy/v1, found by their labels.
    assert!(stage.api.object(SCALER).is_none() && stage.api.object(BUDGET).is_none());
    let gone = |event: &&Event| matches!(event, Event::Note(text) if text.contains("is gone"));
    assert_eq!(stage.told().iter().filter(gone).count(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_image_that_cannot_be_pulled_is_told_within_ten_seconds_and_the_old_one_is_back() {
    let mut stage = Stage::new();
    stage.roll_out(&api(1), None).await.unwrap();
    let words = "rpc error: code = NotFound desc = failed to pull and unpack image \"scorer@sha256:2\": not found";
    stage.api.fate(&image(2), Fate::NotPulled(words));
    stage.told();
    let clock = Clock::real();
    let failure = stage.roll_out(&api(2), Some(&api(1))).await.unwrap_err();
    assert_eq!(failure.problem.code, codes::IMAGE_NOT_PULLED);
    let said = said(&failure.problem);
    assert!(
        said.contains("on 2 of 2") && said.contains("failed to pull and unpack image"),
        "{said}"
    );
    assert!(!said.contains("rpc error"), "{said}");
    assert!(said.contains("ship again from its source"), "{said}");
    assert!(matches!(failure.restored, Restored::Back), "{:?}", failure.restored);
    assert_eq!(stage.serves(), (image(1), 2));
    assert!(clock.elapsed() < Duration::from_secs(15), "{:?}", clock.elapsed());
    let restores =
        |event: &&Event| matches!(event, Event::Phase { phase: Phase::Restore, subject, .. } if subject == "v1");
    assert_eq!(stage.told().iter().filter(restores).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_first_ship_that_fails_is_left_to_be_looked_at() {
    let stage = Stage::new();
    stage.api.fate(
        &image(1),
        Fate::Crashes(1, "loading model\nOSError: no such file /opt/ml/model\n"),
    );
    let failure = stage.roll_out(&api(1), None).await.unwrap_err();
    assert_eq!(failure.problem.code, codes::CONTAINER_FAILS);
    let said = said(&failure.problem);
    assert!(
        said.contains("exit code 1") && said.contains("OSError: no such file /opt/ml/model"),
        "{said}"
    );
    assert!(matches!(failure.restored, Restored::NothingBefore));
    assert!(stage.api.object(DEPLOYMENT).is_some());
}

#[tokio::test(start_paused = true)]
async fn an_image_for_other_processors_is_known_by_what_the_container_says() {
    let stage = Stage::new();
    stage
        .api
        .fate(&image(1), Fate::Crashes(255, "exec /scorer: exec format error\n"));
    let failure = stage.roll_out(&api(1), None).await.unwrap_err();
    assert_eq!(failure.problem.code, codes::IMAGE_NOT_PULLED);
    assert!(said(&failure.problem).contains("other processors"));
}

#[tokio::test(start_paused = true)]
async fn what_never_becomes_ready_fails_at_its_deadline_and_the_old_one_is_back() {
    let stage = Stage::new();
    stage.roll_out(&api(1), None).await.unwrap();
    stage.api.fate(&image(2), Fate::NeverReady);
    let clock = Clock::real();
    let failure = stage.roll_out(&api(2), Some(&api(1))).await.unwrap_err();
    assert_eq!(failure.problem.code, codes::NOT_READY);
    assert!(
        said(&failure.problem).contains("statuscode: 503"),
        "{}",
        said(&failure.problem)
    );
    assert!(matches!(failure.restored, Restored::Back));
    assert_eq!(stage.serves(), (image(1), 2));
    // Not before the 120 s that the Deployment has.
    assert!(clock.elapsed() > Duration::from_secs(119) && clock.elapsed() < Duration::from_secs(135));
}

#[tokio::test(start_paused = true)]
async fn nodes_are_waited_for_and_what_is_missing_is_named() {
    let mut stage = Stage::new();
    let words =
        "0/3 nodes are available: 1 Insufficient memory, 2 Insufficient nvidia.com/gpu. preemption: not helpful.";
    stage.api.fate(&image(1), Fate::Unscheduled(words));
    let mut wanted = api(1);
    // As long as the Deployment itself does not give up.
    wanted.objects[2]["spec"]["progressDeadlineSeconds"] = json!(900);
    let clock = Clock::real();
    let failure = stage.roll_out(&wanted, None).await.unwrap_err();
    assert_eq!(failure.problem.code, codes::POD_NOT_SCHEDULED);
    let said = said(&failure.problem);
    assert!(said.contains("too little memory, too little nvidia.com/gpu"), "{said}");
    assert!(said.contains("gpu_node_pools"), "{said}");
    assert!(clock.elapsed() >= Duration::from_secs(300) && clock.elapsed() < Duration::from_secs(310));
    let waits =
        |event: &Event| matches!(event, Event::Rollout { waiting_for: Some(what), .. } if what == "a node for 2 of 2");
    assert!(stage.told().iter().any(waits));
}

#[tokio::test(start_paused = true)]
async fn pods_that_a_quota_forbids_are_told_in_its_words() {
    let stage = Stage::new();
    stage.roll_out(&api(1), None).await.unwrap();
    let words = "pods \"scorer-2\" is forbidden: exceeded quota: team, requested: requests.cpu=4, used: requests.cpu=14, limited: requests.cpu=16";
    stage.api.fate(&image(2), Fate::Refused(words));
    let failure = stage.roll_out(&api(2), Some(&api(1))).await.unwrap_err();
    assert_eq!(failure.problem.code, codes::PODS_REFUSED);
    assert!(said(&failure.problem).contains("exceeded quota: team"));
    assert!(matches!(failure.restored, Restored::Back));
}

#[tokio::test(start_paused = true)]
async fn a_conflict_names_the_other_and_the_field_and_changes_nothing_until_it_is_taken_over() {
    let stage = Stage::new();
    stage.roll_out(&api(1), None).await.unwrap();
    stage.api.edit("kubectl-edit", DEPLOYMENT, "/spec/replicas", json!(5));
    let before = stage.api.versions();
    let failure = stage.roll_out(&api(2), Some(&api(1))).await.unwrap_err();
    assert_eq!(failure.problem.code, codes::FIELD_CONFLICT);
    let said = said(&failure.problem);
    assert!(
        said.contains("`kubectl-edit` has set .spec.replicas") && said.contains("--take-ownership"),
        "{said}"
    );
    assert!(matches!(failure.restored, Restored::Untouched));
    assert_eq!(stage.api.versions(), before);
    let forced = roll::roll_out(&stage.ground(), &api(2), Some(&api(1)), Apply { force: true }).await;
    assert_eq!(forced.unwrap(), RolledOut::Done);
    assert_eq!(stage.serves(), (image(2), 2));
}

#[tokio::test(start_paused = true)]
async fn an_api_that_goes_away_in_the_middle_is_waited_for() {
    let stage = Stage::new();
    stage.api.fate(&image(1), Fate::NeverReady);
    let rolls = api(1);
    let rolling = stage.roll_out(&rolls, None);
    let disturbing = async {
        Clock::real().sleep(Duration::from_secs(5)).await;
        stage.api.heal();
        // Refused connections, then an API server that is only starting, then tokens that it does not know yet.
        stage.api.refuse("GET", 20, None);
        stage.api.refuse("GET", 20, Some((503, json!({}))));
        stage.api.refuse("GET", 5, Some((401, json!({}))));
    };
    let (rolled, ()) = tokio::join!(rolling, disturbing);
    assert_eq!(rolled.unwrap(), RolledOut::Done);
}

#[tokio::test(start_paused = true)]
async fn an_api_that_stays_away_is_told_after_minutes_and_not_taken_for_a_failed_rollout() {
    let stage = Stage::new();
    stage.api.fate(&image(1), Fate::NeverReady);
    let rolls = api(1);
    let rolling = stage.roll_out(&rolls, None);
    let cutting = async {
        Clock::real().sleep(Duration::from_secs(5)).await;
        stage.api.refuse("", usize::MAX, None);
    };
    let (rolled, ()) = tokio::join!(rolling, cutting);
    let failure = rolled.unwrap_err();
    assert_eq!(
        failure.problem.code,
        codes::CLUSTER_UNREACHABLE,
        "{}",
        said(&failure.problem)
    );
}

#[tokio::test(start_paused = true)]
async fn a_stop_in_the_middle_puts_the_old_one_back() {
    let stage = Stage::new();
    stage.roll_out(&api(1), None).await.unwrap();
    stage.api.fate(&image(2), Fate::NeverReady);
    let (next, serving) = (api(2), api(1));
    let rolling = stage.roll_out(&next, Some(&serving));
    let stopping = async {
        Clock::real().sleep(Duration::from_secs(20)).await;
        stage.stop.cancel();
    };
    let (rolled, ()) = tokio::join!(rolling, stopping);
    let failure = rolled.unwrap_err();
    assert_eq!(failure.problem.code, codes::INTERRUPTED);
    assert!(matches!(failure.restored, Restored::Back));
    assert_eq!(stage.serves(), (image(1), 2));
}

#[tokio::test(start_paused = true)]
async fn what_died_after_applying_a_release_that_fails_still_puts_the_old_one_back() {
    let stage = Stage::new();
    stage.roll_out(&api(1), None).await.unwrap();
    stage.api.fate(&image(2), Fate::NeverReady);
    let (next, serving) = (api(2), api(1));
    // Dropped in the middle, as a killed process is.
    let died = Clock::real()
        .timeout(Duration::from_secs(10), stage.roll_out(&next, Some(&serving)))
        .await;
    assert!(died.is_err());
    assert_eq!(stage.serves(), (image(2), 2));
    let failure = stage.roll_out(&next, Some(&serving)).await.unwrap_err();
    assert!(matches!(failure.restored, Restored::Back));
    assert_eq!(stage.serves(), (image(1), 2));
    stage.api.heal();
    assert_eq!(stage.roll_out(&next, Some(&serving)).await.unwrap(), RolledOut::Done);
}

#[tokio::test(start_paused = true)]
async fn what_was_mended_outside_is_tried_again_at_once_and_gets_its_time_anew() {
    let stage = Stage::new();
    stage.api.fate(&image(1), Fate::Crashes(1, "no such secret\n"));
    stage.roll_out(&api(1), None).await.unwrap_err();
    stage.api.forget_calls();
    stage.api.heal();
    stage.api.fate(&image(1), Fate::NeverReady);
    // The same release: nothing is to be applied, and the controller gave it up long ago.
    Clock::real().sleep(Duration::from_secs(600)).await;
    let release = api(1);
    let rolling = stage.roll_out(&release, None);
    let mending = async {
        Clock::real().sleep(Duration::from_secs(60)).await;
        stage.api.heal();
    };
    let (rolled, ()) = tokio::join!(rolling, mending);
    assert_eq!(
        rolled.map_err(|failure| said(&failure.problem)).unwrap(),
        RolledOut::Done
    );
    // Those that only wait are deleted.
    stage.api.fate(&image(2), Fate::NotPulled("x: not found"));
    stage.roll_out(&api(2), None).await.unwrap_err();
    stage.api.forget_calls();
    stage.roll_out(&api(2), None).await.unwrap_err();
    assert_eq!(stage.api.count("DELETE /api/v1/namespaces/default/pods/"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_restore_that_does_not_run_either_is_told_as_such() {
    let stage = Stage::new();
    stage.roll_out(&api(1), None).await.unwrap();
    stage.api.fate(
        "scorer",
        Fate::NotPulled("rpc error: code = Unknown desc = unauthorized: 401"),
    );
    let failure = stage.roll_out(&api(2), Some(&api(1))).await.unwrap_err();
    let Restored::Not(why) = &failure.restored else {
        panic!("{:?}", failure.restored);
    };
    assert_eq!(why.code, codes::IMAGE_NOT_PULLED);
}

#[tokio::test(start_paused = true)]
async fn somebody_else_in_the_middle_is_left_alone() {
    let stage = Stage::new();
    stage.roll_out(&api(1), None).await.unwrap();
    stage.api.fate(&image(2), Fate::NeverReady);
    let (next, serving) = (api(2), api(1));
    let rolling = stage.roll_out(&next, Some(&serving));
    let meddling = async {
        Clock::real().sleep(Duration::from_secs(10)).await;
        stage.api.edit(
            "kubectl-set",
            DEPLOYMENT,
            "/spec/template/spec/containers/0/image",
            json!(image(3)),
        );
    };
    let (rolled, ()) = tokio::join!(rolling, meddling);
    let failure = rolled.unwrap_err();
    assert_eq!(failure.problem.code, codes::ROLLOUT_DISTURBED);
    assert!(matches!(failure.restored, Restored::Not(_)));
    assert_eq!(stage.serves().0, image(3));
}

#[tokio::test(start_paused = true)]
async fn what_the_cluster_refuses_is_refused_before_anything_is_changed() {
    let stage = Stage::new();
    stage.roll_out(&api(1), None).await.unwrap();
    let before = stage.api.versions();
    let mut next = api(2);
    next.objects[2]["spec"]["selector"]["matchLabels"] = json!({ "app": "other" });
    let failure = stage.roll_out(&next, Some(&api(1))).await.unwrap_err();
    assert_eq!(failure.problem.code, codes::OBJECT_REFUSED);
    let said = said(&failure.problem);
    assert!(
        said.contains("cannot be changed") && said.contains("spec.selector.matchLabels"),
        "{said}"
    );
    assert!(
        said.contains("kubectl delete deployment scorer --namespace default"),
        "{said}"
    );
    assert!(matches!(failure.restored, Restored::Untouched));
    assert_eq!(stage.api.versions(), before);
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_the_cluster_lacks_and_a_webhook_that_refuses_are_told_apart() {
    let stage = Stage::new();
    let secrets = json!({ "apiVersion": "secrets-store.csi.x-k8s.io/v1", "kind": "SecretProviderClass", "metadata": { "name": "scorer", "namespace": "default" } });
    stage
        .api
        .refuse("PATCH /apis/secrets-store", 1, Some((404, json!("404 page not found"))));
    let failure = stage.roll_out(&release(1, vec![secrets]), None).await.unwrap_err();
    assert!(
        said(&failure.problem).contains("aws-secrets-store-csi-driver-provider"),
        "{}",
        said(&failure.problem)
    );
    let words = "admission webhook \"policy.example.com\" denied the request: images must come from ECR";
    stage.api.refuse(
        "PATCH /apis/apps",
        1,
        Some((403, status_body(403, "Forbidden", words, json!([])))),
    );
    let failure = stage.roll_out(&api(1), None).await.unwrap_err();
    assert!(said(&failure.problem).contains("images must come from ECR"));
    assert!(matches!(failure.restored, Restored::Untouched));
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_does_not_answer_yet_is_tried_again() {
    let stage = Stage::new();
    let words = "Internal error occurred: failed calling webhook \"vingress.elbv2.k8s.aws\": connection refused";
    stage.api.refuse(
        "PATCH /api/v1",
        3,
        Some((500, status_body(500, "InternalError", words, json!([])))),
    );
    assert_eq!(stage.roll_out(&api(1), None).await.unwrap(), RolledOut::Done);
}

#[tokio::test(start_paused = true)]
async fn a_missing_namespace_is_made_and_one_that_goes_away_is_explained() {
    let stage = Stage::new();
    let mut elsewhere = api(1);
    for object in &mut elsewhere.objects {
        object["metadata"]["namespace"] = json!("ml");
    }
    let changes = stage.review(&elsewhere, None).await.unwrap();
    assert!(
        changes.iter().all(|change| change.fate == ObjectFate::Create),
        "{changes:?}"
    );
    assert!(
        stage.api.object("/api/v1/namespaces/ml").is_none(),
        "a review makes nothing"
    );
    assert_eq!(stage.roll_out(&elsewhere, None).await.unwrap(), RolledOut::Done);
    stage
        .api
        .0
        .lock()
        .unwrap()
        .objects
        .get_mut("/api/v1/namespaces/ml")
        .unwrap()["status"] = json!({ "phase": "Terminating" });
    let failure = stage.roll_out(&elsewhere, Some(&elsewhere)).await.unwrap_err();
    assert_eq!(failure.problem.message, "the namespace ml is being deleted");
    assert!(matches!(failure.restored, Restored::Untouched));
}

#[tokio::test(start_paused = true)]
async fn the_number_of_replicas_outlives_its_handing_over_to_a_scaler_and_back() {
    let stage = Stage::new();
    let mut five = api(1);
    five.objects[2]["spec"]["replicas"] = json!(5);
    stage.roll_out(&five, None).await.unwrap();
    stage.roll_out(&scaled(1), Some(&five)).await.unwrap();
    assert_eq!(stage.serves(), (image(1), 5), "it would fall to one");
    stage
        .api
        .edit("kube-controller-manager", DEPLOYMENT, "/spec/replicas", json!(7));
    assert_eq!(
        stage.roll_out(&scaled(2), Some(&scaled(1))).await.unwrap(),
        RolledOut::Done
    );
    assert_eq!(stage.serves(), (image(2), 7), "the scaler's number is the scaler's");
}

#[tokio::test(start_paused = true)]
async fn a_review_says_field_by_field_what_would_change_and_what_would_go() {
    let stage = Stage::new();
    stage.roll_out(&api(1), None).await.unwrap();
    let before = stage.api.versions();
    let next = release(2, vec![super::account(), super::deployment(2, Some(3))]);
    let changes = stage.review(&next, Some(&api(1))).await.unwrap();
    let of = |name: &str| changes.iter().find(|change| change.object == name).unwrap();
    let deployment = of("Deployment default/scorer");
    let paths: Vec<&str> = deployment.fields.iter().map(|field| field.path.as_str()).collect();
    assert_eq!(
        paths,
        ["spec.template.spec.containers[name=scorer].image", "spec.replicas"]
    );
    assert_eq!(deployment.fate, ObjectFate::Update);
    assert_eq!(of("ServiceAccount default/scorer").fate, ObjectFate::Unchanged);
    assert_eq!(of("Service default/scorer").fate, ObjectFate::Delete);
    assert_eq!(of("PodDisruptionBudget default/scorer").fate, ObjectFate::Delete);
    assert_eq!(stage.api.versions(), before);
}

#[tokio::test(start_paused = true)]
async fn taking_a_workload_away_leaves_nothing_of_it() {
    let stage = Stage::new();
    stage.roll_out(&scaled(1), None).await.unwrap();
    roll::remove(&stage.ground(), &scaled(1)).await.unwrap();
    assert_eq!(stage.api.versions(), std::collections::BTreeMap::new());
    assert_eq!(running::running(&stage.ground()).await.unwrap(), None);
}
