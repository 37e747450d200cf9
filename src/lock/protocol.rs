//! The lease protocol without the network: what an item holds, what each write requires and does, and when a lease is dead.
//!
//! Pure. The real lock sends these conditions to DynamoDB; the model in `model.rs` runs the very same functions through
//! every interleaving of crashes, pauses and lost answers.

use std::time::Duration;

use serde::Serialize;

/// How long a lease lives without a heartbeat.
pub const LEASE: Duration = Duration::from_secs(60);

/// Who holds a lease: for people, except `process`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Holder {
    /// `user@host`.
    pub who: String,
    /// The page of the CI run.
    pub run_url: Option<String>,
    /// `apply`, `destroy`, `ship`, …
    pub operation: String,
    /// The process, where it can be told beyond doubt: then whoever comes next on the same machine sees at once that it
    /// is dead.
    pub process: Option<Process>,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}", self.who, self.operation)?;
        match &self.run_url {
            Some(url) => write!(f, ", {url})"),
            None => f.write_str(")"),
        }
    }
}

/// A process that nobody takes for another one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Process {
    /// Where process ids and start times mean the same and none is hidden: one boot of one machine, one namespace of
    /// processes and of times, one user.
    pub place: String,
    /// Its id.
    pub pid: u32,
    /// When it started, in ticks since the machine did: ids are used again.
    pub started: u64,
}

/// What is found under a process id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Found {
    /// There is no such process.
    Nobody,
    /// There is one, and it is at work.
    Running {
        /// When it started.
        started: u64,
    },
    /// It is stopped, or on its way out, or cannot be looked at.
    Unclear,
}

/// What is known of the process behind a lease without waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Life {
    /// It is dead: it never renews again, and begins nothing more.
    Dead {
        /// Its id.
        pid: u32,
    },
    /// It runs.
    Alive {
        /// Its id.
        pid: u32,
    },
    /// It ran somewhere else, or nothing can be said.
    Unknown,
}

impl Process {
    /// Whether this process lives, as `own` sees it. A process of another place says nothing: its id belongs to someone
    /// else here.
    pub fn life(&self, own: &Self, look: impl FnOnce(u32) -> Found) -> Life {
        let pid = self.pid;
        if self.place != own.place {
            return Life::Unknown;
        }
        match look(pid) {
            Found::Nobody => Life::Dead { pid },
            Found::Running { started } if started != self.started => Life::Dead { pid },
            Found::Running { .. } => Life::Alive { pid },
            Found::Unclear => Life::Unknown,
        }
    }
}

/// Why a lease counts as dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Death {
    /// Nobody renewed it for so long.
    Silent(Duration),
    /// Its process is gone.
    Gone {
        /// The process's id.
        pid: u32,
    },
}

impl std::fmt::Display for Death {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Silent(lease) => write!(f, "it gave no sign of life for {} s", lease.as_secs()),
            Self::Gone { pid } => write!(f, "its process {pid} on this machine is gone"),
        }
    }
}

/// The item of one environment. It stays when the lock is released, so that `generation` never falls.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Record {
    /// Whether somebody holds the lock.
    pub held: bool,
    /// The attempt that holds it, or held it last.
    pub lease_id: String,
    /// Grows with each heartbeat of a lease.
    pub version: u64,
    /// Grows with each acquisition: the fencing token.
    pub generation: u64,
    /// How long the holder's lease lives without a heartbeat.
    pub lease: Duration,
    /// Who it is, or was.
    pub holder: Holder,
    /// When it was acquired, by the holder's wall clock: for people only.
    pub acquired_at: String,
}

/// What a write requires of the item.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Guard {
    /// Nobody holds it. The lease named is not the one that held it last: so a copy of our own acquisition that the
    /// network kept back cannot take the lock after we released it.
    Free {
        /// Ours.
        lease_id: String,
    },
    /// It is still what was seen to be dead.
    Unchanged {
        /// As seen.
        lease_id: String,
        /// As seen.
        version: u64,
    },
    /// It is ours and this heartbeat has not arrived yet: one that the network kept back cannot turn the version back.
    Mine {
        /// Ours.
        lease_id: String,
        /// What the heartbeat writes.
        version: u64,
    },
    /// Exactly this acquisition holds it, however often it renewed.
    Exactly {
        /// As seen.
        lease_id: String,
        /// As seen.
        generation: u64,
    },
}

impl Guard {
    /// Whether a write under this guard goes through.
    pub fn admits(&self, item: Option<&Record>) -> bool {
        let Some(item) = item else {
            return matches!(self, Self::Free { .. });
        };
        match self {
            Self::Free { lease_id } => !item.held && item.lease_id != *lease_id,
            Self::Unchanged { lease_id, version } => {
                item.held && item.lease_id == *lease_id && item.version == *version
            }
            Self::Mine { lease_id, version } => item.held && item.lease_id == *lease_id && item.version < *version,
            Self::Exactly { lease_id, generation } => {
                item.held && item.lease_id == *lease_id && item.generation == *generation
            }
        }
    }
}

/// What a write does to the item.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Change {
    /// Takes the lock: version 1, the next generation.
    Acquire {
        /// A fresh one for each attempt.
        lease_id: String,
        /// How long the lease lives without a heartbeat.
        lease: Duration,
        /// Who.
        holder: Holder,
        /// For people.
        acquired_at: String,
    },
    /// A heartbeat.
    Renew {
        /// The next version.
        version: u64,
    },
    /// Lets go; everything else stays to be read.
    Release,
}

impl Change {
    /// The item after this change.
    pub fn apply(&self, item: Option<&Record>) -> Option<Record> {
        match self {
            Self::Acquire {
                lease_id,
                lease,
                holder,
                acquired_at,
            } => Some(Record {
                held: true,
                lease_id: lease_id.clone(),
                version: 1,
                generation: item.map_or(0, |item| item.generation) + 1,
                lease: *lease,
                holder: holder.clone(),
                acquired_at: acquired_at.clone(),
            }),
            Self::Renew { version } => item.cloned().map(|item| Record {
                version: *version,
                ..item
            }),
            Self::Release => item.cloned().map(|item| Record { held: false, ..item }),
        }
    }
}

/// A write: atomic, and safe to send more than once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Write {
    /// What has to hold.
    pub guard: Guard,
    /// What is done.
    pub change: Change,
}

/// What the table says to a write: the item after it, or the item that forbade it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Answer {
    /// Done.
    Done(Record),
    /// The guard did not admit it.
    Refused(Option<Record>),
}

impl Write {
    /// What the table does with this write.
    pub fn perform(&self, item: &mut Option<Record>) -> Answer {
        if !self.guard.admits(item.as_ref()) {
            return Answer::Refused(item.clone());
        }
        *item = self.change.apply(item.as_ref());
        match item {
            Some(item) => Answer::Done(item.clone()),
            None => Answer::Refused(None),
        }
    }
}

/// What an attempt to acquire came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acquired {
    /// It is ours, with this fencing token.
    Ours {
        /// The fencing token.
        generation: u64,
        /// The item's version.
        version: u64,
    },
    /// Somebody else holds it.
    Taken(Record),
    /// It was free or gone a moment ago: try again.
    Again,
    /// It became ours, but the answer came so late that the lease has run out on our clock: not ours to use.
    Late,
}

/// Reads the answer to an acquisition: a refusal that shows our own lease id is our own success, whose answer was lost.
///
/// `tenure` counts from when the acquisition was first sent. An answer that comes after its end grants nothing: somebody
/// may have watched the lease die meanwhile.
pub fn settle_acquire(answer: Answer, lease_id: &str, tenure: &Tenure, now: Duration) -> Acquired {
    match answer {
        Answer::Done(item) | Answer::Refused(Some(item)) if item.held && item.lease_id == lease_id => {
            if now >= tenure.ends_at() {
                return Acquired::Late;
            }
            Acquired::Ours {
                generation: item.generation,
                version: item.version,
            }
        }
        Answer::Refused(Some(item)) if item.held => Acquired::Taken(item),
        Answer::Done(_) | Answer::Refused(_) => Acquired::Again,
    }
}

/// What a heartbeat came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renewed {
    /// The lease lives on.
    Yes,
    /// It is no longer ours; who has it now, if anybody.
    Lost(Option<Record>),
}

/// Reads the answer to a heartbeat: a refusal that shows our lease at this version or later is our own success.
pub fn settle_renew(answer: Answer, lease_id: &str, version: u64) -> Renewed {
    match answer {
        Answer::Done(_) => Renewed::Yes,
        Answer::Refused(Some(item)) if item.held && item.lease_id == lease_id && item.version >= version => {
            Renewed::Yes
        }
        Answer::Refused(item) => Renewed::Lost(item),
    }
}

/// What a release came to. In each case the lock is no longer ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Released {
    /// We let go.
    Now,
    /// It was not ours any more: taken over when our lease had run out, or released by hand.
    Before(Option<Record>),
}

/// Reads the answer to a release: a refusal that shows our own lease, released, is our own success.
pub fn settle_release(answer: Answer, lease_id: &str) -> Released {
    match answer {
        Answer::Done(_) => Released::Now,
        Answer::Refused(Some(item)) if !item.held && item.lease_id == lease_id => Released::Now,
        Answer::Refused(item) => Released::Before(item),
    }
}

/// Judges whether a lease is dead: by an unchanged (lease id, version) over a whole lease on the reader's own monotonic
/// clock. No wall clock is compared with another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Watch {
    seen: Option<(String, u64, Duration)>,
}

/// What a reader knows about a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Nobody holds it.
    Free,
    /// Its holder may be alive; unless it renews, it is dead after this long.
    Held {
        /// What is left of the observation.
        dead_in: Duration,
        /// Whether a heartbeat was seen: then the holder is alive for certain.
        renewed: bool,
    },
    /// Nobody has renewed it over a whole lease.
    Stale,
}

impl Watch {
    /// Takes note of an item that was read; `now` is the reader's monotonic time after the answer arrived.
    pub fn observe(&mut self, item: &Record, now: Duration) -> Verdict {
        if !item.held {
            self.seen = None;
            return Verdict::Free;
        }
        match &self.seen {
            Some((lease_id, version, since)) if *lease_id == item.lease_id && *version == item.version => {
                let observed = now.saturating_sub(*since);
                if observed >= item.lease {
                    Verdict::Stale
                } else {
                    Verdict::Held {
                        dead_in: item.lease - observed,
                        renewed: false,
                    }
                }
            }
            before => {
                let renewed = before
                    .as_ref()
                    .is_some_and(|(lease_id, _, _)| *lease_id == item.lease_id);
                self.seen = Some((item.lease_id.clone(), item.version, now));
                Verdict::Held {
                    dead_in: item.lease,
                    renewed,
                }
            }
        }
    }
}

/// A holder's view of its own lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tenure {
    /// When the last heartbeat that arrived was *sent*: the table cannot have seen it earlier.
    renewed_at: Duration,
    lease: Duration,
}

impl Tenure {
    /// A tenure whose acquisition was sent at `sent` on the holder's monotonic clock.
    pub fn new(sent: Duration, lease: Duration) -> Self {
        Self {
            renewed_at: sent,
            lease,
        }
    }

    /// A heartbeat that was sent at `sent` has arrived.
    pub fn renewed(&mut self, sent: Duration) {
        self.renewed_at = self.renewed_at.max(sent);
    }

    /// When the next heartbeat is due: a third of the lease after the last.
    pub fn heartbeat_at(&self) -> Duration {
        self.renewed_at + self.lease / 3
    }

    /// When the holder must have stopped: a sixth of the lease before anybody may take over. What is left covers clocks
    /// that do not run alike and calls that are on their way.
    pub fn ends_at(&self) -> Duration {
        self.renewed_at + self.lease - self.lease / 6
    }
}
