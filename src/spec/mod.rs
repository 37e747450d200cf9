//! Environment files: from TOML texts to an [`Environment`] whose every value remembers where it was written.
//!
//! Pure: whoever calls hands over the texts. No I/O, no clock, no AWS.

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::diagnostic::{Source, Span};

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

/// A TOML value with the position of every part.
pub type Value = Spanned<Data>;

/// What a TOML value holds. Dates are kept as the text that was written.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// A string.
    String(String),
    /// A whole number.
    Integer(i64),
    /// A floating-point number.
    Float(f64),
    /// true or false.
    Boolean(bool),
    /// An array.
    Array(Vec<Value>),
    /// A table; the key's own position stands beside the value.
    Table(IndexMap<String, Entry>),
}

/// A key of a table with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Where the key stands.
    pub key: Span,
    /// The value.
    pub value: Value,
}

/// What becomes of a stack whose creation or update fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// A failed creation is deleted again; a failed update is rolled back.
    Delete,
    /// Both are rolled back; a failed creation stays as ROLLBACK_COMPLETE to be looked at.
    Rollback,
    /// What was made stays as it is.
    Keep,
}

/// One environment file with everything that it extends, merged and checked.
#[derive(Debug, Clone)]
pub struct Environment {
    /// `dev`, from the file's name.
    pub name: String,
    /// `[project] name`.
    pub project: Spanned<String>,
    /// `[environment] account`: twelve digits.
    pub account: Spanned<String>,
    /// `[environment] region`.
    pub region: Spanned<String>,
    /// `[environment] role_arn`: assumed before anything is read.
    pub role_arn: Option<Spanned<String>>,
    /// `[environment] permissions_boundary`: the ARN of the policy that roles carry which name none.
    pub permissions_boundary: Option<Spanned<String>>,
    /// `[environment] protect`: termination protection, `--confirm` on destroy, consent to stateful replacement.
    pub protect: bool,
    /// `[environment] on_failure`.
    pub on_failure: OnFailure,
    /// Where the state and the lock live.
    pub backend: Backend,
    /// `[tags]`: put on every stack and so on every resource that takes tags.
    pub tags: BTreeMap<String, String>,
    /// `[modules.*]`: modules that are fetched.
    pub modules: IndexMap<String, Fetched>,
    /// `[stacks.*]`, in the order of the files.
    pub stacks: IndexMap<String, StackSpec>,
    /// `[workloads.*]`: what runs on the stacks, in the order of the files.
    pub workloads: IndexMap<String, Workload>,
    /// `[training.*]`: jobs that make models, in the order of the files.
    pub training: IndexMap<String, Training>,
    /// `[[waivers]]`: findings of the policy that are accepted for a while.
    pub waivers: Vec<Waiver>,
    /// Every text that was read, the environment's own file first.
    pub sources: Vec<Arc<Source>>,
}

/// `[backend]`, with its defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// The versioned S3 bucket; default `PROJECT-mlinfra-ACCOUNT-REGION`.
    pub bucket: String,
    /// The DynamoDB table of locks; default `PROJECT-mlinfra-locks`.
    pub table: String,
}

/// `[modules.NAME]`: a module that neither the binary nor the project holds.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The module's name and where its table stands.
    pub name: Spanned<String>,
    /// Where it is fetched from.
    pub origin: Origin,
    /// The folder inside of it that holds `modules/` and `templates/`; its top if none.
    pub folder: Option<String>,
}

/// Where a module is fetched from: always one version, never a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A Git repository.
    Git {
        /// The address, without credentials: https, ssh, `git@host:path` or file.
        url: String,
        /// The tag; else `commit` is given.
        tag: Option<String>,
        /// The commit, all digits.
        commit: Option<String>,
    },
    /// A gzipped tar archive in S3.
    S3 {
        /// The bucket.
        bucket: String,
        /// The archive's key.
        key: String,
    },
}

impl Fetched {
    /// The source in one line, as `mlinfra.lock` names it: `git+https://…?tag=v1.0.0#folder`.
    pub fn source(&self) -> String {
        let origin = match &self.origin {
            Origin::Git {
                url, tag: Some(tag), ..
            } => format!("git+{url}?tag={tag}"),
            Origin::Git { url, commit, .. } => format!("git+{url}?commit={}", commit.as_deref().unwrap_or_default()),
            Origin::S3 { bucket, key } => format!("s3://{bucket}/{key}"),
        };
        match &self.folder {
            Some(folder) => format!("{origin}#{folder}"),
            None => origin,
        }
    }
}

/// `[stacks.NAME]` as written: which module, and the inputs that the file gives.
#[derive(Debug, Clone)]
pub struct StackSpec {
    /// The stack's name in the environment and where its table stands.
    pub name: Spanned<String>,
    /// Which module.
    pub module: Spanned<String>,
    /// Inputs given in the file, still untyped; `module` types them.
    pub inputs: IndexMap<String, Entry>,
}

/// One of `[[waivers]]`: a rule of the policy that does not hold somewhere, why, and until when.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiver {
    /// The rule, by its id or by its code.
    pub rule: Spanned<String>,
    /// The stack; every stack if none.
    pub stack: Option<Spanned<String>>,
    /// The logical id of the resource, in which `*` stands for anything; every resource if none.
    pub resource: Option<Spanned<String>>,
    /// Why.
    pub reason: Spanned<String>,
    /// The last day on which it holds.
    pub expires: Spanned<jiff::civil::Date>,
}

mod check;
mod conform;
pub(crate) mod field;
pub mod format;
pub mod keys;
mod load;
mod mistakes;
pub(crate) mod secret;
pub(crate) mod syntax;
#[cfg(test)]
mod tests;
pub mod training;
pub mod workload;

pub(crate) use check::is_name;
pub(crate) use load::of_table;
pub use load::{digest, load};
pub use training::Training;
pub use workload::Workload;

impl Environment {
    /// SHA-256 over everything that was read, lower-case hex.
    pub fn digest(&self) -> String {
        digest(&self.sources)
    }

    /// The partition that the region belongs to: `aws`, `aws-cn`, `aws-us-gov`, `aws-iso`, ….
    pub fn partition(&self) -> &'static str {
        partition(&self.region.value)
    }

    /// The CloudFormation name of the stack `stack`: `PROJECT-ENV-STACK`.
    pub fn stack_name(&self, stack: &str) -> String {
        format!("{}-{}-{stack}", self.project.value, self.name)
    }
}

/// The partition of a region. From "AWS Regions", AWS General Reference: the prefix decides.
fn partition(region: &str) -> &'static str {
    const PREFIXES: [(&str, &str); 7] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-isob-", "aws-iso-b"),
        ("us-isof-", "aws-iso-f"),
        ("us-iso-", "aws-iso"),
        ("eu-isoe-", "aws-iso-e"),
        ("eusc-", "aws-eusc"),
    ];
    PREFIXES
        .iter()
        .find(|(prefix, _)| region.starts_with(prefix))
        .map_or("aws", |(_, partition)| partition)
}
