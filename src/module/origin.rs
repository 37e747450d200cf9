//! From a place in a rendered template back to what people wrote: the template's line and the inputs behind it.

use std::collections::BTreeSet;
use std::sync::Arc;

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
        labels.extend(input_labels(&self.origins, &template_lines).0);
        labels
    }
}

pub(super) fn relocate_with(origins: &Origins, rendered: &Arc<Source>, problem: Problem) -> Problem {
    let mut lines = BTreeSet::new();
    let mut moved = Vec::new();
    let mut shown = None;
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
        moved.push(match template_span(origins, &label.span) {
            Some(span) => Label { span, text: label.text },
            None => label,
        });
    }
    let (inputs, defaults) = input_labels(origins, &lines);
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

/// Labels for the inputs that these template lines name and the file gives; and the names of those it does not give.
pub(super) fn input_labels(origins: &Origins, lines: &BTreeSet<usize>) -> (Vec<Label>, Vec<String>) {
    let mut seen = BTreeSet::new();
    let mut labels = Vec::new();
    let mut defaults = Vec::new();
    for name in lines.iter().filter_map(|line| origins.inputs.get(line)).flatten() {
        if !seen.insert(name) {
            continue;
        }
        match origins.values.get(name) {
            Some(span) => labels.push(Label {
                span: span.clone(),
                text: format!("`{name}` is given here"),
            }),
            None => defaults.push(name.clone()),
        }
    }
    (labels, defaults)
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
