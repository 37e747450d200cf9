//! The image of a workload: found, or built and sent, and in the end a reference with a digest, which nothing can move.
//!
//! [`look`] says what would be done and does nothing of it; [`deliver`] does it. What is there already is neither built
//! nor sent: the tag of a built image is a digest of what it is built from ([`context`]), that of a layout is a digest
//! of its manifest. So a run that was killed is simply repeated.

mod archive;
mod context;
mod engine;
mod ignore;
mod layout;
mod wanted;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use self::archive::blocking;
use self::context::Build;
use self::engine::Engine;
use self::layout::Form;
use self::wanted::Wanted;
use super::Scene;
use super::event::{Event, Phase};
use super::registry::manifest::Package;
use super::registry::push::{Pushed, Sender};
use super::registry::reference::Reference;
use super::registry::{Fetched, Repository};
use super::release::ImageAt;
use crate::diagnostic::{Problem, codes};
use crate::spec::workload::{Image, Platform};

/// How an image is to be found or made.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Build although the repository has an image of the same content: what a Dockerfile fetches may have changed.
    pub rebuild: bool,
    /// The engine's command (`MLINFRA_ENGINE`); without it Docker and then Podman are tried.
    pub engine: Option<String>,
    /// Docker's configuration file (`$DOCKER_CONFIG/config.json`, or `~/.docker/config.json`), for logins to registries
    /// that are not ECR's. It need not be there.
    pub docker_config: Option<PathBuf>,
}

/// What is known of the image that would be shipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// It is in its registry.
    There(ImageAt),
    /// It is in an OCI layout here, and would be sent.
    ToSend(ImageAt),
    /// It would be built and sent: what its digest will be is not known.
    ToBuild {
        /// `REGISTRY/REPOSITORY`.
        repository: String,
        /// The tag that it would have.
        tag: String,
    },
}

/// What would be shipped. Builds nothing and sends nothing; without the stack of the repository it asks nobody.
///
/// # Errors
/// A context or layout that cannot be used, an image that is not there or for another architecture, a registry that does
/// not answer.
pub async fn look(scene: &Scene<'_>, options: &Options) -> Result<Known, Problem> {
    let found = match &scene.workload.image {
        Image::Context { repository, .. } => {
            let build = build_of(scene);
            let tag = blocking(move || build.tag()).await?;
            match repository_in_outputs(scene, repository) {
                Some(place) => {
                    let opened = Repository::own(scene, &place.name).await?;
                    match tagged(scene, &opened, &tag).await? {
                        Some(there) if !options.rebuild => Ok(Known::There(there)),
                        _ => Ok(Known::ToBuild {
                            repository: opened.path(),
                            tag,
                        }),
                    }
                }
                None => Ok(Known::ToBuild {
                    repository: would_be(scene, repository),
                    tag,
                }),
            }
        }
        Image::Layout { repository, .. } => {
            let package = package_of_layout(scene).await?;
            let tag = layout_tag(&package);
            match repository_in_outputs(scene, repository) {
                Some(place) => {
                    let opened = Repository::own(scene, &place.name).await?;
                    let there = opened.manifest(&tag).await?;
                    let image = image_at(&opened.path(), &package, &tag);
                    Ok(match there {
                        Some(there) if there.digest == package.digest => Known::There(image),
                        _ => Known::ToSend(image),
                    })
                }
                None => Ok(Known::ToSend(image_at(&would_be(scene, repository), &package, &tag))),
            }
        }
        Image::Reference(text) => resolved(scene, options, text).await.map(Known::There),
    };
    found.map_err(|problem| placed(scene, problem))
}

/// Finds or builds the image, checks it, sends it if it has to be sent, and gives where it can be pulled from.
///
/// # Errors
/// All of [`look`]'s; no engine; a build that fails; what a registry refuses. Nothing that runs is changed by any of it.
pub async fn deliver(scene: &Scene<'_>, options: &Options) -> Result<ImageAt, Problem> {
    let delivered = match &scene.workload.image {
        Image::Context { repository, .. } => built(scene, options, repository).await,
        Image::Layout { repository, .. } => from_layout(scene, repository).await,
        Image::Reference(text) => resolved(scene, options, text).await,
    };
    delivered.map_err(|problem| placed(scene, problem))
}

async fn built(scene: &Scene<'_>, options: &Options, repository: &str) -> Result<ImageAt, Problem> {
    let build = build_of(scene);
    let for_tag = build.clone();
    let tag = blocking(move || for_tag.tag()).await?;
    let place = place_of(scene, repository)?;
    let opened = Repository::own(scene, &place.name).await?;
    if !options.rebuild
        && let Some(there) = tagged(scene, &opened, &tag).await?
    {
        return Ok(there);
    }
    phase(scene, Phase::Build, build.dockerfile.display().to_string());
    let engine = Engine::find(options.engine.as_deref()).await?;
    let folder = Arc::new(engine::work_folder()?);
    let id = engine.build(&build, folder.path(), scene).await?;
    let archive = engine::archive_in(folder.path());
    engine.save(&id, &archive, scene).await?;
    let package = archive::package(archive, folder).await?;
    Wanted::of(scene.workload).check(&package.architecture, "the configuration of the image that was built")?;

    phase(scene, Phase::Push, format!("{}:{tag}", opened.path()));
    let sender = sender(scene, &place);
    match opened.push(&package, &tag, sender).await? {
        Pushed::Done => Ok(image_at(&opened.path(), &package, &tag)),
        // Somebody else has built the same tree meanwhile. Both are right, and the one that has the tag is shipped.
        Pushed::Taken(there) if !options.rebuild => match tagged(scene, &opened, &tag).await? {
            Some(image) => {
                scene.tell.note(format!(
                    "{tag} was pushed by somebody else meanwhile; that image is used"
                ));
                Ok(image)
            }
            None => Err(opened.taken(&tag, &there, &package.digest)),
        },
        Pushed::Taken(_) => {
            let own = format!("{tag}-{}", short(&package.digest, 8));
            match opened.push(&package, &own, sender).await? {
                Pushed::Done => {
                    scene.tell.note(format!(
                        "tags of {} cannot be moved: the new image has the tag {own}, and {tag} is what ships without `--rebuild`",
                        opened.path()
                    ));
                    Ok(image_at(&opened.path(), &package, &own))
                }
                Pushed::Taken(there) => Err(opened.taken(&own, &there, &package.digest)),
            }
        }
    }
}

async fn from_layout(scene: &Scene<'_>, repository: &str) -> Result<ImageAt, Problem> {
    let package = package_of_layout(scene).await?;
    let tag = layout_tag(&package);
    let place = place_of(scene, repository)?;
    let opened = Repository::own(scene, &place.name).await?;
    let there = opened.manifest(&tag).await?;
    if there.is_none_or(|there| there.digest != package.digest) {
        phase(scene, Phase::Push, format!("{}:{tag}", opened.path()));
        if let Pushed::Taken(there) = opened.push(&package, &tag, sender(scene, &place)).await? {
            return Err(opened.taken(&tag, &there, &package.digest));
        }
    }
    Ok(image_at(&opened.path(), &package, &tag))
}

/// An image that exists, at its own registry.
async fn resolved(scene: &Scene<'_>, options: &Options, text: &str) -> Result<ImageAt, Problem> {
    let reference = Reference::read(text);
    let opened = Repository::of(scene, &reference, options.docker_config.as_deref()).await?;
    let Some(fetched) = opened.manifest(reference.wanted()).await? else {
        return Err(
            Problem::error(codes::IMAGE_NOT_FOUND, format!("there is no image {reference}"))
                .note(format!("{} does not know the repository or the tag", reference.host))
                .hint("correct `reference`, or push the image first"),
        );
    };
    described(scene, &opened, fetched, reference.tag.clone()).await
}

/// The image under a tag of our own; none if there is none.
async fn tagged(scene: &Scene<'_>, opened: &Repository, tag: &str) -> Result<Option<ImageAt>, Problem> {
    match opened.manifest(tag).await? {
        Some(fetched) => described(scene, opened, fetched, Some(tag.to_owned())).await.map(Some),
        None => Ok(None),
    }
}

/// What a registry holds: its architecture is looked at, and of an index the manifest that would run.
async fn described(
    scene: &Scene<'_>,
    opened: &Repository,
    fetched: Fetched,
    tag: Option<String>,
) -> Result<ImageAt, Problem> {
    let wanted = Wanted::of(scene.workload);
    let mut digest = fetched.digest;
    let mut manifest = fetched.manifest;
    if manifest.is_index() {
        let whence = format!("the index {}", opened.pinned(&digest));
        let Some(chosen) = manifest.choose(wanted.architecture) else {
            return Err(wanted.foreign(&manifest.architectures().join(", "), &whence));
        };
        let chosen = chosen.digest.clone();
        let Some(found) = opened.manifest(&chosen).await? else {
            return Err(Problem::error(
                codes::IMAGE_NOT_FOUND,
                format!("there is no image {}", opened.pinned(&chosen)),
            )
            .note(format!("{whence} names it"))
            .hint("push the image again, whole"));
        };
        manifest = found.manifest;
        // SageMaker takes no index (aws/amazon-sagemaker-feedback#180).
        if scene.workload.platform == Platform::SageMaker {
            digest = chosen;
        }
    }
    let Some(config) = &manifest.config else {
        return Err(Problem::error(
            codes::IMAGE_NOT_FOUND,
            format!("{} is not an image", opened.pinned(&digest)),
        )
        .note("it names no configuration")
        .hint("correct `reference`"));
    };
    let config = opened.config(config).await?;
    wanted.check(
        &config.architecture,
        &format!("the configuration of {}", opened.pinned(&digest)),
    )?;
    Ok(ImageAt {
        reference: opened.pinned(&digest),
        digest,
        tag,
        bytes: manifest.bytes(),
        architecture: wanted.architecture.to_owned(),
    })
}

fn build_of(scene: &Scene<'_>) -> Build {
    let mut build = Build {
        context: scene.root.to_owned(),
        dockerfile: scene.root.join("Dockerfile"),
        target: None,
        args: std::collections::BTreeMap::new(),
        architecture: scene.workload.architecture.oci(),
    };
    if let Image::Context {
        context,
        dockerfile,
        target,
        args,
        ..
    } = &scene.workload.image
    {
        build.context = scene.root.join(context);
        build.dockerfile = build.context.join(dockerfile);
        build.target.clone_from(target);
        build.args.clone_from(args);
    }
    build
}

async fn package_of_layout(scene: &Scene<'_>) -> Result<Package, Problem> {
    let folder = match &scene.workload.image {
        Image::Layout { layout, .. } => scene.root.join(layout),
        Image::Context { .. } | Image::Reference(_) => scene.root.to_owned(),
    };
    let wanted = Wanted::of(scene.workload);
    let form = match scene.workload.platform {
        Platform::SageMaker => Form::Docker,
        Platform::Eks | Platform::Ecs => Form::AsItIs,
    };
    blocking(move || layout::package(&folder, &wanted, form)).await
}

/// A repository that a stack has made.
struct Place {
    name: String,
    /// The other repositories of the environment.
    siblings: Vec<String>,
}

/// The repository that is listed as `repository`, if its stack is deployed.
fn repository_in_outputs(scene: &Scene<'_>, repository: &str) -> Option<Place> {
    let mut names = Vec::new();
    for stack in scene
        .environment
        .stacks
        .values()
        .filter(|stack| stack.module.value == "ecr")
    {
        let uris = scene.output_of(&stack.name.value, "repository_uris");
        let uris: Vec<String> = uris
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        let own = uris.iter().filter_map(|uri| uri.split_once('/'));
        names.extend(own.map(|(_, name)| name.to_owned()));
    }
    let full = full_name(scene, repository);
    let ending = format!("/{repository}");
    // A template of one's own may call them otherwise.
    let found = names.iter().position(|name| *name == full);
    let found = found.or_else(|| names.iter().position(|name| name.ends_with(&ending)))?;
    let name = names.remove(found);
    Some(Place { name, siblings: names })
}

fn place_of(scene: &Scene<'_>, repository: &str) -> Result<Place, Problem> {
    repository_in_outputs(scene, repository).ok_or_else(|| {
        let stacks: Vec<String> = scene
            .environment
            .stacks
            .values()
            .filter(|stack| stack.module.value == "ecr")
            .map(|stack| format!("`{}`", stack.name.value))
            .collect();
        Problem::error(
            codes::REPOSITORY_MISSING,
            format!("the repository {} does not exist yet", full_name(scene, repository)),
        )
        .note(format!(
            "the stack {} makes it, and is not deployed with it",
            stacks.join(" or ")
        ))
        .hint(format!("`mlinfra apply {}` first", scene.environment.name))
    })
}

/// Where the image will be once its stack is deployed.
fn would_be(scene: &Scene<'_>, repository: &str) -> String {
    let region = &scene.environment.region.value;
    let suffix = if scene.session.partition() == "aws-cn" {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    };
    format!(
        "{}.dkr.ecr.{region}.{suffix}/{}",
        scene.environment.account.value,
        full_name(scene, repository)
    )
}

fn full_name(scene: &Scene<'_>, repository: &str) -> String {
    let environment = scene.environment;
    format!("{}/{}/{repository}", environment.project.value, environment.name)
}

fn sender<'a>(scene: &Scene<'a>, place: &'a Place) -> Sender<'a> {
    Sender {
        tell: scene.tell,
        workload: &scene.workload.name.value,
        siblings: &place.siblings,
    }
}

fn image_at(repository: &str, package: &Package, tag: &str) -> ImageAt {
    ImageAt {
        reference: format!("{repository}@{}", package.digest),
        digest: package.digest.clone(),
        tag: Some(tag.to_owned()),
        bytes: package.bytes,
        architecture: package.architecture.clone(),
    }
}

fn layout_tag(package: &Package) -> String {
    format!("oci-{}", short(&package.digest, 16))
}

/// The first hexadecimal digits of a digest.
fn short(digest: &str, digits: usize) -> &str {
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    hex.get(..digits).unwrap_or(hex)
}

fn phase(scene: &Scene<'_>, phase: Phase, subject: String) {
    scene.tell.event(Event::Phase {
        workload: scene.name().to_owned(),
        phase,
        subject,
    });
}

/// The problem with the place of the image in the environment file, unless it has one.
fn placed(scene: &Scene<'_>, problem: Problem) -> Problem {
    let is_ours = problem.code.0 / 100 == 15;
    match scene.workload.written.get("image") {
        Some(span) if problem.labels.is_empty() && is_ours => problem.at(span.clone(), ""),
        _ => problem,
    }
}
