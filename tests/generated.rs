//! Files in the repository that the program's own registries write: stale ones fail, `MLINFRA_BLESS=1` writes them anew.

use std::path::Path;

#[test]
fn the_page_of_all_codes_is_what_the_explanations_say() {
    is_current("docs/errors.md", &mlinfra::diagnostic::explain::page());
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
