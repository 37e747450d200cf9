//! mlinfra takes a machine-learning environment on AWS from a TOML file to running inference, and back to nothing.
//!
//! The rooms are listed from the outside in; each may use those below it and none above it
//! (`docs/ARCHITECTURE.md` draws the map, `tests/` checks it).

pub mod cli;
pub mod commands;
pub mod view;

pub mod cases;

pub mod engine;
pub mod lock;
pub mod state;

pub mod ship;

pub mod preflight;

pub mod plan;

pub mod policy;

pub mod workload;

pub mod module;
pub mod spec;
pub mod template;

pub mod diagnostic;

pub mod aws;
pub mod clock;
pub mod sandbox;
