//! Lambda functions.

use super::super::possible::Possible;
use super::super::rule::{Finding, Rule, Scope};
use super::super::subject::{Resource, once};
use crate::diagnostic::{Severity, codes};

pub(super) const RULES: &[Rule] = &[Rule {
    code: codes::OLD_RUNTIME,
    id: "lambda-runtime",
    severity: Severity::Warning,
    scope: Scope::Everywhere,
    reason: "a deprecated runtime gets no security updates, and AWS comes to refuse creating and updating it",
    fix: "move to a runtime that is supported, for example `python3.13`, `nodejs22.x`, `java21` or `provided.al2023`",
    sources: &["FSBP Lambda.2"],
    types: &["AWS::Lambda::Function"],
    check: runtime,
}];

/// "Deprecated runtimes", AWS Lambda Developer Guide, as of 2026-06.
const DEPRECATED: &[&str] = &[
    "dotnet5.0",
    "dotnet6",
    "dotnet7",
    "dotnetcore1.0",
    "dotnetcore2.0",
    "dotnetcore2.1",
    "dotnetcore3.1",
    "go1.x",
    "java8",
    "nodejs",
    "nodejs4.3",
    "nodejs4.3-edge",
    "nodejs6.10",
    "nodejs8.10",
    "nodejs10.x",
    "nodejs12.x",
    "nodejs14.x",
    "nodejs16.x",
    "nodejs18.x",
    "nodejs20.x",
    "provided",
    "python2.7",
    "python3.6",
    "python3.7",
    "python3.8",
    "python3.9",
    "ruby2.5",
    "ruby2.7",
    "ruby3.2",
];

fn runtime(resource: &Resource<'_>) -> Vec<Finding> {
    let runtimes = resource.at(&["Runtime"]).into_iter().filter_map(Possible::given);
    let old = runtimes.filter_map(|node| {
        let name = node.as_str().filter(|name| DEPRECATED.contains(name))?;
        let message = format!(
            "the function `{}` runs on `{name}`, which is no longer maintained",
            resource.name
        );
        Some(Finding::at(&node.span, message))
    });
    once(old)
}
