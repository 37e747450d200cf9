//! Dynamic batching: requests that wait at the same time share a run of the model.
//!
//! A run starts when a worker is free and either its rows are full or its first request has waited long enough. The
//! queue is bounded: a request that finds it full is refused at once, because waiting behind it would only make it
//! time out later.
//!
//! Where a model is known to answer a request in less time than handing it over takes, it is run at once where it is
//! asked, and neither queue nor workers come into it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::Instant;

use crate::config::BatchingOptions;
use crate::metrics::Metrics;
use crate::tensor::{Tensor, join, split_front};

/// Runs the model on joined rows.
pub type Run = Arc<dyn Fn(Vec<Tensor>) -> Result<Vec<Tensor>, String> + Send + Sync>;

/// Why a request got no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The queue is full.
    #[error("{0} requests wait for the model already")]
    QueueFull(usize),
    /// The model failed on this request.
    #[error("{0}")]
    Failed(String),
    /// The server is ending.
    #[error("the server is shutting down")]
    Ended,
}

/// How batches are made.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many rows may share a run. A request that has more alone still runs, alone.
    pub rows: usize,
    /// How long the first request of a run may wait for others.
    pub delay: Duration,
    /// How many requests may wait.
    pub queue: usize,
    /// How many runs there may be at once.
    pub workers: usize,
    /// Requests of up to this many rows are run at once, without the queue; 0 for none. See
    /// [`Model::quick_rows`](crate::model::Model::quick_rows).
    pub quick_rows: usize,
}

impl Limits {
    /// What the options ask for, of a model that is quick for that many rows. Whoever makes requests wait for others
    /// has reasons to want runs of many rows: then none is run at once.
    pub fn new(options: &BatchingOptions, quick_rows: usize) -> Self {
        let processors = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            rows: options.max_batch_rows as usize,
            delay: options.max_batch_delay_ms,
            queue: options.queue as usize,
            workers: options.workers.map_or_else(processors, |workers| workers as usize),
            quick_rows: if options.max_batch_delay_ms.is_zero() {
                quick_rows
            } else {
                0
            },
        }
    }
}

/// A handle to the queue. Cheap to clone; the batcher ends when the last is dropped.
#[derive(Clone)]
pub struct Batcher {
    queue: mpsc::Sender<Request>,
    metrics: Metrics,
    run: Run,
    limit: usize,
    quick_rows: usize,
}

struct Request {
    inputs: Vec<Tensor>,
    rows: usize,
    answer: oneshot::Sender<Result<Vec<Tensor>, Refused>>,
}

impl Batcher {
    /// Starts the task that makes batches.
    pub fn start(limits: Limits, metrics: Metrics, run: Run) -> Self {
        let (queue, requests) = mpsc::channel(limits.queue);
        tokio::spawn(collect(limits, metrics.clone(), Arc::clone(&run), requests));
        Self {
            queue,
            metrics,
            run,
            limit: limits.queue,
            quick_rows: limits.quick_rows,
        }
    }

    /// Queues a request and waits for its answer. Dropping the future takes the request back, if it has not run yet.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn ask(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, Refused> {
        let rows = inputs.first().map_or(0, |tensor| tensor.rows);
        if (1..=self.quick_rows).contains(&rows) {
            return timed(inputs, &self.metrics, &self.run).map_err(Refused::Failed);
        }
        let (answer, answered) = oneshot::channel();
        self.metrics.queue.inc();
        self.queue.try_send(Request { inputs, rows, answer }).map_err(|error| {
            self.metrics.queue.dec();
            match error {
                mpsc::error::TrySendError::Full(_) => Refused::QueueFull(self.limit),
                mpsc::error::TrySendError::Closed(_) => Refused::Ended,
            }
        })?;
        answered.await.unwrap_or(Err(Refused::Ended))
    }
}

async fn collect(limits: Limits, metrics: Metrics, run: Run, mut requests: mpsc::Receiver<Request>) {
    let workers = Arc::new(Semaphore::new(limits.workers));
    let mut held: Option<Request> = None;
    loop {
        // The worker first: while all are busy, requests gather in the queue and then share a run without waiting.
        let Ok(worker) = Arc::clone(&workers).acquire_owned().await else {
            return;
        };
        let first = match held.take() {
            Some(request) => request,
            None => match next(&mut requests, &metrics).await {
                Some(request) => request,
                None => return,
            },
        };
        let full_by = Instant::now() + limits.delay;
        let mut rows = first.rows;
        let mut batch = vec![first];
        while rows < limits.rows {
            let more = if limits.delay.is_zero() {
                requests.try_recv().ok().inspect(|_| {
                    metrics.queue.dec();
                })
            } else {
                tokio::time::timeout_at(full_by, next(&mut requests, &metrics))
                    .await
                    .ok()
                    .flatten()
            };
            let Some(request) = more else { break };
            if request.answer.is_closed() {
                continue;
            }
            if rows + request.rows > limits.rows {
                held = Some(request);
                break;
            }
            rows += request.rows;
            batch.push(request);
        }
        let (metrics, run) = (metrics.clone(), Arc::clone(&run));
        tokio::task::spawn_blocking(move || {
            answer(batch, &metrics, &run);
            drop(worker);
        });
    }
}

async fn next(requests: &mut mpsc::Receiver<Request>, metrics: &Metrics) -> Option<Request> {
    loop {
        let request = requests.recv().await?;
        metrics.queue.dec();
        // Whoever asked may have gone in the meantime.
        if !request.answer.is_closed() {
            return Some(request);
        }
    }
}

/// Runs a batch. When it fails and has several requests, each is run alone, so that one request cannot fail others.
fn answer(batch: Vec<Request>, metrics: &Metrics, run: &Run) {
    if batch.len() > 1 {
        let copies = batch.iter().map(|request| request.inputs.clone()).collect();
        if let Ok(mut answers) = timed(join(copies), metrics, run) {
            for request in batch {
                let part = split_front(&mut answers, request.rows);
                // Whoever asked may have gone.
                let _gone = request.answer.send(Ok(part));
            }
            return;
        }
    }
    for request in batch {
        let result = timed(request.inputs, metrics, run).map_err(Refused::Failed);
        let _gone = request.answer.send(result);
    }
}

fn timed(inputs: Vec<Tensor>, metrics: &Metrics, run: &Run) -> Result<Vec<Tensor>, String> {
    let rows = inputs.first().map_or(0, |tensor| tensor.rows);
    let started = Instant::now();
    // A panic in a kernel would otherwise leave its requests without a word about why.
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(inputs)))
        .unwrap_or_else(|_| Err("the model's code panicked; the log has its message".to_owned()));
    metrics.run_seconds.observe(started.elapsed().as_secs_f64());
    metrics
        .batch_rows
        .observe(f64::from(u32::try_from(rows).unwrap_or(u32::MAX)));
    result
}
