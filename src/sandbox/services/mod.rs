//! The services that are not written here, and the small ones that are.

mod ec2;
mod ecr;
mod eks;
mod emulated;
mod iam;
mod ledger;
mod logs;
mod registry;
mod sagemaker;
mod service_quotas;
mod ssm;
mod sts;

use std::path::Path;

use winterbaume_kms::KmsService;

pub(crate) use ssm::parameter;

use self::emulated::Emulated;
use super::dynamodb::DynamoDb;
use super::ecs::Ecs;
use super::kubernetes::Kubernetes;
use super::request::Name;
use super::s3::{Blobs, S3};
use super::scaling::Scaling;
use super::scheduler::Scheduler;
use super::service::Service;

/// A service in its first state. CloudFormation is none of these: it acts on all of them.
pub(crate) fn new(name: Name, folder: Option<&Path>) -> Option<Box<dyn Service>> {
    Some(match name {
        // The registry is a part of ECR: `Desk::load` knows.
        Name::CloudFormation | Name::Registry => return None,
        Name::DynamoDb => Box::new(DynamoDb::default()),
        Name::S3 => Box::new(S3::new(
            folder.map_or_else(Blobs::default, |folder| Blobs::Folder(folder.join("bodies"))),
        )),
        Name::Sts => Box::new(sts::Sts),
        Name::ServiceQuotas => Box::new(service_quotas::ServiceQuotas::default()),
        Name::Ssm => Box::new(ssm::Ssm::default()),
        Name::Ec2 => Box::new(ec2::Ec2::new()),
        Name::Ecr => Box::new(ecr::Ecr::new(
            folder.map_or_else(Blobs::default, |folder| Blobs::Folder(folder.join("layers"))),
        )),
        Name::Ecs => Box::new(Ecs::default()),
        Name::Eks => Box::new(eks::Eks::new()),
        Name::Iam => Box::new(iam::Iam::new()),
        Name::Kms => Box::new(Emulated::new("kms", KmsService::new)),
        Name::Kubernetes => Box::new(Kubernetes::default()),
        Name::Ledger => Box::new(ledger::Ledger::default()),
        Name::Logs => Box::new(logs::Logs::new()),
        Name::Scaling => Box::new(Scaling::default()),
        Name::Scheduler => Box::new(Scheduler::default()),
        Name::SageMaker => Box::new(sagemaker::SageMaker::new()),
    })
}
