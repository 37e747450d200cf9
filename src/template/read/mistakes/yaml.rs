//! Mistakes in YAML.

use std::sync::Arc;

use super::Place;
use crate::diagnostic::{Problem, Source, Span};

/// The problem behind a place where the YAML parser stopped; `info` is what it said.
pub(in super::super) fn yaml(source: &Arc<Source>, at: usize, info: &str) -> Problem {
    let place = Place::of(source, at);
    let says = |words: &str| info.contains(words);
    let known = if says("tab") {
        tab(&place)
    } else if says("mapping values are not allowed") {
        nested(&place)
    } else if says("expected '-' indicator") {
        Some(item(&place))
    } else if says("trailing content") {
        Some(behind_a_quote(&place))
    } else if says("quoted scalar") {
        Some(open_quote(&place))
    } else if says("flow construct") || says("flow mapping") || says("flow sequence") {
        open_bracket(&place)
    } else if says("unexpected character") || says("anchor or alias") {
        first_character(&place)
    } else if says("block mapping") || says("simple key") || says("block collection") {
        forgotten_space(&place).or_else(|| indentation(&place))
    } else {
        None
    };
    known.unwrap_or_else(|| {
        let problem = place.problem("YAML", info, place.at..place.at);
        match problem.labels.first().map(|label| label.span.clone()) {
            Some(span) => Problem {
                labels: Vec::new(),
                ..problem
            }
            .at(span, "reading stopped here"),
            None => problem,
        }
    })
}

fn tab(place: &Place<'_>) -> Option<Problem> {
    let line = if place.line.contains('\t') { None } else { place.above() };
    let place = line.as_ref().unwrap_or(place);
    let at = place.start + place.line.find('\t')?;
    let problem = place.problem("YAML", "a tab stands in the indentation", at..at + 1);
    Some(problem.hint("YAML is indented with spaces; let the editor replace tabs by spaces"))
}

/// A second `: ` in a line, or a key below a line that has its value already.
fn nested(place: &Place<'_>) -> Option<Problem> {
    let content = place.line.trim_start().trim_start_matches("- ");
    if let Some((key, value)) = content.split_once(": ")
        && value.contains(": ")
        && !value.starts_with(['"', '\'', '{', '[', '!', '&'])
    {
        let begin = place.start + place.line.len() - value.len();
        let problem = place.problem(
            "YAML",
            "a value that holds `: ` must stand in quotes",
            begin..begin + value.trim_end().len(),
        );
        return Some(problem.hint(format!("write: {key}: \"{}\"", value.trim_end())));
    }
    if let Some(problem) = forgotten_space(place) {
        return Some(problem);
    }
    let above = place.above()?;
    let span = place.content();
    let has_value = above
        .line
        .split_once(": ")
        .is_some_and(|(_, value)| !value.trim().is_empty());
    if has_value && place.indentation() > above.indentation() {
        let problem = place.problem("YAML", "this line is indented too far", span.bytes.clone());
        let problem = problem.at(
            above.content(),
            "this key has its value already, and nothing can stand below it",
        );
        return Some(problem.hint(format!(
            "begin it in column {}, as the line above",
            above.indentation() + 1
        )));
    }
    None
}

/// `Key:value`, in this line or the one above.
fn forgotten_space(place: &Place<'_>) -> Option<Problem> {
    let above = place.above();
    for line in above.iter().chain([place]) {
        let content = line.line.trim();
        let Some((key, value)) = content.split_once(':') else {
            continue;
        };
        let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let glued = !value.is_empty() && !value.starts_with([' ', ':', '/']) && !content.contains(": ");
        if is_key && glued {
            let problem = line.problem("YAML", "a space is missing behind `:`", line.content().bytes.clone());
            return Some(problem.hint(format!("write: {key}: {value}")));
        }
    }
    None
}

/// A line among the items of a list that is none.
fn item(place: &Place<'_>) -> Problem {
    let content = place.line.trim();
    let bytes = place.content().bytes;
    if let Some(rest) = content.strip_prefix('-')
        && !rest.starts_with([' ', '-'])
    {
        return place
            .problem("YAML", "a space is missing behind `-`", bytes)
            .hint(format!("write: - {rest}"));
    }
    let problem = place.problem("YAML", "keys and items (`-`) are mixed", bytes);
    let problem = match place.above().filter(|above| above.line.trim_start().starts_with('-')) {
        Some(above) => problem.at(above.content(), "a list begins here"),
        None => problem,
    };
    problem.hint("below one key stand either keys, or items that all begin with `- `")
}

fn behind_a_quote(place: &Place<'_>) -> Problem {
    let begin = place.line.find(['\'', '"']).unwrap_or_default();
    let text = place.line.get(begin..).unwrap_or_default().trim_end();
    let bytes = place.start + begin..place.start + begin + text.len();
    let problem = place.problem("YAML", "something stands behind the closing quote", bytes);
    if text.starts_with('\'') {
        problem.hint("between single quotes an apostrophe is written twice: 'it''s', or take double quotes")
    } else {
        problem.hint("between double quotes a quote is written \\\", or take single quotes")
    }
}

fn open_quote(place: &Place<'_>) -> Problem {
    let end = place.start + place.line.trim_end().len();
    let problem = place.problem("YAML", "a string has no end", place.at..end.max(place.at));
    match place.next_char() {
        Some(quote @ ('"' | '\'')) => problem.hint(format!("close it with {quote}")),
        _ => problem,
    }
}

/// The last bracket before the place that nothing closes.
fn open_bracket(place: &Place<'_>) -> Option<Problem> {
    let mut open = Vec::new();
    let mut quote = None;
    for (at, c) in place.source.text.get(..place.at)?.char_indices() {
        match (quote, c) {
            (Some(mark), c) if c == mark => quote = None,
            // An apostrophe in plain text closes nothing: a quote ends with its line at the latest here.
            (_, '\n') => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '[' | '{') => open.push((at, c)),
            (None, ']' | '}') => drop(open.pop()),
            _ => {}
        }
    }
    let (at, bracket) = open.last()?;
    let close = if *bracket == '[' { ']' } else { '}' };
    let problem = place.problem("YAML", &format!("a `{bracket}` is not closed"), *at..at + 1);
    let problem = problem.at(Span::new(place.source, place.at..place.at), "reading stopped here");
    Some(problem.hint(format!("close it with `{close}`")))
}

/// A value whose first character means something else to YAML.
fn first_character(place: &Place<'_>) -> Option<Problem> {
    let value_of = |line: &str| -> Option<(usize, String)> {
        let content = line.trim_start();
        let (key, value) = content.split_once(": ").or_else(|| content.split_once("- "))?;
        let value = value.trim();
        let begin = line.len() - content.len() + key.len() + 2;
        value
            .starts_with(['%', '@', '`', '*', '&'])
            .then(|| (begin, value.to_owned()))
    };
    let above = place.above();
    let (line, (begin, value)) = [Some(place), above.as_ref()]
        .into_iter()
        .flatten()
        .find_map(|line| Some((line, value_of(line.line)?)))?;
    let first = value.chars().next()?;
    let what = match first {
        '*' => "`*` without quotes begins an alias",
        '&' => "`&` without quotes begins an anchor",
        _ => "a value that begins so must stand in quotes",
    };
    let bytes = line.start + begin..line.start + begin + value.len();
    let problem = line.problem("YAML", what, bytes);
    Some(problem.hint(format!("write: \"{}\"", value.trim_matches('`'))))
}

/// A line whose indentation is none of those that are open above it.
fn indentation(place: &Place<'_>) -> Option<Problem> {
    let own = place.indentation();
    let mut open = Vec::new();
    let mut lowest = usize::MAX;
    let mut above = place.above();
    while let Some(line) = above {
        if line.indentation() < lowest {
            lowest = line.indentation();
            open.push(lowest);
        }
        above = line.above();
    }
    if open.is_empty() || open.contains(&own) {
        return None;
    }
    let near = open.iter().copied().min_by_key(|column| column.abs_diff(own))?;
    let what = format!("this line begins in column {}, and none above it does", own + 1);
    let problem = place.problem("YAML", &what, place.content().bytes);
    Some(problem.hint(format!("begin it in column {}", near + 1)))
}
