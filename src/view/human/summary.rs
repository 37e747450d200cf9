//! How an operation ended.

use std::time::Duration;

use crate::plan::Kind;
use crate::view::report::{Ending, Outputs, Summary};
use crate::view::text::{ADD, CHANGE, COMMAND, NAME, REMOVE, count, duration, list, one_line, paint};

/// What changed, how long it took, and what to do next. Outputs are data and are shown by themselves.
pub fn summary(summary: &Summary) -> String {
    let of = |outcome: &str| -> Vec<String> {
        summary
            .stacks
            .iter()
            .filter(|stack| stack.outcome == outcome)
            .map(|stack| paint(NAME, &stack.stack))
            .collect()
    };
    let (done, failed, left) = (of("done"), of("failed"), of("left_running"));
    let (verb, gerund) = match summary.kind {
        Kind::Apply => ("Applied", "Applying"),
        Kind::Destroy => ("Destroyed", "Destroying"),
    };
    let environment = paint(NAME, &summary.environment);
    let time = duration(Duration::from_secs(summary.seconds));
    let mut text = match summary.result {
        Ending::Done => format!(
            "{} {environment} in {time}: {}\n",
            paint(ADD, verb),
            count(done.len(), "stack") + " done"
        ),
        Ending::NothingToDo => format!("{} {environment}: nothing was to be done\n", paint(ADD, verb)),
        Ending::Failed => format!("{gerund} {environment} {} after {time}\n", paint(REMOVE, "failed")),
        Ending::Partial => format!(
            "{gerund} {environment} {} after {time}\n",
            paint(REMOVE, "failed in part")
        ),
        Ending::Interrupted => format!(
            "{gerund} {environment} was {} after {time}\n",
            paint(CHANGE, "interrupted")
        ),
    };
    if summary.result != Ending::Done && !done.is_empty() {
        text.push_str(&format!("  done:         {}\n", list(&done)));
    }
    if !failed.is_empty() {
        text.push_str(&format!("  failed:       {}\n", list(&failed)));
    }
    for stack in summary.stacks.iter().filter(|stack| stack.outcome == "not_started") {
        let because = stack
            .because
            .as_deref()
            .map(|why| format!(" ({})", one_line(why)))
            .unwrap_or_default();
        text.push_str(&format!("  not started:  {}{because}\n", paint(NAME, &stack.stack)));
    }
    if !left.is_empty() {
        text.push_str(&format!("  still running in AWS: {}\n", list(&left)));
    }
    if !summary.unmanaged.is_empty() {
        text.push_str("  left behind, unmanaged:\n");
    }
    for one in &summary.unmanaged {
        let id = one.physical_id.as_deref().unwrap_or("its id is not known");
        text.push_str(&format!(
            "    {}.{} ({})  {}\n",
            one_line(&one.stack),
            one_line(&one.logical_id),
            one_line(&one.resource_type),
            paint(NAME, one_line(id))
        ));
    }
    for line in &summary.next {
        text.push_str(&format!("{}\n", paint(COMMAND, line)));
    }
    text
}

/// The outputs of what was applied.
pub fn outputs(summary: &Summary) -> String {
    if summary.outputs.values().all(indexmap::IndexMap::is_empty) {
        return String::new();
    }
    super::status::outputs(&Outputs {
        environment: summary.environment.clone(),
        stacks: summary.outputs.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::report::{StackEnding, Unmanaged};

    fn ending(stack: &str, outcome: &'static str, because: Option<&str>) -> StackEnding {
        StackEnding {
            stack: stack.into(),
            outcome,
            seconds: 60,
            because: because.map(str::to_owned),
        }
    }

    #[test]
    fn a_failure_in_part_says_what_stands_what_fell_and_what_was_not_begun() {
        let shown = summary(&Summary {
            operation: "0199".into(),
            kind: Kind::Apply,
            environment: "dev".into(),
            result: Ending::Partial,
            seconds: 754,
            stacks: vec![
                ending("network", "done", None),
                ending("storage", "done", None),
                ending("cluster", "failed", None),
                ending("training", "not_started", Some("cluster failed")),
            ],
            outputs: indexmap::IndexMap::new(),
            unmanaged: Vec::new(),
            next: vec!["When it is mended: mlinfra apply dev".into()],
        });
        insta::assert_snapshot!(anstream::adapter::strip_str(&shown), @r"
        Applying dev failed in part after 12m34s
          done:         network and storage
          failed:       cluster
          not started:  training (cluster failed)
        When it is mended: mlinfra apply dev
        ");
    }

    #[test]
    fn what_a_destruction_left_behind_is_named() {
        let shown = summary(&Summary {
            operation: "0199".into(),
            kind: Kind::Destroy,
            environment: "prod".into(),
            result: Ending::Done,
            seconds: 30,
            stacks: vec![ending("storage", "done", None)],
            outputs: indexmap::IndexMap::new(),
            unmanaged: vec![Unmanaged {
                stack: "storage".into(),
                logical_id: "DataBucket".into(),
                resource_type: "AWS::S3::Bucket".into(),
                physical_id: Some("churn-prod-data".into()),
            }],
            next: Vec::new(),
        });
        insta::assert_snapshot!(anstream::adapter::strip_str(&shown), @r"
        Destroyed prod in 30s: 1 stack done
          left behind, unmanaged:
            storage.DataBucket (AWS::S3::Bucket)  churn-prod-data
        ");
    }
}
