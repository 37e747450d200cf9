//! S3: who gets in, over what, and what is left of what was there.

use super::super::possible::{Possible, boolean};
use super::super::rule::{Finding, Rule, Scope};
use super::super::statement::{Statement, statements};
use super::super::subject::{Resource, once};
use crate::diagnostic::{Severity, codes};
use crate::template::Node;

const BUCKET: &str = "AWS::S3::Bucket";
const POLICY: &str = "AWS::S3::BucketPolicy";

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: codes::PUBLIC_BUCKET,
        id: "s3-public",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "what everybody can read or write is found by scanners within hours",
        fix: "name the accounts, roles or services that need it; serve the public through CloudFront",
        sources: &["FSBP S3.2", "FSBP S3.3"],
        types: &[BUCKET, POLICY],
        check: public,
    },
    Rule {
        code: codes::BUCKET_WITHOUT_ACCESS_BLOCK,
        id: "s3-public-access-block",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "the four switches hold even when a policy or an ACL is written wrongly later",
        fix: "set all four of `PublicAccessBlockConfiguration` to true",
        sources: &["FSBP S3.8", "CIS 2.1.4"],
        types: &[BUCKET],
        check: access_block,
    },
    Rule {
        code: codes::NO_ACCESS_LOG,
        id: "s3-access-logging",
        severity: Severity::Warning,
        scope: Scope::Everywhere,
        reason: "without a log nobody can say afterwards who read what",
        fix: "set `LoggingConfiguration` to a bucket for logs",
        sources: &["FSBP S3.9"],
        types: &[BUCKET],
        check: access_log,
    },
    Rule {
        code: codes::BUCKET_ENCRYPTION_UNSAID,
        id: "s3-encryption",
        severity: Severity::Warning,
        scope: Scope::Everywhere,
        reason: "unless told otherwise S3 takes its own key; which key it is should be somebody's decision",
        fix: "set `BucketEncryption` to `AES256` or `aws:kms`",
        sources: &["Amazon S3 User Guide, Setting default server-side encryption behavior"],
        types: &[BUCKET],
        check: encryption,
    },
    Rule {
        code: codes::BUCKET_WITHOUT_TLS,
        id: "s3-tls-only",
        severity: Severity::Warning,
        scope: Scope::Everywhere,
        reason: "S3 answers plain HTTP too, and what goes over it can be read and changed on its way",
        fix: "add a bucket policy that denies `s3:*` where `aws:SecureTransport` is false",
        sources: &["FSBP S3.5", "CIS 2.1.1"],
        types: &[BUCKET],
        check: tls_only,
    },
    Rule {
        code: codes::BUCKET_UNVERSIONED,
        id: "s3-versioning",
        severity: Severity::Warning,
        scope: Scope::Protected,
        reason: "without versions an overwritten or deleted object is gone at once",
        fix: "set `VersioningConfiguration.Status` to `Enabled`",
        sources: &["Security Hub S3.14"],
        types: &[BUCKET],
        check: versioning,
    },
];

fn public(resource: &Resource<'_>) -> Vec<Finding> {
    let name = resource.name;
    if resource.kind == BUCKET {
        let acls = resource.at(&["AccessControl"]).into_iter().filter_map(Possible::given);
        let open = ["PublicRead", "PublicReadWrite", "AuthenticatedRead"];
        let open = acls.filter(|acl| acl.as_str().is_some_and(|acl| open.contains(&acl)));
        return once(open.map(|acl| Finding::at(&acl.span, format!("the bucket `{name}` can be read by everybody"))));
    }
    let open = statements(resource, &["PolicyDocument"]).into_iter();
    let open = open.filter(|statement| statement.allows() && !statement.is_conditional());
    once(
        open.filter_map(Statement::everybody)
            .map(|principal| Finding::at(&principal.span, format!("`{name}` lets everybody into the bucket"))),
    )
}

fn access_block(resource: &Resource<'_>) -> Vec<Finding> {
    const BLOCK: &str = "PublicAccessBlockConfiguration";
    let name = resource.name;
    if resource.at(&[BLOCK]).contains(&Possible::Absent) {
        // S3 has blocked public access of new buckets by itself since April 2023; it should be said all the same.
        let message = format!("the bucket `{name}` does not say that it blocks public access");
        return vec![resource.missing(BLOCK, message).mild()];
    }
    let switches = [
        "BlockPublicAcls",
        "BlockPublicPolicy",
        "IgnorePublicAcls",
        "RestrictPublicBuckets",
    ];
    let off = switches.into_iter().flat_map(|switch| {
        let message = format!("the bucket `{name}` leaves `{switch}` off");
        let places = resource.at(&[BLOCK, switch]).into_iter();
        places.filter_map(move |place| match place {
            Possible::Absent => {
                let block = resource.at(&[BLOCK]).into_iter().find_map(Possible::given);
                let span = block.map_or(resource.span, |block| &block.span);
                Some(Finding::at(span, message.clone()).saying(format!("`{switch}` is missing")))
            }
            Possible::Given(node) if boolean(node) == Some(false) => Some(Finding::at(&node.span, message.clone())),
            _ => None,
        })
    });
    once(off)
}

fn access_log(resource: &Resource<'_>) -> Vec<Finding> {
    // A bucket that takes the logs of others would log its own logging.
    let takes_logs = resource
        .siblings(BUCKET)
        .filter(|other| other.name != resource.name)
        .any(|other| {
            let targets = other.at(&["LoggingConfiguration", "DestinationBucketName"]).into_iter();
            targets.flat_map(nodes).any(|target| refers(target, resource.name))
        });
    if takes_logs {
        return Vec::new();
    }
    let message = format!("the bucket `{}` does not log who reads it", resource.name);
    resource.must_have(&["LoggingConfiguration"], &message)
}

fn encryption(resource: &Resource<'_>) -> Vec<Finding> {
    let message = format!("the bucket `{}` does not say how it is encrypted", resource.name);
    resource.must_have(&["BucketEncryption"], &message)
}

/// Only a policy in the same template is seen; one that another stack attaches needs a waiver.
fn tls_only(resource: &Resource<'_>) -> Vec<Finding> {
    let own = resource.siblings(POLICY).filter(|policy| {
        let buckets = policy.at(&["Bucket"]).into_iter();
        let literal = |node: &Node| node.as_str().is_some_and(|name| resource.says(&["BucketName"], name));
        buckets
            .flat_map(nodes)
            .any(|bucket| refers(bucket, resource.name) || literal(bucket))
    });
    let refuses = |statement: &Statement| statement.denies() && is_about_transport(*statement);
    let mut policies = own.peekable();
    let label = if policies.peek().is_some() {
        "its policy refuses no request without TLS"
    } else {
        "it has no policy in this template"
    };
    if policies.any(|policy| statements(&policy, &["PolicyDocument"]).iter().any(refuses)) {
        return Vec::new();
    }
    let message = format!("the bucket `{}` answers requests without TLS", resource.name);
    vec![Finding::at(resource.span, message).saying(label)]
}

fn is_about_transport(statement: Statement<'_>) -> bool {
    let operators = statement.get("Condition").map(Node::entries).unwrap_or_default();
    let keys = operators.iter().flat_map(|(_, _, keys)| keys.entries());
    let mut keys = keys.map(|(key, _, _)| key.to_lowercase());
    keys.any(|key| key == "aws:securetransport" || key == "s3:tlsversion")
}

fn versioning(resource: &Resource<'_>) -> Vec<Finding> {
    let path = ["VersioningConfiguration", "Status"];
    let message = format!("the bucket `{}` keeps no old versions", resource.name);
    let places = resource.at(&path).into_iter();
    once(places.filter_map(|place| match place {
        Possible::Absent => Some(resource.missing(&path.join("."), message.clone())),
        Possible::Given(node) if node.as_str() == Some("Suspended") => Some(Finding::at(&node.span, message.clone())),
        _ => None,
    }))
}

fn nodes(place: Possible<'_>) -> Option<&Node> {
    match place {
        Possible::Given(node) | Possible::Unknown(node) => Some(node),
        Possible::Absent => None,
    }
}

fn refers(node: &Node, target: &str) -> bool {
    crate::template::intrinsic::references(node)
        .iter()
        .any(|reference| reference.target == target)
}
