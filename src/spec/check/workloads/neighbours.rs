//! What a workload takes from the stacks of its environment: a repository, a bucket, a model group, rights.

use super::super::super::syntax::Table;
use super::super::super::workload::{Bucket, Model, Platform, ServiceAccount};
use super::super::super::{Data, StackSpec, field};
use super::{Subject, read, strings_input, table_input};
use crate::diagnostic::{Problem, Problems, closest, codes};

/// The stacks of the module `module`.
fn of<'a>(subject: &Subject<'a>, module: &'a str) -> impl Iterator<Item = &'a StackSpec> {
    let stacks = subject.around.stacks.values();
    stacks.filter(move |stack| stack.module.value == module)
}

/// The repository that the image is pushed to, by the last part of its name.
pub(super) fn repository(subject: &Subject<'_>, image: &Table, problems: &mut Problems) -> Option<String> {
    let written = read::text(image, "repository");
    let (name, span) = match &written {
        Some(written) => (written.value.as_str(), written.span.clone()),
        None => (subject.name.value.as_str(), subject.span("image")),
    };
    let mut known = Vec::new();
    for stack in of(subject, "ecr") {
        // What is not written out is known only later.
        known.extend(match stack.inputs.get("repositories") {
            Some(_) => match strings_input(stack, "repositories") {
                Some(names) => names,
                None => return Some(name.to_owned()),
            },
            None => Vec::new(),
        });
    }
    if known.contains(&name) {
        return Some(name.to_owned());
    }
    let message = format!("no `ecr` stack has a repository `{name}` for the image");
    let problem = Problem::error(codes::WORKLOAD_IMAGE, message).at(span, "");
    let problem = if known.is_empty() {
        problem.hint(format!(
            "add one:\n[stacks.images]\nmodule = \"ecr\"\nrepositories = [\"{name}\"]"
        ))
    } else {
        match closest(name, known.iter().copied()) {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem.hint(format!(
                "add it to `repositories`, or write: repository = \"{}\"",
                known.join("\" or \"")
            )),
        }
    };
    problems.push(problem);
    None
}

/// The model, as far as it can be told where it is.
pub(super) fn model(subject: &Subject<'_>, problems: &mut Problems) -> Option<Model> {
    let entry = subject.body.get("model")?;
    let table = read::table(subject.body, "model")?;
    let refuse = |message: &str| Problem::error(codes::WORKLOAD_MODEL, message).at(entry.key.clone(), "");
    let path = read::text(table, "path");
    if let Some(path) = &path {
        uploads(table, path, problems);
    }
    let key = read::text(table, "key").map(|key| key.value);
    // What is uploaded lies below the workload's name, if nothing else is said.
    let key = key.or_else(|| path.as_ref().map(|_| format!("{}/", subject.name.value)));
    match (key, read::text(table, "group").filter(|_| path.is_none())) {
        (Some(key), None) => Some(Model::S3 {
            bucket: bucket(subject, table, problems)?,
            key,
            version: version(table),
            path: path.map(|path| path.value),
        }),
        (None, Some(group)) => {
            if let Some(bucket) = table.get("bucket") {
                problems.push(
                    Problem::error(
                        codes::WORKLOAD_MODEL,
                        "a version of a group says itself in which bucket it is",
                    )
                    .at(bucket.key.clone(), "")
                    .hint("remove `bucket`"),
                );
            }
            known_group(subject, &group, problems);
            let version = version(table);
            let number = version.as_ref().map(|version| version.parse::<u32>());
            if let Some(Err(_)) = number {
                let span = table
                    .get("version")
                    .map_or_else(|| entry.key.clone(), |entry| entry.value.span.clone());
                problems.push(
                    Problem::error(codes::WORKLOAD_MODEL, "the version of a group is a number")
                        .at(span, "")
                        .hint("for example: version = 3"),
                );
            }
            Some(Model::Package {
                group: group.value,
                version: number.and_then(Result::ok),
            })
        }
        (Some(_), Some(_)) => {
            problems.push(
                refuse("the model is both an object in S3 and a version of a group")
                    .hint("keep one of `key` and `group`"),
            );
            None
        }
        (None, None) => {
            problems.push(
                refuse("nothing says which model")
                    .hint("in S3: model = { key = \"scorer/model.onnx\" }")
                    .hint("in the model registry: model = { group = \"scorer\" }"),
            );
            None
        }
    }
}

/// What goes with a model that is uploaded.
fn uploads(table: &Table, path: &super::Spanned<String>, problems: &mut Problems) {
    let mut refuse = |key: &str, message: &str, hint: &str| {
        if let Some(entry) = table.get(key) {
            problems.push(
                Problem::error(codes::WORKLOAD_MODEL, message)
                    .at(entry.key.clone(), "")
                    .at(path.span.clone(), "this is uploaded")
                    .hint(hint),
            );
        }
    };
    refuse(
        "group",
        "the model is both uploaded and a version of a group",
        "keep one of `path` and `group`",
    );
    refuse(
        "version",
        "an uploaded model has the version that its content says",
        "remove `version`",
    );
    let below = read::text(table, "key").filter(|key| !key.value.ends_with('/'));
    if let Some(key) = below {
        refuse(
            "key",
            "an uploaded model lies below a key that ends in a slash",
            &format!("write: key = \"{}/\"", key.value),
        );
    }
    let outside = path.value.starts_with('/') || path.value.split('/').any(|part| part == "..");
    if outside {
        refuse(
            "path",
            "the model has to lie in the project",
            "give a path relative to the project's folder",
        );
    }
}

fn version(table: &Table) -> Option<String> {
    match &table.get("version")?.value.value {
        Data::String(text) => Some(text.clone()),
        Data::Integer(number) => Some(number.to_string()),
        _ => None,
    }
}

fn bucket(subject: &Subject<'_>, table: &Table, problems: &mut Problems) -> Option<Bucket> {
    if let Some(bucket) = read::text(table, "bucket") {
        return Some(Bucket::Named(bucket.value));
    }
    let stacks: Vec<&str> = of(subject, "s3").map(|stack| stack.name.value.as_str()).collect();
    match stacks.as_slice() {
        [only] => Some(Bucket::Of((*only).to_owned())),
        [] => {
            problems.push(
                Problem::error(codes::WORKLOAD_MODEL, "nothing says in which bucket the model is")
                    .at(subject.span("model"), "")
                    .hint("name it: bucket = \"my-models\"")
                    .hint("or add a stack that has one:\n[stacks.storage]\nmodule = \"s3\""),
            );
            None
        }
        several => {
            problems.push(
                Problem::error(
                    codes::WORKLOAD_MODEL,
                    format!("several stacks have a bucket for models: `{}`", several.join("`, `")),
                )
                .at(subject.span("model"), "")
                .hint("name the bucket: bucket = \"my-models\""),
            );
            None
        }
    }
}

pub(super) fn known_group(subject: &Subject<'_>, group: &super::Spanned<String>, problems: &mut Problems) {
    let mut known = Vec::new();
    let mut stacks = 0;
    for stack in of(subject, "sagemaker") {
        stacks += 1;
        if stack.inputs.contains_key("model_groups") {
            match strings_input(stack, "model_groups") {
                Some(names) => known.extend(names),
                None => return,
            }
        }
    }
    if !known.contains(&group.value.as_str()) {
        let message = match stacks {
            0 => format!("no stack has a model group `{}`", group.value),
            _ => format!("no `sagemaker` stack has a model group `{}`", group.value),
        };
        let problem = Problem::error(codes::WORKLOAD_MODEL, message).at(group.span.clone(), "");
        problems.push(if known.is_empty() {
            problem.hint(format!(
                "add one:\n[stacks.ml]\nmodule = \"sagemaker\"\nmodel_groups = [\"{}\"]",
                group.value
            ))
        } else {
            field::with_suggestion(problem, &group.value, known, "there are")
        });
    }
}

/// The service account, with the pod identity that gives it rights.
pub(super) fn service_account(subject: &Subject<'_>, namespace: &str, problems: &mut Problems) -> ServiceAccount {
    let written = read::text(subject.body, "service_account");
    let name = written
        .as_ref()
        .map_or(&subject.name.value, |written| &written.value)
        .clone();
    let mut account = ServiceAccount { name, identity: None };
    if subject.platform != Platform::Eks {
        return account;
    }
    let given = subject.stack.inputs.get("pod_identities");
    let identities = table_input(subject.stack, "pod_identities");
    if given.is_some() && identities.is_none() {
        // Wired or wrong; which of the two is told where the stack is.
        return account;
    }
    let mut known = Vec::new();
    for (identity, entry) in identities.into_iter().flatten() {
        let Data::Table(table) = &entry.value.value else {
            continue;
        };
        let of = read::text(table, "service_account")
            .map(|text| text.value)
            .unwrap_or_default();
        let within = read::text(table, "namespace").map_or_else(|| "default".to_owned(), |text| text.value);
        if of == account.name && within == namespace {
            account.identity = Some(identity.clone());
            return account;
        }
        known.push(if within == namespace {
            of
        } else {
            format!("{within}/{of}")
        });
    }
    let needs = ["model", "secrets"]
        .into_iter()
        .find(|key| subject.body.contains_key(*key));
    let stack = &subject.stack.name.value;
    let (message, span) = match (written, needs) {
        (Some(written), _) => (
            format!(
                "no pod identity of `{stack}` is for the service account `{}` in `{namespace}`",
                account.name
            ),
            written.span,
        ),
        (None, Some(key)) => (
            format!(
                "its pods may not read `{key}`: no pod identity of `{stack}` is for the service account `{}` in `{namespace}`",
                account.name
            ),
            subject.span(key),
        ),
        // It needs nothing of AWS, and gets an account without rights.
        (None, None) => return account,
    };
    let problem = Problem::error(codes::WORKLOAD_IDENTITY, message).at(span, "");
    let problem = match closest(&account.name, known.iter().map(String::as_str)) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem,
    };
    let models = if subject.body.contains_key("model") {
        "\nmodels = \"read\""
    } else {
        ""
    };
    problems.push(problem.hint(format!(
        "add one:\n[stacks.{stack}.pod_identities.{}]\nnamespace = \"{namespace}\"\nservice_account = \"{}\"{models}",
        subject.name.value, account.name
    )));
    account
}
