//! The files of a built-in module, as they would stand in a project.

use std::sync::Arc;

use super::catalogue::Catalogue;
use super::contract::Contract;
use crate::diagnostic::Source;

/// A file that is compiled in.
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
    let Some(contract) = catalogue.get(name) else {
        return Vec::new();
    };
    [&contract.source, &contract.template]
        .into_iter()
        .chain(catalogue.test_file(name))
        .chain(read_by(contract))
        .map(|source| BuiltInFile {
            path: source.path.trim_start_matches("(built-in) ").to_owned(),
            text: source.text.clone(),
        })
        .collect()
}

/// The files that the template reads: those whose names stand in it in quotes.
fn read_by(contract: &Contract) -> impl Iterator<Item = &Arc<Source>> {
    let named = |path: &str| {
        let template = &contract.template.text;
        template.contains(&format!("\"{path}\"")) || template.contains(&format!("'{path}'"))
    };
    contract
        .files
        .iter()
        .filter(move |(path, _)| named(path))
        .map(|(_, source)| source)
}
