//! `docs/errors.md`, written from the registry and the explanations.

use std::fmt::Write as _;
use std::path::Path;

use super::*;

#[test]
fn the_page_of_all_codes_is_what_the_explanations_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors.md");
    let page = page();
    if std::env::var_os("MLINFRA_BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/errors.md is stale: MLINFRA_BLESS=1 cargo test the_page_of_all_codes"
    );
}

/// An index of all codes by hundred, then every explanation under an anchor of its own, `#mli0421`.
fn page() -> String {
    let mut text = String::from(
        "# Every problem, explained\n\n\
         Written from the registry of codes and `src/diagnostic/explain/`: the same text as `mlinfra explain CODE`.\n",
    );
    let mut last = None;
    for (code, title) in codes::ALL {
        let hundred = code.0 / 100;
        if last.replace(hundred) != Some(hundred) {
            let _ = write!(text, "\n## {hundred:02}xx {}\n\n", area(*code));
        }
        let anchor = code.to_string().to_lowercase();
        let _ = writeln!(text, "- [{code}](#{anchor}) {title}");
    }
    for (code, title) in codes::ALL {
        let Some(Explanation { cause, example, fix }) = explain(*code) else {
            continue;
        };
        // The heading is the code alone: it makes the anchor.
        let _ = write!(
            text,
            "\n## {code}\n\n**{title}**\n\n{cause}\n\n### Example\n\n{example}\n\n### Fix\n\n{fix}\n"
        );
    }
    text
}
