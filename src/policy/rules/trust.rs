//! IAM: who may take a role.

use super::super::possible::{Possible, written};
use super::super::rule::{Finding, Rule, Scope};
use super::super::statement::{Statement, statements};
use super::super::subject::{Resource, once};
use crate::diagnostic::{Severity, codes};
use crate::template::Node;

const ROLE: &[&str] = &["AWS::IAM::Role"];

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: codes::OPEN_TRUST,
        id: "iam-open-trust",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "everybody with any AWS account can take it, and needs to know no more than its ARN",
        fix: "name the service or the account that assumes it",
        sources: &["IAM User Guide, AWS JSON policy elements: Principal"],
        types: ROLE,
        check: open_trust,
    },
    Rule {
        code: codes::OPEN_FEDERATION,
        id: "iam-open-federation",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "an identity provider such as GitHub signs tokens for everybody; only the subject says whose they are",
        fix: "add a condition on the provider's `:sub`: `repo:ORGANISATION/REPOSITORY:ref:refs/heads/main`",
        sources: &["IAM User Guide, Create a role for OpenID Connect federation"],
        types: ROLE,
        check: open_federation,
    },
];

fn trusts<'a>(resource: &Resource<'a>) -> impl Iterator<Item = Statement<'a>> {
    statements(resource, &["AssumeRolePolicyDocument"])
        .into_iter()
        .filter(|statement| statement.allows())
}

fn open_trust(resource: &Resource<'_>) -> Vec<Finding> {
    let open = trusts(resource).filter(|statement| !statement.is_conditional());
    once(open.filter_map(Statement::everybody).map(|principal| {
        let message = format!("everybody in every account can assume the role `{}`", resource.name);
        Finding::at(&principal.span, message)
    }))
}

fn open_federation(resource: &Resource<'_>) -> Vec<Finding> {
    let found = trusts(resource).filter_map(|statement| {
        statement.grants("sts:AssumeRoleWithWebIdentity")?;
        let provider = provider(statement)?;
        let conditions = Possible::of(statement.get("Condition"));
        let names_subject = conditions.iter().any(|place| match place {
            Possible::Given(operators) => {
                let keys = operators.entries().iter().flat_map(|(_, _, keys)| keys.entries());
                // Keys can be made by a macro or hold a variable that ends in the word.
                keys.into_iter().any(|(key, _, _)| {
                    key.ends_with(":sub") || key.starts_with("Fn::") || key.ends_with(":job_workflow_ref")
                })
            }
            Possible::Unknown(_) => true,
            Possible::Absent => false,
        });
        if names_subject {
            return None;
        }
        let message = format!(
            "the role `{}` can be assumed by everybody to whom the identity provider gives a token",
            resource.name
        );
        Some(Finding::at(&provider.span, message).saying("no condition on the token's subject"))
    });
    once(found)
}

/// The OpenID Connect provider of a statement; Cognito and the social providers name users by other keys.
fn provider(statement: Statement<'_>) -> Option<&Node> {
    const BY_OTHER_KEYS: [&str; 4] = [
        "cognito-identity.amazonaws.com",
        "www.amazon.com",
        "graph.facebook.com",
        "accounts.google.com",
    ];
    let principals = Possible::of(statement.get("Principal")).into_iter();
    let federated = principals.flat_map(|principal| principal.get("Federated"));
    let nodes = federated.flat_map(Possible::items).filter_map(|item| match item {
        Possible::Given(node) | Possible::Unknown(node) => Some(node),
        Possible::Absent => None,
    });
    nodes
        .filter(|node| written(node).is_none_or(|name| !BY_OTHER_KEYS.contains(&name.as_str())))
        .next()
}
