//! Which room does what for a workload: the one of the platform that it runs on.

use crate::diagnostic::Problem;
use crate::ship::{LogOptions, ObjectChange, Release, Rolled, Running, Scene, ecs, kubernetes, sagemaker};
use crate::spec::workload::Platform;

/// What rolling `release` out in place of `serving` would change.
pub async fn review(
    scene: &Scene<'_>,
    release: &Release,
    serving: Option<&Release>,
    take_ownership: bool,
) -> Result<Vec<ObjectChange>, Problem> {
    match scene.workload.platform {
        Platform::Eks => kubernetes::review(scene, release, serving, apply(take_ownership)).await,
        Platform::Ecs => ecs::review(scene, release, serving).await,
        Platform::SageMaker => sagemaker::review(scene, release, serving).await,
    }
}

/// Rolls `release` out in place of `serving`.
pub async fn roll_out(scene: &Scene<'_>, release: &Release, serving: Option<&Release>, take_ownership: bool) -> Rolled {
    match scene.workload.platform {
        Platform::Eks => kubernetes::roll_out(scene, release, serving, apply(take_ownership)).await,
        Platform::Ecs => ecs::roll_out(scene, release, serving).await,
        Platform::SageMaker => sagemaker::roll_out(scene, release, serving).await,
    }
}

/// What runs of a workload; none if nothing does.
pub async fn running(scene: &Scene<'_>) -> Result<Option<Running>, Problem> {
    match scene.workload.platform {
        Platform::Eks => kubernetes::running(scene).await,
        Platform::Ecs => ecs::running(scene).await,
        Platform::SageMaker => sagemaker::running(scene).await,
    }
}

/// Tells the lines that a workload's containers print.
pub async fn logs(scene: &Scene<'_>, options: &LogOptions) -> Result<(), Problem> {
    match scene.workload.platform {
        Platform::Eks => kubernetes::logs(scene, options).await,
        Platform::Ecs => ecs::logs(scene, options).await,
        Platform::SageMaker => sagemaker::logs(scene, options).await,
    }
}

/// Takes away everything that `release` made.
pub async fn remove(scene: &Scene<'_>, release: &Release) -> Result<(), Problem> {
    match scene.workload.platform {
        Platform::Eks => kubernetes::remove(scene, release).await,
        Platform::Ecs => ecs::remove(scene, release).await.map(drop),
        Platform::SageMaker => sagemaker::remove(scene, release).await,
    }
}

fn apply(take_ownership: bool) -> kubernetes::Apply {
    kubernetes::Apply { force: take_ownership }
}
