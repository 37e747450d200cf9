//! `mlinfra sandbox`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::values;

/// Serve, list or reset the embedded AWS.
#[derive(Debug, Subcommand)]
pub enum SandboxCommand {
    /// Serve the embedded AWS over HTTP, for several processes and other clients
    Serve(SandboxServeArgs),
    /// List everything that the project's sandbox holds
    List(SandboxListArgs),
    /// Delete everything that the project's sandbox holds
    Reset(SandboxResetArgs),
}

/// Serve the embedded AWS over HTTP, for several processes and other clients
///
/// Answers CloudFormation, S3, DynamoDB, STS, EC2, IAM, EKS, ECR, SageMaker and Logs on one port, for mlinfra with
/// --endpoint-url, the aws CLI, boto3 and the SDKs. Any credentials are accepted. What it does not know it refuses by
/// name. Runs until Ctrl-C.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlinfra sandbox serve --port 4566
  mlinfra sandbox serve --port 4566 --time-scale 60     one simulated minute a second
  mlinfra sandbox serve --faults faults.toml            a resource that fails, throttling, lost answers
  AWS_ENDPOINT_URL=http://127.0.0.1:4566 aws cloudformation list-stacks")]
pub struct SandboxServeArgs {
    /// The port; 0 takes a free one and prints it
    #[arg(
        long,
        value_name = "PORT",
        default_value_t = 4566,
        env = "MLINFRA_SANDBOX_PORT",
        hide_env_values = true
    )]
    pub port: u16,

    /// How many simulated seconds pass in a real one
    #[arg(
        long,
        value_name = "X",
        value_parser = values::time_scale,
        default_value = "60",
        env = "MLINFRA_SANDBOX_TIME_SCALE",
        hide_env_values = true
    )]
    pub time_scale: f64,

    /// A TOML file of faults to inject (docs/SANDBOX.md)
    #[arg(long, value_name = "FILE", env = "MLINFRA_SANDBOX_FAULTS", hide_env_values = true)]
    pub faults: Option<PathBuf>,

    /// The account that callers find themselves in
    #[arg(
        long,
        value_name = "ID",
        value_parser = values::account,
        default_value = "111122223333",
        env = "MLINFRA_SANDBOX_ACCOUNT",
        hide_env_values = true
    )]
    pub account: String,

    /// The region
    #[arg(
        long,
        value_name = "REGION",
        value_parser = values::region,
        default_value = "us-east-1",
        env = "MLINFRA_SANDBOX_REGION",
        hide_env_values = true
    )]
    pub region: String,

    /// Keep the state in this folder; without it, in memory only
    #[arg(long, value_name = "DIR", env = "MLINFRA_SANDBOX_DIRECTORY", hide_env_values = true)]
    pub directory: Option<PathBuf>,
}

/// List everything that the project's sandbox holds
///
/// Stacks with their statuses, their resources, and what is in the services, by account and region. What is under way
/// goes on: a list a moment later may say more.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlinfra sandbox list
  mlinfra sandbox list --format json | jq -r '.items[] | select(.kind == \"stack\") | [.id, .status] | @tsv'")]
pub struct SandboxListArgs {}

/// Delete everything that the project's sandbox holds
///
/// Removes .mlinfra/sandbox of the project. Nothing in AWS is touched.
#[derive(Debug, Args)]
pub struct SandboxResetArgs {
    /// Delete without asking
    #[arg(short, long, value_parser = values::switch, env = "MLINFRA_YES", hide_env_values = true)]
    pub yes: bool,
}
