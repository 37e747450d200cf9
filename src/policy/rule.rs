//! What a rule is, and the registry of all of them.

use std::sync::LazyLock;

use super::rules::ALL;
use super::subject::Resource;
use crate::diagnostic::{Code, Severity, Span};

/// A rule of the registry.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its code, which is its own; the code's title says what is wrong.
    pub code: Code,
    /// Its name in waivers and lists, `s3-public-access-block`.
    pub id: &'static str,
    /// How bad it is to break it: an error if that is insecure by nature, a warning if it is a matter of circumstances.
    pub severity: Severity,
    /// Where it holds.
    pub scope: Scope,
    /// Why it is a rule, in a sentence or two.
    pub reason: &'static str,
    /// What to write instead.
    pub fix: &'static str,
    /// The published controls that it follows: `FSBP S3.8` (AWS Foundational Security Best Practices v1.0.0), `CIS 2.1.4`
    /// (CIS AWS Foundations Benchmark v3.0.0), `Security Hub KMS.4` (a control of another standard), or an AWS page.
    pub sources: &'static [&'static str],
    /// The resource types that it looks at.
    pub types: &'static [&'static str],
    /// What breaks it in one resource.
    pub(super) check: fn(&Resource<'_>) -> Vec<Finding>,
}

/// Where a rule holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// In every environment.
    Everywhere,
    /// Only where `[environment] protect` is true.
    Protected,
}

/// One place where a rule is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong, naming the resource.
    pub message: String,
    /// Where: the value that is wrong, or the resource that lacks it.
    pub span: Span,
    /// What is missing there; empty if the place speaks for itself.
    pub label: String,
    /// Less certain or less bad than the rule's severity says: a warning in any case.
    pub mild: bool,
}

impl Finding {
    /// A value that is wrong.
    pub(super) fn at(span: &Span, message: String) -> Self {
        Self {
            message,
            span: span.clone(),
            label: String::new(),
            mild: false,
        }
    }

    /// With a few words at the place.
    pub(super) fn saying(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// A warning, whatever the rule says.
    pub(super) fn mild(mut self) -> Self {
        self.mild = true;
        self
    }
}

/// Every rule that is built in, by code.
pub fn rules() -> &'static [Rule] {
    static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
        let mut rules: Vec<Rule> = ALL.iter().flat_map(|group| group.iter().copied()).collect();
        rules.sort_by_key(|rule| rule.code);
        rules
    });
    &RULES
}

/// The rule that is called `name`: its id, or its code in any of the ways in which codes are written.
pub fn find(name: &str) -> Option<&'static Rule> {
    rules()
        .iter()
        .find(|rule| rule.id == name || Code::parse(name) == Some(rule.code))
}
