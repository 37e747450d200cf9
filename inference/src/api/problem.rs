//! Answers that say what is wrong: `{"error": …, "hint": …}`, as the Open Inference Protocol has errors, with what to
//! do beside it.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::batcher::Refused;

/// An error for whoever sent the request.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    error: String,
    hint: String,
}

impl Problem {
    /// An error with what to do about it.
    pub fn new(status: StatusCode, error: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            status,
            error: error.into(),
            hint: hint.into(),
        }
    }

    /// The body is not what it should be.
    pub fn body(error: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error, hint)
    }

    /// The server is not ready.
    pub fn not_ready(draining: bool) -> Self {
        if draining {
            Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "this server is shutting down",
                "Send the request again: another replica takes it",
            )
        } else {
            Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "the model is not loaded yet",
                "Wait until /ping answers 200, then send the request again",
            )
        }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match &refused {
            Refused::QueueFull(_) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                refused.to_string(),
                "Send the request again in a second; if this happens often, run more replicas",
            ),
            Refused::Ended => Self::not_ready(true),
            Refused::Failed(_) => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("the model failed on this request: {refused}"),
                "The log of the server has more; sending the same request again gives the same error",
            ),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let again = matches!(
            self.status,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS
        );
        let mut response = (self.status, Json(json!({ "error": self.error, "hint": self.hint }))).into_response();
        if again {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if matches!(self.status, StatusCode::REQUEST_TIMEOUT | StatusCode::PAYLOAD_TOO_LARGE) {
            // The rest of the body is still on its way; nobody reads it.
            response
                .headers_mut()
                .insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
