//! Reading objects of Kubernetes, which are JSON: what is not there is empty, as it is in Kubernetes itself.

use serde_json::Value as Json;

/// The text at a JSON pointer.
pub(super) fn text<'a>(object: &'a Json, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Json::as_str).unwrap_or_default()
}

/// The number at a JSON pointer.
pub(super) fn number(object: &Json, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Json::as_i64).unwrap_or_default()
}

/// The number of something that is counted, at a JSON pointer.
pub(super) fn count(object: &Json, pointer: &str) -> u32 {
    u32::try_from(number(object, pointer)).unwrap_or_default()
}

/// The list at a JSON pointer.
pub(super) fn list<'a>(object: &'a Json, pointer: &str) -> &'a [Json] {
    object
        .pointer(pointer)
        .and_then(Json::as_array)
        .map_or(&[], Vec::as_slice)
}

/// A label.
pub(super) fn label<'a>(object: &'a Json, name: &str) -> &'a str {
    of_map(object, "/metadata/labels", name)
}

/// An annotation.
pub(super) fn annotation<'a>(object: &'a Json, name: &str) -> &'a str {
    of_map(object, "/metadata/annotations", name)
}

fn of_map<'a>(object: &'a Json, pointer: &str, name: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(|map| map.get(name))
        .and_then(Json::as_str)
        .unwrap_or_default()
}

/// A condition: its status, reason and message.
pub(super) fn condition<'a>(object: &'a Json, kind: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let found = list(object, "/status/conditions")
        .iter()
        .find(|condition| text(condition, "/type") == kind)?;
    Some((text(found, "/status"), text(found, "/reason"), text(found, "/message")))
}

/// Its name.
pub(super) fn name(object: &Json) -> &str {
    text(object, "/metadata/name")
}

/// Whether it is being deleted.
pub(super) fn is_leaving(object: &Json) -> bool {
    !text(object, "/metadata/deletionTimestamp").is_empty()
}

/// Whether the object with `uid` made it.
pub(super) fn is_owned_by(object: &Json, uid: &str) -> bool {
    list(object, "/metadata/ownerReferences")
        .iter()
        .any(|owner| text(owner, "/uid") == uid)
}

/// `matchLabels` of a selector, as a label selector of a list.
pub(super) fn selector(object: &Json) -> String {
    let labels = object.pointer("/spec/selector/matchLabels").and_then(Json::as_object);
    let pairs: Vec<String> = labels
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    pairs.join(",")
}
