//! From a name to a merged table: the environment's file and everything that it extends.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::syntax::{self, Table};
use super::{Environment, Spanned, check, field};
use crate::diagnostic::{Problem, Problems, Source, codes};

/// Reads the environment `name`: its file, what it extends, merged and checked.
///
/// `read` gets paths relative to the project's root (`environments/dev.toml`) and gives the text, or the reason why
/// there is none. Errors: everything that is wrong, at once; nothing is checked in files that are not valid TOML.
pub fn load(name: &str, read: &mut dyn FnMut(&str) -> Result<String, String>) -> Result<Environment, Problems> {
    if !check::is_name(name) {
        let problem = Problem::error(
            codes::ENVIRONMENT_NAME,
            format!("`{name}` cannot be the name of an environment"),
        )
        .note("names are lower-case letters, digits and hyphens, and begin with a letter")
        .hint("give the file's name without folder and ending: `dev` for environments/dev.toml");
        return Err(problem.into());
    }
    let mut files = Files {
        read,
        sources: Vec::new(),
        tables: BTreeMap::new(),
        problems: Problems::default(),
    };
    let merged = files.open(&format!("environments/{name}.toml"), None, &mut Vec::new());
    let Files { sources, problems, .. } = files;
    match merged {
        Some(table) if !problems.has_errors() => check::environment(name, &table, sources).map_err(Problems::sorted),
        _ => Err(problems.sorted()),
    }
}

/// The environment that a table holds whose parts were put together elsewhere, checked like one that was read.
/// Errors: everything that is wrong with it, at the places that its parts remember.
pub(crate) fn of_table(name: &str, table: &Table, sources: Vec<Arc<Source>>) -> Result<Environment, Problems> {
    check::environment(name, table, sources).map_err(Problems::sorted)
}

/// SHA-256 over paths and texts, lower-case hex: names exactly what an environment was read from.
pub fn digest(sources: &[Arc<Source>]) -> String {
    let mut hash = Sha256::new();
    for source in sources {
        for part in [&source.path, &source.text] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How many files may extend each other, one behind the other.
const LONGEST_CHAIN: usize = 32;

struct Files<'a> {
    read: &'a mut dyn FnMut(&str) -> Result<String, String>,
    sources: Vec<Arc<Source>>,
    /// What was read already: a file that two others extend is read once.
    tables: BTreeMap<String, Option<Table>>,
    problems: Problems,
}

impl Files<'_> {
    /// The table of `path` with its bases merged below it; `chain` holds the paths that led here.
    fn open(&mut self, path: &str, from: Option<&Spanned<String>>, chain: &mut Vec<String>) -> Option<Table> {
        if let Some(known) = self.tables.get(path) {
            return known.clone();
        }
        let text = match (self.read)(path) {
            Ok(text) => text,
            Err(reason) => {
                let problem = Problem::error(codes::FILE_UNREADABLE, format!("cannot read {path}: {reason}"));
                self.problems.push(match from {
                    Some(from) => {
                        let problem = problem
                            .at(from.span.clone(), "extended here")
                            .note("`extends` is relative to the folder environments/");
                        match from.value.strip_prefix("environments/") {
                            Some(name) => problem.hint(format!("write: \"{name}\"")),
                            None => problem,
                        }
                    }
                    None => problem,
                });
                self.tables.insert(path.to_owned(), None);
                return None;
            }
        };
        let source = Arc::new(Source {
            path: path.to_owned(),
            text,
        });
        self.sources.push(Arc::clone(&source));
        let mut own = match syntax::parse(&source) {
            Ok(table) => table,
            Err(problems) => {
                self.problems.extend(problems);
                self.tables.insert(path.to_owned(), None);
                return None;
            }
        };
        chain.push(path.to_owned());
        let mut merged = Table::new();
        let mut complete = true;
        for base in field::strings(&own, "extends", &mut self.problems) {
            match self.base(&base, chain) {
                Some(table) => syntax::merge(&mut merged, table),
                None => complete = false,
            }
        }
        chain.pop();
        own.shift_remove("extends");
        syntax::merge(&mut merged, own);
        let result = complete.then_some(merged);
        self.tables.insert(path.to_owned(), result.clone());
        result
    }

    fn base(&mut self, base: &Spanned<String>, chain: &mut Vec<String>) -> Option<Table> {
        let path = match base_path(&base.value) {
            Ok(path) => path,
            Err((reason, hint)) => {
                self.problems.push(
                    Problem::error(
                        codes::EXTENDS_INVALID,
                        format!("`extends` cannot name \"{}\": {reason}", base.value),
                    )
                    .at(base.span.clone(), "")
                    .note("it takes TOML files of this project, relative to the folder environments/")
                    .hint(hint),
                );
                return None;
            }
        };
        if chain.len() >= LONGEST_CHAIN {
            self.problems.push(
                Problem::error(
                    codes::EXTENDS_TOO_LONG,
                    format!("environment files extend each other through more than {LONGEST_CHAIN} files"),
                )
                .at(base.span.clone(), "this one is not read any more")
                .hint("`extends` takes a list: put several bases side by side instead of behind each other"),
            );
            return None;
        }
        if let Some(start) = chain.iter().position(|earlier| *earlier == path) {
            let cycle = chain
                .iter()
                .skip(start)
                .chain([&path])
                .cloned()
                .collect::<Vec<_>>()
                .join(" -> ");
            self.problems.push(
                Problem::error(codes::EXTENDS_CYCLE, "environment files extend each other in a cycle")
                    .at(base.span.clone(), "closes the cycle")
                    .note(cycle)
                    .hint("move what they share into a file that extends nothing"),
            );
            return None;
        }
        self.open(&path, Some(base), chain)
    }
}

/// `common.toml` to `environments/common.toml`; else why not, and what to write.
fn base_path(written: &str) -> Result<String, (&'static str, String)> {
    let example = || "for example: extends = \"common.toml\"".to_owned();
    if written.trim().is_empty() {
        return Err(("it is empty", "remove the line, or name a file".to_owned()));
    }
    if written.contains("://") {
        return Err(("it is a URL", "keep the file in this project".to_owned()));
    }
    if written.starts_with(['/', '~']) || written.contains(':') {
        return Err(("it is not relative", example()));
    }
    if written.contains('\\') {
        let mended = written.replace('\\', "/");
        return Err(("folders are separated by `/`", format!("write: \"{mended}\"")));
    }
    let Some(stem) = written.strip_suffix(".toml") else {
        let hint = match written.rsplit_once('.') {
            None => format!("did you mean \"{written}.toml\"?"),
            Some(_) => example(),
        };
        return Err(("it does not end in .toml", hint));
    };
    let mut parts = vec!["environments"];
    for part in written.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.pop().is_none() => {
                let name = stem.rsplit('/').next().unwrap_or(stem);
                return Err((
                    "it lies outside of the project",
                    format!("copy the file to environments/{name}.toml"),
                ));
            }
            ".." => {}
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}
