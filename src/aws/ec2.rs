//! EC2: what holds a subnet, a security group or a VPC that should go away.

use aws_sdk_ec2::types::Filter;

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
