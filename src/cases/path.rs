//! Paths into a template: `A.B[0].C`, and `A[*].B` for some element.

use crate::template::{Node, NodeValue};

/// What a path leads to.
#[derive(Debug, PartialEq)]
pub(super) enum Reach<'a> {
    /// One place, or several through `[*]`: any of them may be meant.
    There(Vec<&'a Node>),
    /// Nothing: the path as far as it goes, and the node there.
    Ends(String, &'a Node),
}

/// Whether the path has a `[*]`: some element has to fit.
pub(super) fn is_any(path: &str) -> bool {
    path.contains("[*]")
}

/// Follows `path` from `node`. A key of the template that itself holds dots is taken as a whole.
pub(super) fn follow<'a>(node: &'a Node, path: &str) -> Reach<'a> {
    let mut found = Vec::new();
    let mut ends: Option<(String, &'a Node)> = None;
    walk(node, path, "", &mut found, &mut ends);
    match (found.is_empty(), ends) {
        (true, Some((walked, node))) => Reach::Ends(walked, node),
        _ => Reach::There(found),
    }
}

fn walk<'a>(
    node: &'a Node,
    rest: &str,
    walked: &str,
    found: &mut Vec<&'a Node>,
    ends: &mut Option<(String, &'a Node)>,
) {
    if rest.is_empty() {
        found.push(node);
        return;
    }
    // The farthest that any branch came says most.
    let mut stop = |walked: &str, node: &'a Node| {
        if ends.as_ref().is_none_or(|(known, _)| walked.len() > known.len()) {
            *ends = Some((walked.to_owned(), node));
        }
    };
    if let Some(inner) = rest.strip_prefix('[') {
        let Some((index, rest)) = inner.split_once(']') else {
            return stop(walked, node);
        };
        let rest = rest.strip_prefix('.').unwrap_or(rest);
        let NodeValue::List(items) = &node.value else {
            return stop(walked, node);
        };
        if index == "*" {
            if items.is_empty() {
                stop(walked, node);
            }
            for (at, item) in items.iter().enumerate() {
                walk(item, rest, &format!("{walked}[{at}]"), found, ends);
            }
            return;
        }
        return match index.parse().ok().and_then(|at: usize| items.get(at)) {
            Some(item) => walk(item, rest, &format!("{walked}[{index}]"), found, ends),
            None => stop(walked, node),
        };
    }
    let mut ways: Vec<(&str, &str, &Node)> = Vec::new();
    for (key, _, value) in node.entries() {
        let Some(after) = rest.strip_prefix(key.as_str()) else {
            continue;
        };
        if after.is_empty() || after.starts_with('[') {
            ways.push((key, after, value));
        } else if let Some(after) = after.strip_prefix('.') {
            ways.push((key, after, value));
        }
    }
    // The longest key first: it is the one that was written out.
    match ways.into_iter().max_by_key(|(key, _, _)| key.len()) {
        Some((key, after, value)) => walk(value, after, &joined(walked, key), found, ends),
        None => stop(walked, node),
    }
}

/// `key` behind a path.
pub(super) fn joined(path: &str, key: &str) -> String {
    match (path, key.starts_with('[')) {
        ("", _) => key.to_owned(),
        (_, true) => format!("{path}{key}"),
        _ => format!("{path}.{key}"),
    }
}
