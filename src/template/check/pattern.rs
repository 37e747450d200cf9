//! Regular expressions of schemas, templates and parameters: compiled once, and bounded in memory and time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use regex::Regex;

use super::values;

/// How many steps back one look-around pattern may take over one text before the answer is "cannot say".
const MAXIMUM_STEPS_BACK: usize = 100_000;

/// Whether `text` contains a match of the schema's `pattern` (JSON Schema patterns are not anchored); none if neither
/// engine can say: the pattern is not understood, or would take too long over this text.
pub(super) fn matches(pattern: &str, text: &str) -> Option<bool> {
    match &*compiled(pattern) {
        Compiled::Plain(regex) => Some(regex.is_match(text)),
        Compiled::LookAround(regex) => regex.is_match(text).ok(),
        Compiled::NotUnderstood => None,
    }
}

enum Compiled {
    /// Linear in the text.
    Plain(Regex),
    /// Backtracks, with a limit.
    LookAround(Box<fancy_regex::Regex>),
    NotUnderstood,
}

fn compiled(pattern: &str) -> Arc<Compiled> {
    static COMPILED: OnceLock<Mutex<HashMap<String, Arc<Compiled>>>> = OnceLock::new();
    let mut known = COMPILED
        .get_or_init(Mutex::default)
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if let Some(compiled) = known.get(pattern) {
        return Arc::clone(compiled);
    }
    let compiled = Arc::new(compile(pattern));
    known.insert(pattern.to_owned(), Arc::clone(&compiled));
    compiled
}

fn compile(pattern: &str) -> Compiled {
    if let Some(regex) = values::compile(pattern) {
        return Compiled::Plain(regex);
    }
    let looks_around = ["(?=", "(?!", "(?<=", "(?<!"].iter().any(|form| pattern.contains(form));
    values::translate(pattern)
        .filter(|_| looks_around)
        .and_then(|translated| {
            fancy_regex::RegexBuilder::new(&translated)
                .backtrack_limit(MAXIMUM_STEPS_BACK)
                .build()
                .ok()
        })
        .map_or(Compiled::NotUnderstood, |regex| Compiled::LookAround(Box::new(regex)))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_that_look_around_are_judged() {
        let name = r"^(?!aws)(?!.*--)[a-z-]+(?<!-)$";
        assert_eq!(matches(name, "data-lake"), Some(true));
        for bad in ["aws-lake", "data--lake", "data-"] {
            assert_eq!(matches(name, bad), Some(false), "{bad}");
        }
    }

    #[test]
    fn a_pattern_that_would_take_too_long_says_nothing() {
        let text = "a".repeat(60);
        assert_eq!(matches(r"^(?=b|a)(a*)*(?!x)\1y$", &text), None);
        assert_eq!(matches(r"^(?=(a+)+$)(a|aa)+(?!a)b$", &text), None);
    }

    #[test]
    fn what_neither_engine_understands_says_nothing() {
        assert_eq!(matches(r"^[$", "a"), None);
        assert_eq!(matches(r"\Zx", "a"), None);
    }
}
