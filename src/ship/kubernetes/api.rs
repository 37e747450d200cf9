//! Calls of the Kubernetes API: a few, each with a deadline, and patience for what passes by itself.

use std::time::Duration;

use futures::{AsyncBufReadExt, Stream};
use http::Request;
use http_body_util::BodyExt;
use serde_json::Value as Json;

use super::kind::Address;
use crate::clock::Clock;

/// Who we are to the fields that we apply.
pub(super) const MANAGER: &str = "mlinfra";
/// Owns the number of replicas from the time that we no longer give it until a scaler has taken it over.
pub(super) const HANDOVER: &str = "mlinfra-handover";

/// One call.
const CALL: Duration = Duration::from_secs(20);
/// How long a call that fails for a reason that passes is tried again.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_secs(2);
/// Objects of one page.
const PAGE: &str = "500";

/// The API of one cluster.
#[derive(Clone)]
pub(super) struct Api {
    /// The client; also for what is not plain HTTP.
    pub(super) client: kube::Client,
    /// The clock by which the cluster is waited for.
    pub(super) clock: Clock,
}

/// A call that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    /// What was asked for: `PATCH /api/v1/…`, without parameters.
    pub(super) call: String,
    /// What came back.
    pub(super) cause: Cause,
}

/// What came back instead of what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// Nothing: no connection came about, or it broke.
    Unreachable(String),
    /// Nothing that can be trusted.
    Certificate(String),
    /// Nothing in time.
    Late,
    /// An answer that is none of the API's.
    Nonsense(String),
    /// A refusal.
    Status {
        /// HTTP's.
        status: u16,
        /// `Conflict`, `Invalid`, `Forbidden`.
        reason: String,
        /// The API server's words.
        message: String,
        /// Reason, field and message of each cause.
        causes: Vec<(String, String, String)>,
    },
}

/// How an object is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct How {
    /// Nothing is written down: the answer is what would be.
    pub(super) dry: bool,
    /// Fields of others are taken from them.
    pub(super) force: bool,
    /// Whose the fields become.
    pub(super) manager: &'static str,
}

/// How long what fails for a reason that passes is tried again: [`PATIENCE`] from when it was begun.
pub(super) struct Patience {
    clock: Clock,
    begun: Duration,
}

impl Patience {
    /// Waits a little and says that `error` is worth another try, as long as it is.
    pub(super) async fn lasts(&mut self, error: &ApiError) -> bool {
        let lasts = error.is_transient() && self.clock.elapsed().saturating_sub(self.begun) < PATIENCE;
        if lasts {
            // Calls that were refused together are not to come back together.
            self.clock.sleep(PAUSE.mul_f64(0.5 + fastrand::f64())).await;
        }
        lasts
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.cause {
            Cause::Unreachable(why) | Cause::Certificate(why) | Cause::Nonsense(why) => {
                write!(f, "{}: {why}", self.call)
            }
            Cause::Late => write!(f, "{}: no answer within {} s", self.call, CALL.as_secs()),
            Cause::Status { status, message, .. } if message.is_empty() => write!(f, "{}: HTTP {status}", self.call),
            Cause::Status { message, .. } => f.write_str(message),
        }
    }
}

impl ApiError {
    /// HTTP's status, if there was an answer.
    pub(super) fn status(&self) -> Option<u16> {
        match &self.cause {
            Cause::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// `Conflict`, `Invalid`, …; empty if there was no answer.
    pub(super) fn reason(&self) -> &str {
        match &self.cause {
            Cause::Status { reason, .. } => reason,
            _ => "",
        }
    }

    /// Whether the same call may succeed a little later without anybody doing anything.
    pub(super) fn is_transient(&self) -> bool {
        match &self.cause {
            Cause::Unreachable(_) | Cause::Late => true,
            Cause::Certificate(_) | Cause::Nonsense(_) => false,
            Cause::Status { status, message, .. } => match status {
                401 | 429 | 502 | 503 | 504 => true,
                // A webhook that does not answer yet; but fields that the server does not know are told with a 500 too.
                500 => !message.contains("typed patch") && !message.contains("not declared in schema"),
                _ => false,
            },
        }
    }
}

impl Api {
    /// The API behind `client`.
    pub(super) fn new(client: kube::Client, clock: Clock) -> Self {
        Self { client, clock }
    }

    /// An object or whatever else is at `path`; none if there is nothing.
    pub(super) async fn get(&self, path: &str) -> Result<Option<Json>, ApiError> {
        match self.json("GET", path, &[], None).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.status() == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All objects of a collection that a selector picks; none where the cluster has no such kind.
    pub(super) async fn list(&self, collection: &str, query: &[(&str, &str)]) -> Result<Vec<Json>, ApiError> {
        let mut found = Vec::new();
        let mut from: Option<String> = None;
        loop {
            let mut query = query.to_vec();
            query.push(("limit", PAGE));
            if let Some(from) = &from {
                query.push(("continue", from));
            }
            let mut page = match self.json("GET", collection, &query, None).await {
                Ok(page) => page,
                Err(error) if error.status() == Some(404) => return Ok(found),
                Err(error) => return Err(error),
            };
            if let Some(Json::Array(items)) = page.get_mut("items").map(Json::take) {
                found.extend(items);
            }
            from = page
                .pointer("/metadata/continue")
                .and_then(Json::as_str)
                .filter(|token| !token.is_empty())
                .map(str::to_owned);
            if from.is_none() {
                return Ok(found);
            }
        }
    }

    /// Server-side apply; what is there then, or would be.
    pub(super) async fn apply(&self, at: &Address, object: &Json, how: How) -> Result<Json, ApiError> {
        let mut query = vec![("fieldManager", how.manager), ("fieldValidation", "Strict")];
        query.push(("force", if how.force { "true" } else { "false" }));
        if how.dry {
            query.push(("dryRun", "All"));
        }
        let path = at.path();
        let body = Some(("application/apply-patch+yaml", object));
        let mut patience = self.patience();
        loop {
            match self.json("PATCH", &path, &query, body).await {
                Err(error) if patience.lasts(&error).await => {}
                other => return other,
            }
        }
    }

    /// Deletes what is at `at`, and what it owns with it; false if nothing was there.
    pub(super) async fn delete(&self, at: &Address) -> Result<bool, ApiError> {
        let path = at.path();
        let options =
            serde_json::json!({ "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background" });
        let body = Some(("application/json", &options));
        let mut patience = self.patience();
        loop {
            match self.json("DELETE", &path, &[], body).await {
                Ok(_) => return Ok(true),
                Err(error) if error.status() == Some(404) => return Ok(false),
                Err(error) if patience.lasts(&error).await => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// A text: the log of a container.
    pub(super) async fn text(&self, path: &str, query: &[(&str, &str)]) -> Result<String, ApiError> {
        let bytes = self.bytes("GET", path, query, None).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A text that goes on, line by line. Only its beginning has a deadline.
    pub(super) async fn lines(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<impl Stream<Item = std::io::Result<String>> + use<>, ApiError> {
        let call = format!("GET {path}");
        let request = Request::get(with(path, query))
            .body(Vec::new())
            .map_err(|error| nonsense(&call, &error))?;
        match Clock::real().timeout(CALL, self.client.request_stream(request)).await {
            Ok(Ok(stream)) => Ok(stream.lines()),
            Ok(Err(kube::Error::Api(status))) => Err(ApiError {
                call,
                cause: Cause::Status {
                    status: status.code,
                    reason: status.reason.clone(),
                    message: status.message.clone(),
                    causes: Vec::new(),
                },
            }),
            Ok(Err(error)) => Err(broken(&call, &error)),
            Err(_) => Err(ApiError {
                call,
                cause: Cause::Late,
            }),
        }
    }

    /// As [`Self::get`], tried again while it fails for a reason that passes.
    pub(super) async fn get_patiently(&self, path: &str) -> Result<Option<Json>, ApiError> {
        let mut patience = self.patience();
        loop {
            match self.get(path).await {
                Err(error) if patience.lasts(&error).await => {}
                other => return other,
            }
        }
    }

    /// As [`Self::list`], tried again while it fails for a reason that passes.
    pub(super) async fn list_patiently(&self, collection: &str, query: &[(&str, &str)]) -> Result<Vec<Json>, ApiError> {
        let mut patience = self.patience();
        loop {
            match self.list(collection, query).await {
                Err(error) if patience.lasts(&error).await => {}
                other => return other,
            }
        }
    }

    /// As [`Self::text`], tried again while it fails for a reason that passes.
    pub(super) async fn text_patiently(&self, path: &str, query: &[(&str, &str)]) -> Result<String, ApiError> {
        let mut patience = self.patience();
        loop {
            match self.text(path, query).await {
                Err(error) if patience.lasts(&error).await => {}
                other => return other,
            }
        }
    }

    /// Patience that begins now.
    pub(super) fn patience(&self) -> Patience {
        Patience {
            clock: self.clock,
            begun: self.clock.elapsed(),
        }
    }

    async fn json(
        &self,
        method: &str,
        path: &str,
        query: &[(&str, &str)],
        body: Option<(&str, &Json)>,
    ) -> Result<Json, ApiError> {
        let bytes = self.bytes(method, path, query, body).await?;
        serde_json::from_slice(&bytes).map_err(|error| nonsense(&format!("{method} {path}"), &error))
    }

    async fn bytes(
        &self,
        method: &str,
        path: &str,
        query: &[(&str, &str)],
        body: Option<(&str, &Json)>,
    ) -> Result<bytes::Bytes, ApiError> {
        let call = format!("{method} {path}");
        let mut request = Request::builder().method(method).uri(with(path, query));
        let bytes = match body {
            Some((content, object)) => {
                request = request.header(http::header::CONTENT_TYPE, content);
                object.to_string().into_bytes()
            }
            None => Vec::new(),
        };
        let request = request
            .body(kube::client::Body::from(bytes))
            .map_err(|error| nonsense(&call, &error))?;
        let whole = async {
            let answer = self.client.send(request).await.map_err(|error| broken(&call, &error))?;
            let status = answer.status().as_u16();
            let bytes = answer.into_body().collect().await;
            let bytes = bytes.map_err(|error| broken(&call, &error))?.to_bytes();
            if status < 400 {
                Ok(bytes)
            } else {
                Err(refused(&call, status, &bytes))
            }
        };
        match Clock::real().timeout(CALL, whole).await {
            Ok(done) => done,
            Err(_) => Err(ApiError {
                call,
                cause: Cause::Late,
            }),
        }
    }
}

fn with(path: &str, query: &[(&str, &str)]) -> String {
    let mut uri = path.to_owned();
    for (index, (key, value)) in query.iter().enumerate() {
        uri.push(if index == 0 { '?' } else { '&' });
        uri.push_str(key);
        uri.push('=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                uri.push(char::from(byte));
            } else {
                uri.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    uri
}

fn nonsense(call: &str, error: &dyn std::fmt::Display) -> ApiError {
    ApiError {
        call: call.to_owned(),
        cause: Cause::Nonsense(error.to_string()),
    }
}

/// Below HTTP; what a certificate has to do with it is found in the chain of causes.
fn broken(call: &str, error: &(dyn std::error::Error + 'static)) -> ApiError {
    let mut parts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
        next = error.source();
    }
    let why = parts.join(": ");
    let cause = if why.contains("certificate") {
        Cause::Certificate(why)
    } else {
        Cause::Unreachable(why)
    };
    ApiError {
        call: call.to_owned(),
        cause,
    }
}

/// A refusal: the API's own are objects of the kind Status; what stands before it may answer with anything.
fn refused(call: &str, status: u16, bytes: &[u8]) -> ApiError {
    let body: Json = serde_json::from_slice(bytes).unwrap_or_default();
    let text = |value: &Json, key: &str| value.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    let message = if body.get("kind").and_then(Json::as_str) == Some("Status") {
        text(&body, "message")
    } else {
        String::from_utf8_lossy(bytes).trim().chars().take(300).collect()
    };
    let causes = body.pointer("/details/causes").and_then(Json::as_array);
    ApiError {
        call: call.to_owned(),
        cause: Cause::Status {
            status,
            reason: text(&body, "reason"),
            message,
            causes: causes
                .into_iter()
                .flatten()
                .map(|cause| (text(cause, "reason"), text(cause, "field"), text(cause, "message")))
                .collect(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_arrive_as_they_are_meant() {
        assert_eq!(
            with(
                "/api/v1/pods",
                &[("labelSelector", "app.kubernetes.io/name=a,b in (c)"), ("limit", "5")]
            ),
            "/api/v1/pods?labelSelector=app.kubernetes.io%2Fname%3Da%2Cb%20in%20%28c%29&limit=5"
        );
    }

    #[test]
    fn what_passes_by_itself_is_told_from_what_does_not() {
        let status = |status, message: &str| refused("GET /", status, message.as_bytes()).is_transient();
        assert!(status(503, "") && status(429, "") && status(500, "failed calling webhook \"x\""));
        assert!(!status(409, "") && !status(403, "") && !status(422, ""));
        assert!(!status(
            500,
            "failed to create typed patch object: .spec.x: field not declared in schema"
        ));
    }
}
