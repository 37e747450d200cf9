//! `model.json`, the manifest beside the model: what the model is called, what goes in and comes out, and the
//! checksum that it must have.

use serde::Deserialize;

use crate::error::Failure;

/// What stands in `model.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The name, as in `/v2/models/NAME`.
    pub name: String,
    /// The version, as in `/v2/models/NAME/versions/VERSION`. It may be left out of the file where it is told from
    /// outside.
    #[serde(default)]
    pub version: String,
    /// The version of the object in S3 that the model was read from. Not in the file.
    #[serde(skip)]
    pub object_version: Option<String>,
    /// The ONNX file, beside the manifest.
    #[serde(default = "default_file")]
    pub file: String,
    /// The SHA-256 of that file, in hexadecimal digits.
    pub sha256: String,
    /// A file of requests and the answers that they must get, beside the manifest; checked before anything is served.
    #[serde(default)]
    pub golden: Option<String>,
    /// What goes in, in the order of the graph's inputs.
    pub inputs: Vec<Port>,
    /// What comes out, in the order of the graph's outputs.
    pub outputs: Vec<Port>,
}

/// A tensor that goes in or comes out.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// The name in requests and answers.
    pub name: String,
    /// The type of its elements.
    pub datatype: Datatype,
    /// The shape; the first dimension is -1, the number of rows.
    pub shape: Vec<i64>,
    /// What the columns of the second dimension are called: the header of CSV, and the keys of JSON objects.
    #[serde(default)]
    pub columns: Vec<String>,
}

/// A version that is told from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Version {
    /// The number that a model registry gave the model.
    Number(String),
    /// The version id of an object in S3: an opaque string, which S3 makes itself ("Using versioning in S3 buckets").
    Object(String),
}

impl Version {
    /// Registries count; version ids are long and random, and never only digits.
    pub fn of(text: &str) -> Self {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            Self::Number(text.to_owned())
        } else {
            Self::Object(text.to_owned())
        }
    }

    /// The text.
    pub fn text(&self) -> &str {
        match self {
            Self::Number(text) | Self::Object(text) => text,
        }
    }
}

/// The types of elements, with their names in the Open Inference Protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Datatype {
    /// 32-bit floating point.
    Fp32,
    /// 64-bit floating point.
    Fp64,
    /// 32-bit integer.
    Int32,
    /// 64-bit integer.
    Int64,
    /// Text.
    Bytes,
}

impl Datatype {
    /// The name in the protocol.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fp32 => "FP32",
            Self::Fp64 => "FP64",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
            Self::Bytes => "BYTES",
        }
    }
}

impl Port {
    /// The lengths of all dimensions but the first.
    pub fn row_shape(&self) -> Vec<usize> {
        self.shape
            .iter()
            .skip(1)
            .filter_map(|&length| usize::try_from(length).ok())
            .collect()
    }

    /// How many elements a row has.
    pub fn row_length(&self) -> usize {
        self.row_shape().iter().product()
    }
}

impl Manifest {
    /// Reads a manifest and checks that it makes sense; `at` is where it came from, for the message. `told` is the
    /// version that is told from outside.
    ///
    /// # Errors
    /// [`Failure::ModelUnusable`] with what is wrong; also when the manifest and the registry number it differently.
    pub fn read(text: &[u8], at: &str, told: Option<&Version>) -> Result<Self, Failure> {
        let unusable = |reason: String| Failure::ModelUnusable {
            at: at.to_owned(),
            reason,
            hint: "The README of `inference` says what a model.json holds".to_owned(),
        };
        let mut manifest: Self = serde_json::from_slice(text).map_err(|error| unusable(error.to_string()))?;
        match told {
            Some(Version::Number(number)) if !manifest.version.is_empty() && manifest.version != *number => {
                return Err(Failure::ModelUnusable {
                    at: at.to_owned(),
                    reason: format!(
                        "it is version {}, and version {number} is to be served",
                        manifest.version
                    ),
                    hint: "Leave `version` out of model.json where a registry counts, or set INFERENCE_MODEL_VERSION \
                           to the version that the model has"
                        .to_owned(),
                });
            }
            Some(told) if manifest.version.is_empty() => told.text().clone_into(&mut manifest.version),
            None if manifest.version.is_empty() => {
                return Err(unusable(
                    "it has no `version`, and INFERENCE_MODEL_VERSION tells none".to_owned(),
                ));
            }
            _ => {}
        }
        if manifest.inputs.is_empty() || manifest.outputs.is_empty() {
            return Err(unusable("it lists no inputs, or no outputs".to_owned()));
        }
        if manifest.sha256.len() != 64 || !manifest.sha256.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(unusable("`sha256` is not 64 hexadecimal digits".to_owned()));
        }
        for name in [Some(&manifest.file), manifest.golden.as_ref()].into_iter().flatten() {
            if name.is_empty() || name.contains('/') || name.contains('\\') || name == ".." {
                return Err(unusable(format!(
                    "`{name}` is not the name of a file beside the manifest"
                )));
            }
        }
        for part in [&manifest.name, &manifest.version] {
            let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
            if part.is_empty() || !part.chars().all(plain) {
                return Err(unusable(format!(
                    "`{part}` cannot stand in an address: only letters, digits, `-`, `_` and `.` may stand in the \
                     name and the version"
                )));
            }
        }
        for port in manifest.inputs.iter().chain(&manifest.outputs) {
            if port.shape.first() != Some(&-1) || port.shape.iter().skip(1).any(|&length| length < 1) {
                return Err(unusable(format!(
                    "the shape of `{}` is {:?}: the first dimension must be -1, the number of rows, so that requests \
                     can share a run, and every other one a fixed length",
                    port.name, port.shape
                )));
            }
            if !port.columns.is_empty() && port.columns.len() != port.row_length() {
                return Err(unusable(format!(
                    "`{}` names {} columns and has {}",
                    port.name,
                    port.columns.len(),
                    port.row_length()
                )));
            }
        }
        Ok(manifest)
    }
}

fn default_file() -> String {
    "model.onnx".to_owned()
}
