//! EC2: what holds a subnet, a security group or a VPC that should go away; zones, instance types and networks.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{Filter, LocationType};
use ipnet::Ipv4Net;

use super::error::AwsError;
use super::session::Session;

/// Whose network interfaces are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Within<'a> {
    /// Those in any of these subnets.
    Subnets(&'a [String]),
    /// Those that any of these security groups is on.
    SecurityGroups(&'a [String]),
    /// Those in a VPC.
    Vpc(&'a str),
}

/// A network interface: as long as it exists, its subnet and its security groups cannot be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkInterface {
    /// `eni-…`.
    pub id: String,
    /// What its maker wrote on it: `ELB app/…`, `AWS Lambda VPC ENI-…`, `aws-K8S-i-…`.
    pub description: String,
    /// `interface`, `nat_gateway`, `lambda`, `network_load_balancer`, …
    pub kind: String,
    /// `available`, `in-use`, …
    pub status: String,
    /// Its subnet.
    pub subnet: Option<String>,
    /// Its security groups.
    pub security_groups: Vec<String>,
    /// The instance that it is attached to.
    pub instance: Option<String>,
    /// The service that made it and alone can remove it: `amazon-elb`, `amazon-eks`, …
    pub requester: Option<String>,
}

/// The network interfaces `within` something; none if the thing itself is gone.
pub async fn network_interfaces(session: &Session, within: Within<'_>) -> Result<Vec<NetworkInterface>, AwsError> {
    let (name, values) = match within {
        Within::Subnets(ids) => ("subnet-id", ids.to_vec()),
        Within::SecurityGroups(ids) => ("group-id", ids.to_vec()),
        Within::Vpc(id) => ("vpc-id", vec![id.to_owned()]),
    };
    if values.is_empty() {
        return Ok(Vec::new());
    }
    let filter = Filter::builder().name(name).set_values(Some(values)).build();
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let page = session
            .ec2()
            .describe_network_interfaces()
            .filters(filter.clone())
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| AwsError::of("EC2", "DescribeNetworkInterfaces", error))?;
        token = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        found.extend(page.network_interfaces.unwrap_or_default().into_iter().map(|eni| {
            NetworkInterface {
                id: eni.network_interface_id.unwrap_or_default(),
                description: eni.description.unwrap_or_default(),
                kind: eni
                    .interface_type
                    .map(|kind| kind.as_str().to_owned())
                    .unwrap_or_default(),
                status: eni.status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
                subnet: eni.subnet_id,
                security_groups: eni
                    .groups
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(|group| group.group_id)
                    .collect(),
                instance: eni.attachment.and_then(|attachment| attachment.instance_id),
                requester: eni.requester_id,
            }
        }));
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// The availability zones that the account can use, in the order of their names, as `Fn::GetAZs` gives them. Local and
/// wavelength zones are left out.
pub async fn availability_zones(session: &Session) -> Result<Vec<String>, AwsError> {
    let answer = session
        .ec2()
        .describe_availability_zones()
        .send()
        .await
        .map_err(|error| AwsError::of("EC2", "DescribeAvailabilityZones", error))?;
    let mut zones: Vec<String> = answer
        .availability_zones
        .unwrap_or_default()
        .into_iter()
        .filter(|zone| zone.zone_type().is_none_or(|kind| kind == "availability-zone"))
        .filter(|zone| zone.state().is_none_or(|state| state.as_str() == "available"))
        .filter_map(|zone| zone.zone_name)
        .collect();
    zones.sort();
    Ok(zones)
}

/// Which zones offer the instance types that `patterns` name; a pattern may hold stars.
pub async fn offerings(
    session: &Session,
    patterns: &BTreeSet<String>,
) -> Result<BTreeMap<String, BTreeSet<String>>, AwsError> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    // A filter takes 200 values.
    for patterns in patterns.iter().cloned().collect::<Vec<_>>().chunks(200) {
        let filter = Filter::builder()
            .name("instance-type")
            .set_values(Some(patterns.to_vec()))
            .build();
        let mut token = None;
        loop {
            let page = session
                .ec2()
                .describe_instance_type_offerings()
                .location_type(LocationType::AvailabilityZone)
                .filters(filter.clone())
                .max_results(1_000)
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| AwsError::of("EC2", "DescribeInstanceTypeOfferings", error))?;
            token = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
            for offer in page.instance_type_offerings.unwrap_or_default() {
                if let (Some(name), Some(zone)) = (offer.instance_type, offer.location) {
                    found.entry(name.as_str().to_owned()).or_default().insert(zone);
                }
            }
            if token.is_none() {
                break;
            }
        }
    }
    Ok(found)
}

/// vCPUs of instance types; those that the region does not know are left out.
pub async fn vcpus(session: &Session, types: &BTreeSet<&str>) -> Result<BTreeMap<String, u64>, AwsError> {
    let names: Vec<String> = types.iter().map(|name| (*name).to_owned()).collect();
    let mut found = BTreeMap::new();
    for names in names.chunks(100) {
        let filter = Filter::builder()
            .name("instance-type")
            .set_values(Some(names.to_vec()))
            .build();
        let mut token = None;
        loop {
            let page = session
                .ec2()
                .describe_instance_types()
                .filters(filter.clone())
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| AwsError::of("EC2", "DescribeInstanceTypes", error))?;
            token = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
            for one in page.instance_types.unwrap_or_default() {
                let count = one.v_cpu_info().and_then(|info| info.default_v_cpus());
                let count = count.and_then(|count| u64::try_from(count).ok());
                if let (Some(name), Some(count)) = (one.instance_type(), count) {
                    found.insert(name.as_str().to_owned(), count);
                }
            }
            if token.is_none() {
                break;
            }
        }
    }
    Ok(found)
}

/// The VPCs of the region with their IPv4 networks.
pub async fn vpcs(session: &Session) -> Result<BTreeMap<String, Vec<Ipv4Net>>, AwsError> {
    let mut found = BTreeMap::new();
    let mut token = None;
    loop {
        let page = session
            .ec2()
            .describe_vpcs()
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| AwsError::of("EC2", "DescribeVpcs", error))?;
        token = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        for vpc in page.vpcs.unwrap_or_default() {
            let further = vpc
                .cidr_block_association_set()
                .iter()
                .filter_map(|one| one.cidr_block());
            let mut networks: Vec<Ipv4Net> = vpc
                .cidr_block()
                .into_iter()
                .chain(further)
                .filter_map(|text| text.parse().ok())
                .collect();
            networks.sort_unstable();
            networks.dedup();
            found.insert(vpc.vpc_id.unwrap_or_default(), networks);
        }
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// How many Elastic IP addresses the region has.
pub async fn addresses(session: &Session) -> Result<u64, AwsError> {
    let answer = session
        .ec2()
        .describe_addresses()
        .send()
        .await
        .map_err(|error| AwsError::of("EC2", "DescribeAddresses", error))?;
    Ok(answer.addresses().len() as u64)
}

/// How many NAT gateways each zone has. A gateway tells its subnet only, and the subnet its zone.
pub async fn nat_gateways(session: &Session) -> Result<BTreeMap<String, u64>, AwsError> {
    let (gateways, zones) = tokio::try_join!(nat_subnets(session), subnet_zones(session))?;
    let mut found = BTreeMap::new();
    for zone in gateways.iter().filter_map(|subnet| zones.get(subnet)) {
        *found.entry(zone.clone()).or_default() += 1;
    }
    Ok(found)
}

/// The subnet of each NAT gateway that is there.
async fn nat_subnets(session: &Session) -> Result<Vec<String>, AwsError> {
    let there = Filter::builder()
        .name("state")
        .values("pending")
        .values("available")
        .build();
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let page = session
            .ec2()
            .describe_nat_gateways()
            .filter(there.clone())
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| AwsError::of("EC2", "DescribeNatGateways", error))?;
        token = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        let gateways = page.nat_gateways.unwrap_or_default();
        found.extend(gateways.into_iter().filter_map(|gateway| gateway.subnet_id));
        if token.is_none() {
            return Ok(found);
        }
    }
}

async fn subnet_zones(session: &Session) -> Result<BTreeMap<String, String>, AwsError> {
    let mut found = BTreeMap::new();
    let mut token = None;
    loop {
        let page = session
            .ec2()
            .describe_subnets()
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| AwsError::of("EC2", "DescribeSubnets", error))?;
        token = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        let subnets = page.subnets.unwrap_or_default();
        found.extend(
            subnets
                .into_iter()
                .filter_map(|one| Some((one.subnet_id?, one.availability_zone?))),
        );
        if token.is_none() {
            return Ok(found);
        }
    }
}
