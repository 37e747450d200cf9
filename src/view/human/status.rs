//! `status`, `outputs`, `lock status`, `sandbox list`.

use std::time::Duration;

use anstyle::Style;

use crate::view::report::{Drift, LockReport, LockState, OperationReport, Outputs, SandboxReport, Status};
use crate::view::text::{ADD, CHANGE, COMMAND, DIM, NAME, REMOVE, count, duration, one_line, paint, table};

/// The stacks of an environment, its lock and its last operation.
pub fn status(status: &Status) -> String {
    let mut text = format!(
        "{} of {} (account {}, {})\n\n",
        paint(NAME, &status.environment),
        status.project,
        status.account,
        status.region
    );
    if status.stacks.is_empty() {
        text.push_str("No stacks\n");
    }
    let rows: Vec<Vec<String>> = status
        .stacks
        .iter()
        .map(|stack| {
            let name = stack.status.as_deref().unwrap_or("not deployed");
            let drift = match stack.drift {
                Drift::None => String::new(),
                other => paint(CHANGE, drift_text(other)),
            };
            vec![
                paint(NAME, &stack.name),
                stack.module.clone(),
                paint(status_style(name), name),
                stack.age.clone().unwrap_or_default(),
                drift,
            ]
        })
        .collect();
    text.push_str(&table(&rows));
    for stack in &status.stacks {
        if let Some(reason) = stack.reason.as_deref().filter(|reason| !reason.is_empty()) {
            text.push_str(&format!("  {}: {}\n", stack.name, one_line(reason)));
        }
    }
    text.push('\n');
    text.push_str(&lock(&status.lock));
    if let Some(operation) = &status.last_operation {
        text.push_str(&operation_text(operation));
    }
    if status.stacks.iter().any(|stack| stack.status.is_some()) {
        let command = format!("mlinfra outputs {}", status.environment);
        text.push_str(&format!("Outputs: {}\n", paint(COMMAND, command)));
    }
    text
}

fn drift_text(drift: Drift) -> &'static str {
    match drift {
        Drift::None => "",
        Drift::FileChanged => "the file says something else by now",
        Drift::ChangedOutside => "changed outside mlinfra",
        Drift::NotDeployed => "in the file, not deployed",
        Drift::NotInFile => "no longer in the file",
        Drift::Missing => "deleted outside mlinfra",
        Drift::NotRecorded => "exists, but the state does not know it",
    }
}

/// Good, bad, or in between, by the name of CloudFormation's status.
fn status_style(status: &str) -> Style {
    if status.contains("FAILED") || status.contains("ROLLBACK") {
        REMOVE
    } else if status.ends_with("_COMPLETE") {
        ADD
    } else {
        CHANGE
    }
}

fn operation_text(operation: &OperationReport) -> String {
    let end = match &operation.finished {
        Some(finished) => match took(&operation.started, finished) {
            Some(took) => format!("{}, took {took}", operation.result),
            None => format!("{}, {}", operation.result, to_the_second(finished)),
        },
        None => format!("{}, no end recorded", operation.result),
    };
    let commit = operation
        .commit
        .as_deref()
        .map(|commit| format!(" at {commit}"))
        .unwrap_or_default();
    format!(
        "Last operation: {} by {}{commit}, begun {}: {end}\n",
        operation.kind,
        one_line(&operation.actor),
        to_the_second(&operation.started)
    )
}

/// An RFC 3339 time without its fraction; another text as it is.
fn to_the_second(time: &str) -> String {
    let parsed = time.parse::<jiff::Timestamp>().ok();
    let whole = parsed.and_then(|time| jiff::Timestamp::from_second(time.as_second()).ok());
    whole.map_or_else(|| one_line(time), |time| time.to_string())
}

/// `4m05s`; none for times that cannot be read or run backwards.
fn took(started: &str, finished: &str) -> Option<String> {
    let started: jiff::Timestamp = started.parse().ok()?;
    let finished: jiff::Timestamp = finished.parse().ok()?;
    let passed = Duration::try_from(finished.duration_since(started)).ok()?;
    Some(duration(passed))
}

/// The lock, in sentences.
pub fn lock(lock: &LockReport) -> String {
    let who = lock.holder.as_deref().map_or_else(|| "somebody".to_owned(), one_line);
    let what = lock
        .operation
        .as_deref()
        .map(|operation| format!(" for {operation}"))
        .unwrap_or_default();
    let since = lock
        .since
        .as_deref()
        .map(|since| format!(" since {}", to_the_second(since)))
        .unwrap_or_default();
    let mut text = match lock.status {
        LockState::Free => format!("Lock: {}\n", paint(ADD, "free")),
        LockState::Held => format!("Lock: {} by {who}{what}{since}\n", paint(CHANGE, "held")),
        LockState::Stale => format!(
            "Lock: {}; {who} took it{what}{since}, and {}\n  The next operation takes it by itself\n",
            paint(REMOVE, "stale"),
            lock.because.as_deref().unwrap_or("has stopped renewing it")
        ),
    };
    if !lock.in_flight.is_empty() {
        text.push_str(&format!(
            "CloudFormation works on {}:\n",
            count(lock.in_flight.len(), "stack")
        ));
        let rows: Vec<Vec<String>> = lock
            .in_flight
            .iter()
            .map(|(stack, status)| vec![format!("  {}", paint(NAME, stack)), paint(CHANGE, status)])
            .collect();
        text.push_str(&table(&rows));
    }
    text
}

/// Outputs by stack.
pub fn outputs(outputs: &Outputs) -> String {
    if outputs.stacks.values().all(indexmap::IndexMap::is_empty) {
        return format!("{} has no outputs yet\n", outputs.environment);
    }
    let mut text = String::new();
    for (stack, values) in outputs.stacks.iter().filter(|(_, values)| !values.is_empty()) {
        text.push_str(&format!("{}\n", paint(NAME, stack)));
        let rows: Vec<Vec<String>> = values
            .iter()
            .map(|(name, value)| vec![format!("  {name}"), one_line(value)])
            .collect();
        text.push_str(&table(&rows));
    }
    text
}

/// Everything in the sandbox.
pub fn sandbox(report: &SandboxReport) -> String {
    if report.items.is_empty() {
        return "The sandbox is empty\n".to_owned();
    }
    let mut text = String::new();
    for items in report
        .items
        .chunk_by(|one, next| (&one.account, &one.region) == (&next.account, &next.region))
    {
        let Some(first) = items.first() else { continue };
        text.push_str(&format!("account {} in {}\n", first.account, first.region));
        let rows: Vec<Vec<String>> = items
            .iter()
            .map(|item| {
                let what = format!("  {} {}", item.service, item.kind);
                let status = item.status.as_deref().unwrap_or_default();
                vec![what, paint(NAME, one_line(&item.id)), paint(DIM, status)]
            })
            .collect();
        text.push_str(&table(&rows));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::report::{BackendReport, StackStatus};

    fn stack(name: &str, status: Option<&str>, drift: Drift) -> StackStatus {
        StackStatus {
            name: name.into(),
            stack_name: format!("churn-dev-{name}"),
            module: "vpc".into(),
            status: status.map(str::to_owned),
            reason: None,
            since: None,
            age: status.map(|_| "2h05m ago".to_owned()),
            drift,
        }
    }

    #[test]
    fn status_says_what_is_unlike_the_file_and_who_is_at_work() {
        let mut failed = stack("cluster", Some("UPDATE_ROLLBACK_COMPLETE"), Drift::FileChanged);
        failed.reason = Some("The following resource(s) failed to update: [Cluster].".into());
        let status = Status {
            project: "churn".into(),
            environment: "dev".into(),
            account: "111122223333".into(),
            region: "us-east-1".into(),
            backend: BackendReport {
                bucket: "churn-mlinfra-111122223333-us-east-1".into(),
                table: "churn-mlinfra-locks".into(),
            },
            stacks: vec![
                stack("network", Some("UPDATE_COMPLETE"), Drift::None),
                failed,
                stack("training", None, Drift::NotDeployed),
            ],
            lock: LockReport {
                status: LockState::Held,
                because: None,
                holder: Some("ana@laptop".into()),
                operation: Some("apply".into()),
                lease_id: Some("0199".into()),
                since: Some("2026-11-20T10:00:00.123456789Z".into()),
                generation: 7,
                in_flight: [("churn-dev-network".to_owned(), "UPDATE_IN_PROGRESS".to_owned())].into(),
            },
            last_operation: Some(OperationReport {
                id: "0198".into(),
                kind: "apply".into(),
                actor: "ben@desk".into(),
                started: "2026-11-19T09:00:00.987654321Z".into(),
                finished: Some("2026-11-19T09:20:01.5Z".into()),
                result: "partial".into(),
                commit: Some("4f2a91c".into()),
            }),
        };
        insta::assert_snapshot!(anstream::adapter::strip_str(&super::status(&status)), @r"
        dev of churn (account 111122223333, us-east-1)

        network   vpc  UPDATE_COMPLETE           2h05m ago
        cluster   vpc  UPDATE_ROLLBACK_COMPLETE  2h05m ago  the file says something else by now
        training  vpc  not deployed                         in the file, not deployed
          cluster: The following resource(s) failed to update: [Cluster].

        Lock: held by ana@laptop for apply since 2026-11-20T10:00:00Z
        CloudFormation works on 1 stack:
          churn-dev-network  UPDATE_IN_PROGRESS
        Last operation: apply by ben@desk at 4f2a91c, begun 2026-11-19T09:00:00Z: partial, took 20m00s
        Outputs: mlinfra outputs dev
        ");
    }
}
