//! Options that every verb understands.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};

use super::values;

/// Options that every verb understands.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The project's folder: the one that holds environments/, or any folder below it
    #[arg(
        short = 'C',
        long,
        global = true,
        value_name = "DIR",
        env = "MLINFRA_PROJECT_DIR",
        hide_env_values = true
    )]
    pub project_dir: Option<PathBuf>,

    /// How results are written
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value_t = Format::Human,
        env = "MLINFRA_FORMAT",
        hide_env_values = true
    )]
    pub format: Format,

    /// When to use colour; auto follows NO_COLOR, CLICOLOR_FORCE, TERM and the terminal
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value_t = Color::Auto,
        env = "MLINFRA_COLOR",
        hide_env_values = true
    )]
    pub color: Color,

    /// Use the embedded AWS in .mlinfra/sandbox: no account, no network, no cost
    #[arg(
        long,
        global = true,
        conflicts_with_all = ["endpoint_url", "profile"],
        value_parser = values::switch,
        env = "MLINFRA_SANDBOX",
        hide_env_values = true
    )]
    pub sandbox: bool,

    /// Talk to this URL in place of AWS, for every service
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "MLINFRA_ENDPOINT_URL",
        hide_env_values = true
    )]
    pub endpoint_url: Option<String>,

    /// The AWS profile whose credentials are used
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "MLINFRA_PROFILE",
        hide_env_values = true
    )]
    pub profile: Option<String>,

    /// How long to wait for a lock that somebody else holds; 0 does not wait. Without it: until it is clear whether the
    /// holder lives, which takes a minute at most
    #[arg(
        long,
        global = true,
        value_name = "TIME",
        value_parser = values::duration,
        env = "MLINFRA_LOCK_TIMEOUT",
        hide_env_values = true
    )]
    pub lock_timeout: Option<Duration>,

    /// Never ask; a question that needs an answer becomes an error
    #[arg(
        long,
        global = true,
        value_parser = values::switch,
        env = "MLINFRA_NO_INPUT",
        hide_env_values = true
    )]
    pub no_input: bool,

    /// Say more on stderr; twice shows each call to AWS
    #[arg(
        short,
        long,
        global = true,
        action = ArgAction::Count,
        env = "MLINFRA_VERBOSE",
        hide_env_values = true
    )]
    pub verbose: u8,
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text for people
    Human,
    /// Versioned JSON: one document, or one a line for operations that take long
    Json,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On terminals that want it
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}
