//! Bounds on templates, from their text alone.
//!
//! The interpreter counts its steps and the depth of its calls, but it follows an expression by calling itself, and one
//! step may double a text. What would overflow the stack or the memory is found here before it is compiled. The bounds
//! are far beyond what a template that somebody wrote contains.

use std::collections::BTreeMap;
use std::ops::Range;

use super::lines::{Kind, Tag};

/// Operators, filters, attributes and calls in one tag.
const MOST_OPERATORS: usize = 400;
/// Brackets inside of each other in one tag: the parser calls itself a dozen times for each.
const DEEPEST: usize = 40;
/// Statements that the interpreter nests although they stand side by side.
const MOST_STATEMENTS: usize = 500;
/// How often a value may contain the values that it was made of.
const MOST_COPIES: f64 = 4_096.0;
/// How many bytes loops may write between their tags, by the number of steps: text outside of tags costs no more steps
/// if it is long.
const MOST_LOOPED_BYTES: u64 = 1 << 28;

/// What is too much in a template, where it is, and what to do.
#[derive(Debug)]
pub(super) struct Excess {
    pub(super) bytes: Range<usize>,
    pub(super) message: String,
    pub(super) hint: &'static str,
}

/// The first thing in a template that is too much.
pub(super) fn excess(text: &str, tags: &[Tag]) -> Option<Excess> {
    let mut statements: BTreeMap<&str, usize> = BTreeMap::new();
    let mut copies: BTreeMap<&str, f64> = BTreeMap::new();
    for tag in tags {
        let words: Vec<&str> = tag
            .tokens
            .iter()
            .map(|token| text.get(token.bytes.clone()).unwrap_or_default())
            .collect();
        let too_much = |message: String, hint| Excess {
            bytes: tag.bytes.clone(),
            message,
            hint,
        };
        let operators = tag
            .tokens
            .iter()
            .zip(&words)
            .filter(|(token, word)| nests(token.kind, word))
            .count();
        if operators > MOST_OPERATORS {
            let message = format!("this expression has {operators} operators; at most {MOST_OPERATORS} are taken");
            return Some(too_much(message, "name its parts with {% set %}"));
        }
        let deepest = depth(&words);
        if deepest > DEEPEST {
            let message = format!("this expression has brackets {deepest} deep; at most {DEEPEST} are taken");
            return Some(too_much(message, "name its parts with {% set %}"));
        }
        let Some(keyword) = words.first().filter(|_| !tag.expression) else {
            continue;
        };
        if let Some(statement) = ["elif", "set"].into_iter().find(|statement| statement == keyword) {
            let count = statements.entry(statement).or_default();
            *count += 1;
            if *count > MOST_STATEMENTS {
                let message = format!("the template has more than {MOST_STATEMENTS} `{statement}` statements");
                return Some(too_much(
                    message,
                    "loop over a list or map that the environment file gives",
                ));
            }
        }
        let (bound, made_of) = assignment(keyword, &words, tag);
        let sum: f64 = made_of.iter().filter_map(|name| copies.get(name)).sum();
        if sum > MOST_COPIES {
            let message = format!(
                "`{}` doubles again and again",
                bound.first().copied().unwrap_or_default()
            );
            return Some(too_much(message, "build long texts outside of the template"));
        }
        copies.extend(bound.into_iter().map(|name| (name, sum.max(1.0))));
    }
    None
}

/// The steps that a rendering of this template may take, `most` at most: fewer if its loops hold long texts.
pub(super) fn steps(text: &str, tags: &[Tag], most: u64) -> u64 {
    let mut depth = 0usize;
    let mut longest = 1;
    let mut end = 0;
    for tag in tags {
        if depth > 0 {
            longest = longest.max(tag.bytes.start.saturating_sub(end));
        }
        end = tag.bytes.end;
        let first = tag.tokens.first().and_then(|token| text.get(token.bytes.clone()));
        match first.filter(|_| !tag.expression) {
            Some("for" | "macro" | "call") => depth += 1,
            Some("endfor" | "endmacro" | "endcall") => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    (MOST_LOOPED_BYTES / longest as u64).min(most)
}

/// How many brackets are open at once at most; what closes none does not count against others.
fn depth(words: &[&str]) -> usize {
    let mut open = 0usize;
    let mut deepest = 0;
    for word in words {
        match *word {
            "(" | "[" | "{" => open += 1,
            ")" | "]" | "}" => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
    }
    deepest
}

/// Whether each further one of these makes the expression a level deeper.
fn nests(kind: Kind, word: &str) -> bool {
    match kind {
        Kind::Sign => !matches!(word, "," | ":" | "]" | ")" | "}" | "{" | "="),
        Kind::Word => matches!(word, "not" | "and" | "or" | "if" | "else" | "in" | "is"),
        Kind::Text => false,
    }
}

/// The names that a statement gives values to, and the words that these values are made of.
fn assignment<'a>(keyword: &str, words: &[&'a str], tag: &Tag) -> (Vec<&'a str>, Vec<&'a str>) {
    let is_word = |index: &usize| tag.tokens.get(*index).is_some_and(|token| token.kind == Kind::Word);
    let between = |range: Range<usize>| -> Vec<&'a str> {
        range
            .filter(is_word)
            .filter_map(|index| words.get(index).copied())
            .collect()
    };
    let sign = match keyword {
        "for" => "in",
        "set" | "with" => "=",
        _ => return (Vec::new(), Vec::new()),
    };
    match words.iter().position(|word| *word == sign) {
        // `with` may give several: each counts as made of all.
        Some(_) if keyword == "with" => {
            let names = (1..words.len()).filter(|index| words.get(index + 1) == Some(&"="));
            (
                names.filter_map(|index| words.get(index).copied()).collect(),
                between(1..words.len()),
            )
        }
        Some(split) => (between(1..split), between(split + 1..words.len())),
        None => (Vec::new(), Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::lines::mark;
    use super::{excess, steps};

    fn refused(text: &str) -> Option<String> {
        excess(text, &mark(text).tags).map(|excess| excess.message)
    }

    #[test]
    fn what_people_write_is_within_the_bounds() {
        let list = (0..2_000)
            .map(|item| format!("\"{item}\""))
            .collect::<Vec<_>>()
            .join(", ");
        let joined = (0..100)
            .map(|item| format!("a{item}"))
            .collect::<Vec<_>>()
            .join(" ~ \"-\" ~ ");
        for good in [
            format!("{{% set zones = [{list}] %}}"),
            format!("{{% set name = {joined} %}}"),
            "{% set name = stack ~ \"-\" ~ stack %}{% set name = name ~ name %}".repeat(5),
            "{% for a in list %}{% if a == 1 %}{% elif a == 2 %}{% endif %}{% endfor %}".repeat(100),
        ] {
            assert_eq!(refused(&good), None, "{good:.80}");
        }
    }

    #[test]
    fn what_would_overflow_the_stack_or_the_memory_is_found() {
        for bad in [
            format!("a: {{{{ {}1 }}}}", "not ".repeat(500)),
            format!("a: {{{{ 1{} }}}}", " + 1".repeat(500)),
            format!("a: {{{{ x{} }}}}", ".a".repeat(500)),
            format!("a: {{{{ x{} }}}}", "|upper".repeat(500)),
            format!("a: {{{{ {}1{} }}}}", "(".repeat(60), ")".repeat(60)),
            format!("a: {{{{ {}1 }}}}", "x(".repeat(60)),
            format!("a: {{{{ {}1 }}}}", "[{'a': ".repeat(30)),
            format!("{{% if a %}}{}{{% endif %}}", "{% elif a %}".repeat(600)),
            "{% set x = [x] %}".repeat(600),
            format!("{{% set x = 'a' %}}{}", "{% set x = x ~ x %}".repeat(20)),
            format!("{{% set x = 'a' %}}{}", "{% for x in [x ~ x] %}".repeat(20)),
            format!("{{% with x = 'a' %}}{}", "{% with x = x ~ x %}".repeat(20)),
        ] {
            assert!(refused(&bad).is_some(), "{bad:.80}");
        }
    }

    #[test]
    fn a_loop_over_a_long_text_may_take_fewer_steps() {
        let limit = |text: &str| steps(text, &mark(text).tags, 1_000_000);
        assert_eq!(limit(&"x".repeat(100_000)), 1_000_000);
        assert_eq!(limit("{% for i in l %}short{% endfor %}"), 1_000_000);
        assert!(limit(&format!("{{% for i in l %}}{}{{% endfor %}}", "x".repeat(100_000))) < 3_000);
    }
}
