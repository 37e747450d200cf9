//! The parameters of a call in the AWS Query protocol: `Tags.member.1.Key=…`.

use super::refusal::{Answer, Refusal};

/// The decoded form of a call.
pub(super) struct Form<'a> {
    fields: &'a [(String, String)],
}

impl<'a> Form<'a> {
    pub(super) fn new(fields: &'a [(String, String)]) -> Self {
        Self { fields }
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.fields
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn owned(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    pub(super) fn required(&self, name: &str) -> Answer<&'a str> {
        let lower = name
            .chars()
            .enumerate()
            .map(|(at, c)| if at == 0 { c.to_ascii_lowercase() } else { c });
        self.get(name).ok_or_else(|| {
            Refusal::validation(format!(
                "1 validation error detected: Value null at '{}' failed to satisfy constraint: Member must not be null",
                lower.collect::<String>()
            ))
        })
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The strings of a list.
    pub(super) fn strings(&self, name: &str) -> Vec<String> {
        let mut found: Vec<(usize, String)> = Vec::new();
        for (key, value) in self.fields {
            let rest = key.strip_prefix(name).and_then(|rest| rest.strip_prefix(".member."));
            if let Some(Ok(index)) = rest.map(str::parse::<usize>) {
                found.push((index, value.clone()));
            }
        }
        found.sort();
        found.into_iter().map(|(_, value)| value).collect()
    }

    /// Whether a list was given at all, were it empty.
    pub(super) fn has_list(&self, name: &str) -> bool {
        self.fields
            .iter()
            .any(|(key, _)| key == name || key.starts_with(&format!("{name}.")))
    }

    /// The structures of a list, each as a form of its own.
    pub(super) fn items(&self, name: &str) -> Vec<Vec<(String, String)>> {
        let mut found: std::collections::BTreeMap<usize, Vec<(String, String)>> = Default::default();
        for (key, value) in self.fields {
            let rest = key.strip_prefix(name).and_then(|rest| rest.strip_prefix(".member."));
            if let Some((index, field)) = rest.and_then(|rest| rest.split_once('.'))
                && let Ok(index) = index.parse::<usize>()
            {
                found.entry(index).or_default().push((field.to_owned(), value.clone()));
            }
        }
        found.into_values().collect()
    }
}
