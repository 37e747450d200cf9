//! `mlinfra module test`: whether modules do what their test files say.

use std::path::Path;
use std::sync::Arc;

use super::context::Context;
use super::error::{CommandError, Kind};
use super::project::reason;
use super::{Done, Outcome, modules};
use crate::cases::{self, Suite};
use crate::cli::ModuleTestArgs;
use crate::clock::Clock;
use crate::diagnostic::{Problem, Problems, Source, codes};
use crate::module::{Catalogue, Contract};
use crate::policy::Policy;
use crate::view::junit::junit;
use crate::view::report::CaseList;

/// Reads the test files, all of their mistakes at once, then runs their cases.
pub fn test(context: &Context, args: &ModuleTestArgs) -> Outcome {
    let catalogue = context.catalogue()?;
    let (built_in, own) = (Policy::built_in(), policy(context)?);
    let mut problems = Problems::default();
    let mut suites = Vec::new();
    for (contract, source) in chosen(&catalogue, &args.names)? {
        match cases::read(contract, source) {
            // A project's rules are about its environments: what is built in does not know them.
            Ok(file) => suites.push(Suite {
                policy: if is_built_in(source) { &built_in } else { &own },
                file,
            }),
            Err(found) => problems.extend(found),
        }
    }
    if problems.has_errors() {
        return Err(CommandError::from(problems));
    }
    let filter = args.case.as_deref();
    let names = suites
        .iter()
        .map(|suite| (suite.file.module.clone(), cases::names(suite, filter)))
        .filter(|(_, names)| !names.is_empty());
    let list = CaseList {
        modules: names.collect(),
    };
    if list.modules.is_empty() {
        return Err(none(filter, &suites).into());
    }
    if args.list {
        context.view().cases(&list);
        return Ok(Done::Fine);
    }
    let parallelism = args.parallelism.map_or_else(processors, usize::from);
    let tested = {
        let watcher = context.view().testing(&list);
        let today = Clock::real().today();
        cases::run(&suites, &catalogue, today, filter, parallelism, watcher.as_ref())
    };
    context.view().tested(&tested);
    if let Some(path) = &args.junit {
        write(&context.path(path), &junit(&tested))?;
    }
    if tested.failed > 0 {
        return Err(CommandError::told(Kind::Failed));
    }
    Ok(Done::Fine)
}

/// The modules that are named, or all that have a test file.
fn chosen<'a>(
    catalogue: &'a Catalogue,
    names: &[String],
) -> Result<Vec<(&'a Contract, &'a Arc<Source>)>, CommandError> {
    let mut found: Vec<(&Contract, &Arc<Source>)> = Vec::new();
    if names.is_empty() {
        let all = catalogue.modules();
        found.extend(all.filter_map(|contract| Some((contract, catalogue.test_file(&contract.name)?))));
        return Ok(found);
    }
    for name in names {
        let contract = catalogue.get(name).ok_or_else(|| modules::unknown(catalogue, name))?;
        let source = catalogue.test_file(name).ok_or_else(|| {
            Problem::error(codes::NO_CASES, format!("the module `{name}` has no tests"))
                .hint(format!("write them into modules/{name}.test.toml"))
        })?;
        if !found.iter().any(|(known, _)| known.name == *name) {
            found.push((contract, source));
        }
    }
    Ok(found)
}

fn none(filter: Option<&str>, suites: &[Suite<'_>]) -> Problem {
    match filter {
        Some(filter) => {
            let modules: Vec<&str> = suites.iter().map(|suite| suite.file.module.as_str()).collect();
            let message = format!("no case has `{filter}` in its name");
            Problem::error(codes::NO_CASES, message)
                .note(format!("looked at: {}", modules.join(", ")))
                .hint("mlinfra module test --list   shows the names")
        }
        None => Problem::error(codes::NO_CASES, "no module has tests")
            .hint("write them into modules/NAME.test.toml, beside the contract"),
    }
}

/// The policy of the project; outside of one, the one that is built in.
fn policy(context: &Context) -> Result<Policy, CommandError> {
    match context.project() {
        Ok(project) => Ok(project.policy()?),
        Err(_) => Ok(Policy::built_in()),
    }
}

fn is_built_in(source: &Source) -> bool {
    source.path.starts_with("(built-in)")
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn write(path: &Path, text: &str) -> Result<(), Problem> {
    fs_err::write(path, text).map_err(|error| {
        let message = format!("cannot write {}: {}", path.display(), reason(&error));
        Problem::error(codes::FILE_UNWRITABLE, message)
    })
}
