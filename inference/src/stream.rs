//! The mode `stream`: answers every record of a Kafka topic into another, at least once.
//!
//! Offsets are committed after the answers are acknowledged by all replicas. When anything fails in between, the
//! process ends or goes on without committing, and the records come again: an answer may be written twice, and none is
//! lost. A record that cannot be answered goes to the dead-letter topic, whole, with the reason in its headers, so
//! that it does not hold up the others.

use std::sync::Arc;
use std::time::Duration;

use krafka::auth::{AuthConfig, AwsMskIamCredentials, TlsConfig};
use krafka::consumer::{AutoOffsetReset, Consumer, ConsumerRecord};
use krafka::producer::{Acks, Producer};
use krafka::{Kafka, Record};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::api::{Ready, Server, health};
use crate::batch::file::csv_line;
use crate::batcher::{Batcher, Limits};
use crate::config::{Format, LimitOptions, Security, StreamOptions};
use crate::error::Failure;
use crate::metrics::{Metrics, Outcome, Partition};
use crate::model::Model;
use crate::rows::{Answer, Reader, answer_fields};
use crate::serve::{answer, listen, load, stop_signal};
use crate::tensor::Tensor;

/// How long a poll waits for records, and so how soon SIGTERM is heeded.
const POLL: Duration = Duration::from_millis(500);

/// Streams until SIGTERM or SIGINT; meanwhile answers /ping and /metrics.
///
/// # Errors
/// No model, or a cluster that refuses what the stream needs.
pub async fn run(options: StreamOptions) -> Result<(), Failure> {
    let stop = stop_signal()?;
    let metrics = Metrics::default();
    let server = Server::new(LimitOptions::default(), metrics.clone());
    let listener = listen(&options.listen).await?;
    let serving = tokio::spawn(answer(listener, health(server.clone()), stop.clone()));
    let model = load(&options.model).await?;
    let kafka = Kafka::builder(&options.brokers)
        .client_id("mlinfra-inference")
        .security(security(&options)?)
        .connect()
        .await
        .map_err(failed("connecting to the brokers"))?;
    let ready = {
        let server = server.clone();
        let model = model.clone();
        move || {
            let (manifest, platform) = (Arc::clone(&model.manifest), model.platform());
            let batcher = Batcher::start(
                Limits {
                    rows: 1,
                    delay: Duration::ZERO,
                    queue: 1,
                    workers: 1,
                    quick_rows: 0,
                },
                server.metrics.clone(),
                Arc::new(move |inputs| model.run(inputs)),
            );
            server.loaded(Ready {
                manifest,
                platform,
                batcher,
            });
        }
    };
    let ended = pump(&kafka, &model, &options, &metrics, &stop, ready).await;
    server.drain();
    serving.abort();
    ended
}

/// Answers records until `stop`; calls `ready` when it has subscribed.
///
/// # Errors
/// What the cluster refuses.
pub async fn pump(
    kafka: &Kafka,
    model: &Model,
    options: &StreamOptions,
    metrics: &Metrics,
    stop: &CancellationToken,
    ready: impl FnOnce(),
) -> Result<(), Failure> {
    let producer = kafka
        .producer()
        .acks(Acks::All)
        .build()
        .await
        .map_err(failed("making a producer"))?;
    let consumer = kafka
        .consumer(&options.group)
        .auto_offset_reset(AutoOffsetReset::Earliest)
        .enable_auto_commit(false)
        .max_poll_records(options.max_records)
        .session_timeout(options.session_timeout_ms)
        .heartbeat_interval(options.session_timeout_ms / 10)
        .build()
        .await
        .map_err(failed("making a consumer"))?;
    consumer
        .subscribe([&options.input_topic])
        .await
        .map_err(failed("subscribing to the input topic"))?;
    info!(
        from = options.input_topic,
        to = options.output_topic,
        group = options.group,
        "streaming"
    );
    ready();
    let ended = loop {
        if stop.is_cancelled() {
            break Ok(());
        }
        if let Err(failure) = turn(&consumer, &producer, model, options, metrics).await {
            break Err(failure);
        }
    };
    // Leaving the group hands the partitions on at once; what is not committed is read again by whoever gets them.
    if let Err(error) = consumer.close().await {
        warn!(%error, "the consumer did not leave its group in order");
    }
    if let Err(error) = producer.close().await {
        warn!(%error, "the producer did not close in order");
    }
    ended
}

/// Reads some records, answers them, and commits.
async fn turn(
    consumer: &Consumer,
    producer: &Producer,
    model: &Model,
    options: &StreamOptions,
    metrics: &Metrics,
) -> Result<(), Failure> {
    let records = match consumer.poll(POLL).await {
        Ok(records) => records,
        Err(error) if error.is_retriable() => {
            warn!(%error, "reading failed; trying again");
            tokio::time::sleep(POLL).await;
            return Ok(());
        }
        Err(error) => return Err(failed("reading the input topic")(error)),
    };
    if !records.is_empty() {
        let (answers, dead) = answers(model, options, &records).await?;
        let count = answers.len();
        let mut deliveries = Vec::with_capacity(records.len());
        for record in answers.into_iter().chain(dead) {
            deliveries.push(producer.enqueue(record).await.map_err(failed("writing an answer"))?);
        }
        for delivery in deliveries {
            let _acknowledged = delivery.await.map_err(failed("writing an answer"))?;
        }
        let outcome = |outcome| metrics.records.get_or_create(&Outcome { outcome }).clone();
        outcome("answered").inc_by(count as u64);
        outcome("dead_letter").inc_by((records.len() - count) as u64);
        match consumer.commit().await {
            Ok(()) => {}
            // The group is being divided anew: whoever gets the partitions answers these records again.
            Err(error) if !error.is_fatal() => warn!(%error, "committing failed; these records may be answered twice"),
            Err(error) => return Err(failed("committing offsets")(error)),
        }
    }
    measure_lag(consumer, metrics).await;
    Ok(())
}

/// The records for the output topic, and those for the dead-letter topic.
async fn answers(
    model: &Model,
    options: &StreamOptions,
    records: &[ConsumerRecord],
) -> Result<(Vec<Record>, Vec<Record>), Failure> {
    let mut reader = Reader::new(&model.manifest);
    let read: Vec<Result<(), String>> = records
        .iter()
        .map(|record| read(&mut reader, record, options.format))
        .collect();
    let (runner, inputs) = (model.clone(), reader.finish());
    let results = tokio::task::spawn_blocking(move || runner.run_each(inputs))
        .await
        .map_err(std::io::Error::other)?;
    let mut results = results.into_iter();
    let dead_letters = options
        .dead_letter_topic
        .clone()
        .unwrap_or_else(|| format!("{}.dead-letter", options.input_topic));
    let (mut answers, mut dead) = (Vec::new(), Vec::new());
    for (record, read) in records.iter().zip(read) {
        let result = read.and_then(|()| {
            results
                .next()
                .unwrap_or_else(|| Err("the model gave no answer".to_owned()))
        });
        match result {
            Ok(answer) => answers.push(written(model, options, record, &answer)),
            Err(reason) => {
                warn!(
                    partition = record.partition,
                    offset = record.offset,
                    reason,
                    "sent to the dead letters"
                );
                dead.push(krafka::dlq::record_for(&dead_letters, record, &reason));
            }
        }
    }
    Ok((answers, dead))
}

fn read(reader: &mut Reader<'_>, record: &ConsumerRecord, format: Format) -> Result<(), String> {
    let Some(value) = &record.value else {
        return Err("the record has no value".to_owned());
    };
    match format {
        Format::Json => {
            let row = serde_json::from_slice(value).map_err(|error| format!("not JSON: {error}"))?;
            reader.push_json(&row)
        }
        Format::Csv => {
            let mut lines = csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .from_reader(&**value);
            let mut rows = lines.records();
            let (Some(row), None) = (rows.next(), rows.next()) else {
                return Err("not one line of CSV".to_owned());
            };
            reader.push_csv(&row.map_err(|error| format!("not CSV: {error}"))?)
        }
    }
}

/// The answer to a record: under the same key, with the same headers, and which model answered.
fn written(model: &Model, options: &StreamOptions, record: &ConsumerRecord, answer: &[Tensor]) -> Record {
    let value = match options.format {
        Format::Json => Answer::new(&model.manifest, answer, 0).to_string(),
        Format::Csv => csv_line(answer_fields(answer, 0)).trim_end().to_owned(),
    };
    let mut written = Record::new(&options.output_topic, value);
    written.key.clone_from(&record.key);
    written.headers.clone_from(&record.headers);
    let manifest = &model.manifest;
    written.headers.push((
        "model".to_owned(),
        Some(format!("{}/{}", manifest.name, manifest.version).into()),
    ));
    written
}

async fn measure_lag(consumer: &Consumer, metrics: &Metrics) {
    let partitions = consumer.lag().await;
    // Partitions that another member has now are its to measure.
    metrics.lag.clear();
    for (place, lag) in partitions {
        if let Some(lag) = lag.lag {
            let partition = Partition {
                topic: place.topic.clone(),
                partition: place.partition,
            };
            metrics
                .lag
                .get_or_create(&partition)
                .set(i64::try_from(lag).unwrap_or(i64::MAX));
        }
    }
}

fn security(options: &StreamOptions) -> Result<AuthConfig, Failure> {
    Ok(match options.security {
        Security::Plaintext => AuthConfig::plaintext(),
        Security::Tls => AuthConfig::ssl(TlsConfig::new()),
        Security::Scram => {
            let (Some(username), Some(password)) = (&options.username, &options.password) else {
                return Err(Failure::Usage(
                    "--security scram needs a user name and a password: set KAFKA_USERNAME and KAFKA_PASSWORD"
                        .to_owned(),
                ));
            };
            AuthConfig::sasl_scram_sha512(username, password).with_tls(TlsConfig::new())
        }
        Security::MskIam => {
            let Some(region) = options.region.clone() else {
                return Err(Failure::Usage(
                    "--security msk-iam needs the region: set AWS_REGION".to_owned(),
                ));
            };
            // Asked for every new connection, because a role's credentials rotate.
            AuthConfig::aws_msk_iam_provider(move || {
                let region = region.clone();
                async move { AwsMskIamCredentials::from_default_chain(region).await }
            })
        }
    })
}

fn failed(what: &'static str) -> impl Fn(krafka::error::KrafkaError) -> Failure {
    move |error| {
        let mut reason = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(source) = cause {
            if !reason.contains(&source.to_string()) {
                reason = format!("{reason}: {source}");
            }
            cause = source.source();
        }
        Failure::Kafka { what, reason }
    }
}
