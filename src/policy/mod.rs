//! The policy: what should not reach an account without somebody having said so.
//!
//! A registry of rules, each with a code, an id, a severity, a reason, a cure and the published controls that it follows;
//! a project's own rules beside them; and waivers, which stand in the environment file alone. Pure: texts and today's
//! date are handed over. Only what stands in a template is judged, with both branches of every `Fn::If`; a value that
//! only AWS knows is not.

mod judge;
mod own;
mod possible;
mod rule;
mod rules;
mod statement;
mod subject;
#[cfg(test)]
mod tests;
mod waive;

pub use judge::{Setting, check_document, judge, judged};
pub use own::{OwnRule, Policy};
pub use rule::{Finding, Rule, Scope, find, rules};
