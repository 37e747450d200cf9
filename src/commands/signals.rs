//! Ctrl-C and SIGTERM: the first asks politely, the second leaves at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::error::Kind;

/// Listens for signals from now on.
#[derive(Debug, Clone)]
pub struct Signals {
    /// Cancelled by the first signal.
    pub polite: CancellationToken,
    /// Cancelled by the second.
    pub at_once: CancellationToken,
    terminated: CancellationToken,
}

impl Signals {
    /// Starts to listen; must be called inside the runtime.
    pub fn listen() -> std::io::Result<Self> {
        let signals = Self {
            polite: CancellationToken::new(),
            at_once: CancellationToken::new(),
            terminated: CancellationToken::new(),
        };
        let mut interrupts = signal(SignalKind::interrupt())?;
        let mut terminations = signal(SignalKind::terminate())?;
        let told = signals.clone();
        tokio::spawn(async move {
            loop {
                let terminated = tokio::select! {
                    _ = interrupts.recv() => false,
                    _ = terminations.recv() => true,
                };
                if told.polite.is_cancelled() {
                    told.at_once.cancel();
                } else {
                    if terminated {
                        told.terminated.cancel();
                    }
                    told.polite.cancel();
                }
            }
        });
        Ok(signals)
    }

    /// The kind of error of an interrupted run: by Ctrl-C, or by SIGTERM.
    pub fn kind(&self) -> Kind {
        if self.terminated.is_cancelled() {
            Kind::Terminated
        } else {
            Kind::Interrupted
        }
    }
}
