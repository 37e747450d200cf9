//! Label and field selectors.

use serde_json::Value;

use super::object::{entries, text};
use super::refusal::Refusal;

/// Conditions on an object, all of which have to hold.
#[derive(Debug, Default)]
pub(super) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<(String, bool, String)>,
}

#[derive(Debug)]
enum Requirement {
    Exists(String),
    Absent(String),
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
}

impl Selector {
    /// Reads `labelSelector` and `fieldSelector`.
    ///
    /// # Errors
    /// What cannot be understood, in the API server's manner.
    pub(super) fn read(labels: &str, fields: &str) -> Result<Self, Refusal> {
        let mut selector = Self::default();
        for part in split(labels) {
            let requirement = requirement(part)
                .ok_or_else(|| Refusal::bad_request(format!("unable to parse requirement: {part:?} is not one")))?;
            selector.labels.push(requirement);
        }
        for part in split(fields) {
            let (key, value, wanted) = if let Some((key, value)) = part.split_once("!=") {
                (key, value, false)
            } else if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
                (key, value, true)
            } else {
                let message = format!("invalid selector: {fields:?}; can't understand {part:?}");
                return Err(Refusal::bad_request(message));
            };
            selector
                .fields
                .push((key.trim().to_owned(), wanted, value.trim().to_owned()));
        }
        Ok(selector)
    }

    /// Whether the object is meant.
    pub(super) fn takes(&self, object: &Value) -> bool {
        let label = |key: &str| {
            let mut labels = entries(object, "/metadata/labels");
            labels
                .find(|(name, _)| *name == key)
                .and_then(|(_, value)| value.as_str())
        };
        let labelled = self.labels.iter().all(|requirement| match requirement {
            Requirement::Exists(key) => label(key).is_some(),
            Requirement::Absent(key) => label(key).is_none(),
            Requirement::In(key, values) => label(key).is_some_and(|value| values.iter().any(|one| one == value)),
            Requirement::NotIn(key, values) => label(key).is_none_or(|value| values.iter().all(|one| one != value)),
        });
        labelled
            && self.fields.iter().all(|(key, wanted, value)| {
                let pointer = format!("/{}", key.replace('.', "/"));
                (text(object, &pointer) == value) == *wanted
            })
    }
}

/// The parts between commas that stand in no brackets.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut begin) = (0_u32, 0);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(text.get(begin..at).unwrap_or_default());
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(begin..).unwrap_or_default());
    parts.retain(|part| !part.trim().is_empty());
    parts
}

fn requirement(part: &str) -> Option<Requirement> {
    let part = part.trim();
    for (mark, within) in [(" notin ", false), (" in ", true)] {
        if let Some((key, values)) = part.split_once(mark) {
            let values = values.trim().strip_prefix('(')?.strip_suffix(')')?;
            let values = values.split(',').map(|value| value.trim().to_owned()).collect();
            let key = key.trim().to_owned();
            return Some(if within {
                Requirement::In(key, values)
            } else {
                Requirement::NotIn(key, values)
            });
        }
    }
    if let Some((key, value)) = part.split_once("!=") {
        return Some(Requirement::NotIn(key.trim().to_owned(), vec![value.trim().to_owned()]));
    }
    if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return Some(Requirement::In(key.trim().to_owned(), vec![value.trim().to_owned()]));
    }
    let (key, absent) = part.strip_prefix('!').map_or((part, false), |key| (key, true));
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./".contains(letter);
    if key.is_empty() || !key.chars().all(plain) {
        return None;
    }
    Some(if absent {
        Requirement::Absent(key.to_owned())
    } else {
        Requirement::Exists(key.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Selector;

    #[test]
    fn a_selector_takes_what_all_of_its_parts_take() {
        let object = json!({ "metadata": { "name": "p", "labels": { "app": "a", "tier": "x" } }, "status": { "phase": "Running" } });
        for (labels, fields, taken) in [
            ("", "", true),
            ("app=a", "", true),
            ("app==a,tier!=y", "", true),
            ("app in (a, b),!gone", "status.phase=Running", true),
            ("tier", "metadata.name!=q", true),
            ("app=b", "", false),
            ("app notin (a)", "", false),
            ("gone", "", false),
            ("", "status.phase=Pending", false),
        ] {
            let selector = Selector::read(labels, fields).unwrap();
            assert_eq!(selector.takes(&object), taken, "{labels} {fields}");
        }
        assert!(Selector::read("a b", "").is_err());
        assert!(Selector::read("", "phase").is_err());
    }
}
