//! Kafka in, Kafka out, against the client's own stand-in for a cluster: real sockets and the real protocol, in this
//! process. `tests/external/stream.sh` does the same with a real broker.

use std::sync::Arc;

use clap::Parser;
use krafka::error::ErrorCode;
use krafka::testing::{ApiKey, Control, FakeBroker};
use krafka::{Kafka, Record};
use mlinfra_inference::config::{Mode, Options, StreamOptions};
use mlinfra_inference::error::Failure;
use mlinfra_inference::metrics::Metrics;
use mlinfra_inference::stream::pump;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::support::{model, row};

const DEAD: &str = "payments.dead-letter";

fn options(extra: &[&str]) -> StreamOptions {
    let fixed = [
        "inference",
        "stream",
        "--brokers",
        "given-apart",
        "--input-topic",
        "payments",
        "--output-topic",
        "scores",
    ];
    match Options::parse_from(fixed.iter().chain(extra)).mode {
        Mode::Stream(options) => options,
        other => panic!("{other:?}"),
    }
}

struct Cluster {
    broker: Arc<FakeBroker>,
    kafka: Kafka,
    metrics: Metrics,
}

impl Cluster {
    async fn start() -> Self {
        let broker = FakeBroker::start().await.unwrap();
        for topic in ["payments", "scores", DEAD] {
            broker.create_topic(topic, 1);
        }
        let kafka = Kafka::builder(broker.bootstrap_servers()).connect().await.unwrap();
        Self {
            broker: Arc::new(broker),
            kafka,
            metrics: Metrics::default(),
        }
    }

    async fn send(&self, values: &[String]) {
        let producer = self.kafka.producer().build().await.unwrap();
        for (index, value) in values.iter().enumerate() {
            let record = Record::new("payments", value.clone())
                .key(format!("key-{index}"))
                .header("trace", "abc");
            let _offset = producer.send(record).await.unwrap();
        }
        producer.close().await.unwrap();
    }

    /// Streams until `enough` offsets are committed, or until it fails.
    async fn stream(&self, options: &StreamOptions, enough: i64) -> Result<(), Failure> {
        let model = model().await;
        let stop = CancellationToken::new();
        let broker = Arc::clone(&self.broker);
        let cancel = stop.clone();
        let commits = tokio::spawn(async move {
            for count in 1.. {
                broker
                    .wait_for_requests(ApiKey::OffsetCommit, count, std::time::Duration::from_secs(30))
                    .await;
                if broker
                    .committed_offset("inference", "payments", 0)
                    .is_some_and(|offset| offset >= enough)
                {
                    break;
                }
                tokio::task::yield_now().await;
            }
            cancel.cancel();
        });
        let ended = pump(&self.kafka, &model, options, &self.metrics, &stop, || ()).await;
        commits.abort();
        ended
    }

    fn values(&self, topic: &str) -> Vec<String> {
        let records = self.broker.all_records(topic).unwrap();
        records
            .iter()
            .map(|record| record.value_str().unwrap().to_owned())
            .collect()
    }
}

fn good() -> String {
    json!(row()).to_string()
}

#[tokio::test]
async fn answers_keep_key_and_headers_and_poison_goes_to_the_dead_letters() {
    let cluster = Cluster::start().await;
    cluster
        .send(&[
            good(),
            "not json".to_owned(),
            json!({ "amount": 1 }).to_string(),
            good(),
        ])
        .await;
    cluster.stream(&options(&[]), 4).await.unwrap();

    let answers = cluster.broker.all_records("scores").unwrap();
    assert_eq!(answers.len(), 2);
    for (answer, key) in answers.iter().zip(["key-0", "key-3"]) {
        assert_eq!(answer.key_str(), Some(key));
        assert_eq!(answer.header_str("trace"), Some("abc"));
        assert_eq!(answer.header_str("model"), Some("fraud/1"));
        assert_eq!(
            serde_json::from_str::<Value>(answer.value_str().unwrap()).unwrap()["label"],
            json!(0)
        );
    }
    let dead = cluster.broker.all_records(DEAD).unwrap();
    assert_eq!(dead.len(), 2);
    assert_eq!(
        dead[0].value_str(),
        Some("not json"),
        "whole, so that it can be sent again"
    );
    assert_eq!(dead[0].key_str(), Some("key-1"));
    assert_eq!(dead[0].header_str(krafka::dlq::HEADER_ORIGINAL_OFFSET), Some("1"));
    assert!(
        dead[0]
            .header_str(krafka::dlq::HEADER_EXCEPTION_MESSAGE)
            .unwrap()
            .contains("not JSON")
    );
    assert!(
        dead[1]
            .header_str(krafka::dlq::HEADER_EXCEPTION_MESSAGE)
            .unwrap()
            .contains("`hour` is missing")
    );
    assert_eq!(cluster.broker.committed_offset("inference", "payments", 0), Some(4));

    let text = cluster.metrics.text(None).unwrap();
    assert!(
        text.contains("inference_stream_records_total{outcome=\"answered\"} 2\n"),
        "{text}"
    );
    assert!(
        text.contains("inference_stream_records_total{outcome=\"dead_letter\"} 2\n"),
        "{text}"
    );
    assert!(
        text.contains("inference_stream_lag_records{topic=\"payments\",partition=\"0\"} 0\n"),
        "{text}"
    );
}

#[tokio::test]
async fn nothing_is_committed_before_its_answer_is_written() {
    let cluster = Cluster::start().await;
    cluster.send(&[good(), good()]).await;
    // The cluster refuses answers for good: the stream ends, and the records are still to be answered.
    cluster
        .broker
        .on(ApiKey::Produce, |_| Control::Error(ErrorCode::TopicAuthorizationFailed));
    let failure = cluster.stream(&options(&[]), 2).await.unwrap_err();
    assert!(failure.to_string().contains("writing an answer"), "{failure}");
    assert_eq!(failure.code(), 1);
    assert_eq!(cluster.broker.committed_offset("inference", "payments", 0), None);
    assert!(cluster.values("scores").is_empty());

    cluster.broker.clear_hooks();
    cluster.stream(&options(&[]), 2).await.unwrap();
    assert_eq!(cluster.values("scores").len(), 2);
}

#[tokio::test]
async fn a_commit_that_fails_gives_answers_twice_and_loses_none() {
    let cluster = Cluster::start().await;
    cluster.send(&[good(), good(), good()]).await;
    // As a process that is killed between writing and committing.
    cluster.broker.on(ApiKey::OffsetCommit, |_| {
        Control::Error(ErrorCode::GroupAuthorizationFailed)
    });
    let model = model().await;
    let stop = CancellationToken::new();
    let cancel = stop.clone();
    let broker = Arc::clone(&cluster.broker);
    tokio::spawn(async move {
        broker
            .wait_for_requests(ApiKey::OffsetCommit, 1, std::time::Duration::from_secs(30))
            .await;
        cancel.cancel();
    });
    let _either_way = pump(&cluster.kafka, &model, &options(&[]), &cluster.metrics, &stop, || ()).await;
    assert_eq!(cluster.values("scores").len(), 3);
    assert_eq!(cluster.broker.committed_offset("inference", "payments", 0), None);

    cluster.broker.clear_hooks();
    cluster.stream(&options(&[]), 3).await.unwrap();
    assert_eq!(cluster.values("scores").len(), 6, "twice, and none is missing");
}

#[tokio::test]
async fn csv_is_answered_with_csv() {
    let cluster = Cluster::start().await;
    let line = row().iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    cluster.send(&[line.clone(), format!("{line}\n{line}")]).await;
    cluster
        .stream(&options(&["--format", "csv", "--dead-letter-topic", DEAD]), 2)
        .await
        .unwrap();
    let answers = cluster.values("scores");
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].split(',').count(), 5, "{answers:?}");
    assert_eq!(cluster.values(DEAD).len(), 1, "two lines are not one record");
}
