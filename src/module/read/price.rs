//! `[[price]]`: what a module costs money for. No amounts: they differ by region and change without notice.

use indexmap::IndexMap;

use super::super::contract::{Field, Origin, Price};
use super::super::{keys, wiring};
use super::invalid;
use crate::diagnostic::{Problem, Problems, Span, codes};
use crate::spec::keys::names;
use crate::spec::syntax::Table;
use crate::spec::{Data, Value, field};

const EXAMPLE: &str = "each is a table of its own:  [[price]]  item = \"NAT gateway\"  unit = \"hour\"  doc = \"...\"";

/// The entries of `[[price]]`; the inputs that they name must be inputs of the contract.
pub(super) fn price(
    module: &str,
    origin: Origin,
    root: &Table,
    inputs: &IndexMap<String, Field>,
    problems: &mut Problems,
) -> Vec<Price> {
    let Some(entry) = root.get("price") else {
        return Vec::new();
    };
    let Data::Array(items) = &entry.value.value else {
        let message = format!(
            "`price` must be an array of tables, this is {}",
            entry.value.value.kind()
        );
        problems.push(
            Problem::error(codes::WRONG_TYPE, message)
                .at(entry.key.clone(), "")
                .hint(EXAMPLE),
        );
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut unknown = Unknown::new();
    for item in items {
        match &item.value {
            Data::Table(body) => found.extend(one(body, item, inputs, &mut unknown, problems)),
            other => problems.push(
                Problem::error(
                    codes::WRONG_TYPE,
                    format!("a price must be a table, this is {}", other.kind()),
                )
                .at(item.span.clone(), "")
                .hint(EXAMPLE),
            ),
        }
    }
    for (name, places) in unknown {
        let mut problem = Problem::error(codes::CONTRACT_INVALID, format!("there is no input `{name}`"));
        for place in places {
            problem = problem.at(place, "");
        }
        // The built-in contracts are being read where this would look for one.
        if let (false, Some(path)) = (origin == Origin::BuiltIn, problem.labels.first()) {
            let path = path.span.source.path.clone();
            problem = wiring::had_by(problem, module, &path, "input", &name);
        }
        let known = inputs.keys().map(String::as_str);
        problems.push(field::with_suggestion(problem, &name, known, "inputs are"));
    }
    found
}

/// Inputs that prices name and the contract does not have, with every place that names them: one mistake is one message.
type Unknown = IndexMap<String, Vec<Span>>;

fn one(
    body: &Table,
    item: &Value,
    inputs: &IndexMap<String, Field>,
    unknown: &mut Unknown,
    problems: &mut Problems,
) -> Option<Price> {
    field::unknown_keys(
        body,
        &names(keys::PRICE),
        "a price",
        codes::CONTRACT_UNKNOWN_KEY,
        problems,
    );
    let mut text = |key: &str| {
        if field::lacks(body, key, &names(keys::PRICE)) {
            problems.push(invalid(&item.span, format!("a price has no `{key}`")).hint(EXAMPLE));
        }
        let found = field::string(body, key, problems)?;
        if found.value.trim().is_empty() {
            problems.push(invalid(&found.span, format!("a price has an empty `{key}`")));
            return None;
        }
        Some(found.value.trim().to_owned())
    };
    let (what, unit, doc) = (text("item"), text("unit"), text("doc"));
    let named = field::strings(body, "inputs", problems);
    for input in named.iter().filter(|input| !inputs.contains_key(&input.value)) {
        unknown.entry(input.value.clone()).or_default().push(input.span.clone());
    }
    Some(Price {
        item: what?,
        unit: unit?,
        inputs: named.into_iter().map(|input| input.value).collect(),
        doc: doc?,
        span: item.span.clone(),
    })
}
