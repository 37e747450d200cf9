//! Whether CloudFormation is about to do more than the reviewer saw.

use super::{Replacement, ResourceAction, ResourceChange};

/// A loss that nobody reviewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unseen {
    /// The resource.
    pub logical_id: String,
    /// Its type.
    pub resource_type: String,
    /// What would happen: a clause that follows "it", such as `would be replaced because CidrBlock changes`.
    pub what: String,
}

/// The removals and replacements in `actual` that `reviewed` did not show at least as strongly.
///
/// Additions and changes in place are no loss: they may follow from values that were not known when the plan was made.
pub fn unseen(reviewed: &[ResourceChange], actual: &[ResourceChange]) -> Vec<Unseen> {
    actual
        .iter()
        .filter(|change| {
            let seen = reviewed.iter().find(|other| other.logical_id == change.logical_id);
            !only_reads_what_stays(change, actual) && loss(change) > seen.map_or(Loss::None, shown)
        })
        .map(|change| Unseen {
            logical_id: change.logical_id.clone(),
            resource_type: change.resource_type.clone(),
            what: describe(change),
        })
        .collect()
}

/// Whether all that could force a replacement is an attribute of a resource that is itself changed in place.
///
/// CloudFormation says "perhaps" of everything that reads a changed resource, because it looks at the attributes only
/// while it executes; identifiers and ARNs do not move in an update in place.
fn only_reads_what_stays(change: &ResourceChange, actual: &[ResourceChange]) -> bool {
    let stays = |cause: &str| {
        let source = cause.split('.').next().unwrap_or_default();
        actual.iter().any(|other| {
            other.logical_id == source
                && other.action == ResourceAction::Modify
                && other.replacement == Replacement::Never
        })
    };
    let mut forcing = change
        .properties
        .iter()
        .filter(|property| property.replacement != Replacement::Never)
        .peekable();
    change.replacement == Replacement::Conditional
        && forcing.peek().is_some()
        && forcing.all(|property| property.cause.as_deref().is_some_and(stays))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Loss {
    None,
    Perhaps,
    Replaced,
    Removed,
}

fn loss(change: &ResourceChange) -> Loss {
    match (change.action, change.replacement) {
        (ResourceAction::Remove, _) => Loss::Removed,
        (_, Replacement::Always) => Loss::Replaced,
        (ResourceAction::Dynamic, _) | (_, Replacement::Conditional) => Loss::Perhaps,
        _ => Loss::None,
    }
}

/// What the reviewer was shown. A property whose value was open and that forces a replacement is shown as such, although
/// the resource as a whole could only be said to be replaced perhaps.
fn shown(change: &ResourceChange) -> Loss {
    let announced = change
        .properties
        .iter()
        .any(|property| property.after_unknown.is_some() && property.replacement == Replacement::Always);
    if announced {
        loss(change).max(Loss::Replaced)
    } else {
        loss(change)
    }
}

fn describe(change: &ResourceChange) -> String {
    let because: Vec<&str> = change
        .properties
        .iter()
        .filter(|property| property.replacement != Replacement::Never)
        .map(|property| property.path.as_str())
        .collect();
    let because = if because.is_empty() {
        String::new()
    } else {
        format!(" because of {}", because.join(", "))
    };
    match loss(change) {
        Loss::Removed => "would be removed".to_owned(),
        Loss::Replaced => format!("would be replaced{because}"),
        Loss::Perhaps | Loss::None => format!("might be replaced{because}"),
    }
}
