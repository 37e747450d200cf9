//! What the template language refuses, told at the author's line with the inputs that led there.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::lines::{self, Marked, Name, Need, Use};
use super::super::origin::{input_labels, line_span};
use super::super::parts::{self, Part};
use super::super::typing::{Resolved, Takes, Wire};
use super::super::wiring::WiredStack;
use super::super::{Origins, blocks, jinja};
use super::lengths::Lengths;
use super::undefined;
use crate::diagnostic::{Problem, Problems, Source, Span, codes};

pub(super) fn unreadable(error: &minijinja::Error, template: &Arc<Source>, marked: &Marked) -> Problem {
    let detail = detail(error);
    let open = blocks::open_at(&template.text, &marked.tags, template.text.len());
    if let (true, Some(block)) = (detail.contains("unexpected end of input"), open.last())
        && let Some(tag) = block.tags.first()
    {
        let (keyword, end) = (block.keyword, block.end);
        let message = format!("the template cannot be read: this `{keyword}` is never closed");
        return Problem::error(codes::TEMPLATE_SYNTAX, message)
            .at(Span::new(template, tag.bytes.clone()), "")
            .hint(format!("write {{% {end} %}} where it is to end"));
    }
    let problem = Problem::error(codes::TEMPLATE_SYNTAX, format!("the template cannot be read: {detail}"))
        .at(place(error, template, marked), "");
    let hint = jinja::suggestion(&detail).or_else(|| unclosed(&detail, error, template, marked));
    match hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

/// How a tag is closed that the language read on from.
fn unclosed(detail: &str, error: &minijinja::Error, template: &Arc<Source>, marked: &Marked) -> Option<String> {
    let (close, what) = if detail.ends_with("expected end of variable block") {
        ("}}", "an expression")
    } else if detail.ends_with("expected end of block") {
        ("%}", "a statement")
    } else {
        return None;
    };
    if detail.contains("unexpected `}`") || detail.contains("unexpected `%`") {
        return Some(format!("{what} ends with {close}"));
    }
    let at = place(error, template, marked).bytes.start;
    let tag = marked
        .tags
        .iter()
        .find(|tag| tag.bytes.start < at && at < tag.bytes.end)?;
    let line = |at: usize| Span::new(template, at..at).line_column().0;
    (line(tag.bytes.start) < line(at)).then(|| {
        format!(
            "{what} ends with {close}: close the one of line {}",
            line(tag.bytes.start)
        )
    })
}

/// Comparing with a value that is not known yet would silently be false, so it is found before rendering; so is a loop
/// over a list that may be of any length.
pub(super) fn comparisons(stack: &WiredStack<'_>, marked: &Marked, origins: &Origins, lengths: &Lengths) -> Problems {
    let template = &stack.contract.template;
    let mut problems = Problems::default();
    for found in lines::uses(&template.text, &marked.tags, &|word| stack.values.contains_key(word)) {
        let Some(wire) = stack
            .values
            .get(&found.input)
            .and_then(|value| needed(value, &found, lengths))
        else {
            continue;
        };
        if wire.takes == Takes::List && !lengths.is_rendered(wire) {
            continue;
        }
        problems.push(deferred_problem(
            wire,
            Span::new(template, found.bytes),
            origins,
            lengths,
        ));
    }
    problems
}

/// The reference whose value this use of `value` needs.
fn needed<'v>(value: &'v Resolved, found: &Use, lengths: &Lengths) -> Option<&'v Wire> {
    match (value, found.need) {
        (Resolved::Deferred(wire), Need::Compared(Name::Input | Name::Item)) => Some(wire),
        (Resolved::Deferred(wire), Need::Looped(Name::Input)) => Some(wire).filter(|wire| lengths.of(wire).is_none()),
        (Resolved::List(_), Need::Compared(Name::Item)) | (Resolved::Map(_), Need::Compared(Name::Value)) => {
            value.wires().into_iter().next()
        }
        _ => None,
    }
}

pub(super) fn render_problem(
    error: &minijinja::Error,
    stack: &WiredStack<'_>,
    marked: &Marked,
    origins: &Origins,
    lengths: &Lengths,
) -> Option<Problem> {
    let template = &stack.contract.template;
    let span = place(error, template, marked);
    let details = details(error);
    let unknown = details.iter().find(|text| text.contains(jinja::DEFERRED));
    if let Some(wire) = unknown.and_then(|text| wire_behind(text, stack, &span, origins)) {
        let told = wire.takes != Takes::List || lengths.is_rendered(wire);
        return told.then(|| deferred_problem(wire, span, origins, lengths));
    }
    let name = &stack.spec.name.value;
    let refused = refused(&details);
    let file = details.iter().find_map(|text| jinja::files::asked_for(text));
    let problem = if unknown.is_some() {
        let message = format!("`{name}`: a value has the private-use character U+E002");
        Problem::error(codes::RENDER_FAILED, message).hint("take it out of the environment file or the template")
    } else if let Some(path) = file {
        jinja::files::problem(name, path, &stack.contract.files)
    } else if details.iter().any(|text| jinja::is_too_much(text)) {
        too_much(name)
    } else if let Some(message) = refused {
        Problem::error(codes::REFUSED_BY_TEMPLATE, format!("`{name}`: {message}"))
    } else if error.kind() == minijinja::ErrorKind::UndefinedError {
        return Some(with_inputs(
            undefined::problem(name, &span, stack.contract),
            &span,
            origins,
        ));
    } else {
        let problem = failed(name, &details);
        match details.iter().find_map(|detail| rounds(detail, stack, marked, &span)) {
            Some(hint) if problem.hints.is_empty() => problem.hint(hint),
            _ => problem,
        }
    };
    if refused.is_none() {
        return Some(with_inputs(problem.at(span.clone(), ""), &span, origins));
    }
    // The message says what the call would show again; what led to it are the conditions round it.
    let call = span
        .text()
        .find('(')
        .map_or(span.bytes.end, |open| span.bytes.start + open);
    let mut problem = problem.at(Span::new(template, span.bytes.start..call), "");
    let line_of = |at: usize| Span::new(template, at..at).line_column().0.saturating_sub(1);
    let open = blocks::open_at(&template.text, &marked.tags, span.bytes.start);
    let deciding = open.iter().flat_map(|block| &block.tags);
    let mut lines: BTreeSet<usize> = deciding
        .flat_map(|tag| line_of(tag.bytes.start)..=line_of(tag.bytes.end))
        .collect();
    lines.insert(line_of(span.bytes.start));
    let words: Vec<String> = problem
        .message
        .split(|c: char| c.is_whitespace() || "`\",:".contains(c))
        .map(str::to_owned)
        .collect();
    let part_of = |parts: &[Part]| parts::by_name(parts, &words).cloned();
    let (labels, _) = input_labels(origins, &lines, &part_of);
    problem.labels.extend(labels);
    Some(problem)
}

/// What an error says, and what caused it: one raised inside of a filter or function is the source of another.
pub(super) fn details(error: &minijinja::Error) -> Vec<String> {
    let mut details = vec![detail(error)];
    let mut inner = std::error::Error::source(error);
    while let Some(cause) = inner {
        details.push(cause.to_string());
        inner = cause.source();
    }
    details
}

/// What a template says with `fail`.
pub(super) fn refused(details: &[String]) -> Option<&str> {
    let message = details.iter().find_map(|text| text.split_once(jinja::REFUSED))?.1;
    Some(message.split(" (in ").next().unwrap_or(message))
}

pub(super) fn too_much(name: &str) -> Problem {
    let message = format!("`{name}`: the template does more than any stack needs");
    Problem::error(codes::RENDER_TOO_MUCH, message)
        .note("a rendering may take a million steps and write 16 MiB; macros nest some ten deep")
        .hint("look for a loop over a large range, a macro that calls itself, or a text that keeps doubling")
}

pub(super) fn failed(name: &str, details: &[String]) -> Problem {
    let problem = Problem::error(
        codes::RENDER_FAILED,
        format!("`{name}` cannot be rendered: {}", details.join(": ")),
    );
    match details.iter().find_map(|detail| jinja::suggestion(detail)) {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

/// How the loop at `span` is written, if what it loops over gives no rounds.
fn rounds(detail: &str, stack: &WiredStack<'_>, marked: &Marked, span: &Span) -> Option<String> {
    let text = &stack.contract.template.text;
    if !detail.contains("is not iterable") {
        return None;
    }
    let line = |at: usize| Span::new(&span.source, at..at).line_column().0;
    let words = |tag: &lines::Tag| -> Vec<&str> {
        let words = tag.tokens.iter().map(|token| text.get(token.bytes.clone()));
        words.map(Option::unwrap_or_default).collect()
    };
    let tag = marked.tags.iter().find(|tag| {
        !tag.expression && line(tag.bytes.start) == line(span.bytes.start) && words(tag).first() == Some(&"for")
    })?;
    let words = words(tag);
    let sign = words.iter().position(|word| *word == "in")?;
    let (names, over) = (words.get(1..sign)?, words.get(sign + 1..)?);
    let path = |word: &&str| *word == "." || word.chars().all(|c| c.is_alphanumeric() || c == '_');
    let name = over.concat();
    if !over.iter().all(path) {
        return None;
    }
    let value = stack.values.get(&name);
    match (names, value) {
        ([one], _) if detail.contains("number") => Some(format!("to count: {{% for {one} in range({name}) %}}")),
        ([_, ",", last], Some(Resolved::List(_))) => {
            Some(format!("an item of a list has one name: {{% for {last} in {name} %}}"))
        }
        ([key, ",", value], _) => Some(format!(
            "to have both keys and values: {{% for {key}, {value} in {name} | items %}}"
        )),
        _ => None,
    }
}

/// The reference that a detail is about. Filters may have changed its name on its way here: `vpc_id|upper`.
fn wire_behind<'s>(text: &str, stack: &'s WiredStack<'_>, span: &Span, origins: &Origins) -> Option<&'s Wire> {
    let named = jinja::deferred_parameter(text).unwrap_or_default();
    let line = span.line_column().0.saturating_sub(1);
    let here = origins.inputs.get(&line).into_iter().flatten();
    let mut wires = here
        .filter_map(|name| stack.values.get(name))
        .flat_map(Resolved::wires)
        .chain(stack.wires());
    stack
        .wires()
        .find(|wire| wire.parameter.eq_ignore_ascii_case(named))
        .or_else(|| wires.next())
}

fn deferred_problem(wire: &Wire, span: Span, origins: &Origins, lengths: &Lengths) -> Problem {
    let (input, from) = (&wire.input, &wire.stack);
    let message = format!("the template needs the value of `{input}`, which is known only after `{from}` is deployed");
    let problem = Problem::error(codes::DEFERRED_VALUE, message).at(span.clone(), "");
    let problem = match wire.takes {
        Takes::List if lengths.of(wire).is_some() => problem.note(
            "how many items it has is known, so it can be looped over; what they are is not, so they cannot be compared or taken apart",
        ),
        Takes::List => problem.note(NOT_BEFORE).note(format!(
            "it would have a length if the template of `{from}` joined a list of which it writes every item"
        )),
        _ => problem.note(NOT_BEFORE),
    };
    let problem = problem
        .hint("in the template: sub(\"...${x}...\", x=value), select(0, list) and join(\",\", list) work with it")
        .hint(format!(
            "or give `{input}` in the environment file a value that is known"
        ));
    with_inputs(problem, &span, origins)
}

const NOT_BEFORE: &str =
    "such a value can be written out whole and tested for being there, not compared, taken apart or looped over";

fn with_inputs(mut problem: Problem, span: &Span, origins: &Origins) -> Problem {
    let line = span.line_column().0.saturating_sub(1);
    let (labels, _) = input_labels(origins, &BTreeSet::from([line]), &|_| None);
    problem.labels.extend(labels);
    problem
}

fn detail(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => detail.to_owned(),
        None => error.kind().to_string(),
    }
}

/// Where a template failed, in the author's text.
pub(super) fn place(error: &minijinja::Error, template: &Arc<Source>, marked: &Marked) -> Span {
    let line = error.line().map_or(0, |line| line.saturating_sub(1));
    let whole = line_span(template, line);
    match error.range() {
        Some(range) if !range.is_empty() => {
            let span = Span::new(template, marked.original(range.start)..marked.original(range.end));
            // Some errors carry the range of a whole block: the line says more then.
            if span.text().contains('\n') { whole } else { span }
        }
        _ => whole,
    }
}
