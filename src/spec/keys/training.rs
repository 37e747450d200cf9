//! `[training.NAME]`: jobs that make models.

use super::workload::{DURATION, IMAGE, VARIABLE};
use super::{Key, Kind, NAME, Named, Rest, Strings};

/// An address in S3.
const S3_URI: &str = "^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^\\n]*)?$";
/// A key in S3.
const KEY: &str = "^[^/\\n][^\\n]{0,1023}$";
/// "Channel", SageMaker API Reference.
pub const CHANNEL_NAME: &str = "^[A-Za-z0-9._-]{1,64}$";
/// "HyperParameters", SageMaker API Reference: keys and values of at most 2,500 characters.
const HYPERPARAMETER: &str = "^[^\\n]{1,256}$";

/// `[training.NAME]`.
pub const TRAINING: &[Key] = &[
    Key::new(
        "on",
        Kind::Text(Some(NAME)),
        "The `sagemaker` stack whose training role, subnets and security group it has.",
    )
    .required()
    .example("\"ml\""),
    Key::new(
        "image",
        Kind::Table(IMAGE),
        "Where its image comes from: exactly one of `context`, `reference` and `layout`.",
    )
    .required()
    .example("{ context = \"training\" }"),
    Key::new(
        "instance_type",
        Kind::Text(Some("^ml\\.[a-z0-9-]+\\.[a-z0-9-]+$")),
        "The instances that it runs on.",
    )
    .required()
    .example("\"ml.m6i.xlarge\""),
    Key::new("instances", Kind::Whole(1, 100), "How many instances.").default("1"),
    Key::new("volume", Kind::Whole(1, 16_384), "The disk of each instance, in GiB.").default("30"),
    Key::new(
        "channels",
        Kind::Named(Named {
            what: "channel",
            name: CHANNEL_NAME,
            keys: CHANNEL,
            rest: Rest::Refused,
        }),
        "What it reads, by name: each is a folder below /opt/ml/input/data.",
    )
    .example("{ train = { key = \"fraud/train/\" } }"),
    Key::new(
        "output",
        Kind::Table(OUTPUT),
        "Where /opt/ml/model goes when it is done, as JOB/output/model.tar.gz.",
    )
    .default("training/NAME in the models bucket of the only `s3` stack"),
    Key::new(
        "spot",
        Kind::Table(SPOT),
        "Train on spare capacity: cheaper, and it may be interrupted.",
    )
    .example("{ max_wait = \"12h\" }"),
    Key::new(
        "timeout",
        Kind::Text(Some(DURATION)),
        "How long it may train; then it is stopped, and what is in /opt/ml/model is kept.",
    )
    .default("\"6h\""),
    Key::new(
        "args",
        Kind::Texts("^"),
        "What the container is started with, in place of `train`.",
    ),
    Key::new(
        "hyperparameters",
        Kind::Strings(Strings {
            name: HYPERPARAMETER,
            value: Some("^[\\s\\S]{0,2500}$"),
        }),
        "What /opt/ml/input/config/hyperparameters.json says. SageMaker takes texts alone.",
    )
    .example("{ epochs = \"20\", learning_rate = \"0.1\" }"),
    Key::new(
        "env",
        Kind::Strings(Strings {
            name: VARIABLE,
            value: None,
        }),
        "Environment variables. Never secrets: anyone who may describe the job can read them.",
    )
    .example("{ LOG_LEVEL = \"info\" }"),
    Key::new(
        "metrics",
        Kind::Strings(Strings {
            name: "^.{1,255}$",
            value: Some("^[^\\n]{1,500}$"),
        }),
        "Regular expressions that find metrics in what it prints; the first group is the value.",
    )
    .example("{ \"validation:auc\" = 'auc=([0-9.]+)' }"),
    Key::new(
        "register",
        Kind::Table(REGISTER),
        "The group of the model registry that its model becomes a version of.",
    )
    .example("{ group = \"scorer\" }"),
];

/// `[training.NAME.channels.CHANNEL]`.
pub const CHANNEL: &[Key] = &[
    Key::new(
        "key",
        Kind::Text(Some(KEY)),
        "The key, or what keys begin with, in the data bucket of an `s3` stack.",
    )
    .example("\"fraud/train/\""),
    Key::new("stack", Kind::Text(Some(NAME)), "With `key`, the `s3` stack.").default("the only one"),
    Key::new("s3", Kind::Text(Some(S3_URI)), "In place of `key`, an address in S3.")
        .example("\"s3://acme-data/fraud/train/\""),
    Key::new("content_type", Kind::Text(Some("^[^\\n]{1,256}$")), "What it is.").example("\"text/csv\""),
    Key::new(
        "input_mode",
        Kind::Choice(&["File", "FastFile", "Pipe"]),
        "Copied before training begins, read as it is needed, or streamed through a pipe.",
    )
    .default("\"File\""),
    Key::new(
        "sharded",
        Kind::Boolean,
        "Each instance gets a part of the objects, and not all of them.",
    )
    .default("false"),
];

/// `output` and `checkpoints`.
pub const OUTPUT: &[Key] = &[
    Key::new(
        "key",
        Kind::Text(Some(KEY)),
        "What keys begin with, in the models bucket of an `s3` stack.",
    )
    .example("\"training/fraud\""),
    Key::new("stack", Kind::Text(Some(NAME)), "With `key`, the `s3` stack.").default("the only one"),
    Key::new("s3", Kind::Text(Some(S3_URI)), "In place of `key`, an address in S3.")
        .example("\"s3://acme-models/fraud\""),
];

/// `spot`.
pub const SPOT: &[Key] = &[
    Key::new(
        "max_wait",
        Kind::Text(Some(DURATION)),
        "How long it may take in all, waiting for capacity included.",
    )
    .default("twice `timeout`"),
    Key::new(
        "checkpoints",
        Kind::Table(OUTPUT),
        "Where /opt/ml/checkpoints is kept, so that it goes on after an interruption.",
    )
    .default("beside the output, for each run its own"),
];

/// `register`.
pub const REGISTER: &[Key] = &[
    Key::new(
        "group",
        Kind::Text(Some("^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$")),
        "The group: one of the `model_groups` of a `sagemaker` stack.",
    )
    .required()
    .example("\"scorer\""),
    Key::new(
        "approve",
        Kind::Boolean,
        "Approve it at once. Otherwise somebody has to before it can be shipped.",
    )
    .default("false"),
    Key::new(
        "image",
        Kind::Text(None),
        "The image that serves the model, for those who deploy it from the registry.",
    )
    .default("the image that trained it"),
    Key::new(
        "content_types",
        Kind::Texts("^[^\\n]{1,256}$"),
        "What it is asked with, and answers in.",
    )
    .default("[\"application/json\", \"text/csv\"]"),
];
