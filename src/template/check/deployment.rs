//! `CreationPolicy` and `UpdatePolicy`: which types have one, and what may stand in it.

use super::super::{Node, NodeValue, schema};
use super::properties::Walk;
use super::{Template, Transforms, intrinsic};
use crate::diagnostic::{Problem, Problems, Severity, codes};

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
                    let problem =
                        Problem::error(codes::DEPLOYMENT_POLICY, format!("`{type_name}` has no `{attribute}`"));
                    // CloudFormation refuses the one and ignores the other.
                    let severity = match attribute {
                        "UpdatePolicy" => Severity::Error,
                        _ => Severity::Warning,
                    };
                    problems.push(Problem { severity, ..problem }.at(span.clone(), "").hint("take it out"));
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
