//! The sandbox on a port of this machine, for several processes and for other clients of AWS.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use winterbaume_core::MockRequest;

use super::Sandbox;

/// The largest body that is read; S3 takes 5 GiB in one request, a laptop need not.
const MAX_BODY_BYTES: usize = 512 * 1024 * 1024;

/// Serves `sandbox` on `listener` until `stop`; requests under way are finished first.
///
/// # Errors
/// When the listener is not on a loopback address, because nobody checks signatures here, or when it fails.
pub async fn serve(sandbox: Arc<Sandbox>, listener: TcpListener, stop: CancellationToken) -> std::io::Result<()> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        return Err(std::io::Error::new(
            std::io::ErrorKind::PermissionDenied,
            format!("the sandbox checks no signatures and is served on loopback addresses only, not on {address}"),
        ));
    }
    let app = Router::new().fallback(answer).with_state(sandbox);
    axum::serve(listener, app)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

async fn answer(State(sandbox): State<Arc<Sandbox>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY_BYTES).await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE);
    };
    let request = MockRequest {
        method: parts.method.to_string(),
        uri: parts.uri.to_string(),
        headers: parts.headers,
        body,
    };
    let Ok(answer) = sandbox.answer(request).await else {
        return broken();
    };
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = answer.headers;
    response
}

/// An answer that breaks off: the client sees its connection end before the body that it was promised.
fn broken() -> Response {
    let body = futures::stream::once(async { Err::<bytes::Bytes, _>(super::AnswerDropped) });
    let mut response = Response::new(Body::from_stream(body));
    response
        .headers_mut()
        .insert(http::header::CONTENT_LENGTH, http::HeaderValue::from_static("1"));
    response
}

fn plain(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
