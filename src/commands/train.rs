//! `mlinfra train`.

use super::Outcome;
use super::context::Context;
use crate::cli::TrainArgs;
use crate::diagnostic::{Problem, codes};

/// Runs a training job.
pub async fn run(_: &Context, args: &TrainArgs) -> Outcome {
    Err(Problem::error(codes::UNKNOWN_WORKLOAD, args.job.clone()).into())
}
