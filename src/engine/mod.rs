//! Executes a plan: schedule, observe, recover, resume.

pub mod event;
