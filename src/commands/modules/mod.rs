//! `mlinfra module`: one file a verb.

mod docs;
mod eject;
mod list;
mod new;
mod report;
mod show;
mod write;

pub use docs::run as docs;
pub use eject::run as eject;
pub use list::run as list;
pub use new::run as new;
pub use show::run as show;

use crate::diagnostic::{Problem, closest, codes};
use crate::module::{Catalogue, Contract};

/// The module `name`, or an error that names those that there are.
fn known<'a>(catalogue: &'a Catalogue, name: &str) -> Result<&'a Contract, Problem> {
    catalogue.get(name).ok_or_else(|| unknown(catalogue, name))
}

/// The problem of a module that does not exist.
pub fn unknown(catalogue: &Catalogue, name: &str) -> Problem {
    let names: Vec<&str> = catalogue.names().collect();
    let problem = Problem::error(codes::UNKNOWN_MODULE_NAME, format!("there is no module `{name}`"))
        .note(format!("modules: {}", names.join(", ")));
    match closest(name, names) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem,
    }
}
