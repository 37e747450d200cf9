//! `[workloads.NAME]`: what runs on the stacks.

use super::{Key, Kind, SECRET, Strings};

/// A duration: a whole number of seconds, minutes or hours.
pub(super) const DURATION: &str = "^[1-9][0-9]{0,4}(s|m|h)$";
/// A quantity of memory, as Kubernetes writes it.
const MEMORY: &str = "^[1-9][0-9]{0,6}(Mi|Gi)$";
/// "Environment variables": what every shell can read.
pub(super) const VARIABLE: &str = "^[A-Za-z_][A-Za-z0-9_]*$";
/// "Labels and Selectors", Kubernetes: a name, with a DNS name and a slash before it or not.
const LABEL: &str = "^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$";
/// The value of a label; it may be empty.
const LABEL_VALUE: &str = "^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$";
/// A path of a request, without a query.
const REQUEST_PATH: &str = "^/[A-Za-z0-9._~/-]*$";
/// A host name in lower case, of at least two parts.
const HOST: &str = "^(\\*\\.)?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$";
/// "Topics", Apache Kafka: the names that a broker takes.
const TOPIC: &str = "^[A-Za-z0-9._-]{1,249}$";
/// A path inside of the project.
const INSIDE: &str = "^[^/\\\\\\n][^\\\\\\n]*$";
/// A name of Kubernetes: a DNS label.
const DNS_LABEL: &str = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";

/// `[workloads.NAME]`.
pub const WORKLOAD: &[Key] = &[
    Key::new(
        "kind",
        Kind::Choice(&["api", "batch", "stream"]),
        "Whether it answers requests, works through a batch and ends, or follows a stream.",
    )
    .required(),
    Key::new(
        "on",
        Kind::Text(None),
        "The stack that it runs on: one of the module `eks`, `ecs` or `sagemaker`. No stream runs on SageMaker.",
    )
    .required()
    .example("\"cluster\""),
    Key::new(
        "image",
        Kind::Table(IMAGE),
        "Where its image comes from: exactly one of `context`, `reference` and `layout`.",
    )
    .required()
    .example("{ context = \".\" }"),
    Key::new(
        "architecture",
        Kind::Choice(&["x86_64", "arm64"]),
        "The processor that the image is built for; pods are placed only on nodes that have it.",
    )
    .default("\"x86_64\""),
    Key::new(
        "model",
        Kind::Table(MODEL),
        "The model that it loads: a key in S3, or a version of a group of the model registry.",
    )
    .example("{ key = \"scorer/model.onnx\" }"),
    Key::new("replicas", Kind::Whole(0, 1000), "How many run at the same time, where nothing scales them.")
        .default("2 in a protected environment, otherwise 1"),
    Key::new(
        "autoscaling",
        Kind::Table(AUTOSCALING),
        "Between which numbers it is scaled, and by what, in place of `replicas`.",
    )
    .example("{ min = 2, max = 10, target_cpu = 70 }"),
    Key::new("cpu", Kind::Within(0.05, 192.0), "The processors that each one is given.").default("1"),
    Key::new(
        "memory",
        Kind::Text(Some(MEMORY)),
        "The memory that each one is given, and that it may not exceed.",
    )
    .default("\"2Gi\""),
    Key::new("gpu", Kind::Whole(0, 16), "The NVIDIA GPUs that each one is given; it then tolerates the taint nvidia.com/gpu.")
        .default("0"),
    Key::new(
        "instance_type",
        Kind::Text(Some("^ml\\.[a-z0-9-]+\\.[a-z0-9-]+$")),
        "On SageMaker, the instances that it runs on, in place of `cpu`, `memory` and `gpu`.",
    )
    .example("\"ml.m6i.large\""),
    Key::new("args", Kind::Texts("^"), "What the container is started with, in place of what its image says.")
        .example("[\"stream\"]"),
    Key::new(
        "env",
        Kind::Strings(Strings {
            name: VARIABLE,
            value: None,
        }),
        "Environment variables. Never secrets: these have a table of their own.",
    )
    .example("{ LOG_LEVEL = \"info\" }"),
    Key::new(
        "secrets",
        Kind::Strings(Strings {
            name: VARIABLE,
            value: Some(SECRET),
        }),
        "Secrets by reference to Secrets Manager or Parameter Store. Each becomes a file; the variable NAME_FILE says where.",
    )
    .example("{ DB_PASSWORD = \"arn:aws:secretsmanager:us-east-1:111122223333:secret:db\" }"),
    Key::new(
        "port",
        Kind::Whole(1024, 65535),
        "The port that it listens on. Below 1024 only root may listen, and it is not root.",
    )
    .default("8080"),
    Key::new("probes", Kind::Table(PROBES), "How it is found out whether it is ready, and whether it still lives.")
        .example("{ path = \"/ping\", startup = \"5m\" }"),
    Key::new("namespace", Kind::Text(Some(DNS_LABEL)), "On EKS, the Kubernetes namespace.").default("\"default\""),
    Key::new(
        "service_account",
        Kind::Text(Some("^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")),
        "On EKS, the service account; what it may do in AWS is what `pod_identities` of the cluster says for it. If given, one of them has to name it.",
    )
    .default("the workload's name, with no rights in AWS where no pod identity names it"),
    Key::new("ingress", Kind::Table(INGRESS), "On EKS, the host name under which an API is reached from outside of the cluster.")
        .example("{ host = \"scorer.example.com\" }"),
    Key::new("stream", Kind::Table(STREAM), "What a stream reads, and where it writes."),
    Key::new(
        "schedule",
        Kind::Text(None),
        "On EKS and ECS, when a batch runs: minute, hour, day, month, weekday. Without it, it runs once for each version that is shipped.",
    )
    .example("\"15 2 * * *\""),
    Key::new(
        "time_zone",
        Kind::Text(Some("^[A-Z][A-Za-z0-9_+-]*(/[A-Z][A-Za-z0-9_+-]*){0,2}$")),
        "The time zone of `schedule`.",
    )
    .default("\"Etc/UTC\""),
    Key::new(
        "parallelism",
        Kind::Whole(1, 1000),
        "On EKS: how many work through a batch side by side; each is told its number in JOB_COMPLETION_INDEX.",
    )
    .default("1"),
    Key::new("retries", Kind::Whole(0, 100), "On EKS: how often a batch that failed is tried again.").default("2"),
    Key::new("timeout", Kind::Text(Some(DURATION)), "How long a batch may take, retries included; on ECS as long as it is followed, and not beside `schedule`.").default("\"6h\""),
    Key::new(
        "grace_period",
        Kind::Text(Some(DURATION)),
        "How long it has to finish what it is doing when it is told to stop.",
    )
    .default("\"60s\""),
    Key::new(
        "node_selector",
        Kind::Strings(Strings {
            name: LABEL,
            value: Some(LABEL_VALUE),
        }),
        "On EKS, the labels of the nodes that it may run on.",
    )
    .example("{ \"karpenter.sh/capacity-type\" = \"spot\" }"),
    Key::new("tolerations", Kind::Tables(TOLERATION), "On EKS, the taints of nodes that do not keep it away.")
        .example("[{ key = \"team\", value = \"ml\" }]"),
];

/// `image`.
pub const IMAGE: &[Key] = &[
    Key::new(
        "context",
        Kind::Text(Some(INSIDE)),
        "The folder that is built, relative to the project.",
    )
    .example("\".\""),
    Key::new(
        "dockerfile",
        Kind::Text(Some(INSIDE)),
        "The Dockerfile, relative to the context.",
    )
    .default("\"Dockerfile\""),
    Key::new(
        "target",
        Kind::Text(Some("^[A-Za-z0-9][A-Za-z0-9._-]*$")),
        "The stage of the Dockerfile; the last one if absent.",
    ),
    Key::new(
        "args",
        Kind::Strings(Strings {
            name: VARIABLE,
            value: None,
        }),
        "Arguments of the build. They can be read in the image: never secrets.",
    ),
    Key::new(
        "reference",
        Kind::Text(None),
        "An image that exists already. In a protected environment it has a digest or a tag, and that is not `latest`.",
    )
    .example("\"ghcr.io/acme/scorer:1.4.2\""),
    Key::new(
        "layout",
        Kind::Text(Some(INSIDE)),
        "A folder with an OCI image layout, relative to the project: an image that something else has built.",
    )
    .example("\"build/scorer.oci\""),
    Key::new(
        "repository",
        Kind::Text(Some("^[a-z0-9]+([._/-][a-z0-9]+)*$")),
        "Where it is pushed: one of the `repositories` of an `ecr` stack.",
    )
    .default("the workload's name"),
];

/// `model`.
pub const MODEL: &[Key] = &[
    Key::new(
        "key",
        Kind::Text(Some("^[^/\\n][^\\n]{0,1023}$")),
        "The key of the model in S3; one that ends in a slash means all below it.",
    )
    .default("with `path`, the workload's name and a slash")
    .example("\"scorer/model.onnx\""),
    Key::new(
        "path",
        Kind::Text(None),
        "A file or folder, relative to the project, that is uploaded below `key` when it is shipped.",
    )
    .example("\"inference/model\""),
    Key::new("bucket", Kind::Text(Some(super::BUCKET)), "The bucket.")
        .default("the models bucket of the only `s3` stack"),
    Key::new(
        "group",
        Kind::Text(Some("^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$")),
        "In place of a key, the model group of the registry.",
    )
    .example("\"scorer\""),
    Key::new(
        "version",
        Kind::TextOrWhole,
        "With a key, the version id that S3 gave the object; with a group, the number of the version.",
    )
    .default("the newest when it is shipped: of a group, the newest that is approved"),
];

/// `autoscaling`.
pub const AUTOSCALING: &[Key] = &[
    Key::new("min", Kind::Whole(1, 1000), "The least that run.").required().example("2"),
    Key::new("max", Kind::Whole(1, 1000), "The most that run.").required().example("10"),
    Key::new("target_cpu", Kind::Whole(1, 100), "Scale so that on average this percentage of `cpu` is used.")
        .example("70"),
    Key::new(
        "target_requests",
        Kind::Within(0.1, 100_000.0),
        "Scale so that each gets this many requests a second. On EKS something has to provide the metric `http_requests_per_second`; on ECS the stack needs its load balancer.",
    )
    .example("50"),
    Key::new(
        "lag",
        Kind::Whole(1, 1_000_000_000),
        "Scale a stream so that for each this many messages wait, on EKS alone. Something has to provide the metric `kafka_consumergroup_lag`.",
    )
    .example("1000"),
];

/// `probes`.
pub const PROBES: &[Key] = &[
    Key::new(
        "path",
        Kind::Text(Some(REQUEST_PATH)),
        "Answers with 200 when it is ready for requests.",
    )
    .default("\"/ping\""),
    Key::new(
        "live_path",
        Kind::Text(Some(REQUEST_PATH)),
        "Answers with 200 as long as it need not be restarted.",
    )
    .default("what `path` says"),
    Key::new(
        "startup",
        Kind::Text(Some(DURATION)),
        "How long it may take to load its model before it is given up.",
    )
    .default("\"5m\""),
    Key::new(
        "initial_delay",
        Kind::Text(Some(DURATION)),
        "How long nobody asks after it has started.",
    ),
    Key::new("period", Kind::Text(Some(DURATION)), "How often it is asked.").default("\"10s\""),
    Key::new("timeout", Kind::Text(Some(DURATION)), "How long an answer may take.").default("\"2s\""),
    Key::new(
        "failures",
        Kind::Whole(1, 100),
        "After how many failures in a row it counts as not ready or as dead.",
    )
    .default("3"),
];

/// `ingress`.
pub const INGRESS: &[Key] = &[
    Key::new("host", Kind::Text(Some(HOST)), "The host name.")
        .required()
        .example("\"scorer.example.com\""),
    Key::new(
        "tls",
        Kind::Boolean,
        "Answer over TLS alone. The certificate is `certificate`, or the one in ACM that has the host's name.",
    )
    .default("true"),
    Key::new(
        "certificate",
        Kind::Text(Some("^arn:[^:]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[A-Za-z0-9-]+$")),
        "The ARN of the certificate in ACM.",
    ),
    Key::new(
        "public",
        Kind::Boolean,
        "Whether the internet reaches it, or only the VPC.",
    )
    .default("false"),
    Key::new(
        "class",
        Kind::Text(Some(DNS_LABEL)),
        "The IngressClass of the cluster that makes the load balancer.",
    )
    .default("\"alb\""),
    Key::new(
        "path",
        Kind::Text(Some(REQUEST_PATH)),
        "Requests that begin with this path are taken.",
    )
    .default("\"/\""),
];

/// `stream`.
pub const STREAM: &[Key] = &[
    Key::new(
        "brokers",
        Kind::Texts("^[A-Za-z0-9.-]+:[0-9]{1,5}$"),
        "The Kafka brokers to begin with, HOST:PORT.",
    )
    .required()
    .example("[\"b-1.kafka.example.com:9098\"]"),
    Key::new("topic", Kind::Text(Some(TOPIC)), "The topic that is read.")
        .required()
        .example("\"transactions\""),
    Key::new("group", Kind::Text(Some(TOPIC)), "The consumer group.").default("PROJECT-ENVIRONMENT-WORKLOAD"),
    Key::new(
        "output",
        Kind::Text(Some(TOPIC)),
        "The topic that results are written to.",
    )
    .example("\"scores\""),
];

/// One of `tolerations`.
pub const TOLERATION: &[Key] = &[
    Key::new("key", Kind::Text(Some(LABEL)), "The key of the taint.")
        .required()
        .example("\"team\""),
    Key::new(
        "value",
        Kind::Text(Some(LABEL_VALUE)),
        "The value of the taint; any if absent.",
    ),
    Key::new(
        "effect",
        Kind::Choice(&["NoSchedule", "PreferNoSchedule", "NoExecute"]),
        "The effect of the taint; all if absent.",
    ),
];
