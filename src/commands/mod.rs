//! One file a verb: resolve, call the core, hand data to a view. Here: parse, run, and the exit code.

mod context;
mod error;
mod init;
mod modules;
mod project;
mod prompt;
mod render;
mod session;
mod shell;
mod signals;
mod validate;
mod variables;
mod who;
mod world;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::cli::{Cli, Color, Command, Format, Global, LockCommand, ModuleCommand, SandboxCommand};
use crate::view::printer::{Colour, Printer};
use crate::view::{Human, Json, View, trace};

use context::Context;
pub use error::{CommandError, Kind};
use variables::Variables;

/// How a verb that did what it was asked to ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// Fine.
    Fine,
    /// There are changes, and the caller asked to be told by the exit code.
    ChangesPresent,
}

/// What a verb gives back.
type Outcome = Result<Done, CommandError>;

/// Parses the command line, runs the verb and says how it ended.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let variables = Variables::read();
    let view = view(&cli.global, &variables);
    trace::start(cli.global.verbose);
    let mut context = Context::new(cli.global.clone(), variables, view);
    let outcome = run(&mut context, cli.command);
    match outcome {
        Ok(Done::Fine) => ExitCode::SUCCESS,
        Ok(Done::ChangesPresent) => ExitCode::from(2),
        Err(error) => {
            context.view().problems(&error.problems);
            ExitCode::from(error.kind.exit_code())
        }
    }
}

/// Help and version go to stdout; a wrong command line is told on stderr.
fn refuse(error: &clap::Error) -> ExitCode {
    // Nobody may be left to read it; the exit code stands.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(Kind::Usage.exit_code()),
    }
}

fn view(global: &Global, variables: &Variables) -> Box<dyn View> {
    let colour = match global.color {
        Color::Auto => Colour::Auto,
        Color::Always => Colour::Always,
        Color::Never => Colour::Never,
    };
    let printer = Printer::new(colour, variables.get("TERM"));
    match global.format {
        Format::Human => Box::new(Human::new(printer, global.verbose)),
        Format::Json => Box::new(Json::new(printer)),
    }
}

fn run(context: &mut Context, command: Command) -> Outcome {
    match command {
        Command::Init(args) => init::run(context, &args),
        Command::Validate(args) => validate::run(context, &args),
        Command::Render(args) => render::run(context, &args),
        Command::Module(ModuleCommand::List(_)) => modules::list(context),
        Command::Module(ModuleCommand::Show(args)) => modules::show(context, &args),
        Command::Completions(args) => shell::completions(context, &args),
        Command::Man(args) => shell::man(context, &args),
        _ => Ok(Done::Fine),
    }
}
