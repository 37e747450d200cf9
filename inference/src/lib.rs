//! The reference model server of mlinfra.
//!
//! One ONNX model in three ways: behind HTTP ([`serve`]), over files ([`batch`]), and between two Kafka topics
//! ([`stream`]). Everything below them is shared: where the model comes from ([`source`]), what it says of itself
//! ([`manifest`]), how it is run ([`model`], [`trees`]), and how rows in CSV or JSON become tensors and back ([`rows`]).
//!
//! The HTTP server speaks SageMaker's contract for containers and the Open Inference Protocol, version 2. `README.md`
//! beside this package says how to use it.

pub mod api;
pub mod archive;
pub mod batch;
pub mod batcher;
pub mod config;
pub mod error;
pub mod golden;
pub mod log;
pub mod manifest;
pub mod metrics;
pub mod model;
pub mod rows;
pub mod serve;
pub mod source;
pub mod stream;
pub mod tensor;
pub mod trees;
