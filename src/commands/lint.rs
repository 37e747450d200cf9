//! `mlinfra lint`: any CloudFormation template against all that is known without AWS.

use std::path::Path;
use std::sync::Arc;

use super::context::Context;
use super::error::{CommandError, Kind};
use super::files::{self, Unread};
use super::project::reason;
use super::{Done, Outcome};
use crate::cli::LintArgs;
use crate::diagnostic::{Problem, Problems, Source, codes};
use crate::policy::{self, Policy, Setting};
use crate::template::{self, Document, read};
use crate::view::report::{Linted, LintedFile};

/// Reads and checks every file, and shows all their problems at once.
pub fn run(context: &Context, args: &LintArgs) -> Outcome {
    let mut files = Vec::new();
    let mut problems = Problems::default();
    for path in &args.files {
        let read = text(path)
            .map_err(Problems::from)
            .and_then(|source| template::read(&Arc::new(source)));
        let resources = match read {
            Ok(document) => {
                problems.extend(checked(&document, args.no_policy));
                Some(document.resource_count())
            }
            Err(found) => {
                problems.extend(found);
                None
            }
        };
        files.push(LintedFile {
            path: shown(path),
            resources,
        });
    }
    let fails = problems.has_errors() || (args.strict && !problems.is_empty());
    context.view().linted(&Linted { files }, &problems);
    if fails {
        Err(CommandError::told(Kind::Failed))
    } else {
        Ok(Done::Fine)
    }
}

/// The problems of the text and those of the policy, in the order of the text.
fn checked(document: &Document, no_policy: bool) -> Problems {
    let mut problems = template::check(document);
    if !no_policy {
        problems.extend(policy::check_document(
            document,
            &Policy::built_in(),
            Setting::default(),
        ));
    }
    problems
        .0
        .sort_by_key(|problem| problem.labels.first().map_or(0, |label| label.span.bytes.start));
    problems
}

/// The text of `path`, read no further than a template may be large: the rest could be anything, `/dev/zero` too. A pipe
/// is read like a file, because shells hand over the output of a command as one: `mlinfra lint <(command)`.
fn text(path: &Path) -> Result<Source, Problem> {
    let shown = shown(path);
    let most = read::MAXIMUM_BYTES as u64;
    let text = if is_stdin(path) {
        files::stream(std::io::stdin().lock(), most)
    } else {
        fs_err::File::open(path)
            .map_err(|error| Unread {
                code: codes::FILE_UNREADABLE,
                why: reason(&error),
            })
            .and_then(|file| files::stream(file, most))
    };
    match text {
        Ok(text) => Ok(Source { path: shown, text }),
        Err(unread) if unread.code == codes::FILE_TOO_LARGE => Err(Problem::error(
            codes::TEMPLATE_TOO_LARGE,
            format!("{shown} is larger than the {most} bytes that CloudFormation takes"),
        )
        .hint("split it into several stacks")),
        Err(unread) => Err(unread.problem(&shown)),
    }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn shown(path: &Path) -> String {
    if is_stdin(path) {
        "(stdin)".to_owned()
    } else {
        path.display().to_string()
    }
}
