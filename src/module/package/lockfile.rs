//! `mlinfra.lock`: what each fetched module was when it was fetched.

use std::sync::Arc;

use crate::diagnostic::{Problem, Problems, Source, Span, closest, codes};
use crate::spec::syntax::{self, Table};
use crate::spec::{Data, Entry, field};

/// What is pinned, in the order of names and sources.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LockFile {
    /// One entry for each module and source that an environment names.
    pub modules: Vec<Pinned>,
}

/// One fetched module.
#[derive(Debug, Clone, PartialEq)]
pub struct Pinned {
    /// The module.
    pub name: String,
    /// Where it came from, in the words of [`crate::spec::Fetched::source`].
    pub source: String,
    /// The commit, for what came from Git.
    pub commit: Option<String>,
    /// Its [`super::Package::digest`].
    pub digest: String,
    /// Where the digest is written; none in an entry that was just made.
    pub span: Option<Span>,
}

const HEADER: &str = "\
# Written by `mlinfra module fetch`: which files each fetched module consists of. Commit this file; a module that differs
# from what is pinned here is refused. `mlinfra module fetch --update` pins anew.
version = 1
";
const KEYS: [&str; 4] = ["name", "source", "commit", "digest"];

impl LockFile {
    /// Reads the file. Errors: everything that is wrong with it.
    pub fn read(source: &Arc<Source>) -> Result<Self, Problems> {
        let root = syntax::parse(source)?;
        let mut problems = Problems::default();
        field::unknown_keys(
            &root,
            &["version", "modules"],
            "mlinfra.lock",
            codes::LOCK_FILE_INVALID,
            &mut problems,
        );
        let version = root.get("version");
        if !version.is_some_and(|entry| entry.value.value == Data::Integer(1)) {
            let span = version.map_or_else(|| Span::new(source, 0..0), |entry| entry.value.span.clone());
            problems.push(
                invalid(&span, "this is no lock file that this version of mlinfra reads")
                    .note("it reads `version = 1`")
                    .hint("a newer mlinfra may have written it; otherwise delete it and run `mlinfra module fetch`"),
            );
        }
        let mut lock = Self::default();
        let items = match root.get("modules").map(|entry| (entry, &entry.value.value)) {
            None => [].as_slice(),
            Some((_, Data::Array(items))) => items.as_slice(),
            Some((entry, _)) => {
                problems.push(invalid(&entry.key, "`modules` must be an array of tables"));
                [].as_slice()
            }
        };
        for item in items {
            match &item.value {
                Data::Table(table) => lock.modules.extend(pinned(table, &item.span, &mut problems)),
                _ => problems.push(invalid(&item.span, "each of `modules` must be a table")),
            }
        }
        if problems.has_errors() {
            return Err(problems.sorted());
        }
        Ok(lock)
    }

    /// The entry of a module from a source.
    pub fn get(&self, name: &str, source: &str) -> Option<&Pinned> {
        self.modules
            .iter()
            .find(|module| module.name == name && module.source == source)
    }

    /// Puts an entry in, in place of one for the same module and source.
    pub fn pin(&mut self, entry: Pinned) {
        self.modules
            .retain(|module| (&module.name, &module.source) != (&entry.name, &entry.source));
        self.modules.push(entry);
        self.modules
            .sort_by(|a, b| (&a.name, &a.source).cmp(&(&b.name, &b.source)));
    }

    /// The file's text.
    pub fn text(&self) -> String {
        let mut text = HEADER.to_owned();
        for module in &self.modules {
            text.push_str("\n[[modules]]\n");
            let fields = [
                ("name  ", Some(&module.name)),
                ("source", Some(&module.source)),
                ("commit", module.commit.as_ref()),
                ("digest", Some(&module.digest)),
            ];
            for (key, value) in fields {
                if let Some(value) = value {
                    text.push_str(&format!("{key} = {}\n", toml::Value::from(value.as_str())));
                }
            }
        }
        text
    }
}

fn invalid(span: &Span, message: impl Into<String>) -> Problem {
    Problem::error(codes::LOCK_FILE_INVALID, message).at(span.clone(), "")
}

fn pinned(table: &Table, span: &Span, problems: &mut Problems) -> Option<Pinned> {
    field::unknown_keys(table, &KEYS, "an entry", codes::LOCK_FILE_INVALID, problems);
    let mut given = |key: &str| field::string(table, key, problems);
    let (name, source, commit, digest) = (given("name"), given("source"), given("commit"), given("digest"));
    let (Some(name), Some(source), Some(digest)) = (name, source, digest) else {
        let absent = KEYS.iter().find(|key| **key != "commit" && !table.contains_key(**key));
        // A value of a wrong type was told.
        if let Some(key) = absent.filter(|key| !misspelt(table, key)) {
            problems.push(invalid(&place(table, span), format!("this entry has no `{key}`")));
        }
        return None;
    };
    let hex = digest.value.strip_prefix("sha256:");
    if !hex.is_some_and(|hex| hex.len() == 64 && hex.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))) {
        problems
            .push(invalid(&digest.span, "this is no digest").note("a digest is `sha256:` and 64 hexadecimal digits"));
        return None;
    }
    Some(Pinned {
        name: name.value,
        source: source.value,
        commit: commit.map(|commit| commit.value),
        digest: digest.value,
        span: Some(digest.span),
    })
}

fn misspelt(table: &Table, key: &str) -> bool {
    table
        .keys()
        .any(|written| !KEYS.contains(&written.as_str()) && closest(written, KEYS) == Some(key))
}

/// The first line of an entry.
fn place(table: &Table, span: &Span) -> Span {
    table
        .values()
        .next()
        .map_or_else(|| span.clone(), |Entry { key, .. }| key.clone())
}
