//! Where the tags of a template are: which line names which input, and markers that carry line numbers through
//! rendering.
//!
//! A marker is a private-use character, the line's number and another one, put behind the indentation of each line
//! that begins outside of tags and not with a statement or comment. Values cannot contain these characters unescaped.

use std::ops::Range;

mod uses;

pub(super) use uses::{Name, Need, Use, uses};

const OPEN: char = '\u{E000}';
const CLOSE: char = '\u{E001}';

/// A template with markers, and what its tags say.
#[derive(Debug, Default)]
pub(super) struct Marked {
    /// The text to render.
    pub(super) text: String,
    /// For each marker: where it begins in `text`, and its length.
    markers: Vec<(usize, usize)>,
    /// The tags, offsets into the author's text.
    pub(super) tags: Vec<Tag>,
}

/// `{{ … }}` or `{% … %}`.
#[derive(Debug)]
pub(super) struct Tag {
    pub(super) expression: bool,
    /// With its braces.
    pub(super) bytes: Range<usize>,
    pub(super) tokens: Vec<Token>,
}

/// A word or operator inside of a tag.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) bytes: Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    Text,
    Sign,
}

/// Whether the text holds characters that are kept for markers.
pub(super) fn is_markable(text: &str) -> bool {
    !text.contains(['\u{E000}', '\u{E001}', '\u{E002}', '\u{E003}'])
}

/// Finds the tags of a template and sets the markers.
pub(super) fn mark(text: &str) -> Marked {
    let mut marked = Marked::default();
    let mut at = 0;
    let mut line = 0;
    let mut line_start = true;
    while at < text.len() {
        let rest = text.get(at..).unwrap_or_default();
        if line_start {
            line_start = false;
            let indent = rest.len() - rest.trim_start_matches([' ', '\t']).len();
            let body = rest.get(indent..).unwrap_or_default();
            marked.text.push_str(rest.get(..indent).unwrap_or_default());
            at += indent;
            if !(body.is_empty() || body.starts_with(['\n', '\r']) || body.starts_with("{%") || body.starts_with("{#"))
            {
                let marker = format!("{OPEN}{line}{CLOSE}");
                marked.markers.push((marked.text.len(), marker.len()));
                marked.text.push_str(&marker);
            }
            continue;
        }
        let end = if rest.starts_with("{#") {
            rest.find("#}").map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with("{{") || rest.starts_with("{%") {
            let tag = tag(rest, at);
            let end = tag.bytes.end - at;
            let raw = matches!(tag.tokens.as_slice(), [one] if text.get(one.bytes.clone()) == Some("raw"));
            marked.tags.push(tag);
            let skipped = if raw {
                // Without an end all of the rest is raw, and the template is refused.
                let inner = rest.get(end..).unwrap_or_default();
                inner.find("endraw").unwrap_or(inner.len())
            } else {
                0
            };
            end + skipped
        } else {
            rest.chars().next().map_or(1, char::len_utf8)
        };
        let piece = rest.get(..end).unwrap_or_default();
        line += piece.matches('\n').count();
        line_start = piece.ends_with('\n');
        marked.text.push_str(piece);
        at += end;
    }
    marked
}

impl Marked {
    /// An offset into `text` as an offset into the author's text.
    pub(super) fn original(&self, offset: usize) -> usize {
        let before = self.markers.iter().take_while(|(start, _)| *start < offset);
        offset
            - before
                .map(|(start, length)| (*length).min(offset - start))
                .sum::<usize>()
                .min(offset)
    }
}

fn tag(rest: &str, start: usize) -> Tag {
    let expression = rest.starts_with("{{");
    let close = if expression { "}}" } else { "%}" };
    let mut tokens = Vec::new();
    let mut depth = 0usize;
    let mut chars = rest.char_indices().skip(2).peekable();
    let mut end = rest.len();
    while let Some((index, c)) = chars.next() {
        let tail = rest.get(index..).unwrap_or_default();
        if depth == 0 && tail.starts_with(close) {
            end = index + 2;
            break;
        }
        let token_end = match c {
            '"' | '\'' => {
                let mut escaped = false;
                let mut quoted_end = rest.len();
                for (inner, next) in chars.by_ref() {
                    if escaped {
                        escaped = false;
                    } else if next == '\\' {
                        escaped = true;
                    } else if next == c {
                        quoted_end = inner + 1;
                        break;
                    }
                }
                Some((Kind::Text, quoted_end))
            }
            c if c.is_alphanumeric() || c == '_' => {
                while chars
                    .next_if(|(_, next)| next.is_alphanumeric() || *next == '_')
                    .is_some()
                {}
                Some((Kind::Word, chars.peek().map_or(rest.len(), |(next, _)| *next)))
            }
            '=' | '!' | '<' | '>' => {
                let double = chars.next_if(|(_, next)| *next == '=').is_some();
                Some((Kind::Sign, index + 1 + usize::from(double)))
            }
            '-' | '+'
                if tail
                    .get(1..)
                    .is_some_and(|t| t.starts_with("}}") || t.starts_with("%}")) =>
            {
                None
            }
            '-' | '+' if index == 2 => None,
            c if c.is_whitespace() => None,
            _ => {
                match c {
                    '(' | '[' | '{' => depth += 1,
                    ')' | ']' | '}' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                Some((Kind::Sign, index + c.len_utf8()))
            }
        };
        if let Some((kind, token_end)) = token_end {
            tokens.push(Token {
                kind,
                bytes: start + index..start + token_end,
            });
        }
    }
    Tag {
        expression,
        bytes: start..start + end,
        tokens,
    }
}

/// Takes the markers out of a rendered text; gives for each of its lines the template's line, both from 0.
pub(super) fn strip(rendered: &str) -> (String, Vec<usize>) {
    let mut text = String::with_capacity(rendered.len());
    let mut lines = Vec::new();
    let mut last = 0;
    for line in rendered.split_inclusive('\n') {
        let mut first = None;
        let mut rest = line;
        while let Some((before, marker)) = rest.split_once(OPEN) {
            text.push_str(before);
            let (number, after) = marker.split_once(CLOSE).unwrap_or(("", marker));
            if let Ok(number) = number.parse() {
                first.get_or_insert(number);
            }
            rest = after;
        }
        text.push_str(rest);
        last = first.unwrap_or(last);
        lines.push(last);
    }
    (text, lines)
}

/// Expressions that do not stand where a whole YAML value or key stands.
pub(super) fn misplaced(text: &str, tags: &[Tag]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut offset = 0;
    let mut block: Option<usize> = None;
    // Tags come in the order of the text, as lines do.
    let mut ahead = tags;
    for line in text.split_inclusive('\n') {
        let range = offset..offset + line.len();
        offset = range.end;
        let trimmed = line.trim();
        let indent = line.len() - line.trim_start().len();
        if block.is_some_and(|outer| !trimmed.is_empty() && indent <= outer) {
            block = None;
        }
        let (here, rest) = ahead.split_at(ahead.partition_point(|tag| tag.bytes.start < range.end));
        ahead = rest;
        for tag in here.iter().filter(|tag| tag.expression) {
            let before = text.get(range.start..tag.bytes.start).unwrap_or_default();
            let after = match text.get(tag.bytes.end..range.end) {
                Some(after) => after.trim_end_matches(['\r', '\n']),
                // The tag ends on a later line.
                None => text
                    .get(tag.bytes.end..)
                    .and_then(|rest| rest.lines().next())
                    .unwrap_or_default(),
            };
            let comment = trimmed.starts_with('#');
            if !comment && (block.is_some() || !begins_value(before) || !ends_value(after)) {
                found.push(tag.bytes.clone());
            }
        }
        if block.is_none() && opens_block(trimmed) {
            block = Some(indent);
        }
    }
    found
}

/// Whether the tag at `bytes` has quotes round it and nothing else in them: `"{{ name }}"`.
pub(super) fn is_whole_string(text: &str, bytes: &Range<usize>) -> bool {
    let before = text.get(..bytes.start).unwrap_or_default();
    let before = before.rsplit('\n').next().unwrap_or_default();
    let after = text.get(bytes.end..).unwrap_or_default();
    let after = after.lines().next().unwrap_or_default();
    ['"', '\''].into_iter().any(|quote| {
        before.strip_suffix(quote).is_some_and(begins_value) && after.strip_prefix(quote).is_some_and(ends_value)
    })
}

fn begins_value(before: &str) -> bool {
    let text = before.trim_end();
    let spaced = text.len() < before.len();
    match text.chars().last() {
        None | Some('[' | '{' | ',' | '(') => true,
        Some(':' | '?') => spaced,
        Some('-') => spaced && (text == "-" || text.ends_with(" -")),
        _ => {
            let last = text.rsplit([' ', '[', ',', '{', '}']).next().unwrap_or_default();
            text.ends_with("%}") || text.ends_with("#}") || (spaced && last.starts_with('!'))
        }
    }
}

fn ends_value(after: &str) -> bool {
    let text = after.trim_start();
    text.is_empty()
        || text.starts_with([',', ']', '}', ':'])
        || text.starts_with("{%")
        || text.starts_with("{#")
        || (text.starts_with('#') && text.len() < after.len())
}

fn opens_block(line: &str) -> bool {
    let Some(last) = line.split_whitespace().last() else {
        return false;
    };
    let mut chars = last.chars();
    matches!(chars.next(), Some('|' | '>'))
        && chars.all(|c| c == '-' || c == '+' || c.is_ascii_digit())
        && !line.starts_with('#')
        && !line.ends_with("%}")
}

#[cfg(test)]
mod tests {
    use super::{is_whole_string, mark, misplaced, strip, uses};

    #[test]
    fn markers_survive_rendering_and_leave_no_trace() {
        let text = "a: 1\n{% if x %}\n  b: |\n    text\n\n    more\n{# c #}\n{% endif %}\nd: {{\n  y }}\n";
        let marked = mark(text);
        assert_eq!(
            marked.text,
            "\u{E000}0\u{E001}a: 1\n{% if x %}\n  \u{E000}2\u{E001}b: |\n    \u{E000}3\u{E001}text\n\n    \
             \u{E000}5\u{E001}more\n{# c #}\n{% endif %}\n\u{E000}8\u{E001}d: {{\n  y }}\n"
        );
        let (stripped, _) = strip(&marked.text);
        assert_eq!(stripped, text);
        for (offset, _) in text.match_indices("more") {
            let shifted = marked.text.find("more").unwrap();
            assert_eq!(marked.original(shifted), offset);
        }
    }

    #[test]
    fn a_loop_variable_counts_as_the_input_that_it_comes_from() {
        let text = "{% for name, group in node_groups %}\nx: {{ group.size }}\ny: {{ other(name=cidr) }}\n{% endfor %}";
        let marked = mark(text);
        let found = uses(text, &marked.tags, &|name| {
            ["node_groups", "cidr", "size"].contains(&name)
        });
        let named: Vec<_> = found
            .iter()
            .map(|found| (found.input.as_str(), &text[found.bytes.clone()]))
            .collect();
        assert_eq!(
            named,
            [
                ("node_groups", "node_groups"),
                ("node_groups", "group"),
                ("cidr", "cidr")
            ]
        );
    }

    #[test]
    fn expressions_inside_of_strings_are_found_and_whole_values_are_not() {
        let misplaced = |text: &str| misplaced(text, &mark(text).tags).len();
        for good in [
            "a: {{ x }}",
            "{{ x }}: 1",
            "- {{ x }}",
            "- - {{ x }}",
            "a: !Sub {{ x }}",
            "a: [{{ x }}, {{ y }}]",
            "a: [!Ref {{ x }}, {% if y %}!Ref {{ y }}, {% endif %}]",
            "a: {b: {{ x }} }",
            "a: {{ x }} # why",
            "a: {% if x %}{{ x }}{% else %}1{% endif %}",
            "# {{ x }} is {{ y }}",
        ] {
            assert_eq!(misplaced(good), 0, "{good}");
        }
        for bad in [
            "a: b-{{ x }}",
            "a: \"{{ x }}\"",
            "a: {{ x }}b",
            "a: |\n  {{ x }}",
            "a-{{ x }}: 1",
            "a: {{x}}{{y}}",
        ] {
            assert!(misplaced(bad) > 0, "{bad}");
        }
    }

    #[test]
    fn an_expression_alone_in_quotes_is_told_from_one_in_a_longer_string() {
        let alone = |text: &str| is_whole_string(text, &mark(text).tags[0].bytes);
        for whole in [
            "a: \"{{ x }}\"",
            "a: ['{{ x }}', b]",
            "- \"{{ x }}\" # why",
            "b: 1\na: !Ref '{{ x }}'\nc: 2",
        ] {
            assert!(alone(whole), "{whole}");
        }
        for part in [
            "a: \"{{ x }}-b\"",
            "a: \"b{{ x }}\"",
            "a: {{ x }}",
            "a: \"{{ x }}'",
            "a: b\"{{ x }}\"",
        ] {
            assert!(!alone(part), "{part}");
        }
    }
}
