//! What rules look at: a resource, and the template around it.

use super::possible::{self, Possible};
use super::rule::Finding;
use crate::diagnostic::Span;
use crate::template::intrinsic::{self, ReferenceKind};
use crate::template::{Document, Node};

/// A resource of a template.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resource<'a> {
    /// The logical id.
    pub(super) name: &'a str,
    /// Where the logical id stands: where what is missing would have to be.
    pub(super) span: &'a Span,
    /// `AWS::S3::Bucket`.
    pub(super) kind: &'a str,
    /// The whole resource.
    pub(super) node: &'a Node,
    /// The template that it stands in.
    pub(super) document: &'a Document,
}

/// The resources of `document` that have a type, in the order of the text. None if a macro rewrites the template: what
/// seems to be missing may be what it adds.
pub(super) fn resources(document: &Document) -> impl Iterator<Item = Resource<'_>> {
    let resources = document.root.get("Resources").filter(|_| !is_rewritten(document));
    let entries = resources.map(Node::entries).unwrap_or_default();
    entries.iter().filter_map(move |(name, span, node)| {
        Some(Resource {
            name,
            span,
            kind: node.get("Type")?.as_str()?,
            node,
            document,
        })
    })
}

/// Whether macros other than AWS's own, which leave resources as they are, change the template before it is deployed.
fn is_rewritten(document: &Document) -> bool {
    let listed = document.root.get("Transform");
    let names = Possible::of(listed).into_iter().flat_map(Possible::items);
    names.into_iter().any(|name| match name {
        Possible::Given(node) => node.as_str().is_none_or(|name| !name.starts_with("AWS::")),
        Possible::Unknown(_) => true,
        Possible::Absent => false,
    })
}

impl<'a> Resource<'a> {
    /// Everything that may stand at `path` below the properties.
    pub(super) fn at(&self, path: &[&str]) -> Vec<Possible<'a>> {
        let properties = self.node.get("Properties");
        let start = Possible::of(properties);
        start.into_iter().flat_map(|place| place.path(path)).collect()
    }

    /// Everything that the list at `path` may hold.
    pub(super) fn items(&self, path: &[&str]) -> Vec<Possible<'a>> {
        self.at(path).into_iter().flat_map(Possible::items).collect()
    }

    /// Whether nothing stands at `path`, whatever the conditions.
    pub(super) fn lacks(&self, path: &[&str]) -> bool {
        self.at(path).iter().all(|place| *place == Possible::Absent)
    }

    /// Whether what stands at `path` is the text `wanted`, whatever the conditions.
    pub(super) fn says(&self, path: &[&str], wanted: &str) -> bool {
        let places = self.at(path);
        let is_wanted = |place: &Possible| place.given().and_then(possible::text).as_deref() == Some(wanted);
        !places.is_empty() && places.iter().all(is_wanted)
    }

    /// A finding at the resource: something is missing in it.
    pub(super) fn missing(&self, property: &str, message: String) -> Finding {
        Finding::at(self.span, message).saying(format!("`{property}` is missing"))
    }

    /// Findings for a property that has to be on: one for each way in which it is off, or not given if that is `off` too.
    pub(super) fn must_be_on(&self, path: &[&str], absent: Absent, message: &str) -> Vec<Finding> {
        let property = path.join(".");
        let places = self.at(path).into_iter();
        let found = places.filter_map(|place| match place {
            Possible::Absent if absent == Absent::IsOff => Some(self.missing(&property, message.to_owned())),
            Possible::Given(node) if possible::boolean(node) == Some(false) => {
                Some(Finding::at(&node.span, message.to_owned()).saying(format!("`{property}` is off")))
            }
            _ => None,
        });
        once(found)
    }

    /// Findings for a property that must not be on.
    pub(super) fn must_be_off(&self, path: &[&str], message: &str) -> Vec<Finding> {
        let places = self.at(path).into_iter();
        let found = places.filter_map(|place| match place {
            Possible::Given(node) if possible::boolean(node) == Some(true) => {
                Some(Finding::at(&node.span, message.to_owned()))
            }
            _ => None,
        });
        once(found)
    }

    /// A finding if nothing stands at `path` under some condition.
    pub(super) fn must_have(&self, path: &[&str], message: &str) -> Vec<Finding> {
        let absent = self.at(path).contains(&Possible::Absent);
        absent
            .then(|| self.missing(&path.join("."), message.to_owned()))
            .into_iter()
            .collect()
    }

    /// The other resources of the template that are of `kind`.
    pub(super) fn siblings(&self, kind: &'a str) -> impl Iterator<Item = Resource<'a>> {
        resources(self.document).filter(move |other| other.kind == kind)
    }

    /// Whether something in the properties of this resource refers to `target`.
    pub(super) fn refers_to(&self, target: &str) -> bool {
        let properties = self.node.get("Properties");
        let references = properties.map(intrinsic::references).unwrap_or_default();
        references.iter().any(|reference| {
            matches!(reference.kind, ReferenceKind::Ref | ReferenceKind::GetAtt) && reference.target == target
        })
    }
}

/// What it means that a switch is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absent {
    /// AWS takes it as off.
    IsOff,
    /// AWS takes it as on, or does not say.
    IsFine,
}

/// The same finding at the same place is told once: both branches of a condition may lack the same thing.
pub(super) fn once(findings: impl IntoIterator<Item = Finding>) -> Vec<Finding> {
    let mut kept: Vec<Finding> = Vec::new();
    for finding in findings {
        if !kept.contains(&finding) {
            kept.push(finding);
        }
    }
    kept
}
