//! Modules that are fetched: which files one consists of, the digest that names them, and how they are laid out.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

mod archive;
mod lockfile;
#[cfg(test)]
mod tests;

pub use archive::{unpack, untar};
pub use lockfile::{LockFile, Pinned};

/// The file in a project's root that pins what was fetched.
pub const LOCK_FILE: &str = "mlinfra.lock";

/// How many files a fetched module may have.
pub const MOST_FILES: usize = 100;
/// How large each may be, in bytes: what CloudFormation takes, and room for comments and statements.
pub const MOST_BYTES: u64 = 2 << 20;

/// The files of a fetched module by their paths, as they would lie in a project: `modules/NAME.toml`,
/// `templates/cloudformation/NAME.yaml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// The module.
    pub name: String,
    /// Path and text.
    pub files: BTreeMap<String, String>,
}

impl Package {
    /// The module `name` out of a tree of files; `folder` is where in it `modules/` and `templates/` lie.
    ///
    /// Taken are its contract, its cases, and every template: which of these a contract names is known only when it is
    /// read. Errors: why these files are no such module.
    pub fn pick(name: &str, folder: Option<&str>, tree: &BTreeMap<String, Vec<u8>>) -> Result<Self, String> {
        let base = folder.map(|folder| format!("{folder}/")).unwrap_or_default();
        let mut files = BTreeMap::new();
        for (path, bytes) in tree {
            let Some(path) = path.strip_prefix(&base).filter(|path| belongs(path, name)) else {
                continue;
            };
            if bytes.len() as u64 > MOST_BYTES {
                return Err(format!(
                    "{base}{path} has {} bytes, more than {MOST_BYTES} cannot be a template",
                    bytes.len()
                ));
            }
            let text = std::str::from_utf8(bytes).map_err(|_| format!("{base}{path} is not UTF-8 text"))?;
            files.insert(path.to_owned(), text.to_owned());
            if files.len() > MOST_FILES {
                return Err(format!("it has more than {MOST_FILES} templates"));
            }
        }
        let contract = contract_path(name);
        if files.contains_key(&contract) {
            let name = name.to_owned();
            return Ok(Self { name, files });
        }
        let others: Vec<&str> = tree.keys().filter_map(|path| module_in(path)).collect();
        Err(match others.as_slice() {
            [] => format!("it has no {base}{contract}"),
            some => format!("it has no {base}{contract}; contracts in it: {}", some.join(", ")),
        })
    }

    /// SHA-256 over paths and texts, `sha256:` and lower-case hex. Line endings count: what is pinned is what is read.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for (path, text) in &self.files {
            for part in [path, text] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part.as_bytes());
            }
        }
        let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256:{hex}")
    }
}

/// The folder, below the project's root, in which a fetched module with this digest is kept.
pub fn folder(name: &str, digest: &str) -> String {
    let hex: String = digest.trim_start_matches("sha256:").chars().take(16).collect();
    format!(".mlinfra/modules/{name}-{hex}")
}

/// Where the contract of a module lies.
pub fn contract_path(name: &str) -> String {
    format!("modules/{name}.toml")
}

/// Whether a file at `path` is part of the module `name`.
fn belongs(path: &str, name: &str) -> bool {
    let template = path.starts_with("templates/") && ![".git", "templates/project/"].iter().any(|no| path.contains(no));
    template || path == contract_path(name) || path == format!("modules/{name}.test.toml")
}

/// `infra/modules/queue.toml`, if `path` is such a contract.
fn module_in(path: &str) -> Option<&str> {
    let (folder, file) = path.rsplit_once('/')?;
    let is_contract = file.ends_with(".toml") && !file.ends_with(".test.toml");
    let in_modules = folder == "modules" || folder.ends_with("/modules");
    (is_contract && in_modules).then_some(path)
}
