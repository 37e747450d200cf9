//! What the YAML and JSON readers stop at, in the words of the mistake that people made.
//!
//! A parser knows what it expected next. People forget a quote, a space or a comma a line earlier: that is what is
//! told, there, with what to write.

use std::sync::Arc;

use crate::diagnostic::{Problem, Source, Span, codes};

mod json;
mod yaml;

pub(super) use json::json;
pub(super) use yaml::yaml;

/// The text round a place, by lines.
struct Place<'a> {
    source: &'a Arc<Source>,
    at: usize,
    /// Byte offset of the line's start.
    start: usize,
    /// The line, without its end.
    line: &'a str,
}

impl<'a> Place<'a> {
    fn of(source: &'a Arc<Source>, at: usize) -> Self {
        let at = Span::new(source, at..at).bytes.start;
        let text = source.text.as_str();
        let before = text.get(..at).unwrap_or_default();
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        let line = text
            .get(start..)
            .and_then(|rest| rest.lines().next())
            .unwrap_or_default();
        Self {
            source,
            at,
            start,
            line,
        }
    }

    /// The nearest line above that holds more than space and comments.
    fn above(&self) -> Option<Self> {
        let mut start = self.start;
        while start > 0 {
            let place = Self::of(self.source, start - 1);
            let text = place.line.trim();
            if !text.is_empty() && !text.starts_with('#') {
                return Some(place);
            }
            start = place.start;
        }
        None
    }

    fn next_char(&self) -> Option<char> {
        self.source.text.get(self.at..)?.chars().next()
    }

    /// How many spaces the line begins with.
    fn indentation(&self) -> usize {
        self.line.len() - self.line.trim_start_matches(' ').len()
    }

    /// The line without the space around it.
    fn content(&self) -> Span {
        let start = self.start + self.line.len() - self.line.trim_start().len();
        Span::new(self.source, start..start + self.line.trim().len())
    }

    fn problem(&self, language: &str, what: &str, bytes: std::ops::Range<usize>) -> Problem {
        let message = format!("the template is not valid {language}: {what}");
        Problem::error(codes::TEMPLATE_SYNTAX, message).at(Span::new(self.source, bytes), "")
    }
}
