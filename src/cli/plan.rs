//! `mlinfra plan`.

use std::path::PathBuf;

use clap::Args;

use super::values;

/// Show what would change, property by property, and why
///
/// Renders the environment, reads the deployed stacks, and asks CloudFormation for a change set of each stack that
/// differs. A stack that does not exist yet is planned without creating anything. Nothing is changed and no lock is
/// taken.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlinfra plan dev                            what would change
  mlinfra plan prod --out prod.plan           keep the plan; `mlinfra apply prod.plan` does exactly this
  mlinfra plan dev --detailed-exitcode        0: nothing to do, 2: changes, 1: failed
  mlinfra plan dev --target network           one stack, with the stacks it needs
  mlinfra plan dev --destroy                  what `mlinfra destroy dev` would delete")]
pub struct PlanArgs {
    /// The environment: dev reads environments/dev.toml
    #[arg(value_name = "ENV")]
    pub environment: String,

    /// Save the plan, sealed, for `mlinfra apply FILE`
    #[arg(long, value_name = "FILE", env = "MLINFRA_OUT", hide_env_values = true)]
    pub out: Option<PathBuf>,

    /// Exit with 2 if there are changes
    #[arg(long, value_parser = values::switch, env = "MLINFRA_DETAILED_EXITCODE", hide_env_values = true)]
    pub detailed_exitcode: bool,

    /// Only this stack and the stacks that it needs; may be repeated
    #[arg(
        long = "target",
        value_name = "STACK",
        value_delimiter = ',',
        env = "MLINFRA_TARGET",
        hide_env_values = true
    )]
    pub targets: Vec<String>,

    /// Plan the deletion of the whole environment
    #[arg(long, value_parser = values::switch, env = "MLINFRA_PLAN_DESTROY", hide_env_values = true)]
    pub destroy: bool,

    /// Do not look beforehand whether the account can do what is planned: permissions, quotas, names, zones, versions
    #[arg(long, value_parser = values::switch, env = "MLINFRA_NO_PREFLIGHT", hide_env_values = true)]
    pub no_preflight: bool,

    /// Show too what shipping the workloads would change: images, models, and each object by a dry run
    #[arg(
        long,
        conflicts_with_all = ["destroy", "targets"],
        value_parser = values::switch,
        env = "MLINFRA_SHIP",
        hide_env_values = true
    )]
    pub ship: bool,
}
