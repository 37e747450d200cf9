//! Answers, and above all errors, in the dialect of each service.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use winterbaume_core::MockResponse;

use super::request::Request;

/// The wire dialects of AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Query,
    Ec2,
    S3,
    Json10,
    Json11,
    RestJson,
    Kubernetes,
    Registry,
}

impl Protocol {
    /// Whether parameters come as a form.
    pub(crate) fn is_form(self) -> bool {
        matches!(self, Protocol::Query | Protocol::Ec2)
    }
}

/// What went wrong with a request, before it is written in a dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
}

impl ApiError {
    pub(crate) fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
        }
    }

    /// The error as `request`'s service writes it.
    pub(crate) fn to_response(&self, request: &Request) -> MockResponse {
        error(request.service.protocol(), self)
    }
}

/// Refuses a request that is wrong.
pub(crate) fn refuse<T>(code: &str, message: impl Into<String>) -> Result<T, ApiError> {
    Err(ApiError::new(400, code, message))
}

/// The answer of a service that speaks JSON 1.1.
pub(crate) fn answered(request: &Request, answer: Result<serde_json::Value, ApiError>) -> MockResponse {
    match answer {
        Ok(body) => json(Protocol::Json11, 200, &body),
        Err(error) => error.to_response(request),
    }
}

/// Milliseconds as JSON 1.1 writes times.
pub(crate) fn seconds(at: i64) -> serde_json::Value {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit into a double")]
    let at = at as f64 / 1000.0;
    serde_json::json!(at)
}

/// Writes an error.
pub(crate) fn error(protocol: Protocol, error: &ApiError) -> MockResponse {
    let ApiError { status, code, message } = error;
    let escaped = winterbaume_core::xml_escape(message);
    let side = if *status >= 500 { "Receiver" } else { "Sender" };
    match protocol {
        Protocol::Query => xml(
            *status,
            format!(
                "<ErrorResponse><Error><Type>{side}</Type><Code>{code}</Code><Message>{escaped}</Message></Error>\
                 <RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
            ),
        ),
        Protocol::Ec2 => xml(
            *status,
            format!(
                "<Response><Errors><Error><Code>{code}</Code><Message>{escaped}</Message></Error></Errors>\
                 <RequestID>{REQUEST_ID}</RequestID></Response>"
            ),
        ),
        Protocol::S3 => xml(
            *status,
            format!(
                "<Error><Code>{code}</Code><Message>{escaped}</Message><RequestId>{REQUEST_ID}</RequestId></Error>"
            ),
        ),
        Protocol::Kubernetes => {
            let body = serde_json::json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": message, "reason": code, "code": status,
            });
            json(protocol, *status, &body)
        }
        Protocol::Registry => {
            let body = serde_json::json!({ "errors": [{ "code": code, "message": message }] });
            json(protocol, *status, &body)
        }
        Protocol::Json10 | Protocol::Json11 | Protocol::RestJson => {
            let body = serde_json::json!({ "__type": code, "message": message });
            let mut response = json(protocol, *status, &body);
            if let Ok(value) = HeaderValue::from_str(code) {
                response.headers.insert("x-amzn-errortype", value);
            }
            response
        }
    }
}

/// An XML document.
pub(crate) fn xml(status: u16, body: String) -> MockResponse {
    let text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}");
    with_type(status, "text/xml", Bytes::from(text))
}

/// A JSON document.
pub(crate) fn json(protocol: Protocol, status: u16, body: &serde_json::Value) -> MockResponse {
    let content_type = match protocol {
        Protocol::Json10 => "application/x-amz-json-1.0",
        Protocol::Json11 => "application/x-amz-json-1.1",
        _ => "application/json",
    };
    with_type(status, content_type, Bytes::from(body.to_string()))
}

/// No body at all.
pub(crate) fn empty(status: u16) -> MockResponse {
    MockResponse {
        status,
        headers: HeaderMap::new(),
        body: Bytes::new(),
    }
}

fn with_type(status: u16, content_type: &'static str, body: Bytes) -> MockResponse {
    let mut headers = HeaderMap::new();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    MockResponse { status, headers, body }
}

const REQUEST_ID: &str = "00000000-0000-4000-8000-000000000000";
