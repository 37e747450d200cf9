//! Which cluster a request is for, and which of its images the account's registry does not hold. EKS knows which endpoints
//! there are, and ECR which images; the API servers themselves know neither.

use http::HeaderValue;
use serde_json::{Value, json};
use winterbaume_core::MockResponse;

use super::super::SandboxError;
use super::super::house::Desk;
use super::super::reply::ApiError;
use super::super::request::{Name, Request, encode};
use super::object::text;

const NAME: &str = "x-sandbox-cluster";
const VERSION: &str = "x-sandbox-version";
const THERE: &str = "x-sandbox-images";
const ABSENT: &str = "x-sandbox-absent-images";

/// The cluster that a request is for.
pub(super) struct Meant {
    pub(super) name: String,
    /// Of Kubernetes: `1.34`.
    pub(super) version: String,
    /// Images of the account's registry that the request names: those that are there, and those that are not.
    pub(super) there: Vec<String>,
    pub(super) absent: Vec<String>,
}

impl Meant {
    /// As [`answer`] has written it on the request.
    pub(super) fn read(request: &Request) -> Option<Self> {
        let images = |header: &str| {
            let listed = request.header(header).unwrap_or_default().split(' ');
            listed.filter(|image| !image.is_empty()).map(str::to_owned).collect()
        };
        Some(Self {
            name: request.header(NAME)?.to_owned(),
            version: request.header(VERSION)?.to_owned(),
            there: images(THERE),
            absent: images(ABSENT),
        })
    }
}

/// Has the API server answer that the request's host is the endpoint of. `making` are the clusters that do not answer yet.
pub(in super::super) fn answer(
    desk: &mut Desk<'_>,
    request: &Request,
    making: &[String],
) -> Result<MockResponse, SandboxError> {
    let cluster = cluster(desk, &request.host)?.filter(|cluster| !making.contains(&cluster.name));
    let Some(cluster) = cluster else {
        let message = format!("no cluster answers at {}", request.host);
        return Ok(ApiError::new(503, "ServiceUnavailable", message).to_response(request));
    };
    let (there, absent) = images(desk, request)?;
    let mut request = request.clone();
    let written = [
        (NAME, cluster.name),
        (VERSION, cluster.version),
        (THERE, there.join(" ")),
        (ABSENT, absent.join(" ")),
    ];
    for (header, value) in written {
        if let Ok(value) = HeaderValue::from_str(&value) {
            request.headers.insert(header, value);
        }
    }
    desk.send(&request)
}

/// Has everything forgotten that was in the cluster with this endpoint.
pub(in super::super) fn forget(desk: &mut Desk<'_>, endpoint: &str) -> Result<(), SandboxError> {
    if !desk.knows(Name::Kubernetes) {
        return Ok(());
    }
    let mut gone = Request::rest(Name::Kubernetes, &desk.context.region, "DELETE", "/", Vec::new());
    gone.host = host(endpoint);
    desk.send(&gone).map(|_| ())
}

fn host(endpoint: &str) -> String {
    let host = endpoint.trim_start_matches("https://").split(['/', ':']).next();
    host.unwrap_or_default().to_ascii_lowercase()
}

fn cluster(desk: &mut Desk<'_>, wanted: &str) -> Result<Option<Meant>, SandboxError> {
    let region = desk.context.region.clone();
    let mut ask = |path: &str| -> Result<Value, SandboxError> {
        let request = Request::rest(Name::Eks, &region, "GET", path, Vec::new());
        let answer = desk.send(&request)?;
        Ok(serde_json::from_slice(&answer.body).unwrap_or_default())
    };
    let names = ask("/clusters?maxResults=100")?;
    for name in super::object::list(&names, "/clusters")
        .iter()
        .filter_map(Value::as_str)
    {
        let described = ask(&format!("/clusters/{}", encode(name)))?;
        if host(text(&described, "/cluster/endpoint")) == wanted {
            return Ok(Some(Meant {
                name: name.to_owned(),
                version: text(&described, "/cluster/version").to_owned(),
                there: Vec::new(),
                absent: Vec::new(),
            }));
        }
    }
    Ok(None)
}

/// The images of the account's registry that a request names by their digests: those that ECR holds, and those that it
/// does not. None where the registry is outside of the sandbox.
fn images(desk: &mut Desk<'_>, request: &Request) -> Result<(Vec<String>, Vec<String>), SandboxError> {
    let (mut there, mut absent) = (Vec::new(), Vec::new());
    let context = desk.context.clone();
    let host = format!("{}.dkr.ecr.{}.amazonaws.com/", context.account, context.region);
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    if context.facts.registry().is_some() {
        return Ok((there, absent));
    }
    let mut named = Vec::new();
    collect(&body, &host, &mut named);
    for image in named {
        let found = image.strip_prefix(&host).and_then(|rest| rest.split_once('@'));
        let Some((repository, digest)) = found else { continue };
        // A tag beside the digest says nothing.
        let repository = repository.split(':').next().unwrap_or_default();
        let asked = json!({ "repositoryName": repository, "imageIds": [{ "imageDigest": digest }] });
        let answer = desk.send(&Request::json(Name::Ecr, &context.region, "BatchGetImage", &asked))?;
        let answer: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if super::object::list(&answer, "/images").is_empty() {
            absent.push(image);
        } else {
            there.push(image);
        }
    }
    Ok((there, absent))
}

/// All images of a registry that stand somewhere in an object.
fn collect(value: &Value, host: &str, named: &mut Vec<String>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                match value.as_str().filter(|image| key == "image" && image.starts_with(host)) {
                    Some(image) if !named.iter().any(|one| one == image) => named.push(image.to_owned()),
                    Some(_) => {}
                    None => collect(value, host, named),
                }
            }
        }
        Value::Array(elements) => elements.iter().for_each(|value| collect(value, host, named)),
        _ => {}
    }
}
