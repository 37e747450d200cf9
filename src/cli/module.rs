//! `mlinfra module`.

use clap::{Args, Subcommand};

use super::values;

/// List, show, write and share modules.
#[derive(Debug, Subcommand)]
pub enum ModuleCommand {
    /// List the modules: built in, the project's own, and those that override built-in ones
    List(ModuleListArgs),
    /// Show a module's inputs, outputs, resources, wires and what its price depends on
    Show(ModuleShowArgs),
    /// Start a module of your own: contract, template, tests and page
    New(ModuleNewArgs),
    /// Copy a built-in module into the project, to change it
    Eject(ModuleEjectArgs),
    /// Write the reference pages of the project's own modules
    Docs(ModuleDocsArgs),
}

/// List the modules: built in, the project's own, and those that override built-in ones
#[derive(Debug, Args)]
pub struct ModuleListArgs {}

/// Show a module's inputs, outputs, resources, wires and what its price depends on
///
/// Resources and diagram are those of one configuration, which is named: the first case of the module's tests that
/// renders, or else what the contract says by itself.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlinfra module show vpc
  mlinfra module show eks --diagram           a Mermaid flowchart, and nothing else
  mlinfra module show queue --markdown > docs/modules/queue.md
  mlinfra module show eks --format json | jq '.inputs | keys'")]
pub struct ModuleShowArgs {
    /// The module
    #[arg(value_name = "NAME")]
    pub name: String,

    /// Print its resources as a Mermaid flowchart, whatever the format
    #[arg(
        long,
        conflicts_with = "markdown",
        value_parser = values::switch,
        env = "MLINFRA_DIAGRAM",
        hide_env_values = true
    )]
    pub diagram: bool,

    /// Print its reference page in Markdown, whatever the format
    #[arg(long, value_parser = values::switch, env = "MLINFRA_MARKDOWN", hide_env_values = true)]
    pub markdown: bool,
}

/// Start a module of your own: contract, template, tests and page
///
/// Writes modules/NAME.toml, templates/cloudformation/NAME.yaml, modules/NAME.test.toml and docs/modules/NAME.md: a
/// queue that works at once, with an example of everything that a contract can say. Nothing that exists is overwritten:
/// if one of the files is there already, nothing is written at all.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlinfra module new queue
  mlinfra module new feature-store --summary 'Features, online and offline'")]
pub struct ModuleNewArgs {
    /// The module's name: lower-case letters, digits and hyphens
    #[arg(value_name = "NAME", value_parser = values::module_name)]
    pub name: String,

    /// One sentence on what it makes
    #[arg(
        long,
        value_name = "TEXT",
        value_parser = values::sentence,
        env = "MLINFRA_SUMMARY",
        hide_env_values = true
    )]
    pub summary: Option<String>,
}

/// Copy a built-in module into the project, to change it
///
/// Copies its contract, its template, its tests and the files that its template reads. From then on the project's copies
/// count, and new versions of mlinfra change nothing in them; delete them to go back. What is rendered stays exactly the
/// same until you edit them. Nothing that differs is overwritten.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlinfra module eject s3
  mlinfra module eject s3 --template          only the template; the contract stays the built-in one")]
pub struct ModuleEjectArgs {
    /// The built-in module
    #[arg(value_name = "NAME")]
    pub name: String,

    /// Only the template and the files that it reads: inputs and outputs stay as they are
    #[arg(long, value_parser = values::switch, env = "MLINFRA_TEMPLATE", hide_env_values = true)]
    pub template: bool,
}

/// Write the reference pages of the project's own modules
///
/// Writes docs/modules/NAME.md for every module of the project, those that override built-in ones included, and
/// docs/modules/README.md, which lists them. Files there that mlinfra did not write are left alone.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlinfra module docs
  mlinfra module docs --check                 in a job: fails if a page is out of date")]
pub struct ModuleDocsArgs {
    /// Write nothing; fail if a page is missing or out of date
    #[arg(long, value_parser = values::switch, env = "MLINFRA_CHECK", hide_env_values = true)]
    pub check: bool,
}
