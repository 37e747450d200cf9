//! `mlinfra module docs`: the reference pages of the project's own modules.

use super::super::context::Context;
use super::super::error::CommandError;
use super::super::files;
use super::super::project::Project;
use super::super::{Done, Outcome};
use super::report;
use super::write::{New, one};
use crate::cli::ModuleDocsArgs;
use crate::diagnostic::{Problem, Problems, codes};
use crate::view::markdown;
use crate::view::report::{ModulePage, ModulePages};

/// The folder of the pages.
const FOLDER: &str = "docs/modules";

/// Writes the pages, or compares them with what is there.
pub fn run(context: &Context, args: &ModuleDocsArgs) -> Outcome {
    let project = context.project()?;
    let pages = pages(&project)?;
    let mut report = ModulePages {
        pages: Vec::new(),
        written: !args.check,
    };
    let mut foreign = Problems::default();
    for page in &pages {
        let path = project.path(&page.path);
        let present = files::text(&path, files::MOST_TEMPLATE).ok();
        // What cannot be read is not ours either.
        let ours = present.as_deref().is_some_and(markdown::is_ours);
        if !ours && path.symlink_metadata().is_ok() {
            foreign.push(
                Problem::error(codes::FILE_EXISTS, format!("{} was not written by mlinfra", page.path))
                    .note("nothing was written")
                    .hint("move it elsewhere, or delete it"),
            );
        }
        report.pages.push(ModulePage {
            path: page.path.clone(),
            stale: present.as_ref() != Some(&page.text),
        });
    }
    if foreign.has_errors() {
        return Err(foreign.into());
    }
    let stale: Vec<&str> = report
        .pages
        .iter()
        .filter(|page| page.stale)
        .map(|page| page.path.as_str())
        .collect();
    if args.check && !stale.is_empty() {
        let problems = stale.iter().map(|path| {
            let message = if project.path(path).exists() {
                format!("{path} is not what its module says now")
            } else {
                format!("the page {path} is missing")
            };
            Problem::error(codes::PAGE_STALE, message).hint("write it anew:  mlinfra module docs")
        });
        return Err(CommandError::from(Problems(problems.collect())));
    }
    if !args.check {
        for page in pages.iter().filter(|page| stale.contains(&page.path.as_str())) {
            one(&project, page)?;
        }
    }
    context.view().module_pages(&report);
    Ok(Done::Fine)
}

/// The page that lists the project's own modules, unless somebody wrote one by hand.
pub(super) fn index(project: &Project) -> Option<New> {
    // What is wrong with other modules is told by `module docs`.
    let index = pages(project).ok()?.pop()?;
    let path = project.path(&index.path);
    let ours = files::text(&path, files::MOST_TEMPLATE).is_ok_and(|text| markdown::is_ours(&text));
    (ours || path.symlink_metadata().is_err()).then_some(index)
}

/// The page of each of the project's own modules, and the one that lists them; none if it has no modules.
fn pages(project: &Project) -> Result<Vec<New>, CommandError> {
    let catalogue = project.catalogue()?;
    let own: Vec<_> = catalogue
        .modules()
        .filter(|contract| report::kind(contract).is_own())
        .map(|contract| report::of(contract, &catalogue))
        .collect();
    if own.is_empty() {
        return Ok(Vec::new());
    }
    let pages = own.iter().map(|module| New {
        path: format!("{FOLDER}/{}.md", module.name),
        text: markdown::page(module),
    });
    let index = New {
        path: format!("{FOLDER}/README.md"),
        text: markdown::index(&own),
    };
    Ok(pages.chain([index]).collect())
}
