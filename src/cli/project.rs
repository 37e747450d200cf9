//! The verbs round a project: `init`, `bootstrap`, `validate`, `render`, `status`, `outputs`.

use std::path::PathBuf;

use clap::Args;

use super::values;

/// Start a project in an empty folder
///
/// Writes environments/common.toml, dev.toml, test.toml and prod.toml, a README and a .gitignore. Nothing that exists
/// is overwritten: if one of the files is there already, nothing is written at all.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlinfra init                                in this folder, named after it
  mlinfra init churn                          in the new folder churn
  mlinfra init --name churn --region eu-west-1 --account-id 111122223333")]
pub struct InitArgs {
    /// The folder; created if it does not exist
    #[arg(value_name = "DIR", default_value = ".")]
    pub directory: PathBuf,

    /// The project's name; default: the folder's name
    #[arg(
        long,
        value_name = "NAME",
        value_parser = values::project_name,
        env = "MLINFRA_PROJECT_NAME",
        hide_env_values = true
    )]
    pub name: Option<String>,

    /// The account of every environment; default: placeholders, one for each, that the sandbox accepts
    #[arg(
        long,
        value_name = "ID",
        value_parser = values::account,
        env = "MLINFRA_ACCOUNT_ID",
        hide_env_values = true
    )]
    pub account_id: Option<String>,

    /// The region of every environment
    #[arg(
        long,
        value_name = "REGION",
        value_parser = values::region,
        default_value = "us-east-1",
        env = "MLINFRA_REGION",
        hide_env_values = true
    )]
    pub region: String,
}

/// Create the bucket, the table and the key that hold state and locks
///
/// Deploys them as a CloudFormation stack of their own, PROJECT-mlinfra-bootstrap, once for each account and region.
/// Running it again updates the stack where needed and otherwise changes nothing. The sandbox does not need it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlinfra bootstrap dev
  mlinfra bootstrap prod --profile prod-admin")]
pub struct BootstrapArgs {
    /// The environment whose account and region are prepared
    #[arg(value_name = "ENV")]
    pub environment: String,
}

/// Check environment files, modules and templates without touching AWS
///
/// Resolves and renders every stack and checks the result against the resource schemas, CloudFormation's limits and
/// the policy. Lists all problems at once, each with its place. Needs no credentials and no network.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlinfra validate                            every file in environments/
  mlinfra validate dev prod
  mlinfra validate --format json              for editors and jobs")]
pub struct ValidateArgs {
    /// The environments; default: all of them
    #[arg(value_name = "ENV")]
    pub environments: Vec<String>,

    /// Fail on warnings too
    #[arg(long, value_parser = values::switch, env = "MLINFRA_STRICT", hide_env_values = true)]
    pub strict: bool,
}

/// Print the CloudFormation templates that an environment renders to, or the Kubernetes manifests of a workload
///
/// Prints exactly what would be deployed: canonical JSON, made readable. One stack prints one template; all of them
/// print one object by stack name, or go to a folder, one file each. A workload on EKS prints its manifests as one list, which
/// kubectl takes, one on ECS or SageMaker the requests that are made; what is known only later, such as the digest of an image that is not built yet, stands in it in
/// brackets.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlinfra render dev network                  the template of one stack
  mlinfra render dev --out build/             one file a stack
  mlinfra render dev | jq '.network.Resources | keys'
  mlinfra render dev --workload scorer        what one workload becomes")]
pub struct RenderArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: String,

    /// One stack of it
    #[arg(value_name = "STACK")]
    pub stack: Option<String>,

    /// The Kubernetes manifests of this workload, in place of templates
    #[arg(
        long,
        value_name = "WORKLOAD",
        conflicts_with = "stack",
        env = "MLINFRA_WORKLOAD",
        hide_env_values = true
    )]
    pub workload: Option<String>,

    /// Write STACK.json files, or WORKLOAD.json, into this folder
    #[arg(long, value_name = "DIR", env = "MLINFRA_OUT", hide_env_values = true)]
    pub out: Option<PathBuf>,
}

/// Show the stacks of an environment, its lock and its last operation
///
/// For each stack: its status in CloudFormation and since when, and whether it still is what the last apply left
/// there. Reads only; takes no lock.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlinfra status dev
  mlinfra status prod --format json | jq '.stacks[] | select(.drift != \"none\")'")]
pub struct StatusArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: String,
}

/// Print the outputs of an environment's stacks
///
/// With STACK and NAME the bare value is printed, for use in scripts.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlinfra outputs dev
  mlinfra outputs dev network
  VPC=$(mlinfra outputs dev network vpc_id)
  mlinfra outputs dev --format json | jq -r '.stacks.network.vpc_id'")]
pub struct OutputsArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: String,

    /// One stack of it
    #[arg(value_name = "STACK")]
    pub stack: Option<String>,

    /// One output of the stack, by the name in the module's contract
    #[arg(value_name = "NAME", requires = "stack")]
    pub name: Option<String>,
}
