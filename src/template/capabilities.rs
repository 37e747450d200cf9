//! What a template has to be acknowledged for before CloudFormation creates it.

use super::{Document, Node};

/// The types that need an acknowledgement, and the property that gives each a name of its own
/// ("CreateChangeSet", parameter `Capabilities`).
const IAM_TYPES: &[(&str, Option<&str>)] = &[
    ("AWS::IAM::AccessKey", None),
    ("AWS::IAM::Group", Some("GroupName")),
    ("AWS::IAM::InstanceProfile", Some("InstanceProfileName")),
    ("AWS::IAM::ManagedPolicy", Some("ManagedPolicyName")),
    ("AWS::IAM::Policy", None),
    ("AWS::IAM::Role", Some("RoleName")),
    ("AWS::IAM::User", Some("UserName")),
    ("AWS::IAM::UserToGroupAddition", None),
];

/// `CAPABILITY_NAMED_IAM` if an IAM resource gets a name of its own, `CAPABILITY_IAM` if there is any, and
/// `CAPABILITY_AUTO_EXPAND` if there are macros. Sorted; empty for most templates.
pub fn capabilities(document: &Document) -> Vec<String> {
    let mut needed = Vec::new();
    let resources = document.root.get("Resources").map(Node::entries).unwrap_or_default();
    let mut iam = None;
    for (_, _, resource) in resources {
        let kind = resource.get("Type").and_then(Node::as_str);
        let Some((_, name)) = IAM_TYPES.iter().find(|(iam_type, _)| Some(*iam_type) == kind) else {
            continue;
        };
        let properties = resource.get("Properties");
        if name.is_some_and(|name| properties.is_some_and(|properties| properties.get(name).is_some())) {
            iam = Some("CAPABILITY_NAMED_IAM");
        }
        iam = iam.or(Some("CAPABILITY_IAM"));
    }
    if document.root.get("Transform").is_some() {
        needed.push("CAPABILITY_AUTO_EXPAND".to_owned());
    }
    needed.extend(iam.map(str::to_owned));
    needed
}
