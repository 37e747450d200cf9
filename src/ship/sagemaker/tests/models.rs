//! Models: where they are, in which version, and whether they may be shipped.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use aws_sdk_sagemaker::types::{InferenceSpecification, ModelApprovalStatus, ModelPackageContainerDefinition};

use super::super::resolve_model;
use super::{Stage, all_of};
use crate::diagnostic::{Problem, codes};
use crate::ship::ModelAt;

async fn stage(model: &str) -> Stage {
    let workload = format!(
        "[workloads.scorer]\nkind = \"api\"\non = \"ml\"\nimage = {{ reference = \"ghcr.io/shop/scorer:1\" }}\n\
         instance_type = \"ml.m6i.large\"\nmodel = {model}\n"
    );
    Stage::with("", &workload).await
}

async fn put(stage: &Stage, key: &str, body: &'static [u8]) -> Option<String> {
    let put = stage.session.s3().put_object().bucket("shop-models").key(key);
    put.body(ByteStream::from_static(body)).send().await.unwrap().version_id
}

async fn refused(stage: &Stage) -> Problem {
    resolve_model(&stage.scene("scorer")).await.unwrap_err()
}

async fn found(stage: &Stage) -> ModelAt {
    resolve_model(&stage.scene("scorer")).await.unwrap().unwrap()
}

async fn register(stage: &Stage, approval: ModelApprovalStatus) -> String {
    let container = ModelPackageContainerDefinition::builder()
        .image("i")
        .model_data_url("s3://shop-models/a.tar.gz");
    let specification = InferenceSpecification::builder().containers(container.build()).build();
    let create = stage.session.sagemaker().create_model_package();
    let create = create
        .model_package_group_name("shop-dev-ml-scorer")
        .model_approval_status(approval);
    let made = create.inference_specification(specification).send().await.unwrap();
    made.model_package_arn.unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_object_is_pinned_by_its_version_where_the_bucket_keeps_versions() {
    let stage = stage("{ key = \"scorer/model.onnx\" }").await;
    let problem = refused(&stage).await;
    assert_eq!(problem.code, codes::MODEL_MISSING);
    assert!(
        all_of(&problem).contains("aws s3 cp model.onnx s3://shop-models/scorer/model.onnx"),
        "{problem:#?}"
    );
    put(&stage, "scorer/model.onnx", b"one").await;
    assert_eq!(found(&stage).await.version, None);
    let versions = VersioningConfiguration::builder()
        .status(BucketVersioningStatus::Enabled)
        .build();
    let keep = stage.session.s3().put_bucket_versioning().bucket("shop-models");
    keep.versioning_configuration(versions).send().await.unwrap();
    let version = put(&stage, "scorer/model.onnx", b"two").await;
    assert!(version.is_some());
    let model = found(&stage).await;
    assert_eq!(
        (model.uri.as_str(), model.version),
        ("s3://shop-models/scorer/model.onnx", version)
    );
}

#[tokio::test(start_paused = true)]
async fn an_empty_object_and_an_empty_prefix_are_no_models() {
    let one = stage("{ key = \"model.onnx\" }").await;
    put(&one, "model.onnx", b"").await;
    assert!(refused(&one).await.message.contains("is empty"));
    let many = stage("{ key = \"scorer/\" }").await;
    assert!(
        refused(&many)
            .await
            .message
            .contains("nothing lies below s3://shop-models/scorer/")
    );
    put(&many, "scorer/model.onnx", b"x").await;
    assert_eq!(found(&many).await.uri, "s3://shop-models/scorer/");
    let elsewhere = stage("{ key = \"scorer/\", bucket = \"not-there\" }").await;
    assert_eq!(refused(&elsewhere).await.code, codes::MODEL_MISSING);
}

#[tokio::test(start_paused = true)]
async fn the_newest_approved_version_of_a_group_is_taken() {
    let stage = stage("{ group = \"scorer\" }").await;
    assert!(refused(&stage).await.message.contains("has no versions"));
    register(&stage, ModelApprovalStatus::PendingManualApproval).await;
    let problem = refused(&stage).await;
    assert_eq!(problem.code, codes::MODEL_UNAPPROVED);
    assert!(
        all_of(&problem).contains("--model-approval-status Approved"),
        "{problem:#?}"
    );
    let approved = register(&stage, ModelApprovalStatus::Approved).await;
    register(&stage, ModelApprovalStatus::Rejected).await;
    let model = found(&stage).await;
    assert_eq!(model.package.as_deref(), Some(approved.as_str()));
    assert_eq!(
        (model.version.as_deref(), model.uri.as_str()),
        (Some("2"), "s3://shop-models/a.tar.gz")
    );
}

#[tokio::test(start_paused = true)]
async fn a_version_by_its_number_has_to_be_there_and_approved() {
    let stage = stage("{ group = \"scorer\", version = 2 }").await;
    register(&stage, ModelApprovalStatus::Approved).await;
    let problem = refused(&stage).await;
    assert_eq!(problem.code, codes::MODEL_MISSING);
    assert!(all_of(&problem).contains("the newest one is 1"), "{problem:#?}");
    register(&stage, ModelApprovalStatus::Rejected).await;
    assert!(
        refused(&stage)
            .await
            .message
            .contains("version 2 of shop-dev-ml-scorer is rejected")
    );
}

#[tokio::test(start_paused = true)]
async fn a_new_version_of_a_model_is_a_new_release() {
    let stage = stage("{ key = \"a.tar.gz\" }").await;
    let model = |version: &str| {
        Some(ModelAt {
            uri: "s3://shop-models/a.tar.gz".to_owned(),
            version: Some(version.to_owned()),
            package: None,
        })
    };
    let one = stage.release("scorer", "one", model("1"));
    let two = stage.release("scorer", "one", model("2"));
    assert_ne!(one.digest(), two.digest());
    let container = |release: &crate::ship::Release| release.objects[0]["request"]["PrimaryContainer"].clone();
    assert_eq!(container(&one)["ModelDataUrl"], "s3://shop-models/a.tar.gz");
    assert_eq!(container(&two)["Environment"]["INFERENCE_MODEL_VERSION"], "2");
}
