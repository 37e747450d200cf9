//! From a text to its statements, each with the comments and blank lines round it.
//!
//! `toml_edit` says where values and headers are; what lies between them is blanks, comments and the names of keys.

use std::ops::Range;

use toml_edit::{Document, Item, Table, Value};

use super::value::{self, Piece};

/// A file in the order in which it is written.
#[derive(Debug, Default)]
pub(super) struct File {
    /// What stands at the top for the whole file.
    pub(super) head: Vec<Line>,
    pub(super) sections: Vec<Section>,
    /// What stands at the end and belongs to nothing.
    pub(super) tail: Vec<Line>,
}

/// What stands between two statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    Blank,
    /// From `#` to the end of the line, without blanks behind it.
    Comment(String),
}

/// A header with its keys; the keys before the first header have none.
#[derive(Debug, Default)]
pub(super) struct Section {
    /// Above the header.
    pub(super) lead: Vec<Line>,
    pub(super) header: Option<Header>,
    /// The keys, in groups with a blank line between them.
    pub(super) groups: Vec<Group>,
}

#[derive(Debug)]
pub(super) struct Header {
    /// The names, without quotes.
    pub(super) path: Vec<String>,
    /// As it is written, without blanks: `[stacks.network]`.
    pub(super) text: String,
    /// `[[…]]`.
    pub(super) array: bool,
    /// Behind it, on the same line.
    pub(super) comment: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Group {
    /// Comments at its top that a blank line parts from the first key.
    pub(super) intro: Vec<Line>,
    pub(super) entries: Vec<Entry>,
    /// Comments directly under its last key, followed by a blank line: often a key that is commented out.
    pub(super) tail: Vec<Line>,
}

#[derive(Debug)]
pub(super) struct Entry {
    /// Comments directly above.
    pub(super) lead: Vec<Line>,
    /// The first name of the key, without quotes.
    pub(super) name: String,
    /// The key as it is written, without blanks: `a."b c"`.
    pub(super) key: String,
    pub(super) value: Piece,
    /// Behind the value, on the same line.
    pub(super) comment: Option<String>,
}

/// Reads a text that is valid TOML.
pub(super) fn file(text: &str) -> Result<File, String> {
    let document = Document::parse(text).map_err(|error| error.message().to_owned())?;
    let mut statements = Vec::new();
    collect(document.as_table(), &mut Vec::new(), 0, &mut statements);
    statements.sort_by_key(|statement| statement.range.start);
    let mut file = File::default();
    let mut end = 0;
    for statement in &statements {
        let gap = gap(text.get(end..statement.range.start).unwrap_or_default(), end == 0);
        take_comment(&mut file, gap.behind);
        let raw = text.get(statement.range.clone()).unwrap_or_default();
        match statement.value {
            None => header(&mut file, statement, gap.lines, raw),
            Some(found) => {
                let entry = Entry {
                    lead: Vec::new(),
                    name: statement.path.first().cloned().unwrap_or_default(),
                    key: gap.key,
                    value: value::read(text, found),
                    comment: None,
                };
                key(&mut file, entry, gap.lines);
            }
        }
        end = statement.range.end;
    }
    let rest = gap(text.get(end..).unwrap_or_default(), end == 0);
    take_comment(&mut file, rest.behind);
    match file.sections.last_mut() {
        None => file.head = rest.lines,
        Some(section) => {
            let (near, far) = split(rest.lines);
            if !near.is_empty() {
                last_group(section).tail = near;
            }
            file.tail = far;
        }
    }
    Ok(file)
}

struct Statement<'a> {
    range: Range<usize>,
    /// Of a header the whole path, of a key the path inside its table.
    path: Vec<String>,
    /// None for headers.
    value: Option<&'a Value>,
    array: bool,
}

/// Every header and every value of a statement, in no order. `path` leads to `table`; what stands in it after the first
/// `header` names is the dotted part of a key.
fn collect<'a>(table: &'a Table, path: &mut Vec<String>, header: usize, into: &mut Vec<Statement<'a>>) {
    for (name, item) in table.iter() {
        path.push(name.to_owned());
        match item {
            Item::Table(inner) if inner.is_dotted() => collect(inner, path, header, into),
            Item::Table(inner) => one_table(inner, path, false, into),
            Item::ArrayOfTables(tables) => tables.iter().for_each(|inner| one_table(inner, path, true, into)),
            Item::Value(value) => into.extend(value.span().map(|range| Statement {
                range,
                path: path.get(header..).unwrap_or_default().to_vec(),
                value: Some(value),
                array: false,
            })),
            Item::None => {}
        }
        path.pop();
    }
}

fn one_table<'a>(table: &'a Table, path: &mut Vec<String>, array: bool, into: &mut Vec<Statement<'a>>) {
    // A table that only its sub-tables mention has no header.
    if let Some(range) = table.span().filter(|_| !table.is_implicit()) {
        into.push(Statement {
            range,
            path: path.clone(),
            value: None,
            array,
        });
    }
    let header = path.len();
    collect(table, path, header, into);
}

/// What lies between two values, headers or brackets.
#[derive(Debug, Default)]
pub(super) struct Gap {
    /// A comment on the line on which the gap begins.
    pub(super) behind: Option<String>,
    /// The lines after that, a blank one never after another.
    pub(super) lines: Vec<Line>,
    /// Whether there is a line break.
    pub(super) broken: bool,
    /// Whether there is a comma.
    pub(super) comma: bool,
    /// The key of the value that follows, without blanks; empty if none does.
    pub(super) key: String,
}

/// Reads a gap; `fresh` if it begins on a line of its own.
pub(super) fn gap(text: &str, fresh: bool) -> Gap {
    let mut gap = Gap::default();
    let mut newlines = usize::from(fresh);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match first {
            '\n' => {
                newlines += 1;
                gap.broken = true;
                if newlines > 1 && gap.lines.last() != Some(&Line::Blank) {
                    gap.lines.push(Line::Blank);
                }
            }
            '#' => {
                let (comment, _) = rest.split_once('\n').unwrap_or((rest, ""));
                rest = rest.get(comment.len()..).unwrap_or_default();
                let comment = comment.trim_end().to_owned();
                if newlines == 0 && !gap.broken {
                    gap.behind = Some(comment);
                } else {
                    gap.lines.push(Line::Comment(comment));
                }
                newlines = 0;
                continue;
            }
            ',' => gap.comma = true,
            ' ' | '\t' | '\r' => {}
            _ => {
                gap.key = key_text(rest);
                break;
            }
        }
        rest = rest.get(first.len_utf8()..).unwrap_or_default();
    }
    gap
}

/// A dotted key up to its `=`, or a header, without the blanks outside of quotes.
fn key_text(text: &str) -> String {
    let mut key = String::new();
    let mut quote = None;
    let mut escaped = false;
    for c in text.chars() {
        match quote {
            Some(open) => {
                key.push(c);
                if escaped {
                    escaped = false;
                } else if c == '\\' && open == '"' {
                    escaped = true;
                } else if c == open {
                    quote = None;
                }
            }
            None if c == '=' => break,
            None if c.is_whitespace() => {}
            None => {
                if c == '"' || c == '\'' {
                    quote = Some(c);
                }
                key.push(c);
            }
        }
    }
    key
}

fn header(file: &mut File, statement: &Statement<'_>, lines: Vec<Line>, raw: &str) {
    let lead = match file.sections.last_mut() {
        None => first_lead(file, lines),
        Some(section) => {
            let (near, far) = split(lines);
            if far.is_empty() {
                near
            } else {
                if !near.is_empty() {
                    last_group(section).tail = near;
                }
                without_blanks(far)
            }
        }
    };
    file.sections.push(Section {
        lead,
        header: Some(Header {
            path: statement.path.clone(),
            text: key_text(raw),
            array: statement.array,
            comment: None,
        }),
        groups: Vec::new(),
    });
}

fn key(file: &mut File, mut entry: Entry, lines: Vec<Line>) {
    if file.sections.is_empty() {
        entry.lead = first_lead(file, lines);
        file.sections.push(Section {
            groups: vec![Group {
                entries: vec![entry],
                ..Group::default()
            }],
            ..Section::default()
        });
        return;
    }
    let Some(section) = file.sections.last_mut() else {
        return;
    };
    match section.groups.last_mut() {
        Some(group) => {
            let (near, far) = split(lines);
            if far.is_empty() {
                entry.lead = near;
                group.entries.push(entry);
                return;
            }
            group.tail = near;
            section.groups.push(new_group(entry, without_blanks(far)));
        }
        None => section.groups.push(new_group(entry, without_blanks(lines))),
    }
}

/// A group that begins with `lines` and `entry`: what a blank line parts from the key is about the group.
fn new_group(mut entry: Entry, mut lines: Vec<Line>) -> Group {
    let parted = lines.iter().rposition(|line| *line == Line::Blank);
    entry.lead = lines.split_off(parted.map_or(0, |at| at + 1));
    Group {
        intro: lines,
        entries: vec![entry],
        tail: Vec::new(),
    }
}

/// The first statement's own comments; what a blank line parts from it, and `#:` directives, are the file's.
fn first_lead(file: &mut File, lines: Vec<Line>) -> Vec<Line> {
    let mut lines = without_blanks(lines);
    let directive = |line: &Line| matches!(line, Line::Comment(text) if text.starts_with("#:"));
    let parted = lines.iter().rposition(|line| *line == Line::Blank);
    let directives = lines.iter().take_while(|line| directive(line)).count();
    let own = lines.split_off(parted.map_or(directives, |at| at + 1));
    file.head = lines;
    own
}

/// Comments up to the first blank line, and from that on.
fn split(mut lines: Vec<Line>) -> (Vec<Line>, Vec<Line>) {
    let at = lines
        .iter()
        .position(|line| *line == Line::Blank)
        .unwrap_or(lines.len());
    let far = lines.split_off(at);
    (lines, far)
}

fn without_blanks(mut lines: Vec<Line>) -> Vec<Line> {
    if lines.first() == Some(&Line::Blank) {
        lines.remove(0);
    }
    lines
}

fn take_comment(file: &mut File, comment: Option<String>) {
    let (Some(comment), Some(section)) = (comment, file.sections.last_mut()) else {
        return;
    };
    let entry = section.groups.last_mut().and_then(|group| group.entries.last_mut());
    match (entry, &mut section.header) {
        (Some(entry), _) => entry.comment = Some(comment),
        (None, Some(header)) => header.comment = Some(comment),
        (None, None) => {}
    }
}

fn last_group(section: &mut Section) -> &mut Group {
    if section.groups.is_empty() {
        section.groups.push(Group::default());
    }
    let last = section.groups.len() - 1;
    #[expect(clippy::indexing_slicing, reason = "there is one: it was just made sure of")]
    &mut section.groups[last]
}
