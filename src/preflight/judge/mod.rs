//! What the account's answers mean: one file a check.

mod capacity;
mod names;
mod networks;
mod permissions;
mod quotas;
mod validation;
mod versions;

pub use validation::refusal;

use serde::Serialize;

use super::{Answer, Answers, Missing, Needs, Place};
use crate::diagnostic::{Problem, Problems};
use crate::module::{RenderedEnvironment, relocate};

/// What came of a preflight.
#[derive(Debug, Clone, Default)]
pub struct Preflight {
    /// Who asked, by ARN.
    pub caller: String,
    /// What was looked at, in a fixed order; what nothing needed is left out.
    pub checks: Vec<Check>,
    /// What was found: errors certainly fail, the rest are warnings.
    pub problems: Problems,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// `permissions`, `quotas`, …
    pub name: &'static str,
    /// How it ended.
    pub state: State,
    /// Why it was skipped.
    pub why: Option<String>,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing is wrong.
    Passed,
    /// It found something.
    Found,
    /// It could not be made, in whole or in part.
    Skipped,
}

/// Judges what was asked for by what the account says.
pub fn judge(environment: &RenderedEnvironment, needs: &Needs, answers: &Answers) -> Preflight {
    let mut preflight = Preflight {
        caller: needs.at.caller.clone(),
        ..Preflight::default()
    };
    type Judge = fn(&mut Hearing<'_>);
    let checks: [(&'static str, bool, Judge); 8] = [
        ("permissions", !needs.actions.is_empty(), permissions::judge),
        ("availability zones", !needs.zones.is_empty(), capacity::zones),
        ("instance types", !needs.machines.is_empty(), capacity::machines),
        ("quotas", quotas::is_needed(needs), quotas::judge),
        ("EKS versions", !needs.versions.is_empty(), versions::judge),
        ("names", !needs.names.is_empty(), names::judge),
        ("networks", !needs.networks.is_empty(), networks::judge),
        (
            "CloudFormation's validation",
            !needs.change_sets.is_empty(),
            validation::judge,
        ),
    ];
    for (name, needed, judge) in checks {
        if !needed {
            continue;
        }
        let mut hearing = Hearing {
            environment,
            needs,
            answers,
            found: Vec::new(),
            missing: Vec::new(),
        };
        judge(&mut hearing);
        hearing.missing.sort();
        hearing.missing.dedup();
        let why: Vec<String> = hearing.missing.iter().map(Missing::to_string).collect();
        let state = match (hearing.found.is_empty(), why.is_empty()) {
            (false, _) => State::Found,
            (true, false) => State::Skipped,
            (true, true) => State::Passed,
        };
        preflight.checks.push(Check {
            name,
            state,
            why: (!why.is_empty()).then(|| why.join(", ")),
        });
        preflight.problems.extend(hearing.found.into_iter().collect());
    }
    preflight.problems = std::mem::take(&mut preflight.problems).sorted();
    preflight
}

/// One check at work.
struct Hearing<'a> {
    environment: &'a RenderedEnvironment,
    needs: &'a Needs,
    answers: &'a Answers,
    found: Vec<Problem>,
    missing: Vec<Missing>,
}

impl<'a> Hearing<'a> {
    /// What AWS said; if it could not be asked, the check counts as skipped.
    fn hear<T>(&mut self, answer: &'a Answer<T>) -> Option<&'a T> {
        if let Answer::Missing(missing) = answer {
            self.missing.push(missing.clone());
        }
        answer.given()
    }

    /// Records a problem about a place, at the template's line and at the inputs behind it.
    fn find(&mut self, place: &Place, text: &str, problem: Problem) {
        let stack = self.environment.stacks.get(&place.stack);
        let problem = match (stack, &place.span) {
            (Some(stack), Some(span)) if place.is_value => relocate(stack, problem.at(span.clone(), text)),
            // No value of the resource is at fault, so no input is either.
            (Some(stack), Some(_)) => match stack.trace(&place.logical_id).into_iter().next() {
                Some(label) => problem.at(label.span, text),
                None => problem,
            },
            _ => problem,
        };
        self.found.push(problem);
    }
}

/// `a, b and c`, of which at most `most` are named.
fn listed<T: AsRef<str>>(names: &[T], most: usize) -> String {
    let shown: Vec<&str> = names.iter().take(most).map(AsRef::as_ref).collect();
    let rest = names.len() - shown.len();
    match (shown.as_slice(), rest) {
        ([one], 0) => (*one).to_owned(),
        ([front @ .., last], 0) => format!("{} and {last}", front.join(", ")),
        _ => format!("{} and {rest} more", shown.join(", ")),
    }
}
