//! Buckets, volumes, file systems and databases.

use super::super::intrinsic;
use super::{Resource, Switch, each, switch, unencrypted};
use crate::diagnostic::{Problem, Problems, codes};

pub(super) fn check(resource: &Resource, problems: &mut Problems) {
    match resource.kind {
        "AWS::S3::Bucket" => bucket(resource, problems),
        "AWS::EC2::Volume" => encrypted(resource, "the volume", "Encrypted", problems),
        "AWS::EFS::FileSystem" => encrypted(resource, "the file system", "Encrypted", problems),
        "AWS::RDS::DBCluster" => {
            if resource.property("SnapshotIdentifier").is_none()
                && resource.property("SourceDBClusterIdentifier").is_none()
            {
                encrypted(resource, "the database", "StorageEncrypted", problems);
            }
            secret(resource, problems);
        }
        "AWS::RDS::DBInstance" => instance(resource, problems),
        "AWS::EC2::Instance" => devices(resource, resource.property("BlockDeviceMappings"), problems),
        "AWS::EC2::LaunchTemplate" => {
            let data = resource.property("LaunchTemplateData");
            devices(
                resource,
                data.and_then(|data| data.get("BlockDeviceMappings")),
                problems,
            );
        }
        _ => {}
    }
}

fn bucket(resource: &Resource, problems: &mut Problems) {
    if let Some(acl) = resource.property("AccessControl")
        && let Some("PublicRead" | "PublicReadWrite" | "AuthenticatedRead") = acl.as_str()
    {
        problems.push(
            Problem::error(
                codes::PUBLIC_BUCKET,
                format!("the bucket `{}` can be read by everybody", resource.name),
            )
            .at(acl.span.clone(), ""),
        );
    }
    match resource.property("PublicAccessBlockConfiguration") {
        None => problems.push(
            Problem::warning(
                codes::BUCKET_WITHOUT_ACCESS_BLOCK,
                format!(
                    "the bucket `{}` does not say that it blocks public access",
                    resource.name
                ),
            )
            .at(resource.place(), "`PublicAccessBlockConfiguration` is missing"),
        ),
        Some(block) if intrinsic::call(block).is_some() => {}
        Some(block) => {
            for key in [
                "BlockPublicAcls",
                "BlockPublicPolicy",
                "IgnorePublicAcls",
                "RestrictPublicBuckets",
            ] {
                let span = match switch(block.get(key)) {
                    Switch::On | Switch::Unknown => continue,
                    _ => block
                        .entries()
                        .iter()
                        .find(|(name, _, _)| name == key)
                        .map(|(_, span, _)| span),
                };
                problems.push(
                    Problem::error(
                        codes::BUCKET_WITHOUT_ACCESS_BLOCK,
                        format!("the bucket `{}` leaves `{key}` off", resource.name),
                    )
                    .at(span.unwrap_or(resource.span).clone(), ""),
                );
            }
        }
    }
    if resource.property("BucketEncryption").is_none() {
        problems.push(
            Problem::warning(
                codes::UNENCRYPTED_STORAGE,
                format!("the bucket `{}` does not say how it is encrypted", resource.name),
            )
            .at(resource.place(), "`BucketEncryption` is missing"),
        );
    }
}

fn instance(resource: &Resource, problems: &mut Problems) {
    // What is restored, replicated or part of a cluster is encrypted as its source is.
    let inherits = [
        "DBClusterIdentifier",
        "DBSnapshotIdentifier",
        "DBClusterSnapshotIdentifier",
        "SourceDBInstanceIdentifier",
        "SourceDBInstanceAutomatedBackupsArn",
        "SourceDBClusterIdentifier",
        "SourceDbiResourceId",
    ];
    let aurora = resource
        .property("Engine")
        .and_then(|engine| engine.as_str())
        .is_some_and(|name| name.starts_with("aurora"));
    if !aurora && inherits.iter().all(|name| resource.property(name).is_none()) {
        encrypted(resource, "the database", "StorageEncrypted", problems);
    }
    if let Some(public) = resource.property("PubliclyAccessible")
        && switch(Some(public)) == Switch::On
    {
        problems.push(
            Problem::error(
                codes::PUBLIC_DATABASE,
                format!("the database `{}` gets a public address", resource.name),
            )
            .at(public.span.clone(), ""),
        );
    }
    secret(resource, problems);
}

/// A password in a template can be read by everyone who can read the stack.
fn secret(resource: &Resource, problems: &mut Problems) {
    if let Some(password) = resource.property("MasterUserPassword")
        && let Some(text) = password.as_str()
        && !text.contains("{{resolve:")
    {
        problems.push(
            Problem::error(
                codes::LITERAL_SECRET,
                format!("the password of `{}` stands in the template", resource.name),
            )
            .at(password.span.clone(), "")
            .hint("set `ManageMasterUserPassword: true`, or refer to Secrets Manager: `{{resolve:secretsmanager:…}}`"),
        );
    }
}

fn encrypted(resource: &Resource, what: &str, property: &str, problems: &mut Problems) {
    let value = resource.property(property);
    if let Switch::Off | Switch::Absent = switch(value) {
        let span = value.map_or_else(|| resource.place(), |value| value.span.clone());
        problems.push(unencrypted(&format!("{what} `{}`", resource.name), property, span));
    }
}

/// Only a device that sets up its volume is judged: without that the image decides, and the account's default.
fn devices(resource: &Resource, devices: Option<&super::Node>, problems: &mut Problems) {
    for device in each(devices) {
        let Some(ebs) = device.get("Ebs").filter(|ebs| intrinsic::call(ebs).is_none()) else {
            continue;
        };
        if let Switch::Off | Switch::Absent = switch(ebs.get("Encrypted"))
            && ebs.get("SnapshotId").is_none()
        {
            let span = ebs
                .get("Encrypted")
                .map_or_else(|| resource.place(), |value| value.span.clone());
            problems.push(unencrypted(
                &format!("a volume of `{}`", resource.name),
                "Encrypted",
                span,
            ));
        }
    }
}
