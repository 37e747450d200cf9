//! What a request may ask for, and the metrics that tell of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::Request;
use futures::stream;
use mlinfra_inference::batcher::Limits;
use mlinfra_inference::config::LimitOptions;
use serde_json::json;

use crate::support::{get, model, post, post_json, row, send, server, with_run};

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_whether_or_not_it_says_its_length() {
    let (_, router) = server(LimitOptions {
        max_body_bytes: 1000,
        ..LimitOptions::default()
    })
    .await;
    let announced = Request::post("/invocations")
        .header("content-length", "1001")
        .body(Body::empty())
        .unwrap();
    send(&router, announced).await.refused(413, "larger than 1000 bytes");
    let chunks = stream::iter((0..20).map(|_| Ok::<_, std::io::Error>(Bytes::from(vec![b'1'; 100]))));
    let chunked = Request::post("/v2/models/fraud/infer")
        .body(Body::from_stream(chunks))
        .unwrap();
    send(&router, chunked).await.refused(413, "larger than 1000 bytes");
    assert_eq!(post_json(&router, "/invocations", &json!([row()])).await.status, 200);
}

#[tokio::test]
async fn a_request_with_too_many_rows_is_refused() {
    let (_, router) = server(LimitOptions {
        max_request_rows: 2,
        ..LimitOptions::default()
    })
    .await;
    post_json(&router, "/invocations", &json!([row(), row(), row()]))
        .await
        .refused(413, "more than 2 rows");
    let lines = format!("{0}\n{0}\n{0}\n", json!(row()));
    post(&router, "/invocations", "application/jsonlines", lines)
        .await
        .refused(413, "more than 2 rows");
    let line = row().iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    post(&router, "/invocations", "text/csv", format!("{line}\n{line}\n{line}\n"))
        .await
        .refused(413, "more than 2 rows");
    let tensor = json!({ "inputs": [{ "name": "features", "shape": [3, 11], "datatype": "FP32", "data": [row(), row(), row()] }] });
    post_json(&router, "/v2/models/fraud/infer", &tensor)
        .await
        .refused(413, "more than 2 rows");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_given_up() {
    let (_, router) = server(LimitOptions::default()).await;
    let never = stream::pending::<Result<Bytes, std::io::Error>>();
    let request = Request::post("/invocations").body(Body::from_stream(never)).unwrap();
    send(&router, request).await.refused(408, "not here after 10000 ms");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_internal_error() {
    let (_, router) = server(LimitOptions::default()).await;
    let broken = stream::iter([Ok(Bytes::from("[[")), Err(std::io::Error::other("reset"))]);
    let request = Request::post("/invocations").body(Body::from_stream(broken)).unwrap();
    send(&router, request)
        .await
        .refused(400, "broke before the whole body was here");
}

/// A model that is held until the test lets it go.
fn held() -> (
    mlinfra_inference::batcher::Run,
    std::sync::mpsc::Receiver<()>,
    std::sync::mpsc::Sender<()>,
) {
    let (entered, inside) = std::sync::mpsc::channel();
    let (let_go, held) = std::sync::mpsc::channel::<()>();
    let held = Mutex::new(held);
    let run: mlinfra_inference::batcher::Run = Arc::new(move |_| {
        entered.send(()).map_err(|error| error.to_string())?;
        held.lock().unwrap().recv().map_err(|error| error.to_string())?;
        Err("let go".to_owned())
    });
    (run, inside, let_go)
}

#[tokio::test]
async fn more_requests_than_may_be_under_way_are_refused_and_metrics_count_all() {
    let model = model().await;
    let (run, inside, let_go) = held();
    let limits = LimitOptions {
        max_in_flight: 1,
        ..LimitOptions::default()
    };
    let batching = Limits {
        rows: 1,
        delay: Duration::ZERO,
        queue: 8,
        workers: 1,
        quick_rows: 0,
    };
    let (_, router) = with_run(limits, &model, batching, run);
    let first = tokio::spawn({
        let router = router.clone();
        async move { post_json(&router, "/invocations", &json!([row()])).await }
    });
    tokio::task::spawn_blocking(move || inside.recv().unwrap())
        .await
        .unwrap();
    let refused = post_json(&router, "/invocations", &json!([row()])).await;
    refused.refused(429, "1 requests are under way already");
    assert_eq!(refused.headers["retry-after"], "1");
    assert!(get(&router, "/metrics").await.text.contains("inference_in_flight 1\n"));
    let_go.send(()).unwrap();
    first
        .await
        .unwrap()
        .refused(500, "the model failed on this request: let go");

    let metrics = get(&router, "/metrics").await;
    assert_eq!(
        metrics.headers["content-type"],
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    for line in [
        "inference_requests_total{protocol=\"sagemaker\",code=\"429\"} 1\n",
        "inference_requests_total{protocol=\"sagemaker\",code=\"500\"} 1\n",
        "inference_request_duration_seconds_count{protocol=\"sagemaker\"} 2\n",
        "inference_run_duration_seconds_count 1\n",
        "inference_batch_rows_bucket{le=\"1.0\"} 1\n",
        "inference_queue_length 0\n",
        "inference_in_flight 0\n",
        "inference_model_info{name=\"fraud\",version=\"1\",sha256=",
    ] {
        assert!(metrics.text.contains(line), "{line} is not in\n{}", metrics.text);
    }
}

#[tokio::test]
async fn a_model_that_takes_too_long_is_answered_for() {
    let model = model().await;
    let (run, _inside, let_go) = held();
    let limits = LimitOptions {
        request_timeout_ms: Duration::from_millis(20),
        ..LimitOptions::default()
    };
    let batching = Limits {
        rows: 1,
        delay: Duration::ZERO,
        queue: 8,
        workers: 1,
        quick_rows: 0,
    };
    let (_, router) = with_run(limits, &model, batching, run);
    post_json(&router, "/invocations", &json!([row()]))
        .await
        .refused(503, "no answer after 20 ms");
    let_go.send(()).unwrap();
}
