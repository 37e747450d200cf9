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

/// The value of a public parameter of an image, the same each time; a name that AWS does not have has none.
pub(crate) fn parameter(name: &str) -> Option<String> {
    let public = name.strip_prefix("/aws/service/")?;
    if public.ends_with("/image_version") || public.ends_with("/release_version") {
        return Some("1.34.0-20261001".to_owned());
    }
    let known = match public.split_once('/')? {
        ("ami-amazon-linux-latest", image) => AMAZON_LINUX.contains(&image),
        ("deeplearning", image) => is_deep_learning(image),
        ("ecs", image) => is_ecs(image),
        ("eks" | "bottlerocket" | "canonical", _) => true,
        _ => false,
    };
    if !known {
        return None;
    }
    let digest: String = Sha256::digest(name.as_bytes())
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let image = format!("ami-0{digest}");
    if public.ends_with("/recommended") {
        return Some(json!({ "schema_version": 1, "image_id": image, "os": "Amazon Linux 2023" }).to_string());
    }
    Some(image)
}

/// "Reference the latest AMIs using Systems Manager public parameters".
const AMAZON_LINUX: [&str; 12] = [
    "al2023-ami-kernel-default-x86_64",
    "al2023-ami-kernel-default-arm64",
    "al2023-ami-minimal-kernel-default-x86_64",
    "al2023-ami-minimal-kernel-default-arm64",
    "al2023-ami-kernel-6.1-x86_64",
    "al2023-ami-kernel-6.1-arm64",
    "al2023-ami-kernel-6.12-x86_64",
    "al2023-ami-kernel-6.12-arm64",
    "amzn2-ami-hvm-x86_64-gp2",
    "amzn2-ami-hvm-arm64-gp2",
    "amzn2-ami-kernel-5.10-hvm-x86_64-gp2",
    "amzn2-ami-kernel-5.10-hvm-arm64-gp2",
];

/// "Finding the ID with SSM" of the AWS Deep Learning AMIs: `ami/x86_64/NAME/latest/ami-id`; the names are many.
fn is_deep_learning(image: &str) -> bool {
    let parts: Vec<&str> = image.split('/').collect();
    let [ami, architecture, name, latest, field] = parts.as_slice() else {
        return false;
    };
    let systems = [
        "al2023",
        "amazon-linux-2",
        "amazon-linux-2023",
        "ubuntu-22.04",
        "ubuntu-24.04",
    ];
    (*ami, *latest, *field) == ("ami", "latest", "ami-id")
        && matches!(*architecture, "x86_64" | "arm64")
        && (name.contains("nvidia-driver-gpu-") || name.contains("neuron"))
        && systems.iter().any(|system| name.ends_with(system))
}

/// "Retrieving Amazon ECS-optimized Linux AMI metadata": `optimized-ami/SYSTEM[/VARIANT]/recommended[/image_id]`.
fn is_ecs(image: &str) -> bool {
    let Some(rest) = image.strip_prefix("optimized-ami/") else {
        return false;
    };
    let rest = rest.strip_suffix("/image_id").unwrap_or(rest);
    let Some(system) = rest.strip_suffix("/recommended") else {
        return false;
    };
    matches!(
        system,
        "amazon-linux-2023"
            | "amazon-linux-2023/arm64"
            | "amazon-linux-2023/gpu"
            | "amazon-linux-2023/neuron"
            | "amazon-linux-2"
            | "amazon-linux-2/arm64"
            | "amazon-linux-2/gpu"
            | "amazon-linux-2/inf"
    )
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
