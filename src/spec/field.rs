//! Reading the keys of a table: each reader reports what is wrong and gives what is right.
//!
//! Environment files and contracts are read with the same functions, so both complain in the same words.

use super::syntax::Table;
use super::{Data, Entry, Spanned};
use crate::diagnostic::{Code, Problem, Problems, closest, codes};

/// Reports every key of `table` that is not in `known`; `place` is how a person calls the table, `[environment]`.
pub(crate) fn unknown_keys(table: &Table, known: &[&str], place: &str, code: Code, problems: &mut Problems) {
    for (name, entry) in table {
        if known.contains(&name.as_str()) {
            continue;
        }
        let problem = Problem::error(code, format!("{place} has no key `{name}`")).at(entry.key.clone(), "");
        problems.push(with_suggestion(problem, name, known.iter().copied(), "it has"));
    }
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
    let one = |value: &super::Value| match &value.value {
        Data::String(text) => Some(Spanned {
            value: text.clone(),
            span: value.span.clone(),
        }),
        _ => None,
    };
    let found = match &entry.value.value {
        Data::Array(items) => items.iter().map(one).collect(),
        _ => one(&entry.value).map(|text| vec![text]),
    };
    found
        .or_else(|| wrong_type(key, entry, "a string or an array of strings", problems))
        .unwrap_or_default()
}

fn wrong_type<T>(key: &str, entry: &Entry, expected: &str, problems: &mut Problems) -> Option<T> {
    let problem = Problem::error(
        codes::WRONG_TYPE,
        format!("`{key}` must be {expected}, this is {}", entry.value.value.kind()),
    )
    .at(entry.value.span.clone(), "");
    problems.push(match (&entry.value.value, expected) {
        (Data::Integer(_) | Data::Float(_) | Data::Boolean(_), "a string") => {
            problem.hint(format!("put it in quotes: {key} = \"{}\"", entry.value.span.text()))
        }
        (Data::String(text), "true or false") if text == "true" || text == "false" => {
            problem.hint(format!("without quotes: {key} = {text}"))
        }
        _ => problem,
    });
    None
}
