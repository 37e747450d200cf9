//! Patience: waiting between attempts, on top of the SDK's retries.
//!
//! The SDK retries a call a few times and draws on a token bucket for it; under sustained throttling the bucket runs dry
//! and calls fail at once. Whoever polls for an hour, or has to know how a write ended, waits here instead.

use std::time::Duration;

use super::error::AwsError;
use crate::clock::Clock;

/// The longest wait between two attempts.
pub const LONGEST: Duration = Duration::from_secs(15);

const FIRST: Duration = Duration::from_millis(250);

/// Growing waits with jitter, up to [`LONGEST`] each and a limit in all.
#[derive(Debug)]
pub struct Patience {
    clock: Clock,
    began: Duration,
    limit: Option<Duration>,
    failures: u32,
}

impl Patience {
    /// Patience that ends `limit` after now on `clock`; never, if there is none.
    pub fn new(clock: Clock, limit: Option<Duration>) -> Self {
        Self {
            clock,
            began: clock.elapsed(),
            limit,
            failures: 0,
        }
    }

    /// Forgets the failures so far: an attempt succeeded.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// How many failures there were since the last success.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Waits before the next attempt; false, without waiting, if the limit would pass meanwhile.
    pub async fn wait(&mut self) -> bool {
        let delay = self.next_delay();
        if let Some(limit) = self.limit
            && self.clock.elapsed().saturating_sub(self.began) + delay > limit
        {
            return false;
        }
        self.clock.sleep(delay).await;
        true
    }

    /// The next delay: doubles with each failure, half of it random so that many waiters spread out.
    pub fn next_delay(&mut self) -> Duration {
        let full = FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        full.mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

/// Calls until it succeeds, fails for good, or `limit` is used up; then the last error comes back.
///
/// `call` has to be repeatable: a failed attempt may have been carried out.
pub async fn patiently<T, F>(clock: Clock, limit: Duration, mut call: impl FnMut() -> F) -> Result<T, AwsError>
where
    F: Future<Output = Result<T, AwsError>>,
{
    let mut patience = Patience::new(clock, Some(limit));
    loop {
        match call().await {
            Err(error) if error.is_transient() => {
                tracing::debug!(%error, failures = patience.failures(), "trying again");
                if !patience.wait().await {
                    return Err(error);
                }
            }
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::error::Kind;

    fn throttled() -> AwsError {
        AwsError {
            service: "CloudFormation",
            operation: "DescribeStacks",
            code: Some("Throttling".into()),
            message: "Rate exceeded".into(),
            request_id: None,
            kind: Kind::Throttled,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn throttling_that_lasts_minutes_is_outlasted() {
        let clock = Clock::real();
        let mut calls = 0;
        let answer = patiently(clock, Duration::from_secs(600), || {
            calls += 1;
            let fine = clock.elapsed() > Duration::from_secs(300);
            async move { if fine { Ok(()) } else { Err(throttled()) } }
        })
        .await;
        assert_eq!(answer, Ok(()));
        assert!(calls < 60, "{calls} calls in five minutes");
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_at_its_limit_and_an_error_that_lasts_is_told_at_once() {
        let clock = Clock::real();
        let answer: Result<(), _> = patiently(clock, Duration::from_secs(30), || async { Err(throttled()) }).await;
        assert_eq!(answer, Err(throttled()));
        assert!(clock.elapsed() <= Duration::from_secs(30));

        let denied = AwsError {
            kind: Kind::Denied,
            ..throttled()
        };
        let mut calls = 0;
        let answer: Result<(), _> = patiently(clock, Duration::from_secs(30), || {
            calls += 1;
            let denied = denied.clone();
            async move { Err(denied) }
        })
        .await;
        assert_eq!((answer, calls), (Err(denied.clone()), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn delays_grow_to_fifteen_seconds_and_no_further() {
        let mut patience = Patience::new(Clock::real(), None);
        let delays: Vec<_> = (0..20).map(|_| patience.next_delay()).collect();
        assert!(delays[0] <= FIRST);
        assert!(delays.iter().all(|delay| *delay <= LONGEST));
        assert!(delays[19] >= LONGEST / 2);
    }
}
