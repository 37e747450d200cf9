//! An environment in which a module can be shown: the stack itself, and the stacks that it cannot be without.
//!
//! What a page or a diagram shows of a module is what it renders to, and rendering takes inputs. The first case of the
//! module's tests that renders is its author's own choice of them; without tests, what is necessary is made up from the
//! contracts.

use std::sync::Arc;

use super::catalogue::Catalogue;
use super::contract::{Contract, Field};
use super::types::Type;
use crate::diagnostic::{Problems, Source};
use crate::spec::format::{self, ENVIRONMENT};
use crate::spec::syntax::{self, Table};
use crate::spec::{self, Data, Entry, Environment, Value};

/// A configuration of a module that is to be shown.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Where its inputs come from.
    pub origin: SampleOrigin,
    /// The name of the stack in it.
    pub stack: String,
    /// Its stacks, as an environment file writes them.
    pub stacks: String,
    /// What `[environment]` says beside account and region.
    settings: String,
}

/// Where the inputs of a sample come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SampleOrigin {
    /// This case of the module's tests.
    Case(String),
    /// The contract: defaults, and samples of what has none.
    Contract,
}

/// The environment's name, which nothing but names of stacks shows.
const ENVIRONMENT_NAME: &str = "dev";

/// The first case of the module's tests that renders; else what the contracts say.
pub fn sample(contract: &Contract, catalogue: &Catalogue) -> Sample {
    catalogue
        .test_file(&contract.name)
        .and_then(|tests| first_case(contract, tests))
        .unwrap_or_else(|| from_contracts(contract, catalogue))
}

impl Sample {
    /// The environment that holds it, protected or not. Errors: what is wrong with it, such as an example of the
    /// contract's own that is none.
    pub fn environment(&self, protect: bool) -> Result<Environment, Problems> {
        let text = format!(
            "[project]\nname = \"example\"\n\n[environment]\naccount = \"111122223333\"\nregion = \"us-east-1\"\n{}\
             protect = {protect}\n\n{}",
            self.settings, self.stacks
        );
        spec::load(ENVIRONMENT_NAME, &mut |_| Ok(text.clone()))
    }
}

/// A case that says what it expects of a rendered template: one with errors shows nothing.
fn first_case(contract: &Contract, tests: &Arc<Source>) -> Option<Sample> {
    let file = syntax::parse(tests).ok()?;
    let cases = file.get("cases").and_then(table)?;
    let (name, case) = cases
        .iter()
        .filter_map(|(name, case)| Some((name, table(case)?)))
        .find(|(_, case)| {
            let expected = case.get("expect").and_then(table);
            !expected.is_some_and(|expected| expected.contains_key("errors"))
        })?;
    let mut merged = file.get("defaults").and_then(table).cloned().unwrap_or_default();
    syntax::merge(&mut merged, case.clone());
    let part = |name: &str| merged.get(name).and_then(table).cloned().unwrap_or_default();
    let stack = match merged.get("stack").map(|entry| &entry.value.value) {
        Some(Data::String(name)) => name.clone(),
        _ => contract.name.clone(),
    };
    let mut stacks = String::new();
    for (other, body) in &part("stacks") {
        header(&mut stacks, &format!("stacks.{other}"), None, table(body)?);
    }
    let under_test = format!("stacks.{stack}");
    header(&mut stacks, &under_test, Some(&contract.name), &part("inputs"));
    let settings = part("environment")
        .iter()
        .filter(|(name, _)| !["protect", "account", "region"].contains(&name.as_str()))
        .map(|(name, entry)| format!("{name} = {}\n", inline(&entry.value)))
        .collect();
    Some(Sample {
        origin: SampleOrigin::Case(name.clone()),
        stack,
        stacks: formatted(stacks),
        settings,
    })
}

/// What must be given, by the contracts' own examples, and the stacks that must be there.
fn from_contracts(contract: &Contract, catalogue: &Catalogue) -> Sample {
    let mut needed: Vec<&Contract> = vec![contract];
    let mut at = 0;
    while let Some(current) = needed.get(at).copied() {
        for input in current.inputs.values() {
            let must = input.default.is_none() && !input.optional && !input.from_optional && !input.gathers();
            let known = input.from.iter().find_map(|from| catalogue.get(&from.module));
            if let Some(provider) = known.filter(|_| must)
                && !needed.iter().any(|there| there.name == provider.name)
            {
                needed.push(provider);
            }
        }
        at += 1;
    }
    let mut stacks = String::new();
    // Providers first, as people read it.
    for module in needed.iter().rev() {
        stacks.push_str(&format!("[stacks.{0}]\nmodule = \"{0}\"\n", module.name));
        for input in module.inputs.values().filter(|input| input.required()) {
            stacks.push_str(&format!("{} = {}\n", input.name, made_up(input, module)));
        }
        stacks.push('\n');
    }
    Sample {
        origin: SampleOrigin::Contract,
        stack: contract.name.clone(),
        stacks: formatted(stacks),
        settings: String::new(),
    }
}

/// A value that the type takes: the contract's example where it has one.
fn made_up(field: &Field, contract: &Contract) -> String {
    if field.example.is_some() || !field.values.is_empty() {
        return field.sample();
    }
    of_type(&field.ty, contract)
}

fn of_type(ty: &Type, contract: &Contract) -> String {
    match ty {
        Type::String => "\"example\"".to_owned(),
        Type::Integer | Type::Number => "1".to_owned(),
        Type::Boolean => "true".to_owned(),
        Type::Cidr => "\"10.0.0.0/16\"".to_owned(),
        Type::Arn => "\"arn:aws:iam::111122223333:role/example\"".to_owned(),
        Type::List(item) => format!("[{}]", of_type(item, contract)),
        Type::Map(item) => format!("{{ example = {} }}", of_type(item, contract)),
        Type::Record(name) => {
            let fields = contract.types.get(name).map(|record| record.fields.values());
            let given: Vec<String> = fields
                .into_iter()
                .flatten()
                .filter(|field| field.required())
                .map(|field| format!("{} = {}", field.name, made_up(field, contract)))
                .collect();
            format!("{{ {} }}", given.join(", "))
        }
    }
}

/// The longest line that a table within a table may take; a longer one gets a header of its own.
const WIDTH: usize = 90;

fn header(text: &mut String, path: &str, module: Option<&str>, body: &Table) {
    text.push_str(&format!("[{path}]\n"));
    if let Some(module) = module {
        text.push_str(&format!("module = \"{module}\"\n"));
    }
    let mut below = Vec::new();
    for (name, entry) in body {
        let value = inline(&entry.value);
        match table(entry) {
            Some(table) if value.len() + name.len() > WIDTH => below.push((name, table)),
            _ => text.push_str(&format!("{} = {value}\n", key(name))),
        }
    }
    text.push('\n');
    for (name, table) in below {
        header(text, &format!("{path}.{}", key(name)), None, table);
    }
}

fn inline(value: &Value) -> String {
    match &value.value {
        Data::Table(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(name, entry)| format!("{} = {}", key(name), inline(&entry.value)))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
        _ => value.span.text().to_owned(),
    }
}

fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !name.is_empty() && name.chars().all(bare) {
        return name.to_owned();
    }
    toml::Value::from(name).to_string()
}

fn table(entry: &Entry) -> Option<&Table> {
    match &entry.value.value {
        Data::Table(entries) => Some(entries),
        _ => None,
    }
}

fn formatted(text: String) -> String {
    let source = Arc::new(Source {
        path: "example.toml".to_owned(),
        text,
    });
    format::format(&source, &ENVIRONMENT).unwrap_or_else(|_| source.text.clone())
}
