//! Registries: where images are pushed to and pulled from, in the protocol of the OCI distribution specification.
//!
//! A client of our own, and a thin one, on [`Http`]: it reaches the sandbox without a socket, counts bytes as they leave,
//! and knows what ECR does otherwise. Every request has a deadline, and what fails for a while is tried again
//! ([`call`]); [`push`] sends an image, [`access`] logs in, and `problem` says why it did not work.

pub mod access;
mod body;
mod call;
mod docker;
pub mod manifest;
mod problem;
pub mod push;
pub mod reference;

#[cfg(test)]
mod tests;

use std::path::Path;

use http::{Method, StatusCode, header};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use self::access::{Access, Token};
use self::call::{Answer, Ask};
use self::manifest::{Config, DOCKER_LIST, DOCKER_MANIFEST, Descriptor, Manifest, OCI_INDEX, OCI_MANIFEST, digest_of};
use self::reference::Reference;
use super::Scene;
use crate::aws::ecr;
use crate::aws::http::Http;
use crate::aws::session::{Endpoint, Session};
use crate::clock::Clock;
use crate::diagnostic::Problem;

/// The largest manifest or configuration that is read; ECR takes manifests of 4 MiB at most.
const MAX_DOCUMENT: usize = 8 * 1024 * 1024;

/// One repository of a registry.
pub struct Repository {
    http: Http,
    /// The registry's URL, without a slash at its end.
    base: String,
    /// The registry as references name it.
    host: String,
    /// The repository's path.
    name: String,
    purpose: Purpose,
    access: Access,
    token: Mutex<Token>,
    /// What waits between attempts wait by.
    clock: Clock,
    stop: CancellationToken,
}

/// What a repository is opened for; it decides which rights are named when they are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// An image is sent.
    Push,
    /// An image is looked up.
    Pull,
}

/// A manifest as a registry gave it.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// Its digest.
    pub digest: String,
    /// What it says.
    pub manifest: Manifest,
}

impl Repository {
    /// A repository of the account's registry, to push to. The registry is where its login says.
    ///
    /// # Errors
    /// When there is no login to be had.
    pub async fn own(scene: &Scene<'_>, name: &str) -> Result<Self, Problem> {
        let login = ecr::login(scene.session)
            .await
            .map_err(|error| problem::no_login(&error))?;
        let token = Token::of(&login);
        let access = Access::Ecr(scene.session.clone());
        let parts = (login.endpoint.as_str(), name, Purpose::Push);
        Ok(Self::at(
            reach(scene.session)?,
            parts,
            (access, token),
            clock_for(scene.session, &login.endpoint),
            scene.stop.clone(),
        ))
    }

    /// The repository of a reference, to look an image up: with the account's login if it is ECR's, otherwise with what
    /// Docker holds for its registry, or as nobody.
    ///
    /// # Errors
    /// When there is no login to be had for ECR.
    pub async fn of(scene: &Scene<'_>, reference: &Reference, docker_config: Option<&Path>) -> Result<Self, Problem> {
        let http = reach(scene.session)?;
        let base = reference.base();
        // What stands for AWS may have its registry on this machine.
        let on_this_machine = !matches!(scene.session.endpoint, Endpoint::Aws) && reference::is_here(&reference.host);
        if reference.ecr_region().is_some() || on_this_machine {
            let login = ecr::login(scene.session).await;
            let login = login.map_err(|error| problem::no_login(&error))?;
            if reference.ecr_region().is_some() || login.endpoint == base {
                let access = (Access::Ecr(scene.session.clone()), Token::of(&login));
                let clock = clock_for(scene.session, &base);
                let parts = (base.as_str(), reference.repository.as_str(), Purpose::Pull);
                let mut opened = Self::at(http, parts, access, clock, scene.stop.clone());
                opened.host.clone_from(&reference.host);
                return Ok(opened);
            }
        }
        let access = Access::Docker(docker::Keeper::new(docker_config, &reference.host));
        let clock = clock_for(scene.session, &base);
        let parts = (base.as_str(), reference.repository.as_str(), Purpose::Pull);
        let mut opened = Self::at(http, parts, (access, Token::default()), clock, scene.stop.clone());
        opened.host.clone_from(&reference.host);
        Ok(opened)
    }

    fn at(
        http: Http,
        (base, name, purpose): (&str, &str, Purpose),
        (access, token): (Access, Token),
        clock: Clock,
        stop: CancellationToken,
    ) -> Self {
        let host = base.split_once("://").map_or(base, |(_, host)| host);
        Self {
            http,
            base: base.to_owned(),
            host: host.to_owned(),
            name: name.to_owned(),
            purpose,
            access,
            token: Mutex::new(token),
            clock,
            stop,
        }
    }

    /// `HOST/PATH`.
    pub fn path(&self) -> String {
        format!("{}/{}", self.host, self.name)
    }

    /// `HOST/PATH@DIGEST`.
    pub fn pinned(&self, digest: &str) -> String {
        format!("{}@{digest}", self.path())
    }

    /// The manifest or index under a tag or digest; none if there is none.
    ///
    /// # Errors
    /// A registry that cannot be reached or refuses; a repository to push to that is not there; a document that is none.
    pub async fn manifest(&self, reference: &str) -> Result<Option<Fetched>, Problem> {
        let accept = [OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST].join(", ");
        let url = self.url(&format!("manifests/{reference}"));
        let answer = self
            .call(&Ask::new(Method::GET, url).header(header::ACCEPT, accept))
            .await?;
        if answer.status == StatusCode::NOT_FOUND {
            return match answer.refusal().code.as_str() {
                "NAME_UNKNOWN" if self.purpose == Purpose::Push => Err(self.repository_missing()),
                _ => Ok(None),
            };
        }
        self.fine(&answer)?;
        let digest = digest_of(&answer.body);
        if reference.starts_with("sha256:") && reference != digest {
            return Err(self.differs(reference, Some(&digest)));
        }
        let manifest = serde_json::from_slice(&answer.body).map_err(|error| self.unreadable(reference, &error))?;
        Ok(Some(Fetched { digest, manifest }))
    }

    /// The digest under a tag or digest, without what it stands for; none if there is none.
    async fn digest(&self, reference: &str) -> Result<Option<String>, Problem> {
        // A HEAD would do, and not every registry gives the digest with it.
        Ok(self.manifest(reference).await?.map(|fetched| fetched.digest))
    }

    /// The configuration of a manifest.
    ///
    /// # Errors
    /// A registry that cannot be reached or refuses; a document that is none.
    pub async fn config(&self, descriptor: &Descriptor) -> Result<Config, Problem> {
        let mut url = self.url(&format!("blobs/{}", descriptor.digest));
        // Blobs are often somewhere else: ECR's are in S3.
        for _ in 0..4 {
            let answer = self.call(&Ask::new(Method::GET, url.clone())).await?;
            match answer.location().filter(|_| answer.status.is_redirection()) {
                Some(location) => url = self.resolve(&location),
                None => {
                    self.fine(&answer)?;
                    let digest = digest_of(&answer.body);
                    if digest != descriptor.digest {
                        return Err(self.differs(&descriptor.digest, Some(&digest)));
                    }
                    let read = serde_json::from_slice(&answer.body);
                    return read.map_err(|error| self.unreadable(&descriptor.digest, &error));
                }
            }
        }
        Err(self.refused("reading a configuration", None, "it is redirected again and again"))
    }

    /// `BASE/v2/NAME/REST`.
    fn url(&self, rest: &str) -> String {
        format!("{}/v2/{}/{rest}", self.base, self.name)
    }

    /// A `Location`, which may be relative.
    fn resolve(&self, location: &str) -> String {
        if location.contains("://") {
            return location.to_owned();
        }
        let slash = if location.starts_with('/') { "" } else { "/" };
        format!("{}{slash}{location}", self.base)
    }

    /// Nothing, if an answer is one of success.
    fn fine(&self, answer: &Answer) -> Result<(), Problem> {
        if answer.status.is_success() {
            return Ok(());
        }
        let refusal = answer.refusal();
        Err(self.refused("reading", Some(answer.status), &refusal.to_string()))
    }
}

fn reach(session: &Session) -> Result<Http, Problem> {
    Http::of(session).map_err(|error| problem::no_certificates(error.as_ref()))
}

/// In the sandbox time runs as its clock says; a registry outside of it knows nothing of that.
fn clock_for(session: &Session, base: &str) -> Clock {
    if base.contains(".amazonaws.com") {
        session.clock
    } else {
        Clock::real()
    }
}
