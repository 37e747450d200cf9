//! What several files of tests need.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use mlinfra_inference::api::{Ready, Server, router};
use mlinfra_inference::batcher::{Batcher, Limits, Run};
use mlinfra_inference::config::LimitOptions;
use mlinfra_inference::metrics::Metrics;
use mlinfra_inference::model::Model;
use mlinfra_inference::source;
use serde_json::Value;
use tower::ServiceExt;

/// The folder of the model that the package carries.
pub fn model_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("model")
}

/// That model.
pub async fn model() -> Model {
    Model::load(source::read(model_folder().to_str().unwrap(), None).await.unwrap()).unwrap()
}

/// Files in a `.tar.gz`.
pub fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
    let writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut archive = tar::Builder::new(writer);
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, *content).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

/// A row that the model takes.
pub fn row() -> Vec<f64> {
    vec![19.12, 19.0, 837.2, 1907.2, 1.0, 0.97, 0.14, 0.0, 1.0, 0.0, 1012.6]
}

/// A server with the model of the package.
pub async fn server(limits: LimitOptions) -> (Server, Router) {
    let model = model().await;
    let answering = model.clone();
    with_run(
        limits,
        &model,
        Limits {
            rows: 64,
            delay: std::time::Duration::ZERO,
            queue: 64,
            workers: 2,
            quick_rows: 0,
        },
        Arc::new(move |inputs| answering.run(inputs)),
    )
}

/// A server that answers by `run`, and has the manifest of the package's model.
pub fn with_run(limits: LimitOptions, model: &Model, batching: Limits, run: Run) -> (Server, Router) {
    let server = Server::new(limits, Metrics::default());
    let batcher = Batcher::start(batching, server.metrics.clone(), run);
    server.loaded(Ready {
        manifest: Arc::clone(&model.manifest),
        platform: model.platform(),
        batcher,
    });
    (server.clone(), router(server))
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// Asserts that the request was refused in the way that all are: JSON that says what is wrong and what to do.
    pub fn refused(&self, status: u16, says: &str) {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        let problem = self.json();
        assert!(problem["error"].as_str().unwrap().contains(says), "{problem}");
        assert!(!problem["hint"].as_str().unwrap().is_empty(), "{problem}");
    }
}

/// Sends a request to a router.
pub async fn send(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let text = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
    Answer {
        status: parts.status,
        headers: parts.headers,
        text,
    }
}

pub async fn get(router: &Router, path: &str) -> Answer {
    send(router, Request::get(path).body(Body::empty()).unwrap()).await
}

pub async fn post(router: &Router, path: &str, kind: &str, body: impl Into<Body>) -> Answer {
    send(
        router,
        Request::post(path)
            .header("content-type", kind)
            .body(body.into())
            .unwrap(),
    )
    .await
}

pub async fn post_json(router: &Router, path: &str, body: &Value) -> Answer {
    post(router, path, "application/json", body.to_string()).await
}

/// Whether two JSON values are the same, numbers within the tolerance that golden answers have.
pub fn close(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| close(left, right))
        }
        (Value::Number(left), Value::Number(right)) => (left.as_f64().unwrap() - right.as_f64().unwrap()).abs() <= 1e-5,
        _ => left == right,
    }
}

/// The golden requests and the answers that scikit-learn gave.
pub fn golden() -> Vec<Value> {
    let text = fs_err::read_to_string(model_folder().join("golden.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}
