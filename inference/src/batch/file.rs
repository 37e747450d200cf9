//! One file: read a chunk, answer it, write it, record it; at the end, give the files their names.

use std::fs::File as StdFile;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::Format;
use super::progress::{Progress, rename, replace};
use crate::error::Failure;
use crate::model::Model;
use crate::rows::{Answer, Reader, answer_fields};
use crate::tensor::Tensor;

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How many records it has.
    pub records: u64,
    /// How many had no answer.
    pub failed: u64,
    /// Whether an earlier run had done it.
    pub skipped: bool,
}

/// What has just been done. A process may die after each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A chunk is in the output.
    Written,
    /// Its progress is written beside the old one.
    ProgressWritten,
    /// Its progress is in place.
    ProgressReplaced,
    /// The file of errors has its name.
    ErrorsNamed,
    /// The output has its name.
    OutputNamed,
}

/// Is told of each step. An error from it ends everything at once, as the death of the process would.
pub type Observer<'o> = dyn FnMut(Step) -> std::io::Result<()> + 'o;

struct Places {
    output: PathBuf,
    output_partial: PathBuf,
    errors: PathBuf,
    errors_partial: PathBuf,
    progress: PathBuf,
}

impl Places {
    fn of(input: &Path, folder: &Path) -> Self {
        let name = input.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let at = |ending: &str| folder.join(format!("{name}.{ending}"));
        Self {
            output: at("out"),
            output_partial: at("out.partial"),
            errors: at("errors.jsonl"),
            errors_partial: at("errors.jsonl.partial"),
            progress: at("progress.json"),
        }
    }
}

/// Answers a file into a folder, `chunk` records at a time, going on where an earlier run was.
///
/// # Errors
/// What cannot be read or written, or that the input or the model changed since the earlier run.
pub fn answer(
    model: &Model,
    input: &Path,
    folder: &Path,
    chunk: usize,
    observe: &mut Observer<'_>,
) -> Result<Outcome, Failure> {
    let format = Format::of(input).unwrap_or(Format::JsonLines);
    let places = Places::of(input, folder);
    let mut progress = Progress::find(&places.progress, input, &model.manifest.sha256)?;
    let skipped = progress.complete && places.output.exists();
    if !progress.complete {
        let mut records = Records::open(input, format, progress.read)?;
        let mut output = reopen(&places.output_partial, progress.written)?;
        let mut errors = reopen(&places.errors_partial, progress.errors_written)?;
        while !progress.complete {
            let batch = records.next(chunk)?;
            progress.complete = batch.len() < chunk;
            progress.read = records.position();
            let answered = answer_chunk(model, format, batch, &mut progress);
            output.write_all(&answered.output)?;
            errors.write_all(&answered.errors)?;
            output.sync_data()?;
            errors.sync_data()?;
            progress.written += answered.output.len() as u64;
            progress.errors_written += answered.errors.len() as u64;
            observe(Step::Written)?;
            progress.write_beside(&places.progress)?;
            observe(Step::ProgressWritten)?;
            replace(&places.progress)?;
            observe(Step::ProgressReplaced)?;
            tracing::debug!(input = %input.display(), records = progress.records, "chunk done");
        }
    }
    // Each may have happened before the process died the last time.
    if places.errors_partial.exists() {
        rename(&places.errors_partial, &places.errors)?;
        observe(Step::ErrorsNamed)?;
    }
    if places.output_partial.exists() {
        rename(&places.output_partial, &places.output)?;
        observe(Step::OutputNamed)?;
    }
    Ok(Outcome {
        records: progress.records,
        failed: progress.failed,
        skipped,
    })
}

/// A file cut to what is known to be good, ready for more.
fn reopen(path: &Path, good: u64) -> Result<fs_err::File, Failure> {
    let mut file = fs_err::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    file.set_len(good)?;
    file.seek(SeekFrom::Start(good))?;
    Ok(file)
}

/// A record of the input, or why it cannot be read.
enum Record {
    Json(Result<Value, String>),
    Csv(Result<csv::StringRecord, String>),
}

/// The input, behind what was read before.
enum Records {
    Lines {
        file: BufReader<StdFile>,
        position: u64,
    },
    Csv {
        reader: Box<csv::Reader<StdFile>>,
        start: u64,
    },
}

impl Records {
    fn open(path: &Path, format: Format, start: u64) -> Result<Self, Failure> {
        let mut file = fs_err::File::open(path)?;
        file.seek(SeekFrom::Start(start))?;
        let file = file.into_file();
        Ok(match format {
            Format::JsonLines => Self::Lines {
                file: BufReader::new(file),
                position: start,
            },
            Format::Csv => {
                let reader = csv::ReaderBuilder::new()
                    .has_headers(false)
                    .flexible(true)
                    .from_reader(file);
                Self::Csv {
                    reader: Box::new(reader),
                    start,
                }
            }
        })
    }

    /// The next records, fewer than asked for only at the end.
    fn next(&mut self, most: usize) -> Result<Vec<Record>, Failure> {
        let mut records = Vec::new();
        while records.len() < most {
            match self {
                Self::Lines { file, position } => {
                    let mut line = Vec::new();
                    let length = file.by_ref().read_until(b'\n', &mut line)?;
                    if length == 0 {
                        break;
                    }
                    *position += length as u64;
                    if !line.trim_ascii().is_empty() {
                        let value = serde_json::from_slice(&line).map_err(|error| format!("not JSON: {error}"));
                        records.push(Record::Json(value));
                    }
                }
                Self::Csv { reader, .. } => {
                    let mut record = csv::ByteRecord::new();
                    if !reader.read_byte_record(&mut record).map_err(std::io::Error::other)? {
                        break;
                    }
                    let record =
                        csv::StringRecord::from_byte_record(record).map_err(|error| format!("not UTF-8: {error}"));
                    records.push(Record::Csv(record));
                }
            }
        }
        Ok(records)
    }

    fn position(&self) -> u64 {
        match self {
            Self::Lines { position, .. } => *position,
            Self::Csv { reader, start } => start + reader.position().byte(),
        }
    }
}

struct Answered {
    output: Vec<u8>,
    errors: Vec<u8>,
}

fn answer_chunk(model: &Model, format: Format, records: Vec<Record>, progress: &mut Progress) -> Answered {
    let mut reader = Reader::new(&model.manifest);
    if let Some(header) = &progress.header {
        reader.header(&csv::StringRecord::from(header.clone()));
    }
    let mut read: Vec<Result<(), String>> = Vec::with_capacity(records.len());
    for record in records {
        read.push(match record {
            Record::Json(value) => value.and_then(|value| reader.push_json(&value)),
            Record::Csv(Ok(record)) => {
                if progress.records == 0 && read.is_empty() && progress.header.is_none() && reader.header(&record) {
                    progress.header = Some(record.iter().map(str::to_owned).collect());
                    continue;
                }
                reader.push_csv(&record)
            }
            Record::Csv(Err(reason)) => Err(reason),
        });
    }
    let mut answers = model.run_each(reader.finish()).into_iter();
    let mut answered = Answered {
        output: Vec::new(),
        errors: Vec::new(),
    };
    for record in read {
        progress.records += 1;
        let answer = record.and_then(|()| {
            answers
                .next()
                .unwrap_or_else(|| Err("the model gave no answer".to_owned()))
        });
        if let Err(reason) = &answer {
            progress.failed += 1;
            let line = json!({ "record": progress.records, "error": reason });
            answered.errors.extend_from_slice(format!("{line}\n").as_bytes());
        }
        answered
            .output
            .extend_from_slice(line(model, format, answer).as_bytes());
    }
    answered
}

/// A line of the output. A record without an answer has a line too, so that lines and records stay side by side.
fn line(model: &Model, format: Format, answer: Result<Vec<Tensor>, String>) -> String {
    match (format, answer) {
        (Format::JsonLines, Ok(answer)) => format!("{}\n", Answer::new(&model.manifest, &answer, 0)),
        (Format::JsonLines, Err(reason)) => format!("{}\n", json!({ "error": reason })),
        (Format::Csv, Ok(answer)) => csv_line(answer_fields(&answer, 0)),
        (Format::Csv, Err(_)) => csv_line(vec![
            String::new();
            model
                .manifest
                .outputs
                .iter()
                .map(crate::manifest::Port::row_length)
                .sum()
        ]),
    }
}

/// Fields as a line of CSV.
pub(crate) fn csv_line(fields: Vec<String>) -> String {
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    // Writing into memory does not fail.
    let bytes = writer
        .write_record(fields)
        .ok()
        .and_then(|()| writer.into_inner().ok())
        .unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
