//! `mlinfra module eject`: a module that is built in or fetched becomes the project's own, to be changed.

use super::super::context::Context;
use super::super::project::Project;
use super::super::{Done, Outcome};
use super::known;
use super::write::{New, Present, write};
use crate::cli::ModuleEjectArgs;
use crate::diagnostic::{Problem, codes};
use crate::module::{BuiltInFile, Catalogue, Origin, built_in_files, module_files};
use crate::view::report::ModuleWritten;

/// Copies; what differs from the text that is copied is not overwritten.
pub fn run(context: &Context, args: &ModuleEjectArgs) -> Outcome {
    let project = context.project()?;
    let name = &args.name;
    // A project whose modules have mistakes can still have the built-in ones.
    let catalogue = project.catalogue().ok();
    let here = catalogue.as_ref().and_then(|all| Some((all, all.get(name)?)));
    let (sources, origin) = match here {
        Some((all, contract)) if contract.origin == Origin::Fetched => {
            (module_files(contract, all), Some(fetched_from(&project, name)))
        }
        _ => (built_in_files(name), None),
    };
    if sources.is_empty() {
        // A module of the project's own is here already.
        if here.is_some() {
            return Err(Problem::error(
                codes::UNKNOWN_MODULE_NAME,
                format!("the module `{name}` is not built in"),
            )
            .note("it is the project's own: there is nothing to copy")
            .hint(format!("edit modules/{name}.toml and its template"))
            .into());
        }
        known(&Catalogue::built_in(), name)?;
    }
    let files: Vec<New> = sources
        .into_iter()
        .filter(|file| !args.template || !file.path.starts_with("modules/"))
        .map(|BuiltInFile { path, text }| New { path, text })
        .collect();
    let (what, versions) = match origin {
        Some(_) => ("fetched", "other versions of the module"),
        None => ("built-in", "new versions of mlinfra"),
    };
    let hint = format!("it overrides the {what} one already; to start from that anew, move it elsewhere first");
    write(&project, &files, Present::RefusedIfDifferent, &hint)?;
    let paths: Vec<String> = files.into_iter().map(|file| file.path).collect();
    let mut notes = Vec::new();
    notes.extend(origin.map(|from| format!("They are copies of what was fetched from {from}.")));
    notes.extend([
        format!("From now on these files count in this project, and {versions} do not change them."),
        "Nothing is rendered differently until you edit them.".to_owned(),
        format!("To go back to the {what} module:  rm {}", paths.join(" ")),
    ]);
    context.view().module_written(&ModuleWritten {
        module: name.clone(),
        notes,
        files: paths,
        next: vec!["mlinfra validate".to_owned(), format!("mlinfra module test {name}")],
    });
    Ok(Done::Fine)
}

/// Where the first environment that fetches the module has it from.
fn fetched_from(project: &Project, name: &str) -> String {
    let source = |environment: &String| {
        let environment = project.environment(environment).ok()?;
        environment.modules.get(name).map(|module| module.source())
    };
    let environments = project.environments().unwrap_or_default();
    environments
        .iter()
        .find_map(source)
        .unwrap_or_else(|| "elsewhere".to_owned())
}
