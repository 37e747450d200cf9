//! The budgets again, for other shapes: the environments that come with the program, a long row of stacks, a broad one, a
//! slow network, and a CloudFormation that takes no time.

use std::time::Duration;

use super::budget::critical_path;
use super::stage::{Run, Stage};
use crate::engine::Stop;
use crate::plan::Kind;

/// The most that a run may take, as a multiple of its critical path.
const OVER_CRITICAL_PATH: f64 = 1.03;
/// A run of fewer seconds may begin with a burst of calls.
const SHORT: f64 = 600.0;
/// The calls of that burst: what `pace` lets a poller save for statuses and for events.
const SAVED: f64 = 17.0;

#[tokio::test(start_paused = true)]
async fn the_test_environment_is_applied_within_its_budgets() {
    let mut stage = Stage::on(
        &example(include_str!("../../../environments/test.toml"), "222233334444"),
        "",
    )
    .await;
    applied_within_budgets(&mut stage).await;
}

#[tokio::test(start_paused = true)]
async fn the_prod_environment_is_applied_within_its_budgets() {
    let mut stage = Stage::on(
        &example(include_str!("../../../environments/prod.toml"), "333344445555"),
        "",
    )
    .await;
    applied_within_budgets(&mut stage).await;
}

#[tokio::test(start_paused = true)]
async fn ten_stacks_in_a_row_are_applied_within_the_budgets() {
    let stacks = row_of(10);
    let mut stage = Stage::steps(&named(&stacks), "").await;
    applied_within_budgets(&mut stage).await;
}

#[tokio::test(start_paused = true)]
async fn twenty_stacks_side_by_side_are_applied_within_the_budgets() {
    let stacks: Vec<(String, String)> = (0..20).map(|number| (format!("s{number}"), String::new())).collect();
    let mut stage = Stage::steps(&named(&stacks), "").await;
    stage.options.parallelism = 20;
    applied_within_budgets(&mut stage).await;
}

#[tokio::test(start_paused = true)]
async fn a_plan_waits_for_the_network_three_times_however_many_stacks_there_are() {
    for count in [1, 10, 40] {
        let stacks: Vec<(String, String)> = (0..count).map(|number| (format!("s{number}"), String::new())).collect();
        let mut stage = Stage::steps(&named(&stacks), &every_call_takes_a_second()).await;
        stage.options.parallelism = count;
        stage.apply().await.assert_complete();
        stage.sandbox.clear_calls();
        let began = stage.session.clock.elapsed();
        let (plan, _) = stage.plan(Kind::Apply).await.unwrap();
        let took = stage.session.clock.elapsed().saturating_sub(began);
        assert!(!plan.changes_anything());
        // One more is the session's GetCallerIdentity.
        let calls = stage.sandbox.calls().len() + 1;
        assert!(calls <= count + 4, "{calls} calls for {count} stacks");
        assert!(
            took + Duration::from_secs(1) <= Duration::from_millis(3_050),
            "{took:?} for {count} stacks"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn ten_stacks_on_a_cloudformation_that_takes_no_time_are_applied_within_a_second() {
    let mut stage = Stage::instant(super::budget::TEN).await;
    let run = stage.apply().await;
    run.assert_complete();
    assert!(run.elapsed <= Duration::from_secs(1), "{:?} of waiting", run.elapsed);
}

async fn applied_within_budgets(stage: &mut Stage) {
    let (plan, deployed) = stage.plan(Kind::Apply).await.unwrap();
    stage.sandbox.clear_calls();
    let run = stage.execute(plan, &deployed, &Stop::default()).await;
    run.assert_complete();
    assert_pace(stage, &run);
    let critical = critical_path(stage, &run).await;
    let ratio = run.elapsed.as_secs_f64() / critical.as_secs_f64();
    assert!(
        ratio <= OVER_CRITICAL_PATH,
        "{:?} for a critical path of {critical:?}: {ratio:.4}",
        run.elapsed
    );
}

/// At most one call in two seconds on average. The end of a stack is learned from a description of its own and told with
/// its last events: two calls that are work, not waiting. A short run may have used up what the poller may save.
fn assert_pace(stage: &Stage, run: &Run) {
    let asked = stage.calls("DescribeStacks") + stage.calls("DescribeStackEvents");
    let waiting = asked.saturating_sub(2 * run.plan.stacks.len());
    let seconds = run.elapsed.as_secs_f64();
    let saved = if seconds < SHORT { SAVED } else { 0.0 };
    assert!(
        waiting as f64 <= saved + seconds / 2.0,
        "{waiting} calls in {seconds} s"
    );
}

fn row_of(count: usize) -> Vec<(String, String)> {
    (0..count)
        .map(|number| {
            let before = number.checked_sub(1);
            let input = before.map(|before| format!("before = \"${{s{before}.gateway}}\""));
            (format!("s{number}"), input.unwrap_or_default())
        })
        .collect()
}

fn named(stacks: &[(String, String)]) -> Vec<(&str, &str)> {
    stacks
        .iter()
        .map(|(name, inputs)| (name.as_str(), inputs.as_str()))
        .collect()
}

/// An example environment in the account of the stage.
/// An example environment in the account that the stage has; others that it names stay others.
fn example(text: &str, account: &str) -> String {
    text.replace(account, "111122223333")
}

fn every_call_takes_a_second() -> String {
    ["cloudformation", "s3", "dynamodb", "sts"]
        .map(|service| format!("[[fault]]\nservice = \"{service}\"\ndelay_seconds = 1.0\n"))
        .concat()
}
