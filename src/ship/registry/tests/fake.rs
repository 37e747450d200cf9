//! A registry behind the HTTP seam that can be told to misbehave as real ones do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::BodyExt;

use crate::aws::http::{Body, Http, HttpError, body};
use crate::ship::registry::manifest::digest_of;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mischief {
    /// Answered with this, without a thought.
    Status(u16),
    /// 429 with `Retry-After` of so many seconds.
    Busy(u64),
    /// The login has expired, in ECR's way (403) and in that of everybody else (401).
    Expired(u16),
    /// The connection closes when half of the body has come.
    CloseHalfway,
    /// The work is done, and the connection closes before the answer.
    LoseAnswer,
    /// Half of the body is lost, and nobody says so until the digest is looked at.
    Truncate,
}

#[derive(Default)]
pub(super) struct World {
    pub(super) blobs: BTreeMap<(String, String), Bytes>,
    pub(super) manifests: BTreeMap<String, (String, Bytes)>,
    pub(super) tags: BTreeMap<String, String>,
    /// Every request: method, path and query.
    pub(super) log: Vec<String>,
    /// Requests that carried an `authorization` to another host.
    pub(super) leaked: Vec<String>,
    expired: BTreeSet<String>,
    planned: Vec<(Method, &'static str, Mischief, u32)>,
    sessions: u32,
    pub(super) immutable: bool,
    pub(super) mounts: bool,
    /// Sessions are at addresses that begin with this, if not at the registry itself.
    pub(super) uploads_at: Option<&'static str>,
    /// What is given in place of the manifest that was put.
    pub(super) forges: bool,
    /// A layer that is said to be there until a manifest wants it.
    pub(super) phantom: Option<String>,
    /// Nobody is let in.
    pub(super) closed: bool,
}

#[derive(Clone, Default)]
pub(super) struct Fake(Arc<Mutex<World>>);

impl Fake {
    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    /// The next `times` requests of `method` whose path contains `part` go wrong.
    pub(super) fn plan(&self, method: Method, part: &'static str, mischief: Mischief, times: u32) {
        self.world().planned.push((method, part, mischief, times));
    }

    pub(super) fn http(&self) -> Http {
        let fake = self.clone();
        Http::answered(move |request| fake.clone().answer(request))
    }

    pub(super) fn count(&self, method: &str, part: &str) -> usize {
        let world = self.world();
        let asked = world.log.iter();
        asked
            .filter(|line| line.starts_with(&format!("{method} ")) && line.contains(part))
            .count()
    }

    fn answer(self, request: Request<Body>) -> BoxFuture<'static, Result<Response<Body>, HttpError>> {
        Box::pin(async move {
            let (parts, sent) = request.into_parts();
            let mischief = self.begin(&parts.method, &parts.uri, &parts.headers);
            let declared: Option<usize> = parts
                .headers
                .get("content-length")
                .map(|value| value.to_str().unwrap().parse().unwrap());
            let got = match mischief {
                Some(Mischief::CloseHalfway) => {
                    half(sent, declared.unwrap_or(0)).await;
                    return Err("connection closed before message completed".into());
                }
                _ => sent.collect().await?.to_bytes(),
            };
            if matches!(parts.method, Method::PUT) {
                assert_eq!(declared, Some(got.len()), "a body comes whole, with its length");
            }
            let mut world = self.world();
            let answered = world.handle(&parts.method, &parts.uri, &parts.headers, got, mischief);
            match mischief {
                Some(Mischief::LoseAnswer) => Err("connection closed before message completed".into()),
                _ => Ok(answered),
            }
        })
    }

    fn begin(&self, method: &Method, uri: &http::Uri, headers: &HeaderMap) -> Option<Mischief> {
        let mut world = self.world();
        world.log.push(format!("{method} {}", uri.path_and_query().unwrap()));
        if !uri.host().unwrap().ends_with("amazonaws.com") && headers.contains_key("authorization") {
            world.leaked.push(uri.to_string());
        }
        let path = uri.path().to_owned();
        let found = world
            .planned
            .iter_mut()
            .find(|(of, part, _, left)| *of == *method && *left > 0 && path.contains(part))?;
        found.3 -= 1;
        Some(found.2)
    }
}

impl World {
    fn handle(
        &mut self,
        method: &Method,
        uri: &http::Uri,
        headers: &HeaderMap,
        got: Bytes,
        mischief: Option<Mischief>,
    ) -> Response<Body> {
        let elsewhere = self.uploads_at.is_some_and(|at| at.contains(uri.host().unwrap()));
        let login = headers
            .get("authorization")
            .map(|value| value.to_str().unwrap().to_owned());
        if self.closed {
            return error(
                403,
                "DENIED",
                "User is not authorized to perform: ecr:InitiateLayerUpload",
            );
        }
        match (&login, mischief) {
            _ if elsewhere => {}
            (Some(login), Some(Mischief::Expired(status))) => {
                self.expired.insert(login.clone());
                let message = "Your authorization token has expired. Reauthenticate and try again.";
                return error(status, "DENIED", message);
            }
            (Some(login), _) if !self.expired.contains(login) => {}
            _ => {
                let mut refused = error(401, "UNAUTHORIZED", "no basic auth credentials");
                refused
                    .headers_mut()
                    .insert("www-authenticate", "Basic realm=\"ecr\"".parse().unwrap());
                return refused;
            }
        }
        match mischief {
            Some(Mischief::Status(status)) => return error(status, "UNKNOWN", "something is wrong"),
            Some(Mischief::Busy(seconds)) => {
                let mut busy = error(429, "TOOMANYREQUESTS", "Rate exceeded");
                busy.headers_mut()
                    .insert("retry-after", seconds.to_string().parse().unwrap());
                return busy;
            }
            _ => {}
        }
        let got = match mischief {
            Some(Mischief::Truncate) => got.slice(..got.len() / 2),
            _ => got,
        };
        self.served(method, uri, headers, got)
    }

    fn served(&mut self, method: &Method, uri: &http::Uri, headers: &HeaderMap, got: Bytes) -> Response<Body> {
        let path = uri.path().trim_start_matches("/v2/").to_owned();
        let query: BTreeMap<String, String> = uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        if let Some((name, session)) = path.split_once("/blobs/uploads/") {
            let name = name.to_owned();
            if *method == Method::POST {
                if let (true, Some(digest), Some(from)) = (self.mounts, query.get("mount"), query.get("from")) {
                    let bytes = self.blobs[&(from.clone(), digest.clone())].clone();
                    self.blobs.insert((name, digest.clone()), bytes);
                    return plain(201);
                }
                self.sessions += 1;
                let at = self.uploads_at.unwrap_or_default();
                let location = format!("{at}/v2/{name}/blobs/uploads/{}?state=x", self.sessions);
                return with(plain(202), "location", &location);
            }
            assert_eq!(*method, Method::PUT, "no upload comes in chunks");
            assert!(!session.is_empty());
            let wanted = query["digest"].clone();
            if digest_of(&got) != wanted {
                return error(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
            }
            self.blobs.insert((name, wanted), got);
            return plain(201);
        }
        if let Some((name, digest)) = path.split_once("/blobs/") {
            let found = self.blobs.get(&(name.to_owned(), digest.to_owned())).cloned();
            if self.phantom.as_deref() == Some(digest) {
                return plain(200);
            }
            return match found {
                Some(bytes) => {
                    let length = bytes.len().to_string();
                    let mut answer = with(plain(200), "content-length", &length);
                    if *method == Method::GET {
                        *answer.body_mut() = body(bytes);
                    }
                    answer
                }
                None => error(404, "BLOB_UNKNOWN", "blob unknown to registry"),
            };
        }
        let (name, reference) = path.split_once("/manifests/").unwrap();
        if *method == Method::PUT {
            return self.put_manifest(name, reference, headers, got);
        }
        let digest = self.tags.get(reference).map_or(reference, String::as_str);
        match self.manifests.get(digest) {
            Some((kind, _)) if self.forges => with(with_body("{\"config\":null}"), "content-type", kind),
            Some((kind, text)) => with(with_body(text.clone()), "content-type", kind),
            None => error(404, "MANIFEST_UNKNOWN", "Requested image not found"),
        }
    }

    fn put_manifest(&mut self, name: &str, reference: &str, headers: &HeaderMap, got: Bytes) -> Response<Body> {
        let read: serde_json::Value = serde_json::from_slice(&got).unwrap();
        let mut parts: Vec<&serde_json::Value> = read["layers"].as_array().unwrap().iter().collect();
        parts.push(&read["config"]);
        for part in parts {
            let digest = part["digest"].as_str().unwrap().to_owned();
            if !self.blobs.contains_key(&(name.to_owned(), digest.clone())) {
                self.phantom = None;
                return error(400, "BLOB_UNKNOWN", &digest);
            }
        }
        let digest = digest_of(&got);
        if self.immutable && self.tags.contains_key(reference) {
            let message = format!(
                "The image tag '{reference}' already exists and cannot be overwritten because the tag is immutable."
            );
            return error(400, "TAG_INVALID", &message);
        }
        let kind = headers["content-type"].to_str().unwrap().to_owned();
        self.tags.insert(reference.to_owned(), digest.clone());
        self.manifests.insert(digest, (kind, got));
        plain(201)
    }
}

/// Takes half of what is declared, then no more.
async fn half(mut sent: Body, declared: usize) {
    let mut got = 0;
    while got < declared / 2 {
        match sent.frame().await {
            Some(Ok(frame)) => got += frame.into_data().unwrap().len(),
            _ => break,
        }
    }
}

pub(super) fn plain(status: u16) -> Response<Body> {
    Response::builder().status(status).body(body("")).unwrap()
}

pub(super) fn with_body(bytes: impl Into<Bytes>) -> Response<Body> {
    Response::builder().status(200).body(body(bytes)).unwrap()
}

pub(super) fn with(mut response: Response<Body>, name: &'static str, value: &str) -> Response<Body> {
    response.headers_mut().insert(name, value.parse().unwrap());
    response
}

fn error(status: u16, code: &str, message: &str) -> Response<Body> {
    let text = serde_json::json!({ "errors": [{ "code": code, "message": message }] }).to_string();
    Response::builder().status(status).body(body(text)).unwrap()
}
