//! `mlinfra module fetch`.

use clap::Args;

use super::values;

/// Fetch the modules that environments name from Git repositories and S3 archives
///
/// What a module consists of is pinned by its digest in mlinfra.lock, which belongs under version control. Every command
/// checks the fetched files against it. A tag that was moved, or an archive that was written anew, is refused until
/// --update says that the new files are meant.
#[derive(Debug, Args)]
#[command(after_help = "\
An environment file names them:
  [modules.feature-store]
  git = \"https://github.com/acme/ml-modules\"
  tag = \"v1.4.0\"

Examples:
  mlinfra module fetch                        what is not here yet
  mlinfra module fetch --locked               in CI: fails where mlinfra.lock would change
  mlinfra module fetch feature-store --update pin what the tag gives now")]
pub struct ModuleFetchArgs {
    /// Modules to fetch; all if none is named
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Fetch again, and pin what comes even if it differs
    #[arg(long, conflicts_with = "locked", value_parser = values::switch, env = "MLINFRA_UPDATE", hide_env_values = true)]
    pub update: bool,
    /// Fail in place of changing mlinfra.lock
    #[arg(long, value_parser = values::switch, env = "MLINFRA_LOCKED", hide_env_values = true)]
    pub locked: bool,
}
