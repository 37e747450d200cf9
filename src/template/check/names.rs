//! Names that a service would refuse although they match the schema, and names that are given twice.

use core::net::Ipv4Addr;
use std::collections::HashMap;

use super::super::{Node, schema};
use super::verdict::{Presence, presence};
use super::{Template, Transforms, is_told, is_unknown};
use crate::diagnostic::{Problem, Problems, Span, codes};

pub(super) fn check(template: &Template, problems: &mut Problems) {
    for (_, _, resource) in template.resources.entries {
        let Some(type_name) = resource.get("Type").and_then(Node::as_str) else {
            continue;
        };
        let Some(properties) = resource.get("Properties") else {
            continue;
        };
        for rule in RULES.iter().filter(|rule| rule.type_name == type_name) {
            let given = properties.get(rule.property).filter(|node| !is_unknown(node));
            if let Some((node, text)) = given.and_then(|node| Some((node, node.as_str()?)))
                && let Some(why) = (rule.refused)(text)
                && !is_told(problems, &node.span)
            {
                let message = format!("`{}` cannot be `{text}`: {why}", rule.property);
                problems.push(Problem::error(codes::RESOURCE_NAME, message).at(node.span.clone(), ""));
            }
        }
        if type_name == "AWS::SNS::Topic" {
            fifo_topic(properties, problems);
        }
    }
    if template.transforms != Transforms::Macros {
        twice(template, problems);
    }
}

struct Rule {
    type_name: &'static str,
    property: &'static str,
    /// Why the name is refused, if it is.
    refused: fn(&str) -> Option<&'static str>,
}

const fn rule(type_name: &'static str, property: &'static str, refused: fn(&str) -> Option<&'static str>) -> Rule {
    Rule {
        type_name,
        property,
        refused,
    }
}

/// From each service's naming rules, where the schema does not say them.
const RULES: &[Rule] = &[
    rule("AWS::S3::Bucket", "BucketName", bucket),
    rule("AWS::IAM::Role", "RoleName", up_to_64),
    rule("AWS::IAM::User", "UserName", up_to_64),
    rule("AWS::IAM::Group", "GroupName", up_to_128),
    rule("AWS::IAM::InstanceProfile", "InstanceProfileName", up_to_128),
    rule("AWS::IAM::ManagedPolicy", "ManagedPolicyName", up_to_128),
    rule("AWS::IAM::Policy", "PolicyName", up_to_128),
    rule("AWS::IAM::Role", "Path", path),
    rule("AWS::IAM::User", "Path", path),
    rule("AWS::IAM::Group", "Path", path),
    rule("AWS::IAM::InstanceProfile", "Path", path),
    rule("AWS::IAM::ManagedPolicy", "Path", path),
    rule("AWS::EC2::SecurityGroup", "GroupName", security_group),
    rule("AWS::KMS::Alias", "AliasName", alias),
    rule("AWS::Logs::LogGroup", "LogGroupName", log_group),
    rule("AWS::SSM::Parameter", "Name", parameter),
];

/// "General purpose bucket naming rules"; form and length are the schema's.
fn bucket(name: &str) -> Option<&'static str> {
    const BEGINNINGS: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
    const ENDS: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];
    if name.parse::<Ipv4Addr>().is_ok() {
        return Some("a bucket's name must not look like an address");
    }
    let kept = BEGINNINGS.iter().any(|begin| name.starts_with(begin)) || ENDS.iter().any(|end| name.ends_with(end));
    kept.then_some("S3 keeps this beginning or end of names for itself")
}

fn up_to_64(name: &str) -> Option<&'static str> {
    iam(name, 64, "it takes at most 64 characters")
}

fn up_to_128(name: &str) -> Option<&'static str> {
    iam(name, 128, "it takes at most 128 characters")
}

/// "IAM name requirements".
fn iam(name: &str, longest: usize, too_long: &'static str) -> Option<&'static str> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "+=,.@_-".contains(letter);
    if name.chars().count() > longest {
        return Some(too_long);
    }
    (!name.chars().all(allowed)).then_some("it takes letters, digits and +=,.@_-")
}

fn path(path: &str) -> Option<&'static str> {
    (!path.starts_with('/') || !path.ends_with('/')).then_some("a path begins and ends with `/`")
}

fn security_group(name: &str) -> Option<&'static str> {
    name.starts_with("sg-")
        .then_some("EC2 keeps names that begin with `sg-` for ids")
}

fn alias(name: &str) -> Option<&'static str> {
    name.starts_with("alias/aws/")
        .then_some("aliases that begin with `alias/aws/` belong to AWS")
}

fn log_group(name: &str) -> Option<&'static str> {
    name.starts_with("aws/")
        .then_some("names that begin with `aws/` belong to AWS")
}

/// Names that begin with `aws` or `ssm`, in any case, are reserved; of a path, only the whole first part is certain.
fn parameter(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let reserved = match name.strip_prefix('/') {
        Some(path) => matches!(path.split('/').next(), Some("aws" | "ssm")),
        None => name.starts_with("aws") || name.starts_with("ssm"),
    };
    reserved.then_some("names that begin with `aws` or `ssm` belong to AWS")
}

fn fifo_topic(properties: &Node, problems: &mut Problems) {
    let Some((node, name)) = properties
        .get("TopicName")
        .and_then(|node| Some((node, node.as_str()?)))
    else {
        return;
    };
    let switch = properties.get("FifoTopic");
    let is_fifo = match switch.map(super::verdict::scalar_text) {
        None => false,
        Some(Some(text)) => text.eq_ignore_ascii_case("true"),
        Some(None) => return,
    };
    let wrong = match (is_fifo, name.ends_with(".fifo")) {
        (true, false) => "the name of a FIFO topic ends with `.fifo`",
        (false, true) => "only the name of a FIFO topic ends with `.fifo`; `FifoTopic: true` makes it one",
        _ => return,
    };
    if !is_unknown(node) {
        let message = format!("`TopicName` cannot be `{name}`: {wrong}");
        problems.push(Problem::error(codes::RESOURCE_NAME, message).at(node.span.clone(), ""));
    }
}

/// Two resources of one type whose names are written the same. A name that functions give is the same if they are.
fn twice(template: &Template, problems: &mut Problems) {
    let mut seen: HashMap<(String, String), (&str, Span)> = HashMap::new();
    for (name, _, resource) in template.resources.entries {
        let Some(type_name) = resource.get("Type").and_then(Node::as_str) else {
            continue;
        };
        let Some(properties) = resource.get("Properties") else {
            continue;
        };
        let Some(schema) = schema::get(type_name) else { continue };
        // Under a condition the two may never exist together.
        if resource.get("Condition").is_some() {
            continue;
        }
        let identifiers = schema.primary_identifier();
        let read_only = schema.read_only();
        let given =
            |property: &String| !read_only.contains(property) && presence(properties, property) == Presence::Certain;
        if identifiers.is_empty() || !identifiers.iter().all(given) {
            continue;
        }
        let values: Vec<String> = identifiers
            .iter()
            .filter_map(|property| properties.get(property))
            .map(|value| value.to_json().to_string())
            .collect();
        let key = (type_name.to_owned(), values.join(" "));
        let at = identifiers.first().and_then(|property| properties.get(property));
        let span = at.map_or_else(|| properties.span.clone(), |node| node.span.clone());
        match seen.get(&key) {
            Some((first, before)) => {
                let what = identifiers.join(" and ");
                problems.push(
                    Problem::error(
                        codes::SAME_NAME,
                        format!("`{first}` and `{name}` have the same `{what}`"),
                    )
                    .at(span, "again here")
                    .at(before.clone(), "first here"),
                );
            }
            None => drop(seen.insert(key, (name, span))),
        }
    }
}
