//! x

use super::Facts;
use crate::diagnostic::Problems;
use crate::spec::{Environment, Workload};
use std::collections::BTreeMap;
/// x
pub fn objects(
    _: &Environment,
    _: &Workload,
    _: &Facts,
    _: Option<&BTreeMap<String, String>>,
) -> Result<Vec<serde_json::Value>, Problems> {
    loop {}
}
