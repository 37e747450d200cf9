//! From a place in a rendered template back to what people wrote: the template's line and the inputs behind it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::parts::{self, Part};
use super::{Origins, RenderedStack};
use crate::diagnostic::{Label, Problem, Source, Span};
use crate::template::{Node, NodeValue};

/// Moves a problem about a rendered document to the template line and the environment file's lines that led there.
///
/// Labels that point elsewhere stay as they are.
pub fn relocate(stack: &RenderedStack, problem: Problem) -> Problem {
    relocate_with(&stack.origins, &stack.document.source, problem)
}

impl RenderedStack {
    /// The place in the template, as its author wrote it, of a place in the rendered document.
    pub fn written_at(&self, span: &Span) -> Option<Span> {
        template_span(&self.origins, span)
    }

    /// The first input that the template's line behind a place in the rendered document names.
    pub fn input_at(&self, span: &Span) -> Option<String> {
        let line = self.origins.lines.get(rendered_line(span))?;
        self.origins.inputs.get(line)?.iter().next().cloned()
    }

    /// Where a resource comes from: the template's line first, then the inputs that the environment file gives and
    /// that its body uses. Empty if there is no such resource.
    pub fn trace(&self, logical_id: &str) -> Vec<Label> {
        let resources = self
            .document
            .root
            .get("Resources")
            .map(Node::entries)
            .unwrap_or_default();
        let Some((_, key, body)) = resources.iter().find(|(id, _, _)| id == logical_id) else {
            return Vec::new();
        };
        let mut labels = Vec::new();
        if let Some(span) = template_span(&self.origins, key) {
            labels.push(Label {
                span,
                text: format!("`{logical_id}` is made here"),
            });
        }
        let mut lines = BTreeSet::from([rendered_line(key)]);
        collect_lines(body, &mut lines);
        let template_lines: BTreeSet<usize> = lines
            .iter()
            .filter_map(|line| self.origins.lines.get(*line).copied())
            .collect();
        let part_of = |parts: &[Part]| parts::by_logical_id(parts, logical_id).cloned();
        labels.extend(input_labels(&self.origins, &template_lines, &part_of).0);
        labels
    }
}

pub(super) fn relocate_with(origins: &Origins, rendered: &Arc<Source>, problem: Problem) -> Problem {
    let mut lines = BTreeSet::new();
    let mut moved = Vec::new();
    let mut shown = None;
    let mut wanted = Vec::new();
    for label in problem.labels {
        if !Arc::ptr_eq(&label.span.source, rendered) {
            moved.push(label);
            continue;
        }
        let line = rendered_line(&label.span);
        if let Some(template_line) = origins.lines.get(line) {
            lines.insert(*template_line);
        }
        if shown.is_none() {
            shown = rendered.text.lines().nth(line).map(str::trim);
        }
        let values = scalars(&label.span, rendered.text.lines().nth(line).unwrap_or_default());
        wanted.push((values, origins.lines.get(line).copied()));
        moved.push(match template_span(origins, &label.span) {
            Some(span) => Label { span, text: label.text },
            None => label,
        });
    }
    // The first label is where the problem is, so its values come first.
    let part_of = |parts: &[Part]| {
        let found = |(values, line): &(Vec<String>, Option<usize>)| {
            parts::by_value(parts, values, &keys(origins, (*line)?)).cloned()
        };
        wanted.iter().find_map(found)
    };
    let (inputs, defaults) = input_labels(origins, &lines, &part_of);
    moved.extend(inputs);
    let mut problem = Problem {
        labels: moved,
        ..problem
    };
    let written = problem.labels.first().map(|label| whole_line(&label.span));
    if let (Some(shown), Some(written)) = (shown, written)
        && written.contains("{{")
        && !shown.is_empty()
    {
        let cut: String = shown.chars().take(160).collect();
        let dots = if cut.len() < shown.len() { "…" } else { "" };
        problem = problem.note(format!("rendered as: {cut}{dots}"));
    }
    for input in defaults {
        problem = problem.note(format!(
            "`{input}` is not set in the environment file, the module provides its value"
        ));
    }
    problem
}

/// Labels for the inputs that these template lines name and the file gives, at the part that `part_of` finds in those
/// that have parts; and the names of those that the file does not give.
pub(super) fn input_labels(
    origins: &Origins,
    lines: &BTreeSet<usize>,
    part_of: &dyn Fn(&[Part]) -> Option<Part>,
) -> (Vec<Label>, Vec<String>) {
    let mut seen = BTreeSet::new();
    let mut labels = Vec::new();
    let mut defaults = Vec::new();
    for name in lines.iter().filter_map(|line| origins.inputs.get(line)).flatten() {
        if !seen.insert(name) {
            continue;
        }
        let part = origins.parts.get(name).and_then(|parts| part_of(parts));
        match (part, origins.values.get(name)) {
            (Some(part), _) => labels.push(Label {
                text: format!("`{}` is given here", part.path),
                span: part.span,
            }),
            (None, Some(span)) => labels.push(Label {
                span: span.clone(),
                text: format!("`{name}` is given here"),
            }),
            (None, None) => defaults.push(name.clone()),
        }
    }
    (labels, defaults)
}

/// The plain values at a place of the rendered text: the place itself if it is one, else those on its line.
fn scalars(span: &Span, line: &str) -> Vec<String> {
    let plain = |text: &str| match serde_json::from_str::<serde_json::Value>(text.trim()) {
        Ok(serde_json::Value::String(text)) => Some(text),
        Ok(value @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_))) => Some(value.to_string()),
        _ => None,
    };
    if let Some(value) = plain(span.text()) {
        return vec![value];
    }
    let after_colon = line.split_once(": ").and_then(|(_, value)| plain(value));
    let quoted = line.split('"').skip(1).step_by(2).map(str::to_owned);
    quoted.chain(after_colon).collect()
}

/// The names behind dots on this line of the template: `status` in `{{ rule.status }}`.
fn keys(origins: &Origins, line: usize) -> Vec<&str> {
    let text = origins.template.as_ref().map_or("", |template| template.text.as_str());
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.lines()
        .nth(line)
        .filter(|line| line.contains("{{"))
        .into_iter()
        .flat_map(|line| line.split('.').skip(1))
        .filter_map(|rest| rest.split(|c| !is_letter(c)).next())
        .filter(|key| !key.is_empty())
        .collect()
}

/// The line of the template that a place in the rendered text comes from: the same words if they stand there, else
/// the line.
fn template_span(origins: &Origins, span: &Span) -> Option<Span> {
    let template = origins.template.as_ref()?;
    let line = *origins.lines.get(rendered_line(span))?;
    let whole = line_span(template, line);
    let first = span.text().lines().next().unwrap_or_default();
    match whole.text().find(first).filter(|_| !first.is_empty()) {
        Some(at) => {
            let start = whole.bytes.start + at;
            Some(Span::new(template, start..start + first.len()))
        }
        None => Some(whole),
    }
}

/// Line `line` (from 0) of a text without the spaces around it.
pub(super) fn line_span(source: &Arc<Source>, line: usize) -> Span {
    let mut start = 0;
    for (index, text) in source.text.split_inclusive('\n').enumerate() {
        if index == line {
            let indent = text.len() - text.trim_start().len();
            let length = text.trim().len();
            return Span::new(source, start + indent..start + indent + length);
        }
        start += text.len();
    }
    Span::new(source, source.text.len()..source.text.len())
}

pub(super) fn rendered_line(span: &Span) -> usize {
    span.line_column().0.saturating_sub(1)
}

fn whole_line(span: &Span) -> String {
    line_span(&span.source, rendered_line(span)).text().to_owned()
}

fn collect_lines(node: &Node, lines: &mut BTreeSet<usize>) {
    lines.insert(rendered_line(&node.span));
    match &node.value {
        NodeValue::List(items) => items.iter().for_each(|item| collect_lines(item, lines)),
        NodeValue::Map(entries) => {
            for (_, key, value) in entries {
                lines.insert(rendered_line(key));
                collect_lines(value, lines);
            }
        }
        _ => {}
    }
}
