//! Training through the real SDK, on the sandbox, under paused time.

use std::path::Path;
use std::time::Duration;

use super::{Trained, TrainingScene, run};
use crate::diagnostic::{Problem, codes};
use crate::ship::Event;
use crate::ship::sagemaker::tests::{Stage, all_of};

const IMAGE: &str = "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/dev/train@sha256:00";

const TRAINING: &str = r#"
[training.fraud]
on = "ml"
image = { reference = "ghcr.io/shop/train:1" }
instance_type = "ml.m6i.xlarge"
channels.train = { key = "fraud/train/", content_type = "text/csv" }
hyperparameters = { epochs = "3" }
metrics = { loss = 'loss=([0-9.]+)' }
register = { group = "scorer" }
"#;

async fn stage(faults: &str, more: &str) -> Stage {
    Stage::with(faults, &format!("{TRAINING}{more}")).await
}

async fn train(stage: &Stage, id: &str) -> Result<Trained, Problem> {
    let scene = TrainingScene {
        session: &stage.session,
        environment: &stage.environment,
        training: &stage.environment.training["fraud"],
        outputs: &stage.outputs,
        root: Path::new("."),
        tell: &stage.tell,
        stop: &stage.stop,
    };
    run(&scene, IMAGE, id).await
}

fn fault(fails: &str) -> String {
    format!("[[fault]]\nworkload = \"fraud\"\nfails = \"{fails}\"\nmessage = \"KeyError: label\"\n")
}

#[tokio::test(start_paused = true)]
async fn a_job_is_followed_with_its_lines_and_its_model_registered() {
    let stage = stage("", "").await;
    let trained = train(&stage, "run-1").await.unwrap();
    let model = trained.model.clone().unwrap();
    let folder = format!("s3://shop-models/training/fraud/{}/output/model.tar.gz", trained.job);
    assert_eq!(model, folder);
    assert_eq!(trained.metrics.keys().collect::<Vec<_>>(), ["loss"]);
    let version = trained.registered.unwrap();
    assert_eq!((version.version, version.approved), (1, false));
    assert_eq!(version.group, "shop-dev-ml-scorer");
    let told = stage.told();
    let lines: Vec<&str> = told
        .iter()
        .filter_map(|event| match event {
            Event::Log { line, .. } => Some(line.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(
        lines,
        ["epoch 1: loss=0.7000", "epoch 2: loss=0.5000", "epoch 3: loss=0.3000"]
    );
    let notes: Vec<&str> = told
        .iter()
        .filter_map(|event| match event {
            Event::Note(note) => Some(note.as_str()),
            _ => None,
        })
        .collect();
    for part in [
        "Downloading",
        "Uploading",
        "trained for 240 s, all of them paid",
        "has to approve it",
    ] {
        assert!(notes.iter().any(|note| note.contains(part)), "{part}: {notes:?}");
    }
    let described = stage.session.sagemaker().describe_training_job();
    let described = described.training_job_name(&trained.job).send().await.unwrap();
    assert_eq!(described.role_arn(), Some("arn:aws:iam::111122223333:role/training"));
    assert_eq!(described.hyper_parameters().unwrap()["epochs"], "3");
    let channel = &described.input_data_config()[0];
    let source = channel.data_source().unwrap().s3_data_source().unwrap();
    assert_eq!(source.s3_uri(), Some("s3://shop-data/fraud/train/"));
    assert_eq!(described.vpc_config().unwrap().subnets().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_same_id_finds_the_same_job_and_the_same_version() {
    let stage = stage("", "").await;
    let killed = stage
        .session
        .clock
        .timeout(Duration::from_secs(100), train(&stage, "run-1"));
    assert!(killed.await.is_err());
    let first = train(&stage, "run-1").await.unwrap();
    assert_eq!(train(&stage, "run-1").await.unwrap(), first);
    assert_eq!(stage.calls("CreateTrainingJob"), 1);
    let other = train(&stage, "run-2").await.unwrap();
    assert_ne!(other.job, first.job);
    assert_eq!(other.registered.unwrap().version, 2);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_fails_says_why_with_its_last_lines() {
    let stage = stage(&fault("job-fails"), "").await;
    let problem = train(&stage, "run-1").await.unwrap_err();
    assert_eq!(problem.code, codes::SAGEMAKER_JOB_FAILED);
    let said = all_of(&problem);
    for part in [
        "AlgorithmError",
        "Traceback (most recent call last):",
        "KeyError: label",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(stage.calls("CreateModelPackage"), 0);
}

#[tokio::test(start_paused = true)]
async fn stopping_stops_the_job_and_waits_until_it_stands_still() {
    let stage = stage("", "").await;
    let stopping = async {
        stage.session.clock.sleep(Duration::from_secs(120)).await;
        stage.stop.cancel();
    };
    let (trained, ()) = tokio::join!(train(&stage, "run-1"), stopping);
    let problem = trained.unwrap_err();
    assert_eq!(problem.code, codes::SAGEMAKER_JOB_STOPPED);
    assert!(all_of(&problem).contains("are paid"), "{problem:#?}");
    assert_eq!(stage.calls("StopTrainingJob"), 1);
    assert!(stage.session.clock.elapsed() < Duration::from_secs(200));
}

#[tokio::test(start_paused = true)]
async fn the_time_limit_is_told_as_such() {
    let stage = stage("", "timeout = \"60s\"\n").await;
    let problem = train(&stage, "run-1").await.unwrap_err();
    assert_eq!(problem.code, codes::SAGEMAKER_JOB_STOPPED);
    assert!(problem.message.contains("`timeout`"), "{problem:#?}");
}

#[tokio::test(start_paused = true)]
async fn an_interruption_of_spot_capacity_is_told_and_outlived() {
    let stage = stage(&fault("interrupted"), "spot = { max_wait = \"12h\" }\n").await;
    train(&stage, "run-1").await.unwrap();
    let notes = stage.notes();
    for part in ["Interrupted: ", "spot capacity saved"] {
        assert!(notes.iter().any(|note| note.contains(part)), "{part}: {notes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn lost_answers_start_no_second_job_and_register_no_second_version() {
    for action in ["CreateTrainingJob", "CreateModelPackage", "DescribeTrainingJob"] {
        let faults = format!(
            "[[fault]]\nservice = \"sagemaker\"\naction = \"{action}\"\ndrop_answer = 1\n\
             [[fault]]\nservice = \"sagemaker\"\nthrottle = {{ every = 4 }}\n"
        );
        let stage = stage(&faults, "").await;
        let trained = train(&stage, "run-1").await.unwrap();
        assert_eq!(trained.registered.unwrap().version, 1, "{action}");
        let described = stage.session.sagemaker().list_model_packages();
        let listed = described
            .model_package_group_name("shop-dev-ml-scorer")
            .send()
            .await
            .unwrap();
        assert_eq!(listed.model_package_summary_list().len(), 1, "{action}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_is_not_deployed_is_named() {
    let mut stage = stage("", "").await;
    stage.outputs.remove("ml");
    let problem = train(&stage, "run-1").await.unwrap_err();
    assert_eq!(problem.code, codes::STACK_OUTPUT_MISSING);
    assert!(all_of(&problem).contains("mlinfra apply dev"));
    assert_eq!(stage.calls("CreateTrainingJob"), 0);
}
