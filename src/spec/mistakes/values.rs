//! Mistakes in values: quotes, words of other languages, strings and arrays without an end.

use super::{Place, boolean};
use crate::diagnostic::{Problem, Span};

pub(super) fn explain(place: &Place<'_>) -> Option<Problem> {
    if let Some(open) = opens_array(place) {
        let problem = place.problem_at("an array has no `]`", open..open + 1);
        let problem = problem.at(
            Span::new(place.source, place.at..place.end),
            "this is read as its next item",
        );
        return Some(problem.hint("close it with `]`"));
    }
    if [
        "string values must be quoted",
        "invalid float",
        "invalid boolean",
        "leading zero",
        "invalid value",
    ]
    .iter()
    .any(|words| place.says(words))
    {
        return Some(bare(place));
    }
    if place.says("invalid basic string") || place.says("invalid literal string") {
        return Some(string(place));
    }
    if place.says("invalid multi-line") {
        return Some(long_string(place));
    }
    if place.says("missing escaped value") {
        return Some(escape(place));
    }
    if place.says("missing comma between array elements") {
        let problem = place.problem("a `,` is missing before this item", first_word(place.after()));
        return Some(problem.hint("items are separated by commas, also over several lines"));
    }
    if place.says("missing comma between key-value pairs") {
        return Some(
            place
                .problem("a `,` is missing before this key", first_word(place.after()))
                .hint("the keys of a table in braces are separated by commas"),
        );
    }
    if place.says("unclosed inline table") {
        let open = place
            .line
            .rfind('{')
            .and_then(|at| place.line.get(at..))
            .unwrap_or(place.line);
        return Some(
            place
                .problem("an inline table has no `}`", open)
                .hint("close it on the same line, with `}`"),
        );
    }
    if place.says("missing key for inline table element") && place.after().starts_with('{') {
        let problem = place.problem("`{{ … }}` is for templates", place.after().trim_end());
        return Some(problem.hint("write the value itself"));
    }
    None
}

/// The offset of the `[` whose array swallows the keys that follow it.
pub(super) fn opens_array(place: &Place<'_>) -> Option<usize> {
    // A bare word at the start of a line is an item: elsewhere a key stands before it.
    let misses = ["array elements", "unclosed array, ", "in array", "must be quoted"]
        .iter()
        .any(|words| place.says(words));
    let next_key = !place.line.trim_start().starts_with(['"', '\'']) && place.line.contains('=');
    let begins_line = place.before().trim().is_empty();
    let at_end = place
        .source
        .text
        .get(place.at..)
        .is_none_or(|rest| rest.trim().is_empty());
    if !misses || !(begins_line && (next_key || place.is_header()) || at_end) {
        return None;
    }
    let before = place.source.text.get(..place.at)?;
    let mut open = None;
    let mut offset = 0;
    for line in before.split_inclusive('\n') {
        if let Some((key, value)) = line.split_once('=')
            && value.trim_start().starts_with('[')
        {
            open = Some(offset + key.len() + 1 + value.len() - value.trim_start().len());
        }
        offset += line.len();
    }
    open
}

/// A value without quotes that is no number and no boolean.
fn bare(place: &Place<'_>) -> Problem {
    let before = place.before();
    let begin = before.rfind(['=', '[', ',', '{']).map_or(0, |at| at + 1);
    let rest = place.line.get(begin..).unwrap_or_default();
    let nested = before.get(..begin).unwrap_or_default();
    let nested = nested
        .split_once('=')
        .is_some_and(|(_, value)| value.contains(['[', '{', ',']));
    let ends: &[char] = if nested { &[',', ']', '}', '#'] } else { &['#'] };
    // `${…}` and `{{…}}` hold braces of their own.
    let end = match rest.find(ends) {
        Some(_) if rest.contains("${") => rest.find('}').map_or(rest.len(), |at| at + 1),
        Some(at) => at,
        None => rest.len(),
    };
    let word = rest.get(..end).unwrap_or_default().trim();
    if word.is_empty() {
        let key = before.split('=').next().unwrap_or_default().trim();
        let problem = place.problem(&format!("`{key}` has no value"), before.trim());
        return problem.hint("write one behind the `=`, or remove the line");
    }
    let quoted = |text: &str| format!("write: \"{text}\"");
    let refuse = |what: &str| place.problem(what, word);
    let plain = word.trim_matches(['“', '”', '„', '‘', '’', '«', '»', '`']);
    if plain != word {
        return refuse("these quotes are not the straight ones").hint(quoted(plain));
    }
    if let Some(boolean) = boolean(word) {
        return refuse("a boolean is `true` or `false`")
            .hint(format!("write: {boolean}, or \"{word}\" where text is wanted"));
    }
    if ["null", "none", "nil", "undefined", "~"].contains(&word.to_lowercase().as_str()) {
        return refuse("there is no null").hint("remove the line: what is absent has no value");
    }
    if word.starts_with('$') {
        return refuse("variables are not replaced in this file").hint("write the value itself");
    }
    if word.bytes().all(|byte| byte.is_ascii_digit()) {
        return refuse("a number does not begin with 0").hint(format!("if it is an id, {}", quoted(word)));
    }
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    if let Some((number, unit)) = word.split_at_checked(digits)
        && digits > 0
        && unit.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'%')
    {
        let problem = refuse(&format!("`{word}` is neither a number nor text in quotes"));
        return problem.hint(format!("write {number}, without the unit, where a number is wanted"));
    }
    let problem = refuse("text must stand in quotes");
    if word.contains(['"', '\\']) {
        return problem;
    }
    let problem = problem.hint(quoted(word));
    let is_reference = word.split_once('.').is_some_and(|(stack, output)| {
        is_word(stack) && is_word(output) && !stack.starts_with(|c: char| c.is_ascii_digit())
    });
    if is_reference {
        problem.hint(format!("or, for the output of another stack: \"${{{word}}}\""))
    } else {
        problem
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

fn string(place: &Place<'_>) -> Problem {
    if place.says("visible characters") {
        let bad = place
            .source
            .text
            .get(place.at..)
            .and_then(|rest| rest.chars().next())
            .unwrap_or_default();
        let what = format!("the control character U+{:04X} stands in a string", u32::from(bad));
        return place
            .problem_at(&what, place.at..place.end)
            .hint(format!("remove it, or write \\u{:04X}", u32::from(bad)));
    }
    let quote = if place.says("basic") { '"' } else { '\'' };
    // The parser stops at the line's end; the string began with the last quote that opens one.
    let mut open = None;
    for (at, c) in place.before().char_indices() {
        if c == quote {
            open = if open.is_none() { Some(at) } else { None };
        }
    }
    let text = open
        .and_then(|at| place.line.get(at..))
        .unwrap_or(place.line)
        .trim_end();
    let problem = place.problem("a string has no end", text);
    let other = if quote == '"' { '\'' } else { '"' };
    if text.ends_with(other) {
        problem.hint(format!("it begins with {quote} and has to end with {quote}"))
    } else {
        problem.hint(format!(
            "close it with {quote} on the same line; longer text stands between {0}{0}{0}",
            quote
        ))
    }
}

fn long_string(place: &Place<'_>) -> Problem {
    let quotes = if place.says("basic") { "\"\"\"" } else { "'''" };
    let before = place.source.text.get(..place.end).unwrap_or_default();
    let open = before.rfind(quotes).unwrap_or(place.at);
    let problem = place.problem_at("a string over several lines has no end", open..open + quotes.len());
    problem.hint(format!("close it with {quotes}"))
}

fn escape(place: &Place<'_>) -> Problem {
    let backslash = place.at.saturating_sub(1);
    let bad = place.source.text.get(backslash..place.at).unwrap_or_default();
    let begin = if bad == "\\" { backslash } else { place.at };
    let next = place
        .source
        .text
        .get(place.at..)
        .and_then(|rest| rest.chars().next())
        .unwrap_or_default();
    let what = format!("`\\{next}` means nothing in a string");
    let problem = place.problem_at(&what, begin..place.at + next.len_utf8());
    let open = place.before().rfind('"').map_or(0, |at| at + 1);
    let text = place
        .line
        .get(open..)
        .and_then(|rest| rest.split('"').next())
        .unwrap_or_default();
    if text.is_empty() || text.contains('\'') {
        problem.hint("for a backslash write two")
    } else {
        problem.hint(format!("for a backslash write two, or take single quotes: '{text}'"))
    }
}

fn first_word(text: &str) -> &str {
    let end = text.find([' ', ',', ']', '}', '=', '\t']).unwrap_or(text.len());
    text.get(..end).filter(|word| !word.is_empty()).unwrap_or(text)
}
