//! Sends until there is an answer: waits for rate limits, tries again where that is safe, and remembers ETags.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::cache::{Cache, Kept};
use super::errors::Words;
use super::limits::Limits;
use super::secrets::Secrets;
use super::wire::{Answer, Fault, GITHUB_JSON, Method, Request, Wire};
use crate::error::{Error, Result};

/// What may be done where it is not known whether a request arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Doing it twice is the same as doing it once.
    Freely,
    /// Twice would be one too many: somebody has to look first.
    Never,
}

/// How a request ended.
pub(super) enum Sent {
    Answer(Answer),
    /// Nobody knows whether it happened. Only where it may not be repeated.
    Unknown(Error),
}

/// Everything that one client sends goes through here, so that a limit holds for all of it.
pub(super) struct Line {
    wire: Wire,
    limits: Limits,
    cache: Cache,
    pub secrets: Secrets,
    /// What to look at where GitHub does not know us.
    credentials: String,
    closed: Mutex<Option<Closed>>,
}

/// Nothing is sent before this: whoever goes on against a limit is locked out for longer.
#[derive(Clone)]
struct Closed {
    open_at: Instant,
    until: String,
    message: String,
}

/// A limit is met a few times in one call at most, however short it says its waits are.
const MOST_WAITS: u32 = 30;

impl Line {
    pub(super) fn new(origin: String, limits: Limits, credentials: String) -> Self {
        Line {
            wire: Wire::new(origin, limits.clone()),
            limits,
            cache: Cache::default(),
            secrets: Secrets::default(),
            credentials,
            closed: Mutex::new(None),
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn words(&self) -> Words<'_> {
        Words { secrets: &self.secrets, origin: self.wire.origin(), credentials: &self.credentials }
    }

    /// Sends a request that may be repeated.
    pub(super) async fn ask(&self, doing: &str, request: Request) -> Result<Answer> {
        match self.send(doing, request, Repeat::Freely).await? {
            Sent::Answer(answer) => Ok(answer),
            Sent::Unknown(error) => Err(error),
        }
    }

    /// Sends a request. An answer of any status is an answer, except for limits and for 5xx.
    pub(super) async fn send(&self, doing: &str, mut request: Request, repeat: Repeat) -> Result<Sent> {
        let until = Instant::now() + self.limits.patience;
        let kept = if may_be_kept(&request) { self.cache.get(&request.path) } else { None };
        request.if_none_match = kept.as_ref().map(|k| k.etag.clone());
        let (mut tried, mut waited) = (0, 0);
        loop {
            self.wait_until_open(doing, until).await?;
            let trouble = match self.wire.exchange(&request).await {
                Err(Fault::Setup(error)) => return Err(error),
                Err(Fault::Unreachable(why)) => self.words().unreachable(doing, &why),
                Ok(answer) if answer.status >= 500 => {
                    let message = answer.message();
                    let plain = format!("GitHub answered with status {}", answer.status);
                    self.words()
                        .unreachable(doing, &if message.is_empty() { plain } else { format!("{plain}: {message}") })
                }
                Ok(answer) => match self.wait_for(&answer, waited) {
                    Some(wait) => {
                        waited += 1;
                        self.close(&answer, wait);
                        if waited > MOST_WAITS {
                            return Err(self
                                .limited(doing)
                                .unwrap_or_else(|| self.words().unreachable(doing, "limited")));
                        }
                        continue;
                    }
                    None => return Ok(Sent::Answer(self.remembered(&request, answer, kept.as_deref()))),
                },
            };
            if repeat == Repeat::Never {
                return Ok(Sent::Unknown(trouble));
            }
            tried += 1;
            if tried >= self.limits.attempts {
                return Err(trouble);
            }
            tracing::debug!(tried, "asking again: {trouble}");
            tokio::time::sleep(self.limits.pause(tried - 1)).await;
        }
    }

    /// How long a limit keeps us out; nothing where the answer is no limit.
    fn wait_for(&self, answer: &Answer, waited: u32) -> Option<Duration> {
        if !matches!(answer.status, 403 | 429) {
            return None;
        }
        if let Some(seconds) = answer.retry_after_seconds {
            return Some(Duration::from_secs(seconds));
        }
        if answer.remaining == Some(0)
            && let Some(reset) = answer.reset
        {
            // by the clock over there, so that a clock here that is wrong does no harm
            let now = answer.date.unwrap_or_else(|| Timestamp::now().as_second());
            let seconds = u64::try_from(reset.saturating_sub(now)).unwrap_or_default();
            return Some(Duration::from_secs(seconds) + Duration::from_secs(1));
        }
        let message = answer.message().to_ascii_lowercase();
        let secondary = message.contains("secondary rate limit") || message.contains("abuse detection");
        (answer.status == 429 || secondary || message.contains("rate limit exceeded"))
            .then(|| self.limits.unnamed(waited))
    }

    fn close(&self, answer: &Answer, wait: Duration) {
        let now = Timestamp::now();
        let until = Timestamp::from_second(now.as_second().saturating_add_unsigned(wait.as_secs())).unwrap_or(now);
        let closed = Closed { open_at: Instant::now() + wait, until: until.to_string(), message: answer.message() };
        tracing::info!(until = closed.until, "GitHub limits our requests");
        let mut held = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        if held.as_ref().is_none_or(|h| h.open_at < closed.open_at) {
            *held = Some(closed);
        }
    }

    fn closed(&self) -> Option<Closed> {
        let mut held = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        if held.as_ref().is_some_and(|h| h.open_at <= Instant::now()) {
            *held = None;
        }
        held.clone()
    }

    fn limited(&self, doing: &str) -> Option<Error> {
        self.closed().map(|c| self.words().rate_limited(doing, &c.until, &c.message))
    }

    async fn wait_until_open(&self, doing: &str, patience_ends: Instant) -> Result<()> {
        for _ in 0..MOST_WAITS {
            let Some(closed) = self.closed() else { return Ok(()) };
            if closed.open_at > patience_ends {
                break;
            }
            tokio::time::sleep_until(closed.open_at).await;
        }
        self.limited(doing).map_or(Ok(()), Err)
    }

    /// The answer; where nothing has changed since, that of the last time.
    fn remembered(&self, request: &Request, mut answer: Answer, kept: Option<&Kept>) -> Answer {
        if let (304, Some(kept)) = (answer.status, kept) {
            answer.status = 200;
            answer.body = kept.body.clone();
            answer.link = kept.next.clone();
        } else if let (true, 200, Some(etag)) = (may_be_kept(request), answer.status, &answer.etag) {
            let kept = Kept { etag: etag.clone(), body: answer.body.clone(), next: answer.link.clone() };
            self.cache.put(&request.path, kept);
        }
        answer
    }
}

/// Answers of GitHub's interface; not those that are tokens.
fn may_be_kept(request: &Request) -> bool {
    request.method == Method::Get && request.accept == GITHUB_JSON
}
