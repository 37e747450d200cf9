//! TOML texts to [`Value`]s that know where they stand.

use std::sync::Arc;

use indexmap::IndexMap;
use toml::de::{DeTable, DeValue};

use super::{Data, Entry, Value};
use crate::diagnostic::{Problem, Problems, Source, Span, codes};

/// The keys of a table in the order of the text.
pub(crate) type Table = IndexMap<String, Entry>;

/// How many syntax errors of one file are told: behind the first few hundred it is no TOML at all.
const MOST_ERRORS: usize = 500;

/// Reads a whole file; every syntax error in it is reported, duplicate keys included.
pub(crate) fn parse(source: &Arc<Source>) -> Result<Table, Problems> {
    let (root, errors) = DeTable::parse_recoverable(&source.text);
    let mut problems = Problems::default();
    let mut repeated_table: Option<usize> = None;
    for error in errors.iter().take(MOST_ERRORS) {
        let problem = syntax_problem(source, error);
        let Some(span) = problem.labels.first().map(|label| &label.span) else {
            continue;
        };
        // A table that stands twice repeats all of its keys too: its header says enough.
        if repeated_table.is_some_and(|from| !has_header(source, from..span.bytes.start)) {
            continue;
        }
        repeated_table = is_header(source, span).then_some(span.bytes.end);
        problems.push(problem);
    }
    let table = table(source, root.get_ref(), &mut problems);
    if problems.has_errors() {
        Err(problems)
    } else {
        Ok(table)
    }
}

fn is_header(source: &Source, span: &Span) -> bool {
    let before = source.text.get(..span.bytes.start).unwrap_or_default();
    before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .trim_start()
        .starts_with('[')
}

fn has_header(source: &Source, bytes: std::ops::Range<usize>) -> bool {
    let between = source.text.get(bytes).unwrap_or_default();
    between.lines().skip(1).any(|line| line.trim_start().starts_with('['))
}

fn syntax_problem(source: &Arc<Source>, error: &toml::de::Error) -> Problem {
    let message = error.message().lines().map(str::trim).collect::<Vec<_>>().join(", ");
    let span = error.span().unwrap_or(source.text.len()..source.text.len());
    let problem =
        Problem::error(codes::TOML_SYNTAX, format!("not valid TOML: {message}")).at(Span::new(source, span), "");
    if message.contains("duplicate key") {
        problem.hint("keep one of the two; a file that `extends` another may set the key again")
    } else {
        problem
    }
}

fn table(source: &Arc<Source>, table: &DeTable<'_>, problems: &mut Problems) -> Table {
    let mut entries: Vec<_> = table
        .iter()
        .map(|(key, value)| {
            let entry = Entry {
                key: Span::new(source, key.span()),
                value: convert(source, value, problems),
            };
            (key.get_ref().to_string(), entry)
        })
        .collect();
    // The parser sorts keys by name; people think in the order in which they wrote.
    entries.sort_by_key(|(_, entry)| entry.key.bytes.start);
    entries.into_iter().collect()
}

fn convert(source: &Arc<Source>, value: &toml::Spanned<DeValue<'_>>, problems: &mut Problems) -> Value {
    let span = Span::new(source, value.span());
    let data = match value.get_ref() {
        DeValue::String(text) => Data::String(text.to_string()),
        DeValue::Integer(number) => Data::Integer(i64::from_str_radix(number.as_str(), number.radix()).unwrap_or_else(
            |_| {
                problems.push(
                    Problem::error(codes::NUMBER_TOO_LARGE, "this number does not fit into 64 bits")
                        .at(span.clone(), "")
                        .hint("write it as a string if it is a name or an id"),
                );
                0
            },
        )),
        DeValue::Float(number) => Data::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(value) => Data::Boolean(*value),
        DeValue::Datetime(date) => Data::String(date.to_string()),
        DeValue::Array(items) => Data::Array(items.iter().map(|item| convert(source, item, problems)).collect()),
        DeValue::Table(entries) => Data::Table(table(source, entries, problems)),
    };
    Value { value: data, span }
}

/// Lays `over` on `base`: tables merge key by key, everything else is replaced; positions are those of what stays.
pub(crate) fn merge(base: &mut Table, over: Table) {
    for (name, entry) in over {
        match base.get_mut(&name) {
            Some(old) => match (&mut old.value.value, entry.value.value) {
                (Data::Table(old_table), Data::Table(new_table)) => {
                    merge(old_table, new_table);
                    old.key = entry.key;
                    old.value.span = entry.value.span;
                }
                (_, data) => {
                    old.key = entry.key;
                    old.value = Value {
                        value: data,
                        span: entry.value.span,
                    };
                }
            },
            None => {
                base.insert(name, entry);
            }
        }
    }
}

impl Data {
    /// What it is, with an article: `a string`, `an array`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::String(_) => "a string",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::Boolean(_) => "a boolean",
            Self::Array(_) => "an array",
            Self::Table(_) => "a table",
        }
    }
}
