//! One request to a registry, with its deadline, and trying again what may work later.

use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use serde::Deserialize;

use super::body::Attempt;
use super::manifest::Blob;
use super::{MAX_DOCUMENT, Repository};
use crate::aws::http::{Body, HttpError, body as whole};
use crate::aws::retry::Patience;
use crate::clock::Clock;
use crate::diagnostic::Problem;

/// How long a request without a large body may take.
const SHORT: Duration = Duration::from_secs(30);
/// What a request with a large body is given beside [`SLOWEST`].
const LONG: Duration = Duration::from_secs(60);
/// The slowest line that a push is waited for, in bytes a second.
const SLOWEST: u64 = 128 * 1024;
/// How often one thing is tried in all.
const TRIES: u32 = 8;
/// The longest wait that a registry may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(60);

/// A request.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    pub(super) url: String,
    headers: Vec<(HeaderName, String)>,
    payload: Payload<'a>,
}

enum Payload<'a> {
    None,
    Document(Bytes),
    Blob(&'a Blob, &'a Attempt),
}

/// An answer that has come whole.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// What a registry says when it refuses.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    /// `TAG_INVALID`; empty if it says none.
    pub(super) code: String,
    /// In its words.
    pub(super) message: String,
}

/// Why a request did not get its answer.
pub(super) enum Failure {
    /// Later it may; `after` is what the registry asked for.
    Again {
        /// Why not now.
        why: String,
        /// When it may be tried again.
        after: Option<Duration>,
    },
    /// It will not.
    Fatal(Box<Problem>),
}

impl Failure {
    pub(super) fn again(why: impl Into<String>) -> Self {
        Self::Again {
            why: why.into(),
            after: None,
        }
    }

    pub(super) fn fatal(problem: Problem) -> Self {
        Self::Fatal(Box::new(problem))
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::fatal(problem)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.code.as_str(), self.message.as_str()) {
            ("", message) => f.write_str(message),
            (code, "") => f.write_str(code),
            (code, message) => write!(f, "{code}: {message}"),
        }
    }
}

impl<'a> Ask<'a> {
    pub(super) fn new(method: Method, url: String) -> Self {
        Self {
            method,
            url,
            headers: Vec::new(),
            payload: Payload::None,
        }
    }

    pub(super) fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn document(mut self, bytes: Bytes) -> Self {
        self.payload = Payload::Document(bytes);
        self
    }

    pub(super) fn blob(mut self, blob: &'a Blob, attempt: &'a Attempt) -> Self {
        self.payload = Payload::Blob(blob, attempt);
        self
    }

    fn length(&self) -> u64 {
        match &self.payload {
            Payload::None => 0,
            Payload::Document(bytes) => u64::try_from(bytes.len()).unwrap_or_default(),
            Payload::Blob(blob, _) => blob.size,
        }
    }

    fn deadline(&self) -> Duration {
        match &self.payload {
            Payload::Blob(blob, _) => LONG + Duration::from_secs(blob.size / SLOWEST),
            Payload::None | Payload::Document(_) => SHORT,
        }
    }
}

impl Answer {
    /// What the registry says of its refusal: its first error, or the text that it sent.
    pub(super) fn refusal(&self) -> Refusal {
        #[derive(Deserialize)]
        struct Errors {
            errors: Vec<Error>,
        }
        #[derive(Deserialize)]
        struct Error {
            #[serde(default)]
            code: String,
            #[serde(default)]
            message: String,
        }
        let read: Option<Errors> = serde_json::from_slice(&self.body).ok();
        match read.and_then(|read| read.errors.into_iter().next()) {
            Some(error) => Refusal {
                code: error.code,
                message: plain(&error.message),
            },
            None => Refusal {
                code: String::new(),
                message: plain(&String::from_utf8_lossy(&self.body)),
            },
        }
    }

    /// The header `location`.
    pub(super) fn location(&self) -> Option<String> {
        self.text(header::LOCATION).map(str::to_owned)
    }

    pub(super) fn text(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// A short text in one line, without control characters: what a server says cannot play tricks on a terminal.
fn plain(text: &str) -> String {
    let words = text.split_whitespace();
    let clean = words.map(|word| word.chars().filter(|c| !c.is_control()).collect::<String>());
    let line = clean.collect::<Vec<_>>().join(" ");
    line.chars().take(400).collect()
}

/// Attempts at one thing.
pub(super) struct Tries {
    patience: Patience,
    left: u32,
}

impl Repository {
    pub(super) fn tries(&self) -> Tries {
        Tries {
            patience: Patience::new(self.clock, None),
            left: TRIES - 1,
        }
    }

    /// Waits before the next attempt after `failure`.
    ///
    /// # Errors
    /// The problem, if there is to be none: what failed for good, too many attempts, or the run is stopped.
    pub(super) async fn before_next(&self, tries: &mut Tries, failure: Failure) -> Result<(), Problem> {
        let (why, after) = match failure {
            Failure::Fatal(problem) => return Err(*problem),
            Failure::Again { why, after } => (why, after),
        };
        if tries.left == 0 {
            return Err(self.failed(TRIES, &why));
        }
        tries.left -= 1;
        tracing::debug!(%why, left = tries.left, registry = %self.host, "trying again");
        let own = tries.patience.next_delay();
        let delay = match after {
            Some(asked) if asked.is_zero() => asked,
            // Those who were turned away together do not come back together.
            Some(asked) => asked.min(LONGEST_ASKED) + own / 4,
            None => own,
        };
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(self.interrupted()),
            () = self.clock.sleep(delay) => Ok(()),
        }
    }

    /// Sends a request until it is answered; refusals other than of the login are answers.
    ///
    /// # Errors
    /// No answer after all attempts, no access, or the run is stopped.
    pub(super) async fn call(&self, ask: &Ask<'_>) -> Result<Answer, Problem> {
        let mut tries = self.tries();
        loop {
            match self.once(ask).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => self.before_next(&mut tries, failure).await?,
            }
        }
    }

    /// Sends a request once.
    pub(super) async fn once(&self, ask: &Ask<'_>) -> Result<Answer, Failure> {
        let (token, generation) = {
            let token = self.token.lock().await;
            (token.header.clone(), token.generation)
        };
        let request = self.request(ask, token.as_deref())?;
        let exchange = async {
            let response = self.http.send(request).await?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, MAX_DOCUMENT).collect().await?.to_bytes();
            Ok::<_, HttpError>(Answer {
                status: parts.status,
                headers: parts.headers,
                body,
            })
        };
        let clock = Clock::real();
        let answer = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(Failure::fatal(self.interrupted())),
            answer = clock.timeout(ask.deadline(), exchange) => answer,
        };
        let answer = match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(Failure::again(chain(error.as_ref()))),
            Err(late) => return Err(Failure::again(late.to_string())),
        };
        self.judge(answer, generation).await
    }

    fn request(&self, ask: &Ask<'_>, token: Option<&str>) -> Result<Request<Body>, Failure> {
        let mut request = Request::builder()
            .method(ask.method.clone())
            .uri(&ask.url)
            .header(header::USER_AGENT, concat!("mlinfra/", env!("CARGO_PKG_VERSION")));
        for (name, value) in &ask.headers {
            request = request.header(name, value);
        }
        if matches!(ask.method, Method::PUT | Method::POST) {
            request = request.header(header::CONTENT_LENGTH, ask.length());
        }
        // Somewhere else nobody needs to see it: addresses of uploads and downloads carry their own rights.
        let at_home = ask
            .url
            .strip_prefix(self.base.as_str())
            .is_some_and(|rest| rest.starts_with('/'));
        if let Some(token) = token.filter(|_| at_home) {
            let mut value = HeaderValue::from_str(token)
                .map_err(|_| Failure::fatal(self.denied("the login holds characters that no header may have")))?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        let body = match &ask.payload {
            Payload::None => whole(""),
            Payload::Document(bytes) => whole(bytes.clone()),
            Payload::Blob(blob, attempt) => attempt.body(blob),
        };
        request.body(body).map_err(|error| {
            let what = format!("the address {} is none", plain(&ask.url));
            Failure::fatal(self.refused(&what, None, &error.to_string()))
        })
    }

    /// Whether an answer is one, or a reason to try again.
    async fn judge(&self, answer: Answer, generation: u64) -> Result<Answer, Failure> {
        let status = answer.status;
        let refusal = if status.is_success() {
            Refusal::default()
        } else {
            answer.refusal()
        };
        // ECR answers 403 to a login that has expired; without a body (HEAD) it cannot be told from a missing right.
        let expired = refusal.message.contains("expired") || refusal.message.is_empty();
        if status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN && expired {
            let challenge = answer.text(header::WWW_AUTHENTICATE).unwrap_or_default();
            self.renew(generation, challenge, &refusal.to_string()).await?;
            return Err(Failure::Again {
                why: format!("the login was not taken ({status})"),
                after: Some(Duration::ZERO),
            });
        }
        if status == StatusCode::FORBIDDEN {
            return Err(Failure::fatal(self.denied(&refusal.to_string())));
        }
        let later =
            status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
        if later && status != StatusCode::NOT_IMPLEMENTED {
            let asked = answer
                .text(header::RETRY_AFTER)
                .and_then(|text| text.trim().parse().ok());
            return Err(Failure::Again {
                why: format!("the registry answers {status} {refusal}").trim_end().to_owned(),
                after: asked.map(Duration::from_secs).filter(|asked| !asked.is_zero()),
            });
        }
        let mut token = self.token.lock().await;
        if token.generation == generation {
            token.accepted = true;
        }
        Ok(answer)
    }
}

/// An error with its causes, in one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut parts = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
        next = cause.source();
    }
    plain(&parts.join(": "))
}
