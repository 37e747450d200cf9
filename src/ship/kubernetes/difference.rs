//! What applying would change in an object, field by field.

use serde_json::Value as Json;

use crate::ship::FieldChange;

/// What the cluster keeps for itself: no change of it is anybody's wish.
const KEPT: &[&str] = &[
    "managedFields",
    "resourceVersion",
    "generation",
    "uid",
    "creationTimestamp",
    "selfLink",
];
/// Annotations that controllers write.
const CONTROLLERS: &[&str] = &["deployment.kubernetes.io/revision"];

/// How `after` differs from `before`, without what the cluster keeps for itself.
pub(super) fn difference(before: &Json, after: &Json) -> Vec<FieldChange> {
    let mut found = Vec::new();
    between(&tidy(before), &tidy(after), "", &mut found);
    found
}

/// An object without status and without what the cluster keeps for itself.
fn tidy(object: &Json) -> Json {
    let mut object = object.clone();
    if let Some(map) = object.as_object_mut() {
        map.remove("status");
        if let Some(metadata) = map.get_mut("metadata").and_then(Json::as_object_mut) {
            metadata.retain(|key, _| !KEPT.contains(&key.as_str()));
            if let Some(annotations) = metadata.get_mut("annotations").and_then(Json::as_object_mut) {
                annotations.retain(|key, _| !CONTROLLERS.contains(&key.as_str()));
            }
        }
    }
    object
}

fn between(before: &Json, after: &Json, path: &str, found: &mut Vec<FieldChange>) {
    match (before, after) {
        _ if before == after => {}
        (Json::Object(old), Json::Object(new)) => {
            for (key, value) in old {
                let path = join(path, key);
                match new.get(key) {
                    Some(after) => between(value, after, &path, found),
                    None => change(path, Some(value), None, found),
                }
            }
            for (key, value) in new {
                if !old.contains_key(key) {
                    change(join(path, key), None, Some(value), found);
                }
            }
        }
        (Json::Array(old), Json::Array(new)) => match (named(old), named(new)) {
            (Some(old), Some(new)) => {
                for (name, value) in &old {
                    let path = format!("{path}[name={name}]");
                    match new.iter().find(|(other, _)| other == name) {
                        Some((_, after)) => between(value, after, &path, found),
                        None => change(path, Some(value), None, found),
                    }
                }
                for (name, value) in &new {
                    if !old.iter().any(|(other, _)| other == name) {
                        change(format!("{path}[name={name}]"), None, Some(value), found);
                    }
                }
            }
            _ => change(path.to_owned(), Some(before), Some(after), found),
        },
        _ => change(path.to_owned(), Some(before), Some(after), found),
    }
}

fn change(path: String, before: Option<&Json>, after: Option<&Json>, found: &mut Vec<FieldChange>) {
    // Nothing and an empty map are the same to Kubernetes.
    let some = |value: Option<&Json>| {
        value
            .filter(|value| !value.is_null() && !value.as_object().is_some_and(serde_json::Map::is_empty))
            .cloned()
    };
    let (before, after) = (some(before), some(after));
    if before != after {
        found.push(FieldChange { path, before, after });
    }
}

/// The entries of a list by their names, if all have one of their own: their order means nothing then.
fn named(list: &[Json]) -> Option<Vec<(&str, &Json)>> {
    let named: Option<Vec<(&str, &Json)>> = list
        .iter()
        .map(|entry| Some((entry.get("name")?.as_str()?, entry)))
        .collect();
    let named = named?;
    let mut names: Vec<&str> = named.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    names.dedup();
    (names.len() == named.len()).then_some(named)
}

/// `spec.template`; keys with points in them stand in brackets.
fn join(path: &str, key: &str) -> String {
    if key.contains(['.', '/']) {
        format!("{path}[{key}]")
    } else if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_container_is_named_and_the_clusters_own_fields_are_left_out() {
        let before = json!({
            "metadata": { "name": "scorer", "resourceVersion": "1", "generation": 1, "managedFields": [],
                "annotations": { "deployment.kubernetes.io/revision": "3" }, "labels": { "mlinfra/stack": "old" } },
            "spec": { "replicas": 2, "template": { "spec": { "containers": [
                { "name": "side", "image": "s" }, { "name": "scorer", "image": "a@sha256:1", "env": [{ "name": "A", "value": "1" }] } ] } } },
            "status": { "replicas": 2 },
        });
        let after = json!({
            "metadata": { "name": "scorer", "resourceVersion": "2", "generation": 2, "labels": { "mlinfra/stack": "new" } },
            "spec": { "replicas": 2, "template": { "spec": { "containers": [
                { "name": "scorer", "image": "a@sha256:2", "env": [{ "name": "B", "value": "2" }] }, { "name": "side", "image": "s" } ] } } },
        });
        let said: Vec<String> = difference(&before, &after)
            .into_iter()
            .map(|change| {
                let text = |value: Option<Json>| value.map_or("-".to_owned(), |value| value.to_string());
                format!("{}: {} -> {}", change.path, text(change.before), text(change.after))
            })
            .collect();
        assert_eq!(
            said,
            [
                "metadata.labels[mlinfra/stack]: \"old\" -> \"new\"",
                "spec.template.spec.containers[name=scorer].image: \"a@sha256:1\" -> \"a@sha256:2\"",
                "spec.template.spec.containers[name=scorer].env[name=A]: {\"name\":\"A\",\"value\":\"1\"} -> -",
                "spec.template.spec.containers[name=scorer].env[name=B]: - -> {\"name\":\"B\",\"value\":\"2\"}",
            ]
        );
    }

    #[test]
    fn what_only_the_cluster_writes_is_no_change() {
        let before = json!({ "metadata": { "uid": "1", "generation": 4 }, "status": { "x": 1 }, "spec": {} });
        let after = json!({ "metadata": { "uid": "1", "generation": 5, "annotations": {} } });
        assert_eq!(difference(&before, &after), []);
    }
}
