//! AWS calls signed by hand, for the few services of which we need too little to carry an SDK crate each.

mod endpoint;
mod refusal;
mod sign;
mod transport;

use std::fmt::Write as _;

use serde_json::Value;

use super::{Session, xml};
use crate::error::{Error, Result};
use transport::Request;

/// The process's one HTTP client.
pub(super) fn http_client() -> aws_smithy_runtime_api::client::http::SharedHttpClient {
    transport::CLIENT.clone()
}

/// How AWS names a service: in `AWS_ENDPOINT_URL_<ID>`, and in host names and signatures.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    pub id: &'static str,
    pub name: &'static str,
}

/// A service that takes and gives JSON, its operations named in a header.
#[derive(Clone, Copy, Debug)]
pub struct JsonService {
    pub service: Service,
    pub version: &'static str,
    pub target: &'static str,
}

/// A service that takes a form and gives XML.
#[derive(Clone, Copy, Debug)]
pub struct QueryService {
    pub service: Service,
    pub version: &'static str,
}

/// A service with addresses for its things, read as XML.
#[derive(Clone, Copy, Debug)]
pub struct RestService {
    pub service: Service,
}

pub const SSM: JsonService =
    JsonService { service: Service { id: "SSM", name: "ssm" }, version: "1.1", target: "AmazonSSM" };
pub const KMS: JsonService =
    JsonService { service: Service { id: "KMS", name: "kms" }, version: "1.1", target: "TrentService" };
pub const CLOUD_CONTROL: JsonService = JsonService {
    service: Service { id: "CloudControl", name: "cloudcontrolapi" },
    version: "1.0",
    target: "CloudApiService",
};
pub const EC2: QueryService = QueryService { service: Service { id: "EC2", name: "ec2" }, version: "2016-11-15" };
pub const LOAD_BALANCING: QueryService = QueryService {
    service: Service { id: "Elastic Load Balancing v2", name: "elasticloadbalancing" },
    version: "2015-12-01",
};
pub const ROUTE_53: RestService = RestService { service: Service { id: "Route 53", name: "route53" } };

/// A call that AWS refused or that never arrived; becomes an [`Error`] with `?`.
#[derive(Debug)]
pub struct Fault {
    /// AWS's own code (`ParameterNotFound`), where AWS answered.
    pub code: Option<String>,
    pub error: Error,
}

impl Fault {
    pub fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Error {
        fault.error
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault { code: None, error }
    }
}

impl JsonService {
    /// One call. `doing` is the activity that an error names.
    pub async fn call(&self, session: &Session, action: &str, doing: &str, input: &Value) -> Result<Value, Fault> {
        let headers = vec![
            ("content-type", format!("application/x-amz-json-{}", self.version)),
            ("x-amz-target", format!("{}.{action}", self.target)),
        ];
        let request = Request { method: "POST", path: "/".to_owned(), headers, body: input.to_string() };
        let text = transport::send(session, self.service, action, doing, request).await?;
        Ok(serde_json::from_str(&text).map_err(|e| not_understood(doing, self.service, &e.to_string()))?)
    }
}

impl QueryService {
    /// One call; the answer's XML as a value, see [`xml::value`].
    pub async fn call(&self, session: &Session, action: &str, doing: &str, params: &Params) -> Result<Value, Fault> {
        let headers = vec![("content-type", "application/x-www-form-urlencoded; charset=utf-8".to_owned())];
        let mut body = format!("Action={action}&Version={}", self.version);
        for (name, value) in &params.0 {
            let _ = write!(body, "&{}={}", encoded(name), encoded(value));
        }
        let request = Request { method: "POST", path: "/".to_owned(), headers, body };
        let text = transport::send(session, self.service, action, doing, request).await?;
        Ok(xml::value(&text).map_err(|e| not_understood(doing, self.service, &e))?)
    }
}

impl RestService {
    /// Reads `path` (encoded, with its query); the answer's XML as a value, see [`xml::value`].
    pub async fn get(&self, session: &Session, action: &str, doing: &str, path: String) -> Result<Value, Fault> {
        let request = Request { method: "GET", path, headers: Vec::new(), body: String::new() };
        let text = transport::send(session, self.service, action, doing, request).await?;
        Ok(xml::value(&text).map_err(|e| not_understood(doing, self.service, &e))?)
    }
}

/// The parameters of a [`QueryService`]'s call.
#[derive(Clone, Debug, Default)]
pub struct Params(Vec<(String, String)>);

impl Params {
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) -> &mut Self {
        self.0.push((name.into(), value.into()));
        self
    }

    /// `name.1=…&name.2=…`
    pub fn list<S: Into<String>>(&mut self, name: &str, values: impl IntoIterator<Item = S>) -> &mut Self {
        for (n, value) in values.into_iter().enumerate() {
            self.set(format!("{name}.{}", n + 1), value);
        }
        self
    }

    /// EC2's `Filter.n.Name` with its values.
    pub fn filter<S: Into<String>>(&mut self, name: &str, values: impl IntoIterator<Item = S>) -> &mut Self {
        let n = 1 + self.0.iter().filter(|(k, _)| k.starts_with("Filter.") && k.ends_with(".Name")).count();
        self.set(format!("Filter.{n}.Name"), name);
        self.list(&format!("Filter.{n}.Value"), values)
    }
}

/// Everything but letters, digits and `-_.~` as `%XX`, as signatures want it.
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn not_understood(doing: &str, service: Service, why: &str) -> Error {
    Error::failed("aws.not_understood", doing, format!("the answer of {} cannot be read: {why}", service.id))
        .next("check AWS_ENDPOINT_URL and proxies: something other than AWS may have answered")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::fixture::{Fake, reply};

    #[tokio::test]
    async fn throttles_and_server_errors_are_tried_again() {
        let throttled = "<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>slow</Message></Error></Errors></Response>";
        let done = "<R><zones><item><zoneName>a</zoneName></item></zones></R>";
        let fake =
            Fake::start([reply(503, throttled), reply(500, "oops"), reply(400, throttled), reply(200, done)]).await;
        let mut params = Params::default();
        params.filter("state", ["a b", "c"]).filter("x", ["y"]);
        let answer = EC2.call(&fake.session(), "DescribeAvailabilityZones", "asking", &params).await.unwrap();
        assert_eq!(answer, json!({"zones": [{"zoneName": "a"}]}));
        let asked = fake.asked();
        assert_eq!(asked.len(), 4);
        assert!(
            asked[3].starts_with("POST / Action=DescribeAvailabilityZones&Version=2016-11-15&Filter.1.Name=state"),
            "{}",
            asked[3]
        );
        assert!(
            asked[3].ends_with("Filter.1.Value.1=a%20b&Filter.1.Value.2=c&Filter.2.Name=x&Filter.2.Value.1=y"),
            "{}",
            asked[3]
        );
    }

    #[tokio::test]
    async fn refusals_are_told_once_and_in_our_words() {
        let refused = r#"{"__type":"com.amazonaws.ssm#ParameterNotFound","Message":"no such thing"}"#;
        let fake = Fake::start([reply(400, refused)]).await;
        let fault = SSM.call(&fake.session(), "GetParameter", "reading it", &json!({"Name": "x"})).await.unwrap_err();
        assert!(fault.is("ParameterNotFound"), "{fault:?}");
        assert_eq!(fault.error.to_string(), "reading it: ParameterNotFound: no such thing");
        assert_eq!(fake.asked().len(), 1);

        let endless = Fake::start(std::iter::repeat_n(reply(503, "<html>busy</html>"), 20)).await;
        let fault = ROUTE_53.get(&endless.session(), "GetHostedZone", "looking", "/x".to_owned()).await.unwrap_err();
        assert_eq!(fault.error.class(), crate::error::Class::Transient);
        assert!(fault.error.what().contains("HTTP 503"), "{}", fault.error);
        assert_eq!(endless.asked().len(), 4, "bounded by the configured attempts");
    }

    #[tokio::test]
    async fn an_answer_of_something_else_is_said() {
        let fake = Fake::start([reply(200, "<html><br></html>")]).await;
        let fault = EC2.call(&fake.session(), "DescribeVpcs", "asking", &Params::default()).await.unwrap_err();
        assert_eq!(fault.error.code(), "aws.not_understood");
    }
}
