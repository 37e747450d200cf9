//! The budgets of calls and of simulated time.

use std::collections::BTreeMap;
use std::time::Duration;

use super::stage::{Run, Stage};
use crate::engine::event::Outcome;
use crate::plan::Kind;

/// Ten stacks, four deep.
pub(super) const TEN: &[(&str, &str)] = &[
    ("a", ""),
    ("b", ""),
    ("c", "before = \"${a.gateway}\""),
    ("d", "before = \"${a.gateway}\"\nalso = \"${b.gateway}\""),
    ("e", "before = \"${b.gateway}\""),
    ("f", "before = \"${c.gateway}\"\nalso = \"${d.gateway}\""),
    ("g", "before = \"${e.gateway}\""),
    ("h", "before = \"${f.gateway}\""),
    ("i", "before = \"${g.gateway}\"\nalso = \"${f.gateway}\""),
    ("j", ""),
];

#[tokio::test(start_paused = true)]
async fn a_plan_with_nothing_to_do_makes_a_call_a_stack_and_a_few_more() {
    let mut stage = Stage::steps(TEN, "").await;
    stage.apply().await.assert_complete();
    stage.sandbox.clear_calls();
    let (plan, _) = stage.plan(Kind::Apply).await.unwrap();
    assert!(!plan.changes_anything());
    let calls = stage.sandbox.calls();
    // The session's GetCallerIdentity was before.
    assert!(calls.len() < TEN.len() + 4, "{calls:#?}");
}

#[tokio::test(start_paused = true)]
async fn an_apply_takes_hardly_longer_than_the_longest_row_of_its_stacks() {
    let mut stage = Stage::steps(TEN, "").await;
    let run = stage.apply().await;
    run.assert_complete();
    let critical = critical_path(&stage, &run).await;
    let ratio = run.elapsed.as_secs_f64() / critical.as_secs_f64();
    assert!(
        ratio <= 1.03,
        "{:?} for a critical path of {critical:?}: {ratio:.3}",
        run.elapsed
    );
}

#[tokio::test(start_paused = true)]
async fn waiting_costs_less_than_one_call_in_two_seconds() {
    let mut stage = Stage::on(include_str!("../../../environments/dev.toml"), "").await;
    stage.sandbox.clear_calls();
    let run = stage.apply().await;
    run.assert_complete();
    let waiting = stage.calls("DescribeStacks") + stage.calls("DescribeStackEvents");
    let seconds = run.elapsed.as_secs_f64();
    assert!(waiting as f64 <= seconds / 2.0, "{waiting} calls in {seconds} s");
    let critical = critical_path(&stage, &run).await;
    let ratio = seconds / critical.as_secs_f64();
    assert!(
        ratio <= 1.03,
        "{seconds} s for a critical path of {critical:?}: {ratio:.3}"
    );
    let (plan, _) = stage.plan(Kind::Apply).await.unwrap();
    assert!(!plan.changes_anything(), "{plan:#?}");
}

/// The longest row of stacks, each from the moment that CloudFormation was asked for it to its end in CloudFormation's own
/// events.
pub(super) async fn critical_path(stage: &Stage, run: &Run) -> Duration {
    use crate::aws::cloudformation::{Since, describe_stack, events_since};
    let mut ends: BTreeMap<&str, Duration> = BTreeMap::new();
    for stack in &run.plan.stacks {
        assert_eq!(run.outcome(&stack.name), &Outcome::Done);
        let live = describe_stack(&stage.session, &stack.stack_name)
            .await
            .unwrap()
            .unwrap();
        let events = events_since(&stage.session, &live.stack_id, Since::Began(&["REVIEW_IN_PROGRESS"]))
            .await
            .unwrap();
        let times: Vec<jiff::Timestamp> = events.iter().map(|event| event.at.parse().unwrap()).collect();
        let took = times[times.len() - 1].duration_since(times[0]).unsigned_abs();
        let start = stack
            .after
            .iter()
            .map(|name| ends[name.as_str()])
            .max()
            .unwrap_or_default();
        ends.insert(&stack.name, start + took);
    }
    ends.into_values().max().unwrap()
}
