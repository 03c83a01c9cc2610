//! Requests and answers as they travel: form, JSON and XML, and which service and operation is meant.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{Response, request::Parts};
use serde_json::Value;

use super::{ACCOUNT, Place, REGION, State};

pub type Outcome = Result<Reply, Refusal>;

/// A request, read and routed.
#[derive(Debug, Default)]
pub struct Request {
    pub service: String,
    pub operation: String,
    pub account: String,
    pub region: String,
    /// ARN of who asks.
    pub identity: String,
    pub method: String,
    /// Decoded path.
    pub path: String,
    pub query: Params,
    pub headers: BTreeMap<String, String>,
    pub form: Params,
    pub json: Value,
    pub body: Vec<u8>,
}

impl Request {
    pub fn place(&self) -> Place {
        Place::new(&self.account, &self.region)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The JSON body's string at `key`.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.json.get(key).and_then(Value::as_str)
    }

    /// What a test may look at or match on: form, JSON texts, bucket and key, function name.
    pub fn params(&self) -> BTreeMap<String, String> {
        let mut params = self.form.0.clone();
        if let Some(object) = self.json.as_object() {
            for (key, value) in object {
                params.insert(key.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            }
        }
        match self.service.as_str() {
            "s3" => {
                let (bucket, key) = super::s3::bucket_and_key(self);
                params.insert("Bucket".to_owned(), bucket);
                params.insert("Key".to_owned(), key);
                for (name, header) in [("IfMatch", "if-match"), ("IfNoneMatch", "if-none-match")] {
                    if let Some(value) = self.header(header) {
                        params.insert(name.to_owned(), value.to_owned());
                    }
                }
                params.extend(self.query.0.iter().map(|(k, v)| (k.clone(), v.clone())));
            }
            "lambda" => {
                params.insert("FunctionName".to_owned(), super::lambda::function_name(&self.path));
                params.remove("ZipFile");
            }
            _ => {}
        }
        params.remove("TemplateBody");
        params
    }
}

/// Query or form parameters.
#[derive(Clone, Debug, Default)]
pub struct Params(pub BTreeMap<String, String>);

impl Params {
    pub fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        Params(
            pairs
                .map(|pair| {
                    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(&key.replace('+', " ")), decode(&value.replace('+', " ")))
                })
                .collect(),
        )
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    pub fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    pub fn flag(&self, key: &str) -> bool {
        self.get(key) == Some("true")
    }

    pub fn owned(&self, key: &str) -> Option<String> {
        self.0.get(key).cloned()
    }

    /// `Key.member.1`, `Key.member.2`, …
    pub fn list(&self, key: &str) -> Vec<String> {
        (1..).map_while(|n| self.owned(&format!("{key}.member.{n}"))).collect()
    }

    /// `Key.member.1.Field`, …
    pub fn structs(&self, key: &str) -> Vec<BTreeMap<String, String>> {
        (1..)
            .map_while(|n| {
                let prefix = format!("{key}.member.{n}.");
                let fields: BTreeMap<_, _> = self
                    .0
                    .iter()
                    .filter_map(|(k, v)| k.strip_prefix(&prefix).map(|field| (field.to_owned(), v.clone())))
                    .collect();
                (!fields.is_empty()).then_some(fields)
            })
            .collect()
    }
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

/// Reads a request: who asks (by access key), which service, which operation.
pub fn read(state: &State, head: &Parts, body: Vec<u8>) -> Request {
    let headers: BTreeMap<String, String> = head
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let content_type = headers.get("content-type").cloned().unwrap_or_default();
    let form = content_type.starts_with("application/x-www-form-urlencoded");
    let form = if form { Params::parse(&String::from_utf8_lossy(&body)) } else { Params::default() };
    let query = Params::parse(head.uri.query().unwrap_or_default());
    let (key, region, signed_for) = credential(headers.get("authorization").map_or("", String::as_str));
    let (account, identity) = state.sts.who(&key);
    let mut request = Request {
        account,
        identity,
        region,
        method: head.method.to_string(),
        path: decode(head.uri.path()),
        query,
        json: serde_json::from_slice(&body).unwrap_or(Value::Null),
        form,
        headers,
        body,
        ..Request::default()
    };
    (request.service, request.operation) = route(&request, &signed_for);
    request
}

/// Access key, region and service from `AWS4-HMAC-SHA256 Credential=KEY/20260101/REGION/SERVICE/aws4_request, …`.
fn credential(authorization: &str) -> (String, String, String) {
    let scope = authorization.split("Credential=").nth(1).and_then(|rest| rest.split(',').next()).unwrap_or_default();
    let parts: Vec<&str> = scope.split('/').collect();
    let part = |n: usize, default: &str| parts.get(n).map_or(default, |p| p).to_owned();
    (part(0, ACCOUNT), part(2, REGION), part(3, ""))
}

fn route(request: &Request, signed_for: &str) -> (String, String) {
    if let Some(target) = request.header("x-amz-target") {
        let (service, operation) = target.split_once('.').unwrap_or((target, ""));
        let service = if service == "AmazonSSM" { "ssm" } else { service };
        return (service.to_owned(), operation.to_owned());
    }
    if let Some(action) = request.form.get("Action") {
        let sts = action.starts_with("AssumeRole") || action == "GetCallerIdentity";
        let service = if !signed_for.is_empty() {
            signed_for
        } else if sts {
            "sts"
        } else {
            "cloudformation"
        };
        return (service.to_owned(), action.to_owned());
    }
    if signed_for == "lambda" || request.path.starts_with("/2015-03-31/functions") {
        return ("lambda".to_owned(), super::lambda::operation(request));
    }
    ("s3".to_owned(), super::s3::operation(request).to_owned())
}

/// An answer.
#[derive(Debug, Default)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn empty(status: u16) -> Self {
        Reply { status, ..Reply::default() }
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn json(value: &Value) -> Self {
        Reply { status: 200, body: value.to_string().into_bytes(), ..Reply::default() }
            .header("content-type", "application/json")
    }

    pub fn xml(text: String) -> Self {
        Reply { status: 200, body: text.into_bytes(), ..Reply::default() }.header("content-type", "text/xml")
    }

    /// The answer of the query protocol: `<XResponse><XResult>…`.
    pub fn query(request: &Request, result: &Value) -> Self {
        let name = &request.operation;
        let inner = xml(result, Lists::Members);
        Reply::xml(format!(
            "<{name}Response><{name}Result>{inner}</{name}Result><ResponseMetadata><RequestId>fake</RequestId></ResponseMetadata></{name}Response>"
        ))
    }

    pub fn into_http(self) -> Response<Body> {
        let mut response = Response::builder().status(self.status).header("x-amzn-requestid", "fake");
        for (name, value) in &self.headers {
            response = response.header(name, value);
        }
        response.body(Body::from(self.body)).expect("a well-formed answer")
    }
}

/// How lists are written in XML.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Lists {
    /// `<Key><member>…</member></Key>`
    Members,
    /// `<Key>…</Key><Key>…</Key>`
    Repeated,
}

/// JSON as XML: keys are elements, nulls are left out.
pub fn xml(value: &Value, lists: Lists) -> String {
    match value {
        Value::Null => String::new(),
        Value::Object(fields) => fields.iter().map(|(key, value)| element(key, value, lists)).collect(),
        Value::Array(items) => items.iter().map(|item| element("member", item, lists)).collect(),
        Value::String(text) => escape(text),
        other => other.to_string(),
    }
}

fn element(key: &str, value: &Value, lists: Lists) -> String {
    match value {
        Value::Null => String::new(),
        Value::Array(items) if lists == Lists::Repeated => items.iter().map(|item| element(key, item, lists)).collect(),
        value => format!("<{key}>{}</{key}>", xml(value, lists)),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// An error answer.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub status: u16,
    pub code: String,
    pub message: String,
}

impl Refusal {
    pub fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Refusal { status, code: code.into(), message: message.into() }
    }

    /// CloudFormation's most common one.
    pub fn validation(message: impl Into<String>) -> Self {
        Refusal::new(400, "ValidationError", message)
    }
}

/// Writes an error in the way of the request's service.
pub fn refuse(request: &Request, refusal: &Refusal) -> Reply {
    let (code, message) = (&refusal.code, escape(&refusal.message));
    let mut reply = match request.service.as_str() {
        "ssm" => Reply::json(&serde_json::json!({"__type": code, "message": refusal.message})),
        "lambda" => {
            Reply::json(&serde_json::json!({"Type": "User", "Message": refusal.message, "message": refusal.message}))
                .header("x-amzn-errortype", code.as_str())
        }
        "s3" if request.method == "HEAD" => Reply::empty(refusal.status),
        "s3" => Reply::xml(format!(
            "<Error><Code>{code}</Code><Message>{message}</Message><RequestId>fake</RequestId></Error>"
        )),
        _ => Reply::xml(format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>fake</RequestId></ErrorResponse>"
        )),
    };
    reply.status = refusal.status;
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_and_answers_written() {
        let form = Params::parse("Action=A&Tags.member.1.Key=a+b&Tags.member.1.Value=%C3%A9&C.member.1=x&C.member.2=y");
        assert_eq!(form.list("C"), ["x", "y"]);
        assert_eq!(form.structs("Tags")[0]["Value"], "é");
        let value = serde_json::json!({"A": [1, "<"], "B": null});
        assert_eq!(xml(&value, Lists::Members), "<A><member>1</member><member>&lt;</member></A>");
        assert_eq!(xml(&value, Lists::Repeated), "<A>1</A><A>&lt;</A>");
    }
}
