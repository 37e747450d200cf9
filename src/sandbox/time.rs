//! Simulated time: it goes on while no process runs, `scale` times as fast as the wall clock.

use serde::{Deserialize, Serialize};

use crate::clock::Clock;

/// A simulated moment and the moment of the wall clock at which it was. Both in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fix {
    simulated: i64,
    wall: i64,
}

impl Fix {
    /// A sandbox begins at the time that the clock shows.
    pub(crate) fn begin(clock: &Clock) -> Self {
        let wall = wall(clock);
        Self { simulated: wall, wall }
    }

    /// Moves on to now. A wall clock that was set back does not turn simulated time back.
    #[must_use]
    pub(crate) fn now(self, clock: &Clock) -> Self {
        let wall = wall(clock);
        let passed = wall.saturating_sub(self.wall).max(0);
        Self {
            simulated: self.simulated.saturating_add(scaled(passed, clock.scale())),
            wall: wall.max(self.wall),
        }
    }

    /// The simulated moment in milliseconds since 1970.
    pub(crate) fn millis(self) -> i64 {
        self.simulated.div_euclid(1_000_000)
    }
}

fn wall(clock: &Clock) -> i64 {
    i64::try_from(clock.wall().as_nanosecond()).unwrap_or(i64::MAX)
}

fn scaled(nanoseconds: i64, scale: f64) -> i64 {
    let passed = std::time::Duration::from_nanos(nanoseconds.unsigned_abs());
    let simulated =
        std::time::Duration::try_from_secs_f64(passed.as_secs_f64() * scale).unwrap_or(std::time::Duration::MAX);
    if (scale - 1.0).abs() < f64::EPSILON {
        return nanoseconds;
    }
    i64::try_from(simulated.as_nanos()).unwrap_or(i64::MAX)
}
