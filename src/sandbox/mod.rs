//! The embedded AWS.

pub mod cloudformation;
