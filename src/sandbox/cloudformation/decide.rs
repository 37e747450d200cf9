//! What a declared resource needs when its turn comes: nothing, an update in place, a replacement, a creation.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::execute::evaluate;
use super::resource_types::{self, Recreation};
use super::state::{Resource, Stack, Stage, Task};
use super::step::{announce, status, step};
use super::template::{dependencies, resource_type, section};
use super::world::World;
use super::{CloudFormation, Millis, diff, identifiers, policy, properties};

/// Decides what a declared resource needs.
pub(super) fn decide(
    service: &mut CloudFormation,
    stack: &mut Stack,
    index: usize,
    logical_id: &str,
    at: Millis,
    world: &mut dyn World,
) -> Result<(), String> {
    let declaration = declaration(stack, logical_id);
    let kind = resource_type(&declaration).to_owned();
    let mut old = stack
        .resources
        .get(logical_id)
        .filter(|old| old.physical_id.is_some())
        .cloned();
    // What a failed creation left behind is made anew, and the remains are deleted at the end.
    if let Some(remains) = old.take_if(|old| old.status == "CREATE_FAILED")
        && let Some(operation) = stack.operation.as_mut()
    {
        operation.leftovers.push(remains);
    }
    let import = stack
        .operation
        .as_ref()
        .and_then(|operation| operation.imports.get(logical_id))
        .cloned();
    let mut made = Resource {
        resource_type: kind.clone(),
        deletion_policy: text(&declaration, "DeletionPolicy"),
        update_replace_policy: text(&declaration, "UpdateReplacePolicy"),
        metadata: declaration.get("Metadata").cloned(),
        depends_on: dependencies(&declaration),
        ..undeclared(stack, logical_id)
    };
    made.updated = at;
    if let Some(current) = step(stack, index) {
        current.task = match (&old, &import) {
            (Some(_), _) => Task::Update,
            (None, Some(_)) => Task::Import,
            (None, None) => Task::Create,
        };
        current.subject.clone_from(&old);
        current.made = Some(made.clone());
    }
    let raw = declaration.get("Properties").cloned().unwrap_or_else(|| json!({}));
    made.properties = evaluate(service, stack, world, |scope| scope.resolve(&raw))?.unwrap_or_else(|| json!({}));
    if schema_takes_tags(&kind) {
        made.tags.clone_from(&stack.configuration.tags);
    }
    let (task, status_text, reason) = match &old {
        None if import.is_some() => {
            made.physical_id = import.and_then(|import| import.identifier.into_values().next());
            (
                Task::Import,
                "IMPORT_IN_PROGRESS",
                Some("Resource import started.".to_owned()),
            )
        }
        None => (Task::Create, "CREATE_IN_PROGRESS", None),
        Some(old) => match difference(old, &made) {
            None => {
                // Nothing for the service to do; what CloudFormation itself keeps is taken over.
                if let Some(resource) = stack.resources.get_mut(logical_id) {
                    resource.depends_on = made.depends_on;
                    resource.deletion_policy = made.deletion_policy;
                    resource.update_replace_policy = made.update_replace_policy;
                    resource.metadata = made.metadata;
                }
                if let Some(current) = step(stack, index) {
                    current.task = Task::Apply;
                    current.stage = Stage::Done;
                }
                return Ok(());
            }
            Some(Recreation::Always) => {
                custom_name_is_free(old, &made)?;
                let reason = "Requested update requires the creation of a new physical resource; hence creating one.";
                (Task::Replace, "UPDATE_IN_PROGRESS", Some(reason.to_owned()))
            }
            Some(_) => {
                made.physical_id.clone_from(&old.physical_id);
                made.attributes.clone_from(&old.attributes);
                (Task::Update, "UPDATE_IN_PROGRESS", None)
            }
        },
    };
    if let Some(current) = step(stack, index) {
        current.task = task;
        current.made = Some(made.clone());
    }
    let action = match task {
        Task::Update => Some("Update:Modify"),
        Task::Replace => Some("Update:Replace"),
        _ => None,
    };
    let policy = stack.operation.as_ref().and_then(|operation| operation.policy.as_ref());
    if let Some(action) = action.filter(|action| policy::denies(policy, action, logical_id, &kind)) {
        return Err(format!(
            "Action denied by stack policy: Statement does not allow [{action}] for resource [LogicalResourceId/{logical_id}]"
        ));
    }
    if old.is_none() {
        stack.resources.insert(
            logical_id.to_owned(),
            Resource {
                physical_id: None,
                ..made.clone()
            },
        );
    }
    let shown = old.map_or_else(
        || Resource {
            physical_id: None,
            ..made.clone()
        },
        |old| Resource {
            properties: made.properties.clone(),
            ..old
        },
    );
    announce(service, stack, index, at, &shown, status_text, reason);
    status(stack, logical_id, status_text, None, at);
    let wrong = properties::check(&kind, &made.properties);
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(properties::sentence(logical_id, &wrong))
    }
}

/// How far apart the properties are; none if there is nothing to do.
fn difference(old: &Resource, new: &Resource) -> Option<Recreation> {
    if old.resource_type != new.resource_type {
        return Some(Recreation::Always);
    }
    let schema = resource_types::get(&new.resource_type);
    let empty = serde_json::Map::new();
    let (left, right) = (
        old.properties.as_object().unwrap_or(&empty),
        new.properties.as_object().unwrap_or(&empty),
    );
    let mut changed: Vec<Vec<String>> = Vec::new();
    for key in left.keys().chain(right.keys()) {
        paths(vec![key.clone()], left.get(key), right.get(key), &mut changed);
    }
    let recreation = changed.iter().map(|path| {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        schema
            .as_ref()
            .map_or(Recreation::Never, |schema| schema.recreation(&path))
    });
    let tags = (old.tags != new.tags).then_some(Recreation::Never);
    // An update whose need is conditional is made in place here.
    recreation.chain(tags).max()
}

fn paths(at: Vec<String>, left: Option<&Value>, right: Option<&Value>, found: &mut Vec<Vec<String>>) {
    match (left, right) {
        (Some(Value::Object(left)), Some(Value::Object(right))) => {
            for key in left.keys().chain(right.keys()) {
                let mut inner = at.clone();
                inner.push(key.clone());
                paths(inner, left.get(key), right.get(key), found);
            }
        }
        (Some(left), Some(right)) if diff::same(left, right) => {}
        (None, None) => {}
        _ => found.push(at),
    }
}

fn custom_name_is_free(old: &Resource, new: &Resource) -> Result<(), String> {
    let Some(property) = identifiers::name_property(&new.resource_type) else {
        return Ok(());
    };
    match (old.properties.get(&property), new.properties.get(&property)) {
        (Some(before), Some(after)) if diff::same(before, after) => Err(format!(
            "CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename {} and update the stack again.",
            after.as_str().unwrap_or_default()
        )),
        _ => Ok(()),
    }
}

/// A name that the author chose may be taken by another live resource of the same type.
pub(super) fn taken(
    service: &CloudFormation,
    own: &Stack,
    resource: &Resource,
    properties: &Value,
) -> Result<(), String> {
    let Some(property) = identifiers::name_property(&resource.resource_type) else {
        return Ok(());
    };
    let Some(name) = properties.get(&property).and_then(Value::as_str) else {
        return Ok(());
    };
    let stacks = service
        .stacks
        .values()
        .chain(std::iter::once(own))
        .filter(|stack| stack.live());
    for stack in stacks {
        let same = stack.resources.values().find(|other| {
            other.resource_type == resource.resource_type
                && other.physical_id.is_some()
                && !other.status.starts_with("DELETE_COMPLETE")
                && (stack.id != own.id || other.logical_id != resource.logical_id)
                && other.properties.get(&property).and_then(Value::as_str) == Some(name)
        });
        if same.is_some() {
            return Err(format!("{name} already exists in stack {}", stack.id));
        }
    }
    Ok(())
}

pub(super) fn undeclared(stack: &Stack, logical_id: &str) -> Resource {
    Resource {
        logical_id: logical_id.to_owned(),
        resource_type: resource_type(&declaration(stack, logical_id)).to_owned(),
        physical_id: None,
        status: String::new(),
        reason: None,
        updated: 0,
        properties: json!({}),
        attributes: BTreeMap::new(),
        depends_on: Default::default(),
        deletion_policy: None,
        update_replace_policy: None,
        metadata: None,
        tags: Vec::new(),
        drift: None,
    }
}

pub(super) fn declaration(stack: &Stack, logical_id: &str) -> Value {
    let mut resources = section(&stack.configuration.template, "Resources");
    resources
        .find(|(name, _)| *name == logical_id)
        .map_or(Value::Null, |(_, declaration)| declaration.clone())
}

fn text(declaration: &Value, key: &str) -> Option<String> {
    declaration.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn schema_takes_tags(resource_type: &str) -> bool {
    resource_types::get(resource_type).is_some_and(|schema| schema.tag_property().is_some())
}
