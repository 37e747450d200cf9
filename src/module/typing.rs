//! What a file says, against the type that the contract wants: a [`Resolved`] value, or problems with positions.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::contract::{Contract, Field, pascal};
use super::types::{Type, is_identifier};
use crate::diagnostic::{Problem, Problems, Source, Span, codes};
use crate::spec::syntax::Table;
use crate::spec::{Data, Value, field, is_name};

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

    fn text(&mut self, text: &str, value: &Value) -> Option<Resolved> {
        if self.field.secret && !is_secret_reference(text) {
            self.problems.push(secret_problem(&self.path, value));
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "no string here has 2^53 characters")]
        let length = text.chars().count() as f64;
        let fits = self.in_range(length, " characters long", value) && self.is_choice(value);
        if let Some(pattern) = self
            .field
            .pattern
            .as_ref()
            .filter(|pattern| !pattern.regex.is_match(text))
        {
            return self.refuse(
                value,
                format!("`{}` must match `{}`, \"{text}\" does not", self.path, pattern.text),
            );
        }
        fits.then(|| Resolved::String(text.to_owned()))
    }

    fn cidr(&mut self, text: &str, value: &Value) -> Option<Resolved> {
        let Ok(net) = text.parse::<ipnet::IpNet>() else {
            let hint = match text.parse::<IpAddr>() {
                Ok(_) => format!("write how many bits name the network: \"{text}/16\""),
                Err(_) => "for example \"10.0.0.0/16\"".into(),
            };
            return self.refuse_with(value, format!("`{}`: \"{text}\" is not a network", self.path), hint);
        };
        if net.trunc() != net {
            let message = format!("`{}`: {text} is an address inside a network, not a network", self.path);
            return self.refuse_with(value, message, format!("the network is {}", net.trunc()));
        }
        let length = f64::from(net.prefix_len());
        let fits = self.in_range(length, " bits of prefix", value) && self.is_choice(value);
        fits.then(|| Resolved::String(text.to_owned()))
    }

    fn arn(&mut self, text: &str, value: &Value) -> Option<Resolved> {
        let parts: Vec<_> = text.splitn(6, ':').collect();
        let is_arn = match parts.as_slice() {
            ["arn", partition, service, _, account, resource] => {
                partition.starts_with("aws")
                    && !service.is_empty()
                    && (account.is_empty() || *account == "aws" || is_account(account))
                    && !resource.is_empty()
            }
            _ => false,
        };
        if !is_arn {
            let message = format!("`{}`: \"{text}\" is not an ARN", self.path);
            return self.refuse_with(value, message, "for example arn:aws:iam::111122223333:role/name".into());
        }
        self.text(text, value)
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
        for (key, entry) in table {
            if !record.fields.contains_key(key) {
                let problem = Problem::error(codes::UNKNOWN_INPUT, format!("`{}` has no key `{key}`", self.path))
                    .at(entry.key.clone(), "");
                let names = record.fields.keys().map(String::as_str);
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
                None => {
                    self.problems.push(
                        Problem::error(codes::MISSING_INPUT, format!("`{}` has no `{key}`", self.path))
                            .at(head(&value.span), "")
                            .note(format!("`{key}` ({}): {}", field.ty, first_line(&field.doc))),
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

    fn in_range(&mut self, number: f64, unit: &str, value: &Value) -> bool {
        let (min, max) = (self.field.min, self.field.max);
        if min.is_none_or(|min| number >= min) && max.is_none_or(|max| number <= max) {
            return true;
        }
        let range = match (min, max) {
            (Some(min), Some(max)) if (min - max).abs() < f64::EPSILON => format!("{min}"),
            (Some(min), Some(max)) => format!("{min} to {max}"),
            (Some(min), None) => format!("at least {min}"),
            (_, Some(max)) => format!("at most {max}"),
            (None, None) => return true,
        };
        let message = match unit {
            "" => format!("`{}` must be {range}, {number} is not", self.path),
            " characters long" => format!("`{}` must be {range}{unit}, this is {number}", self.path),
            _ => format!("`{}` must have {range}{unit}, this has {number}", self.path),
        };
        self.refuse(value, message);
        false
    }

    fn is_choice(&mut self, value: &Value) -> bool {
        let choices = &self.field.values;
        if choices.is_empty() || choices.iter().any(|choice| choice.value == value.value) {
            return true;
        }
        let names: Vec<String> = choices.iter().map(|choice| plain(&choice.value)).collect();
        let typed = plain(&value.value);
        let problem = Problem::error(codes::INPUT_VALUE, format!("`{}` cannot be `{typed}`", self.path))
            .at(value.span.clone(), "");
        let problem = self.explain(problem);
        let names = names.iter().map(String::as_str);
        self.problems
            .push(field::with_suggestion(problem, &typed, names, "it can be"));
        false
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

    fn refuse(&mut self, value: &Value, message: String) -> Option<Resolved> {
        let problem = Problem::error(codes::INPUT_VALUE, message).at(head(&value.span), "");
        let problem = self.explain(problem);
        self.problems.push(problem);
        None
    }

    fn refuse_with(&mut self, value: &Value, message: String, hint: String) -> Option<Resolved> {
        let problem = Problem::error(codes::INPUT_VALUE, message)
            .at(value.span.clone(), "")
            .hint(hint);
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

enum Reference {
    None,
    Malformed(String),
    Output { stack: String, output: String },
}

/// `${network.vpc_id}`. CloudFormation's and IAM's own `${AWS::Region}`, `${aws:username}` are left alone.
fn reference(text: &str) -> Reference {
    let Some(start) = text.find("${") else {
        return Reference::None;
    };
    let inside = text.get(start + 2..).and_then(|rest| rest.split_once('}'));
    let Some((name, rest)) = inside else {
        return if start == 0 && !text.contains(':') {
            Reference::Malformed(format!("`{text}` has no closing brace"))
        } else {
            Reference::None
        };
    };
    if name.contains(':') {
        return Reference::None;
    }
    match name.trim().split_once('.') {
        Some((stack, output)) if is_name(stack) && is_identifier(output) => {
            if start == 0 && rest.is_empty() {
                Reference::Output {
                    stack: stack.to_owned(),
                    output: output.to_owned(),
                }
            } else {
                Reference::Malformed(format!("`${{{name}}}` stands in the middle of a string"))
            }
        }
        _ if start == 0 && rest.is_empty() => Reference::Malformed(format!("`{text}` is not ${{STACK.OUTPUT}}")),
        _ => Reference::None,
    }
}

/// References that name a secret without holding it: "Get a secret or secret value from Secrets Manager" and
/// "Get a secure string value from Systems Manager Parameter Store", CloudFormation User Guide.
pub(super) fn is_secret_reference(text: &str) -> bool {
    let dynamic = |kind: &str| {
        text.strip_prefix("{{resolve:")
            .and_then(|rest| rest.strip_prefix(kind))
            .is_some_and(|rest| rest.ends_with("}}") && rest.len() > 2 && !rest.contains(['\n', '{']))
    };
    let arn = |service: &str, kind: &str| {
        let parts: Vec<_> = text.splitn(6, ':').collect();
        matches!(parts.as_slice(), ["arn", _, found, _, account, name]
            if *found == service && is_account(account) && name.starts_with(kind))
    };
    dynamic("secretsmanager:") || dynamic("ssm-secure:") || arn("secretsmanager", "secret:") || arn("ssm", "parameter/")
}

/// Never shows what stands there: the excerpt that views print comes from a text in which it is starred out.
fn secret_problem(path: &str, value: &Value) -> Problem {
    Problem::error(
        codes::SECRET_LITERAL,
        format!("`{path}` is a secret and must not be written into a file"),
    )
    .at(hidden(&value.span), "")
    .hint("store it once: aws secretsmanager create-secret --name NAME --secret-string file:///dev/stdin")
    .hint(format!(
        "then refer to it: {path} = \"{{{{resolve:secretsmanager:NAME}}}}\""
    ))
    .note("if this file was ever committed, replace the secret")
}

/// The same place in a copy of the text whose value is starred out.
fn hidden(span: &Span) -> Span {
    let mut text = span.source.text.clone();
    let stars = "*".repeat(span.bytes.len());
    if text.get(span.bytes.clone()).is_some() {
        text.replace_range(span.bytes.clone(), &stars);
    }
    let source = Arc::new(Source {
        path: span.source.path.clone(),
        text,
    });
    Span::new(&source, span.bytes.clone())
}

/// The first line of a value: long tables are not underlined whole.
fn head(span: &Span) -> Span {
    let length = span.text().lines().next().map_or(0, str::len);
    Span::new(&span.source, span.bytes.start..span.bytes.start + length)
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_bare(text: &str) -> bool {
    text == "true" || text == "false" || text.parse::<f64>().is_ok()
}

#[expect(clippy::cast_precision_loss, reason = "no file holds 2^53 items")]
fn count(items: usize) -> f64 {
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
