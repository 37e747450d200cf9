//! Load balancers and distributions.

use super::super::possible::{Possible, boolean, text};
use super::super::rule::{Finding, Rule, Scope};
use super::super::subject::{Resource, once};
use crate::diagnostic::{Severity, codes};
use crate::template::Node;

const BALANCER: &[&str] = &["AWS::ElasticLoadBalancingV2::LoadBalancer"];
const LISTENER: &[&str] = &["AWS::ElasticLoadBalancingV2::Listener"];

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: codes::NO_BALANCER_LOG,
        id: "alb-access-log",
        severity: Severity::Warning,
        scope: Scope::Protected,
        reason: "without a log nobody can say afterwards who asked for what",
        fix: "set `access_logs.s3.enabled` to true and name a bucket in `access_logs.s3.bucket`",
        sources: &["FSBP ELB.5"],
        types: BALANCER,
        check: access_log,
    },
    Rule {
        code: codes::UNPROTECTED_BALANCER,
        id: "alb-deletion-protection",
        severity: Severity::Warning,
        scope: Scope::Protected,
        reason: "one wrong call and everything behind it is gone from the internet, its name included",
        fix: "set the attribute `deletion_protection.enabled` to true",
        sources: &["FSBP ELB.6"],
        types: BALANCER,
        check: deletion_protection,
    },
    Rule {
        code: codes::LISTENER_WITHOUT_TLS,
        id: "alb-tls",
        severity: Severity::Warning,
        scope: Scope::Everywhere,
        reason: "what goes over plain HTTP can be read and changed on its way, passwords and tokens included",
        fix: "listen with `HTTPS` and a certificate, and let port 80 redirect to it",
        sources: &["FSBP ELB.1", "FSBP ELB.18"],
        types: LISTENER,
        check: plain_listener,
    },
    Rule {
        code: codes::OLD_TLS,
        id: "alb-tls-policy",
        severity: Severity::Warning,
        scope: Scope::Everywhere,
        reason: "TLS 1.0 and 1.1 are broken, and no client of today needs them",
        fix: "set `SslPolicy` to `ELBSecurityPolicy-TLS13-1-2-2021-06`",
        sources: &["FSBP ELB.17"],
        types: LISTENER,
        check: old_tls,
    },
    Rule {
        code: codes::DISTRIBUTION_WITHOUT_TLS,
        id: "cloudfront-tls",
        severity: Severity::Warning,
        scope: Scope::Everywhere,
        reason: "what goes over plain HTTP can be read and changed on its way",
        fix: "set `ViewerProtocolPolicy` to `redirect-to-https`",
        sources: &["FSBP CloudFront.3"],
        types: &["AWS::CloudFront::Distribution"],
        check: plain_distribution,
    },
];

fn access_log(resource: &Resource<'_>) -> Vec<Finding> {
    // Network load balancers log only TLS listeners, gateway load balancers nothing.
    if !is_application(resource) {
        return Vec::new();
    }
    let message = format!("the load balancer `{}` does not log requests", resource.name);
    attribute(resource, "access_logs.s3.enabled", message)
}

fn deletion_protection(resource: &Resource<'_>) -> Vec<Finding> {
    let message = format!("the load balancer `{}` can be deleted by one call", resource.name);
    attribute(resource, "deletion_protection.enabled", message)
}

fn is_application(resource: &Resource<'_>) -> bool {
    resource.at(&["Type"]).iter().all(|place| match place {
        Possible::Absent => true,
        Possible::Given(node) => node.as_str() == Some("application"),
        Possible::Unknown(_) => false,
    })
}

/// A load balancer's attribute that has to be true; not given, it is false.
fn attribute(resource: &Resource<'_>, key: &str, message: String) -> Vec<Finding> {
    let attributes = resource.items(&["LoadBalancerAttributes"]);
    // A list, or a key in it, that only AWS knows may hold it.
    let is_unclear = |place: &Possible| match place {
        Possible::Given(node) => node.get("Key").is_none_or(|key| key.as_str().is_none()),
        _ => true,
    };
    let named = attributes.iter().filter_map(|place| place.given());
    let mut named = named.filter(|node| node.get("Key").and_then(Node::as_str) == Some(key));
    match named.next() {
        Some(attribute) => {
            let values = Possible::of(attribute.get("Value")).into_iter();
            let off = values
                .filter_map(Possible::given)
                .find(|node| boolean(node) == Some(false));
            off.map(|node| Finding::at(&node.span, message)).into_iter().collect()
        }
        None if attributes.iter().any(is_unclear) => Vec::new(),
        None => vec![Finding::at(resource.span, message).saying(format!("the attribute `{key}` is missing"))],
    }
}

fn plain_listener(resource: &Resource<'_>) -> Vec<Finding> {
    let protocols = resource.at(&["Protocol"]).into_iter().filter_map(Possible::given);
    let plain = protocols.filter(|node| node.as_str() == Some("HTTP"));
    // A listener that redirects serves nothing; one whose actions only AWS knows may.
    let redirects = resource.items(&["DefaultActions"]).iter().any(|action| match action {
        Possible::Given(action) => action
            .get("Type")
            .is_none_or(|kind| !matches!(kind.as_str(), Some("forward" | "fixed-response"))),
        _ => true,
    });
    if redirects {
        return Vec::new();
    }
    let message = format!("the listener `{}` takes requests without TLS", resource.name);
    once(plain.map(|node| Finding::at(&node.span, message.clone())))
}

/// The predefined policies that accept TLS 1.0 or 1.1 ("Security policies for your Application Load Balancer").
const OLD: &[&str] = &[
    "ELBSecurityPolicy-2015-05",
    "ELBSecurityPolicy-2016-08",
    "ELBSecurityPolicy-FS-1-1-2019-08",
    "ELBSecurityPolicy-FS-2018-06",
    "ELBSecurityPolicy-TLS-1-0-2015-04",
    "ELBSecurityPolicy-TLS-1-1-2017-01",
    "ELBSecurityPolicy-TLS13-1-0-2021-06",
    "ELBSecurityPolicy-TLS13-1-1-2021-06",
];

fn old_tls(resource: &Resource<'_>) -> Vec<Finding> {
    let policies = resource.at(&["SslPolicy"]).into_iter().filter_map(Possible::given);
    let old = policies.filter(|node| node.as_str().is_some_and(|name| OLD.contains(&name)));
    let message = format!("the listener `{}` accepts TLS 1.0 or 1.1", resource.name);
    once(old.map(|node| Finding::at(&node.span, message.clone())))
}

fn plain_distribution(resource: &Resource<'_>) -> Vec<Finding> {
    let behaviours = resource.items(&["DistributionConfig", "CacheBehaviors"]).into_iter();
    let behaviours = behaviours.chain(resource.at(&["DistributionConfig", "DefaultCacheBehavior"]));
    let policies = behaviours.flat_map(|behaviour| behaviour.get("ViewerProtocolPolicy"));
    let plain = policies.filter_map(Possible::given);
    let plain = plain.filter(|node| text(node).as_deref() == Some("allow-all"));
    let message = format!("the distribution `{}` answers plain HTTP", resource.name);
    once(plain.map(|node| Finding::at(&node.span, message.clone())))
}
