//! Logs: one JSON object a line on stderr, so that stdout stays free for data.

use tracing_subscriber::EnvFilter;

/// Sends what the program tells to stderr, one JSON object a line. `filter` is in the syntax of `RUST_LOG`.
///
/// # Errors
/// When the filter cannot be read.
pub fn start(filter: &str) -> Result<(), crate::error::Failure> {
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        crate::error::Failure::Usage(format!(
            "the log filter `{filter}` cannot be read: {error}; for example `info` or `mlinfra_inference=debug,warn`"
        ))
    })?;
    // A second start, as in tests, keeps the first.
    let _already_started = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .with_writer(std::io::stderr)
        .with_env_filter(filter)
        .try_init();
    Ok(())
}
