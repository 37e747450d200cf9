//! `policy list` and `policy show`.

use crate::diagnostic::Severity;
use crate::policy::Scope;
use crate::view::report::{RuleList, RuleReport, WaiverReport};
use crate::view::text::{CHANGE, DIM, NAME, REMOVE, count, paint, table, wrap};

/// One line a rule.
pub fn rules(list: &RuleList) -> String {
    let rows: Vec<Vec<String>> = list
        .rules
        .iter()
        .map(|rule| {
            let waived = match rule.waivers.iter().filter(|waiver| !waiver.expired).count() {
                0 => String::new(),
                number => paint(CHANGE, count(number, "waiver")),
            };
            vec![
                paint(NAME, &rule.id),
                rule.code.to_string(),
                severity(rule.severity),
                place(rule),
                paint(DIM, rule.sources.join(", ")),
                waived,
            ]
        })
        .collect();
    table(&rows)
}

/// A rule as a reference page.
pub fn rule(rule: &RuleReport, width: usize) -> String {
    let mut text = format!("{} {}: {}\n", paint(NAME, &rule.id), rule.code, rule.title);
    text.push_str(&format!("{}, {}\n", severity(rule.severity), holds(rule)));
    let mut paragraph = |title: &str, body: &str| {
        text.push_str(&format!("\n{title}\n"));
        for line in wrap(body, width.saturating_sub(2)) {
            text.push_str(&format!("  {line}\n"));
        }
    };
    if let Some(reason) = &rule.reason {
        paragraph("Why", reason);
    }
    paragraph("What to do", &rule.fix);
    paragraph("Looks at", &rule.types.join(", "));
    match &rule.own {
        Some(place) => paragraph("Written in", place),
        None => paragraph("Comes from", &rule.sources.join(", ")),
    }
    if !rule.waivers.is_empty() {
        text.push_str("\nWaived\n");
    }
    for waiver in &rule.waivers {
        text.push_str(&format!("  {}\n", waived(waiver)));
    }
    text
}

fn waived(waiver: &WaiverReport) -> String {
    let resource = waiver.resource.as_deref().unwrap_or("every resource");
    let stack = waiver.stack.as_deref().unwrap_or("every stack");
    let end = if waiver.expired {
        paint(REMOVE, format!("expired on {}", waiver.expires))
    } else {
        format!("until {}", waiver.expires)
    };
    format!(
        "{resource} of {stack}, {end}: {} {}",
        waiver.reason,
        paint(DIM, &waiver.at)
    )
}

fn severity(severity: Severity) -> String {
    match severity {
        Severity::Error => paint(REMOVE, "error"),
        Severity::Warning => paint(CHANGE, "warning"),
    }
}

fn place(rule: &RuleReport) -> String {
    match (&rule.own, rule.scope) {
        (Some(_), _) => paint(CHANGE, "this project's own"),
        (None, Some(Scope::Protected)) => "protected only".to_owned(),
        (None, _) => String::new(),
    }
}

fn holds(rule: &RuleReport) -> String {
    match rule.scope {
        Some(Scope::Protected) => "in protected environments".to_owned(),
        _ if rule.environments.is_empty() => "in every environment".to_owned(),
        _ => format!("in {}", rule.environments.join(", ")),
    }
}
