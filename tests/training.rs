//! The page about training: it lists every key, and its examples are valid.

use std::path::Path;

use mlinfra::spec::keys;

use crate::project::Project;
use crate::workloads::{is_current, table};

const PAGE: &str = "docs/training.md";
const BEGIN: &str =
    "<!-- keys: written by the program's own table, MLINFRA_BLESS=1 cargo test --test runner training -->\n";

/// What the examples of the page stand in.
const STACKS: &str = r#"
[project]
name = "shop"
[environment]
account = "111122223333"
region = "us-east-1"
[stacks.network]
module = "vpc"
[stacks.storage]
module = "s3"
"#;

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE)).unwrap()
}

#[test]
fn the_page_about_training_lists_every_key_as_the_checker_knows_it() {
    let page = page();
    let (above, _) = page.split_once(BEGIN).expect("the page has its marker");
    let mut reference = table("`[training.NAME]`", keys::TRAINING);
    for (name, keys) in [
        ("each of `channels`", keys::CHANNEL),
        ("`output`, and `checkpoints` of `spot`", keys::OUTPUT),
        ("`spot`", keys::SPOT),
        ("`register`", keys::REGISTER),
    ] {
        reference.push_str(&table(name, keys));
    }
    reference.push_str("\n`image` is that of [workloads](workloads.md#image).\n");
    is_current(PAGE, &format!("{above}{BEGIN}{reference}"));
}

#[test]
fn every_example_of_the_page_about_training_is_valid() {
    let page = page();
    let examples: Vec<&str> = page
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("```").map(|(example, _)| example))
        .collect();
    assert!(examples.len() >= 2, "{}", examples.len());
    for example in examples {
        let project = Project::empty();
        let stack = if example.contains("[stacks.ml]") {
            ""
        } else {
            "[stacks.ml]\nmodule = \"sagemaker\"\n"
        };
        project.write("environments/dev.toml", format!("{STACKS}{stack}{example}"));
        project.mlinfra("validate").exits(0);
    }
}
