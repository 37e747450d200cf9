//! `mlinfra explain`.

use clap::Args;

/// Explain problem codes: cause, example and fix
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlinfra explain                  all codes
  mlinfra explain MLI0421          the same as mli421 and 421
  mlinfra explain s3-tls-only      the code of a rule of the policy
  mlinfra explain 04xx             the codes of a hundred
  mlinfra explain public bucket    the codes whose title or text holds these words")]
pub struct ExplainArgs {
    /// Codes, or words to look for; without any, all codes are listed
    #[arg(value_name = "CODE")]
    pub codes: Vec<String>,
}
