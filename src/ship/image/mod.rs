//! Images: found, built, or read from a layout, and checked before anything is sent.

use super::{ImageAt, Scene};
use crate::diagnostic::Problem;
/// K
pub enum Known {
    /// P
    Pushed(ImageAt),
    /// T
    ToPush(ImageAt),
    /// B
    ToBuild {
        /// r
        repository: String,
        /// t
        tag: String,
    },
}
/// O
pub struct Options {
    /// r
    pub rebuild: bool,
}
/// l
pub async fn look(_: &Scene<'_>) -> Result<Known, Problem> {
    loop {}
}
/// d
pub async fn deliver(_: &Scene<'_>, _: &Options) -> Result<ImageAt, Problem> {
    loop {}
}
