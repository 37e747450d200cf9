//! The one integration-test binary: linking it once is what keeps `cargo test` quick.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod bad_input;
mod fetch;
mod first_steps;
mod formatting;
mod fuzz;
mod generated;
mod hostile;
mod interrupted;
mod invariants;
mod lint;
mod module_cases;
mod modules;
mod policy;
mod preflight;
mod project;
mod protection;
mod sandbox_book;
mod schemas;
mod server;
mod shared_sandbox;
mod shipping;
mod specs;
mod training;
mod tutorial;
mod workloads;

/// Every file beside this one is a module of it; a file that is not listed would silently never run.
#[test]
fn every_test_file_is_listed_here() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let listed = std::fs::read_to_string(here.join("runner.rs")).unwrap();
    let missing: Vec<String> = std::fs::read_dir(&here)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .filter(|name| name != "runner" && !listed.contains(&format!("mod {name};")))
        .collect();
    assert!(missing.is_empty(), "not listed in tests/runner.rs: {missing:?}");
}
