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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Code, Problem, Problems};
    use crate::preflight::Check;

    fn shown(checks: &[(&'static str, State, Option<&str>)], problems: Vec<Problem>) -> String {
        let preflight = Preflight {
            caller: "arn:aws:sts::111122223333:assumed-role/deploy/ci".to_owned(),
            checks: checks
                .iter()
                .map(|(name, state, why)| Check {
                    name,
                    state: *state,
                    why: why.map(str::to_owned),
                })
                .collect(),
            problems: Problems(problems),
        };
        anstream::adapter::strip_str(&line(&preflight)).to_string()
    }

    #[test]
    fn one_line_says_who_asked_and_how_each_check_ended() {
        insta::assert_snapshot!(
            shown(&[("names", State::Passed, None), ("quotas", State::Passed, None)], Vec::new()),
            @"Preflight as assumed-role/deploy/ci: 2 checks passed"
        );
        let found = Problem::error(Code(1206), "too much");
        insta::assert_snapshot!(
            shown(
                &[
                    ("names", State::Passed, None),
                    ("quotas", State::Found, Some("s3:ListAllMyBuckets is denied")),
                    ("permissions", State::Skipped, Some("iam:SimulatePrincipalPolicy took too long")),
                ],
                vec![found]
            ),
            @"Preflight as assumed-role/deploy/ci: 1 check passed, 1 found something (quotas), 2 skipped (quotas: s3:ListAllMyBuckets is denied; permissions: iam:SimulatePrincipalPolicy took too long)"
        );
        insta::assert_snapshot!(
            shown(&[("names", State::Found, None)], Vec::new()),
            @"Preflight as assumed-role/deploy/ci: 1 check found something (names)"
        );
    }
}
