//! What would change, and what runs.

use serde_json::{Value as Json, json};

use super::super::{FieldChange, ObjectChange, ObjectFate, Release, Running, Scene};
use super::{asked, job, requests};
use crate::aws::sagemaker::endpoints;
use crate::diagnostic::Problem;
use crate::spec::workload::Kind;

pub(super) async fn review(scene: &Scene<'_>, release: &Release) -> Result<Vec<ObjectChange>, Problem> {
    if scene.workload.kind == Kind::Batch {
        return job::review(scene, release).await;
    }
    let session = scene.session;
    let objects = &release.objects;
    let name = requests::name(objects, "Endpoint").unwrap_or_default();
    let endpoint = asked(scene, || endpoints::describe_endpoint(session, name)).await?;
    // What serves is what the new requests are held against: they have other names, and mean the same things.
    let old_config = match &endpoint {
        Some(endpoint) => asked(scene, || endpoints::describe_endpoint_config(session, &endpoint.config)).await?,
        None => None,
    };
    let old_model = match old_config
        .as_ref()
        .and_then(|config| config.pointer("/ProductionVariants/0/ModelName"))
    {
        Some(Json::String(model)) => asked(scene, || endpoints::describe_model(session, model)).await?,
        _ => None,
    };
    let mut changes = Vec::new();
    for (kind, old) in [("Model", &old_model), ("EndpointConfig", &old_config)] {
        let (Some(name), Some(request)) = (requests::name(objects, kind), requests::request(objects, kind)) else {
            continue;
        };
        let exists = match kind {
            "Model" => asked(scene, || endpoints::describe_model(session, name))
                .await?
                .is_some(),
            _ => asked(scene, || endpoints::describe_endpoint_config(session, name))
                .await?
                .is_some(),
        };
        changes.push(ObjectChange {
            object: format!("{kind} {name}"),
            fate: if exists {
                ObjectFate::Unchanged
            } else {
                ObjectFate::Create
            },
            fields: match old {
                Some(old) if !exists => differences(old, request),
                _ => Vec::new(),
            },
        });
    }
    let config = requests::name(objects, "EndpointConfig").unwrap_or_default();
    let (fate, fields) = match &endpoint {
        None => (ObjectFate::Create, Vec::new()),
        Some(endpoint) if endpoint.config == config && endpoint.status == "InService" => {
            (ObjectFate::Unchanged, Vec::new())
        }
        Some(endpoint) => (
            ObjectFate::Update,
            vec![FieldChange {
                path: "EndpointConfigName".to_owned(),
                before: Some(json!(endpoint.config)),
                after: Some(json!(config)),
            }],
        ),
    };
    changes.push(ObjectChange {
        object: format!("Endpoint {name}"),
        fate,
        fields,
    });
    Ok(changes)
}

/// What differs between two requests, but for their names and tags.
fn differences(old: &Json, new: &Json) -> Vec<FieldChange> {
    let mut found = Vec::new();
    compare("", Some(old), Some(new), &mut found);
    found
}

fn compare(path: &str, old: Option<&Json>, new: Option<&Json>, found: &mut Vec<FieldChange>) {
    match (old, new) {
        (Some(Json::Object(old)), Some(Json::Object(new))) => {
            let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let is_name = matches!(key.as_str(), "ModelName" | "EndpointConfigName" | "Tags");
                if !is_name {
                    let inner = if path.is_empty() {
                        key.clone()
                    } else {
                        format!("{path}.{key}")
                    };
                    compare(&inner, old.get(key), new.get(key), found);
                }
            }
        }
        (Some(Json::Array(old)), Some(Json::Array(new))) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                compare(&format!("{path}[{index}]"), Some(old), Some(new), found);
            }
        }
        (old, new) if old == new => {}
        (old, new) => found.push(FieldChange {
            path: path.to_owned(),
            before: old.cloned(),
            after: new.cloned(),
        }),
    }
}

pub(super) async fn running(scene: &Scene<'_>) -> Result<Option<Running>, Problem> {
    if scene.workload.kind == Kind::Batch {
        return job::running(scene).await;
    }
    let name = requests::endpoint_name(scene.environment, scene.name());
    let Some(endpoint) = asked(scene, || endpoints::describe_endpoint(scene.session, &name)).await? else {
        return Ok(None);
    };
    let in_service = endpoint.status == "InService";
    let mut remarks = Vec::new();
    if !in_service {
        remarks.push(format!("the endpoint is {}", endpoint.status));
    }
    if let Some(pending) = &endpoint.pending {
        remarks.push(format!("on its way to {pending}"));
    }
    remarks.extend(endpoint.failure.clone());
    let region = &scene.session.region;
    Ok(Some(Running {
        images: endpoint.images,
        ready: endpoint.ready,
        wanted: endpoint.wanted,
        healthy: in_service && endpoint.ready >= endpoint.wanted && endpoint.wanted > 0,
        scheduled: false,
        since: endpoint.changed,
        remarks,
        address: Some(format!(
            "https://runtime.sagemaker.{region}.amazonaws.com/endpoints/{name}/invocations"
        )),
    }))
}
