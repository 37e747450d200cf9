//! Runs that die half-way or lose their lock, on the sandbox, in paused time.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::stage::Stage;
use crate::diagnostic::codes;
use crate::engine::event::{Event, Outcome};
use crate::engine::{self, Execution, Journal, Stop};
use crate::lock::{self, Holder, LockStatus, Wait};
use crate::plan::{Kind, Recovery};
use crate::state::{self, OperationKind, OperationRecord};

const CHAIN: &[(&str, &str)] = &[("base", ""), ("top", "before = \"${base.gateway}\"")];

/// Runs an apply that is killed after `time`.
async fn killed_after(stage: &mut Stage, time: Duration) {
    let (plan, deployed) = stage.plan(Kind::Apply).await.unwrap();
    // Dropping the future is what SIGKILL does.
    let clock = stage.session.clock;
    let killed = clock
        .timeout(time, Box::pin(stage.execute(plan, &deployed, &Stop::default())))
        .await;
    assert!(killed.is_err(), "it should not have come to its end");
}

#[tokio::test(start_paused = true)]
async fn wherever_a_run_dies_the_next_one_ends_as_an_undisturbed_one_and_says_what_it_resumes() {
    let mut undisturbed = Stage::steps(CHAIN, "").await;
    let whole = Box::pin(undisturbed.apply()).await;
    let backend = undisturbed.environment.environment.backend.clone();
    let (mut drafts, mut attached) = (0, 0);
    let steps = 10;
    for step in 0..steps {
        let time = whole.elapsed * step / steps + Duration::from_millis(1);
        let mut stage = Stage::steps(CHAIN, "").await;
        killed_after(&mut stage, time).await;
        let (_, deployed) = stage.plan(Kind::Apply).await.unwrap();
        drafts += deployed
            .stacks
            .values()
            .filter(|live| live.status == "REVIEW_IN_PROGRESS")
            .count();
        let run = Box::pin(stage.apply()).await;
        run.assert_complete();
        attached += run
            .plan
            .stacks
            .iter()
            .filter(|stack| stack.recovery == Some(Recovery::Attach))
            .count();
        assert_eq!(
            stage.calls("ExecuteChangeSet"),
            CHAIN.len(),
            "killed after {time:?}: once for each stack"
        );
        assert_eq!(stage.calls("DeleteStack"), 0, "killed after {time:?}");
        let (plan, _) = stage.plan(Kind::Apply).await.unwrap();
        assert!(!plan.changes_anything(), "killed after {time:?}: {plan:#?}");
        let history = state::list_history(&stage.session, &backend, &stage.key, 9)
            .await
            .unwrap();
        let [last, died] = history.as_slice() else {
            panic!("{history:#?}")
        };
        assert_eq!(
            (died.finished.as_ref(), last.resumes.as_ref()),
            (None, Some(&died.id)),
            "killed after {time:?}"
        );
        assert!(last.finished.is_some() && last.stacks.len() == CHAIN.len() || died.stacks.len() == CHAIN.len());
    }
    assert!(
        drafts > 0 && attached > 0,
        "{drafts} drafts, {attached} attached: the moments were chosen badly"
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_lock_is_taken_away_starts_nothing_new_and_leaves_the_record_to_the_new_holder() {
    let mut stage = Stage::steps(CHAIN, "").await;
    let (session, key) = (stage.session.clone(), stage.key.clone());
    let backend = stage.environment.environment.backend.clone();
    let holder = Holder {
        who: "ann@host".to_owned(),
        operation: "apply".to_owned(),
        ..Holder::default()
    };
    let (wait, cancel) = (Wait::AtMost(Duration::ZERO), CancellationToken::new());
    let lease = lock::acquire(&session, &backend, &key, &holder, |_| {}, wait, &cancel)
        .await
        .unwrap();
    let (plan, deployed) = stage.plan(Kind::Apply).await.unwrap();
    let record = OperationRecord::begin(OperationKind::Apply, "ann", lease.generation(), &session.clock);
    let operation = record.id.clone();
    let journal = Journal::begin(&session, &backend, &key, lease.generation(), record, &plan)
        .await
        .unwrap();
    let (events, mut heard) = mpsc::unbounded_channel();
    let (lost, stop, templates) = (lease.lost(), Stop::default(), stage.templates());
    let run = engine::execute(Execution {
        session: &session,
        plan: &plan,
        rendered: Some(&stage.environment),
        deployed: &deployed,
        operation: &operation,
        options: &stage.options,
        templates: &templates,
        journal: &journal,
        events: &events,
        stop: &stop,
        lost: &lost,
    });
    let robber = async {
        session.clock.sleep(Duration::from_secs(30)).await;
        let LockStatus::Held { record, .. } = lock::status(&session, &backend, &key, None, Duration::ZERO)
            .await
            .unwrap()
        else {
            panic!("nobody holds it")
        };
        lock::force_release(&session, &backend, &key, &record.lease_id, record.generation)
            .await
            .unwrap();
        let next = lock::acquire(&session, &backend, &key, &holder, |_| {}, wait, &cancel)
            .await
            .unwrap();
        let (claimed, _) = state::claim(&session, &backend, &key, next.generation()).await.unwrap();
        (next, claimed)
    };
    let (summary, (next, claimed)) = futures::join!(Box::pin(run), Box::pin(robber));
    assert_eq!(summary.stacks[0].outcome, Outcome::Done, "what ran was waited for");
    assert!(matches!(&summary.stacks[1].outcome, Outcome::NotStarted { because } if because == "the lock was lost"));
    assert_eq!(lease.check().unwrap_err().code, codes::LOCK_LOST);
    assert!(
        summary
            .problems
            .iter()
            .any(|problem| problem.code == codes::STATE_FENCED),
        "{:#?}",
        summary.problems
    );
    let (state, _) = state::read(&session, &backend, &key).await.unwrap().unwrap();
    assert_eq!(state.generation, 2);
    assert_eq!(state, claimed, "nothing was written over the new holder's state");
    let told = std::iter::from_fn(|| heard.try_recv().ok());
    assert!(
        told.filter(|event| matches!(event, Event::Note(text) if text.starts_with("the lock was lost")))
            .count()
            == 1
    );
    next.release().await.unwrap();
    lease.release().await.unwrap();

    stage.account.generation = 2;
    let run = Box::pin(stage.apply()).await;
    run.assert_complete();
    assert_eq!(stage.calls("ExecuteChangeSet"), CHAIN.len());
}
