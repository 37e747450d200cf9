//! The little XML that S3 needs: finding elements in small documents, writing text.

/// The texts of all elements called `tag`, in order, entities undone; namespaces and attributes are looked past.
pub(super) fn texts(document: &str, tag: &str) -> Vec<String> {
    blocks(document, tag).into_iter().map(unescape).collect()
}

/// The inner XML of all elements called `tag`, in order.
pub(super) fn blocks<'a>(document: &'a str, tag: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{tag}"), format!("</{tag}>"));
    let mut found = Vec::new();
    let mut rest = document;
    while let Some(at) = rest.find(&open) {
        let after = rest.get(at + open.len()..).unwrap_or_default();
        let named_so = after.starts_with(['>', ' ', '/', '\n', '\t', '\r']);
        let Some(end_of_tag) = after.find('>') else { break };
        let inner = after.get(end_of_tag + 1..).unwrap_or_default();
        if !named_so
            || after
                .get(..end_of_tag)
                .is_some_and(|attributes| attributes.ends_with('/'))
        {
            rest = inner;
            continue;
        }
        let Some(end) = inner.find(&close) else { break };
        found.push(inner.get(..end).unwrap_or_default());
        rest = inner.get(end + close.len()..).unwrap_or_default();
    }
    found
}

/// Text for an element.
pub(super) fn escape(text: &str) -> String {
    winterbaume_core::xml_escape(text)
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#34;", "\"")
        .replace("&apos;", "'")
        .replace("&#39;", "'")
        .replace("&#13;", "\r")
        .replace("&#10;", "\n")
        .replace("&amp;", "&")
}

/// `2026-11-20T16:00:00.000Z`.
pub(super) fn iso_time(millis: i64) -> String {
    format_time(millis, "%Y-%m-%dT%H:%M:%S.000Z")
}

/// `Fri, 20 Nov 2026 16:00:00 GMT`.
pub(super) fn http_time(millis: i64) -> String {
    format_time(millis, "%a, %d %b %Y %H:%M:%S GMT")
}

fn format_time(millis: i64, format: &str) -> String {
    jiff::Timestamp::from_millisecond(millis)
        .unwrap_or_default()
        .strftime(format)
        .to_string()
}
