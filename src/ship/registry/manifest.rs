//! Manifests, indexes and configurations of images, in OCI's form and in Docker's; both say the same under other names.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A manifest of OCI.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// An index of OCI: one manifest for each platform.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// A manifest of Docker, schema 2. SageMaker takes no other (aws/amazon-sagemaker-feedback#180).
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// A list of Docker: one manifest for each platform.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// A configuration of Docker.
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// A configuration of OCI.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// A layer of Docker, compressed with gzip.
pub const DOCKER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
/// A layer of OCI, compressed with gzip.
pub const OCI_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// A layer of OCI, compressed with zstd.
pub const OCI_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// What a manifest or an index says of one of its parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    #[serde(default)]
    pub media_type: String,
    /// Its length in bytes.
    pub size: u64,
    /// `sha256:…`.
    pub digest: String,
    /// In an index, for which platform it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

/// A platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// `amd64`, `arm64`.
    #[serde(default)]
    pub architecture: String,
    /// `linux`.
    #[serde(default)]
    pub os: String,
}

/// A manifest, or an index.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// 2.
    #[serde(default)]
    pub schema_version: u32,
    /// What it is; OCI lets it be absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The configuration, of a manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Descriptor>,
    /// The layers, of a manifest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<Descriptor>,
    /// The manifests, of an index.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub manifests: Vec<Descriptor>,
}

impl Manifest {
    /// The sum of the layers, in bytes.
    pub fn bytes(&self) -> u64 {
        self.layers.iter().map(|layer| layer.size).sum()
    }

    /// Whether it lists manifests rather than layers.
    pub fn is_index(&self) -> bool {
        self.config.is_none() && !self.manifests.is_empty()
    }

    /// The platforms of an index, without what is no image: attestations have the platform `unknown`.
    pub fn architectures(&self) -> Vec<&str> {
        let platforms = self.manifests.iter().filter_map(|one| one.platform.as_ref());
        let images = platforms.filter(|platform| platform.architecture != "unknown");
        images.map(|platform| platform.architecture.as_str()).collect()
    }

    /// The manifest of an index that is for Linux on `architecture`; one without a platform if it is the only one.
    pub fn choose(&self, architecture: &str) -> Option<&Descriptor> {
        let fits = |one: &&Descriptor| {
            let platform = one.platform.as_ref();
            platform.is_some_and(|on| on.architecture == architecture && (on.os.is_empty() || on.os == "linux"))
        };
        match self.manifests.as_slice() {
            [only] if only.platform.is_none() => Some(only),
            several => several.iter().find(fits),
        }
    }
}

/// What a configuration says that matters here.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Config {
    /// `amd64`, `arm64`; empty if it is not said.
    #[serde(default)]
    pub architecture: String,
    /// What the layers are uncompressed.
    #[serde(default)]
    pub rootfs: RootFs,
}

/// The layers, uncompressed.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct RootFs {
    /// Their digests.
    #[serde(default)]
    pub diff_ids: Vec<String>,
}

/// A layer or a configuration, and where its bytes are.
#[derive(Debug, Clone)]
pub struct Blob {
    /// `sha256:…`.
    pub digest: String,
    /// Its length in bytes.
    pub size: u64,
    /// Where its bytes are.
    pub source: BlobSource,
}

/// Where the bytes of a blob are.
#[derive(Debug, Clone)]
pub enum BlobSource {
    /// Here.
    Memory(Bytes),
    /// In a file, from `offset` on.
    File {
        /// The file.
        path: PathBuf,
        /// Where they begin.
        offset: u64,
    },
}

/// An image that can be pushed.
#[derive(Debug, Clone)]
pub struct Package {
    /// The manifest, to the letter.
    pub manifest: Bytes,
    /// What the manifest is.
    pub media_type: String,
    /// The manifest's digest.
    pub digest: String,
    /// The configuration and the layers, each once.
    pub blobs: Vec<Blob>,
    /// The sum of the compressed layers.
    pub bytes: u64,
    /// The architecture that the configuration names.
    pub architecture: String,
    /// Files that are needed for as long as the package is.
    pub keep: Option<Arc<tempfile::TempDir>>,
}

/// `sha256:…` of some bytes.
pub fn digest_of(bytes: &[u8]) -> String {
    written(&Sha256::digest(bytes))
}

/// A SHA-256 as digests are written.
pub fn written(digest: &[u8]) -> String {
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_of_an_index_is_chosen_by_architecture_and_an_attestation_is_none() {
        let index: Manifest = serde_json::from_value(serde_json::json!({
            "schemaVersion": 2,
            "manifests": [
                { "mediaType": OCI_MANIFEST, "size": 1, "digest": "sha256:a", "platform": { "os": "linux", "architecture": "arm64" } },
                { "mediaType": OCI_MANIFEST, "size": 1, "digest": "sha256:w", "platform": { "os": "windows", "architecture": "amd64" } },
                { "mediaType": OCI_MANIFEST, "size": 1, "digest": "sha256:b", "platform": { "os": "linux", "architecture": "amd64" } },
                { "mediaType": OCI_MANIFEST, "size": 1, "digest": "sha256:c", "platform": { "os": "unknown", "architecture": "unknown" } },
            ],
        }))
        .unwrap();
        assert!(index.is_index());
        assert_eq!(index.choose("amd64").map(|one| one.digest.as_str()), Some("sha256:b"));
        assert_eq!(index.choose("s390x"), None);
        assert_eq!(index.architectures(), ["arm64", "amd64", "amd64"]);
    }
}
