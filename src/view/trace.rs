//! What `-v` adds: the program's own traces, on stderr.

use tracing_subscriber::EnvFilter;

/// Shows traces from now on; `verbose` counts `-v`. Twice shows each call to AWS.
pub fn start(verbose: u8) {
    let filter = match verbose {
        0 => return,
        1 => "warn,mlinfra=info",
        2 => "info,mlinfra=debug,aws_smithy_runtime=debug",
        _ => "debug,mlinfra=trace",
    };
    // A second start, as in tests, keeps the first.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_target(false)
        .try_init();
}
