//! Whole lives of environments on the sandbox, in paused time.

#![expect(clippy::disallowed_methods, reason = "paused time is read and waited for here")]

use std::time::Duration;

use super::stage::Stage;
use crate::engine::Stop;
use crate::engine::event::{Event, Outcome};
use crate::plan::{Action, Kind, Recovery, Replacement};

const CHAIN: &[(&str, &str)] = &[
    ("base", ""),
    ("middle", "before = \"${base.gateway}\""),
    ("top", "before = \"${middle.gateway}\""),
];

#[tokio::test(start_paused = true)]
async fn an_environment_comes_up_stays_changes_and_goes() {
    let mut stage = Stage::steps(CHAIN, "").await;
    let run = stage.apply().await;
    run.assert_complete();
    assert_eq!(run.actions(), [Action::Create; 3]);
    let told = |stack: &str| {
        let of = |event: &&Event| matches!(event, Event::Resource { stack: of, status, .. } if of == stack && status == "CREATE_COMPLETE");
        run.events.iter().filter(of).count()
    };
    assert_eq!(
        (told("base"), told("middle"), told("top")),
        (2, 2, 2),
        "every resource's end is told"
    );
    assert!(
        run.summary.outputs["top"]["gateway"].starts_with("tgw-"),
        "{:?}",
        run.summary.outputs
    );

    let (plan, _) = stage.plan(Kind::Apply).await.unwrap();
    assert!(!plan.changes_anything(), "{plan:#?}");

    stage.edit(&[
        CHAIN[0],
        ("middle", "before = \"${base.gateway}\"\nnote = \"second\""),
        CHAIN[2],
    ]);
    let run = stage.apply().await;
    run.assert_complete();
    assert_eq!(run.actions(), [Action::Unchanged, Action::Update, Action::Unchanged]);
    let change = &run.plan.stack("middle").unwrap().changes[0];
    assert_eq!(
        (change.logical_id.as_str(), change.replacement),
        ("Gateway", Replacement::Never)
    );
    let property = &change.properties[0];
    assert_eq!(
        (property.before.as_deref(), property.after.as_deref()),
        (Some("first"), Some("second"))
    );

    let run = stage.destroy().await;
    run.assert_complete();
    let left = stage.sandbox.inventory().unwrap();
    assert!(left.iter().all(|item| item.kind != "stack"), "{left:?}");
    let (plan, _) = stage.plan(Kind::Destroy).await.unwrap();
    assert!(plan.stacks.is_empty(), "{plan:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_replacement_moves_on_to_the_stacks_that_use_it() {
    let mut stage = Stage::steps(CHAIN, "").await;
    stage.apply().await.assert_complete();
    stage.edit(&[("base", "asn = 64900"), CHAIN[1], CHAIN[2]]);
    let run = stage.apply().await;
    run.assert_complete();
    let base = &run.plan.stack("base").unwrap().changes[0];
    assert_eq!(base.replacement, Replacement::Always, "{base:#?}");
    assert_eq!(run.plan.stack("middle").unwrap().action, Action::Update);
    assert_eq!(run.plan.stack("top").unwrap().action, Action::Unchanged);
    let (plan, _) = stage.plan(Kind::Apply).await.unwrap();
    assert!(!plan.changes_anything(), "{plan:#?}");
}

#[tokio::test(start_paused = true)]
async fn stacks_that_left_the_file_are_deleted_once_nobody_uses_them() {
    let mut stage = Stage::steps(CHAIN, "").await;
    stage.apply().await.assert_complete();
    stage.edit(&[CHAIN[0], ("top", "")]);
    let run = stage.apply().await;
    run.assert_complete();
    assert_eq!(run.plan.stack("middle").unwrap().after, ["top"]);
    let (plan, _) = stage.plan(Kind::Apply).await.unwrap();
    assert_eq!(plan.stacks.len(), 2);
    assert!(!plan.changes_anything(), "{plan:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_failure_names_its_cause_and_keeps_back_only_what_needs_it() {
    let faults = "[[fault]]\nresource = \"Gateway\"\nstack = \"shop-dev-middle\"\non = \"create\"\nlate = true\ntimes = 1\nmessage = \"no more gateways\"\n";
    let mut stage = Stage::steps(&[CHAIN[0], CHAIN[1], CHAIN[2], ("free", "")], faults).await;
    let run = stage.apply().await;
    let problem = run.failure("middle");
    assert!(
        problem.message.contains("Gateway (AWS::EC2::TransitGateway): ")
            && problem.message.contains("no more gateways"),
        "{}",
        problem.message
    );
    assert!(
        problem.labels[0].span.place().contains("step.yaml:4"),
        "{}",
        problem.labels[0].span.place()
    );
    assert_eq!(
        run.outcome("top"),
        &Outcome::NotStarted {
            because: "middle failed".to_owned()
        }
    );
    assert_eq!(
        (run.outcome("base"), run.outcome("free")),
        (&Outcome::Done, &Outcome::Done)
    );
    assert!(run.summary.is_partial());

    let run = stage.apply().await;
    run.assert_complete();
    assert_eq!(
        run.actions(),
        [Action::Unchanged, Action::Create, Action::Create, Action::Unchanged]
    );
}

#[tokio::test(start_paused = true)]
async fn a_stack_left_in_rollback_complete_is_deleted_and_made_anew() {
    let faults = "[[fault]]\nresource = \"Gateway\"\non = \"create\"\ntimes = 1\nmessage = \"not today\"\n";
    let mut stage = Stage::steps(&[CHAIN[0]], faults).await;
    stage.options.on_failure = crate::spec::OnFailure::Rollback;
    let run = stage.apply().await;
    assert!(
        run.failure("base")
            .notes
            .iter()
            .any(|note| note.contains("ROLLBACK_COMPLETE")),
        "{:#?}",
        run.failure("base")
    );
    let run = stage.apply().await;
    run.assert_complete();
    assert_eq!(run.plan.stacks[0].recovery, Some(Recovery::DeleteFirst));
}

#[tokio::test(start_paused = true)]
async fn an_update_that_fails_is_rolled_back_and_can_be_tried_again() {
    let faults = "[[fault]]\nresource = \"Note\"\non = \"update\"\ntimes = 1\nmessage = \"not today\"\n";
    let mut stage = Stage::steps(&[CHAIN[0]], faults).await;
    stage.apply().await.assert_complete();
    stage.edit(&[("base", "note = \"second\"")]);
    let run = stage.apply().await;
    assert!(
        run.failure("base")
            .notes
            .iter()
            .any(|note| note.contains("rolled back")),
        "{:#?}",
        run.failure("base")
    );
    stage.apply().await.assert_complete();
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_got_stuck_is_continued_before_the_update() {
    let faults = "[[fault]]\nresource = \"Note\"\non = \"update\"\ntimes = 1\nmessage = \"not today\"\n\
                  [[fault]]\nresource = \"Gateway\"\non = \"rollback\"\ntimes = 1\nmessage = \"nor back\"\n";
    let mut stage = Stage::steps(&[CHAIN[0]], faults).await;
    stage.apply().await.assert_complete();
    stage.edit(&[("base", "note = \"second\"")]);
    let run = stage.apply().await;
    let problem = run.failure("base");
    if problem.notes.iter().any(|note| note.contains("got stuck")) {
        let run = stage.apply().await;
        run.assert_complete();
        assert_eq!(run.plan.stacks[0].recovery, Some(Recovery::ContinueRollback));
    } else {
        panic!("the stage did not get stuck: {problem:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_killed_is_picked_up_and_nothing_is_started_twice() {
    let mut stage = Stage::steps(CHAIN, "").await;
    let (plan, deployed) = stage.plan(Kind::Apply).await.unwrap();
    // Dropping the future in the middle of the first stack is what SIGKILL does.
    let killed = tokio::time::timeout(
        Duration::from_secs(40),
        stage.execute(plan, &deployed, &Stop::default()),
    )
    .await;
    assert!(killed.is_err());
    let run = stage.apply().await;
    run.assert_complete();
    assert_eq!(run.plan.stack("base").unwrap().recovery, Some(Recovery::Attach));
    assert_eq!(stage.calls("ExecuteChangeSet"), 3, "one for each stack over both runs");
    let (plan, _) = stage.plan(Kind::Apply).await.unwrap();
    assert!(!plan.changes_anything(), "{plan:#?}");
}

#[tokio::test(start_paused = true)]
async fn the_first_interrupt_finishes_what_runs_and_the_second_leaves() {
    let mut stage = Stage::steps(CHAIN, "").await;
    let (plan, deployed) = stage.plan(Kind::Apply).await.unwrap();
    let stop = Stop::default();
    let (first, second) = (stop.nothing_new.clone(), stop.now.clone());
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(30)).await;
        first.cancel();
    });
    let run = stage.execute(plan, &deployed, &stop).await;
    assert_eq!(run.outcome("base"), &Outcome::Done);
    assert!(matches!(run.outcome("middle"), Outcome::NotStarted { .. }));
    assert!(run.summary.stopped);

    let (plan, deployed) = stage.plan(Kind::Apply).await.unwrap();
    let stop = Stop::default();
    let leave = stop.now.clone();
    drop(second);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(30)).await;
        leave.cancel();
    });
    let run = stage.execute(plan, &deployed, &stop).await;
    assert_eq!(run.outcome("middle"), &Outcome::LeftRunning);
    assert!(run.elapsed < Duration::from_secs(35), "{:?}", run.elapsed);
    stage.apply().await.assert_complete();
}

#[tokio::test(start_paused = true)]
async fn throttled_and_broken_answers_never_fail_a_deployment() {
    let faults = "[[fault]]\nservice = \"cloudformation\"\nthrottle = { every = 2 }\n\
                  [[fault]]\nservice = \"cloudformation\"\naction = \"ExecuteChangeSet\"\ndrop_answer = 1\n\
                  [[fault]]\nservice = \"cloudformation\"\naction = \"CreateChangeSet\"\ndrop_answer = 1\n";
    let mut stage = Stage::steps(CHAIN, faults).await;
    stage.apply().await.assert_complete();
    let (plan, _) = stage.plan(Kind::Apply).await.unwrap();
    assert!(!plan.changes_anything(), "{plan:#?}");
}
