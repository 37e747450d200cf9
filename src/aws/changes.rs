//! What CloudFormation says of a change, in the plan's words.

use aws_sdk_cloudformation::types::{
    ChangeAction, EvaluationType, PolicyAction, Replacement as SdkReplacement, RequiresRecreation, ResourceAttribute,
    ResourceChangeDetail,
};

use super::cloudformation::Change;
use crate::plan::{Leaves, PropertyChange, Replacement, ResourceAction, ResourceChange, by_element};

/// What CloudFormation writes in place of a value that it cannot know yet.
const KNOWN_AFTER_APPLY: &str = "{{changeSet:KNOWN_AFTER_APPLY}}";

/// One change of a change set.
pub(super) fn resource_change(change: &Change) -> ResourceChange {
    let action = match change.action() {
        Some(ChangeAction::Add) => ResourceAction::Add,
        Some(ChangeAction::Modify | ChangeAction::SyncWithActual) => ResourceAction::Modify,
        Some(ChangeAction::Remove) => ResourceAction::Remove,
        Some(ChangeAction::Import) => ResourceAction::Import,
        _ => ResourceAction::Dynamic,
    };
    let replaced_by_policy = matches!(
        change.policy_action(),
        Some(PolicyAction::ReplaceAndDelete | PolicyAction::ReplaceAndRetain | PolicyAction::ReplaceAndSnapshot)
    );
    let replacement = match change.replacement() {
        Some(SdkReplacement::True) => Replacement::Always,
        Some(SdkReplacement::Conditional) => Replacement::Conditional,
        _ if replaced_by_policy => Replacement::Always,
        _ => Replacement::Never,
    };
    let properties = match action {
        ResourceAction::Modify | ResourceAction::Dynamic | ResourceAction::Import => properties(change.details()),
        ResourceAction::Add | ResourceAction::Remove => Vec::new(),
    };
    let mut told = ResourceChange {
        logical_id: change.logical_resource_id().unwrap_or_default().to_owned(),
        physical_id: change
            .physical_resource_id()
            .filter(|id| !id.is_empty())
            .map(str::to_owned),
        resource_type: change.resource_type().unwrap_or_default().to_owned(),
        action,
        replacement,
        properties,
        leaves: match change.policy_action() {
            Some(PolicyAction::Retain | PolicyAction::ReplaceAndRetain) => Some(Leaves::Resource),
            Some(PolicyAction::Snapshot | PolicyAction::ReplaceAndSnapshot) => Some(Leaves::Snapshot),
            _ => None,
        },
        protection: None,
    };
    if let (Some(before), Some(after)) = (context(change.before_context()), context(change.after_context())) {
        by_element(&mut told, &before, &after);
        told.properties.iter_mut().for_each(open);
    }
    told
}

/// The resource's properties as its context tells them.
fn context(context: Option<&str>) -> Option<serde_json::Value> {
    let mut context: serde_json::Value = serde_json::from_str(context?).ok()?;
    context.get_mut("Properties").map(serde_json::Value::take)
}

/// A value that is not known yet is no value.
fn open(property: &mut PropertyChange) {
    if property
        .after
        .as_deref()
        .is_some_and(|value| value.contains(KNOWN_AFTER_APPLY))
    {
        property.after = None;
        property.after_unknown = Some("known after apply".to_owned());
    }
}

/// CloudFormation tells the same property several times, once for each thing that moves it; a static detail with values
/// says the most.
fn properties(details: &[ResourceChangeDetail]) -> Vec<PropertyChange> {
    let mut found: Vec<(PropertyChange, bool)> = Vec::new();
    for detail in details {
        let Some(change) = property(detail) else { continue };
        let certain = detail.evaluation() == Some(&EvaluationType::Static);
        match found.iter_mut().find(|(other, _)| other.path == change.path) {
            None => found.push((change, certain)),
            Some((other, other_certain)) => {
                let replacement = other.replacement.max(change.replacement);
                let cause = change.cause.clone().or_else(|| other.cause.take());
                let better = certain && !*other_certain || other.before.is_none() && other.after.is_none();
                if better {
                    *other = change;
                    *other_certain = certain;
                }
                other.replacement = replacement;
                other.cause = cause;
            }
        }
    }
    found.into_iter().map(|(change, _)| change).collect()
}

fn property(detail: &ResourceChangeDetail) -> Option<PropertyChange> {
    let target = detail.target()?;
    let path = match (target.path(), target.name()) {
        (Some(path), _) => path
            .trim_start_matches('/')
            .trim_start_matches("Properties/")
            .replace('/', "."),
        (None, Some(name)) => name.to_owned(),
        (None, None) => match target.attribute()? {
            ResourceAttribute::Tags => "Tags".to_owned(),
            other => other.as_str().to_owned(),
        },
    };
    let replacement = match target.requires_recreation() {
        Some(RequiresRecreation::Always) if detail.evaluation() == Some(&EvaluationType::Dynamic) => {
            Replacement::Conditional
        }
        Some(RequiresRecreation::Always) => Replacement::Always,
        Some(RequiresRecreation::Conditionally) => Replacement::Conditional,
        _ => Replacement::Never,
    };
    let mut change = PropertyChange {
        path,
        before: target.before_value().map(str::to_owned),
        after: target.after_value().map(str::to_owned),
        after_unknown: None,
        replacement,
        cause: detail
            .causing_entity()
            .map(|entity| match detail.change_source().map(|source| source.as_str()) {
                Some("ParameterReference") => format!("Parameters.{entity}"),
                _ => entity.to_owned(),
            }),
    };
    open(&mut change);
    Some(change)
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudformation::types::{ResourceChange as SdkChange, ResourceTargetDefinition};

    use super::*;

    fn detail(path: &str, before: &str, after: &str) -> ResourceChangeDetail {
        let target = ResourceTargetDefinition::builder().path(path).before_value(before);
        let target = target.after_value(after).requires_recreation(RequiresRecreation::Never);
        ResourceChangeDetail::builder().target(target.build()).build()
    }

    #[test]
    fn elements_of_lists_are_told_by_name_from_the_contexts_of_a_change() {
        let rule = |key: &str, value: &str| format!(r#"{{"Key":"{key}","Value":"{value}"}}"#);
        let list = |rules: &[String]| format!(r#"{{"Properties":{{"Tags":[{}]}}}}"#, rules.join(","));
        let change = SdkChange::builder()
            .action(ChangeAction::Modify)
            .details(detail("/Properties/Tags/0/Key", "b", "a"))
            .details(detail("/Properties/Tags/0/Value", "2", KNOWN_AFTER_APPLY))
            .details(detail("/Properties/Tags/1", "", &rule("b", "2")))
            .before_context(list(&[rule("b", "2")]))
            .after_context(list(&[rule("a", KNOWN_AFTER_APPLY), rule("b", "2")]))
            .build();
        let told = resource_change(&change);
        let [tag] = told.properties.as_slice() else {
            panic!("{:#?}", told.properties);
        };
        assert_eq!(tag.path, "Tags[a]");
        assert_eq!((tag.before.as_deref(), tag.after.as_deref()), (None, None));
        assert_eq!(tag.after_unknown.as_deref(), Some("known after apply"));
        // Without contexts it stays as it was told.
        let bare = SdkChange::builder().details(detail("/Properties/Tags/0/Key", "b", "a"));
        let told = resource_change(&bare.action(ChangeAction::Modify).build());
        assert_eq!(told.properties[0].path, "Tags.0.Key");
    }
}
