//! Reading and writing the parts of an object, which is JSON here as it is on the wire.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// The text at a JSON pointer, or nothing.
pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The number at a JSON pointer.
pub(super) fn number(object: &Value, pointer: &str) -> Option<i64> {
    object.pointer(pointer).and_then(Value::as_i64)
}

/// The list at a JSON pointer, or an empty one.
pub(super) fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object
        .pointer(pointer)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// The entries of the object at a JSON pointer.
pub(super) fn entries<'a>(object: &'a Value, pointer: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let found = object.pointer(pointer).and_then(Value::as_object);
    found
        .into_iter()
        .flat_map(|entries| entries.iter().map(|(key, value)| (key.as_str(), value)))
}

/// Puts `value` at a JSON pointer, making the objects on the way; what stands there otherwise is replaced.
pub(super) fn set(object: &mut Value, pointer: &str, value: Value) {
    let mut slot = object;
    for part in pointer.split('/').skip(1) {
        let key = part.replace("~1", "/").replace("~0", "~");
        if !slot.is_object() {
            *slot = Value::Object(Map::new());
        }
        let Value::Object(entries) = slot else { return };
        slot = entries.entry(key).or_insert(Value::Null);
    }
    *slot = value;
}

/// Puts `value` at a JSON pointer if nothing is there.
pub(super) fn default(object: &mut Value, pointer: &str, value: Value) {
    if object.pointer(pointer).is_none_or(Value::is_null) {
        set(object, pointer, value);
    }
}

/// Takes away what is at a JSON pointer.
pub(super) fn unset(object: &mut Value, pointer: &str) {
    let Some((parent, key)) = pointer.rsplit_once('/') else {
        return;
    };
    if let Some(Value::Object(entries)) = object.pointer_mut(parent) {
        entries.shift_remove(&key.replace("~1", "/").replace("~0", "~"));
    }
}

/// The elements of a list inside of an object, to be changed.
pub(super) fn each<'a>(object: &'a mut Value, pointer: &str) -> impl Iterator<Item = &'a mut Value> {
    let found = object.pointer_mut(pointer).and_then(Value::as_array_mut);
    found.into_iter().flat_map(|list| list.iter_mut())
}

pub(super) fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

pub(super) fn namespace(object: &Value) -> &str {
    text(object, "/metadata/namespace")
}

pub(super) fn uid(object: &Value) -> &str {
    text(object, "/metadata/uid")
}

/// Whether the object is on its way out.
pub(super) fn is_going(object: &Value) -> bool {
    !text(object, "/metadata/deletionTimestamp").is_empty()
}

/// Whether the controller of this uid made the object.
pub(super) fn is_owned(object: &Value, owner: &str) -> bool {
    list(object, "/metadata/ownerReferences")
        .iter()
        .any(|reference| text(reference, "/uid") == owner)
}

/// How an object refers to the controller that made it.
pub(super) fn owner(controller: &Value) -> Value {
    json!([{
        "apiVersion": text(controller, "/apiVersion"),
        "kind": text(controller, "/kind"),
        "name": name(controller),
        "uid": uid(controller),
        "controller": true,
        "blockOwnerDeletion": true,
    }])
}

/// A moment as the API writes it: to the second.
pub(super) fn time(millis: i64) -> String {
    let moment = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A moment that [`time`] wrote, in milliseconds.
pub(super) fn millis(text: &str) -> Option<i64> {
    let moment: jiff::Timestamp = text.parse().ok()?;
    Some(moment.as_millisecond())
}

/// The condition of this type.
pub(super) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    let conditions = list(object, "/status/conditions");
    conditions.iter().find(|condition| text(condition, "/type") == kind)
}

/// Sets a condition; the time of its transition changes with its status only, that of its update with anything.
pub(super) fn set_condition(object: &mut Value, now: i64, kind: &str, status: bool, reason: &str, message: &str) {
    let status = if status { "True" } else { "False" };
    let stamp = time(now);
    let mut wanted = json!({
        "type": kind, "status": status, "lastTransitionTime": stamp, "reason": reason, "message": message,
    });
    for (key, value) in [("reason", reason), ("message", message)] {
        if value.is_empty() {
            unset(&mut wanted, &format!("/{key}"));
        }
    }
    if let Some(was) = condition(object, kind) {
        let same = ["/status", "/reason", "/message"]
            .iter()
            .all(|part| text(was, part) == text(&wanted, part));
        if same {
            return;
        }
        if text(was, "/status") == status {
            let since = was.get("lastTransitionTime").cloned().unwrap_or_default();
            set(&mut wanted, "/lastTransitionTime", since);
        }
    }
    if text(object, "/kind") == "Deployment" {
        set(&mut wanted, "/lastUpdateTime", json!(stamp));
    }
    if !object.pointer("/status/conditions").is_some_and(Value::is_array) {
        set(object, "/status/conditions", json!([]));
    }
    if let Some(conditions) = object.pointer_mut("/status/conditions").and_then(Value::as_array_mut) {
        match conditions.iter_mut().find(|condition| text(condition, "/type") == kind) {
            Some(condition) => *condition = wanted,
            None => conditions.push(wanted),
        }
    }
}

/// Takes a condition away.
pub(super) fn unset_condition(object: &mut Value, kind: &str) {
    if let Some(conditions) = object.pointer_mut("/status/conditions").and_then(Value::as_array_mut) {
        conditions.retain(|condition| text(condition, "/type") != kind);
    }
}

/// Made up from a seed, always the same: 64 digits.
pub(super) fn digest(seed: &str) -> String {
    let digest = Sha256::digest(seed.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A number from 0 to `below` that is made up from a seed.
pub(super) fn pick(seed: &str, below: u64) -> u64 {
    let digest = Sha256::digest(seed.as_bytes());
    let number = digest
        .iter()
        .take(7)
        .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    number.checked_rem(below).unwrap_or_default()
}

/// A word of letters and digits that make no words, as the API server and the controllers end names.
pub(super) fn word(seed: &str, length: usize) -> String {
    const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    let digest = Sha256::digest(seed.as_bytes());
    digest
        .iter()
        .take(length)
        .filter_map(|byte| LETTERS.get(usize::from(*byte) % LETTERS.len()))
        .map(|letter| char::from(*letter))
        .collect()
}

/// A uid that is made up from a seed.
pub(super) fn made_up_uid(seed: &str) -> String {
    let hex = digest(seed);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!(
        "{}-{}-4{}-8{}-{}",
        part(0, 8),
        part(8, 12),
        part(13, 16),
        part(17, 20),
        part(20, 32)
    )
}
