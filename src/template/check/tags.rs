//! Tags ("Tag naming limits and requirements"): what no service takes, whatever its schema says.

use std::collections::HashMap;

use super::super::{Node, NodeValue, schema};
use super::verdict::scalar_text;
use super::{Template, intrinsic, is_told, is_unknown};
use crate::diagnostic::{Problem, Problems, Span, codes};

const MOST_TAGS: usize = 50;
const LONGEST_KEY: usize = 128;
const LONGEST_VALUE: usize = 256;

pub(super) fn check(template: &Template, problems: &mut Problems) {
    for (_, _, resource) in template.resources.entries {
        let Some(type_name) = resource.get("Type").and_then(Node::as_str) else {
            continue;
        };
        let Some(property) = schema::get(type_name).and_then(|schema| schema.taggable()) else {
            continue;
        };
        let Some(properties) = resource.get("Properties") else {
            continue;
        };
        let entry = properties.entries().iter().find(|(key, _, _)| *key == property);
        let Some((_, span, tags)) = entry.filter(|(_, _, tags)| intrinsic::call(tags).is_none()) else {
            continue;
        };
        match &tags.value {
            NodeValue::List(items) => list(items, span, problems),
            NodeValue::Map(entries) => {
                for (key, at, value) in entries {
                    tag(key, at, Some(value), problems);
                }
                many(entries.len(), span, problems);
            }
            _ => {}
        }
    }
}

fn list(items: &[Node], span: &Span, problems: &mut Problems) {
    let mut seen: HashMap<&str, &Span> = HashMap::new();
    let mut certain = 0;
    for item in items.iter().filter(|item| intrinsic::call(item).is_none()) {
        certain += 1;
        let Some(node) = item.get("Key").filter(|key| !is_unknown(key)) else {
            continue;
        };
        let Some(key) = node.as_str() else { continue };
        tag(key, &node.span, item.get("Value"), problems);
        match seen.get(key) {
            Some(first) => problems.push(
                Problem::error(codes::TAG_INVALID, format!("the tag `{key}` is given twice"))
                    .at(node.span.clone(), "again here")
                    .at((*first).clone(), "first here"),
            ),
            None => drop(seen.insert(key, &node.span)),
        }
    }
    many(certain, span, problems);
}

fn many(count: usize, span: &Span, problems: &mut Problems) {
    if count > MOST_TAGS {
        problems.push(
            Problem::error(
                codes::TAG_INVALID,
                format!("a resource has at most {MOST_TAGS} tags; this one has {count}"),
            )
            .at(span.clone(), ""),
        );
    }
}

fn tag(key: &str, at: &Span, value: Option<&Node>, problems: &mut Problems) {
    let wrong = |message: String, at: &Span| Problem::error(codes::TAG_INVALID, message).at(at.clone(), "");
    if key.to_ascii_lowercase().starts_with("aws:") {
        problems.push(wrong(
            format!("the tag `{key}` begins with `aws:`, which AWS keeps for itself"),
            at,
        ));
    }
    let length = key.chars().count();
    if length == 0 {
        problems.push(wrong("a tag has an empty key".to_owned(), at));
    } else if length > LONGEST_KEY && !is_told(problems, at) {
        problems.push(wrong(
            format!("the key of a tag has at most {LONGEST_KEY} characters; this one has {length}"),
            at,
        ));
    }
    let Some(value) = value.filter(|value| !is_unknown(value)) else {
        return;
    };
    let length = scalar_text(value).map_or(0, |text| text.chars().count());
    if length > LONGEST_VALUE && !is_told(problems, &value.span) {
        problems.push(wrong(
            format!("the value of a tag has at most {LONGEST_VALUE} characters; this one has {length}"),
            &value.span,
        ));
    }
}
