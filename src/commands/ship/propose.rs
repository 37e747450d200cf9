//! What shipping would change: looked at, and nothing changed.

use tokio_util::sync::CancellationToken;

use super::release::{Materials, release};
use super::{Dock, platform};
use crate::commands::context::Context;
use crate::commands::error::CommandError;
use crate::commands::status::age;
use crate::diagnostic::{Problem, Problems, codes};
use crate::ship::{Release, Scene, Tell, image, kubernetes, model};
use crate::spec::Workload;
use crate::spec::workload::{Image, Platform};
use crate::state::{self, Shipped};
use crate::view::report::{ImageProposal, ShipPlan, ShipProposal, ShippedReport};
use crate::workload::ecs;

/// How what is proposed would be done.
#[derive(Debug, Clone, Copy, Default)]
pub struct How {
    /// Build images although the registry has one of the same content.
    pub rebuild: bool,
    /// Take over fields that somebody else manages.
    pub take_ownership: bool,
}

/// What shipping `workloads` as the file has them, and taking those of the names `gone` away, would change.
pub async fn plan(
    context: &Context,
    dock: &Dock,
    workloads: &[&Workload],
    gone: &[String],
    how: How,
) -> Result<ShipPlan, CommandError> {
    let mut proposals = Vec::new();
    for workload in workloads {
        proposals.push(context.unless_stopped(proposal(context, dock, workload, how)).await??);
    }
    Ok(ShipPlan {
        gone: gone.to_vec(),
        ..sheet(dock, proposals)
    })
}

/// What going back to the release before would change.
pub async fn back(context: &Context, dock: &Dock, workload: &Workload, how: How) -> Result<ShipPlan, CommandError> {
    let name = &workload.name.value;
    let previous = before(dock, name)?;
    if previous.stack != workload.on.value {
        let message = format!(
            "`{name}` ran on `{}` before, and the file has it on `{}`",
            previous.stack, workload.on.value
        );
        return Err(Problem::error(codes::NOTHING_BEFORE, message)
            .at(workload.on.span.clone(), "")
            .hint("write back what `on` was, and ship it")
            .into());
    }
    let kept = state::release(
        &dock.world.session,
        &dock.world.environment.backend,
        &dock.world.key,
        &previous.release,
    );
    let release = context
        .unless_stopped(kept)
        .await??
        .ok_or_else(|| gone(name, &previous))?;
    let (tell, stop) = (Tell::nobody(), CancellationToken::new());
    let scene = dock.scene(workload, &tell, &stop);
    let serves = served(dock, name).await;
    let reviewed = platform::review(&scene, &release, serves.as_ref(), how.take_ownership);
    let reviewed = context.unless_stopped(reviewed).await?;
    let mut made = ShipProposal {
        workload: name.clone(),
        kind: workload.kind.name(),
        platform: workload.platform,
        stack: workload.on.value.clone(),
        image: ImageProposal {
            source: previous.image.reference.clone(),
            reference: Some(previous.image.reference.clone()),
            digest: Some(previous.image.digest.clone()),
            bytes: Some(previous.image.bytes).filter(|bytes| *bytes > 0),
            architecture: previous.image.architecture.clone(),
            to_build: false,
            pushed: true,
        },
        model: release.model.clone(),
        serving: serving(dock, name).map(|shipped| report_of(dock, &shipped)),
        objects: None,
        notes: Vec::new(),
        problems: Problems::default(),
    };
    add_review(&mut made, reviewed);
    Ok(sheet(dock, vec![made]))
}

/// The release that served before the one that serves.
pub fn before(dock: &Dock, workload: &str) -> Result<Shipped, Problem> {
    let state = dock.state();
    let known = state.workloads.get(workload);
    known.and_then(|known| known.previous.clone()).ok_or_else(|| {
        let environment = &dock.world.environment.name;
        Problem::error(
            codes::NOTHING_BEFORE,
            format!("`{workload}` has nothing to go back to: no release of it was ever replaced in {environment}"),
        )
        .hint(format!(
            "`mlinfra workloads {environment}` shows what runs and what ran before"
        ))
    })
}

/// The problem of a release that is recorded and no longer kept.
pub fn gone(workload: &str, shipped: &Shipped) -> Problem {
    Problem::error(
        codes::RELEASE_GONE,
        format!("the release of `{workload}` that is to be put back is no longer in the state bucket"),
    )
    .note(format!(
        "it is releases/{}.json, shipped {} by {}",
        shipped.release, shipped.at, shipped.actor
    ))
    .hint("the bucket is versioned: restore the object; or check out the commit and ship it")
}

fn sheet(dock: &Dock, workloads: Vec<ShipProposal>) -> ShipPlan {
    ShipPlan {
        project: dock.world.environment.project.value.clone(),
        environment: dock.world.environment.name.clone(),
        account: dock.world.session.account.clone(),
        region: dock.world.session.region.clone(),
        workloads,
        gone: Vec::new(),
    }
}

async fn proposal(context: &Context, dock: &Dock, workload: &Workload, how: How) -> Result<ShipProposal, CommandError> {
    let (tell, stop) = (Tell::nobody(), CancellationToken::new());
    let scene = dock.scene(workload, &tell, &stop);
    let mut made = ShipProposal {
        workload: workload.name.value.clone(),
        kind: workload.kind.name(),
        platform: workload.platform,
        stack: workload.on.value.clone(),
        image: unlooked(workload),
        model: None,
        serving: serving(dock, &workload.name.value).map(|shipped| report_of(dock, &shipped)),
        objects: None,
        notes: match workload.platform {
            Platform::Ecs => {
                let given = dock.outputs.get(&workload.on.value);
                ecs::notes(&dock.world.environment, workload, given)
            }
            Platform::Eks | Platform::SageMaker => Vec::new(),
        },
        problems: Problems::default(),
    };
    if !dock.outputs.contains_key(&workload.on.value) {
        let stack = &workload.on.value;
        made.problems.push(Problem::warning(
            codes::NOT_DEPLOYED,
            format!("the stack `{stack}` is not deployed yet: image and model are looked at once it is, and all would be made"),
        ));
        return Ok(made);
    }
    let mut materials = Materials {
        commit: context.commit(),
        ..Materials::default()
    };
    match image::look(&scene, &super::image_options(context, how.rebuild)).await {
        Ok(known) => materials.image = look_at(&mut made.image, known),
        Err(problem) => made.problems.push(problem),
    }
    match model::look(&scene).await {
        Ok(model) => materials.model = model,
        Err(problem) => made.problems.push(problem),
    }
    made.model.clone_from(&materials.model);
    match release(dock, workload, &materials) {
        Ok(release) => {
            let serving = served(dock, &workload.name.value).await;
            let reviewed = platform::review(&scene, &release, serving.as_ref(), how.take_ownership).await;
            add_review(&mut made, reviewed);
            made.problems.extend(no_such_node(&scene).await);
        }
        Err(problems) => made.problems.extend(problems),
    }
    Ok(made)
}

/// The release that serves, in full; none where it cannot be read, since then what it made is found by its labels.
async fn served(dock: &Dock, workload: &str) -> Option<Release> {
    let on = dock.world.environment.workloads.get(workload)?;
    // What runs elsewhere is nothing to compare with.
    let shipped = serving(dock, workload).filter(|shipped| shipped.stack == on.on.value)?;
    let (session, backend) = (&dock.world.session, &dock.world.environment.backend);
    state::release(session, backend, &dock.world.key, &shipped.release)
        .await
        .ok()?
}

/// A warning if the cluster has nodes, and none that could run the image. One may still come: what makes nodes decides.
async fn no_such_node(scene: &Scene<'_>) -> Problems {
    let architecture = scene.workload.architecture.oci();
    if scene.workload.platform != Platform::Eks {
        return Problems::default();
    }
    // Whoever may not list nodes has no warning less for it.
    let Ok(nodes) = kubernetes::architectures(scene).await else {
        return Problems::default();
    };
    if nodes.is_empty() || nodes.contains_key(architecture) {
        return Problems::default();
    }
    let there: Vec<String> = nodes
        .iter()
        .map(|(architecture, count)| format!("{count} x {architecture}"))
        .collect();
    let message = format!(
        "`{}` is for {architecture}, and the cluster has no such node: {}",
        scene.name(),
        there.join(", ")
    );
    let warning = Problem::warning(codes::WRONG_ARCHITECTURE, message)
        .note("it is fine if a node pool makes one when a pod asks for it")
        .hint("`architecture` of the workload names the processor");
    Problems(vec![warning])
}

fn add_review(proposal: &mut ShipProposal, reviewed: Result<Vec<crate::ship::ObjectChange>, Problem>) {
    match reviewed {
        Ok(objects) => proposal.objects = Some(objects),
        Err(problem) => proposal.problems.push(problem),
    }
}

fn look_at(proposal: &mut ImageProposal, known: image::Known) -> Option<crate::ship::ImageAt> {
    match known {
        image::Known::There(ref image) | image::Known::ToSend(ref image) => {
            proposal.reference = Some(image.reference.clone());
            proposal.digest = Some(image.digest.clone());
            proposal.bytes = Some(image.bytes).filter(|bytes| *bytes > 0);
            proposal.architecture.clone_from(&image.architecture);
            proposal.to_build = false;
            proposal.pushed = matches!(known, image::Known::There(_));
            Some(image.clone())
        }
        image::Known::ToBuild { repository, tag } => {
            proposal.reference = Some(format!("{repository}:{tag}"));
            None
        }
    }
}

fn unlooked(workload: &Workload) -> ImageProposal {
    let (source, to_build) = match &workload.image {
        Image::Context { context, .. } => (format!("context {context}"), true),
        Image::Layout { layout, .. } => (format!("layout {layout}"), false),
        Image::Reference(reference) => (reference.clone(), false),
    };
    ImageProposal {
        source,
        reference: None,
        digest: None,
        bytes: None,
        architecture: workload.architecture.oci().to_owned(),
        to_build,
        pushed: false,
    }
}

fn serving(dock: &Dock, workload: &str) -> Option<Shipped> {
    dock.state().workloads.get(workload)?.serving.clone()
}

/// A shipped version as it is shown.
pub fn report_of(dock: &Dock, shipped: &Shipped) -> ShippedReport {
    ShippedReport {
        image: shipped.image.reference.clone(),
        model: shipped.model.clone(),
        commit: shipped.commit.clone(),
        at: shipped.at.clone(),
        age: age(&dock.world, &shipped.at),
        actor: shipped.actor.clone(),
        release: shipped.release.clone(),
    }
}
