//! Batches that the clock starts: a schedule of EventBridge Scheduler that runs their task.
//!
//! Shipping one ends when the schedule is what was asked for; nobody waits for the clock.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::super::{Event, FieldChange, ObjectChange, ObjectFate, Restored, Rolled, RolledOut, Running, Scene};
use super::super::{ShipFailure, event::Phase};
use super::difference::differences;
use super::read::text;
use super::request::Wanted;
use super::service::untouched;
use super::{PATIENCE, POLL, definition, interrupted, job, told};
use crate::aws::error::{AwsError, Kind};
use crate::aws::scheduler;
use crate::diagnostic::Problem;

/// How long a role that cannot be taken is put down to IAM, which takes a moment.
const ROLE: Duration = Duration::from_secs(120);

/// Where a request puts its schedule: group and name.
fn place(request: &Json) -> (&str, &str) {
    (
        text(request, "GroupName").unwrap_or("default"),
        text(request, "Name").unwrap_or_default(),
    )
}

/// The schedule of a request as it is; none if it is not there.
pub(super) async fn find(scene: &Scene<'_>, request: &Json) -> Result<Option<Json>, Problem> {
    let (group, name) = place(request);
    let found = scheduler::find(scene.session, group, name, PATIENCE).await;
    found.map_err(|error| error.problem())
}

/// The revision that a schedule runs.
pub(super) fn revision(schedule: &Json) -> Option<&str> {
    schedule.pointer("/Target/EcsParameters/TaskDefinitionArn")?.as_str()
}

fn with(request: &Json, revision: &str) -> Json {
    let mut request = request.clone();
    if let Some(arn) = request.pointer_mut("/Target/EcsParameters/TaskDefinitionArn") {
        *arn = json!(revision);
    }
    request
}

/// What would become of the schedule, where its task definition comes to be as `definition` says.
pub(super) fn review(request: &Json, found: Option<&Json>, definition: &ObjectChange) -> ObjectChange {
    let (group, name) = place(request);
    let before = found.and_then(revision);
    let fields = found.map(|found| {
        let mut fields = differences(&with(request, before.unwrap_or_default()), found);
        if definition.fate != ObjectFate::Unchanged {
            fields.push(FieldChange {
                path: "Target.EcsParameters.TaskDefinitionArn".to_owned(),
                before: before.map(|arn| json!(arn.rsplit('/').next())),
                after: Some(json!("a new revision")),
            });
        }
        fields
    });
    ObjectChange {
        object: format!("Schedule {group}/{name}"),
        fate: match &fields {
            None => ObjectFate::Create,
            Some(fields) if fields.is_empty() => ObjectFate::Unchanged,
            Some(_) => ObjectFate::Update,
        },
        fields: fields.unwrap_or_else(|| {
            let told = ["ScheduleExpression", "ScheduleExpressionTimezone"].into_iter();
            told.map(|member| FieldChange {
                path: member.to_owned(),
                before: None,
                after: request.get(member).cloned(),
            })
            .collect()
        }),
    }
}

pub(super) async fn roll_out(scene: &Scene<'_>, wanted: &Wanted, request: &Json) -> Rolled {
    if scene.stop.is_cancelled() {
        return untouched(interrupted(&wanted.name));
    }
    let found = match find(scene, request).await {
        Ok(found) => found,
        Err(problem) => return untouched(problem),
    };
    let revision = match definition::ensure(scene.session, wanted).await {
        Ok(revision) => revision,
        Err(error) => return untouched(told(scene, &error)),
    };
    let asked = with(request, &revision);
    let is_asked = |found: &Json| differences(&asked, found).is_empty();
    if found.as_ref().is_some_and(is_asked) {
        return Ok(RolledOut::Unchanged);
    }
    let (group, name) = place(request);
    scene.tell.event(Event::Phase {
        workload: wanted.name.clone(),
        phase: Phase::RollOut,
        subject: format!("schedule {group}/{name}"),
    });
    let Err(error) = put(scene, &asked, found.is_some()).await else {
        scene.tell.note(format!("`{}` {}", wanted.name, words(&asked)));
        return Ok(RolledOut::Done);
    };
    if !error.is_ambiguous() {
        return untouched(error.problem());
    }
    // What AWS took and did not answer may have been done.
    match find(scene, request).await {
        Ok(Some(now)) if is_asked(&now) => Ok(RolledOut::Done),
        Ok(_) => untouched(error.problem()),
        Err(problem) => Err(Box::new(ShipFailure {
            problem: error.problem(),
            restored: Restored::Not(Box::new(problem)),
        })),
    }
}

/// Makes or changes the schedule. A role that a stack has just made is not known everywhere at once.
async fn put(scene: &Scene<'_>, asked: &Json, exists: bool) -> Result<(), AwsError> {
    let clock = scene.session.clock;
    let began = clock.elapsed();
    loop {
        match scheduler::put(scene.session, asked, exists, PATIENCE).await {
            Err(error) if is_about_the_role(&error) && clock.elapsed().saturating_sub(began) < ROLE => {
                clock.sleep(POLL).await;
            }
            ended => return ended,
        }
    }
}

/// "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
fn is_about_the_role(error: &AwsError) -> bool {
    error.kind == Kind::Validation && error.message.contains("assume the role")
}

/// When a schedule runs its task, in words.
fn words(schedule: &Json) -> String {
    let part = |member: &str| text(schedule, member).unwrap_or_default();
    format!(
        "runs {} {}",
        part("ScheduleExpression"),
        part("ScheduleExpressionTimezone")
    )
}

/// What the schedule runs, and how its last task ended; none if there is no schedule.
pub(super) async fn running(scene: &Scene<'_>, cluster: &str) -> Result<Option<Running>, Problem> {
    let Some(group) = scene.output("schedule_group") else {
        return Ok(None);
    };
    let asked = json!({ "GroupName": group, "Name": scene.name() });
    let Some(schedule) = find(scene, &asked).await? else {
        return Ok(None);
    };
    let mut remarks = vec![words(&schedule)];
    if text(&schedule, "State") == Some("DISABLED") {
        remarks.push("disabled".to_owned());
    }
    let image = match revision(&schedule) {
        Some(revision) => definition::image(scene.session, revision).await,
        None => Ok(None),
    };
    let image = image.map_err(|error| told(scene, &error))?;
    let last = job::running(scene, cluster).await?;
    let (ready, healthy) = last.as_ref().map_or((0, true), |last| (last.ready, last.healthy));
    remarks.extend(last.map(|last| last.remarks).unwrap_or_default());
    let since = schedule.get("LastModificationDate").and_then(Json::as_f64);
    #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970, to the second")]
    let since = since.and_then(|at| jiff::Timestamp::from_second(at as i64).ok());
    Ok(Some(Running {
        images: image.into_iter().collect(),
        ready,
        wanted: 0,
        healthy,
        scheduled: true,
        since: since.map(|at| at.to_string()),
        remarks,
        address: None,
    }))
}

/// Deletes the schedule of a workload that was, or is, started by the clock; gives whether there was one.
pub(super) async fn remove(scene: &Scene<'_>, recorded: Option<&Json>) -> Result<bool, Problem> {
    let group = recorded.and_then(|request| text(request, "GroupName"));
    let Some(group) = group.or_else(|| scene.output("schedule_group")) else {
        return Ok(false);
    };
    let removed = scheduler::remove(scene.session, group, scene.name(), PATIENCE).await;
    removed.map_err(|error| error.problem())
}

/// Runs a batch once with `running`, where the clock may have started it until now. A schedule ends once the batch has come
/// to a good end, and stays otherwise.
pub(super) async fn ends_with(scene: &Scene<'_>, running: impl Future<Output = Rolled>) -> Rolled {
    let Some(group) = scene.output("schedule_group") else {
        return running.await;
    };
    let asked = json!({ "GroupName": group, "Name": scene.name() });
    let is_there = match find(scene, &asked).await {
        Ok(found) => found.is_some(),
        Err(problem) => return untouched(problem),
    };
    if !is_there {
        return running.await;
    }
    match running.await {
        Ok(_) => match remove(scene, None).await {
            Ok(_) => {
                scene
                    .tell
                    .note(format!("`{}` is no longer started by the clock", scene.name()));
                Ok(RolledOut::Done)
            }
            Err(problem) => Err(Box::new(ShipFailure {
                problem: problem.note("it has run; the clock goes on to start what it started before"),
                restored: Restored::Unneeded,
            })),
        },
        Err(mut failure) => {
            if matches!(failure.restored, Restored::NothingBefore) {
                // What the clock starts is as it was.
                failure.restored = Restored::Back;
            }
            Err(failure)
        }
    }
}
