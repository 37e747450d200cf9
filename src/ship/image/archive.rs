//! What an engine writes down (`docker image save`), as an image that can be pushed.
//!
//! The archive is read where it lies: layers that are compressed are sent from it, others are compressed beside it, the
//! same way each time, so that a layer that did not change has the digest that the registry knows. The manifest is one
//! of Docker's: everything takes those, and SageMaker takes no others (aws/amazon-sagemaker-feedback#180).

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::stream::{self, StreamExt, TryStreamExt};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::diagnostic::{Problem, codes};
use crate::ship::registry::manifest::{
    Blob, BlobSource, Config, DOCKER_CONFIG, DOCKER_GZIP, DOCKER_MANIFEST, Descriptor, Manifest, OCI_CONFIG, OCI_GZIP,
    OCI_MANIFEST, OCI_ZSTD, Package, digest_of, written,
};

/// How many layers are compressed at the same time.
const SIDE_BY_SIDE: usize = 4;
/// The largest document in an archive.
const MAX_DOCUMENT: u64 = 8 * 1024 * 1024;

/// Where an entry of the archive is.
#[derive(Debug, Clone, Copy)]
struct Slice {
    offset: u64,
    size: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    config: String,
    #[serde(default)]
    layers: Vec<String>,
}

/// What an archive holds.
struct Contents {
    config: Bytes,
    layers: Vec<Slice>,
}

/// Reads the archive in `folder`; the package keeps the folder for as long as it is needed.
///
/// # Errors
/// An archive that cannot be read, or that is not what its own lists say.
pub(super) async fn package(path: PathBuf, folder: Arc<tempfile::TempDir>) -> Result<Package, Problem> {
    let archive = path.clone();
    let contents = blocking(move || contents(&archive)).await?;
    let config: Config = serde_json::from_slice(&contents.config)
        .map_err(|error| unusable(format!("the configuration of the image: {error}")))?;
    let compressed: Vec<_> = contents
        .layers
        .iter()
        .enumerate()
        .map(|(index, slice)| {
            let (path, slice) = (path.clone(), *slice);
            let beside = folder.path().join(format!("layer-{index}.gz"));
            let diff_id = config.rootfs.diff_ids.get(index).cloned();
            blocking(move || layer(&path, slice, &beside, diff_id.as_deref()))
        })
        .collect();
    let layers: Vec<(Blob, Packing)> = stream::iter(compressed).buffered(SIDE_BY_SIDE).try_collect().await?;
    assemble(contents.config, &config, layers, folder)
}

/// How a layer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    Gzip,
    Zstd,
}

fn assemble(
    config: Bytes,
    read: &Config,
    layers: Vec<(Blob, Packing)>,
    folder: Arc<tempfile::TempDir>,
) -> Result<Package, Problem> {
    // Docker has no name for a layer compressed with zstd.
    let oci = layers.iter().any(|(_, packing)| *packing == Packing::Zstd);
    let config_blob = Blob {
        digest: digest_of(&config),
        size: length(&config),
        source: BlobSource::Memory(config),
    };
    let descriptor = |blob: &Blob, media_type: &str| Descriptor {
        media_type: media_type.to_owned(),
        size: blob.size,
        digest: blob.digest.clone(),
        platform: None,
    };
    let media_type = if oci { OCI_MANIFEST } else { DOCKER_MANIFEST };
    let described = layers.iter().map(|(blob, packing)| {
        let media_type = match packing {
            Packing::Zstd => OCI_ZSTD,
            Packing::Gzip if oci => OCI_GZIP,
            Packing::Gzip => DOCKER_GZIP,
        };
        descriptor(blob, media_type)
    });
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(media_type.to_owned()),
        config: Some(descriptor(&config_blob, if oci { OCI_CONFIG } else { DOCKER_CONFIG })),
        layers: described.collect(),
        manifests: Vec::new(),
    };
    let text = serde_json::to_vec(&manifest).map_err(|error| unusable(error.to_string()))?;
    let mut blobs: BTreeMap<String, Blob> = BTreeMap::new();
    for blob in layers.into_iter().map(|(blob, _)| blob).chain([config_blob]) {
        blobs.entry(blob.digest.clone()).or_insert(blob);
    }
    Ok(Package {
        digest: digest_of(&text),
        manifest: Bytes::from(text),
        media_type: media_type.to_owned(),
        blobs: blobs.into_values().collect(),
        bytes: manifest.bytes(),
        architecture: read.architecture.clone(),
        keep: Some(folder),
    })
}

fn contents(path: &Path) -> Result<Contents, Problem> {
    let failed = |error: std::io::Error| unusable(error.to_string());
    let mut file = fs_err::File::open(path).map_err(failed)?;
    let mut files: BTreeMap<String, Slice> = BTreeMap::new();
    let mut links: BTreeMap<String, String> = BTreeMap::new();
    {
        let mut archive = tar::Archive::new(&mut file);
        for entry in archive.entries_with_seek().map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = plain(&entry.path().map_err(failed)?.to_string_lossy());
            let kind = entry.header().entry_type();
            if kind.is_file() {
                let slice = Slice {
                    offset: entry.raw_file_position(),
                    size: entry.size(),
                };
                files.insert(name, slice);
            } else if let Some(target) = entry.link_name().map_err(failed)? {
                // Engines of old keep a layer that comes twice as a link.
                let target = target.to_string_lossy();
                let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
                let target = match kind {
                    kind if kind.is_symlink() => plain(&format!("{folder}/{target}")),
                    _ => plain(&target),
                };
                links.insert(name, target);
            }
        }
    }
    let find = |name: &str| -> Result<Slice, Problem> {
        let mut name = plain(name);
        for _ in 0..8 {
            if let Some(slice) = files.get(&name) {
                return Ok(*slice);
            }
            match links.get(&name) {
                Some(target) => name.clone_from(target),
                None => break,
            }
        }
        Err(unusable(format!("the archive lists {name} and does not hold it")))
    };
    let listed = document(&mut file, find("manifest.json")?)?;
    let listed: Vec<Listed> =
        serde_json::from_slice(&listed).map_err(|error| unusable(format!("manifest.json: {error}")))?;
    let Some(image) = listed.first() else {
        return Err(unusable("the archive holds no image".to_owned()));
    };
    let layers = image.layers.iter().map(|name| find(name)).collect::<Result<_, _>>()?;
    let config = document(&mut file, find(&image.config)?)?;
    Ok(Contents {
        config: Bytes::from(config),
        layers,
    })
}

fn document(file: &mut fs_err::File, slice: Slice) -> Result<Vec<u8>, Problem> {
    if slice.size > MAX_DOCUMENT {
        return Err(unusable("a document in it is too large to be one".to_owned()));
    }
    let mut text = Vec::new();
    let failed = |error: std::io::Error| unusable(error.to_string());
    file.seek(SeekFrom::Start(slice.offset)).map_err(failed)?;
    file.take(slice.size).read_to_end(&mut text).map_err(failed)?;
    Ok(text)
}

/// A layer as it is sent: as it is if it is compressed, otherwise compressed into `beside`.
fn layer(path: &Path, slice: Slice, beside: &Path, diff_id: Option<&str>) -> Result<(Blob, Packing), Problem> {
    let failed = |error: std::io::Error| unusable(error.to_string());
    let mut file = fs_err::File::open(path).map_err(failed)?;
    file.seek(SeekFrom::Start(slice.offset)).map_err(failed)?;
    let mut head = Vec::new();
    Read::by_ref(&mut file)
        .take(slice.size.min(4))
        .read_to_end(&mut head)
        .map_err(failed)?;
    let packing = match head.as_slice() {
        [0x1f, 0x8b, ..] => Some(Packing::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd] => Some(Packing::Zstd),
        _ => None,
    };
    file.seek(SeekFrom::Start(slice.offset)).map_err(failed)?;
    let mut reader = file.take(slice.size);
    if let Some(packing) = packing {
        let mut hashed = Hashed::new(std::io::sink());
        std::io::copy(&mut reader, &mut hashed).map_err(failed)?;
        let blob = Blob {
            digest: hashed.digest(),
            size: slice.size,
            source: BlobSource::File {
                path: path.to_owned(),
                offset: slice.offset,
            },
        };
        return Ok((blob, packing));
    }
    let packed = fs_err::File::create(beside).map_err(failed)?;
    let mut plain = Hashed::new(GzEncoder::new(
        Hashed::new(std::io::BufWriter::new(packed)),
        Compression::default(),
    ));
    std::io::copy(&mut reader, &mut plain).map_err(failed)?;
    let (plain_digest, encoder) = (plain.digest(), plain.inner);
    if diff_id.is_some_and(|diff_id| diff_id != plain_digest) {
        return Err(unusable(format!(
            "a layer is {plain_digest}, and the image's configuration says {}",
            diff_id.unwrap_or_default()
        )));
    }
    let mut packed = encoder.finish().map_err(failed)?;
    packed.flush().map_err(failed)?;
    let blob = Blob {
        digest: packed.digest(),
        size: packed.written,
        source: BlobSource::File {
            path: beside.to_owned(),
            offset: 0,
        },
    };
    Ok((blob, Packing::Gzip))
}

/// A writer that hashes and counts what goes through.
struct Hashed<W> {
    inner: W,
    hasher: Sha256,
    written: u64,
}

impl<W> Hashed<W> {
    fn new(inner: W) -> Self {
        Self {
            inner,
            hasher: Sha256::new(),
            written: 0,
        }
    }

    fn digest(&self) -> String {
        written(&self.hasher.clone().finalize())
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        let count = self.inner.write(buffer)?;
        self.hasher.update(buffer.get(..count).unwrap_or_default());
        self.written += u64::try_from(count).unwrap_or_default();
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

/// A path in an archive without `.`, `..` and a slash at its beginning.
fn plain(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn length(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or_default()
}

/// Runs what waits for disks and processors on a thread that may.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(unusable(error.to_string())),
    }
}

fn unusable(why: String) -> Problem {
    Problem::error(codes::LAYOUT_UNUSABLE, "the image cannot be read")
        .note(why)
        .hint("repeat the command; if it happens again, look for space on the disk")
}
