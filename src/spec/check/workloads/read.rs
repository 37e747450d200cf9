//! From a table that was held against its keys to a typed workload. What has the wrong type was told; here it is absent.

use std::collections::BTreeMap;

use super::super::super::syntax::Table;
use super::super::super::workload::{
    Architecture, Batch, Ingress, Kind, Model, Platform, Probes, Scale, Secret, ServiceAccount, Stream, Target,
    Toleration,
};
use super::super::super::{Data, Spanned, Workload};
use super::{Subject, image, neighbours};
use crate::diagnostic::Problems;

/// The workload with its defaults; none if something is missing, which was told.
pub(super) fn workload(subject: &Subject<'_>, on: Spanned<String>, problems: &mut Problems) -> Option<Workload> {
    let body = subject.body;
    let namespace = given(body, "namespace", "default");
    let image = image::image(subject, problems);
    let model: Option<Model> = neighbours::model(subject, problems);
    let service_account: ServiceAccount = neighbours::service_account(subject, &namespace, problems);
    Some(Workload {
        name: subject.name.clone(),
        kind: subject.kind,
        on,
        platform: subject.platform,
        image: image?,
        architecture: match text(body, "architecture") {
            Some(written) if written.value == "arm64" => Architecture::Arm64,
            _ => Architecture::X86_64,
        },
        model,
        scale: scale(subject),
        milli_cpu: thousandths(number(body, "cpu").unwrap_or(1.0)),
        memory_mib: mebibytes(&given(body, "memory", "2Gi")),
        gpu: small(body, "gpu", 0),
        instance_type: text(body, "instance_type").map(|text| text.value),
        args: list(body, "args"),
        env: strings(body, "env"),
        secrets: strings(body, "secrets")
            .into_iter()
            .map(|(name, reference)| (name, secret(&reference)))
            .collect(),
        port: u16::try_from(small(body, "port", 8080)).unwrap_or(8080),
        probes: probes(subject),
        namespace,
        service_account,
        ingress: table(body, "ingress").and_then(ingress),
        stream: table(body, "stream").and_then(|table| stream(subject, table)),
        batch: Batch {
            schedule: text(body, "schedule").map(|text| text.value),
            time_zone: given(body, "time_zone", "Etc/UTC"),
            parallelism: small(body, "parallelism", 1),
            retries: small(body, "retries", 2),
            timeout_seconds: seconds(body, "timeout", 6 * 3600),
        },
        grace_seconds: seconds(body, "grace_period", 60),
        node_selector: strings(body, "node_selector"),
        tolerations: tolerations(body),
        written: body
            .iter()
            .map(|(key, entry)| (key.clone(), entry.key.clone()))
            .collect(),
    })
}

fn scale(subject: &Subject<'_>) -> Scale {
    let default = if subject.around.protect { 2 } else { 1 };
    let Some(written) = table(subject.body, "autoscaling") else {
        return Scale::Fixed(small(subject.body, "replicas", default));
    };
    let target = if written.contains_key("lag") {
        Target::Lag(small(written, "lag", 1000))
    } else {
        match number(written, "target_requests") {
            Some(requests) => Target::Requests(requests),
            None => Target::Cpu(small(written, "target_cpu", 70)),
        }
    };
    Scale::Automatic {
        min: small(written, "min", 1),
        max: small(written, "max", 1),
        target,
    }
}

/// An api is always asked; a stream only where `probes` says so, for it need not answer anything.
fn probes(subject: &Subject<'_>) -> Option<Probes> {
    let written = table(subject.body, "probes");
    let asked = written.is_some() || subject.kind == Kind::Api;
    if !asked || subject.platform == Platform::SageMaker {
        return None;
    }
    let none = Table::new();
    let table = written.unwrap_or(&none);
    let path = given(table, "path", "/ping");
    Some(Probes {
        live_path: given(table, "live_path", &path),
        path,
        startup: seconds(table, "startup", 300),
        initial_delay: seconds(table, "initial_delay", 0),
        period: seconds(table, "period", 10),
        timeout: seconds(table, "timeout", 2),
        failures: small(table, "failures", 3),
    })
}

fn ingress(table: &Table) -> Option<Ingress> {
    Some(Ingress {
        host: text(table, "host")?.value,
        tls: boolean(table, "tls").unwrap_or(true),
        certificate: text(table, "certificate").map(|text| text.value),
        public: boolean(table, "public").unwrap_or(false),
        class: given(table, "class", "alb"),
        path: given(table, "path", "/"),
    })
}

fn stream(subject: &Subject<'_>, table: &Table) -> Option<Stream> {
    Some(Stream {
        brokers: list(table, "brokers"),
        topic: text(table, "topic")?.value,
        group: text(table, "group").map_or_else(
            || format!("{}-{}", subject.around.prefix, subject.name.value),
            |text| text.value,
        ),
        output: text(table, "output").map(|text| text.value),
    })
}

fn tolerations(body: &Table) -> Vec<Toleration> {
    let Some(Data::Array(items)) = body.get("tolerations").map(|entry| &entry.value.value) else {
        return Vec::new();
    };
    items
        .iter()
        .filter_map(|item| match &item.value {
            Data::Table(table) => Some(Toleration {
                key: text(table, "key")?.value,
                value: text(table, "value").map(|text| text.value),
                effect: text(table, "effect").map(|text| text.value),
            }),
            _ => None,
        })
        .collect()
}

/// The secret behind one of the forms that `secret::is_reference` takes.
fn secret(reference: &str) -> Secret {
    let inside = |kind: &str| {
        let rest = reference.strip_prefix("{{resolve:")?.strip_prefix(kind)?;
        rest.strip_suffix("}}")
    };
    if let Some(name) = inside("ssm-secure:") {
        return Secret::Parameter(name.split(':').next().unwrap_or(name).to_owned());
    }
    if let Some(rest) = inside("secretsmanager:") {
        // "Get a secret or secret value from Secrets Manager": id:SecretString:key, and the id may be an ARN.
        let (id, rest) = match rest.split_once(":SecretString") {
            Some((id, rest)) => (id, rest),
            None => (rest, ""),
        };
        let key = rest.split(':').nth(1).filter(|key| !key.is_empty());
        return Secret::SecretsManager {
            id: id.to_owned(),
            key: key.map(str::to_owned),
        };
    }
    // The name of a parameter begins with a slash if it has any; its ARN does not show the first one.
    match reference.split_once(":parameter/") {
        Some((_, name)) if reference.contains(":ssm:") => Secret::Parameter(if name.contains('/') {
            format!("/{name}")
        } else {
            name.to_owned()
        }),
        _ => Secret::SecretsManager {
            id: reference.to_owned(),
            key: None,
        },
    }
}

pub(super) fn text(table: &Table, key: &str) -> Option<Spanned<String>> {
    let value = &table.get(key)?.value;
    match &value.value {
        Data::String(text) => Some(Spanned {
            value: text.clone(),
            span: value.span.clone(),
        }),
        _ => None,
    }
}

pub(super) fn table<'a>(table: &'a Table, key: &str) -> Option<&'a Table> {
    match &table.get(key)?.value.value {
        Data::Table(inner) => Some(inner),
        _ => None,
    }
}

pub(super) fn boolean(table: &Table, key: &str) -> Option<bool> {
    match table.get(key)?.value.value {
        Data::Boolean(value) => Some(value),
        _ => None,
    }
}

pub(super) fn whole(table: &Table, key: &str) -> Option<i64> {
    match table.get(key)?.value.value {
        Data::Integer(number) => Some(number),
        _ => None,
    }
}

pub(super) fn strings(body: &Table, key: &str) -> BTreeMap<String, String> {
    let entries = table(body, key).into_iter().flatten();
    entries
        .filter_map(|(name, entry)| match &entry.value.value {
            Data::String(text) => Some((name.clone(), text.clone())),
            _ => None,
        })
        .collect()
}

/// One string, or an array of them.
pub(super) fn list(table: &Table, key: &str) -> Vec<String> {
    match table.get(key).map(|entry| &entry.value.value) {
        Some(Data::String(one)) => vec![one.clone()],
        Some(Data::Array(items)) => items
            .iter()
            .filter_map(|item| match &item.value {
                Data::String(text) => Some(text.clone()),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn number(table: &Table, key: &str) -> Option<f64> {
    match table.get(key)?.value.value {
        #[expect(clippy::cast_precision_loss, reason = "the bounds are far below 2^53")]
        Data::Integer(number) => Some(number as f64),
        Data::Float(number) => Some(number),
        _ => None,
    }
}

fn given(table: &Table, key: &str, default: &str) -> String {
    text(table, key).map_or_else(|| default.to_owned(), |text| text.value)
}

pub(super) fn small(table: &Table, key: &str, default: u32) -> u32 {
    whole(table, key)
        .and_then(|number| u32::try_from(number).ok())
        .unwrap_or(default)
}

pub(super) fn seconds(table: &Table, key: &str, default: u32) -> u32 {
    let duration = |text: &str| -> Option<u32> {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let unit = match unit {
            "h" => 3600,
            "m" => 60,
            _ => 1,
        };
        number.parse::<u32>().ok()?.checked_mul(unit)
    };
    text(table, key)
        .and_then(|text| duration(&text.value))
        .unwrap_or(default)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "from 0.05 to 192: `keys::WORKLOAD` bounds it"
)]
fn thousandths(cpu: f64) -> u32 {
    (cpu.clamp(0.0, 1000.0) * 1000.0).round() as u32
}

fn mebibytes(text: &str) -> u64 {
    let (number, unit) = text
        .split_at_checked(text.len().saturating_sub(2))
        .unwrap_or((text, ""));
    let number: u64 = number.parse().unwrap_or_default();
    if unit == "Gi" { number * 1024 } else { number }
}
