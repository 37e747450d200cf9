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
    DESTROY_UNCONFIRMED = 601, "a protected environment is not destroyed without its name";
    STATEFUL_LOSS = 602, "a change would lose data";
    PLAN_UNREADABLE = 603, "a saved plan cannot be read";
    PLAN_STALE = 604, "something moved since the plan was made";
    STACK_FAILED = 801, "a stack failed";
    CHANGE_SET_FAILED = 802, "CloudFormation refuses a change set";
    UNSEEN_CHANGE = 803, "a replacement or removal that nobody reviewed";
    OUTPUT_MISSING = 804, "a stack lacks an output that another one uses";
    DELETE_FAILED = 805, "a stack cannot be deleted";
    CLOUDFORMATION_CALL = 806, "a call to CloudFormation failed";
    STACK_STUCK = 807, "a stack stays stuck";

    NO_PROJECT = 1001, "no project is here";
    UNKNOWN_ENVIRONMENT = 1002, "an environment that does not exist";
    UNKNOWN_STACK = 1003, "a stack that the environment does not have";
    UNKNOWN_OUTPUT = 1004, "an output that the stack does not have";
    UNKNOWN_MODULE_NAME = 1005, "a module that the catalogue does not have";
    NEEDS_ANSWER = 1006, "an answer is needed and nobody can be asked";
    DECLINED = 1007, "the answer was no";
    INTERRUPTED = 1008, "the run was interrupted";
    FILE_EXISTS = 1009, "a file is there already";
    FILE_UNWRITABLE = 1010, "a file cannot be written";
    NO_RUNTIME = 1011, "the program cannot start working";
    BAD_VARIABLE = 1012, "an environment variable has an unusable value";
    LEFT_AT_ONCE = 1013, "the run was left while AWS was at work";
    SANDBOX_UNUSABLE = 1101, "the sandbox cannot be used";
}
