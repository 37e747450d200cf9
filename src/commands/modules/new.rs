//! `mlinfra module new`: a module that works at once, to be changed into the one that is wanted.

use std::collections::BTreeMap;

use super::super::context::Context;
use super::super::{Done, Outcome};
use super::report;
use super::write::{New, Present, one, write};
use crate::cli::ModuleNewArgs;
use crate::diagnostic::{Problem, Problems, codes};
use crate::module::{Catalogue, built_in_files};
use crate::view::markdown;
use crate::view::report::ModuleWritten;

const CONTRACT: &str = include_str!("../../../templates/project/module/contract.toml");
const TEMPLATE: &str = include_str!("../../../templates/project/module/template.yaml");
const TESTS: &str = include_str!("../../../templates/project/module/test.toml");

/// What a module is said to make until its author says it.
const SUMMARY: &str = "A queue of jobs between those who ask for them and those who do them";

/// Scaffolds; nothing that exists is overwritten.
pub fn run(context: &Context, args: &ModuleNewArgs) -> Outcome {
    let project = context.project()?;
    let name = &args.name;
    if !built_in_files(name).is_empty() {
        return Err(
            Problem::error(codes::FILE_EXISTS, format!("the module `{name}` is built in"))
                .note("nothing was written; a module of the same name would take its place in every environment")
                .hint(format!("to change the built-in one:  mlinfra module eject {name}"))
                .hint("for one of your own, take another name")
                .into(),
        );
    }
    let mut files = scaffold(name, args.summary.as_deref().unwrap_or(SUMMARY));
    files.push(page(name, &files)?);
    write(
        &project,
        &files,
        Present::Refused,
        "take another name, or delete what is there",
    )?;
    // The list of the pages names the new one.
    if let Some(index) = super::docs::index(&project) {
        one(&project, &index)?;
        files.push(index);
    }
    context.view().module_written(&ModuleWritten {
        module: name.clone(),
        files: files.into_iter().map(|file| file.path).collect(),
        notes: vec!["It works as it is: a queue. Change contract, template and tests into what you need.".to_owned()],
        next: vec![
            format!("mlinfra module test {name}"),
            format!("[stacks.{name}] with module = \"{name}\" in an environment file uses it"),
            "mlinfra module docs".to_owned(),
        ],
    });
    Ok(Done::Fine)
}

/// Contract, template and tests of a module called `name`.
fn scaffold(name: &str, summary: &str) -> Vec<New> {
    let quoted = toml::Value::from(summary).to_string();
    let file = |path: String, text: &str| New {
        path,
        text: text.replace("@module@", name).replace("\"@summary@\"", &quoted),
    };
    vec![
        file(format!("modules/{name}.toml"), CONTRACT),
        file(format!("templates/cloudformation/{name}.yaml"), TEMPLATE),
        file(format!("modules/{name}.test.toml"), TESTS),
    ]
}

/// The reference page of the module that `files` are.
fn page(name: &str, files: &[New]) -> Result<New, Problems> {
    let texts: BTreeMap<String, String> = files
        .iter()
        .map(|file| (file.path.clone(), file.text.clone()))
        .collect();
    let catalogue = Catalogue::with_overrides(texts)?;
    let contract = super::known(&catalogue, name)?;
    Ok(New {
        path: format!("docs/modules/{name}.md"),
        text: markdown::page(&report::of(contract, &catalogue)),
    })
}
