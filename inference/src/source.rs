//! Where the model comes from: a folder, or a bucket in S3. Whole files are read into memory, and the checksum in the
//! manifest decides whether they are what was meant.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use aws_sdk_s3::error::DisplayErrorContext;
use sha2::{Digest, Sha256};

use crate::archive;
use crate::error::Failure;
use crate::manifest::{Manifest, Version};

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
    Folder(PathBuf),
    Bucket(Bucket),
    /// A `.tar.gz` from a bucket, unpacked.
    Archive {
        at: String,
        files: HashMap<String, Vec<u8>>,
    },
}

struct Bucket {
    client: aws_sdk_s3::Client,
    name: String,
    /// What stands before the names of files: empty, or with a slash at its end.
    prefix: String,
}

/// What came from a bucket.
struct Object {
    bytes: Vec<u8>,
    version: Option<String>,
}

/// Reads the model at `location`: a folder, or an address in S3. `s3://BUCKET/PREFIX` holds `model.json` and what it
/// names, and so does the folder of `s3://BUCKET/KEY.onnx`; `s3://BUCKET/KEY.tar.gz` is an archive of them, as SageMaker
/// keeps models.
///
/// A `version` that is an object's is asked of the object that the address names, and of `model.json` where it is a
/// prefix: the checksum in it decides over the rest.
///
/// # Errors
/// [`Failure::ModelMissing`] when something is not there or cannot be read, [`Failure::ModelUnusable`] when the
/// manifest makes no sense, a checksum differs, or another version came than was asked for.
pub async fn read(location: &str, version: Option<&Version>) -> Result<Files, Failure> {
    let object_version = match version {
        Some(Version::Object(id)) => Some(id.as_str()),
        _ => None,
    };
    let mut from_bucket: Option<Object> = None;
    let mut named: Option<String> = None;
    let place = match Address::of(location)? {
        Address::Folder(folder) => Place::Folder(folder),
        Address::S3 { bucket, prefix, file } => {
            let settings = aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await;
            let bucket = Bucket {
                client: aws_sdk_s3::Client::new(&settings),
                name: bucket,
                prefix,
            };
            let object = bucket.object(&file, object_version).await?;
            let packed = file.ends_with(".tar.gz") || file.ends_with(".tgz");
            if packed {
                let at = bucket.at(&file);
                let files = unpack(&at, object.bytes).await?;
                from_bucket = Some(Object {
                    bytes: Vec::new(),
                    version: object.version,
                });
                Place::Archive { at, files }
            } else {
                named = Some(file);
                from_bucket = Some(object);
                Place::Bucket(bucket)
            }
        }
    };
    // What the address names was read already.
    let mut already = |name: &str| {
        let object = from_bucket.as_mut().filter(|_| named.as_deref() == Some(name))?;
        Some(std::mem::take(&mut object.bytes))
    };
    let text = match already("model.json") {
        Some(text) => text,
        None => place.read("model.json").await?,
    };
    let mut manifest = Manifest::read(&text, &place.at("model.json"), version)?;
    let onnx = match already(&manifest.file) {
        Some(onnx) => onnx,
        None => place.read(&manifest.file).await?,
    };
    if let Some(name) = named
        && name != "model.json"
        && name != manifest.file
    {
        return Err(Failure::ModelUnusable {
            at: place.at("model.json"),
            reason: format!(
                "it is the manifest of {}, and the model to be served is {name}",
                manifest.file
            ),
            hint: "Keep each model in a folder of its own, with its model.json".to_owned(),
        });
    }
    manifest.object_version = from_bucket.and_then(|object| object.version);
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

/// A location, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub enum Address {
    /// A folder here.
    Folder(PathBuf),
    /// A place in S3.
    S3 {
        /// The bucket.
        bucket: String,
        /// What stands before the names of files: empty, or with a slash at its end.
        prefix: String,
        /// What the address names in that folder; `model.json` where it names the folder alone.
        file: String,
    },
}

impl Address {
    /// Takes a location apart.
    ///
    /// # Errors
    /// [`Failure::Usage`] when it names no place that is known.
    pub fn of(location: &str) -> Result<Self, Failure> {
        let Some(address) = location.strip_prefix("s3://") else {
            if location.contains("://") {
                return Err(Failure::Usage(format!(
                    "a model is read from a folder or from s3://BUCKET/PREFIX, not from {location}"
                )));
            }
            return Ok(Self::Folder(Path::new(location).to_path_buf()));
        };
        let (bucket, key) = address.split_once('/').unwrap_or((address, ""));
        if bucket.is_empty() {
            return Err(Failure::Usage(format!(
                "{location} names no bucket: write s3://BUCKET/PREFIX"
            )));
        }
        let (folder, last) = key.rsplit_once('/').map_or(("", key), |(folder, last)| (folder, last));
        let is_file = [".onnx", ".tar.gz", ".tgz"].iter().any(|end| last.ends_with(end)) || last == "model.json";
        let (folder, file) = if is_file { (folder, last) } else { (key, "model.json") };
        let folder = folder.trim_end_matches('/');
        Ok(Self::S3 {
            bucket: bucket.to_owned(),
            prefix: if folder.is_empty() {
                String::new()
            } else {
                format!("{folder}/")
            },
            file: file.to_owned(),
        })
    }
}

impl Place {
    fn at(&self, name: &str) -> String {
        match self {
            Self::Folder(folder) => folder.join(name).display().to_string(),
            Self::Bucket(bucket) => bucket.at(name),
            Self::Archive { at, .. } => format!("{at}: {name}"),
        }
    }

    async fn read(&self, name: &str) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Folder(folder) => fs_err::tokio::read(folder.join(name)).await.map_err(|error| {
                let hint = "Give a folder with --model that holds model.json and the ONNX file, or s3://BUCKET/PREFIX";
                missing(self.at(name), error.to_string(), hint)
            }),
            Self::Bucket(bucket) => Ok(bucket.object(name, None).await?.bytes),
            Self::Archive { files, .. } => files.get(name).cloned().ok_or_else(|| {
                missing(
                    self.at(name),
                    "the archive does not hold it".to_owned(),
                    "Pack model.json and what it names, not the folder that they are in: tar -czf model.tar.gz -C FOLDER .",
                )
            }),
        }
    }
}

impl Bucket {
    fn at(&self, name: &str) -> String {
        format!("s3://{}/{}{name}", self.name, self.prefix)
    }

    async fn object(&self, name: &str, version: Option<&str>) -> Result<Object, Failure> {
        let failed = |reason: String| {
            let at = self.at(name);
            match version {
                None => missing(
                    at,
                    reason,
                    "Check the address, the region, and that the role may do s3:GetObject there (and kms:Decrypt on the \
                     key of the bucket)",
                ),
                Some(version) => missing(
                    format!("{at}, version {version}"),
                    reason,
                    "Check the address, that this version is still there, and that the role may do s3:GetObjectVersion \
                     there (and kms:Decrypt on the key of the bucket)",
                ),
            }
        };
        let object = self
            .client
            .get_object()
            .bucket(&self.name)
            .key(format!("{}{name}", self.prefix))
            .set_version_id(version.map(ToOwned::to_owned))
            .send()
            .await
            .map_err(|error| failed(DisplayErrorContext(&error).to_string()))?;
        // `null` is the version of what was written before the bucket kept versions.
        let came = object
            .version_id()
            .filter(|version| *version != "null")
            .map(ToOwned::to_owned);
        if let (Some(asked), Some(came)) = (version, &came)
            && asked != came
        {
            return Err(Failure::ModelUnusable {
                at: self.at(name),
                reason: format!("version {asked} was asked for, and {came} came"),
                hint: "Whatever answers at this address does not keep versions as S3 does; serve from S3 itself"
                    .to_owned(),
            });
        }
        let bytes = object
            .body
            .collect()
            .await
            .map_err(|error| failed(DisplayErrorContext(&error).to_string()))?
            .to_vec();
        Ok(Object { bytes, version: came })
    }
}

/// Unpacks an archive without holding up requests for health.
async fn unpack(at: &str, bytes: Vec<u8>) -> Result<HashMap<String, Vec<u8>>, Failure> {
    let unusable = |reason: String| Failure::ModelUnusable {
        at: at.to_owned(),
        reason,
        hint: "Pack it again: tar -czf model.tar.gz -C FOLDER .".to_owned(),
    };
    tokio::task::spawn_blocking(move || archive::unpack(&bytes, archive::MOST))
        .await
        .unwrap_or_else(|_| Err("unpacking it panicked; the message is above".to_owned()))
        .map_err(unusable)
}

fn missing(at: String, reason: String, hint: &str) -> Failure {
    Failure::ModelMissing {
        at,
        reason,
        hint: hint.to_owned(),
    }
}

/// Bytes as hexadecimal digits.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
