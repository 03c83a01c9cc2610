//! The OIDC token of a GitHub Actions job, with which AWS roles are assumed without any key.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::Deserialize;

use super::limits::Limits;
use super::line::Line;
use super::text::escape;
use super::wire::{Base, Method, Request};
use crate::error::{Error, Result};

const DOING: &str = "asking GitHub Actions for an OIDC token";
const GRANT: &str = "add `permissions: id-token: write` to the job in the workflow";

#[derive(Deserialize)]
struct Token {
    value: String,
}

/// Fetches a token from `ACTIONS_ID_TOKEN_REQUEST_URL` with `ACTIONS_ID_TOKEN_REQUEST_TOKEN`, for `audience`.
pub fn fetcher(
    url: String,
    bearer: String,
    audience: String,
) -> Arc<dyn Fn() -> BoxFuture<'static, Result<String>> + Send + Sync> {
    fetcher_within(url, bearer, audience, Limits::default())
}

/// The same with other limits of time and patience.
pub fn fetcher_within(
    url: String,
    bearer: String,
    audience: String,
    limits: Limits,
) -> Arc<dyn Fn() -> BoxFuture<'static, Result<String>> + Send + Sync> {
    let source = Arc::new(Source::new(&url, &bearer, &audience, limits));
    Arc::new(move || {
        let source = source.clone();
        Box::pin(async move { source.fetch().await })
    })
}

/// Where the tokens come from; nothing where the job has no right to any.
struct Source(Option<Open>);

struct Open {
    line: Line,
    path: String,
    bearer: Arc<str>,
}

impl Source {
    fn new(url: &str, bearer: &str, audience: &str, limits: Limits) -> Source {
        let (address, query) = url.trim().split_once('?').unwrap_or((url.trim(), ""));
        let Some(base) = Base::parse(address).filter(|_| !bearer.trim().is_empty()) else { return Source(None) };
        let query = if query.is_empty() { String::new() } else { format!("{query}&") };
        let line = Line::new(base.origin, limits, GRANT.to_owned());
        line.secrets.keep(bearer.trim());
        let path = if base.path.is_empty() { "/" } else { &base.path };
        Source(Some(Open {
            line,
            path: format!("{path}?{query}audience={}", escape(audience)),
            bearer: bearer.trim().into(),
        }))
    }

    async fn fetch(&self) -> Result<String> {
        let Some(open) = &self.0 else {
            return Err(Error::failed("oidc.not_granted", DOING, "this job may not have one").next(GRANT));
        };
        let request = Request {
            method: Method::Get,
            path: open.path.clone(),
            accept: "application/json",
            bearer: open.bearer.clone(),
            if_none_match: None,
            body: None,
        };
        let answer = open.line.ask(DOING, request).await?;
        if !answer.is_fine() {
            let message = open.line.secrets.clean(&answer.message());
            let what = format!("it was refused with status {}", answer.status);
            let what = if message.is_empty() { what } else { format!("{what}: {message}") };
            return Err(Error::failed("oidc.refused", DOING, what).next(GRANT));
        }
        // the answer is a secret as a whole: nothing of it is repeated
        let token = serde_json::from_str::<Token>(&answer.body).ok().map(|token| token.value);
        match token.filter(|t| t.split('.').count() == 3 && t.chars().all(|c| c.is_ascii_graphic())) {
            Some(token) => Ok(token),
            None => {
                Err(Error::failed("oidc.malformed", DOING, "the answer holds no JSON web token in `value`").next(GRANT))
            }
        }
    }
}
