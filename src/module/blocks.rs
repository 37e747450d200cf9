//! The blocks of a template: which `if` and `for` a place stands in, and which block is never closed.

use super::lines::{Kind, Tag};

/// A block that begins with a keyword and ends with another.
const BLOCKS: [(&str, &str); 9] = [
    ("if", "endif"),
    ("for", "endfor"),
    ("set", "endset"),
    ("macro", "endmacro"),
    ("call", "endcall"),
    ("filter", "endfilter"),
    ("with", "endwith"),
    ("block", "endblock"),
    ("autoescape", "endautoescape"),
];

/// A block that is open: its keyword, what ends it, and the tags that decide whether its inside is rendered.
#[derive(Debug)]
pub(super) struct Open<'t> {
    pub(super) keyword: &'static str,
    pub(super) end: &'static str,
    /// `if`, then each `elif` and `else` that was passed.
    pub(super) tags: Vec<&'t Tag>,
}

/// The blocks that are open at byte `at` of the author's text, the outermost one first.
pub(super) fn open_at<'t>(text: &str, tags: &'t [Tag], at: usize) -> Vec<Open<'t>> {
    let mut open: Vec<Open<'t>> = Vec::new();
    for tag in tags.iter().filter(|tag| !tag.expression && tag.bytes.end <= at) {
        let keyword = keyword(text, tag);
        if let Some((begin, end)) = BLOCKS.iter().find(|(begin, _)| *begin == keyword) {
            // `set x = …` is no block, `set x` is.
            if *begin != "set" || !assigns(text, tag) {
                open.push(Open {
                    keyword: begin,
                    end,
                    tags: vec![tag],
                });
            }
        } else if matches!(keyword, "elif" | "else") {
            if let Some(last) = open.last_mut() {
                last.tags.push(tag);
            }
        } else if open.last().is_some_and(|last| last.end == keyword) {
            open.pop();
        }
    }
    open
}

fn keyword<'a>(text: &'a str, tag: &Tag) -> &'a str {
    let first = tag.tokens.iter().find(|token| token.kind == Kind::Word);
    first
        .and_then(|token| text.get(token.bytes.clone()))
        .unwrap_or_default()
}

fn assigns(text: &str, tag: &Tag) -> bool {
    tag.tokens
        .iter()
        .any(|token| text.get(token.bytes.clone()) == Some("="))
}

#[cfg(test)]
mod tests {
    use super::super::lines::mark;
    use super::open_at;

    #[test]
    fn a_place_knows_the_blocks_that_it_stands_in() {
        let text =
            "{% set a = 1 %}{% if x %}{% for i in y %}z{% endfor %}{% elif w %}{% set b %}q{% endset %}!{% endif %}?";
        let marked = mark(text);
        let open = |needle: &str| -> Vec<String> {
            let found = open_at(text, &marked.tags, text.find(needle).unwrap());
            found
                .iter()
                .map(|block| format!("{} {}", block.keyword, block.tags.len()))
                .collect()
        };
        assert_eq!(open("z"), ["if 1", "for 1"]);
        assert_eq!(open("q"), ["if 2", "set 1"]);
        assert_eq!(open("!"), ["if 2"]);
        assert!(open("?").is_empty());
    }
}
