//! The HTTP surface: routes, what they share, and the limits that every request meets.

pub mod limits;
pub mod problem;
pub mod sagemaker;
pub mod v2;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use tokio::sync::Semaphore;

use self::problem::Problem;
use crate::batcher::Batcher;
use crate::config::LimitOptions;
use crate::manifest::Manifest;
use crate::metrics::Metrics;

/// What answers requests, once the model is loaded.
pub struct Ready {
    /// What the model takes and gives.
    pub manifest: Arc<Manifest>,
    /// What runs it, as `/v2/models/NAME` tells it.
    pub platform: &'static str,
    /// Runs it.
    pub batcher: Batcher,
}

/// What all requests share. Cheap to clone.
#[derive(Clone)]
pub struct Server {
    /// What is measured.
    pub metrics: Metrics,
    limits: Arc<LimitOptions>,
    in_flight: Arc<Semaphore>,
    ready: Arc<OnceLock<Ready>>,
    draining: Arc<AtomicBool>,
}

impl Server {
    /// A server whose model is not loaded yet.
    pub fn new(limits: LimitOptions, metrics: Metrics) -> Self {
        Self {
            in_flight: Arc::new(Semaphore::new(limits.max_in_flight as usize)),
            limits: Arc::new(limits),
            metrics,
            ready: Arc::default(),
            draining: Arc::default(),
        }
    }

    /// From now on requests are answered.
    pub fn loaded(&self, ready: Ready) {
        // Only one model is ever loaded.
        let _already = self.ready.set(ready);
    }

    /// From now on /ping and the readiness of the v2 protocol say no, so that load balancers look elsewhere.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// What answers, or that nothing does yet. Draining does not matter here: what still arrives is still answered.
    fn ready(&self) -> Result<&Ready, Problem> {
        self.ready.get().ok_or_else(|| Problem::not_ready(self.is_draining()))
    }

    /// Whether load balancers should send requests here.
    fn accepts(&self) -> bool {
        self.ready.get().is_some() && !self.is_draining()
    }

    fn accepting(&self) -> Result<(), Problem> {
        if self.accepts() {
            Ok(())
        } else {
            Err(Problem::not_ready(self.is_draining()))
        }
    }
}

/// All routes of `serve`.
pub fn router(server: Server) -> Router {
    let sagemaker = Router::new()
        .route("/invocations", post(sagemaker::invocations))
        .route_layer(middleware::from_fn_with_state(
            (server.clone(), "sagemaker"),
            limits::guard,
        ));
    let v2 = Router::new()
        .route("/v2/models/{name}/infer", post(v2::infer))
        .route("/v2/models/{name}/versions/{version}/infer", post(v2::infer))
        .route_layer(middleware::from_fn_with_state((server.clone(), "v2"), limits::guard));
    health(server.clone())
        .merge(sagemaker.with_state(server.clone()))
        .merge(v2.with_state(server.clone()))
        .merge(
            Router::new()
                .route("/v2", get(v2::server))
                .route("/v2/models/{name}", get(v2::model))
                .route("/v2/models/{name}/versions/{version}", get(v2::model))
                .route("/v2/models/{name}/ready", get(v2::model_ready))
                .route("/v2/models/{name}/versions/{version}/ready", get(v2::model_ready))
                .with_state(server),
        )
        .fallback(no_such_route)
        .method_not_allowed_fallback(wrong_method)
}

/// The routes that `stream` has too: health and metrics.
pub fn health(server: Server) -> Router {
    Router::new()
        .route("/ping", get(sagemaker::ping))
        .route("/v2/health/live", get(v2::live))
        .route("/v2/health/ready", get(v2::ready))
        .route("/metrics", get(metrics))
        .with_state(server)
}

async fn metrics(State(server): State<Server>) -> Response {
    match server.metrics.text(server.ready.get().map(|ready| &*ready.manifest)) {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn no_such_route() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "there is nothing at this address",
        "Ask /ping, /invocations, /v2, /v2/health/live, /v2/health/ready, /v2/models/NAME, /v2/models/NAME/infer or \
         /metrics",
    )
}

async fn wrong_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "this address takes another method",
        "POST to /invocations and to /infer; GET everything else",
    )
}
