//! Reading the keys of a table: each reader reports what is wrong and gives what is right.
//!
//! Environment files and contracts are read with the same functions, so both complain in the same words.

use super::syntax::Table;
use super::{Data, Entry, Spanned};
use crate::diagnostic::{Code, Problem, Problems, Span, closest, codes};

/// Reports every key of `table` that is not in `known`; `place` is how a person calls the table, `[environment]`.
pub(crate) fn unknown_keys(table: &Table, known: &[&str], place: &str, code: Code, problems: &mut Problems) {
    for (name, entry) in table {
        if known.contains(&name.as_str()) {
            continue;
        }
        let problem = Problem::error(code, format!("{place} has no key `{name}`")).at(entry.key.clone(), "");
        let problem = match look_alike(name) {
            Some(note) => problem.note(note),
            None => problem,
        };
        problems.push(if name == "extends" {
            problem.hint("`extends` stands at the top of the file, above the first [table]")
        } else {
            with_suggestion(problem, name, known.iter().copied(), "it has")
        });
    }
}

/// A letter that looks like a Latin one and is none: pasted text, or another keyboard.
fn look_alike(name: &str) -> Option<String> {
    let strange = name.chars().find(|c| c.is_alphabetic() && !c.is_ascii())?;
    Some(format!(
        "`{strange}` is U+{:04X}, not a Latin letter",
        u32::from(strange)
    ))
}

/// Whether `key` is absent, and no misspelt key was meant to be it: one mistake is one message.
pub(crate) fn lacks(table: &Table, key: &str, known: &[&str]) -> bool {
    let meant =
        |written: &String| !known.contains(&written.as_str()) && closest(written, known.iter().copied()) == Some(key);
    !table.contains_key(key) && !table.keys().any(meant)
}

/// How many names a hint lists.
const MOST_NAMES: usize = 40;

/// Adds "did you mean", or else the list of what there is.
pub(crate) fn with_suggestion<'a>(
    problem: Problem,
    typed: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
    lead: &str,
) -> Problem {
    if let Some(near) = closest(typed, known.clone()) {
        return problem.hint(format!("did you mean `{near}`?"));
    }
    let mut known = known.into_iter();
    let names: Vec<_> = known
        .by_ref()
        .take(MOST_NAMES)
        .map(|name| format!("`{name}`"))
        .collect();
    let more = known.count();
    if names.is_empty() {
        problem
    } else if more > 0 {
        problem.hint(format!("{lead} {} and {more} more", names.join(", ")))
    } else {
        problem.hint(format!("{lead} {}", names.join(", ")))
    }
}

/// The string at `key`; absent is fine.
pub(crate) fn string(table: &Table, key: &str, problems: &mut Problems) -> Option<Spanned<String>> {
    let entry = table.get(key)?;
    match &entry.value.value {
        Data::String(text) => Some(Spanned {
            value: text.clone(),
            span: entry.value.span.clone(),
        }),
        _ => wrong_type(key, entry, "a string", problems),
    }
}

/// The boolean at `key`; absent is fine.
pub(crate) fn boolean(table: &Table, key: &str, problems: &mut Problems) -> Option<bool> {
    let entry = table.get(key)?;
    match &entry.value.value {
        Data::Boolean(value) => Some(*value),
        _ => wrong_type(key, entry, "true or false", problems),
    }
}

/// The number at `key`, whole or not; absent is fine.
pub(crate) fn number(table: &Table, key: &str, problems: &mut Problems) -> Option<f64> {
    let entry = table.get(key)?;
    match &entry.value.value {
        #[expect(clippy::cast_precision_loss, reason = "bounds of contracts are far below 2^53")]
        Data::Integer(value) => Some(*value as f64),
        Data::Float(value) => Some(*value),
        _ => wrong_type(key, entry, "a number", problems),
    }
}

/// The table at `key`; absent is fine.
pub(crate) fn table<'a>(table: &'a Table, key: &str, problems: &mut Problems) -> Option<&'a Table> {
    let entry = table.get(key)?;
    match &entry.value.value {
        Data::Table(inner) => Some(inner),
        _ => wrong_type(key, entry, "a table", problems),
    }
}

/// The strings at `key`, written as one string or as an array of strings; absent gives none.
pub(crate) fn strings(table: &Table, key: &str, problems: &mut Problems) -> Vec<Spanned<String>> {
    let Some(entry) = table.get(key) else {
        return Vec::new();
    };
    let (whole, items) = match &entry.value.value {
        Data::Array(items) => (false, items.as_slice()),
        _ => (true, std::slice::from_ref(&entry.value)),
    };
    let mut found = Vec::new();
    for item in items {
        match &item.value {
            Data::String(text) => found.push(Spanned {
                value: text.clone(),
                span: item.span.clone(),
            }),
            _ if whole => wrong_value(key, item, "a string or an array of strings", problems),
            _ => wrong_value(&format!("each item of `{key}`"), item, "a string", problems),
        }
    }
    found
}

fn wrong_type<T>(key: &str, entry: &Entry, expected: &str, problems: &mut Problems) -> Option<T> {
    wrong_value(key, &entry.value, expected, problems);
    None
}

/// Says that a value is of the wrong type; `key` may be a phrase that holds the key in backticks.
pub(super) fn wrong_value(key: &str, value: &super::Value, expected: &str, problems: &mut Problems) {
    let is_item = key.contains('`');
    let what = if is_item { key.to_owned() } else { format!("`{key}`") };
    let assign = if is_item { String::new() } else { format!("{key} = ") };
    let message = format!("{what} must be {expected}, this is {}", value.value.kind());
    let problem = Problem::error(codes::WRONG_TYPE, message).at(first_line(&value.span), "");
    let written = value.span.text();
    problems.push(match (&value.value, expected) {
        (Data::Integer(_) | Data::Float(_) | Data::Boolean(_), "a string") => {
            problem.hint(format!("put it in quotes: {assign}\"{written}\""))
        }
        (Data::String(text), "true or false") => match text.to_lowercase().as_str() {
            "true" | "yes" | "on" => problem.hint(format!("without quotes: {assign}true")),
            "false" | "no" | "off" => problem.hint(format!("without quotes: {assign}false")),
            _ => problem,
        },
        (Data::Integer(0), "true or false") => problem.hint(format!("write: {assign}false")),
        (Data::Integer(1), "true or false") => problem.hint(format!("write: {assign}true")),
        (Data::Array(_), "a table") if written.starts_with("[[") => {
            problem.hint(format!("single brackets make a table: {}", single(written, key)))
        }
        (_, "a table") => problem.hint(format!("a table is written [{key}], its keys below it")),
        (Data::Array(_), "a string") => problem.hint("give one value, without brackets"),
        _ => problem,
    });
}

/// `[stacks.NAME]` for `[[stacks]]`: what names tables by their keys takes no list of them.
fn single(written: &str, key: &str) -> String {
    let header = written.trim_matches(['[', ']', ' ']);
    match key {
        "stacks" | "workloads" => format!("[{header}.NAME]"),
        _ => format!("[{header}]"),
    }
}

/// A table's span may run over many lines, too much to underline.
fn first_line(span: &Span) -> Span {
    let length = span.text().lines().next().map_or(0, str::len);
    Span::new(&span.source, span.bytes.start..span.bytes.start + length)
}
