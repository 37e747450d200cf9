//! `mlinfra module`.

use clap::{Args, Subcommand};

use super::fetch::ModuleFetchArgs;

/// List the modules, or show the inputs and outputs of one.
#[derive(Debug, Subcommand)]
pub enum ModuleCommand {
    /// List the modules: built in, and the project's own
    List(ModuleListArgs),
    /// Show a module's inputs, outputs and how they are wired
    Show(ModuleShowArgs),
    /// Fetch the modules that environments name from Git repositories and S3 archives
    Fetch(ModuleFetchArgs),
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
