//! `[tags]`: what every stack is tagged with.

use std::collections::BTreeMap;

use super::super::field;
use super::super::keys::{MAX_TAGS, OWN_TAGS};
use super::super::syntax::Table;
use crate::diagnostic::{Problem, Problems, codes};

pub(super) fn tags(table: &Table, problems: &mut Problems) -> BTreeMap<String, String> {
    let Some(section) = field::table(table, "tags", problems) else {
        return BTreeMap::new();
    };
    if section.len() > MAX_TAGS
        && let Some((_, entry)) = section.get_index(MAX_TAGS)
    {
        problems.push(
            Problem::error(codes::INVALID_TAG, format!("{} tags are too many", section.len()))
                .at(entry.key.clone(), format!("this is number {}", MAX_TAGS + 1))
                .note(format!("a stack takes 50, and mlinfra adds {OWN_TAGS}")),
        );
    }
    let mut tags = BTreeMap::new();
    for (key, entry) in section {
        if let Some(reason) = tag_key_fault(key) {
            problems.push(curable(
                Problem::error(codes::INVALID_TAG, format!("the tag `{key}` is refused: {reason}"))
                    .at(entry.key.clone(), ""),
                key,
            ));
        }
        if let Some(value) = field::string(section, key, problems) {
            if let Some(reason) = tag_text_fault(&value.value, 256) {
                let message = format!("the value of tag `{key}` is refused: {reason}");
                let problem = Problem::error(codes::INVALID_TAG, message).at(value.span.clone(), "");
                problems.push(if value.value.is_empty() {
                    problem.hint("give it a value, or remove the tag")
                } else {
                    curable(problem, &value.value)
                });
            }
            tags.insert(key.clone(), value.value);
        }
    }
    tags
}

/// Adds what may be written, if it is a character that is refused, and how the text would pass.
fn curable(problem: Problem, text: &str) -> Problem {
    if text.chars().all(is_allowed) {
        return problem;
    }
    let mended: String = text.chars().map(|c| if is_allowed(c) { c } else { '-' }).collect();
    problem
        .note("tags hold letters, digits, spaces and _ . : / = + - @")
        .hint(format!("for example: \"{mended}\""))
}

fn is_allowed(c: char) -> bool {
    c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c)
}

fn tag_key_fault(key: &str) -> Option<String> {
    if key.to_lowercase().starts_with("aws:") {
        return Some("the prefix `aws:` is AWS's own".into());
    }
    if key.to_lowercase().starts_with("mlinfra:") {
        return Some("tags that begin with `mlinfra:` are set by mlinfra".into());
    }
    tag_text_fault(key, 128)
}

/// "Tag naming limits and requirements", Tagging AWS Resources User Guide.
fn tag_text_fault(text: &str, longest: usize) -> Option<String> {
    let length = text.chars().count();
    if length == 0 {
        return Some("it is empty".into());
    }
    if length > longest {
        return Some(format!("it has {length} characters, AWS takes {longest}"));
    }
    text.chars()
        .find(|c| !is_allowed(*c))
        .map(|bad| format!("`{}` is not allowed in tags", bad.escape_default()))
}
