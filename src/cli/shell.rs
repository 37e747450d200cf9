//! `mlinfra completions` and `mlinfra man`.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlinfra completions bash > ~/.local/share/bash-completion/completions/mlinfra
  mlinfra completions zsh > ~/.zfunc/_mlinfra
  mlinfra completions fish > ~/.config/fish/completions/mlinfra.fish")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: Shell,
}

/// Write the manual pages
///
/// Prints mlinfra.1, or writes one page a verb into a folder.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlinfra man | man -l -
  mlinfra man --out ~/.local/share/man/man1")]
pub struct ManArgs {
    /// Write mlinfra.1 and one page a verb into this folder
    #[arg(long, value_name = "DIR", env = "MLINFRA_OUT", hide_env_values = true)]
    pub out: Option<PathBuf>,
}
