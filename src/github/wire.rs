//! One request and its answer, over octocrab's HTTP client (built without its retries); knows nothing of what is asked.

use std::sync::{Arc, OnceLock};

use octocrab::Octocrab;
use serde_json::Value;

use super::limits::Limits;
use crate::error::{Error, Result};

/// No answer that we ask for is larger; a proxy that sends more is not GitHub.
const MOST_BYTES: u64 = 64 << 20;

/// What GitHub's own interface answers in.
pub(super) const GITHUB_JSON: &str = "application/vnd.github+json";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Post,
    Patch,
    Delete,
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

/// Not printable: it holds a token.
pub(super) struct Request {
    pub method: Method,
    /// From the root of the host, with its query.
    pub path: String,
    pub accept: &'static str,
    pub bearer: Arc<str>,
    pub if_none_match: Option<String>,
    pub body: Option<Value>,
}

impl Request {
    pub(super) fn get(path: String, bearer: Arc<str>) -> Self {
        Request { method: Method::Get, path, accept: GITHUB_JSON, bearer, if_none_match: None, body: None }
    }
}

/// What came back, and of its headers what says something to us.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    pub status: u16,
    pub body: Arc<str>,
    pub etag: Option<String>,
    /// The address of the next page, as it was sent.
    pub link: Option<String>,
    pub retry_after_seconds: Option<u64>,
    pub remaining: Option<u64>,
    /// When the limit is reset: seconds since 1970.
    pub reset: Option<i64>,
    /// The clock over there: seconds since 1970.
    pub date: Option<i64>,
}

/// Why nothing came back.
pub(super) enum Fault {
    /// The reason, as far as it is known; whether the request arrived is not.
    Unreachable(String),
    /// Nothing was sent, and nothing will be.
    Setup(Error),
}

/// A host, and the path before every address on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Base {
    pub origin: String,
    /// `/api/v3`, or nothing.
    pub path: String,
}

impl Base {
    /// Splits `https://ghe.example.com/api/v3`; nothing where it is no such address.
    pub(super) fn parse(url: &str) -> Option<Base> {
        let (scheme, rest) = url.trim().split_once("://")?;
        let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let fine = matches!(scheme, "http" | "https")
            && !host.is_empty()
            && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._:[]".contains(c))
            && path.chars().all(|c| c.is_ascii_graphic() && !"?#".contains(c));
        fine.then(|| Base { origin: format!("{scheme}://{host}"), path: path.trim_end_matches('/').to_owned() })
    }
}

/// An address as it may be shown: without a name and password in it.
pub(super) fn without_userinfo(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://…@{host}"),
        None => format!("{url:?}"),
    }
}

/// The way to one host. The client is made with the first request, since it needs the runtime that it will run on.
pub(super) struct Wire {
    origin: String,
    limits: Limits,
    client: OnceLock<Octocrab>,
}

impl Wire {
    pub(super) fn new(origin: String, limits: Limits) -> Self {
        Wire { origin, limits, client: OnceLock::new() }
    }

    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// Sends the request once.
    pub(super) async fn exchange(&self, request: &Request) -> Result<Answer, Fault> {
        let client = self.client().map_err(Fault::Setup)?;
        match tokio::time::timeout(self.limits.answer_within, exchange(client, request)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(Trouble::Octocrab(error))) => Err(Fault::Unreachable(root_cause(&error))),
            Ok(Err(Trouble::Request(what))) => {
                Err(Fault::Setup(Error::bug("forge.request", format!("asking {}", self.origin), what)))
            }
            Ok(Err(Trouble::TooLarge)) => Err(Fault::Unreachable(format!("an answer of more than {MOST_BYTES} bytes"))),
            Err(_) => {
                Err(Fault::Unreachable(format!("no answer within {} s", self.limits.answer_within.as_secs_f32())))
            }
        }
    }

    fn client(&self) -> Result<&Octocrab> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let made = Octocrab::builder()
            .base_uri(self.origin.as_str())
            .map(|builder| {
                builder
                    .set_connect_timeout(Some(self.limits.connect_within))
                    .set_read_timeout(Some(self.limits.answer_within))
                    .set_write_timeout(Some(self.limits.answer_within))
            })
            .and_then(|builder| builder.build());
        let made = made.map_err(|e| {
            Error::failed("forge.no_client", format!("preparing to speak to {}", self.origin), root_cause(&e))
                .next("install the certificates of the system (the package ca-certificates)")
        })?;
        Ok(self.client.get_or_init(|| made))
    }
}

enum Trouble {
    Octocrab(octocrab::Error),
    Request(String),
    TooLarge,
}

impl From<octocrab::Error> for Trouble {
    fn from(error: octocrab::Error) -> Self {
        Trouble::Octocrab(error)
    }
}

async fn exchange(client: &Octocrab, request: &Request) -> Result<Answer, Trouble> {
    let told = |e: &dyn std::fmt::Display| Trouble::Request(e.to_string());
    let mut http = client.build_request(Default::default(), request.body.as_ref())?;
    *http.method_mut() = request.method.name().parse().map_err(|e| told(&e))?;
    *http.uri_mut() = request.path.parse().map_err(|e| told(&e))?;
    let headers = http.headers_mut();
    // our own header, not octocrab's authentication: that one is left off where an address has a host in it
    let bearer = format!("Bearer {}", request.bearer).parse();
    headers.insert("authorization", bearer.map_err(|_| Trouble::Request("no header may hold this token".to_owned()))?);
    if let Some(bearer) = headers.get_mut("authorization") {
        bearer.set_sensitive(true);
    }
    headers.insert("accept", request.accept.parse().map_err(|e| told(&e))?);
    if let Some(etag) = &request.if_none_match {
        headers.insert("if-none-match", etag.parse().map_err(|e| told(&e))?);
    }
    let response = client.execute(http).await?;
    let header = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    if header("content-length").and_then(|l| l.parse::<u64>().ok()).is_some_and(|length| length > MOST_BYTES) {
        return Err(Trouble::TooLarge);
    }
    let mut answer = Answer {
        status: response.status().as_u16(),
        body: Arc::from(""),
        etag: header("etag"),
        link: header("link").and_then(|l| next_of(&l)),
        retry_after_seconds: header("retry-after").and_then(|s| s.trim().parse().ok()),
        remaining: header("x-ratelimit-remaining").and_then(|s| s.trim().parse().ok()),
        reset: header("x-ratelimit-reset").and_then(|s| s.trim().parse().ok()),
        date: header("date").and_then(|d| seconds(&d)),
    };
    answer.body = client.body_to_string(response).await?.into();
    Ok(answer)
}

/// The address of the next page in a `Link` header.
fn next_of(link: &str) -> Option<String> {
    let mut rest = link;
    while let Some((_, from)) = rest.split_once('<') {
        let (address, after) = from.split_once('>')?;
        let parameters = after.split('<').next().unwrap_or_default();
        if parameters.contains("rel=\"next\"") || parameters.contains("rel=next") {
            return Some(address.to_owned());
        }
        rest = after;
    }
    None
}

fn seconds(date: &str) -> Option<i64> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok().map(|t| t.as_second())
}

/// What lies at the bottom of an error: the layers above only say that something went wrong.
fn root_cause(error: &octocrab::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    for _ in 0..16 {
        let Some(deeper) = cause.source() else { break };
        cause = deeper;
    }
    cause.to_string()
}
