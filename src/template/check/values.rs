//! Scalars: type, allowed values, pattern, length, range.
//!
//! CloudFormation turns strings into numbers and booleans and back, so `"5"` is an integer and `true` a string.

use core::net::{Ipv4Addr, Ipv6Addr};

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::super::{Node, NodeValue};
use super::did_you_mean;
use crate::diagnostic::{Code, Problem, codes};

/// Enumerations longer than this (instance types, runtimes, engine versions) grow faster than this binary is released:
/// a value that they lack is a warning.
const LONG_ENUMERATION: usize = 20;

/// The first thing that is wrong with the scalar `node`, given its schema and that schema's types.
pub(super) fn check(schema: &Value, types: &[&str], node: &Node, name: &str) -> Option<Problem> {
    let text = match &node.value {
        NodeValue::String(text) => text.clone(),
        NodeValue::Number(number) => number.to_string(),
        NodeValue::Boolean(value) => value.to_string(),
        _ => return None,
    };
    let wrong = |code: Code, message: String| Problem::error(code, message).at(node.span.clone(), "");
    let is_string = types.is_empty() || types.contains(&"string");
    let number = text.trim().parse::<f64>().ok();
    if !is_string {
        let boolean = text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false");
        let whole = number.is_some_and(|number| number.fract() == 0.0);
        let fits = types.iter().any(|name| match *name {
            "boolean" => boolean,
            "integer" => whole,
            "number" => number.is_some(),
            _ => false,
        });
        if !fits {
            let wanted = match types {
                ["boolean"] => "true or false",
                ["integer"] => "an integer",
                _ => "a number",
            };
            let problem = wrong(codes::PROPERTY_TYPE, format!("`{name}` must be {wanted}, not `{text}`"));
            return Some(match text.to_ascii_lowercase().as_str() {
                "yes" | "on" if wanted == "true or false" => problem.hint("write `true`"),
                "no" | "off" if wanted == "true or false" => problem.hint("write `false`"),
                _ => problem,
            });
        }
    }
    enumeration(schema, &text, node, name)
        .or_else(|| range(schema, number.filter(|_| !types.contains(&"string")), &wrong, name))
        .or_else(|| {
            if is_string {
                string(schema, &text, &wrong, name)
            } else {
                None
            }
        })
}

fn enumeration(schema: &Value, text: &str, node: &Node, name: &str) -> Option<Problem> {
    let exact = schema.get("enum").and_then(Value::as_array);
    let relaxed = schema.get("enumCaseInsensitive").and_then(Value::as_array);
    let only = schema.get("const").map(std::slice::from_ref);
    let list = exact.or(relaxed).map(Vec::as_slice).or(only)?;
    let allowed: Vec<String> = list
        .iter()
        .map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
        .collect();
    let same_number = |allowed: &String| allowed.parse::<f64>().is_ok_and(|number| text.parse() == Ok(number));
    if allowed.iter().any(|allowed| {
        allowed == text || (exact.is_none() && allowed.eq_ignore_ascii_case(text)) || same_number(allowed)
    }) {
        return None;
    }
    let message = format!("`{name}` cannot be `{text}`");
    let long = allowed.len() > LONG_ENUMERATION;
    let problem = match long {
        true => Problem::warning(
            codes::PROPERTY_VALUE,
            format!("`{name}`: `{text}` is not among the known values"),
        ),
        false => Problem::error(codes::PROPERTY_VALUE, message),
    }
    .at(node.span.clone(), "");
    Some(match did_you_mean(text, allowed.iter().map(String::as_str)) {
        Some(hint) => problem.hint(hint),
        None if !long => problem.note(format!("allowed are {}", allowed.join(", "))),
        None => problem,
    })
}

fn range(schema: &Value, number: Option<f64>, wrong: &dyn Fn(Code, String) -> Problem, name: &str) -> Option<Problem> {
    let number = number?;
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    if let Some(least) = bound("minimum").filter(|least| number < *least) {
        return Some(wrong(
            codes::PROPERTY_RANGE,
            format!("`{name}` must be at least {least}, not {number}"),
        ));
    }
    if let Some(most) = bound("maximum").filter(|most| number > *most) {
        return Some(wrong(
            codes::PROPERTY_RANGE,
            format!("`{name}` must be at most {most}, not {number}"),
        ));
    }
    None
}

fn string(schema: &Value, text: &str, wrong: &dyn Fn(Code, String) -> Problem, name: &str) -> Option<Problem> {
    let length = text.chars().count() as u64;
    let bound = |key: &str| schema.get(key).and_then(Value::as_u64);
    if let Some(least) = bound("minLength").filter(|least| length < *least) {
        return Some(wrong(
            codes::PROPERTY_RANGE,
            format!("`{name}` must have at least {least} characters, not {length}"),
        ));
    }
    if let Some(most) = bound("maxLength").filter(|most| length > *most) {
        return Some(wrong(
            codes::PROPERTY_RANGE,
            format!("`{name}` must have at most {most} characters, not {length}"),
        ));
    }
    if let Some(pattern) = schema.get("pattern").and_then(Value::as_str)
        && super::pattern::matches(pattern, text) == Some(false)
    {
        let problem = wrong(
            codes::PROPERTY_PATTERN,
            format!("`{name}` cannot be `{}`", shortened(text)),
        );
        return Some(problem.note(format!("it must match {pattern}")));
    }
    let is_network = match schema.get("format").and_then(Value::as_str) {
        Some("ipv4-network") => network(text, |address| address.parse::<Ipv4Addr>().is_ok(), 32),
        Some("ipv6-network") => network(text, |address| address.parse::<Ipv6Addr>().is_ok(), 128),
        _ => true,
    };
    (!is_network).then(|| {
        wrong(
            codes::PROPERTY_PATTERN,
            format!("`{name}` must be a CIDR block, not `{}`", shortened(text)),
        )
        .hint("for example `10.0.0.0/16`")
    })
}

fn network(text: &str, is_address: impl Fn(&str) -> bool, most_bits: u8) -> bool {
    text.split_once('/')
        .is_some_and(|(address, bits)| is_address(address) && bits.parse::<u8>().is_ok_and(|bits| bits <= most_bits))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Bounds both the memory and the time of one pattern.
const MAXIMUM_COMPILED_BYTES: usize = 1 << 21;

/// Compiled without look-around; none if the pattern needs it or is not understood.
pub(super) fn compile(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(&translate(pattern)?)
        .size_limit(MAXIMUM_COMPILED_BYTES)
        .build()
        .ok()
}

/// From JavaScript's notation, in which schemas write patterns, to this engine's.
///
/// Inside of `[…]` JavaScript takes `[`, `&` and `~` as themselves; here they mean sets of sets. A count such as
/// `{1,2048}` multiplies the size of the compiled pattern, and the length is checked by `maxLength` anyway: large ones
/// become `+` or `*`, which lets more through, never less.
pub(super) fn translate(pattern: &str) -> Option<String> {
    let mut translated = String::with_capacity(pattern.len());
    let mut in_class = false;
    let mut rest = pattern.chars().peekable();
    while let Some(letter) = rest.next() {
        match letter {
            '\\' => {
                let next = rest.next()?;
                // `\Z` and the like mean themselves in JavaScript, something else or nothing here.
                if next.is_ascii_alphabetic() && !"dDwWsSbBnrtfvxupP".contains(next) {
                    return None;
                }
                translated.push('\\');
                translated.push(next);
            }
            '[' if in_class => translated.push_str("\\["),
            '[' => {
                in_class = true;
                translated.push('[');
                // `[]` and `[^]` are whole classes in JavaScript.
                if rest.peek() == Some(&'^') {
                    translated.extend(rest.next());
                }
                if rest.peek() == Some(&']') {
                    return None;
                }
            }
            ']' if in_class => {
                in_class = false;
                translated.push(']');
            }
            '&' | '~' if in_class => translated.extend(['\\', letter]),
            '-' if in_class && rest.peek() == Some(&'-') => return None,
            '{' if !in_class => {
                let count: String = std::iter::from_fn(|| rest.next_if(|next| *next != '}')).collect();
                rest.next()?;
                translated.push_str(&counted(&count)?);
            }
            other => translated.push(other),
        }
    }
    (!in_class).then_some(translated)
}

fn counted(count: &str) -> Option<String> {
    const LARGE: u32 = 32;
    let (least, most) = match count.split_once(',') {
        Some((least, "")) => (least.trim().parse::<u32>().ok()?, None),
        Some((least, most)) => (
            least.trim().parse::<u32>().ok()?,
            Some(most.trim().parse::<u32>().ok()?),
        ),
        None => (count.trim().parse::<u32>().ok()?, count.trim().parse::<u32>().ok()),
    };
    Some(match (least, most) {
        (0, None) => "*".to_owned(),
        (0, Some(most)) if most > LARGE => "*".to_owned(),
        (least, most) if least > LARGE || most.is_none_or(|most| most > LARGE) => match least {
            0 => "*".to_owned(),
            1..=LARGE => format!("{{{least},}}"),
            _ => "+".to_owned(),
        },
        _ => format!("{{{count}}}"),
    })
}

#[cfg(test)]
mod tests {
    use super::super::pattern::matches;
    use super::translate;

    #[test]
    fn patterns_mean_here_what_they_mean_in_javascript() {
        assert_eq!(matches(r"^[a-z@[\]+=&;]*$", "a[b]&"), Some(true));
        assert_eq!(matches(r"^[a-z@[\]+=&;]*$", "A"), Some(false));
        assert_eq!(
            matches(
                r"^arn:aws[a-z\-]*:iam::\d{12}:role\/.+$",
                "arn:aws:iam::123456789012:role/x"
            ),
            Some(true)
        );
        assert_eq!(matches("b", "abc"), Some(true));
    }

    #[test]
    fn large_counts_let_more_through_and_small_ones_stay() {
        assert_eq!(translate("^[a-z]{1,2048}$").as_deref(), Some("^[a-z]{1,}$"));
        assert_eq!(translate("^[a-z]{0,64}$").as_deref(), Some("^[a-z]*$"));
        assert_eq!(translate("^[a-z]{64}$").as_deref(), Some("^[a-z]+$"));
        assert_eq!(translate("^[a-z]{3}$").as_deref(), Some("^[a-z]{3}$"));
    }
}
