//! Whether two texts hold the same values and the same comments. Reads them in another way than the formatter does, so
//! that a mistake of its reader shows.

use toml::{Table, Value};

/// Whether `after` means what `before` meant. The error says what differs.
pub(super) fn same(before: &str, after: &str) -> Result<(), String> {
    let parse = |text: &str| text.parse::<Table>().map_err(|error| error.message().to_owned());
    if !same_table(&parse(before)?, &parse(after)?) {
        return Err("a value would differ".to_owned());
    }
    if comments(before) != comments(after) {
        return Err("a comment would be lost or changed".to_owned());
    }
    Ok(())
}

fn same_table(before: &Table, after: &Table) -> bool {
    before.len() == after.len()
        && before
            .iter()
            .all(|(key, value)| after.get(key).is_some_and(|other| same_value(value, other)))
}

fn same_value(before: &Value, after: &Value) -> bool {
    match (before, after) {
        // A nan is not equal to itself; here it is the same value.
        (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
        (Value::Table(a), Value::Table(b)) => same_table(a, b),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(before, after)| same_value(before, after))
        }
        (a, b) => a == b,
    }
}

/// Every comment of a valid text, without blanks at its end, sorted.
fn comments(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '#' => {
                let comment = rest.split('\n').next().unwrap_or_default();
                found.push(comment.trim_end());
                comment.len()
            }
            '"' | '\'' => string(rest, first),
            other => other.len_utf8(),
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    found.sort_unstable();
    found
}

/// How long the string is that `text` begins with, quotes included.
fn string(text: &str, quote: char) -> usize {
    let triple: String = std::iter::repeat_n(quote, 3).collect();
    let (open, close) = if text.starts_with(&triple) {
        (3, triple.as_str())
    } else {
        (1, triple.get(..1).unwrap_or_default())
    };
    let mut at = open;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if quote == '"' && rest.starts_with('\\') {
            at += 1 + rest.chars().nth(1).map_or(0, char::len_utf8);
        } else if rest.starts_with(close) {
            // Up to two quotes may stand directly before the closing three.
            let quotes = rest.chars().take_while(|c| *c == quote).count();
            return at + if open == 3 { quotes.min(5) } else { 1 };
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}
