//! Options. Each has an environment variable, because containers are set up by them; `--help` lists both.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::manifest::Version;

/// The reference model server of mlinfra: one ONNX model behind HTTP, over files, or between two Kafka topics.
#[derive(Debug, Parser)]
#[command(name = "inference", version)]
pub struct Options {
    /// What to log, in the syntax of RUST_LOG
    #[arg(long, env = "INFERENCE_LOG", default_value = "info", global = true)]
    pub log: String,
    /// What to do.
    #[command(subcommand)]
    pub mode: Mode,
}

/// The modes.
#[derive(Debug, Subcommand)]
pub enum Mode {
    /// Answer requests over HTTP: SageMaker's contract and the Open Inference Protocol v2
    Serve(ServeOptions),
    /// Answer every record of files, into files; run again, it goes on where it was
    Batch(BatchOptions),
    /// Answer every record of a Kafka topic into another, at least once
    Stream(StreamOptions),
}

/// Where the model is.
#[derive(Debug, Clone, Args)]
pub struct ModelOptions {
    /// The folder, s3://BUCKET/PREFIX, or s3://BUCKET/KEY of the ONNX file or of a .tar.gz; SageMaker's folder by default
    #[arg(long, env = "INFERENCE_MODEL")]
    pub model: Option<String>,
    /// The version of it: the version id of the object in S3, or the number that a model registry gave it
    #[arg(long, env = "INFERENCE_MODEL_VERSION", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub model_version: Option<String>,
    /// SageMaker's name for that folder
    #[arg(long, env = "SM_MODEL_DIR", default_value = "/opt/ml/model", hide = true)]
    pub sagemaker_model: String,
}

impl ModelOptions {
    /// The place to read from.
    pub fn location(&self) -> &str {
        self.model.as_deref().unwrap_or(&self.sagemaker_model)
    }

    /// The version that is wanted, if one is.
    pub fn version(&self) -> Option<Version> {
        self.model_version.as_deref().map(Version::of)
    }
}

/// Where HTTP listens.
#[derive(Debug, Clone, Args)]
pub struct ListenOptions {
    /// The address to listen on
    #[arg(long, env = "INFERENCE_HOST", default_value = "0.0.0.0")]
    pub host: std::net::IpAddr,
    /// The port to listen on; 8080 unless SageMaker asks for another; 0 takes a free one, which the log tells
    #[arg(long, env = "INFERENCE_PORT")]
    pub port: Option<u16>,
    /// SageMaker's name for that port
    #[arg(long, env = "SAGEMAKER_BIND_TO_PORT", default_value_t = 8080, hide = true)]
    pub sagemaker_port: u16,
}

impl ListenOptions {
    /// The address and port.
    pub fn address(&self) -> std::net::SocketAddr {
        (self.host, self.port.unwrap_or(self.sagemaker_port)).into()
    }
}

/// Options of `serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeOptions {
    #[command(flatten)]
    #[expect(missing_docs, reason = "its type says it")]
    pub model: ModelOptions,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its type says it")]
    pub listen: ListenOptions,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its type says it")]
    pub batching: BatchingOptions,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its type says it")]
    pub limits: LimitOptions,
    /// On SIGTERM: how long to go on accepting requests while /ping already answers 503, so that load balancers notice
    #[arg(long, env = "INFERENCE_DRAIN_DELAY_MS", default_value = "3000", value_parser = milliseconds)]
    pub drain_delay_ms: Duration,
    /// After that delay: how long running requests may take to end
    #[arg(long, env = "INFERENCE_DRAIN_TIMEOUT_MS", default_value = "20000", value_parser = milliseconds)]
    pub drain_timeout_ms: Duration,
}

/// How requests share runs of the model.
#[derive(Debug, Clone, Args)]
pub struct BatchingOptions {
    /// How many rows may share a run of the model
    #[arg(long, env = "INFERENCE_MAX_BATCH_ROWS", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_batch_rows: u32,
    /// How long the first request of a run may wait for others; 0 takes only what waits already
    #[arg(long, env = "INFERENCE_MAX_BATCH_DELAY_MS", default_value = "0", value_parser = milliseconds)]
    pub max_batch_delay_ms: Duration,
    /// How many requests may wait for a run; the next is answered with 503
    #[arg(long, env = "INFERENCE_QUEUE", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    pub queue: u32,
    /// How many runs there may be at once; one for each processor by default
    #[arg(long, env = "INFERENCE_WORKERS", value_parser = clap::value_parser!(u32).range(1..))]
    pub workers: Option<u32>,
}

/// What a request may ask for.
#[derive(Debug, Clone, Args)]
pub struct LimitOptions {
    /// The largest body in bytes; larger ones are answered with 413. SageMaker itself allows 6 MB
    #[arg(long, env = "INFERENCE_MAX_BODY_BYTES", default_value_t = MAX_BODY_BYTES)]
    pub max_body_bytes: usize,
    /// The most rows in one request; more are answered with 413
    #[arg(long, env = "INFERENCE_MAX_REQUEST_ROWS", default_value_t = MAX_REQUEST_ROWS)]
    pub max_request_rows: usize,
    /// How long a body may take to arrive, after which the answer is 408
    #[arg(long, env = "INFERENCE_READ_TIMEOUT_MS", default_value = "10000", value_parser = milliseconds)]
    pub read_timeout_ms: Duration,
    /// How long the model may take, waiting included, after which the answer is 503. SageMaker itself waits 60 s
    #[arg(long, env = "INFERENCE_REQUEST_TIMEOUT_MS", default_value = "30000", value_parser = milliseconds)]
    pub request_timeout_ms: Duration,
    /// How many requests may be under way at once; the next is answered with 429
    #[arg(long, env = "INFERENCE_MAX_IN_FLIGHT", default_value_t = MAX_IN_FLIGHT, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_in_flight: u32,
}

impl Default for LimitOptions {
    fn default() -> Self {
        Self {
            max_body_bytes: MAX_BODY_BYTES,
            max_request_rows: MAX_REQUEST_ROWS,
            read_timeout_ms: Duration::from_secs(10),
            request_timeout_ms: Duration::from_secs(30),
            max_in_flight: MAX_IN_FLIGHT,
        }
    }
}

const MAX_BODY_BYTES: usize = 6 * 1024 * 1024;
const MAX_REQUEST_ROWS: usize = 10_000;
const MAX_IN_FLIGHT: u32 = 1024;

/// Options of `batch`.
#[derive(Debug, Clone, Args)]
pub struct BatchOptions {
    #[command(flatten)]
    #[expect(missing_docs, reason = "its type says it")]
    pub model: ModelOptions,
    /// A file, or a folder of files: `*.csv`, `*.jsonl` and `*.ndjson`
    #[arg(long, env = "INFERENCE_INPUT")]
    pub input: PathBuf,
    /// The folder for the answers, made if it is not there: `NAME.out` for each input, one line for each record
    #[arg(long, env = "INFERENCE_OUTPUT")]
    pub output: PathBuf,
    /// How many records are answered between two records of progress
    #[arg(long, env = "INFERENCE_CHUNK", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub chunk: u32,
}

/// Options of `stream`.
#[derive(Debug, Clone, Args)]
pub struct StreamOptions {
    #[command(flatten)]
    #[expect(missing_docs, reason = "its type says it")]
    pub model: ModelOptions,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its type says it")]
    pub listen: ListenOptions,
    /// The brokers, as HOST:PORT,HOST:PORT
    #[arg(long, env = "KAFKA_BROKERS")]
    pub brokers: String,
    /// The topic to read
    #[arg(long, env = "KAFKA_INPUT_TOPIC")]
    pub input_topic: String,
    /// The topic for the answers
    #[arg(long, env = "KAFKA_OUTPUT_TOPIC")]
    pub output_topic: String,
    /// The topic for records that cannot be answered; INPUT.dead-letter by default
    #[arg(long, env = "KAFKA_DEAD_LETTER_TOPIC")]
    pub dead_letter_topic: Option<String>,
    /// The consumer group
    #[arg(long, env = "KAFKA_GROUP", default_value = "inference")]
    pub group: String,
    /// How records are written: a JSON row, or a CSV line
    #[arg(long, env = "KAFKA_FORMAT", value_enum, default_value_t = Format::Json)]
    pub format: Format,
    /// How many records share a run of the model and a commit
    #[arg(long, env = "KAFKA_MAX_RECORDS", default_value_t = 500, value_parser = clap::value_parser!(i32).range(1..))]
    pub max_records: i32,
    /// How long the group waits for a member that says nothing before its partitions go to others
    #[arg(long, env = "KAFKA_SESSION_TIMEOUT_MS", default_value = "45000", value_parser = milliseconds)]
    pub session_timeout_ms: Duration,
    /// How to connect
    #[arg(long, env = "KAFKA_SECURITY", value_enum, default_value_t = Security::Plaintext)]
    pub security: Security,
    /// The user name of SASL
    #[arg(long, env = "KAFKA_USERNAME")]
    pub username: Option<String>,
    /// The password of SASL
    #[arg(long, env = "KAFKA_PASSWORD", hide_env_values = true)]
    pub password: Option<String>,
    /// The region of the cluster, for MSK with IAM
    #[arg(long, env = "AWS_REGION")]
    pub region: Option<String>,
}

/// How a record is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A row as JSON.
    Json,
    /// A line of CSV, without a header.
    Csv,
}

/// How to connect to Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Security {
    /// Neither encrypted nor authenticated.
    Plaintext,
    /// Encrypted.
    Tls,
    /// Encrypted, with a user name and a password (SCRAM-SHA-512), as MSK takes them from Secrets Manager.
    Scram,
    /// Encrypted, with the role of the workload, as MSK's IAM access control asks.
    MskIam,
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .map(Duration::from_millis)
        .map_err(|_| "give a whole number of milliseconds".to_owned())
}
