//! A table held against its keys: every key that is unknown, absent, of the wrong type or of a value that it does not
//! take is told, each at its place. What comes out of it can be read without asking again.

use super::keys::{Key, Kind, Named, Strings};
use super::syntax::Table;
use super::{Data, Entry, Value, field, keys, secret};
use crate::diagnostic::{Problem, Problems, Span, codes};

/// Reports what is wrong with `table`; `place` is how a person calls it, and `whose` what it is part of, where an
/// absent key is told.
pub(super) fn conform(table: &Table, known: &'static [Key], place: &str, whose: &Span, problems: &mut Problems) {
    let names = keys::names(known);
    field::unknown_keys(table, &names, place, codes::UNKNOWN_KEY, problems);
    for key in known {
        match table.get(key.name) {
            Some(entry) => value(key, entry, place, problems),
            None if key.required && field::lacks(table, key.name, &names) => {
                let problem = Problem::error(codes::MISSING_SETTING, format!("{place} has no `{}`", key.name));
                problems.push(with_example(problem.at(whose.clone(), ""), key));
            }
            None => {}
        }
    }
}

fn value(key: &Key, entry: &Entry, place: &str, problems: &mut Problems) {
    let name = key.name;
    let written = &entry.value;
    match key.kind {
        Kind::Text(pattern) => match &written.value {
            Data::String(text) => matches(key, name, text, pattern, &written.span, problems),
            _ => field::wrong_value(name, written, "a string", problems),
        },
        Kind::Choice(choices) => match &written.value {
            Data::String(text) if choices.contains(&text.as_str()) => {}
            Data::String(text) => {
                let problem = Problem::error(codes::INVALID_CHOICE, format!("`{name}` cannot be `{text}`"))
                    .at(written.span.clone(), "");
                let choices = choices.iter().copied();
                problems.push(field::with_suggestion(problem, text, choices, "it can be"));
            }
            _ => field::wrong_value(name, written, "a string", problems),
        },
        Kind::Boolean => {
            if !matches!(written.value, Data::Boolean(_)) {
                field::wrong_value(name, written, "true or false", problems);
            }
        }
        Kind::Number | Kind::Within(..) => number(key, written, problems),
        Kind::Whole(least, greatest) => match written.value {
            Data::Integer(number) if (least..=greatest).contains(&number) => {}
            Data::Integer(number) => {
                let message = format!("`{name}` cannot be {number}: it goes from {least} to {greatest}");
                problems.push(Problem::error(codes::WORKLOAD_VALUE, message).at(written.span.clone(), ""));
            }
            _ => field::wrong_value(name, written, "a whole number", problems),
        },
        Kind::TextOrWhole => {
            if !matches!(written.value, Data::String(_) | Data::Integer(_)) {
                field::wrong_value(name, written, "a string or a whole number", problems);
            }
        }
        Kind::Texts(pattern) => {
            let table = Table::from_iter([(name.to_owned(), entry.clone())]);
            for text in field::strings(&table, name, problems) {
                matches(key, name, &text.value, Some(pattern), &text.span, problems);
            }
        }
        Kind::Strings(Strings { name: named, value }) => match &written.value {
            Data::Table(inner) => strings(key, inner, named, value, problems),
            _ => field::wrong_value(name, written, "a table", problems),
        },
        Kind::Table(known) => match &written.value {
            Data::Table(inner) => conform(inner, known, &format!("`{name}` of {place}"), &entry.key, problems),
            _ => {
                let before = problems.0.len();
                field::wrong_value(name, written, "a table", problems);
                if let (Some(example), Some(last)) = (key.example, problems.0.get_mut(before)) {
                    last.hints = vec![format!("for example: {name} = {example}")];
                }
            }
        },
        Kind::Tables(known) => match &written.value {
            Data::Array(items) => {
                for item in items {
                    match &item.value {
                        Data::Table(inner) => {
                            let whose = first_line(&item.span);
                            conform(inner, known, &format!("`{name}` of {place}"), &whose, problems);
                        }
                        _ => field::wrong_value(&format!("each item of `{name}`"), item, "a table", problems),
                    }
                }
            }
            _ => field::wrong_value(name, written, "an array of tables", problems),
        },
        // Environment files have these only where they are read by hand.
        Kind::Values | Kind::Any | Kind::Tags | Kind::Date | Kind::Named(Named { .. }) => {}
    }
}

fn number(key: &Key, written: &Value, problems: &mut Problems) {
    let number = match written.value {
        #[expect(clippy::cast_precision_loss, reason = "the bounds are far below 2^53")]
        Data::Integer(number) => number as f64,
        Data::Float(number) => number,
        _ => return field::wrong_value(key.name, written, "a number", problems),
    };
    if let Kind::Within(least, greatest) = key.kind
        && !(least..=greatest).contains(&number)
    {
        let message = format!("`{}` cannot be {number}: it goes from {least} to {greatest}", key.name);
        problems.push(Problem::error(codes::WORKLOAD_VALUE, message).at(written.span.clone(), ""));
    }
}

fn strings(key: &Key, table: &Table, named: &str, value: Option<&'static str>, problems: &mut Problems) {
    let literals: Vec<Span> = table
        .values()
        .filter(|entry| !matches!(&entry.value.value, Data::String(text) if secret::is_reference(text)))
        .map(|entry| entry.value.span.clone())
        .collect();
    for (name, entry) in table {
        let path = format!("{}.{name}", key.name);
        if !fits(named, name) {
            let message = format!("`{name}` cannot be a name in `{}`", key.name);
            let problem = Problem::error(codes::WORKLOAD_VALUE, message).at(entry.key.clone(), "");
            problems.push(with_example(problem, key));
        }
        match &entry.value.value {
            Data::String(text) if value == Some(keys::SECRET) && secret::is_reference(text) => {}
            _ if value == Some(keys::SECRET) => {
                let span = secret::hidden_among(&entry.value.span, &literals);
                problems.push(secret::literal(&path, &span));
            }
            Data::String(text) => matches(key, &path, text, value, &entry.value.span, problems),
            _ => field::wrong_value(&path, &entry.value, "a string", problems),
        }
    }
}

fn matches(key: &Key, name: &str, text: &str, pattern: Option<&str>, span: &Span, problems: &mut Problems) {
    if pattern.is_none_or(|pattern| fits(pattern, text)) {
        return;
    }
    let message = match text {
        "" => format!("`{name}` is empty"),
        _ => format!("`{name}` cannot be `{text}`"),
    };
    let problem = Problem::error(codes::WORKLOAD_VALUE, message)
        .at(span.clone(), "")
        .note(key.doc);
    problems.push(with_example(problem, key));
}

/// Whether `text` matches; a pattern that is no pattern refuses nothing, and a test sees to it that there is none.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    regex::Regex::new(pattern).map_or(true, |pattern| pattern.is_match(text))
}

fn with_example(problem: Problem, key: &Key) -> Problem {
    match (key.example.or(key.default), key.kind) {
        (Some(example), _) if example.parse::<toml::Value>().is_ok() => {
            problem.hint(format!("for example: {} = {example}", key.name))
        }
        (_, Kind::Choice(choices)) => problem.hint(format!("it can be `{}`", choices.join("`, `"))),
        _ => problem,
    }
}

/// A table's span may run over many lines, too much to underline.
fn first_line(span: &Span) -> Span {
    let length = span.text().lines().next().map_or(0, str::len);
    Span::new(&span.source, span.bytes.start..span.bytes.start + length)
}
