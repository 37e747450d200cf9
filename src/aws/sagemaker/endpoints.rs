//! Models, configurations of endpoints, and endpoints.
//!
//! Each function calls once; whoever waits or repeats does that outside. Making something that is there already is told
//! as [`Made::Was`]: names carry a digest of the content, so it is the same thing.

use aws_sdk_sagemaker::types::{
    Alarm, AutoRollbackConfig, BlueGreenUpdatePolicy, CapacitySize, CapacitySizeType, ContainerDefinition,
    DeploymentConfig, ModelDataSource, ProductionVariant, S3ModelDataSource, TrafficRoutingConfig,
};
use serde_json::{Value as Json, json};

use super::super::error::AwsError;
use super::super::session::Session;
use super::{flag, is_absent, is_taken, items, moment, number, strings, tag_list, text, vpc};

/// Whether a request made something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// It did.
    Now,
    /// A thing of this name was there.
    Was,
}

/// An endpoint as SageMaker describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its ARN.
    pub arn: String,
    /// `InService`, `Creating`, `Updating`, `SystemUpdating`, `RollingBack`, `OutOfService`, `Failed`,
    /// `UpdateRollbackFailed`, `Deleting`.
    pub status: String,
    /// The configuration that serves; while it is being created, the one that will.
    pub config: String,
    /// The configuration that an update under way leads to.
    pub pending: Option<String>,
    /// Why it failed.
    pub failure: Option<String>,
    /// When it last changed; RFC 3339.
    pub changed: Option<String>,
    /// Images that run, by digest where SageMaker has resolved them.
    pub images: Vec<String>,
    /// Instances that there are.
    pub ready: u32,
    /// Instances that there should be.
    pub wanted: u32,
    /// What SageMaker says of the variants: `ActivatingTraffic`, `Baking`.
    pub stages: Vec<String>,
}

/// Something in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// When it was made, in seconds since 1970.
    pub created: i64,
}

/// Describes an endpoint; none if there is none.
///
/// # Errors
/// Whatever keeps the answer away.
pub async fn describe_endpoint(session: &Session, name: &str) -> Result<Option<Endpoint>, AwsError> {
    let call = session.sagemaker().describe_endpoint().endpoint_name(name).send().await;
    let found = match call {
        Ok(found) => found,
        Err(error) => return absent(AwsError::of("SageMaker", "DescribeEndpoint", error)),
    };
    let mut images = Vec::new();
    let (mut ready, mut wanted) = (0_u32, 0_u32);
    let mut stages = Vec::new();
    for variant in found.production_variants() {
        let image = |image: &aws_sdk_sagemaker::types::DeployedImage| {
            let resolved = image.resolved_image().or(image.specified_image());
            resolved.map(str::to_owned)
        };
        images.extend(variant.deployed_images().iter().filter_map(image));
        let count = |count: Option<i32>| u32::try_from(count.unwrap_or_default()).unwrap_or_default();
        ready = ready.saturating_add(count(variant.current_instance_count()));
        wanted = wanted.saturating_add(count(variant.desired_instance_count()));
        let stage = variant.variant_status().iter();
        stages.extend(
            stage
                .filter_map(|stage| stage.status())
                .map(|stage| stage.as_str().to_owned()),
        );
    }
    let pending = found.pending_deployment_summary();
    for variant in pending.into_iter().flat_map(|pending| pending.production_variants()) {
        let stage = variant.variant_status().iter();
        stages.extend(
            stage
                .filter_map(|stage| stage.status())
                .map(|stage| stage.as_str().to_owned()),
        );
    }
    Ok(Some(Endpoint {
        arn: found.endpoint_arn().unwrap_or_default().to_owned(),
        status: found
            .endpoint_status()
            .map(|status| status.as_str().to_owned())
            .unwrap_or_default(),
        config: found.endpoint_config_name().unwrap_or_default().to_owned(),
        pending: pending
            .and_then(|pending| pending.endpoint_config_name())
            .map(str::to_owned),
        failure: found
            .failure_reason()
            .filter(|reason| !reason.is_empty())
            .map(str::to_owned),
        changed: moment(found.last_modified_time()),
        images,
        ready,
        wanted,
        stages,
    }))
}

/// Makes a model from a request of `CreateModel`.
///
/// # Errors
/// What SageMaker refuses, and whatever keeps the answer away.
pub async fn create_model(session: &Session, request: &Json) -> Result<Made, AwsError> {
    let container = request.pointer("/PrimaryContainer").unwrap_or(&Json::Null);
    let source = container.pointer("/ModelDataSource/S3DataSource").map(|source| {
        let s3 = S3ModelDataSource::builder()
            .set_s3_uri(text(source, "/S3Uri"))
            .set_s3_data_type(text(source, "/S3DataType").map(|kind| kind.as_str().into()))
            .set_compression_type(text(source, "/CompressionType").map(|kind| kind.as_str().into()))
            .build();
        ModelDataSource::builder().s3_data_source(s3).build()
    });
    let container = ContainerDefinition::builder()
        .set_image(text(container, "/Image"))
        .set_model_data_url(text(container, "/ModelDataUrl"))
        .set_model_data_source(source)
        .set_environment(strings(container, "/Environment"))
        .build();
    let call = session
        .sagemaker()
        .create_model()
        .set_model_name(text(request, "/ModelName"))
        .set_execution_role_arn(text(request, "/ExecutionRoleArn"))
        .primary_container(container)
        .set_vpc_config(vpc(request, "/VpcConfig"))
        .set_enable_network_isolation(flag(request, "/EnableNetworkIsolation"))
        .set_tags(tag_list(request));
    made(
        call.send()
            .await
            .map_err(|error| AwsError::of("SageMaker", "CreateModel", error)),
    )
}

/// Makes the configuration of an endpoint from a request of `CreateEndpointConfig`.
///
/// # Errors
/// What SageMaker refuses, and whatever keeps the answer away.
pub async fn create_endpoint_config(session: &Session, request: &Json) -> Result<Made, AwsError> {
    let variants = items(request, "/ProductionVariants").map(|variant| {
        ProductionVariant::builder()
            .set_variant_name(text(variant, "/VariantName"))
            .set_model_name(text(variant, "/ModelName"))
            .set_instance_type(text(variant, "/InstanceType").map(|kind| kind.as_str().into()))
            .set_initial_instance_count(number(variant, "/InitialInstanceCount"))
            .initial_variant_weight(1.0)
            .build()
    });
    let call = session
        .sagemaker()
        .create_endpoint_config()
        .set_endpoint_config_name(text(request, "/EndpointConfigName"))
        .set_production_variants(Some(variants.collect()))
        .set_tags(tag_list(request));
    made(
        call.send()
            .await
            .map_err(|error| AwsError::of("SageMaker", "CreateEndpointConfig", error)),
    )
}

/// Makes an endpoint from a request of `CreateEndpoint`.
///
/// # Errors
/// What SageMaker refuses, and whatever keeps the answer away.
pub async fn create_endpoint(session: &Session, request: &Json) -> Result<Made, AwsError> {
    let call = session
        .sagemaker()
        .create_endpoint()
        .set_endpoint_name(text(request, "/EndpointName"))
        .set_endpoint_config_name(text(request, "/EndpointConfigName"))
        .set_deployment_config(deployment(request))
        .set_tags(tag_list(request));
    made(
        call.send()
            .await
            .map_err(|error| AwsError::of("SageMaker", "CreateEndpoint", error)),
    )
}

/// Leads an endpoint to another configuration; [`Made::Was`] if something leads it somewhere already.
///
/// # Errors
/// What SageMaker refuses, and whatever keeps the answer away.
pub async fn update_endpoint(session: &Session, request: &Json) -> Result<Made, AwsError> {
    let call = session
        .sagemaker()
        .update_endpoint()
        .set_endpoint_name(text(request, "/EndpointName"))
        .set_endpoint_config_name(text(request, "/EndpointConfigName"))
        .set_retain_all_variant_properties(request.get("RetainAllVariantProperties").and_then(Json::as_bool))
        .set_deployment_config(deployment(request));
    match call.send().await {
        Ok(_) => Ok(Made::Now),
        Err(error) => {
            let error = AwsError::of("SageMaker", "UpdateEndpoint", error);
            if error.message.contains("in-progress endpoint") {
                return Ok(Made::Was);
            }
            Err(error)
        }
    }
}

fn deployment(request: &Json) -> Option<DeploymentConfig> {
    let config = request.pointer("/DeploymentConfig")?;
    let policy = config.pointer("/BlueGreenUpdatePolicy").unwrap_or(&Json::Null);
    let traffic = policy.pointer("/TrafficRoutingConfiguration").unwrap_or(&Json::Null);
    let canary = traffic.pointer("/CanarySize").map(|size| {
        CapacitySize::builder()
            .set_type(text(size, "/Type").map(|kind| CapacitySizeType::from(kind.as_str())))
            .set_value(number(size, "/Value"))
            .build()
    });
    let traffic = TrafficRoutingConfig::builder()
        .set_type(text(traffic, "/Type").map(|kind| kind.as_str().into()))
        .set_wait_interval_in_seconds(number(traffic, "/WaitIntervalInSeconds"))
        .set_canary_size(canary)
        .build();
    let policy = BlueGreenUpdatePolicy::builder()
        .traffic_routing_configuration(traffic)
        .set_termination_wait_in_seconds(number(policy, "/TerminationWaitInSeconds"))
        .set_maximum_execution_timeout_in_seconds(number(policy, "/MaximumExecutionTimeoutInSeconds"))
        .build();
    let alarms: Vec<Alarm> = items(config, "/AutoRollbackConfiguration/Alarms")
        .map(|alarm| Alarm::builder().set_alarm_name(text(alarm, "/AlarmName")).build())
        .collect();
    let rollback = (!alarms.is_empty()).then(|| AutoRollbackConfig::builder().set_alarms(Some(alarms)).build());
    Some(
        DeploymentConfig::builder()
            .blue_green_update_policy(policy)
            .set_auto_rollback_configuration(rollback)
            .build(),
    )
}

/// What a model consists of, in the form of the request that makes it and without its tags; none if there is none.
///
/// # Errors
/// Whatever keeps the answer away.
pub async fn describe_model(session: &Session, name: &str) -> Result<Option<Json>, AwsError> {
    let call = session.sagemaker().describe_model().model_name(name).send().await;
    let found = match call {
        Ok(found) => found,
        Err(error) => return absent(AwsError::of("SageMaker", "DescribeModel", error)),
    };
    let mut container = serde_json::Map::new();
    if let Some(found) = found.primary_container() {
        let mut set = |key: &str, value: Option<&str>| {
            if let Some(value) = value {
                container.insert(key.to_owned(), json!(value));
            }
        };
        set("Image", found.image());
        set("ModelDataUrl", found.model_data_url());
        if let Some(source) = found.model_data_source().and_then(|source| source.s3_data_source()) {
            let source = json!({
                "S3Uri": source.s3_uri(),
                "S3DataType": source.s3_data_type().map(|kind| kind.as_str()),
                "CompressionType": source.compression_type().map(|kind| kind.as_str()),
            });
            container.insert("ModelDataSource".to_owned(), json!({ "S3DataSource": source }));
        }
        if let Some(environment) = found.environment() {
            container.insert("Environment".to_owned(), json!(environment));
        }
    }
    let mut request = json!({
        "ModelName": name,
        "ExecutionRoleArn": found.execution_role_arn(),
        "PrimaryContainer": container,
    });
    if let (Some(vpc), Some(request)) = (found.vpc_config(), request.as_object_mut()) {
        let vpc = json!({ "SecurityGroupIds": vpc.security_group_ids(), "Subnets": vpc.subnets() });
        request.insert("VpcConfig".to_owned(), vpc);
    }
    Ok(Some(request))
}

/// What the configuration of an endpoint consists of, in the form of the request that makes it and without its tags;
/// none if there is none.
///
/// # Errors
/// Whatever keeps the answer away.
pub async fn describe_endpoint_config(session: &Session, name: &str) -> Result<Option<Json>, AwsError> {
    let call = session.sagemaker().describe_endpoint_config();
    let found = match call.endpoint_config_name(name).send().await {
        Ok(found) => found,
        Err(error) => return absent(AwsError::of("SageMaker", "DescribeEndpointConfig", error)),
    };
    let variants = found.production_variants().iter().map(|variant| {
        json!({
            "VariantName": variant.variant_name(),
            "ModelName": variant.model_name(),
            "InstanceType": variant.instance_type().map(|kind| kind.as_str()),
            "InitialInstanceCount": variant.initial_instance_count(),
        })
    });
    Ok(Some(
        json!({ "EndpointConfigName": name, "ProductionVariants": variants.collect::<Json>() }),
    ))
}

/// Deletes an endpoint; one that is not there counts as deleted.
///
/// # Errors
/// What SageMaker refuses, and whatever keeps the answer away.
pub async fn delete_endpoint(session: &Session, name: &str) -> Result<(), AwsError> {
    let call = session.sagemaker().delete_endpoint().endpoint_name(name);
    gone(
        call.send()
            .await
            .map_err(|error| AwsError::of("SageMaker", "DeleteEndpoint", error)),
    )
}

/// Deletes the configuration of an endpoint; one that is not there counts as deleted.
///
/// # Errors
/// What SageMaker refuses, and whatever keeps the answer away.
pub async fn delete_endpoint_config(session: &Session, name: &str) -> Result<(), AwsError> {
    let call = session.sagemaker().delete_endpoint_config().endpoint_config_name(name);
    gone(
        call.send()
            .await
            .map_err(|error| AwsError::of("SageMaker", "DeleteEndpointConfig", error)),
    )
}

/// Deletes a model; one that is not there counts as deleted.
///
/// # Errors
/// What SageMaker refuses, and whatever keeps the answer away.
pub async fn delete_model(session: &Session, name: &str) -> Result<(), AwsError> {
    let call = session.sagemaker().delete_model().model_name(name);
    gone(
        call.send()
            .await
            .map_err(|error| AwsError::of("SageMaker", "DeleteModel", error)),
    )
}

/// Configurations of endpoints whose names contain `part`.
///
/// # Errors
/// Whatever keeps the answer away.
pub async fn endpoint_configs(session: &Session, part: &str) -> Result<Vec<Listed>, AwsError> {
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let call = session.sagemaker().list_endpoint_configs().name_contains(part);
        let page = call
            .max_results(100)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| AwsError::of("SageMaker", "ListEndpointConfigs", error))?;
        token = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        found.extend(page.endpoint_configs().iter().map(|one| Listed {
            name: one.endpoint_config_name().unwrap_or_default().to_owned(),
            arn: one.endpoint_config_arn().unwrap_or_default().to_owned(),
            created: one.creation_time().map_or(0, aws_smithy_types::DateTime::secs),
        }));
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// Models whose names contain `part`.
///
/// # Errors
/// Whatever keeps the answer away.
pub async fn models(session: &Session, part: &str) -> Result<Vec<Listed>, AwsError> {
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let call = session.sagemaker().list_models().name_contains(part);
        let page = call
            .max_results(100)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| AwsError::of("SageMaker", "ListModels", error))?;
        token = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        found.extend(page.models().iter().map(|one| Listed {
            name: one.model_name().unwrap_or_default().to_owned(),
            arn: one.model_arn().unwrap_or_default().to_owned(),
            created: one.creation_time().map_or(0, aws_smithy_types::DateTime::secs),
        }));
        if token.is_none() {
            return Ok(found);
        }
    }
}

fn absent<T>(error: AwsError) -> Result<Option<T>, AwsError> {
    if is_absent(&error) { Ok(None) } else { Err(error) }
}

fn made<T>(answer: Result<T, AwsError>) -> Result<Made, AwsError> {
    match answer {
        Ok(_) => Ok(Made::Now),
        Err(error) if is_taken(&error) => Ok(Made::Was),
        Err(error) => Err(error),
    }
}

fn gone<T>(answer: Result<T, AwsError>) -> Result<(), AwsError> {
    match answer {
        Err(error) if !is_absent(&error) => Err(error),
        _ => Ok(()),
    }
}
