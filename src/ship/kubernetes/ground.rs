//! What all parts of a rollout on one cluster need.

use serde_json::Value as Json;
use tokio_util::sync::CancellationToken;

use super::api::{Api, ApiError};
use super::cluster::Cluster;
use super::finding::About;
use super::kind::{Address, address};
use super::problem;
use super::read::{label, text};
use crate::diagnostic::{Problem, codes};
use crate::ship::{Event, Release, Scene, Tell};

/// The workload, its cluster, and who listens.
#[derive(Clone, Copy)]
pub(super) struct Ground<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) project: &'a str,
    pub(super) environment: &'a str,
    pub(super) workload: &'a str,
    /// The namespace of the workload, as the environment's file has it.
    pub(super) namespace: &'a str,
    pub(super) tell: &'a Tell,
    pub(super) stop: &'a CancellationToken,
}

impl<'a> Ground<'a> {
    pub(super) fn of(scene: &Scene<'a>, cluster: &'a Cluster) -> Self {
        Self {
            cluster,
            project: &scene.environment.project.value,
            environment: &scene.environment.name,
            workload: &scene.workload.name.value,
            namespace: &scene.workload.namespace,
            tell: scene.tell,
            stop: scene.stop,
        }
    }

    pub(super) fn api(&self) -> &'a Api {
        &self.cluster.api
    }

    /// What picks the objects of this workload out of all others.
    pub(super) fn selector(&self) -> String {
        format!(
            "mlinfra/project={},mlinfra/environment={},mlinfra/workload={}",
            self.project, self.environment, self.workload
        )
    }

    /// Whether an object is this workload's own, and no other's.
    pub(super) fn owns(&self, object: &Json) -> bool {
        label(object, "mlinfra/project") == self.project
            && label(object, "mlinfra/environment") == self.environment
            && label(object, "mlinfra/workload") == self.workload
    }

    /// Where the objects of `release` belong.
    pub(super) async fn placed(&self, release: &'a Release) -> Result<Vec<Placed<'a>>, Problem> {
        let mut placed = Vec::new();
        for object in &release.objects {
            let at = address(self.api(), object)
                .await
                .map_err(|error| self.unasked(object, &error))?;
            placed.push(Placed { at, object });
        }
        Ok(placed)
    }

    fn unasked(&self, object: &Json, error: &ApiError) -> Problem {
        Problem::error(
            codes::CLUSTER_UNREACHABLE,
            format!(
                "`{}`: the cluster does not say what {} of {} is",
                self.workload,
                text(object, "/kind"),
                text(object, "/apiVersion")
            ),
        )
        .note(error.to_string())
        .hint("run the same command again: it goes on from where it was")
    }

    /// What problems name beside what was found.
    pub(super) fn about(&self, release: &'a Release, at: &'a Address) -> About<'a> {
        About {
            environment: self.environment,
            workload: self.workload,
            namespace: at.namespace.as_deref().unwrap_or(self.namespace),
            image: &release.image.reference,
            architecture: &release.image.architecture,
        }
    }

    pub(super) fn tell(&self, event: Event) {
        self.tell.event(event);
    }

    /// The problem of a call that failed, whatever it was about.
    pub(super) fn failed(&self, what: &str, error: &ApiError) -> Problem {
        if error.status().is_some_and(|status| status == 403) {
            return Problem::error(codes::CLUSTER_DENIES, format!("`{}`: you may not see {what}", self.workload))
                .note(error.to_string())
                .hint("your role has to be among those that may: `viewer_role_arns`, `editor_role_arns` or `admin_role_arns` of the eks stack");
        }
        Problem::error(
            codes::CLUSTER_UNREACHABLE,
            format!(
                "`{}`: {what} cannot be read from cluster {}",
                self.workload, self.cluster.name
            ),
        )
        .note(error.to_string())
        .hint("repeat the command; if it happens again, check the network and the cluster")
    }

    /// The problem of a run that was interrupted.
    pub(super) fn stopped(&self) -> Problem {
        Problem::error(
            codes::INTERRUPTED,
            format!("`{}`: the rollout was interrupted", self.workload),
        )
        .hint(format!("mlinfra ship {} {}", self.environment, self.workload))
    }
}

/// An object and where it belongs.
#[derive(Debug, Clone)]
pub(super) struct Placed<'a> {
    pub(super) at: Address,
    pub(super) object: &'a Json,
}

impl Placed<'_> {
    pub(super) fn is(&self, kind: &str) -> bool {
        self.at.kind == kind
    }

    pub(super) fn refused(&self, error: &ApiError) -> Problem {
        problem::refused(&self.at, error)
    }
}
