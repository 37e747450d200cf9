//! What is wrong, as data: a stable code, a sentence, the places that explain it and the cure.
//!
//! Nothing here prints, reads a file or knows a colour: `view` renders [`Problem`]s for people and for machines.

use std::ops::Range;
use std::sync::Arc;

/// A text that problems point into: an environment file, a contract or a template.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// The path as the user would type it, relative to the project's root where possible;
    /// built-in files are shown as `(built-in) modules/vpc.toml`.
    pub path: String,
    /// The whole text.
    pub text: String,
}

/// A stretch of a [`Source`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The text that is pointed into.
    pub source: Arc<Source>,
    /// Byte offsets, start inclusive and end exclusive; both on character boundaries.
    pub bytes: Range<usize>,
}

impl Span {
    /// A span over `bytes` of `source`; offsets beyond the end or inside a character are moved to the nearest boundary.
    pub fn new(source: &Arc<Source>, bytes: Range<usize>) -> Self {
        let text = &source.text;
        let floor = |mut at: usize| {
            at = at.min(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = floor(bytes.start);
        let end = floor(bytes.end).max(start);
        Self {
            source: Arc::clone(source),
            bytes: start..end,
        }
    }

    /// Line and column of the start, both counted from 1; columns count characters.
    pub fn line_column(&self) -> (usize, usize) {
        let before = self.source.text.get(..self.bytes.start).unwrap_or_default();
        // Counting bytes is many times faster than searching, and a flood of problems asks often.
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (line, column)
    }

    /// `path:line:column`, the form that editors and terminals turn into a link.
    pub fn place(&self) -> String {
        let (line, column) = self.line_column();
        format!("{}:{line}:{column}", self.source.path)
    }

    /// The text that the span covers.
    pub fn text(&self) -> &str {
        self.source.text.get(self.bytes.clone()).unwrap_or_default()
    }
}

/// How bad a [`Problem`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing is changed while this stands.
    Error,
    /// Worth knowing; nothing is held up.
    Warning,
}

/// A place with a few words on what it has to do with the problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// Why this place matters; may be empty on the primary label.
    pub text: String,
}

/// One thing that is wrong, complete enough to be acted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The stable code, from [`codes`].
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence, lower case, without a period.
    pub message: String,
    /// The first label is where the problem is; the others led there.
    pub labels: Vec<Label>,
    /// Facts that explain, one sentence each.
    pub notes: Vec<String>,
    /// What to do or type next, one a line.
    pub hints: Vec<String>,
}

impl Problem {
    /// An error with `code` and `message`; add places and hints with the methods below.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            labels: Vec::new(),
            notes: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// A warning with `code` and `message`.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, message)
        }
    }

    /// Adds a place; the first one added is the primary one.
    #[must_use]
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    /// Adds a fact that explains.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, text: impl Into<String>) -> Self {
        self.hints.push(text.into());
        self
    }
}

/// A stable problem code; shown as `MLI0123`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u16);

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MLI{:04}", self.0)
    }
}

/// Problems gathered over a whole pass; never stops at the first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: Problems) {
        self.0.extend(other.0);
    }

    /// Sorts by place (file, line), then severity and code, and drops repetitions; problems without a place come first.
    ///
    /// The order does not depend on the order of discovery, so two runs over the same texts print the same.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.0.sort_by(|a, b| sort_key(a).cmp(&sort_key(b)));
        self.0.dedup();
        self
    }

    /// How many are errors, and how many warnings.
    pub fn counts(&self) -> (usize, usize) {
        let errors = self
            .0
            .iter()
            .filter(|problem| problem.severity == Severity::Error)
            .count();
        (errors, self.0.len() - errors)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any of them is an error.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|problem| problem.severity == Severity::Error)
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl FromIterator<Problem> for Problems {
    fn from_iter<T: IntoIterator<Item = Problem>>(problems: T) -> Self {
        Self(problems.into_iter().collect())
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// File, start and end of the primary place.
type Place<'a> = (&'a str, usize, usize);

fn sort_key(problem: &Problem) -> (Option<Place<'_>>, Severity, Code, &str) {
    let place = problem.labels.first().map(|label| {
        let span = &label.span;
        (span.source.path.as_str(), span.bytes.start, span.bytes.end)
    });
    (place, problem.severity, problem.code, &problem.message)
}

pub mod codes;
mod conflict;
pub mod explain;
mod json;
mod suggest;

pub use conflict::merge_conflict;
pub use explain::{Explanation, explain};
pub use suggest::closest;
