//! What the templates of manifests see.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use super::{Facts, secrets};
use crate::spec::workload::{Bucket, Image, Kind, Model, Scale, Target, Toleration};
use crate::spec::{Environment, Workload};

/// The taint of nodes with GPUs.
const GPU: &str = "nvidia.com/gpu";

/// Every value by name.
pub(super) fn values(environment: &Environment, workload: &Workload, facts: &Facts) -> BTreeMap<String, Json> {
    let common = labels(environment, None);
    let own = labels(environment, Some(workload));
    let selector: Map<String, Json> = own
        .iter()
        .filter(|(key, _)| ["app.kubernetes.io/name", "app.kubernetes.io/instance"].contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let values = json!({
        "project": environment.project.value,
        "environment": environment.name,
        "account": environment.account.value,
        "region": environment.region.value,
        "partition": environment.partition(),
        "protect": environment.protect,
        "workload": workload.name.value,
        "stack": workload.on.value,
        "kind": workload.kind.name(),
        "labels": own,
        "common_labels": common,
        "selector": selector,
        "image": facts.image.clone().unwrap_or_else(|| image(environment, workload)),
        "args": workload.args,
        "architecture": workload.architecture.oci(),
        "replicas": workload.scale.least(),
        "least_replicas": workload.scale.least(),
        "autoscaling": autoscaling(workload.scale),
        "cpu": format!("{}m", workload.milli_cpu),
        "memory": memory(workload.memory_mib),
        "gpu": workload.gpu,
        "variables": variables(environment, workload, facts),
        "secrets": workload.secrets.keys().collect::<Vec<_>>(),
        "secret_objects": secrets::objects(&workload.secrets),
        "port": workload.port,
        "probes": probes(workload),
        "namespace": workload.namespace,
        "service_account": workload.service_account.name,
        "ingress": workload.ingress.as_ref().map(|ingress| json!({
            "host": ingress.host,
            "tls": ingress.tls,
            "certificate": ingress.certificate,
            "public": ingress.public,
            "class": ingress.class,
            "path": ingress.path,
        })),
        "stream": workload.stream.as_ref().map(|stream| json!({
            "brokers": stream.brokers,
            "topic": stream.topic,
            "group": stream.group,
            "output": stream.output,
        })),
        "schedule": workload.batch.schedule,
        "time_zone": workload.batch.time_zone,
        "parallelism": workload.batch.parallelism,
        "retries": workload.batch.retries,
        "timeout_seconds": workload.batch.timeout_seconds,
        "grace_seconds": workload.grace_seconds,
        "pre_stop_seconds": (workload.grace_seconds / 2).clamp(1, 10),
        "progress_seconds": workload.probes.as_ref().map_or(600, |probes| {
            // Pulling a large image and waiting for a node come before the probe.
            probes.startup.saturating_add(probes.initial_delay).saturating_add(600)
        }),
        "node_selector": node_selector(workload),
        "tolerations": tolerations(workload),
    });
    match values {
        Json::Object(values) => values.into_iter().collect(),
        _ => BTreeMap::new(),
    }
}

/// The name of a job: another one for everything else that its pods would be.
pub(super) fn job_name(workload: &str, pod: &Json) -> String {
    let digest = Sha256::digest(pod.to_string().as_bytes());
    let short: String = digest.iter().take(5).map(|byte| format!("{byte:02x}")).collect();
    format!("{workload}-{short}")
}

/// "Recommended Labels", Kubernetes, and where it comes from in mlinfra's words.
fn labels(environment: &Environment, workload: Option<&Workload>) -> Map<String, Json> {
    let project = environment.project.value.as_str();
    let mut labels = vec![
        ("app.kubernetes.io/part-of", project.to_owned()),
        ("app.kubernetes.io/managed-by", "mlinfra".to_owned()),
        ("mlinfra/project", project.to_owned()),
        ("mlinfra/environment", environment.name.clone()),
    ];
    if let Some(workload) = workload {
        let name = &workload.name.value;
        let instance = format!("{project}-{}-{name}", environment.name);
        labels.extend([
            ("app.kubernetes.io/name", name.clone()),
            ("app.kubernetes.io/instance", instance),
            ("app.kubernetes.io/component", workload.kind.name().to_owned()),
            ("mlinfra/stack", workload.on.value.clone()),
            ("mlinfra/workload", name.clone()),
        ]);
    }
    labels.sort();
    labels
        .into_iter()
        .map(|(key, value)| (key.to_owned(), Json::String(label(&value))))
        .collect()
}

/// The value of a label: 63 characters, the last of them no hyphen. Longer ones end in a digest, so that two stay two.
pub(super) fn label(value: &str) -> String {
    const LONGEST: usize = 63;
    if value.len() <= LONGEST {
        return value.to_owned();
    }
    let digest = Sha256::digest(value.as_bytes());
    let short: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let cut: String = value.chars().take(LONGEST - short.len() - 1).collect();
    format!("{}-{short}", cut.trim_end_matches('-'))
}

/// The image as far as it is known before it is built.
pub(super) fn image(environment: &Environment, workload: &Workload) -> String {
    if let Image::Reference(reference) = &workload.image {
        return reference.clone();
    }
    let suffix = match environment.partition() {
        "aws-cn" => "amazonaws.com.cn",
        "aws-iso" => "c2s.ic.gov",
        "aws-iso-b" => "sc2s.sgov.gov",
        _ => "amazonaws.com",
    };
    let (account, region) = (&environment.account.value, &environment.region.value);
    let (project, name) = (&environment.project.value, &environment.name);
    let repository = workload.image.repository().unwrap_or_default();
    let known = match workload.image {
        Image::Layout { .. } => "known when it is shipped",
        _ => "known after build",
    };
    format!("{account}.dkr.ecr.{region}.{suffix}/{project}/{name}/{repository}@sha256:({known})")
}

fn memory(mebibytes: u64) -> String {
    if mebibytes.is_multiple_of(1024) {
        format!("{}Gi", mebibytes / 1024)
    } else {
        format!("{mebibytes}Mi")
    }
}

fn autoscaling(scale: Scale) -> Json {
    let Scale::Automatic { min, max, target } = scale else {
        return Json::Null;
    };
    let (cpu, requests, lag) = match target {
        Target::Cpu(percent) => (json!(percent), Json::Null, Json::Null),
        Target::Requests(requests) => (Json::Null, json!(quantity(requests)), Json::Null),
        Target::Lag(lag) => (Json::Null, Json::Null, json!(lag.to_string())),
    };
    json!({ "min": min, "max": max, "target_cpu": cpu, "target_requests": requests, "lag": lag })
}

/// A number as a quantity of Kubernetes, to a thousandth.
fn quantity(number: f64) -> String {
    if number.fract() == 0.0 {
        format!("{number}")
    } else {
        format!("{}m", (number * 1000.0).round())
    }
}

fn probes(workload: &Workload) -> Json {
    let Some(probes) = &workload.probes else {
        return Json::Null;
    };
    // Asked often while it starts, so that it serves as soon as it can.
    let startup_period = probes.period.min(5);
    json!({
        "path": probes.path,
        "live_path": probes.live_path,
        "initial_delay": probes.initial_delay,
        "period": probes.period,
        "timeout": probes.timeout,
        "failures": probes.failures,
        "startup_period": startup_period,
        "startup_failures": probes.startup.div_ceil(startup_period.max(1)).max(1),
    })
}

/// What the container of a pod is told, sorted by name. What the file says in `env` wins.
fn variables(environment: &Environment, workload: &Workload, facts: &Facts) -> Json {
    let mut all = told(environment, workload, facts);
    all.extend(workload.secrets.keys().map(|name| secrets::variable(name)));
    all.extend(workload.env.clone());
    all.into_iter()
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect()
}

/// What every container is told by itself, on whatever it runs.
pub(super) fn told(environment: &Environment, workload: &Workload, facts: &Facts) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    let mut tell = |name: &str, value: String| all.insert(name.to_owned(), value);
    tell("AWS_REGION", environment.region.value.clone());
    if workload.kind != Kind::Batch {
        tell("INFERENCE_PORT", workload.port.to_string());
    }
    if let Some(model) = &workload.model {
        tell("INFERENCE_MODEL", model_uri(model, facts));
        let version = match model {
            Model::S3 { version, .. } => version.clone(),
            Model::Package { version, .. } => version.map(|version| version.to_string()),
        };
        let version = facts.model_version.clone().or(version);
        // What is shipped and has no version, such as all below a key, is not told one.
        if version.is_some() || facts.image.is_none() {
            tell(
                "INFERENCE_MODEL_VERSION",
                version.unwrap_or_else(|| "(known when it is shipped)".to_owned()),
            );
        }
    }
    if let Some(stream) = &workload.stream {
        tell("KAFKA_BROKERS", stream.brokers.join(","));
        tell("KAFKA_INPUT_TOPIC", stream.topic.clone());
        tell("KAFKA_GROUP", stream.group.clone());
        if let Some(output) = &stream.output {
            tell("KAFKA_OUTPUT_TOPIC", output.clone());
        }
    }
    all
}

pub(super) fn model_uri(model: &Model, facts: &Facts) -> String {
    if let Some(uri) = &facts.model_uri {
        return uri.clone();
    }
    match model {
        Model::S3 { bucket, key, path, .. } => {
            let key = match path {
                Some(_) => format!("{key}(known when it is shipped)"),
                None => key.clone(),
            };
            let bucket = match (bucket, &facts.model_bucket) {
                (Bucket::Named(name), _) | (Bucket::Of(_), Some(name)) => name.clone(),
                (Bucket::Of(stack), None) => format!("(known after {stack})"),
            };
            format!("s3://{bucket}/{key}")
        }
        Model::Package { group, .. } => format!("(known when it is shipped: the model of group {group})"),
    }
}

fn node_selector(workload: &Workload) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([
        ("kubernetes.io/arch".to_owned(), workload.architecture.oci().to_owned()),
        ("kubernetes.io/os".to_owned(), "linux".to_owned()),
    ]);
    labels.extend(workload.node_selector.clone());
    labels
}

fn tolerations(workload: &Workload) -> Json {
    let gpu = Toleration {
        key: GPU.to_owned(),
        value: None,
        effect: None,
    };
    let wanted = workload.gpu > 0 && workload.tolerations.iter().all(|toleration| toleration.key != GPU);
    let all = workload.tolerations.iter().chain(wanted.then_some(&gpu));
    all.map(|toleration| {
        let mut written = json!({ "key": toleration.key });
        if let Some(written) = written.as_object_mut() {
            match &toleration.value {
                Some(value) => {
                    written.insert("operator".to_owned(), json!("Equal"));
                    written.insert("value".to_owned(), json!(value));
                }
                None => {
                    written.insert("operator".to_owned(), json!("Exists"));
                }
            }
            if let Some(effect) = &toleration.effect {
                written.insert("effect".to_owned(), json!(effect));
            }
        }
        written
    })
    .collect()
}
