//! SageMaker.

use super::super::possible::Possible;
use super::super::rule::{Finding, Rule, Scope};
use super::super::subject::{Resource, once};
use crate::diagnostic::{Severity, codes};

const NOTEBOOK: &[&str] = &["AWS::SageMaker::NotebookInstance"];

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: codes::SAGEMAKER_WITHOUT_KEY,
        id: "sagemaker-key",
        severity: Severity::Warning,
        scope: Scope::Protected,
        reason: "home directories and notebooks hold copies of data; SageMaker's key has no policy of yours",
        fix: "set `KmsKeyId`",
        sources: &["AWS Config, sagemaker-notebook-instance-kms-key-configured"],
        types: &["AWS::SageMaker::NotebookInstance", "AWS::SageMaker::Domain"],
        check: key,
    },
    Rule {
        code: codes::NOTEBOOK_INTERNET,
        id: "sagemaker-direct-internet",
        severity: Severity::Warning,
        scope: Scope::Everywhere,
        reason: "data leaves through an interface that no security group, endpoint policy or flow log sees",
        fix: "set `DirectInternetAccess` to `Disabled` and give the notebook a subnet with NAT or endpoints",
        sources: &["FSBP SageMaker.1"],
        types: NOTEBOOK,
        check: direct_internet,
    },
    Rule {
        code: codes::NOTEBOOK_ROOT,
        id: "sagemaker-root-access",
        severity: Severity::Warning,
        scope: Scope::Everywhere,
        reason: "root can change everything on the notebook, what watches it included",
        fix: "set `RootAccess` to `Disabled`",
        sources: &["FSBP SageMaker.3"],
        types: NOTEBOOK,
        check: root_access,
    },
    Rule {
        code: codes::NOTEBOOK_OUTSIDE_VPC,
        id: "sagemaker-vpc",
        severity: Severity::Warning,
        scope: Scope::Everywhere,
        reason: "outside of the VPC none of its rules hold",
        fix: "set `SubnetId` and `SecurityGroupIds`",
        sources: &["FSBP SageMaker.2"],
        types: NOTEBOOK,
        check: outside_vpc,
    },
];

fn key(resource: &Resource<'_>) -> Vec<Finding> {
    let message = format!(
        "the volumes of `{}` are encrypted with a key of SageMaker's own",
        resource.name
    );
    resource.must_have(&["KmsKeyId"], &message)
}

fn direct_internet(resource: &Resource<'_>) -> Vec<Finding> {
    // Outside of a VPC there is no other way, and that is told.
    if resource.lacks(&["SubnetId"]) {
        return Vec::new();
    }
    let message = format!("the notebook `{}` reaches the internet past the VPC", resource.name);
    enabled(resource, "DirectInternetAccess", &message)
}

fn root_access(resource: &Resource<'_>) -> Vec<Finding> {
    let message = format!("users of the notebook `{}` are root", resource.name);
    enabled(resource, "RootAccess", &message)
}

/// A property that is on unless it is `Disabled`.
fn enabled(resource: &Resource<'_>, property: &str, message: &str) -> Vec<Finding> {
    let places = resource.at(&[property]).into_iter();
    once(places.filter_map(|place| match place {
        Possible::Absent => Some(resource.missing(property, message.to_owned())),
        Possible::Given(node) if node.as_str() == Some("Enabled") => Some(Finding::at(&node.span, message.to_owned())),
        _ => None,
    }))
}

fn outside_vpc(resource: &Resource<'_>) -> Vec<Finding> {
    let message = format!("the notebook `{}` is outside of the VPC", resource.name);
    resource.must_have(&["SubnetId"], &message)
}
