//! Systems Manager parameters: the public ones that templates take machine images from, and those of stacks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use winterbaume_core::MockResponse;

use super::super::inventory::Item;
use super::super::reply::{self, ApiError};
use super::super::request::Request;
use super::super::service::{Context, Service};

/// The service: AWS's own parameters, which cannot be changed, and those of the account.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Ssm {
    parameters: BTreeMap<String, Parameter>,
}

/// A parameter of the account.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Parameter {
    kind: String,
    value: String,
    version: u64,
    modified: i64,
}

/// "PutParameter": what a standard parameter holds, in bytes, and an advanced one.
const STANDARD: usize = 4096;
const ADVANCED: usize = 8192;

impl Service for Ssm {
    fn handle(&mut self, request: &Request, context: &Context) -> MockResponse {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let name = body.get("Name").and_then(Value::as_str).unwrap_or_default();
        let answer = match request.action.as_str() {
            "GetParameter" => self
                .described(name, context)
                .map(|parameter| json!({ "Parameter": parameter }))
                .ok_or_else(|| ApiError::new(400, "ParameterNotFound", "")),
            "GetParameters" => {
                let names = body.get("Names").and_then(Value::as_array).into_iter().flatten();
                let (mut known, mut unknown) = (Vec::new(), Vec::new());
                for name in names.filter_map(Value::as_str) {
                    match self.described(name, context) {
                        Some(parameter) => known.push(parameter),
                        None => unknown.push(name),
                    }
                }
                Ok(json!({ "Parameters": known, "InvalidParameters": unknown }))
            }
            "GetParametersByPath" => Ok(self.below(&body, context)),
            "PutParameter" => self.put(name, &body, context),
            "DeleteParameter" => match self.parameters.remove(name) {
                Some(_) => Ok(json!({})),
                None => Err(ApiError::new(400, "ParameterNotFound", "")),
            },
            other => Err(ApiError::new(
                400,
                "UnknownOperationException",
                format!("the sandbox's Systems Manager does not know {other}"),
            )),
        };
        reply::answered(request, answer)
    }

    fn export(&mut self, _: &Context) -> Result<Vec<u8>, String> {
        serde_json::to_vec(self).map_err(|error| error.to_string())
    }

    fn import(&mut self, state: &[u8], _: &Context) -> Result<(), String> {
        *self = serde_json::from_slice(state).map_err(|error| error.to_string())?;
        Ok(())
    }

    fn inventory(&mut self, _: &Context) -> Vec<Item> {
        let names = self.parameters.keys();
        names.map(|name| Item::new("ssm", "parameter", name)).collect()
    }
}

impl Ssm {
    fn described(&self, name: &str, context: &Context) -> Option<Value> {
        let own = self.parameters.get(name);
        own.map(|own| own.describe(name, context))
            .or_else(|| parameter(name).map(|value| Parameter::published(value, context).describe(name, context)))
    }

    /// "GetParametersByPath": at most ten at once, and those in deeper levels only if asked.
    fn below(&self, body: &Value, context: &Context) -> Value {
        let text = |member: &str| body.get(member).and_then(Value::as_str).unwrap_or_default();
        let path = format!("{}/", text("Path").trim_end_matches('/'));
        let deep = body.get("Recursive").and_then(Value::as_bool) == Some(true);
        let most = body.get("MaxResults").and_then(Value::as_u64).unwrap_or(10).min(10);
        let most = usize::try_from(most).unwrap_or(10).max(1);
        let is_there = |name: &str| {
            let rest = name.strip_prefix(&path);
            rest.is_some_and(|rest| deep || !rest.contains('/')) && name > text("NextToken")
        };
        let mut found = self.parameters.iter().filter(|(name, _)| is_there(name)).peekable();
        let (mut listed, mut last) = (Vec::new(), "");
        while let Some((name, parameter)) = found.next_if(|_| listed.len() < most) {
            listed.push(parameter.describe(name, context));
            last = name;
        }
        match found.peek() {
            Some(_) => json!({ "Parameters": listed, "NextToken": last }),
            None => json!({ "Parameters": listed }),
        }
    }

    fn put(&mut self, name: &str, body: &Value, context: &Context) -> Result<Value, ApiError> {
        let text = |member: &str| body.get(member).and_then(Value::as_str);
        let before = self.parameters.get(name);
        if before.is_some() && body.get("Overwrite").and_then(Value::as_bool) != Some(true) {
            return Err(ApiError::new(
                400,
                "ParameterAlreadyExists",
                "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
            ));
        }
        let value = text("Value").unwrap_or_default();
        let most = match text("Tier") {
            Some("Advanced" | "Intelligent-Tiering") => ADVANCED,
            _ => STANDARD,
        };
        if value.len() > most {
            return Err(ApiError::new(
                400,
                "ValidationException",
                format!("Standard tier parameters support a maximum parameter value of {most} characters."),
            ));
        }
        let kind = text("Type").or(before.map(|before| before.kind.as_str()));
        let parameter = Parameter {
            kind: kind.unwrap_or("String").to_owned(),
            value: value.to_owned(),
            version: before.map_or(0, |before| before.version) + 1,
            modified: context.now,
        };
        let version = parameter.version;
        self.parameters.insert(name.to_owned(), parameter);
        Ok(json!({ "Version": version, "Tier": "Standard" }))
    }
}

impl Parameter {
    /// One of AWS's own.
    fn published(value: String, context: &Context) -> Self {
        Self {
            kind: "String".to_owned(),
            value,
            version: 1,
            modified: context.now,
        }
    }

    fn describe(&self, name: &str, context: &Context) -> Value {
        // Those of AWS are nobody's.
        let owner = match name.starts_with("/aws/") {
            true => "",
            false => context.account.as_str(),
        };
        let resource = name.trim_start_matches('/');
        json!({
            "Name": name,
            "Type": self.kind,
            "Value": self.value,
            "Version": self.version,
            "LastModifiedDate": self.modified.div_euclid(1000),
            "ARN": format!("arn:aws:ssm:{}:{owner}:parameter/{resource}", context.region),
            "DataType": "text",
        })
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
