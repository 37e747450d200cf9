//! `mlinfra module eject`: a built-in module becomes the project's own, to be changed.

use super::super::context::Context;
use super::super::{Done, Outcome};
use super::known;
use super::write::{New, Present, write};
use crate::cli::ModuleEjectArgs;
use crate::diagnostic::{Problem, codes};
use crate::module::{BuiltInFile, Catalogue, built_in_files};
use crate::view::report::ModuleWritten;

/// Copies; what differs from the built-in text is not overwritten.
pub fn run(context: &Context, args: &ModuleEjectArgs) -> Outcome {
    let project = context.project()?;
    let name = &args.name;
    let catalogue = Catalogue::built_in();
    if built_in_files(name).is_empty() {
        // A module of the project's own is here already.
        if project.catalogue().is_ok_and(|own| own.get(name).is_some()) {
            return Err(Problem::error(
                codes::UNKNOWN_MODULE_NAME,
                format!("the module `{name}` is not built in"),
            )
            .note("it is the project's own: there is nothing to copy")
            .hint(format!("edit modules/{name}.toml and its template"))
            .into());
        }
        known(&catalogue, name)?;
    }
    let files: Vec<New> = built_in_files(name)
        .into_iter()
        .filter(|file| !args.template || !file.path.starts_with("modules/"))
        .map(|BuiltInFile { path, text }| New { path, text })
        .collect();
    let hint = "it overrides the built-in one already; to start from that anew, move it elsewhere first";
    write(&project, &files, Present::RefusedIfDifferent, hint)?;
    let paths: Vec<String> = files.into_iter().map(|file| file.path).collect();
    context.view().module_written(&ModuleWritten {
        module: name.clone(),
        notes: vec![
            "From now on these files count in this project, and new versions of mlinfra do not change them.".to_owned(),
            "Nothing is rendered differently until you edit them.".to_owned(),
            format!("To go back to the built-in module:  rm {}", paths.join(" ")),
        ],
        files: paths,
        next: vec!["mlinfra validate".to_owned(), format!("mlinfra module test {name}")],
    });
    Ok(Done::Fine)
}
