//! Security groups.

use super::super::Node;
use super::{Resource, each};
use crate::diagnostic::{Problem, Problems, codes};

/// Ports on which the public is expected.
const WEB: [i64; 2] = [80, 443];

pub(super) fn check(resource: &Resource, problems: &mut Problems) {
    match resource.kind {
        "AWS::EC2::SecurityGroup" => {
            for rule in each(resource.property("SecurityGroupIngress")) {
                ingress(resource, rule, problems);
            }
        }
        "AWS::EC2::SecurityGroupIngress" => {
            if let Some(rule) = resource.properties {
                ingress(resource, rule, problems);
            }
        }
        _ => {}
    }
}

fn ingress(resource: &Resource, rule: &Node, problems: &mut Problems) {
    let everywhere = ["CidrIp", "CidrIpv6"]
        .into_iter()
        .filter_map(|key| rule.get(key))
        .find(|cidr| matches!(cidr.as_str(), Some("0.0.0.0/0" | "::/0")));
    let Some(cidr) = everywhere else { return };
    let protocol = rule.get("IpProtocol").map(text).unwrap_or_default();
    let ports = match protocol.as_str() {
        "-1" => "every port".to_owned(),
        "tcp" | "udp" | "6" | "17" => {
            let port = |key: &str| rule.get(key).map(text).and_then(|text| text.parse::<i64>().ok());
            match (port("FromPort"), port("ToPort")) {
                (Some(from), Some(to)) if from == to && WEB.contains(&from) => return,
                (Some(from), Some(to)) if from == to => format!("port {from}"),
                (Some(from), Some(to)) => format!("ports {from} to {to}"),
                _ => return,
            }
        }
        _ => return,
    };
    problems.push(
        Problem::error(
            codes::OPEN_INGRESS,
            format!("`{}` opens {ports} to the whole internet", resource.name),
        )
        .at(cidr.span.clone(), "")
        .hint("name the network or the security group that needs it"),
    );
}

fn text(node: &Node) -> String {
    match node.as_str() {
        Some(text) => text.to_owned(),
        None => node.to_json().to_string(),
    }
}
