//! Systems Manager parameters: the public ones that templates take machine images from.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use winterbaume_core::MockResponse;

use super::super::inventory::Item;
use super::super::reply::{self, ApiError, Protocol};
use super::super::request::Request;
use super::super::service::{Context, Service};

/// The service; its parameters are AWS's own and cannot be changed.
pub(super) struct Ssm;

impl Service for Ssm {
    fn handle(&mut self, request: &Request, context: &Context) -> MockResponse {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let found = |name: &str| parameter(name).map(|value| describe(name, &value, context));
        let answer = match request.action.as_str() {
            "GetParameter" => body
                .get("Name")
                .and_then(Value::as_str)
                .and_then(found)
                .map(|parameter| json!({ "Parameter": parameter }))
                .ok_or_else(|| ApiError::new(400, "ParameterNotFound", "")),
            "GetParameters" => {
                let names: Vec<&str> = body
                    .get("Names")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .collect();
                let (known, unknown): (Vec<&str>, Vec<&str>) =
                    names.into_iter().partition(|name| parameter(name).is_some());
                let parameters: Vec<Value> = known.into_iter().filter_map(found).collect();
                Ok(json!({ "Parameters": parameters, "InvalidParameters": unknown }))
            }
            other => Err(ApiError::new(
                400,
                "UnknownOperationException",
                format!("the sandbox's Systems Manager does not know {other}"),
            )),
        };
        match answer {
            Ok(body) => reply::json(Protocol::Json11, 200, &body),
            Err(error) => error.to_response(request),
        }
    }

    fn export(&mut self, _: &Context) -> Result<Vec<u8>, String> {
        Ok(b"{}".to_vec())
    }

    fn import(&mut self, _: &[u8], _: &Context) -> Result<(), String> {
        Ok(())
    }

    fn inventory(&mut self, _: &Context) -> Vec<Item> {
        Vec::new()
    }
}

/// The value of a public parameter: everything under `/aws/service/` that names an image has one, the same each time.
pub(crate) fn parameter(name: &str) -> Option<String> {
    let public = name.strip_prefix("/aws/service/")?;
    if public.ends_with("/image_version") || public.ends_with("/release_version") {
        return Some("1.34.0-20261001".to_owned());
    }
    let images = [
        "ami-amazon-linux-latest/",
        "eks/optimized-ami/",
        "ecs/optimized-ami/",
        "bottlerocket/",
        "deeplearning/",
        "canonical/",
    ];
    if !images.iter().any(|prefix| public.starts_with(prefix)) {
        return None;
    }
    let digest: String = Sha256::digest(name.as_bytes())
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Some(format!("ami-0{digest}"))
}

fn describe(name: &str, value: &str, context: &Context) -> Value {
    json!({
        "Name": name,
        "Type": "String",
        "Value": value,
        "Version": 1,
        "LastModifiedDate": context.now.div_euclid(1000),
        "ARN": format!("arn:aws:ssm:{}::parameter{name}", context.region),
        "DataType": "text",
    })
}
