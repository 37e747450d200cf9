//! Strings that stand for something else: outputs of other stacks, and secrets that must never stand there themselves.

use std::sync::Arc;

use super::super::types::is_identifier;
use crate::diagnostic::{Problem, Source, Span, codes};
use crate::spec::{Value, is_name};

/// What a string says about another stack.
pub(super) enum Reference {
    /// Nothing.
    None,
    /// It was meant as a reference and is none; why.
    Malformed(String),
    /// An output of a stack.
    Output { stack: String, output: String },
}

/// `${network.vpc_id}`. CloudFormation's and IAM's own `${AWS::Region}`, `${aws:username}` are left alone.
pub(super) fn reference(text: &str) -> Reference {
    let Some(start) = text.find("${") else {
        return Reference::None;
    };
    let inside = text.get(start + 2..).and_then(|rest| rest.split_once('}'));
    let Some((name, rest)) = inside else {
        return if start == 0 && !text.contains(':') {
            Reference::Malformed(format!("`{text}` has no closing brace"))
        } else {
            Reference::None
        };
    };
    if name.contains(':') {
        return Reference::None;
    }
    let whole = start == 0 && rest.is_empty();
    match name.trim().split_once('.') {
        // A whole reference with the template's name for the output was meant as one; its name is corrected elsewhere.
        Some((stack, output)) if is_name(stack) && (is_identifier(output) || (whole && is_word(output))) => {
            if whole {
                Reference::Output {
                    stack: stack.to_owned(),
                    output: output.to_owned(),
                }
            } else {
                Reference::Malformed(format!("`${{{name}}}` stands in the middle of a string"))
            }
        }
        _ if whole => Reference::Malformed(format!("`{text}` is not ${{STACK.OUTPUT}}")),
        _ => Reference::None,
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// References that name a secret without holding it: "Get a secret or secret value from Secrets Manager" and
/// "Get a secure string value from Systems Manager Parameter Store", CloudFormation User Guide.
pub(in crate::module) fn is_secret_reference(text: &str) -> bool {
    let dynamic = |kind: &str| {
        text.strip_prefix("{{resolve:")
            .and_then(|rest| rest.strip_prefix(kind))
            .is_some_and(|rest| rest.ends_with("}}") && rest.len() > 2 && !rest.contains(['\n', '{']))
    };
    let arn = |service: &str, kind: &str| {
        let parts: Vec<_> = text.splitn(6, ':').collect();
        matches!(parts.as_slice(), ["arn", _, found, _, account, name]
            if *found == service && is_account(account) && name.starts_with(kind))
    };
    dynamic("secretsmanager:") || dynamic("ssm-secure:") || arn("secretsmanager", "secret:") || arn("ssm", "parameter/")
}

/// Never shows what stands there: the excerpt that views print comes from a text in which it is starred out.
pub(super) fn secret_problem(path: &str, value: &Value) -> Problem {
    Problem::error(
        codes::SECRET_LITERAL,
        format!("`{path}` is a secret and must not be written into a file"),
    )
    .at(hidden(&value.span), "")
    .hint("store it once: aws secretsmanager create-secret --name NAME --secret-string file:///dev/stdin")
    .hint(format!(
        "then refer to it: {path} = \"{{{{resolve:secretsmanager:NAME}}}}\""
    ))
    .note("if this file was ever committed, replace the secret")
}

/// The same place in a copy of the text whose value is starred out.
pub(super) fn hidden(span: &Span) -> Span {
    let mut text = span.source.text.clone();
    let stars = "*".repeat(span.bytes.len());
    if text.get(span.bytes.clone()).is_some() {
        text.replace_range(span.bytes.clone(), &stars);
    }
    let source = Arc::new(Source {
        path: span.source.path.clone(),
        text,
    });
    Span::new(&source, span.bytes.clone())
}

pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}
