//! What shipping tells while it works. Views turn these into lines and bars.

use tokio::sync::mpsc::UnboundedSender;

/// One thing that happened to a workload.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A part of the work begins.
    Phase {
        /// The workload.
        workload: String,
        /// Which part.
        phase: Phase,
        /// On what: a Dockerfile, a repository, a Deployment.
        subject: String,
    },
    /// A line of what the build prints.
    BuildLine {
        /// The workload.
        workload: String,
        /// The line, without its end.
        line: String,
    },
    /// How far the push is.
    Push {
        /// The workload.
        workload: String,
        /// Bytes that the registry has taken.
        sent: u64,
        /// Bytes that it has to take, without those that it had already.
        total: u64,
        /// Bytes that it had already.
        reused: u64,
    },
    /// How far the rollout is.
    Rollout {
        /// The workload.
        workload: String,
        /// Replicas that run what was asked for and are ready.
        ready: u32,
        /// Replicas that there have to be.
        wanted: u32,
        /// What is waited for, if it can be said: `pulling the image on 1 of 2`.
        waiting_for: Option<String>,
    },
    /// A line that a container printed.
    Log {
        /// The pod, task or job, and the container where there are several.
        source: String,
        /// The line, without its end.
        line: String,
    },
    /// Something worth a line.
    Note(String),
}

/// The parts of shipping, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The image is built.
    Build,
    /// The image is sent.
    Push,
    /// What runs is being replaced.
    RollOut,
    /// What ran before is being put back.
    Restore,
    /// A job runs.
    Run,
    /// What is no longer used is taken away.
    CleanUp,
}

/// Whom events are told to. Cheap to clone; nobody has to listen.
#[derive(Debug, Clone)]
pub struct Tell(Option<UnboundedSender<Event>>);

impl Tell {
    /// Tells `listener`.
    pub fn to(listener: UnboundedSender<Event>) -> Self {
        Self(Some(listener))
    }

    /// Tells nobody.
    pub fn nobody() -> Self {
        Self(None)
    }

    /// Tells `event`.
    pub fn event(&self, event: Event) {
        if let Some(listener) = &self.0 {
            // Who no longer listens need not be told.
            let _unheard = listener.send(event);
        }
    }

    /// Tells something worth a line.
    pub fn note(&self, text: impl Into<String>) {
        self.event(Event::Note(text.into()));
    }
}
