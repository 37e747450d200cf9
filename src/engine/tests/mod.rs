//! The parts of the engine that need no AWS: who starts when, what is an end, what was the first cause.

mod budget;
mod died;
mod journal;
mod life;
mod preflight;
mod record;
mod stage;
mod waits;

use std::time::Duration;

use super::event::Outcome;
use super::failure::{Circumstances, first_cause, stack_failed, unwrapped};
use super::schedule::{Fate, Schedule};
use super::watch::Until;
use crate::aws::cloudformation::StackEvent;
use crate::plan::{Action, Kind, LiveStack, Plan, StackPlan};

#[test]
fn a_stack_starts_the_moment_all_before_it_are_done() {
    let mut schedule = Schedule::new(
        &plan(&[("a", &[]), ("b", &["a"]), ("c", &["a"]), ("d", &["b", "c"])]),
        10,
    );
    assert_eq!(schedule.start(), ["a"]);
    assert!(schedule.start().is_empty());
    schedule.done("a");
    assert_eq!(schedule.start(), ["b", "c"]);
    schedule.done("b");
    assert!(schedule.start().is_empty());
    schedule.done("c");
    assert_eq!(schedule.start(), ["d"]);
}

#[test]
fn with_few_places_the_longest_row_goes_first() {
    let plan = plan(&[("short", &[]), ("long", &[]), ("next", &["long"]), ("last", &["next"])]);
    let mut schedule = Schedule::new(&plan, 1);
    assert_eq!(schedule.start(), ["long"]);
    schedule.done("long");
    assert_eq!(schedule.start(), ["next"]);
}

#[test]
fn a_failure_keeps_back_what_needs_it_and_nothing_else() {
    let mut schedule = Schedule::new(&plan(&[("a", &[]), ("b", &["a"]), ("c", &["b"]), ("free", &[])]), 1);
    assert_eq!(schedule.start(), ["a"]);
    schedule.failed("a");
    assert_eq!(schedule.start(), ["free"]);
    let fates: Vec<(&str, Fate)> = schedule.fates().map(|(name, fate)| (name, fate.clone())).collect();
    let kept = Fate::NotStarted("a failed".to_owned());
    assert_eq!(
        fates,
        [
            ("a", Fate::Failed),
            ("b", kept.clone()),
            ("c", kept),
            ("free", Fate::Running)
        ]
    );
}

#[test]
fn looking_that_nothing_changed_takes_no_place() {
    let mut plan = plan(&[("same", &[]), ("work", &[])]);
    plan.stacks[0].action = Action::Unchanged;
    assert_eq!(Schedule::new(&plan, 1).start(), ["same", "work"]);
}

#[test]
fn an_answer_from_before_the_update_is_not_its_end() {
    let before = live("UPDATE_COMPLETE", "1");
    let until = Until::Updated(before.seen());
    assert!(!until.is_reached(Some(&before), false, 1), "nothing moved yet");
    assert!(!until.is_reached(Some(&live("UPDATE_IN_PROGRESS", "2")), true, 2));
    assert!(until.is_reached(Some(&live("UPDATE_COMPLETE", "2")), false, 2));
    assert!(
        until.is_reached(Some(&before), false, 6),
        "it does not move: whatever it was is over"
    );
}

#[test]
fn a_lagging_review_is_not_the_end_of_a_creation() {
    assert!(!Until::Created.is_reached(Some(&live("REVIEW_IN_PROGRESS", "")), false, 9));
    assert!(Until::Created.is_reached(Some(&live("ROLLBACK_COMPLETE", "")), false, 1));
    assert!(Until::Created.is_reached(None, false, 1));
}

#[test]
fn a_deletion_ends_when_the_stack_is_gone_or_says_that_it_failed_again() {
    let until = Until::Deleted("DELETE_FAILED".to_owned());
    assert!(
        !until.is_reached(Some(&live("DELETE_FAILED", "")), false, 1),
        "that is the failure of last time"
    );
    assert!(until.is_reached(Some(&live("DELETE_FAILED", "")), true, 2));
    assert!(until.is_reached(Some(&live("DELETE_COMPLETE", "")), true, 2));
    assert!(!Until::Deleted("CREATE_COMPLETE".to_owned()).is_reached(Some(&live("CREATE_COMPLETE", "")), false, 9));
}

#[test]
fn the_first_cause_is_neither_a_cancellation_nor_the_stacks_own_summary() {
    let events = [
        event(
            "network",
            "AWS::CloudFormation::Stack",
            "arn:stack",
            "CREATE_IN_PROGRESS",
            "User Initiated",
        ),
        event(
            "Subnet",
            "AWS::EC2::Subnet",
            "",
            "CREATE_FAILED",
            "Resource creation cancelled",
        ),
        event(
            "Nat",
            "AWS::EC2::NatGateway",
            "",
            "CREATE_FAILED",
            "the Elastic IP limit is reached",
        ),
        event(
            "Other",
            "AWS::EC2::Subnet",
            "",
            "CREATE_FAILED",
            "Resource creation cancelled",
        ),
        event(
            "network",
            "AWS::CloudFormation::Stack",
            "arn:stack",
            "CREATE_FAILED",
            "The following resource(s) failed: [Nat]",
        ),
    ];
    assert_eq!(first_cause(&events, "arn:stack").unwrap().logical_id, "Nat");
    let problem = stack_failed(&circumstances("ROLLBACK_COMPLETE"), &events);
    assert!(
        problem
            .message
            .contains("Nat (AWS::EC2::NatGateway): the Elastic IP limit"),
        "{}",
        problem.message
    );
    assert!(problem.hints.iter().any(|hint| hint.contains("mlinfra apply dev")));
}

#[test]
fn without_any_event_the_stacks_own_reason_is_told() {
    let problem = stack_failed(&circumstances("DELETE_COMPLETE"), &[]);
    assert!(
        problem.message.ends_with("the role may not do that"),
        "{}",
        problem.message
    );
    assert!(problem.notes[0].contains("nothing of it is left"));
}

#[test]
fn reasons_lose_their_wrappings() {
    let handler = "Resource handler returned message: \"Bucket models already exists (Service: S3, Status Code: 409, Request ID: R1)\" \
                   (RequestToken: 1-2, HandlerErrorCode: AlreadyExists)";
    let found = unwrapped(handler);
    assert_eq!(found.message, "Bucket models already exists");
    assert_eq!(
        (found.code.as_deref(), found.request_id.as_deref()),
        (Some("AlreadyExists"), Some("R1"))
    );
    let nested = r#"Received response: {"error":{"Message":"{\"message\":\"no such subnet\"}"}}"#;
    assert_eq!(unwrapped(nested).message, "no such subnet");
    assert_eq!(unwrapped("plain {words}").message, "plain {words}");
}

#[test]
fn a_summary_tells_partly_applied_from_failed() {
    let of = |outcomes: &[Outcome]| super::Summary {
        stacks: outcomes
            .iter()
            .map(|outcome| super::Finished {
                stack: String::new(),
                action: Action::Create,
                outcome: outcome.clone(),
                elapsed: Duration::ZERO,
            })
            .collect(),
        ..super::Summary::default()
    };
    let not_started = Outcome::NotStarted { because: String::new() };
    assert!(of(&[Outcome::Done, Outcome::Unchanged]).is_complete());
    assert!(of(&[Outcome::Done, not_started.clone()]).is_partial());
    assert!(!of(&[Outcome::Unchanged, not_started]).is_partial());
}

fn circumstances(status: &str) -> Circumstances<'_> {
    Circumstances {
        stack: "network",
        arn: "arn:stack",
        environment: "dev",
        work: "create",
        status,
        reason: Some("the role may not do that"),
        rendered: None,
    }
}

fn event(logical_id: &str, resource_type: &str, physical_id: &str, status: &str, reason: &str) -> StackEvent {
    StackEvent {
        id: format!("{logical_id}-{status}"),
        logical_id: logical_id.to_owned(),
        physical_id: physical_id.to_owned(),
        resource_type: resource_type.to_owned(),
        status: status.to_owned(),
        reason: Some(reason.to_owned()),
        at: "2026-01-01T00:00:00Z".to_owned(),
        token: None,
    }
}

fn live(status: &str, updated: &str) -> LiveStack {
    LiveStack {
        stack_id: "arn:stack".to_owned(),
        status: status.to_owned(),
        updated: updated.to_owned(),
        ..LiveStack::default()
    }
}

fn plan(stacks: &[(&str, &[&str])]) -> Plan {
    Plan {
        version: 1,
        id: String::new(),
        kind: Kind::Apply,
        project: String::new(),
        environment: "dev".to_owned(),
        account: String::new(),
        region: String::new(),
        role_arn: None,
        created: String::new(),
        actor: String::new(),
        commit: None,
        base_generation: 0,
        spec_digest: String::new(),
        protect: false,
        stacks: stacks
            .iter()
            .map(|(name, after)| StackPlan {
                name: (*name).to_owned(),
                stack_name: (*name).to_owned(),
                stack_id: None,
                module: String::new(),
                action: Action::Create,
                recovery: None,
                reasons: Vec::new(),
                changes: Vec::new(),
                parameters: std::collections::BTreeMap::new(),
                tags: std::collections::BTreeMap::new(),
                template_sha256: None,
                change_set: None,
                after: after.iter().map(|name| (*name).to_owned()).collect(),
                seen: None,
                set_protection: None,
            })
            .collect(),
    }
}
