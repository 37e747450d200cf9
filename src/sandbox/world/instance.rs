//! Instances: where they start, what stops them for a change, what state they are in.

use serde_json::Value;

use super::super::cloudformation::{Physical, ResourceRequest};
use super::super::house::Desk;
use super::super::request::Name;
use super::{Made, list, scalar, set_text, text, text_between, zone_of};

/// What RunInstances is told besides the properties that it calls the same.
pub(super) fn launch(desk: &mut Desk<'_>, request: &ResourceRequest<'_>) -> Made<Vec<(String, String)>> {
    let properties = request.properties;
    let pair = |key: &str, value: String| (key.to_owned(), value);
    let mut parameters = vec![pair("MinCount", "1".to_owned()), pair("MaxCount", "1".to_owned())];
    let interface = list(properties, "NetworkInterfaces").first();
    let subnet = text(properties, "SubnetId").or_else(|| text(interface?, "SubnetId"));
    let mut zone = text(properties, "AvailabilityZone");
    if let Some(subnet) = subnet {
        zone = zone_of(desk, &subnet)?.or(zone);
        parameters.push(pair("SubnetId", subnet));
    }
    parameters.extend(zone.map(|zone| pair("Placement.AvailabilityZone", zone)));
    parameters.extend(groups(properties).into_iter().enumerate().map(|(index, group)| {
        let name = format!("SecurityGroupId.{}", index + 1);
        (name, group)
    }));
    let profile = text(properties, "IamInstanceProfile");
    parameters.extend(profile.map(|name| {
        let arn = format!(
            "arn:{}:iam::{}:instance-profile/{name}",
            request.partition, request.account
        );
        pair("IamInstanceProfile.Arn", arn)
    }));
    Ok(parameters)
}

/// What EC2 tells of an instance that has been started.
pub(super) fn launched(answer: &str, made: &mut Physical) {
    let told = [
        ("privateIpAddress", "PrivateIp"),
        ("privateDnsName", "PrivateDnsName"),
        ("availabilityZone", "AvailabilityZone"),
        ("vpcId", "VpcId"),
    ];
    for (element, attribute) in told {
        if let Some(value) = text_between(answer, element).filter(|value| !value.is_empty()) {
            set_text(made, attribute, value);
        }
    }
}

/// An instance is stopped for another type, and started again ("Change the instance type for your Amazon EC2 instance");
/// another set of security groups is put on it while it runs.
pub(super) fn update(desk: &mut Desk<'_>, request: &ResourceRequest<'_>, id: &str) -> Made<()> {
    let (old, new) = (request.previous, request.properties);
    let changed = |property: &str| old.get(property) != new.get(property);
    let instance = ("InstanceId".to_owned(), id.to_owned());
    let one = [("InstanceId.1".to_owned(), id.to_owned())];
    let stops = ["InstanceType", "EbsOptimized", "UserData"]
        .iter()
        .any(|property| changed(property));
    if stops {
        desk.ask_query(Name::Ec2, "StopInstances", &one)?;
        for property in ["InstanceType", "EbsOptimized"] {
            if let Some(value) = text(new, property).filter(|_| changed(property)) {
                let parameters = [instance.clone(), (format!("{property}.Value"), value)];
                desk.ask_query(Name::Ec2, "ModifyInstanceAttribute", &parameters)?;
            }
        }
        desk.ask_query(Name::Ec2, "StartInstances", &one)?;
    }
    if groups(old) != groups(new) {
        let mut parameters = vec![instance];
        parameters.extend(groups(new).into_iter().enumerate().map(|(index, group)| {
            let name = format!("GroupId.{}", index + 1);
            (name, group)
        }));
        desk.ask_query(Name::Ec2, "ModifyInstanceAttribute", &parameters)?;
    }
    Ok(())
}

/// The security groups, given for the instance or for its first interface.
fn groups(properties: &Value) -> Vec<String> {
    let own = list(properties, "SecurityGroupIds");
    let interface = list(properties, "NetworkInterfaces").first();
    let of_interface = interface
        .map(|interface| list(interface, "GroupSet"))
        .unwrap_or_default();
    own.iter().chain(of_interface).filter_map(scalar).collect()
}
