//! The verb that checks templates of any origin: `lint`.

use std::path::PathBuf;

use clap::Args;

use super::values;

/// Check CloudFormation templates, wherever they come from
///
/// Reads YAML or JSON, told apart by content, and checks it against the resource schemas, CloudFormation's limits and
/// the security baseline. Lists all problems of all files at once, each with its place. Needs no project, no
/// credentials and no network.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlinfra lint template.yaml
  mlinfra lint stacks/*.json --no-policy      only what CloudFormation would refuse
  cdk synth | mlinfra lint -
  mlinfra lint template.yaml --format json | jq -r '.problems[].message'")]
pub struct LintArgs {
    /// The templates; `-` reads one from stdin
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,

    /// Leave the security baseline out
    #[arg(long, value_parser = values::switch, env = "MLINFRA_NO_POLICY", hide_env_values = true)]
    pub no_policy: bool,

    /// Fail on warnings too
    #[arg(long, value_parser = values::switch, env = "MLINFRA_STRICT", hide_env_values = true)]
    pub strict: bool,
}
