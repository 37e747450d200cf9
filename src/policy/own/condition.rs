//! Conditions on properties: what they ask, and what is certain about it.

use regex::Regex;

use super::super::possible::{Possible, text};
use super::super::subject::Resource;
use crate::diagnostic::Span;

/// What a rule asks of a resource.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    /// Of every value at `path`, in which `*` stands for every item of a list.
    Property { path: Vec<String>, test: Test },
    /// The opposite.
    Not(Box<Condition>),
    /// All of them.
    All(Vec<Condition>),
    /// At least one of them.
    Any(Vec<Condition>),
}

/// What is asked of a value.
#[derive(Debug, Clone)]
pub(super) enum Test {
    /// It is given, or it is not.
    Exists(bool),
    /// It is one of these, compared as text: `true`, `8`, `standard`.
    OneOf(Vec<String>),
    /// It matches.
    Matches(Regex),
    /// It is a number and not less.
    AtLeast(f64),
    /// It is a number and not more.
    AtMost(f64),
}

/// Where a condition fails.
pub(super) struct Failure {
    /// The value that is wrong; none if it is missing.
    pub(super) span: Option<Span>,
    /// A few words on it.
    pub(super) label: String,
}

/// Whether something has to be so for one possible value or for every one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum For {
    Some,
    Every,
}

impl Condition {
    /// Whether it holds whatever the template's conditions and AWS's values turn out to be.
    pub(super) fn certainly_holds(&self, resource: &Resource<'_>) -> bool {
        self.is(resource, true, For::Every)
    }

    /// Where it fails under some of the template's conditions; none if that is not certain.
    pub(super) fn failure(&self, resource: &Resource<'_>) -> Option<Failure> {
        self.is(resource, false, For::Some).then(|| self.witness(resource))
    }

    fn is(&self, resource: &Resource<'_>, wanted: bool, how: For) -> bool {
        match self {
            Self::Property { path, test } => {
                let answers: Vec<Option<bool>> = places(resource, path).map(|place| test.of(place)).collect();
                match how {
                    For::Some => answers.contains(&Some(wanted)),
                    For::Every => !answers.is_empty() && answers.iter().all(|answer| *answer == Some(wanted)),
                }
            }
            Self::Not(inner) => inner.is(resource, !wanted, how),
            Self::All(parts) | Self::Any(parts) => {
                let needs_all = matches!(self, Self::All(_)) == wanted;
                let mut each = parts.iter().map(|part| part.is(resource, wanted, how));
                if needs_all {
                    each.all(|is| is)
                } else {
                    each.any(|is| is)
                }
            }
        }
    }

    /// The first place in it that has something to do with the failure.
    fn witness(&self, resource: &Resource<'_>) -> Failure {
        match self {
            Self::Property { path, test } => {
                let found = places(resource, path).find(|place| test.of(*place) == Some(false));
                let found = found.or_else(|| places(resource, path).next());
                match found {
                    Some(Possible::Given(node) | Possible::Unknown(node)) => Failure {
                        span: Some(node.span.clone()),
                        label: format!("`{}`", path.join(".")),
                    },
                    _ => Failure {
                        span: None,
                        label: format!("`{}` is missing", path.join(".")),
                    },
                }
            }
            Self::Not(inner) => inner.witness(resource),
            Self::All(parts) | Self::Any(parts) => {
                let failing = parts.iter().find(|part| part.is(resource, false, For::Some));
                match failing.or(parts.first()) {
                    Some(part) => part.witness(resource),
                    None => Failure {
                        span: None,
                        label: String::new(),
                    },
                }
            }
        }
    }
}

impl Test {
    /// Whether `place` passes; none if only AWS knows.
    fn of(&self, place: Possible<'_>) -> Option<bool> {
        let node = match (self, place) {
            (Self::Exists(wanted), place) => return Some((place != Possible::Absent) == *wanted),
            (_, Possible::Absent) => return Some(false),
            (_, Possible::Unknown(_)) => return None,
            (_, Possible::Given(node)) => node,
        };
        let Some(text) = text(node) else { return Some(false) };
        let number = || text.trim().parse::<f64>().ok();
        Some(match self {
            Self::Exists(_) => true,
            Self::OneOf(values) => values.contains(&text),
            Self::Matches(pattern) => pattern.is_match(&text),
            Self::AtLeast(bound) => number().is_some_and(|number| number >= *bound),
            Self::AtMost(bound) => number().is_some_and(|number| number <= *bound),
        })
    }
}

/// Everything that may stand at `path`.
fn places<'a>(resource: &Resource<'a>, path: &[String]) -> impl Iterator<Item = Possible<'a>> {
    let start = resource.at(&[]);
    path.iter()
        .fold(start, |found, segment| {
            let found = found.into_iter();
            match segment.as_str() {
                "*" => found.flat_map(Possible::items).collect(),
                key => found.flat_map(|place| place.get(key)).collect(),
            }
        })
        .into_iter()
}
