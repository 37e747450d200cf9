//! JSON text to nodes (RFC 8259). serde_json keeps no positions and lets the last duplicate key win, hence this.

use std::sync::Arc;

use super::super::{Node, NodeValue};
use super::{Entries, MAXIMUM_DEPTH, mistakes, number, too_deep};
use crate::diagnostic::{Problem, Problems, Source, Span};

/// Reads the only value of `source`. There is no node after a syntax error; duplicate keys are gathered.
pub(super) fn read(source: &Arc<Source>) -> (Option<Node>, Problems) {
    let mut reader = Reader {
        source,
        at: 0,
        problems: Problems::default(),
    };
    if source.text.starts_with('\u{feff}') {
        reader.at = '\u{feff}'.len_utf8();
    }
    let root = reader.document();
    match root {
        Ok(root) => (Some(root), reader.problems),
        Err(problem) => {
            reader.problems.push(*problem);
            (None, reader.problems)
        }
    }
}

type Read<T> = Result<T, Box<Problem>>;

struct Reader<'a> {
    source: &'a Arc<Source>,
    at: usize,
    problems: Problems,
}

impl Reader<'_> {
    fn document(&mut self) -> Read<Node> {
        let root = self.value(0)?;
        self.space();
        match self.peek() {
            None => Ok(root),
            Some(_) => self.fail("there is more text after the end of the template"),
        }
    }

    fn value(&mut self, depth: usize) -> Read<Node> {
        self.space();
        let start = self.at;
        if depth > MAXIMUM_DEPTH {
            return Err(Box::new(too_deep(Span::new(self.source, start..start + 1))));
        }
        let value = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => NodeValue::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true", NodeValue::Boolean(true))?,
            Some(b'f') => self.word("false", NodeValue::Boolean(false))?,
            Some(b'n') => self.word("null", NodeValue::Null)?,
            Some(_) => return self.fail("a value should stand here"),
            None => return self.fail("the text ends where a value should stand"),
        };
        Ok(Node {
            value,
            span: Span::new(self.source, start..self.at),
        })
    }

    fn object(&mut self, depth: usize) -> Read<NodeValue> {
        self.at += 1;
        let mut entries = Entries::default();
        self.space();
        if self.take(b'}') {
            return Ok(NodeValue::Map(entries.finish()));
        }
        loop {
            self.space();
            let start = self.at;
            if self.peek() != Some(b'"') {
                return self.fail("a key in double quotes should stand here");
            }
            let key = self.string()?;
            let span = Span::new(self.source, start..self.at);
            self.space();
            if !self.take(b':') {
                return self.fail("`:` should stand here");
            }
            let node = self.value(depth + 1)?;
            entries.push(key, span, node, &mut self.problems);
            self.space();
            if self.take(b'}') {
                return Ok(NodeValue::Map(entries.finish()));
            }
            if !self.take(b',') {
                return self.fail("`,` or `}` should stand here");
            }
        }
    }

    fn array(&mut self, depth: usize) -> Read<NodeValue> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.take(b']') {
            return Ok(NodeValue::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.space();
            if self.take(b']') {
                items.shrink_to_fit();
                return Ok(NodeValue::List(items));
            }
            if !self.take(b',') {
                return self.fail("`,` or `]` should stand here");
            }
        }
    }

    /// The end of a string is found here; serde_json decodes its escapes.
    fn string(&mut self) -> Read<String> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.at += 2,
                Some(_) => self.at += 1,
                None => {
                    self.at = start;
                    return self.fail("this string has no end");
                }
            }
        }
        self.at += 1;
        let written = self.source.text.get(start..self.at).unwrap_or_default();
        serde_json::from_str(written).or_else(|error| {
            self.at = start;
            self.fail(&format!("this string is not valid: {error}"))
        })
    }

    fn number(&mut self) -> Read<NodeValue> {
        let start = self.at;
        while let Some(b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        let written = self.source.text.get(start..self.at).unwrap_or_default();
        if serde_json::from_str::<serde_json::Value>(written).is_err() {
            self.at = start;
            return self.fail("this number is not valid");
        }
        Ok(number(written))
    }

    fn word(&mut self, word: &str, value: NodeValue) -> Read<NodeValue> {
        match self.source.text.get(self.at..) {
            Some(rest) if rest.starts_with(word) => {
                self.at += word.len();
                Ok(value)
            }
            _ => self.fail("a value should stand here"),
        }
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn peek(&self) -> Option<u8> {
        self.source.text.as_bytes().get(self.at).copied()
    }

    fn fail<T>(&self, what: &str) -> Read<T> {
        Err(Box::new(mistakes::json(self.source, self.at, what)))
    }
}
