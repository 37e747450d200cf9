//! EC2 instances, their volumes and file systems.

use super::super::possible::Possible;
use super::super::rule::{Finding, Rule, Scope};
use super::super::subject::{Absent, Resource, once};
use crate::diagnostic::{Severity, codes};

const INSTANCE: &str = "AWS::EC2::Instance";
const TEMPLATE: &str = "AWS::EC2::LaunchTemplate";
const CONFIGURATION: &str = "AWS::AutoScaling::LaunchConfiguration";
const VOLUME: &str = "AWS::EC2::Volume";

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: codes::UNENCRYPTED_VOLUME,
        id: "ebs-encryption",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "an unencrypted volume has unencrypted snapshots, which are easily shared by mistake",
        fix: "set `Encrypted` to true",
        sources: &["FSBP EC2.3", "FSBP EC2.181", "CIS 2.2.1"],
        types: &[VOLUME, INSTANCE, TEMPLATE, CONFIGURATION],
        check: volumes,
    },
    Rule {
        code: codes::UNENCRYPTED_FILE_SYSTEM,
        id: "efs-encryption",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "a file system cannot be encrypted later without copying it",
        fix: "set `Encrypted` to true",
        sources: &["FSBP EFS.1", "FSBP EFS.8", "CIS 2.4.1"],
        types: &["AWS::EFS::FileSystem"],
        check: file_system,
    },
    Rule {
        code: codes::PUBLIC_ADDRESS,
        id: "ec2-public-address",
        severity: Severity::Warning,
        scope: Scope::Everywhere,
        reason: "what has a public address is probed by the whole internet",
        fix: "put it into a private subnet, behind a load balancer or NAT",
        sources: &["FSBP EC2.9", "FSBP EC2.25"],
        types: &[INSTANCE, TEMPLATE, CONFIGURATION],
        check: public_address,
    },
    Rule {
        code: codes::OLD_METADATA_SERVICE,
        id: "ec2-imdsv2",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "a program that can be talked into fetching a URL gives away the instance's credentials, unless a session is \
                 required",
        fix: "set `MetadataOptions.HttpTokens` to `required`",
        sources: &["FSBP EC2.8", "FSBP EC2.170", "CIS 5.6"],
        types: &[INSTANCE, TEMPLATE, CONFIGURATION],
        check: metadata_service,
    },
];

/// Where the settings of an instance begin.
fn settings<'a>(resource: &Resource<'a>) -> Vec<Possible<'a>> {
    match resource.kind {
        TEMPLATE => resource.at(&["LaunchTemplateData"]),
        _ => resource.at(&[]),
    }
}

fn volumes(resource: &Resource<'_>) -> Vec<Finding> {
    let name = resource.name;
    if resource.kind == VOLUME {
        // A volume from a snapshot is encrypted as the snapshot is.
        if !resource.lacks(&["SnapshotId"]) {
            return Vec::new();
        }
        let message = format!("the volume `{name}` is not encrypted");
        return resource.must_be_on(&["Encrypted"], Absent::IsOff, &message);
    }
    // Only a device that sets up its volume is judged: without that the image decides, and the account's default.
    let devices = settings(resource)
        .into_iter()
        .flat_map(|place| place.get("BlockDeviceMappings"));
    let volumes = devices.flat_map(Possible::items).flat_map(|device| device.get("Ebs"));
    let found = volumes.filter_map(|volume| {
        let ebs = volume.given()?;
        if ebs.get("SnapshotId").is_some() {
            return None;
        }
        let message = format!("a volume of `{name}` is not encrypted");
        volume.get("Encrypted").into_iter().find_map(|place| match place {
            Possible::Absent => Some(resource.missing("Ebs.Encrypted", message.clone())),
            Possible::Given(node) if super::super::possible::boolean(node) == Some(false) => {
                Some(Finding::at(&node.span, message.clone()).saying("`Encrypted` is off"))
            }
            _ => None,
        })
    });
    once(found)
}

fn file_system(resource: &Resource<'_>) -> Vec<Finding> {
    let message = format!("the file system `{}` is not encrypted", resource.name);
    resource.must_be_on(&["Encrypted"], Absent::IsOff, &message)
}

fn public_address(resource: &Resource<'_>) -> Vec<Finding> {
    let message = format!("`{}` gets a public address", resource.name);
    let interfaces = settings(resource)
        .into_iter()
        .flat_map(|place| place.get("NetworkInterfaces"));
    let interfaces = interfaces.flat_map(Possible::items);
    let direct = settings(resource).into_iter();
    let places = interfaces
        .chain(direct)
        .flat_map(|place| place.get("AssociatePublicIpAddress"));
    let on = places.filter_map(Possible::given);
    let on = on.filter(|node| super::super::possible::boolean(node) == Some(true));
    once(on.map(|node| Finding::at(&node.span, message.clone())))
}

fn metadata_service(resource: &Resource<'_>) -> Vec<Finding> {
    let name = resource.name;
    // What starts from a launch template takes the template's options.
    if resource.kind == INSTANCE && !resource.lacks(&["LaunchTemplate"]) {
        return Vec::new();
    }
    let options = settings(resource)
        .into_iter()
        .flat_map(|place| place.get("MetadataOptions"));
    let found = options.filter_map(|options| {
        let is_off = |place: &Possible| place.given().and_then(|node| node.as_str()) == Some("disabled");
        if options.get("HttpEndpoint").iter().any(is_off) {
            return None;
        }
        let message = format!("`{name}` gives away credentials without a session");
        options.get("HttpTokens").into_iter().find_map(|tokens| match tokens {
            // The image or the account's default may require sessions all the same.
            Possible::Absent => Some(resource.missing("MetadataOptions.HttpTokens", message.clone()).mild()),
            Possible::Given(node) if node.as_str() == Some("optional") => {
                Some(Finding::at(&node.span, message.clone()))
            }
            _ => None,
        })
    });
    once(found)
}
