//! Plain HTTP from where a session is: over the network, or into the embedded sandbox. Registries and the API servers of
//! Kubernetes speak it.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use winterbaume_core::MockRequest;

use super::session::{Endpoint, Session};
use crate::sandbox::Sandbox;

/// What goes wrong below HTTP.
pub type HttpError = Box<dyn std::error::Error + Send + Sync>;
/// A body of either direction.
pub type Body = UnsyncBoxBody<Bytes, HttpError>;

/// A body that is there already.
pub fn body(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A client. Cheap to clone; a [`tower::Service`].
///
/// It has no deadlines of its own, follows no redirects and tries nothing again.
#[derive(Clone)]
pub struct Http(Way);

#[derive(Clone)]
enum Way {
    Network(Client<HttpsConnector<HttpConnector>, Body>),
    /// Hosts of AWS are in the sandbox, all others in the network.
    Sandbox(Arc<Sandbox>, Client<HttpsConnector<HttpConnector>, Body>),
    /// Hosts of AWS are behind this authority, by the header `host`; all others in the network.
    Behind(Arc<str>, Client<HttpsConnector<HttpConnector>, Body>),
    /// A function in a test.
    #[cfg(test)]
    Answered(Arc<Answers>),
}

/// What a test answers requests with.
#[cfg(test)]
type Answers = dyn Fn(Request<Body>) -> BoxFuture<'static, Result<Response<Body>, HttpError>> + Send + Sync;

impl Http {
    /// The client of `session`.
    ///
    /// # Errors
    /// When the system's certificates cannot be read.
    pub fn of(session: &Session) -> Result<Self, HttpError> {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls_provider())?
            .https_or_http()
            .enable_http1()
            .build();
        let network = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self(match &session.endpoint {
            Endpoint::Aws => Way::Network(network),
            Endpoint::Sandbox(sandbox) => Way::Sandbox(Arc::clone(sandbox), network),
            Endpoint::Url(url) => Way::Behind(url.trim_end_matches('/').into(), network),
        }))
    }

    /// A client whose requests `answers` answers.
    #[cfg(test)]
    pub(crate) fn answered(
        answers: impl Fn(Request<Body>) -> BoxFuture<'static, Result<Response<Body>, HttpError>> + Send + Sync + 'static,
    ) -> Self {
        Self(Way::Answered(Arc::new(answers)))
    }

    /// Sends `request`, and gives the answer once its head is there.
    ///
    /// # Errors
    /// Whatever keeps the answer away.
    pub async fn send(&self, request: Request<Body>) -> Result<Response<Body>, HttpError> {
        match &self.0 {
            Way::Sandbox(sandbox, _) if is_aws(&request) => in_sandbox(sandbox, request).await,
            Way::Behind(base, network) if is_aws(&request) => over(network, redirect(request, base)?).await,
            #[cfg(test)]
            Way::Answered(answers) => answers(request).await,
            Way::Network(network) | Way::Sandbox(_, network) | Way::Behind(_, network) => over(network, request).await,
        }
    }
}

impl tower::Service<Request<Body>> for Http {
    type Response = Response<Body>;
    type Error = HttpError;
    type Future = BoxFuture<'static, Result<Response<Body>, HttpError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), HttpError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let http = self.clone();
        Box::pin(async move { http.send(request).await })
    }
}

fn rustls_provider() -> rustls::crypto::CryptoProvider {
    rustls::crypto::aws_lc_rs::default_provider()
}

async fn over(
    network: &Client<HttpsConnector<HttpConnector>, Body>,
    request: Request<Body>,
) -> Result<Response<Body>, HttpError> {
    let answer = network.request(request).await?;
    Ok(answer.map(|body| body.map_err(HttpError::from).boxed_unsync()))
}

async fn in_sandbox(sandbox: &Sandbox, request: Request<Body>) -> Result<Response<Body>, HttpError> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let request = MockRequest {
        method: parts.method.to_string(),
        uri: parts.uri.to_string(),
        headers: parts.headers,
        body,
    };
    let answer = sandbox.answer(request).await?;
    let mut response = Response::builder()
        .status(answer.status)
        .body(self::body(answer.body))?;
    *response.headers_mut() = answer.headers;
    Ok(response)
}

fn is_aws(request: &Request<Body>) -> bool {
    request
        .uri()
        .host()
        .is_some_and(|host| host.ends_with(".amazonaws.com"))
}

/// The same request to `base`; the host that was meant stands in the header, as behind any proxy.
fn redirect(mut request: Request<Body>, base: &str) -> Result<Request<Body>, HttpError> {
    let host = request.uri().host().unwrap_or_default().parse()?;
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", http::uri::PathAndQuery::as_str);
    let uri = format!("{base}{path}").parse()?;
    *request.uri_mut() = uri;
    request.headers_mut().insert(http::header::HOST, host);
    Ok(request)
}
