//! Drift detection: what the services hold, compared with what the template expects.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::diff::same;
use super::execute::with_stack;
use super::form::Form;
use super::function::scalar;
use super::lifecycle::live;
use super::refusal::{Answer, Refusal};
use super::state::{Drift, Resource};
use super::world::{ResourceRequest, World};
use super::xml::Xml;
use super::{CloudFormation, Millis, describe, evaluate};

/// A detection takes so long.
const DETECTION: Millis = 8_000;

/// A detection that was asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Detection {
    stack_id: String,
    at: Millis,
    status: String,
    drifted: usize,
}

pub(super) fn detect(
    service: &mut CloudFormation,
    form: &Form<'_>,
    at: Millis,
    world: &mut dyn World,
) -> Answer<Option<Xml>> {
    let stack = live(service, form.required("StackName")?)?;
    let allowed = [
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "UPDATE_ROLLBACK_FAILED",
    ];
    if !allowed.contains(&stack.status.as_str()) {
        return Err(Refusal::validation(format!(
            "Stack [{}] is in {} state and drift detection can not be performed on it",
            stack.name, stack.status
        )));
    }
    let stack_id = stack.id.clone();
    let only = form.strings("LogicalResourceIds");
    let drifted = with_stack(service, &stack_id, |service, stack| {
        let observed: BTreeMap<String, Drift> = stack
            .resources
            .values()
            .filter(|one| only.is_empty() || only.contains(&one.logical_id))
            .filter_map(|one| {
                observe(service, &stack.id, &stack.name, one, at, world).map(|drift| (one.logical_id.clone(), drift))
            })
            .collect();
        for (name, drift) in observed {
            if let Some(resource) = stack.resources.get_mut(&name) {
                resource.drift = Some(drift);
            }
        }
        let is_drifted = |one: &&Resource| one.drift.as_ref().is_some_and(|drift| drift.status != "IN_SYNC");
        let drifted = stack.resources.values().filter(is_drifted).count();
        stack.drift = Some((if drifted > 0 { "DRIFTED" } else { "IN_SYNC" }.to_owned(), at));
        drifted
    });
    let id = service.uuid("drift");
    let drifted = drifted.unwrap_or_default();
    let status = if drifted > 0 { "DRIFTED" } else { "IN_SYNC" }.to_owned();
    service.detections.insert(
        id.clone(),
        Detection {
            stack_id,
            at,
            status,
            drifted,
        },
    );
    Ok(Some(Xml::new().text("StackDriftDetectionId", id)))
}

/// None where the world cannot say.
fn observe(
    service: &CloudFormation,
    stack_id: &str,
    stack_name: &str,
    resource: &Resource,
    at: Millis,
    world: &mut dyn World,
) -> Option<Drift> {
    let request = ResourceRequest {
        stack_id,
        stack_name,
        logical_id: &resource.logical_id,
        resource_type: &resource.resource_type,
        physical_id: resource.physical_id.as_deref(),
        properties: &resource.properties,
        previous: &Value::Null,
        attributes: &resource.attributes,
        tags: &[],
        account: &service.account,
        region: &service.region,
        partition: evaluate::partition(&service.region),
        at,
        seed: "",
        leaves_snapshot: false,
    };
    let in_sync = |actual: Value| Drift {
        status: "IN_SYNC".to_owned(),
        actual,
        differences: Vec::new(),
        at,
    };
    Some(match world.observe(&request) {
        None => in_sync(resource.properties.clone()),
        Some(None) => Drift {
            status: "DELETED".to_owned(),
            actual: Value::Null,
            differences: Vec::new(),
            at,
        },
        Some(Some(actual)) => {
            let mut differences = Vec::new();
            compare(String::new(), &resource.properties, Some(&actual), &mut differences);
            let status = if differences.is_empty() { "IN_SYNC" } else { "MODIFIED" };
            Drift {
                status: status.to_owned(),
                actual,
                differences,
                at,
            }
        }
    })
}

/// Only what the template sets is compared; a difference is named by the path to it.
fn compare(path: String, expected: &Value, found: Option<&Value>, differences: &mut Vec<Difference>) {
    match (expected, found) {
        (expected, Some(found)) if same(expected, found) => {}
        (Value::Object(expected), Some(Value::Object(found))) => {
            for (key, value) in expected {
                compare(format!("{path}/{key}"), value, found.get(key), differences);
            }
        }
        (_, Some(found)) => differences.push((path, expected.clone(), found.clone(), "NOT_EQUAL".to_owned())),
        (_, None) => differences.push((path, expected.clone(), Value::Null, "REMOVE".to_owned())),
    }
}

/// Path, expected value, actual value, kind.
type Difference = (String, Value, Value, String);

pub(super) fn status(service: &CloudFormation, form: &Form<'_>, at: Millis) -> Answer<Option<Xml>> {
    let id = form.required("StackDriftDetectionId")?;
    let detection = service.detections.get(id);
    let detection =
        detection.ok_or_else(|| Refusal::validation(format!("Drift detection with id {id} does not exist")))?;
    let xml = Xml::new()
        .text("StackId", &detection.stack_id)
        .text("StackDriftDetectionId", id);
    if at < detection.at + DETECTION {
        let xml = xml
            .text("DetectionStatus", "DETECTION_IN_PROGRESS")
            .time("Timestamp", detection.at);
        return Ok(Some(xml));
    }
    Ok(Some(
        xml.text("StackDriftStatus", &detection.status)
            .text("DetectionStatus", "DETECTION_COMPLETE")
            .text("DriftedStackResourceCount", detection.drifted.to_string())
            .time("Timestamp", detection.at),
    ))
}

pub(super) fn resource_drifts(service: &CloudFormation, form: &Form<'_>) -> Answer<Option<Xml>> {
    let stack = live(service, form.required("StackName")?)?;
    let filter = form.strings("StackResourceDriftStatusFilters");
    let found: Vec<(&Resource, &Drift)> = stack
        .resources
        .values()
        .filter_map(|resource| resource.drift.as_ref().map(|drift| (resource, drift)))
        .filter(|(_, drift)| filter.is_empty() || filter.contains(&drift.status))
        .collect();
    let (page, next) = describe::page(&found, form, describe::PAGE)?;
    let drifts = page.iter().map(|(resource, drift)| {
        let differences = drift.differences.iter().map(|(path, expected, actual, kind)| {
            let text = |value: &Value| scalar(value).unwrap_or_else(|| value.to_string());
            Xml::new()
                .text("PropertyPath", path)
                .text("ExpectedValue", text(expected))
                .text("ActualValue", text(actual))
                .text("DifferenceType", kind)
        });
        Xml::new()
            .text("StackId", &stack.id)
            .text("LogicalResourceId", &resource.logical_id)
            .maybe("PhysicalResourceId", resource.physical_id.as_deref())
            .text("ResourceType", &resource.resource_type)
            .text("ExpectedProperties", resource.properties.to_string())
            .text("ActualProperties", drift.actual.to_string())
            .list("PropertyDifferences", differences)
            .text("StackResourceDriftStatus", &drift.status)
            .time("Timestamp", drift.at)
    });
    Ok(Some(
        Xml::new().list("StackResourceDrifts", drifts).maybe("NextToken", next),
    ))
}
