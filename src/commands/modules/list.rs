//! `mlinfra module list`.

use super::super::context::Context;
use super::super::{Done, Outcome};
use super::report::kind;
use crate::view::report::{ModuleLine, ModuleList};

/// Lists the modules of the project; outside a project, those that are built in.
pub fn run(context: &Context) -> Outcome {
    let modules = context
        .catalogue()?
        .modules()
        .map(|contract| {
            let kind = kind(contract);
            ModuleLine {
                name: contract.name.clone(),
                summary: contract.summary.clone(),
                own: kind.is_own(),
                kind,
            }
        })
        .collect();
    context.view().modules(&ModuleList { modules });
    Ok(Done::Fine)
}
