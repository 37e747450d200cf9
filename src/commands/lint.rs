//! `mlinfra lint`: any CloudFormation template against all that is known without AWS.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::context::Context;
use super::error::{CommandError, Kind};
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
                Some(resources(&document))
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

fn resources(document: &Document) -> usize {
    document
        .root
        .get("Resources")
        .map_or(0, |section| section.entries().len())
}

/// The text of `path`, read no further than a template may be large: the rest could be anything, `/dev/zero` too.
fn text(path: &Path) -> Result<Source, Problem> {
    let shown = shown(path);
    let unreadable = |why: String| Problem::error(codes::FILE_UNREADABLE, format!("cannot read {shown}: {why}"));
    let limit = read::MAXIMUM_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    let outcome = if is_stdin(path) {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        fs_err::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    outcome.map_err(|error| unreadable(reason(&error)))?;
    if bytes.len() > read::MAXIMUM_BYTES {
        let message = format!(
            "{shown} is larger than the {} bytes that CloudFormation takes",
            read::MAXIMUM_BYTES
        );
        return Err(Problem::error(codes::TEMPLATE_TOO_LARGE, message).hint("split it into several stacks"));
    }
    let text = String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8 text".to_owned()))?;
    Ok(Source { path: shown, text })
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
