//! Keys that a template leaves without a value, because the loop or condition that would fill them wrote nothing.

use super::super::lines::{Kind, Marked, Tag};
use super::super::wiring::WiredStack;
use crate::diagnostic::{Problem, Span, codes};

/// A problem about a missing value says what left it out, if a `for` or an `if` of the template stands where it would
/// be.
pub(super) fn explained(problem: Problem, stack: &WiredStack<'_>, marked: &Marked) -> Problem {
    let template = &stack.contract.template;
    let Some(place) = problem.labels.first().map(|label| &label.span) else {
        return problem;
    };
    if problem.code != codes::NULL_VALUE || place.source.path != template.path {
        return problem;
    }
    let Some(tag) = behind(place, marked) else {
        return problem;
    };
    let words: Vec<&str> = tag
        .tokens
        .iter()
        .map(|token| template.text.get(token.bytes.clone()).unwrap_or_default())
        .collect();
    let at = Span::new(template, tag.bytes.clone());
    match words.split_first() {
        Some((&"for", rest)) => {
            let listed = rest
                .iter()
                .position(|word| *word == "in")
                .map_or(&[][..], |at| rest.get(at + 1..).unwrap_or_default());
            looped(problem, stack, at, listed)
        }
        Some((&"if", _)) => {
            let mut problem = problem.at(at, "this condition left it out");
            problem.hints = vec!["put the key inside of the {% if %} too, before what it holds".to_owned()];
            problem
        }
        _ => problem,
    }
}

/// `listed` are the words behind `in`: `rules | items`.
fn looped(problem: Problem, stack: &WiredStack<'_>, at: Span, listed: &[&str]) -> Problem {
    let path: Vec<&str> = listed
        .iter()
        .copied()
        .take_while(|word| *word == "." || word.chars().all(|c| c.is_alphanumeric() || c == '_'))
        .take_while(|word| *word != "if")
        .collect();
    let over = path.concat();
    let mut problem = problem.at(at, "this loop had no round");
    // A call, `range(n)`, is more than its name.
    let simple = !over.is_empty() && listed.get(path.len()).is_none_or(|next| *next != "(");
    problem.hints = vec![if simple {
        format!("write {{% if {over} %}} before the key and {{% endif %}} behind the loop")
    } else {
        "put an {% if %} round the key and the loop, that is true if it has a round".to_owned()
    }];
    let contract = stack.contract;
    if simple && contract.inputs.contains_key(&over) && !contract.is_built_in() {
        let path = &contract.source.path;
        problem = problem.hint(format!(
            "or make one entry necessary, in {path}: [inputs.{over}]  min = 1"
        ));
    }
    problem
}

/// The statement that stands where the value of the key at `place` would be.
fn behind<'t>(place: &Span, marked: &'t Marked) -> Option<&'t Tag> {
    let text = &place.source.text;
    let tag = marked
        .tags
        .iter()
        .find(|tag| tag.bytes.start >= place.bytes.end && is_statement(tag))?;
    let between = text.get(place.bytes.end..tag.bytes.start)?;
    let mut lines = between.lines();
    // Behind the key itself there are its quote and colon; below it only comments.
    let first = lines.next().unwrap_or_default();
    let first = first.trim_start_matches(['"', '\'']).trim_start_matches(':').trim();
    let empty =
        |line: &str| line.is_empty() || line.starts_with('#') || (line.starts_with("{#") && line.ends_with("#}"));
    (empty(first) && lines.all(|line| empty(line.trim()))).then_some(tag)
}

fn is_statement(tag: &Tag) -> bool {
    !tag.expression && tag.tokens.first().is_some_and(|token| token.kind == Kind::Word)
}
