//! What an HTTP request asks for: which service, which action, for which region.
//!
//! The emulators each read a host name in their own way and get some of them wrong (a SageMaker host names its region
//! in the third place, an endpoint URL names none at all). So every request is brought into one form before a service
//! sees it: `https://SERVICE.REGION.amazonaws.com/PATH?QUERY`, for S3 with the bucket in the path, and with the body
//! as the caller meant it, not as it was chunked for the wire.

use bytes::Bytes;
use http::HeaderMap;
use winterbaume_core::MockRequest;

use super::reply::Protocol;

/// The services that the sandbox answers for, by the names that requests are signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Name {
    CloudFormation,
    DynamoDb,
    Ec2,
    Ecr,
    Ecs,
    Eks,
    Iam,
    Kms,
    /// The API server of a cluster.
    Kubernetes,
    /// What has no emulator; only stacks write into it.
    Ledger,
    Logs,
    /// Where images are pushed to and pulled from.
    Registry,
    S3,
    SageMaker,
    /// Application Auto Scaling.
    Scaling,
    /// EventBridge Scheduler.
    Scheduler,
    ServiceQuotas,
    Ssm,
    Sts,
}

impl Name {
    /// Every service.
    pub(crate) const ALL: [Name; 19] = [
        Name::CloudFormation,
        Name::DynamoDb,
        Name::Ec2,
        Name::Ecr,
        Name::Ecs,
        Name::Eks,
        Name::Iam,
        Name::Kms,
        Name::Kubernetes,
        Name::Ledger,
        Name::Logs,
        Name::Registry,
        Name::S3,
        Name::SageMaker,
        Name::Scaling,
        Name::Scheduler,
        Name::ServiceQuotas,
        Name::Ssm,
        Name::Sts,
    ];

    /// The name in a credential scope, which is also the file name of the persisted state.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Name::CloudFormation => "cloudformation",
            Name::DynamoDb => "dynamodb",
            Name::Ec2 => "ec2",
            Name::Ecr => "ecr",
            Name::Ecs => "ecs",
            Name::Eks => "eks",
            Name::Iam => "iam",
            Name::Kms => "kms",
            Name::Kubernetes => "kubernetes",
            Name::Ledger => "ledger",
            Name::Logs => "logs",
            Name::Registry => "registry",
            Name::S3 => "s3",
            Name::SageMaker => "sagemaker",
            Name::Scaling => "application-autoscaling",
            Name::Scheduler => "scheduler",
            Name::ServiceQuotas => "servicequotas",
            Name::Ssm => "ssm",
            Name::Sts => "sts",
        }
    }

    /// The service of that name; hosts use a few names of their own (`api.ecr`, `monitoring` is none of ours).
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut reachable = Self::ALL.into_iter().filter(|name| {
            // These are hosts of their own, and no request is signed with their names.
            !matches!(name, Name::Ledger | Name::Kubernetes | Name::Registry)
        });
        reachable.find(|name| name.as_str() == text)
    }

    /// How the service's errors and answers are written.
    pub(crate) fn protocol(self) -> Protocol {
        match self {
            Name::CloudFormation | Name::Iam | Name::Sts => Protocol::Query,
            Name::Ec2 => Protocol::Ec2,
            Name::S3 => Protocol::S3,
            Name::Eks | Name::Scheduler => Protocol::RestJson,
            Name::DynamoDb => Protocol::Json10,
            Name::Kubernetes => Protocol::Kubernetes,
            Name::Registry => Protocol::Registry,
            Name::Ecr
            | Name::Ecs
            | Name::Kms
            | Name::Ledger
            | Name::Logs
            | Name::SageMaker
            | Name::Scaling
            | Name::ServiceQuotas
            | Name::Ssm => Protocol::Json11,
        }
    }
}

/// A request in its one form.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) service: Name,
    pub(crate) region: String,
    /// The API action, such as `PutObject`.
    pub(crate) action: String,
    pub(crate) method: String,
    /// Lower case, without a port; empty for what the sandbox asks itself.
    pub(crate) host: String,
    /// Decoded; begins with a slash.
    pub(crate) path: String,
    /// Decoded, in order; a key without a value has an empty one.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The normalised address, for the emulators.
    uri: String,
}

impl Request {
    /// Reads an HTTP request; `home` is the region that is meant when the request names none.
    ///
    /// # Errors
    /// The service's name when it is not one of ours.
    pub(crate) fn read(raw: MockRequest, home: &str) -> Result<Self, String> {
        let (host, rest) = split_uri(&raw.uri, &raw.headers);
        let (path, query_text) = rest.split_once('?').unwrap_or((rest.as_str(), ""));
        let query = parse_query(query_text);
        let scope = scope(&raw.headers, &query);
        let host = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
        let service = service(scope.as_ref(), &host, &raw.headers)?;
        let region = scope.map_or_else(|| home.to_owned(), |(region, _)| region);
        let path = match (service, virtual_bucket(&host)) {
            (Name::S3, Some(bucket)) => format!("/{bucket}{path}"),
            _ => path.to_owned(),
        };
        let body = plain_body(&raw.headers, raw.body);
        let query_suffix = if query_text.is_empty() {
            String::new()
        } else {
            format!("?{query_text}")
        };
        let uri = format!("https://{}.{home}.amazonaws.com{path}{query_suffix}", service.as_str());
        let mut request = Self {
            service,
            region,
            action: String::new(),
            method: raw.method,
            host,
            path: decode(&path, false),
            query,
            headers: raw.headers,
            body,
            uri,
        };
        request.action = action(&request);
        Ok(request)
    }

    /// A request in the query protocol that the sandbox makes itself.
    pub(crate) fn query(service: Name, region: &str, action: &str, parameters: &[(String, String)]) -> Self {
        let mut body = format!("Action={}&Version=2016-11-15", encode(action));
        for (key, value) in parameters {
            body.push_str(&format!("&{}={}", encode(key), encode(value)));
        }
        Self::made(service, region, action, "POST", "/", body.into_bytes(), None)
    }

    /// A request in one of the JSON protocols that the sandbox makes itself.
    pub(crate) fn json(service: Name, region: &str, action: &str, body: &serde_json::Value) -> Self {
        let target = format!("Sandbox.{action}");
        Self::made(
            service,
            region,
            action,
            "POST",
            "/",
            body.to_string().into_bytes(),
            Some(&target),
        )
    }

    /// A REST request that the sandbox makes itself; `path` may carry a query.
    pub(crate) fn rest(service: Name, region: &str, method: &str, path: &str, body: Vec<u8>) -> Self {
        let mut request = Self::made(service, region, "", method, path, body, None);
        request.action = action(&request);
        request
    }

    fn made(
        service: Name,
        region: &str,
        action: &str,
        method: &str,
        path: &str,
        body: Vec<u8>,
        target: Option<&str>,
    ) -> Self {
        let mut headers = HeaderMap::new();
        if let Some(value) = target.and_then(|target| http::HeaderValue::from_str(target).ok()) {
            headers.insert("x-amz-target", value);
        }
        let (plain, query) = path.split_once('?').unwrap_or((path, ""));
        Self {
            service,
            region: region.to_owned(),
            action: action.to_owned(),
            method: method.to_owned(),
            host: String::new(),
            path: decode(plain, false),
            query: parse_query(query),
            headers,
            body: Bytes::from(body),
            uri: format!("https://{}.{region}.amazonaws.com{path}", service.as_str()),
        }
    }

    /// The value of a query parameter.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The parameters of a query-protocol request: those of the body, then those of the address.
    pub(crate) fn form(&self) -> Vec<(String, String)> {
        let mut form = parse_query(&String::from_utf8_lossy(&self.body));
        form.extend(self.query.iter().cloned());
        form
    }

    /// The request as the emulators take it.
    pub(crate) fn to_mock(&self) -> MockRequest {
        let body = if self.body.is_empty() && self.service.protocol().is_form() {
            // A presigned query request carries its parameters in the address; the emulators look in the body only.
            Bytes::from(
                self.uri
                    .split_once('?')
                    .map(|(_, query)| query.to_owned())
                    .unwrap_or_default(),
            )
        } else {
            self.body.clone()
        };
        MockRequest {
            method: self.method.clone(),
            uri: self.uri.clone(),
            headers: self.headers.clone(),
            body,
        }
    }
}

/// The name of the action that a request asks for.
fn action(request: &Request) -> String {
    match request.service {
        Name::Scheduler => super::scheduler::action(request),
        _ => super::action::of(request),
    }
}

/// The host and the rest of an address; a server sees only the rest, and the host in a header.
fn split_uri(uri: &str, headers: &HeaderMap) -> (String, String) {
    let from_header = || {
        headers
            .get(http::header::HOST)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    };
    let Some((_, after)) = uri.split_once("://") else {
        return (from_header(), uri.to_owned());
    };
    let cut = after.find(['/', '?']).unwrap_or(after.len());
    let (host, rest) = after.split_at(cut);
    let rest = if rest.starts_with('/') {
        rest.to_owned()
    } else {
        format!("/{rest}")
    };
    (host.to_owned(), rest)
}

/// Region and service of the signature, from the header or, when presigned, from the query.
fn scope(headers: &HeaderMap, query: &[(String, String)]) -> Option<(String, String)> {
    let header = headers
        .get(http::header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split_once("Credential="))
        .map(|(_, after)| after.split([',', ' ']).next().unwrap_or_default().to_owned());
    let credential = header.or_else(|| {
        query
            .iter()
            .find(|(key, _)| key == "X-Amz-Credential")
            .map(|(_, value)| value.clone())
    })?;
    let mut parts = credential.rsplit('/');
    let (_terminator, service, region) = (parts.next()?, parts.next()?, parts.next()?);
    Some((region.to_owned(), service.to_owned()))
}

fn service(scope: Option<&(String, String)>, host: &str, headers: &HeaderMap) -> Result<Name, String> {
    if host.contains(".dkr.ecr.") {
        return Ok(Name::Registry);
    }
    if host.ends_with(".eks.amazonaws.com") {
        return Ok(Name::Kubernetes);
    }
    if let Some((_, service)) = scope {
        return Name::parse(service).ok_or_else(|| service.clone());
    }
    if let Some(target) = headers.get("x-amz-target").and_then(|value| value.to_str().ok()) {
        let known = [
            ("DynamoDB_", Name::DynamoDb),
            ("AmazonEC2ContainerRegistry", Name::Ecr),
            ("AmazonEC2ContainerServiceV", Name::Ecs),
            ("SageMaker", Name::SageMaker),
            ("Logs_", Name::Logs),
            ("TrentService", Name::Kms),
            ("AmazonSSM", Name::Ssm),
            ("ServiceQuotas", Name::ServiceQuotas),
        ];
        if let Some((_, name)) = known.iter().find(|(prefix, _)| target.starts_with(prefix)) {
            return Ok(*name);
        }
    }
    if let Some(front) = host.strip_suffix(".amazonaws.com") {
        let labels: Vec<&str> = front.split('.').collect();
        if let Some(name) = labels.iter().rev().find_map(|label| Name::parse(label)) {
            return Ok(name);
        }
    }
    // Unsigned requests without any other mark are anonymous S3 requests; that is what AWS leaves unsigned.
    Ok(Name::S3)
}

/// The bucket in `BUCKET.s3.REGION.amazonaws.com`, `BUCKET.s3.amazonaws.com` or `BUCKET.localhost`.
fn virtual_bucket(host: &str) -> Option<&str> {
    if let Some(front) = host.strip_suffix(".amazonaws.com") {
        let at = front
            .rfind(".s3.")
            .or_else(|| front.rfind(".s3-"))
            .or_else(|| front.strip_suffix(".s3").map(str::len))?;
        return front.get(..at);
    }
    host.strip_suffix(".localhost")
        .map(|bucket| bucket.trim_end_matches(".s3"))
}

/// Undoes `aws-chunked`: `SIZE[;chunk-signature=…]\r\n DATA \r\n … 0\r\n trailers`.
fn plain_body(headers: &HeaderMap, body: Bytes) -> Bytes {
    let is = |name: &str, mark: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.contains(mark))
    };
    if !is("content-encoding", "aws-chunked") && !is("x-amz-content-sha256", "STREAMING-") {
        return body;
    }
    let mut plain = Vec::with_capacity(body.len());
    let mut rest: &[u8] = &body;
    while let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
        let (line, after) = (
            rest.get(..end).unwrap_or_default(),
            rest.get(end + 2..).unwrap_or_default(),
        );
        let size = String::from_utf8_lossy(line);
        let size = size.split(';').next().unwrap_or_default().trim();
        let Ok(size) = usize::from_str_radix(size, 16) else {
            return body;
        };
        if size == 0 {
            return Bytes::from(plain);
        }
        let Some(data) = after.get(..size) else { return body };
        plain.extend_from_slice(data);
        rest = after.get(size + 2..).unwrap_or_default();
    }
    body
}

/// Splits and decodes `a=b&c`.
pub(crate) fn parse_query(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            (decode(key, true), decode(value, true))
        })
        .collect()
}

/// Percent-decodes to UTF-8; `plus` says whether `+` is a space (in queries) or itself (in paths).
pub(crate) fn decode(text: &str, plus: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hex = text
            .get(at + 1..at + 3)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (byte, hex) {
            (b'%', Some(value)) => {
                out.push(value);
                at += 3;
            }
            (b'+', _) if plus => {
                out.push(b' ');
                at += 1;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Percent-encodes everything but unreserved characters.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
