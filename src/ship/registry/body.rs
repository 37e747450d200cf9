//! A blob as the body of a request: read as it is sent, and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures::stream::try_unfold;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::manifest::{Blob, BlobSource};
use crate::aws::http::{Body, HttpError};
use crate::ship::event::{Event, Tell};

/// How much is read at a time.
const CHUNK: usize = 128 * 1024;
/// How many steps a push shows at most, beside those that go back.
const STEPS: u64 = 200;

/// How far a push is, over all blobs.
pub(super) struct Progress {
    tell: Tell,
    workload: String,
    sent: AtomicU64,
    told: AtomicU64,
    total: u64,
    reused: u64,
}

impl Progress {
    /// A push of `total` bytes, beside `reused` that are there.
    pub(super) fn new(tell: &Tell, workload: &str, total: u64, reused: u64) -> Arc<Self> {
        let progress = Self {
            tell: tell.clone(),
            workload: workload.to_owned(),
            sent: AtomicU64::new(0),
            told: AtomicU64::new(0),
            total,
            reused,
        };
        progress.say(0);
        Arc::new(progress)
    }

    fn add(&self, bytes: u64) {
        let sent = self.sent.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let told = self.told.load(Ordering::Relaxed);
        if sent >= self.total || sent.saturating_sub(told) > self.total / STEPS {
            self.told.store(sent, Ordering::Relaxed);
            self.say(sent);
        }
    }

    fn take_back(&self, bytes: u64) {
        let sent = self.sent.fetch_sub(bytes, Ordering::Relaxed).saturating_sub(bytes);
        self.told.store(sent, Ordering::Relaxed);
        self.say(sent);
    }

    fn say(&self, sent: u64) {
        self.tell.event(Event::Push {
            workload: self.workload.clone(),
            sent: sent.min(self.total),
            total: self.total,
            reused: self.reused,
        });
    }
}

/// What one attempt at one blob has counted: kept if it succeeds, taken back otherwise.
pub(super) struct Attempt {
    progress: Arc<Progress>,
    counted: Arc<AtomicU64>,
    succeeded: bool,
}

impl Attempt {
    pub(super) fn new(progress: &Arc<Progress>) -> Self {
        Self {
            progress: Arc::clone(progress),
            counted: Arc::default(),
            succeeded: false,
        }
    }

    /// The registry has all `size` bytes, whether they were sent now or were there.
    pub(super) fn succeed(mut self, size: u64) {
        let counted = self.counted.load(Ordering::Relaxed);
        if counted < size {
            self.progress.add(size - counted);
        }
        self.succeeded = true;
    }

    /// The blob, from its beginning.
    pub(super) fn body(&self, blob: &Blob) -> Body {
        let reader = Reader {
            source: Source::Unopened(blob.source.clone()),
            left: blob.size,
            progress: Arc::clone(&self.progress),
            counted: Arc::clone(&self.counted),
        };
        let stream = try_unfold(reader, |mut reader| async move {
            let chunk = reader.next().await?;
            Ok::<_, HttpError>(chunk.map(|chunk| (Frame::data(chunk), reader)))
        });
        StreamBody::new(stream).boxed_unsync()
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let counted = self.counted.load(Ordering::Relaxed);
        if !self.succeeded && counted > 0 {
            self.progress.take_back(counted);
        }
    }
}

struct Reader {
    source: Source,
    left: u64,
    progress: Arc<Progress>,
    counted: Arc<AtomicU64>,
}

enum Source {
    Unopened(BlobSource),
    Memory(Bytes),
    File(fs_err::tokio::File),
}

impl Reader {
    async fn next(&mut self) -> Result<Option<Bytes>, HttpError> {
        if self.left == 0 {
            return Ok(None);
        }
        if let Source::Unopened(source) = &self.source {
            self.source = match source {
                BlobSource::Memory(bytes) => Source::Memory(bytes.clone()),
                BlobSource::File { path, offset } => {
                    let mut file = fs_err::tokio::File::open(path).await?;
                    file.seek(std::io::SeekFrom::Start(*offset)).await?;
                    Source::File(file)
                }
            };
        }
        let most = usize::try_from(self.left).unwrap_or(CHUNK).min(CHUNK);
        let chunk = match &mut self.source {
            Source::Memory(bytes) => bytes.split_to(most.min(bytes.len())),
            Source::File(file) => {
                let mut buffer = vec![0; most];
                let read = file.read(&mut buffer).await?;
                buffer.truncate(read);
                Bytes::from(buffer)
            }
            Source::Unopened(_) => Bytes::new(),
        };
        if chunk.is_empty() {
            return Err("the file has become shorter while it was sent".into());
        }
        let length = u64::try_from(chunk.len()).unwrap_or_default();
        self.left = self.left.saturating_sub(length);
        self.counted.fetch_add(length, Ordering::Relaxed);
        self.progress.add(length);
        Ok(Some(chunk))
    }
}
