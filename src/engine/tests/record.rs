//! What the state knows of stacks that did not end well, and of those that it forgot.

use std::time::Duration;

use super::stage::Stage;
use crate::plan::{Action, Kind, Recovery};
use crate::spec::OnFailure;
use crate::state::{self, State};

const FAILING: &str = "[[fault]]\nresource = \"Gateway\"\nstack = \"shop-dev-extra\"\non = \"create\"\nlate = true\nmessage = \"no more gateways\"\n";

#[tokio::test(start_paused = true)]
async fn a_stack_that_failed_and_then_left_the_file_is_not_left_behind_in_the_account() {
    let mut stage = Stage::steps(&[("base", ""), ("extra", "")], FAILING).await;
    stage.options.on_failure = OnFailure::Rollback;
    let run = stage.apply().await;
    assert!(run.failure("extra").message.contains("no more gateways"));

    stage.edit(&[("base", "")]);
    let run = stage.apply().await;
    let extra = run
        .plan
        .stack("extra")
        .expect("the state knows what it set out to make");
    assert_eq!((extra.action, extra.recovery), (Action::Delete, None));
    run.assert_complete();
    let left = stage.sandbox.inventory().unwrap();
    assert!(left.iter().all(|item| item.id != "shop-dev-extra"), "{left:?}");
    assert!(!stage.plan(Kind::Apply).await.unwrap().0.changes_anything());
}

#[tokio::test(start_paused = true)]
async fn a_failed_creation_that_stays_in_the_file_is_made_anew() {
    let faults = FAILING.replace("late", "times = 1\nlate");
    let mut stage = Stage::steps(&[("extra", "")], &faults).await;
    stage.options.on_failure = OnFailure::Rollback;
    stage.apply().await.failure("extra");
    let run = stage.apply().await;
    assert_eq!(run.plan.stack("extra").unwrap().recovery, Some(Recovery::DeleteFirst));
    run.assert_complete();
    assert!(!stage.plan(Kind::Apply).await.unwrap().0.changes_anything());
}

#[tokio::test(start_paused = true)]
async fn a_stack_whose_turn_never_came_leaves_no_record() {
    let mut stage = Stage::steps(&[("extra", ""), ("after", "before = \"${extra.gateway}\"")], FAILING).await;
    stage.apply().await.failure("extra");
    let backend = &stage.environment.environment.backend;
    let (state, _) = state::read(&stage.session, backend, &stage.key).await.unwrap().unwrap();
    assert_eq!(state.stacks.keys().collect::<Vec<_>>(), ["extra"]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_state_is_learnt_again_without_touching_a_stack() {
    let mut stage = Stage::steps(&[("base", ""), ("top", "before = \"${base.gateway}\"")], "").await;
    stage.apply().await.assert_complete();
    let backend = stage.environment.environment.backend.clone();
    let (known, etag) = state::read(&stage.session, &backend, &stage.key)
        .await
        .unwrap()
        .unwrap();
    state::write(
        &stage.session,
        &backend,
        &stage.key,
        &State::default(),
        Some(&etag),
        stage.account.generation,
    )
    .await
    .unwrap();

    let run = stage.apply().await;
    assert!(!run.plan.changes_anything() && run.plan.records_anything());
    run.assert_complete();
    assert_eq!(stage.calls("ExecuteChangeSet"), 2, "the two of the beginning");
    let (learnt, _) = state::read(&stage.session, &backend, &stage.key)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(learnt.stacks, known.stacks);
    let (plan, _) = stage.plan(Kind::Apply).await.unwrap();
    assert!(!plan.records_anything());
}

#[tokio::test(start_paused = true)]
async fn a_template_that_cannot_be_kept_leaves_no_empty_stack_behind() {
    // The first two writes make the state ours.
    let faults = "[[fault]]\nservice = \"s3\"\naction = \"PutObject\"\nnth = 3\ntimes = 2\nerror = { code = \"AccessDenied\", message = \"no\", status = 403 }\n";
    let mut stage = Stage::steps(&[("base", "")], faults).await;
    let run = stage.apply().await;
    assert_eq!(run.failure("base").code, crate::diagnostic::codes::ACCESS_DENIED);
    // Deleting an empty stack takes CloudFormation a moment.
    stage.session.clock.sleep(Duration::from_secs(60)).await;
    let left = stage.sandbox.inventory().unwrap();
    assert!(left.iter().all(|item| item.kind != "stack"), "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn what_somebody_changed_by_hand_is_shown_and_put_back() {
    let mut stage = Stage::steps(&[("base", "")], "").await;
    stage.apply().await.assert_complete();
    let template = stage.environment.stacks["base"].template.replace("first", "by hand");
    let by_hand = stage.session.cloudformation().update_stack();
    by_hand
        .stack_name("shop-dev-base")
        .template_body(template)
        .send()
        .await
        .unwrap();
    stage.session.clock.sleep(Duration::from_secs(600)).await;

    let run = stage.apply().await;
    run.assert_complete();
    let base = run.plan.stack("base").unwrap();
    assert!(
        base.reasons
            .iter()
            .any(|reason| reason.contains("changed by someone else")),
        "{:?}",
        base.reasons
    );
    let change = base
        .changes
        .iter()
        .find(|change| change.logical_id == "Gateway")
        .unwrap();
    let property = &change.properties[0];
    assert_eq!(
        (property.before.as_deref(), property.after.as_deref()),
        (Some("by hand"), Some("first"))
    );
    assert!(!stage.plan(Kind::Apply).await.unwrap().0.changes_anything());
}
