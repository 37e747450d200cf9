//! SageMaker's contract.

use axum::body::Body;
use axum::http::Request;
use mlinfra_inference::api::{Server, router};
use mlinfra_inference::config::LimitOptions;
use mlinfra_inference::metrics::Metrics;
use serde_json::{Value, json};

use crate::support::{close, get, golden, post, post_json, row, send, server};

#[tokio::test]
async fn ping_says_no_until_the_model_is_loaded_and_while_draining() {
    let early = router(Server::new(LimitOptions::default(), Metrics::default()));
    get(&early, "/ping").await.refused(503, "not loaded");
    post_json(&early, "/invocations", &json!([row()]))
        .await
        .refused(503, "not loaded");

    let (server, router) = server(LimitOptions::default()).await;
    assert_eq!(get(&router, "/ping").await.status, 200);
    server.drain();
    get(&router, "/ping").await.refused(503, "shutting down");
    assert_eq!(
        post_json(&router, "/invocations", &json!([row()])).await.status,
        200,
        "what still comes is answered"
    );
}

#[tokio::test]
async fn the_answers_are_those_of_scikit_learn() {
    let (_, router) = server(LimitOptions::default()).await;
    for case in golden() {
        let answer = post_json(
            &router,
            "/invocations",
            &json!({ "instances": case["inputs"]["features"] }),
        )
        .await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let answer = answer.json();
        let predictions = answer["predictions"].as_array().unwrap();
        let labels: Value = predictions.iter().map(|row| row["label"].clone()).collect();
        let probabilities: Value = predictions.iter().map(|row| row["probabilities"].clone()).collect();
        assert_eq!(labels, case["outputs"]["label"], "{}", case["name"]);
        assert!(
            close(&probabilities, &case["outputs"]["probabilities"]),
            "{}: {probabilities}",
            case["name"]
        );
    }
}

#[tokio::test]
async fn rows_may_be_lists_or_objects_by_column_or_by_input() {
    let (_, router) = server(LimitOptions::default()).await;
    let columns = get(&router, "/v2/models/fraud").await.json()["inputs"][0]["shape"][1]
        .as_u64()
        .unwrap();
    assert_eq!(columns, 11);
    let by_column = json!({
        "amount": 19.12, "hour": 19, "distance_from_home_km": 837.2, "account_age_days": 1907.2,
        "transactions_last_hour": 1, "amount_to_average": 0.97, "merchant_risk": 0.14, "card_present": 0,
        "foreign_country": 1, "failed_pins_last_day": 0, "days_since_password_changed": 1012.6
    });
    let body = json!({ "instances": [row(), by_column, { "features": row() }] });
    let answer = post_json(&router, "/invocations", &body).await.json();
    assert_eq!(answer["predictions"][0], answer["predictions"][1]);
    assert_eq!(answer["predictions"][0], answer["predictions"][2]);
}

#[tokio::test]
async fn csv_in_csv_out_with_or_without_a_header_in_any_order() {
    let (_, router) = server(LimitOptions::default()).await;
    let line = row().iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let request = |body: String| {
        Request::post("/invocations")
            .header("content-type", "text/csv; charset=utf-8")
            .header("accept", "text/csv")
            .body(Body::from(body))
            .unwrap()
    };
    let plain = send(&router, request(format!("{line}\n{line}\n"))).await;
    assert_eq!(plain.status, 200, "{}", plain.text);
    assert_eq!(plain.headers["content-type"], "text/csv; charset=utf-8");
    assert_eq!(plain.text.lines().count(), 2);
    assert_eq!(
        plain.text.lines().next().unwrap().split(',').count(),
        5,
        "the label and four probabilities"
    );

    let names = "days_since_password_changed,hour,distance_from_home_km,account_age_days,transactions_last_hour,\
                 amount_to_average,merchant_risk,card_present,foreign_country,failed_pins_last_day,amount";
    let mut fields = row();
    fields.swap(0, 10);
    let shuffled = fields.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let headed = send(&router, request(format!("{names}\n{shuffled}\n{shuffled}\n"))).await;
    assert_eq!(headed.text, plain.text);
}

#[tokio::test]
async fn json_lines_are_answered_with_json_lines() {
    let (_, router) = server(LimitOptions::default()).await;
    let body = format!("{}\n{}\n", json!(row()), json!({ "features": row() }));
    let request = Request::post("/invocations")
        .header("content-type", "application/jsonlines")
        .header("accept", "application/jsonlines;q=0.9, text/html")
        .body(Body::from(body))
        .unwrap();
    let answer = send(&router, request).await;
    assert_eq!(answer.text.lines().count(), 2);
    assert!(
        answer
            .text
            .lines()
            .all(|line| serde_json::from_str::<Value>(line).unwrap()["label"] == json!(0))
    );
}

#[tokio::test]
async fn bad_bodies_are_refused_with_what_is_wrong() {
    let (_, router) = server(LimitOptions::default()).await;
    let json = async |body: &str| post(&router, "/invocations", "application/json", body.to_owned()).await;
    json("{\"instances\": [[1, 2").await.refused(400, "not JSON");
    json("").await.refused(400, "not JSON");
    json("{\"rows\": []}").await.refused(400, "no list `instances`");
    json("7").await.refused(400, "no object");
    json("[]").await.refused(400, "no rows");
    json("[[1, 2]]")
        .await
        .refused(400, "row 0: a list of 2 where the model takes 11");
    json("[[0,0,0,0,0,0,0,0,0,0,\"x\"]]")
        .await
        .refused(400, "element 10: \"x\" is not a number");
    json("[[0,0,0,0,0,0,0,0,0,0,null]]")
        .await
        .refused(400, "null is not a number");
    json("[[0,0,0,0,0,0,0,0,0,0,1e39]]")
        .await
        .refused(400, "does not fit into FP32");
    json("[{\"amount\": 1}]").await.refused(400, "`hour` is missing");
    json("[{\"amount\": 1, \"colour\": 2}]")
        .await
        .refused(400, "`colour` is not known");
    json("[7]").await.refused(400, "not a list");
    let nested = "[".repeat(100_000);
    json(&nested).await.refused(400, "not JSON");

    let csv = async |body: Vec<u8>| post(&router, "/invocations", "text/csv", body).await;
    csv(b"1,2,3\n".to_vec())
        .await
        .refused(400, "row 0: 3 fields, and the model takes 11");
    csv(b"0,0,0,0,0,0,0,0,0,0,NaN\n".to_vec())
        .await
        .refused(400, "not a finite number");
    csv(b"0,0,0,0,0,0,0,0,0,0,many\n".to_vec())
        .await
        .refused(400, "field 11 (`days_since_password_changed`)");
    csv(vec![0xff, b',', b'1', b'\n']).await.refused(400, "not CSV");
    csv(Vec::new()).await.refused(400, "no rows");
}

#[tokio::test]
async fn types_that_are_not_known_are_refused() {
    let (_, router) = server(LimitOptions::default()).await;
    post(&router, "/invocations", "image/png", "x")
        .await
        .refused(415, "image/png");
    let request = Request::post("/invocations")
        .header("accept", "image/png")
        .body(Body::from("[]"))
        .unwrap();
    send(&router, request).await.refused(406, "image/png");
    let request = Request::post("/invocations")
        .header("accept", "application/json;q=0, */*;q=0.1")
        .body(Body::from(json!([row()]).to_string()))
        .unwrap();
    assert_eq!(send(&router, request).await.status, 200);
    get(&router, "/invocations").await.refused(405, "another method");
    get(&router, "/nothing").await.refused(404, "nothing at this address");
}
