//! `mlinfra lock`.

use clap::{Args, Subcommand};

use super::values;

/// Look at the lock of an environment, or take it from a dead holder.
#[derive(Debug, Subcommand)]
pub enum LockCommand {
    /// Say whether the lock is held, stale or free, and by whom
    Status(LockStatusArgs),
    /// Release a lock whose holder is gone
    Release(LockReleaseArgs),
}

/// Say whether the lock is held, stale or free, and by whom
///
/// Watches the lock for up to one lease to tell a live holder from a dead one, and asks CloudFormation whether it
/// still works on any stack of the environment. Takes nothing.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlinfra lock status dev
  mlinfra lock status dev --format json | jq -r .status")]
pub struct LockStatusArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: String,
}

/// Release a lock whose holder is gone
///
/// Rarely needed: a holder that dies stops renewing, and the next apply takes the lock after one lease. Releasing a
/// lock whose holder still lives makes that holder stop starting things and fail; it cannot overwrite the state.
/// CloudFormation goes on with what it is doing either way.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlinfra lock status dev                     look first
  mlinfra lock release dev
  mlinfra lock release dev --yes              without a question")]
pub struct LockReleaseArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: String,

    /// Release without asking
    #[arg(short, long, value_parser = values::switch, env = "MLINFRA_YES", hide_env_values = true)]
    pub yes: bool,
}
