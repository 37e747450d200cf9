//! Volumes and their attachments to instances. The emulator attaches anything to anything; what EC2 refuses is refused
//! here, in its words ("Attach an Amazon EBS volume to an Amazon EC2 instance", "Amazon EBS volume modifications").

use serde_json::Value;

use super::super::cloudformation::{Physical, ResourceRequest};
use super::super::house::Desk;
use super::super::request::{Name, Request};
use super::{Made, set_text, tags, text, text_between, told};

pub(super) const VOLUME: &str = "AWS::EC2::Volume";
const ATTACHMENT: &str = "AWS::EC2::VolumeAttachment";

/// What CloudFormation's handler says of a change that a volume cannot take.
const FIXED: &str = "Volume properties other than AutoEnableIO, type, size, and IOPS cannot be updated. Change the properties back to previous values and update the stack again.";

pub(super) fn knows(resource_type: &str) -> bool {
    matches!(resource_type, VOLUME | ATTACHMENT)
}

pub(super) fn create(
    desk: &mut Desk<'_>,
    request: &ResourceRequest<'_>,
    mut planned: Physical,
) -> Made<Option<Physical>> {
    if request.resource_type == ATTACHMENT {
        attach(desk, request.properties)?;
        return Ok(Some(planned));
    }
    let mut parameters = Vec::new();
    for property in [
        "AvailabilityZone",
        "Size",
        "SnapshotId",
        "VolumeType",
        "Iops",
        "Throughput",
        "Encrypted",
        "KmsKeyId",
    ] {
        parameters.extend(text(request.properties, property).map(|value| (property.to_owned(), value)));
    }
    parameters.extend(specification("volume", request));
    let answer = desk.ask_query(Name::Ec2, "CreateVolume", &parameters)?;
    if let Some(id) = text_between(&answer, "volumeId") {
        planned.id = id.to_owned();
        set_text(&mut planned, "VolumeId", id);
    }
    Ok(Some(planned))
}

pub(super) fn update(desk: &mut Desk<'_>, request: &ResourceRequest<'_>) -> Made<()> {
    if request.resource_type == ATTACHMENT {
        return Ok(());
    }
    let changed = |property: &&str| {
        let value = |properties: &Value| text(properties, property).filter(|value| value != "false");
        value(request.previous) != value(request.properties)
    };
    // None of these is create-only in the schema, so nothing is replaced either.
    if ["AvailabilityZone", "SnapshotId", "KmsKeyId", "Encrypted", "OutpostArn"]
        .iter()
        .any(changed)
    {
        return Err(FIXED.to_owned());
    }
    let size = |properties: &Value| text(properties, "Size").and_then(|size| size.parse::<u64>().ok());
    if let (Some(old), Some(new)) = (size(request.previous), size(request.properties))
        && new < old
    {
        return Err(told("Ec2", "New size cannot be smaller than existing size"));
    }
    let mut parameters = vec![(
        "VolumeId".to_owned(),
        request.physical_id.unwrap_or_default().to_owned(),
    )];
    for property in ["Size", "VolumeType", "Iops", "Throughput"] {
        let value = text(request.properties, property);
        if value != text(request.previous, property) {
            parameters.extend(value.map(|value| (property.to_owned(), value)));
        }
    }
    if parameters.len() > 1 {
        desk.ask_query(Name::Ec2, "ModifyVolume", &parameters)?;
    }
    Ok(())
}

pub(super) fn delete(desk: &mut Desk<'_>, request: &ResourceRequest<'_>, id: &str) -> Made<()> {
    if request.resource_type == ATTACHMENT {
        let volume = text(request.properties, "VolumeId").unwrap_or_default();
        let instance = text(request.properties, "InstanceId").unwrap_or_default();
        return detach(desk, &volume, &instance);
    }
    let Some(volume) = volume(desk, id)? else {
        return Ok(());
    };
    if let Some(holder) = volume.instances.first() {
        return Err(told("Ec2", &format!("Volume {id} is currently attached to {holder}")));
    }
    if request.leaves_snapshot {
        let mut parameters = vec![("VolumeId".to_owned(), id.to_owned())];
        parameters.extend(specification("snapshot", request));
        desk.ask_query(Name::Ec2, "CreateSnapshot", &parameters)?;
    }
    let gone = Request::query(
        Name::Ec2,
        request.region,
        "DeleteVolume",
        &[("VolumeId".to_owned(), id.to_owned())],
    );
    desk.remove(&gone)
}

/// An instance that is terminated lets its volumes go.
pub(super) fn released(desk: &mut Desk<'_>, instance: &str) -> Made<()> {
    for volume in attached(desk, instance)? {
        detach(desk, &volume.id, instance)?;
    }
    Ok(())
}

fn attach(desk: &mut Desk<'_>, properties: &Value) -> Made<()> {
    let field = |name: &str| text(properties, name).unwrap_or_default();
    let (id, instance, device) = (field("VolumeId"), field("InstanceId"), field("Device"));
    let Some(found) = volume(desk, &id)? else {
        return Err(told("Ec2", &format!("The volume '{id}' does not exist.")));
    };
    let asked = [("InstanceId.1".to_owned(), instance.clone())];
    let machine = desk.ask_query(Name::Ec2, "DescribeInstances", &asked)?;
    let Some(zone) = text_between(&machine, "availabilityZone") else {
        return Err(told("Ec2", &format!("The instance ID '{instance}' does not exist")));
    };
    if zone != found.zone {
        let reason = format!("The volume '{id}' is not in the same availability zone as instance '{instance}'");
        return Err(told("Ec2", &reason));
    }
    let state = machine
        .split_once("<instanceState>")
        .and_then(|(_, rest)| text_between(rest, "name"));
    if !matches!(state, Some("running" | "stopped")) {
        return Err(told("Ec2", &format!("Instance '{instance}' is not 'running'.")));
    }
    if !found.instances.is_empty() {
        return Err(told("Ec2", &format!("{id} is already attached to an instance")));
    }
    let others = attached(desk, &instance)?;
    if others
        .iter()
        .any(|other| !device.is_empty() && other.devices.contains(&device))
    {
        let reason = format!("Invalid value '{device}' for unixDevice. Attachment point {device} is already in use");
        return Err(told("Ec2", &reason));
    }
    let mut parameters = vec![("VolumeId".to_owned(), id), ("InstanceId".to_owned(), instance)];
    if !device.is_empty() {
        parameters.push(("Device".to_owned(), device));
    }
    desk.ask_query(Name::Ec2, "AttachVolume", &parameters).map(drop)
}

fn detach(desk: &mut Desk<'_>, id: &str, instance: &str) -> Made<()> {
    let held = volume(desk, id)?.is_some_and(|volume| volume.instances.iter().any(|holder| holder == instance));
    if !held {
        return Ok(());
    }
    let parameters =
        [("VolumeId", id), ("InstanceId", instance)].map(|(key, value)| (key.to_owned(), value.to_owned()));
    desk.ask_query(Name::Ec2, "DetachVolume", &parameters).map(drop)
}

/// What DescribeVolumes tells of a volume.
struct Volume {
    id: String,
    zone: String,
    instances: Vec<String>,
    devices: Vec<String>,
}

fn volume(desk: &mut Desk<'_>, id: &str) -> Made<Option<Volume>> {
    let asked = [("VolumeId.1".to_owned(), id.to_owned())];
    let request = Request::query(Name::Ec2, &desk.context.region, "DescribeVolumes", &asked);
    let response = desk.send(&request).map_err(|error| error.to_string())?;
    let answer = String::from_utf8_lossy(&response.body);
    Ok(text_between(&answer, "availabilityZone").map(|zone| Volume {
        id: id.to_owned(),
        zone: zone.to_owned(),
        instances: texts(&answer, "instanceId"),
        devices: texts(&answer, "device"),
    }))
}

/// Every volume that is attached to an instance.
fn attached(desk: &mut Desk<'_>, instance: &str) -> Made<Vec<Volume>> {
    let answer = desk.ask_query(Name::Ec2, "DescribeVolumes", &[])?;
    if !answer.contains(&format!("<instanceId>{instance}</instanceId>")) {
        return Ok(Vec::new());
    }
    let ids: std::collections::BTreeSet<String> = texts(&answer, "volumeId").into_iter().collect();
    let mut found = Vec::new();
    for id in ids {
        found.extend(volume(desk, &id)?.filter(|volume| volume.instances.iter().any(|holder| holder == instance)));
    }
    Ok(found)
}

/// The texts of all elements called `tag`.
fn texts(document: &str, tag: &str) -> Vec<String> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    let parts = document.split(open.as_str()).skip(1);
    parts
        .filter_map(|part| Some(part.split_once(close.as_str())?.0.to_owned()))
        .collect()
}

/// The tags of what is made, in one specification.
fn specification(kind: &str, request: &ResourceRequest<'_>) -> Vec<(String, String)> {
    let mut parameters = vec![("TagSpecification.1.ResourceType".to_owned(), kind.to_owned())];
    for (index, (key, value)) in tags(request).into_iter().enumerate() {
        parameters.push((format!("TagSpecification.1.Tag.{}.Key", index + 1), key));
        parameters.push((format!("TagSpecification.1.Tag.{}.Value", index + 1), value));
    }
    parameters
}
