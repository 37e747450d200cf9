//! How results read. Verbs hand data over; a view never decides anything, and nothing else prints.
//!
//! [`Human`] and [`Json`] are two implementations of one set of functions, [`View`].

pub mod diagram;
pub mod human;
mod json;
pub mod junit;
pub mod markdown;
pub mod printer;
pub mod progress;
pub mod report;
pub mod text;
pub mod trace;

use crate::cases::{Tested, Watcher};
use crate::diagnostic::Problems;
use crate::plan::Plan;
use crate::preflight::Preflight;
use crate::ship;

use progress::Progress;
use report::{
    CaseList, CodeList, Explained, FetchReport, Formatted, Initialised, Linted, LockReport, ModuleList, ModulePages,
    ModuleReport, ModuleWritten, Outputs, RuleList, RuleReport, SandboxReport, ShipPlan, ShipSummary, Status, Summary,
    TrainSummary, Validated, WorkloadList,
};

pub use human::Human;
pub use json::Json;

/// Everything that can be shown.
pub trait View: Send + Sync {
    /// What is wrong. For people on stderr; for machines a document on stdout.
    fn problems(&self, problems: &Problems);
    /// A plan, what the preflight of it found (none if there was none), and what to type next.
    fn plan(&self, plan: &Plan, preflight: Option<&Preflight>, next: &[String]);
    /// The environments that were found valid, and warnings about them.
    fn validated(&self, validated: &Validated, warnings: &Problems);
    /// The templates that were checked, and all their problems.
    fn linted(&self, linted: &Linted, problems: &Problems);
    /// What `fmt` changed or would change.
    fn formatted(&self, formatted: &Formatted);
    /// An environment's stacks, lock and last operation.
    fn status(&self, status: &Status);
    /// Outputs by stack.
    fn outputs(&self, outputs: &Outputs);
    /// One output: the bare value.
    fn output(&self, value: &str);
    /// The lock of an environment.
    fn lock(&self, lock: &LockReport);
    /// All modules.
    fn modules(&self, modules: &ModuleList);
    /// What `module fetch` fetched and pinned.
    fn fetched(&self, report: &FetchReport);
    /// One module.
    fn module(&self, module: &ModuleReport);
    /// What was written for a module.
    fn module_written(&self, written: &ModuleWritten);
    /// The reference pages of modules.
    fn module_pages(&self, pages: &ModulePages);
    /// How the run of these tests goes on, for people only.
    fn testing(&self, list: &CaseList) -> Box<dyn Watcher>;
    /// How the tests of modules ended; people were told of each by the watcher.
    fn tested(&self, tested: &Tested);
    /// The names of the tests of modules.
    fn cases(&self, list: &CaseList);
    /// Codes at length.
    fn explanations(&self, found: &[Explained]);
    /// Codes with their titles.
    fn codes(&self, list: &CodeList);
    /// The rules of the policy.
    fn rules(&self, rules: &RuleList);
    /// One rule.
    fn rule(&self, rule: &RuleReport);
    /// The sandbox's stacks.
    fn sandbox(&self, report: &SandboxReport);
    /// What `init` wrote.
    fn initialised(&self, written: &Initialised);
    /// How an operation ended.
    fn summary(&self, summary: &Summary);
    /// Progress of the execution of `plan`.
    fn progress(&self, plan: &Plan) -> Box<dyn Progress>;
    /// What shipping would change, and what to type next.
    fn ship_plan(&self, plan: &ShipPlan, next: &[String]);
    /// Progress of shipping under `title`.
    fn shipping(&self, title: &str) -> Box<dyn Progress<ship::Event>>;
    /// Lines of logs as they come, and nothing else; notes go to people only.
    fn log(&self) -> Box<dyn Progress<ship::Event>>;
    /// How shipping ended.
    fn ship_summary(&self, summary: &ShipSummary);
    /// What a training job made.
    fn trained(&self, summary: &TrainSummary);
    /// What runs.
    fn workloads(&self, list: &WorkloadList);
    /// A sentence on what is being done, for people only.
    fn note(&self, text: &str);
    /// A document or script as it is, on stdout whatever the format.
    fn raw(&self, text: &[u8]);
    /// A question, its cursor left behind it.
    fn ask(&self, question: &str);
}
