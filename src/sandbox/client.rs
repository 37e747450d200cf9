//! The sandbox as the HTTP client of an AWS SDK: the real SDK, its serialisers and its retries, and no socket.

use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use http::header::{HeaderName, HeaderValue};
use winterbaume_core::{MockRequest, MockResponse};

use super::Sandbox;

/// The client for `sandbox`.
pub(super) fn shared(sandbox: Arc<Sandbox>) -> SharedHttpClient {
    SharedHttpClient::new(Client(sandbox))
}

#[derive(Debug, Clone)]
struct Client(Arc<Sandbox>);

impl HttpClient for Client {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Client {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let sandbox = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            let request = collect(request).await?;
            let answer = sandbox.answer(request).await;
            answer
                .map_err(|dropped| ConnectorError::io(dropped.into()))
                .and_then(respond)
        })
    }
}

/// The request with its body read to the end; the SDK streams what it checksums.
async fn collect(mut request: HttpRequest) -> Result<MockRequest, ConnectorError> {
    let mut headers = http::HeaderMap::new();
    for (name, value) in request.headers() {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            headers.append(name, value);
        }
    }
    let (method, uri) = (request.method().to_owned(), request.uri().to_owned());
    let body = std::mem::replace(request.body_mut(), SdkBody::taken());
    let body = ByteStream::new(body)
        .collect()
        .await
        .map_err(|error| ConnectorError::user(error.into()))?;
    Ok(MockRequest {
        method,
        uri,
        headers,
        body: body.into_bytes(),
    })
}

fn respond(response: MockResponse) -> Result<HttpResponse, ConnectorError> {
    let status = StatusCode::try_from(response.status).map_err(|error| ConnectorError::other(error.into(), None))?;
    let mut answer = HttpResponse::new(status, SdkBody::from(response.body));
    for (name, value) in &response.headers {
        if let Ok(value) = value.to_str() {
            answer.headers_mut().append(name.as_str().to_owned(), value.to_owned());
        }
    }
    Ok(answer)
}
