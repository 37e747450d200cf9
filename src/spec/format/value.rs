//! Values: scalars as they were written, arrays and inline tables on one line or on several.

use toml_edit::{InlineTable, Value};

use super::WIDTH;
use super::read::{Line, gap};

/// How much deeper the items of an array stand than its brackets.
const INDENT: usize = 2;

/// A value as it will be written.
#[derive(Debug)]
pub(super) enum Piece {
    /// A string, number, boolean or date: the author's own characters.
    Raw(String),
    List(List),
}

/// An array or an inline table.
#[derive(Debug)]
pub(super) struct List {
    brackets: Brackets,
    parts: Vec<Part>,
    /// Comments behind the last item.
    tail: Vec<Line>,
    /// Whether its author broke lines in it.
    broken: bool,
    /// Whether a comma follows the last item: with line breaks it says that each item wants a line of its own.
    comma: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Brackets {
    Array,
    Table,
}

#[derive(Debug)]
struct Part {
    /// Lines above.
    lead: Vec<Line>,
    /// The key, in inline tables.
    key: String,
    value: Piece,
    /// Behind it, on the same line.
    comment: Option<String>,
}

/// The piece that stands at `value` in `text`.
pub(super) fn read(text: &str, value: &Value) -> Piece {
    match value {
        Value::Array(array) => list(text, value, Brackets::Array, array.iter().collect()),
        Value::InlineTable(table) => {
            let mut values = Vec::new();
            leaves(table, &mut values);
            values.sort_by_key(|value| value.span().map(|span| span.start));
            list(text, value, Brackets::Table, values)
        }
        _ => Piece::Raw(slice(text, value.span()).to_owned()),
    }
}

/// The values of an inline table, those of dotted keys included.
fn leaves<'a>(table: &'a InlineTable, into: &mut Vec<&'a Value>) {
    for (_, value) in table.iter() {
        match value {
            Value::InlineTable(inner) if inner.is_dotted() => leaves(inner, into),
            value => into.push(value),
        }
    }
}

fn list(text: &str, whole: &Value, brackets: Brackets, values: Vec<&Value>) -> Piece {
    let Some(span) = whole.span() else {
        return Piece::Raw(String::new());
    };
    let mut list = List {
        brackets,
        parts: Vec::new(),
        tail: Vec::new(),
        broken: false,
        comma: false,
    };
    let mut end = span.start + 1;
    for value in values {
        let Some(span) = value.span() else { continue };
        let gap = gap(text.get(end..span.start).unwrap_or_default(), false);
        let lead = list.take(gap.behind, gap.lines);
        list.broken |= gap.broken;
        list.parts.push(Part {
            lead,
            key: gap.key,
            value: read(text, value),
            comment: None,
        });
        end = span.end;
    }
    let last = gap(text.get(end..span.end.saturating_sub(1)).unwrap_or_default(), false);
    list.comma = last.comma;
    list.broken |= last.broken;
    list.tail = list.take(last.behind, last.lines);
    if list.tail.last() == Some(&Line::Blank) {
        list.tail.pop();
    }
    Piece::List(list)
}

fn slice(text: &str, span: Option<std::ops::Range<usize>>) -> &str {
    span.and_then(|span| text.get(span)).unwrap_or_default()
}

impl List {
    /// Gives a comment to the item that it stands behind; returns the lines above the next one.
    fn take(&mut self, behind: Option<String>, mut lines: Vec<Line>) -> Vec<Line> {
        match self.parts.last_mut() {
            Some(part) => part.comment = behind,
            None => {
                if lines.first() == Some(&Line::Blank) {
                    lines.remove(0);
                }
                if let Some(comment) = behind {
                    lines.insert(0, Line::Comment(comment));
                }
            }
        }
        lines
    }

    /// Whether it cannot be written on one line, or its author does not want it.
    fn is_spread(&self) -> bool {
        let commented = |part: &Part| part.comment.is_some() || has_comment(&part.lead);
        has_comment(&self.tail) || self.parts.iter().any(commented) || (self.broken && self.comma)
    }

    /// Whether it may be written on several lines: inline tables only if they were, because TOML before 1.1 takes no
    /// line breaks in them.
    fn can_spread(&self) -> bool {
        !self.parts.is_empty() && (self.brackets == Brackets::Array || self.broken)
    }

    fn ends(&self) -> (&'static str, &'static str) {
        match self.brackets {
            Brackets::Array => ("[", "]"),
            Brackets::Table => ("{", "}"),
        }
    }

    fn spread(&self, indent: usize) -> String {
        let (open, close) = self.ends();
        let inner = " ".repeat(indent + INDENT);
        let mut text = format!("{open}\n");
        for part in &self.parts {
            text.push_str(&indented(&part.lead, &inner));
            let key = part.assigned();
            let value = part.value.write(indent + INDENT, indent + INDENT + width(&key) + 1);
            text.push_str(&format!("{inner}{key}{value},"));
            if let Some(comment) = &part.comment {
                text.push_str(&format!(" {comment}"));
            }
            text.push('\n');
        }
        text.push_str(&indented(&self.tail, &inner));
        format!("{text}{}{close}", " ".repeat(indent))
    }

    /// On one line but for what its items need.
    fn joined(&self, item: &dyn Fn(&Part) -> Option<String>) -> Option<String> {
        let items: Vec<String> = self
            .parts
            .iter()
            .map(|part| item(part).map(|value| format!("{}{value}", part.assigned())))
            .collect::<Option<_>>()?;
        let (open, close) = self.ends();
        Some(match (self.brackets, items.is_empty()) {
            (_, true) => format!("{open}{close}"),
            (Brackets::Array, _) => format!("{open}{}{close}", items.join(", ")),
            (Brackets::Table, _) => format!("{open} {} {close}", items.join(", ")),
        })
    }
}

impl Part {
    fn assigned(&self) -> String {
        if self.key.is_empty() {
            String::new()
        } else {
            format!("{} = ", self.key)
        }
    }
}

impl Piece {
    /// On one line; none if that cannot be.
    fn flat(&self) -> Option<String> {
        match self {
            Self::Raw(text) => (!text.contains('\n')).then(|| text.clone()),
            Self::List(list) if list.is_spread() => None,
            Self::List(list) => list.joined(&|part| part.value.flat()),
        }
    }

    /// As it is written from column `column` on, in a line that is indented by `indent`.
    pub(super) fn write(&self, indent: usize, column: usize) -> String {
        let list = match self {
            Self::Raw(text) => return text.clone(),
            Self::List(list) => list,
        };
        match self.flat() {
            Some(flat) if !list.can_spread() || column + width(&flat) <= WIDTH => flat,
            _ if list.is_spread() || list.can_spread() => list.spread(indent),
            _ => list
                .joined(&|part| Some(part.value.write(indent, column)))
                .unwrap_or_default(),
        }
    }
}

/// Comments and blank lines, one a line, behind `indent`.
fn indented(lines: &[Line], indent: &str) -> String {
    lines
        .iter()
        .map(|line| match line {
            Line::Blank => "\n".to_owned(),
            Line::Comment(text) => format!("{indent}{text}\n"),
        })
        .collect()
}

fn has_comment(lines: &[Line]) -> bool {
    lines.iter().any(|line| matches!(line, Line::Comment(_)))
}

/// How many columns a text takes; keys and values are narrow.
pub(super) fn width(text: &str) -> usize {
    text.chars().count()
}
