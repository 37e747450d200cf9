//! The model that is shipped: found where it is, or uploaded from the project under a key made from its content.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{ModelAt, Phase, Scene, sagemaker};
use crate::aws::s3;
use crate::diagnostic::{Problem, codes};
use crate::spec::workload::{Bucket, Model};

/// How many files a model may have.
const MOST_FILES: usize = 10_000;
/// How many folders of it may lie inside of each other.
const DEEPEST: usize = 16;

/// The model that would be shipped; nothing is sent. None if the workload loads none.
///
/// # Errors
/// There is no such model, or it may not be used.
pub async fn look(scene: &Scene<'_>) -> Result<Option<ModelAt>, Problem> {
    match local(scene)? {
        Some(local) => Ok(Some(local.at())),
        None => sagemaker::resolve_model(scene).await,
    }
}

/// The model that is shipped, uploaded if it is of the project and not in the bucket yet.
///
/// Its key holds the digest of its content: what is there already is what was meant, and an older version stays where a
/// rollback finds it.
///
/// # Errors
/// There is no such model, it may not be used, or it cannot be uploaded.
pub async fn deliver(scene: &Scene<'_>) -> Result<Option<ModelAt>, Problem> {
    let Some(local) = local(scene)? else {
        return sagemaker::resolve_model(scene).await;
    };
    let there = s3::list(scene.session, &local.bucket, &local.prefix)
        .await
        .map_err(|error| error.problem())?;
    let missing: Vec<&File> = local
        .files
        .iter()
        .filter(|file| !there.contains(&local.key(file)))
        .collect();
    let total: u64 = missing.iter().map(|file| file.bytes).sum();
    let reused = local.files.iter().map(|file| file.bytes).sum::<u64>() - total;
    if !missing.is_empty() {
        scene.tell.event(super::Event::Phase {
            workload: scene.name().to_owned(),
            phase: Phase::Push,
            subject: format!("the model to s3://{}/{}", local.bucket, local.prefix),
        });
    }
    let mut sent = 0;
    for file in missing {
        if scene.stop.is_cancelled() {
            return Err(
                Problem::error(codes::INTERRUPTED, "interrupted while the model was being uploaded")
                    .note("nothing runs otherwise than before"),
            );
        }
        s3::upload(scene.session, &local.bucket, &local.key(file), &file.path)
            .await
            .map_err(|error| error.problem())?;
        sent += file.bytes;
        scene.tell.event(super::Event::Push {
            workload: scene.name().to_owned(),
            sent,
            total,
            reused,
        });
    }
    Ok(Some(local.at()))
}

/// A model in the project.
struct Local {
    bucket: String,
    /// Ends in a slash.
    prefix: String,
    files: Vec<File>,
    /// Whether it is one file, and no folder.
    single: bool,
}

struct File {
    /// Below the folder, with slashes.
    name: String,
    path: PathBuf,
    bytes: u64,
}

impl Local {
    fn key(&self, file: &File) -> String {
        format!("{}{}", self.prefix, file.name)
    }

    fn at(&self) -> ModelAt {
        let name = match self.files.as_slice() {
            [only] if self.single => only.name.as_str(),
            _ => "",
        };
        ModelAt {
            uri: format!("s3://{}/{}{name}", self.bucket, self.prefix),
            version: None,
            package: None,
        }
    }
}

/// The model in the project, read to its end; none if it is elsewhere.
fn local(scene: &Scene<'_>) -> Result<Option<Local>, Problem> {
    let Some(Model::S3 {
        bucket,
        key,
        path: Some(path),
        ..
    }) = &scene.workload.model
    else {
        return Ok(None);
    };
    let bucket = match bucket {
        Bucket::Named(name) => name.clone(),
        Bucket::Of(stack) => match scene.output_of(stack, "models_bucket") {
            Some(name) => name.to_owned(),
            None => {
                return Err(Problem::error(
                    codes::NOT_DEPLOYED,
                    format!(
                        "the model of `{}` has no bucket yet: the stack `{stack}` is not deployed",
                        scene.name()
                    ),
                ));
            }
        },
    };
    let root = scene.root.join(path);
    let unreadable = |why: String| {
        Problem::error(
            codes::MODEL_UNREADABLE,
            format!("the model of `{}` cannot be read: {why}", scene.name()),
        )
        .hint("`path` is a file or a folder, relative to the project's folder")
    };
    let single = root.is_file();
    let mut files = Vec::new();
    if single {
        let name = root.file_name().map(|name| name.to_string_lossy().into_owned());
        add(&root, name.unwrap_or_default(), &mut files).map_err(unreadable)?;
    } else {
        gather(&root, "", 0, &mut files).map_err(unreadable)?;
    }
    if files.is_empty() {
        return Err(unreadable(format!("{path} holds no files")));
    }
    files.sort_by(|one, other| one.name.cmp(&other.name));
    let digest = digest(&files).map_err(|error| unreadable(error.to_string()))?;
    Ok(Some(Local {
        bucket,
        prefix: format!("{key}{digest}/"),
        files,
        single,
    }))
}

fn gather(folder: &Path, below: &str, depth: usize, files: &mut Vec<File>) -> Result<(), String> {
    if depth > DEEPEST {
        return Err(format!("{} lies too deep", folder.display()));
    }
    let entries = fs_err::read_dir(folder).map_err(|error| error.to_string())?;
    for entry in entries {
        let entry = entry.map_err(|error| error.to_string())?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // What editors, version control and operating systems leave behind is no part of a model.
        if name.starts_with('.') || name == "__pycache__" {
            continue;
        }
        let (path, name) = (entry.path(), format!("{below}{name}"));
        if path.is_dir() {
            gather(&path, &format!("{name}/"), depth + 1, files)?;
        } else {
            add(&path, name, files)?;
        }
    }
    Ok(())
}

fn add(path: &Path, name: String, files: &mut Vec<File>) -> Result<(), String> {
    let known = fs_err::metadata(path).map_err(|error| error.to_string())?;
    if !known.is_file() {
        return Err(format!("{} is a device, pipe or socket", path.display()));
    }
    if known.len() > s3::MOST_AT_ONCE {
        return Err(format!(
            "{} has more than 5 GiB; upload it with `aws s3 cp`, and name its `key` in place of its `path`",
            path.display()
        ));
    }
    if files.len() >= MOST_FILES {
        return Err(format!("it has more than {MOST_FILES} files"));
    }
    files.push(File {
        name,
        path: path.to_owned(),
        bytes: known.len(),
    });
    Ok(())
}

/// Sixteen hexadecimal digits of SHA-256 over names, sizes and contents.
fn digest(files: &[File]) -> std::io::Result<String> {
    use std::io::Read;
    let mut hasher = Sha256::new();
    let mut part = vec![0; 1 << 16];
    for file in files {
        hasher.update(file.name.as_bytes());
        hasher.update([0]);
        hasher.update(file.bytes.to_be_bytes());
        let mut open = fs_err::File::open(&file.path)?;
        loop {
            let read = open.read(&mut part)?;
            if read == 0 {
                break;
            }
            hasher.update(part.get(..read).unwrap_or_default());
        }
    }
    Ok(hasher
        .finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect())
}
