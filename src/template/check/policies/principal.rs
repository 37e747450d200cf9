//! Who a policy is about.

use super::super::super::read::describe;
use super::super::super::{Node, NodeValue};
use super::super::did_you_mean;
use super::{each, is_open};
use crate::diagnostic::{Problem, Problems, Span, codes};

const KINDS: [&str; 4] = ["AWS", "Service", "Federated", "CanonicalUser"];

pub(super) fn check(key: &str, span: &Span, value: &Node, problems: &mut Problems) {
    if is_open(value) {
        return;
    }
    let wrong = |message: String, at: &Span| Problem::error(codes::POLICY_PRINCIPAL, message).at(at.clone(), "");
    match &value.value {
        NodeValue::String(text) if text == "*" => {}
        NodeValue::String(text) => {
            let problem = wrong(
                format!("`{key}` must be `*` or a mapping of kinds of principals, not `{text}`"),
                &value.span,
            );
            problems.push(match text {
                text if text.contains(".amazonaws.") => problem.hint(format!("write `{key}: {{Service: {text}}}`")),
                text if text.starts_with("arn:") => problem.hint(format!("write `{key}: {{AWS: \"{text}\"}}`")),
                _ => problem,
            });
        }
        NodeValue::Map(entries) => {
            for (kind, span, named) in entries {
                if kind.starts_with("Fn::") {
                    continue;
                }
                if !KINDS.contains(&kind.as_str()) {
                    let problem = wrong(format!("`{kind}` is not a kind of principal"), span);
                    problems.push(match did_you_mean(kind, KINDS) {
                        Some(hint) => problem.hint(hint),
                        None => problem.note(format!("the kinds are {}", KINDS.join(", "))),
                    });
                }
                each(named, &mut |one| one_of(kind, one, problems));
            }
        }
        other => problems.push(wrong(
            format!(
                "`{key}` must be `*` or a mapping of kinds of principals, not {}",
                describe(other)
            ),
            span,
        )),
    }
}

fn one_of(kind: &str, node: &Node, problems: &mut Problems) {
    if is_open(node) {
        return;
    }
    let text = match &node.value {
        NodeValue::String(text) => text.clone(),
        NodeValue::Number(number) => number.to_string(),
        _ => return,
    };
    let wrong = |message: String| Problem::error(codes::POLICY_PRINCIPAL, message).at(node.span.clone(), "");
    match kind {
        "AWS" => {
            if let Some(why) = account_principal(&text) {
                problems.push(wrong(format!("`{text}` cannot be a principal: {why}")));
            }
        }
        "Service" if !text.contains('.') && text != "*" => problems.push(
            wrong(format!("`{text}` is not a service principal")).hint(format!("did you mean `{text}.amazonaws.com`?")),
        ),
        _ => {}
    }
}

/// Why `text` cannot be the principal of an account ("AWS JSON policy elements: Principal").
fn account_principal(text: &str) -> Option<&'static str> {
    let is_account = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if text == "*" || is_account(text) || text.contains("${") {
        return None;
    }
    if !text.starts_with("arn:") {
        // The id of a principal that was deleted stands for it, `AIDA…`.
        let is_id = text.starts_with('A') && text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        return (!is_id).then_some("it is neither an account id nor an ARN nor `*`");
    }
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [_, partition, service, region, account, name] = parts.as_slice() else {
        return Some("its ARN has too few parts");
    };
    if !super::resource::is_partition(partition) {
        return Some("there is no such partition");
    }
    if !matches!(*service, "iam" | "sts") {
        return Some("only principals of IAM and STS can be named");
    }
    if !region.is_empty() {
        return Some("principals have no region");
    }
    if text.contains(['*', '?']) {
        return Some(
            "a wildcard stands for all principals or for none; a condition on `aws:PrincipalArn` takes patterns",
        );
    }
    if !is_account(account) && *account != "cloudfront" {
        return Some("an account id has 12 digits");
    }
    let known = [
        "root",
        "user/",
        "role/",
        "group/",
        "assumed-role/",
        "federated-user/",
        "saml-provider/",
        "oidc-provider/",
    ];
    (!known.iter().any(|kind| name.starts_with(kind))).then_some("it names neither `root` nor a user, role or session")
}
