//! Taking away what no endpoint uses any more.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::super::event::{Event, Phase};
use super::super::{Release, Scene, scaling};
use super::endpoint::Wanted;
use super::requests;
use super::watch::{Settled, settle};
use super::{asked, explain};
use crate::aws::error::AwsError;
use crate::aws::sagemaker::{self as aws, endpoints};
use crate::diagnostic::Problem;

use endpoints::Listed;

/// Deletes the workload's configurations and models but those that serve and those that served before: going back to
/// these needs nothing but the endpoint. What an older release needs is made again from its record.
///
/// What goes wrong here is told and does not matter: the next rollout tries again.
pub(super) async fn unused(scene: &Scene<'_>, wanted: &Wanted<'_>, before: Option<&str>, serving: Option<&Release>) {
    let mut kept: BTreeSet<String> = wanted.used().map(str::to_owned).collect();
    kept.extend(before.map(str::to_owned));
    for kind in ["Model", "EndpointConfig"] {
        kept.extend(
            serving
                .and_then(|serving| requests::name(&serving.objects, kind))
                .map(str::to_owned),
        );
    }
    match sweep(scene, &mut kept).await {
        Ok(deleted) if deleted.is_empty() => {}
        Ok(deleted) => scene.tell.event(Event::Phase {
            workload: scene.name().to_owned(),
            phase: Phase::CleanUp,
            subject: deleted.join(", "),
        }),
        Err(error) => scene.tell.note(format!("what is no longer used was left: {error}")),
    }
}

/// Deletes everything of the workload.
pub(super) async fn remove(scene: &Scene<'_>, release: &Release) -> Result<Vec<String>, Problem> {
    let name = requests::name(&release.objects, "Endpoint").map(str::to_owned);
    let name = name.unwrap_or_else(|| requests::endpoint_name(scene.environment, scene.name()));
    let mut deleted = Vec::new();
    let found = asked(scene, || endpoints::describe_endpoint(scene.session, &name)).await?;
    if let Some(endpoint) = found {
        super::endpoint::own(scene, &name, &endpoint).await?;
        scaling::remove(scene, &requests::scaled(&name), release).await?;
        // SageMaker deletes nothing that it is at work on.
        settle(scene, &name, "").await.map_err(|problem| *problem)?;
        asked(scene, || endpoints::delete_endpoint(scene.session, &name)).await?;
        match settle(scene, &name, "").await.map_err(|problem| *problem)? {
            Settled::Gone => deleted.push(name),
            Settled::At(_) | Settled::Unfinished => return Err(explain::unfinished(scene, &name)),
        }
    }
    let swept = sweep(scene, &mut BTreeSet::new()).await;
    deleted.extend(swept.map_err(|error| super::refused(&error))?);
    Ok(deleted)
}

/// Deletes what is not among `kept`, configurations before the models that they name.
async fn sweep(scene: &Scene<'_>, kept: &mut BTreeSet<String>) -> Result<Vec<String>, AwsError> {
    let session = scene.session;
    let prefix = requests::prefix(scene.environment, scene.name());
    let mut deleted = Vec::new();
    for config in endpoints::endpoint_configs(session, &prefix).await? {
        if kept.contains(&config.name) {
            // Its models are in use too, whatever the records say.
            if let Some(config) = endpoints::describe_endpoint_config(session, &config.name).await? {
                kept.extend(models_of(&config));
            }
        } else if is_own(scene, &prefix, &config).await? {
            endpoints::delete_endpoint_config(session, &config.name).await?;
            deleted.push(config.name);
        }
    }
    for model in endpoints::models(session, &prefix).await? {
        if !kept.contains(&model.name) && is_own(scene, &prefix, &model).await? {
            endpoints::delete_model(session, &model.name).await?;
            deleted.push(model.name);
        }
    }
    Ok(deleted)
}

fn models_of(config: &Json) -> Vec<String> {
    let variants = config.get("ProductionVariants").and_then(Json::as_array);
    let names = variants
        .into_iter()
        .flatten()
        .filter_map(|variant| variant.get("ModelName")?.as_str());
    names.map(str::to_owned).collect()
}

/// Both the name and the tags have to say so.
async fn is_own(scene: &Scene<'_>, prefix: &str, listed: &Listed) -> Result<bool, AwsError> {
    if !requests::is_named_by(&listed.name, prefix) {
        return Ok(false);
    }
    let tags = aws::tags(scene.session, &listed.arn).await?;
    let is = |key: &str, value: &str| tags.get(key).map(String::as_str) == Some(value);
    Ok(is("mlinfra:project", &scene.environment.project.value)
        && is("mlinfra:environment", &scene.environment.name)
        && is(requests::WORKLOAD_TAG, scene.name()))
}
