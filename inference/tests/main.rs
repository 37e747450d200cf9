//! What the server promises, shown from outside: over its router, over real sockets, and as a process.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that fails may panic; these lints only know functions that are tests, not what they call"
)]

mod archive;
mod batch;
mod batching;
mod limits;
mod models;
mod process;
mod sagemaker;
mod stream;
mod support;
mod trees;
mod v2;

/// A file that is not listed above would never run.
#[test]
fn every_file_of_tests_is_part_of_them() {
    let listed = include_str!("main.rs");
    for entry in fs_err::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(module) = name.strip_suffix(".rs").filter(|module| *module != "main") else {
            continue;
        };
        assert!(
            listed.contains(&format!("\nmod {module};\n")),
            "tests/{name} is not listed in tests/main.rs"
        );
    }
}
