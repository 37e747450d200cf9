//! Rules of security groups and network ACLs, and routes: ports, protocols, numbers.

use super::super::super::{Node, intrinsic};
use super::super::properties::first_line;
use super::super::{Template, did_you_mean, is_unknown};
use super::{Resource, of_type, value};
use crate::diagnostic::{Problem, Problems, Span, codes};

pub(super) fn check(template: &Template, problems: &mut Problems) {
    for group in of_type(&template.resources, "AWS::EC2::SecurityGroup") {
        for list in ["SecurityGroupIngress", "SecurityGroupEgress"] {
            let rules = group.property(list).map(Node::items).unwrap_or_default();
            for rule in rules {
                ports(template, rule, problems);
            }
            repeated(rules, problems);
        }
    }
    for type_name in ["AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress"] {
        for rule in of_type(&template.resources, type_name) {
            ports(template, rule.properties, problems);
        }
    }
    acl_entries(template, problems);
    routes(template, problems);
}

/// `IpPermission` in the EC2 API reference: names of four protocols, or any protocol's number.
fn ports(template: &Template, rule: &Node, problems: &mut Problems) {
    const NAMES: [&str; 4] = ["tcp", "udp", "icmp", "icmpv6"];
    let Some(node) = rule.get("IpProtocol") else { return };
    let Some(protocol) = value::text(template, node).map(|text| text.trim().to_ascii_lowercase()) else {
        return;
    };
    let number = protocol.parse::<i64>().ok();
    let known = NAMES.contains(&protocol.as_str())
        || protocol == "all"
        || number.is_some_and(|number| (-1..=255).contains(&number));
    if !known {
        let problem = Problem::error(codes::PORT_RANGE, format!("`{protocol}` is not a protocol"))
            .at(node.span.clone(), "")
            .note("protocols are `tcp`, `udp`, `icmp`, `icmpv6`, `-1` for all, or a number from 0 to 255");
        problems.push(match did_you_mean(&protocol, NAMES) {
            Some(hint) => problem.hint(hint),
            None => problem,
        });
        return;
    }
    if !matches!(protocol.as_str(), "tcp" | "udp" | "6" | "17") {
        return;
    }
    let port = |name: &str| {
        let node = rule.get(name)?;
        Some((node, value::text(template, node)?.trim().parse::<i64>().ok()?))
    };
    let (from, to) = (port("FromPort"), port("ToPort"));
    for (node, number) in from.iter().chain(&to) {
        // The schema says what is too small.
        if *number > 65_535 {
            problems.push(
                Problem::error(
                    codes::PORT_RANGE,
                    format!("there is no port {number}; ports go from 0 to 65535"),
                )
                .at(node.span.clone(), ""),
            );
            return;
        }
    }
    if let (Some((at, from)), Some((end, to))) = (from, to)
        && from > to
    {
        problems.push(
            Problem::error(codes::PORT_RANGE, format!("the ports begin at {from} and end at {to}"))
                .at(end.span.clone(), "the last port")
                .at(at.span.clone(), "the first port")
                .hint("write the smaller one as `FromPort`"),
        );
    }
}

/// EC2: "the same permission must not appear multiple times"; descriptions do not tell rules apart.
fn repeated(rules: &[Node], problems: &mut Problems) {
    let mut seen: Vec<(String, &Node)> = Vec::new();
    for rule in rules
        .iter()
        .filter(|rule| intrinsic::call(rule).is_none() && !rule.entries().is_empty())
    {
        let mut parts: Vec<String> = rule
            .entries()
            .iter()
            .filter(|(key, _, _)| key != "Description")
            .map(|(key, _, value)| {
                let text = super::super::verdict::scalar_text(value);
                format!("{key}={}", text.unwrap_or_else(|| value.to_json().to_string()))
            })
            .collect();
        parts.sort();
        let text = parts.join("\n");
        match seen.iter().find(|(known, _)| *known == text) {
            Some((_, first)) => problems.push(
                Problem::error(codes::PORT_RANGE, "a security group has the same rule twice")
                    .at(first_line(rule), "again here")
                    .at(first_line(first), "first here"),
            ),
            None => seen.push((text, rule)),
        }
    }
}

fn acl_entries(template: &Template, problems: &mut Problems) {
    const MOST: i64 = 32_766;
    let mut seen: Vec<(String, Resource)> = Vec::new();
    for entry in of_type(&template.resources, "AWS::EC2::NetworkAclEntry") {
        let Some((node, number)) = entry
            .property("RuleNumber")
            .and_then(|node| Some((node, value::text(template, node)?.trim().parse::<i64>().ok()?)))
        else {
            continue;
        };
        if !(1..=MOST).contains(&number) {
            problems.push(
                Problem::error(
                    codes::RULE_NUMBER,
                    format!("the number of a rule goes from 1 to {MOST}, and is not {number}"),
                )
                .at(node.span.clone(), ""),
            );
            continue;
        }
        let Some(acl) = entry.property("NetworkAclId") else {
            continue;
        };
        let egress = match entry.property("Egress") {
            None => "false".to_owned(),
            Some(node) if is_unknown(node) => continue,
            Some(node) => value::text(template, node).unwrap_or_default().to_ascii_lowercase(),
        };
        let key = format!("{} {egress} {number}", acl.to_json());
        let before = seen
            .iter()
            .find(|(known, other)| *known == key && other.stands_with(&entry));
        if let Some((_, first)) = before {
            let message = format!("`{}` and `{}` have the same number, {number}", first.name, entry.name);
            problems.push(
                Problem::error(codes::RULE_NUMBER, message)
                    .at(node.span.clone(), "")
                    .at(span_of(first, "RuleNumber"), "first here")
                    .note("in one direction of a network ACL each number stands for one rule"),
            );
        }
        seen.push((key, entry));
    }
}

fn routes(template: &Template, problems: &mut Problems) {
    let mut seen: Vec<(String, Resource)> = Vec::new();
    for route in of_type(&template.resources, "AWS::EC2::Route") {
        let Some(table) = route.property("RouteTableId") else {
            continue;
        };
        for property in ["DestinationCidrBlock", "DestinationIpv6CidrBlock"] {
            let Some(text) = route.property(property).and_then(|node| value::text(template, node)) else {
                continue;
            };
            let key = format!("{} {text}", table.to_json());
            let before = seen
                .iter()
                .find(|(known, other)| *known == key && other.stands_with(&route));
            if let Some((_, first)) = before {
                let message = format!(
                    "`{}` and `{}` lead to the same destination, `{text}`",
                    first.name, route.name
                );
                problems.push(
                    Problem::error(codes::SAME_NAME, message)
                        .at(span_of(&route, property), "")
                        .at(span_of(first, property), "first here")
                        .note("a route table has one route for each destination"),
                );
                break;
            }
            seen.push((key, route.clone()));
        }
    }
}

fn span_of(resource: &Resource, property: &str) -> Span {
    resource
        .property(property)
        .map_or_else(|| resource.span.clone(), |node| node.span.clone())
}
