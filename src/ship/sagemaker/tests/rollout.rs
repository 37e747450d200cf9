//! Rollouts that go well.

use serde_json::json;

use super::super::{remove, review, roll_out, running};
use super::{ENDPOINT, Stage};
use crate::ship::{Event, ObjectFate, RolledOut};

#[tokio::test(start_paused = true)]
async fn a_first_rollout_ends_in_an_endpoint_that_serves_the_image() {
    let stage = Stage::new("").await;
    let release = stage.serves("one", None).await;
    let running = running(&stage.scene("scorer")).await.unwrap().unwrap();
    assert_eq!(running.images, [release.image.reference.as_str()]);
    assert_eq!((running.ready, running.wanted, running.healthy), (2, 2, true));
    assert!(
        running
            .address
            .unwrap()
            .ends_with("/endpoints/shop-dev-scorer/invocations")
    );
    let told = stage.told();
    let done = Event::Rollout {
        workload: "scorer".to_owned(),
        ready: 2,
        wanted: 2,
        waiting_for: None,
    };
    assert_eq!(told.last(), Some(&done));
    let waited = told
        .iter()
        .any(|event| matches!(event, Event::Rollout { ready: 0, waiting_for: Some(what), .. } if what == "Creating"));
    assert!(waited, "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn what_serves_already_is_left_alone() {
    let stage = Stage::new("").await;
    let release = stage.serves("one", None).await;
    stage.sandbox.clear_calls();
    let again = roll_out(&stage.scene("scorer"), &release, Some(&release)).await;
    assert_eq!(again.unwrap(), RolledOut::Unchanged);
    let calls = stage.sandbox.calls();
    let changing = calls
        .iter()
        .filter(|call| !call.action.starts_with("Describe") && !call.action.starts_with("List"));
    assert_eq!(changing.count(), 0, "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn an_update_leads_the_endpoint_to_the_new_image() {
    let stage = Stage::new("").await;
    let one = stage.serves("one", None).await;
    let two = stage.serves("two", Some(&one)).await;
    let endpoint = stage.endpoint().await;
    assert_eq!(endpoint.images, [two.image.reference.as_str()]);
    assert_eq!((stage.calls("CreateEndpoint"), stage.calls("UpdateEndpoint")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn only_what_serves_and_what_served_before_is_kept() {
    let stage = Stage::new("").await;
    let foreign = stage.session.sagemaker().create_model();
    let container = aws_sdk_sagemaker::types::ContainerDefinition::builder()
        .image("i")
        .build();
    // Named as one of ours, and without our tags.
    let foreign = foreign
        .model_name("shop-dev-scorer-0123456789")
        .primary_container(container);
    foreign.send().await.unwrap();
    let mut serving = stage.serves("one", None).await;
    for version in ["two", "three"] {
        serving = stage.serves(version, Some(&serving)).await;
    }
    assert_eq!(stage.existing("endpoint_config").len(), 2);
    let models = stage.existing("model");
    assert_eq!(models.len(), 3, "{models:?}");
    assert!(models.contains(&"shop-dev-scorer-0123456789".to_owned()));
    // Going back needs nothing that was taken away.
    let (two, rolled) = stage.ship("two", Some(&serving)).await;
    assert_eq!(rolled.unwrap(), RolledOut::Done);
    assert_eq!(stage.endpoint().await.images, [two.image.reference.as_str()]);
    // An older one is made again.
    let (one, rolled) = stage.ship("one", Some(&two)).await;
    assert_eq!(rolled.unwrap(), RolledOut::Done);
    assert_eq!(stage.endpoint().await.images, [one.image.reference.as_str()]);
}

#[tokio::test(start_paused = true)]
async fn a_review_says_what_would_change_and_changes_nothing() {
    let stage = Stage::new("").await;
    let one = stage.release("scorer", "one", None);
    let fates = |changes: &[crate::ship::ObjectChange]| -> Vec<ObjectFate> {
        changes.iter().map(|change| change.fate).collect()
    };
    let first = review(&stage.scene("scorer"), &one, None).await.unwrap();
    assert_eq!(fates(&first), [ObjectFate::Create; 3]);
    stage.serves("one", None).await;
    let same = review(&stage.scene("scorer"), &one, None).await.unwrap();
    assert_eq!(fates(&same), [ObjectFate::Unchanged; 3]);
    stage.sandbox.clear_calls();
    let two = stage.release("scorer", "two", None);
    let next = review(&stage.scene("scorer"), &two, None).await.unwrap();
    assert_eq!(
        fates(&next),
        [ObjectFate::Create, ObjectFate::Create, ObjectFate::Update]
    );
    let fields = &next[0].fields;
    assert_eq!(fields.len(), 1, "{fields:?}");
    assert_eq!(fields[0].path, "PrimaryContainer.Image");
    assert_eq!(fields[0].before, Some(json!(one.image.reference)));
    assert_eq!(fields[0].after, Some(json!(two.image.reference)));
    assert!(next[1].fields.is_empty(), "{:?}", next[1].fields);
    assert!(
        stage
            .sandbox
            .calls()
            .iter()
            .all(|call| call.action.starts_with("Describe"))
    );
}

#[tokio::test(start_paused = true)]
async fn removing_a_workload_leaves_nothing_of_it() {
    let stage = Stage::new("").await;
    let one = stage.serves("one", None).await;
    let two = stage.serves("two", Some(&one)).await;
    stage.told();
    remove(&stage.scene("scorer"), &two).await.unwrap();
    let told = stage.told();
    let deleted = told.iter().find_map(|event| match event {
        Event::Phase { subject, .. } => Some(subject.split(", ").collect::<Vec<_>>()),
        _ => None,
    });
    let deleted = deleted.unwrap();
    assert_eq!((deleted.len(), deleted[0]), (5, ENDPOINT), "{deleted:?}");
    for kind in ["endpoint", "endpoint_config", "model"] {
        assert!(stage.existing(kind).is_empty(), "{kind}");
    }
    remove(&stage.scene("scorer"), &two).await.unwrap();
}
