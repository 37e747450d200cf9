//! Policy documents: the statements of identities and of resources.

use super::possible::{Possible, written};
use super::subject::Resource;
use crate::template::Node;

/// A statement of a policy document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Statement<'a>(&'a Node);

impl<'a> Statement<'a> {
    /// Whether it allows; not if that depends on something.
    pub(super) fn allows(self) -> bool {
        self.0.get("Effect").and_then(Node::as_str) == Some("Allow")
    }

    /// Whether it refuses.
    pub(super) fn denies(self) -> bool {
        self.0.get("Effect").and_then(Node::as_str) == Some("Deny")
    }

    /// Whether a condition limits it; which ones do so enough is not judged.
    pub(super) fn is_conditional(self) -> bool {
        Possible::of(self.0.get("Condition"))
            .iter()
            .any(|place| *place != Possible::Absent)
    }

    /// The statement's part `key`.
    pub(super) fn get(self, key: &str) -> Option<&'a Node> {
        self.0.get(key)
    }

    /// The texts listed under `key`, with where they stand; what `Fn::Sub` fills in shows as `${…}`.
    pub(super) fn texts(self, key: &str) -> Vec<(String, &'a Node)> {
        let items = Possible::of(self.0.get(key)).into_iter().flat_map(Possible::items);
        items
            .filter_map(|item| match item {
                Possible::Given(node) | Possible::Unknown(node) => Some((written(node)?, node)),
                Possible::Absent => None,
            })
            .collect()
    }

    /// The action of the statement that covers `wanted` (`iam:PassRole`); case does not count, `*` and `?` do.
    pub(super) fn grants(self, wanted: &str) -> Option<&'a Node> {
        let actions = self.texts("Action").into_iter();
        actions
            .filter(|(action, _)| covers(&action.to_lowercase(), &wanted.to_lowercase()))
            .map(|(_, node)| node)
            .next()
    }

    /// Whether it is about every resource.
    pub(super) fn is_about_everything(self) -> bool {
        self.texts("Resource").iter().any(|(resource, _)| resource == "*")
    }

    /// The place of a principal that is everybody.
    pub(super) fn everybody(self) -> Option<&'a Node> {
        let principals = Possible::of(self.0.get("Principal")).into_iter();
        principals
            .flat_map(|principal| match principal {
                Possible::Given(node) if node.as_str().is_some() => vec![principal],
                other => other.get("AWS").into_iter().flat_map(Possible::items).collect(),
            })
            .filter_map(Possible::given)
            .find(|node| node.as_str() == Some("*"))
    }
}

/// The statements of the document at `path` of a resource.
pub(super) fn statements<'a>(resource: &Resource<'a>, path: &[&str]) -> Vec<Statement<'a>> {
    resource.at(path).into_iter().flat_map(of_document).collect()
}

/// The statements of everything that says what an identity may do: inline policies, and policies of their own.
pub(super) fn permissions<'a>(resource: &Resource<'a>) -> Vec<Statement<'a>> {
    let inline = resource.items(&["Policies"]).into_iter();
    let inline = inline
        .flat_map(|policy| policy.get("PolicyDocument"))
        .flat_map(of_document);
    match resource.kind {
        "AWS::IAM::Role" | "AWS::IAM::User" | "AWS::IAM::Group" => inline.collect(),
        _ => statements(resource, &["PolicyDocument"]),
    }
}

/// The types that say what an identity may do.
pub(super) const IDENTITY_POLICIES: &[&str] = &[
    "AWS::IAM::Group",
    "AWS::IAM::GroupPolicy",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::IAM::RolePolicy",
    "AWS::IAM::User",
    "AWS::IAM::UserPolicy",
];

fn of_document(document: Possible<'_>) -> Vec<Statement<'_>> {
    document
        .get("Statement")
        .into_iter()
        .flat_map(Possible::items)
        .filter_map(Possible::given)
        .map(Statement)
        .collect()
}

/// Whether `pattern`, in which `*` stands for any text and `?` for any character, covers `text`.
pub(super) fn covers(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut seen) = (0, 0);
    // Where to go on when what follows the last star does not fit: the star takes one character more.
    let mut retry: Option<(usize, usize)> = None;
    while let Some(character) = text.get(seen) {
        match pattern.get(at) {
            Some('*') => {
                retry = Some((at, seen));
                at += 1;
            }
            Some(wanted) if wanted == character || *wanted == '?' => {
                at += 1;
                seen += 1;
            }
            _ => match retry {
                Some((star, taken)) => {
                    retry = Some((star, taken + 1));
                    at = star + 1;
                    seen = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|rest| *rest == '*')
}
