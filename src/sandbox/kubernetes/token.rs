//! Who is asking: a token of EKS is a presigned request to STS.
//!
//! aws-iam-authenticator, "API Authorization from Outside a Cluster": `k8s-aws-v1.` and the address in base64url without
//! padding; GetCallerIdentity, at a host of STS, signed with the header `x-k8s-aws-id`, valid for 15 minutes at most. What is
//! signed is not checked here, as nowhere in the sandbox, and so neither is the name of the cluster, which is in that header.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::super::request::{Request, decode, parse_query};

/// The longest that an address of a token may say it is valid, in seconds.
const LONGEST: u32 = 900;

/// Why the one who asks is not let in, if not.
pub(super) fn refusal(request: &Request) -> Option<&'static str> {
    let Some(token) = request
        .header("authorization")
        .and_then(|header| header.strip_prefix("Bearer "))
    else {
        return Some("there is no bearer token");
    };
    let Some(encoded) = token.trim().strip_prefix("k8s-aws-v1.") else {
        return Some("token is missing expected \"k8s-aws-v1.\" prefix");
    };
    let Some(address) = URL_SAFE_NO_PAD
        .decode(encoded)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
    else {
        return Some("the token is not base64url without padding");
    };
    let Some((host, rest)) = address.strip_prefix("https://").and_then(|rest| rest.split_once('/')) else {
        return Some("unexpected scheme or path in pre-signed URL");
    };
    let is_sts = host
        .split('.')
        .next()
        .is_some_and(|first| first == "sts" || first == "sts-fips");
    if !is_sts || !host.contains(".amazonaws.com") {
        return Some("unexpected hostname in pre-signed URL");
    }
    let Some(query) = rest.strip_prefix('?') else {
        return Some("unexpected path in pre-signed URL");
    };
    let query = parse_query(query);
    let value = |wanted: &str| {
        let mut found = query.iter().filter(|(key, _)| key.eq_ignore_ascii_case(wanted));
        found.next().map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    if value("Action") != "GetCallerIdentity" {
        return Some("unexpected action parameter in pre-signed URL");
    }
    let signed = decode(value("X-Amz-SignedHeaders"), false);
    if !["host", "x-k8s-aws-id"]
        .iter()
        .all(|header| signed.split(';').any(|one| one == *header))
    {
        return Some("client did not sign the x-k8s-aws-id header in the pre-signed URL");
    }
    if !value("X-Amz-Expires")
        .parse::<u32>()
        .is_ok_and(|seconds| seconds <= LONGEST)
    {
        return Some("invalid X-Amz-Expires parameter in pre-signed URL");
    }
    let complete = ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Signature"];
    if complete.iter().any(|parameter| value(parameter).is_empty()) {
        return Some("the pre-signed URL is not signed");
    }
    None
}
