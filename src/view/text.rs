//! Small pieces of text: colours, lengths of time, plurals, and values cut to fit.
//!
//! Text is always built with colours; the printer takes them out where they are not wanted. No meaning is in the
//! colour alone.

use std::fmt::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};

/// What is added, and success.
pub const ADD: Style = AnsiColor::Green.on_default();
/// What is removed, and failure.
pub const REMOVE: Style = AnsiColor::Red.on_default();
/// What is changed, and warnings.
pub const CHANGE: Style = AnsiColor::Yellow.on_default();
/// What is replaced: the change that people must not miss.
pub const REPLACE: Style = AnsiColor::Magenta.on_default().bold();
/// Names of stacks.
pub const NAME: Style = Style::new().bold();
/// What can be typed.
pub const COMMAND: Style = AnsiColor::Cyan.on_default();
/// Details.
pub const DIM: Style = Style::new().dimmed();

/// `text` in `style`.
pub fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// How many columns `text` takes, colours not counted. Counts characters: the names that mlinfra shows are narrow.
pub fn columns(text: &str) -> usize {
    anstream::adapter::strip_str(text).to_string().chars().count()
}

/// `text` with spaces behind it up to `width` columns.
pub fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}

/// `9s`, `4m05s`, `1h02m`.
pub fn duration(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// `512 B`, `1.5 KiB`, `45.0 MiB`.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut unit, mut scale) = (0, 1_u64);
    while number / scale >= 1024 && unit + 1 < UNITS.len() {
        scale *= 1024;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    if unit == 0 {
        return format!("{number} {name}");
    }
    let tenths = u128::from(number) * 10 / u128::from(scale);
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

/// `1 stack`, `2 stacks`.
pub fn count(number: usize, singular: &str) -> String {
    let plural = match singular.strip_suffix('y') {
        _ if number == 1 => return format!("1 {singular}"),
        Some(stem) if !singular.ends_with("ey") => format!("{stem}ies"),
        _ => format!("{singular}s"),
    };
    format!("{number} {plural}")
}

/// `a`, `a and b`, `a, b and c`.
pub fn list<S: AsRef<str>>(items: &[S]) -> String {
    match items {
        [] => String::new(),
        [only] => only.as_ref().to_owned(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", first.join(", "), last.as_ref())
        }
    }
}

/// `text` on one line and without control characters, so that no answer from outside can move the cursor.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => line.push('⏎'),
            '\t' => line.push(' '),
            other if other.is_control() => {
                let _ = write!(line, "\\u{{{:x}}}", u32::from(other));
            }
            other => line.push(other),
        }
    }
    line
}

/// `text` in at most `width` columns, with `…` in place of its middle: names differ at their ends.
pub fn fit(text: &str, width: usize) -> String {
    let characters: Vec<char> = text.chars().collect();
    if characters.len() <= width {
        return text.to_owned();
    }
    let keep = width.saturating_sub(1);
    let tail = keep / 2;
    let head = keep - tail;
    let start = characters.iter().take(head);
    let end = characters.iter().skip(characters.len() - tail);
    start.chain(std::iter::once(&'…')).chain(end).collect()
}

/// `text` broken between words into lines of at most `width` columns; a longer word stands alone.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && columns(&line) + 1 + columns(word) > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

/// Rows as columns that line up, two spaces apart, nothing behind the last column.
pub fn table(rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        for (index, cell) in row.iter().enumerate() {
            match widths.get_mut(index) {
                Some(width) => *width = (*width).max(columns(cell)),
                None => widths.push(columns(cell)),
            }
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| pad(cell, *width)).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_read_at_a_glance() {
        let shown: Vec<String> = [0, 59, 60, 245, 3600, 86_399]
            .map(|seconds| duration(Duration::from_secs(seconds)))
            .into();
        assert_eq!(shown, ["0s", "59s", "1m00s", "4m05s", "1h00m", "23h59m"]);
    }

    #[test]
    fn a_long_value_keeps_both_ends() {
        assert_eq!(fit("arn:aws:iam::111122223333:role/worker", 15), "arn:aws…/worker");
        assert_eq!(fit("short", 5), "short");
    }

    #[test]
    fn nothing_from_outside_moves_the_cursor() {
        assert_eq!(one_line("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb⏎c");
    }

    #[test]
    fn plurals_are_english() {
        assert_eq!(count(1, "stack"), "1 stack");
        assert_eq!(count(0, "stack"), "0 stacks");
        assert_eq!(count(2, "repository"), "2 repositories");
        assert_eq!(count(2, "key"), "2 keys");
    }
}
