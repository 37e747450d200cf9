//! What holds for every answer of every reader.

use mlinfra::diagnostic::{Problem, Problems, Span};
use mlinfra::template::{Node, NodeValue};
use mlinfra::view::human::problems::problems as in_words;

use super::engine::{Answer, mark};

/// A message of one problem is for reading: more than this is a flood.
const LONGEST: usize = 16 * 1024;

/// Problems point at characters inside their texts, read as one sentence each, and can be shown both ways.
pub fn problems(problems: &Problems) -> Result<Answer, String> {
    for problem in problems.0.iter().take(200) {
        one(problem)?;
    }
    let words = in_words(problems, 100);
    if problems.is_empty() != words.is_empty() {
        return Err(format!("{} problems are shown as {words:?}", problems.0.len()));
    }
    if let Some(control) = words.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\u{1b}')) {
        return Err(format!("the control character {control:?} reaches the terminal"));
    }
    serde_json::to_string(problems.0.as_slice()).map_err(|error| error.to_string())?;
    Ok(problems
        .0
        .iter()
        .map(|problem| mark(&format!("{} {}", problem.code, problem.message)))
        .collect())
}

fn one(problem: &Problem) -> Result<(), String> {
    for label in &problem.labels {
        span(&label.span)?;
    }
    if problem.message.is_empty() {
        return Err(format!("{} says nothing", problem.code));
    }
    let words = in_words(&Problems(vec![problem.clone()]), 100);
    if words.len() > LONGEST {
        return Err(format!("{} takes {} bytes to tell", problem.code, words.len()));
    }
    Ok(())
}

/// Readers that promise an order keep it.
pub fn sorted(problems: &Problems) -> Result<(), String> {
    if *problems == problems.clone().sorted() {
        return Ok(());
    }
    Err("the problems are not in the order of the texts".to_owned())
}

/// A span lies inside of its text, on the boundaries of characters.
pub fn span(span: &Span) -> Result<(), String> {
    let text = &span.source.text;
    let (start, end) = (span.bytes.start, span.bytes.end);
    if start <= end && end <= text.len() && text.is_char_boundary(start) && text.is_char_boundary(end) {
        return Ok(());
    }
    Err(format!(
        "{start}..{end} is no place in {} with {} bytes",
        span.source.path,
        text.len()
    ))
}

/// Every node of a document lies inside of its text.
pub fn nodes(node: &Node) -> Result<(), String> {
    span(&node.span)?;
    match &node.value {
        NodeValue::List(items) => items.iter().try_for_each(nodes),
        NodeValue::Map(entries) => entries.iter().try_for_each(|(_, key, value)| {
            span(key)?;
            nodes(value)
        }),
        _ => Ok(()),
    }
}
