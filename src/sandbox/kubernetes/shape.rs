//! What objects have to look like, and what is filled in where they say nothing.
//!
//! Types are Kubernetes' own, from its published API: an object is read as its type, and what then is missing in it was not
//! declared there.

use k8s_openapi::api::{apps, autoscaling, batch, core, networking, policy};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::kinds::Target;
use super::object::{default, each, entries, list, name, number, set, text};
use super::refusal::Refusal;

/// Whether the object can be read as what it says that it is.
///
/// # Errors
/// The field that is not of its type, or that the type does not have.
pub(super) fn typed(target: &Target, object: &Value) -> Result<(), Refusal> {
    let wrong = match (target.kind.kind, target.version.as_str()) {
        ("Deployment", _) => read::<apps::v1::Deployment>(object),
        ("ReplicaSet", _) => read::<apps::v1::ReplicaSet>(object),
        ("Job", _) => read::<batch::v1::Job>(object),
        ("CronJob", _) => read::<batch::v1::CronJob>(object),
        ("Pod", _) => read::<core::v1::Pod>(object),
        ("Service", _) => read::<core::v1::Service>(object),
        ("ServiceAccount", _) => read::<core::v1::ServiceAccount>(object),
        ("ConfigMap", _) => read::<core::v1::ConfigMap>(object),
        ("Namespace", _) => read::<core::v1::Namespace>(object),
        ("Ingress", _) => read::<networking::v1::Ingress>(object),
        ("HorizontalPodAutoscaler", "v2") => read::<autoscaling::v2::HorizontalPodAutoscaler>(object),
        ("PodDisruptionBudget", _) => read::<policy::v1::PodDisruptionBudget>(object),
        _ => None,
    };
    let Some(wrong) = wrong else { return Ok(()) };
    let space = if target.namespace.is_empty() {
        String::new()
    } else {
        format!("{}/", target.namespace)
    };
    let message = format!(
        "failed to create typed patch object ({space}{}; {}, Kind={}): {wrong}",
        target.name,
        target.api_version(),
        target.kind.kind
    );
    // No reason: the server has not made this error, the library that merges has.
    Err(Refusal::new(500, "", message))
}

/// What is wrong with the object as one of this type.
fn read<T: DeserializeOwned + Serialize>(object: &Value) -> Option<String> {
    let mut plain = object.clone();
    // Neither is for who writes, and times in managed fields may be left out.
    super::object::unset(&mut plain, "/status");
    super::object::unset(&mut plain, "/metadata/managedFields");
    let typed: T = match serde_json::from_value(plain.clone()) {
        Ok(typed) => typed,
        Err(error) => return Some(error.to_string()),
    };
    let written = serde_json::to_value(&typed).unwrap_or_default();
    undeclared(&plain, &written, &mut String::new())
}

/// The first field that is not in what the type has kept.
fn undeclared(given: &Value, kept: &Value, path: &mut String) -> Option<String> {
    match (given, kept) {
        (Value::Object(given), Value::Object(kept)) => given.iter().find_map(|(key, value)| {
            let length = path.len();
            path.push('.');
            path.push_str(key);
            let nothing = value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
            let found = match kept.get(key) {
                Some(kept) => undeclared(value, kept, path),
                None if nothing || value.as_array().is_some_and(Vec::is_empty) => None,
                None => Some(format!("{path}: field not declared in schema")),
            };
            path.truncate(length);
            found
        }),
        (Value::Array(given), Value::Array(kept)) => {
            let mut pairs = given.iter().zip(kept).enumerate();
            pairs.find_map(|(index, (given, kept))| {
                let length = path.len();
                path.push_str(&format!("[{index}]"));
                let found = undeclared(given, kept, path);
                path.truncate(length);
                found
            })
        }
        _ => None,
    }
}

/// Brings what can be written in several ways into one: amounts are texts.
pub(super) fn canonical(object: &mut Value) {
    match object {
        Value::Object(entries) => {
            for (key, value) in entries.iter_mut() {
                if key == "resources" {
                    for part in ["requests", "limits"] {
                        let amounts = value.get_mut(part).and_then(Value::as_object_mut);
                        for (_, amount) in amounts.into_iter().flatten() {
                            if amount.is_number() {
                                *amount = json!(amount.to_string());
                            }
                        }
                    }
                }
                if matches!(key.as_str(), "averageValue" | "sizeLimit") && value.is_number() {
                    *value = json!(value.to_string());
                }
                canonical(value);
            }
            entries.retain(|_, value| !value.is_null());
        }
        Value::Array(elements) => elements.iter_mut().for_each(canonical),
        _ => {}
    }
}

/// Fills in what Kubernetes fills in.
pub(super) fn defaults(object: &mut Value) {
    match text(object, "/kind").to_owned().as_str() {
        "Deployment" => {
            default(object, "/spec/replicas", json!(1));
            default(object, "/spec/revisionHistoryLimit", json!(10));
            default(object, "/spec/progressDeadlineSeconds", json!(600));
            default(object, "/spec/strategy/type", json!("RollingUpdate"));
            if text(object, "/spec/strategy/type") == "RollingUpdate" {
                default(object, "/spec/strategy/rollingUpdate/maxSurge", json!("25%"));
                default(object, "/spec/strategy/rollingUpdate/maxUnavailable", json!("25%"));
            }
            pod(object, "/spec/template");
        }
        "Job" => job(object, "/spec"),
        "CronJob" => {
            default(object, "/spec/concurrencyPolicy", json!("Allow"));
            default(object, "/spec/suspend", json!(false));
            default(object, "/spec/successfulJobsHistoryLimit", json!(3));
            default(object, "/spec/failedJobsHistoryLimit", json!(1));
            pod(object, "/spec/jobTemplate/spec/template");
        }
        "Pod" => pod(object, ""),
        "Service" => {
            default(object, "/spec/type", json!("ClusterIP"));
            default(object, "/spec/sessionAffinity", json!("None"));
            if text(object, "/spec/type") != "ExternalName" {
                default(object, "/spec/internalTrafficPolicy", json!("Cluster"));
            }
            for port in each(object, "/spec/ports") {
                default(port, "/protocol", json!("TCP"));
                let own = port.get("port").cloned().unwrap_or_default();
                default(port, "/targetPort", own);
            }
        }
        "HorizontalPodAutoscaler" => default(object, "/spec/minReplicas", json!(1)),
        _ => {}
    }
}

fn job(object: &mut Value, spec: &str) {
    default(object, &format!("{spec}/backoffLimit"), json!(6));
    default(object, &format!("{spec}/parallelism"), json!(1));
    default(object, &format!("{spec}/completions"), json!(1));
    default(object, &format!("{spec}/completionMode"), json!("NonIndexed"));
    default(object, &format!("{spec}/suspend"), json!(false));
    default(
        object,
        &format!("{spec}/podReplacementPolicy"),
        json!("TerminatingOrFailed"),
    );
    pod(object, &format!("{spec}/template"));
}

/// A pod, or the template of one, at a pointer.
fn pod(object: &mut Value, at: &str) {
    if !object.pointer(&format!("{at}/spec")).is_some_and(Value::is_object) {
        return;
    }
    for (key, value) in [
        ("restartPolicy", json!("Always")),
        ("dnsPolicy", json!("ClusterFirst")),
        ("schedulerName", json!("default-scheduler")),
        ("terminationGracePeriodSeconds", json!(30)),
        ("securityContext", json!({})),
    ] {
        default(object, &format!("{at}/spec/{key}"), value);
    }
    let account = text(object, &format!("{at}/spec/serviceAccountName")).to_owned();
    if !account.is_empty() {
        default(object, &format!("{at}/spec/serviceAccount"), json!(account));
    }
    for list in ["containers", "initContainers"] {
        for container in each(object, &format!("{at}/spec/{list}")) {
            let image = text(container, "/image");
            let floats = image.ends_with(":latest")
                || !image.contains('@') && !image.rsplit('/').next().unwrap_or_default().contains(':');
            let policy = if floats { "Always" } else { "IfNotPresent" };
            default(container, "/imagePullPolicy", json!(policy));
            default(container, "/terminationMessagePath", json!("/dev/termination-log"));
            default(container, "/terminationMessagePolicy", json!("File"));
            default(container, "/resources", json!({}));
            for port in each(container, "/ports") {
                default(port, "/protocol", json!("TCP"));
            }
            for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
                if let Some(probe) = container.get_mut(probe).filter(|probe| probe.is_object()) {
                    default(probe, "/timeoutSeconds", json!(1));
                    default(probe, "/periodSeconds", json!(10));
                    default(probe, "/successThreshold", json!(1));
                    default(probe, "/failureThreshold", json!(3));
                    if probe.get("httpGet").is_some() {
                        default(probe, "/httpGet/scheme", json!("HTTP"));
                    }
                }
            }
            // What is limited and not asked for is asked for as far as it is limited.
            let limits: Vec<(String, Value)> = entries(container, "/resources/limits")
                .map(|(key, value)| (key.replace('/', "~1"), value.clone()))
                .collect();
            for (resource, amount) in limits {
                default(container, &format!("/resources/requests/{resource}"), amount);
            }
        }
    }
}

/// What is wrong with an object: the field and why.
pub(super) fn wrong(target: &Target, object: &Value, live: Option<&Value>) -> Vec<(String, String)> {
    let mut wrong = Vec::new();
    let mut say = |field: &str, why: String| wrong.push((field.to_owned(), why));
    if let Some(why) = bad_name(target.kind.kind, name(object)) {
        say("metadata.name", format!("Invalid value: {:?}: {why}", name(object)));
    }
    for (key, value) in entries(object, "/metadata/labels") {
        let value = value.as_str().unwrap_or_default();
        if value.len() > 63 {
            say(
                "metadata.labels",
                format!("Invalid value: {value:?}: must be no more than 63 bytes"),
            );
        }
        if key.is_empty() {
            say(
                "metadata.labels",
                "Invalid value: \"\": name part must be non-empty".to_owned(),
            );
        }
    }
    match target.kind.kind {
        "Deployment" | "ReplicaSet" => {
            let selector = object.pointer("/spec/selector").filter(|selector| !selector.is_null());
            let labels = object
                .pointer("/spec/template/metadata/labels")
                .cloned()
                .unwrap_or_else(|| json!({}));
            match selector {
                None => say("spec.selector", "Required value".to_owned()),
                Some(selector) => {
                    let mut wanted = entries(selector, "/matchLabels");
                    if !wanted.all(|(key, value)| labels.get(key) == Some(value)) {
                        let why = format!("Invalid value: {labels}: `selector` does not match template `labels`");
                        say("spec.template.metadata.labels", why);
                    }
                    let before = live.and_then(|live| live.pointer("/spec/selector"));
                    if before.is_some_and(|before| before != selector) {
                        say(
                            "spec.selector",
                            format!("Invalid value: {selector}: field is immutable"),
                        );
                    }
                }
            }
            if number(object, "/spec/replicas").is_some_and(|replicas| replicas < 0) {
                say(
                    "spec.replicas",
                    "Invalid value: -1: must be greater than or equal to 0".to_owned(),
                );
            }
            containers(object, "/spec/template", "spec.template.spec", &mut say);
        }
        "Job" => {
            if let Some(live) = live {
                for field in ["template", "completions", "completionMode", "selector"] {
                    let pointer = format!("/spec/{field}");
                    let now = object.pointer(&pointer).cloned().unwrap_or_default();
                    if live.pointer(&pointer).cloned().unwrap_or_default() != now {
                        say(
                            &format!("spec.{field}"),
                            format!("Invalid value: {now}: field is immutable"),
                        );
                    }
                }
            }
            let policy = text(object, "/spec/template/spec/restartPolicy");
            if !matches!(policy, "Never" | "OnFailure") {
                let why = format!("Required value: valid values: \"OnFailure\", \"Never\" (it is {policy:?})");
                say("spec.template.spec.restartPolicy", why);
            }
            containers(object, "/spec/template", "spec.template.spec", &mut say);
        }
        "CronJob" => {
            if text(object, "/spec/schedule").is_empty() {
                say("spec.schedule", "Required value".to_owned());
            }
            let template = "/spec/jobTemplate/spec/template";
            containers(object, template, "spec.jobTemplate.spec.template.spec", &mut say);
        }
        "Pod" => containers(object, "", "spec", &mut say),
        "Service"
            if list(object, "/spec/ports").is_empty()
                && text(object, "/spec/type") != "ExternalName"
                && text(object, "/spec/clusterIP") != "None" =>
        {
            say("spec.ports", "Required value".to_owned());
        }
        "HorizontalPodAutoscaler" => {
            let most = number(object, "/spec/maxReplicas").unwrap_or_default();
            if most < number(object, "/spec/minReplicas").unwrap_or(1) {
                let why = format!("Invalid value: {most}: must be greater than or equal to `minReplicas`");
                say("spec.maxReplicas", why);
            }
        }
        _ => {}
    }
    wrong
}

fn containers(object: &Value, at: &str, field: &str, say: &mut impl FnMut(&str, String)) {
    let containers = list(object, &format!("{at}/spec/containers"));
    if containers.is_empty() {
        say(&format!("{field}.containers"), "Required value".to_owned());
    }
    for (index, container) in containers.iter().enumerate() {
        for part in ["name", "image"] {
            if text(container, &format!("/{part}")).is_empty() {
                say(
                    &format!("{field}.containers[{index}].{part}"),
                    "Required value".to_owned(),
                );
            }
        }
        for (number, mount) in list(container, "/volumeMounts").iter().enumerate() {
            let wanted = text(mount, "/name");
            let mut volumes = list(object, &format!("{at}/spec/volumes")).iter();
            if !volumes.any(|volume| text(volume, "/name") == wanted) {
                let field = format!("{field}.containers[{index}].volumeMounts[{number}].name");
                say(&field, format!("Not found: {wanted:?}"));
            }
        }
    }
}

/// Why there can be no object of this name.
fn bad_name(kind: &str, name: &str) -> Option<&'static str> {
    let label = matches!(kind, "Service" | "Namespace");
    let most = if label { 63 } else { 253 };
    let plain = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let part = |part: &str| {
        let bytes = part.as_bytes();
        let ends = bytes.first().is_some_and(|first| plain(*first)) && bytes.last().is_some_and(|last| plain(*last));
        ends && bytes.iter().all(|byte| plain(*byte) || *byte == b'-')
    };
    // Roles and their bindings may be called as they like.
    if kind.contains("Role") {
        return None;
    }
    if label && (!part(name) || name.len() > most) {
        return Some(
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
        );
    }
    if name.len() > most || !name.split('.').all(part) {
        return Some(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
        );
    }
    None
}

/// The object as who wrote it says it is: of the kind, the name and the namespace that the path says.
///
/// # Errors
/// Where it says something else.
pub(super) fn identified(target: &mut Target, object: &mut Value) -> Result<(), Refusal> {
    let api_version = target.api_version();
    let (kind, said) = (text(object, "/kind"), text(object, "/apiVersion"));
    if !(kind.is_empty() || kind == target.kind.kind) || !(said.is_empty() || said == api_version) {
        return Err(Refusal::bad_request(format!(
            "the object provided is unrecognized (must be of type {}): {said}, Kind={kind}",
            target.kind.kind
        )));
    }
    let own = name(object).to_owned();
    if target.name.is_empty() {
        target.name = own;
    } else if !own.is_empty() && own != target.name {
        return Err(Refusal::bad_request(format!(
            "the name of the object ({own}) does not match the name on the URL ({})",
            target.name
        )));
    }
    let space = super::object::namespace(object);
    if !space.is_empty() && space != target.namespace {
        return Err(Refusal::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    set(object, "/apiVersion", json!(api_version));
    set(object, "/kind", json!(target.kind.kind));
    set(object, "/metadata/name", json!(target.name));
    if target.kind.namespaced {
        set(object, "/metadata/namespace", json!(target.namespace));
    }
    Ok(())
}
