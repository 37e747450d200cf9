//! Why a registry did not do what was asked, with what to do about it.

use http::StatusCode;

use super::access::Access;
use super::{Purpose, Repository};
use crate::aws::error::{AwsError, Kind};
use crate::diagnostic::{Problem, codes};

/// What pushing needs ("IAM permissions for pushing an image to an Amazon ECR private repository").
const TO_PUSH: &str = "ecr:GetAuthorizationToken on *; ecr:BatchCheckLayerAvailability, ecr:InitiateLayerUpload, \
                       ecr:UploadLayerPart, ecr:CompleteLayerUpload, ecr:PutImage, ecr:BatchGetImage and \
                       ecr:GetDownloadUrlForLayer on the repository";
/// What looking an image up needs.
const TO_PULL: &str = "ecr:GetAuthorizationToken on *; ecr:BatchGetImage, ecr:GetDownloadUrlForLayer and \
                       ecr:BatchCheckLayerAvailability on the repository";

/// No login to ECR.
pub(super) fn no_login(error: &AwsError) -> Problem {
    let problem = error.problem();
    match error.kind {
        Kind::Denied => problem.hint(format!("shipping an image needs {TO_PUSH}")),
        _ => problem,
    }
}

/// No certificates to check a registry's by.
pub(super) fn no_certificates(error: &(dyn std::error::Error + 'static)) -> Problem {
    Problem::error(
        codes::REGISTRY_UNREACHABLE,
        "the system's certificates cannot be read, so no registry can be trusted",
    )
    .note(error.to_string())
    .hint("install the package `ca-certificates`, or set SSL_CERT_FILE")
}

impl Repository {
    fn is_ecr(&self) -> bool {
        matches!(self.access, Access::Ecr(_))
    }

    /// The registry gives no access.
    pub(super) fn denied(&self, said: &str) -> Problem {
        let to = match self.purpose {
            Purpose::Push => "to push to",
            Purpose::Pull => "to look into",
        };
        let problem = Problem::error(
            codes::REGISTRY_DENIED,
            format!("{} does not allow {to} {}", self.host, self.name),
        );
        let problem = match said {
            "" => problem,
            said => problem.note(format!("the registry says: {said}")),
        };
        if self.is_ecr() {
            let needed = match self.purpose {
                Purpose::Push => TO_PUSH,
                Purpose::Pull => TO_PULL,
            };
            return problem
                .hint(format!("the role needs {needed}"))
                .hint("a repository of another account also has to allow it in its repository policy");
        }
        let found = match &self.access {
            Access::Docker(keeper) => keeper.found(),
            Access::Ecr(_) => None,
        };
        let in_vain = found.filter(|login| login.basic.is_none());
        match in_vain.map(|login| &login.trouble) {
            Some(Some(trouble)) => {
                let problem = problem.note(format!("it was asked as nobody: {}", trouble.message));
                let problem = trouble.notes.iter().cloned().fold(problem, Problem::note);
                trouble.hints.iter().cloned().fold(problem, Problem::hint)
            }
            Some(None) => problem
                .hint(format!(
                    "log in with `docker login {}` if the image is not public",
                    self.host
                ))
                .note("Docker's configuration file and its credential helpers have no login for it"),
            None => problem
                .hint(format!("log in again with `docker login {}`", self.host))
                .hint("or copy the image to a repository of the `ecr` stack"),
        }
    }

    /// The repository to push to is not there.
    pub(super) fn repository_missing(&self) -> Problem {
        Problem::error(
            codes::REPOSITORY_MISSING,
            format!("{} has no repository {}", self.host, self.name),
        )
        .note("the `ecr` stack that lists it in `repositories` makes it; pushing makes none")
        .hint("`mlinfra apply` the environment first; `mlinfra plan` shows whether the repository would be made")
    }

    /// Nothing came of it, however often it was tried.
    pub(super) fn failed(&self, tries: u32, why: &str) -> Problem {
        Problem::error(
            codes::REGISTRY_UNREACHABLE,
            format!("{} did not do what was asked in {tries} attempts", self.host),
        )
        .note(format!("at last: {why}"))
        .note("what was sent whole stays there and is not sent again")
        .hint("repeat the command; if it happens again, check the network and HTTPS_PROXY")
    }

    /// The registry refuses, and will again.
    pub(super) fn refused(&self, what: &str, status: Option<StatusCode>, said: &str) -> Problem {
        let problem = Problem::error(
            codes::REGISTRY_REFUSED,
            format!("{} refuses {what} in {}", self.host, self.name),
        );
        let problem = match status {
            Some(status) => problem.note(format!("it answers {status} {said}").trim_end().to_owned()),
            None => problem.note(said),
        };
        match status {
            Some(StatusCode::PAYLOAD_TOO_LARGE) => {
                problem.hint("make the layer smaller: ECR takes layers of 52,000 MiB at most, other registries less")
            }
            Some(_) if said.to_ascii_lowercase().contains("limit") => problem.hint(
                "delete images that nothing runs, keep fewer (`keep_images` of the `ecr` stack), or ask for a higher quota",
            ),
            _ => problem,
        }
    }

    /// A tag that cannot be moved names another image.
    pub(super) fn tag_taken(&self, tag: &str, there: Option<&str>, meant: &str) -> Problem {
        let problem = Problem::error(
            codes::TAG_TAKEN,
            format!("the tag {tag} of {} names another image and cannot be moved", self.name),
        )
        .note(format!("it was to name {meant}"));
        let problem = match there {
            Some(there) => problem.note(format!("it names {there}")),
            None => problem,
        };
        problem.hint("`immutable_tags = false` of the `ecr` stack lets tags move; or delete the tag there and repeat the command")
    }

    /// What is there is not what was meant.
    pub(super) fn differs(&self, meant: &str, there: Option<&str>) -> Problem {
        let problem = Problem::error(
            codes::PUSH_DIFFERS,
            format!("{} does not hold what it was given", self.path()),
        )
        .note(format!("it should be {meant}"));
        let problem = match there {
            Some(there) => problem.note(format!("it is {there}")),
            None => problem.note("there is nothing"),
        };
        problem.hint("repeat the command; if it happens again, look for a proxy or cache between here and the registry")
    }

    /// A document that is none.
    pub(super) fn unreadable(&self, reference: &str, error: &serde_json::Error) -> Problem {
        Problem::error(
            codes::REGISTRY_REFUSED,
            format!("what {} gives for {reference} is not an image", self.path()),
        )
        .note(error.to_string())
        .hint("look at it with `skopeo inspect`, or push it again")
    }

    /// The run is stopped.
    pub(super) fn interrupted(&self) -> Problem {
        Problem::error(
            codes::INTERRUPTED,
            format!("interrupted while at work with {}", self.host),
        )
        .note("nothing that runs was changed")
        .hint("repeat the command: layers that arrived are not sent again")
    }
}
