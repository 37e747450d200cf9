//! OpenSearch and Elasticsearch domains.

use super::super::possible::{Possible, boolean};
use super::super::rule::{Finding, Rule, Scope};
use super::super::statement::{Statement, statements};
use super::super::subject::{Absent, Resource, once};
use crate::diagnostic::{Severity, codes};

const DOMAIN: &[&str] = &["AWS::OpenSearchService::Domain", "AWS::Elasticsearch::Domain"];

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: codes::UNENCRYPTED_SEARCH,
        id: "opensearch-encryption",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "indexes are copies of the data, on disk and between nodes",
        fix: "set `EncryptionAtRestOptions.Enabled` and `NodeToNodeEncryptionOptions.Enabled` to true",
        sources: &["FSBP Opensearch.1", "FSBP Opensearch.3", "FSBP ES.1", "FSBP ES.3"],
        types: DOMAIN,
        check: encryption,
    },
    Rule {
        code: codes::SEARCH_WITHOUT_TLS,
        id: "opensearch-tls",
        severity: Severity::Warning,
        scope: Scope::Everywhere,
        reason: "what goes over plain HTTP or an old version of TLS can be read on its way",
        fix: "set `DomainEndpointOptions.EnforceHTTPS` to true and `TLSSecurityPolicy` to `Policy-Min-TLS-1-2-PFS-2023-10`",
        sources: &["FSBP Opensearch.8", "FSBP ES.8"],
        types: DOMAIN,
        check: tls,
    },
    Rule {
        code: codes::OPEN_SEARCH_DOMAIN,
        id: "opensearch-public",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "everybody on the internet can read and delete the indexes",
        fix: "put it into a VPC with `VPCOptions`, or name who may use it under `AccessPolicies`",
        sources: &["FSBP Opensearch.2", "FSBP ES.2"],
        types: DOMAIN,
        check: public,
    },
];

fn encryption(resource: &Resource<'_>) -> Vec<Finding> {
    let name = resource.name;
    let at_rest = format!("the search domain `{name}` is not encrypted at rest");
    let between = format!("nodes of the search domain `{name}` talk in clear text");
    let mut found = resource.must_be_on(&["EncryptionAtRestOptions", "Enabled"], Absent::IsOff, &at_rest);
    found.extend(resource.must_be_on(&["NodeToNodeEncryptionOptions", "Enabled"], Absent::IsOff, &between));
    found
}

fn tls(resource: &Resource<'_>) -> Vec<Finding> {
    const OPTIONS: &str = "DomainEndpointOptions";
    let name = resource.name;
    let plain = format!("the search domain `{name}` answers plain HTTP");
    let mut found = resource.must_be_on(&[OPTIONS, "EnforceHTTPS"], Absent::IsOff, &plain);
    let policies = resource
        .at(&[OPTIONS, "TLSSecurityPolicy"])
        .into_iter()
        .filter_map(Possible::given);
    let old = policies.filter(|node| node.as_str() == Some("Policy-Min-TLS-1-0-2019-07"));
    found.extend(old.map(|node| {
        let message = format!("the search domain `{name}` accepts TLS 1.0");
        Finding::at(&node.span, message)
    }));
    once(found)
}

fn public(resource: &Resource<'_>) -> Vec<Finding> {
    let has_users = resource
        .at(&["AdvancedSecurityOptions", "Enabled"])
        .iter()
        .any(|place| match place {
            Possible::Given(node) => boolean(node) == Some(true),
            Possible::Unknown(_) => true,
            Possible::Absent => false,
        });
    if !resource.lacks(&["VPCOptions"]) || has_users {
        return Vec::new();
    }
    let open = statements(resource, &["AccessPolicies"]).into_iter();
    let open = open.filter(|statement| statement.allows() && !statement.is_conditional());
    once(open.filter_map(Statement::everybody).map(|principal| {
        Finding::at(
            &principal.span,
            format!("the search domain `{}` is open to everybody", resource.name),
        )
    }))
}
