//! Sending an image: what the registry has is left, the rest goes in single requests, side by side; then the manifest,
//! and a look at what is there now.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, StreamExt, TryStreamExt};
use http::{Method, StatusCode, header};

use super::Repository;
use super::body::{Attempt, Progress};
use super::call::{Answer, Ask, Failure};
use super::manifest::{Blob, Package};
use crate::diagnostic::Problem;
use crate::ship::event::Tell;

/// How many blobs are on their way at the same time.
const SIDE_BY_SIDE: usize = 4;
/// From which size on it is worth asking other repositories for a layer, in bytes.
const WORTH_MOUNTING: u64 = 1024 * 1024;
/// How many other repositories are asked.
const MOST_SIBLINGS: usize = 4;
/// How often all is looked over again when the registry misses what it said that it had.
const ROUNDS: usize = 3;

/// Who wants an image pushed.
#[derive(Clone, Copy)]
pub struct Sender<'a> {
    /// Who is told how far it is.
    pub tell: &'a Tell,
    /// The workload.
    pub workload: &'a str,
    /// Other repositories of the registry, whose layers may be used.
    pub siblings: &'a [String],
}

/// How a push ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    /// The tag names the image.
    Done,
    /// The tag names another one, of this digest, and cannot be moved. The image is not tagged.
    Taken(String),
}

impl Repository {
    /// Sends `package` and has `tag` name it. Can be repeated at any point: what has arrived is not sent again.
    ///
    /// # Errors
    /// No access, no such repository, what the registry refuses, or no success after all attempts; a registry that in
    /// the end holds something else.
    pub async fn push(&self, package: &Package, tag: &str, sender: Sender<'_>) -> Result<Pushed, Problem> {
        let mut rounds = 0;
        loop {
            rounds += 1;
            self.send_blobs(package, sender).await?;
            match self.put_manifest(package, tag).await? {
                Put::Done => return self.verify(package, tag).await.map(|()| Pushed::Done),
                Put::Taken(digest) => return Ok(Pushed::Taken(digest)),
                Put::Misses(_) if rounds < ROUNDS => {}
                Put::Misses(said) => return Err(self.refused("the manifest", None, &said)),
            }
        }
    }

    /// A tag that cannot be moved and names `there`, as a problem.
    pub fn taken(&self, tag: &str, there: &str, meant: &str) -> Problem {
        self.tag_taken(tag, Some(there), meant)
    }

    async fn send_blobs(&self, package: &Package, sender: Sender<'_>) -> Result<(), Problem> {
        // Futures are collected before they are streamed: so the compiler sees that all of this can be sent.
        let asked: Vec<_> = package.blobs.iter().map(|blob| self.has(&self.name, blob)).collect();
        let there: Vec<bool> = stream::iter(asked).buffered(SIDE_BY_SIDE).try_collect().await?;
        let found: Vec<(&Blob, bool)> = package.blobs.iter().zip(there).collect();
        let sum = |there: bool| -> u64 {
            let those = found.iter().filter(|(_, is_there)| *is_there == there);
            those.map(|(blob, _)| blob.size).sum()
        };
        let progress = Progress::new(sender.tell, sender.workload, sum(false), sum(true));
        let mut missing: Vec<&Blob> = found
            .iter()
            .filter(|(_, there)| !there)
            .map(|(blob, _)| *blob)
            .collect();
        // The longest begins first, so that it does not go on alone at the end.
        missing.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.digest.cmp(&b.digest)));
        let progress = &progress;
        let sent: Vec<_> = missing
            .into_iter()
            .map(|blob| self.send_blob(blob, sender.siblings, progress))
            .collect();
        stream::iter(sent)
            .buffer_unordered(SIDE_BY_SIDE)
            .try_collect::<()>()
            .await
    }

    /// Whether a repository of the registry has a blob, whole.
    async fn has(&self, repository: &str, blob: &Blob) -> Result<bool, Problem> {
        let url = format!("{}/v2/{repository}/blobs/{}", self.base, blob.digest);
        let answer = self.call(&Ask::new(Method::HEAD, url)).await?;
        let length = answer.text(header::CONTENT_LENGTH).and_then(|text| text.parse().ok());
        let whole = length.is_none_or(|length: u64| length == blob.size);
        Ok(answer.status.is_success() && whole)
    }

    async fn send_blob(&self, blob: &Blob, siblings: &[String], progress: &Arc<Progress>) -> Result<(), Problem> {
        let mut source = self.sibling_with(blob, siblings).await?;
        let mut tries = self.tries();
        loop {
            let attempt = Attempt::new(progress);
            match self.send_once(blob, source.take(), &attempt).await {
                Ok(()) => {
                    attempt.succeed(blob.size);
                    return Ok(());
                }
                Err(failure) => {
                    drop(attempt);
                    self.before_next(&mut tries, failure).await?;
                }
            }
            // The work may have been done, and only the answer lost.
            if self.has(&self.name, blob).await? {
                Attempt::new(progress).succeed(blob.size);
                return Ok(());
            }
        }
    }

    /// Another repository that has a large blob already.
    async fn sibling_with<'s>(&self, blob: &Blob, siblings: &'s [String]) -> Result<Option<&'s str>, Problem> {
        if blob.size < WORTH_MOUNTING {
            return Ok(None);
        }
        for sibling in siblings.iter().filter(|one| **one != self.name).take(MOST_SIBLINGS) {
            if self.has(sibling, blob).await? {
                return Ok(Some(sibling));
            }
        }
        Ok(None)
    }

    /// One upload: a session, then the whole blob in one request. ECR keeps the first of several chunks only
    /// (aws/containers-roadmap#2831), and no registry has to take a blob together with the request for a session.
    async fn send_once(&self, blob: &Blob, source: Option<&str>, attempt: &Attempt) -> Result<(), Failure> {
        let mut url = self.url("blobs/uploads/");
        if let Some(source) = source {
            url.push_str(&format!("?mount={}&from={source}", blob.digest));
        }
        let answer = self.once(&Ask::new(Method::POST, url)).await?;
        if answer.status == StatusCode::CREATED {
            return Ok(());
        }
        self.begun(&answer, "an upload")?;
        let location = answer
            .location()
            .ok_or_else(|| self.refused("an upload", Some(answer.status), "it does not say where to send it"))?;
        let mut url = self.resolve(&location);
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(&format!("digest={}", blob.digest));
        let ask = Ask::new(Method::PUT, url)
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .blob(blob, attempt);
        let answer = self.once(&ask).await?;
        self.begun(&answer, &format!("the layer {}", blob.digest))
    }

    /// Nothing, if an answer is one of success; a session that is gone or bytes that were lost are begun again.
    fn begun(&self, answer: &Answer, what: &str) -> Result<(), Failure> {
        if answer.status.is_success() {
            return Ok(());
        }
        let refusal = answer.refusal();
        let lost = [
            "DIGEST_INVALID",
            "SIZE_INVALID",
            "BLOB_UPLOAD_UNKNOWN",
            "BLOB_UPLOAD_INVALID",
        ];
        if lost.contains(&refusal.code.as_str()) || answer.status == StatusCode::RANGE_NOT_SATISFIABLE {
            return Err(Failure::again(format!("the registry did not get the whole: {refusal}")));
        }
        if refusal.code == "NAME_UNKNOWN" {
            return Err(self.repository_missing().into());
        }
        Err(self.refused(what, Some(answer.status), &refusal.to_string()).into())
    }

    async fn put_manifest(&self, package: &Package, tag: &str) -> Result<Put, Problem> {
        // An immutable tag is refused even to the image that it names (moby/buildkit#3776).
        if self.digest(tag).await?.as_ref() == Some(&package.digest) {
            return Ok(Put::Done);
        }
        let ask = Ask::new(Method::PUT, self.url(&format!("manifests/{tag}")))
            .header(header::CONTENT_TYPE, package.media_type.as_str())
            .document(package.manifest.clone());
        let answer = self.call(&ask).await?;
        if answer.status.is_success() {
            return Ok(Put::Done);
        }
        let refusal = answer.refusal();
        match refusal.code.as_str() {
            "BLOB_UNKNOWN" | "MANIFEST_BLOB_UNKNOWN" => return Ok(Put::Misses(refusal.to_string())),
            "NAME_UNKNOWN" => return Err(self.repository_missing()),
            _ => {}
        }
        let immutable = refusal.code == "TAG_INVALID" || refusal.message.contains("immutable");
        match self.digest(tag).await?.filter(|_| immutable) {
            // The answer to an earlier attempt was lost.
            Some(there) if there == package.digest => Ok(Put::Done),
            Some(there) => Ok(Put::Taken(there)),
            None => Err(self.refused("the manifest", Some(answer.status), &refusal.to_string())),
        }
    }

    /// Whether the tag and the digest both name what was meant.
    async fn verify(&self, package: &Package, tag: &str) -> Result<(), Problem> {
        let mut tries = self.tries();
        loop {
            let there = self.digest(tag).await?;
            if there.as_ref() == Some(&package.digest) {
                break;
            }
            // A registry of several machines may need a moment, and no more than that.
            let waited = Failure::Again {
                why: "the manifest is not there yet".to_owned(),
                after: Some(Duration::from_secs(1)),
            };
            match there {
                Some(other) => return Err(self.differs(&package.digest, Some(&other))),
                None if self.before_next(&mut tries, waited).await.is_err() => {
                    return Err(self.differs(&package.digest, None));
                }
                None => {}
            }
        }
        match self.digest(&package.digest).await? {
            Some(_) => Ok(()),
            None => Err(self.differs(&package.digest, None)),
        }
    }
}

/// What became of a manifest.
enum Put {
    Done,
    /// The tag names this digest, and stays.
    Taken(String),
    /// The registry misses layers that it had, and says so.
    Misses(String),
}
