//! Dynamic batching, in paused time: nothing here waits for a clock.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mlinfra_inference::batcher::{Batcher, Limits, Refused, Run};
use mlinfra_inference::metrics::Metrics;
use mlinfra_inference::tensor::{Tensor, Values};
use tokio::time::Instant;

fn rows(values: &[f32]) -> Vec<Tensor> {
    vec![Tensor {
        rows: values.len(),
        row_shape: Vec::new(),
        values: Values::Fp32(values.to_vec()),
    }]
}

/// Answers each row with its double, fails where a row is negative, and notes how many rows each run had.
fn doubling() -> (Run, Arc<Mutex<Vec<usize>>>) {
    let runs = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&runs);
    let run: Run = Arc::new(move |mut inputs| {
        noted.lock().unwrap().push(inputs[0].rows);
        let Values::Fp32(values) = &mut inputs[0].values else {
            panic!("not FP32")
        };
        if values.iter().any(|value| *value < 0.0) {
            return Err("a negative row".to_owned());
        }
        values.iter_mut().for_each(|value| *value *= 2.0);
        Ok(inputs)
    });
    (run, runs)
}

fn limits(rows: usize, delay: u64) -> Limits {
    Limits {
        rows,
        delay: Duration::from_millis(delay),
        queue: 100,
        workers: 1,
        quick_rows: 0,
    }
}

#[tokio::test(start_paused = true)]
async fn requests_that_come_together_share_a_run_and_each_gets_its_own_rows() {
    let (run, runs) = doubling();
    let batcher = Batcher::start(limits(64, 10), Metrics::default(), run);
    let (first, second, third) = tokio::join!(
        batcher.ask(rows(&[1.0])),
        batcher.ask(rows(&[2.0, 3.0])),
        batcher.ask(rows(&[4.0]))
    );
    assert_eq!(first.unwrap(), rows(&[2.0]));
    assert_eq!(second.unwrap(), rows(&[4.0, 6.0]));
    assert_eq!(third.unwrap(), rows(&[8.0]));
    assert_eq!(*runs.lock().unwrap(), [4]);
}

#[tokio::test(start_paused = true)]
async fn a_lonely_request_waits_no_longer_than_the_delay() {
    let (run, _) = doubling();
    let batcher = Batcher::start(limits(64, 10), Metrics::default(), run);
    let started = Instant::now();
    batcher.ask(rows(&[1.0])).await.unwrap();
    let waited = started.elapsed();
    assert!(
        (Duration::from_millis(10)..Duration::from_millis(13)).contains(&waited),
        "{waited:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_delay_nothing_waits() {
    let (run, _) = doubling();
    let batcher = Batcher::start(limits(64, 0), Metrics::default(), run);
    let started = Instant::now();
    batcher.ask(rows(&[1.0])).await.unwrap();
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn requests_that_a_quick_model_answers_do_not_wait() {
    let (run, runs) = doubling();
    let limits = Limits {
        quick_rows: 2,
        ..limits(64, 10)
    };
    let metrics = Metrics::default();
    let batcher = Batcher::start(limits, metrics.clone(), run);
    let started = Instant::now();
    assert_eq!(batcher.ask(rows(&[1.0, 2.0])).await.unwrap(), rows(&[2.0, 4.0]));
    let refused = batcher.ask(rows(&[-1.0])).await.unwrap_err();
    assert_eq!(refused, Refused::Failed("a negative row".to_owned()));
    assert_eq!(started.elapsed(), Duration::ZERO);
    // One row more, and it waits as always.
    batcher.ask(rows(&[1.0, 2.0, 3.0])).await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(10));
    assert_eq!(*runs.lock().unwrap(), [2, 1, 3]);
    assert_eq!(metrics.queue.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_full_batch_runs_at_once_and_what_does_not_fit_runs_next() {
    let (run, runs) = doubling();
    let batcher = Batcher::start(limits(4, 1_000), Metrics::default(), run);
    let started = Instant::now();
    let (first, second, third) = tokio::join!(
        batcher.ask(rows(&[1.0, 1.0, 1.0])),
        batcher.ask(rows(&[2.0, 2.0])),
        batcher.ask(rows(&[3.0, 3.0]))
    );
    assert_eq!(first.unwrap(), rows(&[2.0, 2.0, 2.0]));
    assert_eq!(second.unwrap(), rows(&[4.0, 4.0]));
    assert_eq!(third.unwrap(), rows(&[6.0, 6.0]));
    assert_eq!(*runs.lock().unwrap(), [3, 4]);
    assert!(
        started.elapsed() < Duration::from_millis(1_000),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_that_fails_does_not_fail_those_beside_it() {
    let (run, runs) = doubling();
    let batcher = Batcher::start(limits(64, 10), Metrics::default(), run);
    let (good, bad) = tokio::join!(batcher.ask(rows(&[1.0])), batcher.ask(rows(&[-1.0])));
    assert_eq!(good.unwrap(), rows(&[2.0]));
    assert_eq!(bad.unwrap_err(), Refused::Failed("a negative row".to_owned()));
    assert_eq!(*runs.lock().unwrap(), [2, 1, 1]);
}

#[tokio::test]
async fn a_panic_in_the_model_is_an_answer_and_the_next_request_is_served() {
    let run: Run = Arc::new(|inputs| {
        if inputs[0].rows == 1 {
            panic!("a kernel")
        } else {
            Ok(inputs)
        }
    });
    let batcher = Batcher::start(limits(64, 0), Metrics::default(), run);
    assert!(matches!(batcher.ask(rows(&[1.0])).await, Err(Refused::Failed(_))));
    assert!(batcher.ask(rows(&[1.0, 2.0])).await.is_ok());
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    // The first request is inside the model until the test lets it go.
    let (entered, inside) = std::sync::mpsc::channel();
    let (let_go, held) = std::sync::mpsc::channel::<()>();
    let held = Mutex::new(held);
    let run: Run = Arc::new(move |inputs| {
        // Only the first is waited for.
        let _heard = entered.send(());
        held.lock().unwrap().recv().unwrap();
        Ok(inputs)
    });
    let metrics = Metrics::default();
    let batcher = Batcher::start(
        Limits {
            rows: 1,
            delay: Duration::ZERO,
            queue: 2,
            workers: 1,
            quick_rows: 0,
        },
        metrics.clone(),
        run,
    );
    let ask = |batcher: &Batcher| {
        let batcher = batcher.clone();
        tokio::spawn(async move { batcher.ask(rows(&[1.0])).await })
    };
    let first = ask(&batcher);
    tokio::task::spawn_blocking(move || inside.recv().unwrap())
        .await
        .unwrap();
    let (second, third) = (ask(&batcher), ask(&batcher));
    tokio::task::yield_now().await;
    assert_eq!(metrics.queue.get(), 2);
    assert_eq!(batcher.ask(rows(&[1.0])).await.unwrap_err(), Refused::QueueFull(2));
    for _ in 0..3 {
        let_go.send(()).unwrap();
    }
    for asked in [first, second, third] {
        assert!(asked.await.unwrap().is_ok());
    }
    assert_eq!(metrics.queue.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_taken_back_is_not_run() {
    let (run, runs) = doubling();
    let batcher = Batcher::start(limits(64, 10), Metrics::default(), run);
    {
        let gone = batcher.ask(rows(&[9.0, 9.0]));
        tokio::pin!(gone);
        // Polled once, so that it is queued, and then dropped.
        assert!(futures::poll!(&mut gone).is_pending());
    }
    batcher.ask(rows(&[1.0])).await.unwrap();
    assert_eq!(*runs.lock().unwrap(), [1]);
}
