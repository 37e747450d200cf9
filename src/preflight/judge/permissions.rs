//! What the caller may do, by the policy simulator.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{Hearing, listed};
use crate::diagnostic::{Problem, codes};
use crate::preflight::{Action, Decision, Place};

pub(super) fn judge(hearing: &mut Hearing<'_>) {
    let Some(decisions) = hearing.hear(&hearing.answers.decisions) else {
        return;
    };
    let mut refused: BTreeMap<(&str, bool), Vec<(&Action, Decision)>> = BTreeMap::new();
    for action in &hearing.needs.actions {
        let key = (action.action.clone(), action.resource.clone());
        let decision = decisions.get(&key).copied().unwrap_or(Decision::Unclear);
        let by_others = matches!(decision, Decision::Organisation | Decision::Boundary);
        if is_certain(action, decision) {
            let stack = action.place.as_ref().map_or("", |place| place.stack.as_str());
            refused.entry((stack, by_others)).or_default().push((action, decision));
        }
    }
    for ((stack, by_others), actions) in refused {
        told(hearing, stack, by_others, &actions);
    }
}

/// The bucket of the state and the table of the lock may let the caller in by policies of their own, which the simulator
/// does not see.
fn is_certain(action: &Action, decision: Decision) -> bool {
    let has_own_policy =
        action.place.is_none() && ["s3:", "dynamodb:"].iter().any(|own| action.action.starts_with(own));
    match decision {
        Decision::Allowed | Decision::Unclear => false,
        Decision::NotAllowed | Decision::Boundary => !has_own_policy,
        Decision::Denied | Decision::Organisation => true,
    }
}

fn told(hearing: &mut Hearing<'_>, stack: &str, by_others: bool, refused: &[(&Action, Decision)]) {
    let caller = &hearing.needs.at.caller;
    let names: BTreeSet<&str> = refused.iter().map(|(action, _)| action.action.as_str()).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let who = if stack.is_empty() {
        "the plan".to_owned()
    } else {
        format!("stack {stack}")
    };
    let (code, what) = if by_others {
        (codes::ORGANISATION_DENIES, "denied from above")
    } else {
        (codes::PERMISSION_MISSING, "not granted to the caller")
    };
    let message = format!("{who} needs {} {what}: {}", permissions(&names), listed(&names, 6));
    let mut problem = Problem::error(code, message).note(format!("you are {caller}"));
    let mut seen = BTreeSet::new();
    for (action, decision) in refused {
        let why = match decision {
            Decision::Denied => "is denied by one of the caller's policies",
            Decision::Organisation => "is denied by a policy of the organisation (SCP)",
            Decision::Boundary => "is outside of the caller's permissions boundary",
            _ => "is allowed by no policy",
        };
        let on = match &action.place {
            Some(place) => format!(" for {} ({})", place.logical_id, place.resource_type),
            None => String::new(),
        };
        if seen.insert((&action.action, why)) && seen.len() <= 8 {
            problem = problem.note(format!("{}{on} {why}", action.action));
        }
    }
    problem = if by_others {
        problem.hint("only who owns that policy can change it; or use another account or role")
    } else if refused.iter().all(|(_, decision)| *decision == Decision::Denied) {
        problem.hint("take the actions out of the policy that denies them, or use another role")
    } else {
        problem
            .hint("this policy would allow what is missing:")
            .hint(policy(refused))
    };
    let place: Option<&Place> = refused.iter().find_map(|(action, _)| action.place.as_ref());
    match place {
        Some(place) => hearing.find(place, "", problem),
        None => hearing.found.push(problem),
    }
}

fn permissions(names: &[&str]) -> String {
    match names {
        [_] => "a permission that is".to_owned(),
        names => format!("{} permissions that are", names.len()),
    }
}

/// A policy of one statement for each set of resources.
fn policy(refused: &[(&Action, Decision)]) -> String {
    let mut by_action: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    // What a policy denies, no other policy can allow.
    let lacking = refused.iter().filter(|(_, decision)| *decision != Decision::Denied);
    for (action, _) in lacking {
        let resource = action.resource.as_deref().map_or_else(|| "*".to_owned(), wide);
        by_action.entry(&action.action).or_default().insert(resource);
    }
    let mut statements: BTreeMap<BTreeSet<String>, Vec<&str>> = BTreeMap::new();
    for (action, resources) in by_action {
        statements.entry(resources).or_default().push(action);
    }
    let statements: Vec<serde_json::Value> = statements
        .into_iter()
        .map(|(resources, actions)| json!({ "Effect": "Allow", "Action": actions, "Resource": resources }))
        .collect();
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

/// The ARN with a star for what AWS or CloudFormation makes up.
fn wide(arn: &str) -> String {
    if let Some((front, _)) = arn
        .split_once("-1A2B3C4D5E6F")
        .or_else(|| arn.split_once("-1a2b3c4d5e6f"))
    {
        return format!("{front}-*");
    }
    match arn.rsplit_once('/') {
        Some((front, id)) if id == "1" || id.ends_with("-1") => format!("{front}/*"),
        _ => arn.to_owned(),
    }
}
