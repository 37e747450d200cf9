//! `mlinfra train`.

use tokio::sync::mpsc::unbounded_channel;

use super::context::Context;
use super::error::{CommandError, Kind};
use super::prompt::{Question, ask};
use super::ship::{Dock, bare, image_options};
use super::{Done, Outcome};
use crate::cli::TrainArgs;
use crate::diagnostic::{Problem, closest, codes};
use crate::ship::training::{self, Trained, TrainingScene};
use crate::ship::{Event, Tell, image};
use crate::spec::{Training, Workload};
use crate::state::{self, OperationKind, OperationRecord, OperationResult, WorkloadChange, WorkloadOutcome};
use crate::view::progress::show;
use crate::view::report::TrainSummary;
use crate::view::text::duration;

/// Runs a training job to its end. Takes no lock: it changes nothing of the environment, and may take days.
pub async fn run(context: &Context, args: &TrainArgs) -> Outcome {
    let dock = Dock::open(context, &args.environment).await?;
    let environment = &dock.world.environment;
    let Some(training) = environment.training.get(&args.job) else {
        return Err(unknown(&dock, &args.job).into());
    };
    if !dock.reading.deployed.stacks.contains_key(&training.on.value) {
        let message = format!(
            "`{}` has nothing to run on: the stack `{}` is not deployed",
            args.job, training.on.value
        );
        return Err(Problem::error(codes::NOT_DEPLOYED, message)
            .at(training.on.span.clone(), "")
            .hint(context.command(&format!("apply {}", environment.name)))
            .into());
    }
    if !args.yes {
        let limit = std::time::Duration::from_secs(u64::from(training.timeout_seconds));
        let question = Question {
            text: format!(
                "Train {} in {} (account {}): {} x {}, for at most {}? Only `yes` does it:",
                args.job,
                environment.name,
                dock.world.session.account,
                training.instances,
                training.instance_type,
                duration(limit)
            ),
            expected: "yes",
            flag: "--yes",
        };
        ask(context, question).await?;
    }
    let mut record = begin(context, &dock, args);
    let id = args.run.clone().unwrap_or_else(|| record.id.clone());
    let clock = dock.world.session.clock;
    let (events, heard) = unbounded_channel();
    let work = async {
        let tell = Tell::to(events);
        tell.note(format!(
            "to follow it again from anywhere: {} --run {id}",
            context.command(&format!("train {} {}", environment.name, args.job))
        ));
        train(context, &dock, training, &tell, &id).await
    };
    let progress = context.view().shipping(&format!("Training {}", args.job));
    let (result, ()) = tokio::join!(work, show(progress, clock, heard, |_: Event| ()));
    end(&dock, &mut record, args, &result).await?;
    match result {
        Ok((image, trained)) => {
            context.view().trained(&TrainSummary {
                environment: environment.name.clone(),
                job: args.job.clone(),
                run: id,
                image,
                trained,
            });
            Ok(Done::Fine)
        }
        Err(problem) if context.stop().is_cancelled() => {
            Err(CommandError::from(problem).of_kind(context.interrupted_kind()))
        }
        Err(problem) => Err(CommandError::from(problem).of_kind(Kind::Failed)),
    }
}

async fn train(
    context: &Context,
    dock: &Dock,
    training: &Training,
    tell: &Tell,
    id: &str,
) -> Result<(String, Trained), Problem> {
    let stop = context.stop();
    let workload = Workload {
        image: training.image.clone(),
        ..bare(&training.name, &training.on, crate::spec::workload::Platform::SageMaker)
    };
    let scene = dock.scene(&workload, tell, &stop);
    let image = image::deliver(&scene, &image_options(context, false)).await?;
    let scene = TrainingScene {
        session: &dock.world.session,
        environment: &dock.world.environment,
        training,
        outputs: &dock.outputs,
        root: &dock.root,
        tell,
        stop: &stop,
    };
    let trained = training::run(&scene, &image.reference, id).await?;
    Ok((image.reference, trained))
}

fn unknown(dock: &Dock, job: &str) -> Problem {
    let environment = &dock.world.environment;
    let names: Vec<&str> = environment.training.keys().map(String::as_str).collect();
    let problem = Problem::error(
        codes::UNKNOWN_WORKLOAD,
        format!("{} has no training job `{job}`", environment.name),
    );
    let problem = match names.as_slice() {
        [] => problem
            .note("it has none")
            .hint("docs/training.md says how one is written: [training.NAME]"),
        names => problem.note(format!("its training jobs: {}", names.join(", "))),
    };
    match closest(job, names) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem,
    }
}

fn begin(context: &Context, dock: &Dock, args: &TrainArgs) -> OperationRecord {
    let clock = &dock.world.session.clock;
    let mut record = OperationRecord::begin(OperationKind::Train, context.actor(), 0, clock);
    record.run_url = context.run_url();
    record.commit = context.commit();
    record.spec_digest = Some(dock.world.spec_digest.clone());
    let change = WorkloadChange {
        outcome: WorkloadOutcome::Running,
        release: None,
        image: None,
        model_version: None,
        cause: None,
    };
    record.workloads.insert(args.job.clone(), change);
    record
}

/// Writes the run into the history, whatever became of it.
async fn end(
    dock: &Dock,
    record: &mut OperationRecord,
    args: &TrainArgs,
    result: &Result<(String, Trained), Problem>,
) -> Result<(), Problem> {
    if let Some(change) = record.workloads.get_mut(&args.job) {
        match result {
            Ok((image, trained)) => {
                change.outcome = WorkloadOutcome::Done;
                change.image = Some(image.clone());
                change.model_version = trained.registered.as_ref().map(|version| version.arn.clone());
            }
            Err(problem) => {
                change.outcome = WorkloadOutcome::Failed;
                change.cause = Some(problem.message.clone());
            }
        }
    }
    let ending = match result {
        Ok(_) => OperationResult::Succeeded,
        Err(_) => OperationResult::Failed,
    };
    let world = &dock.world;
    record.finish(ending, &world.session.clock);
    state::record_history(&world.session, &world.environment.backend, &world.key, record).await
}
