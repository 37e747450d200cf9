//! `docs/errors.md`, written from the registry and the explanations; a test says when it is stale.

use std::fmt::Write as _;

use super::{Explanation, area, codes, explain};

/// An index of all codes by hundred, then every explanation under an anchor of its own, `#mli0421`.
pub fn page() -> String {
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
