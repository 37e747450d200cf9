//! Who owns which field: server-side apply, and what any other write does to the ownership.
//!
//! "Server-Side Apply", Conflicts: a field that somebody else owns and that would change is a conflict, unless the request
//! forces it; a field that an applier no longer names goes, unless somebody else owns it too.

use serde_json::{Value, json};

use super::fields::{Fields, Path, get, managed, merge, remove, shown};
use super::object::{set, text, time};
use super::refusal::Refusal;

/// Whoever writes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Writer<'a> {
    /// The field manager.
    pub(super) manager: &'a str,
    /// `scale` or `status` where the write is to such a part.
    pub(super) part: &'a str,
    pub(super) now: i64,
}

/// One manager's fields.
struct Entry {
    manager: String,
    operation: String,
    api_version: String,
    part: String,
    time: String,
    fields: Fields,
}

/// What `live` becomes when `applied` is applied to it.
///
/// # Errors
/// The conflicts, unless they are forced.
pub(super) fn apply(live: &Value, applied: &Value, writer: Writer<'_>, force: bool) -> Result<Value, Refusal> {
    let wanted = Fields::of(applied);
    let mut entries = entries(live);
    let is_own = |entry: &Entry| entry.manager == writer.manager && entry.operation == "Apply" && entry.part.is_empty();
    let changes = |path: &Path| !is_element(path) && get(live, path) != get(applied, path);
    let mut conflicts: Vec<(usize, Path)> = Vec::new();
    for (index, entry) in entries.iter().enumerate().filter(|(_, entry)| !is_own(entry)) {
        let met = entry.fields.0.intersection(&wanted.0).filter(|path| changes(path));
        conflicts.extend(met.map(|path| (index, path.clone())));
    }
    if !conflicts.is_empty() && !force {
        return Err(refused(&entries, &conflicts));
    }
    for (index, path) in &conflicts {
        if let Some(entry) = entries.get_mut(*index) {
            entry.fields.0.remove(path);
        }
    }
    let mut merged = live.clone();
    merge(&mut merged, applied);
    let before = entries.iter().find(|entry| is_own(entry));
    let dropped: Vec<Path> = before
        .map(|entry| entry.fields.0.difference(&wanted.0).cloned().collect())
        .unwrap_or_default();
    // The innermost first, so that what is then empty goes as well.
    for path in dropped.iter().rev() {
        let others = entries.iter().filter(|entry| !is_own(entry));
        let kept = others
            .flat_map(|entry| entry.fields.0.iter())
            .any(|owned| owned.starts_with(path));
        if !kept && !wanted.0.iter().any(|owned| owned.starts_with(path)) {
            remove(&mut merged, path);
        }
    }
    entries.retain(|entry| !is_own(entry) && !entry.fields.is_empty());
    entries.push(Entry {
        manager: writer.manager.to_owned(),
        operation: "Apply".to_owned(),
        api_version: text(applied, "/apiVersion").to_owned(),
        part: String::new(),
        time: time(writer.now),
        fields: wanted,
    });
    write(&mut merged, &entries);
    Ok(merged)
}

/// Notes in `new` who owns what after any other write: who writes owns what it changes, and nobody what is gone.
pub(super) fn own(live: &Value, new: &mut Value, writer: Writer<'_>) {
    let (all, before) = (Fields::of(new), Fields::of(live));
    let changed: Vec<&Path> = all
        .0
        .iter()
        .filter(|path| !before.0.contains(*path) || !is_element(path) && get(live, path) != get(new, path))
        .collect();
    let mut entries = entries(live);
    let is_own =
        |entry: &Entry| entry.manager == writer.manager && entry.operation == "Update" && entry.part == writer.part;
    for entry in &mut entries {
        let own = is_own(entry);
        entry
            .fields
            .0
            .retain(|path| all.0.contains(path) && (own || !changed.contains(&path)));
    }
    if !changed.is_empty() {
        let changed: Vec<Path> = changed.into_iter().cloned().collect();
        let api_version = text(new, "/apiVersion").to_owned();
        match entries.iter_mut().find(|entry| is_own(entry)) {
            Some(entry) => {
                entry.fields.0.extend(changed);
                entry.time = time(writer.now);
            }
            None => entries.push(Entry {
                manager: writer.manager.to_owned(),
                operation: "Update".to_owned(),
                api_version,
                part: writer.part.to_owned(),
                time: time(writer.now),
                fields: Fields(changed.into_iter().collect()),
            }),
        }
    }
    entries.retain(|entry| !entry.fields.is_empty());
    write(new, &entries);
}

/// Whether two objects are the same but for when somebody wrote them.
pub(super) fn is_same(one: &Value, other: &Value) -> bool {
    let timeless = |object: &Value| {
        let mut object = object.clone();
        for entry in super::object::each(&mut object, "/metadata/managedFields") {
            super::object::unset(entry, "/time");
        }
        object
    };
    timeless(one) == timeless(other)
}

/// Whether the field is an element of a list with keys, whose fields are compared one by one.
fn is_element(path: &Path) -> bool {
    path.last().is_some_and(|element| !element.starts_with("f:"))
}

fn entries(object: &Value) -> Vec<Entry> {
    managed(object)
        .iter()
        .map(|entry| {
            let part = |key: &str| text(entry, key).to_owned();
            Entry {
                manager: part("/manager"),
                operation: part("/operation"),
                api_version: part("/apiVersion"),
                part: part("/subresource"),
                time: part("/time"),
                fields: Fields::read(entry.get("fieldsV1").unwrap_or(&Value::Null)),
            }
        })
        .collect()
}

fn write(object: &mut Value, entries: &[Entry]) {
    let mut sorted: Vec<&Entry> = entries.iter().collect();
    sorted.sort_by(|one, other| {
        (&one.operation, &one.time, &one.manager).cmp(&(&other.operation, &other.time, &other.manager))
    });
    let written: Vec<Value> = sorted
        .into_iter()
        .map(|entry| {
            let mut written = json!({
                "manager": entry.manager, "operation": entry.operation, "apiVersion": entry.api_version,
                "time": entry.time, "fieldsType": "FieldsV1", "fieldsV1": entry.fields.write(),
            });
            if !entry.part.is_empty() {
                set(&mut written, "/subresource", json!(entry.part));
            }
            written
        })
        .collect();
    set(object, "/metadata/managedFields", json!(written));
}

/// The conflicts in the API server's words.
fn refused(entries: &[Entry], conflicts: &[(usize, Path)]) -> Refusal {
    let named = |index: usize| -> String {
        let Some(entry) = entries.get(index) else {
            return String::new();
        };
        let mut named = format!("{:?}", entry.manager);
        if !entry.part.is_empty() {
            named.push_str(&format!(" with subresource {:?}", entry.part));
        }
        if entry.operation == "Update" {
            named.push_str(&format!(" using {}", entry.api_version));
        }
        named
    };
    let causes = conflicts
        .iter()
        .map(|(index, path)| {
            json!({
                "reason": "FieldManagerConflict",
                "message": format!("conflict with {}", named(*index)),
                "field": shown(path),
            })
        })
        .collect();
    let message = match conflicts {
        [(index, path)] => format!(
            "Apply failed with 1 conflict: conflict with {}: {}",
            named(*index),
            shown(path)
        ),
        _ => {
            let mut managers: Vec<usize> = conflicts.iter().map(|(index, _)| *index).collect();
            managers.sort_by_key(|index| named(*index));
            managers.dedup();
            let mut lines = Vec::new();
            for manager in managers {
                lines.push(format!("conflicts with {}:", named(manager)));
                let own = conflicts.iter().filter(|(index, _)| *index == manager);
                lines.extend(own.map(|(_, path)| format!("- {}", shown(path))));
            }
            format!("Apply failed with {} conflicts: {}", conflicts.len(), lines.join("\n"))
        }
    };
    Refusal::new(409, "Conflict", message).causes(causes)
}
