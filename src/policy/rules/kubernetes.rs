//! EKS clusters.

use super::super::possible::{Possible, boolean};
use super::super::rule::{Finding, Rule, Scope};
use super::super::subject::{Absent, Resource, once};
use crate::diagnostic::{Severity, codes};

const CLUSTER: &[&str] = &["AWS::EKS::Cluster"];

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: codes::KUBERNETES_SECRETS_WITHOUT_KEY,
        id: "eks-secrets-key",
        severity: Severity::Warning,
        scope: Scope::Everywhere,
        reason: "without a key of the account nobody sees, or can take away, who decrypts the secrets; it cannot be removed \
                 later, and is easily given from the start",
        fix: "set `EncryptionConfig` for `secrets` with a key",
        sources: &["FSBP EKS.3"],
        types: CLUSTER,
        check: secrets_key,
    },
    Rule {
        code: codes::OPEN_KUBERNETES_API,
        id: "eks-public-endpoint",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "every flaw in the API server's authentication is then everybody's to use",
        fix: "set `EndpointPublicAccess` to false, or list the networks that need it under `PublicAccessCidrs`",
        sources: &["FSBP EKS.1"],
        types: CLUSTER,
        check: public_endpoint,
    },
    Rule {
        code: codes::NO_AUDIT_LOG,
        id: "eks-audit-log",
        severity: Severity::Warning,
        scope: Scope::Protected,
        reason: "without it nobody can say afterwards who did what in the cluster",
        fix: "list `audit` under `Logging.ClusterLogging.EnabledTypes`",
        sources: &["FSBP EKS.8"],
        types: CLUSTER,
        check: audit_log,
    },
    Rule {
        code: codes::UNPROTECTED_CLUSTER,
        id: "eks-deletion-protection",
        severity: Severity::Warning,
        scope: Scope::Protected,
        reason: "one wrong call and everything that runs on it stops",
        fix: "set `DeletionProtection` to true",
        sources: &["Amazon EKS User Guide, Protect EKS clusters from accidental deletion"],
        types: CLUSTER,
        check: deletion_protection,
    },
];

fn secrets_key(resource: &Resource<'_>) -> Vec<Finding> {
    let message = format!(
        "secrets of the cluster `{}` are encrypted with a key of EKS's own",
        resource.name
    );
    resource.must_have(&["EncryptionConfig"], &message)
}

fn public_endpoint(resource: &Resource<'_>) -> Vec<Finding> {
    const NETWORK: &str = "ResourcesVpcConfig";
    let message = format!(
        "the API of the cluster `{}` answers to the whole internet",
        resource.name
    );
    let is_public = resource
        .at(&[NETWORK, "EndpointPublicAccess"])
        .iter()
        .any(|place| match place {
            Possible::Absent => true,
            Possible::Given(node) => boolean(node) == Some(true),
            Possible::Unknown(_) => false,
        });
    if !is_public {
        return Vec::new();
    }
    if resource.at(&[NETWORK, "PublicAccessCidrs"]).contains(&Possible::Absent) {
        let property = "ResourcesVpcConfig.PublicAccessCidrs";
        return vec![resource.missing(property, message)];
    }
    let networks = resource.items(&[NETWORK, "PublicAccessCidrs"]).into_iter();
    let everywhere = networks
        .filter_map(Possible::given)
        .filter(|node| matches!(node.as_str(), Some("0.0.0.0/0" | "::/0")));
    once(everywhere.map(|node| Finding::at(&node.span, message.clone())))
}

fn audit_log(resource: &Resource<'_>) -> Vec<Finding> {
    let message = format!("the cluster `{}` does not log who did what", resource.name);
    let types = resource
        .items(&["Logging", "ClusterLogging", "EnabledTypes"])
        .into_iter();
    let types = types.flat_map(|entry| entry.get("Type"));
    let may_be_audit = |place: Possible| match place {
        Possible::Given(node) => node.as_str() == Some("audit"),
        Possible::Unknown(_) => true,
        Possible::Absent => false,
    };
    if types.into_iter().any(may_be_audit) {
        return Vec::new();
    }
    vec![Finding::at(resource.span, message).saying("`audit` is not among its logs")]
}

fn deletion_protection(resource: &Resource<'_>) -> Vec<Finding> {
    let message = format!("the cluster `{}` can be deleted by one call", resource.name);
    resource.must_be_on(&["DeletionProtection"], Absent::IsOff, &message)
}
