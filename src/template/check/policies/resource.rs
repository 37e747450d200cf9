//! What a statement applies to.

use super::super::super::{Node, NodeValue, intrinsic};
use super::{Policy, is_open};
use crate::diagnostic::{Problem, Problems, codes};

pub(super) fn check(policy: Policy, node: &Node, problems: &mut Problems) {
    // Topics and queues name themselves by their ARN only; a literal beginning of `Fn::Sub` is as certain as text.
    if let Some(text) = beginning(node) {
        let may_be = text.is_empty() || text.starts_with("arn:") || "arn:".starts_with(text) || text.starts_with('*');
        if !may_be {
            problems.push(
                Problem::error(
                    codes::POLICY_RESOURCE,
                    format!("a resource of a policy is an ARN or `*`, not `{text}…`"),
                )
                .at(node.span.clone(), ""),
            );
        }
        return;
    }
    if is_open(node) {
        return;
    }
    let wrong = |why: String| Problem::error(codes::POLICY_RESOURCE, why).at(node.span.clone(), "");
    let Some(text) = node.as_str() else {
        if !matches!(node.value, NodeValue::Map(_)) {
            problems.push(wrong("a resource of a policy must be a string".to_owned()));
        }
        return;
    };
    if text == "*" || text.contains("${") {
        return;
    }
    if let Some(why) = not_an_arn(text) {
        let problem = wrong(format!("`{text}` cannot be a resource of a policy: {why}"));
        problems.push(
            if policy.type_name == "AWS::S3::BucketPolicy" && !text.starts_with("arn:") {
                problem.hint("a bucket is `arn:aws:s3:::NAME`, its objects are `arn:aws:s3:::NAME/*`")
            } else {
                problem
            },
        );
    }
}

/// The literal text before the first variable of `Fn::Sub`.
fn beginning(node: &Node) -> Option<&str> {
    let ("Fn::Sub", argument) = intrinsic::call(node)? else {
        return None;
    };
    let text = argument.as_str().or_else(|| argument.items().first()?.as_str())?;
    text.contains("${").then(|| text.split("${").next().unwrap_or_default())
}

/// Why `text` is not an ARN, as policies have them: wildcards may stand in any part.
fn not_an_arn(text: &str) -> Option<&'static str> {
    let open = |part: &str| part.contains(['*', '?']);
    let mut parts = text.splitn(6, ':');
    if parts.next() != Some("arn") {
        return Some("it is neither an ARN nor `*`");
    }
    let partition = parts.next().unwrap_or_default();
    if !open(partition) && !is_partition(partition) {
        return Some("there is no such partition");
    }
    let service = parts.next().unwrap_or_default();
    if service.is_empty() {
        return Some("its ARN names no service");
    }
    let rest: Vec<&str> = parts.collect();
    match rest.as_slice() {
        // A wildcard takes in all parts behind it.
        [.., last] if rest.len() < 3 && open(last) => None,
        [] if open(service) || open(partition) => None,
        [_, account, name] => {
            let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
            if !(account.is_empty()
                || is_account
                || open(account)
                || matches!(*account, "aws" | "cloudfront" | "third-party"))
            {
                return Some("the account id in its ARN has not 12 digits");
            }
            name.is_empty().then_some("its ARN names no resource")
        }
        _ => Some("its ARN has too few parts"),
    }
}

/// `aws`, `aws-cn`, `aws-us-gov` and those that are not public.
pub(super) fn is_partition(text: &str) -> bool {
    let rest = text.strip_prefix("aws");
    rest.is_some_and(|rest| rest.is_empty() || (rest.starts_with('-') && rest.len() > 1))
}
