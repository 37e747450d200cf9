//! What a preflight looked at, in one line.

use crate::preflight::{Preflight, State};
use crate::view::text::{CHANGE, REMOVE, count, one_line, paint};

/// `Preflight as ROLE: 7 checks passed, 1 skipped (quotas: servicequotas:GetServiceQuota is denied)`.
pub fn line(preflight: &Preflight) -> String {
    let of = |state: State| preflight.checks.iter().filter(move |check| check.state == state);
    let mut parts = Vec::new();
    let passed = of(State::Passed).count();
    if passed > 0 {
        parts.push(format!("{} passed", count(passed, "check")));
    }
    let found = of(State::Found).count();
    if found > 0 {
        let noun = if passed > 0 {
            found.to_string()
        } else {
            count(found, "check")
        };
        let colour = if preflight.problems.has_errors() {
            REMOVE
        } else {
            CHANGE
        };
        let names: Vec<&str> = of(State::Found).map(|check| check.name).collect();
        let found = paint(colour, format!("{noun} found something"));
        parts.push(format!("{found} ({})", names.join(", ")));
    }
    let without: Vec<String> = preflight
        .checks
        .iter()
        .filter_map(|check| Some(format!("{}: {}", check.name, check.why.as_ref()?)))
        .collect();
    if !without.is_empty() {
        let skipped = paint(CHANGE, format!("{} skipped", without.len()));
        parts.push(format!("{skipped} ({})", one_line(&without.join("; "))));
    }
    format!("Preflight as {}: {}", who(&preflight.caller), parts.join(", "))
}

/// The part of an ARN that a person knows: `assumed-role/mlinfra-dev/ci`.
fn who(arn: &str) -> &str {
    arn.splitn(6, ':').nth(5).unwrap_or(arn)
}
