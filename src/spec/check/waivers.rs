//! `[[waivers]]`: which findings of the policy are accepted, why, and until when.
//!
//! What a rule or a resource is called is not known here: `policy` looks those up.

use indexmap::IndexMap;
use jiff::civil::Date;

use super::super::syntax::Table;
use super::super::{Data, Spanned, StackSpec, Value, Waiver, field, keys};
use crate::diagnostic::{Problem, Problems, codes};

pub(super) fn waivers(table: &Table, stacks: &IndexMap<String, StackSpec>, problems: &mut Problems) -> Vec<Waiver> {
    let Some(entry) = table.get("waivers") else {
        return Vec::new();
    };
    let example = "each is a table of its own:  [[waivers]]  rule = \"...\"  reason = \"...\"  expires = 2027-06-30";
    let Data::Array(items) = &entry.value.value else {
        let message = format!(
            "`waivers` must be an array of tables, this is {}",
            entry.value.value.kind()
        );
        // A table's span is that of its header; for anything else the value is what is wrong.
        let place = entry.key.clone();
        problems.push(Problem::error(codes::WRONG_TYPE, message).at(place, "").hint(example));
        return Vec::new();
    };
    let mut waivers = Vec::new();
    for item in items {
        match &item.value {
            Data::Table(body) => waivers.extend(waiver(body, item, stacks, problems)),
            other => problems.push(
                Problem::error(
                    codes::WRONG_TYPE,
                    format!("a waiver must be a table, this is {}", other.kind()),
                )
                .at(item.span.clone(), "")
                .hint(example),
            ),
        }
    }
    waivers
}

fn waiver(body: &Table, item: &Value, stacks: &IndexMap<String, StackSpec>, problems: &mut Problems) -> Option<Waiver> {
    field::unknown_keys(
        body,
        &keys::names(keys::WAIVER),
        "a waiver",
        codes::UNKNOWN_KEY,
        problems,
    );
    for (key, hint) in [
        ("rule", "rule = \"s3-access-logging\"; `mlinfra policy list` shows them"),
        (
            "reason",
            "reason = \"...\": what somebody has to know who finds it in a year",
        ),
        (
            "expires",
            "expires = 2027-06-30: the last day on which it holds, at most a year ahead",
        ),
    ] {
        if !body.contains_key(key) {
            let place = body.values().next().map_or(&item.span, |first| &first.key);
            problems.push(
                Problem::error(codes::MISSING_SETTING, format!("a waiver has no `{key}`"))
                    .at(place.clone(), "of this waiver")
                    .hint(hint),
            );
        }
    }
    let rule = field::string(body, "rule", problems);
    let stack = field::string(body, "stack", problems);
    if let Some(stack) = &stack
        && !stacks.contains_key(&stack.value)
    {
        let problem = Problem::error(codes::WAIVER_STACK, format!("there is no stack `{}`", stack.value))
            .at(stack.span.clone(), "");
        let names = stacks.keys().map(String::as_str);
        problems.push(field::with_suggestion(problem, &stack.value, names, "there are"));
    }
    let resource = field::string(body, "resource", problems);
    let reason = field::string(body, "reason", problems);
    if let Some(reason) = &reason
        && reason.value.trim().is_empty()
    {
        problems.push(
            Problem::error(codes::WAIVER_REASON, "a waiver gives no reason")
                .at(reason.span.clone(), "")
                .hint("say in one sentence why it is safe here"),
        );
    }
    let expires = expiry(body, problems);
    Some(Waiver {
        rule: rule?,
        stack,
        resource,
        reason: reason?,
        expires: expires?,
    })
}

/// A date without time and without quotes.
fn expiry(body: &Table, problems: &mut Problems) -> Option<Spanned<Date>> {
    let value = &body.get("expires")?.value;
    let written = value.span.text();
    let quoted = written.starts_with(['"', '\'']);
    let text = match &value.value {
        Data::String(text) => text.as_str(),
        _ => written,
    };
    // Dates arrive as the text that was written; jiff would take a time of day too.
    let date = text.parse::<Date>().ok().filter(|_| text.len() == "2027-06-30".len());
    match date {
        Some(date) if !quoted => Some(Spanned {
            value: date,
            span: value.span.clone(),
        }),
        found => {
            let problem = Problem::error(
                codes::WAIVER_EXPIRY,
                format!("`expires` must be a date, this is {written}"),
            )
            .at(value.span.clone(), "");
            problems.push(match found {
                Some(date) => problem.hint(format!("without quotes: expires = {date}")),
                None => problem.hint("year, month and day: expires = 2027-06-30"),
            });
            None
        }
    }
}
