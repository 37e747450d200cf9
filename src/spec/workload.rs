//! `[workloads.NAME]`, typed: what runs on the stacks, with its defaults filled in.

use std::collections::BTreeMap;

use super::Spanned;
use crate::diagnostic::Span;

/// One workload.
#[derive(Debug, Clone)]
pub struct Workload {
    /// Its name and where its table stands.
    pub name: Spanned<String>,
    /// What it does.
    pub kind: Kind,
    /// The stack that it runs on.
    pub on: Spanned<String>,
    /// What that stack makes of it.
    pub platform: Platform,
    /// Where its image comes from.
    pub image: Image,
    /// The processor that the image is built for.
    pub architecture: Architecture,
    /// The model that it loads.
    pub model: Option<Model>,
    /// How many run.
    pub scale: Scale,
    /// Processors of each one, in thousandths.
    pub milli_cpu: u32,
    /// Memory of each one, in MiB.
    pub memory_mib: u64,
    /// NVIDIA GPUs of each one.
    pub gpu: u32,
    /// The type of SageMaker's instances.
    pub instance_type: Option<String>,
    /// What the container is started with; what its image says if empty.
    pub args: Vec<String>,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// Secrets, by the name of what they are to the container.
    pub secrets: BTreeMap<String, Secret>,
    /// The port that it listens on.
    pub port: u16,
    /// How its health is found out; none if nobody asks.
    pub probes: Option<Probes>,
    /// The Kubernetes namespace.
    pub namespace: String,
    /// The Kubernetes service account.
    pub service_account: ServiceAccount,
    /// The host name under which it is reached.
    pub ingress: Option<Ingress>,
    /// What a stream reads and writes.
    pub stream: Option<Stream>,
    /// How a batch runs.
    pub batch: Batch,
    /// How long it has to finish when it is told to stop, in seconds.
    pub grace_seconds: u32,
    /// Labels of the nodes that it may run on.
    pub node_selector: BTreeMap<String, String>,
    /// Taints of nodes that do not keep it away.
    pub tolerations: Vec<Toleration>,
    /// Where each key of its table was written.
    pub written: BTreeMap<String, Span>,
}

/// What a workload does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Answers requests.
    Api,
    /// Works through a batch and ends.
    Batch,
    /// Follows a stream.
    Stream,
}

/// What a workload runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// A Kubernetes cluster of EKS.
    Eks,
    /// A cluster of ECS.
    Ecs,
    /// Endpoints and jobs of SageMaker.
    SageMaker,
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Eks => "eks",
            Self::Ecs => "ecs",
            Self::SageMaker => "sagemaker",
        })
    }
}

/// The processor that an image is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// Intel's and AMD's.
    X86_64,
    /// Graviton.
    Arm64,
}

/// Where an image comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Image {
    /// It is built, and pushed to `repository`.
    Context {
        /// The folder, relative to the project.
        context: String,
        /// The Dockerfile, relative to the context.
        dockerfile: String,
        /// The stage.
        target: Option<String>,
        /// Arguments of the build.
        args: BTreeMap<String, String>,
        /// The last part of the repository's name, as the `ecr` stack lists it.
        repository: String,
    },
    /// It exists already, and is pulled from where it is.
    Reference(String),
    /// Something else has built it into this folder; it is pushed to `repository`.
    Layout {
        /// The folder, relative to the project.
        layout: String,
        /// The last part of the repository's name.
        repository: String,
    },
}

/// The model that a workload loads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Model {
    /// An object, or all below a prefix.
    S3 {
        /// Where.
        bucket: Bucket,
        /// The key.
        key: String,
        /// The version id of the object; the newest if none.
        version: Option<String>,
        /// The file or folder, relative to the project, that is uploaded below the key when it is shipped.
        path: Option<String>,
    },
    /// A version of a group of SageMaker's model registry.
    Package {
        /// The group.
        group: String,
        /// The number of the version; the newest approved one if none.
        version: Option<u32>,
    },
}

/// The bucket of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bucket {
    /// By its name.
    Named(String),
    /// The models bucket of this `s3` stack.
    Of(String),
}

/// How many run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scale {
    /// This many.
    Fixed(u32),
    /// Between two numbers.
    Automatic {
        /// The least.
        min: u32,
        /// The most.
        max: u32,
        /// What decides.
        target: Target,
    },
}

/// What the number of replicas follows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// The percentage of the processors in use.
    Cpu(u32),
    /// Requests a second of each one.
    Requests(f64),
    /// Messages that wait, for each one.
    Lag(u32),
}

/// A secret, by reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// A secret of Secrets Manager, by name or ARN, with the JSON key in it if one is named.
    SecretsManager {
        /// Name or ARN.
        id: String,
        /// The key inside of a secret that is JSON.
        key: Option<String>,
    },
    /// A parameter of Parameter Store, by name.
    Parameter(String),
}

/// How a container's health is found out. Times are in seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probes {
    /// Answers with 200 when it is ready.
    pub path: String,
    /// Answers with 200 as long as it lives.
    pub live_path: String,
    /// How long it may take to start.
    pub startup: u32,
    /// How long nobody asks.
    pub initial_delay: u32,
    /// How often it is asked.
    pub period: u32,
    /// How long an answer may take.
    pub timeout: u32,
    /// After how many failures it counts as failed.
    pub failures: u32,
}

/// A Kubernetes service account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccount {
    /// Its name.
    pub name: String,
    /// The pod identity of the cluster that gives it rights in AWS.
    pub identity: Option<String>,
}

/// The host name under which an API is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingress {
    /// The host name.
    pub host: String,
    /// Whether it answers over TLS alone.
    pub tls: bool,
    /// The ARN of the certificate.
    pub certificate: Option<String>,
    /// Whether the internet reaches it.
    pub public: bool,
    /// The IngressClass.
    pub class: String,
    /// What requests begin with.
    pub path: String,
}

/// What a stream reads and writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// The brokers to begin with.
    pub brokers: Vec<String>,
    /// The topic that is read.
    pub topic: String,
    /// The consumer group.
    pub group: String,
    /// The topic that is written.
    pub output: Option<String>,
}

/// How a batch runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// When; once each time that it is shipped if none.
    pub schedule: Option<String>,
    /// The time zone of the schedule.
    pub time_zone: String,
    /// How many side by side.
    pub parallelism: u32,
    /// How often it is tried again.
    pub retries: u32,
    /// How long it may take, in seconds.
    pub timeout_seconds: u32,
}

/// A taint that does not keep a workload away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toleration {
    /// The key of the taint.
    pub key: String,
    /// Its value; any if none.
    pub value: Option<String>,
    /// Its effect; all if none.
    pub effect: Option<String>,
}

impl Kind {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Batch => "batch",
            Self::Stream => "stream",
        }
    }
}

impl Platform {
    /// The module that makes it.
    pub fn module(self) -> &'static str {
        match self {
            Self::Eks => "eks",
            Self::Ecs => "ecs",
            Self::SageMaker => "sagemaker",
        }
    }
}

impl Architecture {
    /// As Kubernetes, OCI and Docker call it.
    pub fn oci(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }
}

impl Image {
    /// The last part of the name of the repository that it is pushed to; none if it is pulled from where it is.
    pub fn repository(&self) -> Option<&str> {
        match self {
            Self::Context { repository, .. } | Self::Layout { repository, .. } => Some(repository),
            Self::Reference(_) => None,
        }
    }
}

impl Scale {
    /// How many run at least.
    pub fn least(self) -> u32 {
        match self {
            Self::Fixed(replicas) => replicas,
            Self::Automatic { min, .. } => min,
        }
    }
}
