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
        let keys = condition_keys(statement)?;
        let is_shared = |text: &String| SHARED.iter().any(|provider| text.contains(provider));
        let federated = federated(statement);
        let place = federated.first()?;
        // A provider that is made in the same template shows in the conditions' keys.
        let shared = federated
            .iter()
            .filter_map(|node| written(node))
            .any(|name| is_shared(&name));
        let limited = keys
            .iter()
            .any(|key| SUBJECTS.iter().any(|subject| key.ends_with(subject)));
        if limited || !(shared || keys.iter().any(is_shared)) {
            return None;
        }
        let message = format!(
            "the role `{}` can be assumed by everybody to whom the identity provider gives a token",
            resource.name
        );
        Some(Finding::at(&place.span, message).saying("no condition on the token's subject"))
    });
    once(found)
}

/// Providers that sign tokens for more than one's own people: those of everybody, and of every pod of a cluster.
const SHARED: [&str; 5] = [
    "token.actions.githubusercontent.com",
    "gitlab.com",
    "app.terraform.io",
    "agent.buildkite.com",
    "oidc.eks.",
];

/// The claims that say whose token it is.
const SUBJECTS: [&str; 4] = [":sub", ":job_workflow_ref", ":repository", ":repository_owner"];

/// The keys of the statement's conditions; none if only AWS or a macro knows all of them.
fn condition_keys(statement: Statement<'_>) -> Option<Vec<String>> {
    let mut keys = Vec::new();
    for place in Possible::of(statement.get("Condition")) {
        match place {
            Possible::Absent => {}
            Possible::Unknown(_) => return None,
            Possible::Given(operators) => {
                let entries = operators
                    .entries()
                    .iter()
                    .flat_map(|(_, _, operator)| operator.entries());
                keys.extend(entries.map(|(key, _, _)| key.clone()));
            }
        }
    }
    let is_known = keys.iter().all(|key| !key.starts_with("Fn::"));
    is_known.then_some(keys)
}

fn federated(statement: Statement<'_>) -> Vec<&Node> {
    let principals = Possible::of(statement.get("Principal")).into_iter();
    let federated = principals.flat_map(|principal| principal.get("Federated"));
    let nodes = federated.flat_map(Possible::items).filter_map(|item| match item {
        Possible::Given(node) | Possible::Unknown(node) => Some(node),
        Possible::Absent => None,
    });
    nodes.collect()
}
