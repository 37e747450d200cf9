//! `CreationPolicy` and `UpdatePolicy`: which types have one, and what may stand in it.

use super::super::{Node, NodeValue, schema};
use super::properties::Walk;
use super::{Template, Transforms, intrinsic};
use crate::diagnostic::{Problem, Problems, codes};

/// "CreationPolicy attribute" and "UpdatePolicy attribute", in the schemas under these names.
const ATTRIBUTES: [(&str, &str); 2] = [("CreationPolicy", "creationPolicy"), ("UpdatePolicy", "updatePolicy")];

pub(super) fn check(template: &Template, problems: &mut Problems) {
    for (name, _, resource) in template.resources.entries {
        for (attribute, key) in ATTRIBUTES {
            let entry = resource.entries().iter().find(|(found, _, _)| found == attribute);
            let Some((_, span, node)) = entry else { continue };
            if !matches!(node.value, NodeValue::Map(_)) || intrinsic::call(node).is_some() {
                continue;
            }
            let type_name = resource.get("Type").and_then(Node::as_str).unwrap_or_default();
            let Some(schema) = schema::get(type_name) else { continue };
            let Some(given) = schema.json().get(key) else {
                if template.transforms == Transforms::None {
                    let problem = Problem::error(
                        codes::DEPLOYMENT_POLICY,
                        format!("`{type_name}` has no `{attribute}`"),
                    )
                    .at(span.clone(), "")
                    .hint("take it out");
                    problems.push(problem);
                }
                continue;
            };
            let mut walk = Walk::of_attribute(template, &schema, name, attribute);
            walk.value(given, node, span);
            problems.0.extend(walk.found.0.into_iter().map(|problem| Problem {
                code: codes::DEPLOYMENT_POLICY,
                ..problem
            }));
        }
    }
}
