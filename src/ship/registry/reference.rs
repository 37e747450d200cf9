//! References to images: `HOST/PATH:TAG`, `HOST/PATH@sha256:…`, and what Docker reads into one without a host.

/// Docker's own registry, as a reference names it, and the host that answers for it (`distribution/reference`).
const HUB: &str = "docker.io";
const HUB_HOST: &str = "registry-1.docker.io";

/// A reference, taken apart and completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The registry as it is written: `docker.io` where none is.
    pub host: String,
    /// The path: `library/ubuntu`.
    pub repository: String,
    /// The tag; `latest` where neither tag nor digest is written.
    pub tag: Option<String>,
    /// The digest.
    pub digest: Option<String>,
}

impl Reference {
    /// Takes `text` apart; its form was checked when the environment was read.
    pub fn read(text: &str) -> Self {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.to_owned())),
            None => (text, None),
        };
        let path_begins = rest.rfind('/').map_or(0, |at| at + 1);
        let last = rest.get(path_begins..).unwrap_or_default();
        let (name, tag) = match last.find(':') {
            Some(at) => rest.split_at(path_begins + at),
            None => (rest, ""),
        };
        let tag = match tag.strip_prefix(':') {
            Some(tag) => Some(tag.to_owned()),
            None if digest.is_none() => Some("latest".to_owned()),
            None => None,
        };
        let (host, path) = match name.split_once('/') {
            Some((first, path)) if first.contains(['.', ':']) || first == "localhost" => (first, path),
            _ => (HUB, name),
        };
        let host = if host == "index.docker.io" { HUB } else { host };
        let repository = if host == HUB && !path.contains('/') {
            format!("library/{path}")
        } else {
            path.to_owned()
        };
        Self {
            host: host.to_owned(),
            repository,
            tag,
            digest,
        }
    }

    /// What a manifest is asked for by: the digest if there is one.
    pub fn wanted(&self) -> &str {
        let digest = self.digest.as_deref().or(self.tag.as_deref());
        digest.unwrap_or("latest")
    }

    /// `HOST/PATH@DIGEST`.
    pub fn pinned(&self, digest: &str) -> String {
        format!("{}/{}@{digest}", self.host, self.repository)
    }

    /// The URL of the registry. On this machine a registry needs no certificate, as for Docker.
    pub fn base(&self) -> String {
        let host = if self.host == HUB { HUB_HOST } else { &self.host };
        let scheme = if is_here(host) { "http" } else { "https" };
        format!("{scheme}://{host}")
    }

    /// The region of a registry of ECR; none of any other registry.
    pub fn ecr_region(&self) -> Option<&str> {
        let (_, after) = self.host.split_once(".dkr.ecr")?;
        let after = after.strip_prefix("-fips").unwrap_or(after);
        let (region, suffix) = after.strip_prefix('.')?.split_once('.')?;
        suffix.starts_with("amazonaws.com").then_some(region)
    }
}

impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

/// Whether a host, with or without a port, is this machine.
pub(super) fn is_here(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name == "localhost" || name == "[::1]" || name.starts_with("127.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_completed_as_docker_completes_it() {
        let read = |text: &str| Reference::read(text).to_string();
        assert_eq!(read("ubuntu"), "docker.io/library/ubuntu:latest");
        assert_eq!(read("acme/scorer:2"), "docker.io/acme/scorer:2");
        assert_eq!(read("localhost/scorer"), "localhost/scorer:latest");
        assert_eq!(read("127.0.0.1:5000/a/b:c"), "127.0.0.1:5000/a/b:c");
        let digest = format!("sha256:{}", "0".repeat(64));
        assert_eq!(
            read(&format!("ghcr.io/acme/scorer@{digest}")),
            format!("ghcr.io/acme/scorer@{digest}")
        );
        assert_eq!(Reference::read("ghcr.io/a/b").base(), "https://ghcr.io");
        assert_eq!(Reference::read("b").base(), "https://registry-1.docker.io");
        assert_eq!(Reference::read("127.0.0.1:5000/a/b").base(), "http://127.0.0.1:5000");
    }

    #[test]
    fn registries_of_ecr_are_known_by_their_hosts() {
        let region = |text: &str| Reference::read(text).ecr_region().map(str::to_owned);
        let host = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";
        assert_eq!(region(&format!("{host}/a")).as_deref(), Some("eu-west-1"));
        assert_eq!(region(&format!("{host}.cn/a")).as_deref(), Some("eu-west-1"));
        assert_eq!(region("public.ecr.aws/a/b"), None);
        assert_eq!(region("x.dkr.ecr.example.com/a"), None);
    }
}
