//! Addresses, ports and zones: what EC2 would refuse that no schema says.
//!
//! Values count where the template itself decides them: literals, mappings with literal keys, and `Fn::Cidr` of those.

mod blocks;
mod rules;
mod value;

use std::collections::BTreeMap;

use super::super::Node;
use super::{Section, Template, Transforms};
use crate::diagnostic::{Problem, Problems, Span, codes};

pub(super) fn check(template: &Template, problems: &mut Problems) {
    if template.transforms == Transforms::Macros {
        return;
    }
    blocks::check(template, problems);
    rules::check(template, problems);
    zones(template, problems);
}

/// A resource and what tells it apart from others.
#[derive(Clone)]
struct Resource<'a> {
    name: &'a str,
    span: &'a Span,
    node: &'a Node,
    properties: &'a Node,
}

impl<'a> Resource<'a> {
    fn property(&self, name: &str) -> Option<&'a Node> {
        self.properties.get(name)
    }

    /// Whether this and `other` certainly exist together: neither hangs on a condition, or both on the same.
    fn stands_with(&self, other: &Resource) -> bool {
        let condition = |resource: &Resource| resource.node.get("Condition").map(Node::to_json);
        condition(self) == condition(other)
    }
}

/// All resources of `type_name` that have properties.
fn of_type<'a>(resources: &Section<'a>, type_name: &str) -> Vec<Resource<'a>> {
    let all = resources.entries.iter();
    all.filter(|(_, _, node)| node.get("Type").and_then(Node::as_str) == Some(type_name))
        .filter_map(|(name, span, node)| {
            Some(Resource {
                name,
                span,
                node,
                properties: node.get("Properties")?,
            })
        })
        .collect()
}

/// A stack lives in one region, and a zone's name begins with its region's.
fn zones(template: &Template, problems: &mut Problems) {
    const WITH_ZONE: [&str; 4] = [
        "AWS::EC2::Subnet",
        "AWS::EC2::Instance",
        "AWS::EC2::Volume",
        "AWS::RDS::DBInstance",
    ];
    let mut regions: BTreeMap<&str, &Node> = BTreeMap::new();
    for type_name in WITH_ZONE {
        for resource in of_type(&template.resources, type_name) {
            let zone = resource
                .property("AvailabilityZone")
                .filter(|_| resource.node.get("Condition").is_none());
            if let Some((node, region)) = zone.and_then(|node| Some((node, region_of(node.as_str()?)?))) {
                regions.entry(region).or_insert(node);
            }
        }
    }
    let mut found: Vec<(&str, &Node)> = regions.into_iter().collect();
    found.sort_by_key(|(_, node)| node.span.bytes.start);
    let [(first, at), rest @ ..] = found.as_slice() else {
        return;
    };
    for (region, node) in rest {
        problems.push(
            Problem::error(
                codes::ZONES_APART,
                format!("a stack lives in one region, but this template names zones of {first} and {region}"),
            )
            .at(node.span.clone(), format!("in {region}"))
            .at(at.span.clone(), format!("in {first}"))
            .hint("`!Select [0, !GetAZs \"\"]` is the first zone of whatever region the stack is in"),
        );
    }
}

/// `us-east-1` of `us-east-1a`.
fn region_of(zone: &str) -> Option<&str> {
    let region = zone.get(..zone.len().checked_sub(1)?)?;
    let letter = zone.bytes().last().is_some_and(|byte| byte.is_ascii_lowercase());
    let number = region.bytes().last().is_some_and(|byte| byte.is_ascii_digit());
    // Local zones, `us-west-2-lax-1a`, belong to the region that their name begins with.
    (letter && number && region.split('-').count() == 3).then_some(region)
}
