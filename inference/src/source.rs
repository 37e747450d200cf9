//! Where the model comes from: a folder, or a bucket in S3. Whole files are read into memory, and the checksum in the
//! manifest decides whether they are what was meant.

use std::path::Path;

use aws_sdk_s3::error::DisplayErrorContext;
use sha2::{Digest, Sha256};

use crate::error::Failure;
use crate::manifest::Manifest;

/// The files of a model, checked against its manifest.
#[derive(Debug)]
pub struct Files {
    /// The manifest.
    pub manifest: Manifest,
    /// The ONNX file.
    pub onnx: Vec<u8>,
    /// The file of golden answers, where the manifest names one.
    pub golden: Option<Vec<u8>>,
    /// Where the ONNX file was, for messages.
    pub at: String,
}

/// A place that holds files.
enum Place {
    Folder(std::path::PathBuf),
    Bucket {
        client: aws_sdk_s3::Client,
        bucket: String,
        prefix: String,
    },
}

/// Reads the model at `location`: a folder, or `s3://BUCKET/PREFIX`. Both hold `model.json` and what it names.
///
/// # Errors
/// [`Failure::ModelMissing`] when something is not there or cannot be read, [`Failure::ModelUnusable`] when the
/// manifest makes no sense or a checksum differs.
pub async fn read(location: &str) -> Result<Files, Failure> {
    let place = Place::of(location).await?;
    let manifest = Manifest::read(&place.read("model.json").await?, &place.at("model.json"))?;
    let onnx = place.read(&manifest.file).await?;
    let found = hexadecimal(&Sha256::digest(&onnx));
    if !found.eq_ignore_ascii_case(&manifest.sha256) {
        return Err(Failure::ModelUnusable {
            at: place.at(&manifest.file),
            reason: format!("its SHA-256 is {found}, and model.json asks for {}", manifest.sha256),
            hint: "Copy the model and its model.json there again, both from one training run".to_owned(),
        });
    }
    let golden = match &manifest.golden {
        Some(name) => Some(place.read(name).await?),
        None => None,
    };
    Ok(Files {
        at: place.at(&manifest.file),
        manifest,
        onnx,
        golden,
    })
}

impl Place {
    async fn of(location: &str) -> Result<Self, Failure> {
        let Some(address) = location.strip_prefix("s3://") else {
            if location.contains("://") {
                return Err(Failure::Usage(format!(
                    "a model is read from a folder or from s3://BUCKET/PREFIX, not from {location}"
                )));
            }
            return Ok(Self::Folder(Path::new(location).to_path_buf()));
        };
        let (bucket, prefix) = address.split_once('/').unwrap_or((address, ""));
        if bucket.is_empty() {
            return Err(Failure::Usage(format!(
                "{location} names no bucket: write s3://BUCKET/PREFIX"
            )));
        }
        let prefix = prefix
            .strip_suffix("model.json")
            .unwrap_or(prefix)
            .trim_end_matches('/');
        let settings = aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await;
        Ok(Self::Bucket {
            client: aws_sdk_s3::Client::new(&settings),
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
        })
    }

    fn at(&self, name: &str) -> String {
        match self {
            Self::Folder(folder) => folder.join(name).display().to_string(),
            Self::Bucket { bucket, .. } => format!("s3://{bucket}/{}", self.key(name)),
        }
    }

    fn key(&self, name: &str) -> String {
        match self {
            Self::Bucket { prefix, .. } if !prefix.is_empty() => format!("{prefix}/{name}"),
            _ => name.to_owned(),
        }
    }

    async fn read(&self, name: &str) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Folder(folder) => fs_err::tokio::read(folder.join(name)).await.map_err(|error| {
                let hint = "Give a folder with --model that holds model.json and the ONNX file, or s3://BUCKET/PREFIX";
                self.missing(name, error.to_string(), hint)
            }),
            Self::Bucket { client, bucket, .. } => {
                let hint = "Check the address, the region, and that the role may do s3:GetObject there (and \
                            kms:Decrypt on the key of the bucket)";
                let object = client
                    .get_object()
                    .bucket(bucket)
                    .key(self.key(name))
                    .send()
                    .await
                    .map_err(|error| self.missing(name, DisplayErrorContext(&error).to_string(), hint))?;
                let body = object
                    .body
                    .collect()
                    .await
                    .map_err(|error| self.missing(name, DisplayErrorContext(&error).to_string(), hint))?;
                Ok(body.to_vec())
            }
        }
    }

    fn missing(&self, name: &str, reason: String, hint: &str) -> Failure {
        Failure::ModelMissing {
            at: self.at(name),
            reason,
            hint: hint.to_owned(),
        }
    }
}

/// Bytes as hexadecimal digits.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
