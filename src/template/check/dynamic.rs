//! Dynamic references, `{{resolve:service:…}}` ("Using dynamic references to specify template values").

use super::super::{Node, NodeValue};
use super::{Template, did_you_mean};
use crate::diagnostic::{Problem, Problems, codes};

const SERVICES: [&str; 3] = ["ssm", "ssm-secure", "secretsmanager"];
const BEGINNING: &str = "{{resolve:";

pub(super) fn check(template: &Template, problems: &mut Problems) {
    for (_, _, resource) in template.resources.entries {
        if let Some(properties) = resource.get("Properties") {
            walk(properties, problems);
        }
    }
}

fn walk(node: &Node, problems: &mut Problems) {
    match &node.value {
        NodeValue::String(text) if text.contains(BEGINNING) => references(text, node, problems),
        NodeValue::List(items) => items.iter().for_each(|item| walk(item, problems)),
        NodeValue::Map(entries) => entries.iter().for_each(|(_, _, value)| walk(value, problems)),
        _ => {}
    }
}

fn references(text: &str, node: &Node, problems: &mut Problems) {
    for part in text.split(BEGINNING).skip(1) {
        let Some((reference, _)) = part.split_once("}}") else {
            // `Fn::Join` may bring the rest.
            continue;
        };
        if let Some(problem) = wrong(reference, node) {
            problems.push(problem);
        }
    }
}

fn wrong(reference: &str, node: &Node) -> Option<Problem> {
    // A variable of `Fn::Sub` may stand for several parts.
    let open = reference.contains("${");
    let written = format!("{BEGINNING}{reference}}}}}");
    let problem = |why: &str| {
        Problem::error(
            codes::DYNAMIC_REFERENCE,
            format!("`{written}` is no dynamic reference: {why}"),
        )
        .at(node.span.clone(), "")
    };
    let (service, rest) = reference.split_once(':').unwrap_or((reference, ""));
    if !SERVICES.contains(&service) {
        if service.contains("${") {
            return None;
        }
        let wrong = problem("values come from `ssm`, `ssm-secure` or `secretsmanager`");
        return Some(match did_you_mean(service, SERVICES) {
            Some(hint) => wrong.hint(hint),
            None => wrong,
        });
    }
    if open {
        return None;
    }
    match service {
        "secretsmanager" => secret(rest).map(problem),
        _ => parameter(rest).map(problem),
    }
}

/// `name` or `name:version`.
fn parameter(rest: &str) -> Option<&'static str> {
    let mut parts = rest.split(':');
    let name = parts.next().unwrap_or_default();
    if name.is_empty() {
        return Some("the name of the parameter is missing");
    }
    // A parameter that another account shares is named by its ARN.
    if name == "arn" {
        return None;
    }
    if !name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte))
    {
        return Some("the name of a parameter takes letters, digits and _.-/");
    }
    let version = parts.next();
    if version.is_some_and(|version| version.is_empty() || !version.bytes().all(|byte| byte.is_ascii_digit())) {
        return Some("the version of a parameter is a number");
    }
    parts.next().map(|_| "nothing follows the version of a parameter")
}

/// `secret-id:SecretString:json-key:version-stage:version-id`, of which all but the first may be left out.
fn secret(rest: &str) -> Option<&'static str> {
    let parts: Vec<&str> = rest.split(':').collect();
    // An ARN has six colons of its own: `arn:aws:secretsmanager:region:account:secret:name`.
    let skipped = if parts.first() == Some(&"arn") { 7 } else { 1 };
    if parts.first().is_none_or(|id| id.is_empty()) || parts.len() < skipped {
        return Some("the name or ARN of the secret is missing or not complete");
    }
    let behind = parts.get(skipped..).unwrap_or_default();
    if behind.first().is_some_and(|kind| !matches!(*kind, "SecretString" | "")) {
        return Some("behind the secret follows `SecretString`");
    }
    if behind.len() > 4 {
        return Some("it has more parts than there are");
    }
    let given = |index: usize| behind.get(index).is_some_and(|part| !part.is_empty());
    (given(2) && given(3)).then_some("it gives a version stage and a version id; one of them says it all")
}
