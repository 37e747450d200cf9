//! The template as a whole: sections, logical ids, limits ("Template anatomy", "CloudFormation quotas").

use std::collections::HashMap;

use super::super::read::describe;
use super::super::{Node, NodeValue};
use super::{Section, Template, Transforms, did_you_mean};
use crate::diagnostic::{Problem, Problems, Span, closest, codes};

const SECTIONS: &[&str] = &[
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
    "Transform",
];

/// Section, most entries.
const LIMITS: &[(&str, usize)] = &[
    ("Mappings", 200),
    ("Outputs", 200),
    ("Parameters", 200),
    ("Resources", 500),
];

const MAXIMUM_DESCRIPTION_BYTES: usize = 1_024;
const MAXIMUM_NAME_LENGTH: usize = 255;

pub(super) fn check(template: &Template, problems: &mut Problems) {
    top(template, problems);
    limits(template, problems);
    logical_ids(template, problems);
}

fn top(template: &Template, problems: &mut Problems) {
    let start = Span::new(
        &template.root.span.source,
        template.root.span.bytes.start..template.root.span.bytes.start,
    );
    let sections = template.root.entries();
    let is_near = |name: &str| SECTIONS.contains(&name) || closest(name, SECTIONS.iter().copied()).is_some();
    if let Some((first, span, _)) = sections.first()
        && template.transforms == Transforms::None
        && !sections.iter().any(|(name, _, _)| is_near(name))
    {
        problems.push(
            Problem::error(codes::TEMPLATE_SECTION, "this is no CloudFormation template")
                .at(span.clone(), "")
                .note(format!(
                    "it has none of the sections of one; its first key is `{first}`"
                ))
                .hint("a template needs a `Resources` section with at least one resource"),
        );
        return;
    }
    for (name, span, node) in sections {
        if template.transforms != Transforms::None && (name == "Globals" || name.starts_with("Fn::")) {
            continue;
        }
        if !SECTIONS.contains(&name.as_str()) {
            let mut problem = Problem::error(codes::TEMPLATE_SECTION, format!("a template has no section `{name}`"))
                .at(span.clone(), "");
            if let Some(hint) = did_you_mean(name, SECTIONS.iter().copied()) {
                problem = problem.hint(hint);
            }
            problems.push(problem);
            continue;
        }
        let fits = match name.as_str() {
            "AWSTemplateFormatVersion" | "Description" => matches!(node.value, NodeValue::String(_)),
            "Transform" | "Metadata" => true,
            _ => matches!(node.value, NodeValue::Map(_)),
        };
        if !fits {
            let wanted = if name.starts_with('A') || name == "Description" {
                "a string"
            } else {
                "a mapping"
            };
            problems.push(
                Problem::error(
                    codes::TEMPLATE_SECTION,
                    format!("`{name}` must be {wanted}, not {}", describe(&node.value)),
                )
                .at(span.clone(), ""),
            );
        }
    }
    if let Some(transform) = template.root.get("Transform") {
        for entry in core::iter::once(transform).chain(transform.items()) {
            if let NodeValue::Map(_) = entry.value
                && entry.get("Name").is_none()
            {
                let message = "a transform that is a mapping needs `Name`, the macro to run";
                problems.push(Problem::error(codes::TEMPLATE_SECTION, message).at(entry.span.clone(), ""));
            }
        }
    }
    if let Some(version) = template.root.get("AWSTemplateFormatVersion")
        && version.as_str().is_some_and(|version| version != "2010-09-09")
    {
        problems.push(
            Problem::error(
                codes::TEMPLATE_SECTION,
                "the only template format version is `2010-09-09`",
            )
            .at(version.span.clone(), ""),
        );
    }
    if let Some(description) = template.root.get("Description")
        && description
            .as_str()
            .is_some_and(|text| text.len() > MAXIMUM_DESCRIPTION_BYTES)
    {
        problems.push(
            Problem::error(
                codes::TEMPLATE_LIMIT,
                format!("the description is longer than {MAXIMUM_DESCRIPTION_BYTES} bytes"),
            )
            .at(description.span.clone(), ""),
        );
    }
    // A section that is misspelt or of the wrong form was told already.
    let was_meant = sections.iter().any(|(name, _, node)| {
        let wrong_form = name == "Resources" && !matches!(node.value, NodeValue::Map(_));
        let misspelt =
            !SECTIONS.contains(&name.as_str()) && closest(name, SECTIONS.iter().copied()) == Some("Resources");
        wrong_form || misspelt
    });
    if template.resources.entries.is_empty() && !was_meant {
        problems.push(
            Problem::error(codes::TEMPLATE_SECTION, "the template declares no resource")
                .at(start, "")
                .hint("a template needs a `Resources` section with at least one resource"),
        );
    }
}

fn limits(template: &Template, problems: &mut Problems) {
    for (name, most) in LIMITS {
        let entries = template.root.get(name).map(Node::entries).unwrap_or_default();
        if let Some((_, first_beyond, _)) = entries.get(*most) {
            problems.push(
                Problem::error(
                    codes::TEMPLATE_LIMIT,
                    format!(
                        "`{name}` has {} entries; CloudFormation takes at most {most}",
                        entries.len()
                    ),
                )
                .at(first_beyond.clone(), format!("number {}", most + 1))
                .hint("split the stack into two modules"),
            );
        }
    }
}

fn logical_ids(template: &Template, problems: &mut Problems) {
    // Conditions and mappings are left out: names with other characters are in use, and work.
    let sections: [(&str, &Section); 3] = [
        ("a parameter", &template.parameters),
        ("a resource", &template.resources),
        ("an output", &template.outputs),
    ];
    for (what, section) in sections {
        for (name, span, _) in section.entries {
            if template.transforms != Transforms::None && name.starts_with("Fn::") {
                continue;
            }
            let valid = !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric());
            if !valid || name.len() > MAXIMUM_NAME_LENGTH {
                let fixed: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
                let mut problem = Problem::error(codes::LOGICAL_ID, format!("`{name}` cannot be the name of {what}"))
                    .at(span.clone(), "")
                    .note(format!(
                        "names consist of letters and digits, {MAXIMUM_NAME_LENGTH} at most"
                    ));
                if !valid && !fixed.is_empty() {
                    problem = problem.hint(format!("`{fixed}` would be valid"));
                }
                problems.push(problem);
            }
        }
    }
    let mut declared: HashMap<&str, &Span> = HashMap::new();
    for (name, span, _) in template.parameters.entries.iter().chain(template.resources.entries) {
        if let Some(first) = declared.insert(name, span) {
            problems.push(
                Problem::error(
                    codes::LOGICAL_ID,
                    format!("`{name}` names both a parameter and a resource"),
                )
                .at(span.clone(), "the resource")
                .at(first.clone(), "the parameter"),
            );
        }
    }
}
