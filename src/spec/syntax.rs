//! TOML texts to [`Value`]s that know where they stand.

use std::sync::Arc;

use indexmap::IndexMap;
use toml::de::{DeTable, DeValue};

use super::{Data, Entry, Value, mistakes};
use crate::diagnostic::{Problem, Problems, Source, Span, codes};

/// The keys of a table in the order of the text.
pub(crate) type Table = IndexMap<String, Entry>;

/// How many syntax errors of one file are told: behind the first few hundred it is no TOML at all.
const MOST_ERRORS: usize = 500;

/// Reads a whole file; every syntax error in it is reported, duplicate keys included.
pub(crate) fn parse(source: &Arc<Source>) -> Result<Table, Problems> {
    let (root, errors) = DeTable::parse_recoverable(&source.text);
    let mut problems = mistakes::problems(source, errors.get(..MOST_ERRORS).unwrap_or(&errors));
    let mut misread = Problems::default();
    let table = table(source, root.get_ref(), &mut misread);
    // What could be saved of a broken text may hold numbers that nobody wrote.
    if problems.is_empty() {
        problems.extend(misread);
    }
    if problems.has_errors() {
        Err(problems)
    } else {
        Ok(table)
    }
}

fn table(source: &Arc<Source>, table: &DeTable<'_>, problems: &mut Problems) -> Table {
    let mut entries: Vec<_> = table
        .iter()
        .map(|(key, value)| {
            on_one_line(source, key.span().end..value.span().start, problems);
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

/// Refuses a line break between a key and its value, which the parser lets pass in inline tables: "Key/Value Pair" of the
/// TOML specification has them on the same line, and so have other readers.
fn on_one_line(source: &Arc<Source>, between: std::ops::Range<usize>, problems: &mut Problems) {
    let text = source.text.get(between.clone()).unwrap_or_default();
    if let Some(at) = text.find('\n') {
        let end = between.start + at;
        problems.push(
            Problem::error(
                codes::TOML_SYNTAX,
                "not valid TOML: the line ends between a key and its value",
            )
            .at(Span::new(source, between.start.saturating_sub(1)..end), "")
            .hint("write key, `=` and the beginning of the value on one line"),
        );
    }
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
