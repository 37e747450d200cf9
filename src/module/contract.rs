//! Contracts: what a module takes, what it gives and how it is wired (`modules/NAME.toml`).

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;

use super::types::Type;
use crate::diagnostic::{Source, Span};
use crate::spec::{Entry, Value};

/// Begins the path of built-in files in messages, so that nobody looks for them in the project.
pub const BUILT_IN: &str = "(built-in) ";

/// A module: its contract and the template that it renders.
#[derive(Debug, Clone)]
pub struct Contract {
    /// The name that `module = "…"` uses.
    pub name: String,
    /// One sentence.
    pub summary: String,
    /// A longer text, Markdown; may be empty.
    pub doc: String,
    /// Where it comes from.
    pub origin: Origin,
    /// Inputs in the order of the contract.
    pub inputs: IndexMap<String, Field>,
    /// Record types that inputs use, by name.
    pub types: IndexMap<String, Record>,
    /// Outputs in the order of the contract.
    pub outputs: IndexMap<String, Output>,
    /// What it costs money for, in the order of the contract.
    pub price: Vec<Price>,
    /// The contract's text.
    pub source: Arc<Source>,
    /// The template's text.
    pub template: Arc<Source>,
    /// What the template can read with `file`, by path relative to `templates/`: `user-data/workbench.sh`.
    pub files: Arc<Files>,
}

/// Texts by their names.
pub type Files = BTreeMap<String, Arc<Source>>;

/// Whether a module was compiled in, fetched, or lies in the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Compiled into the binary.
    BuiltIn,
    /// Fetched from a Git repository or an archive in S3.
    Fetched,
    /// The project's own contract, template or both.
    Project,
}

/// An input of a module, or a field of a record type.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its name, `private_subnet_ids`.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// What it is for.
    pub doc: String,
    /// The value when none is given.
    pub default: Option<Value>,
    /// May be absent although there is no default; templates see `none`.
    pub optional: bool,
    /// The only values that are accepted; empty if any is.
    pub values: Vec<Value>,
    /// What the whole string must match.
    pub pattern: Option<Pattern>,
    /// Least number, length of a string, number of items or prefix length of a network.
    pub min: Option<f64>,
    /// The greatest of these.
    pub max: Option<f64>,
    /// Outputs that it is wired to if the file gives no value; more than one candidate is an error, unless it
    /// [gathers](Field::gathers).
    pub from: Vec<Provider>,
    /// No such stack in the environment: then the default or `none`, and no error.
    pub from_optional: bool,
    /// Takes references to secrets only.
    pub secret: bool,
    /// A value for the reference.
    pub example: Option<Value>,
    /// Where it stands in the contract.
    pub span: Span,
}

/// `MODULE.OUTPUT` in a contract's `from`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// The module whose only stack is meant.
    pub module: String,
    /// The output, by its name in that module's contract.
    pub output: String,
    /// Where it is written.
    pub span: Span,
}

/// A record type: a table with these fields and no others.
#[derive(Debug, Clone)]
pub struct Record {
    /// Fields in the order of the contract.
    pub fields: IndexMap<String, Field>,
}

/// An output of a module.
#[derive(Debug, Clone)]
pub struct Output {
    /// Its name, `private_subnet_ids`.
    pub name: String,
    /// The template's name for it, `PrivateSubnetIds`.
    pub key: String,
    /// A string, or a list of strings that the template joins with commas.
    pub list: bool,
    /// What it is.
    pub doc: String,
    /// The input that must be true, or given, for the output to exist.
    pub when: Option<String>,
    /// Where it stands in the contract.
    pub span: Span,
}

/// Something that a module costs money for; how much differs by region and is not said.
#[derive(Debug, Clone)]
pub struct Price {
    /// What is paid for, `NAT gateway`.
    pub item: String,
    /// By what it is counted, `hour and GB processed`.
    pub unit: String,
    /// The inputs that decide how much of it there is; may be empty.
    pub inputs: Vec<String>,
    /// What makes it more or less, in a sentence.
    pub doc: String,
    /// Where it stands in the contract.
    pub span: Span,
}

/// A regular expression that must match a whole string.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// As written.
    pub text: String,
    /// Compiled, with both ends anchored.
    pub regex: regex::Regex,
}

impl Field {
    /// Whether a stack must give it: nothing else provides a value.
    pub fn required(&self) -> bool {
        self.default.is_none() && !self.optional && self.from.is_empty()
    }

    /// Whether it takes one entry from every stack that makes one of the outputs in `from`, by the stack's name, in
    /// place of one value from the only such stack.
    pub fn gathers(&self) -> bool {
        matches!(self.ty, Type::Map(_)) && !self.from.is_empty()
    }

    /// The type of what one stack provides for it.
    pub(super) fn provided(&self) -> &Type {
        match &self.ty {
            Type::Map(item) if self.gathers() => item,
            ty => ty,
        }
    }

    /// A value as it could stand in an environment file, to be shown as an example.
    pub(super) fn sample(&self) -> String {
        let written = self.example.as_ref().or_else(|| self.values.first());
        match (written, &self.ty) {
            (Some(choice), Type::List(_)) if self.example.is_none() => format!("[{}]", choice.span.text()),
            (Some(value), _) => value.span.text().to_owned(),
            (None, ty) => placeholder(ty),
        }
    }
}

impl Contract {
    /// Whether the contract itself was compiled in; its template may still be the project's.
    pub(super) fn is_built_in(&self) -> bool {
        self.source.path.starts_with(BUILT_IN)
    }

    /// The module's own entry for `name` in `[inputs]`, as written; for pointing.
    pub fn input_span(&self, name: &str) -> Option<&Span> {
        self.inputs.get(name).map(|input| &input.span)
    }
}

fn placeholder(ty: &Type) -> String {
    match ty {
        Type::String => "\"...\"".to_owned(),
        Type::Integer | Type::Number => "1".to_owned(),
        Type::Boolean => "true".to_owned(),
        Type::Cidr => "\"10.0.0.0/16\"".to_owned(),
        Type::Arn => "\"arn:aws:...\"".to_owned(),
        Type::List(item) => format!("[{}]", placeholder(item)),
        Type::Map(item) => format!("{{ NAME = {} }}", placeholder(item)),
        Type::Record(_) => "{ ... }".to_owned(),
    }
}

/// `private_subnet_ids` to `PrivateSubnetIds`: the part of a logical id that a name becomes.
pub fn pascal(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut upper = true;
    for c in name.chars() {
        if !c.is_ascii_alphanumeric() {
            upper = true;
        } else if upper {
            out.push(c.to_ascii_uppercase());
            upper = false;
        } else {
            out.push(c);
        }
    }
    out
}

/// An [`Entry`]'s key and value, from the first to the last character.
pub(super) fn whole(entry: &Entry) -> Span {
    let (key, value) = (&entry.key, &entry.value.span);
    if Arc::ptr_eq(&key.source, &value.source) && key.bytes.start <= value.bytes.end {
        Span::new(&key.source, key.bytes.start..value.bytes.end)
    } else {
        key.clone()
    }
}
