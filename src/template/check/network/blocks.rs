//! CIDR blocks of VPCs, subnets, routes and rules.

use ipnet::Ipv4Net;

use super::super::super::{Node, intrinsic};
use super::super::Template;
use super::{Resource, of_type, value};
use crate::diagnostic::{Problem, Problems, codes};

/// "VPC CIDR blocks" and "Subnet CIDR blocks": between these prefix lengths, inclusive.
const LARGEST: u8 = 16;
const SMALLEST: u8 = 28;

pub(super) fn check(template: &Template, problems: &mut Problems) {
    for (type_name, what) in [
        ("AWS::EC2::VPC", "a VPC"),
        ("AWS::EC2::VPCCidrBlock", "a VPC"),
        ("AWS::EC2::Subnet", "a subnet"),
    ] {
        for resource in of_type(&template.resources, type_name) {
            if let Some((node, block)) = block(template, &resource, "CidrBlock") {
                size(node, block, what, problems);
                host_bits(node, block, problems);
            }
        }
    }
    for (type_name, property) in [
        ("AWS::EC2::Route", "DestinationCidrBlock"),
        ("AWS::EC2::NetworkAclEntry", "CidrBlock"),
        ("AWS::EC2::SecurityGroupIngress", "CidrIp"),
        ("AWS::EC2::SecurityGroupEgress", "CidrIp"),
    ] {
        for resource in of_type(&template.resources, type_name) {
            if let Some((node, block)) = block(template, &resource, property) {
                host_bits(node, block, problems);
            }
        }
    }
    for group in of_type(&template.resources, "AWS::EC2::SecurityGroup") {
        for list in ["SecurityGroupIngress", "SecurityGroupEgress"] {
            let rules = group.property(list).map(Node::items).unwrap_or_default();
            for node in rules.iter().filter_map(|rule| rule.get("CidrIp")) {
                if let Some(block) = value::text(template, node).and_then(|text| text.parse().ok()) {
                    host_bits(node, block, problems);
                }
            }
        }
    }
    subnets(template, problems);
}

fn block<'a>(template: &Template, resource: &Resource<'a>, property: &str) -> Option<(&'a Node, Ipv4Net)> {
    let node = resource.property(property)?;
    Some((node, value::text(template, node)?.parse().ok()?))
}

fn size(node: &Node, block: Ipv4Net, what: &str, problems: &mut Problems) {
    let bits = block.prefix_len();
    let (how, nearest) = match bits {
        bits if bits < LARGEST => ("large", LARGEST),
        bits if bits > SMALLEST => ("small", SMALLEST),
        _ => return,
    };
    problems.push(
        Problem::error(
            codes::NETWORK_BLOCK,
            format!("the block `{block}` is too {how} for {what}: from /{LARGEST} to /{SMALLEST} are allowed"),
        )
        .at(node.span.clone(), "")
        .hint(format!("for example `{}/{nearest}`", block.network())),
    );
}

/// EC2 takes such a block and makes another one of it; the template then says something that is not so.
fn host_bits(node: &Node, block: Ipv4Net, problems: &mut Problems) {
    if block.addr() == block.network() {
        return;
    }
    let better = block.trunc();
    problems.push(
        Problem::warning(
            codes::NETWORK_BLOCK,
            format!(
                "`{block}` is not the beginning of a /{} block; EC2 makes `{better}` of it",
                block.prefix_len()
            ),
        )
        .at(node.span.clone(), "")
        .hint(format!(
            "write `{better}`, or `{}/32` for the one address",
            block.addr()
        )),
    );
}

struct Subnet<'a> {
    resource: Resource<'a>,
    /// What `VpcId` says.
    vpc: &'a Node,
    at: &'a Node,
    block: Ipv4Net,
}

fn subnets(template: &Template, problems: &mut Problems) {
    let subnets: Vec<Subnet> = of_type(&template.resources, "AWS::EC2::Subnet")
        .into_iter()
        .filter_map(|resource| {
            let (at, block) = block(template, &resource, "CidrBlock")?;
            let vpc = resource.property("VpcId")?;
            Some(Subnet {
                resource,
                vpc,
                at,
                block,
            })
        })
        .collect();
    for subnet in &subnets {
        outside(template, subnet, problems);
    }
    let mut sorted: Vec<(String, &Subnet)> = subnets
        .iter()
        .map(|subnet| (subnet.vpc.to_json().to_string(), subnet))
        .collect();
    sorted.sort_by(|(left_vpc, left), (right_vpc, right)| {
        (left_vpc, left.block.network(), left.block.prefix_len()).cmp(&(
            right_vpc,
            right.block.network(),
            right.block.prefix_len(),
        ))
    });
    // Sorted by address, an overlapping block comes before anything that lies behind the one it overlaps.
    for (index, (vpc, subnet)) in sorted.iter().enumerate() {
        let behind = sorted.iter().skip(index + 1);
        let overlapping =
            behind.take_while(|(other_vpc, other)| other_vpc == vpc && overlap(subnet.block, other.block));
        for (_, other) in overlapping.filter(|(_, other)| subnet.resource.stands_with(&other.resource)) {
            problems.push(overlaps(subnet, other));
        }
    }
}

fn overlap(left: Ipv4Net, right: Ipv4Net) -> bool {
    left.contains(&right.network()) || right.contains(&left.network())
}

fn overlaps(left: &Subnet, right: &Subnet) -> Problem {
    let (first, second) = if left.at.span.bytes.start <= right.at.span.bytes.start {
        (left, right)
    } else {
        (right, left)
    };
    let message = format!(
        "the subnets `{}` and `{}` overlap: `{}` and `{}`",
        first.resource.name, second.resource.name, first.block, second.block
    );
    Problem::error(codes::SUBNET_RANGE, message)
        .at(second.at.span.clone(), format!("overlaps `{}`", first.block))
        .at(first.at.span.clone(), "")
}

/// Known only if all blocks of the VPC are: its own, and those that are added to it.
fn outside(template: &Template, subnet: &Subnet, problems: &mut Problems) {
    let Some(("Ref", target)) = intrinsic::call(subnet.vpc) else {
        return;
    };
    let Some(name) = target.as_str() else { return };
    let vpcs = of_type(&template.resources, "AWS::EC2::VPC");
    let Some(vpc) = vpcs.iter().find(|vpc| vpc.name == name) else {
        return;
    };
    let Some((at, own)) = block(template, vpc, "CidrBlock") else {
        return;
    };
    let mut blocks = vec![own];
    for added in of_type(&template.resources, "AWS::EC2::VPCCidrBlock") {
        if added.property("VpcId").map(Node::to_json) != Some(subnet.vpc.to_json()) {
            continue;
        }
        if added.property("AmazonProvidedIpv6CidrBlock").is_some() && added.property("CidrBlock").is_none() {
            continue;
        }
        match block(template, &added, "CidrBlock") {
            Some((_, block)) => blocks.push(block),
            None => return,
        }
    }
    if blocks.iter().any(|block| block.contains(&subnet.block)) {
        return;
    }
    problems.push(
        Problem::error(
            codes::SUBNET_RANGE,
            format!(
                "the subnet `{}`, `{}`, lies outside its VPC, `{own}`",
                subnet.resource.name, subnet.block
            ),
        )
        .at(subnet.at.span.clone(), "")
        .at(at.span.clone(), "the block of the VPC"),
    );
}
