//! What was deployed and by whom, in S3: the state of an environment, its history, templates and applied plans.
//!
//! Everything of one environment lies under `PROJECT/ENV/`. Nothing secret is in any of it: parameters are outputs of
//! other stacks, and contracts accept secrets only as references.

mod addressed;
mod history;
mod model;
mod plans;
mod releases;
mod store;
mod templates;
#[cfg(test)]
mod tests;

pub use crate::aws::s3::ETag;
pub use history::{list as list_history, read as read_history, record as record_history};
pub use model::{
    AppliedPlan, DeployedStack, OperationKind, OperationRecord, OperationResult, Shipped, ShippedWorkload, StackChange,
    StackOutcome, State, WorkloadChange, WorkloadOutcome, new_id,
};
pub use plans::{applied as plan_applied, claim as claim_plan};
pub use releases::{get as release, put as put_release};
pub use store::{Stored, claim, read, write};
pub use templates::{get as template, put as put_template, url as template_url};

use crate::aws::error::{AwsError, Kind};
use crate::diagnostic::{Problem, codes};
use crate::spec::{Backend, Environment};

/// Which environment of which project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The project's name.
    pub project: String,
    /// The environment's name.
    pub environment: String,
}

impl Key {
    /// The key of `environment`.
    pub fn of(environment: &Environment) -> Self {
        Self {
            project: environment.project.value.clone(),
            environment: environment.name.clone(),
        }
    }

    fn object(&self, name: &str) -> String {
        format!("{self}/{name}")
    }
}

/// `PROJECT/ENV`, as in the lock table and in front of every object's key.
impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.project, self.environment)
    }
}

/// The problem behind a call to the bucket.
fn from_bucket(error: &AwsError, backend: &Backend, key: &Key) -> Problem {
    if error.kind == Kind::NotFound && error.code.as_deref() == Some("NoSuchBucket") {
        return Problem::error(
            codes::STATE_BUCKET_MISSING,
            format!("the state bucket {} does not exist", backend.bucket),
        )
        .hint(format!(
            "`mlinfra bootstrap {}` makes the bucket and the lock table, once",
            key.environment
        ));
    }
    error.problem().note(format!("bucket {}", backend.bucket))
}

/// Reads a versioned JSON record.
fn parse<T: serde::de::DeserializeOwned>(body: &[u8], newest: u32, object: &str) -> Result<T, Problem> {
    #[derive(serde::Deserialize)]
    struct Versioned {
        version: u32,
    }
    let unreadable = |error: serde_json::Error| {
        Problem::error(
            codes::STATE_UNREADABLE,
            format!("{object} in the state bucket cannot be understood: {error}"),
        )
        .note("nothing was changed")
        .hint("the bucket is versioned: an earlier version of the object can be restored in the S3 console")
    };
    let Versioned { version } = serde_json::from_slice(body).map_err(unreadable)?;
    if version > newest {
        return Err(Problem::error(
            codes::STATE_NEWER,
            format!("{object} in the state bucket has format {version}, and this mlinfra knows formats up to {newest}"),
        )
        .note("a newer mlinfra wrote it; nothing was changed")
        .hint("update mlinfra"));
    }
    serde_json::from_slice(body).map_err(unreadable)
}

fn to_json<T: serde::Serialize>(value: &T, object: &str) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec_pretty(value).map_err(|error| {
        Problem::error(
            codes::STATE_UNREADABLE,
            format!("{object} cannot be written as JSON: {error}"),
        )
    })
}
