//! What a file says, against the type that the contract wants: a [`Resolved`] value, or problems with positions.

use std::collections::BTreeMap;

use super::contract::{Contract, Field, pascal};
use super::types::Type;
use crate::diagnostic::{Problem, Problems, Span, closest, codes};
use crate::spec::syntax::Table;
use crate::spec::{Data, Value, field};

mod reference;
mod scalars;

#[cfg(test)]
pub(super) use reference::is_secret_reference;
use reference::{Reference, hidden, reference};

/// A typed value: ready for a template, but for the outputs of other stacks.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Resolved {
    /// An optional input that was not given.
    None,
    String(String),
    Integer(i64),
    Number(f64),
    Boolean(bool),
    List(Vec<Resolved>),
    Map(BTreeMap<String, Resolved>),
    /// The output of another stack, known only after that is deployed.
    Deferred(Wire),
}

/// A reference to an output of another stack.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wire {
    /// The input that it is for.
    pub(super) input: String,
    /// The stack that it comes from.
    pub(super) stack: String,
    /// The output by its contract's name.
    pub(super) output: String,
    /// The CloudFormation parameter that carries it.
    pub(super) parameter: String,
    /// What the place takes.
    pub(super) takes: Takes,
    /// Where it is written; for automatic wires the stack's table.
    pub(super) span: Span,
}

/// What a place for a wire takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Text,
    Number,
    List,
    /// Values that no output can provide.
    Nothing,
}

impl Takes {
    pub(super) fn of(ty: &Type) -> Self {
        match ty {
            Type::String | Type::Cidr | Type::Arn => Self::Text,
            Type::Integer | Type::Number => Self::Number,
            Type::List(item) => match Self::of(item) {
                Self::Text | Self::Number => Self::List,
                _ => Self::Nothing,
            },
            Type::Boolean | Type::Map(_) | Type::Record(_) => Self::Nothing,
        }
    }
}

/// Types `value` for `field`. None if it does not fit; then there are problems that say why.
pub(super) fn resolve(field: &Field, value: &Value, contract: &Contract, problems: &mut Problems) -> Option<Resolved> {
    let mut place = Place {
        field,
        contract,
        input: field.name.clone(),
        path: field.name.clone(),
        problems,
    };
    place.value(&field.ty, value)
}

/// The problems of a value that a contract itself holds: a default, a choice, an example.
pub(super) fn check(field: &Field, value: &Value, contract: &Contract) -> Problems {
    let mut problems = Problems::default();
    let resolved = resolve(field, value, contract, &mut problems);
    if resolved.is_some_and(|value| value.is_deferred()) {
        problems.push(
            Problem::error(
                codes::CONTRACT_INVALID,
                "a contract knows no stacks that it could refer to",
            )
            .at(value.span.clone(), ""),
        );
    }
    problems
}

impl Resolved {
    /// Whether it, or anything in it, comes from another stack.
    pub(super) fn is_deferred(&self) -> bool {
        !self.wires().is_empty()
    }

    /// Every reference in it, from left to right.
    pub(super) fn wires(&self) -> Vec<&Wire> {
        match self {
            Self::Deferred(wire) => vec![wire],
            Self::List(items) => items.iter().flat_map(Self::wires).collect(),
            Self::Map(entries) => entries.values().flat_map(Self::wires).collect(),
            _ => Vec::new(),
        }
    }

    /// What `{% if … %}` makes of it; decides whether an output with `when` exists.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::None => false,
            Self::Boolean(value) => *value,
            Self::String(text) => !text.is_empty(),
            Self::Integer(number) => *number != 0,
            Self::Number(number) => *number != 0.0,
            Self::List(items) => !items.is_empty(),
            Self::Map(entries) => !entries.is_empty(),
            Self::Deferred(_) => true,
        }
    }
}

/// One position inside an input, while it is being typed.
struct Place<'a> {
    /// The input or field whose constraints hold here.
    field: &'a Field,
    contract: &'a Contract,
    /// The input that all of this belongs to.
    input: String,
    /// How a person calls the position: `node_groups.gpu.min_size`.
    path: String,
    problems: &'a mut Problems,
}

impl Place<'_> {
    fn value(&mut self, ty: &Type, value: &Value) -> Option<Resolved> {
        if let Data::String(text) = &value.value
            && let Some(wire) = self.wire(ty, text, value)
        {
            return wire;
        }
        match (ty, &value.value) {
            (Type::String, Data::String(text)) => self.text(text, value),
            (Type::Cidr, Data::String(text)) => self.cidr(text, value),
            (Type::Arn, Data::String(text)) => self.arn(text, value),
            (Type::Integer, Data::Integer(number)) => {
                #[expect(clippy::cast_precision_loss, reason = "bounds of contracts are far below 2^53")]
                let fits = self.in_range(*number as f64, "", value) && self.is_choice(value);
                fits.then_some(Resolved::Integer(*number))
            }
            (Type::Number, Data::Integer(number)) => {
                #[expect(clippy::cast_precision_loss, reason = "the contract asks for a number, whole or not")]
                let number = *number as f64;
                (self.in_range(number, "", value) && self.is_choice(value)).then_some(Resolved::Number(number))
            }
            (Type::Number, Data::Float(number)) => {
                if !number.is_finite() {
                    return self.refuse(value, format!("`{}` must be a finite number", self.path));
                }
                (self.in_range(*number, "", value) && self.is_choice(value)).then_some(Resolved::Number(*number))
            }
            (Type::Boolean, Data::Boolean(value)) => Some(Resolved::Boolean(*value)),
            (Type::List(item), Data::Array(items)) => self.list(item, items, value),
            (Type::Map(item), Data::Table(table)) => self.map(item, table, value),
            (Type::Record(name), Data::Table(table)) => self.record(name, table, value),
            _ => self.wrong_type(ty, value),
        }
    }

    fn list(&mut self, item: &Type, items: &[Value], value: &Value) -> Option<Resolved> {
        let fits = self.in_range(count(items.len()), " items", value);
        let path = self.path.clone();
        let mut resolved = Vec::new();
        let mut whole = true;
        for (index, item_value) in items.iter().enumerate() {
            self.path = format!("{path}[{index}]");
            match self.item(item, item_value) {
                Some(item) => resolved.push(item),
                None => whole = false,
            }
        }
        self.path = path;
        (fits && whole).then_some(Resolved::List(resolved))
    }

    fn map(&mut self, item: &Type, table: &Table, value: &Value) -> Option<Resolved> {
        let fits = self.in_range(count(table.len()), " entries", value);
        let path = self.path.clone();
        let mut resolved = BTreeMap::new();
        let mut whole = true;
        for (key, entry) in table {
            self.path = format!("{path}.{key}");
            match self.item(item, &entry.value) {
                Some(item) => {
                    resolved.insert(key.clone(), item);
                }
                None => whole = false,
            }
        }
        self.path = path;
        (fits && whole).then_some(Resolved::Map(resolved))
    }

    /// An item of a list or map: `min` and `max` count the items and do not hold for each of them.
    fn item(&mut self, ty: &Type, value: &Value) -> Option<Resolved> {
        let field = Field {
            min: None,
            max: None,
            ..self.field.clone()
        };
        let mut inner = Place {
            field: &field,
            contract: self.contract,
            input: self.input.clone(),
            path: self.path.clone(),
            problems: self.problems,
        };
        inner.value(ty, value)
    }

    fn record(&mut self, name: &str, table: &Table, value: &Value) -> Option<Resolved> {
        let record = self.contract.types.get(name)?;
        let mut whole = true;
        // What a misspelt key was meant to be is not missing as well.
        let mut meant: Vec<&str> = Vec::new();
        for (key, entry) in table {
            if !record.fields.contains_key(key) {
                let problem = Problem::error(codes::UNKNOWN_INPUT, format!("`{}` has no key `{key}`", self.path))
                    .at(entry.key.clone(), "");
                let names = record.fields.keys().map(String::as_str);
                meant.extend(closest(key, names.clone()));
                self.problems
                    .push(field::with_suggestion(problem, key, names, "it has"));
                whole = false;
            }
        }
        let mut resolved = BTreeMap::new();
        for (key, field) in &record.fields {
            let given = table.get(key).map(|entry| &entry.value);
            let typed = match given.or(field.default.as_ref()) {
                Some(written) => {
                    let mut inner = Place {
                        field,
                        contract: self.contract,
                        input: self.input.clone(),
                        path: format!("{}.{key}", self.path),
                        problems: self.problems,
                    };
                    inner.value(&field.ty, written)
                }
                None if field.optional => Some(Resolved::None),
                None if meant.contains(&key.as_str()) => None,
                None => {
                    self.problems.push(
                        Problem::error(codes::MISSING_INPUT, format!("`{}` has no `{key}`", self.path))
                            .at(head(&value.span), "")
                            .note(format!("`{key}` ({}): {}", field.ty, first_line(&field.doc)))
                            .hint(format!("for example: {key} = {}", field.sample())),
                    );
                    None
                }
            };
            match typed {
                Some(typed) => {
                    resolved.insert(key.clone(), typed);
                }
                None => whole = false,
            }
        }
        whole.then_some(Resolved::Map(resolved))
    }

    /// Some if the text is a reference, or was meant as one.
    #[expect(clippy::option_option, reason = "not a reference; a wrong one; a right one")]
    fn wire(&mut self, ty: &Type, text: &str, value: &Value) -> Option<Option<Resolved>> {
        let (stack, output) = match reference(text) {
            Reference::None => return None,
            Reference::Malformed(reason) => {
                self.problems.push(
                    Problem::error(codes::WIRE_MALFORMED, reason)
                        .at(value.span.clone(), "")
                        .hint("a reference is the whole string: \"${network.vpc_id}\""),
                );
                return Some(None);
            }
            Reference::Output { stack, output } => (stack, output),
        };
        let takes = Takes::of(ty);
        if takes == Takes::Nothing {
            let message = format!(
                "`{}` cannot come from another stack: outputs are strings or lists of them",
                self.path
            );
            self.problems.push(
                Problem::error(codes::WIRE_TYPE, message)
                    .at(value.span.clone(), "")
                    .note(format!("`{}` is {}", self.path, ty.describe())),
            );
            return Some(None);
        }
        Some(Some(Resolved::Deferred(Wire {
            input: self.input.clone(),
            stack,
            output,
            parameter: pascal(&self.path),
            takes,
            span: value.span.clone(),
        })))
    }

    fn wrong_type(&mut self, ty: &Type, value: &Value) -> Option<Resolved> {
        let message = format!(
            "`{}` must be {}, this is {}",
            self.path,
            ty.describe(),
            value.value.kind()
        );
        let mut problem = Problem::error(codes::INPUT_TYPE, message).at(head(&value.span), "");
        if self.field.secret {
            problem = Problem::error(codes::INPUT_TYPE, problem.message).at(hidden(&value.span), "");
        } else {
            let written = value.span.text();
            problem = match (ty, &value.value) {
                // Quotes would only lead to the next mistake.
                _ if !self.field.values.is_empty() => {
                    let choices: Vec<_> = self.field.values.iter().map(|choice| choice.span.text()).collect();
                    problem.hint(format!("it can be {}", choices.join(", ")))
                }
                (Type::Boolean, Data::Integer(0)) => problem.hint("write: false"),
                (Type::Boolean, Data::Integer(1)) => problem.hint("write: true"),
                (Type::List(_), Data::String(text)) if text.contains(',') => {
                    let items: Vec<_> = text.split(',').map(|item| format!("\"{}\"", item.trim())).collect();
                    problem.hint(format!("write: [{}]", items.join(", ")))
                }
                (Type::String, Data::Integer(_) | Data::Float(_) | Data::Boolean(_)) => {
                    problem.hint(format!("put it in quotes: \"{written}\""))
                }
                (Type::Integer | Type::Number | Type::Boolean, Data::String(text)) if is_bare(text) => {
                    problem.hint(format!("without quotes: {text}"))
                }
                (Type::List(_), Data::String(_) | Data::Integer(_)) => {
                    problem.hint(format!("put it in brackets: [{written}]"))
                }
                _ => problem,
            };
        }
        let problem = self.explain(problem);
        self.problems.push(problem);
        None
    }

    fn explain(&self, problem: Problem) -> Problem {
        match first_line(&self.field.doc) {
            "" => problem,
            doc => problem.note(format!("`{}`: {doc}", self.field.name)),
        }
    }
}

/// The first line of a value: long tables are not underlined whole.
fn head(span: &Span) -> Span {
    let length = span.text().lines().next().map_or(0, str::len);
    Span::new(&span.source, span.bytes.start..span.bytes.start + length)
}

fn is_bare(text: &str) -> bool {
    text == "true" || text == "false" || text.parse::<f64>().is_ok()
}

#[expect(clippy::cast_precision_loss, reason = "no file holds 2^53 items")]
pub(super) fn count(items: usize) -> f64 {
    items as f64
}

pub(super) fn first_line(doc: &str) -> &str {
    doc.lines().next().unwrap_or_default().trim()
}

/// A scalar as a person would say it.
pub(super) fn plain(data: &Data) -> String {
    match data {
        Data::String(text) => text.clone(),
        Data::Integer(number) => number.to_string(),
        Data::Float(number) => number.to_string(),
        Data::Boolean(value) => value.to_string(),
        other => other.kind().to_owned(),
    }
}
