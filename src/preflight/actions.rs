//! Which calls CloudFormation makes, as the caller, for a resource: those without which it certainly fails.
//!
//! From the `handlers` of the public resource schemas, reduced: a handler lists whatever it may ever call, and most of it
//! depends on properties. Here stands what the creation, change or deletion of a resource always needs, or needs because
//! of a property (`data/actions.txt`). A type that is not in the table is not judged. ARNs as in the Service Authorization Reference; where
//! AWS makes the id, any id stands for it, since no policy can name what does not exist yet.

use std::sync::LazyLock;

use super::needs::Whereabouts;
use super::subject::Subject;
use crate::template::Node;

/// When a call is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    Create,
    Update,
    Delete,
}

/// A line of the table.
struct Row {
    resource_type: &'static str,
    when: When,
    action: &'static str,
    on: &'static str,
    property: Option<&'static str>,
}

static TABLE: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let mut resource_type = "";
    let mut rows = Vec::new();
    for line in include_str!("data/actions.txt").lines() {
        if line.starts_with("AWS::") {
            resource_type = line.trim();
        } else {
            rows.extend(row(resource_type, line));
        }
    }
    rows
});

fn row(resource_type: &'static str, line: &'static str) -> Option<Row> {
    let mut words = line.strip_prefix("  ")?.split_whitespace();
    let when = match words.next()? {
        "create" => When::Create,
        "update" => When::Update,
        "delete" => When::Delete,
        _ => return None,
    };
    Some(Row {
        resource_type,
        when,
        action: words.next()?,
        on: words.next()?,
        property: words.next(),
    })
}

/// The calls for a resource of a stack, each with what it is made on. `changed` says whether a property changes.
pub(super) fn of(subject: &Subject<'_>, when: When, changed: &dyn Fn(&str) -> bool) -> Vec<(String, Option<String>)> {
    TABLE
        .iter()
        .filter(|row| {
            row.resource_type == subject.resource_type
                && row.when == when
                && row.property.is_none_or(|property| match when {
                    When::Create => subject.property(property).is_some(),
                    When::Update => changed(property),
                    When::Delete => true,
                })
        })
        .filter_map(|row| Some((row.action.to_owned(), resource(subject, row.on)?)))
        .collect()
}

/// The ARN, `Some(None)` where the action knows none; none where it cannot be told.
#[expect(clippy::option_option, reason = "that there is no resource is an answer of its own")]
fn resource(subject: &Subject<'_>, on: &str) -> Option<Option<String>> {
    if on == "*" {
        return Some(None);
    }
    if let Some(property) = on.strip_prefix('@') {
        return Some(Some(role(subject, subject.property(property)?)?));
    }
    let (service, rest) = on.split_once(':')?;
    let rest = match rest.split_once("{of:") {
        Some((before, after)) => {
            let (property, tail) = after.split_once('}')?;
            let behind = subject.name_behind(subject.property(property)?)?;
            format!("{before}{behind}{}", tail.replace("{name}", &subject.name()))
        }
        None => rest.replace("{name}", &subject.name()),
    };
    Some(Some(arn(subject.known.at, service, &rest)))
}

/// The role that a property names, by its ARN or as another resource's.
fn role(subject: &Subject<'_>, value: &Node) -> Option<String> {
    if let Some(text) = subject.known.text(value) {
        return text.starts_with("arn:").then_some(text);
    }
    let argument = value.get("Fn::GetAtt")?;
    let logical_id = match argument.items() {
        [] => argument.as_str()?.split('.').next()?,
        [id, ..] => id.as_str()?,
    };
    let name = subject.name_of(logical_id)?;
    Some(arn(subject.known.at, "iam", &format!("role/{name}")))
}

/// An ARN of the account and region; IAM's have no region, a bucket's has neither.
pub(super) fn arn(at: &Whereabouts, service: &str, rest: &str) -> String {
    let Whereabouts {
        partition,
        region,
        account,
        ..
    } = at;
    match service {
        "s3" => format!("arn:{partition}:s3:::{rest}"),
        "iam" => format!("arn:{partition}:iam::{account}:{rest}"),
        _ => format!("arn:{partition}:{service}:{region}:{account}:{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::schema;

    #[test]
    fn every_line_of_the_table_is_a_call_for_a_type_and_property_that_exist() {
        let lines = include_str!("data/actions.txt").lines();
        let meant = lines.filter(|line| line.starts_with("  ")).count();
        assert_eq!(TABLE.len(), meant);
        assert!(meant > 100, "{meant}");
        for row in TABLE.iter() {
            let schema = schema::get(row.resource_type).unwrap_or_else(|| panic!("{}", row.resource_type));
            let properties = &schema.json()["properties"];
            let named = [row.property, row.on.strip_prefix('@')];
            for property in named.into_iter().flatten() {
                assert!(properties.get(property).is_some(), "{}: {property}", row.resource_type);
            }
            assert!(row.action.contains(':'), "{}", row.action);
            assert!(
                row.on == "*" || row.on.starts_with('@') || row.on.contains(':'),
                "{}",
                row.on
            );
        }
    }
}
