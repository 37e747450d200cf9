//! Secrets stand in no file: what stands for them is a reference to where they are kept.

use std::sync::Arc;

use crate::diagnostic::{Problem, Source, Span, codes};

/// References that name a secret without holding it: "Get a secret or secret value from Secrets Manager" and
/// "Get a secure string value from Systems Manager Parameter Store", CloudFormation User Guide.
pub(crate) fn is_reference(text: &str) -> bool {
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
pub(crate) fn literal(path: &str, span: &Span) -> Problem {
    Problem::error(
        codes::SECRET_LITERAL,
        format!("`{path}` is a secret and must not be written into a file"),
    )
    .at(hidden(span), "")
    .hint("store it once: aws secretsmanager create-secret --name NAME --secret-string file:///dev/stdin")
    .hint(format!(
        "then refer to it: {path} = \"{{{{resolve:secretsmanager:NAME}}}}\""
    ))
    .note("if this file was ever committed, replace the secret")
}

/// The same place in a copy of the text whose value is starred out.
pub(crate) fn hidden(span: &Span) -> Span {
    hidden_among(span, std::slice::from_ref(span))
}

/// The same place in a copy of the text in which all of `spans` are starred out: those that may stand on its line.
pub(crate) fn hidden_among(span: &Span, spans: &[Span]) -> Span {
    let mut text = span.source.text.clone();
    for span in spans.iter().filter(|other| Arc::ptr_eq(&other.source, &span.source)) {
        let stars = "*".repeat(span.bytes.len());
        if text.get(span.bytes.clone()).is_some() {
            text.replace_range(span.bytes.clone(), &stars);
        }
    }
    let source = Arc::new(Source {
        path: span.source.path.clone(),
        text,
    });
    Span::new(&source, span.bytes.clone())
}

pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}
