//! The XML of the AWS Query protocol: elements, lists of `<member>`, times in ISO 8601.

use super::Millis;

/// An element's content under construction. Absent optional values leave no element behind.
#[derive(Debug, Default, Clone)]
pub(super) struct Xml {
    text: String,
}

impl Xml {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn text(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.text
            .push_str(&format!("<{name}>{}</{name}>", escape(value.as_ref())));
        self
    }

    pub(super) fn maybe(self, name: &str, value: Option<impl AsRef<str>>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    pub(super) fn flag(self, name: &str, value: bool) -> Self {
        self.text(name, if value { "true" } else { "false" })
    }

    pub(super) fn time(self, name: &str, value: Millis) -> Self {
        self.text(name, iso(value))
    }

    pub(super) fn maybe_time(self, name: &str, value: Option<Millis>) -> Self {
        self.maybe(name, value.map(iso))
    }

    pub(super) fn child(mut self, name: &str, content: Xml) -> Self {
        self.text.push_str(&format!("<{name}>{}</{name}>", content.text));
        self
    }

    /// A list; an empty one is an empty element, as AWS writes it.
    pub(super) fn list(mut self, name: &str, items: impl IntoIterator<Item = Xml>) -> Self {
        let items: String = items
            .into_iter()
            .map(|item| format!("<member>{}</member>", item.text))
            .collect();
        self.text.push_str(&format!("<{name}>{items}</{name}>"));
        self
    }

    pub(super) fn strings(self, name: &str, items: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let items = items.into_iter().map(|item| Xml {
            text: escape(item.as_ref()),
        });
        self.list(name, items.collect::<Vec<_>>())
    }

    /// Takes the content of another.
    pub(super) fn raw(mut self, other: &Xml) -> Self {
        self.text.push_str(&other.text);
        self
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}

/// `2026-11-20T16:00:00.000Z`.
pub(super) fn iso(at: Millis) -> String {
    let at = i64::try_from(at).unwrap_or(i64::MAX);
    match jiff::Timestamp::from_millisecond(at) {
        Ok(time) => time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        Err(_) => "1970-01-01T00:00:00.000Z".to_owned(),
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\r' => escaped.push_str("&#xD;"),
            // Not allowed in XML 1.0, even as references.
            control if (control as u32) < 0x20 && control != '\n' && control != '\t' => {}
            other => escaped.push(other),
        }
    }
    escaped
}
