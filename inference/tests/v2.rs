//! The Open Inference Protocol, version 2.

use mlinfra_inference::api::{Server, router};
use mlinfra_inference::config::LimitOptions;
use mlinfra_inference::metrics::Metrics;
use serde_json::{Value, json};

use crate::support::{close, get, golden, post, post_json, row, server};

const INFER: &str = "/v2/models/fraud/infer";

fn request(data: Value, rows: usize) -> Value {
    json!({ "id": "7", "inputs": [{ "name": "features", "shape": [rows, 11], "datatype": "FP32", "data": data }] })
}

#[tokio::test]
async fn health_and_metadata() {
    let early = router(Server::new(LimitOptions::default(), Metrics::default()));
    assert_eq!(get(&early, "/v2/health/live").await.status, 200);
    get(&early, "/v2/health/ready").await.refused(503, "not loaded");
    get(&early, "/v2/models/fraud/ready").await.refused(503, "not loaded");

    let (server, router) = server(LimitOptions::default()).await;
    assert_eq!(get(&router, "/v2").await.json()["name"], "mlinfra-inference");
    assert_eq!(get(&router, "/v2/health/ready").await.status, 200);
    assert_eq!(get(&router, "/v2/models/fraud/ready").await.status, 200);
    assert_eq!(get(&router, "/v2/models/fraud/versions/1/ready").await.status, 200);
    let model = get(&router, "/v2/models/fraud/versions/1").await.json();
    assert_eq!(model["versions"], json!(["1"]));
    assert_eq!(
        model["inputs"],
        json!([{ "name": "features", "datatype": "FP32", "shape": [-1, 11] }])
    );
    assert_eq!(
        model["outputs"][1],
        json!({ "name": "probabilities", "datatype": "FP32", "shape": [-1, 4] })
    );
    get(&router, "/v2/models/other").await.refused(404, "no model other");
    get(&router, "/v2/models/fraud/versions/2/ready")
        .await
        .refused(404, "no model fraud, version 2");

    server.drain();
    get(&router, "/v2/health/ready").await.refused(503, "shutting down");
    get(&router, "/v2/models/fraud/ready")
        .await
        .refused(503, "shutting down");
    assert_eq!(
        get(&router, "/v2/health/live").await.status,
        200,
        "a draining server must not be killed"
    );
}

#[tokio::test]
async fn the_answers_are_those_of_scikit_learn() {
    let (_, router) = server(LimitOptions::default()).await;
    for case in golden() {
        let rows = case["inputs"]["features"].as_array().unwrap().len();
        let answer = post_json(&router, INFER, &request(case["inputs"]["features"].clone(), rows)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let answer = answer.json();
        assert_eq!(
            (&answer["id"], &answer["model_name"], &answer["model_version"]),
            (&json!("7"), &json!("fraud"), &json!("1"))
        );
        assert_eq!(
            answer["outputs"][0]["data"], case["outputs"]["label"],
            "{}",
            case["name"]
        );
        assert_eq!(answer["outputs"][1]["shape"], json!([rows, 4]));
        let golden: Value = case["outputs"]["probabilities"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|row| row.as_array().unwrap().clone())
            .collect();
        assert!(close(&answer["outputs"][1]["data"], &golden), "{}", case["name"]);
    }
}

#[tokio::test]
async fn data_may_be_flat_and_only_wanted_outputs_come() {
    let (_, router) = server(LimitOptions::default()).await;
    let flat: Vec<f64> = [row(), row()].concat();
    let mut body = request(json!(flat), 2);
    body["outputs"] = json!([{ "name": "label" }]);
    let answer = post_json(&router, "/v2/models/fraud/versions/1/infer", &body)
        .await
        .json();
    assert_eq!(
        answer["outputs"],
        json!([{ "name": "label", "shape": [2], "datatype": "INT64", "data": [0, 0] }])
    );
}

#[tokio::test]
async fn bad_requests_are_refused_with_what_is_wrong() {
    let (_, router) = server(LimitOptions::default()).await;
    let sent = async |change: &dyn Fn(&mut Value)| {
        let mut body = request(json!([row()]), 1);
        change(&mut body);
        post_json(&router, INFER, &body).await
    };
    sent(&|body| body["inputs"][0]["datatype"] = json!("INT64"))
        .await
        .refused(400, "INT64, and the model takes FP32");
    sent(&|body| body["inputs"][0]["shape"] = json!([1, 10]))
        .await
        .refused(400, "has the shape [1, 10]");
    sent(&|body| body["inputs"][0]["shape"] = json!([11]))
        .await
        .refused(400, "has the shape [11]");
    sent(&|body| body["inputs"][0]["shape"] = json!([2, 11]))
        .await
        .refused(400, "has 11 elements");
    sent(&|body| body["inputs"][0]["shape"] = json!([-1, 11]))
        .await
        .refused(400, "not an inference request");
    sent(&|body| body["inputs"][0]["shape"] = json!([u64::MAX, 11]))
        .await
        .refused(400, "has 11 elements");
    sent(&|body| body["inputs"][0]["name"] = json!("pixels"))
        .await
        .refused(400, "no input `pixels`");
    sent(&|body| body["inputs"][0]["data"] = json!(["a"]))
        .await
        .refused(400, "\"a\" is not a number");
    sent(&|body| body["inputs"] = json!([]))
        .await
        .refused(400, "must be there once");
    sent(&|body| body["outputs"] = json!([{ "name": "score" }]))
        .await
        .refused(400, "no output `score`");
    sent(&|body| body["inputs"][0] = json!({ "name": "features", "shape": [0, 11], "datatype": "FP32", "data": [] }))
        .await
        .refused(400, "no rows");
    post(&router, INFER, "application/json", "{")
        .await
        .refused(400, "not an inference request");
    post_json(&router, "/v2/models/other/infer", &request(json!([row()]), 1))
        .await
        .refused(404, "no model other");
}
