//! Problems for machines: the form that `--format json` prints.

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::{Code, Label, Problem, Problems, Span, codes};

impl Code {
    /// The title from the registry, `a file is not valid TOML`.
    pub fn title(self) -> &'static str {
        codes::ALL
            .iter()
            .find(|(code, _)| *code == self)
            .map_or("an unregistered problem", |(_, title)| title)
    }

    /// Reads `MLI0123`, `mli123` or `123`; none if it is not a code.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = match text.get(..3) {
            Some(prefix) if prefix.eq_ignore_ascii_case("mli") => text.get(3..)?,
            _ => text,
        };
        digits.parse().ok().map(Self)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How many places of one problem are listed; a cycle can run through thousands.
const MOST_LABELS: usize = 100;

impl Serialize for Problem {
    /// Lines and columns count from 1; columns count characters; `end_line` and `end_column` point behind the last one.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Problem", 8)?;
        fields.serialize_field("code", &self.code)?;
        fields.serialize_field("title", self.code.title())?;
        fields.serialize_field("severity", &self.severity)?;
        fields.serialize_field("message", &self.message)?;
        fields.serialize_field("at", &self.labels.first().map(|label| Place::of(&label.span)))?;
        fields.serialize_field("labels", self.labels.get(..MOST_LABELS).unwrap_or(&self.labels))?;
        fields.serialize_field("notes", &self.notes)?;
        fields.serialize_field("hints", &self.hints)?;
        fields.end()
    }
}

impl Serialize for Label {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Label", 2)?;
        fields.serialize_field("at", &Place::of(&self.span))?;
        fields.serialize_field("text", &self.text)?;
        fields.end()
    }
}

impl Serialize for Problems {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.0)
    }
}

/// A span without the text that it points into.
#[derive(serde::Serialize)]
struct Place<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
}

impl<'a> Place<'a> {
    fn of(span: &'a Span) -> Self {
        let (line, column) = span.line_column();
        let (end_line, end_column) = Span::new(&span.source, span.bytes.end..span.bytes.end).line_column();
        Self {
            file: &span.source.path,
            line,
            column,
            end_line,
            end_column,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Code, Problem, Problems, Source, Span, codes};

    fn source(path: &str) -> Arc<Source> {
        Arc::new(Source {
            path: path.into(),
            text: "größe = 1\nb = 2\n".into(),
        })
    }

    #[test]
    fn a_problem_as_json_counts_characters_from_one() {
        let source = source("a.toml");
        let problem = Problem::error(codes::UNKNOWN_KEY, "unknown key `größe`")
            .at(Span::new(&source, 0..7), "here")
            .hint("remove it");
        assert_eq!(
            serde_json::to_value(&problem).unwrap(),
            serde_json::json!({
                "code": "MLI0104",
                "title": "a key that nothing reads",
                "severity": "error",
                "message": "unknown key `größe`",
                "at": {"file": "a.toml", "line": 1, "column": 1, "end_line": 1, "end_column": 6},
                "labels": [{
                    "at": {"file": "a.toml", "line": 1, "column": 1, "end_line": 1, "end_column": 6},
                    "text": "here",
                }],
                "notes": [],
                "hints": ["remove it"],
            })
        );
    }

    #[test]
    fn problems_come_in_the_order_of_the_files_and_only_once() {
        let (a, b) = (source("a.toml"), source("b.toml"));
        let at = |source: &Arc<Source>, byte: usize| {
            Problem::error(codes::WRONG_TYPE, "x").at(Span::new(source, byte..byte + 1), "")
        };
        let mut problems = Problems::default();
        for problem in [at(&b, 0), at(&a, 12), at(&a, 0), at(&a, 12)] {
            problems.push(problem);
        }
        let places: Vec<_> = problems
            .sorted()
            .0
            .iter()
            .map(|problem| problem.labels[0].span.place())
            .collect();
        assert_eq!(places, ["a.toml:1:1", "a.toml:2:1", "b.toml:1:1"]);
    }

    #[test]
    fn codes_are_ascending_unique_and_titled_in_lower_case() {
        for pair in codes::ALL.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{} is not after {}", pair[1].0, pair[0].0);
        }
        for (code, title) in codes::ALL {
            assert!(!title.is_empty() && !title.ends_with('.'), "{code}: {title}");
            assert_eq!(code.title(), *title);
            assert_eq!(Code::parse(&code.to_string()), Some(*code));
        }
    }
}
