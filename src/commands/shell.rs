//! `mlinfra completions` and `mlinfra man`: written from the definition of the command line.

use clap::CommandFactory;

use super::context::Context;
use super::project::reason;
use super::{Done, Outcome};
use crate::cli::{Cli, CompletionsArgs, ManArgs};
use crate::diagnostic::{Problem, codes};

/// Prints a completion script.
pub fn completions(context: &Context, args: &CompletionsArgs) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "mlinfra", &mut script);
    context.view().raw(&script);
    Ok(Done::Fine)
}

/// Prints the main page, or writes all pages into a folder.
pub fn man(context: &Context, args: &ManArgs) -> Outcome {
    let failed = |what: &str, error: &std::io::Error| {
        Problem::error(
            codes::FILE_UNWRITABLE,
            format!("cannot write {what}: {}", reason(error)),
        )
    };
    match &args.out {
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command())
                .render(&mut page)
                .map_err(|error| failed("the page", &error))?;
            context.view().raw(&page);
        }
        Some(folder) => {
            let folder = context.path(folder);
            let shown = folder.display().to_string();
            fs_err::create_dir_all(&folder)
                .and_then(|()| clap_mangen::generate_to(Cli::command(), &folder))
                .map_err(|error| failed(&shown, &error))?;
            context.view().note(&format!("Wrote the manual pages to {shown}"));
        }
    }
    Ok(Done::Fine)
}
