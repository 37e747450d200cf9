//! Writing a module's files into a project: all of them, or none.

use super::super::error::CommandError;
use super::super::files;
use super::super::project::{Project, reason};
use super::super::replace::replace;
use crate::diagnostic::{Problem, Problems, codes};

/// A file to be written: its path relative to the project's root, and its text.
pub struct New {
    /// The path.
    pub path: String,
    /// The text.
    pub text: String,
}

/// What stands where a file is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Present {
    /// Nothing may.
    Refused,
    /// The same text may.
    RefusedIfDifferent,
}

/// Writes `files`. Errors: one for each that is there already and must not be; then nothing was written.
pub fn write(project: &Project, files: &[New], present: Present, hint: &str) -> Result<(), CommandError> {
    let there: Vec<Problem> = files
        .iter()
        .filter(|file| {
            let path = project.path(&file.path);
            let same = || files::text(&path, files::MOST_TEMPLATE).is_ok_and(|text| text == file.text);
            // A link that leads nowhere is something too.
            path.symlink_metadata().is_ok() && !(present == Present::RefusedIfDifferent && same())
        })
        .map(|file| {
            let message = match present {
                Present::Refused => format!("{} exists already", file.path),
                Present::RefusedIfDifferent => format!("{} exists already and is different", file.path),
            };
            Problem::error(codes::FILE_EXISTS, message)
                .note("nothing was written")
                .hint(hint)
        })
        .collect();
    if !there.is_empty() {
        return Err(Problems(there).into());
    }
    files.iter().try_for_each(|file| one(project, file))
}

/// Writes one file, over what is there.
pub fn one(project: &Project, file: &New) -> Result<(), CommandError> {
    let path = project.path(&file.path);
    let folder = path.parent().map_or(Ok(()), fs_err::create_dir_all);
    folder.and_then(|()| replace(&path, &file.text)).map_err(|error| {
        CommandError::from(Problem::error(
            codes::FILE_UNWRITABLE,
            format!("cannot write {}: {}", file.path, reason(&error)),
        ))
    })
}
