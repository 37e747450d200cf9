//! `mlinfra fmt` and `mlinfra schema`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::values;

/// Write environment files and contracts in the one customary form
///
/// Orders tables and keys, aligns `=`, wraps long arrays. Comments, groups, values and what they mean stay as they
/// are; a file that is not valid TOML is left alone. Prints the names of the files that it changed. `-` formats
/// standard input to standard output, which is what editors want.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlinfra fmt                                 everything in environments/, modules/ and policy/
  mlinfra fmt dev modules/queue.toml
  mlinfra fmt --check                         in CI: changes nothing, fails if there is something to change
  mlinfra fmt - < environments/dev.toml       for editors")]
pub struct FmtArgs {
    /// Files, folders or environments; default: the whole project; `-` is standard input
    #[arg(value_name = "FILE|ENV")]
    pub files: Vec<String>,

    /// Change nothing; show what would change, and fail if anything would
    #[arg(long, value_parser = values::switch, env = "MLINFRA_CHECK", hide_env_values = true)]
    pub check: bool,

    /// Change nothing; show what would change
    #[arg(long, value_parser = values::switch, env = "MLINFRA_DIFF", hide_env_values = true)]
    pub diff: bool,
}

/// Print a JSON Schema of the project's files, for editors
///
/// It has every key and every input of every module with types, defaults and explanations; in a project those of its
/// own modules too, and it knows which module each stack is made from. Draft 07, which all TOML editors read.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlinfra schema environment --out environments/.schema.json
  mlinfra schema environment --out environments/.schema.json --check    in CI: is it up to date?
  mlinfra schema module

An editor finds the schema through the first line of a file:
  #:schema .schema.json")]
pub struct SchemaArgs {
    /// Which files it describes
    #[arg(value_enum, value_name = "KIND")]
    pub kind: SchemaKind,

    /// Write it to this file
    #[arg(long, value_name = "FILE", env = "MLINFRA_OUT", hide_env_values = true)]
    pub out: Option<PathBuf>,

    /// Write nothing; fail if the file is not what would be written
    #[arg(long, requires = "out", value_parser = values::switch, env = "MLINFRA_CHECK", hide_env_values = true)]
    pub check: bool,
}

/// Which files a schema describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaKind {
    /// environments/*.toml
    Environment,
    /// modules/*.toml
    Module,
}
