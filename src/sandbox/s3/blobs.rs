//! Bodies, each under its SHA-256: in memory, or as files that are written whole or not at all.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

/// Where bodies are kept.
#[derive(Debug)]
pub(crate) enum Blobs {
    Memory(BTreeMap<String, Bytes>),
    Folder(PathBuf),
}

impl Default for Blobs {
    fn default() -> Self {
        Blobs::Memory(BTreeMap::new())
    }
}

impl Blobs {
    /// Keeps a body; gives its digest. Keeping it twice is keeping it once.
    pub(crate) fn put(&mut self, body: &Bytes) -> Result<String, String> {
        let digest: String = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
        match self {
            Blobs::Memory(bodies) => {
                bodies.insert(digest.clone(), body.clone());
            }
            Blobs::Folder(folder) => {
                let path = folder.join(&digest);
                if !path.exists() {
                    let failed = |error: std::io::Error| error.to_string();
                    fs_err::create_dir_all(&*folder).map_err(failed)?;
                    let temporary = folder.join(format!("{digest}.{}", uuid::Uuid::new_v4().simple()));
                    fs_err::write(&temporary, body).map_err(failed)?;
                    fs_err::rename(&temporary, &path).map_err(failed)?;
                }
            }
        }
        Ok(digest)
    }

    /// The body with that digest.
    pub(crate) fn get(&self, digest: &str) -> Result<Bytes, String> {
        match self {
            Blobs::Memory(bodies) => bodies.get(digest).cloned().ok_or_else(|| format!("no body {digest}")),
            Blobs::Folder(folder) => fs_err::read(folder.join(digest))
                .map(Bytes::from)
                .map_err(|error| error.to_string()),
        }
    }

    /// Forgets a body; one that is not there is fine.
    pub(super) fn remove(&mut self, digest: &str) {
        match self {
            Blobs::Memory(bodies) => {
                bodies.remove(digest);
            }
            Blobs::Folder(folder) => {
                // A body that stays costs disk space, nothing else.
                let _ = fs_err::remove_file(folder.join(digest));
            }
        }
    }
}
