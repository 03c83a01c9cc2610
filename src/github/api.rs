//! GitHub's interface for one repository: asks, lists and writes as whom we are, also where the repository was renamed.

use std::sync::{Arc, PoisonError, RwLock};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::auth::Identity;
use super::errors::Ask;
use super::limits::Limits;
use super::line::{Line, Repeat, Sent};
use super::models::Repository;
use super::pace::Pacer;
use super::wire::{Answer, Base, GITHUB_JSON, Method, Request};
use crate::error::{Error, Result};
use crate::forge::RepoName;

/// Where something is.
#[derive(Clone, Debug)]
pub(super) enum At {
    /// In the repository: `/pulls/5`.
    Repo(String),
    /// Anywhere else: `/user`.
    Root(String),
    /// As GitHub gave it: the next page.
    Given(String),
}

impl At {
    pub(super) fn repo(path: impl Into<String>) -> Self {
        At::Repo(path.into())
    }
}

pub(super) struct Api {
    base: Base,
    line: Line,
    identity: Identity,
    /// The repository's name as far as we know.
    repo: RwLock<RepoName>,
    pacer: Pacer,
}

impl Api {
    pub(super) fn new(base: Base, identity: Identity, repo: RepoName, limits: Limits) -> Self {
        let pacer = Pacer::new(limits.between_creates);
        let line = Line::new(base.origin.clone(), limits, identity.advice().to_owned());
        Api { base, line, identity, repo: RwLock::new(repo), pacer }
    }

    pub(super) fn name(&self) -> RepoName {
        self.repo.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) async fn token(&self) -> Result<Arc<str>> {
        self.identity.current(&self.line, &self.base, &self.name()).await
    }

    fn path(&self, at: &At) -> String {
        let base = &self.base.path;
        match at {
            At::Repo(path) => format!("{base}/repos/{}{path}", self.name()),
            At::Root(path) => format!("{base}{path}"),
            At::Given(address) => {
                // only its path counts: it is asked of the same host, with the same token, whatever host it names
                let path = address.split_once("://").map_or(address.as_str(), |(_, rest)| {
                    rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or("/")
                });
                if base.is_empty() || path.starts_with(&format!("{base}/")) {
                    path.to_owned()
                } else {
                    format!("{base}{path}")
                }
            }
        }
    }

    /// Sends as whom we are; where the App's token is not accepted, once more with a new one.
    async fn send(&self, ask: &Ask, method: Method, at: &At, body: Option<&Value>, repeat: Repeat) -> Result<Sent> {
        let mut renewed = false;
        loop {
            let token = self.token().await?;
            let request = Request {
                method,
                path: self.path(at),
                accept: GITHUB_JSON,
                bearer: token.clone(),
                if_none_match: None,
                body: body.cloned(),
            };
            match self.line.send(&ask.doing, request, repeat).await? {
                Sent::Answer(answer)
                    if answer.status == 401 && !renewed && self.identity.renews_after(&token).await =>
                {
                    renewed = true;
                }
                sent => return Ok(sent),
            }
        }
    }

    /// Asks; an answer of any status below 500 is an answer.
    pub(super) async fn get(&self, ask: &Ask, at: &At) -> Result<Answer> {
        match self.send(ask, Method::Get, at, None, Repeat::Freely).await? {
            Sent::Answer(answer) => Ok(answer),
            Sent::Unknown(error) => Err(error),
        }
    }

    pub(super) fn parse<T: DeserializeOwned>(&self, ask: &Ask, answer: &Answer) -> Result<T> {
        self.line.words().read(ask, answer)
    }

    pub(super) fn refused(&self, ask: &Ask, answer: &Answer) -> Error {
        self.line.words().refused(ask, answer)
    }

    pub(super) fn malformed(&self, ask: &Ask, why: &str) -> Error {
        self.line.words().malformed(ask, why)
    }

    pub(super) async fn read<T: DeserializeOwned>(&self, ask: &Ask, at: &At) -> Result<T> {
        let answer = self.get(ask, at).await?;
        self.parse(ask, &answer)
    }

    /// Nothing where there is none; an error where it is the repository that is not there.
    pub(super) async fn find(&self, ask: &Ask, at: &At) -> Result<Option<Answer>> {
        let answer = self.get(ask, at).await?;
        match answer.status {
            404 => self.repository().await.map(|_| None),
            _ if answer.is_fine() => Ok(Some(answer)),
            _ => Err(self.refused(ask, &answer)),
        }
    }

    /// The pages of a list, as many as the limits allow; `at` asks for 100 a page.
    pub(super) async fn pages<T: DeserializeOwned>(&self, ask: &Ask, at: At) -> Result<Vec<T>> {
        let mut at = at;
        let mut pages = Vec::new();
        for _ in 0..self.line.limits().pages.max(1) {
            let answer = self.get(ask, &at).await?;
            pages.push(self.parse(ask, &answer)?);
            match answer.link {
                Some(next) => at = At::Given(next),
                None => return Ok(pages),
            }
        }
        tracing::warn!("{}: only the first {} pages of the list were read", ask.doing, pages.len());
        Ok(pages)
    }

    pub(super) async fn list<T: DeserializeOwned>(&self, ask: &Ask, at: At) -> Result<Vec<T>> {
        let pages: Vec<Vec<T>> = self.pages(ask, at).await?;
        Ok(pages.into_iter().flatten().collect())
    }

    /// The repository as it is now; its name is used from here on.
    pub(super) async fn repository(&self) -> Result<Repository> {
        let name = self.name();
        let ask = Ask::new(format!("reading the repository {name}"), "contents: read");
        let repository: Repository = self.read(&ask, &At::repo("")).await?;
        let now = RepoName::parse(&repository.full_name)
            .ok_or_else(|| self.malformed(&ask, "full_name is not owner/name"))?;
        if now != name {
            tracing::info!(from = %name, to = %now, "the repository has another name now");
            *self.repo.write().unwrap_or_else(PoisonError::into_inner) = now;
        }
        Ok(repository)
    }

    /// Changes or deletes something; doing it twice is the same as doing it once.
    pub(super) async fn change(&self, ask: &Ask, method: Method, at: &At, body: Option<&Value>) -> Result<Answer> {
        match self.write(ask, method, at, body, Repeat::Freely).await? {
            Sent::Answer(answer) => Ok(answer),
            Sent::Unknown(error) => Err(error),
        }
    }

    /// Writes at our pace; where the repository has another name by now, once more under that one.
    pub(super) async fn write(
        &self,
        ask: &Ask,
        method: Method,
        at: &At,
        body: Option<&Value>,
        repeat: Repeat,
    ) -> Result<Sent> {
        if method == Method::Post {
            self.pacer.turn().await;
        }
        let asked = self.name();
        let sent = self.send(ask, method, at, body, repeat).await?;
        match &sent {
            Sent::Answer(answer) if may_have_moved(method, answer) => {}
            _ => return Ok(sent),
        }
        // an error here says more than the answer: the repository itself is gone
        self.repository().await?;
        if self.name() == asked { Ok(sent) } else { self.send(ask, method, at, body, repeat).await }
    }

    /// Creates something once, also where GitHub breaks off: then `look` says whether it is there by now.
    pub(super) async fn create<T, F, L>(&self, ask: &Ask, at: &At, body: &Value, look: F) -> Result<Created<T>>
    where
        // not AsyncFn: its futures cannot be told to be Send
        F: Fn() -> L,
        L: Future<Output = Result<Option<T>>>,
    {
        let limits = self.line.limits();
        let mut tried = 0;
        loop {
            let error = match self.write(ask, Method::Post, at, Some(body), Repeat::Never).await? {
                Sent::Answer(answer) => return Ok(Created::Answer(answer)),
                Sent::Unknown(error) => error,
            };
            tracing::debug!(tried, "looking whether it happened: {error}");
            // twice, since what was created may take a moment to be seen
            for nth in 0..2 {
                tokio::time::sleep(limits.pause(tried + nth)).await;
                if let Some(found) = look().await? {
                    return Ok(Created::Before(found));
                }
            }
            tried += 1;
            if tried >= limits.attempts {
                return Err(error);
            }
        }
    }

    /// A pause after an answer that did not come, before looking what happened.
    pub(super) async fn rest(&self) {
        tokio::time::sleep(self.line.limits().pause(0)).await;
    }

    /// Ourselves as the App says it; nothing where we are no App.
    pub(super) async fn app<T: DeserializeOwned>(&self, ask: &Ask) -> Result<Option<T>> {
        let Some(signed) = self.identity.as_app() else { return Ok(None) };
        let answer = self.line.ask(&ask.doing, Request::get(self.path(&At::Root("/app".to_owned())), signed?)).await?;
        self.parse(ask, &answer).map(Some)
    }
}

/// What a creation gave.
pub(super) enum Created<T> {
    /// Of whatever status below 500.
    Answer(Answer),
    /// It had happened although no answer came.
    Before(T),
}

/// Redirects are followed for reading. For writing they are not, or wrongly: a POST that is redirected arrives as a GET,
/// which answers with a list, or with 404.
fn may_have_moved(method: Method, answer: &Answer) -> bool {
    match answer.status {
        300..400 | 404 => true,
        200 => method == Method::Post && answer.body.trim_start().starts_with('['),
        _ => false,
    }
}
