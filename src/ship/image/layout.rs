//! An OCI image layout: a folder that something else has built an image into ("OCI Image Layout Specification").
//! Everything is looked at before anything is sent.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::wanted::Wanted;
use crate::diagnostic::{Problem, codes};
use crate::ship::registry::manifest::{
    Blob, BlobSource, Config, DOCKER_CONFIG, DOCKER_GZIP, DOCKER_LIST, DOCKER_MANIFEST, Descriptor, Manifest, OCI_GZIP,
    OCI_INDEX, OCI_MANIFEST, Package, digest_of, written,
};

/// The largest document of a layout.
const MAX_DOCUMENT: u64 = 8 * 1024 * 1024;
/// How deep indexes may stand in indexes.
const MAX_DEPTH: u32 = 4;

/// The form of the manifest that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As it lies there.
    AsItIs,
    /// Docker's, since SageMaker takes no other.
    Docker,
}

/// Reads the layout in `folder` and checks every part of the image that is for the wanted architecture. Reads all of the
/// layers, so it wants a thread of its own.
///
/// # Errors
/// What is missing, of another length or digest than it should be, or for another architecture.
pub(super) fn package(folder: &Path, wanted: &Wanted, form: Form) -> Result<Package, Problem> {
    let layout = Layout { folder };
    layout.check()?;
    let index = layout.index()?;
    let (digest, bytes, media_type) = layout.manifest(&index, wanted, 0)?;
    let manifest: Manifest = layout.parsed(&digest, &bytes)?;
    let Some(config_descriptor) = &manifest.config else {
        return Err(layout.unusable(format!("the manifest {digest} names no configuration")));
    };
    let mut blobs: BTreeMap<String, Blob> = BTreeMap::new();
    for descriptor in manifest.layers.iter().chain([config_descriptor]) {
        if !blobs.contains_key(&descriptor.digest) {
            blobs.insert(descriptor.digest.clone(), layout.blob(descriptor)?);
        }
    }
    let config = layout.document(config_descriptor)?;
    let config: Config = layout.parsed(&config_descriptor.digest, &config)?;
    let whence = format!("the configuration in {}", folder.display());
    wanted.check(&config.architecture, &whence)?;
    let (bytes, media_type) = match form {
        Form::Docker if media_type == OCI_MANIFEST => layout.in_dockers_form(&bytes)?,
        _ => (bytes, media_type),
    };
    Ok(Package {
        digest: digest_of(&bytes),
        manifest: bytes,
        media_type,
        blobs: blobs.into_values().collect(),
        bytes: manifest.bytes(),
        architecture: config.architecture,
        keep: None,
    })
}

struct Layout<'a> {
    folder: &'a Path,
}

impl Layout<'_> {
    fn check(&self) -> Result<(), Problem> {
        let place = self.folder.display();
        if self.folder.is_file() {
            return Err(self
                .unusable(format!("{place} is a file"))
                .hint("an archive has to be unpacked: mkdir layout && tar -xf FILE -C layout"));
        }
        if !self.folder.is_dir() {
            return Err(self
                .unusable(format!("there is no folder {place}"))
                .hint("build it first; `layout` is relative to the project's folder"));
        }
        let mark = self.folder.join("oci-layout");
        let text = fs_err::read_to_string(&mark).map_err(|error| self.unusable(error.to_string()))?;
        let read: Value = serde_json::from_str(&text).map_err(|error| self.unusable(format!("oci-layout: {error}")))?;
        match read.get("imageLayoutVersion").and_then(Value::as_str) {
            Some("1.0.0") => Ok(()),
            other => Err(self.unusable(format!(
                "oci-layout has the version {}, and 1.0.0 is the one there is",
                other.unwrap_or("nothing")
            ))),
        }
    }

    fn index(&self) -> Result<Manifest, Problem> {
        let text = fs_err::read(self.folder.join("index.json")).map_err(|error| self.unusable(error.to_string()))?;
        serde_json::from_slice(&text).map_err(|error| self.unusable(format!("index.json: {error}")))
    }

    /// The manifest for the wanted architecture: digest, text and media type.
    fn manifest(&self, index: &Manifest, wanted: &Wanted, depth: u32) -> Result<(String, Bytes, String), Problem> {
        let chosen = match index.manifests.as_slice() {
            [] => return Err(self.unusable("its index lists no image".to_owned())),
            // A single one is taken by its word, and its configuration is looked at later.
            [only] => only,
            _ => index.choose(wanted.architecture).ok_or_else(|| {
                let there = index.architectures();
                match there.as_slice() {
                    [] => {
                        self.unusable("its index lists several images and does not say for which platform".to_owned())
                    }
                    there => wanted.foreign(&there.join(", "), &format!("the index in {}", self.folder.display())),
                }
            })?,
        };
        let text = self.document(chosen)?;
        let read: Manifest = self.parsed(&chosen.digest, &text)?;
        let own = read.media_type.clone().filter(|own| !own.is_empty());
        let media_type = own.unwrap_or_else(|| chosen.media_type.clone());
        match media_type.as_str() {
            OCI_INDEX | DOCKER_LIST if depth < MAX_DEPTH => self.manifest(&read, wanted, depth + 1),
            OCI_MANIFEST | DOCKER_MANIFEST => Ok((chosen.digest.clone(), text, media_type)),
            "" if read.config.is_some() => Ok((chosen.digest.clone(), text, OCI_MANIFEST.to_owned())),
            other => Err(self.unusable(format!("{} is of the type {other}, which is no image", chosen.digest))),
        }
    }

    /// A document, checked.
    fn document(&self, descriptor: &Descriptor) -> Result<Bytes, Problem> {
        if descriptor.size > MAX_DOCUMENT {
            return Err(self.unusable(format!("{} is too large for a document", descriptor.digest)));
        }
        self.blob(descriptor)?;
        let text = fs_err::read(self.path(&descriptor.digest)?).map_err(|error| self.unusable(error.to_string()))?;
        Ok(Bytes::from(text))
    }

    /// A blob whose length and digest are what its descriptor says.
    fn blob(&self, descriptor: &Descriptor) -> Result<Blob, Problem> {
        let path = self.path(&descriptor.digest)?;
        let failed = |error: std::io::Error| self.unusable(error.to_string());
        let mut file = match fs_err::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(self
                    .unusable(format!("{} is missing", path.display()))
                    .hint("build the layout anew; a copy has to have all of `blobs`"));
            }
            Err(error) => return Err(failed(error)),
        };
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 128 * 1024];
        let mut size = 0_u64;
        loop {
            let read = file.read(&mut buffer).map_err(failed)?;
            if read == 0 {
                break;
            }
            size += u64::try_from(read).unwrap_or_default();
            hasher.update(buffer.get(..read).unwrap_or_default());
        }
        let digest = written(&hasher.finalize());
        if size != descriptor.size {
            return Err(self.corrupt(&path, &format!("{size} bytes and not {}", descriptor.size)));
        }
        if digest != descriptor.digest {
            return Err(self.corrupt(&path, &format!("the digest {digest}")));
        }
        Ok(Blob {
            digest,
            size,
            source: BlobSource::File { path, offset: 0 },
        })
    }

    /// Where a blob lies. A digest that is none could lead out of the folder.
    fn path(&self, digest: &str) -> Result<std::path::PathBuf, Problem> {
        let hex = digest.strip_prefix("sha256:").unwrap_or_default();
        if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(self.unusable(format!("`{digest}` is no SHA-256 digest")));
        }
        Ok(self.folder.join("blobs").join("sha256").join(hex))
    }

    fn parsed<T: serde::de::DeserializeOwned>(&self, digest: &str, text: &[u8]) -> Result<T, Problem> {
        serde_json::from_slice(text).map_err(|error| self.unusable(format!("{digest}: {error}")))
    }

    /// The same manifest under Docker's names.
    fn in_dockers_form(&self, text: &[u8]) -> Result<(Bytes, String), Problem> {
        let mut manifest: Manifest = self.parsed("the manifest", text)?;
        manifest.media_type = Some(DOCKER_MANIFEST.to_owned());
        if let Some(config) = &mut manifest.config {
            config.media_type = DOCKER_CONFIG.to_owned();
        }
        for layer in &mut manifest.layers {
            if layer.media_type != OCI_GZIP && layer.media_type != DOCKER_GZIP {
                return Err(self
                    .unusable(format!(
                        "the layer {} is of the type {}",
                        layer.digest, layer.media_type
                    ))
                    .note("SageMaker takes layers that are compressed with gzip, and manifests in Docker's form")
                    .hint("build the layout with gzip: skopeo copy --dest-compress-format gzip oci:OLD oci:NEW"));
            }
            layer.media_type = DOCKER_GZIP.to_owned();
        }
        let text = serde_json::to_vec(&manifest).map_err(|error| self.unusable(error.to_string()))?;
        Ok((Bytes::from(text), DOCKER_MANIFEST.to_owned()))
    }

    fn unusable(&self, why: String) -> Problem {
        Problem::error(
            codes::LAYOUT_UNUSABLE,
            format!("{} cannot be used as an OCI layout", self.folder.display()),
        )
        .note(why)
        .note("nothing was sent")
    }

    fn corrupt(&self, path: &Path, what: &str) -> Problem {
        self.unusable(format!("{} has {what}", path.display()))
            .hint("build the layout anew: it was changed, or not written whole")
    }
}
