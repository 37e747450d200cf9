//! `mlinfra module show`.

use super::super::context::Context;
use super::super::{Done, Outcome};
use super::{known, report};
use crate::cli::ModuleShowArgs;
use crate::view::markdown;

/// Shows one module, as its page or as its diagram if that is asked for.
pub fn run(context: &Context, args: &ModuleShowArgs) -> Outcome {
    let catalogue = context.catalogue()?;
    let contract = known(&catalogue, &args.name)?;
    let report = report::of(contract, &catalogue);
    if args.diagram {
        // A flowchart of nothing would be taken for one of a module that makes nothing.
        report::renders(contract, &catalogue)?;
        context.view().raw(report.diagram.as_bytes());
    } else if args.markdown {
        context.view().raw(markdown::page(&report).as_bytes());
    } else {
        context.view().module(&report);
    }
    Ok(Done::Fine)
}
