//! `mlinfra fmt`: every file of a project in the one customary form.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::context::Context;
use super::error::{CommandError, Kind};
use super::files;
use super::project::{Project, reason};
use super::replace::replace;
use super::{Done, Outcome};
use crate::cli::FmtArgs;
use crate::diagnostic::{Problem, Problems, Source, codes};
use crate::module;
use crate::spec::format;
use crate::view::report::{Formatted, FormattedFile};

/// The argument that means standard input.
const STDIN: &str = "-";

/// Formats, or shows what formatting would change.
pub fn run(context: &Context, args: &FmtArgs) -> Outcome {
    if args.files.iter().any(|file| file == STDIN) {
        return match args.files.as_slice() {
            [_] => standard_input(context, args),
            _ => Err(CommandError::from(
                Problem::error(codes::STDIN_ALONE, "`-` cannot be formatted together with files")
                    .note("standard input goes to standard output, files are written in place")
                    .hint("two runs:  mlinfra fmt - < FILE  and  mlinfra fmt FILE"),
            )
            .of_kind(Kind::Usage)),
        };
    }
    let targets = targets(context, args)?;
    let mut report = Formatted::default();
    for target in &targets {
        match one(target, args.check || args.diff) {
            Ok(file) => report.files.push(file),
            Err(problems) => report.problems.extend(problems),
        }
    }
    report.written = !args.check && !args.diff;
    finish(context, args, report)
}

/// A file to be formatted: how the user calls it, and where it is.
struct Target {
    name: String,
    path: PathBuf,
}

fn targets(context: &Context, args: &FmtArgs) -> Result<Vec<Target>, CommandError> {
    let project = context.project();
    let mut targets = Vec::new();
    if args.files.is_empty() {
        let project = project?;
        for name in project.toml_files()? {
            targets.push(in_project(&project, name));
        }
        return Ok(targets);
    }
    let mut problems = Problems::default();
    for given in &args.files {
        match chosen(context, project.as_ref().ok(), given) {
            Ok(found) => targets.extend(found),
            Err(found) => problems.extend(found),
        }
    }
    if problems.has_errors() {
        return Err(problems.into());
    }
    let mut seen = std::collections::BTreeSet::new();
    targets.retain(|target| seen.insert(fs_err::canonicalize(&target.path).unwrap_or_else(|_| target.path.clone())));
    Ok(targets)
}

/// What one argument means: an environment of the project, a file, or the TOML files of a folder.
fn chosen(context: &Context, project: Option<&Project>, given: &str) -> Result<Vec<Target>, Problems> {
    let path = context.path(Path::new(given));
    let word = !given.contains(['/', '\\', '.']);
    if let (true, Some(project)) = (word, project) {
        let name = format!("environments/{given}.toml");
        if project.path(&name).is_file() || !path.exists() {
            project.exists(given)?;
            return Ok(vec![in_project(project, name)]);
        }
    }
    if path.is_dir() {
        let names = super::project::files_in(&path, "toml")
            .map_err(|why| Problem::error(codes::FILE_UNREADABLE, format!("cannot read {given}: {why}")))?;
        return Ok(names
            .into_iter()
            .map(|name| Target {
                name: Path::new(given).join(&name).display().to_string(),
                path: path.join(&name),
            })
            .collect());
    }
    if path.extension().is_none_or(|ending| ending != "toml") {
        return Err(
            Problem::error(codes::NOT_FORMATTED_HERE, format!("`{given}` is no TOML file"))
                .note("environment files, contracts and policies are TOML; nothing else is formatted")
                .hint("name environments, folders or TOML files: mlinfra fmt dev modules")
                .into(),
        );
    }
    Ok(vec![Target {
        name: given.to_owned(),
        path,
    }])
}

fn in_project(project: &Project, name: String) -> Target {
    Target {
        path: project.path(&name),
        name,
    }
}

/// Formats one file; writes it if it changes and `show` is not asked for.
fn one(target: &Target, show: bool) -> Result<FormattedFile, Problems> {
    let name = &target.name;
    let text = files::text(&target.path, files::MOST_TOML).map_err(|unread| unread.problem(name))?;
    let source = Arc::new(Source {
        path: name.clone(),
        text,
    });
    let formatted = format::format(&source, module::layout(&source.text))?;
    let changed = formatted != source.text;
    if changed && !show {
        replace(&target.path, &formatted).map_err(|error| {
            Problem::error(
                codes::FILE_UNWRITABLE,
                format!("cannot write {name}: {}", reason(&error)),
            )
            .note("the file is as it was")
        })?;
    }
    Ok(compared(name, &source.text, &formatted, show))
}

fn compared(name: &str, before: &str, after: &str, show: bool) -> FormattedFile {
    FormattedFile {
        path: name.to_owned(),
        changed: before != after,
        line: format::first_difference(before, after),
        diff: (show && before != after).then(|| format::unified(name, before, after)),
    }
}

fn standard_input(context: &Context, args: &FmtArgs) -> Outcome {
    let text = files::stream(std::io::stdin().lock(), files::MOST_TOML).map_err(|unread| {
        let message = format!("cannot read standard input: {}", unread.why);
        Problem::error(unread.code, message)
    })?;
    let source = Arc::new(Source {
        path: "standard input".to_owned(),
        text,
    });
    let formatted = format::format(&source, module::layout(&source.text))?;
    if !args.check && !args.diff {
        context.view().raw(formatted.as_bytes());
        return Ok(Done::Fine);
    }
    let report = Formatted {
        files: vec![compared(&source.path, &source.text, &formatted, true)],
        ..Formatted::default()
    };
    finish(context, args, report)
}

fn finish(context: &Context, args: &FmtArgs, mut report: Formatted) -> Outcome {
    let unformatted = report.files.iter().filter(|file| file.changed).count();
    if args.check && unformatted > 0 {
        let message = match unformatted {
            1 => "1 file is not formatted".to_owned(),
            many => format!("{many} files are not formatted"),
        };
        let again = ["mlinfra fmt".to_owned()].into_iter().chain(args.files.clone());
        let command = again.collect::<Vec<_>>().join(" ");
        report
            .problems
            .push(Problem::error(codes::NOT_FORMATTED, message).hint(format!(
                "`{command}` formats; only looks change, never what a file means"
            )));
    }
    report.problems = report.problems.sorted();
    context.view().formatted(&report);
    if report.problems.has_errors() {
        return Err(CommandError::told(Kind::Failed));
    }
    Ok(Done::Fine)
}
