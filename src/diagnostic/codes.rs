//! The registry of problem codes. A code is never reused for another meaning.
//!
//! 00xx files and syntax, 01xx environment files, 02xx modules and wiring, 03xx rendering, 04xx template checks,
//! 05xx security baseline, 06xx plan, 07xx lock and state, 08xx engine and CloudFormation, 09xx sessions and accounts,
//! 10xx command line, 11xx sandbox.

use super::Code;

macro_rules! codes {
    ($($name:ident = $number:literal, $title:literal;)*) => {
        $(#[doc = $title] pub const $name: Code = Code($number);)*

        /// Every code with its title, in ascending order.
        pub const ALL: &[(Code, &str)] = &[$(($name, $title)),*];
    };
}

codes! {
    FILE_UNREADABLE = 1, "a file cannot be read";
    TOML_SYNTAX = 2, "a file is not valid TOML";
    TEMPLATE_SYNTAX = 3, "a template is not valid YAML or Jinja";
}
