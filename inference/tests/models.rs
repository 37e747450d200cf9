//! Models that must not serve.

use std::path::Path;

use mlinfra_inference::error::Failure;
use mlinfra_inference::model::Model;
use mlinfra_inference::source::{self, Address};
use serde_json::{Value, json};

use crate::support::model_folder;

/// A copy of the package's model, changed.
fn changed(change: impl FnOnce(&Path)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["model.json", "model.onnx", "golden.json"] {
        fs_err::copy(model_folder().join(name), folder.path().join(name)).unwrap();
    }
    change(folder.path());
    folder
}

fn manifest(change: impl FnOnce(&mut Value)) -> tempfile::TempDir {
    changed(|folder| {
        let path = folder.join("model.json");
        let mut manifest = serde_json::from_slice(&fs_err::read(&path).unwrap()).unwrap();
        change(&mut manifest);
        fs_err::write(path, manifest.to_string()).unwrap();
    })
}

async fn failure(folder: &tempfile::TempDir) -> Failure {
    match source::read(folder.path().to_str().unwrap(), None).await {
        Ok(files) => Model::load(files).err().expect("the model loads"),
        Err(failure) => failure,
    }
}

async fn refused(folder: &tempfile::TempDir, code: u8, says: &str) {
    let failure = failure(folder).await;
    assert!(failure.to_string().contains(says), "{failure}");
    assert_eq!(failure.code(), code, "{failure}");
}

#[tokio::test]
async fn a_model_that_is_not_there() {
    refused(
        &changed(|folder| fs_err::remove_file(folder.join("model.json")).unwrap()),
        3,
        "model.json",
    )
    .await;
    refused(
        &changed(|folder| fs_err::remove_file(folder.join("model.onnx")).unwrap()),
        3,
        "model.onnx",
    )
    .await;
    refused(
        &changed(|folder| fs_err::remove_file(folder.join("golden.json")).unwrap()),
        3,
        "golden.json",
    )
    .await;
    let failure = source::read("https://example.com/model", None).await.unwrap_err();
    assert!(failure.to_string().contains("not from https://"), "{failure}");
    assert!(
        source::read("s3:///prefix", None)
            .await
            .unwrap_err()
            .to_string()
            .contains("names no bucket")
    );
}

#[tokio::test]
async fn a_model_of_which_one_bit_changed() {
    let folder = changed(|folder| {
        let mut onnx = fs_err::read(folder.join("model.onnx")).unwrap();
        onnx[5000] ^= 1;
        fs_err::write(folder.join("model.onnx"), onnx).unwrap();
    });
    refused(&folder, 4, "its SHA-256 is").await;
}

#[tokio::test]
async fn a_file_that_is_no_onnx() {
    let folder = changed(|folder| {
        let path = folder.join("model.json");
        let text = fs_err::read_to_string(&path).unwrap();
        let mut manifest: Value = serde_json::from_str(&text).unwrap();
        fs_err::write(folder.join("model.onnx"), b"hello").unwrap();
        // The SHA-256 of `hello`.
        manifest["sha256"] = json!("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
        fs_err::write(path, manifest.to_string()).unwrap();
    });
    refused(&folder, 4, "cannot be used").await;
}

#[tokio::test]
async fn a_manifest_that_does_not_fit_the_graph() {
    refused(
        &manifest(|manifest| manifest["inputs"][0]["name"] = json!("pixels")),
        4,
        "the graph's inputs are",
    )
    .await;
    refused(
        &manifest(|manifest| manifest["outputs"] = json!([manifest["outputs"][0]])),
        4,
        "the graph has 2 outputs",
    )
    .await;
    refused(
        &manifest(|manifest| manifest["outputs"][0]["datatype"] = json!("FP32")),
        4,
        "the output `label` is",
    )
    .await;
    let shape = manifest(|manifest| {
        manifest["outputs"][1] = json!({ "name": "probabilities", "datatype": "FP32", "shape": [-1, 3] })
    });
    refused(&shape, 4, "promises").await;
}

#[tokio::test]
async fn a_manifest_that_makes_no_sense() {
    refused(
        &manifest(|manifest| manifest["inputs"][0]["shape"] = json!([1, 11])),
        4,
        "must be -1",
    )
    .await;
    refused(
        &manifest(|manifest| manifest["inputs"] = json!([])),
        4,
        "lists no inputs",
    )
    .await;
    refused(
        &manifest(|manifest| manifest["sha256"] = json!("abc")),
        4,
        "64 hexadecimal digits",
    )
    .await;
    refused(
        &manifest(|manifest| manifest["file"] = json!("../model.onnx")),
        4,
        "not the name of a file",
    )
    .await;
    refused(
        &manifest(|manifest| manifest["name"] = json!("a/b")),
        4,
        "cannot stand in an address",
    )
    .await;
    refused(
        &manifest(|manifest| manifest["inputs"][0]["columns"] = json!(["one"])),
        4,
        "names 1 columns and has 11",
    )
    .await;
    refused(
        &manifest(|manifest| manifest["colour"] = json!(1)),
        4,
        "unknown field `colour`",
    )
    .await;
}

/// The model is fine and so is its checksum, but it does not answer as it did where it was trained.
#[tokio::test]
async fn a_model_that_answers_otherwise_than_where_it_was_trained() {
    let golden = |change: fn(&mut Value)| {
        changed(|folder| {
            let path = folder.join("golden.json");
            let mut golden = serde_json::from_slice(&fs_err::read(&path).unwrap()).unwrap();
            change(&mut golden);
            fs_err::write(path, golden.to_string()).unwrap();
        })
    };
    refused(
        &golden(|golden| golden[1]["outputs"]["label"][0] = json!(0)),
        4,
        "`one-card-testing`, row 0, it answers label = 1",
    )
    .await;
    refused(
        &golden(|golden| golden[0]["outputs"]["probabilities"][0][0] = json!(0.99)),
        4,
        "it answers probabilities",
    )
    .await;
    refused(
        &golden(|golden| golden[0]["outputs"]["label"] = json!([])),
        4,
        "has 0 rows, not 1",
    )
    .await;
    refused(
        &golden(|golden| golden[0]["inputs"]["features"][0] = json!([1])),
        4,
        "a list of 1",
    )
    .await;
}

fn s3(bucket: &str, prefix: &str, file: &str) -> Address {
    Address::S3 {
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
        file: file.to_owned(),
    }
}

#[test]
fn an_address_in_s3_names_a_folder_a_file_or_an_archive() {
    let of = |location| Address::of(location).unwrap();
    assert_eq!(of("/opt/ml/model"), Address::Folder("/opt/ml/model".into()));
    assert_eq!(of("s3://b"), s3("b", "", "model.json"));
    assert_eq!(of("s3://b/models/fraud/1/"), s3("b", "models/fraud/1/", "model.json"));
    assert_eq!(of("s3://b/models/fraud/1"), s3("b", "models/fraud/1/", "model.json"));
    assert_eq!(of("s3://b/fraud/model.json"), s3("b", "fraud/", "model.json"));
    assert_eq!(of("s3://b/fraud/fraud.onnx"), s3("b", "fraud/", "fraud.onnx"));
    assert_eq!(of("s3://b/model.tar.gz"), s3("b", "", "model.tar.gz"));
    // A folder may be called anything.
    assert_eq!(of("s3://b/fraud.onnx/"), s3("b", "fraud.onnx/", "model.json"));
}
