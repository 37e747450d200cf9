//! The requests of a training job and of the model version that comes of it.

use serde_json::{Map, Value as Json, json};

use super::{LONGEST_NAME, base, digest, fitted, tag_list};
use crate::spec::Environment;
use crate::spec::training::{Place, Training};

/// What says of which training job's table a thing of SageMaker is.
pub const TRAINING_TAG: &str = "mlinfra:training";

/// What only the world knows of a training job.
#[derive(Debug, Clone, Default)]
pub struct TrainingFacts {
    /// The whole reference of the image, with its digest.
    pub image: String,
    /// The role of jobs.
    pub role_arn: String,
    /// The subnets of jobs; outside of any VPC if there are none.
    pub subnets: Vec<String>,
    /// The security group of jobs.
    pub security_group_id: Option<String>,
    /// Buckets by the stack that has them: that of data, and that of models.
    pub buckets: std::collections::BTreeMap<String, Buckets>,
    /// The key of the buckets.
    pub kms_key_arn: Option<String>,
}

/// The buckets of an `s3` stack.
#[derive(Debug, Clone, Default)]
pub struct Buckets {
    /// The data bucket.
    pub data: Option<String>,
    /// The models bucket.
    pub models: Option<String>,
}

/// The name of a run of a training job: the same for the same `id`, which may be of any length.
pub fn job_name(environment: &Environment, training: &str, id: &str) -> String {
    let prefix = fitted(&base(environment, training), LONGEST_NAME - 13);
    let short: String = digest(id).chars().take(12).collect();
    format!("{prefix}-{short}")
}

/// A request of `CreateTrainingJob`.
///
/// # Errors
/// The stack whose bucket is meant and not known.
pub fn training_job(
    environment: &Environment,
    training: &Training,
    facts: &TrainingFacts,
    id: &str,
) -> Result<Json, String> {
    let name = job_name(environment, &training.name.value, id);
    let uri = |place: &Place| place_uri(place, facts);
    let mut channels = Vec::new();
    for (channel, given) in &training.channels {
        let source = json!({
            "S3DataType": "S3Prefix",
            "S3Uri": uri(&given.place)?,
            "S3DataDistributionType": if given.sharded { "ShardedByS3Key" } else { "FullyReplicated" },
        });
        let mut written = Map::new();
        written.insert("ChannelName".to_owned(), json!(channel));
        written.insert("DataSource".to_owned(), json!({ "S3DataSource": source }));
        if let Some(kind) = &given.content_type {
            written.insert("ContentType".to_owned(), json!(kind));
        }
        written.insert("InputMode".to_owned(), json!(given.input_mode));
        channels.push(Json::Object(written));
    }
    let output = uri(&training.output)?;
    let mut algorithm = json!({ "TrainingImage": facts.image, "TrainingInputMode": "File" });
    let mut set = |key: &str, value: Json| {
        if let Some(algorithm) = algorithm.as_object_mut() {
            algorithm.insert(key.to_owned(), value);
        }
    };
    if !training.args.is_empty() {
        set("ContainerArguments", json!(training.args));
    }
    if !training.metrics.is_empty() {
        let metrics = training.metrics.iter();
        let metrics = metrics.map(|(name, regex)| json!({ "Name": name, "Regex": regex }));
        set("MetricDefinitions", metrics.collect());
    }
    let mut stopping = json!({ "MaxRuntimeInSeconds": training.timeout_seconds });
    let mut request = json!({
        "TrainingJobName": name,
        "AlgorithmSpecification": algorithm,
        "RoleArn": facts.role_arn,
        "InputDataConfig": channels,
        "OutputDataConfig": { "S3OutputPath": output.trim_end_matches('/') },
        "ResourceConfig": {
            "InstanceType": training.instance_type,
            "InstanceCount": training.instances,
            "VolumeSizeInGB": training.volume_gib,
        },
        "HyperParameters": training.hyperparameters,
        "Environment": training.env,
        "EnableInterContainerTrafficEncryption": training.instances > 1,
        "Tags": tag_list(environment, &[
            ("mlinfra:project", &environment.project.value),
            ("mlinfra:environment", &environment.name),
            ("mlinfra:stack", &training.on.value),
            (TRAINING_TAG, &training.name.value),
        ]),
    });
    let mut set = |key: &str, value: Json| {
        if let Some(request) = request.as_object_mut() {
            request.insert(key.to_owned(), value);
        }
    };
    if let (Some(group), false) = (&facts.security_group_id, facts.subnets.is_empty()) {
        set(
            "VpcConfig",
            json!({ "SecurityGroupIds": [group], "Subnets": facts.subnets }),
        );
        // The stack may refuse jobs whose containers talk in the clear.
        set("EnableInterContainerTrafficEncryption", json!(true));
    }
    if let (Some(key), Place::Of { .. }) = (&facts.kms_key_arn, &training.output) {
        let output = json!({ "S3OutputPath": output.trim_end_matches('/'), "KmsKeyId": key });
        set("OutputDataConfig", output);
    }
    if let Some(spot) = &training.spot {
        set("EnableManagedSpotTraining", json!(true));
        if let Some(stopping) = stopping.as_object_mut() {
            stopping.insert("MaxWaitTimeInSeconds".to_owned(), json!(spot.max_wait_seconds));
        }
        // A run that goes on after an interruption finds what it wrote, and another run does not.
        let checkpoints = match &spot.checkpoints {
            Some(place) => uri(place)?,
            None => format!("{}/{name}/checkpoints", output.trim_end_matches('/')),
        };
        set(
            "CheckpointConfig",
            json!({ "S3Uri": checkpoints, "LocalPath": "/opt/ml/checkpoints" }),
        );
    }
    set("StoppingCondition", stopping);
    Ok(request)
}

/// The full name of a group of the model registry, as the module `sagemaker` gives it.
pub fn model_group(environment: &Environment, stack: &str, group: &str) -> String {
    format!("{}-{group}", environment.stack_name(stack))
}

/// A request of `CreateModelPackage`: the model at `artifacts`, served by `image`. The same `job` makes the same version.
pub fn model_package(
    environment: &Environment,
    training: &Training,
    group: &str,
    image: &str,
    artifacts: &str,
    job: &str,
) -> Json {
    let register = training.register.as_ref();
    let approved = register.is_some_and(|register| register.approve);
    let types = register
        .map(|register| register.content_types.clone())
        .unwrap_or_default();
    let token: String = digest(&format!("{group} {job}")).chars().take(32).collect();
    json!({
        "ModelPackageGroupName": group,
        "ModelPackageDescription": format!("trained by {job}"),
        "InferenceSpecification": {
            "Containers": [{ "Image": image, "ModelDataUrl": artifacts }],
            "SupportedContentTypes": types,
            "SupportedResponseMIMETypes": types,
        },
        "ModelApprovalStatus": if approved { "Approved" } else { "PendingManualApproval" },
        "CustomerMetadataProperties": {
            "mlinfra-environment": environment.name,
            "mlinfra-training": training.name.value,
            "mlinfra-job": job,
        },
        "ClientToken": token,
    })
}

/// Where a place is. In AWS a folder's URI ends in a slash or not: what was written is kept.
fn place_uri(place: &Place, facts: &TrainingFacts) -> Result<String, String> {
    let (stack, key, bucket) = match place {
        Place::Uri(uri) => return Ok(uri.clone()),
        Place::Of { stack, key, models } => {
            let buckets = facts.buckets.get(stack);
            let bucket = buckets.and_then(|buckets| {
                if *models {
                    buckets.models.clone()
                } else {
                    buckets.data.clone()
                }
            });
            (stack, key, bucket)
        }
    };
    let bucket = bucket.ok_or_else(|| stack.clone())?;
    Ok(format!("s3://{bucket}/{key}"))
}
