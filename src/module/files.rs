//! The files of a built-in module, as they would stand in a project.

use std::sync::Arc;

use super::catalogue::{Catalogue, FILES};
use super::contract::Contract;
use crate::diagnostic::Source;

/// A file that is compiled in, or was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltInFile {
    /// Its path relative to a project's root, where a project's own would stand.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// Everything that belongs to the built-in module `name`: its contract, its template, its tests, and the files that the
/// template names. Empty if none is called so.
pub fn built_in_files(name: &str) -> Vec<BuiltInFile> {
    let catalogue = Catalogue::built_in();
    let contract = catalogue.get(name);
    contract.map_or_else(Vec::new, |contract| module_files(contract, &catalogue))
}

/// The same of a module that is built in or was fetched, without what the project has over it.
pub fn module_files(contract: &Contract, catalogue: &Catalogue) -> Vec<BuiltInFile> {
    let path = format!("modules/{}.toml", contract.name);
    let Some(folder) = contract.source.path.strip_suffix(&path) else {
        return Vec::new();
    };
    [&contract.source, &contract.template]
        .into_iter()
        .chain(catalogue.test_file(&contract.name))
        .chain(read_by(contract))
        .filter_map(|source| {
            Some(BuiltInFile {
                path: source.path.strip_prefix(folder)?.to_owned(),
                text: source.text.clone(),
            })
        })
        .collect()
}

/// The files that the template may read: those whose names begin with a string that stands in it. A name may be put
/// together, `file("user-data/" ~ name)`, so a folder stands for all that lies in it.
fn read_by(contract: &Contract) -> impl Iterator<Item = &Arc<Source>> {
    let text = &contract.template.text;
    let named: Vec<&str> = text.split(['"', '\'']).filter(|part| part.starts_with(FILES)).collect();
    let is_read = move |path: &str| {
        let mut named = named.iter();
        named.any(|name| *name == path || (name.ends_with('/') && path.starts_with(name)))
    };
    let files = contract.files.iter();
    files.filter(move |(path, _)| is_read(path)).map(|(_, source)| source)
}
