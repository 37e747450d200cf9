//! One file a verb: resolve, call the core, hand data to a view. Here: parse, run, and the exit code.

mod apply;
mod bootstrap;
mod cases;
mod context;
mod destroy;
mod error;
mod explain;
mod fetch;
mod files;
mod format;
mod init;
mod lint;
mod lock;
mod locked;
mod modules;
mod operation;
mod plan;
mod policy;
mod preflight;
mod project;
mod prompt;
mod render;
mod replace;
mod sandbox;
mod schema;
mod session;
mod shell;
mod ship;
mod signals;
mod status;
mod train;
mod validate;
mod variables;
mod who;
mod workloads;
mod world;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use clap::error::ErrorKind;

use crate::cli::{Cli, Color, Command, Format, Global, LockCommand, ModuleCommand, PolicyCommand, SandboxCommand};
use crate::clock::Clock;
use crate::diagnostic::{Problem, Problems, codes};
use crate::view::printer::{Colour, Printer};
use crate::view::{Human, Json, View, trace};

use context::Context;
pub use error::{CommandError, Kind};
use signals::Signals;
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
    let printer = printer(&cli.global, &variables);
    let view = view(&cli.global, printer.clone());
    trace::start(cli.global.verbose);
    let mut context = Context::new(cli.global.clone(), variables, view);
    let outcome = run(&mut context, cli.command);
    if let Err(error) = &outcome {
        context.view().problems(&error.problems);
    }
    let unwritten = printer.unwritten().map(str::to_owned);
    if let Some(why) = &unwritten {
        // Stdout takes no document any more, so this is said to people whatever the format.
        let problem = Problem::error(
            codes::OUTPUT_UNWRITTEN,
            format!("not all of the output was written: {why}"),
        )
        .hint("what was to be done is done or not as told above; only its output is incomplete");
        Human::new(printer, 0).problems(&Problems(vec![problem]));
    }
    match outcome {
        Err(error) => ExitCode::from(error.kind.exit_code()),
        Ok(_) if unwritten.is_some() => ExitCode::from(Kind::Failed.exit_code()),
        Ok(Done::Fine) => ExitCode::SUCCESS,
        Ok(Done::ChangesPresent) => ExitCode::from(2),
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

fn printer(global: &Global, variables: &Variables) -> Printer {
    let colour = match global.color {
        Color::Auto => Colour::Auto,
        Color::Always => Colour::Always,
        Color::Never => Colour::Never,
    };
    Printer::new(colour, variables.get("TERM"))
}

fn view(global: &Global, printer: Printer) -> Box<dyn View> {
    match global.format {
        Format::Human => Box::new(Human::new(printer, global.verbose)),
        Format::Json => Box::new(Json::new(printer)),
    }
}

/// Verbs that only read and write files run at once; all others need a runtime, which takes longer to start than
/// `--version` may take.
fn run(context: &mut Context, command: Command) -> Outcome {
    match command {
        Command::Init(args) => init::run(context, &args),
        Command::Validate(args) => validate::run(context, &args),
        Command::Lint(args) => lint::run(context, &args),
        Command::Fmt(args) => format::run(context, &args),
        Command::Render(args) => render::run(context, &args),
        Command::Schema(args) => schema::run(context, &args),
        Command::Module(ModuleCommand::List(_)) => modules::list(context),
        Command::Module(ModuleCommand::Show(args)) => modules::show(context, &args),
        Command::Module(ModuleCommand::New(args)) => modules::new(context, &args),
        Command::Module(ModuleCommand::Eject(args)) => modules::eject(context, &args),
        Command::Module(ModuleCommand::Docs(args)) => modules::docs(context, &args),
        Command::Module(ModuleCommand::Test(args)) => cases::test(context, &args),
        Command::Explain(args) => explain::run(context, &args),
        Command::Policy(PolicyCommand::List(args)) => policy::list(context, &args),
        Command::Policy(PolicyCommand::Show(args)) => policy::show(context, &args),
        Command::Completions(args) => shell::completions(context, &args),
        Command::Man(args) => shell::man(context, &args),
        command => in_runtime(context, command),
    }
}

fn in_runtime(context: &mut Context, command: Command) -> Outcome {
    let failed = |error: &std::io::Error| {
        Problem::error(
            codes::NO_RUNTIME,
            format!("the operating system refuses threads or signals: {error}"),
        )
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| failed(&error))?;
    let outcome = runtime.block_on(async {
        let signals = Signals::listen().map_err(|error| failed(&error))?;
        context.listen(signals.clone());
        tokio::select! {
            biased;
            outcome = verb(context, command) => outcome,
            () = left(&signals) => {
                let problem = Problem::error(codes::LEFT_AT_ONCE, "left at once, as you asked")
                    .note("what CloudFormation was doing goes on in AWS; the lock runs out within a minute")
                    .hint("run the same command again: it attaches to what is still going on");
                Err(CommandError::from(problem).of_kind(signals.kind()))
            }
        }
    });
    // A thread that waits for the keyboard must not hold up the end.
    runtime.shutdown_background();
    outcome
}

/// The second signal, and a moment in which the verb may still say what it leaves behind.
async fn left(signals: &Signals) {
    const MOMENT: Duration = Duration::from_secs(3);
    signals.at_once.cancelled().await;
    Clock::real().sleep(MOMENT).await;
}

async fn verb(context: &Context, command: Command) -> Outcome {
    match command {
        Command::Bootstrap(args) => bootstrap::run(context, &args).await,
        Command::Plan(args) => plan::run(context, &args).await,
        Command::Apply(args) => apply::run(context, &args).await,
        Command::Destroy(args) => destroy::run(context, &args).await,
        Command::Ship(args) => ship::run(context, &args).await,
        Command::Rollback(args) => ship::rollback(context, &args).await,
        Command::Workloads(args) => workloads::list(context, &args).await,
        Command::Logs(args) => workloads::logs(context, &args).await,
        Command::PortForward(args) => workloads::port_forward(context, &args).await,
        Command::Train(args) => train::run(context, &args).await,
        Command::Status(args) => status::status(context, &args).await,
        Command::Outputs(args) => status::outputs(context, &args).await,
        Command::Lock(LockCommand::Status(args)) => lock::status(context, &args).await,
        Command::Lock(LockCommand::Release(args)) => lock::release(context, &args).await,
        Command::Module(ModuleCommand::Fetch(args)) => fetch::run(context, &args).await,
        Command::Sandbox(SandboxCommand::Serve(args)) => sandbox::serve(context, &args).await,
        Command::Sandbox(SandboxCommand::List(_)) => sandbox::list(context).await,
        Command::Sandbox(SandboxCommand::Reset(args)) => sandbox::reset(context, &args).await,
        Command::Init(_)
        | Command::Validate(_)
        | Command::Lint(_)
        | Command::Fmt(_)
        | Command::Schema(_)
        | Command::Render(_)
        | Command::Module(_)
        | Command::Explain(_)
        | Command::Policy(_)
        | Command::Completions(_)
        | Command::Man(_) => Ok(Done::Fine),
    }
}
