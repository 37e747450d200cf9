//! What every inference request meets: how many may be under way, how large a body may be, and how long everything
//! may take.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::{Instant, timeout};
use tracing::{debug, info};

use super::Server;
use super::problem::Problem;
use crate::metrics::{Answered, Protocol};
use crate::tensor::Tensor;

/// Counts, times and bounds a request, and reads its body whole.
pub async fn guard(State((server, protocol)): State<(Server, &'static str)>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    server.metrics.in_flight.inc();
    // Also when whoever asked goes away and this future is dropped.
    let counted = InFlight(&server);
    let response = bounded(&server, request, next)
        .await
        .unwrap_or_else(IntoResponse::into_response);
    drop(counted);
    let code = response.status().as_u16();
    let taken = started.elapsed();
    server
        .metrics
        .requests
        .get_or_create(&Answered { protocol, code })
        .inc();
    server
        .metrics
        .request_seconds
        .get_or_create(&Protocol { protocol })
        .observe(taken.as_secs_f64());
    let milliseconds = taken.as_secs_f64() * 1000.0;
    // What went well is counted by the metrics; a line for each of thousands a second would only cost money.
    if response.status().is_success() {
        debug!(protocol, code, milliseconds, "answered");
    } else {
        info!(protocol, code, milliseconds, "refused");
    }
    response
}

struct InFlight<'a>(&'a Server);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.metrics.in_flight.dec();
    }
}

async fn bounded(server: &Server, request: Request, next: Next) -> Result<Response, Problem> {
    let limits = &server.limits;
    let Ok(_under_way) = server.in_flight.try_acquire() else {
        return Err(Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            format!("{} requests are under way already", limits.max_in_flight),
            "Send fewer at once, or run more replicas; --max-in-flight sets the limit",
        ));
    };
    server.ready()?;
    let (parts, body) = request.into_parts();
    let announced = parts
        .headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > limits.max_body_bytes) {
        return Err(too_large(limits.max_body_bytes));
    }
    let body = read(body, limits.max_body_bytes, limits.read_timeout_ms).await?;
    Ok(next.run(Request::from_parts(parts, Body::from(body))).await)
}

async fn read(body: Body, most: usize, within: Duration) -> Result<Bytes, Problem> {
    match timeout(within, to_bytes(body, most)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) => {
            let mut cause: Option<&dyn std::error::Error> = Some(&error);
            while let Some(source) = cause {
                if source.to_string().contains("length limit exceeded") {
                    return Err(too_large(most));
                }
                cause = source.source();
            }
            Err(Problem::body(
                "the connection broke before the whole body was here",
                "Send the request again",
            ))
        }
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            format!("the body was not here after {} ms", within.as_millis()),
            "Send it faster, or in smaller parts; --read-timeout-ms sets the limit",
        )),
    }
}

fn too_large(most: usize) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("the body is larger than {most} bytes"),
        "Send fewer rows in a request, or use the batch mode; --max-body-bytes sets the limit",
    )
}

/// Asks the model, within the time that a request has.
pub async fn ask(server: &Server, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, Problem> {
    let within = server.limits.request_timeout_ms;
    match timeout(within, server.ready()?.batcher.ask(inputs)).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("the model had no answer after {} ms", within.as_millis()),
            "Send fewer rows in a request, or run more replicas; --request-timeout-ms sets the limit",
        )),
    }
}

/// Whether a request has an acceptable number of rows.
pub fn rows(server: &Server, rows: usize) -> Result<(), Problem> {
    let most = server.limits.max_request_rows;
    match rows {
        0 => Err(Problem::body("the request has no rows", "Send at least one")),
        rows if rows > most => Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the request has more than {most} rows"),
            "Send fewer rows in a request, or use the batch mode; --max-request-rows sets the limit",
        )),
        _ => Ok(()),
    }
}
