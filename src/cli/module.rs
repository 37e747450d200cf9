//! `mlinfra module`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::values;

/// List the modules, show the inputs and outputs of one, or run their tests.
#[derive(Debug, Subcommand)]
pub enum ModuleCommand {
    /// List the modules: built in, and the project's own
    List(ModuleListArgs),
    /// Show a module's inputs, outputs and how they are wired
    Show(ModuleShowArgs),
    /// Run the tests of modules: what modules/NAME.test.toml says that they promise
    Test(ModuleTestArgs),
}

/// List the modules: built in, and the project's own
#[derive(Debug, Args)]
pub struct ModuleListArgs {}

/// Show a module's inputs, outputs and how they are wired
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlinfra module show vpc
  mlinfra module show eks --format json | jq '.inputs | keys'")]
pub struct ModuleShowArgs {
    /// The module
    #[arg(value_name = "NAME")]
    pub name: String,
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
