//! Tests of modules: the declarative cases of `modules/NAME.test.toml`, read and run.
//!
//! A case is exactly an environment: it is put together from tables, checked by the ordinary loader, rendered, held
//! against the policy, and compared with what the file expects. Apply cases and combinations are deployed as well, with
//! the real plan and engine, on an account of the sandbox in memory, in paused time. Reading, composing and comparing
//! are pure; only [`account`] and what uses it know AWS.

pub(crate) mod account;
mod apply;
mod check;
mod compare;
mod compose;
mod model;
mod outcome;
mod pairs;
mod path;
mod read;
mod render;
mod rows;
mod run;
#[cfg(test)]
mod tests;
mod world;

pub use model::TestFile;
pub use outcome::{CaseKind, Failure, Tested, TestedCase, TestedModule};
pub use read::read;
pub use run::{Suite, Watcher, names, run};
