//! Which cluster a request is for. EKS knows which endpoints there are; the API servers themselves know no names.

use http::HeaderValue;
use serde_json::Value;
use winterbaume_core::MockResponse;

use super::super::SandboxError;
use super::super::house::Desk;
use super::super::reply::ApiError;
use super::super::request::{Name, Request, encode};
use super::object::text;

const NAME: &str = "x-sandbox-cluster";
const VERSION: &str = "x-sandbox-version";

/// The cluster that a request is for.
pub(super) struct Meant {
    pub(super) name: String,
    /// Of Kubernetes: `1.34`.
    pub(super) version: String,
}

impl Meant {
    /// As [`answer`] has written it on the request.
    pub(super) fn read(request: &Request) -> Option<Self> {
        Some(Self {
            name: request.header(NAME)?.to_owned(),
            version: request.header(VERSION)?.to_owned(),
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
    let mut request = request.clone();
    for (header, value) in [(NAME, cluster.name), (VERSION, cluster.version)] {
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
            }));
        }
    }
    Ok(None)
}
