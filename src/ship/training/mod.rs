//! Training: a job of SageMaker from its table in the environment file to a version in the model registry.
//!
//! The caller gives each run an id of its own. Run again with the same id, after any kind of death, it finds the job and
//! the version that it made, and makes neither twice.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Outputs;
use super::event::{Event, Phase, Tell};
use super::sagemaker::{Ended, JobKind, ended_badly, follow, lacks, refused};
use crate::aws::error::AwsError;
use crate::aws::retry;
use crate::aws::sagemaker::{jobs, registry};
use crate::aws::session::Session;
use crate::diagnostic::{Problem, codes};
use crate::spec::{Environment, Training};
use crate::workload::sagemaker::{self as requests, Buckets, TrainingFacts, list};

#[cfg(test)]
mod tests;

const PATIENCE: Duration = Duration::from_secs(600);

/// What running a training job needs.
#[derive(Clone, Copy)]
pub struct TrainingScene<'a> {
    /// The way into AWS.
    pub session: &'a Session,
    /// The environment.
    pub environment: &'a Environment,
    /// The job.
    pub training: &'a Training,
    /// What the stacks give.
    pub outputs: &'a Outputs,
    /// The project's folder: contexts and layouts are relative to it.
    pub root: &'a Path,
    /// Who is told.
    pub tell: &'a Tell,
    /// Once this is cancelled the job is stopped, and waited for until it stands still.
    pub stop: &'a CancellationToken,
}

/// What a training job has made.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Trained {
    /// The job's name in SageMaker.
    pub job: String,
    /// Its ARN.
    pub arn: String,
    /// The model: `s3://BUCKET/KEY`.
    pub model: Option<String>,
    /// For how long it trained, in seconds.
    pub trained_seconds: Option<u32>,
    /// What is paid, in seconds of each instance.
    pub billable_seconds: Option<u32>,
    /// The last value of each metric.
    pub metrics: BTreeMap<String, f64>,
    /// The version of the registry that it became, if it was to become one.
    pub registered: Option<Registered>,
}

/// A version of the model registry.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Registered {
    /// The full name of its group.
    pub group: String,
    /// Its number in the group.
    pub version: u32,
    /// Its ARN.
    pub arn: String,
    /// Whether it may be shipped already.
    pub approved: bool,
}

/// Runs the job with `image`, a whole reference with a digest, and follows it to its end; then registers what it made.
///
/// `id` names the run: the same one again follows the same job.
///
/// # Errors
/// What the stacks do not give, what SageMaker refuses, why the job failed, and that it was stopped. A version that cannot
/// be registered is an error that says where the model is.
pub async fn run(scene: &TrainingScene<'_>, image: &str, id: &str) -> Result<Trained, Problem> {
    let facts = facts(scene, image)?;
    let request = requests::training_job(scene.environment, scene.training, &facts, id).map_err(|stack| {
        let output = "data_bucket` and `models_bucket";
        lacks(&stack, output, &scene.environment.name)
    })?;
    let group = match &scene.training.register {
        Some(register) => Some(known_group(scene, &register.group)?),
        None => None,
    };
    let name = requests::job_name(scene.environment, &scene.training.name.value, id);
    let session = scene.session;
    let found = asked(session, || jobs::describe_training(session, &name)).await?;
    if found.is_some() {
        scene.tell.note(format!("{name} is there already: following it"));
    } else {
        if scene.stop.is_cancelled() {
            return Err(Problem::error(codes::INTERRUPTED, "stopped before the job was started"));
        }
        asked(session, || jobs::create_training(session, &request)).await?;
    }
    scene.tell.event(Event::Phase {
        workload: scene.training.name.value.clone(),
        phase: Phase::Run,
        subject: name.clone(),
    });
    let kind = JobKind::Training;
    let job = match follow(session, scene.tell, scene.stop, kind, &name).await? {
        // One that was done before it could be stopped is done.
        Ended::Stopped(job) if job.status != "Completed" => {
            return Err(stopped(scene, &name, job.billable_seconds));
        }
        Ended::Done(job) | Ended::Stopped(job) => job,
    };
    if job.status != "Completed" {
        return Err(ended_badly(session, kind, &name, &job).await);
    }
    tell_price(scene, job.trained_seconds, job.billable_seconds);
    let registered = match (group, &job.artifacts) {
        (Some(group), Some(artifacts)) => Some(register(scene, &group, image, artifacts, &name).await?),
        (Some(_), None) => {
            let message = format!("{name} is done and has left no model to register");
            return Err(Problem::error(codes::SAGEMAKER_JOB_FAILED, message).hint("write the model into /opt/ml/model"));
        }
        (None, _) => None,
    };
    Ok(Trained {
        job: name,
        arn: job.arn,
        model: job.artifacts,
        trained_seconds: job.trained_seconds,
        billable_seconds: job.billable_seconds,
        metrics: job.metrics,
        registered,
    })
}

fn facts(scene: &TrainingScene<'_>, image: &str) -> Result<TrainingFacts, Problem> {
    let stack = scene.training.on.value.as_str();
    let own = |name: &str| output(scene.outputs, stack, name);
    let mut buckets = BTreeMap::new();
    for of_s3 in scene
        .environment
        .stacks
        .values()
        .filter(|stack| stack.module.value == "s3")
    {
        let name = of_s3.name.value.as_str();
        let of = |bucket: &str| output(scene.outputs, name, bucket).map(str::to_owned);
        let both = Buckets {
            data: of("data_bucket"),
            models: of("models_bucket"),
        };
        buckets.insert(name.to_owned(), both);
    }
    let keys = buckets
        .keys()
        .filter_map(|stack| output(scene.outputs, stack, "kms_key_arn"));
    let keys: Vec<&str> = keys.collect();
    Ok(TrainingFacts {
        image: image.to_owned(),
        role_arn: own("training_role_arn")
            .ok_or_else(|| lacks(stack, "training_role_arn", &scene.environment.name))?
            .to_owned(),
        subnets: list(own("training_subnet_ids")),
        security_group_id: own("training_security_group_id").map(str::to_owned),
        // The training role is allowed to use the key of the stack that it is wired to: of several, none is certain.
        kms_key_arn: match keys.as_slice() {
            [only] => Some((*only).to_owned()),
            _ => None,
        },
        buckets,
    })
}

/// The version of `group` that the job's model is or becomes.
async fn register(
    scene: &TrainingScene<'_>,
    group: &str,
    image: &str,
    artifacts: &str,
    job: &str,
) -> Result<Registered, Problem> {
    let session = scene.session;
    let given = scene.training.register.as_ref();
    let serving = given.and_then(|register| register.image.as_deref()).unwrap_or(image);
    let request = requests::model_package(scene.environment, scene.training, group, serving, artifacts, job);
    let arn = asked(session, || registry::register(session, &request))
        .await
        .map_err(|problem| {
            problem
                .note(format!("the model is trained, and lies at {artifacts}"))
                .hint("the same command with the same id registers it; nothing is trained again")
        })?;
    let described = asked(session, || registry::describe(session, &arn)).await?;
    let version = described.map(|package| package.number).filter(|number| *number > 0);
    let version = version
        .or_else(|| arn.rsplit('/').next()?.parse().ok())
        .unwrap_or_default();
    let approved = given.is_some_and(|register| register.approve);
    scene.tell.note(if approved {
        format!("registered as version {version} of {group}, approved")
    } else {
        format!("registered as version {version} of {group}: somebody has to approve it before it can be shipped")
    });
    Ok(Registered {
        group: group.to_owned(),
        version,
        arn,
        approved,
    })
}

fn known_group(scene: &TrainingScene<'_>, short: &str) -> Result<String, Problem> {
    group(scene.environment, scene.outputs, short).ok_or_else(|| {
        let stack = &scene.training.on.value;
        lacks(stack, "model_group_names", &scene.environment.name)
            .note(format!("the group `{short}` should be among them"))
    })
}

/// The full name of the model group `short`, among those that `sagemaker` stacks say they made.
pub(super) fn group(environment: &Environment, outputs: &Outputs, short: &str) -> Option<String> {
    let stacks = environment
        .stacks
        .values()
        .filter(|stack| stack.module.value == "sagemaker");
    stacks
        .filter_map(|stack| {
            let name = stack.name.value.as_str();
            let wanted = requests::model_group(environment, name, short);
            let made = list(output(outputs, name, "model_group_names"));
            made.into_iter().find(|group| *group == wanted)
        })
        .next()
}

fn output<'a>(outputs: &'a Outputs, stack: &str, name: &str) -> Option<&'a str> {
    outputs.get(stack)?.get(name).map(String::as_str)
}

fn stopped(scene: &TrainingScene<'_>, name: &str, billable: Option<u32>) -> Problem {
    let problem = Problem::error(
        codes::SAGEMAKER_JOB_STOPPED,
        format!("{name} was stopped, as you asked"),
    );
    let problem = match billable {
        Some(seconds) => problem.note(format!("{seconds} s of each instance are paid")),
        None => problem,
    };
    if scene.training.spot.is_some() {
        return problem.note("its checkpoints are kept");
    }
    problem
}

fn tell_price(scene: &TrainingScene<'_>, trained: Option<u32>, billable: Option<u32>) {
    let (Some(trained), Some(billable)) = (trained, billable) else {
        return;
    };
    let instances = scene.training.instances;
    let times = if instances > 1 {
        format!(" on each of {instances} instances")
    } else {
        String::new()
    };
    scene.tell.note(if billable < trained {
        let saved = 100 - billable.saturating_mul(100) / trained.max(1);
        format!("trained for {trained} s{times}; {billable} s are paid: spot capacity saved {saved}%")
    } else {
        format!("trained for {trained} s{times}, all of them paid")
    });
}

async fn asked<T, F>(session: &Session, call: impl FnMut() -> F) -> Result<T, Problem>
where
    F: Future<Output = Result<T, AwsError>>,
{
    let answer = retry::patiently(session.clock, PATIENCE, call).await;
    answer.map_err(|error| refused(&error))
}
