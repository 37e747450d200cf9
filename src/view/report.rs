//! What verbs hand over to be shown, besides plans and problems. Plain data: its JSON form is the published one.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::Serialize;

use crate::diagnostic::{Code, Problems, Severity};
use crate::policy::Scope;

mod modules;
mod shipping;

pub use modules::*;
pub use shipping::*;

/// What `validate` found in environments without errors.
#[derive(Debug, Serialize)]
pub struct Validated {
    /// Each environment's name with the number of its stacks.
    pub environments: IndexMap<String, ValidatedEnvironment>,
}

/// One environment that can be planned.
#[derive(Debug, Serialize)]
pub struct ValidatedEnvironment {
    /// How many stacks.
    pub stacks: usize,
    /// How many resources in all of them.
    pub resources: usize,
    /// How many workloads run on them.
    pub workloads: usize,
}

/// What `lint` looked at.
#[derive(Debug, Serialize)]
pub struct Linted {
    /// The templates, in the order of the command line.
    pub files: Vec<LintedFile>,
}

/// One template that was to be checked.
#[derive(Debug, Serialize)]
pub struct LintedFile {
    /// As it was named; `(stdin)` for `-`.
    pub path: String,
    /// How many resources it declares; none if it could not be read.
    pub resources: Option<usize>,
}

impl Linted {
    /// How many resources all templates declare together.
    pub fn resources(&self) -> usize {
        self.files.iter().filter_map(|file| file.resources).sum()
    }
}

/// What `fmt` changed or would change.
#[derive(Debug, Default, Serialize)]
pub struct Formatted {
    /// Every file that was looked at and is valid TOML.
    pub files: Vec<FormattedFile>,
    /// Whether those that changed were written.
    pub written: bool,
    /// Files that are not valid TOML or cannot be read or written, and with `--check` that some are not formatted.
    pub problems: Problems,
}

/// One file that was formatted.
#[derive(Debug, Serialize)]
pub struct FormattedFile {
    /// As the user calls it.
    pub path: String,
    /// Whether formatting changes it.
    pub changed: bool,
    /// The first line that changes, from 1.
    pub line: Option<usize>,
    /// What changes, as a unified diff; only where it was asked for.
    pub diff: Option<String>,
}

/// The tests of modules, by name.
#[derive(Debug, Serialize)]
pub struct CaseList {
    /// Each module's name with the names of its cases.
    pub modules: IndexMap<String, Vec<String>>,
}

/// What `status` shows.
#[derive(Debug, Serialize)]
pub struct Status {
    /// The project's name.
    pub project: String,
    /// The environment's name.
    pub environment: String,
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// Where state and lock are kept.
    pub backend: BackendReport,
    /// The stacks, in the order of their dependencies.
    pub stacks: Vec<StackStatus>,
    /// The lock.
    pub lock: LockReport,
    /// The last operation, if there was one.
    pub last_operation: Option<OperationReport>,
}

/// Where state and lock are kept.
#[derive(Debug, Serialize)]
pub struct BackendReport {
    /// The S3 bucket.
    pub bucket: String,
    /// The DynamoDB table.
    pub table: String,
}

/// One stack as it is.
#[derive(Debug, Serialize)]
pub struct StackStatus {
    /// The name in the environment.
    pub name: String,
    /// The CloudFormation name.
    pub stack_name: String,
    /// The module.
    pub module: String,
    /// CloudFormation's status; none if the stack does not exist.
    pub status: Option<String>,
    /// CloudFormation's reason for it.
    pub reason: Option<String>,
    /// RFC 3339: when it last changed.
    pub since: Option<String>,
    /// `since`, as people say it: `2h05m ago`.
    pub age: Option<String>,
    /// Whether it is what the last apply left there.
    pub drift: Drift,
}

/// How a stack compares with what was recorded and with what the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Drift {
    /// It is what the last apply left, and what the file says.
    None,
    /// The file says something else by now.
    FileChanged,
    /// Somebody changed the stack behind mlinfra's back.
    ChangedOutside,
    /// It is in the file and not deployed.
    NotDeployed,
    /// It is deployed and no longer in the file.
    NotInFile,
    /// It is gone, although the state records it.
    Missing,
    /// It exists, but the state does not know it.
    NotRecorded,
}

/// The lock of an environment.
#[derive(Debug, Clone, Serialize)]
pub struct LockReport {
    /// Held, stale or free.
    pub status: LockState,
    /// Why it is stale: `its process 4242 on this machine is gone`.
    pub because: Option<String>,
    /// Who holds it: `user@host` or the run's URL.
    pub holder: Option<String>,
    /// What for: `apply`, `destroy`.
    pub operation: Option<String>,
    /// The id of its acquisition.
    pub lease_id: Option<String>,
    /// RFC 3339, by the holder's clock.
    pub since: Option<String>,
    /// The fencing token.
    pub generation: u64,
    /// Stacks on which CloudFormation works right now, with their status.
    pub in_flight: BTreeMap<String, String>,
}

/// Whether the lock is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LockState {
    /// Nobody has it.
    Free,
    /// Its holder renews it.
    Held,
    /// Its holder is dead.
    Stale,
}

/// An operation that was recorded.
#[derive(Debug, Clone, Serialize)]
pub struct OperationReport {
    /// Its id.
    pub id: String,
    /// `apply`, `destroy`.
    pub kind: String,
    /// Who.
    pub actor: String,
    /// RFC 3339.
    pub started: String,
    /// RFC 3339; none if it did not come to its end.
    pub finished: Option<String>,
    /// `done`, `failed`, `partial`, `interrupted`, `running`.
    pub result: String,
    /// The commit of the project's checkout.
    pub commit: Option<String>,
}

/// What `outputs` shows: outputs by stack.
#[derive(Debug, Serialize)]
pub struct Outputs {
    /// The environment's name.
    pub environment: String,
    /// Stack name to contract name to value.
    pub stacks: IndexMap<String, IndexMap<String, String>>,
}

/// What `policy list` shows.
#[derive(Debug, Serialize)]
pub struct RuleList {
    /// By code, the project's own last.
    pub rules: Vec<RuleReport>,
}

/// A rule of the policy.
#[derive(Debug, Serialize)]
pub struct RuleReport {
    /// Its name in waivers.
    pub id: String,
    /// The code of its findings.
    pub code: Code,
    /// How bad it is to break it.
    pub severity: Severity,
    /// Where it holds; none for the project's own.
    pub scope: Option<Scope>,
    /// What is wrong where it is broken.
    pub title: String,
    /// Why it is a rule.
    pub reason: Option<String>,
    /// What to do.
    pub fix: String,
    /// The published controls that it follows.
    pub sources: Vec<String>,
    /// The resource types that it looks at.
    pub types: Vec<String>,
    /// The environments of a rule of the project; all if empty.
    pub environments: Vec<String>,
    /// Where the project writes it; none for what is built in.
    pub own: Option<String>,
    /// What the environment that was asked about waives.
    pub waivers: Vec<WaiverReport>,
}

/// A waiver in an environment's file.
#[derive(Debug, Serialize)]
pub struct WaiverReport {
    /// The stack; every stack if none.
    pub stack: Option<String>,
    /// The resource or a pattern; every resource if none.
    pub resource: Option<String>,
    /// Why.
    pub reason: String,
    /// The last day on which it holds, `2027-06-30`.
    pub expires: String,
    /// Whether that day is over.
    pub expired: bool,
    /// Where it stands.
    pub at: String,
}

/// How an operation ended.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// The operation's id.
    pub operation: String,
    /// `apply` or `destroy`.
    pub kind: crate::plan::Kind,
    /// The environment's name.
    pub environment: String,
    /// How it ended.
    pub result: Ending,
    /// Simulated seconds.
    pub seconds: u64,
    /// Each stack and how it ended, in the order in which they ended.
    pub stacks: Vec<StackEnding>,
    /// Outputs by stack, contract name to value.
    pub outputs: IndexMap<String, IndexMap<String, String>>,
    /// What left its stack and goes on to exist, so that nobody has to search for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unmanaged: Vec<Unmanaged>,
    /// What to type next.
    pub next: Vec<String>,
}

/// A resource that was left behind by its stack.
#[derive(Debug, Serialize)]
pub struct Unmanaged {
    /// The stack that it was in.
    pub stack: String,
    /// The logical id that it had there.
    pub logical_id: String,
    /// `AWS::S3::Bucket`.
    pub resource_type: String,
    /// The physical id, if it is known.
    pub physical_id: Option<String>,
}

/// How an operation ended as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// As planned.
    Done,
    /// Nothing was to be done.
    NothingToDo,
    /// Nothing was changed, because of an error.
    Failed,
    /// Some of it.
    Partial,
    /// The user stopped it.
    Interrupted,
}

/// How one stack ended.
#[derive(Debug, Serialize)]
pub struct StackEnding {
    /// The name in the environment.
    pub stack: String,
    /// `done`, `unchanged`, `failed`, `not_started`, `left_running`.
    pub outcome: &'static str,
    /// Simulated seconds.
    pub seconds: u64,
    /// Why it was not started.
    pub because: Option<String>,
}

/// What `sandbox list` shows.
#[derive(Debug, Serialize)]
pub struct SandboxReport {
    /// Everything that exists, by service and kind.
    pub items: Vec<SandboxItem>,
}

/// One thing that exists in the sandbox.
#[derive(Debug, Serialize)]
pub struct SandboxItem {
    /// The account that it is in: twelve digits.
    pub account: String,
    /// The region: `us-east-1`.
    pub region: String,
    /// The service: `s3`.
    pub service: String,
    /// The kind of thing: `bucket`.
    pub kind: String,
    /// Its name or id.
    pub id: String,
    /// How a stack is: `CREATE_COMPLETE`; nothing for other things.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// What `init` wrote.
#[derive(Debug, Serialize)]
pub struct Initialised {
    /// The folder, as it was given.
    pub directory: String,
    /// The files, relative to it.
    pub files: Vec<String>,
    /// What to type next.
    pub next: Vec<String>,
}

/// The published name of an outcome.
pub fn outcome_name(outcome: &crate::engine::event::Outcome) -> &'static str {
    use crate::engine::event::Outcome;
    match outcome {
        Outcome::Done => "done",
        Outcome::Unchanged => "unchanged",
        Outcome::Failed(_) => "failed",
        Outcome::NotStarted { .. } => "not_started",
        Outcome::LeftRunning => "left_running",
    }
}

/// A code at length; the texts are Markdown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// The code.
    pub code: Code,
    /// Its title.
    pub title: &'static str,
    /// What is wrong and why it matters.
    pub cause: &'static str,
    /// The smallest thing that trips it.
    pub example: &'static str,
    /// What to do.
    pub fix: &'static str,
}

/// Codes with their titles, in the order to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CodeList {
    /// One line a code.
    pub codes: Vec<CodeLine>,
}

/// One code in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CodeLine {
    /// The code.
    pub code: Code,
    /// Its title.
    pub title: &'static str,
    /// What its hundred is about.
    pub area: &'static str,
}

/// What `module fetch` fetched and pinned.
#[derive(Debug, Default, Serialize)]
pub struct FetchReport {
    /// Every module that was asked for, by name.
    pub modules: Vec<FetchedModule>,
    /// Whether `mlinfra.lock` was written.
    pub lock_changed: bool,
}

/// One module that environments fetch.
#[derive(Debug, Serialize)]
pub struct FetchedModule {
    /// Its name.
    pub name: String,
    /// Where it comes from, as `mlinfra.lock` says it.
    pub source: String,
    /// The commit, for what comes from Git.
    pub commit: Option<String>,
    /// SHA-256 over its files.
    pub digest: String,
    /// Whether it was fetched now; else it was here already.
    pub fetched: bool,
}
