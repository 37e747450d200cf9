//! What the TOML parser complains about, in the words of the mistake that people made.
//!
//! The parser tells what it expected next, once for every token that does not fit. People paste YAML, forget a quote
//! or leave a merge conflict: one mistake is told once, where it was made, with what to write in its place.

use std::sync::Arc;

use crate::diagnostic::{Problem, Problems, Source, Span, codes, merge_conflict};

mod keys;
mod values;

/// One problem for each mistake behind `errors`, in the order of the text.
pub(super) fn problems(source: &Arc<Source>, errors: &[toml::de::Error]) -> Problems {
    let mut places: Vec<Place<'_>> = errors.iter().map(|error| Place::of(source, error)).collect();
    if places.is_empty() {
        return Problems::default();
    }
    let conflict = merge_conflict(
        source,
        codes::TOML_SYNTAX,
        "not valid TOML: a merge conflict was left in this file",
    );
    if let Some(problem) = conflict.or_else(|| another_language(source, &places)) {
        return problem.into();
    }
    places.sort_by_key(|place| place.at);
    let mut problems = Problems::default();
    let mut told: Option<Told> = None;
    for place in &places {
        if told.as_ref().is_some_and(|told| told.covers(place)) {
            continue;
        }
        problems.push(explain(place));
        told = Some(Told::by(place));
    }
    problems
}

/// Where the parser stopped, with the line round it.
struct Place<'a> {
    source: &'a Arc<Source>,
    message: String,
    /// Byte offsets of what the parser did not expect.
    at: usize,
    end: usize,
    /// Byte offset of the line's start.
    start: usize,
    /// The line, without its end.
    line: &'a str,
}

impl<'a> Place<'a> {
    fn of(source: &'a Arc<Source>, error: &toml::de::Error) -> Self {
        let text = source.text.as_str();
        let span = Span::new(source, error.span().unwrap_or(text.len()..text.len())).bytes;
        let start = text
            .get(..span.start)
            .and_then(|before| before.rfind('\n'))
            .map_or(0, |at| at + 1);
        let line = text
            .get(start..)
            .and_then(|rest| rest.lines().next())
            .unwrap_or_default();
        Self {
            source,
            message: error.message().lines().map(str::trim).collect::<Vec<_>>().join(", "),
            at: span.start,
            end: span.end,
            start,
            line,
        }
    }

    /// The line up to where the parser stopped.
    fn before(&self) -> &'a str {
        self.line.get(..self.at.saturating_sub(self.start)).unwrap_or(self.line)
    }

    /// The line from there on.
    fn after(&self) -> &'a str {
        self.line.get(self.at.saturating_sub(self.start)..).unwrap_or_default()
    }

    fn says(&self, words: &str) -> bool {
        self.message.contains(words)
    }

    fn is_header(&self) -> bool {
        self.line.trim_start().starts_with('[')
    }

    /// A problem that points at `part`, which is a part of this line.
    fn problem(&self, what: &str, part: &str) -> Problem {
        let offset = (part.as_ptr() as usize).saturating_sub(self.line.as_ptr() as usize);
        let begin = self.start + offset.min(self.line.len());
        self.problem_at(what, begin..begin + part.len())
    }

    /// A problem at byte offsets of the text.
    fn problem_at(&self, what: &str, bytes: std::ops::Range<usize>) -> Problem {
        Problem::error(codes::TOML_SYNTAX, format!("not valid TOML: {what}")).at(Span::new(self.source, bytes), "")
    }

    /// The text before this line.
    fn earlier(&self) -> &'a str {
        self.source.text.get(..self.start).unwrap_or_default()
    }
}

/// What a mistake makes of the text behind it, as far as the parser is concerned.
struct Told {
    line: usize,
    /// A string that nobody closed: the words of its next line look like keys.
    in_string: bool,
    /// An array that nobody closed: what follows makes no sense to the parser.
    in_array: bool,
    /// A table that stands twice repeats all of its keys; a block in braces ends in one.
    until_header: bool,
}

impl Told {
    fn by(place: &Place<'_>) -> Self {
        Self {
            line: place.start,
            in_string: place.says("invalid basic string") || place.says("invalid literal string"),
            in_array: values::opens_array(place).is_some() || place.says("invalid multi-line"),
            until_header: place.is_header() && place.says("duplicate key") || place.line.trim_end().ends_with('{'),
        }
    }

    fn covers(&self, place: &Place<'_>) -> bool {
        let between = place.source.text.get(self.line..place.start).unwrap_or_default();
        let next_line = between.lines().count() <= 1;
        let no_header = !between.lines().skip(1).any(|line| line.trim_start().starts_with('['));
        self.line == place.start
            || self.in_array
            || self.in_string && next_line && place.line.matches(['"', '\'']).count() % 2 == 1
            || self.until_header && no_header && !place.is_header()
    }
}

fn another_language(source: &Arc<Source>, places: &[Place<'_>]) -> Option<Problem> {
    let first = places.first()?;
    let write = "in TOML a table is [name], and below it are keys: name = \"value\"";
    if source.text.trim_start_matches('\u{feff}').trim_start().starts_with('{') {
        let at = source.text.find('{').unwrap_or_default();
        return Some(first.problem_at("this is JSON", at..at + 1).hint(write));
    }
    if source.text.contains('\r') && !source.text.contains('\n') {
        let problem = first.problem_at(
            "the lines of this file end in carriage returns alone",
            first.at..first.end,
        );
        return Some(problem.hint("save it with the line ends of Unix (LF) or Windows (CRLF)"));
    }
    let colons = places.iter().filter(|place| keys::colon(place).is_some());
    let line = places.iter().find(|place| keys::colon(place).is_some())?;
    (colons.count() > 2).then(|| {
        let problem = line.problem("this looks like YAML", line.line.trim());
        problem.hint(write)
    })
}

fn explain(place: &Place<'_>) -> Problem {
    values::explain(place)
        .or_else(|| keys::explain(place))
        .unwrap_or_else(|| {
            let message = place.message.replace(", expected nothing", "");
            place.problem_at(&message, place.at..place.end)
        })
}

/// The words that TOML takes for true and false, for those who wrote others.
fn boolean(word: &str) -> Option<&'static str> {
    match word.to_lowercase().as_str() {
        "true" | "yes" | "on" => Some("true"),
        "false" | "no" | "off" => Some("false"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let source = Arc::new(Source {
            path: "dev.toml".into(),
            text: text.into(),
        });
        let problems = super::super::syntax::parse(&source).err().unwrap_or_default();
        let shown = |problem: &Problem| {
            let span = &problem.labels[0].span;
            let what = problem.message.trim_start_matches("not valid TOML: ");
            let hints = problem.hints.join("; ");
            format!("{} {:?} {what} | {hints}", span.line_column().0, span.text())
        };
        problems.0.iter().map(shown).collect()
    }

    #[test]
    fn one_mistake_is_told_once() {
        for text in [
            "a = [\"x\",\nb = 1\nc = 2\n",
            "a = \"x\nb y\"\nc = 1\n",
            "stack \"a\" {\n  b = 1\n}\n",
            "[a]\nb = 1\nc = 2\n[a]\nb = 1\nc = 2\n",
            "<<<<<<< HEAD\na = 1\n=======\na = 2\n>>>>>>> other\n",
            "a:\n  b: 1\n  c: 2\n",
            "{\"a\": {\"b\": 1},\n\"c\": 2}\n",
            "a = 0111\n",
        ] {
            assert_eq!(told(text).len(), 1, "{text}\n{:#?}", told(text));
        }
    }

    #[test]
    fn several_mistakes_are_all_told() {
        let lines: Vec<char> = told("a = b\nc = \"d\ne f = 1\n[g\n")
            .iter()
            .filter_map(|told| told.chars().next())
            .collect();
        assert_eq!(lines, ['1', '2', '3', '4']);
    }

    #[test]
    fn a_mistake_is_told_where_it_was_made_and_with_what_to_write() {
        for (text, expected) in [
            (
                "a = vpc # the\n",
                "1 \"vpc\" text must stand in quotes | write: \"vpc\"",
            ),
            (
                "a = 10.0.0.0/16\n",
                "1 \"10.0.0.0/16\" text must stand in quotes | write: \"10.0.0.0/16\"",
            ),
            (
                "a = [1, yes]\n",
                "1 \"yes\" a boolean is `true` or `false` | write: true, or \"yes\" where text is wanted",
            ),
            ("a: 1\n", "1 \":\" `:` stands where `=` should | write: a = 1"),
            ("a \"b\"\n", "1 \"a\" `=` is missing behind `a` | write: a = \"b\""),
        ] {
            assert_eq!(told(text), [expected], "{text}");
        }
    }
}
