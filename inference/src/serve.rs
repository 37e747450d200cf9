//! The mode `serve`: listens at once, loads the model, answers, and drains on SIGTERM.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::api::{Ready, Server, router};
use crate::batcher::{Batcher, Limits};
use crate::config::{ListenOptions, ModelOptions, ServeOptions};
use crate::error::Failure;
use crate::metrics::Metrics;
use crate::model::Model;
use crate::source;

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// No model, no port, or requests that did not end in the time for draining.
pub async fn run(options: ServeOptions) -> Result<(), Failure> {
    let started = Instant::now();
    let server = Server::new(options.limits.clone(), Metrics::default());
    let stop = stop_signal()?;
    let listener = listen(&options.listen).await?;
    let close = CancellationToken::new();
    let serving = tokio::spawn(answer(listener, router(server.clone()), close.clone()));

    let loading = load(&options.model);
    let model = tokio::select! {
        model = loading => model?,
        () = stop.cancelled() => return Ok(()),
    };
    let (manifest, platform) = (Arc::clone(&model.manifest), model.platform());
    let batcher = Batcher::start(
        Limits::new(&options.batching, model.quick_rows()),
        server.metrics.clone(),
        Arc::new(move |inputs| model.run(inputs)),
    );
    server.loaded(Ready {
        manifest: Arc::clone(&manifest),
        platform,
        batcher,
    });
    info!(
        model = manifest.name,
        version = manifest.version,
        object_version = manifest.object_version,
        sha256 = manifest.sha256,
        platform,
        milliseconds = started.elapsed().as_secs_f64() * 1000.0,
        "ready"
    );

    stop.cancelled().await;
    // Before it is said, so that whoever reads the log can rely on it.
    server.drain();
    info!(delay = ?options.drain_delay_ms, timeout = ?options.drain_timeout_ms, "draining");
    tokio::time::sleep(options.drain_delay_ms).await;
    close.cancel();
    drained(serving, &server, options.drain_timeout_ms).await
}

/// Reads the model and makes it ready to run, without holding up requests for health.
///
/// # Errors
/// As [`source::read`] and [`Model::load`].
pub async fn load(options: &ModelOptions) -> Result<Model, Failure> {
    let files = source::read(options.location(), options.version().as_ref()).await?;
    let at = files.at.clone();
    tokio::task::spawn_blocking(move || Model::load(files))
        .await
        .unwrap_or_else(|_| {
            Err(Failure::ModelUnusable {
                at,
                reason: "reading it panicked; the message is above".to_owned(),
                hint: "Export the model again".to_owned(),
            })
        })
}

/// Opens the port.
///
/// # Errors
/// When another process has it.
pub async fn listen(options: &ListenOptions) -> Result<TcpListener, Failure> {
    let address = options.address();
    let listener = TcpListener::bind(address).await.map_err(|error| {
        Failure::Usage(format!(
            "cannot listen on {address}: {error}\n  Choose another port with --port"
        ))
    })?;
    info!(address = %listener.local_addr()?, "listening");
    Ok(listener)
}

/// Answers until `close`, then finishes what is under way.
pub async fn answer(listener: TcpListener, routes: Router, close: CancellationToken) -> std::io::Result<()> {
    // An answer is one small write; it must not wait until the client has acknowledged the one before.
    let listener = listener.tap_io(|stream| {
        // A connection that is gone already needs no setting; its first read says so.
        let _gone = stream.set_nodelay(true);
    });
    axum::serve(listener, routes)
        .with_graceful_shutdown(close.cancelled_owned())
        .await
}

/// A token that SIGTERM and SIGINT cancel.
///
/// # Errors
/// When the system gives no signals.
pub fn stop_signal() -> Result<CancellationToken, Failure> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = CancellationToken::new();
    let cancel = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        cancel.cancel();
    });
    Ok(stop)
}

async fn drained(
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
    server: &Server,
    within: Duration,
) -> Result<(), Failure> {
    match timeout(within, serving).await {
        Ok(_) => {
            info!("drained");
            Ok(())
        }
        Err(_) => match usize::try_from(server.metrics.in_flight.get()).unwrap_or(0) {
            // Idle connections that clients hold open are nobody's loss.
            0 => Ok(()),
            running => Err(Failure::NotDrained(running)),
        },
    }
}
