//! What `docs/SANDBOX.md` and its chapters say: every test that they name is there.

use std::path::Path;

const PAGES: [&str; 4] = [
    "docs/SANDBOX.md",
    "docs/sandbox-cloudformation.md",
    "docs/sandbox-kubernetes.md",
    "docs/sandbox-services.md",
];

#[test]
fn every_test_that_the_sandboxs_pages_name_exists() {
    let mut sources = String::new();
    for folder in ["src", "tests"] {
        read_all(&root().join(folder), &mut sources);
    }
    let mut missing = Vec::new();
    for page in PAGES {
        let named = tests_named(page);
        assert!(named.len() > 10, "{page} names {} tests only", named.len());
        let unknown =
            |name: &String| !sources.contains(&format!("fn {name}(")) && !sources.contains(&format!("def {name}("));
        missing.extend(named.into_iter().filter(unknown).map(|name| format!("{page}: {name}")));
    }
    assert!(missing.is_empty(), "named, but not there:\n{}", missing.join("\n"));
}

#[test]
fn the_sandboxs_chapters_are_reached_from_its_page_and_that_from_the_readme() {
    let index = read("docs/SANDBOX.md");
    for page in &PAGES[1..] {
        let link = format!("({})", page.trim_start_matches("docs/"));
        assert!(index.contains(&link), "docs/SANDBOX.md does not link {page}");
    }
    assert!(read("README.md").contains("(docs/SANDBOX.md)"));
}

/// The names between backticks that read as sentences.
fn tests_named(page: &str) -> Vec<String> {
    let text = read(page);
    let quoted = text.split('`').skip(1).step_by(2);
    let is_sentence = |name: &&str| {
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        name.matches('_').count() >= 2 && name.chars().all(legal)
    };
    quoted.filter(is_sentence).map(str::to_owned).collect()
}

fn read_all(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, text);
        } else if path.extension().is_some_and(|kind| kind == "rs" || kind == "py") {
            text.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(page: &str) -> String {
    std::fs::read_to_string(root().join(page)).unwrap()
}
