//! A release: everything that one version of a workload consists of, so that it can be put back in full.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::diagnostic::Problem;
use crate::spec::workload::Platform;

/// The format of [`Release`] that this program writes, and the newest that it reads.
pub const RELEASE_VERSION: u32 = 1;

/// One version of a workload, complete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// The format's version.
    pub version: u32,
    /// The workload.
    pub workload: String,
    /// What it runs on.
    pub platform: Platform,
    /// The stack that it runs on.
    pub stack: String,
    /// The image.
    pub image: ImageAt,
    /// The model.
    #[serde(default)]
    pub model: Option<ModelAt>,
    /// The commit of the project's checkout.
    #[serde(default)]
    pub commit: Option<String>,
    /// What the platform is given, in the order in which it is given: manifests of Kubernetes, requests of ECS or SageMaker.
    pub objects: Vec<Json>,
}

impl Release {
    /// SHA-256, in hex, of what the platform is given: releases with the same one run the same.
    pub fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        hasher.update(self.platform.to_string().as_bytes());
        for object in &self.objects {
            hasher.update(b"\n");
            hasher.update(object.to_string().as_bytes());
        }
        let digest = hasher.finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// An image where it can be pulled from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageAt {
    /// `REGISTRY/REPOSITORY@sha256:…`.
    pub reference: String,
    /// `sha256:…`, of the manifest, or of the index if the reference is one.
    pub digest: String,
    /// The tag under which it was pushed, or by which it was named.
    #[serde(default)]
    pub tag: Option<String>,
    /// The sum of its compressed layers, in bytes, for the workload's architecture.
    pub bytes: u64,
    /// The architecture, in OCI's words: `amd64`, `arm64`.
    pub architecture: String,
}

/// A model as it is shipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelAt {
    /// `s3://BUCKET/KEY`.
    pub uri: String,
    /// The version id of the object, or the number of the version in its group.
    #[serde(default)]
    pub version: Option<String>,
    /// The ARN of the model package, if it is one.
    #[serde(default)]
    pub package: Option<String>,
}

/// How a rollout that went well ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RolledOut {
    /// Nothing was to be done, and nothing was done.
    Unchanged,
    /// The release is what runs, all of it.
    Done,
}

/// A rollout that failed.
#[derive(Debug, Clone)]
pub struct ShipFailure {
    /// Why, in the words of the first cause.
    pub problem: Problem,
    /// What runs now.
    pub restored: Restored,
}

/// What became of what ran before.
#[derive(Debug, Clone)]
pub enum Restored {
    /// Nothing was changed: it still runs.
    Untouched,
    /// It was put back, and runs again.
    Back,
    /// Nothing ran before; what was made is left so that it can be looked at.
    NothingBefore,
    /// It need not be: the new version runs, and only what comes after that failed.
    Unneeded,
    /// It could not be put back, or that is not known.
    Not(Box<Problem>),
}

/// How a rollout ended.
pub type Rolled = Result<RolledOut, Box<ShipFailure>>;

/// What shipping would do to one object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObjectChange {
    /// Kind and name: `Deployment default/scorer`.
    pub object: String,
    /// What would become of it.
    pub fate: ObjectFate,
    /// What would change in it.
    pub fields: Vec<FieldChange>,
}

/// What would become of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectFate {
    /// It would be made.
    Create,
    /// It would be changed.
    Update,
    /// It would be deleted, since the workload has it no more.
    Delete,
    /// It is as it should be.
    Unchanged,
}

/// A change of one value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldChange {
    /// Where: `spec.template.spec.containers[name=scorer].image`.
    pub path: String,
    /// The value now; none if there is none.
    pub before: Option<Json>,
    /// The value then; none if there will be none.
    pub after: Option<Json>,
}

/// What runs of a workload, as its platform says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Running {
    /// The image that serves, with its digest where the platform says it; several while a rollout is under way.
    pub images: Vec<String>,
    /// Replicas that are ready.
    pub ready: u32,
    /// Replicas that there should be.
    pub wanted: u32,
    /// Whether all of it is as it should be.
    pub healthy: bool,
    /// Whether the clock starts it.
    pub scheduled: bool,
    /// Since when what runs has been running; RFC 3339.
    pub since: Option<String>,
    /// What there is to say about it: `1 pod: CrashLoopBackOff`.
    pub remarks: Vec<String>,
    /// Where it answers, if it does.
    pub address: Option<String>,
}

/// Which lines of a workload's log are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogOptions {
    /// Go on with what comes.
    pub follow: bool,
    /// This many of the last lines of each container.
    pub tail: Option<u32>,
    /// Lines of the last so many seconds.
    pub since_seconds: Option<u64>,
    /// Those of the container before the last restart.
    pub previous: bool,
}
