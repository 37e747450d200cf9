//! Mistakes in JSON.

use std::sync::Arc;

use super::Place;
use crate::diagnostic::{Problem, Source, Span};

/// The problem behind a place where JSON cannot go on; `expected` says what the reader wanted.
pub(in super::super) fn json(source: &Arc<Source>, at: usize, expected: &str) -> Problem {
    let place = Place::of(source, at);
    let rest = source.text.get(place.at..).unwrap_or_default();
    let next = place.next_char();
    let here = place.at..place.at + next.map_or(0, char::len_utf8);
    let problem = |what: &str| place.problem("JSON", what, here.clone());
    match next {
        None => return unfinished(&place, expected),
        Some('/') if rest.starts_with("//") || rest.starts_with("/*") => return comment(&place),
        Some('#') => return comment(&place),
        Some('\'') => {
            let text = rest
                .get(1..)
                .and_then(|rest| rest.split('\'').next())
                .unwrap_or_default();
            let problem = place.problem(
                "JSON",
                "strings stand in double quotes",
                place.at..place.at + text.len() + 2,
            );
            return problem.hint(format!("write: \"{text}\""));
        }
        Some('=') => return problem("`=` stands where `:` should"),
        Some(close @ ('}' | ']')) if expected.contains("after the end") => {
            return problem(&format!("nothing is open that this `{close}` could close"));
        }
        _ => {}
    }
    let before = source.text.get(..place.at).unwrap_or_default().trim_end();
    if matches!(next, Some('}' | ']')) && before.ends_with(',') {
        let comma = before.len() - 1;
        let close = next.unwrap_or_default();
        let problem = place.problem("JSON", &format!("a `,` stands before `{close}`"), comma..comma + 1);
        return problem.hint("remove it: commas stand between, not behind the last");
    }
    if expected.starts_with("this string is not valid") {
        return string(&place, rest);
    }
    if expected.starts_with("this number") && rest.trim_start_matches('-').starts_with('0') {
        return problem("a number does not begin with 0").hint("an id with leading zeros is a string: \"0123\"");
    }
    if expected.starts_with('`') && expected.contains("`,`") && matches!(next, Some('"' | '{' | '[')) {
        let what = if before.ends_with(['"', '}', ']']) || before.ends_with(char::is_alphanumeric) {
            "a `,` is missing before this"
        } else {
            expected
        };
        return place.problem("JSON", what, place.at..place.at + token(rest).len());
    }
    let word = token(rest);
    let bytes = place.at..place.at + word.len();
    if expected.starts_with("a key") && !word.is_empty() {
        return place
            .problem("JSON", "a key must stand in double quotes", bytes)
            .hint(format!("write: \"{word}\""));
    }
    if expected.starts_with("a value") && !word.is_empty() {
        let mended = match word.to_lowercase().as_str() {
            "true" | "yes" | "on" => "true".to_owned(),
            "false" | "no" | "off" => "false".to_owned(),
            "none" | "nil" | "undefined" => {
                return place
                    .problem("JSON", &format!("`{word}` is no value"), bytes)
                    .hint("leave the key out");
            }
            _ => format!("\"{word}\""),
        };
        return place
            .problem("JSON", &format!("`{word}` is no value"), bytes)
            .hint(format!("write: {mended}"));
    }
    problem(expected)
}

fn comment(place: &Place<'_>) -> Problem {
    let end = place.start + place.line.trim_end().len();
    place
        .problem("JSON", "there are no comments in JSON", place.at..end.max(place.at))
        .hint("remove it, or write the template in YAML, where comments begin with #")
}

/// The text ends in the middle: what is still open was opened by the last bracket that nothing closes.
fn unfinished(place: &Place<'_>, expected: &str) -> Problem {
    let mut open = Vec::new();
    let mut in_string = false;
    let mut escaped = false;
    for (at, c) in place.source.text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            '{' | '[' if !in_string => open.push((at, c)),
            '}' | ']' if !in_string => drop(open.pop()),
            _ => {}
        }
    }
    let end = place.source.text.trim_end().len();
    match open.last() {
        Some((at, bracket)) if !in_string => {
            let close = if *bracket == '{' { '}' } else { ']' };
            let what = format!("a `{close}` is missing at the end");
            let count = open.len();
            let problem = place.problem("JSON", &what, end.saturating_sub(1)..end);
            let problem = problem.at(
                Span::new(place.source, *at..at + 1),
                "this one, or one inside of it, is not closed",
            );
            if count > 1 {
                problem.note(format!("{count} brackets are open there"))
            } else {
                problem
            }
        }
        _ => place.problem("JSON", expected, end..end),
    }
}

fn string(place: &Place<'_>, rest: &str) -> Problem {
    let text = rest.lines().next().unwrap_or_default();
    let closes = text.get(1..).is_some_and(|text| text.contains('"'));
    if !closes {
        let problem = place.problem(
            "JSON",
            "a string has no end on its line",
            place.at..place.at + text.len(),
        );
        return problem.hint("close it with \"; a line break in a string is written \\n");
    }
    let mut escape = None;
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        if c == '\\' {
            match characters.next() {
                Some((_, 'b' | 'f' | 'n' | 'r' | 't' | '"' | '\\' | '/')) => {}
                Some((end, next)) => {
                    escape = Some((at, end + next.len_utf8(), next));
                    break;
                }
                None => {}
            }
        }
    }
    match escape {
        Some((_, _, 'u')) | None => place.problem("JSON", "this string is not valid", place.at..place.at + text.len()),
        Some((begin, end, next)) => {
            let what = format!("`\\{next}` means nothing in a string");
            let problem = place.problem("JSON", &what, place.at + begin..place.at + end);
            problem.hint("for a backslash write two")
        }
    }
}

/// What stands there, up to the next mark of JSON.
fn token(rest: &str) -> &str {
    if let Some(inner) = rest.strip_prefix('"') {
        let end = inner.find(['"', '\n']).map_or(inner.len(), |at| at + 1);
        return rest.get(..=end).unwrap_or(rest);
    }
    let end = rest
        .find(|c: char| c.is_whitespace() || ",:[]{}\"'".contains(c))
        .unwrap_or(rest.len());
    rest.get(..end).unwrap_or_default()
}
