//! One poller for all stacks in flight.
//!
//! Whoever set something going asks for its end with [`Watch::end_of`] and waits; [`Watch::run`] does the polling for all
//! of them. A poll that fails or is throttled is told and tried again: it never fails a deployment.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{Notify, oneshot};

use super::event::Event;
use super::pace::Pace;
use crate::aws::cloudformation::{self, Since};
use crate::aws::error::{AwsError, Kind};
use crate::aws::session::Session;
use crate::plan::{LiveStack, Phase, Seen, phase};

/// After so long without permission or credentials there is no point in asking on.
const SHUT_OUT: Duration = Duration::from_secs(300);

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Until {
    /// A stack that is being created: any end.
    Created,
    /// An update that was begun on a stack which looked like this: any end.
    Updated(Seen),
    /// A deletion that was begun on a stack in this status.
    Deleted(String),
    /// Whatever runs now: any end.
    Settled,
}

impl Until {
    /// The statuses by which the stack itself announces the beginning of such an operation.
    pub(super) fn beginnings(&self) -> &'static [&'static str] {
        match self {
            Until::Created => &["CREATE_IN_PROGRESS", "REVIEW_IN_PROGRESS"],
            Until::Updated(_) => &["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"],
            Until::Deleted(_) => &["DELETE_IN_PROGRESS"],
            Until::Settled => &[
                "CREATE_IN_PROGRESS",
                "UPDATE_IN_PROGRESS",
                "DELETE_IN_PROGRESS",
                "REVIEW_IN_PROGRESS",
            ],
        }
    }

    /// Whether this is the end. `polls` counts how often the stack was looked at: DescribeStacks can show for a moment
    /// what was before the operation (aws-cdk-cli issue 1848), so an answer that shows no change is not believed at once.
    pub(super) fn is_reached(&self, live: Option<&LiveStack>, was_running: bool, polls: u32) -> bool {
        const BELIEVED_AFTER: u32 = 6;
        let Some(live) = live else { return true };
        let now = phase(&live.status);
        if matches!(now, Phase::Advancing | Phase::Retreating) {
            return false;
        }
        match self {
            Until::Created => now != Phase::Review,
            Until::Updated(before) => {
                let moved = live.status != before.status || live.updated != before.updated;
                was_running || moved || polls >= BELIEVED_AFTER
            }
            Until::Deleted(before) => match now {
                Phase::Absent => true,
                Phase::DeleteFailed => was_running || *before != live.status || polls >= BELIEVED_AFTER,
                _ => false,
            },
            Until::Settled => true,
        }
    }
}

/// All stacks that are waited for.
#[derive(Debug)]
pub(super) struct Watch<'a> {
    session: &'a Session,
    events: &'a UnboundedSender<Event>,
    watched: Mutex<Vec<Watched>>,
    added: Notify,
}

#[derive(Debug)]
struct Watched {
    stack: String,
    arn: String,
    until: Until,
    status: String,
    was_running: bool,
    polls: u32,
    polled: Duration,
    last_event: Option<String>,
    events_read: Duration,
    answer: Option<oneshot::Sender<Option<LiveStack>>>,
}

impl<'a> Watch<'a> {
    /// Nothing is watched yet.
    pub(super) fn new(session: &'a Session, events: &'a UnboundedSender<Event>) -> Self {
        Self {
            session,
            events,
            watched: Mutex::default(),
            added: Notify::new(),
        }
    }

    /// Waits for the end of what runs on the stack `arn`, named `stack` in the environment: the stack as it is then, none
    /// if it is gone. Ends only while [`Watch::run`] is polled.
    pub(super) async fn end_of(&self, stack: &str, arn: &str, until: Until) -> Option<LiveStack> {
        let (answer, end) = oneshot::channel();
        let now = self.session.clock.elapsed();
        self.lock().push(Watched {
            stack: stack.to_owned(),
            arn: arn.to_owned(),
            until,
            status: String::new(),
            was_running: false,
            polls: 0,
            polled: now,
            last_event: None,
            events_read: now,
            answer: Some(answer),
        });
        self.added.notify_one();
        match end.await {
            Ok(live) => live,
            // The poller is gone, so nobody is left to act on an answer.
            Err(_) => std::future::pending().await,
        }
    }

    /// Polls for ever; ends only when AWS has refused every call for want of permission or credentials for five minutes.
    pub(super) async fn run(&self) -> AwsError {
        let clock = self.session.clock;
        let mut pace = Pace::new(clock.elapsed());
        let mut trouble: Option<(Duration, Duration)> = None;
        let mut pages = false;
        loop {
            if self.lock().is_empty() {
                self.added.notified().await;
                pace.changed(clock.elapsed());
            }
            let wait = pace.next(clock.elapsed(), fastrand::f64());
            tokio::select! {
                () = clock.sleep(wait) => {}
                () = self.added.notified() => {
                    pace.changed(clock.elapsed());
                    continue;
                }
            }
            match self.poll(&mut pace, &mut pages).await {
                Ok(()) => {
                    pace.answered();
                    trouble = None;
                }
                Err(error) => {
                    pace.failed();
                    let now = clock.elapsed();
                    let (since, told) = *trouble.get_or_insert((now, now));
                    if told == now || now.saturating_sub(told) > Duration::from_secs(60) {
                        trouble = Some((since, now));
                        self.tell(Event::PollTrouble {
                            message: error.to_string(),
                        });
                    }
                    let hopeless = matches!(error.kind, Kind::Denied | Kind::NoCredentials | Kind::Expired);
                    if hopeless && now.saturating_sub(since) > SHUT_OUT {
                        return error;
                    }
                }
            }
            if pace.can_spare(clock.elapsed()) {
                self.read_events(&mut pace).await;
            }
        }
    }

    /// One look at the stacks: all in one call where that is possible, else the one that was not looked at for longest.
    async fn poll(&self, pace: &mut Pace, pages: &mut bool) -> Result<(), AwsError> {
        let arns: Vec<String> = {
            let mut watched = self.lock();
            watched.sort_by_key(|one| one.polled);
            watched.iter().map(|one| one.arn.clone()).collect()
        };
        if arns.len() > 1 && !*pages {
            pace.looked();
            let (stacks, more) = cloudformation::first_stacks(self.session).await?;
            if !more {
                for arn in arns {
                    let live = stacks.iter().find(|live| live.stack_id == arn);
                    // A deleted stack is in no list, and an end is believed only from the stack's own description.
                    if self.look(&arn, live, pace) {
                        self.confirm(&arn, pace).await?;
                    }
                }
                return Ok(());
            }
            *pages = true;
        }
        match arns.first() {
            Some(arn) => self.confirm(arn, pace).await,
            None => Ok(()),
        }
    }

    /// Notes what a list says of a stack; true if it looks like the end.
    fn look(&self, arn: &str, live: Option<&LiveStack>, pace: &mut Pace) -> bool {
        let now = self.session.clock.elapsed();
        let mut watched = self.lock();
        let Some(one) = watched.iter_mut().find(|one| one.arn == arn) else {
            return false;
        };
        one.polls += 1;
        one.polled = now;
        let status = live.map_or("", |live| live.status.as_str());
        if status != one.status {
            // The first look is no change.
            if !one.status.is_empty() {
                pace.changed(now);
            }
            status.clone_into(&mut one.status);
        }
        one.was_running |= matches!(phase(status), Phase::Advancing | Phase::Retreating);
        one.until.is_reached(live, one.was_running, one.polls)
    }

    /// Asks for one stack by its ARN, and answers whoever waits if that is the end.
    async fn confirm(&self, arn: &str, pace: &mut Pace) -> Result<(), AwsError> {
        pace.looked();
        let live = cloudformation::describe_stack(self.session, arn).await?;
        if !self.look(arn, live.as_ref(), pace) {
            return Ok(());
        }
        pace.changed(self.session.clock.elapsed());
        self.read_events_of(arn, pace).await;
        let ended = {
            let mut watched = self.lock();
            let at = watched.iter().position(|one| one.arn == arn);
            at.map(|at| watched.swap_remove(at))
        };
        if let Some(answer) = ended.and_then(|ended| ended.answer) {
            let live = live.filter(|live| phase(&live.status) != Phase::Absent);
            // Whoever waited may have been dropped meanwhile.
            drop(answer.send(live));
        }
        Ok(())
    }

    /// Reads the events of the stack whose events were not read for longest. Failures are left to the next status poll.
    async fn read_events(&self, pace: &mut Pace) {
        let next = self
            .lock()
            .iter()
            .min_by_key(|one| one.events_read)
            .map(|one| one.arn.clone());
        if let Some(arn) = next {
            self.read_events_of(&arn, pace).await;
        }
    }

    async fn read_events_of(&self, arn: &str, pace: &mut Pace) {
        let Some((stack, last, beginnings)) = self.lock().iter_mut().find(|one| one.arn == arn).map(|one| {
            one.events_read = self.session.clock.elapsed();
            (one.stack.clone(), one.last_event.clone(), one.until.beginnings())
        }) else {
            return;
        };
        pace.read_events();
        let since = last.as_deref().map_or(Since::Began(beginnings), Since::Event);
        let Ok(events) = cloudformation::events_since(self.session, arn, since).await else {
            return;
        };
        if let (Some(newest), Some(one)) = (events.last(), self.lock().iter_mut().find(|one| one.arn == arn)) {
            one.last_event = Some(newest.id.clone());
        }
        for event in events.into_iter().filter(|event| !event.is_of_stack(arn)) {
            self.tell(Event::Resource {
                stack: stack.clone(),
                logical_id: event.logical_id,
                resource_type: event.resource_type,
                status: event.status,
                reason: event.reason,
            });
        }
    }

    fn tell(&self, event: Event) {
        // Nobody listening is no reason to stop.
        drop(self.events.send(event));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Watched>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
