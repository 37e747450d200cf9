//! The reference model server: reads its options, runs a mode, and gives the exit code.

use std::process::ExitCode;

use clap::Parser;
use mlinfra_inference::config::{Mode, Options};
use mlinfra_inference::{batch, log, serve, stream};

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let ended = match log::start(&options.log) {
        Ok(()) => match options.mode {
            Mode::Serve(options) => serve::run(options).await,
            Mode::Batch(options) => batch::run(options).await,
            Mode::Stream(options) => stream::run(options).await,
        },
        Err(failure) => Err(failure),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            tracing::error!(exit_code = failure.code(), "{failure}");
            failure.exit_code()
        }
    }
}
