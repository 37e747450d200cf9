//! AWS, one file a service: small async functions on a [`session::Session`], each with a deadline.
//!
//! The only room beside the sandbox that names an AWS crate: what leaves it is plain data and [`error::AwsError`].

pub mod artifacts;
pub mod backend;
mod changes;
pub mod cloudformation;
pub mod dynamodb;
pub mod early_validation;
pub mod ec2;
pub mod ecr;
pub mod ecs;
pub mod eks;
pub mod error;
pub mod http;
pub mod iam;
pub(crate) mod json;
pub mod logs;
pub mod retry;
pub mod s3;
pub mod sagemaker;
pub mod scaling;
pub mod scheduler;
pub mod service_quotas;
pub mod session;
pub mod ssm;
pub mod sts;

#[cfg(test)]
pub(crate) mod testing;
