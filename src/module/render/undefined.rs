//! Names that a template uses and nothing defines.
//!
//! Names are looked for before rendering, because a comparison with one is silently false, and because they may stand
//! where nothing is rendered as this environment is configured. What is not there of a value (`group.sise`) shows only
//! while rendering.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::contract::Contract;
use super::super::lines::{Kind, Marked, Tag};
use super::super::{read, types, wiring};
use crate::diagnostic::{Problem, Problems, Source, Span, closest, codes};

/// A problem for every name that nothing defines, at the first place that uses it.
pub(super) fn check(stack: &str, contract: &Contract, marked: &Marked) -> Problems {
    names(&contract.template, marked)
        .into_iter()
        .filter(|span| {
            let name = span.text();
            !contract.inputs.contains_key(name) && !read::CONTEXT.contains(&name)
        })
        .map(|span| problem(stack, &span, contract))
        .collect()
}

/// The names that a template uses and does not define itself, each at its first place.
pub(super) fn names(template: &Arc<Source>, marked: &Marked) -> Vec<Span> {
    let bound = bound(&template.text, marked);
    let mut seen = BTreeSet::new();
    let used = marked.tags.iter().flat_map(|tag| used(tag, template));
    used.filter(|span| {
        let name = span.text();
        !bound.contains(name) && !LANGUAGE.contains(&name) && seen.insert(name.to_owned())
    })
    .collect()
}

/// Words of the language that are no names.
const LANGUAGE: [&str; 13] = [
    "and",
    "else",
    "false",
    "False",
    "if",
    "in",
    "is",
    "loop",
    "none",
    "not",
    "or",
    "recursive",
    "true",
];

/// Statements whose words are no values.
const OTHERS: [&str; 9] = [
    "autoescape",
    "block",
    "extends",
    "filter",
    "from",
    "import",
    "include",
    "macro",
    "raw",
];

/// The names that statements of the template give values to, wherever that is.
fn bound(text: &str, marked: &Marked) -> BTreeSet<String> {
    let mut bound = BTreeSet::new();
    for tag in marked.tags.iter().filter(|tag| !tag.expression) {
        let words = words(tag, text);
        let sign = match words.first() {
            Some(&"for") => "in",
            Some(&"set") => "=",
            // All of their words, for they are names and defaults.
            Some(&("macro" | "call" | "with")) => "",
            _ => continue,
        };
        let named = words.iter().skip(1).take_while(|word| **word != sign);
        bound.extend(named.map(|word| (*word).to_owned()));
    }
    bound
}

fn words<'c>(tag: &Tag, text: &'c str) -> Vec<&'c str> {
    let word = |bytes: std::ops::Range<usize>| text.get(bytes).unwrap_or_default();
    tag.tokens.iter().map(|token| word(token.bytes.clone())).collect()
}

/// Where a tag uses a name: no attribute, filter, test, function or keyword of a call.
fn used(tag: &Tag, template: &Arc<Source>) -> Vec<Span> {
    let words = words(tag, &template.text);
    let first = words.first().copied().unwrap_or_default();
    if !tag.expression && (OTHERS.contains(&first) || first.starts_with("end")) {
        return Vec::new();
    }
    let begin = usize::from(!tag.expression);
    let word = |index: Option<usize>| index.and_then(|index| words.get(index)).copied().unwrap_or_default();
    let mut found = Vec::new();
    for (index, token) in tag.tokens.iter().enumerate().skip(begin) {
        let name = word(Some(index));
        let (before, second) = (word(index.checked_sub(1)), word(index.checked_sub(2)));
        let is_test = before == "is" || (before == "not" && second == "is");
        let is_name = token.kind == Kind::Word
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && !is_test
            && !matches!(before, "." | "|")
            && !matches!(word(Some(index + 1)), "(" | "=");
        if is_name {
            found.push(Span::new(template, token.bytes.clone()));
        }
    }
    found
}

/// That the stack's template uses what stands at `span`, and nothing defines it.
pub(super) fn problem(stack: &str, span: &Span, contract: &Contract) -> Problem {
    let expression = span.text().trim().to_owned();
    let message = format!("`{stack}`: the template uses `{expression}`, which is not defined");
    let behind = span.source.text.get(span.bytes.end..).unwrap_or_default();
    let attribute = behind.strip_prefix('.').map(|rest| {
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        rest.get(..end.unwrap_or(rest.len())).unwrap_or_default()
    });
    let problem = Problem::error(codes::RENDER_UNDEFINED, message).at(span.clone(), "");
    let known = contract.inputs.keys().map(String::as_str).chain(read::CONTEXT);
    let near = closest(expression.split(['.', '[', ' ']).next().unwrap_or_default(), known);
    match (attribute, near) {
        (Some(input), _) if contract.inputs.contains_key(input) => {
            problem.hint(format!("an input is written by its name alone: {{{{ {input} }}}}"))
        }
        (_, Some(near)) if !expression.starts_with(near) => {
            wiring::had(problem, contract, "input", &expression).hint(format!("did you mean `{near}`?"))
        }
        _ => undeclared(problem, &expression, contract),
    }
}

/// Says how a name that looks like an input becomes one.
fn undeclared(problem: Problem, name: &str, contract: &Contract) -> Problem {
    let (module, path) = (&contract.name, format!("modules/{}.toml", contract.name));
    if !types::is_identifier(name) {
        return problem;
    }
    if contract.is_built_in() {
        return problem.note(format!(
            "the contract of `{module}` is built in; {path} of the project would take its place"
        ));
    }
    let problem = wiring::had(problem, contract, "input", name);
    match problem.hints.is_empty() {
        true => problem.hint(format!(
            "if it is to be an input, declare it in {path}: [inputs.{name}]"
        )),
        false => problem,
    }
}
