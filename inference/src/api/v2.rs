//! The Open Inference Protocol, version 2, over REST: health, metadata and inference, without its binary extension.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::problem::Problem;
use super::{Ready, Server, limits};
use crate::manifest::{Manifest, Port};
use crate::rows::empty;
use crate::tensor::{Tensor, Values, shortened};

/// The server runs.
pub async fn live() -> Json<Value> {
    Json(json!({ "live": true }))
}

/// Requests may be sent here.
pub async fn ready(State(server): State<Server>) -> Result<Json<Value>, Problem> {
    server.accepting().map(|()| Json(json!({ "ready": true })))
}

/// What the server is.
pub async fn server() -> Json<Value> {
    Json(json!({ "name": "mlinfra-inference", "version": env!("CARGO_PKG_VERSION"), "extensions": [] }))
}

/// A model in an address.
#[derive(Debug, Deserialize)]
pub struct Named {
    name: String,
    version: Option<String>,
}

/// What the model takes and gives.
pub async fn model(State(server): State<Server>, Path(named): Path<Named>) -> Result<Json<Value>, Problem> {
    let ready = named.find(server.ready()?)?;
    let manifest = &ready.manifest;
    let ports = |ports: &[Port]| -> Vec<Value> {
        let port = |port: &Port| json!({ "name": port.name, "datatype": port.datatype.name(), "shape": port.shape });
        ports.iter().map(port).collect()
    };
    Ok(Json(json!({
        "name": manifest.name,
        "versions": [manifest.version],
        "platform": ready.platform,
        "inputs": ports(&manifest.inputs),
        "outputs": ports(&manifest.outputs),
        "parameters": { "sha256": manifest.sha256, "object_version": manifest.object_version },
    })))
}

/// Whether the model answers.
pub async fn model_ready(State(server): State<Server>, Path(named): Path<Named>) -> Result<Json<Value>, Problem> {
    let ready = named.find(server.ready()?)?;
    server.accepting()?;
    Ok(Json(json!({ "name": ready.manifest.name, "ready": true })))
}

#[derive(Debug, Deserialize)]
struct InferRequest {
    id: Option<String>,
    inputs: Vec<InputTensor>,
    #[serde(default)]
    outputs: Vec<WantedTensor>,
}

#[derive(Debug, Deserialize)]
struct InputTensor {
    name: String,
    shape: Vec<usize>,
    datatype: String,
    data: Value,
}

#[derive(Debug, Deserialize)]
struct WantedTensor {
    name: String,
}

/// The answer to an inference request.
#[derive(Serialize)]
struct InferResponse<'a> {
    model_name: &'a str,
    model_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    outputs: Vec<OutputTensor<'a>>,
}

#[derive(Serialize)]
struct OutputTensor<'a> {
    name: &'a str,
    shape: Vec<usize>,
    datatype: &'static str,
    data: &'a Values,
}

/// Answers tensors with tensors.
pub async fn infer(State(server): State<Server>, Path(named): Path<Named>, body: Bytes) -> Result<Response, Problem> {
    let manifest = &named.find(server.ready()?)?.manifest;
    let request: InferRequest = serde_json::from_slice(&body).map_err(|error| {
        Problem::body(
            format!("the body is not an inference request: {error}"),
            r#"Send {"inputs": [{"name": …, "shape": […], "datatype": …, "data": […]}]}"#,
        )
    })?;
    if let Some(unknown) = request
        .outputs
        .iter()
        .find(|wanted| !has(&manifest.outputs, &wanted.name))
    {
        return Err(unknown_tensor("output", &unknown.name, &manifest.outputs));
    }
    let inputs = inputs(manifest, &request.inputs)?;
    limits::rows(&server, inputs.first().map_or(0, |tensor| tensor.rows))?;
    let answers = limits::ask(&server, inputs).await?;
    let wanted = |port: &Port| request.outputs.is_empty() || request.outputs.iter().any(|name| name.name == port.name);
    let outputs = manifest
        .outputs
        .iter()
        .zip(&answers)
        .filter(|(port, _)| wanted(port))
        .map(|(port, answer)| OutputTensor {
            name: &port.name,
            shape: answer.shape(),
            datatype: port.datatype.name(),
            data: &answer.values,
        })
        .collect();
    Ok(Json(InferResponse {
        model_name: &manifest.name,
        model_version: &manifest.version,
        id: request.id,
        outputs,
    })
    .into_response())
}

impl Named {
    fn find<'r>(&self, ready: &'r Ready) -> Result<&'r Ready, Problem> {
        let manifest = &ready.manifest;
        if self.name == manifest.name && self.version.as_ref().is_none_or(|version| *version == manifest.version) {
            return Ok(ready);
        }
        let version = self
            .version
            .as_ref()
            .map_or_else(String::new, |version| format!(", version {}", shortened(version)));
        Err(Problem::new(
            StatusCode::NOT_FOUND,
            format!("there is no model {}{version} here", shortened(&self.name)),
            format!("This server has {}, version {}", manifest.name, manifest.version),
        ))
    }
}

fn has(ports: &[Port], name: &str) -> bool {
    ports.iter().any(|port| port.name == name)
}

fn unknown_tensor(what: &str, name: &str, ports: &[Port]) -> Problem {
    let known: Vec<&str> = ports.iter().map(|port| port.name.as_str()).collect();
    Problem::body(
        format!("the model has no {what} `{}`", shortened(name)),
        format!("It has {}", known.join(", ")),
    )
}

/// Every input of the model, checked against what was sent.
fn inputs(manifest: &Manifest, sent: &[InputTensor]) -> Result<Vec<Tensor>, Problem> {
    if let Some(unknown) = sent.iter().find(|input| !has(&manifest.inputs, &input.name)) {
        return Err(unknown_tensor("input", &unknown.name, &manifest.inputs));
    }
    let mut tensors: Vec<Tensor> = Vec::with_capacity(manifest.inputs.len());
    for port in &manifest.inputs {
        let mut named = sent.iter().filter(|input| input.name == port.name);
        let (Some(input), None) = (named.next(), named.next()) else {
            return Err(Problem::body(
                format!("the input `{}` must be there once", port.name),
                "GET /v2/models/NAME says what the model takes",
            ));
        };
        let tensor = tensor(port, input)?;
        if let Some(first) = tensors.first()
            && first.rows != tensor.rows
        {
            return Err(Problem::body(
                format!(
                    "`{}` has {} rows, and the first input has {}",
                    port.name, tensor.rows, first.rows
                ),
                "All inputs of a request have the same first dimension",
            ));
        }
        tensors.push(tensor);
    }
    Ok(tensors)
}

fn tensor(port: &Port, input: &InputTensor) -> Result<Tensor, Problem> {
    let name = &port.name;
    if input.datatype != port.datatype.name() {
        return Err(Problem::body(
            format!(
                "`{name}` is sent as {}, and the model takes {}",
                shortened(&input.datatype),
                port.datatype.name()
            ),
            "Convert the data before it is sent, and say the type in `datatype`",
        ));
    }
    let mut tensor = empty(port);
    let rows = match input.shape.split_first() {
        Some((&rows, row_shape)) if row_shape == tensor.row_shape => rows,
        _ => {
            return Err(Problem::body(
                format!(
                    "`{name}` has the shape {:?}, and the model takes {:?}",
                    input.shape, port.shape
                ),
                "The first dimension is the number of rows and may be any",
            ));
        }
    };
    flatten(&input.data, &mut tensor)
        .map_err(|reason| Problem::body(format!("`{name}`: {reason}"), "Send numbers as numbers"))?;
    tensor.rows = rows;
    if rows.checked_mul(tensor.row_length()) != Some(tensor.values.len()) {
        return Err(Problem::body(
            format!(
                "`{name}` has {} elements, and its shape is {:?}",
                tensor.values.len(),
                input.shape
            ),
            "`data` has as many elements as the numbers in `shape` give when they are multiplied",
        ));
    }
    Ok(tensor)
}

/// Data may be flat or nested; both are row by row.
fn flatten(data: &Value, tensor: &mut Tensor) -> Result<(), String> {
    match data {
        Value::Array(items) => items.iter().try_for_each(|item| flatten(item, tensor)),
        value => tensor.values.push_json(value),
    }
}
