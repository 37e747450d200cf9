//! The expression language of DynamoDB: reading conditions, updates and projections.
//!
//! The grammar is the one under "Using expressions in DynamoDB" in the developer guide. Attribute names that are
//! reserved words, placeholders that are not defined and placeholders that are not used are errors, as on AWS:
//! a lock that works here only because nobody checked would fail on the first night in production.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::{Map, Value};

const RESERVED: &str = include_str!("reserved.txt");

/// One step of a document path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Field(String),
    Index(usize),
}

/// A document path; the first step is an attribute name.
pub(super) type Path = Vec<Step>;

/// Something that has a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    Path(Path),
    Value(Value),
    Size(Path),
}

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    Or(Box<Condition>, Box<Condition>),
    And(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
    Compare(Operand, String, Operand),
    Between(Operand, Operand, Operand),
    In(Operand, Vec<Operand>),
    Exists(Path),
    NotExists(Path),
    IsOfType(Path, Operand),
    BeginsWith(Path, Operand),
    Contains(Path, Operand),
}

/// The right side of `SET`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Term {
    Operand(Operand),
    IfNotExists(Path, Box<Term>),
    ListAppend(Box<Term>, Box<Term>),
    Sum(Box<Term>, i8, Box<Term>),
}

/// One action of an update expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Action {
    Set(Path, Term),
    Remove(Path),
    Add(Path, Value),
    Delete(Path, Value),
}

/// The placeholders of one request, and which of them were used.
pub(super) struct Placeholders<'a> {
    names: Option<&'a Map<String, Value>>,
    values: Option<&'a Map<String, Value>>,
    used: RefCell<BTreeSet<String>>,
}

impl<'a> Placeholders<'a> {
    /// Takes `ExpressionAttributeNames` and `ExpressionAttributeValues` of a request.
    pub(super) fn of(request: &'a Value) -> Self {
        Self {
            names: request.get("ExpressionAttributeNames").and_then(Value::as_object),
            values: request.get("ExpressionAttributeValues").and_then(Value::as_object),
            used: RefCell::default(),
        }
    }

    /// To be called when all expressions were read.
    pub(super) fn check_all_used(&self) -> Result<(), String> {
        let used = self.used.borrow();
        for (what, map) in [
            ("ExpressionAttributeNames", self.names),
            ("ExpressionAttributeValues", self.values),
        ] {
            let unused: Vec<&str> = map
                .into_iter()
                .flat_map(Map::keys)
                .filter(|key| !used.contains(*key))
                .map(String::as_str)
                .collect();
            if !unused.is_empty() {
                return Err(format!(
                    "Value provided in {what} unused in expressions: keys: {{{}}}",
                    unused.join(", ")
                ));
            }
        }
        Ok(())
    }

    fn name(&self, placeholder: &str) -> Result<String, String> {
        self.used.borrow_mut().insert(placeholder.to_owned());
        self.names
            .and_then(|names| names.get(placeholder))
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| {
                format!("An expression attribute name used in the document path is not defined; attribute name: {placeholder}")
            })
    }

    fn value(&self, placeholder: &str) -> Result<Value, String> {
        self.used.borrow_mut().insert(placeholder.to_owned());
        self.values
            .and_then(|values| values.get(placeholder))
            .cloned()
            .ok_or_else(|| {
                format!(
                    "An expression attribute value used in expression is not defined; attribute value: {placeholder}"
                )
            })
    }
}

/// Reads a condition; `what` names the parameter in errors.
pub(super) fn condition(what: &str, text: &str, placeholders: &Placeholders<'_>) -> Result<Condition, String> {
    let mut parser = Parser::new(text, placeholders).map_err(|error| format!("Invalid {what}: {error}"))?;
    let parsed = parser.or().and_then(|condition| parser.end().map(|()| condition));
    parsed.map_err(|error| format!("Invalid {what}: {error}"))
}

/// Reads an update expression.
pub(super) fn update(text: &str, placeholders: &Placeholders<'_>) -> Result<Vec<Action>, String> {
    let read = || {
        let mut parser = Parser::new(text, placeholders)?;
        parser.actions()
    };
    read().map_err(|error: String| format!("Invalid UpdateExpression: {error}"))
}

/// Reads a projection expression.
pub(super) fn projection(text: &str, placeholders: &Placeholders<'_>) -> Result<Vec<Path>, String> {
    let read = || {
        let mut parser = Parser::new(text, placeholders)?;
        let mut paths = vec![parser.path()?];
        while parser.take(",") {
            paths.push(parser.path()?);
        }
        parser.end().map(|()| paths)
    };
    read().map_err(|error: String| format!("Invalid ProjectionExpression: {error}"))
}

struct Parser<'a> {
    tokens: Vec<String>,
    at: usize,
    placeholders: &'a Placeholders<'a>,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn new(text: &str, placeholders: &'a Placeholders<'a>) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err("The expression can not be empty;".to_owned());
        }
        if text.len() > 4096 {
            return Err("Expression size has exceeded the maximum allowed size;".to_owned());
        }
        Ok(Self {
            tokens: tokens(text)?,
            at: 0,
            placeholders,
            depth: 0,
        })
    }

    fn or(&mut self) -> Result<Condition, String> {
        let mut left = self.and()?;
        while self.take_word("OR") {
            left = Condition::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Condition, String> {
        let mut left = self.not()?;
        while self.take_word("AND") {
            left = Condition::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Condition, String> {
        self.depth += 1;
        if self.depth > 150 {
            return Err("The expression is nested too deeply;".to_owned());
        }
        let parsed = if self.take_word("NOT") {
            self.not().map(|inner| Condition::Not(Box::new(inner)))
        } else if self.take("(") {
            let inner = self.or()?;
            self.expect(")")?;
            Ok(inner)
        } else {
            self.comparison()
        };
        self.depth -= 1;
        parsed
    }

    fn comparison(&mut self) -> Result<Condition, String> {
        let function = self.peek().unwrap_or_default().to_owned();
        if self.peek_at(1) == Some("(") && function != "size" {
            return self.function(&function);
        }
        let left = self.operand()?;
        if self.take_word("BETWEEN") {
            let low = self.operand()?;
            if !self.take_word("AND") {
                return Err(self.unexpected());
            }
            return Ok(Condition::Between(left, low, self.operand()?));
        }
        if self.take_word("IN") {
            self.expect("(")?;
            let mut choices = vec![self.operand()?];
            while self.take(",") {
                choices.push(self.operand()?);
            }
            self.expect(")")?;
            return Ok(Condition::In(left, choices));
        }
        for comparator in ["=", "<>", "<=", ">=", "<", ">"] {
            if self.take(comparator) {
                return Ok(Condition::Compare(left, comparator.to_owned(), self.operand()?));
            }
        }
        Err(self.unexpected())
    }

    fn function(&mut self, name: &str) -> Result<Condition, String> {
        self.at += 2;
        let path = self.path()?;
        let condition = match name {
            "attribute_exists" => Condition::Exists(path),
            "attribute_not_exists" => Condition::NotExists(path),
            "attribute_type" | "begins_with" | "contains" => {
                self.expect(",")?;
                let operand = self.operand()?;
                match name {
                    "attribute_type" => Condition::IsOfType(path, operand),
                    "begins_with" => Condition::BeginsWith(path, operand),
                    _ => Condition::Contains(path, operand),
                }
            }
            _ => return Err(format!("Invalid function name; function: {name}")),
        };
        self.expect(")")?;
        Ok(condition)
    }

    fn operand(&mut self) -> Result<Operand, String> {
        let token = self.peek().unwrap_or_default().to_owned();
        if token == "size" && self.peek_at(1) == Some("(") {
            self.at += 2;
            let path = self.path()?;
            self.expect(")")?;
            return Ok(Operand::Size(path));
        }
        if token.starts_with(':') {
            self.at += 1;
            return self.placeholders.value(&token).map(Operand::Value);
        }
        self.path().map(Operand::Path)
    }

    fn path(&mut self) -> Result<Path, String> {
        let mut path = vec![Step::Field(self.field()?)];
        loop {
            if self.take(".") {
                path.push(Step::Field(self.field()?));
            } else if self.take("[") {
                let index = self
                    .peek()
                    .and_then(|token| token.parse().ok())
                    .ok_or_else(|| self.unexpected())?;
                self.at += 1;
                self.expect("]")?;
                path.push(Step::Index(index));
            } else {
                return Ok(path);
            }
        }
    }

    fn field(&mut self) -> Result<String, String> {
        let token = self.peek().unwrap_or_default().to_owned();
        if token.starts_with('#') {
            self.at += 1;
            return self.placeholders.name(&token);
        }
        let plain = token
            .chars()
            .next()
            .is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
        if !plain {
            return Err(self.unexpected());
        }
        if RESERVED
            .split_whitespace()
            .any(|word| word.eq_ignore_ascii_case(&token))
        {
            return Err(format!(
                "Attribute name is a reserved keyword; reserved keyword: {token}"
            ));
        }
        self.at += 1;
        Ok(token)
    }

    fn actions(&mut self) -> Result<Vec<Action>, String> {
        let mut actions = Vec::new();
        let mut seen = BTreeSet::new();
        while let Some(section) = self.peek().map(str::to_ascii_uppercase) {
            if !matches!(section.as_str(), "SET" | "REMOVE" | "ADD" | "DELETE") {
                return Err(self.unexpected());
            }
            if !seen.insert(section.clone()) {
                return Err(format!(
                    "The \"{section}\" section can only be used once in an update expression;"
                ));
            }
            self.at += 1;
            loop {
                actions.push(self.action(&section)?);
                if !self.take(",") {
                    break;
                }
            }
        }
        Ok(actions)
    }

    fn action(&mut self, section: &str) -> Result<Action, String> {
        let path = self.path()?;
        match section {
            "SET" => {
                self.expect("=")?;
                self.sum().map(|term| Action::Set(path, term))
            }
            "REMOVE" => Ok(Action::Remove(path)),
            _ => match self.operand()? {
                Operand::Value(value) if section == "ADD" => Ok(Action::Add(path, value)),
                Operand::Value(value) => Ok(Action::Delete(path, value)),
                _ => Err(format!("The {section} action takes a value;")),
            },
        }
    }

    fn sum(&mut self) -> Result<Term, String> {
        let left = self.term()?;
        for (token, sign) in [("+", 1), ("-", -1)] {
            if self.take(token) {
                return Ok(Term::Sum(Box::new(left), sign, Box::new(self.term()?)));
            }
        }
        Ok(left)
    }

    fn term(&mut self) -> Result<Term, String> {
        if self.peek_at(1) == Some("(") {
            let function = self.peek().unwrap_or_default().to_owned();
            self.at += 2;
            let term = match function.as_str() {
                "if_not_exists" => {
                    let path = self.path()?;
                    self.expect(",")?;
                    Term::IfNotExists(path, Box::new(self.sum()?))
                }
                "list_append" => {
                    let first = self.sum()?;
                    self.expect(",")?;
                    Term::ListAppend(Box::new(first), Box::new(self.sum()?))
                }
                _ => return Err(format!("Invalid function name; function: {function}")),
            };
            self.expect(")")?;
            return Ok(term);
        }
        self.operand().map(Term::Operand)
    }

    fn peek(&self) -> Option<&str> {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> Option<&str> {
        self.tokens.get(self.at + ahead).map(String::as_str)
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    fn end(&self) -> Result<(), String> {
        if self.at == self.tokens.len() {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    fn unexpected(&self) -> String {
        let around = |at: usize| self.tokens.get(at).map_or("<EOF>", String::as_str);
        let near = [
            self.at.checked_sub(1).map_or("", around),
            around(self.at),
            around(self.at + 1),
        ];
        format!(
            "Syntax error; token: \"{}\", near: \"{}\"",
            around(self.at),
            near.join(" ").trim()
        )
    }
}

fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if first.is_ascii_alphanumeric() || "_#:".contains(first) {
            let tail = rest.get(1..).unwrap_or_default();
            1 + tail
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                .unwrap_or(tail.len())
        } else if ["<>", "<=", ">="].iter().any(|pair| rest.starts_with(pair)) {
            2
        } else if "=<>(),.[]+-".contains(first) {
            1
        } else {
            return Err(format!("Syntax error; token: \"{first}\""));
        };
        let (token, after) = rest.split_at(length);
        tokens.push(token.to_owned());
        rest = after.trim_start();
    }
    Ok(tokens)
}
