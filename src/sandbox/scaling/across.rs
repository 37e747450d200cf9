//! What scaling has to do with other services, on the way in: what is scaled has to be there and is brought within its
//! bounds, and an endpoint that is scaled is not changed in every way.
//!
//! From "Update or delete endpoints that use auto scaling", SageMaker Developer Guide.

use serde_json::{Value, json};
use winterbaume_core::MockResponse;

use super::super::SandboxError;
use super::super::house::Desk;
use super::super::reply::ApiError;
use super::super::request::{Name, Request};
use super::{DIMENSIONS, text};

/// Answers a request that has to do with scaling, if only from afar; none if it has not.
pub(in crate::sandbox) fn answer(desk: &mut Desk<'_>, request: &Request) -> Result<Option<MockResponse>, SandboxError> {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    match (request.service, request.action.as_str()) {
        (Name::Scaling, "RegisterScalableTarget") => register(desk, request, &body).map(Some),
        (Name::SageMaker, "UpdateEndpoint") if desk.knows(Name::Scaling) => {
            let refusal = refuse_another_type(desk, &body)?;
            Ok(refusal.map(|error| error.to_response(request)))
        }
        // "If any are …, Application Auto Scaling deregisters those models as scalable targets without notifying you."
        (Name::SageMaker, "DeleteEndpoint") if desk.knows(Name::Scaling) => {
            let deleted = desk.send(request)?;
            if deleted.status < 400 {
                for resource in variants(desk, &body)? {
                    let (namespace, dimension) = DIMENSIONS[1];
                    let gone = json!({
                        "ServiceNamespace": namespace,
                        "ResourceId": resource,
                        "ScalableDimension": dimension,
                    });
                    ask(desk, Name::Scaling, "DeregisterScalableTarget", &gone)?;
                }
            }
            Ok(Some(deleted))
        }
        _ => Ok(None),
    }
}

fn register(desk: &mut Desk<'_>, request: &Request, body: &Value) -> Result<MockResponse, SandboxError> {
    let resource = text(body, "ResourceId").unwrap_or_default();
    let Some(current) = current(desk, resource)? else {
        let message = match resource.starts_with("service/") {
            true => format!("ECS service doesn't exist: {resource}"),
            false => format!("Endpoint variant doesn't exist: {resource}"),
        };
        return Ok(ApiError::new(400, "ValidationException", message).to_response(request));
    };
    let registered = desk.send(request)?;
    let bounds = ask(
        desk,
        Name::Scaling,
        "DescribeScalableTargets",
        &json!({ "ServiceNamespace": body.get("ServiceNamespace"), "ResourceIds": [resource] }),
    )?;
    let bound = |member: &str| bounds.pointer(&format!("/ScalableTargets/0/{member}"))?.as_i64();
    if let (true, Some(min), Some(max)) = (registered.status < 400, bound("MinCapacity"), bound("MaxCapacity"))
        && !(min..=max).contains(&current)
    {
        scale(desk, resource, current.clamp(min, max))?;
    }
    Ok(registered)
}

/// How many there are to be of `resource`; none if it is not there.
fn current(desk: &mut Desk<'_>, resource: &str) -> Result<Option<i64>, SandboxError> {
    Ok(match *resource.split('/').collect::<Vec<_>>() {
        ["service", cluster, service] => {
            let asked = json!({ "cluster": cluster, "services": [service] });
            let found = ask(desk, Name::Ecs, "DescribeServices", &asked)?;
            let active = found.pointer("/services/0/status").and_then(Value::as_str) == Some("ACTIVE");
            let desired = found.pointer("/services/0/desiredCount").and_then(Value::as_i64);
            desired.filter(|_| active)
        }
        ["endpoint", endpoint, "variant", variant] => {
            let found = ask(
                desk,
                Name::SageMaker,
                "DescribeEndpoint",
                &json!({ "EndpointName": endpoint }),
            )?;
            let variants = found.get("ProductionVariants").and_then(Value::as_array);
            let named = variants
                .into_iter()
                .flatten()
                .find(|one| text(one, "VariantName") == Some(variant));
            named.and_then(|one| one.get("DesiredInstanceCount")?.as_i64())
        }
        _ => None,
    })
}

fn scale(desk: &mut Desk<'_>, resource: &str, count: i64) -> Result<(), SandboxError> {
    match *resource.split('/').collect::<Vec<_>>() {
        ["service", cluster, service] => {
            let asked = json!({ "cluster": cluster, "service": service, "desiredCount": count });
            ask(desk, Name::Ecs, "UpdateService", &asked)?;
        }
        ["endpoint", endpoint, "variant", variant] => {
            let asked = json!({
                "EndpointName": endpoint,
                "DesiredWeightsAndCapacities": [{ "VariantName": variant, "DesiredInstanceCount": count }],
            });
            ask(desk, Name::SageMaker, "UpdateEndpointWeightsAndCapacities", &asked)?;
        }
        _ => {}
    }
    Ok(())
}

/// The variants of an endpoint that are scaled.
fn variants(desk: &mut Desk<'_>, body: &Value) -> Result<Vec<String>, SandboxError> {
    let asked = json!({ "ServiceNamespace": "sagemaker" });
    let found = ask(desk, Name::Scaling, "DescribeScalableTargets", &asked)?;
    let of = format!("endpoint/{}/", text(body, "EndpointName").unwrap_or_default());
    let targets = found.get("ScalableTargets").and_then(Value::as_array);
    let resources = targets
        .into_iter()
        .flatten()
        .filter_map(|target| text(target, "ResourceId"));
    Ok(resources
        .filter(|resource| resource.starts_with(&of))
        .map(str::to_owned)
        .collect())
}

/// "If the update would change the instance type for any model that is a target for auto scaling, the update fails."
fn refuse_another_type(desk: &mut Desk<'_>, body: &Value) -> Result<Option<ApiError>, SandboxError> {
    if variants(desk, body)?.is_empty() {
        return Ok(None);
    }
    let serves = ask(desk, Name::SageMaker, "DescribeEndpoint", body)?;
    let mut kind = |config: Option<&Value>| -> Result<Option<Value>, SandboxError> {
        let asked = json!({ "EndpointConfigName": config });
        let config = ask(desk, Name::SageMaker, "DescribeEndpointConfig", &asked)?;
        Ok(config.pointer("/ProductionVariants/0/InstanceType").cloned())
    };
    let (old, new) = (
        kind(serves.get("EndpointConfigName"))?,
        kind(body.get("EndpointConfigName"))?,
    );
    Ok((old.is_some() && new.is_some() && old != new).then(|| {
        ApiError::new(
            400,
            "ValidationException",
            "The instance type of a variant that is registered as a scalable target cannot be changed. Deregister the scalable target, and update the endpoint again.",
        )
    }))
}

fn ask(desk: &mut Desk<'_>, service: Name, action: &str, body: &Value) -> Result<Value, SandboxError> {
    let request = Request::json(service, &desk.context.region, action, body);
    let answer = desk.send(&request)?;
    Ok(serde_json::from_slice(&answer.body).unwrap_or_default())
}
