//! What shipping would change, how it ended, and what runs.

use std::time::Duration;

use crate::ship::{FieldChange, ObjectChange, ObjectFate, Running};
use crate::spec::workload::Kind;
use crate::view::report::{
    Ending, ImageProposal, ShipPlan, ShipProposal, ShipSummary, ShippedReport, TrainSummary, WorkloadDrift,
    WorkloadEnding, WorkloadList, WorkloadReport, WorkloadResult,
};
use crate::view::text::{ADD, CHANGE, COMMAND, DIM, NAME, REMOVE, bytes, duration, fit, one_line, paint, table};

/// How many changed values of one object are shown.
const MOST_FIELDS: usize = 12;

/// What shipping would change, workload by workload.
pub fn plan(plan: &ShipPlan, next: &[String], width: usize) -> String {
    let mut text = format!(
        "{} of {} (account {}, {})\n",
        paint(NAME, &plan.environment),
        plan.project,
        plan.account,
        plan.region
    );
    for proposal in &plan.workloads {
        text.push('\n');
        text.push_str(&workload(proposal, width));
    }
    for name in &plan.gone {
        text.push_str(&format!(
            "\n{} {}  no longer in the file: would be taken away\n",
            paint(REMOVE, "-"),
            paint(NAME, name)
        ));
    }
    if !plan.changes_anything() {
        text.push_str("\nNothing to ship: what runs is what the file says.\n");
    }
    for line in next {
        text.push_str(&format!("\n{}\n", paint(COMMAND, line)));
    }
    text
}

fn workload(proposal: &ShipProposal, width: usize) -> String {
    let is_new = proposal.serving.is_none()
        && proposal
            .objects
            .as_ref()
            .is_some_and(|objects| objects.iter().all(|object| object.fate == ObjectFate::Create));
    let mark = match (proposal.changes_anything(), is_new) {
        (true, true) => paint(ADD, "+"),
        (true, false) => paint(CHANGE, "~"),
        (false, _) => paint(DIM, "="),
    };
    let mut text = format!(
        "{mark} {} ({} on {})\n",
        paint(NAME, &proposal.workload),
        proposal.kind,
        proposal.stack
    );
    let mut rows = vec![vec!["    image".to_owned(), image(&proposal.image)]];
    if let Some(serving) = &proposal.serving {
        rows.push(vec!["    serves now".to_owned(), shipped(serving)]);
    }
    if let Some(model) = &proposal.model {
        let version = model
            .version
            .as_deref()
            .map(|version| format!(", version {}", one_line(version)))
            .unwrap_or_default();
        rows.push(vec![
            "    model".to_owned(),
            format!("{}{version}", one_line(&model.uri)),
        ]);
    }
    let notes = proposal.notes.iter().filter(|_| proposal.changes_anything());
    rows.extend(notes.map(|note| vec!["    note".to_owned(), one_line(note)]));
    text.push_str(&table(&rows));
    for object in proposal.objects.iter().flatten() {
        text.push_str(&self::object(object, width));
    }
    text
}

fn image(image: &ImageProposal) -> String {
    let mut said = Vec::new();
    if image.to_build {
        said.push(paint(CHANGE, "would be built"));
    } else if image.pushed {
        said.push("in the registry".to_owned());
    } else {
        said.push(paint(CHANGE, "would be pushed"));
    }
    said.push(image.architecture.clone());
    if let Some(size) = image.bytes {
        said.push(bytes(size));
    }
    let at = image.reference.as_deref().unwrap_or(&image.source);
    let from = if at == image.source {
        String::new()
    } else {
        format!(" from {}", one_line(&image.source))
    };
    format!("{}{from} ({})", one_line(at), said.join(", "))
}

fn shipped(shipped: &ShippedReport) -> String {
    let commit = shipped
        .commit
        .as_deref()
        .map(|commit| format!(" at {}", one_line(commit)))
        .unwrap_or_default();
    let age = shipped.age.as_deref().map(|age| format!(", {age}")).unwrap_or_default();
    format!(
        "{}{commit}{age} by {}",
        one_line(&short(&shipped.image)),
        one_line(&shipped.actor)
    )
}

fn object(object: &ObjectChange, width: usize) -> String {
    let (mark, verb) = match object.fate {
        ObjectFate::Create => (paint(ADD, "+"), ""),
        ObjectFate::Update => (paint(CHANGE, "~"), ""),
        ObjectFate::Delete => (paint(REMOVE, "-"), "  no longer part of it"),
        ObjectFate::Unchanged => return String::new(),
    };
    let mut text = format!("    {mark} {}{verb}\n", one_line(&object.object));
    for field in object.fields.iter().take(MOST_FIELDS) {
        text.push_str(&format!("        {}\n", self::field(field, width.saturating_sub(8))));
    }
    if object.fields.len() > MOST_FIELDS {
        text.push_str(&format!("        and {} more\n", object.fields.len() - MOST_FIELDS));
    }
    text
}

fn field(field: &FieldChange, width: usize) -> String {
    let room = width.saturating_sub(field.path.chars().count() + 6) / 2;
    let value = |value: &Option<serde_json::Value>| {
        let text = match value {
            None => return "(none)".to_owned(),
            // As everywhere else: what tells versions apart is the beginning of the digest.
            Some(serde_json::Value::String(text)) => short(text),
            Some(other) => other.to_string(),
        };
        fit(&one_line(&text), room.max(24))
    };
    format!(
        "{}: {} -> {}",
        one_line(&field.path),
        paint(REMOVE, value(&field.before)),
        paint(ADD, value(&field.after))
    )
}

/// How shipping ended.
pub fn summary(summary: &ShipSummary) -> String {
    let environment = paint(NAME, &summary.environment);
    let time = duration(Duration::from_secs(summary.seconds));
    let (done, doing) = match summary.kind {
        "rollback" => ("Rolled back", "Rolling back"),
        _ => ("Shipped to", "Shipping to"),
    };
    let mut text = match summary.result {
        Ending::Done => format!("{} {environment} in {time}\n", paint(ADD, done)),
        Ending::NothingToDo => format!("{} {environment}: nothing was to be done\n", paint(ADD, done)),
        Ending::Failed => format!("{doing} {environment} {} after {time}\n", paint(REMOVE, "failed")),
        Ending::Partial => format!(
            "{doing} {environment} {} after {time}\n",
            paint(REMOVE, "failed in part")
        ),
        Ending::Interrupted => format!(
            "{doing} {environment} was {} after {time}\n",
            paint(CHANGE, "interrupted")
        ),
    };
    let rows: Vec<Vec<String>> = summary.workloads.iter().map(ending).collect();
    text.push_str(&table(&rows));
    for line in &summary.next {
        text.push_str(&format!("{}\n", paint(COMMAND, line)));
    }
    text
}

fn ending(ending: &WorkloadEnding) -> Vec<String> {
    let said = match ending.outcome {
        WorkloadResult::Shipped => paint(ADD, "runs as asked"),
        WorkloadResult::Unchanged => "ran as asked already".to_owned(),
        WorkloadResult::Pushed => paint(ADD, "its image is pushed"),
        WorkloadResult::Removed => paint(REMOVE, "taken away"),
        WorkloadResult::Restored => format!("{}; what ran before runs again", paint(REMOVE, "failed")),
        WorkloadResult::Untouched => format!("{}; what runs was not touched", paint(REMOVE, "failed")),
        WorkloadResult::Failed => paint(REMOVE, "failed"),
        WorkloadResult::NotStarted => paint(CHANGE, "not started"),
    };
    let image = ending.image.as_deref().map(short).unwrap_or_default();
    let address = ending
        .address
        .as_deref()
        .map(|address| paint(COMMAND, one_line(address)))
        .unwrap_or_default();
    vec![
        format!("  {}", paint(NAME, &ending.workload)),
        said,
        paint(DIM, one_line(&image)),
        address,
    ]
}

/// What a training job made.
pub fn trained(summary: &TrainSummary) -> String {
    let trained = &summary.trained;
    let mut rows = vec![vec!["job".to_owned(), one_line(&trained.job)]];
    if let Some(model) = &trained.model {
        rows.push(vec!["model".to_owned(), one_line(model)]);
    }
    let seconds = |seconds: u32| duration(Duration::from_secs(u64::from(seconds)));
    if let Some(billable) = trained.billable_seconds {
        let ran = trained.trained_seconds.map(seconds).unwrap_or_default();
        rows.push(vec![
            "trained".to_owned(),
            format!("{ran}, {} of it paid", seconds(billable)),
        ]);
    }
    for (name, value) in &trained.metrics {
        rows.push(vec![one_line(name), value.to_string()]);
    }
    let mut next = String::new();
    if let Some(version) = &trained.registered {
        let approval = if version.approved {
            "approved"
        } else {
            "waits for approval"
        };
        rows.push(vec![
            "registered".to_owned(),
            format!(
                "version {} of {}, {approval}",
                version.version,
                one_line(&version.group)
            ),
        ]);
        if !version.approved {
            next = format!(
                "To approve it: aws sagemaker update-model-package --model-approval-status Approved --model-package-arn {}\n",
                version.arn
            );
        }
    }
    format!(
        "{} {}\n{}{}",
        paint(ADD, "Trained"),
        paint(NAME, &summary.job),
        table(&rows),
        paint(COMMAND, next)
    )
}

/// What runs.
pub fn workloads(list: &WorkloadList) -> String {
    let mut text = format!(
        "{} of {} (account {}, {})\n\n",
        paint(NAME, &list.environment),
        list.project,
        list.account,
        list.region
    );
    if list.workloads.is_empty() {
        text.push_str("It has no workloads\n");
        return text;
    }
    let rows: Vec<Vec<String>> = list.workloads.iter().map(row).collect();
    text.push_str(&table(&rows));
    text.push('\n');
    for workload in &list.workloads {
        text.push_str(&details(workload));
    }
    text.push_str(&super::status::lock(&list.lock));
    text
}

fn row(workload: &WorkloadReport) -> Vec<String> {
    let is_batch = workload.kind == Some(Kind::Batch.name());
    let running = match (&workload.running, workload.drift) {
        (_, WorkloadDrift::Unknown) => paint(CHANGE, "cannot be asked"),
        (_, WorkloadDrift::Gone) if is_batch => paint(REMOVE, "not on schedule"),
        (Some(running), _) if running.scheduled && running.healthy => paint(ADD, "on schedule"),
        (Some(running), _) if running.scheduled => paint(REMOVE, "needs attention"),
        // A batch has its end, and what is recorded as shipped came to it.
        (Some(running), _) if is_batch && running.wanted == 0 && running.healthy => paint(ADD, "ended well"),
        (None, WorkloadDrift::None) if is_batch => paint(ADD, "ended well"),
        (Some(running), _) => replicas(running),
        (None, WorkloadDrift::NotShipped) => paint(DIM, "never shipped"),
        (None, _) => paint(REMOVE, "does not run"),
    };
    let since = workload
        .serving
        .as_ref()
        .and_then(|serving| serving.age.clone())
        .unwrap_or_default();
    let what = workload
        .serving
        .as_ref()
        .map(|serving| short(&serving.image))
        .unwrap_or_default();
    vec![
        paint(NAME, &workload.workload),
        workload.kind.unwrap_or_default().to_owned(),
        format!("on {}", workload.stack),
        running,
        one_line(&what),
        since,
        drift(workload.drift)
            .map(|said| paint(CHANGE, said))
            .unwrap_or_default(),
    ]
}

fn replicas(running: &Running) -> String {
    let said = format!("{} of {} ready", running.ready, running.wanted);
    paint(if running.healthy { ADD } else { REMOVE }, said)
}

fn drift(drift: WorkloadDrift) -> Option<&'static str> {
    match drift {
        WorkloadDrift::None | WorkloadDrift::NotShipped | WorkloadDrift::Gone | WorkloadDrift::Unknown => None,
        WorkloadDrift::OtherImage => Some("another image runs"),
        WorkloadDrift::NotInFile => Some("no longer in the file"),
        WorkloadDrift::Interrupted => Some("its last rollout did not end well"),
    }
}

fn details(workload: &WorkloadReport) -> String {
    let mut rows = Vec::new();
    let label = |text: &str| format!("    {text}");
    if let Some(serving) = &workload.serving {
        rows.push(vec![label("shipped"), shipped(serving)]);
        if let Some(version) = serving.model.as_ref().and_then(|model| model.version.as_deref()) {
            rows.push(vec![label("model version"), one_line(version)]);
        }
    }
    if let Some(previous) = &workload.previous {
        rows.push(vec![label("before"), shipped(previous)]);
    }
    if let Some(running) = &workload.running {
        if let Some(address) = &running.address {
            rows.push(vec![label("answers at"), paint(COMMAND, one_line(address))]);
        }
        for remark in &running.remarks {
            rows.push(vec![label("note"), one_line(remark)]);
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    format!("{}\n{}\n", paint(NAME, &workload.workload), table(&rows))
}

/// An image as people tell it from others: its repository and the beginning of its digest.
fn short(reference: &str) -> String {
    let Some((name, digest)) = reference.split_once("@sha256:") else {
        return reference.to_owned();
    };
    let name = name.rsplit('/').next().unwrap_or(name);
    format!("{name}@{}", digest.get(..12).unwrap_or(digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposal() -> ShipProposal {
        ShipProposal {
            workload: "scorer".into(),
            kind: "api",
            platform: crate::spec::workload::Platform::Eks,
            stack: "cluster".into(),
            image: ImageProposal {
                source: "context .".into(),
                reference: Some("111122223333.dkr.ecr.us-east-1.amazonaws.com/churn-dev-scorer:ctx-0123".into()),
                digest: None,
                bytes: None,
                architecture: "amd64".into(),
                to_build: true,
                pushed: false,
            },
            model: None,
            serving: Some(ShippedReport {
                image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/churn-dev-scorer@sha256:0123456789abcdef".into(),
                model: None,
                commit: Some("4f2a91c".into()),
                at: "2026-11-25T10:00:00Z".into(),
                age: Some("2h05m ago".into()),
                actor: "ana@laptop".into(),
                release: String::new(),
            }),
            objects: Some(vec![ObjectChange {
                object: "Deployment default/scorer".into(),
                fate: ObjectFate::Update,
                fields: vec![FieldChange {
                    path: "spec.replicas".into(),
                    before: Some(1.into()),
                    after: Some(2.into()),
                }],
            }]),
            notes: Vec::new(),
            problems: crate::diagnostic::Problems::default(),
        }
    }

    #[test]
    fn a_plan_says_what_would_be_built_what_serves_and_what_changes() {
        let shown = plan(
            &ShipPlan {
                project: "churn".into(),
                environment: "dev".into(),
                account: "111122223333".into(),
                region: "us-east-1".into(),
                workloads: vec![proposal()],
                gone: vec!["tagger".into()],
            },
            &[],
            100,
        );
        insta::assert_snapshot!(anstream::adapter::strip_str(&shown), @r"
        dev of churn (account 111122223333, us-east-1)

        ~ scorer (api on cluster)
            image       111122223333.dkr.ecr.us-east-1.amazonaws.com/churn-dev-scorer:ctx-0123 from context . (would be built, amd64)
            serves now  churn-dev-scorer@0123456789ab at 4f2a91c, 2h05m ago by ana@laptop
            ~ Deployment default/scorer
                spec.replicas: 1 -> 2

        - tagger  no longer in the file: would be taken away
        ");
    }
}
