//! `[[price]]` of a contract: what it costs by.

use indexmap::IndexMap;

use super::contract::{Field, Price};
use super::keys;
use crate::diagnostic::{Problem, Problems, codes};
use crate::spec::keys::names;
use crate::spec::syntax::Table;
use crate::spec::{Data, field};

/// Reads the entries of `[[price]]`; each names what is paid for, and only inputs that there are.
pub(super) fn read(root: &Table, inputs: &IndexMap<String, Field>, problems: &mut Problems) -> Vec<Price> {
    let Some(entry) = root.get("price") else {
        return Vec::new();
    };
    let invalid = |span: &crate::diagnostic::Span, message: String| {
        Problem::error(codes::CONTRACT_INVALID, message).at(span.clone(), "")
    };
    let Data::Array(items) = &entry.value.value else {
        problems.push(invalid(&entry.key, "`price` must be an array of tables".to_owned()).hint("write [[price]]"));
        return Vec::new();
    };
    let mut prices = Vec::new();
    for item in items {
        let Data::Table(body) = &item.value else {
            problems.push(invalid(&item.span, "each `price` must be a table".to_owned()).hint("write [[price]]"));
            continue;
        };
        let known = names(keys::PRICE);
        field::unknown_keys(body, &known, "[[price]]", codes::CONTRACT_UNKNOWN_KEY, problems);
        let mut text = |key: &str| {
            let found = field::string(body, key, problems);
            if found.is_none() && field::lacks(body, key, &known) {
                problems.push(invalid(&entry.key, format!("[[price]] has no `{key}`")));
            }
            found.map(|found| found.value).unwrap_or_default()
        };
        let (item, unit, doc) = (text("item"), text("unit"), text("doc"));
        let mut named = Vec::new();
        for input in field::strings(body, "inputs", problems) {
            if !inputs.contains_key(&input.value) {
                let problem = invalid(&input.span, format!("there is no input `{}`", input.value));
                let names = inputs.keys().map(String::as_str);
                problems.push(field::with_suggestion(problem, &input.value, names, "there are"));
            }
            named.push(input.value);
        }
        prices.push(Price {
            item,
            unit,
            inputs: named,
            doc: doc.trim().to_owned(),
        });
    }
    prices
}
