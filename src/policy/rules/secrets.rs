//! Secrets that stand in a template as text.

use super::super::possible::{Possible, text};
use super::super::rule::{Finding, Rule, Scope};
use super::super::subject::{Resource, once};
use crate::diagnostic::{Severity, codes};
use crate::template::Node;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: codes::LITERAL_SECRET,
        id: "secret-literal",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "everybody who can read the stack, the repository or the state reads it",
        fix: "refer to Secrets Manager, `{{resolve:secretsmanager:NAME}}`, or let AWS make it: `ManageMasterUserPassword: true`",
        sources: &[
            "AWS CloudFormation User Guide, Security best practices: Do not embed credentials in your templates",
        ],
        types: &[
            "AWS::RDS::DBInstance",
            "AWS::RDS::DBCluster",
            "AWS::DocDB::DBCluster",
            "AWS::Redshift::Cluster",
            "AWS::RedshiftServerless::Namespace",
            "AWS::ElastiCache::ReplicationGroup",
            "AWS::SecretsManager::Secret",
            "AWS::IAM::User",
            "AWS::AmazonMQ::Broker",
            "AWS::OpenSearchService::Domain",
        ],
        check: literal,
    },
    Rule {
        code: codes::SECRET_IN_ENVIRONMENT,
        id: "secret-in-environment",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "environment variables show in consoles, in descriptions and in crash reports",
        fix: "give the program a role, or the name of a secret to read; ECS takes `Secrets` in their place",
        sources: &["FSBP ECS.8", "FSBP CodeBuild.2"],
        types: &[
            "AWS::ECS::TaskDefinition",
            "AWS::Lambda::Function",
            "AWS::SageMaker::Model",
            "AWS::CodeBuild::Project",
        ],
        check: in_environment,
    },
];

fn literal(resource: &Resource<'_>) -> Vec<Finding> {
    let places = match resource.kind {
        "AWS::RedshiftServerless::Namespace" => resource.at(&["AdminUserPassword"]),
        "AWS::ElastiCache::ReplicationGroup" => resource.at(&["AuthToken"]),
        "AWS::SecretsManager::Secret" => resource.at(&["SecretString"]),
        "AWS::IAM::User" => resource.at(&["LoginProfile", "Password"]),
        "AWS::AmazonMQ::Broker" => {
            let users = resource.items(&["Users"]).into_iter();
            users.flat_map(|user| user.get("Password")).collect()
        }
        "AWS::OpenSearchService::Domain" => {
            resource.at(&["AdvancedSecurityOptions", "MasterUserOptions", "MasterUserPassword"])
        }
        _ => resource.at(&["MasterUserPassword"]),
    };
    let written = places.into_iter().filter_map(Possible::given);
    let written = written.filter(|node| text(node).is_some_and(|text| !text.is_empty()));
    once(written.map(|node| {
        let message = match resource.kind {
            "AWS::SecretsManager::Secret" => {
                format!("the text of the secret `{}` stands in the template", resource.name)
            }
            _ => format!("the password of `{}` stands in the template", resource.name),
        };
        let finding = Finding::at(&node.span, message);
        // It may be a placeholder that somebody overwrites after the deployment.
        if resource.kind == "AWS::SecretsManager::Secret" {
            finding.mild()
        } else {
            finding
        }
    }))
}

fn in_environment(resource: &Resource<'_>) -> Vec<Finding> {
    let variables = match resource.kind {
        "AWS::ECS::TaskDefinition" => {
            let containers = resource.items(&["ContainerDefinitions"]).into_iter();
            listed(containers.flat_map(|container| container.get("Environment")))
        }
        "AWS::CodeBuild::Project" => {
            let variables = resource.items(&["Environment", "EnvironmentVariables"]).into_iter();
            let plain = variables.filter(|variable| {
                // The value names a parameter or a secret if the type says so.
                variable.get("Type").iter().all(|kind| match kind {
                    Possible::Absent => true,
                    Possible::Given(node) => node.as_str() == Some("PLAINTEXT"),
                    Possible::Unknown(_) => false,
                })
            });
            listed(plain)
        }
        "AWS::SageMaker::Model" => {
            let containers = resource.items(&["Containers"]).into_iter();
            let containers = containers.chain(resource.at(&["PrimaryContainer"]));
            mapped(containers.flat_map(|container| container.get("Environment")))
        }
        _ => mapped(resource.at(&["Environment", "Variables"]).into_iter()),
    };
    let found = variables.into_iter().filter(|(name, value)| is_secret(name, value));
    once(found.map(|(name, value)| {
        let message = format!(
            "`{}` carries a secret in the environment variable `{name}`",
            resource.name
        );
        Finding::at(&value.span, message)
    }))
}

/// Variables as a list of `Name` and `Value`.
fn listed<'a>(lists: impl Iterator<Item = Possible<'a>>) -> Vec<(String, &'a Node)> {
    let variables = lists.flat_map(Possible::items).filter_map(Possible::given);
    variables
        .filter_map(|variable| {
            let name = variable.get("Name")?.as_str()?.to_owned();
            let value = Possible::of(variable.get("Value"))
                .into_iter()
                .find_map(Possible::given)?;
            Some((name, value))
        })
        .collect()
}

/// Variables as a mapping from name to value.
fn mapped<'a>(maps: impl Iterator<Item = Possible<'a>>) -> Vec<(String, &'a Node)> {
    let entries = maps.filter_map(Possible::given).flat_map(Node::entries);
    entries
        .filter_map(|(name, _, value)| {
            let value = Possible::of(Some(value)).into_iter().find_map(Possible::given)?;
            Some((name.clone(), value))
        })
        .collect()
}

/// Whether a variable is a secret: its name says so, and its value does not look like the name of one.
fn is_secret(name: &str, value: &Node) -> bool {
    const CERTAIN: [&str; 3] = ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "ECS_ENGINE_AUTH_DATA"];
    const ENDINGS: [&str; 6] = [
        "PASSWORD",
        "PASSWD",
        "CLIENT_SECRET",
        "SECRET_KEY",
        "API_KEY",
        "PRIVATE_KEY",
    ];
    let Some(text) = text(value).filter(|text| !text.is_empty()) else {
        return false;
    };
    let name = name.to_uppercase();
    let names_one = text.starts_with("arn:") || text.contains('/') || ["true", "false"].contains(&text.as_str());
    CERTAIN.contains(&name.as_str()) || (ENDINGS.iter().any(|ending| name.ends_with(ending)) && !names_one)
}
