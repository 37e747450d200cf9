//! Files in the repository that the program's own registries write: stale ones fail, `MLINFRA_BLESS=1` writes them anew.

use std::path::Path;

use crate::project::Project;

#[test]
fn the_page_of_all_codes_is_what_the_explanations_say() {
    is_current("docs/errors.md", &mlinfra::diagnostic::explain::page());
}

#[test]
fn the_pages_of_the_built_in_modules_are_what_they_say() {
    // The sources are a project, whose own modules these are.
    let root = env!("CARGO_MANIFEST_DIR");
    let bless = std::env::var_os("MLINFRA_BLESS").is_some();
    let verb = if bless { "" } else { " --check" };
    Project::empty()
        .mlinfra(&format!("module docs -C {root}{verb}"))
        .exits(0);
}

#[track_caller]
fn is_current(path: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("MLINFRA_BLESS").is_some() {
        std::fs::write(&file, text).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == text,
        "{path} is stale: MLINFRA_BLESS=1 cargo test --test runner generated"
    );
}
