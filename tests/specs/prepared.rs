//! Codes that need more than files and commands: another process, a signal, a service that answers wrongly.

/// The codes that the tests below, or tests elsewhere in this binary, trip; each names where.
pub const TRIPPED: &[mlinfra::diagnostic::Code] = &[];
