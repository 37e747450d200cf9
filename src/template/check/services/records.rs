//! Route 53: the values of records that hold addresses ("Supported DNS record types").

use core::net::{Ipv4Addr, Ipv6Addr};

use super::super::super::Node;
use super::super::Template;
use super::literal;
use crate::diagnostic::{Problem, Problems, codes};

pub(super) fn group(template: &Template, properties: &Node, problems: &mut Problems) {
    for record in properties.get("RecordSets").map(Node::items).unwrap_or_default() {
        addresses(template, record, problems);
    }
}

pub(super) fn addresses(_: &Template, record: &Node, problems: &mut Problems) {
    let kind = record.get("Type").and_then(Node::as_str).unwrap_or_default();
    for value in record.get("ResourceRecords").map(Node::items).unwrap_or_default() {
        let Some(text) = literal(value) else { continue };
        let (good, wanted) = match kind {
            "A" => (text.parse::<Ipv4Addr>().is_ok(), "an IPv4 address"),
            "AAAA" => (text.parse::<Ipv6Addr>().is_ok(), "an IPv6 address"),
            _ => continue,
        };
        if !good {
            let message = format!("a record of type `{kind}` holds {wanted}, not `{text}`");
            let problem = Problem::error(codes::PROPERTY_PATTERN, message).at(value.span.clone(), "");
            problems.push(if text.contains(char::is_alphabetic) && !text.contains(':') {
                problem.hint("for a name use a record of type `CNAME`, or `AliasTarget`")
            } else {
                problem
            });
        }
    }
}
