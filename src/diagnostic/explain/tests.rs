//! What every explanation keeps to.

use super::*;

#[test]
fn every_code_is_explained_completely() {
    let incomplete: Vec<String> = codes::ALL
        .iter()
        .filter(|(code, _)| {
            explain(*code).is_none_or(|text| {
                text.cause.is_empty()
                    || text.fix.is_empty()
                    || !text.example.lines().any(|line| line.starts_with("```"))
            })
        })
        .map(|(code, title)| format!("{code} {title}"))
        .collect();
    assert!(incomplete.is_empty(), "not explained:\n{}", incomplete.join("\n"));
}

#[test]
fn every_entry_is_about_a_code_of_its_files_hundred_and_comes_once() {
    let mut wrong = Vec::new();
    for (hundred, file) in FILES.iter().enumerate() {
        let found: Vec<Code> = entries(file).map(|entry| entry.code).collect();
        for (index, code) in found.iter().enumerate() {
            if !codes::ALL.iter().any(|(known, _)| known == code) {
                wrong.push(format!("{hundred:02}.md: {code} is no code"));
            }
            if usize::from(code.0 / 100) != hundred {
                wrong.push(format!("{hundred:02}.md: {code} belongs into another file"));
            }
            if found.iter().take(index).any(|earlier| earlier == code) {
                wrong.push(format!("{hundred:02}.md: {code} comes twice"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn texts_fit_a_terminal_and_hold_no_markup_of_their_own() {
    let mut wrong = Vec::new();
    for (hundred, file) in FILES.iter().enumerate() {
        for line in unfenced(file) {
            let text = line.text.trim_end();
            let number = file.get(..line.start).unwrap_or_default().matches('\n').count() + 1;
            if text.chars().count() > 80 {
                wrong.push(format!("{hundred:02}.md:{number}: over 80 columns"));
            }
            let outside_code: String = text.split('`').step_by(2).collect();
            if outside_code.contains('<') || text.matches('`').count() % 2 != 0 {
                wrong.push(format!(
                    "{hundred:02}.md:{number}: `<` outside code, or code over two lines"
                ));
            }
            if text.starts_with('#') && !text.starts_with("## MLI") && text != "### Example" && text != "### Fix" {
                wrong.push(format!("{hundred:02}.md:{number}: an unknown heading"));
            }
        }
        for line in file.lines().filter(|line| line.starts_with("```")).step_by(2) {
            if line == "```" {
                wrong.push(format!("{hundred:02}.md: a block without a language"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_order_of_entries_and_headings_in_blocks_do_not_matter() {
    let file =
        "before\n## MLI0002\n\nb\n\n### Example\n\n```md\n## MLI0009\n### Fix\n```\n\n### Fix\n\nf\n## MLI0001\na\n";
    let found: Vec<_> = entries(file).map(|entry| (entry.code, entry.explanation())).collect();
    let second = Explanation {
        cause: "b",
        example: "```md\n## MLI0009\n### Fix\n```",
        fix: "f",
    };
    assert_eq!(found, [(Code(2), Some(second)), (Code(1), None)]);
}

#[test]
fn words_find_codes_by_title_first() {
    let found = search(&["Unknown".to_owned(), "Property".to_owned()]);
    assert!(
        found.is_empty() || found.first() == Some(&codes::UNKNOWN_PROPERTY),
        "{found:?}"
    );
    assert_eq!(
        search(&["property".into(), "unknown".into()]).first(),
        Some(&codes::UNKNOWN_PROPERTY)
    );
    assert_eq!(search(&["zebra-crossing".into()]), []);
}
