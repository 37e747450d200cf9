//! What shipping hands over to be shown.

use serde::Serialize;

use super::{Ending, LockReport};
use crate::diagnostic::{Problem, Problems};
use crate::ship::training::Trained;
use crate::ship::{ModelAt, ObjectChange, Running};
use crate::spec::workload::Platform;

/// What shipping would change.
#[derive(Debug, Serialize)]
pub struct ShipPlan {
    /// The project's name.
    pub project: String,
    /// The environment's name.
    pub environment: String,
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// The workloads, in the order in which they would be shipped.
    pub workloads: Vec<ShipProposal>,
    /// Workloads that the file no longer has, and that would be taken away.
    pub gone: Vec<String>,
}

impl ShipPlan {
    /// Whether anything would be changed, or that cannot be known.
    pub fn changes_anything(&self) -> bool {
        !self.gone.is_empty() || self.workloads.iter().any(ShipProposal::changes_anything)
    }
}

/// What shipping one workload would change.
#[derive(Debug, Serialize)]
pub struct ShipProposal {
    /// Its name.
    pub workload: String,
    /// `api`, `batch`, `stream`.
    pub kind: &'static str,
    /// What it runs on.
    pub platform: Platform,
    /// The stack that it runs on.
    pub stack: String,
    /// The image.
    pub image: ImageProposal,
    /// The model.
    pub model: Option<ModelAt>,
    /// What serves, as it was recorded.
    pub serving: Option<ShippedReport>,
    /// What would become of each object; none if that cannot be known now.
    pub objects: Option<Vec<ObjectChange>>,
    /// What is worth knowing about how it fits its platform.
    pub notes: Vec<String>,
    /// Why that cannot be known, or what stands in the way.
    pub problems: Problems,
}

impl ShipProposal {
    /// Whether anything would be changed, or that cannot be known.
    pub fn changes_anything(&self) -> bool {
        let fates = self.objects.as_deref();
        self.image.to_build
            || fates.is_none_or(|objects| {
                objects
                    .iter()
                    .any(|object| object.fate != crate::ship::ObjectFate::Unchanged)
            })
    }
}

/// The image that would be shipped.
#[derive(Debug, Serialize)]
pub struct ImageProposal {
    /// Where it comes from: `context .`, `layout build/scorer`, `ghcr.io/acme/scorer:1.4.2`.
    pub source: String,
    /// Where it is or would be pulled from, with its digest where that is known.
    pub reference: Option<String>,
    /// Its digest, where it is known.
    pub digest: Option<String>,
    /// The sum of its compressed layers in bytes, where it is known.
    pub bytes: Option<u64>,
    /// The architecture, in OCI's words.
    pub architecture: String,
    /// Whether it would have to be built.
    pub to_build: bool,
    /// Whether the registry has it already.
    pub pushed: bool,
}

/// A version of a workload that was shipped.
#[derive(Debug, Clone, Serialize)]
pub struct ShippedReport {
    /// The image, pinned by its digest.
    pub image: String,
    /// The model.
    pub model: Option<ModelAt>,
    /// The commit.
    pub commit: Option<String>,
    /// RFC 3339.
    pub at: String,
    /// `at`, as people say it: `2h05m ago`.
    pub age: Option<String>,
    /// Who shipped it.
    pub actor: String,
    /// The digest under which the whole of it is kept.
    pub release: String,
}

/// How shipping ended.
#[derive(Debug, Serialize)]
pub struct ShipSummary {
    /// The id of the operation; empty if none was begun.
    pub operation: String,
    /// `ship`, `rollback`.
    pub kind: &'static str,
    /// The environment.
    pub environment: String,
    /// How all of it ended.
    pub result: Ending,
    /// How long it took, in simulated seconds.
    pub seconds: u64,
    /// Each workload.
    pub workloads: Vec<WorkloadEnding>,
    /// What to type next.
    pub next: Vec<String>,
}

/// How it ended for one workload.
#[derive(Debug, Serialize)]
pub struct WorkloadEnding {
    /// The workload.
    pub workload: String,
    /// How.
    pub outcome: WorkloadResult,
    /// The image that runs as far as is known, or that was pushed; of a failure with nothing put back, the one that was
    /// tried.
    pub image: Option<String>,
    /// The version of the model that was asked for, where that runs.
    pub model_version: Option<String>,
    /// How long it took, in simulated seconds.
    pub seconds: u64,
    /// Where it answers, if that is known.
    pub address: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// How it ended for one workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkloadResult {
    /// It runs as asked.
    Shipped,
    /// It ran as asked already.
    Unchanged,
    /// The image was pushed; nothing else was asked for.
    Pushed,
    /// The file no longer has it, and it was taken away.
    Removed,
    /// It failed; what ran before runs again.
    Restored,
    /// It failed before anything was changed.
    Untouched,
    /// It failed, and what runs now is not what should.
    Failed,
    /// It was not started.
    NotStarted,
}

/// What `workloads` shows.
#[derive(Debug, Serialize)]
pub struct WorkloadList {
    /// The project's name.
    pub project: String,
    /// The environment's name.
    pub environment: String,
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// The workloads of the file, then those that only the state knows.
    pub workloads: Vec<WorkloadReport>,
    /// The lock.
    pub lock: LockReport,
}

/// One workload as it is.
#[derive(Debug, Serialize)]
pub struct WorkloadReport {
    /// Its name.
    pub workload: String,
    /// `api`, `batch`, `stream`; none if the file has it no more.
    pub kind: Option<&'static str>,
    /// What it runs on.
    pub platform: Platform,
    /// The stack that it runs on.
    pub stack: String,
    /// What was shipped last, and ended well.
    pub serving: Option<ShippedReport>,
    /// What `rollback` goes back to.
    pub previous: Option<ShippedReport>,
    /// What runs, as its platform says.
    pub running: Option<Running>,
    /// How what runs compares with what was shipped.
    pub drift: WorkloadDrift,
    /// Why its platform could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// How what runs compares with what was shipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkloadDrift {
    /// What was shipped runs.
    None,
    /// In the file, and never shipped.
    NotShipped,
    /// Another image runs than was shipped.
    OtherImage,
    /// It was shipped, and does not run.
    Gone,
    /// It was shipped and runs, and the file has it no more.
    NotInFile,
    /// A rollout began, and failed without anything to go back to, or its end was never recorded.
    Interrupted,
    /// Its platform could not be asked.
    Unknown,
}

/// How a training job ended that ended well.
#[derive(Debug, Serialize)]
pub struct TrainSummary {
    /// The environment.
    pub environment: String,
    /// The job, by its name in the file.
    pub job: String,
    /// The id of the run.
    pub run: String,
    /// The image that it ran.
    pub image: String,
    /// What it made.
    pub trained: Trained,
}
