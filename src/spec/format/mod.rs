//! The one way to write the files of a project: text in, text out.
//!
//! Only what carries no meaning changes: the order of tables, the order of keys where there is a customary one, spaces,
//! line breaks and blank lines. Values are copied as they were written, so a number keeps its notation and a string its
//! quotes; a comment stays with what it stands above. `docs/formatting.md` has the rules.

use std::sync::Arc;

use super::keys::{Key, Kind, Named, Rest};
use super::syntax;
use crate::diagnostic::{Problem, Problems, Source, Span, codes};

mod arrange;
mod diff;
mod read;
mod same;
#[cfg(test)]
mod tests;
mod value;
mod write;

pub use diff::{first_difference, unified};

/// The customary order of a kind of file.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Its top-level keys, in their order. Tables that are not listed follow, in the order of their author.
    pub keys: &'static [Key],
    /// Top-level tables that stand among those of another: a type beside the input that uses it.
    pub among: &'static [(&'static str, &'static str)],
}

/// Environment files.
pub const ENVIRONMENT: Layout = Layout {
    keys: super::keys::FILE,
    among: &[],
};

/// Files of which nothing is known but that they are TOML: nothing changes its place.
pub const PLAIN: Layout = Layout { keys: &[], among: &[] };

/// Longest line that an array may take before it is written one item a line.
const WIDTH: usize = 100;
/// More rounds than any text needs until nothing changes any more.
const ROUNDS: usize = 4;

/// The text as it should be written; the same text if it is written so already.
///
/// What comes out holds the same values and the same comments as `source`, and formatting it again changes nothing:
/// this is checked on every text, and a text for which it does not hold is refused. Errors: what is wrong with the
/// TOML, as in every other verb; or that refusal.
pub fn format(source: &Arc<Source>, layout: &Layout) -> Result<String, Problems> {
    syntax::parse(source)?;
    let text = source.text.strip_prefix('\u{feff}').unwrap_or(&source.text);
    let mut formatted = once(text, layout);
    for _ in 0..ROUNDS {
        let Ok(current) = &formatted else { break };
        let again = once(current, layout);
        if again.as_ref() == Ok(current) {
            return match same::same(text, current) {
                Ok(()) => Ok(current.clone()),
                Err(lost) => Err(refusal(source, &lost).into()),
            };
        }
        formatted = again;
    }
    let why = formatted.err().unwrap_or_else(|| "it never comes to rest".to_owned());
    Err(refusal(source, &why).into())
}

fn once(text: &str, layout: &Layout) -> Result<String, String> {
    let mut file = read::file(text)?;
    arrange::file(&mut file, layout);
    Ok(write::file(&file))
}

/// A mistake of the formatter, not of the file: better an unformatted file than another one.
fn refusal(source: &Arc<Source>, why: &str) -> Problem {
    Problem::error(
        codes::FILE_UNWRITABLE,
        format!("{} stays as it is: it cannot be formatted safely", source.path),
    )
    .at(Span::new(source, 0..0), "")
    .note(format!("formatted, it would not be the same file: {why}"))
    .note("this is a mistake of mlinfra, not of the file, which works as it is")
}

/// Where a table's keys stand in it.
#[derive(Debug, Clone, Copy)]
struct Order {
    keys: &'static [Key],
    rest: Rest,
}

impl Layout {
    /// What is known of the table at `path`; none where nothing is.
    fn order(&self, path: &[String]) -> Option<Order> {
        let mut order = Order {
            keys: self.keys,
            rest: Rest::Refused,
        };
        let mut path = path.iter();
        while let Some(name) = path.next() {
            let key = order.keys.iter().find(|key| key.name == name)?;
            order = match key.kind {
                Kind::Table(keys) | Kind::Tables(keys) => Order {
                    keys,
                    rest: Rest::Refused,
                },
                Kind::Named(Named { keys, rest, .. }) => {
                    path.next()?;
                    Order { keys, rest }
                }
                _ => return None,
            };
        }
        Some(order)
    }

    /// The place of the top-level table `name` among the others.
    fn rank(&self, name: &str) -> usize {
        let among = self.among.iter().find(|(guest, _)| *guest == name);
        let name = among.map_or(name, |(_, host)| *host);
        let place = self.keys.iter().position(|key| key.name == name);
        place.unwrap_or(self.keys.len())
    }
}
