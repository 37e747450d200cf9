//! Actions: their form, and whether the service has them.
//!
//! IAM stores actions that no service knows, which then allow nothing, so an unknown one is a warning.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::super::super::Node;
use super::{Kind, Policy, did_you_mean, is_open};
use crate::diagnostic::{Problem, Problems, codes};

/// Written by `data/derive.py`: one line a service prefix, with its actions in small letters.
static PACKED: &[u8] = include_bytes!("../../data/actions.bin");

/// Larger than what is packed; it only keeps a damaged file from asking for more.
const MOST_BYTES: usize = 4 << 20;

pub(super) fn check(policy: Policy, action: &Node, problems: &mut Problems) {
    if is_open(action) {
        return;
    }
    let Some(text) = action.as_str() else {
        problems
            .push(Problem::error(codes::POLICY_STATEMENT, "an action must be a string").at(action.span.clone(), ""));
        return;
    };
    if text == "*" {
        return;
    }
    let wrong = |code, message: String| Problem::error(code, message).at(action.span.clone(), "");
    let Some((service, name)) = text.split_once(':') else {
        let problem = wrong(
            codes::POLICY_ACTION,
            format!("an action is `service:Action` or `*`, not `{text}`"),
        );
        problems.push(match services_of(text).as_slice() {
            [only] => problem.hint(format!("did you mean `{only}:{text}`?")),
            _ => problem,
        });
        return;
    };
    let (service, name) = (service.to_ascii_lowercase(), name.to_ascii_lowercase());
    if policy.kind == Kind::Trust && service != "sts" && !service.contains(['*', '?']) {
        problems.push(wrong(
            codes::POLICY_ACTION,
            format!("a trust policy allows only actions of `sts`, not `{text}`"),
        ));
        return;
    }
    let only = match policy.type_name {
        "AWS::S3::BucketPolicy" => Some("s3"),
        "AWS::SNS::TopicPolicy" | "AWS::SNS::TopicInlinePolicy" => Some("sns"),
        _ => None,
    };
    if let Some(only) = only
        && service != only
        && !service.contains(['*', '?'])
    {
        problems.push(wrong(
            codes::POLICY_ACTION,
            format!("this policy takes only actions of `{only}`, not `{text}`"),
        ));
        return;
    }
    let Some(known) = services() else { return };
    // A wildcard in the service matches nothing in IAM, but is accepted. `SNS:Receive` stands in the policy that SNS
    // gives every topic, and in no list.
    if service.contains(['*', '?']) || (service == "sns" && name == "receive") {
        return;
    }
    let warning = |message: String| Problem::warning(codes::POLICY_ACTION, message).at(action.span.clone(), "");
    match known.get(service.as_str()) {
        None => {
            let problem = warning(format!("no service has the prefix `{service}` of the action `{text}`"));
            problems.push(match did_you_mean(&service, known.keys().copied()) {
                Some(hint) => problem.hint(hint),
                None => problem,
            });
        }
        Some(actions) if !actions.split(' ').any(|known| fits(&name, known)) => {
            let problem = warning(format!("`{service}` has no action that fits `{text}`"));
            problems.push(match did_you_mean(&name, actions.split(' ')) {
                Some(hint) if !name.contains(['*', '?']) => problem.hint(hint).note("letters may be large or small"),
                _ => problem,
            });
        }
        Some(_) => {}
    }
}

/// Whether `pattern`, with `*` and `?`, fits the whole of `text`.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut seen) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while seen < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(letter) if *letter == b'?' || text.get(seen) == Some(letter) => {
                at += 1;
                seen += 1;
            }
            _ => match star {
                Some((back, from)) => {
                    at = back + 1;
                    seen = from + 1;
                    star = Some((back, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern
        .get(at..)
        .is_some_and(|rest| rest.iter().all(|letter| *letter == b'*'))
}

/// The services that have an action of this name.
fn services_of(action: &str) -> Vec<&'static str> {
    let action = action.to_ascii_lowercase();
    let all = services().into_iter().flatten();
    all.filter(|(_, actions)| actions.split(' ').any(|known| known == action))
        .map(|(service, _)| *service)
        .collect()
}

fn services() -> Option<&'static HashMap<&'static str, &'static str>> {
    static TEXT: OnceLock<Option<String>> = OnceLock::new();
    static SERVICES: OnceLock<HashMap<&'static str, &'static str>> = OnceLock::new();
    let text = TEXT
        .get_or_init(|| String::from_utf8(zstd::bulk::decompress(PACKED, MOST_BYTES).ok()?).ok())
        .as_deref()?;
    Some(SERVICES.get_or_init(|| {
        text.lines()
            .map(|line| line.split_once(' ').unwrap_or((line, "")))
            .collect()
    }))
}
