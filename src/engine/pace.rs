//! How often CloudFormation is asked.
//!
//! Short waits while something may end soon, longer ones the longer nothing changes, so that the end of a stack is seen
//! within 3 % of the time that it took; and an allowance of calls over it all, so that a whole apply stays under one call
//! in two seconds however many stacks are in flight and however often one of them changes.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
const SLOW: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(15);
/// The share of the time since the last change that may be lost before its end is seen.
const SHARE: f64 = 0.03;
/// Looks at statuses that become allowed per second, and how many may be saved up.
const STATUSES: (f64, f64) = (0.38, 14.0);
/// The same for reading events, which only fill lines on a screen. Counted apart, or one would starve the other.
const EVENTS: (f64, f64) = (0.1, 3.0);

/// The pace of one poller. Times are since the clock's origin.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    last_change: Duration,
    step: u32,
    trouble: u32,
    statuses: f64,
    events: f64,
    counted: Duration,
}

impl Pace {
    /// A fresh pace.
    pub(super) fn new(now: Duration) -> Self {
        Self {
            last_change: now,
            step: 0,
            trouble: 0,
            statuses: STATUSES.1,
            events: EVENTS.1,
            counted: now,
        }
    }

    /// Something started or changed: look again soon.
    pub(super) fn changed(&mut self, now: Duration) {
        self.last_change = now;
        self.step = 0;
    }

    /// A poll succeeded.
    pub(super) fn answered(&mut self) {
        self.trouble = 0;
    }

    /// A poll failed: leave CloudFormation alone for longer.
    pub(super) fn failed(&mut self) {
        self.trouble = self.trouble.saturating_add(1);
    }

    /// How long to wait before the next poll; `jitter` from 0 to 1 shortens it by up to a fifth.
    pub(super) fn next(&mut self, now: Duration, jitter: f64) -> Duration {
        self.refill(now);
        let doubled = FIRST.saturating_mul(1 << self.step.min(16));
        let wanted = if doubled < SLOW {
            self.step += 1;
            doubled
        } else {
            now.saturating_sub(self.last_change).mul_f64(SHARE).clamp(SLOW, LONGEST)
        };
        let backed_off = match self.trouble {
            0 => Duration::ZERO,
            failures => Duration::from_secs(1).saturating_mul(1 << failures.min(4)).min(LONGEST),
        };
        let allowed = Duration::from_secs_f64(((1.0 - self.statuses) / STATUSES.0).max(0.0));
        wanted
            .mul_f64(1.0 - 0.2 * jitter.clamp(0.0, 1.0))
            .max(backed_off)
            .max(allowed)
    }

    /// A status was asked for.
    pub(super) fn looked(&mut self) {
        self.statuses -= 1.0;
    }

    /// Events were read. The last events of a stack are read in any case, so this may go below nothing.
    pub(super) fn read_events(&mut self) {
        self.events -= 1.0;
    }

    /// Whether there is a call to spare for events.
    pub(super) fn can_spare(&mut self, now: Duration) -> bool {
        self.refill(now);
        self.events >= 1.0
    }

    fn refill(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.counted).as_secs_f64();
        let refilled = |left: f64, (rate, saved): (f64, f64)| (left + passed * rate).min(saved);
        self.statuses = refilled(self.statuses, STATUSES);
        self.events = refilled(self.events, EVENTS);
        self.counted = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_a_twentieth_of_a_second_to_two_seconds() {
        let mut pace = Pace::new(Duration::ZERO);
        let waits: Vec<u128> = (0..7).map(|_| pace.next(Duration::ZERO, 0.0).as_millis()).collect();
        assert_eq!(waits, [50, 100, 200, 400, 800, 1600, 2000]);
    }

    #[test]
    fn the_end_of_a_long_wait_is_seen_within_three_percent_and_fifteen_seconds() {
        let mut pace = Pace::new(Duration::ZERO);
        for _ in 0..7 {
            pace.next(Duration::ZERO, 0.0);
        }
        assert_eq!(pace.next(Duration::from_secs(200), 0.0), Duration::from_secs(6));
        assert_eq!(pace.next(Duration::from_secs(3600), 0.0), Duration::from_secs(15));
    }

    #[test]
    fn constant_changes_still_leave_less_than_one_call_in_two_seconds() {
        let mut pace = Pace::new(Duration::ZERO);
        let (mut now, mut calls, mut events) = (Duration::ZERO, 0_u32, 0_u32);
        while now < Duration::from_secs(1200) {
            pace.changed(now);
            now += pace.next(now, 0.5);
            pace.looked();
            calls += 1;
            if pace.can_spare(now) {
                pace.read_events();
                events += 1;
            }
        }
        assert!(calls + events <= 600, "{calls} and {events} calls in 1200 s");
        assert!(events >= 100, "statuses leave room for events: {events}");
    }

    #[test]
    fn a_failing_service_is_asked_less_and_less() {
        let mut pace = Pace::new(Duration::ZERO);
        pace.failed();
        let first = pace.next(Duration::ZERO, 0.0);
        (0..5).for_each(|_| pace.failed());
        assert!(first >= Duration::from_secs(2) && pace.next(Duration::ZERO, 0.0) == Duration::from_secs(15));
    }
}
