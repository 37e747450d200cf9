//! From layers of settings to an environment: a case is exactly an environment, checked as any other.

use std::sync::{Arc, LazyLock};

use super::model::Setting;
use crate::diagnostic::{Problems, Source, Span};
use crate::spec::syntax::{self, Table};
use crate::spec::{self, Data, Entry, Environment, Value};

/// What every case starts from. The names are part of the format: tests may expect `shop-dev-vpc`.
const BASE: &str = "\
[project]
name = \"shop\"

[environment]
account    = \"111122223333\"
region     = \"us-east-1\"
protect    = false
on_failure = \"delete\"
";

/// The environment's name.
pub(super) const NAME: &str = "dev";

/// The environment that `layers` give, each laid over those before it, with the stack under test at `span`.
/// Errors: what is wrong with it, as for any environment file.
pub(super) fn environment(
    module: &str,
    layers: &[&Setting],
    span: &Span,
    source: &Arc<Source>,
) -> Result<Environment, Problems> {
    let mut table = base()?;
    let mut inputs = Table::new();
    for layer in layers {
        for (key, part) in [
            ("environment", &layer.environment),
            ("tags", &layer.tags),
            ("stacks", &layer.stacks),
        ] {
            if !part.is_empty() {
                syntax::merge(&mut table, one(key, part.clone(), span));
            }
        }
        // Taken away first, so that a layer may set anew what would be merged otherwise.
        for name in &layer.reset {
            inputs.shift_remove(&name.value);
        }
        syntax::merge(&mut inputs, layer.inputs.clone());
    }
    let mut stack = one_value("module", Data::String(module.to_owned()), span);
    syntax::merge(&mut stack, inputs);
    let name = stack_name(module, layers);
    syntax::merge(&mut table, one("stacks", one(name, stack, span), span));
    spec::of_table(NAME, &table, vec![Arc::clone(source)])
}

/// What the stack under test is called.
pub(super) fn stack_name<'a>(module: &'a str, layers: &[&'a Setting]) -> &'a str {
    let named = layers.iter().rev().find_map(|layer| layer.stack.as_ref());
    named.map_or(module, |name| name.value.as_str())
}

/// The input of the stack under test as the layers leave it.
pub(super) fn input<'a>(layers: &[&'a Setting], name: &str) -> Option<&'a Entry> {
    layers.iter().rev().find_map(|layer| layer.inputs.get(name))
}

fn base() -> Result<Table, Problems> {
    static READ: LazyLock<Result<Table, Problems>> = LazyLock::new(|| {
        let source = Source {
            path: "(built-in) case.toml".to_owned(),
            text: BASE.to_owned(),
        };
        syntax::parse(&Arc::new(source))
    });
    READ.clone()
}

fn one(key: &str, table: Table, span: &Span) -> Table {
    one_value(key, Data::Table(table), span)
}

fn one_value(key: &str, value: Data, span: &Span) -> Table {
    let entry = Entry {
        key: span.clone(),
        value: Value {
            value,
            span: span.clone(),
        },
    };
    Table::from_iter([(key.to_owned(), entry)])
}
