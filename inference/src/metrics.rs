//! What Prometheus scrapes.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::manifest::Manifest;

/// A request that was answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Answered {
    /// `sagemaker` or `v2`.
    pub protocol: &'static str,
    /// The status code.
    pub code: u16,
}

/// The protocol of a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Protocol {
    /// `sagemaker` or `v2`.
    pub protocol: &'static str,
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Outcome {
    /// `answered` or `dead_letter`.
    pub outcome: &'static str,
}

/// A partition of the input topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Partition {
    /// The topic.
    pub topic: String,
    /// Its number.
    pub partition: i32,
}

/// All measurements of the process. Cheap to clone; clones measure into the same place.
#[derive(Clone)]
pub struct Metrics {
    /// Requests by protocol and status code.
    pub requests: Family<Answered, Counter>,
    /// From the first byte of the body to the answer.
    pub request_seconds: Family<Protocol, Histogram>,
    /// A run of the model.
    pub run_seconds: Histogram,
    /// Rows in a run of the model.
    pub batch_rows: Histogram,
    /// Requests that wait for a run.
    pub queue: Gauge,
    /// Requests under way.
    pub in_flight: Gauge,
    /// Records of a stream, by what became of them.
    pub records: Family<Outcome, Counter>,
    /// How many records of a partition are still unread.
    pub lag: Family<Partition, Gauge>,
}

impl Default for Metrics {
    fn default() -> Self {
        // From 50 microseconds to 26 seconds, and from 1 row to 16,384.
        let seconds = || Histogram::new(exponential_buckets(0.000_05, 2.0, 20));
        Self {
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(seconds),
            run_seconds: seconds(),
            batch_rows: Histogram::new(exponential_buckets(1.0, 2.0, 15)),
            queue: Gauge::default(),
            in_flight: Gauge::default(),
            records: Family::default(),
            lag: Family::default(),
        }
    }
}

impl Metrics {
    /// Everything as text, in the OpenMetrics format.
    ///
    /// # Errors
    /// Never in practice: writing into a string does not fail.
    pub fn text(&self, model: Option<&Manifest>) -> Result<String, std::fmt::Error> {
        let mut registry = Registry::with_prefix("inference");
        registry.register("requests", "Requests answered", self.requests.clone());
        registry.register_with_unit(
            "request_duration",
            "From the first byte of a body to its answer",
            Unit::Seconds,
            self.request_seconds.clone(),
        );
        registry.register_with_unit(
            "run_duration",
            "A run of the model",
            Unit::Seconds,
            self.run_seconds.clone(),
        );
        registry.register("batch_rows", "Rows in a run of the model", self.batch_rows.clone());
        registry.register("queue_length", "Requests that wait for a run", self.queue.clone());
        registry.register("in_flight", "Requests under way", self.in_flight.clone());
        registry.register("stream_records", "Records of the stream", self.records.clone());
        registry.register(
            "stream_lag_records",
            "Records of a partition that are still unread",
            self.lag.clone(),
        );
        if let Some(model) = model {
            let labels = vec![
                ("name", model.name.clone()),
                ("version", model.version.clone()),
                ("sha256", model.sha256.clone()),
                ("object_version", model.object_version.clone().unwrap_or_default()),
            ];
            registry.register("model", "The model that answers", Info::new(labels));
        }
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }
}
