//! Lists before and after. CloudFormation compares them place by place, so that one element more at the beginning reads as
//! a change of everything behind it; a reader wants to know which element came, went or changed.

use std::collections::BTreeSet;

use serde_json::Value;

use super::values::{is_bare, text};
use super::{PropertyChange, Replacement, ResourceChange};

/// What identifies an element of a list, best first.
const IDENTITIES: [&str; 12] = [
    "PolicyName",
    "Sid",
    "Key",
    "Name",
    "Id",
    "DeviceName",
    "ContainerName",
    "AttributeName",
    "LogicalName",
    "ClusterName",
    "ParameterName",
    "Namespace",
];

/// An element of one list and the one of the other list that it corresponds to.
#[derive(Debug, PartialEq)]
struct Pair<'a> {
    /// How the element is called: `[shipping]` by what identifies it, else `.2` by its place.
    label: String,
    /// The element before; none if it is new.
    before: Option<&'a Value>,
    /// The element after; none if it goes.
    after: Option<&'a Value>,
}

/// Which elements of two lists correspond: those that are identified alike, else those in the same place once what both
/// lists begin and end with is put aside.
fn pairs<'a>(before: &'a [Value], after: &'a [Value]) -> Vec<Pair<'a>> {
    match identity(before, after) {
        Some(key) => named(before, after, key),
        None => placed(before, after),
    }
}

/// A key whose text tells the elements of each list apart.
fn identity(before: &[Value], after: &[Value]) -> Option<&'static str> {
    let tells_apart = |list: &[Value], key: &str| {
        let names: Option<BTreeSet<&str>> = list.iter().map(|element| element.get(key)?.as_str()).collect();
        names.is_some_and(|names| names.len() == list.len())
    };
    let mut keys = IDENTITIES.into_iter();
    keys.find(|key| tells_apart(before, key) && tells_apart(after, key))
}

fn named<'a>(before: &'a [Value], after: &'a [Value], key: &str) -> Vec<Pair<'a>> {
    let name = |element: &Value| element.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let find = |list: &'a [Value], wanted: &Value| list.iter().find(|element| element.get(key) == wanted.get(key));
    let kept = before.iter().map(|element| Pair {
        label: format!("[{}]", name(element)),
        before: Some(element),
        after: find(after, element),
    });
    let new = after.iter().filter(|element| find(before, element).is_none());
    let new = new.map(|element| Pair {
        label: format!("[{}]", name(element)),
        before: None,
        after: Some(element),
    });
    kept.chain(new).collect()
}

fn placed<'a>(before: &'a [Value], after: &'a [Value]) -> Vec<Pair<'a>> {
    let alike = |(one, other): &(&Value, &Value)| one == other;
    let shorter = before.len().min(after.len());
    let head = before.iter().zip(after).take_while(alike).count();
    let tail = before.iter().rev().zip(after.iter().rev()).take_while(alike).count();
    // What lies in the middle is between the two; a list that repeats itself must not be counted twice.
    let tail = tail.min(shorter - head);
    let old = before.get(head..before.len() - tail).unwrap_or_default();
    let new = after.get(head..after.len() - tail).unwrap_or_default();
    (0..old.len().max(new.len()))
        .map(|index| Pair {
            label: format!(".{}", head + index),
            before: old.get(index),
            after: new.get(index),
        })
        .collect()
}

/// Tells the changes within lists of `change` by element where telling them by place would say that elements changed which
/// only moved. `before` and `after` are the resource's properties; what they do not explain stays as it was told.
pub fn by_element(change: &mut ResourceChange, before: &Value, after: &Value) {
    let mut lists: Vec<String> = Vec::new();
    for property in &change.properties {
        if let Some(list) = list_of(&property.path)
            && !lists.iter().any(|other| other == list)
        {
            lists.push(list.to_owned());
        }
    }
    for list in lists {
        let (Some(old @ Value::Array(_)), Some(new @ Value::Array(_))) = (at(before, &list), at(after, &list)) else {
            continue;
        };
        let parts = parts(&list, Some(old), Some(new));
        let within = |property: &PropertyChange| list_of(&property.path) == Some(&list);
        let told = change.properties.iter().filter(|property| within(property));
        // Nothing but the order differs, or as much is to be said as before: places are as good.
        let says_less = !parts.is_empty() && parts.len() < told.clone().count();
        // What has no values is something that CloudFormation is not sure of, and what it hides looks the same on both sides.
        let says_all = |property: &PropertyChange| !is_bare(property) && !is_hidden(property);
        if !says_less || !told.clone().all(says_all) {
            continue;
        }
        let replacement = told
            .clone()
            .map(|one| one.replacement)
            .max()
            .unwrap_or(Replacement::Never);
        let mut causes: Vec<&Option<String>> = told.map(|one| &one.cause).collect();
        causes.dedup();
        let cause = match causes.as_slice() {
            [cause] => (*cause).clone(),
            _ => None,
        };
        let Some(place) = change.properties.iter().position(within) else {
            continue;
        };
        change.properties.retain(|property| !within(property));
        let parts = parts.into_iter().map(|part| PropertyChange {
            path: part.path,
            before: part.before.map(text),
            after: part.after.map(text),
            after_unknown: None,
            replacement,
            cause: cause.clone(),
        });
        change.properties.splice(place..place, parts);
    }
}

/// "NoEcho": "masks the parameter value as asterisks".
fn is_hidden(property: &PropertyChange) -> bool {
    let values = [&property.before, &property.after];
    values.into_iter().flatten().any(|value| value.contains("****"))
}

/// `Policies` of `Policies.0.PolicyName`: what leads to the first place in a list.
fn list_of(path: &str) -> Option<&str> {
    let mut end = 0;
    for part in path.split('.') {
        if end > 0 && !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) {
            return path.get(..end - 1);
        }
        end += part.len() + 1;
    }
    None
}

fn at<'a>(properties: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(properties, |value, part| value.get(part))
}

/// Something that differs between two documents.
#[derive(Debug, PartialEq)]
pub struct Part<'a> {
    /// The way to it.
    pub path: String,
    /// What it was; none if there was nothing.
    pub before: Option<&'a Value>,
    /// What it becomes; none if it goes.
    pub after: Option<&'a Value>,
}

/// In what two documents differ, as deep as can be said; `path` leads to them.
pub fn parts<'a>(path: &str, before: Option<&'a Value>, after: Option<&'a Value>) -> Vec<Part<'a>> {
    let mut found = Vec::new();
    compare(path.to_owned(), before, after, &mut found);
    found
}

fn compare<'a>(path: String, before: Option<&'a Value>, after: Option<&'a Value>, found: &mut Vec<Part<'a>>) {
    match (before, after) {
        (before, after) if before == after => {}
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let added = new.keys().filter(|key| !old.contains_key(*key));
            for key in old.keys().chain(added) {
                compare(format!("{path}.{key}"), old.get(key), new.get(key), found);
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            for pair in pairs(old, new) {
                compare(format!("{path}{}", pair.label), pair.before, pair.after, found);
            }
        }
        // A number may be written as text.
        (Some(old), Some(new)) if text(old) == text(new) => {}
        (before, after) => found.push(Part { path, before, after }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::ResourceAction;

    /// A property of which nothing but its name is told.
    fn bare(path: &str) -> PropertyChange {
        PropertyChange {
            path: path.to_owned(),
            before: None,
            after: None,
            after_unknown: None,
            replacement: Replacement::Never,
            cause: None,
        }
    }

    fn role(properties: Vec<PropertyChange>) -> ResourceChange {
        ResourceChange {
            logical_id: "Role".to_owned(),
            physical_id: None,
            resource_type: "AWS::IAM::Role".to_owned(),
            action: ResourceAction::Modify,
            replacement: Replacement::Never,
            properties,
            leaves: None,
            protection: None,
        }
    }

    fn told(
        before: &Value,
        after: &Value,
        details: &[(&str, Option<&str>)],
    ) -> Vec<(String, Option<String>, Option<String>)> {
        let properties = details.iter().map(|(path, after)| PropertyChange {
            before: Some("told".to_owned()),
            after: after.map(str::to_owned),
            replacement: Replacement::Conditional,
            cause: Some("Parameters.Key".to_owned()),
            ..bare(path)
        });
        let mut change = role(properties.collect());
        by_element(&mut change, before, after);
        for property in &change.properties {
            assert_eq!(property.replacement, Replacement::Conditional);
            assert_eq!(property.cause.as_deref(), Some("Parameters.Key"));
        }
        let parts = change.properties.into_iter();
        parts.map(|part| (part.path, part.before, part.after)).collect()
    }

    fn part(path: &str, before: Option<&str>, after: Option<&str>) -> (String, Option<String>, Option<String>) {
        (path.to_owned(), before.map(str::to_owned), after.map(str::to_owned))
    }

    #[test]
    fn a_policy_that_comes_first_is_one_more_and_the_others_stay() {
        let policy =
            |name: &str, action: &str| json!({ "PolicyName": name, "PolicyDocument": { "Statement": [action] } });
        let before = json!({ "Policies": [policy("plan", "a"), policy("apply", "b")], "Path": "/" });
        let after =
            json!({ "Policies": [policy("ship", "c"), policy("plan", "a"), policy("apply", "d")], "Path": "/x/" });
        let found = told(
            &before,
            &after,
            &[
                ("Path", Some("/x/")),
                ("Policies.0.PolicyName", Some("ship")),
                ("Policies.0.PolicyDocument.Statement.0", Some("c")),
                ("Policies.1.PolicyName", Some("plan")),
                ("Policies.1.PolicyDocument.Statement.0", Some("a")),
                ("Policies.2", Some("...")),
            ],
        );
        let new = r#"{"PolicyName":"ship","PolicyDocument":{"Statement":["c"]}}"#;
        assert_eq!(
            found,
            [
                part("Path", Some("told"), Some("/x/")),
                part("Policies[apply].PolicyDocument.Statement.0", Some("b"), Some("d")),
                part("Policies[ship]", None, Some(new)),
            ]
        );
    }

    #[test]
    fn an_element_without_a_name_is_found_by_what_stands_before_and_behind_it() {
        let lists = |before: Value, after: Value| {
            let (before, after) = (before.as_array().unwrap().clone(), after.as_array().unwrap().clone());
            let found = pairs(&before, &after);
            let found = found
                .into_iter()
                .map(|pair| (pair.label, pair.before.cloned(), pair.after.cloned()));
            found.collect::<Vec<_>>()
        };
        assert_eq!(
            lists(json!([1, 2, 3]), json!([1, 3])),
            [(".1".to_owned(), Some(json!(2)), None)]
        );
        assert_eq!(
            lists(json!([1, 1]), json!([1])),
            [(".1".to_owned(), Some(json!(1)), None)]
        );
        assert_eq!(lists(json!([]), json!([4])), [(".0".to_owned(), None, Some(json!(4)))]);
        assert_eq!(
            lists(json!([1, 2, 9]), json!([1, 5, 6, 9])),
            [
                (".1".to_owned(), Some(json!(2)), Some(json!(5))),
                (".2".to_owned(), None, Some(json!(6)))
            ]
        );
        // A name that stands for two elements tells nothing apart.
        let twice = json!([{ "Key": "a" }, { "Key": "a" }]);
        assert_eq!(lists(twice, json!([{ "Key": "a" }]))[0].0, ".1");
    }

    #[test]
    fn what_only_moves_or_is_not_certain_stays_as_it_was_told() {
        let before = json!({ "Tags": [{ "Key": "a", "Value": "1" }, { "Key": "b", "Value": "2" }] });
        let moved = json!({ "Tags": [{ "Key": "b", "Value": "2" }, { "Key": "a", "Value": "1" }] });
        let details = [("Tags.0.Key", Some("b")), ("Tags.1.Key", Some("a"))];
        let as_told = details.map(|(path, after)| part(path, Some("told"), after));
        assert_eq!(told(&before, &moved, &details), as_told);
        // What is hidden looks the same on both sides.
        let grown = json!({ "Tags": [{ "Key": "0", "Value": "" }, { "Key": "a", "Value": "1" }, { "Key": "b", "Value": "2" }] });
        let hidden = ["Tags.0.Key", "Tags.1.Key", "Tags.2", "Tags.0.Value"].map(|path| (path, Some("****")));
        assert_eq!(told(&before, &grown, &hidden).len(), 4);
        // No context for that list.
        assert_eq!(told(&json!({}), &json!({}), &details), as_told);
        // As many words either way.
        let changed = json!({ "Tags": [{ "Key": "a", "Value": "3" }, { "Key": "b", "Value": "4" }] });
        let details = [("Tags.0.Value", Some("3")), ("Tags.1.Value", Some("4"))];
        assert_eq!(told(&before, &changed, &details)[0].0, "Tags.0.Value");
    }

    #[test]
    fn what_is_suspected_of_a_list_that_is_told_by_element_is_not_told_twice() {
        let joined = |said: &str| {
            let joined = super::super::local::joined(vec![role(vec![bare(said)])], vec![role(vec![bare("Policies")])]);
            joined[0].properties.len()
        };
        assert_eq!(joined("Policies"), 1);
        assert_eq!(joined("Policies[ship]"), 1);
        assert_eq!(joined("Policies.0.PolicyName"), 1);
        assert_eq!(joined("PoliciesOfOthers"), 2);
    }

    #[test]
    fn a_change_without_values_is_not_taken_for_told() {
        let list = |names: &[&str]| json!({ "Policies": names.iter().map(|name| json!({ "PolicyName": name })).collect::<Vec<_>>() });
        let paths = ["Policies.0.PolicyName", "Policies.1.PolicyName", "Policies.2"];
        let mut change = role(paths.map(bare).into());
        let told = change.clone();
        by_element(&mut change, &list(&["a", "b"]), &list(&["c", "a", "b"]));
        assert_eq!(change, told);
    }
}
