//! Policies of resources that let everybody in.

use super::super::possible::Possible;
use super::super::rule::{Finding, Rule, Scope};
use super::super::statement::{Statement, statements};
use super::super::subject::{Resource, once};
use crate::diagnostic::{Severity, codes};

const FIX: &str = "name the accounts, roles or services under `Principal`, or add a condition on `aws:SourceAccount` or \
                   `aws:PrincipalOrgID`";

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: codes::OPEN_QUEUE,
        id: "sqs-public",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "everybody with an AWS account can read, fill or empty it",
        fix: FIX,
        sources: &["FSBP SQS.3"],
        types: &["AWS::SQS::QueuePolicy", "AWS::SQS::QueueInlinePolicy"],
        check: queue,
    },
    Rule {
        code: codes::OPEN_TOPIC,
        id: "sns-public",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "everybody with an AWS account can publish to it or listen to it",
        fix: FIX,
        sources: &["FSBP SNS.4"],
        types: &["AWS::SNS::TopicPolicy", "AWS::SNS::TopicInlinePolicy"],
        check: topic,
    },
    Rule {
        code: codes::OPEN_FUNCTION,
        id: "lambda-public",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "everybody with an AWS account can call it, at your cost and with its permissions",
        fix: "name the service under `Principal` and the resource that calls under `SourceArn`",
        sources: &["FSBP Lambda.1"],
        types: &["AWS::Lambda::Permission"],
        check: function,
    },
    Rule {
        code: codes::OPEN_SECRET,
        id: "secret-public",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "everybody with an AWS account and leave to use the key can read it",
        fix: FIX,
        sources: &["AWS Secrets Manager User Guide, Resource-based policies"],
        types: &["AWS::SecretsManager::ResourcePolicy"],
        check: secret,
    },
    Rule {
        code: codes::OPEN_REPOSITORY,
        id: "ecr-public",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "everybody with an AWS account can pull the images, or push what you will run",
        fix: FIX,
        sources: &["Amazon ECR User Guide, Private repository policies"],
        types: &["AWS::ECR::Repository", "AWS::ECR::RegistryPolicy"],
        check: repository,
    },
    Rule {
        code: codes::OPEN_KEY,
        id: "kms-public",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "everybody with an AWS account can use the key, so it keeps nothing from anybody",
        fix: "name the account under `Principal`: `arn:aws:iam::ACCOUNT:root`",
        sources: &["FSBP KMS.5"],
        types: &["AWS::KMS::Key"],
        check: key,
    },
];

fn queue(resource: &Resource<'_>) -> Vec<Finding> {
    open(resource, &["PolicyDocument"], "the queue")
}

fn topic(resource: &Resource<'_>) -> Vec<Finding> {
    open(resource, &["PolicyDocument"], "the topic")
}

fn secret(resource: &Resource<'_>) -> Vec<Finding> {
    open(resource, &["ResourcePolicy"], "the secret")
}

fn repository(resource: &Resource<'_>) -> Vec<Finding> {
    match resource.kind {
        "AWS::ECR::RegistryPolicy" => open(resource, &["PolicyText"], "the registry"),
        _ => open(resource, &["RepositoryPolicyText"], "the repository"),
    }
}

fn key(resource: &Resource<'_>) -> Vec<Finding> {
    open(resource, &["KeyPolicy"], "the key")
}

fn open(resource: &Resource<'_>, path: &[&str], what: &str) -> Vec<Finding> {
    let allowed = statements(resource, path).into_iter();
    let allowed = allowed.filter(|statement| statement.allows() && !statement.is_conditional());
    once(allowed.filter_map(Statement::everybody).map(|principal| {
        Finding::at(
            &principal.span,
            format!("`{}` opens {what} to everybody", resource.name),
        )
    }))
}

fn function(resource: &Resource<'_>) -> Vec<Finding> {
    let limits = [
        "SourceArn",
        "SourceAccount",
        "PrincipalOrgID",
        "EventSourceToken",
        "FunctionUrlAuthType",
    ];
    if limits.iter().any(|limit| !resource.lacks(&[limit])) {
        return Vec::new();
    }
    let principals = resource.at(&["Principal"]).into_iter().filter_map(Possible::given);
    let everybody = principals.filter(|principal| principal.as_str() == Some("*"));
    once(everybody.map(|principal| {
        Finding::at(
            &principal.span,
            format!("`{}` lets everybody call the function", resource.name),
        )
    }))
}
