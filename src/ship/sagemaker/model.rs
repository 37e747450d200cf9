//! Where the model of a workload is, and in which version: looked up once, so that what is shipped does not change later.

use super::super::{ModelAt, Scene};
use super::{asked, lacks, requests};
use crate::aws::artifacts;
use crate::aws::error::Kind;
use crate::aws::sagemaker::registry;
use crate::diagnostic::{Problem, codes};
use crate::spec::workload::{Bucket, Model};

/// The model of the workload as it is now, for every platform; none if it loads none.
///
/// An object is pinned by its version id where the bucket keeps versions. A version of a group has to be approved; without
/// a number the newest approved one is taken.
///
/// # Errors
/// The model is not there, is not approved, or may not be looked at.
pub async fn resolve_model(scene: &Scene<'_>) -> Result<Option<ModelAt>, Problem> {
    match &scene.workload.model {
        None => Ok(None),
        Some(Model::S3 {
            bucket, key, version, ..
        }) => object(scene, bucket, key, version.as_deref()).await.map(Some),
        Some(Model::Package { group, version }) => package(scene, group, *version).await.map(Some),
    }
}

async fn object(scene: &Scene<'_>, bucket: &Bucket, key: &str, version: Option<&str>) -> Result<ModelAt, Problem> {
    let bucket = match bucket {
        Bucket::Named(name) => name.as_str(),
        Bucket::Of(stack) => scene
            .output_of(stack, "models_bucket")
            .ok_or_else(|| lacks(stack, "models_bucket", &scene.environment.name))?,
    };
    let uri = format!("s3://{bucket}/{key}");
    let missing = |message: String| located(scene, Problem::error(codes::MODEL_MISSING, message));
    let copy = format!("copy it there: `aws s3 cp model.onnx {uri}`");
    let denied = |problem: Problem| {
        located(scene, problem).hint(format!(
            "S3 says so too where the object is missing and the bucket may not be listed: `aws s3 ls {uri}`"
        ))
    };
    if key.ends_with('/') {
        let below = crate::aws::retry::patiently(scene.session.clock, super::PATIENCE, || {
            artifacts::is_anything_below(scene.session, bucket, key)
        });
        return match below.await {
            Ok(true) => Ok(ModelAt {
                uri,
                version: None,
                package: None,
            }),
            Ok(false) => Err(missing(format!("nothing lies below {uri}"))
                .hint(format!("copy it there: `aws s3 cp --recursive model/ {uri}`"))),
            Err(error) if error.kind == Kind::NotFound => {
                Err(missing(format!("there is no bucket {bucket}")).hint("check `bucket` of `model`"))
            }
            Err(error) if error.kind == Kind::Denied => Err(denied(error.problem())),
            Err(error) => Err(error.problem()),
        };
    }
    let look = crate::aws::retry::patiently(scene.session.clock, super::PATIENCE, || {
        artifacts::look(scene.session, bucket, key, version)
    });
    match look.await {
        Ok(Some(found)) => {
            if found.bytes == 0 {
                return Err(missing(format!("{uri} is empty")).hint(copy));
            }
            Ok(ModelAt {
                uri,
                version: found.version,
                package: None,
            })
        }
        Ok(None) => {
            let problem = match version {
                Some(version) => missing(format!("{uri} has no version {version}")).hint(format!(
                    "`aws s3api list-object-versions --bucket {bucket} --prefix {key}` shows which there are"
                )),
                None => missing(format!("there is no {uri}")).hint(copy),
            };
            Err(problem)
        }
        Err(error) if error.kind == Kind::Denied => Err(denied(error.problem())),
        Err(error) => Err(error.problem()),
    }
}

/// Points at `model` in the file.
fn located(scene: &Scene<'_>, problem: Problem) -> Problem {
    match scene.workload.written.get("model") {
        Some(span) => problem.at(span.clone(), ""),
        None => problem,
    }
}

async fn package(scene: &Scene<'_>, group: &str, version: Option<u32>) -> Result<ModelAt, Problem> {
    let full = full_group(scene, group)?;
    let missing = |message: String| located(scene, Problem::error(codes::MODEL_MISSING, message));
    let versions = asked(scene, || registry::versions(scene.session, &full)).await?;
    let versions = versions.ok_or_else(|| missing(format!("there is no model group {full}")))?;
    let newest = versions.first();
    let chosen = match version {
        Some(number) => {
            let found = versions.iter().find(|version| version.number == number);
            let found = found.ok_or_else(|| {
                let problem = missing(format!("the group {full} has no version {number}"));
                match newest {
                    Some(newest) => problem.hint(format!("the newest one is {}", newest.number)),
                    None => problem.hint("it has none yet: `mlinfra train` with `register` adds one"),
                }
            })?;
            if found.approval != "Approved" {
                return Err(unapproved(
                    scene,
                    format!("version {number} of {full} is {}", said(&found.approval)),
                    &found.arn,
                ));
            }
            found
        }
        None => match (versions.iter().find(|version| version.approval == "Approved"), newest) {
            (Some(approved), _) => approved,
            (None, Some(newest)) => {
                let message = format!(
                    "no version of {full} is approved; the newest, {}, is {}",
                    newest.number,
                    said(&newest.approval)
                );
                return Err(unapproved(scene, message, &newest.arn));
            }
            (None, None) => {
                return Err(missing(format!("the group {full} has no versions"))
                    .hint("`mlinfra train` with `register` adds one"));
            }
        },
    };
    let described = asked(scene, || registry::describe(scene.session, &chosen.arn)).await?;
    let uri = described.and_then(|package| package.uri).ok_or_else(|| {
        missing(format!(
            "version {} of {full} says nowhere where its model is",
            chosen.number
        ))
        .hint("register it with a container that has `ModelDataUrl`")
    })?;
    Ok(ModelAt {
        uri,
        version: Some(chosen.number.to_string()),
        package: Some(chosen.arn.clone()),
    })
}

fn said(approval: &str) -> &str {
    match approval {
        "PendingManualApproval" => "waiting for approval",
        "Rejected" => "rejected",
        other => other,
    }
}

fn unapproved(scene: &Scene<'_>, message: String, arn: &str) -> Problem {
    located(scene, Problem::error(codes::MODEL_UNAPPROVED, message))
        .hint(format!(
            "look at it, then approve it: `aws sagemaker update-model-package --model-package-arn {arn} --model-approval-status Approved`"
        ))
}

/// The group's full name: `group` is one of a `sagemaker` stack, which says what it made.
fn full_group(scene: &Scene<'_>, group: &str) -> Result<String, Problem> {
    super::super::training::group(scene.environment, scene.outputs, group).ok_or_else(|| {
        let stacks = scene.environment.stacks.values();
        let mut of_module = stacks.filter(|stack| stack.module.value == "sagemaker");
        match of_module.next() {
            Some(stack) => lacks(&stack.name.value, "model_group_names", &scene.environment.name)
                .note(format!("the group `{group}` should be among them"))
                .note(format!(
                    "it is called {}",
                    requests::model_group(scene.environment, &stack.name.value, group)
                )),
            None => Problem::error(codes::MODEL_MISSING, format!("no stack has a model group `{group}`")),
        }
    })
}
