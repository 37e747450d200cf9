//! `[training.*]`: jobs that make models. They are no workloads, and take images and model groups as those do.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::super::super::conform::{conform, fits};
use super::super::super::keys::{CHANNEL, CHANNEL_NAME, TRAINING};
use super::super::super::syntax::Table;
use super::super::super::training::{Channel, Place, Register, Spot, Training};
use super::super::super::workload::{Kind, Platform};
use super::super::super::{Data, Entry, Spanned, StackSpec, field, secret};
use super::super::{bad_name, is_name};
use super::{Around, Subject, fit, image, neighbours, read};
use crate::diagnostic::{Problem, Problems, Span, codes};

/// The longest time that a job may train: 28 days ("StoppingCondition", SageMaker API Reference).
const LONGEST: u32 = 28 * 24 * 3600;

pub(in super::super) fn training(
    table: &Table,
    around: Around<'_>,
    problems: &mut Problems,
) -> IndexMap<String, Training> {
    let mut jobs = IndexMap::new();
    let Some(section) = field::table(table, "training", problems) else {
        return jobs;
    };
    for (name, entry) in section {
        let name = Spanned {
            value: name.clone(),
            span: entry.key.clone(),
        };
        if !is_name(&name.value) {
            problems.push(bad_name("training job", &name));
        }
        let Some(body) = field::table(section, &name.value, problems) else {
            continue;
        };
        let before = problems.0.len();
        let place = format!("the training job `{}`", name.value);
        conform(body, TRAINING, &place, &name.span, problems);
        let Some(on) = read::text(body, "on") else { continue };
        let Some(stack) = target(&on, around.stacks, problems) else {
            continue;
        };
        let subject = Subject {
            name: &name,
            body,
            kind: Kind::Batch,
            platform: Platform::SageMaker,
            stack,
            around,
        };
        let job = job(&subject, on, problems);
        if let (Some(job), true) = (job, problems.0.len() == before) {
            jobs.insert(name.value.clone(), job);
        }
    }
    jobs
}

fn target<'a>(
    on: &Spanned<String>,
    stacks: &'a IndexMap<String, StackSpec>,
    problems: &mut Problems,
) -> Option<&'a StackSpec> {
    let fitting = stacks.values().filter(|stack| stack.module.value == "sagemaker");
    let fitting: Vec<&str> = fitting.map(|stack| stack.name.value.as_str()).collect();
    let refuse = |message: String| Problem::error(codes::TRAINING_TARGET, message).at(on.span.clone(), "");
    match stacks.get(&on.value) {
        Some(stack) if stack.module.value == "sagemaker" => return Some(stack),
        Some(stack) => {
            let module = &stack.module.value;
            let message = format!("no training runs on `{}`, which is of the module `{module}`", on.value);
            let problem = refuse(message).at(stack.module.span.clone(), format!("`{}` is made here", on.value));
            problems.push(offered(problem, &fitting));
        }
        None => {
            let problem = refuse(format!("there is no stack `{}`", on.value));
            problems.push(if fitting.is_empty() {
                offered(problem, &fitting)
            } else {
                field::with_suggestion(problem, &on.value, fitting, "training runs on")
            });
        }
    }
    None
}

fn offered(problem: Problem, fitting: &[&str]) -> Problem {
    match fitting {
        [] => problem.hint("add one that has roles and networks for jobs:\n[stacks.ml]\nmodule = \"sagemaker\""),
        [first, ..] => problem.hint(format!("write: on = \"{first}\"")),
    }
}

fn job(subject: &Subject<'_>, on: Spanned<String>, problems: &mut Problems) -> Option<Training> {
    let body = subject.body;
    let image = image::image(subject, problems);
    let channels = channels(subject, problems);
    let usual = format!("training/{}", subject.name.value);
    let output = place(
        subject,
        read::table(body, "output"),
        &subject.span("output"),
        Some(&usual),
        problems,
    );
    let timeout_seconds = read::seconds(body, "timeout", 6 * 3600);
    if timeout_seconds > LONGEST {
        problems.push(
            Problem::error(codes::TRAINING_SETTING, "no job may train for longer than 28 days").at(
                value_span(body, "timeout").unwrap_or_else(|| subject.span("timeout")),
                "",
            ),
        );
    }
    let spot = spot(subject, timeout_seconds, problems);
    no_secrets(body, problems);
    metrics(body, problems);
    let register = register(subject, problems);
    let channels = channels?;
    Some(Training {
        name: subject.name.clone(),
        on,
        image: image?,
        args: read::list(body, "args"),
        channels,
        output: output?,
        instance_type: read::text(body, "instance_type")?.value,
        instances: read::small(body, "instances", 1),
        volume_gib: read::small(body, "volume", 30),
        spot,
        timeout_seconds,
        hyperparameters: read::strings(body, "hyperparameters"),
        env: read::strings(body, "env"),
        metrics: read::strings(body, "metrics"),
        register,
        written: body
            .iter()
            .map(|(key, entry)| (key.clone(), entry.key.clone()))
            .collect(),
    })
}

/// Channels have names of their author's choice, so they are held against their keys here.
fn channels(subject: &Subject<'_>, problems: &mut Problems) -> Option<BTreeMap<String, Channel>> {
    let mut channels = BTreeMap::new();
    let Some(written) = field::table(subject.body, "channels", problems) else {
        return (!subject.body.contains_key("channels")).then_some(channels);
    };
    for (name, entry) in written {
        if !fits(CHANNEL_NAME, name) {
            problems.push(
                Problem::error(codes::INVALID_NAME, format!("`{name}` cannot be the name of a channel"))
                    .at(entry.key.clone(), "")
                    .note("it becomes a folder: letters, digits, dots, hyphens and underscores, at most 64"),
            );
        }
        let Some(body) = channel_table(written, name, entry, problems) else {
            continue;
        };
        let whose = format!("the channel `{name}` of the training job `{}`", subject.name.value);
        conform(body, CHANNEL, &whose, &entry.key, problems);
        let Some(place) = place(subject, Some(body), &entry.key, None, problems) else {
            continue;
        };
        let place = match place {
            Place::Of { stack, key, .. } => Place::Of {
                stack,
                key,
                models: false,
            },
            uri => uri,
        };
        let channel = Channel {
            place,
            content_type: read::text(body, "content_type").map(|text| text.value),
            input_mode: read::text(body, "input_mode").map_or_else(|| "File".to_owned(), |text| text.value),
            sharded: read::boolean(body, "sharded").unwrap_or(false),
        };
        channels.insert(name.clone(), channel);
    }
    Some(channels)
}

/// `train = "s3://…"` is what many write first.
fn channel_table<'a>(written: &'a Table, name: &str, entry: &Entry, problems: &mut Problems) -> Option<&'a Table> {
    if let Data::String(text) = &entry.value.value {
        let message = format!("the channel `{name}` must be a table, this is a string");
        let key = if text.starts_with("s3://") { "s3" } else { "key" };
        problems.push(
            Problem::error(codes::WRONG_TYPE, message)
                .at(entry.value.span.clone(), "")
                .hint(format!("write: {name} = {{ {key} = \"{text}\" }}")),
        );
        return None;
    }
    field::table(written, name, problems)
}

/// A place in the models bucket unless it is an address; `usual` is the key where none is written.
fn place(
    subject: &Subject<'_>,
    table: Option<&Table>,
    whose: &Span,
    usual: Option<&str>,
    problems: &mut Problems,
) -> Option<Place> {
    let none = Table::new();
    let table = table.unwrap_or(&none);
    let refuse = |message: &str| Problem::error(codes::TRAINING_DATA, message).at(whose.clone(), "");
    let (uri, key, stack) = (
        read::text(table, "s3"),
        read::text(table, "key"),
        read::text(table, "stack"),
    );
    if let Some(uri) = uri {
        for other in ["key", "stack"] {
            if let Some(entry) = table.get(other) {
                problems.push(
                    Problem::error(
                        codes::TRAINING_DATA,
                        format!("`s3` says where it is, and `{other}` too"),
                    )
                    .at(entry.key.clone(), "")
                    .hint("keep one of `s3` and `key`"),
                );
            }
        }
        return Some(Place::Uri(uri.value));
    }
    let key = match (key, usual) {
        (Some(key), _) => key.value,
        (None, Some(usual)) => usual.to_owned(),
        (None, None) => {
            problems.push(
                refuse("nothing says where the data is")
                    .hint("in the data bucket of an `s3` stack: key = \"fraud/train/\"")
                    .hint("elsewhere: s3 = \"s3://acme-data/fraud/train/\""),
            );
            return None;
        }
    };
    let stacks = subject.around.stacks.values();
    let of_s3: Vec<&str> = stacks
        .filter(|stack| stack.module.value == "s3")
        .map(|stack| stack.name.value.as_str())
        .collect();
    let stack = match (stack, of_s3.as_slice()) {
        (Some(stack), known) if known.contains(&stack.value.as_str()) => stack.value,
        (Some(stack), known) => {
            let problem = Problem::error(
                codes::TRAINING_DATA,
                format!("there is no `s3` stack `{}`", stack.value),
            );
            let problem = problem.at(stack.span, "");
            problems.push(field::with_suggestion(
                problem,
                &stack.value,
                known.iter().copied(),
                "there are",
            ));
            return None;
        }
        (None, [only]) => (*only).to_owned(),
        (None, []) => {
            problems.push(
                refuse("nothing says in which bucket it is")
                    .hint("add a stack that has buckets:\n[stacks.storage]\nmodule = \"s3\"")
                    .hint("or name the bucket: s3 = \"s3://acme-data/fraud/train/\""),
            );
            return None;
        }
        (None, several) => {
            let names = several.join("`, `");
            problems.push(
                refuse("several stacks have buckets")
                    .note(format!("they are `{names}`"))
                    .hint(format!(
                        "name one: stack = \"{}\"",
                        several.first().copied().unwrap_or_default()
                    )),
            );
            return None;
        }
    };
    Some(Place::Of {
        stack,
        key,
        models: true,
    })
}

fn spot(subject: &Subject<'_>, timeout: u32, problems: &mut Problems) -> Option<Spot> {
    let written = read::table(subject.body, "spot")?;
    let max_wait_seconds = read::seconds(written, "max_wait", timeout.saturating_mul(2).min(LONGEST));
    if max_wait_seconds < timeout {
        let span = value_span(written, "max_wait").unwrap_or_else(|| subject.span("spot"));
        let problem = Problem::error(
            codes::TRAINING_SETTING,
            "`max_wait` includes the time in which it trains, and is shorter than `timeout`",
        );
        let problem = problem.at(span, "");
        problems.push(match subject.body.get("timeout") {
            Some(timeout) => problem.at(timeout.value.span.clone(), "so long may it train"),
            None => problem.note("without `timeout` it may train for 6 hours"),
        });
    }
    let checkpoints = match written.get("checkpoints") {
        Some(entry) => place(subject, read::table(written, "checkpoints"), &entry.key, None, problems),
        None => None,
    };
    Some(Spot {
        max_wait_seconds,
        checkpoints,
    })
}

fn register(subject: &Subject<'_>, problems: &mut Problems) -> Option<Register> {
    let written = read::table(subject.body, "register")?;
    let group = read::text(written, "group")?;
    neighbours::known_group(subject, &group, problems);
    let types = read::list(written, "content_types");
    Some(Register {
        group: group.value,
        approve: read::boolean(written, "approve").unwrap_or(false),
        image: read::text(written, "image").map(|text| text.value),
        content_types: if types.is_empty() {
            vec!["application/json".to_owned(), "text/csv".to_owned()]
        } else {
            types
        },
    })
}

/// "CreateTrainingJob", SageMaker API Reference: no place for secrets. Hyperparameters are not looked at by their names:
/// language models have many that are called `token`.
fn no_secrets(body: &Table, problems: &mut Problems) {
    for (name, entry) in read::table(body, "env").into_iter().flatten() {
        let Data::String(text) = &entry.value.value else {
            continue;
        };
        if fit::is_called_as_a_secret(name) && !text.is_empty() {
            problems.push(
                Problem::error(
                    codes::SECRET_LITERAL,
                    format!("`env.{name}` looks like a secret, which must not be written into a file"),
                )
                .at(secret::hidden(&entry.value.span), "")
                .note("anyone who may describe a job can read what it is given")
                .hint("let the container read it with its role, and tell it the secret's name")
                .hint("if it is none, call it by another name"),
            );
        }
    }
}

/// SageMaker finds out only once the job runs, and then finds no metric.
fn metrics(body: &Table, problems: &mut Problems) {
    for (name, entry) in read::table(body, "metrics").into_iter().flatten() {
        let Data::String(text) = &entry.value.value else {
            continue;
        };
        let why = match regex::Regex::new(text) {
            Ok(regex) if regex.captures_len() > 1 => continue,
            Ok(_) => "it has no group around the value".to_owned(),
            // Look-arounds are fine for SageMaker and unknown here.
            Err(_) if text.contains("(?") => continue,
            Err(error) => {
                let said = error.to_string();
                let last = said.lines().last().unwrap_or_default();
                last.trim_start_matches("error:").trim().to_owned()
            }
        };
        problems.push(
            Problem::error(
                codes::TRAINING_SETTING,
                format!("the metric `{name}` would find nothing: {why}"),
            )
            .at(entry.value.span.clone(), "")
            .hint("for example, for a line `auc=0.93`: 'auc=([0-9.]+)'"),
        );
    }
}

fn value_span(table: &Table, key: &str) -> Option<Span> {
    Some(table.get(key)?.value.span.clone())
}
