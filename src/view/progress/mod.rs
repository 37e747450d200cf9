//! What is going on while stacks change: one model that events are folded into, and three ways to show it.

mod bars;
mod board;
mod lines;
mod shipping;

use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;

use super::View;
use crate::clock::Clock;
use crate::engine::event::Event;
use crate::plan::Plan;

pub use bars::Bars;
pub use board::Board;
pub use lines::Lines;
pub use shipping::{LogLines, ShipBars, ShipLines};

/// A way to show progress. Times are simulated time since the operation began.
pub trait Progress<E = Event>: Send {
    /// Something happened.
    fn event(&mut self, event: &E, now: Duration);
    /// Time passed; called about [`Progress::interval`] apart.
    fn tick(&mut self, now: Duration);
    /// How often [`Progress::tick`] is wanted, in real time.
    fn interval(&self) -> Duration;
    /// No more events will come.
    fn finish(&mut self, now: Duration);
}

/// Shows `events` of the execution of `plan` until their sender is gone; gives back every event that a later report
/// needs: how the stacks ended.
pub async fn follow(view: &dyn View, plan: &Plan, clock: Clock, events: UnboundedReceiver<Event>) -> Vec<Event> {
    let mut endings = Vec::new();
    let keep = |event: Event| {
        if matches!(event, Event::StackFinished { .. }) {
            endings.push(event);
        }
    };
    show(view.progress(plan), clock, events, keep).await;
    endings
}

/// Shows `events` until their sender is gone; `heard` gets each of them after it was shown.
pub async fn show<E>(
    mut progress: Box<dyn Progress<E>>,
    clock: Clock,
    mut events: UnboundedReceiver<E>,
    mut heard: impl FnMut(E),
) {
    let begin = clock.elapsed();
    let since = |clock: &Clock| clock.elapsed().saturating_sub(begin);
    loop {
        let tick = progress.interval().mul_f64(clock.scale());
        match clock.timeout(tick, events.recv()).await {
            Ok(Some(event)) => {
                progress.event(&event, since(&clock));
                heard(event);
            }
            Ok(None) => break,
            Err(_) => progress.tick(since(&clock)),
        }
    }
    progress.finish(since(&clock));
}
