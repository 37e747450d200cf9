//! Which settings a kind of workload has, and where; and which do not go together.

use super::super::super::workload::{Kind, Platform};
use super::super::super::{Data, Spanned};
use super::{Subject, read, schedule, table_input};
use crate::diagnostic::{Problem, Problems, closest, codes};

use Kind::{Api, Batch, Stream};
use Platform::{Ecs, Eks, SageMaker};

const EVERYWHERE: &[Platform] = &[Eks, Ecs, SageMaker];
const CONTAINERS: &[Platform] = &[Eks, Ecs];
const ALL: &[Kind] = &[Api, Batch, Stream];

/// Settings that not every workload has: of which kinds, on what, and what does the same elsewhere.
///
/// [`ELSEWHERE`] has what is said instead where the kind is right and the platform is not.
const SETTINGS: &[(&str, &[Kind], &[Platform], &str)] = &[
    (
        "replicas",
        &[Api, Stream],
        EVERYWHERE,
        "`parallelism` says how many work through a batch side by side",
    ),
    (
        "autoscaling",
        &[Api, Stream],
        EVERYWHERE,
        "`parallelism` says how many work through a batch side by side",
    ),
    ("cpu", ALL, CONTAINERS, "`instance_type` says it on SageMaker"),
    ("memory", ALL, CONTAINERS, "`instance_type` says it on SageMaker"),
    ("gpu", ALL, CONTAINERS, "`instance_type` says it on SageMaker"),
    (
        "instance_type",
        ALL,
        &[SageMaker],
        "`cpu`, `memory` and `gpu` say it elsewhere",
    ),
    (
        "secrets",
        ALL,
        CONTAINERS,
        "on SageMaker, the container reads them itself with its role",
    ),
    (
        "port",
        &[Api, Stream],
        CONTAINERS,
        "SageMaker asks on port 8080, and a batch is asked nothing",
    ),
    (
        "probes",
        &[Api, Stream],
        CONTAINERS,
        "SageMaker asks /ping, and a batch lives until it ends",
    ),
    ("namespace", ALL, &[Eks], "only Kubernetes has namespaces"),
    ("service_account", ALL, &[Eks], "elsewhere the stack gives it a role"),
    ("ingress", &[Api], &[Eks], "on ECS the load balancer is the stack's own"),
    ("stream", &[Stream], CONTAINERS, "only a stream reads a topic"),
    ("schedule", &[Batch], CONTAINERS, "only a batch is started by the clock"),
    (
        "time_zone",
        &[Batch],
        CONTAINERS,
        "only a batch is started by the clock",
    ),
    (
        "parallelism",
        &[Batch],
        &[Eks],
        "`replicas` says how many run of an api or a stream",
    ),
    (
        "retries",
        &[Batch],
        &[Eks],
        "an api or a stream is started again for as long as it takes",
    ),
    (
        "timeout",
        &[Batch],
        EVERYWHERE,
        "only a batch has an end; `probes` has a `timeout` of its own",
    ),
    ("grace_period", ALL, CONTAINERS, "SageMaker decides it"),
    ("node_selector", ALL, &[Eks], "only Kubernetes places by labels"),
    ("tolerations", ALL, &[Eks], "only Kubernetes has taints"),
];

/// What a batch has to do without, and what it does.
const ELSEWHERE: &[(&str, &str)] = &[
    ("schedule", "a job of SageMaker runs when it is shipped"),
    ("time_zone", "a job of SageMaker runs when it is shipped"),
    (
        "parallelism",
        "only a Job of Kubernetes runs several times side by side",
    ),
    (
        "retries",
        "a task of ECS and a job of SageMaker run once; ship it again",
    ),
];

pub(super) fn check(subject: &Subject<'_>, problems: &mut Problems) {
    settings(subject, problems);
    together(subject, problems);
    autoscaling(subject, problems);
    environment(subject, problems);
    gpus(subject, problems);
    if let Some(written) = read::text(subject.body, "time_zone") {
        time_zone(&written, problems);
    }
    if let Some(written) = read::text(subject.body, "schedule")
        && let Some(why) = schedule::fault(&written.value)
    {
        problems.push(
            Problem::error(
                codes::WORKLOAD_VALUE,
                format!("`{}` is not a schedule: {why}", written.value),
            )
            .at(written.span, "")
            .note("it has five fields: minute, hour, day of the month, month, day of the week")
            .hint("at a quarter past two every night: schedule = \"15 2 * * *\""),
        );
    }
}

/// Refuses what is no time zone: who keeps the schedule would, after everything else is done.
fn time_zone(written: &Spanned<String>, problems: &mut Problems) {
    let known = jiff::tz::TimeZoneDatabase::bundled();
    let is_place = !matches!(written.value.as_str(), "Factory" | "Local");
    if is_place
        && known
            .get(&written.value)
            .is_ok_and(|zone| zone.iana_name() == Some(&written.value))
    {
        return;
    }
    let names: Vec<String> = known.available().map(|name| name.to_string()).collect();
    let problem = Problem::error(
        codes::WORKLOAD_VALUE,
        format!("there is no time zone `{}`", written.value),
    )
    .at(written.span.clone(), "");
    problems.push(match closest(&written.value, names.iter().map(String::as_str)) {
        Some(name) => problem.hint(format!("did you mean `{name}`?")),
        None => problem.hint("its name in the IANA database: time_zone = \"Europe/Berlin\""),
    });
}

fn settings(subject: &Subject<'_>, problems: &mut Problems) {
    let (kind, platform) = (subject.kind, subject.platform);
    for (key, kinds, platforms, instead) in SETTINGS {
        let Some(entry) = subject.body.get(*key) else { continue };
        let (message, instead) = if !kinds.contains(&kind) {
            let article = if kind == Api { "an" } else { "a" };
            (format!("{article} {} has no `{key}`", kind.name()), *instead)
        } else if !platforms.contains(&platform) {
            let said = ELSEWHERE.iter().find(|(other, _)| other == key);
            let why = said.map_or(*instead, |(_, why)| why);
            (format!("a workload on {} has no `{key}`", on(platform)), why)
        } else {
            continue;
        };
        problems.push(
            Problem::error(codes::WORKLOAD_SETTING, message)
                .at(entry.key.clone(), "")
                .note(instead)
                .hint("remove it"),
        );
    }
    for (key, needed, example) in [
        (
            "stream",
            kind == Stream,
            "stream = { brokers = [\"b-1.kafka.example.com:9098\"], topic = \"transactions\" }",
        ),
        (
            "instance_type",
            platform == SageMaker,
            "instance_type = \"ml.m6i.large\"",
        ),
    ] {
        if needed && !subject.body.contains_key(key) {
            let message = format!("the workload `{}` has no `{key}`", subject.name.value);
            let problem = Problem::error(codes::MISSING_SETTING, message).at(subject.name.span.clone(), "");
            problems.push(problem.hint(format!("for example: {example}")));
        }
    }
}

fn on(platform: Platform) -> &'static str {
    match platform {
        Eks => "EKS",
        Ecs => "ECS",
        SageMaker => "SageMaker",
    }
}

fn together(subject: &Subject<'_>, problems: &mut Problems) {
    let body = subject.body;
    if let (Some(replicas), Some(autoscaling)) = (body.get("replicas"), body.get("autoscaling")) {
        problems.push(
            Problem::error(
                codes::WORKLOAD_CONFLICT,
                "`replicas` and `autoscaling` both say how many run",
            )
            .at(replicas.key.clone(), "")
            .at(autoscaling.key.clone(), "and here")
            .hint("keep one of them; `min` of `autoscaling` is what runs at least"),
        );
    }
    if let (Some(zone), None) = (body.get("time_zone"), body.get("schedule")) {
        problems.push(
            Problem::error(codes::WORKLOAD_CONFLICT, "a `time_zone` without a `schedule`")
                .at(zone.key.clone(), "")
                .hint("remove it, or add: schedule = \"15 2 * * *\""),
        );
    }
    if let Some(ingress) = read::table(body, "ingress")
        && let (Some(certificate), Some(false)) = (ingress.get("certificate"), read::boolean(ingress, "tls"))
    {
        problems.push(
            Problem::error(codes::WORKLOAD_CONFLICT, "a certificate, and no TLS")
                .at(certificate.key.clone(), "")
                .hint("remove `tls = false`, or the certificate"),
        );
    }
}

fn autoscaling(subject: &Subject<'_>, problems: &mut Problems) {
    let Some(entry) = subject.body.get("autoscaling") else {
        return;
    };
    let Data::Table(table) = &entry.value.value else { return };
    if let (Some(min), Some(max)) = (read::whole(table, "min"), read::whole(table, "max"))
        && min > max
    {
        let span = table
            .get("min")
            .map_or_else(|| entry.key.clone(), |min| min.value.span.clone());
        problems.push(
            Problem::error(
                codes::WORKLOAD_CONFLICT,
                format!("`min` is {min}, and `max` only {max}"),
            )
            .at(span, ""),
        );
    }
    let targets: Vec<_> = ["target_cpu", "target_requests", "lag"]
        .into_iter()
        .filter_map(|key| Some((key, table.get(key)?)))
        .collect();
    match targets.as_slice() {
        [] => problems.push(
            Problem::error(codes::WORKLOAD_CONFLICT, "nothing says what `autoscaling` follows")
                .at(entry.key.clone(), "")
                .hint(match subject.kind {
                    Stream if subject.platform == Eks => "add one of: target_cpu = 70, lag = 1000",
                    Api => "add one of: target_cpu = 70, target_requests = 50",
                    _ => "add: target_cpu = 70",
                }),
        ),
        [(key, written)] => {
            let fits = match *key {
                "lag" => subject.kind == Stream,
                "target_requests" => subject.kind == Api,
                _ => true,
            };
            if !fits {
                let instead = if subject.kind == Api {
                    "`target_requests`"
                } else {
                    "`lag`"
                };
                problems.push(
                    Problem::error(
                        codes::WORKLOAD_SETTING,
                        format!(
                            "the `autoscaling` of {} {} has no `{key}`",
                            article(subject.kind),
                            subject.kind.name()
                        ),
                    )
                    .at(written.key.clone(), "")
                    .hint(format!("it can follow `target_cpu` or {instead}")),
                );
            }
        }
        [(first, one), (second, other), ..] => problems.push(
            Problem::error(
                codes::WORKLOAD_CONFLICT,
                format!("`autoscaling` follows one thing, and both `{first}` and `{second}` are given"),
            )
            .at(one.key.clone(), "")
            .at(other.key.clone(), "and here")
            .hint("keep the one that runs out first"),
        ),
    }
}

fn article(kind: Kind) -> &'static str {
    if kind == Api { "an" } else { "a" }
}

/// Last words of names that say that a secret is behind them.
const SECRET_NAMES: [&str; 8] = [
    "PASSWORD",
    "PASSWD",
    "SECRET",
    "TOKEN",
    "API_KEY",
    "APIKEY",
    "PRIVATE_KEY",
    "SECRET_ACCESS_KEY",
];

/// Whether the name of a variable says that a secret is behind it.
pub(super) fn is_called_as_a_secret(name: &str) -> bool {
    let name = name.to_uppercase();
    SECRET_NAMES.iter().any(|word| name.ends_with(*word))
}

fn environment(subject: &Subject<'_>, problems: &mut Problems) {
    let Some(env) = read::table(subject.body, "env") else {
        return;
    };
    let secrets = read::table(subject.body, "secrets");
    for (name, entry) in env {
        let Data::String(text) = &entry.value.value else {
            continue;
        };
        if is_called_as_a_secret(name) && !text.is_empty() {
            problems.push(
                Problem::error(
                    codes::SECRET_LITERAL,
                    format!("`env.{name}` looks like a secret, which must not be written into a file"),
                )
                .at(super::super::super::secret::hidden(&entry.value.span), "")
                .hint(format!(
                    "refer to it: secrets = {{ {name} = \"{{{{resolve:secretsmanager:NAME}}}}\" }}"
                ))
                .hint("if it is none, call it by another name")
                .note("if this file was ever committed, replace the secret"),
            );
        }
        if let Some(secret) = secrets.and_then(|secrets| secrets.get(name)) {
            problems.push(
                Problem::error(
                    codes::WORKLOAD_CONFLICT,
                    format!("`{name}` is both in `env` and in `secrets`"),
                )
                .at(entry.key.clone(), "")
                .at(secret.key.clone(), "and here"),
            );
        }
    }
}

/// "Amazon ECS task definition differences for Fargate": no GPUs.
fn gpus(subject: &Subject<'_>, problems: &mut Problems) {
    let Some(wanted) = read::whole(subject.body, "gpu").filter(|gpus| *gpus > 0) else {
        return;
    };
    if subject.platform != Ecs {
        return;
    }
    let groups = table_input(subject.stack, "capacity");
    let with_gpus = groups.into_iter().flatten().any(|(_, group)| match &group.value.value {
        Data::Table(group) => read::boolean(group, "gpu") == Some(true),
        _ => false,
    });
    if !with_gpus {
        let name: &Spanned<String> = &subject.stack.name;
        problems.push(
            Problem::error(
                codes::WORKLOAD_CONFLICT,
                format!(
                    "it asks for {wanted} GPU, and `{}` has no instances with any",
                    name.value
                ),
            )
            .at(subject.span("gpu"), "")
            .at(name.span.clone(), "this stack")
            .note("Fargate has no GPUs")
            .hint(format!(
                "add instances:\n[stacks.{}.capacity.gpu]\ninstance_types = [\"g6.xlarge\"]\ngpu = true",
                name.value
            )),
        );
    }
}
