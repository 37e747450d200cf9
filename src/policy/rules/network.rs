//! VPCs, security groups, network ACLs and subnets.

use super::super::possible::{Possible, number, text};
use super::super::rule::{Finding, Rule, Scope};
use super::super::subject::{Resource, once};
use crate::diagnostic::{Severity, codes};
use crate::template::{Node, intrinsic};

const GROUP: &str = "AWS::EC2::SecurityGroup";
const GROUP_INGRESS: &str = "AWS::EC2::SecurityGroupIngress";
const GROUP_EGRESS: &str = "AWS::EC2::SecurityGroupEgress";
const ACL_ENTRY: &str = "AWS::EC2::NetworkAclEntry";
const VPC: &str = "AWS::EC2::VPC";

/// Ports on which the public is expected (the default of FSBP EC2.18).
const WEB: &[i64] = &[80, 443];
/// SSH, telnet, RDP, WinRM.
const ADMIN: &[i64] = &[22, 23, 3389, 5985, 5986];
/// SQL Server, Oracle, MySQL, Redshift, PostgreSQL, CouchDB, Redis, Cassandra, OpenSearch, memcached, MongoDB.
const DATABASE: &[i64] = &[
    1433, 1521, 3306, 5432, 5439, 5984, 6379, 9042, 9200, 9300, 11211, 27017, 27018,
];

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: codes::OPEN_INGRESS,
        id: "open-ingress",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "what listens there is probed by the whole internet; only the web's ports, 80 and 443, are meant for that",
        fix: "name the network or the security group that needs it, or put a load balancer before it",
        sources: &["FSBP EC2.18"],
        types: &[GROUP, GROUP_INGRESS],
        check: open_ingress,
    },
    Rule {
        code: codes::OPEN_ADMIN_PORT,
        id: "open-admin-port",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "passwords and old servers on these ports are tried around the clock",
        fix: "use Session Manager, which needs no open port, or name the network of the administrators",
        sources: &["FSBP EC2.19", "CIS 5.2", "CIS 5.3"],
        types: &[GROUP, GROUP_INGRESS],
        check: open_admin_port,
    },
    Rule {
        code: codes::OPEN_DATABASE_PORT,
        id: "open-database-port",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "a database that everybody can reach is one weak password away from being everybody's",
        fix: "name the security group of the programs that use it: `SourceSecurityGroupId`",
        sources: &["FSBP EC2.19"],
        types: &[GROUP, GROUP_INGRESS],
        check: open_database_port,
    },
    Rule {
        code: codes::OPEN_NETWORK_ACL,
        id: "open-network-acl",
        severity: Severity::Warning,
        scope: Scope::Everywhere,
        reason: "a network ACL is the second line behind security groups, and this one is not there for administration",
        fix: "allow the ports that are served and the ephemeral ones for replies, and not 22 and 3389",
        sources: &["FSBP EC2.21", "CIS 5.1"],
        types: &[ACL_ENTRY],
        check: open_acl,
    },
    Rule {
        code: codes::SUBNET_PUBLIC_ADDRESSES,
        id: "subnet-public-addresses",
        severity: Severity::Warning,
        scope: Scope::Everywhere,
        reason: "whatever is started there can be reached from the internet without anybody having decided so",
        fix: "set `MapPublicIpOnLaunch` to false and give addresses to what needs them",
        sources: &["FSBP EC2.15"],
        types: &["AWS::EC2::Subnet"],
        check: public_addresses,
    },
    Rule {
        code: codes::NO_FLOW_LOG,
        id: "vpc-flow-log",
        severity: Severity::Warning,
        scope: Scope::Everywhere,
        reason: "without flow logs nobody can say afterwards who talked to whom",
        fix: "add an `AWS::EC2::FlowLog` for it",
        sources: &["FSBP EC2.6", "CIS 3.7"],
        types: &[VPC],
        check: flow_log,
    },
    Rule {
        code: codes::DEFAULT_SECURITY_GROUP,
        id: "default-security-group",
        severity: Severity::Warning,
        scope: Scope::Everywhere,
        reason: "what names no security group gets the default one, so every rule of it opens things unseen",
        fix: "make a security group for the purpose",
        sources: &["FSBP EC2.2", "CIS 5.4"],
        types: &[GROUP_INGRESS, GROUP_EGRESS],
        check: default_group,
    },
    Rule {
        code: codes::NO_PRIVATE_PATH,
        id: "vpc-s3-endpoint",
        severity: Severity::Warning,
        scope: Scope::Protected,
        reason: "without a gateway endpoint, which is free, traffic to S3 goes through NAT and over public addresses",
        fix: "add a gateway `AWS::EC2::VPCEndpoint` for S3",
        sources: &["Amazon VPC User Guide, Gateway endpoints for Amazon S3"],
        types: &[VPC],
        check: s3_endpoint,
    },
];

/// What a security group's rule opens to everybody.
struct Opening<'a> {
    cidr: &'a Node,
    ports: Ports,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ports {
    All,
    Range(i64, i64),
}

impl Ports {
    fn include(self, listed: &[i64]) -> Option<i64> {
        match self {
            // Reported once, as opening everything.
            Self::All | Self::Range(..=0, 65535..) => None,
            Self::Range(from, to) => listed.iter().copied().find(|port| (from..=to).contains(port)),
        }
    }
}

fn openings<'a>(resource: &Resource<'a>) -> Vec<Opening<'a>> {
    let rules = match resource.kind {
        GROUP => resource.items(&["SecurityGroupIngress"]),
        _ => resource.at(&[]),
    };
    rules.into_iter().filter_map(opening).collect()
}

fn opening(rule: Possible<'_>) -> Option<Opening<'_>> {
    let cidrs = ["CidrIp", "CidrIpv6"].into_iter().flat_map(|key| rule.get(key));
    let everywhere = |node: &&Node| matches!(node.as_str(), Some("0.0.0.0/0" | "::/0"));
    let cidr = cidrs.filter_map(Possible::given).find(everywhere)?;
    let literal = |key: &str| match rule.get(key).as_slice() {
        [Possible::Given(node)] => Some(*node),
        _ => None,
    };
    let ports = match text(literal("IpProtocol")?)?.to_lowercase().as_str() {
        "-1" => Ports::All,
        "tcp" | "udp" | "6" | "17" => {
            let port = |key: &str| literal(key).and_then(number);
            Ports::Range(port("FromPort")?, port("ToPort")?)
        }
        _ => return None,
    };
    Some(Opening { cidr, ports })
}

fn open_ingress(resource: &Resource<'_>) -> Vec<Finding> {
    let found = openings(resource).into_iter().filter_map(|opening| {
        let what = match opening.ports {
            Ports::All | Ports::Range(..=0, 65535..) => "every port".to_owned(),
            ports if ports.include(ADMIN).or_else(|| ports.include(DATABASE)).is_some() => return None,
            Ports::Range(from, to) if from == to && WEB.contains(&from) => return None,
            Ports::Range(from, to) if from == to => format!("port {from}"),
            Ports::Range(from, to) => format!("ports {from} to {to}"),
        };
        let message = format!("`{}` opens {what} to the whole internet", resource.name);
        Some(Finding::at(&opening.cidr.span, message))
    });
    once(found)
}

fn open_admin_port(resource: &Resource<'_>) -> Vec<Finding> {
    listed(resource, ADMIN, "for administration")
}

fn open_database_port(resource: &Resource<'_>) -> Vec<Finding> {
    let found = listed(resource, DATABASE, "of a database");
    // A range over both is told once, as the worse of the two.
    if listed(resource, ADMIN, "").is_empty() {
        found
    } else {
        let admin = listed(resource, ADMIN, "");
        let is_told = |finding: &Finding| admin.iter().any(|told| told.span == finding.span);
        found.into_iter().filter(|finding| !is_told(finding)).collect()
    }
}

fn listed(resource: &Resource<'_>, ports: &[i64], what: &str) -> Vec<Finding> {
    let found = openings(resource).into_iter().filter_map(|opening| {
        let port = opening.ports.include(ports)?;
        let message = format!("`{}` opens port {port}, {what}, to the whole internet", resource.name);
        Some(Finding::at(&opening.cidr.span, message))
    });
    once(found)
}

fn open_acl(resource: &Resource<'_>) -> Vec<Finding> {
    let is = |key: &str, wanted: &[&str]| match resource.at(&[key]).as_slice() {
        [Possible::Given(node)] => text(node).is_some_and(|text| wanted.contains(&text.to_lowercase().as_str())),
        _ => false,
    };
    let inbound = resource.lacks(&["Egress"]) || is("Egress", &["false"]);
    if !inbound || !is("RuleAction", &["allow"]) || !is("Protocol", &["-1", "6"]) {
        return Vec::new();
    }
    let cidrs = [resource.at(&["CidrBlock"]), resource.at(&["Ipv6CidrBlock"])].concat();
    let everywhere = |node: &&Node| matches!(node.as_str(), Some("0.0.0.0/0" | "::/0"));
    let Some(cidr) = cidrs.into_iter().filter_map(Possible::given).find(everywhere) else {
        return Vec::new();
    };
    let port = |key: &str| match resource.at(&["PortRange", key]).as_slice() {
        [Possible::Given(node)] => number(node),
        _ => None,
    };
    let what = if is("Protocol", &["-1"]) {
        "every port"
    } else {
        match (port("From"), port("To")) {
            // Replies come in on the ephemeral ports, so they have to be open; RDP's is one of them.
            (Some(1024..), Some(65535)) => return Vec::new(),
            (Some(from), Some(to)) if (from..=to).contains(&22) => "port 22",
            (Some(from), Some(to)) if (from..=to).contains(&3389) => "port 3389",
            _ => return Vec::new(),
        }
    };
    let message = format!("`{}` lets the whole internet reach {what}", resource.name);
    vec![Finding::at(&cidr.span, message)]
}

fn public_addresses(resource: &Resource<'_>) -> Vec<Finding> {
    let message = format!("the subnet `{}` gives everything in it a public address", resource.name);
    resource.must_be_off(&["MapPublicIpOnLaunch"], &message)
}

fn flow_log(resource: &Resource<'_>) -> Vec<Finding> {
    if resource
        .siblings("AWS::EC2::FlowLog")
        .any(|log| log.refers_to(resource.name))
    {
        return Vec::new();
    }
    let message = format!("the VPC `{}` does not log its traffic", resource.name);
    vec![Finding::at(resource.span, message).saying("no flow log in this template names it")]
}

fn default_group(resource: &Resource<'_>) -> Vec<Finding> {
    let groups = resource.at(&["GroupId"]).into_iter().filter_map(|place| match place {
        Possible::Unknown(node) => Some(node),
        _ => None,
    });
    let found = groups
        .flat_map(intrinsic::references)
        .filter(|reference| reference.attribute.as_deref() == Some("DefaultSecurityGroup"));
    once(found.map(|reference| {
        let message = format!("`{}` is a rule of a VPC's default security group", resource.name);
        Finding::at(&reference.span, message)
    }))
}

fn s3_endpoint(resource: &Resource<'_>) -> Vec<Finding> {
    let own = resource
        .siblings("AWS::EC2::VPCEndpoint")
        .filter(|endpoint| endpoint.refers_to(resource.name));
    let is_s3 = |endpoint: Resource| {
        let names = endpoint.at(&["ServiceName"]).into_iter();
        names.into_iter().any(|name| match name {
            Possible::Absent => false,
            // A name that only AWS knows may be the one.
            Possible::Given(node) | Possible::Unknown(node) => {
                super::super::possible::written(node).is_none_or(|name| name.ends_with(".s3") || name.ends_with("${…}"))
            }
        })
    };
    if own.into_iter().any(is_s3) {
        return Vec::new();
    }
    let message = format!("the VPC `{}` reaches S3 over public addresses", resource.name);
    vec![Finding::at(resource.span, message).saying("no gateway endpoint for S3 in this template names it")]
}
