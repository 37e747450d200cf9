//! The verbs round workloads: `ship`, `rollback`, `workloads`, `logs`, `port-forward`, `train`.

use clap::Args;

use super::values;

/// Build, push and roll out workloads on the stacks that apply made
///
/// For each workload: builds its image or finds it, pushes it, pins it by digest, rolls it out, and watches until every
/// replica runs exactly that. If it does not come to run, says why and puts back what ran before. Running it again after
/// any kind of interruption goes on from what is there; with nothing to do, nothing is done.
///
/// The first Ctrl-C during a rollout puts back what ran before. The second leaves at once and says what still runs.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlinfra ship dev                            every workload, after a question
  mlinfra ship dev scorer --yes               one workload, in a job
  mlinfra ship dev --plan                     what would change, and nothing more
  mlinfra ship dev scorer --image-only --yes  build and push; prints the image with its digest
  mlinfra ship dev scorer --rebuild           build again although nothing in its folder changed")]
pub struct ShipArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: String,

    /// The workloads; default: all of the environment
    #[arg(value_name = "WORKLOAD")]
    pub workloads: Vec<String>,

    /// Ship without asking
    #[arg(short, long, value_parser = values::switch, env = "MLINFRA_YES", hide_env_values = true)]
    pub yes: bool,

    /// Show what shipping would change, and change nothing
    #[arg(long, value_parser = values::switch, env = "MLINFRA_SHIP_PLAN", hide_env_values = true)]
    pub plan: bool,

    /// With --plan: exit with 2 if there are changes
    #[arg(long, requires = "plan", value_parser = values::switch, env = "MLINFRA_DETAILED_EXITCODE", hide_env_values = true)]
    pub detailed_exitcode: bool,

    /// Build images and push them, roll nothing out, and print each with its digest
    #[arg(long, conflicts_with = "plan", value_parser = values::switch, env = "MLINFRA_IMAGE_ONLY", hide_env_values = true)]
    pub image_only: bool,

    /// Build images although the registry has one of the same content: a base image may have changed
    #[arg(long, value_parser = values::switch, env = "MLINFRA_REBUILD", hide_env_values = true)]
    pub rebuild: bool,

    /// Take over fields of Kubernetes objects that somebody else manages
    #[arg(long, value_parser = values::switch, env = "MLINFRA_TAKE_OWNERSHIP", hide_env_values = true)]
    pub take_ownership: bool,
}

/// Put back what a workload ran before
///
/// Rolls the previous release out in full, as it was recorded: image, model, manifests. Watches it as ship does. Run
/// twice, it comes back to where it was.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlinfra rollback prod scorer                shows what goes back, asks, does it
  mlinfra workloads prod                      what runs, and what it would go back to")]
pub struct RollbackArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: String,

    /// The workload
    #[arg(value_name = "WORKLOAD")]
    pub workload: String,

    /// Roll back without asking
    #[arg(short, long, value_parser = values::switch, env = "MLINFRA_YES", hide_env_values = true)]
    pub yes: bool,

    /// Take over fields of Kubernetes objects that somebody else manages
    #[arg(long, value_parser = values::switch, env = "MLINFRA_TAKE_OWNERSHIP", hide_env_values = true)]
    pub take_ownership: bool,
}

/// Show what runs, since when, and from which commit
///
/// Asks the cluster, ECS or SageMaker, and compares with what was shipped. Reads only; takes no lock.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlinfra workloads dev
  mlinfra workloads prod --format json | jq -r '.workloads[].serving.image'")]
pub struct WorkloadsArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: String,
}

/// Print what a workload's containers print
///
/// Lines of all its replicas as they come, each with the replica in front.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlinfra logs dev scorer                     the last lines
  mlinfra logs dev scorer -f                  and those that come, until Ctrl-C
  mlinfra logs dev scorer --previous          of the containers before their last restart
  mlinfra logs dev scorer --since 10m --tail 1000")]
pub struct LogsArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: String,

    /// The workload
    #[arg(value_name = "WORKLOAD")]
    pub workload: String,

    /// Go on with the lines that come
    #[arg(short, long, value_parser = values::switch, env = "MLINFRA_FOLLOW", hide_env_values = true)]
    pub follow: bool,

    /// So many of the last lines of each replica
    #[arg(
        long,
        value_name = "N",
        default_value_t = 100,
        env = "MLINFRA_TAIL",
        hide_env_values = true
    )]
    pub tail: u32,

    /// Only lines of this last time
    #[arg(long, value_name = "TIME", value_parser = values::duration, env = "MLINFRA_SINCE", hide_env_values = true)]
    pub since: Option<std::time::Duration>,

    /// On EKS of the containers before their last restart, on ECS of the tasks that have stopped
    #[arg(long, conflicts_with = "follow", value_parser = values::switch, env = "MLINFRA_PREVIOUS", hide_env_values = true)]
    pub previous: bool,
}

/// Reach a workload on EKS from this machine
///
/// Listens on a port of this machine and passes each connection on to a replica that is ready, through the Kubernetes
/// API: nothing has to be opened. Ends with Ctrl-C.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlinfra port-forward dev scorer             127.0.0.1:8080 to the workload's port
  mlinfra port-forward dev scorer 9000        another port here
  curl -s 127.0.0.1:8080/v2/health/ready")]
pub struct PortForwardArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: String,

    /// The workload
    #[arg(value_name = "WORKLOAD")]
    pub workload: String,

    /// The port of this machine, 0 for any that is free; default: the workload's own
    #[arg(value_name = "PORT")]
    pub port: Option<u16>,
}

/// Run a training job of the environment file on SageMaker
///
/// Starts the job, follows its status and its logs to the end, and registers the model where the file says so. The
/// first Ctrl-C stops the job.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlinfra train dev churn
  mlinfra train dev churn --yes --format json
  mlinfra train dev churn --run 0199...       follows a run that was cut off, and starts none
  mlinfra ship dev scorer                     takes the newest approved version of the group")]
pub struct TrainArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: String,

    /// The job: the name after `training.` in the file
    #[arg(value_name = "JOB")]
    pub job: String,

    /// Start it without asking
    #[arg(short, long, value_parser = values::switch, env = "MLINFRA_YES", hide_env_values = true)]
    pub yes: bool,

    /// The run to follow again, by the id that it told when it was started; default: a new one
    #[arg(long, value_name = "ID", env = "MLINFRA_RUN", hide_env_values = true)]
    pub run: Option<String>,
}
