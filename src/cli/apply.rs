//! `mlinfra apply` and `mlinfra destroy`.

use clap::Args;

use super::values;

/// Bring an environment to what its file says
///
/// Given an environment: plans, shows the plan, asks, and executes it. Given a file that `mlinfra plan --out` wrote:
/// executes exactly that plan, once, or says what moved in between and changes nothing. Running it again after any
/// kind of interruption picks up the operations that are still in flight.
///
/// The first Ctrl-C starts nothing new, finishes or cancels what runs, writes the state and releases the lock. The
/// second leaves at once and says what still runs.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlinfra apply dev                           plan, ask, apply
  mlinfra apply prod.plan                     exactly the plan that was reviewed
  mlinfra apply dev --yes --format json       in a job: no question, JSON lines on stdout
  mlinfra apply dev --ship                    and the workloads that run on it
  mlinfra apply dev --target storage          one stack, with the stacks it needs
  mlinfra apply prod --allow-replacement storage.ModelsBucket
                                              consent to losing what this bucket holds")]
pub struct ApplyArgs {
    /// The environment, or a plan file
    #[arg(value_name = "ENV|FILE")]
    pub subject: String,

    /// Apply without asking
    #[arg(short, long, value_parser = values::switch, env = "MLINFRA_YES", hide_env_values = true)]
    pub yes: bool,

    /// How many stacks may be in flight at once
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..=100),
        default_value_t = 10,
        env = "MLINFRA_PARALLELISM",
        hide_env_values = true
    )]
    pub parallelism: u16,

    /// Only this stack and the stacks that it needs; may be repeated
    #[arg(
        long = "target",
        value_name = "STACK",
        value_delimiter = ',',
        env = "MLINFRA_TARGET",
        hide_env_values = true
    )]
    pub targets: Vec<String>,

    /// Consent to replacing or removing this resource although it holds data; STACK.* for all of a stack
    #[arg(
        long,
        value_name = "STACK.RESOURCE",
        value_delimiter = ',',
        env = "MLINFRA_ALLOW_REPLACEMENT",
        hide_env_values = true
    )]
    pub allow_replacement: Vec<String>,

    /// The environment's name, as consent where a saved plan destroys a protected environment
    #[arg(long, value_name = "NAME", env = "MLINFRA_CONFIRM", hide_env_values = true)]
    pub confirm: Option<String>,

    /// Do not look beforehand whether the account can do what is planned: permissions, quotas, names, zones, versions.
    /// A saved plan is not looked at again
    #[arg(long, value_parser = values::switch, env = "MLINFRA_NO_PREFLIGHT", hide_env_values = true)]
    pub no_preflight: bool,

    /// Then ship every workload of the environment, without another question
    #[arg(long, conflicts_with = "targets", value_parser = values::switch, env = "MLINFRA_SHIP", hide_env_values = true)]
    pub ship: bool,
}

/// Delete every stack of an environment
///
/// Plans the deletion in reverse order of the dependencies, shows it, asks, and executes it. A protected environment
/// asks for its name; without a terminal it needs --confirm=NAME. Buckets and repositories that still hold something
/// stop their stack, unless --empty-buckets is given.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlinfra plan dev --destroy                  look first
  mlinfra destroy dev                         shows, asks, deletes
  mlinfra destroy dev --yes --empty-buckets   in a job, with everything in the buckets
  mlinfra destroy prod --confirm=prod --yes   a protected environment, without a question")]
pub struct DestroyArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: String,

    /// Delete without asking; a protected environment needs --confirm too
    #[arg(short, long, value_parser = values::switch, env = "MLINFRA_YES", hide_env_values = true)]
    pub yes: bool,

    /// The environment's name, as consent to deleting a protected environment
    #[arg(long, value_name = "NAME", env = "MLINFRA_CONFIRM", hide_env_values = true)]
    pub confirm: Option<String>,

    /// Delete every object and image version in the buckets and repositories that go
    #[arg(long, value_parser = values::switch, env = "MLINFRA_EMPTY_BUCKETS", hide_env_values = true)]
    pub empty_buckets: bool,

    /// How many stacks may be in flight at once
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..=100),
        default_value_t = 10,
        env = "MLINFRA_PARALLELISM",
        hide_env_values = true
    )]
    pub parallelism: u16,
}
