//! The mode `batch`: answers every record of files into files.
//!
//! For each input `NAME` the output folder gets `NAME.out`, one line for each record in its order; `NAME.errors.jsonl`,
//! the records that had no answer and why; and `NAME.progress.json`, how far it is. While a file is being answered the
//! first two end in `.partial`. However the process ends, run again it goes on behind the last progress, and what was
//! written after it is written again: the outcome is the same, byte for byte, as if it had never stopped.

pub(crate) mod file;
mod progress;

use std::path::{Path, PathBuf};

use tracing::info;

pub use self::file::{Observer, Outcome, Step, answer};
use crate::config::BatchOptions;
use crate::error::Failure;
use crate::serve::load;

/// How records are written, by the ending of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `.csv`
    Csv,
    /// `.jsonl`, `.ndjson`
    JsonLines,
}

impl Format {
    /// The format of a file, by its ending.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "csv" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::JsonLines),
            _ => None,
        }
    }
}

/// Answers all files.
///
/// # Errors
/// No model, a file that cannot be read or written, or, when all is done, that some records had no answer.
pub async fn run(options: BatchOptions) -> Result<(), Failure> {
    let inputs = inputs(&options.input)?;
    fs_err::create_dir_all(&options.output)?;
    let model = load(&options.model).await?;
    let (mut records, mut files) = (0, 0);
    for input in inputs {
        let (model, output, chunk) = (model.clone(), options.output.clone(), options.chunk as usize);
        let path = input.clone();
        let outcome = tokio::task::spawn_blocking(move || answer(&model, &path, &output, chunk, &mut |_| Ok(())))
            .await
            .map_err(std::io::Error::other)??;
        info!(
            input = %input.display(),
            records = outcome.records,
            without_answer = outcome.failed,
            skipped = outcome.skipped,
            "file done"
        );
        records += outcome.failed;
        files += usize::from(outcome.failed > 0);
    }
    if records > 0 {
        Err(Failure::Records { records, files })
    } else {
        Ok(())
    }
}

/// The files to answer, in the order of their names.
fn inputs(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let endings = "*.csv, *.jsonl and *.ndjson are read";
    if !fs_err::metadata(path)?.is_dir() {
        return match Format::of(path) {
            Some(_) => Ok(vec![path.to_path_buf()]),
            None => Err(Failure::Usage(format!(
                "{} has an ending that is not known: {endings}",
                path.display()
            ))),
        };
    }
    let mut files = Vec::new();
    for entry in fs_err::read_dir(path)? {
        let file = entry?.path();
        if file.is_file() && Format::of(&file).is_some() {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(Failure::Usage(format!(
            "{} holds nothing to answer: {endings}",
            path.display()
        )));
    }
    Ok(files)
}
