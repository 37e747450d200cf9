//! One template whose values are all known, in the same language: what is no stack, such as a Kubernetes manifest.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::value::Value;
use serde_json::Value as Json;

use super::super::lines;
use super::super::origin::relocate_with;
use super::super::{Origins, bounds, jinja};
use super::{failures, named_on_lines, prepare, undefined};
use crate::diagnostic::{Problem, Problems, Source, Span, codes};
use crate::spec::field;
use crate::template::{Node, read};

/// A template with the values that it sees.
#[derive(Debug)]
pub struct Plain<'a> {
    /// Whose it is, for messages.
    pub name: &'a str,
    /// The template.
    pub template: &'a Arc<Source>,
    /// What it sees, by name.
    pub values: &'a BTreeMap<String, Json>,
    /// Where the file gives a value.
    pub written: &'a BTreeMap<String, Span>,
}

/// What a template was rendered to.
#[derive(Debug, Clone)]
pub struct PlainDocument {
    /// The value; its spans point into the rendered text.
    pub root: Node,
    source: Arc<Source>,
    origins: Origins,
}

impl PlainDocument {
    /// The same problem at the author's line, with the settings that led there.
    pub fn relocate(&self, problem: Problem) -> Problem {
        relocate_with(&self.origins, &self.source, problem)
    }
}

impl Plain<'_> {
    /// Renders and reads it; none if it renders to nothing, which is how a template says that it does not apply.
    ///
    /// # Errors
    /// Everything that is wrong, at the template's lines.
    pub fn render(&self) -> Result<Option<PlainDocument>, Problems> {
        let mut problems = Problems::default();
        let mut language = jinja::language();
        let Some(marked) = prepare(&mut language, self.name, self.template, &mut problems) else {
            return Err(problems);
        };
        let unknown: Problems = undefined::names(self.template, &marked)
            .into_iter()
            .filter(|span| !self.values.contains_key(span.text()))
            .map(|span| self.undefined(&span))
            .collect();
        problems.extend(unknown);
        if problems.has_errors() {
            return Err(problems);
        }
        let is_value = |word: &str| self.values.contains_key(word);
        let mut origins = Origins {
            template: Some(Arc::clone(self.template)),
            inputs: named_on_lines(self.template, &marked, &is_value),
            values: self.written.clone(),
            ..Origins::default()
        };
        let steps = bounds::steps(&self.template.text, &marked.tags, jinja::MOST_STEPS);
        language.set_fuel(Some(steps));
        let values = self.values.iter();
        let context = Value::from_pairs(values.map(|(name, value)| (Value::from(name.as_str()), known(value))));
        let rendered = language
            .get_template(self.name)
            .and_then(|template| jinja::render(&template, context));
        let (text, lines) = match rendered {
            Ok(text) => lines::strip(&text),
            Err(error) => {
                let span = failures::place(&error, self.template, &marked);
                let details = failures::details(&error);
                let problem = if let Some(message) = failures::refused(&details) {
                    let message = format!("`{}`: {message}", self.name);
                    Problem::error(codes::REFUSED_BY_TEMPLATE, message).at(span, "")
                } else if details.iter().any(|detail| jinja::is_too_much(detail)) {
                    failures::too_much(self.name).at(span, "")
                } else if error.kind() == minijinja::ErrorKind::UndefinedError {
                    self.undefined(&span)
                } else {
                    failures::failed(self.name, &details).at(span, "")
                };
                return Err(problem.into());
            }
        };
        if text
            .lines()
            .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
        {
            return Ok(None);
        }
        origins.lines = lines;
        let source = Arc::new(Source {
            path: format!("(rendered) {}", self.template.path),
            text,
        });
        match read::value(&source) {
            Ok(root) => Ok(Some(PlainDocument { root, source, origins })),
            Err(found) => Err(found
                .into_iter()
                .map(|problem| relocate_with(&origins, &source, problem))
                .collect()),
        }
    }

    fn undefined(&self, span: &Span) -> Problem {
        let expression = span.text().trim();
        let message = format!(
            "`{}`: the template uses `{expression}`, which is not defined",
            self.name
        );
        let problem = Problem::error(codes::RENDER_UNDEFINED, message).at(span.clone(), "");
        let first = expression.split(['.', '[', ' ']).next().unwrap_or_default();
        field::with_suggestion(problem, first, self.values.keys().map(String::as_str), "it sees")
    }
}

/// A value of JSON as templates see it.
fn known(value: &Json) -> Value {
    match value {
        Json::Null => Value::from(()),
        Json::Bool(value) => Value::from(*value),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Value::from(whole),
            (None, Some(number)) => Value::from(number),
            (None, None) => Value::from(number.to_string()),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::from(items.iter().map(known).collect::<Vec<_>>()),
        Json::Object(entries) => Value::from_pairs(
            entries
                .iter()
                .map(|(key, value)| (Value::from(key.as_str()), known(value))),
        ),
    }
}
