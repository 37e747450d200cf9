//! When a statement applies: operators, keys and the form of their values.

use core::net::IpAddr;

use super::super::super::read::describe;
use super::super::super::{Node, NodeValue};
use super::super::did_you_mean;
use super::super::verdict::scalar_text;
use super::{each, is_open};
use crate::diagnostic::{Problem, Problems, Span, codes};

/// "IAM JSON policy elements: Condition operators".
const OPERATORS: &[&str] = &[
    "ArnEquals",
    "ArnLike",
    "ArnNotEquals",
    "ArnNotLike",
    "BinaryEquals",
    "Bool",
    "DateEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateNotEquals",
    "IpAddress",
    "NotIpAddress",
    "Null",
    "NumericEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericNotEquals",
    "StringEquals",
    "StringEqualsIgnoreCase",
    "StringLike",
    "StringNotEquals",
    "StringNotEqualsIgnoreCase",
    "StringNotLike",
];

pub(super) fn check(span: &Span, value: &Node, problems: &mut Problems) {
    if is_open(value) {
        return;
    }
    let wrong = |message: String, at: &Span| Problem::error(codes::POLICY_CONDITION, message).at(at.clone(), "");
    if !matches!(value.value, NodeValue::Map(_)) {
        problems.push(wrong(
            format!(
                "`Condition` must map operators to keys, not be {}",
                describe(&value.value)
            ),
            span,
        ));
        return;
    }
    for (name, span, keys) in value.entries() {
        let Some(operator) = operator(name) else {
            let problem = wrong(format!("there is no condition operator `{name}`"), span);
            problems.push(match did_you_mean(bare(name), OPERATORS.iter().copied()) {
                Some(hint) => problem.hint(hint),
                None => problem,
            });
            continue;
        };
        if is_open(keys) {
            continue;
        }
        if !matches!(keys.value, NodeValue::Map(_)) {
            problems.push(
                wrong(
                    format!("`{name}` must map keys to values, not be {}", describe(&keys.value)),
                    span,
                )
                .hint(format!(
                    "for example `{name}: {{\"aws:PrincipalOrgID\": o-a1b2c3d4e5}}`"
                )),
            );
            continue;
        }
        for (key, span, values) in keys.entries() {
            if !key.contains(':') {
                problems.push(
                    wrong(format!("`{key}` is not a condition key: it has no prefix"), span)
                        .hint("keys begin with `aws:` or the prefix of a service, such as `s3:`"),
                );
                continue;
            }
            each(values, &mut |value| one(operator, key, value, problems));
        }
    }
}

/// The operator as the reference writes it. IAM does not tell large letters from small ones here.
fn operator(name: &str) -> Option<&'static str> {
    let bare = bare(name);
    OPERATORS.iter().copied().find(|known| known.eq_ignore_ascii_case(bare))
}

/// Without `ForAnyValue:` and `IfExists`.
fn bare(name: &str) -> &str {
    let name = ["ForAnyValue:", "ForAllValues:"]
        .iter()
        .find_map(|set| name.strip_prefix(set))
        .unwrap_or(name);
    name.strip_suffix("IfExists").unwrap_or(name)
}

fn one(operator: &str, key: &str, value: &Node, problems: &mut Problems) {
    if is_open(value) {
        return;
    }
    let Some(text) = scalar_text(value) else {
        problems.push(
            Problem::error(
                codes::POLICY_CONDITION,
                format!("a value of `{key}` must be a string, not {}", describe(&value.value)),
            )
            .at(value.span.clone(), ""),
        );
        return;
    };
    // Policy variables are known when the policy is evaluated.
    if text.contains("${") {
        return;
    }
    let is_network = || match text.split_once('/') {
        Some((address, bits)) => address.parse::<IpAddr>().is_ok_and(|address| {
            let most = if address.is_ipv4() { 32 } else { 128 };
            bits.parse::<u8>().is_ok_and(|bits| bits <= most)
        }),
        None => text.parse::<IpAddr>().is_ok(),
    };
    let wanted = match operator {
        "Bool" | "Null" if !matches!(text.to_ascii_lowercase().as_str(), "true" | "false") => "true or false",
        "IpAddress" | "NotIpAddress" if !is_network() => "an address or a CIDR block",
        other if other.starts_with("Numeric") && text.trim().parse::<f64>().is_err() => "a number",
        other if other.starts_with("Date") && !is_date(&text) => "a date such as `2030-01-31T00:00:00Z`",
        _ => return,
    };
    problems.push(
        Problem::error(
            codes::POLICY_CONDITION,
            format!("`{operator}` compares with {wanted}, not with `{text}`"),
        )
        .at(value.span.clone(), ""),
    );
}

/// ISO 8601 or seconds since 1970.
fn is_date(text: &str) -> bool {
    let year = text
        .get(..4)
        .is_some_and(|year| year.bytes().all(|byte| byte.is_ascii_digit()));
    (year && text.as_bytes().get(4).is_none_or(|next| *next == b'-')) || text.parse::<i64>().is_ok()
}
