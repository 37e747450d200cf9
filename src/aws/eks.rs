//! EKS: which clusters there are, which Kubernetes versions, and what it takes to speak to the API of a cluster.

use std::time::{Duration, SystemTime};

use aws_credential_types::provider::ProvideCredentials;
use aws_sdk_eks::types::VersionStatus;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use base64::Engine;

use super::error::{AwsError, Kind};
use super::session::Session;
use crate::clock::Clock;
use crate::preflight::{ClusterVersion, Support};

/// The names of all clusters of the region.
pub async fn clusters(session: &Session) -> Result<Vec<String>, AwsError> {
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let page = session
            .eks()
            .list_clusters()
            .max_results(100)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| AwsError::of("EKS", "ListClusters", error))?;
        token = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        found.extend(page.clusters.unwrap_or_default());
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// The Kubernetes versions that EKS knows, with those that it no longer supports.
pub async fn versions(session: &Session) -> Result<Vec<ClusterVersion>, AwsError> {
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let page = session
            .eks()
            .describe_cluster_versions()
            .include_all(true)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| AwsError::of("EKS", "DescribeClusterVersions", error))?;
        token = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        for one in page.cluster_versions.unwrap_or_default() {
            let support = match one.version_status() {
                Some(VersionStatus::StandardSupport) => Support::Standard,
                Some(VersionStatus::ExtendedSupport) => Support::Extended,
                Some(VersionStatus::Unsupported) => Support::Ended,
                // A part of life that is new here is not one to judge: the version is offered.
                _ => Support::Standard,
            };
            let version = ClusterVersion {
                version: one.cluster_version.clone().unwrap_or_default(),
                support,
                standard_until: one.end_of_standard_support_date().and_then(day),
                extended_until: one.end_of_extended_support_date().and_then(day),
            };
            if !found
                .iter()
                .any(|known: &ClusterVersion| known.version == version.version)
            {
                found.push(version);
            }
        }
        if token.is_none() {
            return Ok(found);
        }
    }
}

fn day(at: &DateTime) -> Option<String> {
    at.fmt(Format::DateTime).ok()?.get(..10).map(str::to_owned)
}

/// A cluster, as far as one has to know it to speak to its API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// `CREATING`, `ACTIVE`, `DELETING`, `FAILED`, `UPDATING`, `PENDING`.
    pub status: String,
    /// The URL of the Kubernetes API; empty while it is being made.
    pub endpoint: String,
    /// The certificates against which the API's own is checked: PEM in base64.
    pub certificate_authority: String,
    /// When it was made, in seconds since 1970.
    pub created: Option<i64>,
    /// Whether the API answers outside of the VPC.
    pub is_public: bool,
    /// From where it answers, if it answers outside of the VPC.
    pub public_from: Vec<String>,
}

/// The cluster called `name`; none if there is none.
pub async fn describe(session: &Session, name: &str) -> Result<Option<Cluster>, AwsError> {
    let answer = session.eks().describe_cluster().name(name).send().await;
    let cluster = match answer.map_err(|error| AwsError::of("EKS", "DescribeCluster", error)) {
        Ok(answer) => answer.cluster,
        Err(error) if error.kind == Kind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(cluster.map(|cluster| {
        let network = cluster.resources_vpc_config();
        Cluster {
            name: name.to_owned(),
            status: cluster
                .status()
                .map_or("ACTIVE", aws_sdk_eks::types::ClusterStatus::as_str)
                .to_owned(),
            endpoint: cluster.endpoint().unwrap_or_default().to_owned(),
            certificate_authority: cluster
                .certificate_authority()
                .and_then(|authority| authority.data())
                .unwrap_or_default()
                .to_owned(),
            created: cluster.created_at().map(DateTime::secs),
            // An answer that does not say it is no reason to believe that it is private.
            is_public: network.is_none_or(|network| network.endpoint_public_access()),
            public_from: network.map_or_else(Vec::new, |network| network.public_access_cidrs().to_vec()),
        }
    }))
}

/// The ARNs of those who have an access entry of a cluster.
pub async fn access_entries(session: &Session, cluster: &str) -> Result<Vec<String>, AwsError> {
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let page = session
            .eks()
            .list_access_entries()
            .cluster_name(cluster)
            .max_results(100)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| AwsError::of("EKS", "ListAccessEntries", error))?;
        token = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        found.extend(page.access_entries.unwrap_or_default());
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// How long a cluster takes a token after it was made: 15 minutes from the time that stands in it, whatever it says of its
/// own end ("aws-iam-authenticator: API Authorization from Outside a Cluster").
pub const TOKEN_LASTS: Duration = Duration::from_secs(15 * 60);

/// A token for the API of `cluster`: a request to STS that says who we are, signed, and not sent. The cluster sends it.
///
/// # Errors
/// When there are no credentials.
pub async fn token(session: &Session, cluster: &str) -> Result<String, AwsError> {
    const FOR: (&str, &str) = ("STS", "GetCallerIdentity");
    let none = || AwsError {
        service: FOR.0,
        operation: FOR.1,
        code: None,
        message: "the session has no credentials".to_owned(),
        request_id: None,
        kind: Kind::NoCredentials,
    };
    let provider = session.config.credentials_provider().ok_or_else(none)?;
    let credentials = match Clock::real().timeout(CREDENTIALS, provider.provide_credentials()).await {
        Ok(given) => given.map_err(|error| AwsError::credentials(FOR.0, FOR.1, &error))?,
        Err(late) => return Err(AwsError::deadline(FOR.0, FOR.1, late.0)),
    };
    let identity = credentials.into();
    signed(&identity, &session.region, cluster, session.clock.wall().into()).map_err(|message| AwsError {
        message,
        kind: Kind::Other,
        ..none()
    })
}

/// How long credentials may take: they may come from an SSO portal or an instance's metadata service.
const CREDENTIALS: Duration = Duration::from_secs(30);

fn signed(identity: &Identity, region: &str, cluster: &str, now: SystemTime) -> Result<String, String> {
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(Duration::from_secs(60));
    let parameters = v4::SigningParams::builder()
        .identity(identity)
        .region(region)
        .name("sts")
        .time(now)
        .settings(settings)
        .build()
        .map_err(|error| error.to_string())?
        .into();
    let domain = match super::session::partition(region) {
        "aws-cn" => "amazonaws.com.cn",
        _ => "amazonaws.com",
    };
    let url = format!("https://sts.{region}.{domain}/?Action=GetCallerIdentity&Version=2011-06-15");
    // The header ties the request to this cluster: whoever gets hold of it cannot use it for another.
    let headers = [("x-k8s-aws-id", cluster)];
    let request = SignableRequest::new("GET", &url, headers.into_iter(), SignableBody::Bytes(&[]))
        .map_err(|error| error.to_string())?;
    let (instructions, _) = sign(request, &parameters)
        .map_err(|error| error.to_string())?
        .into_parts();
    let mut request = ::http::Request::builder()
        .uri(&url)
        .body(())
        .map_err(|error| error.to_string())?;
    instructions.apply_to_request_http1x(&mut request);
    let encoded = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(request.uri().to_string());
    Ok(format!("k8s-aws-v1.{encoded}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// What the authenticator of a cluster takes out of a token ("aws-iam-authenticator", `pkg/token`): the host, and the
    /// parameters of the request that it is going to send.
    fn opened(token: &str) -> (String, BTreeMap<String, String>) {
        let encoded = token.strip_prefix("k8s-aws-v1.").expect("the prefix");
        assert!(!encoded.contains('='), "the authenticator takes no padding");
        let url = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(encoded)
            .unwrap();
        let url: ::http::Uri = String::from_utf8(url).unwrap().parse().unwrap();
        assert_eq!((url.scheme_str(), url.path()), (Some("https"), "/"));
        let parameters = url
            .query()
            .unwrap()
            .split('&')
            .map(|pair| pair.split_once('=').unwrap())
            .map(|(key, value)| (key.to_lowercase(), value.replace("%2F", "/").replace("%3B", ";")))
            .collect();
        (url.host().unwrap().to_owned(), parameters)
    }

    fn token_of(session_token: Option<&str>, region: &str) -> String {
        let credentials = aws_credential_types::Credentials::new(
            "AKIDEXAMPLE",
            "secret",
            session_token.map(str::to_owned),
            None,
            "test",
        );
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        signed(&credentials.into(), region, "shop-dev-cluster", now).unwrap()
    }

    #[test]
    fn a_token_is_what_the_authenticator_of_a_cluster_takes() {
        let (host, parameters) = opened(&token_of(None, "eu-central-1"));
        assert_eq!(host, "sts.eu-central-1.amazonaws.com");
        assert_eq!(parameters["action"], "GetCallerIdentity");
        assert_eq!(parameters["version"], "2011-06-15");
        assert_eq!(parameters["x-amz-expires"], "60");
        assert_eq!(parameters["x-amz-signedheaders"], "host;x-k8s-aws-id");
        assert_eq!(parameters["x-amz-algorithm"], "AWS4-HMAC-SHA256");
        assert_eq!(parameters["x-amz-date"], "20270115T080000Z");
        assert_eq!(
            parameters["x-amz-credential"],
            "AKIDEXAMPLE/20270115/eu-central-1/sts/aws4_request"
        );
        assert_eq!(parameters["x-amz-signature"].len(), 64);
        // The authenticator refuses every parameter that it does not know.
        assert_eq!(parameters.len(), 8, "{parameters:?}");
    }

    #[test]
    fn a_token_of_a_role_carries_its_session_and_is_for_its_own_partition() {
        let (host, parameters) = opened(&token_of(Some("session+token"), "cn-north-1"));
        assert_eq!(host, "sts.cn-north-1.amazonaws.com.cn");
        assert_eq!(parameters["x-amz-security-token"], "session%2Btoken");
        let (host, _) = opened(&token_of(None, "us-gov-west-1"));
        assert_eq!(host, "sts.us-gov-west-1.amazonaws.com");
    }

    #[test]
    fn another_cluster_is_another_signature() {
        let credentials: Identity = aws_credential_types::Credentials::new("AKID", "secret", None, None, "test").into();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let of = |cluster| signed(&credentials, "us-east-1", cluster, now).unwrap();
        assert_ne!(of("shop-dev-cluster"), of("shop-prod-cluster"));
        assert_eq!(of("shop-dev-cluster"), of("shop-dev-cluster"));
    }
}
