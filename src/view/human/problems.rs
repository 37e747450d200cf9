//! Problems with their places, the way compilers show them.

use std::borrow::Cow;
use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::diagnostic::{Code, Label, Problem, Problems, Severity, Source, Span, codes};
use crate::view::text::{CHANGE, COMMAND, REMOVE, count, fit, one_line, paint};

/// More than anybody reads at once; the first ones are mended first.
const MOST: usize = 100;

/// How many places of one problem are shown: a long cycle is understood before its end.
const MOST_LABELS: usize = 12;

/// The longest message, note or hint, in characters: beyond it somebody's data is being quoted, not explained.
const LONGEST: usize = 1_000;

/// Lines of more bytes than this are shown in part.
const LONG_LINE: usize = 400;

/// How many bytes of a long line are shown before what is marked, of that, and behind it.
const WINDOW: usize = 60;

/// All of `problems`, errors last (where a terminal leaves the eye), and a line that counts them if there are several.
/// Of a flood only the first ones are shown, errors before warnings.
pub fn problems(problems: &Problems, width: usize) -> String {
    let mut ordered: Vec<&Problem> = problems.0.iter().collect();
    ordered.sort_by_key(|problem| problem.severity);
    let mut shown: Vec<&Problem> = ordered.iter().copied().take(MOST).collect();
    shown.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
    let mut text: String = shown
        .iter()
        .map(|shown| format!("{}\n\n", problem(shown, width).trim_end()))
        .collect();
    if let Some(more) = ordered.len().checked_sub(MOST).filter(|more| *more > 0) {
        text.push_str(&format!("... and {more} more, not shown\n\n"));
    }
    let of = |severity| ordered.iter().filter(|problem| problem.severity == severity).count();
    let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
    if errors + warnings > 1 {
        let errors = (errors > 0).then(|| paint(REMOVE, count(errors, "error")));
        let warnings = (warnings > 0).then(|| paint(CHANGE, count(warnings, "warning")));
        let counted: Vec<String> = errors.into_iter().chain(warnings).collect();
        text.push_str(&counted.join(", "));
        text.push('\n');
    }
    text
}

/// What the reader did on purpose needs no page, and whoever asked for a page is not sent to another one.
const OWN_DOING: [Code; 4] = [
    codes::DECLINED,
    codes::INTERRUPTED,
    codes::LEFT_AT_ONCE,
    codes::UNKNOWN_CODE,
];

/// The one line below all problems of a run: where they are explained, the most frequent ones first, errors before
/// warnings; empty if there is nothing to explain.
pub fn more(problems: &Problems) -> String {
    const NAMED: usize = 3;
    let mut found: Vec<(Severity, Code, usize)> = Vec::new();
    for problem in &problems.0 {
        if OWN_DOING.contains(&problem.code) {
            continue;
        }
        match found.iter_mut().find(|(_, code, _)| *code == problem.code) {
            Some((severity, _, times)) => {
                *severity = problem.severity.min(*severity);
                *times += 1;
            }
            None => found.push((problem.severity, problem.code, 1)),
        }
    }
    found.sort_by_key(|(severity, _, times)| (*severity, std::cmp::Reverse(*times)));
    let named: Vec<String> = found.iter().take(NAMED).map(|(_, code, _)| code.to_string()).collect();
    if named.is_empty() {
        return String::new();
    }
    let command = format!("mlinfra explain {}", named.join(" "));
    format!("{}   says more\n", paint(COMMAND, command))
}

/// One problem.
fn problem(problem: &Problem, width: usize) -> String {
    let (level, code) = match problem.severity {
        Severity::Error => (Level::ERROR, problem.code.to_string()),
        Severity::Warning => (Level::WARNING, problem.code.to_string()),
    };
    let title = level.primary_title(safe(&problem.message.replace('\n', "⏎"))).id(code);
    let mut group = Group::with_title(title);
    let labels = problem.labels.get(..MOST_LABELS).unwrap_or(&problem.labels);
    for source in sources(labels) {
        group = excerpt(group, source, labels);
    }
    let room = width.saturating_sub(margin(&problem.labels));
    for note in &problem.notes {
        group = group.element(Level::NOTE.message(prose(&safe(note), room)));
    }
    for hint in &problem.hints {
        group = group.element(Level::HELP.message(prose(&safe(hint), room)));
    }
    let text = Renderer::styled().term_width(width).render(&[group]);
    // The renderer announces another file before a snippet without a path, which is what a window is.
    let announces = |line: &&str| anstream::adapter::strip_str(line).to_string().trim() == ":::";
    text.lines()
        .filter(|line| !announces(line))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The texts that the labels point into, the primary label's first.
fn sources(labels: &[Label]) -> Vec<&Source> {
    let mut sources: Vec<&Source> = Vec::new();
    for label in labels {
        if !sources.iter().any(|known| known.path == label.span.source.path) {
            sources.push(&label.span.source);
        }
    }
    sources
}

/// Adds the lines of `source` that labels point at. Only these are handed to the renderer, which reads all that it gets.
fn excerpt<'a>(group: Group<'a>, source: &'a Source, labels: &'a [Label]) -> Group<'a> {
    let here = || {
        labels
            .iter()
            .enumerate()
            .filter(|(_, label)| label.span.source.path == source.path)
    };
    let start = here()
        .map(|(_, label)| label.span.bytes.start)
        .min()
        .unwrap_or_default();
    let end = here().map(|(_, label)| label.span.bytes.end).max().unwrap_or_default();
    // A place behind the last line is shown at its end.
    let region =
        line_start(&source.text, line_start(&source.text, start).saturating_sub(1))..line_end(&source.text, end);
    let text = source.text.get(region.clone()).unwrap_or_default();
    if text.lines().any(|line| line.len() > LONG_LINE) {
        return here().fold(group, |group, (index, label)| window(group, label, kind(index)));
    }
    let annotations = here().map(|(index, label)| {
        let bytes = &label.span.bytes;
        annotation(kind(index), bytes.start - region.start..bytes.end - region.start, label)
    });
    let snippet = Snippet::source(displayable(text))
        .line_start(lines_before(&source.text, region.start) + 1)
        .path(source.path.as_str())
        .fold(true)
        .annotations(annotations);
    group.element(snippet)
}

/// Adds the part of a long line that `label` points at; without this, a file on one line would be shown whole.
fn window<'a>(group: Group<'a>, label: &'a Label, kind: AnnotationKind) -> Group<'a> {
    let source = &label.span.source;
    let (line, column) = label.span.line_column();
    let first = line_start(&source.text, label.span.bytes.start);
    let text = source
        .text
        .get(first..line_end(&source.text, label.span.bytes.start))
        .unwrap_or_default();
    let inner = label.span.bytes.start - first;
    let from = floor(text, inner.saturating_sub(WINDOW));
    let marked = floor(text, (label.span.bytes.end - first).min(inner + WINDOW)).max(inner);
    let to = floor(text, marked + WINDOW);
    let lead = if from > 0 { "… " } else { "" };
    let tail = if to < text.len() { " …" } else { "" };
    let shown = format!("{lead}{}{tail}", displayable(text.get(from..to).unwrap_or_default()));
    let shift = |at: usize| at - from + lead.len();
    let origin = Origin::path(source.path.as_str()).line(line).char_column(column);
    let snippet =
        Snippet::source(shown)
            .line_start(line)
            .annotation(annotation(kind, shift(inner)..shift(marked), label));
    group.element(origin).element(snippet)
}

fn kind(index: usize) -> AnnotationKind {
    if index == 0 {
        AnnotationKind::Primary
    } else {
        AnnotationKind::Context
    }
}

fn annotation(kind: AnnotationKind, bytes: Range<usize>, label: &Label) -> Annotation<'_> {
    let annotation = kind.span(bytes);
    if label.text.is_empty() {
        annotation
    } else {
        annotation.label(safe(&label.text))
    }
}

fn line_start(text: &str, at: usize) -> usize {
    text.get(..at)
        .and_then(|before| before.rfind('\n'))
        .map_or(0, |end| end + 1)
}

fn line_end(text: &str, at: usize) -> usize {
    text.get(at..)
        .and_then(|rest| rest.find('\n'))
        .map_or(text.len(), |end| at + end)
}

/// What stands before a note: the column of line numbers, then ` = note: `.
fn margin(labels: &[Label]) -> usize {
    const LEAD: usize = " = note: ".len();
    let last_line = |label: &Label| {
        let end = label.span.bytes.end;
        Span::new(&label.span.source, end..end).line_column().0
    };
    let widest = labels.iter().map(last_line).max();
    widest.map_or(0, |line| line.to_string().len()) + LEAD
}

/// Prose broken between words into lines of `room` columns. What could be typed stays on one line, so that it can be
/// copied: pieces between backticks, and texts with options, assignments or columns in them.
fn prose(text: &str, room: usize) -> String {
    let bare = text.split('`').step_by(2).collect::<Vec<_>>().join("x");
    if [" --", "  ", " = "].iter().any(|sign| bare.contains(sign)) {
        return text.to_owned();
    }
    let lines = text.lines().map(|line| broken(line, room));
    lines.collect::<Vec<_>>().join("\n")
}

fn broken(line: &str, room: usize) -> String {
    let mut text = String::new();
    let mut column = 0;
    let mut quoted = false;
    let mut words = Vec::new();
    for word in line.split(' ') {
        match words.last_mut() {
            Some(last) if quoted => *last = format!("{last} {word}"),
            _ => words.push(word.to_owned()),
        }
        quoted ^= word.matches('`').count() % 2 == 1;
    }
    for word in words {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > room {
            text.push('\n');
            column = 0;
        } else if column > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(&word);
        column += length;
    }
    text
}

fn lines_before(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or_default().matches('\n').count()
}

/// The boundary of a character at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or_default()
}

/// `text` without control characters and of a bounded length, its lines kept.
fn safe(text: &str) -> String {
    fit(&text.lines().map(one_line).collect::<Vec<_>>().join("\n"), LONGEST)
}

/// A source's text for an excerpt. The renderer replaces the control characters of ASCII; those of Latin-1, one of which
/// begins a terminal's commands as Escape does, become a sign of the same number of bytes, so that places stay right.
fn displayable(text: &str) -> Cow<'_, str> {
    let is_control = |c: char| matches!(c, '\u{80}'..='\u{9f}');
    if text.contains(is_control) {
        Cow::Owned(text.replace(is_control, "\u{bf}"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::diagnostic::Source;

    fn shown(found: Vec<Problem>) -> String {
        anstream::adapter::strip_str(&problems(&Problems(found), 80)).to_string()
    }

    fn span(source: &Arc<Source>, needle: &str) -> Span {
        let start = source.text.find(needle).unwrap();
        Span::new(source, start..start + needle.len())
    }

    #[test]
    fn a_problem_shows_its_place_what_led_there_and_the_cure() {
        let toml = Arc::new(Source {
            path: "environments/dev.toml".into(),
            text: "[stacks.network]\nmodule = \"vpc\"\ncidr = \"10.10.0.0/33\"\n".into(),
        });
        let template = Arc::new(Source {
            path: "(built-in) templates/cloudformation/vpc.yaml".into(),
            text: "Resources:\n  Vpc:\n    Type: AWS::EC2::VPC\n    Properties:\n      CidrBlock: {{ cidr }}\n".into(),
        });
        let problem = Problem::error(Code(204), "cidr is not a network")
            .at(span(&toml, "\"10.10.0.0/33\""), "a prefix has at most 32 bits")
            .at(span(&template, "{{ cidr }}"), "it would be used here")
            .note("a VPC takes prefixes from /16 to /28")
            .hint("write for example \"10.10.0.0/16\"");
        let warning = Problem::warning(Code(501), "the bucket `logs` keeps no versions");
        insta::assert_snapshot!(shown(vec![problem, warning]), @r#"
        warning[MLI0501]: the bucket `logs` keeps no versions

        error[MLI0204]: cidr is not a network
         --> environments/dev.toml:3:8
          |
        3 | cidr = "10.10.0.0/33"
          |        ^^^^^^^^^^^^^^ a prefix has at most 32 bits
          |
         ::: (built-in) templates/cloudformation/vpc.yaml:5:18
          |
        5 |       CidrBlock: {{ cidr }}
          |                  ---------- it would be used here
          |
          = note: a VPC takes prefixes from /16 to /28
          = help: write for example "10.10.0.0/16"

        1 error, 1 warning
        "#);
    }

    #[test]
    fn long_notes_are_broken_and_what_can_be_typed_is_not() {
        let source = Arc::new(Source {
            path: "a.toml".into(),
            text: "a = 1\n".into(),
        });
        let problem = Problem::error(codes::UNKNOWN_KEY, "x")
            .at(span(&source, "a"), "")
            .note("a note that is longer than the eighty columns that this terminal has, with `a command in it` at the end")
            .hint("store it once: aws secretsmanager create-secret --name NAME --secret-string file:///dev/stdin");
        insta::assert_snapshot!(shown(vec![problem]), @r"
        error[MLI0104]: x
         --> a.toml:1:1
          |
        1 | a = 1
          | ^
          |
          = note: a note that is longer than the eighty columns that this terminal has,
                  with `a command in it` at the end
          = help: store it once: aws secretsmanager create-secret --name NAME --secret-string file:///dev/stdin
        ");
    }

    #[test]
    fn the_line_below_names_the_most_frequent_errors_first() {
        let error = |code| Problem::error(code, "x");
        let found = vec![
            Problem::warning(codes::UNUSED_DECLARATION, "x"),
            error(codes::UNKNOWN_KEY),
            error(codes::UNKNOWN_INPUT),
            error(codes::UNKNOWN_INPUT),
            error(codes::WRONG_TYPE),
        ];
        let line = more(&Problems(found));
        assert_eq!(
            anstream::adapter::strip_str(&line).to_string(),
            "mlinfra explain MLI0204 MLI0104 MLI0105   says more\n"
        );
        assert_eq!(more(&Problems(vec![error(codes::DECLINED)])), "");
    }

    #[test]
    fn of_a_long_line_the_part_around_each_place_is_shown_with_its_real_column() {
        let text = format!(
            "{{\"a\": \"{}\", \"b\": 1, \"c\": \"{}\", \"b\": 2}}",
            "é".repeat(500),
            "x".repeat(900)
        );
        let file = Arc::new(Source {
            path: "t.json".into(),
            text,
        });
        let start = file.text.rfind("\"b\"").unwrap();
        let problem = Problem::error(Code(404), "the key `b` stands twice")
            .at(Span::new(&file, start..start + 3), "again here")
            .at(span(&file, "\"b\""), "first here");
        insta::assert_snapshot!(shown(vec![problem]), @r#"
        error[MLI0404]: the key `b` stands twice
         --> t.json:1:1428
          |
        1 | … xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "b": 2}
          |                                                               ^^^ again here
         ::: t.json:1:511
          |
        1 | … ééééééééééééééééééééééééééééé", "b": 1, "c": "xxxxxxxxxxxxxxxxxxxxxxxxx...
          |                                   --- first here
        "#);
    }

    #[test]
    fn no_control_character_of_a_file_reaches_the_terminal() {
        let file = Arc::new(Source {
            path: "t.yaml".into(),
            text: "a: \u{9b}2Jx\u{1b}[2J\n".into(),
        });
        let text = shown(vec![Problem::error(Code(3), "no").at(span(&file, "x"), "")]);
        assert!(!text.contains(['\u{9b}', '\u{1b}']), "{text:?}");
    }

    #[test]
    fn a_problem_without_a_place_still_says_what_to_do() {
        let problem = Problem::error(Code(901), "no credentials for account 111122223333")
            .note("looked at the environment, the profile `default` and the instance metadata")
            .hint("aws sso login --profile dev, then add --profile dev\nor try it without an account: --sandbox");
        insta::assert_snapshot!(shown(vec![problem]), @r"
        error[MLI0901]: no credentials for account 111122223333
         |
         = note: looked at the environment, the profile `default` and the instance
                 metadata
         = help: aws sso login --profile dev, then add --profile dev
                 or try it without an account: --sandbox
        ");
    }
}
