//! Property values before and after: documents are compared part by part, long strings are cut to where they differ.

use serde_json::Value;

use crate::plan::{PropertyChange, parts};
use crate::view::text::{fit, one_line};

/// One value that differs, ready to be shown.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    /// The property's path, for parts of a document with the way to the part.
    pub path: String,
    /// The value before.
    pub before: Option<String>,
    /// The value after, or what is known about it.
    pub after: Option<String>,
}

/// What differs in `property`: one entry, or one for each differing part if both values are JSON documents.
pub fn difference(property: &PropertyChange) -> Vec<Difference> {
    if let (Some(before), Some(after), None) = (&property.before, &property.after, &property.after_unknown)
        && let (Some(before), Some(after)) = (document(before), document(after))
    {
        let parts = parts(&property.path, Some(&before), Some(&after));
        if !parts.is_empty() {
            let shown = parts.into_iter().map(|part| Difference {
                path: part.path,
                before: part.before.map(json_text),
                after: part.after.map(json_text),
            });
            return shown.collect();
        }
    }
    let after = match (&property.after_unknown, &property.after) {
        (Some(unknown), _) => Some(format!("({})", one_line(unknown))),
        (None, after) => after.as_deref().map(scalar),
    };
    vec![Difference {
        path: property.path.clone(),
        before: property.before.as_deref().map(scalar),
        after,
    }]
}

/// Both values in at most `room` columns each. What they share at their beginning gives way first, so that the
/// difference stays in sight.
pub fn shorten(before: Option<&str>, after: Option<&str>, room: usize) -> (Option<String>, Option<String>) {
    let (Some(one), Some(other)) = (before, after) else {
        return (before.map(|text| fit(text, room)), after.map(|text| fit(text, room)));
    };
    if one.chars().count() <= room && other.chars().count() <= room {
        return (Some(one.to_owned()), Some(other.to_owned()));
    }
    /// How much of the shared beginning stays as context.
    const CONTEXT: usize = 12;
    let shared = one
        .chars()
        .zip(other.chars())
        .take_while(|(left, right)| left == right)
        .count();
    let skip = shared.saturating_sub(CONTEXT);
    let cut = |text: &str| {
        if skip == 0 {
            return fit(text, room);
        }
        let rest: String = text.chars().skip(skip).collect();
        format!("…{}", fit(&rest, room.saturating_sub(1)))
    };
    (Some(cut(one)), Some(cut(other)))
}

/// A list or a mapping written as JSON; anything else is shown as the string that it is.
fn document(text: &str) -> Option<Value> {
    serde_json::from_str::<Value>(text)
        .ok()
        .filter(|value| value.is_object() || value.is_array())
}

fn json_text(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        other => other.to_string(),
    }
}

/// A value as it is; in quotes where its ends would not be seen.
fn scalar(text: &str) -> String {
    let shown = one_line(text);
    if shown.is_empty() || shown.trim() != shown {
        format!("\"{shown}\"")
    } else {
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Replacement;

    fn change(before: &str, after: &str) -> PropertyChange {
        PropertyChange {
            path: "Policy".into(),
            before: Some(before.into()),
            after: Some(after.into()),
            after_unknown: None,
            replacement: Replacement::Never,
            cause: None,
        }
    }

    #[test]
    fn documents_show_only_the_parts_that_differ() {
        let parts = difference(&change(
            r#"{"Version":"2012-10-17","Statement":[{"Action":"s3:GetObject","Effect":"Allow"}]}"#,
            r#"{"Version":"2012-10-17","Statement":[{"Action":"s3:*","Effect":"Allow"},{"Effect":"Deny"}]}"#,
        ));
        let shown: Vec<_> = parts
            .iter()
            .map(|part| (part.path.as_str(), part.before.as_deref(), part.after.as_deref()))
            .collect();
        assert_eq!(
            shown,
            [
                ("Policy.Statement.0.Action", Some("s3:GetObject"), Some("s3:*")),
                ("Policy.Statement.1", None, Some(r#"{"Effect":"Deny"}"#)),
            ]
        );
    }

    #[test]
    fn documents_that_mean_the_same_are_still_shown_as_they_were_written() {
        assert_eq!(difference(&change(r#"{"a":1}"#, r#"{ "a": 1 }"#)).len(), 1);
    }

    #[test]
    fn long_values_stay_in_sight_where_they_differ() {
        let prefix = "arn:aws:iam::111122223333:role/a/very/long/path/that/says/nothing/";
        let (before, after) = shorten(Some(&format!("{prefix}old")), Some(&format!("{prefix}new")), 40);
        assert_eq!(
            (before.as_deref(), after.as_deref()),
            (Some("…ays/nothing/old"), Some("…ays/nothing/new"))
        );
    }

    #[test]
    fn an_empty_value_can_be_seen() {
        assert_eq!(difference(&change("", "x"))[0].before.as_deref(), Some("\"\""));
    }
}
