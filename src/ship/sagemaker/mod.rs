//! SageMaker: a model, its configuration and its endpoint.
