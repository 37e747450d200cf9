//! Batches that the clock starts: a schedule of EventBridge Scheduler that runs their task.
//!
//! Shipping one ends when the schedule is what was asked for; nobody waits for the clock.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::super::{Event, FieldChange, ObjectChange, ObjectFate, Restored, Rolled, RolledOut, Running, Scene};
use super::super::{Release, ShipFailure, event::Phase};
use super::difference::{differences, is_nothing};
use super::read::{text, time};
use super::request::{Run, Wanted};
use super::service::untouched;
use super::{PATIENCE, POLL, definition, interrupted, job, told};
use crate::aws::error::{AwsError, Kind};
use crate::aws::scheduler;
use crate::diagnostic::{Problem, codes};

/// How long a role that cannot be taken is put down to IAM, which takes a moment.
const ROLE: Duration = Duration::from_secs(120);

/// The group in which the workload's schedule is, if it has one: as `release` says, else as the stack does.
pub(super) fn group(scene: &Scene<'_>, release: Option<&Release>) -> Option<String> {
    let recorded = release.and_then(|release| match Wanted::read(release).ok()?.run {
        Run::Schedule(request) => Some(group_of(&request).to_owned()),
        Run::Service(_) | Run::Task(_) => None,
    });
    recorded.or_else(|| scene.output("schedule_group").map(str::to_owned))
}

/// The group in which a request puts its schedule; its name is the workload's.
pub(super) fn group_of(request: &Json) -> &str {
    text(request, "GroupName").unwrap_or("default")
}

/// The workload's schedule in `group` as it is; none if it is not there.
pub(super) async fn find(scene: &Scene<'_>, group: &str) -> Result<Option<Json>, Problem> {
    let found = scheduler::find(scene.session, group, scene.name(), PATIENCE).await;
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

/// In what a schedule is not as it was asked for. What nobody asked for and is there all the same is a difference, too: a
/// command in its input, an end.
fn changes(asked: &Json, found: &Json) -> Vec<FieldChange> {
    let mut changes = differences(asked, found);
    strangers(asked, found, "", &mut changes);
    changes
}

/// What AWS adds to a schedule.
const ADDED: [&str; 4] = ["Arn", "CreationDate", "LastModificationDate", "ActionAfterCompletion"];

fn strangers(asked: &Json, found: &Json, path: &str, changes: &mut Vec<FieldChange>) {
    let (Json::Object(asked), Json::Object(found)) = (asked, found) else {
        return;
    };
    for (member, value) in found {
        let path = match path {
            "" => member.clone(),
            path => format!("{path}.{member}"),
        };
        match asked.get(member) {
            Some(asked) => strangers(asked, value, &path, changes),
            None if is_nothing(value) || ADDED.contains(&path.as_str()) => {}
            None => changes.push(FieldChange {
                path,
                before: Some(value.clone()),
                after: None,
            }),
        }
    }
}

/// What would become of the schedule, where its task definition comes to be as `definition` says.
pub(super) fn review(wanted: &Wanted, request: &Json, found: Option<&Json>, definition: &ObjectChange) -> ObjectChange {
    let before = found.and_then(revision);
    let fields = found.map(|found| {
        let mut fields = changes(&with(request, before.unwrap_or_default()), found);
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
        object: format!("Schedule {}/{}", group_of(request), wanted.name),
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
    let group = group_of(request);
    let found = match find(scene, group).await {
        Ok(found) => found,
        Err(problem) => return untouched(problem),
    };
    let revision = match definition::ensure(scene.session, wanted).await {
        Ok(revision) => revision,
        Err(error) => return untouched(told(scene, &error)),
    };
    let asked = with(request, &revision);
    let is_asked = |found: &Json| changes(&asked, found).is_empty();
    if found.as_ref().is_some_and(is_asked) {
        return Ok(RolledOut::Unchanged);
    }
    scene.tell.event(Event::Phase {
        workload: wanted.name.clone(),
        phase: Phase::RollOut,
        subject: format!("schedule {group}/{}", wanted.name),
    });
    let Err(error) = put(scene, &asked, found.is_some()).await else {
        scene.tell.note(format!("`{}` {}", wanted.name, words(&asked)));
        return Ok(RolledOut::Done);
    };
    if error.kind == Kind::NotFound {
        let stack = &scene.workload.on.value;
        let message = format!("the stack `{stack}` has no group `{group}` for schedules any more");
        let problem = Problem::error(codes::ECS_STACK, message).note(error.to_string());
        return untouched(
            problem
                .hint(format!("let it:\n[stacks.{stack}]\nschedules = true"))
                .hint(format!("mlinfra apply {}", scene.environment.name)),
        );
    }
    if !error.is_ambiguous() {
        return untouched(error.problem());
    }
    // What AWS took and did not answer may have been done.
    match find(scene, group).await {
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

/// What the schedule runs, and how its last task ended; none where nothing is to be started by the clock.
pub(super) async fn running(scene: &Scene<'_>, cluster: &str) -> Result<Option<Running>, Problem> {
    let found = match scene.output("schedule_group") {
        Some(group) => find(scene, group).await?,
        None => None,
    };
    let last = job::running(scene, cluster).await?;
    let Some(schedule) = found else {
        return Ok(last);
    };
    let image = match revision(&schedule) {
        Some(revision) => definition::image(scene.session, revision).await,
        None => Ok(None),
    };
    let image = image.map_err(|error| told(scene, &error))?;
    let mut troubles = Vec::new();
    if text(&schedule, "State") == Some("DISABLED") {
        troubles.push("it is disabled".to_owned());
    }
    if !image.as_ref().is_some_and(|(_, is_active)| *is_active) {
        troubles.push("its task definition is deregistered, and nothing can be started".to_owned());
    }
    let (ready, ended_well) = last.as_ref().map_or((0, true), |last| (last.ready, last.healthy));
    let healthy = ended_well && troubles.is_empty();
    let mut remarks = vec![words(&schedule)];
    remarks.append(&mut troubles);
    remarks.extend(last.map(|last| last.remarks).unwrap_or_default());
    let since = time(&schedule, "LastModificationDate").and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
    Ok(Some(Running {
        images: image.map(|(image, _)| image).into_iter().collect(),
        ready,
        wanted: 0,
        healthy,
        scheduled: true,
        since: since.map(|at| at.to_string()),
        remarks,
        address: None,
    }))
}

/// Deletes the workload's schedule in `group`; gives whether there was one.
pub(super) async fn remove(scene: &Scene<'_>, group: &str) -> Result<bool, Problem> {
    let removed = scheduler::remove(scene.session, group, scene.name(), PATIENCE).await;
    removed.map_err(|error| error.problem())
}
