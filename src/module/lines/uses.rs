//! Which tag names which input, directly or under a name that was made of it, and what it asks of the value.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::{Kind, Tag};

/// A use of an input, or of a name that a loop or `set` made of it.
#[derive(Debug)]
pub(in crate::module) struct Use {
    /// The input.
    pub(in crate::module) input: String,
    /// Where its name, or the name derived from it, stands.
    pub(in crate::module) bytes: Range<usize>,
    /// What is asked of it there.
    pub(in crate::module) need: Need,
}

/// What a use of a name asks of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::module) enum Need {
    /// Anything else.
    Other,
    /// A comparison or `in` stands beside it.
    Compared(Name),
    /// It is what a `for` goes through.
    Looped(Name),
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::module) enum Name {
    /// The input itself, under its own name or another.
    Input,
    /// What a loop gives of a list, or of a map its key: `for item in input`.
    Item,
    /// What a loop gives of a map: the second of `for key, value in input|items`, or an item of that.
    Value,
    /// Anything else that was made of inputs.
    Derived,
}

/// A name that a template made: the inputs that it comes from, and what it is of them.
type Alias = (BTreeSet<String>, Name);

/// Every place where a tag names an input; names made by `for` and `set` count as the inputs that they come from.
pub(in crate::module) fn uses(text: &str, tags: &[Tag], is_input: &dyn Fn(&str) -> bool) -> Vec<Use> {
    let mut aliases: BTreeMap<String, Alias> = BTreeMap::new();
    let mut uses = Vec::new();
    for tag in tags {
        let words: Vec<&str> = tag
            .tokens
            .iter()
            .map(|token| text.get(token.bytes.clone()).unwrap_or_default())
            .collect();
        let known = |name: &str| match aliases.get(name) {
            Some(alias) => Some(alias.clone()),
            None => is_input(name).then(|| (BTreeSet::from([name.to_owned()]), Name::Input)),
        };
        let statement = Statement::of(tag, &words);
        let bound = statement.bound(tag, &words, &known);
        let of = |name: &str| match bound.iter().find(|(bound, _)| bound == name) {
            Some((_, (inputs, kind))) if !inputs.is_empty() => Some((inputs.clone(), *kind)),
            _ => known(name),
        };
        let mut named = BTreeSet::new();
        for (index, token) in tag.tokens.iter().enumerate().skip(statement.begin) {
            let name = words.get(index).copied().unwrap_or_default();
            let before = index.checked_sub(1).and_then(|before| words.get(before)).copied();
            let after = words.get(index + 1..).unwrap_or_default();
            let assigns = statement.keyword.is_none() && after.first() == Some(&"=");
            if token.kind != Kind::Word || before == Some(".") || assigns {
                continue;
            }
            let loops = statement.keyword == Some("for") && statement.begin == index;
            let Some((inputs, kind)) = (if loops { known(name) } else { of(name) }) else {
                continue;
            };
            let need = if compared(before.filter(|_| !loops), after) {
                Need::Compared(kind)
            } else if loops {
                Need::Looped(kind)
            } else {
                Need::Other
            };
            for input in inputs {
                named.insert(input.clone());
                uses.push(Use {
                    input,
                    bytes: token.bytes.clone(),
                    need,
                });
            }
        }
        let made: Vec<(String, Alias)> = bound
            .into_iter()
            .map(|(name, (_, kind))| (name, (named.clone(), kind)))
            .collect();
        aliases.extend(made);
    }
    uses
}

/// What gives values to names in a tag.
struct Statement<'w> {
    /// `for` or `set`; none if it is anything else.
    keyword: Option<&'w str>,
    /// The first token of what the values are made of.
    begin: usize,
}

impl<'w> Statement<'w> {
    fn of(tag: &Tag, words: &[&'w str]) -> Self {
        let first = words.first().copied().filter(|_| !tag.expression);
        let sign = match first {
            Some("for") => "in",
            Some("set") => "=",
            _ => "",
        };
        match words.iter().position(|word| *word == sign) {
            Some(at) => Self {
                keyword: first,
                begin: at + 1,
            },
            None => Self {
                keyword: None,
                begin: 0,
            },
        }
    }

    /// The names that get values. Those of a loop that goes straight through an input come with it, because the loop's
    /// own condition may name them: `for x in list if x`.
    fn bound(&self, tag: &Tag, words: &[&str], known: &dyn Fn(&str) -> Option<Alias>) -> Vec<(String, Alias)> {
        let Some(keyword) = self.keyword else {
            return Vec::new();
        };
        let behind = words.get(self.begin..).unwrap_or_default();
        let items = matches!(behind, [_, "|", "items" | "dictsort", ..]);
        let rest = behind.get(if items { 3 } else { 1 });
        let straight = match keyword {
            "for" => rest.is_none_or(|word| ["if", "recursive"].contains(word)),
            _ => behind.len() == 1,
        };
        let source = behind.first().and_then(|name| known(name)).filter(|_| straight);
        let names: Vec<&str> = tag
            .tokens
            .iter()
            .zip(words)
            .take(self.begin.saturating_sub(1))
            .skip(1)
            .filter(|(token, _)| token.kind == Kind::Word)
            .map(|(_, word)| *word)
            .collect();
        let alone = names.len() == 1;
        let kind = |position: usize| match source.as_ref().map(|(_, kind)| *kind) {
            Some(kind) if keyword == "set" => kind,
            Some(Name::Input) if alone && !items => Name::Item,
            Some(Name::Input) if items && position == 1 => Name::Value,
            Some(Name::Value) if alone && !items => Name::Value,
            _ => Name::Derived,
        };
        let inputs = match (keyword, &source) {
            ("for", Some((inputs, _))) => inputs.clone(),
            _ => BTreeSet::new(),
        };
        names
            .into_iter()
            .enumerate()
            .map(|(position, name)| (name.to_owned(), (inputs.clone(), kind(position))))
            .collect()
    }
}

/// Whether the value of a name is compared, by the words beside it: `name == 1`, `name[0] == 1`, `1 in name`, and not
/// `1 < name|length` or `1 < name.size`.
fn compared(before: Option<&str>, after: &[&str]) -> bool {
    let is_sign = |word: Option<&str>| word.is_some_and(|word| SIGNS.contains(&word));
    let counted = matches!(after, ["|", "length" | "count", ..]);
    let taken_apart = after.first() == Some(&".");
    if is_sign(before) && !counted && !taken_apart {
        return true;
    }
    let end = match after.first() {
        Some(&"[") => after.iter().position(|word| *word == "]").map_or(0, |end| end + 1),
        _ => 0,
    };
    let rest = after.get(end..).unwrap_or_default();
    is_sign(rest.first().copied()) || matches!(rest, ["not", "in", ..])
}

/// What compares values.
const SIGNS: [&str; 7] = ["==", "!=", "<", ">", "<=", ">=", "in"];
