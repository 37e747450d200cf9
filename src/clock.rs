//! The one place that reads the clock.
//!
//! Everything that waits or measures asks a [`Clock`], so that the sandbox can run time faster and tests can pause it.

use std::time::Duration;

/// Time as the rest of the program sees it: `scale` simulated seconds pass in one real second.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: tokio::time::Instant,
    wall_origin: jiff::Timestamp,
    scale: f64,
}

impl Clock {
    /// Real time; under tokio's paused clock, paused time.
    pub fn real() -> Self {
        Self::scaled(1.0)
    }

    /// Time that runs `scale` times as fast as real time; `scale` must be positive and finite, anything else counts as 1.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock and waits")]
    pub fn scaled(scale: f64) -> Self {
        let scale = if scale.is_finite() && scale > 0.0 { scale } else { 1.0 };
        Self {
            origin: tokio::time::Instant::now(),
            wall_origin: jiff::Timestamp::now(),
            scale,
        }
    }

    /// How fast this clock runs against real time.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Monotonic time since this clock was made, in simulated time.
    pub fn elapsed(&self) -> Duration {
        self.origin.elapsed().mul_f64(self.scale)
    }

    /// The wall clock, for records and messages only: never to judge a lease.
    pub fn wall(&self) -> jiff::Timestamp {
        self.wall_origin + self.origin.elapsed()
    }

    /// Today's date in UTC, so that everybody who looks at the same time sees the same one.
    pub fn today(&self) -> jiff::civil::Date {
        self.wall().to_zoned(jiff::tz::TimeZone::UTC).date()
    }

    /// Waits for `simulated` time.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock and waits")]
    pub async fn sleep(&self, simulated: Duration) {
        tokio::time::sleep(simulated.div_f64(self.scale)).await;
    }

    /// Runs `future` for at most `simulated` time.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock and waits")]
    pub async fn timeout<F: Future>(&self, simulated: Duration, future: F) -> Result<F::Output, TimedOut> {
        tokio::time::timeout(simulated.div_f64(self.scale), future)
            .await
            .map_err(|_| TimedOut(simulated))
    }
}

/// A deadline passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no answer within {} s", .0.as_secs())]
pub struct TimedOut(pub Duration);
