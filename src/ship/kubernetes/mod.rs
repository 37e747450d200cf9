//! Kubernetes: a release applied, watched, explained and put back.
