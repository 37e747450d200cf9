//! CloudWatch Logs and CloudTrail.

use super::super::rule::{Finding, Rule, Scope};
use super::super::subject::{Absent, Resource};
use crate::diagnostic::{Severity, codes};

const GROUP: &[&str] = &["AWS::Logs::LogGroup"];

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: codes::LOG_WITHOUT_KEY,
        id: "log-key",
        severity: Severity::Warning,
        scope: Scope::Protected,
        reason: "logs hold what programs say about people; CloudWatch's own key has no policy and no trace in CloudTrail",
        fix: "set `KmsKeyId` to a key whose policy lets CloudWatch Logs use it",
        sources: &["AWS Config, cloudwatch-log-group-encrypted"],
        types: GROUP,
        check: key,
    },
    Rule {
        code: codes::ENDLESS_LOG,
        id: "log-retention",
        severity: Severity::Warning,
        scope: Scope::Everywhere,
        reason: "what is kept for ever is paid for ever, and personal data may not be kept so",
        fix: "set `RetentionInDays`",
        sources: &["Security Hub CloudWatch.16"],
        types: GROUP,
        check: retention,
    },
    Rule {
        code: codes::WEAK_TRAIL,
        id: "cloudtrail",
        severity: Severity::Warning,
        scope: Scope::Everywhere,
        reason: "a trail that sees one region, or that can be changed unseen, is no evidence",
        fix: "set `IsMultiRegionTrail` and `EnableLogFileValidation` to true, and `KMSKeyId`",
        sources: &[
            "FSBP CloudTrail.1",
            "FSBP CloudTrail.2",
            "FSBP CloudTrail.4",
            "CIS 3.1",
            "CIS 3.2",
            "CIS 3.5",
        ],
        types: &["AWS::CloudTrail::Trail"],
        check: trail,
    },
];

fn key(resource: &Resource<'_>) -> Vec<Finding> {
    let message = format!(
        "the log group `{}` is encrypted with a key of CloudWatch's own",
        resource.name
    );
    resource.must_have(&["KmsKeyId"], &message)
}

fn retention(resource: &Resource<'_>) -> Vec<Finding> {
    let message = format!("the log group `{}` keeps everything for ever", resource.name);
    resource.must_have(&["RetentionInDays"], &message)
}

fn trail(resource: &Resource<'_>) -> Vec<Finding> {
    let name = resource.name;
    let checks = [
        (
            "IsMultiRegionTrail",
            format!("the trail `{name}` sees only its own region"),
        ),
        (
            "EnableLogFileValidation",
            format!("files of the trail `{name}` can be changed unseen"),
        ),
    ];
    let off = checks
        .iter()
        .flat_map(|(property, message)| resource.must_be_on(&[property], Absent::IsOff, message));
    let unencrypted = format!("the trail `{name}` is not encrypted with a key of the account");
    off.chain(resource.must_have(&["KMSKeyId"], &unencrypted)).collect()
}
