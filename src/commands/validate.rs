//! `mlinfra validate`: everything that can be known without AWS.

use indexmap::IndexMap;

use super::context::Context;
use super::error::{CommandError, Kind};
use super::{Done, Outcome};
use crate::cli::ValidateArgs;
use crate::clock::Clock;
use crate::diagnostic::Problems;
use crate::module::RenderedEnvironment;
use crate::policy::judged;
use crate::view::report::{Validated, ValidatedEnvironment};
use crate::workload;

/// Renders and checks the environments, and shows all their problems at once.
pub fn run(context: &Context, args: &ValidateArgs) -> Outcome {
    let project = context.project()?;
    let names = if args.environments.is_empty() {
        project.environments()?
    } else {
        args.environments.clone()
    };
    let policy = project.policy()?;
    let templates = project.manifests()?;
    let today = Clock::real().today();
    let mut problems = Problems::default();
    let mut environments = IndexMap::new();
    for name in names {
        let rendered = project
            .environment(&name)
            .and_then(|environment| judged(&environment, &project.catalogue_of(&environment)?, &policy, today));
        match rendered {
            Ok((rendered, warnings)) => {
                problems.extend(warnings);
                problems.extend(workload::problems(&rendered.environment, &templates));
                environments.insert(name, about(&rendered));
            }
            Err(found) => problems.extend(found),
        }
    }
    // Files that several environments extend would say the same thing once for each of them.
    let mut seen: Vec<crate::diagnostic::Problem> = Vec::new();
    for problem in problems.0 {
        if !seen.contains(&problem) {
            seen.push(problem);
        }
    }
    let problems = Problems(seen);
    if problems.has_errors() {
        return Err(CommandError::from(problems).of_kind(Kind::Failed));
    }
    let strict = args.strict && !problems.0.is_empty();
    context.view().validated(&Validated { environments }, &problems);
    if strict {
        Err(CommandError::told(Kind::Failed))
    } else {
        Ok(Done::Fine)
    }
}

fn about(rendered: &RenderedEnvironment) -> ValidatedEnvironment {
    ValidatedEnvironment {
        stacks: rendered.stacks.len(),
        resources: rendered
            .stacks
            .values()
            .map(|stack| stack.document.resource_count())
            .sum(),
        workloads: rendered.environment.workloads.len(),
    }
}
