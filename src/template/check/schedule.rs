//! Schedules: `rate(5 minutes)`, `cron(0 12 * * ? *)`, `at(2030-01-31T12:00:00)` ("Schedule types in EventBridge").

use super::super::Node;
use super::{Template, is_unknown};
use crate::diagnostic::{Problem, Problems, codes};

const PLACES: [(&str, &str); 2] = [
    ("AWS::Events::Rule", "ScheduleExpression"),
    ("AWS::Scheduler::Schedule", "ScheduleExpression"),
];

pub(super) fn check(template: &Template, problems: &mut Problems) {
    for (_, _, resource) in template.resources.entries {
        let type_name = resource.get("Type").and_then(Node::as_str);
        for (_, property) in PLACES.iter().filter(|(known, _)| Some(*known) == type_name) {
            let node = resource
                .get("Properties")
                .and_then(|properties| properties.get(property));
            let Some(node) = node.filter(|node| !is_unknown(node)) else {
                continue;
            };
            let Some(text) = node.as_str().filter(|text| !text.is_empty()) else {
                continue;
            };
            if let Some(why) = wrong(text) {
                problems.push(
                    Problem::error(codes::SCHEDULE, format!("`{text}` is no schedule: {why}"))
                        .at(node.span.clone(), "")
                        .hint("for example `rate(5 minutes)` or `cron(0 12 * * ? *)`"),
                );
            }
        }
    }
}

fn wrong(text: &str) -> Option<&'static str> {
    let call = text.strip_suffix(')').and_then(|text| text.split_once('('));
    match call {
        Some(("rate", inside)) => rate(inside),
        Some(("cron", inside)) => cron(inside),
        // What is no schedule at all does not match the schema's pattern.
        _ => None,
    }
}

fn rate(inside: &str) -> Option<&'static str> {
    let parts: Vec<&str> = inside.split_whitespace().collect();
    let [number, unit] = parts.as_slice() else {
        return Some("a rate is a number and a unit");
    };
    let Some(number) = number.parse::<u64>().ok().filter(|number| *number > 0) else {
        return Some("the number of a rate is whole and positive");
    };
    match (number, *unit) {
        (1, "minute" | "hour" | "day") => None,
        (2.., "minutes" | "hours" | "days") => None,
        (1, "minutes" | "hours" | "days") => Some("after 1 the unit is `minute`, `hour` or `day`"),
        (_, "minute" | "hour" | "day") => Some("after more than 1 the unit is `minutes`, `hours` or `days`"),
        _ => Some("units are minutes, hours and days"),
    }
}

fn cron(inside: &str) -> Option<&'static str> {
    let fields: Vec<&str> = inside.split_whitespace().collect();
    let [_, _, day, _, weekday, _] = fields.as_slice() else {
        return Some("cron has six fields: minutes, hours, day of month, month, day of week, year");
    };
    match (*day, *weekday) {
        ("?", "?") => Some("one of day of month and day of week is not `?`"),
        ("?", _) | (_, "?") => None,
        _ => Some("one of day of month and day of week is `?`"),
    }
}
