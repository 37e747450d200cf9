//! Problems with their places, the way compilers show them.

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use crate::diagnostic::{Code, Label, Problem, Problems, Severity, Span, codes};
use crate::view::text::{CHANGE, COMMAND, REMOVE, count, one_line, paint};

/// All of `problems`, errors last (where a terminal leaves the eye), and a line that counts them if there are several.
pub fn problems(problems: &Problems, width: usize) -> String {
    let mut ordered: Vec<&Problem> = problems.0.iter().collect();
    ordered.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
    let mut text: String = ordered
        .iter()
        .map(|shown| format!("{}\n\n", problem(shown, width).trim_end()))
        .collect();
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
    let title = level.primary_title(one_line(&problem.message)).id(code);
    let mut group = Group::with_title(title);
    for snippet in snippets(&problem.labels) {
        group = group.element(snippet);
    }
    let room = width.saturating_sub(margin(&problem.labels));
    for note in &problem.notes {
        group = group.element(Level::NOTE.message(prose(&safe(note), room)));
    }
    for hint in &problem.hints {
        group = group.element(Level::HELP.message(prose(&safe(hint), room)));
    }
    Renderer::styled().term_width(width).render(&[group])
}

/// One snippet for each text that the labels point into, the primary label's text first.
fn snippets(labels: &[Label]) -> Vec<Snippet<'_, Annotation<'_>>> {
    let mut sources: Vec<&std::sync::Arc<crate::diagnostic::Source>> = Vec::new();
    for label in labels {
        if !sources.iter().any(|known| known.path == label.span.source.path) {
            sources.push(&label.span.source);
        }
    }
    let annotations = |path: &str| -> Vec<Annotation<'_>> {
        labels
            .iter()
            .enumerate()
            .filter(|(_, label)| label.span.source.path == path)
            .map(|(index, label)| {
                let kind = if index == 0 {
                    AnnotationKind::Primary
                } else {
                    AnnotationKind::Context
                };
                let annotation = kind.span(label.span.bytes.clone());
                if label.text.is_empty() {
                    annotation
                } else {
                    annotation.label(label.text.as_str())
                }
            })
            .collect()
    };
    sources
        .into_iter()
        .map(|source| {
            Snippet::source(source.text.as_str())
                .path(source.path.as_str())
                .fold(true)
                .annotations(annotations(&source.path))
        })
        .collect()
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

/// `text` without control characters, its lines kept.
fn safe(text: &str) -> String {
    text.lines().map(one_line).collect::<Vec<_>>().join("\n")
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
    fn a_problem_without_a_place_still_says_what_to_do() {
        let problem = Problem::error(Code(901), "no credentials for account 111122223333")
            .note("looked at the environment, the profile `default` and the instance metadata")
            .hint("aws sso login --profile dev, then add --profile dev\nor try it without an account: --sandbox");
        insta::assert_snapshot!(shown(vec![problem]), @r"
        error[MLI0901]: no credentials for account 111122223333
         |
         = note: looked at the environment, the profile `default` and the instance metadata
         = help: aws sso login --profile dev, then add --profile dev
                 or try it without an account: --sandbox
        ");
    }
}
