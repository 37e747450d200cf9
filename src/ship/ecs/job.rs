//! Batches: one task for each release, followed to its end.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::super::{Event, Release, Restored, Rolled, RolledOut, Running, Scene, ShipFailure, event::Phase};
use super::log::Follow;
use super::read::{Task, text};
use super::request::{Wanted, set};
use super::service::untouched;
use super::watch::tasks;
use super::{PATIENCE, POLL, definition, diagnose, interrupted, told};
use crate::aws::ecs::{Action, call_patiently};
use crate::aws::error::AwsError;
use crate::diagnostic::{Problem, codes};

pub(super) async fn run(
    scene: &Scene<'_>,
    wanted: &Wanted,
    request: &Json,
    release: &Release,
    serving: Option<&Release>,
) -> Rolled {
    if serving.is_some_and(|serving| serving.digest() == release.digest()) {
        return Ok(RolledOut::Unchanged);
    }
    if scene.stop.is_cancelled() {
        return untouched(interrupted(&wanted.name));
    }
    let task = match begin(scene, wanted, request, release).await {
        Ok(Began::Over) => return Ok(RolledOut::Done),
        Ok(Began::Runs(task)) => task,
        Err(problem) => return untouched(problem),
    };
    match follow(scene, wanted, &task).await {
        Ok(()) => Ok(RolledOut::Done),
        Err(problem) => Err(Box::new(ShipFailure {
            problem,
            restored: Restored::NothingBefore,
        })),
    }
}

enum Began {
    /// The ARN of the task.
    Runs(String),
    /// It has run already, and well.
    Over,
}

/// Finds the task of this release, or starts one.
async fn begin(scene: &Scene<'_>, wanted: &Wanted, request: &Json, release: &Release) -> Result<Began, Problem> {
    let told = |error: AwsError| super::told(scene, &error);
    let digest = release.digest();
    let mark = format!("mlinfra-{}", digest.get(..24).unwrap_or(&digest));
    let (running, stopped) = of_family(scene, &wanted.cluster, &wanted.name, &wanted.family)
        .await
        .map_err(told)?;
    let own = |task: &&Task| task.started_by == mark;
    if let Some(task) = running.iter().find(own) {
        scene
            .tell
            .note(format!("`{}` runs already, as task {}", wanted.name, task.id()));
        return Ok(Began::Runs(task.arn.clone()));
    }
    let ended: Vec<&Task> = stopped.iter().filter(own).collect();
    if let Some(task) = ended.iter().find(|task| task.container.exit == Some(0)) {
        scene
            .tell
            .note(format!("`{}` has run already, as task {}", wanted.name, task.id()));
        return Ok(Began::Over);
    }
    let definition = definition::ensure(scene.session, wanted).await.map_err(told)?;
    scene.tell.event(Event::Phase {
        workload: wanted.name.clone(),
        phase: Phase::Run,
        subject: format!("task {}/{}", wanted.cluster, wanted.name),
    });
    let mut request = request.clone();
    set(&mut request, "taskDefinition", json!(definition));
    set(&mut request, "startedBy", json!(mark));
    // Asked twice, it starts once; after a failure, it starts again.
    set(&mut request, "clientToken", json!(format!("{mark}-{}", ended.len())));
    let answer = call_patiently(scene.session, Action::RunTask, &request, PATIENCE)
        .await
        .map_err(told)?;
    if let Some(arn) = answer.pointer("/tasks/0/taskArn").and_then(Json::as_str) {
        return Ok(Began::Runs(arn.to_owned()));
    }
    let failure = answer.pointer("/failures/0").cloned().unwrap_or_default();
    let reason = text(&failure, "reason").unwrap_or("no task, and no reason");
    Err(diagnose::no_room(wanted, reason))
}

/// Follows the task to its end, telling what it prints.
async fn follow(scene: &Scene<'_>, wanted: &Wanted, arn: &str) -> Result<(), Problem> {
    let clock = scene.session.clock;
    let began = clock.elapsed();
    let longest = Duration::from_secs(u64::from(scene.workload.batch.timeout_seconds));
    let mut log = wanted.log().map(|(group, prefix)| {
        let id = arn.rsplit('/').next().unwrap_or(arn);
        Follow::new(group, format!("{prefix}{id}"), wanted.name.clone(), 0)
    });
    let mut told_to_stop: Option<Problem> = None;
    loop {
        let asked = json!({ "cluster": wanted.cluster, "tasks": [arn] });
        let answer = call_patiently(scene.session, Action::DescribeTasks, &asked, PATIENCE).await;
        let answer = answer.map_err(|error| told(scene, &error))?;
        if let Some(log) = &mut log {
            // Lines that cannot be had now come with the next look.
            let _later = log.next(scene).await;
        }
        let task = answer.pointer("/tasks/0").map(|task| Task::read(task, &wanted.name));
        let Some(task) = task else {
            let message = format!("the task of `{}` is gone, and its end was not seen", wanted.name);
            return Err(Problem::error(codes::ECS_JOB, message).note(format!("it was {arn}")));
        };
        scene.tell.event(Event::Rollout {
            workload: wanted.name.clone(),
            ready: u32::from(task.status == "RUNNING"),
            wanted: 1,
            waiting_for: (!matches!(task.status.as_str(), "RUNNING" | "STOPPED"))
                .then(|| format!("the task, which is {}", task.status)),
        });
        if task.status == "STOPPED" {
            return match told_to_stop {
                Some(problem) => Err(problem),
                None => ended(scene, wanted, &task).await,
            };
        }
        if told_to_stop.is_none() {
            let late = clock.elapsed().saturating_sub(began) > longest;
            let problem = match late {
                true => Some(
                    Problem::error(
                        codes::ECS_JOB,
                        format!("`{}` was stopped after {} s", wanted.name, longest.as_secs()),
                    )
                    .note("`timeout` of the workload says how long it may take"),
                ),
                false if scene.stop.is_cancelled() => Some(interrupted(&wanted.name).note("its task was stopped")),
                false => None,
            };
            if let Some(problem) = problem {
                let request = json!({ "cluster": wanted.cluster, "task": arn, "reason": problem.message });
                let stopping = call_patiently(scene.session, Action::StopTask, &request, PATIENCE).await;
                stopping.map_err(|error| told(scene, &error))?;
                told_to_stop = Some(problem);
                continue;
            }
        }
        if told_to_stop.is_some() {
            clock.sleep(POLL).await;
        } else {
            tokio::select! {
                () = scene.stop.cancelled() => {}
                () = clock.sleep(POLL) => {}
            }
        }
    }
}

async fn ended(scene: &Scene<'_>, wanted: &Wanted, task: &Task) -> Result<(), Problem> {
    if task.container.exit == Some(0) && task.stop_code != "UserInitiated" {
        return Ok(());
    }
    let cause = diagnose::stopped(scene, wanted, task, None)
        .await
        .map(|cause| cause.problem);
    Err(match cause {
        Some(mut problem) => {
            // Of a job it is the end that is bad, not that there is one.
            if problem.code == codes::ECS_EXITED {
                problem.code = codes::ECS_JOB;
            }
            problem
        }
        None => Problem::error(codes::ECS_JOB, format!("the task of `{}` was stopped", wanted.name))
            .note(format!("ECS says: {}", task.reason)),
    })
}

/// Running and stopped tasks of a family, the newest first; ECS forgets those that stopped after an hour.
async fn of_family(
    scene: &Scene<'_>,
    cluster: &str,
    name: &str,
    family: &str,
) -> Result<(Vec<Task>, Vec<Task>), AwsError> {
    let asked = |desired: &str| json!({ "cluster": cluster, "family": family, "desiredStatus": desired });
    let mut running = tasks(scene, cluster, name, &asked("RUNNING")).await?;
    let mut stopped = tasks(scene, cluster, name, &asked("STOPPED")).await?;
    running.sort_by_key(|task| std::cmp::Reverse(task.created));
    stopped.sort_by_key(|task| std::cmp::Reverse(task.created));
    Ok((running, stopped))
}

pub(super) async fn running(scene: &Scene<'_>, cluster: &str) -> Result<Option<Running>, Problem> {
    let family = scene.environment.stack_name(scene.name());
    let (running, stopped) = of_family(scene, cluster, scene.name(), &family)
        .await
        .map_err(|error| told(scene, &error))?;
    let runs = !running.is_empty();
    let Some(task) = running.first().or(stopped.first()) else {
        return Ok(None);
    };
    let remark = match (runs, task.container.exit) {
        (true, _) => format!("its task is {}", task.status),
        (false, Some(0)) => "its task ended well".to_owned(),
        (false, Some(code)) => format!("its task ended with exit code {code}"),
        (false, None) => format!("its task stopped: {}", task.reason),
    };
    let since = task.started.and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
    Ok(Some(Running {
        images: vec![task.container.image.clone()],
        ready: u32::from(task.status == "RUNNING"),
        wanted: u32::from(runs),
        healthy: runs || task.container.exit == Some(0),
        scheduled: false,
        since: since.map(|at| at.to_string()),
        remarks: vec![remark],
        address: None,
    }))
}

/// Stops the tasks of a family that run by themselves; gives whether there were any.
pub(super) async fn stop_all(scene: &Scene<'_>, cluster: &str, family: &str) -> Result<bool, Problem> {
    let asked = json!({ "cluster": cluster, "family": family, "desiredStatus": "RUNNING" });
    let tasks = tasks(scene, cluster, scene.name(), &asked)
        .await
        .map_err(|error| told(scene, &error))?;
    for task in &tasks {
        let request = json!({ "cluster": cluster, "task": task.arn, "reason": "its workload is removed" });
        call_patiently(scene.session, Action::StopTask, &request, PATIENCE)
            .await
            .map_err(|error| told(scene, &error))?;
    }
    Ok(!tasks.is_empty())
}
