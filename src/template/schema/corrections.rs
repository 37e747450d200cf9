//! Where the documentation knows more about updates than the registry says.

use super::Update;

/// Type, first segments of the property's path, what an update does.
/// Source: the type's page in the CloudFormation template reference, "Update requires".
const CORRECTIONS: &[(&str, &[&str], Update)] = &[
    ("AWS::EC2::NatGateway", &["SubnetId"], Update::Replace),
    ("AWS::EC2::VPCGatewayAttachment", &["VpcId"], Update::Replace),
    ("AWS::RDS::DBInstance", &["StorageEncrypted"], Update::Replace),
];

/// What the documentation says about the property at `path`, where it differs from the registry.
pub(super) fn update(type_name: &str, path: &[&str]) -> Option<Update> {
    CORRECTIONS
        .iter()
        .find(|(name, property, _)| *name == type_name && path.starts_with(property))
        .map(|(_, _, update)| *update)
}
