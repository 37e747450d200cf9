//! What a cluster has for all its workloads: node pools and storage classes, which its stack writes down in Parameter
//! Store because CloudFormation cannot make objects of Kubernetes.

use serde_json::Value as Json;

use super::api::{How, MANAGER};
use super::cluster::Cluster;
use super::kind::address;
use super::problem;
use crate::aws::ssm;
use crate::diagnostic::Problem;
use crate::ship::Scene;

/// Applies the cluster's own objects, if its stack has any. What the cluster has no kind for yet is left out and told.
///
/// # Errors
/// An object that the cluster refuses.
pub(super) async fn apply(scene: &Scene<'_>, cluster: &Cluster) -> Result<(), Problem> {
    let Some(path) = scene.output("manifests_path") else {
        return Ok(());
    };
    let parameters = match ssm::below(scene.session, path).await {
        Ok(parameters) => parameters,
        // The workload may do without; if it does not, it is said where it stands.
        Err(error) => {
            scene.tell.note(format!(
                "node pools and storage classes below {path} are not looked at: {error}"
            ));
            return Ok(());
        }
    };
    for (name, value) in parameters {
        match serde_json::from_str::<Json>(&value) {
            Ok(object) => one(scene, cluster, &object).await?,
            Err(error) => scene.tell.note(format!("the parameter {name} is no manifest: {error}")),
        }
    }
    Ok(())
}

async fn one(scene: &Scene<'_>, cluster: &Cluster, object: &Json) -> Result<(), Problem> {
    let at = match address(&cluster.api, object).await {
        Ok(at) => at,
        Err(error) => {
            scene.tell.note(format!("a cluster's object is left out: {error}"));
            return Ok(());
        }
    };
    let how = How {
        dry: false,
        force: false,
        manager: MANAGER,
    };
    match cluster.api.apply(&at, object, how).await {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.status(), Some(403 | 404 | 409)) => {
            let why = problem::refused(&at, &error);
            let note = why.notes.first().cloned().unwrap_or_default();
            scene.tell.note(format!("left as it is: {} ({note})", why.message));
            Ok(())
        }
        Err(error) => Err(problem::refused(&at, &error)),
    }
}
