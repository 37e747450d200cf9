//! Kubernetes: a release applied, watched, explained and put back.

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

/// A
pub struct Apply {
    /// f
    pub force: bool,
}
/// l
pub async fn roll_out(_: &Scene<'_>, _: &Release, _: Option<&Release>, _: &Apply) -> Rolled {
    loop {}
}
/// p
pub async fn port_forward(_: &Scene<'_>, _: u16, _: u16, _: impl FnOnce(std::net::SocketAddr)) -> Result<(), Problem> {
    loop {}
}
