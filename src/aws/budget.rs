//! One API budget per account and region, shared by all runs of the process; it slows down when CloudFormation throttles.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use crate::names::{AccountId, Region};

/// Calls that may be made at once before the rate counts.
const BURST: f64 = 80.0;
/// Calls per second while all is well. AWS does not publish its limits; people meet them at 10 to 20.
const RATE_MOST: f64 = 15.0;
/// Calls per second that are left after many throttles.
const RATE_LEAST: f64 = 0.5;

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    rate: f64,
    refilled: Instant,
    throttled: u64,
}

/// A token bucket whose rate halves at each throttle and recovers by a call a second every ten seconds.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Mutex<Bucket>>);

static BUDGETS: LazyLock<Mutex<HashMap<(AccountId, Region), Budget>>> = LazyLock::new(Mutex::default);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Budget {
    /// The process-wide budget of an account and region.
    pub fn shared(account: &AccountId, region: &Region) -> Budget {
        let key = (account.clone(), region.clone());
        lock(&BUDGETS).entry(key).or_insert_with(Budget::fresh).clone()
    }

    fn fresh() -> Budget {
        let bucket = Bucket { tokens: BURST, rate: RATE_MOST, refilled: Instant::now(), throttled: 0 };
        Budget(Arc::new(Mutex::new(bucket)))
    }

    /// Waits until one more call may be made.
    pub async fn take(&self) {
        loop {
            let wait = self.try_take(Instant::now());
            let Some(wait) = wait else { return };
            tokio::time::sleep(wait).await;
        }
    }

    /// `None`: taken; else how long until the next token.
    fn try_take(&self, now: Instant) -> Option<Duration> {
        let mut bucket = lock(&self.0);
        let elapsed_s = now.saturating_duration_since(bucket.refilled).as_secs_f64();
        bucket.refilled = now;
        bucket.rate = (bucket.rate + elapsed_s / 10.0).min(RATE_MOST);
        bucket.tokens = (bucket.tokens + elapsed_s * bucket.rate).min(BURST);
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return None;
        }
        Some(Duration::from_secs_f64((1.0 - bucket.tokens) / bucket.rate))
    }

    fn throttled(&self) {
        let mut bucket = lock(&self.0);
        bucket.throttled += 1;
        bucket.rate = (bucket.rate / 2.0).max(RATE_LEAST);
        bucket.tokens = bucket.tokens.min(1.0);
    }

    /// How many throttles this budget has seen.
    pub fn throttles(&self) -> u64 {
        lock(&self.0).throttled
    }

    /// Tells the budget of every throttled attempt, also those that the SDK retries by itself.
    pub(super) fn watcher(&self) -> Watcher {
        Watcher(self.clone())
    }
}

#[derive(Debug)]
pub(super) struct Watcher(Budget);

impl Intercept for Watcher {
    fn name(&self) -> &'static str {
        "api-budget"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if context.response().status().as_u16() >= 400 {
            let body = context.response().body().bytes().unwrap_or_default();
            let text = String::from_utf8_lossy(body.get(..body.len().min(2048)).unwrap_or_default());
            if ["<Code>Throttling", "RequestLimitExceeded", "TooManyRequests"].iter().any(|code| text.contains(code)) {
                self.0.throttled();
            }
        }
        Ok(())
    }
}

/// CloudFormation's `LimitExceededException` says that something is full. The SDK takes it for throttling, and would ask
/// again for half a minute.
#[derive(Debug)]
pub(super) struct FullIsFull;

impl ClassifyRetry for FullIsFull {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let body = context.response().and_then(|r| r.body().bytes()).unwrap_or_default();
        let text = String::from_utf8_lossy(body.get(..body.len().min(2048)).unwrap_or_default());
        if text.contains("<Code>LimitExceededException") {
            RetryAction::RetryForbidden
        } else {
            RetryAction::NoActionIndicated
        }
    }

    fn name(&self) -> &'static str {
        "full-is-full"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_then_the_rate_counts() {
        let budget = Budget::fresh();
        let now = Instant::now();
        for _ in 0..80 {
            assert!(budget.try_take(now).is_none());
        }
        assert!(budget.try_take(now).is_some());
        assert!(budget.try_take(now + Duration::from_secs(1)).is_none());
    }

    #[test]
    fn throttles_halve_the_rate_and_time_brings_it_back() {
        let budget = Budget::fresh();
        let now = Instant::now();
        for _ in 0..10 {
            budget.throttled();
        }
        assert_eq!(budget.throttles(), 10);
        assert!(budget.try_take(now).is_none());
        let wait = budget.try_take(now).unwrap();
        assert!(wait > Duration::from_secs(1), "{wait:?}");
        assert!(budget.try_take(now + Duration::from_secs(600)).is_none());
        assert!((lock(&budget.0).rate - RATE_MOST).abs() < 0.01);
    }
}
