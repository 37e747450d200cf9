//! The only rooms that name `aws_*` crates, beside the sandbox: one file a service, each a few functions that say what we ask of it.
