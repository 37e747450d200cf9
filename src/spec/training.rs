//! `[training.NAME]`, typed: a job of SageMaker that makes a model, with its defaults filled in.

use std::collections::BTreeMap;

use super::Spanned;
use super::workload::Image;
use crate::diagnostic::Span;

/// One training job.
#[derive(Debug, Clone)]
pub struct Training {
    /// Its name and where its table stands.
    pub name: Spanned<String>,
    /// The `sagemaker` stack whose role and network it has.
    pub on: Spanned<String>,
    /// Where its image comes from.
    pub image: Image,
    /// What the container is started with; what its image says if empty.
    pub args: Vec<String>,
    /// What it reads, by the name of the folder below `/opt/ml/input/data`.
    pub channels: BTreeMap<String, Channel>,
    /// Where the model goes.
    pub output: Place,
    /// The type of its instances.
    pub instance_type: String,
    /// How many there are.
    pub instances: u32,
    /// The disk of each, in GiB.
    pub volume_gib: u32,
    /// On spare capacity, if at all.
    pub spot: Option<Spot>,
    /// How long it may train, in seconds.
    pub timeout_seconds: u32,
    /// What `/opt/ml/input/config/hyperparameters.json` says.
    pub hyperparameters: BTreeMap<String, String>,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// Regular expressions by the name of the metric that they find in its lines.
    pub metrics: BTreeMap<String, String>,
    /// The group that its model becomes a version of, if any.
    pub register: Option<Register>,
    /// Where each key of its table was written.
    pub written: BTreeMap<String, Span>,
}

/// What a training job reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Where.
    pub place: Place,
    /// What it is: `text/csv`.
    pub content_type: Option<String>,
    /// `File`, `FastFile` or `Pipe`.
    pub input_mode: String,
    /// Whether each instance gets a part of it, or all.
    pub sharded: bool,
}

/// A place in S3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// As it is written.
    Uri(String),
    /// In a bucket of an `s3` stack.
    Of {
        /// The stack.
        stack: String,
        /// The key.
        key: String,
        /// In the models bucket; in the data bucket otherwise.
        models: bool,
    },
}

/// Training on spare capacity, which may be taken away at any time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// How long it may wait and train, in seconds.
    pub max_wait_seconds: u32,
    /// Where `/opt/ml/checkpoints` is kept; below the output if none.
    pub checkpoints: Option<Place>,
}

/// What becomes of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
    /// The group of the registry, as `model_groups` lists it.
    pub group: String,
    /// Whether it may be shipped without anybody looking at it.
    pub approve: bool,
    /// The image that serves it; that which trained it if none.
    pub image: Option<String>,
    /// What it is asked with and answers in.
    pub content_types: Vec<String>,
}
