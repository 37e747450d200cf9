//! `file("user-data/x.sh")`: the text of a file that lies beside the templates.

use std::sync::Arc;

use minijinja::{Error, ErrorKind};

use super::super::catalogue::FILES;
use super::super::contract::Files;
use super::DEFERRED;
use crate::diagnostic::{Problem, closest, codes};

/// Begins the detail of errors about a file; what was asked for follows.
pub(in crate::module) const FILE: char = '\u{E005}';

/// The function for templates that read `files`.
pub(in crate::module) fn function(files: Arc<Files>) -> impl Fn(&str) -> Result<String, Error> + Send + Sync + 'static {
    move |path| match files.get(path) {
        // The text could not be told from a value that is not known yet.
        Some(found) if found.text.contains(DEFERRED) => Err(refused(path)),
        Some(found) => Ok(found.text.clone()),
        None => Err(refused(path)),
    }
}

fn refused(path: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("{FILE}{path}{FILE}"))
}

/// The path that was asked for, from the detail of an error.
pub(in crate::module) fn asked_for(detail: &str) -> Option<&str> {
    let (_, rest) = detail.split_once(FILE)?;
    rest.split_once(FILE).map(|(path, _)| path)
}

/// Why the stack `stack` did not get the file at `path`.
pub(in crate::module) fn problem(stack: &str, path: &str, files: &Files) -> Problem {
    let told = |message: String| Problem::error(codes::TEMPLATE_FILE, format!("`{stack}`: {message}"));
    if files.contains_key(path) {
        return told(format!("templates/{path} has the private-use character U+E002"))
            .hint("take it out, or escape it");
    }
    let is_plain = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains('\\');
    let inside = path.strip_prefix(FILES).filter(|rest| rest.split('/').all(is_plain));
    if inside.is_none() {
        let problem = told(format!("`file` does not read {path:?}"))
            .note("it reads what lies in templates/user-data/, and nothing above or beside it");
        let plain = path.rsplit(['/', '\\']).next().filter(|name| is_plain(name));
        return match plain {
            Some(name) => problem.hint(format!("write: file(\"{FILES}{name}\")")),
            None => problem.hint(format!("for example: file(\"{FILES}setup.sh\")")),
        };
    }
    let problem = told(format!("there is no file templates/{path}"));
    // Folders are left out far more often than they are misspelt.
    let name = path.rsplit('/').next();
    let elsewhere = files.keys().find(|known| known.rsplit('/').next() == name);
    let problem = match elsewhere
        .map(String::as_str)
        .or_else(|| closest(path, files.keys().map(String::as_str)))
    {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem,
    };
    problem.hint(format!("a file of this project goes to templates/{path}"))
}
