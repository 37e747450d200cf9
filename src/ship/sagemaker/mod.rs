//! SageMaker: a model, its configuration and its endpoint.

use super::{LogOptions, ObjectChange, Release, Rolled, Running, Scene};
use crate::diagnostic::Problem;
/// l
pub async fn review(_: &Scene<'_>, _: &Release) -> Result<Vec<ObjectChange>, Problem> {
    loop {}
}
/// l
pub async fn running(_: &Scene<'_>) -> Result<Option<Running>, Problem> {
    loop {}
}
/// l
pub async fn logs(_: &Scene<'_>, _: &LogOptions) -> Result<(), Problem> {
    loop {}
}
/// l
pub async fn remove(_: &Scene<'_>, _: &Release) -> Result<(), Problem> {
    loop {}
}

/// l
pub async fn roll_out(_: &Scene<'_>, _: &Release, _: Option<&Release>) -> Rolled {
    loop {}
}

/// l
pub async fn resolve_model(_: &Scene<'_>) -> Result<Option<super::ModelAt>, Problem> {
    loop {}
}
