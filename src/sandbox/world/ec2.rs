//! Networks and machines.

use serde_json::Value;

use super::super::cloudformation::{Physical, ResourceRequest};
use super::super::house::Desk;
use super::super::request::{Name, Request};
use super::{Made, instance, list, scalar, set_text, tags, text, text_between, volumes};

/// How a type is made and deleted.
struct Kind {
    name: &'static str,
    create: &'static str,
    /// Properties that the API takes, and what it calls them.
    fields: &'static [(&'static str, &'static str)],
    /// The element of the answer that holds the id; empty: the id is not the service's.
    id: &'static str,
    delete: &'static str,
    /// What the API calls the id when deleting; empty: the same fields as when creating.
    delete_id: &'static str,
    /// What `TagSpecification` calls the type; empty: it carries no tags.
    tagged: &'static str,
}

#[rustfmt::skip]
const KINDS: [Kind; 14] = [
    Kind { name: "VPC", create: "CreateVpc", fields: &[("CidrBlock", "CidrBlock"), ("InstanceTenancy", "InstanceTenancy")], id: "vpcId", delete: "DeleteVpc", delete_id: "VpcId", tagged: "vpc" },
    Kind { name: "Subnet", create: "CreateSubnet", fields: &[("VpcId", "VpcId"), ("CidrBlock", "CidrBlock"), ("AvailabilityZone", "AvailabilityZone")], id: "subnetId", delete: "DeleteSubnet", delete_id: "SubnetId", tagged: "subnet" },
    Kind { name: "InternetGateway", create: "CreateInternetGateway", fields: &[], id: "internetGatewayId", delete: "DeleteInternetGateway", delete_id: "InternetGatewayId", tagged: "internet-gateway" },
    Kind { name: "VPCGatewayAttachment", create: "AttachInternetGateway", fields: &[("VpcId", "VpcId"), ("InternetGatewayId", "InternetGatewayId")], id: "", delete: "DetachInternetGateway", delete_id: "", tagged: "" },
    Kind { name: "EIP", create: "AllocateAddress", fields: &[("Domain", "Domain")], id: "publicIp", delete: "ReleaseAddress", delete_id: "AllocationId", tagged: "elastic-ip" },
    Kind { name: "NatGateway", create: "CreateNatGateway", fields: &[("SubnetId", "SubnetId"), ("AllocationId", "AllocationId"), ("ConnectivityType", "ConnectivityType")], id: "natGatewayId", delete: "DeleteNatGateway", delete_id: "NatGatewayId", tagged: "natgateway" },
    Kind { name: "RouteTable", create: "CreateRouteTable", fields: &[("VpcId", "VpcId")], id: "routeTableId", delete: "DeleteRouteTable", delete_id: "RouteTableId", tagged: "route-table" },
    Kind { name: "Route", create: "CreateRoute", fields: &[("RouteTableId", "RouteTableId"), ("DestinationCidrBlock", "DestinationCidrBlock"), ("GatewayId", "GatewayId"), ("NatGatewayId", "NatGatewayId")], id: "", delete: "DeleteRoute", delete_id: "", tagged: "" },
    Kind { name: "SubnetRouteTableAssociation", create: "AssociateRouteTable", fields: &[("RouteTableId", "RouteTableId"), ("SubnetId", "SubnetId")], id: "associationId", delete: "DisassociateRouteTable", delete_id: "AssociationId", tagged: "" },
    Kind { name: "SecurityGroup", create: "CreateSecurityGroup", fields: &[("GroupName", "GroupName"), ("GroupDescription", "GroupDescription"), ("VpcId", "VpcId")], id: "groupId", delete: "DeleteSecurityGroup", delete_id: "GroupId", tagged: "security-group" },
    Kind { name: "SecurityGroupIngress", create: "AuthorizeSecurityGroupIngress", fields: &[("GroupId", "GroupId")], id: "", delete: "RevokeSecurityGroupIngress", delete_id: "", tagged: "" },
    Kind { name: "SecurityGroupEgress", create: "AuthorizeSecurityGroupEgress", fields: &[("GroupId", "GroupId")], id: "", delete: "RevokeSecurityGroupEgress", delete_id: "", tagged: "" },
    Kind { name: "VPCEndpoint", create: "CreateVpcEndpoint", fields: &[("VpcId", "VpcId"), ("ServiceName", "ServiceName"), ("VpcEndpointType", "VpcEndpointType"), ("SubnetIds", "SubnetId"), ("RouteTableIds", "RouteTableId"), ("SecurityGroupIds", "SecurityGroupId")], id: "vpcEndpointId", delete: "DeleteVpcEndpoints", delete_id: "VpcEndpointId.1", tagged: "vpc-endpoint" },
    Kind { name: "Instance", create: "RunInstances", fields: &[("ImageId", "ImageId"), ("InstanceType", "InstanceType"), ("KeyName", "KeyName"), ("UserData", "UserData")], id: "instanceId", delete: "TerminateInstances", delete_id: "InstanceId.1", tagged: "instance" },
];

pub(super) fn knows(resource_type: &str) -> bool {
    kind(resource_type).is_some()
}

/// Whether EC2 holds tags of the type.
pub(super) fn carries_tags(resource_type: &str) -> bool {
    kind(resource_type).is_some_and(|kind| !kind.tagged.is_empty())
}

pub(super) fn create(
    desk: &mut Desk<'_>,
    request: &ResourceRequest<'_>,
    mut planned: Physical,
) -> Made<Option<Physical>> {
    let Some(kind) = kind(request.resource_type) else {
        return Ok(None);
    };
    let properties = request.properties;
    if kind.name == "VPCGatewayAttachment" && properties.get("InternetGatewayId").is_none() {
        return Ok(None);
    }
    if kind.name == "Route"
        && ["GatewayId", "NatGatewayId"]
            .iter()
            .all(|target| properties.get(*target).is_none())
    {
        return Ok(None);
    }
    let mut parameters = fields(kind, properties);
    match kind.name {
        "SecurityGroup" if properties.get("GroupName").is_none() => {
            let made_up = text_of(&planned, "GroupName").unwrap_or_else(|| {
                super::super::cloudformation::physical_name(
                    request.resource_type,
                    request.stack_name,
                    request.logical_id,
                    request.seed,
                )
            });
            parameters.push(("GroupName".to_owned(), made_up));
        }
        "SecurityGroupIngress" | "SecurityGroupEgress" => parameters.extend(permission(1, properties)),
        "Instance" => parameters.extend(instance::launch(desk, request)?),
        "Subnet" if properties.get("AvailabilityZone").is_none() => {
            parameters.push(("AvailabilityZone".to_owned(), format!("{}a", request.region)));
        }
        _ => {}
    }
    if !kind.tagged.is_empty() {
        parameters.push(("TagSpecification.1.ResourceType".to_owned(), kind.tagged.to_owned()));
        for (index, (key, value)) in tags(request).into_iter().enumerate() {
            parameters.push((format!("TagSpecification.1.Tag.{}.Key", index + 1), key));
            parameters.push((format!("TagSpecification.1.Tag.{}.Value", index + 1), value));
        }
    }
    let answer = desk.ask_query(Name::Ec2, kind.create, &parameters)?;
    if let Some(id) = text_between(&answer, kind.id).filter(|_| !kind.id.is_empty()) {
        planned.id = id.to_owned();
        let mut attribute = kind.id.to_owned();
        attribute.replace_range(..1, &kind.id.get(..1).unwrap_or_default().to_uppercase());
        set_text(&mut planned, &attribute, id);
    }
    after_creation(desk, request, kind, &answer, &mut planned)?;
    Ok(Some(planned))
}

pub(super) fn update(desk: &mut Desk<'_>, request: &ResourceRequest<'_>) -> Made<()> {
    let id = request.physical_id.unwrap_or_default();
    match request.resource_type {
        "AWS::EC2::VPC" => vpc_attributes(desk, request.properties, id),
        "AWS::EC2::Instance" => instance::update(desk, request, id),
        "AWS::EC2::Subnet" => subnet_attributes(desk, request.properties, id),
        "AWS::EC2::SecurityGroup" => {
            for (property, what) in [("SecurityGroupIngress", "Ingress"), ("SecurityGroupEgress", "Egress")] {
                let (old, new) = (list(request.previous, property), list(request.properties, property));
                for rule in old.iter().filter(|rule| !new.contains(rule)) {
                    rules(
                        desk,
                        &format!("RevokeSecurityGroup{what}"),
                        id,
                        std::slice::from_ref(rule),
                    )?;
                }
                for rule in new.iter().filter(|rule| !old.contains(rule)) {
                    rules(
                        desk,
                        &format!("AuthorizeSecurityGroup{what}"),
                        id,
                        std::slice::from_ref(rule),
                    )?;
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

pub(super) fn delete(desk: &mut Desk<'_>, request: &ResourceRequest<'_>, id: &str) -> Made<()> {
    let Some(kind) = kind(request.resource_type) else {
        return Ok(());
    };
    let mut parameters = Vec::new();
    match (kind.name, kind.delete_id) {
        ("EIP", field) => {
            let allocation = request
                .attributes
                .get("AllocationId")
                .and_then(scalar)
                .unwrap_or_default();
            parameters.push((field.to_owned(), allocation));
        }
        ("SecurityGroupIngress" | "SecurityGroupEgress", _) => {
            parameters = fields(kind, request.properties);
            parameters.extend(permission(1, request.properties));
        }
        (_, "") => parameters = fields(kind, request.properties),
        (_, field) => parameters.push((field.to_owned(), id.to_owned())),
    }
    let gone = Request::query(Name::Ec2, request.region, kind.delete, &parameters);
    desk.remove(&gone)?;
    match kind.name {
        "Instance" => volumes::released(desk, id),
        _ => Ok(()),
    }
}

fn kind(resource_type: &str) -> Option<&'static Kind> {
    let name = resource_type.strip_prefix("AWS::EC2::")?;
    KINDS.iter().find(|kind| kind.name == name)
}

fn fields(kind: &Kind, properties: &Value) -> Vec<(String, String)> {
    let mut parameters = Vec::new();
    for (property, field) in kind.fields {
        match properties.get(*property) {
            Some(Value::Array(elements)) => {
                for (index, element) in elements.iter().filter_map(scalar).enumerate() {
                    parameters.push((format!("{field}.{}", index + 1), element));
                }
            }
            Some(value) => parameters.extend(scalar(value).map(|value| ((*field).to_owned(), value))),
            None => {}
        }
    }
    parameters
}

fn after_creation(
    desk: &mut Desk<'_>,
    request: &ResourceRequest<'_>,
    kind: &Kind,
    answer: &str,
    made: &mut Physical,
) -> Made<()> {
    let id = made.id.clone();
    match kind.name {
        "VPC" => {
            vpc_attributes(desk, request.properties, &id)?;
            let filter = [("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", id.as_str())]
                .map(|(key, value)| (key.to_owned(), value.to_owned()));
            let groups = desk.ask_query(Name::Ec2, "DescribeSecurityGroups", &filter)?;
            if let Some(group) = text_between(&groups, "groupId") {
                set_text(made, "DefaultSecurityGroup", group);
            }
        }
        "Subnet" => subnet_attributes(desk, request.properties, &id)?,
        "EIP" => {
            if let Some(allocation) = text_between(answer, "allocationId") {
                set_text(made, "AllocationId", allocation);
            }
        }
        "Instance" => instance::launched(answer, made),
        "SecurityGroup" => {
            rules(
                desk,
                "AuthorizeSecurityGroupIngress",
                &id,
                list(request.properties, "SecurityGroupIngress"),
            )?;
            let egress = list(request.properties, "SecurityGroupEgress");
            if !egress.is_empty() {
                // Rules of one's own take the place of the rule that allows everything.
                let everything = serde_json::json!({ "IpProtocol": "-1", "CidrIp": "0.0.0.0/0" });
                let _ = rules(
                    desk,
                    "RevokeSecurityGroupEgress",
                    &id,
                    std::slice::from_ref(&everything),
                );
                rules(desk, "AuthorizeSecurityGroupEgress", &id, egress)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn vpc_attributes(desk: &mut Desk<'_>, properties: &Value, id: &str) -> Made<()> {
    for attribute in ["EnableDnsSupport", "EnableDnsHostnames"] {
        if let Some(value) = text(properties, attribute) {
            let parameters = [
                ("VpcId".to_owned(), id.to_owned()),
                (format!("{attribute}.Value"), value),
            ];
            desk.ask_query(Name::Ec2, "ModifyVpcAttribute", &parameters)?;
        }
    }
    Ok(())
}

fn subnet_attributes(desk: &mut Desk<'_>, properties: &Value, id: &str) -> Made<()> {
    if let Some(value) = text(properties, "MapPublicIpOnLaunch") {
        let parameters = [
            ("SubnetId".to_owned(), id.to_owned()),
            ("MapPublicIpOnLaunch.Value".to_owned(), value),
        ];
        desk.ask_query(Name::Ec2, "ModifySubnetAttribute", &parameters)?;
    }
    Ok(())
}

fn rules(desk: &mut Desk<'_>, action: &str, group: &str, rules: &[Value]) -> Made<()> {
    if rules.is_empty() {
        return Ok(());
    }
    let mut parameters = vec![("GroupId".to_owned(), group.to_owned())];
    for (index, rule) in rules.iter().enumerate() {
        parameters.extend(permission(index + 1, rule));
    }
    desk.ask_query(Name::Ec2, action, &parameters).map(drop)
}

/// A rule as the API takes it.
fn permission(number: usize, rule: &Value) -> Vec<(String, String)> {
    let prefix = format!("IpPermissions.{number}");
    let mut parameters = vec![(
        format!("{prefix}.IpProtocol"),
        text(rule, "IpProtocol").unwrap_or_else(|| "-1".to_owned()),
    )];
    let optional = [
        ("FromPort", "FromPort"),
        ("ToPort", "ToPort"),
        ("CidrIp", "IpRanges.1.CidrIp"),
        ("CidrIpv6", "Ipv6Ranges.1.CidrIpv6"),
        ("SourceSecurityGroupId", "UserIdGroupPairs.1.GroupId"),
        ("DestinationSecurityGroupId", "UserIdGroupPairs.1.GroupId"),
        ("SourcePrefixListId", "PrefixListIds.1.PrefixListId"),
        ("DestinationPrefixListId", "PrefixListIds.1.PrefixListId"),
    ];
    for (property, field) in optional {
        parameters.extend(text(rule, property).map(|value| (format!("{prefix}.{field}"), value)));
    }
    parameters
}

fn text_of(physical: &Physical, attribute: &str) -> Option<String> {
    physical.attributes.get(attribute).and_then(scalar)
}
