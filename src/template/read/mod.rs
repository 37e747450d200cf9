//! Reading: YAML or JSON text to a [`Document`], each node with its position.
//!
//! Both forms give the same data model. Reading is bounded (size, depth) and exact: what CloudFormation would refuse
//! or silently change (aliases, merges, duplicate keys, unknown tags) is refused here, with its place.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Document, Node, NodeValue};
use crate::diagnostic::{Problem, Problems, Source, Span, codes};

mod json;
mod mistakes;
mod tags;
#[cfg(test)]
mod tests;
mod yaml;

/// The largest template that CloudFormation takes, through S3: 1 MB ("CloudFormation quotas").
pub const MAXIMUM_BYTES: usize = 1_048_576;

/// How deep values may nest; far more than any resource needs, far less than what endangers the stack.
pub const MAXIMUM_DEPTH: usize = 100;

/// How many problems of one text are told; reading stops there.
const MOST_PROBLEMS: usize = 1_000;

/// Reads a template: JSON if the text begins with `{`, YAML otherwise. Short tags become long forms.
///
/// What begins with `{` and is no JSON may still be YAML, which knows braces, too: CloudFormation tries both
/// ("Validating a template"), so a comma too many or single quotes do no harm.
///
/// # Errors
/// Syntax errors (the first one only), and all unknown tags, duplicate keys, aliases and merge keys.
pub fn read(source: &Arc<Source>) -> Result<Document, Problems> {
    if source.text.len() > MAXIMUM_BYTES {
        let problem = Problem::error(
            codes::TEMPLATE_TOO_LARGE,
            format!(
                "the template has {} bytes; CloudFormation takes at most {MAXIMUM_BYTES}",
                source.text.len()
            ),
        )
        .at(Span::new(source, 0..0), "")
        .hint("split the stack into two modules");
        return Err(Problems(vec![problem]));
    }
    let root = value(source)?;
    match root.value {
        NodeValue::Map(_) => Ok(Document {
            source: Arc::clone(source),
            root,
        }),
        _ => Err(Problem::error(
            codes::TEMPLATE_SYNTAX,
            "a template is a mapping with a `Resources` section",
        )
        .at(root.span, format!("this is {}", describe(&root.value)))
        .into()),
    }
}

/// Reads any one value, in YAML or JSON, as [`read`] does.
///
/// # Errors
/// As [`read`].
pub fn value(source: &Arc<Source>) -> Result<Node, Problems> {
    let is_json = source
        .text
        .trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n'])
        .starts_with('{');
    let (root, problems) = if is_json {
        match json::read(source) {
            (None, wrong_json) => match yaml::read(source) {
                (Some(root), problems) => (Some(root), problems),
                (None, _) => (None, wrong_json),
            },
            read => read,
        }
    } else {
        yaml::read(source)
    };
    match root {
        Some(root) if problems.0.is_empty() => Ok(root),
        _ => Err(problems),
    }
}

/// "a list", "a string", …: how a value is named in messages.
pub fn describe(value: &NodeValue) -> &'static str {
    match value {
        NodeValue::Null => "null",
        NodeValue::Boolean(_) => "a boolean",
        NodeValue::Number(_) => "a number",
        NodeValue::String(_) => "a string",
        NodeValue::List(_) => "a list",
        NodeValue::Map(_) => "a mapping",
    }
}

/// A number if JSON holds it exactly as it is written, otherwise the text: `1.10` as a version must not become `1.1`,
/// and an account id with leading zeros must keep them. CloudFormation turns strings into numbers where it needs them.
fn number(text: &str) -> NodeValue {
    match text.parse::<serde_json::Number>() {
        Ok(number) if number.to_string() == text => NodeValue::Number(number),
        _ => NodeValue::String(text.to_owned()),
    }
}

/// The entries of a mapping while it is read; finds duplicate keys.
#[derive(Default)]
struct Entries {
    entries: Vec<(String, Span, Node)>,
    seen: HashMap<String, usize>,
}

impl Entries {
    fn push(&mut self, key: String, span: Span, node: Node, problems: &mut Problems) {
        if let Some((_, first, _)) = self.seen.get(&key).and_then(|at| self.entries.get(*at)) {
            problems.push(
                Problem::error(
                    codes::DUPLICATE_KEY,
                    format!("the key `{key}` stands twice in one mapping"),
                )
                .at(span, "again here")
                .at(first.clone(), "first here")
                .hint("remove one of the two, or rename it"),
            );
            return;
        }
        self.seen.insert(key.clone(), self.entries.len());
        self.entries.push((key, span, node));
    }

    /// Without room to grow: most mappings have one key, and a document is kept for as long as its environment.
    fn finish(mut self) -> Vec<(String, Span, Node)> {
        self.entries.shrink_to_fit();
        self.entries
    }
}

fn too_deep(span: Span) -> Problem {
    Problem::error(
        codes::TEMPLATE_TOO_DEEP,
        format!("values nest deeper than {MAXIMUM_DEPTH} levels"),
    )
    .at(span, "")
}
