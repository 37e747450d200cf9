//! DynamoDB: the attributes that are defined are those that keys use, no more and no fewer ("CreateTable",
//! `AttributeDefinitions`).

use super::super::super::Node;
use super::super::{Template, did_you_mean};
use super::{apart, literal, written_out};
use crate::diagnostic::Problems;

pub(super) fn keys(_: &Template, properties: &Node, problems: &mut Problems) {
    let Some(defined) = properties
        .get("AttributeDefinitions")
        .and_then(|list| names(list, "AttributeName"))
    else {
        return;
    };
    let Some(used) = used(properties) else { return };
    for key in &used {
        if !defined.iter().any(|attribute| attribute.as_str() == key.as_str()) {
            let name = key.as_str().unwrap_or_default();
            let problem = apart(format!("the key `{name}` is not in `AttributeDefinitions`"), key);
            problems.push(
                match did_you_mean(name, defined.iter().filter_map(|node| node.as_str())) {
                    Some(hint) => problem.hint(hint),
                    None => problem.hint(format!("add `- {{AttributeName: {name}, AttributeType: S}}`")),
                },
            );
        }
    }
    for attribute in &defined {
        if !used.iter().any(|key| key.as_str() == attribute.as_str()) {
            let name = attribute.as_str().unwrap_or_default();
            problems.push(
                apart(format!("the attribute `{name}` is part of no key"), attribute)
                    .note("only attributes of keys are defined; DynamoDB takes others as they come")
                    .hint("remove it from `AttributeDefinitions`"),
            );
        }
    }
}

/// The attributes of all keys; none if one of them is not written out.
fn used(properties: &Node) -> Option<Vec<&Node>> {
    let mut used = names(properties.get("KeySchema")?, "AttributeName")?;
    for list in ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"] {
        let Some(indexes) = properties.get(list) else { continue };
        for index in written_out(indexes)? {
            used.extend(names(index.get("KeySchema")?, "AttributeName")?);
        }
    }
    Some(used)
}

fn names<'n>(list: &'n Node, key: &str) -> Option<Vec<&'n Node>> {
    written_out(list)?
        .iter()
        .map(|item| item.get(key).filter(|name| literal(name).is_some()))
        .collect()
}
