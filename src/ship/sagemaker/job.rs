//! Jobs: followed to their end, with what they print. A batch is a processing job.

use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;

use super::super::event::{Event, Phase, Tell};
use super::super::{ObjectChange, ObjectFate, Release, Rolled, RolledOut, Running, Scene};
use super::{asked, interrupted, refused, requests, untouched};
use crate::aws::error::AwsError;
use crate::aws::logs::{self, Tail};
use crate::aws::retry::Patience;
use crate::aws::sagemaker::jobs::{self, Job, ListedJob};
use crate::aws::session::Session;
use crate::diagnostic::{Problem, codes};

/// Between two looks at first, and at most.
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(15);
/// How often a batch that failed may be shipped again under names of its own.
const ATTEMPTS: u32 = 100;
/// Lines that are shown with a failure.
const LINES: usize = 12;
/// A job's first line may be older than the job, by what clocks differ.
const SLACK: i64 = 60_000;

/// The kinds of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum JobKind {
    /// Trains a model.
    Training,
    /// Works through a batch.
    Processing,
}

/// How following a job ended.
pub(in super::super) enum Ended {
    /// The job has ended, one way or another.
    Done(Box<Job>),
    /// The run was told to stop, and so was the job.
    Stopped(Box<Job>),
}

impl JobKind {
    /// "Log Groups and Streams", SageMaker Developer Guide.
    pub(in super::super) fn log_group(self) -> &'static str {
        match self {
            Self::Training => "/aws/sagemaker/TrainingJobs",
            Self::Processing => "/aws/sagemaker/ProcessingJobs",
        }
    }

    pub(in super::super) async fn describe(self, session: &Session, name: &str) -> Result<Option<Job>, AwsError> {
        match self {
            Self::Training => jobs::describe_training(session, name).await,
            Self::Processing => jobs::describe_processing(session, name).await,
        }
    }

    async fn stop(self, session: &Session, name: &str) -> Result<(), AwsError> {
        match self {
            Self::Training => jobs::stop_training(session, name).await,
            Self::Processing => jobs::stop_processing(session, name).await,
        }
    }
}

/// Follows a job to its end: tells what it is at and what it prints. When `stop` comes, the job is stopped too, and waited
/// for until it stands still.
///
/// # Errors
/// What keeps the answers away for long, and that there is no such job.
pub(in super::super) async fn follow(
    session: &Session,
    tell: &Tell,
    stop: &CancellationToken,
    kind: JobKind,
    name: &str,
) -> Result<Ended, Problem> {
    let clock = session.clock;
    let mut patience = Patience::new(clock, None);
    let mut tail: Option<Tail> = None;
    let mut told = 0;
    let mut is_stopping = false;
    let mut pause = FIRST;
    loop {
        if stop.is_cancelled() && !is_stopping {
            match kind.stop(session, name).await {
                Ok(()) => {
                    is_stopping = true;
                    pause = FIRST;
                    tell.note(format!("{name} is being stopped"));
                }
                Err(error) if error.is_transient() && patience.failures() < 20 => {
                    patience.wait().await;
                    continue;
                }
                Err(error) => return Err(refused(&error)),
            }
        }
        match kind.describe(session, name).await {
            Ok(Some(job)) => {
                patience.reset();
                told = tell_steps(tell, &job, told);
                let tail = tail.get_or_insert_with(|| {
                    let prefix = Some(format!("{name}/"));
                    Tail::new(kind.log_group(), prefix, job.created_millis - SLACK)
                });
                let has_ended = matches!(job.status.as_str(), "Completed" | "Failed" | "Stopped");
                // Without its lines a job is still a job: what cannot be read now is read with the next look.
                if let Ok(lines) = tail.next(session).await {
                    for line in lines {
                        let source = line.stream.rsplit('/').next().unwrap_or_default().to_owned();
                        tell.event(Event::Log {
                            source,
                            line: line.text,
                        });
                    }
                }
                if has_ended {
                    let job = Box::new(job);
                    return Ok(if is_stopping {
                        Ended::Stopped(job)
                    } else {
                        Ended::Done(job)
                    });
                }
            }
            Ok(None) => {
                return Err(Problem::error(
                    codes::SAGEMAKER_JOB_FAILED,
                    format!("the job {name} does not exist"),
                ));
            }
            Err(error) if error.is_transient() && patience.failures() < 60 => {
                patience.wait().await;
                continue;
            }
            Err(error) => return Err(error.problem()),
        }
        if is_stopping {
            clock.sleep(pause).await;
        } else {
            tokio::select! {
                () = clock.sleep(pause) => {}
                () = stop.cancelled() => {}
            }
        }
        pause = (pause + Duration::from_secs(2)).min(LONGEST);
    }
}

/// Tells the parts of a job's life that were not told yet.
fn tell_steps(tell: &Tell, job: &Job, told: usize) -> usize {
    for step in job.transitions.iter().skip(told) {
        let message = step.message.as_deref().filter(|message| !message.is_empty());
        tell.note(match message {
            Some(message) => format!("{}: {message}", step.status),
            None => step.status.clone(),
        });
    }
    job.transitions.len().max(told)
}

/// Why a job failed or was stopped, with its last lines.
pub(in super::super) async fn ended_badly(session: &Session, kind: JobKind, name: &str, job: &Job) -> Problem {
    let over = matches!(
        job.secondary.as_deref(),
        Some("MaxRuntimeExceeded" | "MaxWaitTimeExceeded")
    );
    let problem = match (job.status.as_str(), over) {
        ("Stopped", true) => {
            let what = match job.secondary.as_deref() {
                Some("MaxWaitTimeExceeded") => ("it waited and trained for longer than `max_wait` allows", "max_wait"),
                _ => ("it ran for longer than `timeout` allows", "timeout"),
            };
            Problem::error(
                codes::SAGEMAKER_JOB_STOPPED,
                format!("SageMaker stopped {name}: {}", what.0),
            )
            .hint(format!("allow more with `{}`, or take a larger instance", what.1))
        }
        ("Stopped", false) => Problem::error(codes::SAGEMAKER_JOB_STOPPED, format!("{name} was stopped")),
        _ => Problem::error(codes::SAGEMAKER_JOB_FAILED, format!("{name} failed")),
    };
    let problem = match (&job.failure, &job.exit_message) {
        (Some(reason), Some(said)) if !reason.contains(said.as_str()) => {
            problem.note(reason.clone()).note(said.clone())
        }
        (Some(said), _) | (None, Some(said)) => problem.note(said.clone()),
        (None, None) => problem,
    };
    let problem = match job.billable_seconds {
        Some(seconds) => problem.note(format!("{seconds} s of each instance are paid")),
        None => problem,
    };
    let prefix = format!("{name}/");
    let from = job.created_millis - SLACK;
    let problem = match logs::last(session, kind.log_group(), Some(&prefix), from, LINES).await {
        Ok(lines) if lines.is_empty() => problem.note("it printed nothing"),
        Ok(lines) => {
            let shown = lines.iter().rev().take(LINES).rev();
            let text: Vec<&str> = shown.map(|line| line.text.as_str()).collect();
            problem.note(format!("its last lines:\n{}", text.join("\n")))
        }
        Err(error) => problem.note(format!("what it printed cannot be read: {error}")),
    };
    let reason = job.failure.as_deref().unwrap_or_default();
    let says = |part: &str| reason.contains(part);
    if says("CapacityError") || says("capacity") {
        problem.hint("AWS has no such instances right now: take another `instance_type`, or try later")
    } else if says("AlgorithmError") {
        problem.hint("the container itself failed: its lines say why")
    } else if says("ClientError") && says("S3") {
        problem.hint("check that the data is there, and that the training role may read it")
    } else {
        problem
    }
}

/// Runs a batch once for each version: one that has ended well is not run again.
pub(super) async fn roll_out(scene: &Scene<'_>, release: &Release) -> Rolled {
    let kind = JobKind::Processing;
    let Some(request) = requests::request(&release.objects, "ProcessingJob") else {
        let message = format!("the release of `{}` holds no job", scene.name());
        return Err(untouched(Problem::error(codes::SAGEMAKER_SETTING, message)));
    };
    for attempt in 1..=ATTEMPTS {
        let (name, request) = attempted(request, attempt);
        let found = asked(scene, || kind.describe(scene.session, &name))
            .await
            .map_err(untouched)?;
        match found.as_ref().map(|job| job.status.as_str()) {
            Some("Completed") => return Ok(RolledOut::Unchanged),
            // Names of jobs are used up for ever.
            Some("Failed" | "Stopped" | "Stopping") => continue,
            Some(_) => scene.tell.note(format!("{name} runs already: following it")),
            None => {
                if scene.stop.is_cancelled() {
                    return Err(untouched(interrupted("the job was started")));
                }
                asked(scene, || jobs::create_processing(scene.session, &request))
                    .await
                    .map_err(untouched)?;
            }
        }
        scene.tell.event(Event::Phase {
            workload: scene.name().to_owned(),
            phase: Phase::Run,
            subject: name.clone(),
        });
        let ended = follow(scene.session, scene.tell, scene.stop, kind, &name).await;
        let job = match ended.map_err(untouched)? {
            Ended::Done(job) | Ended::Stopped(job) => job,
        };
        if job.status == "Completed" {
            return Ok(RolledOut::Done);
        }
        return Err(untouched(ended_badly(scene.session, kind, &name, &job).await));
    }
    let message = format!("`{}` was tried {ATTEMPTS} times without a change", scene.name());
    Err(untouched(Problem::error(codes::SAGEMAKER_JOB_FAILED, message)))
}

/// The request of an attempt: the first has the release's own name, the others end in digits of their own.
fn attempted(request: &Json, attempt: u32) -> (String, Json) {
    let first = request
        .get("ProcessingJobName")
        .and_then(Json::as_str)
        .unwrap_or_default();
    if attempt == 1 {
        return (first.to_owned(), request.clone());
    }
    let (prefix, digits) = first.rsplit_once('-').unwrap_or((first, ""));
    let digits: String = digits.chars().take(8).collect();
    let name = format!("{prefix}-{digits}{attempt:02x}");
    let mut request = request.clone();
    if let Some(request) = request.as_object_mut() {
        request.insert("ProcessingJobName".to_owned(), json!(name));
    }
    (name, request)
}

pub(super) async fn review(scene: &Scene<'_>, release: &Release) -> Result<Vec<ObjectChange>, Problem> {
    let name = requests::name(&release.objects, "ProcessingJob").unwrap_or_default();
    let found = asked(scene, || jobs::describe_processing(scene.session, name)).await?;
    let has_run = found.is_some_and(|job| job.status == "Completed");
    Ok(vec![ObjectChange {
        object: format!("ProcessingJob {name}"),
        fate: if has_run {
            ObjectFate::Unchanged
        } else {
            ObjectFate::Create
        },
        fields: Vec::new(),
    }])
}

/// The newest job of the workload.
pub(super) async fn newest(scene: &Scene<'_>) -> Result<Option<ListedJob>, Problem> {
    let prefix = requests::prefix(scene.environment, scene.name());
    let all = asked(scene, || jobs::processing_jobs(scene.session, &prefix)).await?;
    Ok(all.into_iter().find(|job| requests::is_named_by(&job.name, &prefix)))
}

/// Stops the newest job if it runs; jobs themselves stay in SageMaker's list for ever.
pub(super) async fn remove(scene: &Scene<'_>) -> Result<Vec<String>, Problem> {
    let runs = newest(scene).await?.filter(|job| job.status == "InProgress");
    let Some(job) = runs else {
        return Ok(Vec::new());
    };
    asked(scene, || jobs::stop_processing(scene.session, &job.name)).await?;
    Ok(vec![job.name])
}

pub(super) async fn running(scene: &Scene<'_>) -> Result<Option<Running>, Problem> {
    let Some(newest) = newest(scene).await? else {
        return Ok(None);
    };
    let job = asked(scene, || jobs::describe_processing(scene.session, &newest.name)).await?;
    let runs = newest.status == "InProgress";
    let mut remarks = vec![format!("{} is {}", newest.name, newest.status)];
    let (failure, image) = job.map(|job| (job.failure, job.image)).unwrap_or_default();
    remarks.extend(failure);
    Ok(Some(Running {
        images: image.into_iter().collect(),
        ready: u32::from(runs),
        wanted: u32::from(runs),
        healthy: matches!(newest.status.as_str(), "InProgress" | "Completed"),
        scheduled: false,
        since: newest.created,
        remarks,
        address: None,
    }))
}
