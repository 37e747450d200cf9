//! An endpoint from one configuration to another, and back.

use serde_json::Value as Json;

use super::super::event::{Event, Phase};
use super::super::{Release, Restored, Rolled, RolledOut, Scene, ShipFailure, scaling};
use super::watch::{Settled, settle};
use super::{asked, clean, explain, interrupted, requests, untouched};
use crate::aws::sagemaker::{self as aws, endpoints};
use crate::diagnostic::{Problem, codes};

use endpoints::{Endpoint, Made};

/// How often an endpoint may be found at work by somebody else before that is told.
const TURNS: u32 = 5;

/// A release taken apart.
pub(super) struct Wanted<'a> {
    objects: &'a [Json],
    endpoint: &'a Json,
    name: &'a str,
    config: &'a str,
    /// The number of instances is the scaler's, and an update keeps it; not below this.
    retains: Option<u64>,
}

pub(super) async fn roll_out(scene: &Scene<'_>, release: &Release, serving: Option<&Release>) -> Rolled {
    let Some(mut wanted) = wanted(&release.objects) else {
        return Err(untouched(unreadable(scene)));
    };
    wanted.retains = retains(release, serving);
    scene.tell.event(Event::Phase {
        workload: scene.name().to_owned(),
        phase: Phase::RollOut,
        subject: wanted.name.to_owned(),
    });
    let (before, begun) = match begin(scene, &wanted).await {
        Ok(Begun::Serves) => return Ok(RolledOut::Unchanged),
        Ok(Begun::Under { before, at }) => (before, at),
        Err(problem) => return Err(untouched(*problem)),
    };
    let settled = match settle(scene, wanted.name, wanted.config).await {
        Ok(settled) => settled,
        Err(problem) => {
            return Err(Box::new(ShipFailure {
                problem: (*problem).clone(),
                restored: Restored::Not(problem),
            }));
        }
    };
    if let Settled::At(endpoint) = &settled
        && endpoint.status == "InService"
        && endpoint.config == wanted.config
    {
        clean::unused(scene, &wanted, before.as_deref(), serving).await;
        return Ok(RolledOut::Done);
    }
    let problem = explain::failed(scene, &wanted.names(), &settled, begun).await;
    let restored = restore(scene, &wanted, &settled, before.as_deref(), serving).await;
    Err(Box::new(ShipFailure { problem, restored }))
}

impl Wanted<'_> {
    /// "UpdateEndpoint", SageMaker API Reference: without this the number falls to what the configuration says. `instances`
    /// run at present; of fewer than the least the canary might be the whole.
    fn update(&self, instances: u32) -> Json {
        let mut request = self.endpoint.clone();
        let keeps = self.retains.is_some_and(|least| u64::from(instances) >= least);
        if let (true, Some(members)) = (keeps, request.as_object_mut()) {
            members.insert("RetainAllVariantProperties".to_owned(), true.into());
        }
        request
    }

    fn names(&self) -> explain::Names<'_> {
        explain::Names {
            endpoint: self.name,
            config: self.config,
        }
    }

    /// The names of the model and the configuration.
    pub(super) fn used(&self) -> impl Iterator<Item = &str> {
        ["Model", "EndpointConfig"]
            .into_iter()
            .filter_map(|kind| requests::name(self.objects, kind))
    }
}

fn wanted(objects: &[Json]) -> Option<Wanted<'_>> {
    Some(Wanted {
        objects,
        endpoint: requests::request(objects, "Endpoint")?,
        name: requests::name(objects, "Endpoint")?,
        config: requests::name(objects, "EndpointConfig")?,
        retains: None,
    })
}

/// The least that run, where the number of instances is the scaler's before and after.
fn retains(release: &Release, serving: Option<&Release>) -> Option<u64> {
    serving.and_then(scaling::Wanted::of)?;
    scaling::Wanted::of(release)?.least()
}

fn unreadable(scene: &Scene<'_>) -> Problem {
    Problem::error(
        codes::SAGEMAKER_SETTING,
        format!("the release of `{}` holds no endpoint", scene.name()),
    )
    .hint(format!(
        "ship it anew: `mlinfra ship {} {}`",
        scene.environment.name,
        scene.name()
    ))
}

/// What came of asking for the release.
enum Begun {
    /// It serves already.
    Serves,
    /// SageMaker is at work on it.
    Under {
        /// The configuration that served before.
        before: Option<String>,
        /// When, in milliseconds since 1970: logs are read from there.
        at: i64,
    },
}

/// Leads the endpoint to the wanted configuration, or finds it on its way there. Whatever else it is at work on is
/// waited for first.
async fn begin(scene: &Scene<'_>, wanted: &Wanted<'_>) -> Result<Begun, Box<Problem>> {
    let mut at = scene.session.clock.wall().as_millisecond();
    for _ in 0..TURNS {
        let found = asked(scene, || endpoints::describe_endpoint(scene.session, wanted.name)).await?;
        if let Some(endpoint) = &found {
            own(scene, wanted.name, endpoint).await?;
        }
        let before = found.as_ref().filter(|endpoint| endpoint.status != "Failed");
        let before = before.map(|endpoint| endpoint.config.clone());
        match found {
            Some(endpoint) if endpoint.status == "InService" && endpoint.config == wanted.config => {
                return Ok(Begun::Serves);
            }
            Some(endpoint) if is_at_work(&endpoint.status) => {
                let leads_to = endpoint.pending.as_deref().unwrap_or(&endpoint.config);
                let creating = endpoint.status == "Creating";
                if leads_to == wanted.config && (creating || endpoint.status == "Updating") {
                    scene
                        .tell
                        .note(format!("{} is on its way already: waiting for it", wanted.name));
                    // It began some time ago, and so did what it printed.
                    at -= 3_600_000;
                    let before = before.filter(|_| !creating);
                    return Ok(Begun::Under { before, at });
                }
                let doing = endpoint.status.to_lowercase();
                scene
                    .tell
                    .note(format!("{} is {doing}: waiting until it is done", wanted.name));
                if let Settled::Unfinished = settle(scene, wanted.name, leads_to).await? {
                    return Err(Box::new(explain::unfinished(scene, wanted.name)));
                }
            }
            Some(endpoint) if endpoint.status == "Failed" => {
                // "DescribeEndpoint", SageMaker API Reference: all that can be done with a failed one is to delete it.
                scene.tell.note(format!(
                    "{} has failed before and serves nothing: it is made anew",
                    wanted.name
                ));
                stop_here(scene, "the failed endpoint was deleted")?;
                asked(scene, || endpoints::delete_endpoint(scene.session, wanted.name)).await?;
                settle(scene, wanted.name, "").await?;
                ensure(scene, wanted.objects).await?;
                stop_here(scene, "the endpoint was made")?;
                asked(scene, || endpoints::create_endpoint(scene.session, wanted.endpoint)).await?;
                return Ok(Begun::Under { before: None, at });
            }
            found => {
                ensure(scene, wanted.objects).await?;
                stop_here(scene, "the endpoint was changed")?;
                let made = match found {
                    None => asked(scene, || endpoints::create_endpoint(scene.session, wanted.endpoint)).await?,
                    Some(endpoint) => {
                        let request = wanted.update(endpoint.wanted);
                        asked(scene, || endpoints::update_endpoint(scene.session, &request)).await?
                    }
                };
                if made == Made::Now {
                    return Ok(Begun::Under { before, at });
                }
                // Somebody was faster, or it was we and the answer was lost: looking tells.
            }
        }
    }
    Err(Box::new(
        Problem::error(
            codes::ENDPOINT_UNFINISHED,
            format!("something else keeps changing the endpoint {}", wanted.name),
        )
        .hint("find out who updates it (CloudTrail, UpdateEndpoint), then ship again"),
    ))
}

fn stop_here(scene: &Scene<'_>, before: &str) -> Result<(), Box<Problem>> {
    if scene.stop.is_cancelled() {
        return Err(Box::new(interrupted(before)));
    }
    Ok(())
}

fn is_at_work(status: &str) -> bool {
    matches!(
        status,
        "Creating" | "Updating" | "SystemUpdating" | "RollingBack" | "Deleting"
    )
}

/// Refuses an endpoint that has the right name and is not the workload's.
pub(super) async fn own(scene: &Scene<'_>, name: &str, endpoint: &Endpoint) -> Result<(), Problem> {
    let tags = asked(scene, || aws::tags(scene.session, &endpoint.arn)).await?;
    let is = |key: &str, value: &str| tags.get(key).map(String::as_str) == Some(value);
    if is(requests::WORKLOAD_TAG, scene.name()) && is("mlinfra:environment", &scene.environment.name) {
        return Ok(());
    }
    let problem = Problem::error(
        codes::ENDPOINT_FOREIGN,
        format!("the endpoint {name} exists and is not the workload `{}`", scene.name()),
    );
    Err(match tags.get("mlinfra:stack") {
        Some(stack) => problem
            .note(format!("the stack `{stack}` made it"))
            .hint("call the workload by another name"),
        None => problem
            .note("it has no tag of mlinfra's, so somebody else made it")
            .hint(format!("delete it (`aws sagemaker delete-endpoint --endpoint-name {name}`), or rename the workload"))
            .hint(format!(
                "or hand it over: `aws sagemaker add-tags --resource-arn {} --tags Key=mlinfra:workload,Value={} Key=mlinfra:environment,Value={}`",
                endpoint.arn,
                scene.name(),
                scene.environment.name
            )),
    })
}

/// Makes the model and the configuration where they are not there.
pub(super) async fn ensure(scene: &Scene<'_>, objects: &[Json]) -> Result<(), Box<Problem>> {
    if let Some(request) = requests::request(objects, "Model") {
        stop_here(scene, "the model was made")?;
        asked(scene, || endpoints::create_model(scene.session, request)).await?;
    }
    if let Some(request) = requests::request(objects, "EndpointConfig") {
        stop_here(scene, "the configuration was made")?;
        asked(scene, || endpoints::create_endpoint_config(scene.session, request)).await?;
    }
    Ok(())
}

/// Sees to it that what served before serves, and says what does.
async fn restore(
    scene: &Scene<'_>,
    wanted: &Wanted<'_>,
    settled: &Settled,
    before: Option<&str>,
    serving: Option<&Release>,
) -> Restored {
    let recorded = serving.and_then(|serving| requests::name(&serving.objects, "EndpointConfig"));
    // What really served counts, and what the records say only where that is not known.
    let Some(old) = before.or(recorded).filter(|old| *old != wanted.config) else {
        return Restored::NothingBefore;
    };
    match settled {
        Settled::At(endpoint) if endpoint.status == "InService" && endpoint.config == old => Restored::Back,
        Settled::At(endpoint) if endpoint.status == "InService" && endpoint.config != wanted.config => {
            let message = format!("{} serves {}, which nobody asked for", wanted.name, endpoint.config);
            Restored::Not(Box::new(Problem::error(codes::ENDPOINT_ROLLED_BACK, message)))
        }
        Settled::At(endpoint) if endpoint.status == "Failed" => match serving.filter(|_| recorded == Some(old)) {
            Some(serving) => put_back(scene, wanted, serving, old, true).await,
            None => Restored::Not(Box::new(explain::failed_for_good(wanted.name, endpoint))),
        },
        Settled::At(_) => match serving.filter(|_| recorded == Some(old)) {
            Some(serving) => put_back(scene, wanted, serving, old, false).await,
            None => lead_back(scene, wanted, old).await,
        },
        Settled::Gone => {
            let message = format!("{} is gone: somebody has deleted it", wanted.name);
            Restored::Not(Box::new(Problem::error(codes::ENDPOINT_FAILED, message)))
        }
        Settled::Unfinished => Restored::Not(Box::new(explain::unfinished(scene, wanted.name))),
    }
}

/// Makes what the old release consists of where it is gone, and leads the endpoint there.
async fn put_back(scene: &Scene<'_>, wanted: &Wanted<'_>, serving: &Release, old: &str, anew: bool) -> Restored {
    let begun = async {
        for (kind, made) in [("Model", true), ("EndpointConfig", false)] {
            let Some(request) = requests::request(&serving.objects, kind) else {
                continue;
            };
            if made {
                asked(scene, || endpoints::create_model(scene.session, request)).await?;
            } else {
                asked(scene, || endpoints::create_endpoint_config(scene.session, request)).await?;
            }
        }
        if anew {
            asked(scene, || endpoints::delete_endpoint(scene.session, wanted.name)).await?;
            settle(scene, wanted.name, "").await.map_err(|problem| *problem)?;
            if let Some(request) = requests::request(&serving.objects, "Endpoint") {
                asked(scene, || endpoints::create_endpoint(scene.session, request)).await?;
            }
        }
        Ok::<(), Problem>(())
    };
    if let Err(problem) = begun.await {
        return Restored::Not(Box::new(problem));
    }
    if anew {
        return verified(scene, wanted, old).await;
    }
    lead_back(scene, wanted, old).await
}

async fn lead_back(scene: &Scene<'_>, wanted: &Wanted<'_>, old: &str) -> Restored {
    scene.tell.event(Event::Phase {
        workload: scene.name().to_owned(),
        phase: Phase::Restore,
        subject: format!("{} with {old}", wanted.name),
    });
    let request = serde_json::json!({
        "EndpointName": wanted.name,
        "EndpointConfigName": old,
        "RetainAllVariantProperties": wanted.retains.is_some(),
    });
    match asked(scene, || endpoints::update_endpoint(scene.session, &request)).await {
        Ok(_) => verified(scene, wanted, old).await,
        Err(problem) => Restored::Not(Box::new(problem)),
    }
}

async fn verified(scene: &Scene<'_>, wanted: &Wanted<'_>, old: &str) -> Restored {
    match settle(scene, wanted.name, old).await {
        Ok(Settled::At(endpoint)) if endpoint.status == "InService" && endpoint.config == old => Restored::Back,
        Ok(Settled::At(endpoint)) => Restored::Not(Box::new(explain::failed_for_good(wanted.name, &endpoint))),
        Ok(Settled::Gone | Settled::Unfinished) => Restored::Not(Box::new(explain::unfinished(scene, wanted.name))),
        Err(problem) => Restored::Not(problem),
    }
}
