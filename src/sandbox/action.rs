//! The name of the API action that a request asks for, also where a service writes it as a method and a path.

use super::reply::Protocol;
use super::request::{Name, Request};

/// The action's name, as in the service's API reference; `Unknown` when nothing tells it.
pub(crate) fn of(request: &Request) -> String {
    match request.service.protocol() {
        Protocol::Query | Protocol::Ec2 => request
            .form()
            .into_iter()
            .find(|(key, _)| key == "Action")
            .map_or_else(|| "Unknown".to_owned(), |(_, action)| action),
        Protocol::Json10 | Protocol::Json11 => request
            .header("x-amz-target")
            .and_then(|target| target.rsplit('.').next())
            .unwrap_or("Unknown")
            .to_owned(),
        Protocol::S3 => s3(request),
        Protocol::RestJson => eks(request),
        // Neither names its actions: faults are told by method and path.
        Protocol::Kubernetes | Protocol::Registry => format!("{} {}", request.method, request.path),
    }
}

/// Whether an action only looks.
pub(crate) fn reads_only(service: Name, method: &str, action: &str) -> bool {
    if matches!(service, Name::S3 | Name::Eks | Name::Kubernetes | Name::Registry) {
        return matches!(method, "GET" | "HEAD");
    }
    const LOOKING: [&str; 11] = [
        "Get", "Describe", "List", "BatchGet", "Query", "Scan", "Head", "Validate", "Estimate", "Simulate", "Search",
    ];
    LOOKING.iter().any(|prefix| action.starts_with(prefix))
}

/// Sub-resources of a bucket or an object, and what the action is called after its verb.
const S3_PARTS: [(&str, &str, &str); 15] = [
    ("acl", "BucketAcl", "ObjectAcl"),
    ("cors", "BucketCors", ""),
    ("encryption", "BucketEncryption", ""),
    ("lifecycle", "BucketLifecycleConfiguration", ""),
    ("location", "BucketLocation", ""),
    ("logging", "BucketLogging", ""),
    ("notification", "BucketNotificationConfiguration", ""),
    ("ownershipControls", "BucketOwnershipControls", ""),
    ("policy", "BucketPolicy", ""),
    ("policyStatus", "BucketPolicyStatus", ""),
    ("publicAccessBlock", "PublicAccessBlock", ""),
    ("replication", "BucketReplication", ""),
    ("tagging", "BucketTagging", "ObjectTagging"),
    ("versioning", "BucketVersioning", ""),
    ("website", "BucketWebsite", ""),
];

fn s3(request: &Request) -> String {
    let trimmed = request.path.trim_start_matches('/');
    let (bucket, key) = trimmed.split_once('/').unwrap_or((trimmed, ""));
    let has = |name: &str| request.query.iter().any(|(key, _)| key == name);
    let verb = match request.method.as_str() {
        "GET" => "Get",
        "PUT" => "Put",
        "DELETE" => "Delete",
        "HEAD" => "Head",
        _ => "Post",
    };
    if let Some((_, of_bucket, of_object)) = S3_PARTS.iter().find(|(name, ..)| has(name)) {
        return format!("{verb}{}", if key.is_empty() { of_bucket } else { of_object });
    }
    let name = match (verb, bucket.is_empty(), key.is_empty()) {
        ("Get", true, _) => "ListBuckets",
        ("Get", _, true) if has("versions") => "ListObjectVersions",
        ("Get", _, true) if has("uploads") => "ListMultipartUploads",
        ("Get", _, true) if has("list-type") => "ListObjectsV2",
        ("Get", _, true) => "ListObjects",
        ("Post", _, true) if has("delete") => "DeleteObjects",
        ("Put", _, true) => "CreateBucket",
        ("Head", _, true) => "HeadBucket",
        ("Delete", _, true) => "DeleteBucket",
        ("Post", _, false) if has("uploads") => "CreateMultipartUpload",
        ("Post", _, false) if has("uploadId") => "CompleteMultipartUpload",
        ("Put", _, false) if has("partNumber") => "UploadPart",
        ("Delete", _, false) if has("uploadId") => "AbortMultipartUpload",
        ("Put", _, false) if request.headers.contains_key("x-amz-copy-source") => "CopyObject",
        ("Get", _, false) => "GetObject",
        ("Put", _, false) => "PutObject",
        ("Head", _, false) => "HeadObject",
        ("Delete", _, false) => "DeleteObject",
        _ => "Unknown",
    };
    name.to_owned()
}

/// The collections of EKS: path segment, singular, plural.
const EKS_KINDS: [(&str, &str, &str); 7] = [
    ("node-groups", "Nodegroup", "Nodegroups"),
    ("addons", "Addon", "Addons"),
    ("fargate-profiles", "FargateProfile", "FargateProfiles"),
    ("access-entries", "AccessEntry", "AccessEntries"),
    (
        "pod-identity-associations",
        "PodIdentityAssociation",
        "PodIdentityAssociations",
    ),
    ("updates", "Update", "Updates"),
    ("access-policies", "AccessPolicy", "AssociatedAccessPolicies"),
];

fn eks(request: &Request) -> String {
    let segments: Vec<&str> = request.path.split('/').filter(|part| !part.is_empty()).collect();
    let method = request.method.as_str();
    let (kind, named) = match segments.as_slice() {
        ["cluster-versions"] => return "DescribeClusterVersions".to_owned(),
        ["clusters"] => (("Cluster", "Clusters"), false),
        ["clusters", _] => (("Cluster", "Clusters"), true),
        ["clusters", _, "update-config"] => return "UpdateClusterConfig".to_owned(),
        ["clusters", _, "updates"] if method == "POST" => return "UpdateClusterVersion".to_owned(),
        ["clusters", _, "node-groups", _, "update-config"] => return "UpdateNodegroupConfig".to_owned(),
        ["clusters", _, "node-groups", _, "update-version"] => return "UpdateNodegroupVersion".to_owned(),
        ["tags", ..] => {
            return match method {
                "GET" => "ListTagsForResource",
                "DELETE" => "UntagResource",
                _ => "TagResource",
            }
            .to_owned();
        }
        ["clusters", _, kind] => (eks_kind(kind), false),
        ["clusters", _, kind, _, ..] => (eks_kind(kind), true),
        _ => return "Unknown".to_owned(),
    };
    match (method, named) {
        ("GET", false) => format!("List{}", kind.1),
        ("GET", true) => format!("Describe{}", kind.0),
        ("DELETE", _) => format!("Delete{}", kind.0),
        (_, false) => format!("Create{}", kind.0),
        (_, true) => format!("Update{}", kind.0),
    }
}

fn eks_kind(segment: &str) -> (&'static str, &'static str) {
    EKS_KINDS
        .iter()
        .find(|(path, ..)| *path == segment)
        .map_or(("Unknown", "Unknown"), |(_, one, many)| (one, many))
}
