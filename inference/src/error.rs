//! What can stop the program, and with which exit code.

use std::path::PathBuf;
use std::process::ExitCode;

/// Why a mode ended without having done its work. Each kind has an exit code of its own, so that an orchestrator and
/// whoever reads its log see at once whether trying again can help.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The model is not where it should be.
    #[error("there is no model at {at}: {reason}\n  {hint}")]
    ModelMissing {
        /// The folder or S3 address that was looked at.
        at: String,
        /// What was missing or what the storage answered.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// The model is there and cannot be used: broken, changed, or in need of what the server does not have.
    #[error("the model at {at} cannot be used: {reason}\n  {hint}")]
    ModelUnusable {
        /// The file.
        at: String,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// An option has a value that cannot be.
    #[error("{0}")]
    Usage(String),
    /// A file could not be read or written.
    #[error("{0}")]
    File(#[from] std::io::Error),
    /// Some records of a batch could not be answered; the rest is done.
    #[error(
        "{records} records in {files} files had no answer; each has its line in the file of errors beside the output"
    )]
    Records {
        /// How many records.
        records: u64,
        /// In how many files.
        files: usize,
    },
    /// An input of a batch changed between two runs.
    #[error(
        "{path} changed since a part of it was answered\n  Give an empty output folder, or remove {progress} to begin \
         this file again"
    )]
    InputChanged {
        /// The input.
        path: PathBuf,
        /// The record of what was done.
        progress: PathBuf,
    },
    /// The Kafka cluster refused something that trying again does not mend.
    #[error("Kafka: {what}: {reason}")]
    Kafka {
        /// What was being done.
        what: &'static str,
        /// What the client says.
        reason: String,
    },
    /// Requests were still running when the time for draining was over.
    #[error("{0} requests were still running when the time to drain was over; they were cut off")]
    NotDrained(usize),
}

impl Failure {
    /// The exit code: 1 something went wrong on the way, 2 wrong usage, 3 no model, 4 an unusable model, 5 some
    /// records had no answer.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code())
    }

    /// The same as a number.
    pub fn code(&self) -> u8 {
        match self {
            Self::File(_) | Self::Kafka { .. } | Self::NotDrained(_) => 1,
            Self::Usage(_) | Self::InputChanged { .. } => 2,
            Self::ModelMissing { .. } => 3,
            Self::ModelUnusable { .. } => 4,
            Self::Records { .. } => 5,
        }
    }
}
