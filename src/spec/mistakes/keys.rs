//! Mistakes in keys, headers and comments, and what stands twice.

use super::Place;
use crate::diagnostic::{Problem, Span};

pub(super) fn explain(place: &Place<'_>) -> Option<Problem> {
    let line = place.line.trim();
    if place.says("duplicate key") {
        return Some(twice(place));
    }
    if place.says("cannot extend value") {
        let kind = place
            .message
            .split("of type ")
            .nth(1)
            .and_then(|rest| rest.split(" with").next())
            .unwrap_or("another");
        let name = place.source.text.get(place.at..place.end).unwrap_or_default();
        return Some(place.problem_at(
            &format!("`{name}` is a value already ({kind}) and can have no keys"),
            place.at..place.end,
        ));
    }
    if place.says("unclosed table") || place.says("unclosed array table") {
        return Some(header(place, line));
    }
    if place.says("keys cannot be empty") {
        return Some(
            place
                .problem("a name is missing in this header", line)
                .hint("for example: [stacks.network]"),
        );
    }
    if place.says("unexpected key or value") {
        return Some(behind(place));
    }
    if ["//", ";", "--", "/*", "%"].iter().any(|mark| line.starts_with(mark)) && place.says("key") {
        return Some(place.problem("comments begin with `#`", line));
    }
    if let Some(mended) = colon(place) {
        return Some(
            place
                .problem("`:` stands where `=` should", colon_of(place))
                .hint(format!("write: {mended}")),
        );
    }
    if place.says("invalid unquoted key") {
        return unquoted(place);
    }
    if place.says("key with no value") {
        return Some(no_value(place, line));
    }
    if place.says("invalid key-value pair") && line.starts_with(['}', ']', ')']) {
        return Some(place.problem("nothing is open that this could close", line));
    }
    None
}

/// `key = value` for a line `key: value`, if the parser stopped because of its colon.
pub(super) fn colon(place: &Place<'_>) -> Option<String> {
    if !(place.says("invalid unquoted key") || place.says("key with no value")) {
        return None;
    }
    let (key, value) = place.line.split_once(':')?;
    let (key, value) = (key.trim(), value.trim());
    let is_key = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-.\"'".contains(c));
    is_key.then(|| match value {
        "" => format!("[{key}]"),
        value => format!("{key} = {value}"),
    })
}

fn colon_of<'a>(place: &Place<'a>) -> &'a str {
    let at = place.line.find(':').unwrap_or_default();
    place.line.get(at..at + 1).unwrap_or(place.line)
}

fn twice(place: &Place<'_>) -> Problem {
    let name = place.source.text.get(place.at..place.end).unwrap_or_default();
    if place.is_header() {
        let header = place.line.split('#').next().unwrap_or_default().trim();
        let problem = place.problem(&format!("the table {header} stands twice"), header);
        let hint = "put all of its keys below one of the two; a file that `extends` another may have it again";
        return match line_of(place.earlier(), |line| {
            line.split('#').next().unwrap_or_default().trim() == header
        }) {
            Some(first) => problem.at(Span::new(place.source, first), "first here").hint(hint),
            None => problem.hint(hint),
        };
    }
    let section = place.earlier().rfind("\n[").unwrap_or_default();
    let body = place.earlier().get(section..).unwrap_or_default();
    let same = |line: &str| line.split_once('=').is_some_and(|(key, _)| key.trim() == name);
    let problem = place.problem_at(&format!("`{name}` stands twice"), place.at..place.end);
    let problem = match line_of(body, same) {
        Some(first) => {
            let first = section + first.start..section + first.start + name.len();
            problem.at(Span::new(place.source, first), "first here")
        }
        None => problem,
    };
    problem.hint("keep one of the two; a file that `extends` another may set the key again")
}

/// The bytes of the first line that is `wanted`, without the space around it.
fn line_of(text: &str, wanted: impl Fn(&str) -> bool) -> Option<std::ops::Range<usize>> {
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        if wanted(trimmed) {
            let start = offset + line.len() - line.trim_start().len();
            return Some(start..start + trimmed.len());
        }
        offset += line.len();
    }
    None
}

fn header(place: &Place<'_>, line: &str) -> Problem {
    let name = line.trim_matches(['[', ']', ' ']);
    if let Some(inner) = line.strip_prefix("[[")
        && !line.ends_with("]]")
        && line.ends_with(']')
    {
        return place
            .problem("this header opens two brackets and closes one", line)
            .hint(format!("write: [{}]", inner.trim_end_matches(']')));
    }
    if name.contains(' ') && line.ends_with(']') {
        return place
            .problem("a name in a header cannot hold spaces", line)
            .hint(format!("write: [{}]", name.replace(' ', "-")));
    }
    place
        .problem("this header has no `]`", line)
        .hint(format!("write: [{name}]"))
}

/// Something stands behind a value or a header, on the same line.
fn behind(place: &Place<'_>) -> Problem {
    let rest = place.after().trim_end();
    if let Some(end) = rest.get(..1).filter(|end| [",", ";"].contains(end)) {
        let end = place
            .line
            .get(place.before().len()..place.before().len() + end.len())
            .unwrap_or(rest);
        return place
            .problem(&format!("a line does not end in `{end}`"), end)
            .hint("remove it");
    }
    let own_line = format!("put it on a line of its own: {rest}");
    if place.is_header() {
        place.problem("nothing can stand behind a header", rest).hint(own_line)
    } else if rest.contains('=') {
        place.problem("a line holds one key", rest).hint(own_line)
    } else {
        place
            .problem("nothing can stand behind a value but a comment", rest)
            .hint("a comment begins with #")
    }
}

fn unquoted(place: &Place<'_>) -> Option<Problem> {
    let bad = place.source.text.get(place.at..).and_then(|rest| rest.chars().next())?;
    let bytes = place.at..place.at + bad.len_utf8();
    if bad.is_whitespace() || matches!(bad, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}') {
        let what = format!("an invisible character stands here, U+{:04X}", u32::from(bad));
        return Some(place.problem_at(&what, bytes).hint("replace it by a space"));
    }
    let key = place.line.split('=').next().unwrap_or_default().trim();
    if !key.is_empty() && !key.contains(['"', '\'', ' ']) && !place.is_header() && place.line.contains('=') {
        let what = format!("a key that holds `{bad}` must stand in quotes");
        return Some(place.problem(&what, key).hint(format!("write: \"{key}\" = …")));
    }
    Some(place.problem_at(&format!("`{bad}` cannot stand in a key without quotes"), bytes))
}

fn no_value(place: &Place<'_>, line: &str) -> Problem {
    let mut words = line.split_whitespace();
    let first = words.next().unwrap_or_default();
    if line.ends_with('{') {
        let name: Vec<&str> = line
            .trim_end_matches('{')
            .split_whitespace()
            .map(|word| match word.trim_matches('"') {
                "stack" => "stacks",
                "workload" => "workloads",
                word => word,
            })
            .collect();
        return place.problem("there are no blocks in braces", line).hint(format!(
            "a table begins with its name in brackets: [{}]",
            name.join(".")
        ));
    }
    let key = line.split('=').next().unwrap_or_default().trim();
    if line.contains('=') && key.contains(' ') && !key.contains(['"', '\'']) {
        let problem = place.problem("a key cannot hold spaces", key);
        return if first == "export" {
            problem.hint("this is a line of a shell; a key stands alone before its `=`")
        } else {
            problem.hint(format!("write: {} = …", key.replace(' ', "_")))
        };
    }
    let rest = line.get(first.len()..).unwrap_or_default().trim();
    if rest.is_empty() {
        place
            .problem(&format!("`{first}` has no value"), line)
            .hint(format!("write: {first} = …"))
    } else {
        place
            .problem(
                &format!("`=` is missing behind `{first}`"),
                line.get(..first.len()).unwrap_or(line),
            )
            .hint(format!("write: {first} = {rest}"))
    }
}
