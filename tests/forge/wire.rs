//! Requests and answers as they travel: paths, queries, pages, conditional requests, and errors in GitHub's shape.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{Response, request::Parts};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::state::Token;

pub type Outcome = Result<Reply, Refusal>;

/// A request, read and routed.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub method: String,
    /// As sent, without the query and without `/api/v3`.
    pub path: String,
    /// What was cut off it.
    pub prefix: String,
    pub query: BTreeMap<String, String>,
    /// As sent.
    pub query_text: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    pub json: Value,
    /// The template's parameters, decoded.
    pub params: BTreeMap<String, String>,
    pub token: Option<Token>,
}

impl Request {
    pub fn read(head: &Parts, body: Vec<u8>) -> Request {
        let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        let whole = head.uri.path();
        let path = whole.strip_prefix("/api/v3").filter(|rest| rest.starts_with('/')).unwrap_or(whole);
        let query_text = head.uri.query().unwrap_or_default().to_owned();
        Request {
            method: head.method.to_string(),
            path: path.to_owned(),
            prefix: whole[..whole.len() - path.len()].to_owned(),
            query: pairs(&query_text),
            query_text,
            headers,
            json: serde_json::from_slice(&body).unwrap_or(Value::Null),
            body,
            ..Request::default()
        }
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// A parameter of the path.
    pub fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }

    /// A number in the path; 0 is nobody's.
    pub fn number(&self, name: &str) -> u64 {
        self.param(name).parse().unwrap_or(0)
    }

    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// A text of the JSON body.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.json.get(key).and_then(Value::as_str)
    }

    pub fn owned(&self, key: &str) -> Option<String> {
        self.text(key).map(str::to_owned)
    }

    pub fn flag(&self, key: &str) -> Option<bool> {
        self.json.get(key).and_then(Value::as_bool)
    }

    /// Whoever asks; nobody where there is no token.
    pub fn login(&self) -> &str {
        self.token.as_ref().map_or("", |token| &token.login)
    }

    pub fn app(&self) -> Option<String> {
        self.token.as_ref().and_then(|token| token.app.clone())
    }

    pub fn is_write(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD")
    }
}

/// `a=1&b=2`, decoded.
pub fn pairs(text: &str) -> BTreeMap<String, String> {
    let parts = text.split('&').filter(|pair| !pair.is_empty());
    parts
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(&key.replace('+', " ")), decode(&value.replace('+', " ")))
        })
        .collect()
}

/// Percent-decoding.
pub fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let hex = (bytes[i] == b'%').then(|| text.get(i + 1..i + 3)).flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                i += 3;
            }
            None => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[derive(Clone, Debug)]
pub enum Content {
    Nothing,
    Json(Value),
    /// All items; the page is cut out later. With a key: `{"total_count": …, KEY: […]}`.
    List(Vec<Value>, Option<&'static str>),
    /// Bytes of this content type; empty: it is among the headers.
    Raw(Vec<u8>, &'static str),
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub content: Content,
}

impl Reply {
    pub fn of(status: u16, content: Content) -> Reply {
        Reply { status, headers: Vec::new(), content }
    }

    pub fn ok(value: Value) -> Reply {
        Reply::of(200, Content::Json(value))
    }

    pub fn created(value: Value) -> Reply {
        Reply::of(201, Content::Json(value))
    }

    pub fn gone() -> Reply {
        Reply::of(204, Content::Nothing)
    }

    pub fn list(items: Vec<Value>) -> Reply {
        Reply::of(200, Content::List(items, None))
    }

    pub fn list_in(key: &'static str, items: Vec<Value>) -> Reply {
        Reply::of(200, Content::List(items, Some(key)))
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Reply {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Cuts the page out of a list and links the others.
    pub fn paged(mut self, request: &Request, root: &str) -> Reply {
        let Content::List(items, key) = self.content else { return self };
        let asked = |name: &str, default: usize| request.query(name).and_then(|v| v.parse().ok()).unwrap_or(default);
        let size: usize = asked("per_page", 30).clamp(1, 100);
        let page: usize = asked("page", 1).max(1);
        let total = items.len();
        let last = total.div_ceil(size).max(1);
        let shown: Vec<Value> = items.into_iter().skip((page - 1).saturating_mul(size)).take(size).collect();
        self.content = Content::Json(match key {
            None => Value::Array(shown),
            Some(key) => json!({"total_count": total, key: shown}),
        });
        let mut rest: Vec<String> = request
            .query_text
            .split('&')
            .filter(|p| !p.is_empty() && !p.starts_with("page="))
            .map(str::to_owned)
            .collect();
        let mut link = |n: usize, rel: &str| {
            rest.push(format!("page={n}"));
            let url = format!("{root}{}{}?{}", request.prefix, request.path, rest.join("&"));
            rest.pop();
            format!("<{url}>; rel=\"{rel}\"")
        };
        let mut links = Vec::new();
        if page > 1 {
            links.push(link(page - 1, "prev"));
            links.push(link(1, "first"));
        }
        if page < last {
            links.push(link(page + 1, "next"));
            links.push(link(last, "last"));
        }
        if links.is_empty() { self } else { self.header("link", links.join(", ")) }
    }

    /// Adds the ETag; the answer becomes 304 where the client has it already.
    pub fn conditional(self, request: &Request) -> Reply {
        if request.method != "GET" || self.status != 200 {
            return self;
        }
        let digest = Sha256::digest(self.bytes());
        let etag = format!("W/\"{}\"", digest.iter().map(|b| format!("{b:02x}")).collect::<String>());
        let known = request.header("if-none-match").split(',').any(|tag| tag.trim() == etag);
        let reply = if known { Reply { status: 304, content: Content::Nothing, ..self } } else { self };
        reply.header("etag", etag).header("cache-control", "private, max-age=60, s-maxage=60")
    }

    pub fn bytes(&self) -> Vec<u8> {
        match &self.content {
            Content::Nothing => Vec::new(),
            Content::Json(value) => value.to_string().into_bytes(),
            Content::List(items, _) => Value::Array(items.clone()).to_string().into_bytes(),
            Content::Raw(bytes, _) => bytes.clone(),
        }
    }

    /// The JSON of the answer, where it has one.
    pub fn json(&self) -> Option<&Value> {
        match &self.content {
            Content::Json(value) => Some(value),
            _ => None,
        }
    }

    pub fn into_http(self) -> Response<Body> {
        let mut response = Response::builder().status(self.status).header("x-github-request-id", "FAKE:1");
        let kind = match &self.content {
            Content::Json(_) | Content::List(..) => Some("application/json; charset=utf-8"),
            Content::Raw(_, kind) => (!kind.is_empty()).then_some(*kind),
            Content::Nothing => None,
        };
        if let Some(kind) = kind {
            response = response.header("content-type", kind);
        }
        for (name, value) in &self.headers {
            response = response.header(name, value);
        }
        response.body(Body::from(self.bytes())).expect("a well-formed answer")
    }
}

/// An error answer.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub status: u16,
    pub message: String,
    pub errors: Vec<Value>,
    pub headers: Vec<(String, String)>,
}

impl Refusal {
    pub fn new(status: u16, message: impl Into<String>) -> Refusal {
        Refusal { status, message: message.into(), errors: Vec::new(), headers: Vec::new() }
    }

    pub fn not_found() -> Refusal {
        Refusal::new(404, "Not Found")
    }

    /// `422 Validation Failed`, with what is wrong about which field.
    pub fn invalid(resource: &str, field: &str, message: impl Into<String>) -> Refusal {
        let error = json!({"resource": resource, "code": "custom", "field": field, "message": message.into()});
        Refusal { errors: vec![error], ..Refusal::new(422, "Validation Failed") }
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Refusal {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn into_reply(self) -> Reply {
        let mut body = json!({"message": self.message});
        if !self.errors.is_empty() {
            body["errors"] = Value::Array(self.errors);
        }
        body["documentation_url"] = json!("https://docs.github.com/rest");
        body["status"] = json!(self.status.to_string());
        Reply { status: self.status, headers: self.headers, content: Content::Json(body) }
    }
}
