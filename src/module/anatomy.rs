//! What a rendered template consists of: its resources, what refers to what, and what comes in from other stacks.

use super::{OutputRef, RenderedStack};
use crate::template::Node;
use crate::template::intrinsic::{ReferenceKind, references};

/// The parts of one stack.
#[derive(Debug, Clone, Default)]
pub struct Anatomy {
    /// In the order of the template.
    pub resources: Vec<Resource>,
    /// `(user, used)` by logical id: `Ref`, `Fn::GetAtt`, `Fn::Sub` and `DependsOn`; each pair once.
    pub uses: Vec<(String, String)>,
    /// The resources that use an output of another stack; each pair once.
    pub takes: Vec<(String, OutputRef)>,
}

/// One resource of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// The logical id.
    pub id: String,
    /// `AWS::EC2::Subnet`
    pub ty: String,
    /// `DeletionPolicy`, where the template says one.
    pub deletion: Option<String>,
}

/// Takes a rendered stack apart.
pub fn anatomy(stack: &RenderedStack) -> Anatomy {
    let section = stack
        .document
        .root
        .get("Resources")
        .map(Node::entries)
        .unwrap_or_default();
    let mut anatomy = Anatomy::default();
    for (id, _, body) in section {
        let text = |key: &str| body.get(key).and_then(Node::as_str).map(str::to_owned);
        anatomy.resources.push(Resource {
            id: id.clone(),
            ty: text("Type").unwrap_or_default(),
            deletion: text("DeletionPolicy"),
        });
        for reference in references(body) {
            let target = reference.target;
            match reference.kind {
                ReferenceKind::Condition | ReferenceKind::Mapping => {}
                _ if target == *id => {}
                _ if section.iter().any(|(other, _, _)| *other == target) => {
                    add(&mut anatomy.uses, (id.clone(), target));
                }
                _ => {
                    if let Some(output) = stack.parameters.get(&target) {
                        add(&mut anatomy.takes, (id.clone(), output.clone()));
                    }
                }
            }
        }
    }
    anatomy
}

fn add<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}
