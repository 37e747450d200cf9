//! The command line: structs that clap fills in. The doc comments are the help text; nothing here decides or runs.

mod apply;
mod explain;
mod fetch;
mod format;
mod global;
mod lint;
mod lock;
mod module;
mod plan;
mod policy;
mod project;
mod sandbox;
mod shell;
mod ship;
mod values;

use clap::builder::Styles;
use clap::builder::styling::AnsiColor;
use clap::{Parser, Subcommand};

pub use apply::{ApplyArgs, DestroyArgs};
pub use explain::ExplainArgs;
pub use fetch::ModuleFetchArgs;
pub use format::{FmtArgs, SchemaArgs, SchemaKind};
pub use global::{Color, Format, Global};
pub use lint::LintArgs;
pub use lock::{LockCommand, LockReleaseArgs, LockStatusArgs};
pub use module::{
    ModuleCommand, ModuleDocsArgs, ModuleEjectArgs, ModuleListArgs, ModuleNewArgs, ModuleShowArgs, ModuleTestArgs,
};
pub use plan::PlanArgs;
pub use policy::{PolicyCommand, PolicyListArgs, PolicyShowArgs};
pub use project::{BootstrapArgs, InitArgs, OutputsArgs, RenderArgs, StatusArgs, ValidateArgs};
pub use sandbox::{SandboxCommand, SandboxListArgs, SandboxResetArgs, SandboxServeArgs};
pub use shell::{CompletionsArgs, ManArgs};
pub use ship::{LogsArgs, PortForwardArgs, RollbackArgs, ShipArgs, TrainArgs, WorkloadsArgs};
pub use values::time_scale;

/// Machine-learning environments on AWS: planned, locked, applied through CloudFormation, and served.
///
/// mlinfra reads environments/NAME.toml, renders modules into CloudFormation stacks, shows what would change, applies
/// it in parallel under a lock, and ships the containers that run on it. CloudFormation does the work and holds the
/// resources; mlinfra decides, explains, guards and watches.
#[derive(Debug, Parser)]
#[command(
    name = "mlinfra",
    bin_name = "mlinfra",
    version,
    styles = STYLES,
    max_term_width = 100,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = START,
    after_long_help = AFTER_LONG_HELP
)]
pub struct Cli {
    /// What every verb understands.
    #[command(flatten)]
    pub global: Global,
    /// The verb.
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a project in an empty folder
    Init(InitArgs),
    /// Create the bucket, the table and the key that hold state and locks
    Bootstrap(BootstrapArgs),
    /// Check environment files, modules and templates without touching AWS
    Validate(ValidateArgs),
    /// Check CloudFormation templates, wherever they come from
    Lint(LintArgs),
    /// Write environment files and contracts in the one customary form
    Fmt(FmtArgs),
    /// Print the CloudFormation templates that an environment renders to
    Render(RenderArgs),
    /// Show what would change, property by property, and why
    Plan(PlanArgs),
    /// Bring an environment to what its file says
    Apply(ApplyArgs),
    /// Delete every stack of an environment
    Destroy(DestroyArgs),
    /// Build, push and roll out workloads on the stacks that apply made
    Ship(ShipArgs),
    /// Put back what a workload ran before
    Rollback(RollbackArgs),
    /// Show what runs, since when, and from which commit
    Workloads(WorkloadsArgs),
    /// Print what a workload's containers print
    Logs(LogsArgs),
    /// Reach a workload on EKS from this machine
    PortForward(PortForwardArgs),
    /// Run a training job of the environment file on SageMaker
    Train(TrainArgs),
    /// Show the stacks of an environment, its lock and its last operation
    Status(StatusArgs),
    /// Print the outputs of an environment's stacks
    Outputs(OutputsArgs),
    /// Look at the lock of an environment, or take it from a dead holder
    #[command(subcommand)]
    Lock(LockCommand),
    /// List, show, write and test modules
    #[command(subcommand)]
    Module(ModuleCommand),
    /// Explain problem codes: cause, example and fix
    Explain(ExplainArgs),
    /// Print a JSON Schema of the project's files, for editors
    Schema(SchemaArgs),
    /// List the rules of the policy, or show one
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Serve, list or reset the embedded AWS
    #[command(subcommand)]
    Sandbox(SandboxCommand),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Write the manual pages
    Man(ManArgs),
}

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const START: &str = "\
Start here, without an AWS account:
  mlinfra init my-project && cd my-project
  mlinfra apply dev --sandbox";

const AFTER_LONG_HELP: &str = "\
Start here, without an AWS account:
  mlinfra init my-project && cd my-project
  mlinfra apply dev --sandbox

On AWS:
  mlinfra bootstrap dev          once for each account and region
  mlinfra plan dev --out dev.plan
  mlinfra apply dev.plan
  mlinfra ship dev               what runs on it

Exit codes:
    0  fine
    1  failed
    2  changes are present (plan --detailed-exitcode only)
    3  somebody else holds the lock
    4  the saved plan is stale
    5  refused by a guard: account, protection, policy or preflight
    6  partly applied
    7  a rollout failed
   64  the command line is wrong, or an answer was needed and nobody could be asked
  130  interrupted (143: terminated); the lock was released

Data goes to stdout, everything else to stderr. Each option can also be given as the environment
variable named beside it.";

#[cfg(test)]
mod tests;
