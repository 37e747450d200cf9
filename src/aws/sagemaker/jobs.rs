//! Training and processing jobs.

use std::collections::BTreeMap;

use aws_sdk_sagemaker::types::{
    AlgorithmSpecification, AppSpecification, Channel, CheckpointConfig, DataSource, MetricDefinition, NetworkConfig,
    OutputDataConfig, ProcessingClusterConfig, ProcessingResources, ProcessingStoppingCondition, ResourceConfig,
    S3DataSource, StoppingCondition, TrainingInputMode,
};
use serde_json::Value as Json;

use super::super::error::AwsError;
use super::super::session::Session;
use super::endpoints::Made;
use super::{flag, is_absent, is_taken, items, moment, number, strings, tag_list, text, texts, vpc};

/// A job as SageMaker describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its ARN.
    pub arn: String,
    /// `InProgress`, `Completed`, `Failed`, `Stopping`, `Stopped`.
    pub status: String,
    /// What a training job is at: `Starting`, `Downloading`, `Training`, `Interrupted`, `MaxRuntimeExceeded`, ….
    pub secondary: Option<String>,
    /// All that it was at so far, with what SageMaker says about it.
    pub transitions: Vec<Transition>,
    /// Why it failed.
    pub failure: Option<String>,
    /// What the container left behind as its last words.
    pub exit_message: Option<String>,
    /// The model that a training job has made.
    pub artifacts: Option<String>,
    /// For how long it trained, in seconds.
    pub trained_seconds: Option<u32>,
    /// What is paid, in seconds of each instance.
    pub billable_seconds: Option<u32>,
    /// The last values of its metrics.
    pub metrics: BTreeMap<String, f64>,
    /// When it was made; RFC 3339.
    pub created: Option<String>,
    /// When it was made, in milliseconds since 1970.
    pub created_millis: i64,
    /// The image.
    pub image: Option<String>,
}

/// A part of a training job's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The secondary status.
    pub status: String,
    /// What SageMaker says about it.
    pub message: Option<String>,
    /// When it began; RFC 3339.
    pub began: Option<String>,
}

/// A job in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedJob {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Its status.
    pub status: String,
    /// When it was made; RFC 3339.
    pub created: Option<String>,
}

/// Starts a training job from a request of `CreateTrainingJob`.
///
/// # Errors
/// What SageMaker refuses, and whatever keeps the answer away.
pub async fn create_training(session: &Session, request: &Json) -> Result<Made, AwsError> {
    let metrics: Vec<MetricDefinition> = items(request, "/AlgorithmSpecification/MetricDefinitions")
        .map(|metric| {
            MetricDefinition::builder()
                .set_name(text(metric, "/Name"))
                .set_regex(text(metric, "/Regex"))
                .build()
        })
        .collect();
    let mode =
        |request: &Json, pointer: &str| text(request, pointer).map(|mode| TrainingInputMode::from(mode.as_str()));
    let algorithm = AlgorithmSpecification::builder()
        .set_training_image(text(request, "/AlgorithmSpecification/TrainingImage"))
        .set_training_input_mode(mode(request, "/AlgorithmSpecification/TrainingInputMode"))
        .set_container_arguments(texts(request, "/AlgorithmSpecification/ContainerArguments"))
        .set_metric_definitions((!metrics.is_empty()).then_some(metrics))
        .build();
    let channels: Vec<Channel> = items(request, "/InputDataConfig")
        .map(|channel| {
            let source = channel.pointer("/DataSource/S3DataSource").unwrap_or(&Json::Null);
            let s3 = S3DataSource::builder()
                .set_s3_data_type(text(source, "/S3DataType").map(|kind| kind.as_str().into()))
                .set_s3_uri(text(source, "/S3Uri"))
                .set_s3_data_distribution_type(text(source, "/S3DataDistributionType").map(|kind| kind.as_str().into()))
                .build();
            Channel::builder()
                .set_channel_name(text(channel, "/ChannelName"))
                .data_source(DataSource::builder().s3_data_source(s3).build())
                .set_content_type(text(channel, "/ContentType"))
                .set_input_mode(mode(channel, "/InputMode"))
                .build()
        })
        .collect();
    let output = OutputDataConfig::builder()
        .set_s3_output_path(text(request, "/OutputDataConfig/S3OutputPath"))
        .set_kms_key_id(text(request, "/OutputDataConfig/KmsKeyId"))
        .build();
    let resources = ResourceConfig::builder()
        .set_instance_type(text(request, "/ResourceConfig/InstanceType").map(|kind| kind.as_str().into()))
        .set_instance_count(number(request, "/ResourceConfig/InstanceCount"))
        .set_volume_size_in_gb(number(request, "/ResourceConfig/VolumeSizeInGB"))
        .build();
    let stopping = StoppingCondition::builder()
        .set_max_runtime_in_seconds(number(request, "/StoppingCondition/MaxRuntimeInSeconds"))
        .set_max_wait_time_in_seconds(number(request, "/StoppingCondition/MaxWaitTimeInSeconds"))
        .build();
    let checkpoints = text(request, "/CheckpointConfig/S3Uri").map(|uri| {
        CheckpointConfig::builder()
            .s3_uri(uri)
            .set_local_path(text(request, "/CheckpointConfig/LocalPath"))
            .build()
    });
    let call = session
        .sagemaker()
        .create_training_job()
        .set_training_job_name(text(request, "/TrainingJobName"))
        .set_hyper_parameters(strings(request, "/HyperParameters"))
        .algorithm_specification(algorithm)
        .set_role_arn(text(request, "/RoleArn"))
        .set_input_data_config((!channels.is_empty()).then_some(channels))
        .output_data_config(output)
        .resource_config(resources)
        .set_vpc_config(vpc(request, "/VpcConfig"))
        .stopping_condition(stopping)
        .set_enable_inter_container_traffic_encryption(flag(request, "/EnableInterContainerTrafficEncryption"))
        .set_enable_managed_spot_training(flag(request, "/EnableManagedSpotTraining"))
        .set_checkpoint_config(checkpoints)
        .set_environment(strings(request, "/Environment"))
        .set_tags(tag_list(request));
    match call.send().await {
        Ok(_) => Ok(Made::Now),
        Err(error) => taken(AwsError::of("SageMaker", "CreateTrainingJob", error)),
    }
}

/// Describes a training job; none if there is none.
///
/// # Errors
/// Whatever keeps the answer away.
pub async fn describe_training(session: &Session, name: &str) -> Result<Option<Job>, AwsError> {
    let call = session.sagemaker().describe_training_job().training_job_name(name);
    let found = match call.send().await {
        Ok(found) => found,
        Err(error) => return absent(AwsError::of("SageMaker", "DescribeTrainingJob", error)),
    };
    let seconds = |number: Option<i32>| number.and_then(|number| u32::try_from(number).ok());
    let transitions = found
        .secondary_status_transitions()
        .iter()
        .map(|transition| Transition {
            status: transition
                .status()
                .map(|status| status.as_str().to_owned())
                .unwrap_or_default(),
            message: transition.status_message().map(str::to_owned),
            began: moment(transition.start_time()),
        });
    let metrics = found.final_metric_data_list().iter().filter_map(|metric| {
        let value = f64::from(metric.value()?);
        Some((metric.metric_name()?.to_owned(), value))
    });
    Ok(Some(Job {
        arn: found.training_job_arn().unwrap_or_default().to_owned(),
        status: found
            .training_job_status()
            .map(|status| status.as_str().to_owned())
            .unwrap_or_default(),
        secondary: found.secondary_status().map(|status| status.as_str().to_owned()),
        transitions: transitions.collect(),
        failure: found
            .failure_reason()
            .filter(|reason| !reason.is_empty())
            .map(str::to_owned),
        exit_message: None,
        artifacts: found
            .model_artifacts()
            .and_then(|artifacts| artifacts.s3_model_artifacts())
            .map(str::to_owned),
        trained_seconds: seconds(found.training_time_in_seconds()),
        billable_seconds: seconds(found.billable_time_in_seconds()),
        metrics: metrics.collect(),
        created: moment(found.creation_time()),
        created_millis: found
            .creation_time()
            .and_then(|at| at.to_millis().ok())
            .unwrap_or_default(),
        image: found
            .algorithm_specification()
            .and_then(|algorithm| algorithm.training_image())
            .map(str::to_owned),
    }))
}

/// Tells a training job to stop; one that has ended is left as it is.
///
/// # Errors
/// What SageMaker refuses, and whatever keeps the answer away.
pub async fn stop_training(session: &Session, name: &str) -> Result<(), AwsError> {
    let call = session.sagemaker().stop_training_job().training_job_name(name);
    match call.send().await {
        Ok(_) => Ok(()),
        Err(error) => stopped(AwsError::of("SageMaker", "StopTrainingJob", error)),
    }
}

/// Starts a processing job from a request of `CreateProcessingJob`.
///
/// # Errors
/// What SageMaker refuses, and whatever keeps the answer away.
pub async fn create_processing(session: &Session, request: &Json) -> Result<Made, AwsError> {
    let app = AppSpecification::builder()
        .set_image_uri(text(request, "/AppSpecification/ImageUri"))
        .set_container_arguments(texts(request, "/AppSpecification/ContainerArguments"))
        .build();
    let cluster = request
        .pointer("/ProcessingResources/ClusterConfig")
        .unwrap_or(&Json::Null);
    let cluster = ProcessingClusterConfig::builder()
        .set_instance_count(number(cluster, "/InstanceCount"))
        .set_instance_type(text(cluster, "/InstanceType").map(|kind| kind.as_str().into()))
        .set_volume_size_in_gb(number(cluster, "/VolumeSizeInGB"))
        .build();
    let stopping = number(request, "/StoppingCondition/MaxRuntimeInSeconds").map(|seconds| {
        ProcessingStoppingCondition::builder()
            .max_runtime_in_seconds(seconds)
            .build()
    });
    let network = request.pointer("/NetworkConfig").map(|network| {
        NetworkConfig::builder()
            .set_enable_inter_container_traffic_encryption(flag(network, "/EnableInterContainerTrafficEncryption"))
            .set_vpc_config(vpc(network, "/VpcConfig"))
            .build()
    });
    let call = session
        .sagemaker()
        .create_processing_job()
        .set_processing_job_name(text(request, "/ProcessingJobName"))
        .app_specification(app)
        .processing_resources(ProcessingResources::builder().cluster_config(cluster).build())
        .set_stopping_condition(stopping)
        .set_network_config(network)
        .set_environment(strings(request, "/Environment"))
        .set_role_arn(text(request, "/RoleArn"))
        .set_tags(tag_list(request));
    match call.send().await {
        Ok(_) => Ok(Made::Now),
        Err(error) => taken(AwsError::of("SageMaker", "CreateProcessingJob", error)),
    }
}

/// Describes a processing job; none if there is none.
///
/// # Errors
/// Whatever keeps the answer away.
pub async fn describe_processing(session: &Session, name: &str) -> Result<Option<Job>, AwsError> {
    let call = session.sagemaker().describe_processing_job().processing_job_name(name);
    let found = match call.send().await {
        Ok(found) => found,
        Err(error) => return absent(AwsError::of("SageMaker", "DescribeProcessingJob", error)),
    };
    let said = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    Ok(Some(Job {
        arn: found.processing_job_arn().unwrap_or_default().to_owned(),
        status: found
            .processing_job_status()
            .map(|status| status.as_str().to_owned())
            .unwrap_or_default(),
        secondary: None,
        transitions: Vec::new(),
        failure: said(found.failure_reason()),
        exit_message: said(found.exit_message()),
        artifacts: None,
        trained_seconds: None,
        billable_seconds: None,
        metrics: BTreeMap::new(),
        created: moment(found.creation_time()),
        created_millis: found
            .creation_time()
            .and_then(|at| at.to_millis().ok())
            .unwrap_or_default(),
        image: found
            .app_specification()
            .and_then(|app| app.image_uri())
            .map(str::to_owned),
    }))
}

/// Tells a processing job to stop; one that has ended is left as it is.
///
/// # Errors
/// What SageMaker refuses, and whatever keeps the answer away.
pub async fn stop_processing(session: &Session, name: &str) -> Result<(), AwsError> {
    let call = session.sagemaker().stop_processing_job().processing_job_name(name);
    match call.send().await {
        Ok(_) => Ok(()),
        Err(error) => stopped(AwsError::of("SageMaker", "StopProcessingJob", error)),
    }
}

/// Processing jobs whose names contain `part`, the newest first.
///
/// # Errors
/// Whatever keeps the answer away.
pub async fn processing_jobs(session: &Session, part: &str) -> Result<Vec<ListedJob>, AwsError> {
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let call = session.sagemaker().list_processing_jobs().name_contains(part);
        let page = call
            .max_results(100)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| AwsError::of("SageMaker", "ListProcessingJobs", error))?;
        token = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        found.extend(page.processing_job_summaries().iter().map(|one| {
            ListedJob {
                name: one.processing_job_name().unwrap_or_default().to_owned(),
                arn: one.processing_job_arn().unwrap_or_default().to_owned(),
                status: one
                    .processing_job_status()
                    .map(|status| status.as_str().to_owned())
                    .unwrap_or_default(),
                created: moment(one.creation_time()),
            }
        }));
        if token.is_none() {
            return Ok(found);
        }
    }
}

fn absent<T>(error: AwsError) -> Result<Option<T>, AwsError> {
    if is_absent(&error) { Ok(None) } else { Err(error) }
}

fn taken(error: AwsError) -> Result<Made, AwsError> {
    if is_taken(&error) { Ok(Made::Was) } else { Err(error) }
}

/// "StopTrainingJob", SageMaker API Reference: a job that does not run cannot be stopped.
fn stopped(error: AwsError) -> Result<(), AwsError> {
    let ended = error.message.contains("is in status") || is_absent(&error);
    if ended { Ok(()) } else { Err(error) }
}
