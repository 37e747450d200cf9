//! `mlinfra policy`.

use clap::{Args, Subcommand};

/// List the rules of the policy, or show one.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// List the rules: built in, and the project's own
    List(PolicyListArgs),
    /// Show a rule: why it is one, what to do, where it comes from, where it is waived
    Show(PolicyShowArgs),
}

/// List the rules: built in, and the project's own
///
/// With --env, the rules that hold in that environment, and what its file waives.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlinfra policy list
  mlinfra policy list --env prod
  mlinfra policy list --format json | jq -r '.rules[] | select(.severity == \"error\") | .id'")]
pub struct PolicyListArgs {
    /// The environment
    #[arg(long = "env", value_name = "ENV", env = "MLINFRA_ENV", hide_env_values = true)]
    pub environment: Option<String>,
}

/// Show a rule: why it is one, what to do, where it comes from, where it is waived
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlinfra policy show s3-public-access-block
  mlinfra policy show MLI0502 --env prod")]
pub struct PolicyShowArgs {
    /// The rule's id or its code
    #[arg(value_name = "RULE")]
    pub rule: String,

    /// The environment whose waivers are shown
    #[arg(long = "env", value_name = "ENV", env = "MLINFRA_ENV", hide_env_values = true)]
    pub environment: Option<String>,
}
