//! Services: made, changed, watched, put back, taken away.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::super::{Event, Release, Restored, Rolled, RolledOut, Running, Scene, ShipFailure, event::Phase};
use super::read::Service;
use super::request::{Run, Wanted, as_found, creation, set, update};
use super::watch::{Watch, tasks};
use super::{PATIENCE, POLL, definition, interrupted, told};
use crate::aws::ecs::{Action, call_patiently};
use crate::aws::error::AwsError;
use crate::aws::session::Session;
use crate::diagnostic::{Problem, codes};

/// How long a service that is being deleted may take for it.
const DRAINING: Duration = Duration::from_secs(1800);

/// The service; none if it never was or is no more.
pub(super) async fn find(session: &Session, cluster: &str, name: &str) -> Result<Option<Service>, AwsError> {
    let asked = json!({ "cluster": cluster, "services": [name] });
    let answer = call_patiently(session, Action::DescribeServices, &asked, PATIENCE).await?;
    let found = answer.pointer("/services/0").map(Service::read);
    Ok(found.filter(|service| service.status != "INACTIVE"))
}

pub(super) async fn roll_out(
    scene: &Scene<'_>,
    wanted: &Wanted,
    settings: &Json,
    release: &Release,
    serving: Option<&Release>,
) -> Rolled {
    if scene.stop.is_cancelled() {
        return untouched(interrupted(&wanted.name));
    }
    let begun = match begin(scene, wanted, settings).await {
        Ok(begun) => begun,
        Err(problem) => return untouched(problem),
    };
    if begun.step == Step::Nothing {
        return Ok(RolledOut::Unchanged);
    }
    scene.tell.event(Event::Phase {
        workload: wanted.name.clone(),
        phase: Phase::RollOut,
        subject: format!("service {}/{}", wanted.cluster, wanted.name),
    });
    let deployment = match carry_out(scene, wanted, settings, &begun).await {
        Ok(deployment) => deployment,
        // One that AWS took and did not answer may be under way.
        Err(error) if error.is_ambiguous() => {
            return failed(scene, wanted, release, serving, &begun, told(scene, &error)).await;
        }
        Err(error) => return untouched(told(scene, &error)),
    };
    let watch = Watch {
        scene,
        wanted,
        definition: &begun.definition,
        deployment,
        stop: Some(scene.stop),
    };
    match watch.until_settled().await {
        Ok(()) => Ok(RolledOut::Done),
        Err(problem) => failed(scene, wanted, release, serving, &begun, problem).await,
    }
}

pub(super) fn untouched(problem: Problem) -> Rolled {
    Err(Box::new(ShipFailure {
        problem,
        restored: Restored::Untouched,
    }))
}

/// What there is, and what is to be done about it.
struct Begun {
    before: Option<Service>,
    /// The ARN of the revision that is to run.
    definition: String,
    step: Step,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// It is as it should be.
    Nothing,
    /// It is being made so already: somebody began, and did not see the end.
    Watch,
    Create,
    Update,
    /// Nothing differs, and yet its last deployment failed.
    Again,
}

async fn begin(scene: &Scene<'_>, wanted: &Wanted, settings: &Json) -> Result<Begun, Problem> {
    let session = scene.session;
    let told = |error: AwsError| super::told(scene, &error);
    let before = drained(scene, wanted).await?;
    let Some(service) = before else {
        return Ok(Begun {
            definition: definition::ensure(session, wanted).await.map_err(told)?,
            before: None,
            step: Step::Create,
        });
    };
    let same = definition::is_same(session, wanted, &service.definition)
        .await
        .map_err(told)?;
    if !same
        || !service
            .differences(&wanted.lifted(settings, service.desired))
            .is_empty()
    {
        let definition = match same {
            true => service.definition.clone(),
            false => definition::ensure(session, wanted).await.map_err(told)?,
        };
        return Ok(Begun {
            definition,
            before: Some(service),
            step: Step::Update,
        });
    }
    let failed = service.primary().is_some_and(|primary| primary.rollout == "FAILED");
    Ok(Begun {
        definition: service.definition.clone(),
        step: match failed {
            true => Step::Again,
            false if service.is_settled() => Step::Nothing,
            false => Step::Watch,
        },
        before: Some(service),
    })
}

/// The service, once none of its name is being deleted any more.
async fn drained(scene: &Scene<'_>, wanted: &Wanted) -> Result<Option<Service>, Problem> {
    let clock = scene.session.clock;
    let began = clock.elapsed();
    loop {
        let found = find(scene.session, &wanted.cluster, &wanted.name).await;
        let found = found.map_err(|error| told(scene, &error))?;
        match found {
            Some(service) if service.status == "DRAINING" => {}
            other => return Ok(other),
        }
        if clock.elapsed().saturating_sub(began) > DRAINING {
            let message = format!(
                "the service {}/{} is being deleted and does not go",
                wanted.cluster, wanted.name
            );
            return Err(Problem::error(codes::ECS_STALLED, message));
        }
        scene.tell.event(Event::Rollout {
            workload: wanted.name.clone(),
            ready: 0,
            wanted: 0,
            waiting_for: Some("the service of that name that is being deleted".to_owned()),
        });
        tokio::select! {
            () = scene.stop.cancelled() => return Err(interrupted(&wanted.name)),
            () = clock.sleep(POLL) => {}
        }
    }
}

/// Gives the id of the deployment that is the service's newest then, if that was told.
async fn carry_out(
    scene: &Scene<'_>,
    wanted: &Wanted,
    settings: &Json,
    begun: &Begun,
) -> Result<Option<String>, AwsError> {
    let none = Json::Null;
    let found = begun.before.as_ref().map_or(&none, |service| &service.found);
    let desired = begun.before.as_ref().map_or(0, |service| service.desired);
    let settings = &wanted.lifted(settings, desired);
    let (action, mut request) = match begun.step {
        Step::Nothing | Step::Watch => return Ok(None),
        Step::Create => (Action::CreateService, creation(settings, &begun.definition)),
        Step::Update | Step::Again => (Action::UpdateService, update(settings, &begun.definition, found)),
    };
    if begun.step == Step::Again {
        set(&mut request, "forceNewDeployment", json!(true));
    }
    match call_patiently(scene.session, action, &request, PATIENCE).await {
        Ok(answer) => Ok(deployment(&answer)),
        // The answer to the first attempt was lost: it is there.
        Err(error) if begun.step == Step::Create && error.message.contains("not idempotent") => {
            let service = find(scene.session, &wanted.cluster, &wanted.name).await?;
            match service.is_some_and(|service| service.definition == begun.definition) {
                true => Ok(None),
                false => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}

/// The id of the newest deployment in an answer that describes a service.
fn deployment(answer: &Json) -> Option<String> {
    let service = Service::read(answer.get("service")?);
    service.primary().map(|primary| primary.id.clone())
}

async fn failed(
    scene: &Scene<'_>,
    wanted: &Wanted,
    release: &Release,
    serving: Option<&Release>,
    begun: &Begun,
    problem: Problem,
) -> Rolled {
    let restored = restore(scene, wanted, release, serving, begun).await;
    Err(Box::new(ShipFailure { problem, restored }))
}

/// What is put back.
struct Back {
    wanted: Wanted,
    definition: String,
    request: Json,
}

/// Puts back what served, in full, and watches until it does.
async fn restore(
    scene: &Scene<'_>,
    wanted: &Wanted,
    release: &Release,
    serving: Option<&Release>,
    begun: &Begun,
) -> Restored {
    let serving = serving.filter(|serving| serving.digest() != release.digest());
    if begun.before.is_none() && serving.is_none() {
        return Restored::NothingBefore;
    }
    let back = match to_put_back(scene, wanted, serving, begun).await {
        Ok(Some(back)) => back,
        // It is this very version that served: there is no other one.
        Ok(None) => return Restored::NothingBefore,
        Err(problem) => return Restored::Not(Box::new(problem)),
    };
    scene.tell.event(Event::Phase {
        workload: wanted.name.clone(),
        phase: Phase::Restore,
        subject: back.definition.rsplit('/').next().unwrap_or_default().to_owned(),
    });
    let deployment = match call_patiently(scene.session, Action::UpdateService, &back.request, PATIENCE).await {
        Ok(answer) => deployment(&answer),
        Err(error) => return Restored::Not(Box::new(told(scene, &error))),
    };
    let watch = Watch {
        scene,
        wanted: &back.wanted,
        definition: &back.definition,
        deployment,
        stop: None,
    };
    match watch.until_settled().await {
        Ok(()) => Restored::Back,
        Err(problem) => Restored::Not(Box::new(problem)),
    }
}

async fn to_put_back(
    scene: &Scene<'_>,
    wanted: &Wanted,
    serving: Option<&Release>,
    begun: &Begun,
) -> Result<Option<Back>, Problem> {
    let none = Json::Null;
    let found = begun.before.as_ref().map_or(&none, |service| &service.found);
    if let Some(serving) = serving {
        let old = Wanted::read(serving)?;
        // One of another cluster, or of a job, is nothing that this service was.
        if let (Run::Service(settings), true) = (&old.run, old.cluster == wanted.cluster) {
            let definition = definition::ensure(scene.session, &old).await;
            let definition = definition.map_err(|error| told(scene, &error))?;
            let mut request = update(settings, &definition, &now(scene, wanted, found).await);
            // As many as the load had made of it, and not as many as the version that failed wanted.
            if let (Some(least), Some(before)) = (old.least, &begun.before) {
                set(
                    &mut request,
                    "desiredCount",
                    json!(least.max(u64::from(before.desired))),
                );
            }
            return Ok(Some(Back {
                wanted: old,
                definition,
                request,
            }));
        }
    }
    let Some(before) = &begun.before else { return Ok(None) };
    if before.definition == begun.definition {
        return Ok(None);
    }
    Ok(Some(Back {
        wanted: Wanted {
            cluster: wanted.cluster.clone(),
            name: wanted.name.clone(),
            family: wanted.family.clone(),
            definition: wanted.definition.clone(),
            run: Run::Service(Json::Null),
            image: String::new(),
            least: None,
        },
        definition: before.definition.clone(),
        request: as_found(&wanted.cluster, &wanted.name, found),
    }))
}

/// The service as it is now, so that what the failed version added is taken away; as it was if that cannot be read.
async fn now(scene: &Scene<'_>, wanted: &Wanted, before: &Json) -> Json {
    match find(scene.session, &wanted.cluster, &wanted.name).await {
        Ok(Some(service)) => service.found,
        _ => before.clone(),
    }
}

pub(super) async fn running(scene: &Scene<'_>, cluster: &str) -> Result<Option<Running>, Problem> {
    let name = scene.name();
    let told = |error: AwsError| super::told(scene, &error);
    let Some(service) = find(scene.session, cluster, name).await.map_err(told)? else {
        return Ok(None);
    };
    let asked = json!({ "cluster": cluster, "serviceName": name, "desiredStatus": "RUNNING" });
    let tasks = tasks(scene, cluster, name, &asked).await.map_err(told)?;
    let mut images: Vec<String> = tasks.iter().map(|task| task.container.image.clone()).collect();
    images.sort();
    images.dedup();
    let primary = service.primary();
    let mut remarks = Vec::new();
    if service.status != "ACTIVE" {
        remarks.push(format!("the service is {}", service.status));
    }
    if let Some(primary) = primary.filter(|primary| primary.rollout != "COMPLETED") {
        remarks.push(primary.reason.clone());
    }
    let waiting = tasks.iter().filter(|task| task.status != "RUNNING").count();
    if waiting > 0 {
        remarks.push(format!("{waiting} tasks are starting"));
    }
    let ready = tasks.iter().filter(|task| task.status == "RUNNING").count();
    let since = tasks.iter().filter_map(|task| task.started).max();
    Ok(Some(Running {
        images,
        ready: u32::try_from(ready).unwrap_or(u32::MAX),
        wanted: service.desired,
        healthy: service.status == "ACTIVE" && service.is_settled(),
        scheduled: false,
        since: since
            .and_then(|at| jiff::Timestamp::from_millisecond(at).ok())
            .map(|at| at.to_string()),
        remarks,
        address: address(scene, &service),
    }))
}

/// Where the load balancer of the stack answers, if the service stands behind it.
fn address(scene: &Scene<'_>, service: &Service) -> Option<String> {
    let balanced = service.found.pointer("/loadBalancers/0/targetGroupArn")?;
    (balanced.as_str() == scene.output("target_group_arn")).then_some(())?;
    let stack = scene.environment.stacks.get(&scene.workload.on.value)?;
    let scheme = if stack.inputs.contains_key("certificate_arn") {
        "https"
    } else {
        "http"
    };
    Some(format!("{scheme}://{}", scene.output("load_balancer_dns")?))
}

/// Deletes the service and waits for its end; gives whether there was one.
pub(super) async fn remove(scene: &Scene<'_>, cluster: &str) -> Result<bool, Problem> {
    let (session, name) = (scene.session, scene.name());
    let told = |error: AwsError| super::told(scene, &error);
    let clock = session.clock;
    let began = clock.elapsed();
    let mut was_there = false;
    loop {
        let Some(service) = find(session, cluster, name).await.map_err(told)? else {
            return Ok(was_there);
        };
        if service.status == "ACTIVE" {
            let request = json!({ "cluster": cluster, "service": name, "force": true });
            match call_patiently(session, Action::DeleteService, &request, PATIENCE).await {
                Ok(_) => {}
                // It went between the question and this.
                Err(error) if error.code.as_deref().is_some_and(|code| code.contains("ServiceNot")) => {}
                Err(error) => return Err(told(error)),
            }
        }
        was_there = true;
        if clock.elapsed().saturating_sub(began) > DRAINING {
            let message = format!("the service {cluster}/{name} is being deleted and does not go");
            return Err(Problem::error(codes::ECS_STALLED, message));
        }
        tokio::select! {
            () = scene.stop.cancelled() => return Err(interrupted(name)),
            () = clock.sleep(POLL) => {}
        }
    }
}
