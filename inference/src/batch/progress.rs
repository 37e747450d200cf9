//! The record of how far a file is. It is replaced in one step, after what it speaks of is on the disk.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::error::Failure;

/// How far an input is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The size of the input in bytes, and when it was changed: it must stay the same.
    pub input_bytes: u64,
    /// In nanoseconds since 1970.
    pub input_modified: u64,
    /// The SHA-256 of the model that answers.
    pub model: String,
    /// How much of the input is answered, in bytes.
    pub read: u64,
    /// How much of the output is good, in bytes.
    pub written: u64,
    /// How much of the file of errors is good, in bytes.
    pub errors_written: u64,
    /// How many records are answered, or could not be.
    pub records: u64,
    /// How many could not be.
    pub failed: u64,
    /// The header of a CSV input.
    pub header: Option<Vec<String>>,
    /// Whether the whole input is answered; what is left is to give the files their names.
    pub complete: bool,
}

impl Progress {
    /// Nothing done.
    pub fn begin(input: &Path, model: &str) -> Result<Self, Failure> {
        let meta = fs_err::metadata(input)?;
        let modified = meta.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            input_bytes: meta.len(),
            input_modified: u64::try_from(modified.as_nanos()).unwrap_or(u64::MAX),
            model: model.to_owned(),
            read: 0,
            written: 0,
            errors_written: 0,
            records: 0,
            failed: 0,
            header: None,
            complete: false,
        })
    }

    /// Where the record of an input is kept, and whether what it says still holds: nothing done if there is none.
    ///
    /// # Errors
    /// When the input or the model is not the one that the record speaks of.
    pub fn find(path: &Path, input: &Path, model: &str) -> Result<Self, Failure> {
        let fresh = Self::begin(input, model)?;
        if !path.exists() {
            return Ok(fresh);
        }
        let found: Self = serde_json::from_slice(&fs_err::read(path)?).map_err(|error| {
            Failure::Usage(format!(
                "{} is not a record of progress: {error}\n  Remove it to begin again",
                path.display()
            ))
        })?;
        if (found.input_bytes, found.input_modified) != (fresh.input_bytes, fresh.input_modified) {
            return Err(Failure::InputChanged {
                path: input.to_path_buf(),
                progress: path.to_path_buf(),
            });
        }
        if found.model != fresh.model {
            return Err(Failure::Usage(format!(
                "{} was begun with another model ({}), and half an output of each would be worth nothing\n  Give an \
                 empty output folder, or the model that it was begun with",
                input.display(),
                found.model
            )));
        }
        Ok(found)
    }

    /// Writes the record beside its place; [`replace`] then puts it there.
    pub fn write_beside(&self, path: &Path) -> Result<(), Failure> {
        let mut file = fs_err::File::create(beside(path))?;
        file.write_all(&serde_json::to_vec(self).map_err(std::io::Error::other)?)?;
        file.sync_all()?;
        Ok(())
    }
}

/// Puts the record that was written beside it into its place.
pub fn replace(path: &Path) -> Result<(), Failure> {
    rename(&beside(path), path)
}

/// Renames and makes sure that the new name outlives a power cut.
pub fn rename(from: &Path, to: &Path) -> Result<(), Failure> {
    fs_err::rename(from, to)?;
    if let Some(folder) = to.parent() {
        fs_err::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn beside(path: &Path) -> PathBuf {
    path.with_extension("json.new")
}
