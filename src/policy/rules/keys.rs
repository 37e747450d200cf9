//! KMS keys.

use super::super::possible::Possible;
use super::super::rule::{Finding, Rule, Scope};
use super::super::subject::{Absent, Resource};
use crate::diagnostic::{Severity, codes};

pub(super) const RULES: &[Rule] = &[Rule {
    code: codes::KEY_NOT_ROTATED,
    id: "kms-rotation",
    severity: Severity::Warning,
    scope: Scope::Everywhere,
    reason: "rotation limits what one leaked key opens, and costs nothing: old material stays for decrypting",
    fix: "set `EnableKeyRotation` to true",
    sources: &["Security Hub KMS.4", "CIS 3.6"],
    types: &["AWS::KMS::Key"],
    check: rotation,
}];

/// AWS rotates symmetric keys whose material it made ("Rotating AWS KMS keys").
fn rotation(resource: &Resource<'_>) -> Vec<Finding> {
    let is_default = |property: &str, default: &str| {
        let places = resource.at(&[property]);
        places.iter().all(|place| match place {
            Possible::Absent => true,
            Possible::Given(node) => node.as_str() == Some(default),
            Possible::Unknown(_) => false,
        })
    };
    let rotates = is_default("KeySpec", "SYMMETRIC_DEFAULT")
        && is_default("KeyUsage", "ENCRYPT_DECRYPT")
        && is_default("Origin", "AWS_KMS");
    if !rotates {
        return Vec::new();
    }
    let message = format!("the key `{}` is never rotated", resource.name);
    resource.must_be_on(&["EnableKeyRotation"], Absent::IsOff, &message)
}
