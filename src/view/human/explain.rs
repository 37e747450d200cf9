//! Explanations: Markdown for a terminal.

use crate::diagnostic::Explanation;
use crate::view::report::{CodeList, Explained};
use crate::view::text::{CHANGE, COMMAND, DIM, NAME, paint, table, wrap};

/// Wider lines are hard to read however wide the terminal is.
const WIDEST: usize = 100;
const CODE_INDENT: &str = "    ";

/// Each code with cause, example and fix.
pub fn explanations(found: &[Explained], width: usize) -> String {
    let pages: Vec<String> = found.iter().map(|text| explanation(text, width.min(WIDEST))).collect();
    pages.join("\n\n")
}

/// Codes with their titles: a heading for each hundred, unless they come in an order of their own.
pub fn codes(list: &CodeList) -> String {
    let mut text = String::new();
    let ascending = list.codes.is_sorted_by_key(|line| line.code);
    for group in list.codes.chunk_by(|one, other| one.area == other.area || !ascending) {
        let rows: Vec<Vec<String>> = group
            .iter()
            .map(|line| vec![format!("  {}", paint(NAME, line.code)), line.title.to_owned()])
            .collect();
        let area = group.first().map_or("", |line| line.area);
        if !text.is_empty() {
            text.push('\n');
        }
        if ascending {
            text.push_str(&format!("{}\n", paint(NAME, capital(area))));
        }
        text.push_str(&table(&rows));
    }
    text.push_str(&format!("\n{} explains one\n", paint(COMMAND, "mlinfra explain CODE")));
    text
}

fn explanation(text: &Explained, width: usize) -> String {
    let Explanation { cause, example, fix } = Explanation {
        cause: text.cause,
        example: text.example,
        fix: text.fix,
    };
    format!(
        "{}: {}\n\n{}\n{}\n\n{}\n{}\n\n{}",
        paint(CHANGE.bold(), text.code),
        paint(NAME, text.title),
        markdown(cause, width),
        paint(NAME, "Example"),
        markdown(example, width),
        paint(NAME, "Fix"),
        markdown(fix, width)
    )
}

/// Paragraphs and items wrapped, blocks indented as they are; a blank line between them.
fn markdown(text: &str, width: usize) -> String {
    let mut shown = String::new();
    for block in blocks(text) {
        match block {
            Block::Code(lines) => {
                for line in lines {
                    shown.push_str(format!("{CODE_INDENT}{line}").trim_end());
                    shown.push('\n');
                }
            }
            Block::Paragraph(text) => shown.push_str(&painted(&wrap(&text, width), "", "")),
            Block::Items(items) => {
                for item in items {
                    shown.push_str(&painted(&wrap(&item, width.saturating_sub(2)), "- ", "  "));
                }
            }
        }
        shown.push('\n');
    }
    if shown.ends_with("\n\n") {
        shown.pop();
    }
    shown
}

enum Block {
    Paragraph(String),
    Items(Vec<String>),
    Code(Vec<String>),
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut fenced = false;
    let mut fresh = true;
    for line in text.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
            fresh = true;
            if fenced {
                blocks.push(Block::Code(Vec::new()));
            }
        } else if fenced {
            if let Some(Block::Code(lines)) = blocks.last_mut() {
                lines.push(line.to_owned());
            }
        } else if line.trim().is_empty() {
            fresh = true;
        } else {
            flow(&mut blocks, line, fresh);
            fresh = false;
        }
    }
    blocks
}

/// Adds a line of running text: an item begins, or what was begun goes on.
fn flow(blocks: &mut Vec<Block>, line: &str, fresh: bool) {
    let text = line.trim();
    match (blocks.last_mut(), text.strip_prefix("- ")) {
        (Some(Block::Items(items)), Some(item)) => items.push(item.to_owned()),
        (_, Some(item)) => blocks.push(Block::Items(vec![item.to_owned()])),
        (Some(Block::Items(items)), None) if !fresh => {
            if let Some(last) = items.last_mut() {
                last.push(' ');
                last.push_str(text);
            }
        }
        (Some(Block::Paragraph(paragraph)), None) if !fresh => {
            paragraph.push(' ');
            paragraph.push_str(text);
        }
        (_, None) => blocks.push(Block::Paragraph(text.to_owned())),
    }
}

/// `lines` behind `first` and `rest`, with what stands between backticks in colour; it may run over a line's end.
fn painted(lines: &[String], first: &str, rest: &str) -> String {
    let mut text = String::new();
    let mut code = false;
    for (index, line) in lines.iter().enumerate() {
        text.push_str(if index == 0 { first } else { rest });
        for (part, piece) in line.split('`').enumerate() {
            if part > 0 {
                code = !code;
                text.push_str(&paint(DIM, "`"));
            }
            if code && !piece.is_empty() {
                text.push_str(&paint(COMMAND, piece));
            } else {
                text.push_str(piece);
            }
        }
        text.push('\n');
    }
    text
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::codes;
    use crate::view::report::CodeLine;

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn an_explanation_is_wrapped_and_its_blocks_stay() {
        let text = Explained {
            code: codes::UNKNOWN_PROPERTY,
            title: codes::UNKNOWN_PROPERTY.title(),
            cause: "A resource has a property that its\ntype does not know; `mlinfra lint` finds it.\n\n- one\n- two that\n  goes on",
            example: "```yaml\nBucket:\n\n  Typ: x\n```",
            fix: "Spell it right.",
        };
        insta::assert_snapshot!(plain(&explanations(&[text], 50)), @r"
        MLI0421: a property is unknown

        A resource has a property that its type does not
        know; `mlinfra lint` finds it.

        - one
        - two that goes on

        Example

            Bucket:

              Typ: x

        Fix

        Spell it right.
        ");
    }

    #[test]
    fn codes_stand_under_what_they_are_about() {
        let line = |code: crate::diagnostic::Code, area| CodeLine {
            code,
            title: code.title(),
            area,
        };
        let list = CodeList {
            codes: vec![
                line(codes::TOML_SYNTAX, "files and syntax"),
                line(codes::UNKNOWN_KEY, "environment files"),
                line(codes::WRONG_TYPE, "environment files"),
            ],
        };
        insta::assert_snapshot!(plain(&codes(&list)), @r"
        Files and syntax
          MLI0002  a file is not valid TOML

        Environment files
          MLI0104  a key that nothing reads
          MLI0105  a value of the wrong type

        mlinfra explain CODE explains one
        ");
    }
}
