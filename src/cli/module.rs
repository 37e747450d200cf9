//! `mlinfra module`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::values;

/// List, show, write and test modules.
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
    /// Run the tests of modules: what modules/NAME.test.toml says that they promise
    Test(ModuleTestArgs),
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

/// Run the tests of modules: what modules/NAME.test.toml says that they promise
///
/// Every case is an environment: it is rendered, checked, held against the policy and compared with what the case
/// expects. Cases with steps, and the combinations of `[pairwise]`, are deployed, updated and destroyed as well, on an
/// account of the sandbox in memory, in which an hour takes milliseconds. No AWS account is touched.
///
/// Without names, all modules that have a test file are tested: the project's own and those that are built in.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlinfra module test
  mlinfra module test vpc rds --case encrypted
  mlinfra module test --junit tests.xml        for CI systems that show test results")]
pub struct ModuleTestArgs {
    /// The modules
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,

    /// Run only cases that have this text in their names
    #[arg(long, value_name = "TEXT", env = "MLINFRA_CASE", hide_env_values = true)]
    pub case: Option<String>,

    /// List the cases and run none
    #[arg(long, conflicts_with = "junit", value_parser = values::switch, env = "MLINFRA_LIST", hide_env_values = true)]
    pub list: bool,

    /// Write the results as JUnit XML, too
    #[arg(long, value_name = "FILE", env = "MLINFRA_JUNIT", hide_env_values = true)]
    pub junit: Option<PathBuf>,

    /// How many cases run at the same time; as many as there are processors if absent
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..=256),
        env = "MLINFRA_TEST_PARALLELISM",
        hide_env_values = true
    )]
    pub parallelism: Option<u16>,
}
