//! Sets of fields, as `metadata.managedFields` holds them.
//!
//! "Server-Side Apply", Merge strategy: objects are merged field by field, lists with keys element by element, everything
//! else is one value. The keys are those of Kubernetes' own types; lists of custom resources have none.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::object::{list, text};

/// A field: its elements as `fieldsV1` writes them: `f:spec`, `k:{"name":"main"}`, `v:"a"`.
pub(super) type Path = Vec<String>;

/// A set of fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fields(pub(super) BTreeSet<Path>);

/// How a list is merged.
enum Merging {
    /// Element by element, told apart by the values of these keys.
    Keys(&'static [&'static str]),
    /// As a set of values.
    Set,
    /// As one value.
    Whole,
}

impl Fields {
    /// All fields of an object that somebody can own: without those that say which object it is, and its status.
    pub(super) fn of(object: &Value) -> Self {
        let mut found = BTreeSet::new();
        let mut path = Path::new();
        let keyed = is_built_in(object);
        if let Value::Object(entries) = object {
            for (key, value) in entries {
                match key.as_str() {
                    "apiVersion" | "kind" | "status" => {}
                    "metadata" => {
                        path.push("f:metadata".to_owned());
                        for (key, value) in value.as_object().into_iter().flatten() {
                            let owned = ["labels", "annotations", "finalizers", "ownerReferences"];
                            if owned.contains(&key.as_str()) {
                                path.push(format!("f:{key}"));
                                walk(value, &mut path, &mut found, keyed);
                                path.pop();
                            }
                        }
                        path.pop();
                    }
                    _ => {
                        path.push(format!("f:{key}"));
                        walk(value, &mut path, &mut found, keyed);
                        path.pop();
                    }
                }
            }
        }
        Self(found)
    }

    /// Reads `fieldsV1`.
    pub(super) fn read(written: &Value) -> Self {
        let mut found = BTreeSet::new();
        read(written, &mut Path::new(), &mut found);
        Self(found)
    }

    /// Writes `fieldsV1`.
    pub(super) fn write(&self) -> Value {
        let mut root = json!({});
        for path in &self.0 {
            let mut slot = &mut root;
            for element in path {
                if !slot.is_object() {
                    *slot = json!({});
                }
                let Value::Object(entries) = slot else { break };
                slot = entries.entry(element.clone()).or_insert_with(|| json!({}));
            }
            let inside = self
                .0
                .range(path.clone()..)
                .nth(1)
                .is_some_and(|next| next.starts_with(path));
            if let (Value::Object(entries), true) = (slot, inside) {
                entries.insert(".".to_owned(), json!({}));
            }
        }
        root
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn walk(value: &Value, path: &mut Path, found: &mut BTreeSet<Path>, keyed: bool) {
    match value {
        Value::Null => {}
        Value::Object(entries) if !entries.is_empty() && !is_one_value(path) => {
            for (key, value) in entries {
                path.push(format!("f:{key}"));
                walk(value, path, found, keyed);
                path.pop();
            }
        }
        Value::Array(elements) if !elements.is_empty() => match merging(path, keyed) {
            Merging::Keys(keys) => {
                for element in elements {
                    path.push(key_of(element, keys));
                    found.insert(path.clone());
                    walk(element, path, found, keyed);
                    path.pop();
                }
            }
            Merging::Set => {
                for element in elements {
                    path.push(format!("v:{element}"));
                    found.insert(path.clone());
                    path.pop();
                }
            }
            Merging::Whole => {
                found.insert(path.clone());
            }
        },
        _ => {
            found.insert(path.clone());
        }
    }
}

fn read(written: &Value, path: &mut Path, found: &mut BTreeSet<Path>) {
    let Value::Object(entries) = written else { return };
    if entries.is_empty() && !path.is_empty() {
        found.insert(path.clone());
    }
    for (element, inside) in entries {
        if element == "." {
            found.insert(path.clone());
            continue;
        }
        path.push(element.clone());
        read(inside, path, found);
        path.pop();
    }
}

/// Whether lists of the object have keys.
fn is_built_in(object: &Value) -> bool {
    let (group, _) = text(object, "/apiVersion").split_once('/').unwrap_or_default();
    !group.contains('.') || group.ends_with(".k8s.io") && group != "secrets-store.csi.x-k8s.io"
}

fn last(path: &[String]) -> &str {
    path.last()
        .and_then(|element| element.strip_prefix("f:"))
        .unwrap_or_default()
}

/// Objects that are one value: selectors, and what else is marked `x-kubernetes-map-type: atomic`.
fn is_one_value(path: &[String]) -> bool {
    matches!(
        last(path),
        "selector"
            | "labelSelector"
            | "nodeSelector"
            | "fieldRef"
            | "resourceFieldRef"
            | "secretKeyRef"
            | "configMapKeyRef"
            | "scaleTargetRef"
    ) && path.len() > 1
}

fn merging(path: &[String], keyed: bool) -> Merging {
    let in_metadata = path.first().is_some_and(|element| element == "f:metadata") && path.len() == 2;
    let of_service = path.len() == 2;
    match last(path) {
        "finalizers" if in_metadata => Merging::Set,
        "ownerReferences" if in_metadata => Merging::Keys(&["uid"]),
        _ if !keyed => Merging::Whole,
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "env"
        | "volumes"
        | "imagePullSecrets"
        | "resourceClaims" => Merging::Keys(&["name"]),
        "secrets" if path.len() == 1 => Merging::Keys(&["name"]),
        "volumeMounts" => Merging::Keys(&["mountPath"]),
        "volumeDevices" => Merging::Keys(&["devicePath"]),
        "ports" if of_service => Merging::Keys(&["port", "protocol"]),
        "ports" => Merging::Keys(&["containerPort", "protocol"]),
        "topologySpreadConstraints" => Merging::Keys(&["topologyKey", "whenUnsatisfiable"]),
        "conditions" => Merging::Keys(&["type"]),
        _ => Merging::Whole,
    }
}

/// The element of a path for an element of a list. A protocol that is not said is TCP.
fn key_of(element: &Value, keys: &[&str]) -> String {
    let mut named = Map::new();
    for key in keys {
        let fallback = if *key == "protocol" { json!("TCP") } else { Value::Null };
        let value = element.get(*key).filter(|value| !value.is_null());
        named.insert((*key).to_owned(), value.cloned().unwrap_or(fallback));
    }
    format!("k:{}", Value::Object(named))
}

fn position(elements: &[Value], element: &str) -> Option<usize> {
    if let Some(written) = element.strip_prefix("k:") {
        let named: Value = serde_json::from_str(written).ok()?;
        let named = named.as_object()?;
        return elements.iter().position(|one| {
            named.iter().all(|(key, value)| {
                let there = one.get(key).filter(|value| !value.is_null());
                there == Some(value) || there.is_none() && key == "protocol" && value == "TCP"
            })
        });
    }
    let written: Value = serde_json::from_str(element.strip_prefix("v:")?).ok()?;
    elements.iter().position(|one| *one == written)
}

/// The value of a field.
pub(super) fn get<'a>(object: &'a Value, path: &[String]) -> Option<&'a Value> {
    let mut value = object;
    for element in path {
        value = match element.strip_prefix("f:") {
            Some(key) => value.get(key)?,
            None => {
                let elements = value.as_array()?;
                elements.get(position(elements, element)?)?
            }
        };
    }
    Some(value).filter(|value| !value.is_null())
}

/// Takes a field away, and the objects and lists that are empty without it.
pub(super) fn remove(object: &mut Value, path: &[String]) {
    let Some((element, rest)) = path.split_first() else {
        return;
    };
    match (object, element.strip_prefix("f:")) {
        (Value::Object(entries), Some(key)) => {
            let gone = match entries.get_mut(key) {
                Some(_) if rest.is_empty() => true,
                Some(inside) => {
                    remove(inside, rest);
                    is_empty(inside)
                }
                None => false,
            };
            if gone {
                entries.shift_remove(key);
            }
        }
        (Value::Array(elements), None) => {
            let Some(at) = position(elements, element) else { return };
            if rest.is_empty() {
                elements.remove(at);
            } else if let Some(inside) = elements.get_mut(at) {
                remove(inside, rest);
            }
        }
        _ => {}
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(entries) => entries.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        _ => false,
    }
}

/// Puts what `applied` says into `live`, and leaves the rest of it.
pub(super) fn merge(live: &mut Value, applied: &Value) {
    let keyed = is_built_in(applied);
    merge_at(live, applied, &mut Path::new(), keyed);
}

fn merge_at(live: &mut Value, applied: &Value, path: &mut Path, keyed: bool) {
    match (&mut *live, applied) {
        (Value::Object(there), Value::Object(wanted)) if !is_one_value(path) && !wanted.is_empty() => {
            for (key, value) in wanted.iter().filter(|(_, value)| !value.is_null()) {
                path.push(format!("f:{key}"));
                match there.get_mut(key).filter(|slot| !slot.is_null()) {
                    Some(slot) => merge_at(slot, value, path, keyed),
                    None => {
                        there.insert(key.clone(), value.clone());
                    }
                }
                path.pop();
            }
        }
        // It is said that there is such an object, and nothing about what is in it.
        (Value::Object(_), Value::Object(wanted)) if wanted.is_empty() && !is_one_value(path) => {}
        (Value::Array(there), Value::Array(wanted)) => match merging(path, keyed) {
            Merging::Keys(keys) => {
                for value in wanted {
                    let element = key_of(value, keys);
                    match position(there, &element).and_then(|at| there.get_mut(at)) {
                        Some(slot) => {
                            path.push(element);
                            merge_at(slot, value, path, keyed);
                            path.pop();
                        }
                        None => there.push(value.clone()),
                    }
                }
            }
            Merging::Set => {
                for value in wanted {
                    if !there.contains(value) {
                        there.push(value.clone());
                    }
                }
            }
            Merging::Whole => *live = applied.clone(),
        },
        _ => *live = applied.clone(),
    }
}

/// A field as messages write it: `.spec.template.spec.containers[name="main"].image`.
pub(super) fn shown(path: &[String]) -> String {
    let mut shown = String::new();
    for element in path {
        if let Some(key) = element.strip_prefix("f:") {
            shown.push('.');
            shown.push_str(key);
        } else if let Some(value) = element.strip_prefix("v:") {
            shown.push_str(&format!("[={value}]"));
        } else if let Some(named) = element.strip_prefix("k:") {
            let named: Value = serde_json::from_str(named).unwrap_or_default();
            let keys: Vec<String> = named
                .as_object()
                .into_iter()
                .flatten()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            shown.push_str(&format!("[{}]", keys.join(",")));
        }
    }
    shown
}

/// The entries of an object's `managedFields`.
pub(super) fn managed(object: &Value) -> &[Value] {
    list(object, "/metadata/managedFields")
}
