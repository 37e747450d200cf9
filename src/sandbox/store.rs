//! The folder that a sandbox lives in, shared by as many processes as like.
//!
//! ```text
//! .mlinfra/sandbox/ACCOUNT/REGION/
//!   lock           held, exclusively, for the length of one request
//!   manifest.json  the simulated time, and which file holds the state of which service
//!   s3.12.json     the state of S3 as of its 12th change
//!   bodies/        what is in S3's objects, each under its SHA-256
//! ```
//! A request writes the new state of every service that it changed under new names, then puts a new manifest in the
//! place of the old one, in one rename: that is the moment at which it has happened, for all services together. Files
//! that no manifest names any more are removed afterwards. Whoever is killed in between leaves the state of before.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::SandboxError;
use super::request::Name;

/// What is current.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The form of everything in the folder.
    pub(crate) version: u32,
    /// Made anew when the sandbox is emptied, so that nobody takes an old generation for a new one.
    pub(crate) id: String,
    /// When it was, simulated, at a moment of the wall clock.
    pub(crate) time: super::time::Fix,
    /// Generations by service name.
    pub(crate) services: BTreeMap<String, u64>,
}

/// The form that this program writes and reads.
pub(crate) const VERSION: u32 = 1;

/// A sandbox's folder.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    folder: PathBuf,
}

/// While this lives, nobody else reads or writes the folder.
#[derive(Debug)]
pub(crate) struct Held {
    _file: std::fs::File,
}

impl Store {
    /// The folder for one account and region below `root`, made if it is not there.
    pub(crate) fn open(root: &Path, account: &str, region: &str) -> Result<Self, SandboxError> {
        let folder = root.join(account).join(region);
        fs_err::create_dir_all(&folder).map_err(SandboxError::files)?;
        Ok(Self { folder })
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Waits for the folder. Nobody holds it for longer than one request takes, so the thread may wait.
    pub(crate) fn hold(&self) -> Result<Held, SandboxError> {
        let path = self.folder.join("lock");
        let opened = fs_err::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path);
        let (file, _) = opened.map_err(SandboxError::files)?.into_parts();
        file.lock().map_err(SandboxError::files)?;
        Ok(Held { _file: file })
    }

    /// The manifest, if anything was ever written.
    pub(crate) fn manifest(&self, _: &Held) -> Result<Option<Manifest>, SandboxError> {
        let path = self.folder.join("manifest.json");
        let text = match fs_err::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(SandboxError::files(error)),
        };
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| SandboxError::State {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        if manifest.version != VERSION {
            return Err(SandboxError::State {
                path,
                reason: format!("it has form {}, this program knows form {VERSION}", manifest.version),
            });
        }
        Ok(Some(manifest))
    }

    /// The state of a service.
    pub(crate) fn state(&self, _: &Held, name: Name, generation: u64) -> Result<Vec<u8>, SandboxError> {
        fs_err::read(self.path(name, generation)).map_err(SandboxError::files)
    }

    /// Makes `changed` and `manifest` current, all at once.
    pub(crate) fn commit(
        &self,
        _: &Held,
        manifest: &Manifest,
        changed: &[(Name, Vec<u8>)],
    ) -> Result<(), SandboxError> {
        for (name, state) in changed {
            let generation = manifest.services.get(name.as_str()).copied().unwrap_or_default();
            fs_err::write(self.path(*name, generation), state).map_err(SandboxError::files)?;
        }
        let text = serde_json::to_vec(manifest).map_err(|error| SandboxError::State {
            path: self.folder.join("manifest.json"),
            reason: error.to_string(),
        })?;
        let temporary = self.folder.join("manifest.json.new");
        fs_err::write(&temporary, text).map_err(SandboxError::files)?;
        fs_err::rename(&temporary, self.folder.join("manifest.json")).map_err(SandboxError::files)?;
        for (name, _) in changed {
            let generation = manifest.services.get(name.as_str()).copied().unwrap_or_default();
            if let Some(previous) = generation.checked_sub(1) {
                // A file that stays is only a file too many.
                let _ = fs_err::remove_file(self.path(*name, previous));
            }
        }
        Ok(())
    }

    /// Removes everything but the lock.
    pub(crate) fn clear(&self, _: &Held) -> Result<(), SandboxError> {
        // The manifest goes first: from then on there is nothing.
        for entry in [self.folder.join("manifest.json")] {
            if entry.exists() {
                fs_err::remove_file(entry).map_err(SandboxError::files)?;
            }
        }
        for entry in fs_err::read_dir(&self.folder).map_err(SandboxError::files)? {
            let path = entry.map_err(SandboxError::files)?.path();
            if path.is_dir() {
                fs_err::remove_dir_all(path).map_err(SandboxError::files)?;
            } else if path.extension().is_some_and(|extension| extension == "json") {
                fs_err::remove_file(path).map_err(SandboxError::files)?;
            }
        }
        Ok(())
    }

    fn path(&self, name: Name, generation: u64) -> PathBuf {
        self.folder.join(format!("{}.{generation}.json", name.as_str()))
    }
}
