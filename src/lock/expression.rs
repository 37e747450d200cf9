//! The protocol in DynamoDB's words: records to items and back, guards to conditions, changes to update expressions.

use std::collections::BTreeMap;
use std::time::Duration;

use super::protocol::{Answer, Change, Guard, Holder, Process, Record, Write};
use crate::aws::dynamodb::{Attribute, Item, Update, Written};

/// The update that performs `write`.
pub(super) fn update(write: &Write) -> Update {
    let mut values: BTreeMap<&'static str, Attribute> = BTreeMap::new();
    let condition = match &write.guard {
        Guard::Free { lease_id } => {
            values.insert("not_held", Attribute::Boolean(false));
            values.insert("own_lease_id", text(lease_id));
            "attribute_not_exists(#LockId) OR #held = :not_held AND #lease_id <> :own_lease_id"
        }
        Guard::Unchanged { lease_id, version } => {
            values.insert("is_held", Attribute::Boolean(true));
            values.insert("seen_lease_id", text(lease_id));
            values.insert("seen_version", Attribute::Number(*version));
            "#held = :is_held AND #lease_id = :seen_lease_id AND #version = :seen_version"
        }
        Guard::Mine { lease_id, version } => {
            values.insert("is_held", Attribute::Boolean(true));
            values.insert("own_lease_id", text(lease_id));
            values.insert("next_version", Attribute::Number(*version));
            "#held = :is_held AND #lease_id = :own_lease_id AND #version < :next_version"
        }
        Guard::Exactly { lease_id, generation } => {
            values.insert("is_held", Attribute::Boolean(true));
            values.insert("seen_lease_id", text(lease_id));
            values.insert("seen_generation", Attribute::Number(*generation));
            "#held = :is_held AND #lease_id = :seen_lease_id AND #generation = :seen_generation"
        }
    };
    let expression = match &write.change {
        Change::Acquire {
            lease_id,
            lease,
            holder,
            acquired_at,
        } => {
            values.insert("is_held", Attribute::Boolean(true));
            values.insert("lease_id", text(lease_id));
            values.insert("version", Attribute::Number(1));
            values.insert("lease_seconds", Attribute::Number(lease.as_secs()));
            values.insert("holder", text(&holder.who));
            values.insert("run_url", text(holder.run_url.as_deref().unwrap_or_default()));
            values.insert("operation", text(&holder.operation));
            values.insert("acquired_at", text(acquired_at));
            values.insert(
                "process",
                text(&holder.process.as_ref().map_or_else(String::new, written)),
            );
            values.insert("one", Attribute::Number(1));
            "SET #held = :is_held, #lease_id = :lease_id, #version = :version, #lease_seconds = :lease_seconds, \
             #holder = :holder, #run_url = :run_url, #operation = :operation, #acquired_at = :acquired_at, \
             #process = :process \
             ADD #generation :one"
        }
        Change::Renew { version } => {
            values.insert("version", Attribute::Number(*version));
            "SET #version = :version"
        }
        Change::Release => {
            values.insert("not_held", Attribute::Boolean(false));
            "SET #held = :not_held"
        }
    };
    Update {
        names: names(&[condition, expression]),
        expression: expression.to_owned(),
        condition: condition.to_owned(),
        values: values
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    }
}

/// What a write's answer says in the protocol's words; the error names what is wrong with the item.
pub(super) fn answer(written: Written) -> Result<Answer, String> {
    Ok(match written {
        Written::Done(item) => Answer::Done(record(&item)?),
        Written::Refused(item) => Answer::Refused(item.as_ref().map(record).transpose()?),
    })
}

/// The record that an item holds.
pub(super) fn record(item: &Item) -> Result<Record, String> {
    let string = |name: &str| match item.get(name) {
        Some(Attribute::Text(value)) => Ok(value.clone()),
        _ => Err(format!("its `{name}` is no string")),
    };
    let number = |name: &str| match item.get(name) {
        Some(Attribute::Number(value)) => Ok(*value),
        _ => Err(format!("its `{name}` is no whole number")),
    };
    let held = match item.get("held") {
        Some(Attribute::Boolean(value)) => *value,
        _ => return Err("its `held` is neither true nor false".to_owned()),
    };
    Ok(Record {
        held,
        lease_id: string("lease_id")?,
        version: number("version")?,
        generation: number("generation")?,
        lease: Duration::from_secs(number("lease_seconds")?),
        holder: Holder {
            who: string("holder")?,
            run_url: string("run_url").ok().filter(|url| !url.is_empty()),
            operation: string("operation")?,
            // An earlier version wrote none; what cannot be understood says as little.
            process: string("process").ok().and_then(|text| process(&text)),
        },
        acquired_at: string("acquired_at")?,
    })
}

/// `PID STARTED PLACE`; a place may hold spaces.
fn written(process: &Process) -> String {
    format!("{} {} {}", process.pid, process.started, process.place)
}

fn process(text: &str) -> Option<Process> {
    let mut parts = text.splitn(3, ' ');
    Some(Process {
        pid: parts.next()?.parse().ok()?,
        started: parts.next()?.parse().ok()?,
        place: parts.next()?.to_owned(),
    })
}

fn text(value: &str) -> Attribute {
    Attribute::Text(value.to_owned())
}

/// The names behind every `#name` in `expressions`: DynamoDB refuses names that are declared and not used.
fn names(expressions: &[&str]) -> Vec<String> {
    let mut names: Vec<String> = expressions
        .iter()
        .flat_map(|expression| expression.split('#').skip(1))
        .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
        .collect();
    names.sort();
    names.dedup();
    names
}
