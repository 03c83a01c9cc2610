//! A server on this machine that answers as a test's script says and writes down what it was asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Request, Response, Uri};
use serde_json::Value;

use super::{Auth, Door, GitHub, Limits};
use crate::forge::RepoName;

pub const TOKEN: &str = "hunter2-secret";

/// One request that came in.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `GET /repos/acme/notes/pulls/1`
    pub line: String,
    pub bearer: String,
    pub headers: HeaderMap,
    pub body: Value,
    /// How often the same line was asked for before.
    pub nth: usize,
}

/// What is answered.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    hangs: bool,
}

pub fn reply(status: u16, body: impl ToString) -> Reply {
    Reply { status, body: body.to_string(), ..Reply::default() }
}

/// An answer that never comes.
pub fn hang() -> Reply {
    Reply { hangs: true, ..Reply::default() }
}

impl Reply {
    pub fn with(mut self, name: &str, value: impl ToString) -> Reply {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }
}

type Script = Arc<dyn Fn(&Seen) -> Reply + Send + Sync>;

#[derive(Clone)]
pub struct Fake {
    pub url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    counts: Arc<Mutex<HashMap<String, usize>>>,
    script: Script,
}

impl Fake {
    pub async fn start(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Fake {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let fake = Fake { url, seen: Arc::default(), counts: Arc::default(), script: Arc::new(script) };
        let app = axum::Router::new().fallback(answer).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        fake
    }

    pub fn connect(&self) -> GitHub {
        self.connect_as(Auth::Token(TOKEN.to_owned()), limits())
    }

    pub fn connect_as(&self, auth: Auth, limits: Limits) -> GitHub {
        let door = Door { api_url: self.url.clone(), auth };
        GitHub::connect_within(door, RepoName::parse("acme/notes").unwrap(), limits).unwrap()
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The requests, one on a line, without what is the same in all of them.
    pub fn log(&self) -> String {
        let lines: Vec<String> = self.seen().iter().map(|s| s.line.replace("/repos/acme/notes", "~")).collect();
        lines.join("\n")
    }

    pub fn writes(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(|s| !s.line.starts_with("GET ")).collect()
    }
}

/// As fast as may be, and with little patience.
pub fn limits() -> Limits {
    Limits {
        patience: Duration::from_secs(3),
        unnamed_wait: Duration::from_millis(5),
        attempts: 3,
        first_pause: Duration::from_millis(2),
        between_creates: Duration::ZERO,
        ..Limits::default()
    }
}

async fn answer(State(fake): State<Fake>, method: Method, uri: Uri, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let bytes: Bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let line = format!("{method} {}", uri.path_and_query().unwrap());
    let nth = {
        let mut counts = fake.counts.lock().unwrap();
        let count = counts.entry(line.clone()).or_default();
        *count += 1;
        *count - 1
    };
    let header = |name: &str| parts.headers.get(name).map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default();
    let seen = Seen {
        line,
        bearer: header("authorization").trim_start_matches("Bearer ").to_owned(),
        body: serde_json::from_slice(&bytes).unwrap_or_default(),
        headers: parts.headers.clone(),
        nth,
    };
    fake.seen.lock().unwrap().push(seen.clone());
    let reply = (fake.script)(&seen);
    if reply.hangs {
        std::future::pending::<()>().await;
    }
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(reply.body)).unwrap()
}
