//! How long we wait for GitHub, how often we ask again, and how fast we write.

use std::time::Duration;

/// Time limits and patience; the defaults are right for everything but tests.
#[derive(Clone, Debug)]
pub struct Limits {
    /// For the connection to stand.
    pub connect_within: Duration,
    /// For one whole answer.
    pub answer_within: Duration,
    /// How long one call waits in all for rate limits to pass.
    pub patience: Duration,
    /// The first wait where GitHub limits us and does not say for how long; doubled each time.
    pub unnamed_wait: Duration,
    /// How often a call is tried where GitHub is not reached or answers with 5xx.
    pub attempts: u32,
    /// The pause before the second try; doubled each time.
    pub first_pause: Duration,
    /// Between two requests that create something in one repository.
    pub between_creates: Duration,
    /// How many pages of 100 are read of one list.
    pub pages: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connect_within: Duration::from_secs(5),
            answer_within: Duration::from_secs(30),
            patience: Duration::from_secs(300),
            unnamed_wait: Duration::from_secs(60),
            attempts: 4,
            first_pause: Duration::from_millis(500),
            between_creates: Duration::from_secs(1),
            pages: 100,
        }
    }
}

impl Limits {
    /// The pause after the try number `tried`, which counts from 0.
    pub(super) fn pause(&self, tried: u32) -> Duration {
        doubled(self.first_pause, tried)
    }

    /// The wait for a rate limit that names no end, for the `nth` time, which counts from 0.
    pub(super) fn unnamed(&self, nth: u32) -> Duration {
        doubled(self.unnamed_wait, nth)
    }
}

fn doubled(first: Duration, times: u32) -> Duration {
    first.saturating_mul(2u32.saturating_pow(times.min(16)))
}
