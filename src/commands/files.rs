//! Reading files that others wrote: what is no file, or far too large to be what it should be, is not opened.

use std::io::Read;
use std::path::Path;

use super::project::reason;
use crate::diagnostic::{Code, Problem, codes};

/// The largest environment file, contract or list of faults, in bytes; those that people write have a few thousand.
pub const MOST_TOML: u64 = 256 << 10;
/// The largest template, in bytes: what CloudFormation takes, and room for comments and statements.
pub const MOST_TEMPLATE: u64 = 2 << 20;
/// The largest file that a template reads, in bytes: EC2 takes 16 KiB of user data, and an archive of S3 more.
pub const MOST_USER_DATA: u64 = 64 << 10;
/// The largest saved plan, in bytes: tens of thousands of changes.
pub const MOST_PLAN: u64 = 16 << 20;
/// How many files of one kind a folder may hold.
pub const MOST_FILES: usize = 1_000;

/// How many folders may lie inside of each other where folders are read whole.
pub const DEEPEST: usize = 8;

/// Why a file was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// [`codes::FILE_UNREADABLE`], [`codes::FILE_TOO_LARGE`] or [`codes::NOT_A_FILE`].
    pub code: Code,
    /// The rest of a sentence that begins with the file's name: `it does not exist`.
    pub why: String,
}

impl Unread {
    /// As a problem with the file that the user knows as `shown`.
    pub fn problem(&self, shown: &str) -> Problem {
        let problem = Problem::error(self.code, format!("cannot read {shown}: {}", self.why));
        match self.code {
            codes::FILE_TOO_LARGE => problem.hint(format!("look at what it is: ls -lL {shown}")),
            codes::NOT_A_FILE => problem.hint(format!("put a file in its place, or take it away: ls -l {shown}")),
            _ => problem,
        }
    }
}

/// The text of the file at `path` if it has at most `most` bytes. The size and the kind are asked for first, so that
/// nothing is opened that would block (a pipe) or never end (a device).
pub fn text(path: &Path, most: u64) -> Result<String, Unread> {
    let unread = |code, why: String| Unread { code, why };
    let failed = |error: &std::io::Error| unread(codes::FILE_UNREADABLE, reason(error));
    let known = fs_err::metadata(path).map_err(|error| failed(&error))?;
    if known.is_dir() {
        return Err(unread(codes::FILE_UNREADABLE, "it is a folder".to_owned()));
    }
    if !known.is_file() {
        return Err(unread(codes::NOT_A_FILE, "it is a device, pipe or socket".to_owned()));
    }
    if known.len() > most {
        return Err(too_large("", known.len(), most));
    }
    // Files of the system say that they are empty, and others may grow meanwhile.
    let file = fs_err::File::open(path).map_err(|error| failed(&error))?;
    stream(file, most)
}

/// All that `reader` gives if it is a text of at most `most` bytes; nothing is read behind them.
pub fn stream(reader: impl Read, most: u64) -> Result<String, Unread> {
    let unread = |code, why: String| Unread { code, why };
    let mut bytes = Vec::new();
    reader
        .take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unread(codes::FILE_UNREADABLE, reason(&error)))?;
    if bytes.len() as u64 > most {
        return Err(too_large("more than ", most, most));
    }
    String::from_utf8(bytes).map_err(|error| unread(codes::FILE_UNREADABLE, not_utf_8(&error)))
}

fn too_large(lead: &str, size: u64, most: u64) -> Unread {
    Unread {
        code: codes::FILE_TOO_LARGE,
        why: format!("it has {lead}{size} bytes, and more than {most} cannot be what it should be"),
    }
}

/// Where a text stops being UTF-8, and what it may be in place of it.
fn not_utf_8(error: &std::string::FromUtf8Error) -> String {
    let bytes = error.as_bytes();
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return "it is UTF-16 text; save it as UTF-8".to_owned();
    }
    let before = bytes.get(..error.utf8_error().valid_up_to()).unwrap_or_default();
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    format!("line {line} is not UTF-8; save the file as UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_too_large_is_refused_by_its_size_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dev.toml");
        // A hole of a tebibyte: whoever read it would not come back.
        fs_err::File::create(&path).unwrap().set_len(1 << 40).unwrap();
        let unread = text(&path, MOST_TOML).unwrap_err();
        assert_eq!(unread.code, codes::FILE_TOO_LARGE);
        assert!(unread.why.contains("1099511627776 bytes"), "{}", unread.why);
    }

    #[test]
    fn a_file_of_the_largest_size_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dev.toml");
        fs_err::write(&path, "x".repeat(20)).unwrap();
        assert_eq!(text(&path, 20).unwrap().len(), 20);
        assert_eq!(text(&path, 19).unwrap_err().code, codes::FILE_TOO_LARGE);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_has_no_end_or_no_honest_size_is_refused() {
        assert_eq!(text(Path::new("/dev/zero"), 20).unwrap_err().code, codes::NOT_A_FILE);
        let memory = text(Path::new("/proc/meminfo"), 20).unwrap_err();
        assert_eq!(memory.code, codes::FILE_TOO_LARGE, "{}", memory.why);
    }
}
