//! The tag of an image that is built: a digest of everything that goes into the build. The same tree has the same tag on
//! every machine, so an image that the repository has already is neither built nor sent again.
//!
//! What counts is what Docker sends: files that `.dockerignore` leaves, with their content and whether they can be
//! executed; links with what they name; folders. Times and owners do not count. What a Dockerfile fetches while it is
//! built (`FROM python:3.13`) cannot be seen from here: `--rebuild` builds anew.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::ignore::{Folder, Ignore};
use crate::diagnostic::{Problem, codes};

/// Changes when tags are to be made in another way, so that they are not mistaken for each other.
const FORM: &str = "mlinfra build 1";
/// How many files a context may hold: more are a `.dockerignore` that is missing.
const MOST_FILES: usize = 200_000;

/// What an image is built from.
#[derive(Debug, Clone)]
pub(super) struct Build {
    /// The folder that is sent.
    pub(super) context: PathBuf,
    /// The Dockerfile.
    pub(super) dockerfile: PathBuf,
    /// The stage.
    pub(super) target: Option<String>,
    /// Arguments.
    pub(super) args: BTreeMap<String, String>,
    /// `amd64`, `arm64`.
    pub(super) architecture: &'static str,
}

impl Build {
    /// The tag: `ctx-` and 16 hexadecimal digits. Reads the whole context, so it wants a thread of its own.
    ///
    /// # Errors
    /// A folder or Dockerfile that is not there, a file that cannot be read, a `.dockerignore` that is none.
    pub(super) fn tag(&self) -> Result<String, Problem> {
        if !self.context.is_dir() {
            return Err(unusable(format!("there is no folder {}", self.context.display()))
                .hint("`context` of the workload's `image` is relative to the project's folder"));
        }
        if !self.dockerfile.is_file() {
            return Err(
                unusable(format!("there is no Dockerfile {}", self.dockerfile.display()))
                    .hint("`dockerfile` of the workload's `image` is relative to `context`"),
            );
        }
        let ignore_file = self.ignore_file();
        let ignore_text = match &ignore_file {
            Some(path) => fs_err::read_to_string(path).map_err(|error| unusable(error.to_string()))?,
            None => String::new(),
        };
        let ignore = Ignore::read(&ignore_text).map_err(|pattern| {
            let path = ignore_file.as_deref().unwrap_or(&self.context);
            unusable(format!("{} has the pattern `{pattern}`, which is none", path.display()))
                .hint("a `[` needs its `]`; `\\[` is the character itself")
        })?;
        let mut hasher = Sha256::new();
        let mut say = |kind: &str, text: &[u8]| {
            hasher.update(kind.as_bytes());
            hasher.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(text);
        };
        say("form", FORM.as_bytes());
        say("architecture", self.architecture.as_bytes());
        say("target", self.target.as_deref().unwrap_or_default().as_bytes());
        for (key, value) in &self.args {
            say("argument", key.as_bytes());
            say("value", value.as_bytes());
        }
        let dockerfile = fs_err::read(&self.dockerfile).map_err(|error| unusable(error.to_string()))?;
        say("Dockerfile", &dockerfile);
        say(".dockerignore", ignore_text.as_bytes());
        for entry in self.entries(&ignore)? {
            say(entry.kind, entry.path.as_bytes());
            say("is", &entry.content(&self.context)?);
        }
        let digest = hasher.finalize();
        let hex: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Ok(format!("ctx-{hex}"))
    }

    /// That of the Dockerfile itself if there is one, as BuildKit has it; otherwise that of the context.
    fn ignore_file(&self) -> Option<PathBuf> {
        let mut own = self.dockerfile.clone().into_os_string();
        own.push(".dockerignore");
        let candidates = [PathBuf::from(own), self.context.join(".dockerignore")];
        candidates.into_iter().find(|path| path.is_file())
    }

    /// What is sent, in the order of the paths.
    fn entries(&self, ignore: &Ignore) -> Result<Vec<Entry>, Problem> {
        let mut found = Vec::new();
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            let listed = fs_err::read_dir(self.context.join(&folder)).map_err(|error| unusable(error.to_string()))?;
            for entry in listed {
                let entry = entry.map_err(|error| unusable(error.to_string()))?;
                let name = entry.file_name();
                let name = name.to_string_lossy();
                let path = if folder.is_empty() {
                    name.into_owned()
                } else {
                    format!("{folder}/{name}")
                };
                let kind = entry.file_type().map_err(|error| unusable(error.to_string()))?;
                if kind.is_dir() {
                    let fate = ignore.folder(&path);
                    if fate == Folder::Sent {
                        found.push(Entry {
                            kind: "folder",
                            path: path.clone(),
                        });
                    }
                    if fate != Folder::Skipped {
                        folders.push(path);
                    }
                } else if !ignore.ignores(&path) {
                    let kind = match kind {
                        kind if kind.is_symlink() => "link",
                        kind if kind.is_file() => file_kind(&entry.path())?,
                        // Sockets and pipes are not sent.
                        _ => continue,
                    };
                    found.push(Entry { kind, path });
                }
                if found.len() > MOST_FILES {
                    return Err(unusable(format!(
                        "the context {} holds over {MOST_FILES} files",
                        self.context.display()
                    ))
                    .hint("leave out what the image is not built from, in `.dockerignore`"));
                }
            }
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }
}

struct Entry {
    kind: &'static str,
    /// Relative to the context, with slashes.
    path: String,
}

impl Entry {
    /// The digest of a file, what a link names, and nothing of a folder.
    fn content(&self, context: &Path) -> Result<Vec<u8>, Problem> {
        let path = context.join(&self.path);
        match self.kind {
            "folder" => Ok(Vec::new()),
            "link" => {
                let named = fs_err::read_link(&path).map_err(|error| unusable(error.to_string()))?;
                Ok(named.to_string_lossy().into_owned().into_bytes())
            }
            _ => {
                let mut file = fs_err::File::open(&path).map_err(|error| unusable(error.to_string()))?;
                let mut hasher = Sha256::new();
                let mut buffer = vec![0; 64 * 1024];
                loop {
                    let read = file.read(&mut buffer).map_err(|error| unusable(error.to_string()))?;
                    if read == 0 {
                        return Ok(hasher.finalize().to_vec());
                    }
                    hasher.update(buffer.get(..read).unwrap_or_default());
                }
            }
        }
    }
}

#[cfg(unix)]
fn file_kind(path: &Path) -> Result<&'static str, Problem> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = fs_err::symlink_metadata(path).map_err(|error| unusable(error.to_string()))?;
    Ok(if metadata.permissions().mode() & 0o111 == 0 {
        "file"
    } else {
        "program"
    })
}

#[cfg(not(unix))]
fn file_kind(_: &Path) -> Result<&'static str, Problem> {
    Ok("file")
}

fn unusable(message: String) -> Problem {
    Problem::error(codes::CONTEXT_UNUSABLE, message)
}
