//! What containers print: the lines of the reference server and of its batch mode.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::request::Request;
use super::cluster::Cluster;
use super::kinds::Target;
use super::object::{list, name, text, uid};
use super::refusal::Refusal;

/// A line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Line {
    at: i64,
    text: String,
}

/// One line of the reference server's log.
pub(super) fn line(at: i64, level: &str, message: &str, more: &Value) -> Line {
    let mut written = json!({ "timestamp": moment(at), "level": level, "message": message });
    if let (Value::Object(written), Value::Object(more)) = (&mut written, more) {
        written.extend(more.clone());
    }
    Line {
        at,
        text: written.to_string(),
    }
}

fn moment(at: i64) -> String {
    let moment = jiff::Timestamp::from_millisecond(at).unwrap_or_default();
    moment.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

fn variable<'a>(pod: &'a Value, name: &str) -> Option<&'a str> {
    let containers = list(pod, "/spec/containers").iter();
    let mut variables = containers.flat_map(|container| list(container, "/env"));
    let found = variables.find(|variable| text(variable, "/name") == name)?;
    found.get("value")?.as_str()
}

fn is_batch(pod: &Value) -> bool {
    text(pod, "/spec/restartPolicy") != "Always"
}

/// What is printed at the start.
pub(super) fn begins(at: i64, pod: &Value) -> Vec<Line> {
    if is_batch(pod) {
        return vec![line(at, "INFO", "starting", &json!({ "mode": "batch" }))];
    }
    let port = variable(pod, "INFERENCE_PORT").unwrap_or("8080");
    vec![line(
        at,
        "INFO",
        "listening",
        &json!({ "address": format!("0.0.0.0:{port}") }),
    )]
}

/// What is printed once requests are answered.
pub(super) fn is_ready(at: i64, pod: &Value) -> Vec<Line> {
    let model = variable(pod, "INFERENCE_MODEL").unwrap_or("fraud");
    vec![line(
        at,
        "INFO",
        "ready",
        &json!({ "model": model, "milliseconds": 1840.0 }),
    )]
}

/// What is printed at the end of a batch.
pub(super) fn is_done(at: i64, pod: &Value) -> Vec<Line> {
    let index = text(pod, "/metadata/annotations/batch.kubernetes.io~1job-completion-index");
    let part = index.parse::<u32>().unwrap_or_default();
    let input = format!("part-{part:05}.jsonl");
    vec![
        line(
            at,
            "INFO",
            "file done",
            &json!({ "input": input, "records": 1000, "without_answer": 0, "skipped": false }),
        ),
        line(at, "INFO", "batch done", &json!({ "files": 1, "records": 1000 })),
    ]
}

/// The log of a container, as the request wants it.
///
/// # Errors
/// When there is none: no such container, not started yet, no container before this one.
pub(super) fn read(cluster: &Cluster, target: &Target, pod: &Value, request: &Request) -> Result<String, Refusal> {
    let containers = list(pod, "/spec/containers");
    let names: Vec<&str> = containers.iter().map(|container| text(container, "/name")).collect();
    let container = match (
        request.param("container").filter(|name| !name.is_empty()),
        names.as_slice(),
    ) {
        (Some(container), _) if names.contains(&container) => container,
        (Some(container), _) => {
            let message = format!("container {container} is not valid for pod {}", target.name);
            return Err(Refusal::bad_request(message));
        }
        (None, [only]) => only,
        (None, several) => {
            let message = format!(
                "a container name must be specified for pod {}, choose one of: [{}]",
                target.name,
                several.join(" ")
            );
            return Err(Refusal::bad_request(message));
        }
    };
    let life = cluster.lives.get(uid(pod));
    let status = list(pod, "/status/containerStatuses");
    let status = status.iter().find(|status| text(status, "/name") == container);
    let lines = if request.param("previous") == Some("true") {
        // Who waits to be started again was there before itself.
        let waits = status.is_some_and(|status| text(status, "/state/waiting/reason") == "CrashLoopBackOff");
        if let Some(life) = life.filter(|_| waits) {
            return Ok(shown(cluster, &life.log, request));
        }
        let life = life.filter(|life| life.restarts > 0);
        let missing = || {
            let message = format!(
                "previous terminated container {container:?} in pod {:?} not found",
                name(pod)
            );
            Refusal::bad_request(message)
        };
        &life.ok_or_else(missing)?.previous
    } else {
        let waiting = status
            .map(|status| text(status, "/state/waiting/reason"))
            .unwrap_or("ContainerCreating");
        let never = life.is_none_or(|life| life.log.is_empty());
        if never {
            let why = match waiting {
                "ErrImagePull" | "ImagePullBackOff" => "trying and failing to pull image",
                other => other,
            };
            let message = format!(
                "container {container:?} in pod {:?} is waiting to start: {why}",
                name(pod)
            );
            return Err(Refusal::bad_request(message));
        }
        match life {
            Some(life) => &life.log,
            None => return Ok(String::new()),
        }
    };
    Ok(shown(cluster, lines, request))
}

/// The lines that are wanted.
fn shown(cluster: &Cluster, lines: &[Line], request: &Request) -> String {
    let since = request
        .param("sinceSeconds")
        .and_then(|seconds| seconds.parse::<i64>().ok());
    let begins = since.map(|seconds| cluster.at - seconds * 1000);
    let mut wanted: Vec<&Line> = lines
        .iter()
        .filter(|line| begins.is_none_or(|begins| line.at >= begins))
        .collect();
    let tail = request.param("tailLines").and_then(|count| count.parse::<usize>().ok());
    if let Some(tail) = tail {
        wanted.drain(..wanted.len().saturating_sub(tail));
    }
    let stamped = request.param("timestamps") == Some("true");
    let mut told = String::new();
    for line in wanted {
        if stamped {
            told.push_str(&moment(line.at));
            told.push(' ');
        }
        told.push_str(&line.text);
        told.push('\n');
    }
    let limit = request
        .param("limitBytes")
        .and_then(|bytes| bytes.parse::<usize>().ok());
    if let Some(cut) = limit.filter(|limit| told.is_char_boundary(*limit)) {
        told.truncate(cut);
    }
    told
}
